/**
 * The page of a pool's settings: how far labels have followed a merge, without a reload; and a question before what was
 * typed into one form is lost because another one is sent. All else are plain forms.
 *
 * data-settings="URL"     where the API tells of the merges
 * data-open="ID"          a merge that labels follow; in it data-bar, a <progress>, and data-changed, the number of labels
 * data-announce           for screen readers: that it is done
 *
 * @typedef {{ merge_id: number, n_changed: number, n_wanted: number, done_at: string | null }} Merge
 */
import { findAllIn, findIn } from "./find.js";
import { count } from "./format.js";

const POLL_MS = 1000;
const url = findIn(document, "[data-settings]").dataset.settings ?? "";

async function poll() {
  const open = Array.from(findAllIn(document, "[data-open]"));
  if (open.length === 0) return;
  for (const merge of await read()) {
    const element = open.find(({ dataset }) => dataset.open === String(merge.merge_id));
    if (element) draw(element, merge);
  }
  setTimeout(poll, POLL_MS);
}

/** @returns {Promise<Merge[]>} */
async function read() {
  try {
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : [];
  } catch {
    return []; // the server is restarting, or the line is down: the next second asks again
  }
}

/**
 * @param {HTMLElement} element
 * @param {Merge} merge
 */
function draw(element, merge) {
  const bar = /** @type {HTMLProgressElement} */ (findIn(element, "[data-bar]"));
  bar.value = merge.n_changed;
  findIn(element, "[data-changed]").textContent = count(merge.n_changed);
  if (merge.done_at === null) return;
  bar.remove();
  delete element.dataset.open;
  findIn(document, "[data-announce]").textContent = "All labels have followed.";
}

function guardForms() {
  /** @type {HTMLFormElement | null} */
  let sent = null;
  document.addEventListener("submit", ({ target }) => (sent = /** @type {HTMLFormElement} */ (target)));
  addEventListener("beforeunload", (event) => {
    if (Array.from(document.forms).some((form) => form !== sent && isChanged(form))) event.preventDefault();
    sent = null;
  });
}

/** @param {HTMLFormElement} form */
function isChanged(form) {
  return Array.from(form.elements).some((field) => {
    if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue;
    return field instanceof HTMLInputElement && field.type !== "hidden" && field.value !== field.defaultValue;
  });
}

guardForms();
poll();
