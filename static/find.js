/** The elements that a script needs. One that is missing is a bug of the template, and the error names it. */

/**
 * @param {ParentNode} place
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function findIn(place, selector) {
  return required(place.querySelector(selector), selector);
}

/**
 * @param {Element} element
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function findAround(element, selector) {
  return required(element.closest(selector), selector);
}

/**
 * @param {ParentNode} place
 * @param {string} selector
 * @returns {NodeListOf<HTMLElement>}
 */
export function findAllIn(place, selector) {
  return place.querySelectorAll(selector);
}

/**
 * @param {Element | null} found
 * @param {string} selector
 */
function required(found, selector) {
  if (!(found instanceof HTMLElement)) throw new Error(`The page has no ${selector}.`);
  return found;
}
