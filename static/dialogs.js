/** The dialogs of a page: each opens by its button, and closes by its own, by Escape and by a click beside it. */

/**
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} button
 * @param {() => void} [open] what opens it, unless it just opens
 * @returns {() => void} opens it
 */
export function offerDialog(dialog, button, open = () => dialog.showModal()) {
  button.addEventListener("click", open);
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close();
  });
  return open;
}
