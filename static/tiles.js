/**
 * Draws the batch: the row of small tiles, the current image, the buttons. Needs inside `place`: [data-tiles] (a
 * list), [data-picture], [data-pad] with [data-value=INDEX] buttons, [data-skip], [data-flag], [data-counter],
 * [data-guess], [data-said] with role="status", and [data-when=asking|finished|taken] elements of which one is shown
 * when no image is. [data-find] may be there: a further button that needs an image.
 *
 * @import { Pool } from "./api.js"
 * @import { Batch, Tile } from "./batch.js"
 * @import { Shown } from "./states.js"
 */
import { Emitter } from "./emitter.js";
import { findAllIn, findIn } from "./find.js";
import { percent } from "./format.js";
import { makeMarks } from "./marks.js";
import { copyPicture, decodeAhead, makePicture } from "./pictures.js";

const NEED_IMAGE = "[data-pad] > [data-value], [data-skip], [data-flag], [data-find]";
const TILES_A_ROW = 10; // of a batch as it comes; half as many where the window is small

/**
 * Tells "select" with the tile that was clicked, "answer" with the value, and "picture" when another one is shown.
 *
 * @extends {Emitter<{ select: Tile, answer: number, picture: null }>}
 */
export class TilesView extends Emitter {
  isGuessShown = false;
  #place;
  #classes;
  #marks;
  /** @type {Tile[]} */
  #drawn = []; // the tiles that the row shows now
  /** @type {[Batch, Shown] | null} */
  #last = null; // what was drawn last, to draw it again when a picture has come
  #batchSize;

