/**
 * The API's documentation, light or dark like the system, and usable with a screen reader and by keyboard alone. Needs
 * [data-openapi] with the address of the OpenAPI document, and the global SwaggerUIBundle of
 * swagger-ui-bundle.js.
 */
import { findIn } from "./find.js";

const place = findIn(document, "[data-openapi]");
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches); // Swagger UI's own name

/**
 * What Swagger UI draws without a name, a level or a way in for the keyboard: a selector, and what each match needs.
 * @type {Record<string, (element: Element) => void>}
 */
const REPAIRS = {
  ".opblock-summary-control a[href]": (link) => link.removeAttribute("href"), // a link within a button
  "h3.opblock-tag:not([aria-level]), .models h4:not([aria-level])": (heading) => setLevel(heading, 2), // after the h1
  ".opblock h4:not([aria-level])": (heading) => setLevel(heading, 3),
  ".opblock h5:not([aria-level])": (heading) => setLevel(heading, 4),
  "table[role=region]": (table) => table.removeAttribute("role"), // else it is no table, and all of them have one name
  "pre.microlight:not([tabindex])": (block) => block.setAttribute("tabindex", "0"), // long ones scroll
  ".copy-to-clipboard button:not([aria-label])": (button) => button.setAttribute("aria-label", "Copy"),
  ".body-param__text:not([aria-label])": (field) => field.setAttribute("aria-label", "Request body"),
  "tr[data-param-name] :is(select, input):not([aria-label])": (field) => {
    field.setAttribute("aria-label", field.closest("tr")?.dataset.paramName ?? "");
  },
};

/**
 * @param {Element} heading
 * @param {number} level
 */
function setLevel(heading, level) {
  heading.setAttribute("aria-level", String(level));
}

function repair() {
  for (const [selector, mend] of Object.entries(REPAIRS)) {
    for (const part of place.querySelectorAll(selector)) mend(part);
  }
}

follow();
dark.addEventListener("change", follow);
new MutationObserver(repair).observe(place, { childList: true, subtree: true }); // it draws each part when it is opened
/** @type {any} */ (globalThis).SwaggerUIBundle({
  url: place.dataset.openapi,
  domNode: place,
  deepLinking: true,
  tryItOutEnabled: true,
  syntaxHighlight: { theme: "tomorrow-night" }, // the default's red numbers are too dark to read
  validatorUrl: null, // no other server is asked
});
