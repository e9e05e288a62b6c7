/**
 * The dialog that finds a class by a part of its name. Needs a dialog with [data-query], a combobox, [data-options], its
 * listbox, [data-found] for how many there are, and [data-finder-picture].
 *
 * @import { Tile } from "./batch.js"
 * @import { Examples } from "./examples.js"
 */
import { findIn } from "./find.js";
import { count } from "./format.js";
import { copyPicture } from "./pictures.js";
import { makeSwatch } from "./swatches.js";

const SHOWN = 50; // options at once
const EXAMPLES = 2; // pictures beside a name
/** Letters that are no others with an accent. */
const PLAIN = new Map(Object.entries({ ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ı: "i" }));
const RECENT = 5; // those that were chosen last come first as long as nothing is typed

export class Finder {
  #dialog;
  #field;
  #list;
  #classes;
  #names;
  #buttons;
  #examples;
  #onFound;
  /** @type {number[]} */
  #recent = [];
  /** @type {number[]} */
  #shown = [];
  #active = -1; // into #shown
  /** @type {Tile | null} */
  #tile = null;

  /**
   * `buttons` are the classes that can be answered with, in the order of their buttons.
   * @param {HTMLDialogElement} dialog
   * @param {{ classes: string[], buttons: number[], examples: Examples }} pool
   * @param {(tile: Tile, value: number) => void} onFound
   */
  constructor(dialog, { classes, buttons, examples }, onFound) {
    this.#dialog = dialog;
    this.#classes = classes;
    this.#names = classes.map(simplify);
    this.#buttons = buttons;
    this.#examples = examples;
    this.#onFound = onFound;
    this.#field = /** @type {HTMLInputElement} */ (findIn(dialog, "[data-query]"));
    this.#list = findIn(dialog, "[data-options]");
    this.#field.addEventListener("input", () => this.#search());
    this.#field.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("click", ({ target }) => {
      const option = target instanceof Element ? target.closest("[role=option]") : null;
      if (option) this.#choose([...this.#list.children].indexOf(option));
    });
  }

  /** @param {Tile | null} tile the image that is to be answered */
  open(tile) {
    if (tile === null) return;
    this.#tile = tile;
    copyPicture(findIn(this.#dialog, "[data-finder-picture]"), tile.picture);
    this.#field.value = "";
    this.#dialog.showModal();
    this.#field.focus();
    this.#search();
    this.#examples.load().then((isNew) => isNew && this.#dialog.open && this.#addExamples());
  }

  /**
   * A class was answered with, in whatever way.
   * @param {number} value
   */
  learn(value) {
    this.#recent = [value, ...this.#recent.filter((other) => other !== value)].slice(0, RECENT);
  }

  #search() {
    const query = simplify(this.#field.value);
    const found = query === "" ? this.#listRecentFirst() : this.#rank(query);
    this.#shown = found.slice(0, SHOWN);
    this.#list.replaceChildren(...this.#shown.map((value, i) => this.#makeOption(value, i)));
    this.#list.scrollTop = 0;
    this.#activate(query === "" || found.length === 0 ? -1 : 0);
    findIn(this.#dialog, "[data-found]").textContent = describe(found.length);
  }

  #listRecentFirst() {
    const recent = this.#recent.filter((value) => this.#buttons.includes(value));
    return [...recent, ...this.#buttons.filter((value) => !recent.includes(value))];
  }

  /**
   * What is the name, then what it begins with, then what one of its words begins with, then what it holds.
   * @param {string} query
   */
  #rank(query) {
    const ranks = this.#buttons.map((value) => ({ value, rank: rankOf(this.#names[value], query) }));
    return ranks.filter(({ rank }) => rank < Infinity).sort((a, b) => a.rank - b.rank).map(({ value }) => value);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const n = this.#shown.length;
    if (step !== undefined && n > 0) {
      this.#activate(this.#active < 0 && step < 0 ? n - 1 : (this.#active + step + n) % n);
    } else if (event.key === "Enter") this.#choose(this.#active);
    else return;
    event.preventDefault();
  }

  /** @param {number} index into #shown */
  #choose(index) {
    if (index < 0 || this.#tile === null) return;
    this.#dialog.close();
    this.#onFound(this.#tile, this.#shown[index]);
  }

  /** @param {number} index into #shown, or -1 */
  #activate(index) {
    this.#active = index;
    [...this.#list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
    const option = this.#list.children[index];
    this.#field.setAttribute("aria-activedescendant", option?.id ?? "");
    option?.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {number} value
   * @param {number} i
   */
  #makeOption(value, i) {
    const option = Object.assign(document.createElement("li"), { id: `found-${i}`, role: "option" });
    const name = Object.assign(document.createElement("span"), { textContent: this.#classes[value], dir: "auto" });
    option.append(makeSwatch(value), name, ...this.#examples.makePictures(value, EXAMPLES));
    return option;
  }

  /** They have come only now; nothing else of the list changes under somebody's hands. */
  #addExamples() {
    for (const [i, option] of [...this.#list.children].entries()) {
      option.append(...this.#examples.makePictures(this.#shown[i], EXAMPLES));
    }
  }
}

/**
 * Without accents and capitals: "Évora" is "evora".
 * @param {string} text
 */
function simplify(text) {
  const letters = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
  return Array.from(letters, (letter) => PLAIN.get(letter) ?? letter).join("");
}

/**
 * @param {string} name
 * @param {string} query
 */
function rankOf(name, query) {
  if (name === query) return 0;
  const at = name.indexOf(query);
  if (at <= 0) return at === 0 ? 1 : Infinity;
  return name.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(query)) ? 2 : 3;
}

/** @param {number} n */
function describe(n) {
  if (n === 0) return "No class has this in its name.";
  const all = n === 1 ? "1 class" : `${count(n)} classes`;
  return n > SHOWN ? `${all}; these are the first ${SHOWN}.` : `${all}.`;
}
