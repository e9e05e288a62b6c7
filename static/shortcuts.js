/**
 * The page's one key listener. It keeps out of text fields, dialogs, popovers, browser shortcuts and auto-repeat. Keys of a
 * single character can be turned off, for people who speak to their computer or hit keys by accident (WCAG 2.1.4).
 */

const OPEN = "dialog[open], :popover-open";
const WRITING = "input:not([type=checkbox]), textarea, select, [contenteditable]";

/**
 * @typedef {{ digit(n: number): void, skip(): void, flag(): void, undo(): void, move(step: number): void,
 *   help(): void }} Actions
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
  if (digit !== null) return () => actions.digit(digit);
  /** @type {Record<string, () => void>} */
  const byName = {
    Backspace: actions.undo,
    ArrowLeft: () => actions.move(-1),
    ArrowRight: () => actions.move(1),
  };
  /** @type {Record<string, () => void>} */
  const byCharacter = { u: actions.undo, s: actions.skip, f: actions.flag, "?": actions.help };
  return byName[event.key] ?? (areCharactersOn ? byCharacter[event.key.toLowerCase()] : null) ?? null;
}

/**
 * By the letter; by the place on a number pad without Num Lock, and where the top row needs Shift (French).
 * @param {KeyboardEvent} event
 */
function digitOf(event) {
  if (/^\d$/.test(event.key)) return Number(event.key);
  const place = /^(Numpad|Digit)(\d)$/.exec(event.code);
  return place && !event.shiftKey ? Number(place[2]) : null;
}
