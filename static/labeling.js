/**
 * What the annotator does with the batch that `asking` has: answer, change, skip, flag, undo. The page is drawn by `view`
 * ({draw(batch, state), say(words)}), what was refused is told to `notices`.
 */
import { Act } from "./batch.js";

const CLOSING_CODES = ["AlreadyLabeled", "AlreadySkipped", "LeasedByAnother", "ImageNotFound"];

export class Labeling {
  #classes;
  #asking;
  #batch;
  #outbox;
  #view;
  #notices;

  constructor({ classes, asking, outbox, view, notices }) {
    this.#classes = classes;
    this.#asking = asking;
    this.#batch = asking.batch;
    this.#outbox = outbox;
    this.#view = view;
    this.#notices = notices;
    outbox.addEventListener("sent", ({ detail }) => this.#onSent(detail));
    outbox.addEventListener("refused", ({ detail }) => this.#onRefused(detail));
    outbox.addEventListener("added", ({ detail }) => this.#onAdded(detail));
    outbox.addEventListener("withdrawn", ({ detail }) => this.#onWithdrawn(detail));
    outbox.addEventListener("change", () => asking.ask());
    asking.addEventListener("change", () => this.#draw());
    asking.addEventListener("asked", () => view.say(""));
    asking.addEventListener("restored", () => {
      for (const entry of outbox.entries) this.#onAdded(entry);
    });
  }

  /** The image that is shown, if it can be answered, skipped or flagged. */
  get current() {
    const tile = this.#batch.current;
    return this.#asking.state === "answering" && tile?.isSeen && !tile.isClosed ? tile : null;
  }

  /** An answer, or another one for an image that has one. */
  answer(value) {
    const tile = this.current;
    if (tile === null || value >= this.#classes.length) return;
    if (tile.isSkipped) this.#takeBackAll(tile);
    if (tile.act === null) this.#do("label", tile, value);
    else if (tile.value !== value) this.#change(tile, value);
    this.#batch.advance();
    this.#draw();
    this.#view.say(this.#classes[value]);
  }

  /** "Can't tell": the image goes on to others. */
  skip() {
    const tile = this.current;
    if (tile === null) return;
    if (!tile.isSkipped) {
      this.#takeBackAll(tile);
      this.#do("skip", tile);
    }
    this.#batch.advance();
    this.#draw();
    this.#view.say("Skipped");
  }

  /** A remark for the admins; whatever the answer is or will be. */
  flag(tile, remark) {
    this.#outbox.add({ kind: "flag", imageId: tile.imageId, remark });
    tile.isFlagged = true;
    this.#notices.set("flag", "info", `Flagged: “${remark}”`, { isDismissable: true });
    this.#draw();
  }

  /** Take back the last act of this page, or else the last that the server has. */
  undo() {
    this.#asking.whenLeased(() => this.#undoNow());
  }

  move(step) {
    this.#batch.move(step);
    this.#draw();
    this.#view.say("");
  }

  select(tile) {
    this.#batch.select(tile);
    this.#draw();
  }

  #undoNow() {
    const act = this.#batch.lastAct;
    if (act === null) {
      this.#outbox.add({ kind: "undo", imageId: null, of: null, eventId: this.#batch.takeOlderEventId() });
      return;
    }
    this.#takeBack(act);
    this.#bringBack(act.tile);
  }

  #bringBack(tile) {
    this.#batch.bringBack(tile);
    this.#asking.state = "answering";
    this.#view.say("Undone");
  }

  #do(kind, tile, value = null) {
    const { imageId } = tile;
    const key = this.#outbox.add(kind === "skip" ? { kind, imageId } : { kind, imageId, value });
    this.#batch.add(new Act(kind, tile, value, key));
  }

  /** An answer that was never sent is replaced; one that was, or is on its way, is changed by an act of its own. */
  #change(tile, value) {
    const { key: of, eventId } = tile.act;
    if (this.#outbox.replaceUnsent(of, value)) {
      tile.act.value = value;
      return;
    }
    const key = this.#outbox.add({ kind: "change", imageId: tile.imageId, value, of, eventId });
    this.#batch.add(new Act("change", tile, value, key));
  }

  #takeBack(act) {
    const { key: of, eventId } = act;
    if (!this.#outbox.removeUnsent(of)) this.#outbox.add({ kind: "undo", imageId: act.tile.imageId, of, eventId });
    this.#batch.takeBack(act);
  }

  #takeBackAll(tile) {
    while (tile.act !== null) this.#takeBack(tile.act);
  }

  #onSent({ entry, eventId, image }) {
    const act = this.#batch.findAct(entry.key);
    if (act !== null) act.eventId = eventId;
    if (image && this.#isUnknown(image.image_id)) this.#bringBack(this.#asking.asTile(image));
  }

  /** An image that an undo brought back: the page that took it back itself shows it already, perhaps answered. */
  #isUnknown(imageId) {
    return !this.#outbox.imageIds.has(imageId) && !this.#batch.tiles.some((tile) => tile.imageId === imageId && !tile.isClosed);
  }

  #onRefused({ entry, error }) {
    this.#notices.set("refused", "warn", `${this.#describe(entry)}. ${error.message}`, { isDismissable: true });
    const act = this.#batch.findAct(entry.key);
    if (act === null) return;
    const { tile } = act;
    if (act.kind === "change") {
      this.#batch.takeBack(act);
    } else {
      while (tile.act !== null) this.#batch.takeBack(tile.act); // what was built on it will not be sent
      tile.isClosed = CLOSING_CODES.includes(error.code);
    }
    if (this.#batch.current === null || this.#batch.current.isClosed) this.#batch.advance();
    this.#draw();
  }

  #describe(entry) {
    const value = this.#classes[entry.value];
    const texts = {
      label: `Your answer ${value} wasn’t saved`,
      change: `Your change to ${value} wasn’t saved`,
      skip: "The image wasn’t skipped",
      flag: `Your remark “${entry.remark}” wasn’t saved`,
      undo: "Nothing was undone",
    };
    return texts[entry.kind];
  }

  /** Another page of the same annotator did something with an image that this one shows, too. */
  #onAdded(entry) {
    const tile = this.#batch.findTile(entry.imageId);
    const known = entry.kind === "undo" ? this.#batch.findAct(entry.of, entry.eventId) : this.#batch.findAct(entry.key);
    if (entry.kind === "undo") {
      if (known) this.#batch.takeBack(known);
      else this.#batch.dropOlderEventId(entry.eventId);
    } else if (entry.kind === "flag" && tile) tile.isFlagged = true;
    else if (known) known.value = entry.value;
    else if (tile && ["label", "change", "skip"].includes(entry.kind)) {
      this.#batch.add(new Act(entry.kind, tile, entry.value ?? null, entry.key));
      if (this.#batch.current === tile) this.#batch.advance();
    }
    this.#draw();
  }

  #onWithdrawn(entry) {
    const act = this.#batch.findAct(entry.key);
    if (act !== null) this.#batch.takeBack(act);
    this.#draw();
  }

  #draw() {
    this.#view.draw(this.#batch, this.#asking.state);
    this.#asking.keep();
  }
}
