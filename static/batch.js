/**
 * The images that are asked together, the one that is current, and what was done with them. No page, no network.
 *
 * @import { Leased } from "./api.js"
 * @typedef {"label" | "change" | "skip"} ActKind
 * @typedef {{ leased: Leased, isFlagged: boolean, isClosed: boolean }} TileRecord
 * @typedef {{ kind: ActKind, imageId: number, value: number | null, key: string, eventId: number | null }} ActRecord
 * @typedef {{ tiles: TileRecord[], acts: ActRecord[] }} BatchRecord
 */

const BATCHES_KEPT = 3; // whose acts are kept with their images: more would fill the memory in a day of work

/** One image of a batch. */
export class Tile {
  /** @type {Act | null} */
  act = null; // the last one that stands
  isFlagged = false;
  isClosed = false; // another annotator has labeled or leased it: nothing to answer

  /**
   * @param {Leased} leased the image as the server gave it
   * @param {HTMLImageElement} picture
   */
  constructor(leased, picture) {
    this.leased = leased;
    this.imageId = leased.image_id;
    this.prediction = leased.prediction;
    this.confidence = leased.confidence;
    this.picture = picture;
  }

  get value() {
    return this.act?.value ?? null;
  }

  get isSkipped() {
    return this.act?.kind === "skip";
  }

  get isOpen() {
    return this.act === null && !this.isClosed;
  }

  /** No image may be answered before it was seen. */
  get isSeen() {
    return this.picture.complete && this.picture.naturalWidth > 0;
  }
}

/**
 * A label, a change or a skip. `key` names it in the outbox, `eventId` the same on the server once it is there.
 * `before` is the act of the same tile that stands again when this one is taken back.
 */
export class Act {
  /** @type {number | null} */
  eventId = null;
  batchNumber = 0;

  /**
   * @param {ActKind} kind
   * @param {Tile} tile
   * @param {number | null} value
   * @param {string} key
   */
  constructor(kind, tile, value, key) {
    this.kind = kind;
    this.tile = tile;
    this.value = value;
    this.key = key;
    this.before = tile.act;
  }
}

export class Batch {
  /** @type {Tile[]} */
  tiles = [];
  #index = 0; // -1: every tile is answered, and none was gone back to
  #number = 0; // counts the batches
  /** @type {Act[]} */
  #acts = []; // those that stand, by time, of this batch and of the last ones before it: what undo takes back
  /** @type {number[]} */
  #olderEventIds = []; // the same of earlier batches, by time