  /**
   * @param {HTMLElement} place
   * @param {Pool} pool
   */
  constructor(place, { classes, batch_size: batchSize }) {
    super();
    this.#place = place;
    this.#classes = classes;
    this.#marks = makeMarks(classes);
    this.#batchSize = batchSize;
    this.#setColumns(this.#find("[data-tiles]"), 0);
    this.#find("[data-pad]").addEventListener("click", ({ target }) => {
      const button = closestOf(target, "[data-value]");
      if (button) this.tell("answer", Number(button.dataset.value));
    });
    this.#find("[data-tiles]").addEventListener("click", ({ target }) => {
      const item = closestOf(target, "li");
      const tile = item && this.#drawn[[...this.#find("[data-tiles]").children].indexOf(item)];
      if (tile) this.tell("select", tile);
    });
  }

  /** @param {string} url */
  makePicture(url) {
    return makePicture(url, () => this.redraw());
  }

  redraw() {
    if (this.#last) this.draw(...this.#last);
  }

  /**
   * @param {Batch} batch
   * @param {Shown} state
   */
  draw(batch, state) {
    this.#last = [batch, state];
    const tile = state === "answering" ? batch.current : null;
    const shown = tile || state !== "answering" ? state : "asking";
    this.#place.dataset.state = shown;
    for (const element of findAllIn(this.#place, "[data-when]")) element.hidden = element.dataset.when !== shown;
    this.#drawRow(batch);
    this.#drawPicture(tile);
    if (tile) decodeAhead(batch.listFrom(tile).map(({ picture }) => picture));
    this.#drawPad(tile);
    this.#drawGuess(tile);
    const place = tile ? `${batch.tiles.indexOf(tile) + 1} of ${batch.tiles.length}` : "\u00a0";
    this.#find("[data-counter]").textContent = place;
  }

  /**
   * Say to screen readers what was done, and which image is shown after it.
   * @param {string} deed
   */
  say(deed) {
    if (this.#last === null) return;
    const [{ tiles, current }] = this.#last;
    const words = current ? this.#describePlace(tiles, current) : `All ${tiles.length} are done`;
    this.#find("[data-said]").textContent = `${[deed, words].filter(Boolean).join(". ")}.`;
  }

  /**
   * @param {Tile[]} tiles
   * @param {Tile} tile
   */
  #describePlace(tiles, tile) {
    const place = `Image ${tiles.indexOf(tile) + 1} of ${tiles.length}`;
    return tile.isOpen ? place : `${place}, ${this.#describe(tile)[1]}`;
  }

  /**
   * The tiles are one stop of the Tab key: the current one has it, and keeps the focus if one of them has.
   * @param {Batch} batch
   */
  #drawRow(batch) {
    const { tiles, current } = batch;
    const list = this.#find("[data-tiles]");
    const hadFocus = list.contains(document.activeElement);
    if (tiles.length !== this.#drawn.length || tiles.some((tile, i) => tile !== this.#drawn[i])) {
      list.replaceChildren(...tiles.map(makeItem));
      this.#drawn = [...tiles];
      this.#setColumns(list, tiles.length);
    }
    const buttons = [...list.querySelectorAll("button")];
    tiles.forEach((tile, i) => this.#drawItem(buttons[i], tile, tile === current, i + 1));
    if (tiles.length === 0) return;
    const stop = buttons[current === null ? 0 : tiles.indexOf(current)];
    stop.tabIndex = 0;
    if (hadFocus) stop.focus({ preventScroll: true });
  }

  /**
   * As many rows as a batch has when it comes, however many tiles are brought back: nothing below moves.
   * @param {HTMLElement} list
   * @param {number} n
   */
  #setColumns(list, n) {
    for (const [suffix, most] of Object.entries({ "": TILES_A_ROW, "-small": TILES_A_ROW / 2 })) {
      const rows = Math.ceil(this.#batchSize / most);
      list.style.setProperty(`--rows${suffix}`, String(rows));
      list.style.setProperty(`--columns${suffix}`, String(Math.max(most, Math.ceil(n / rows))));
    }
  }

  /**
   * @param {HTMLButtonElement} button
   * @param {Tile} tile
   * @param {boolean} isCurrent
   * @param {number} number
   */
  #drawItem(button, tile, isCurrent, number) {
    const [status, words, sign] = this.#describe(tile);
    const [image, mark] = /** @type {HTMLCollectionOf<HTMLElement>} */ (button.children);
    if (tile.isSeen && !image.hasAttribute("src")) copyPicture(image, tile.picture);
    button.tabIndex = -1;
    button.ariaLabel = `Image ${number}, ${words}${tile.isFlagged ? ", flagged" : ""}`;
    button.ariaCurrent = isCurrent ? "true" : null;
    button.dataset.imageId = String(tile.imageId);
    button.dataset.status = status;
    button.toggleAttribute("data-flagged", tile.isFlagged);
    mark.textContent = sign;
    mark.title = tile.value === null || sign === this.#classes[tile.value] ? "" : this.#classes[tile.value];
  }

  /** @param {Tile} tile */
  #describe(tile) {
    if (tile.isClosed) return ["closed", "with another annotator", "×"];
    if (tile.isSkipped) return ["skipped", "skipped", "?"];
    if (tile.value === null) return ["open", "not answered", "·"];
    const answer = this.#classes[tile.value];
    return ["answered", `answered ${answer}`, this.#marks[tile.value]];
  }

  /** @param {Tile | null} tile */
  #drawPicture(tile) {
    const place = this.#find("[data-picture]");
    if (tile === null) return; // the last one fades: see label.css
    if (place.firstChild === tile.picture) return;
    place.replaceChildren(tile.picture);
    this.tell("picture", null);
  }

  /** @param {Tile | null} tile */
  #drawPad(tile) {
    for (const button of findAllIn(this.#place, "[data-pad] > [data-value]")) {
      const isPressed = tile?.value === Number(button.dataset.value);
      if (isPressed && button.ariaPressed !== "true") bringIntoView(button, this.#find("[data-pad]"));
      button.ariaPressed = String(isPressed);
    }
    for (const button of findAllIn(this.#place, NEED_IMAGE)) {
      button.ariaDisabled = String(!tile?.isSeen || tile.isClosed); // `disabled` would take the focus away
    }
    this.#find("[data-skip]").ariaPressed = String(tile?.isSkipped === true);
  }

  /** @param {Tile | null} tile */
  #drawGuess(tile) {
    const guess = this.#find("[data-guess]");
    guess.hidden = !this.isGuessShown;
    if (!this.isGuessShown) {
      guess.textContent = "";
    } else if (tile === null || tile.prediction === null) {
      guess.textContent = tile ? "No guess: nothing was trained yet when this image was asked." : "\u00a0";
    } else {
      const confidence = tile.confidence === null ? "" : `, ${percent(tile.confidence, 0)} sure`;
      guess.textContent = `The model’s guess: ${this.#classes[tile.prediction]}${confidence}`;
    }
  }

  /** @param {string} selector */
  #find(selector) {
    return findIn(this.#place, selector);
  }
}

/**
 * A pad of many classes scrolls; the page does not, as it would by scrollIntoView.
 * @param {HTMLElement} button
 * @param {HTMLElement} pad
 */
function bringIntoView(button, pad) {
  const [at, seen] = [button.getBoundingClientRect(), pad.getBoundingClientRect()];
  if (at.top < seen.top) pad.scrollTop -= seen.top - at.top;
  if (at.bottom > seen.bottom) pad.scrollTop += at.bottom - seen.bottom;
}

/**
 * @param {EventTarget | null} target
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
function closestOf(target, selector) {
  return target instanceof Element ? target.closest(selector) : null;
}

function makeItem() {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button" });
  const image = Object.assign(new Image(), { alt: "", draggable: false });
  button.append(image, document.createElement("span"));
  item.append(button);
  return item;
}
