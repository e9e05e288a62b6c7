/**
 * The page's one key listener. It keeps out of text fields, dialogs, popovers, browser shortcuts and auto-repeat. Keys of a
 * single character can be turned off, for people who speak to their computer or hit keys by accident (WCAG 2.1.4).
 */

const OPEN = "dialog[open], :popover-open";
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-0.2, 0], ArrowRight: [0.2, 0], ArrowUp: [0, -0.2], ArrowDown: [0, 0.2] }; // of the square
const WRITING = "input:not([type=checkbox]), textarea, select, [contenteditable]";

/**
 * `values` are the classes by their keys: a digit, or a small letter that means nothing else here. What a pool does not
 * offer is null.
 *
 * @typedef {{ values: Map<string, number>, answer(value: number): void, skip(): void, flag(): void, undo(): void,
 *   move(step: number): void, isZoomed(): boolean, pan(right: number, down: number): void, help(): void, find: (() => void) | null,
 *   zoom: (() => void) | null, guide: (() => void) | null }} Actions
 * @param {Actions} actions
 * @param {() => boolean} areCharactersOn whether single characters count
 */
export function listenToKeys(actions, areCharactersOn) {
  document.addEventListener("keydown", (event) => {
    if (event.repeat || isWriting(event.target) || document.querySelector(OPEN)) return;
    const action = findAction(event, actions, areCharactersOn());
    if (action === null) return;
    event.preventDefault(); // Backspace and arrows have a meaning for the browser too
    action();
  });
}

/**
 * A field keeps the focus for a moment after its dialog is closed: a key pressed then is meant for the page.
 * @param {EventTarget | null} target
 */
function isWriting(target) {
  return target instanceof Element && target.closest(WRITING) && !target.closest("dialog:not([open])");
}

/**
 * @param {KeyboardEvent} event
 * @param {Actions} actions
 * @param {boolean} areCharactersOn
 * @returns {(() => void) | null}
 */
function findAction(event, actions, areCharactersOn) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    const isUndo = event.key.toLowerCase() === "z" && !event.altKey && !event.shiftKey;
    return isUndo ? actions.undo : null;
  }
  const digit = areCharactersOn ? digitOf(event) : null; // first: a number pad without Num Lock says "ArrowLeft" for 4
  const value = areCharactersOn ? actions.values.get(digit ?? event.key.toLowerCase()) : undefined;
  if (value !== undefined) return () => actions.answer(value);
  if (digit !== null) return () => {};
  return findByName(event, actions) ?? (areCharactersOn ? findByCharacter(event, actions) : null);
}

/**
 * With Shift the arrows move a picture that is zoomed.
 * @param {KeyboardEvent} event
 * @param {Actions} actions
 * @returns {(() => void) | null}
 */
function findByName({ key, shiftKey }, actions) {
  if (key === "Backspace") return actions.undo;
  const direction = ARROWS[key];
  if (direction === undefined) return null;
  if (shiftKey && actions.isZoomed()) return () => actions.pan(...direction);
  const [step] = direction;
  return step === 0 ? null : () => actions.move(Math.sign(step));
}

/**
 * @param {KeyboardEvent} event
 * @param {Actions} actions
 */
function findByCharacter({ key }, actions) {
  /** @type {Record<string, (() => void) | null>} */
  const byCharacter = {
    u: actions.undo,
    s: actions.skip,
    f: actions.flag,
    g: actions.guide,
    z: actions.zoom,
    "/": actions.find,
    "?": actions.help,
  };
  return byCharacter[key.toLowerCase()] ?? null;
}

/**
 * By the letter; by the place on a number pad without Num Lock, and where the top row needs Shift (French).
 * @param {KeyboardEvent} event
 */
function digitOf(event) {
  if (/^\d$/.test(event.key)) return event.key;
  const place = /^(Numpad|Digit)(\d)$/.exec(event.code);
  return place && !event.shiftKey ? place[2] : null;
}