  get current() {
    return this.tiles[this.#index] ?? null;
  }

  /** The images that wait for an answer. */
  get open() {
    return this.tiles.filter((tile) => tile.isOpen);
  }

  /** Whether no image waits for an answer; so it is of an empty batch. */
  get isDone() {
    return this.open.length === 0;
  }

  /** Whether nobody has done anything with its images yet. */
  get isUntouched() {
    return this.tiles.every((tile) => tile.act === null && !tile.isFlagged);
  }

  get lastAct() {
    return this.#acts.at(-1) ?? null;
  }

  /**
   * The next batch. What is open still stays in front.
   * @param {Tile[]} tiles
   */
  replace(tiles) {
    const open = this.open.filter((old) => !tiles.some((tile) => tile.imageId === old.imageId));
    this.tiles = [...open, ...tiles];
    this.#index = 0;
    this.#number += 1;
    this.#forgetOldActs();
  }

  /**
   * `tiles` are held now: another open tile is with another annotator, unless an act for it is `pending`. New ones come
   * behind.
   * @param {Tile[]} tiles
   * @param {Set<number>} pending
   */
  align(tiles, pending) {
    for (const tile of this.open) tile.isClosed = !tiles.includes(tile) && !pending.has(tile.imageId);
    this.tiles = [...this.tiles, ...tiles.filter((tile) => !this.tiles.includes(tile))];
    for (const tile of tiles) tile.isClosed = false;
    if (!this.current?.isOpen) this.advance();
  }

  /**
   * `tiles` are held now in the place of those that are not among them. What was acted on stays.
   * @param {Tile[]} tiles
   */
  exchange(tiles) {
    const { current } = this;
    const kept = this.tiles.filter((tile) => tile.act !== null || tiles.includes(tile));
    this.tiles = [...kept, ...tiles.filter((tile) => !kept.includes(tile))];
    for (const tile of tiles) tile.isClosed = false;
    this.#index = current === null ? -1 : this.tiles.indexOf(current);
    if (this.#index < 0) this.advance();
  }

  /**
   * The batch as plain data, from which `restore` makes it again in a later visit.
   * @returns {BatchRecord}
   */
  get record() {
    const tiles = this.tiles.map(({ leased, isFlagged, isClosed }) => ({ leased, isFlagged, isClosed }));
    const acts = this.#acts.filter(({ tile }) => this.tiles.includes(tile)).map(recordAct);
    return { tiles, acts };
  }

  /**
   * @param {BatchRecord} record
   * @param {(leased: Leased) => Tile} makeTile
   */
  restore({ tiles, acts }, makeTile) {
    this.tiles = tiles.map(({ leased, ...marks }) => Object.assign(makeTile(leased), marks));
    for (const { kind, imageId, value, key, eventId } of acts) {
      const tile = this.findTile(imageId);
      if (tile !== null) this.add(Object.assign(new Act(kind, tile, value, key), { eventId }));
    }
    this.#index = this.tiles.findIndex((tile) => tile.isOpen);
  }

  /**
   * By the key, or by the event if that is known.
   * @param {string | null} key
   * @param {number | null} eventId
   */
  findAct(key, eventId = null) {
    return this.#acts.find((act) => act.key === key || (eventId !== null && act.eventId === eventId)) ?? null;
  }

  /** @param {number | null} imageId */
  findTile(imageId) {
    return this.tiles.find((tile) => tile.imageId === imageId) ?? null;
  }

  /**
   * All tiles, from this one on and round the end.
   * @param {Tile} tile
   */
  listFrom(tile) {
    const index = this.tiles.indexOf(tile);
    return [...this.tiles.slice(index), ...this.tiles.slice(0, index)];
  }

  /** @param {Tile} tile */
  select(tile) {
    const index = this.tiles.indexOf(tile);
    if (index >= 0) this.#index = index;
  }

  /**
   * To the neighbour: +1 or -1, round the ends.
   * @param {number} step
   */
  move(step) {
    const n = this.tiles.length;
    if (n === 0) return;
    const from = this.#index < 0 && step < 0 ? 0 : this.#index;
    this.#index = (from + step + n) % n;
  }

  /**
   * A tile was acted on, here or in another page.
   * @param {Act} act
   */
  add(act) {
    act.batchNumber = this.#number;
    act.tile.act = act;
    this.#acts.push(act);
  }

  /** The next open tile becomes current: behind this one, or round the end; none if all is answered. */
  advance() {
    const n = this.tiles.length;
    const steps = Array.from({ length: n }, (_, step) => (this.#index + 1 + step) % n);
    this.#index = steps.find((index) => this.tiles[index].isOpen) ?? -1;
  }

  /**
   * The act does not stand: what stood before it does again.
   * @param {Act} act
   */
  takeBack(act) {
    this.#acts = this.#acts.filter((other) => other !== act);
    if (act.tile.act === act) act.tile.act = act.before;
    for (const later of this.#acts) if (later.before === act) later.before = act.before;
  }

  /** The event of the last act before those that are kept, or null. It is given once: to be undone. */
  takeOlderEventId() {
    return this.#olderEventIds.pop() ?? null;
  }

  /**
   * Another page has undone the event.
   * @param {number | null} eventId
   */
  dropOlderEventId(eventId) {
    this.#olderEventIds = this.#olderEventIds.filter((other) => other !== eventId);
  }

  /**
   * The tile is current again; in front if it is of an earlier batch.
   * @param {Tile} tile
   */
  bringBack(tile) {
    tile.isClosed = false;
    if (!this.tiles.includes(tile)) this.tiles.unshift(tile);
    this.select(tile);
  }

  /** The acts of a tile stay together. */
  #forgetOldActs() {
    const isKept = (/** @type {Act} */ { tile }) => Number(tile.act?.batchNumber) > this.#number - BATCHES_KEPT;
    const old = this.#acts.filter((act) => !isKept(act));
    this.#acts = this.#acts.filter(isKept);
    this.#olderEventIds.push(...old.map(({ eventId }) => eventId).filter((eventId) => eventId !== null));
  }
}

/**
 * @param {Act} act
 * @returns {ActRecord}
 */
function recordAct({ kind, tile, value, key, eventId }) {
  return { kind, imageId: tile.imageId, value, key, eventId };
}
