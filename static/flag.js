/**
 * The small dialog for a remark about an image. Needs a dialog with a form (method="dialog") that holds the field
 * [data-remark] and a button [data-cancel], and [data-flag-picture] for the image.
 *
 * @import { Tile } from "./batch.js"
 */
import { findIn } from "./find.js";
import { copyPicture } from "./pictures.js";

/**
 * @param {HTMLDialogElement} dialog
 * @param {(tile: Tile, remark: string) => void} onRemark
 * @returns {(about: Tile) => void} asks for a remark, and calls `onRemark` if one is given
 */
export function makeFlagDialog(dialog, onRemark) {
  const field = /** @type {HTMLInputElement} */ (findIn(dialog, "[data-remark]"));
  /** @type {Tile | null} */
  let tile = null;
  findIn(dialog, "form").addEventListener("submit", () => {
    const remark = field.value.trim();
    if (tile !== null && remark !== "") onRemark(tile, remark);
  });
  findIn(dialog, "[data-cancel]").addEventListener("click", () => dialog.close());
  return (about) => {
    tile = about;
    field.value = "";
    copyPicture(findIn(dialog, "[data-flag-picture]"), about.picture);
    dialog.showModal();
    field.focus();
  };
}
