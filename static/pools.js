/**
 * The list of pools, kept up to date: it is drawn anew from the page when something in it changes. Needs [data-list],
 * in which whatever may have the focus has an id.
 */
import { findIn } from "./find.js";

const UPDATE_MS = 5_000;

/** The list as the server has it now; null while it cannot be reached. */
async function fetchList() {
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return page.querySelector("[data-list]"); // none in the page of an error
  } catch {
    return null;
  }
}

async function update() {
  const fresh = await fetchList();
  const list = findIn(document, "[data-list]");
  if (fresh === null || fresh.outerHTML === list.outerHTML) return;
  const focused = list.contains(document.activeElement) ? document.activeElement?.id : null;
  list.replaceWith(document.importNode(fresh, true));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

async function updateOften() {
  if (!document.hidden) await update();
  setTimeout(updateOften, UPDATE_MS);
}

setTimeout(updateOften, UPDATE_MS);
