/**
 * The page of models: how far a training is, without a reload.
 *
 * #models                           what is drawn anew from the page when a model's status changes
 * data-model="URL", data-status     in it: a model that waits or is trained, where the API tells of it, and its status as drawn
 * data-step, data-bar, data-share   inside that: what is done now, the <progress>, and the text "41 %"
 * data-announce                     outside of #models, for screen readers: a model whose status has changed
 *
 * @typedef {{ id: number, status: string, step: string, share: number }} Model
 */
import { findAllIn, findIn } from "./find.js";
import { percent } from "./format.js";
import { sayTimes } from "./times.js";

const POLL_MS = 1000;

/** @param {HTMLElement} element */
async function watch(element) {
  /** @type {Model} */
  let model;
  try {
    const response = await fetch(element.dataset.model ?? "", { headers: { Accept: "application/json" } });
    if (!response.ok) return;
    model = await response.json();
  } catch {
    return; // the server is restarting, or the line is down: the next second asks again
  }
  if (model.status !== element.dataset.status) {
    await redraw();
    findIn(document, "[data-announce]").textContent = `Model ${model.id} is ${model.status}.`;
    return;
  }
  if (model.status !== "running" || model.step === "") return;
  findIn(element, "[data-step]").textContent = model.step;
  if (model.share === 0) return;
  const bar = /** @type {HTMLProgressElement} */ (findIn(element, "[data-bar]"));
  bar.value = model.share;
  findIn(element, "[data-share]").textContent = percent(model.share, 0);
}

async function redraw() {
  let page;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!response.ok) return;
    page = new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return;
  }
  const old = findIn(document, "#models");
  const fresh = document.importNode(findIn(page, "#models"), true);
  const focused = old.contains(document.activeElement) ? document.activeElement?.id : null;
  old.replaceWith(fresh);
  sayTimes();
  // The button under the focus may be gone: then the list has it, and Tab goes on from here.
  if (typeof focused === "string") (document.getElementById(focused) ?? fresh).focus();
}

async function poll() {
  if (!document.hidden) {
    for (const element of findAllIn(document, "[data-model]")) if (element.isConnected) await watch(element);
  }
  setTimeout(poll, POLL_MS);
}

setTimeout(poll, POLL_MS);
