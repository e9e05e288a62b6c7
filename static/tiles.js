/**
 * Draws the batch: the row of small tiles, the current image, the buttons. Needs inside `place`: [data-tiles] (a
 * list), [data-picture], [data-pad] with [data-value=INDEX] buttons, [data-skip], [data-flag], [data-counter],
 * [data-guess], [data-said] with role="status", and [data-when=asking|finished|taken] elements of which one is shown
 * when no image is.
 */
import { percent } from "./format.js";

const RETRY_MS = 2_000;
const TILES_A_ROW = 10; // of a batch as it comes; half as many where the window is small

/** Dispatches "select" with the tile that was clicked as detail, and "answer" with the value. */
export class TilesView extends EventTarget {
  isGuessShown = false;
  #place;
  #classes;
  #drawn = []; // the tiles that the row shows now
  #last = null; // what was drawn last, to draw it again when a picture has come
  #batchSize;

  constructor(place, { classes, batch_size: batchSize }) {
    super();
    this.#place = place;
    this.#classes = classes;
    this.#batchSize = batchSize;
    this.#setColumns(this.#find("[data-tiles]"), 0);
    this.#find("[data-pad]").addEventListener("click", ({ target }) => {
      const button = target.closest("[data-value]");
      if (button) this.dispatchEvent(new CustomEvent("answer", { detail: Number(button.dataset.value) }));
    });
    this.#find("[data-tiles]").addEventListener("click", ({ target }) => {
      const items = [...this.#find("[data-tiles]").children];
      const tile = this.#drawn[items.indexOf(target.closest("li"))];
      if (tile) this.dispatchEvent(new CustomEvent("select", { detail: tile }));
    });
  }

  /** A large image that begins to load at once, so that it is there when its turn comes. */
  makePicture(url) {
    const picture = Object.assign(new Image(), { alt: "The image to label", draggable: false, src: url });
    picture.addEventListener("load", () => this.redraw());
    picture.addEventListener("error", () => setTimeout(() => (picture.src = url), RETRY_MS));
    return picture;
  }

  redraw() {
    if (this.#last) this.draw(...this.#last);
  }

  /** See asking.js for the states. */
  draw(batch, state) {
    this.#last = [batch, state];
    const tile = state === "answering" ? batch.current : null;
    const shown = tile || state !== "answering" ? state : "asking";
    this.#place.dataset.state = shown;
    for (const element of this.#place.querySelectorAll("[data-when]")) element.hidden = element.dataset.when !== shown;
    this.#drawRow(batch);
    this.#drawPicture(tile);
    this.#drawPad(tile);
    this.#drawGuess(tile);
    const place = batch.tiles.indexOf(tile) + 1;
    this.#find("[data-counter]").textContent = tile ? `${place} of ${batch.tiles.length}` : "\u00a0";
  }

  /** Say to screen readers what was done, and which image is shown after it. */
  say(deed) {
    const [batch] = this.#last;
    const n = batch.tiles.length;
    const tile = batch.current;
    const place = `Image ${batch.tiles.indexOf(tile) + 1} of ${n}`;
    const words = tile?.isOpen ? place : tile ? `${place}, ${this.#describe(tile)[1]}` : `All ${n} are done`;
    this.#find("[data-said]").textContent = `${[deed, words].filter(Boolean).join(". ")}.`;
  }

  /** The tiles are one stop of the Tab key: the current one has it, and keeps the focus if one of them has. */
  #drawRow(batch) {
    const { tiles, current } = batch;
    const list = this.#find("[data-tiles]");
    const hadFocus = list.contains(document.activeElement);
    if (tiles.some((tile, i) => tile !== this.#drawn[i]) || tiles.length !== this.#drawn.length) {
      list.replaceChildren(...tiles.map(makeItem));
      this.#drawn = [...tiles];
      this.#setColumns(list, tiles.length);
    }
    tiles.forEach((tile, i) => this.#drawItem(list.children[i].firstChild, tile, tile === current, i + 1));
    const stop = list.children[Math.max(0, tiles.indexOf(current))]?.firstChild;
    stop?.setAttribute("tabindex", "0");
    if (hadFocus) stop?.focus({ preventScroll: true });
  }

  /** As many rows as a batch has when it comes, however many tiles are brought back: nothing below moves. */
  #setColumns(list, n) {
    for (const [suffix, most] of [["", TILES_A_ROW], ["-small", TILES_A_ROW / 2]]) {
      const rows = Math.ceil(this.#batchSize / most);
      list.style.setProperty(`--rows${suffix}`, rows);
      list.style.setProperty(`--columns${suffix}`, Math.max(most, Math.ceil(n / rows)));
    }
  }

  #drawItem(button, tile, isCurrent, number) {
    const [status, words, sign] = this.#describe(tile);
    if (tile.isSeen && !button.firstChild.src) button.firstChild.src = tile.picture.src; // from the cache by now
    button.tabIndex = -1;
    button.ariaLabel = `Image ${number}, ${words}${tile.isFlagged ? ", flagged" : ""}`;
    button.ariaCurrent = isCurrent ? "true" : null;
    button.dataset.imageId = tile.imageId;
    button.dataset.status = status;
    button.toggleAttribute("data-flagged", tile.isFlagged);
    button.lastChild.textContent = sign;
  }

  #describe(tile) {
    if (tile.isClosed) return ["closed", "with somebody else", "×"];
    if (tile.isSkipped) return ["skipped", "skipped", "?"];
    if (tile.value === null) return ["open", "not answered", "·"];
    const answer = this.#classes[tile.value];
    return ["answered", `answered ${answer}`, answer];
  }

  #drawPicture(tile) {
    const place = this.#find("[data-picture]");
    if (tile === null) return; // the last one fades: see label.css
    if (place.firstChild !== tile.picture) place.replaceChildren(tile.picture);
  }

  #drawPad(tile) {
    for (const button of this.#find("[data-pad]").children) {
      button.ariaDisabled = String(!tile?.isSeen || tile.isClosed); // `disabled` would take the focus away
      button.ariaPressed = String(tile?.value === Number(button.dataset.value));
    }
    for (const button of this.#place.querySelectorAll("[data-skip], [data-flag]")) {
      button.ariaDisabled = String(!tile?.isSeen || tile.isClosed);
    }
    this.#find("[data-skip]").ariaPressed = String(tile?.isSkipped === true);
  }

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

  #find(selector) {
    return this.#place.querySelector(selector);
  }
}

function makeItem() {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button" });
  const image = Object.assign(new Image(), { alt: "", draggable: false });
  button.append(image, document.createElement("span"));
  item.append(button);
  return item;
}
