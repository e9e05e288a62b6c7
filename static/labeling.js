/**
 * What the annotator does with the batch that `asking` has: answer, change, skip, flag, undo. `view` draws the page,
 * `notices` says what was refused.
 *
 * @import { Asking } from "./asking.js"
 * @import { ActKind, Tile } from "./batch.js"
 * @import { Notices } from "./notices.js"
 * @import { Entry, Outbox, Refused, Sent, UndoEntry } from "./outbox.js"
 * @import { TilesView } from "./tiles.js"
 */
import { Act } from "./batch.js";
import { valueOf } from "./outbox.js";

const CLOSING_CODES = ["AlreadyLabeled", "AlreadySkipped", "LeasedByAnother", "ImageNotFound"];

export class Labeling {
  #classes;
  #asking;
  #batch;
  #outbox;
  #view;
  #notices;

  /**
   * @param {{ classes: string[], asking: Asking, outbox: Outbox,
   *   view: TilesView, notices: Notices }} parts
   */
  constructor({ classes, asking, outbox, view, notices }) {
    this.#classes = classes;
    this.#asking = asking;
    this.#batch = asking.batch;
    this.#outbox = outbox;
    this.#view = view;
    this.#notices = notices;
    outbox.on("sent", (receipt) => this.#onSent(receipt));
    outbox.on("refused", (receipt) => this.#onRefused(receipt));
    outbox.on("added", (entry) => this.#onAdded(entry));
    outbox.on("withdrawn", (entry) => this.#onWithdrawn(entry));
    outbox.on("change", () => asking.ask());
    asking.on("change", () => this.#draw());
    asking.on("asked", () => view.say(""));
    asking.on("restored", () => {
      for (const entry of outbox.entries) this.#onAdded(entry);
    });
  }

  /** The image that is shown, if it can be answered, skipped or flagged. */
  get current() {
    const tile = this.#batch.current;
    return this.#asking.shown === "answering" && tile?.isSeen && !tile.isClosed ? tile : null;
  }

  /**
   * An answer, or another one for an image that has one.
   * @param {number} value an index of the classes
   */
  answer(value) {
    const tile = this.current;
    if (tile === null || value >= this.#classes.length) return;
    if (tile.isSkipped) this.#takeBackAll(tile);
    if (tile.act === null) this.#label(tile, value);
    else if (tile.value !== value) this.#change(tile, tile.act, value);
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
      this.#batch.add(new Act("skip", tile, null, this.#outbox.add({ kind: "skip", imageId: tile.imageId })));
    }
    this.#batch.advance();
    this.#draw();
    this.#view.say("Skipped");
  }

  /**
   * A remark for the admins; whatever the answer is or will be.
   * @param {Tile} tile
   * @param {string} remark
   */
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

  /** @param {number} step */
  move(step) {
    this.#batch.move(step);
    this.#draw();
    this.#view.say("");
  }

  /** @param {Tile} tile */
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

  /** @param {Tile} tile */
  #bringBack(tile) {
    this.#asking.bringBack(tile);
    this.#view.say("Undone");
  }

  /**
   * @param {Tile} tile
   * @param {number} value
   */
  #label(tile, value) {
    const key = this.#outbox.add({ kind: "label", imageId: tile.imageId, value });
    this.#batch.add(new Act("label", tile, value, key));
  }

  /**
   * An answer that was never sent is replaced; one that was, or is on its way, is changed by an act of its own.
   * @param {Tile} tile
   * @param {Act} act
   * @param {number} value
   */
  #change(tile, act, value) {
    const { key: of, eventId } = act;
    if (this.#outbox.replaceUnsent(of, value)) {
      act.value = value;
      return;
    }
    const key = this.#outbox.add({ kind: "change", imageId: tile.imageId, value, of, eventId });
    this.#batch.add(new Act("change", tile, value, key));
  }

  /** @param {Act} act */
  #takeBack(act) {
    const { key: of, eventId } = act;
    if (!this.#outbox.removeUnsent(of)) this.#outbox.add({ kind: "undo", imageId: act.tile.imageId, of, eventId });
    this.#batch.takeBack(act);
  }

  /** @param {Tile} tile */
  #takeBackAll(tile) {
    while (tile.act !== null) this.#takeBack(tile.act);
  }

  /** @param {Sent} receipt */
  #onSent({ entry, eventId, image }) {
    const act = this.#batch.findAct(entry.key);
    if (act !== null) act.eventId = eventId;
    if (image && this.#isUnknown(image.image_id)) this.#bringBack(this.#asking.asTile(image));
  }

  /**
   * An image that an undo brought back: the page that took it back itself shows it already, perhaps answered.
   * @param {number} imageId
   */
  #isUnknown(imageId) {
    const isShown = this.#batch.tiles.some((tile) => tile.imageId === imageId && !tile.isClosed);
    return !isShown && !this.#outbox.imageIds.has(imageId);
  }

  /** @param {Refused} receipt */
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

  /** @param {Entry} entry */
  #describe(entry) {
    const className = this.#classes[valueOf(entry) ?? -1];
    const texts = {
      label: `Your answer ${className} wasn’t saved`,
      change: `Your change to ${className} wasn’t saved`,
      skip: "The image wasn’t skipped",
      flag: `Your remark “${"remark" in entry && entry.remark}” wasn’t saved`,
      undo: "Nothing was undone",
    };
    return texts[entry.kind];
  }

  /**
   * Another page of the same annotator acted on an image that this one shows, too.
   * @param {Entry} entry
   */
  #onAdded(entry) {
    const tile = this.#batch.findTile(entry.imageId);
    if (entry.kind === "undo") this.#onUndoElsewhere(entry);
    else if (entry.kind === "flag") {
      if (tile !== null) tile.isFlagged = true;
    } else this.#onActElsewhere(entry.kind, entry, tile);
    this.#draw();
  }

  /** @param {UndoEntry} entry */
  #onUndoElsewhere({ of, eventId }) {
    const known = this.#batch.findAct(of, eventId);
    if (known !== null) this.#batch.takeBack(known);
    else this.#batch.dropOlderEventId(eventId);
  }

  /**
   * @param {ActKind} kind
   * @param {Entry} entry
   * @param {Tile | null} tile
   */
  #onActElsewhere(kind, entry, tile) {
    const known = this.#batch.findAct(entry.key);
    if (known !== null) known.value = valueOf(entry);
    else if (tile !== null) {
      this.#batch.add(new Act(kind, tile, valueOf(entry), entry.key));
      if (this.#batch.current === tile) this.#batch.advance();
    }
  }

  /** @param {Entry} entry */
  #onWithdrawn(entry) {
    const act = this.#batch.findAct(entry.key);
    if (act !== null) this.#batch.takeBack(act);
    this.#draw();
  }

  #draw() {
    this.#view.draw(this.#batch, this.#asking.shown);
    this.#asking.keep();
  }
}
