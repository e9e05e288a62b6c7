/** The colour of a class: always the same for an index, and far from those of its neighbours. A name always stands by it. */

const GOLDEN_ANGLE = 137.508; // degrees: however many hues there are, the next one falls into the widest gap
const FIRST_HUE = 30;

/**
 * Sets --hue, from which label.css makes the colour of a [data-swatch].
 * @param {HTMLElement} element
 * @param {number} index of the class
 */
export function paint(element, index) {
  element.style.setProperty("--hue", ((FIRST_HUE + index * GOLDEN_ANGLE) % 360).toFixed(1));
  element.dataset.swatch = String(index % 3); // three shades, so that hues that come again still differ
}

/** @param {number} index of the class */
export function makeSwatch(index) {
  const element = document.createElement("span");
  element.className = "swatch";
  paint(element, index);
  return element;
}
