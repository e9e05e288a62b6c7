/**
 * The small dialog for a remark about an image. Needs a dialog with a form (method="dialog") that holds the field
 * [data-remark] and a button [data-cancel], and [data-flag-picture] for the image.
 */

/** Returns a function that asks for a remark about `tile` and calls `onRemark(tile, text)` if one is given. */
export function makeFlagDialog(dialog, onRemark) {
  const field = dialog.querySelector("[data-remark]");
  let tile = null;
  dialog.querySelector("form").addEventListener("submit", () => {
    const remark = field.value.trim();
    if (tile !== null && remark !== "") onRemark(tile, remark);
  });
  dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  return (about) => {
    tile = about;
    field.value = "";
    dialog.querySelector("[data-flag-picture]").src = tile.picture.src;
    dialog.showModal();
    field.focus();
  };
}
