/**
 * The oracle pages: a run's progress without a reload, and its charts.
 *
 * data-region          an element with an id that is drawn anew from the page when a run in it changes
 * data-run="URL"       inside a region: a run under way, and where the API tells how far it is
 * data-state="..."     on the same element: status and experiment as drawn; a change draws the region anew
 * data-bar, data-count inside it: the <progress> and the text "3 of 40" that move in between,
 * data-preparation     and what is done before the first answer
 * data-announce        outside all regions, for screen readers: the page's title when it changes
 * data-chart="URL"     an empty element that Bokeh fills; in the same <figure> data-legend, an empty list,
 *                      and data-chart-error, shown if it could not be drawn
 * data-compare         the form of the boxes that choose runs: its button says how many, and needs 2 to data-most
 *
 * @typedef {{ label: string, colour: string, mark: string }} LegendEntry
 * @typedef {{ status: string, progress: { experiment: string | null, done: number, total: number, preparation: string | null } }} Run
 */
import { findAllIn, findAround, findIn } from "./find.js";
import { sayTimes } from "./times.js";

const POLL_MS = 1000;
const dark = matchMedia("(prefers-color-scheme: dark)");
const bokeh = /** @type {any} */ (globalThis).Bokeh;
const drawn = new WeakMap(); // a chart's element -> Bokeh's views in it

/**
 * @param {string | URL} url
 * @param {string} accept
 */
async function fetchOrThrow(url, accept) {
  const response = await fetch(url, { headers: { Accept: accept } });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response;
}

/**
 * The state in the page's words.
 * @param {Run} run
 */
function stateOf(run) {
  return `${run.status} ${run.progress.experiment ?? ""}`.trim();
}

/** @param {HTMLElement} element */
async function watch(element) {
  /** @type {Run} */
  let run;
  try {
    run = await (await fetchOrThrow(element.dataset.run ?? "", "application/json")).json();
  } catch {
    return; // the server is restarting, or the line is down: the next second asks again
  }
  if (stateOf(run) !== element.dataset.state) {
    await redraw(findAround(element, "[data-region]"));
    return;
  }
  const { done, total, preparation } = run.progress;
  if (total === 0) return;
  /** @type {HTMLProgressElement | null} */
  const bar = element.querySelector("[data-bar]");
  if (bar === null) { // drawn before there was anything to show
    await redraw(findAround(element, "[data-region]"));
    return;
  }
  bar.max = total;
  bar.value = done;
  const count = `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
  findIn(element, "[data-count]").textContent = preparation === null ? count : `${done} %`;
  findIn(element, "[data-preparation]").textContent = preparation ?? "";
}

/** @param {HTMLElement} region */
async function redraw(region) {
  let page;
  try {
    const html = await (await fetchOrThrow(location.href, "text/html")).text();
    page = new DOMParser().parseFromString(html, "text/html");
  } catch {
    return;
  }
  const fresh = document.importNode(findIn(page, `#${region.id}`), true);
  const hadFocus = region.contains(document.activeElement) ? document.activeElement?.id : null;
  for (const box of region.querySelectorAll("input:checked")) {
    /** @type {HTMLInputElement | null} */
    const same = fresh.querySelector(`#${box.id}`);
    if (same !== null) same.checked = true;
  }
  region.replaceWith(fresh);
  sayTimes();
  if (document.title !== page.title) {
    document.title = page.title;
    findIn(document, "[data-announce]").textContent = page.title;
  }
  // The button under the focus may be gone: then the region has it, and Tab goes on from here.
  if (typeof hadFocus === "string") (document.getElementById(hadFocus) ?? fresh).focus();
  drawCharts(fresh);
  countChosen();
}

async function poll() {
  if (!document.hidden) {
    for (const element of findAllIn(document, "[data-run]")) if (element.isConnected) await watch(element);
  }
  setTimeout(poll, POLL_MS);
}

/** @param {ParentNode} root */
function drawCharts(root) {
  for (const element of findAllIn(root, "[data-chart]")) drawChart(element);
}

/** @param {HTMLElement} element */
async function drawChart(element) {
  const theme = dark.matches ? "dark" : "light";
  const figure = findAround(element, "figure");
  const error = findIn(figure, "[data-chart-error]");
  const url = new URL(element.dataset.chart ?? "", location.href);
  url.searchParams.set("theme", theme);
  try {
    const chart = await (await fetchOrThrow(url, "application/json")).json();
    if (theme !== (dark.matches ? "dark" : "light")) return; // it changed meanwhile, and the other one is on its way
    drawn.get(element)?.clear();
    element.replaceChildren();
    drawn.set(element, await bokeh.embed.embed_item(chart.item, element));
    findIn(figure, "[data-legend]").replaceChildren(...chart.legend.map(legendEntry));
    error.hidden = true;
  } catch (reason) {
    console.warn("The chart could not be drawn.", reason);
    error.hidden = false;
  }
}

/**
 * In HTML and not in the chart, where it would be cut off on a phone.
 * @param {LegendEntry} entry
 */
function legendEntry({ label, colour, mark }) {
  const entry = document.createElement("li");
  const sign = document.createElement("i");
  sign.dataset.mark = mark;
  sign.style.setProperty("--mark", colour);
  entry.append(sign, label);
  return entry;
}

function countChosen() {
  /** @type {HTMLFormElement | null} */
  const form = document.querySelector("[data-compare]");
  const button = form?.querySelector("button");
  if (!form || !button) return;
  const n = [...form.elements].filter((element) => element.matches(":checked")).length; // some stand outside the form
  button.textContent = n === 0 ? "Compare" : `Compare ${n} ${n === 1 ? "run" : "runs"}`;
  button.disabled = n < 2 || n > Number(form.dataset.most);
}

dark.addEventListener("change", () => drawCharts(document));
document.addEventListener("change", countChosen);
drawCharts(document);
countChosen();
setTimeout(poll, POLL_MS);
