/** The images that are asked together, the one that is current, and what was answered. No page, no network. */

/** One image of a batch. `key` names the answer in the outbox, `eventId` the same on the server once it is there. */
export class Tile {
  value = null;
  key = null;
  eventId = null;
  isClosed = false; // somebody else's label stands, or the image is with somebody else: nothing to answer

  constructor(leased, picture) {
    this.imageId = leased.image_id;
    this.prediction = leased.prediction;
    this.confidence = leased.confidence;
    this.picture = picture;
  }

  get isOpen() {
    return this.value === null && !this.isClosed;
  }

  /** Nobody may answer what they have not seen. */
  get isSeen() {
    return this.picture.complete && this.picture.naturalWidth > 0;
  }
}

export class Batch {
  tiles = [];
  #index = 0; // -1: everything is answered, and no tile was gone back to
  #answered = []; // tiles by the time of their answer, those of earlier batches too: what undo takes back

  get current() {
    return this.tiles[this.#index] ?? null;
  }

  /** Whether no image waits for an answer; so it is of an empty batch. */
  get isDone() {
    return !this.tiles.some((tile) => tile.isOpen);
  }

  get lastAnswered() {
    return this.#answered.at(-1) ?? null;
  }

  /** The next batch. What is open still stays in front. */
  replace(tiles) {
    const open = this.tiles.filter((old) => old.isOpen && !tiles.some((tile) => tile.imageId === old.imageId));
    this.tiles = [...open, ...tiles];
    this.#index = 0;
  }

  find(key) {
    return [...this.#answered, ...this.tiles].find((tile) => tile.key === key) ?? null;
  }

  select(tile) {
    const index = this.tiles.indexOf(tile);
    if (index >= 0) this.#index = index;
  }

  /** To the neighbour: +1 or -1, round the ends. */
  move(step) {
    const n = this.tiles.length;
    if (n === 0) return;
    const from = this.#index < 0 && step < 0 ? 0 : this.#index;
    this.#index = (from + step + n) % n;
  }

  /** The answer to the current tile. */
  answer(value, key) {
    const tile = this.current;
    Object.assign(tile, { value, key, eventId: null });
    this.#answered.push(tile);
    this.advance();
  }

  /** The next open tile becomes current: behind this one, or round the end; none if all is answered. */
  advance() {
    const n = this.tiles.length;
    const steps = Array.from({ length: n }, (_, step) => (this.#index + 1 + step) % n);
    this.#index = steps.find((index) => this.tiles[index].isOpen) ?? -1;
  }

  /** The tile is open and current again; in front if it is of an earlier batch. */
  reopen(tile) {
    this.forget(tile);
    if (!this.tiles.includes(tile)) this.tiles.unshift(tile);
    this.select(tile);
  }

  /** The answer does not stand, whatever becomes of the tile. */
  forget(tile) {
    Object.assign(tile, { value: null, key: null, eventId: null });
    this.#answered = this.#answered.filter((other) => other !== tile);
  }
}
