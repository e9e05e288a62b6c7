/** The page's one key listener. It keeps out of text fields, dialogs, browser shortcuts and auto-repeat. */

const WRITING = "input:not([type=checkbox]), textarea, select, [contenteditable]";

/** `actions`: {digit(n), skip(), flag(), undo(), move(step), help()}. */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.repeat || isWriting(event.target) || document.querySelector("dialog[open]")) return;
    const action = findAction(event, actions);
    if (action === null) return;
    event.preventDefault(); // Backspace and arrows have a meaning for the browser too
    action();
  });
}

/** A field keeps the focus for a moment after its dialog is closed: a key pressed then is meant for the page. */
function isWriting(target) {
  return target.closest?.(WRITING) && !target.closest("dialog:not([open])");
}

function findAction(event, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    const isUndo = event.key.toLowerCase() === "z" && !event.altKey && !event.shiftKey;
    return isUndo ? actions.undo : null;
  }
  const digit = digitOf(event);
  if (digit !== null) return () => actions.digit(digit);
  const byKey = {
    Backspace: actions.undo,
    u: actions.undo,
    s: actions.skip,
    f: actions.flag,
    ArrowLeft: () => actions.move(-1),
    ArrowRight: () => actions.move(1),
    "?": actions.help,
  };
  return byKey[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? null;
}

/** By the letter; by the place on a number pad without Num Lock, and where the top row needs Shift (French). */
function digitOf(event) {
  if (/^\d$/.test(event.key)) return Number(event.key);
  const place = /^(Numpad|Digit)(\d)$/.exec(event.code);
  return place && !event.shiftKey ? Number(place[2]) : null;
}
