/**
 * Example images of the classes. Fetched when a dialog opens, never while an answer waits. An image that is asked just
 * now is hidden, here and in the guideline: nothing may tell its class.
 *
 * data-examples            in the dialog of the guideline: hidden until there are some
 * data-example-list        in it: a list, an item a class
 * data-no-examples         what is said as long as there are none
 * data-image="ID"          a figure of the guideline that shows an image of the pool
 */
import { findAllIn, findIn } from "./find.js";
import { makeSwatch } from "./swatches.js";

const FRESH_MS = 60_000; // a minute: new ones come with new rounds
/** @typedef {{ image_id: number, url: string }} Example */

export class Examples {
  #url;
  #pool;
  #isAsked;
  /** @type {Map<number, Example[]>} */
  #found = new Map();
  #staleAt = 0;

  /**
   * @param {{
   *   slug: string,
   *   pool: { classes: string[], class_order: number[] },
   *   isAsked: (imageId: number) => boolean,
   * }} given
   */
  constructor({ slug, pool, isAsked }) {
    this.#url = `/api/v1/pools/${slug}/examples`;
    this.#pool = pool;
    this.#isAsked = isAsked;
  }

  /** Fetch them unless they are fresh; whether others came. Without a line, those that are there stay. */
  async load() {
    if (Date.now() < this.#staleAt) return false;
    try {
      const response = await fetch(this.#url, { headers: { Accept: "application/json" } });
      if (!response.ok) return false;
      /** @type {{ classes: { value: number, images: Example[] }[] }} */
      const { classes } = await response.json();
      const isFirst = this.#staleAt === 0;
      this.#found = new Map(classes.map(({ value, images }) => [value, images]));
      this.#staleAt = Date.now() + FRESH_MS;
      return isFirst;
    } catch {
      return false;
    }
  }

  /**
   * Small pictures of a class, for beside its name, which says all that they do.
   * @param {number} value
   * @param {number} most
   */
  makePictures(value, most) {
    const shown = (this.#found.get(value) ?? []).filter(({ image_id }) => !this.#isAsked(image_id));
    return shown.slice(0, most).map(({ url }) => {
      const small = url.includes(".webp") ? `${url}&side=96` : url;
      return Object.assign(new Image(), { alt: "", src: small, className: "example", draggable: false });
    });
  }

  /** @param {HTMLElement} dialog the guideline, which is open */
  async show(dialog) {
    this.#draw(dialog);
    await this.load();
    if (dialog.hasAttribute("open")) this.#draw(dialog);
  }

  /** @param {HTMLElement} dialog */
  #draw(dialog) {
    for (const figure of findAllIn(dialog, "[data-image]")) figure.hidden = this.#isAsked(Number(figure.dataset.image));
    const items = this.#pool.class_order.flatMap((value) => {
      const pictures = this.makePictures(value, Infinity);
      return pictures.length > 0 ? [this.#makeItem(value, pictures)] : [];
    });
    findIn(dialog, "[data-example-list]").replaceChildren(...items);
    findIn(dialog, "[data-examples]").hidden = items.length === 0;
    if (items.length > 0) findIn(dialog, "[data-no-examples]").hidden = true;
  }

  /**
   * @param {number} value
   * @param {HTMLImageElement[]} pictures
   */
  #makeItem(value, pictures) {
    const item = document.createElement("li");
    const name = Object.assign(document.createElement("span"), { textContent: this.#pool.classes[value], dir: "auto" });
    name.className = "example-name";
    const row = Object.assign(document.createElement("span"), { className: "example-row" });
    row.append(...pictures);
    item.append(makeSwatch(value), name, row);
    return item;
  }
}
