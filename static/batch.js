/** The images that are asked together, the one that is current, and what was done with them. No page, no network. */

/** One image of a batch. */
export class Tile {
  act = null; // the last one that stands: see Act
  isFlagged = false;
  isClosed = false; // somebody else's label stands, or the image is with somebody else: nothing to answer

  /** `leased` is the image as the server gave it. */
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

  /** Nobody may answer what they have not seen. */
  get isSeen() {
    return this.picture.complete && this.picture.naturalWidth > 0;
  }
}

/**
 * A label, a change or a skip. `key` names it in the outbox, `eventId` the same on the server once it is there.
 * `before` is the act of the same tile that stands again when this one is taken back.
 */
export class Act {
  eventId = null;

  constructor(kind, tile, value, key) {
    Object.assign(this, { kind, tile, value, key, before: tile.act });
  }
}

export class Batch {
  tiles = [];
  #index = 0; // -1: everything is answered, and no tile was gone back to
  #acts = []; // those that stand, by time, those of earlier batches too: what undo takes back

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

  get lastAct() {
    return this.#acts.at(-1) ?? null;
  }

  /** The next batch. What is open still stays in front. */
  replace(tiles) {
    const open = this.open.filter((old) => !tiles.some((tile) => tile.imageId === old.imageId));
    this.tiles = [...open, ...tiles];
    this.#index = 0;
  }

  /** These are held now: other open tiles are with somebody else, unless `pending` has them; what is new comes behind. */
  align(tiles, pending) {
    for (const tile of this.open) tile.isClosed = !tiles.includes(tile) && !pending.has(tile.imageId);
    this.tiles = [...this.tiles, ...tiles.filter((tile) => !this.tiles.includes(tile))];
    for (const tile of tiles) tile.isClosed = false;
    if (!this.current?.isOpen) this.advance();
  }

  findAct(key) {
    return this.#acts.find((act) => act.key === key) ?? null;
  }

  findTile(imageId) {
    return this.tiles.find((tile) => tile.imageId === imageId) ?? null;
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

  /** Something was done with a tile, here or in another page. */
  add(act) {
    act.tile.act = act;
    this.#acts.push(act);
  }

  /** The next open tile becomes current: behind this one, or round the end; none if all is answered. */
  advance() {
    const n = this.tiles.length;
    const steps = Array.from({ length: n }, (_, step) => (this.#index + 1 + step) % n);
    this.#index = steps.find((index) => this.tiles[index].isOpen) ?? -1;
  }

  /** The act does not stand: what stood before it does again. */
  takeBack(act) {
    this.#acts = this.#acts.filter((other) => other !== act);
    if (act.tile.act === act) act.tile.act = act.before;
    for (const later of this.#acts) if (later.before === act) later.before = act.before;
  }

  /** The tile is current again; in front if it is of an earlier batch. */
  bringBack(tile) {
    tile.isClosed = false;
    if (!this.tiles.includes(tile)) this.tiles.unshift(tile);
    this.select(tile);
  }
}
