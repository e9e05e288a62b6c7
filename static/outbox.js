/**
 * What the annotator did, on its way to the server in the order in which it was done. Each entry lies in the store
 * until the server has said yes or no, so a reload or a server that is gone loses nothing, and each carries a key, so
 * what is sent twice counts once. All pages of one annotator share the store; one of them sends at a time.
 *
 * Entries: {key, isTried, kind, imageId} and by kind: label {value}; change {value, of, eventId}; skip; flag {remark};
 * undo {of, eventId}. `of` is the key of an answer that may still be on its way; an undo without `of` and `eventId`
 * means the last act that the server has. A receipt is what became of an entry: {entry, eventId, image} or {entry,
 * error}. Receipts tell an undo that waited what to take back, and the other pages what happened.
 *
 * Dispatches "change" when the number of entries may have changed; "sent" and "refused" with the receipt as detail,
 * whichever page sent it; and of other pages "added" with an entry that is new or has a new value, "withdrawn" with
 * one that was taken out unsent.
 */
import { ApiError } from "./api.js";

const MAX_RECEIPTS = 200;

export class Outbox extends EventTarget {
  #entries;
  #receipts;
  #connection;
  #api;
  #lockName;
  #isDraining = false;
  #count = 0;

  /** `entries` and `receipts` are stores of this annotator alone; `lockName` names the right to send. */
  constructor({ entries, receipts, lockName, connection, api }) {
    super();
    this.#entries = entries;
    this.#receipts = receipts;
    this.#lockName = lockName;
    this.#connection = connection;
    this.#api = api;
    entries.watch((name, entry, old) => this.#onForeignEntry(entry, old));
    receipts.watch((key, receipt) => receipt && this.#tellReceipt(receipt));
  }

  get size() {
    return this.#entries.keys().length;
  }

  /** The entries, oldest first. */
  get entries() {
    return this.#entries.keys().map((name) => this.#entries.get(name)).filter(Boolean);
  }

  /** The images that the entries are about. */
  get imageIds() {
    return new Set(this.entries.map(({ imageId }) => imageId));
  }

  /** Whether all has been acknowledged or refused, and the listeners know. */
  get isEmpty() {
    return this.size === 0 && !this.#isDraining;
  }

  /** Whether a reload would lose nothing. */
  get isLasting() {
    return this.#entries.isLasting;
  }

  /** Returns the key by which the other methods and the events name it. */
  add(entry) {
    const key = randomKey();
    this.#entries.set(this.#nextName(key), { ...entry, key, isTried: false });
    this.#tell("change");
    this.drain();
    return key;
  }

  /** Another value for an answer that was never sent; whether that was so. */
  replaceUnsent(key, value) {
    const name = this.#findUnsent(key);
    if (name === undefined) return false;
    this.#entries.set(name, { ...this.#entries.get(name), value });
    return true;
  }

  /** Take an entry out if it was never sent; whether that was so. */
  removeUnsent(key) {
    const name = this.#findUnsent(key);
    if (name === undefined) return false;
    this.#entries.remove(name);
    this.#tell("change");
    return true;
  }

  /** The event that an entry became, if that is remembered; else null. */
  findEventId(key) {
    return this.#receipts.get(key)?.eventId ?? null;
  }

  /** Send everything, oldest first, as soon as no other page does; ends when nothing is left. */
  async drain() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    await withLock(this.#lockName, async () => {
      for (let name = this.#entries.keys()[0]; name !== undefined; name = this.#entries.keys()[0]) await this.#send(name);
    });
    this.#isDraining = false;
    this.#tell("change");
  }

  /** Alphabetical order is the order of the acts, also where the clock was set back or another page wrote last. */
  #nextName(key) {
    const last = Number(this.#entries.keys().at(-1)?.split("-")[0] ?? 0);
    this.#count += 1;
    return `${String(Math.max(Date.now(), last)).padStart(15, "0")}-${String(this.#count).padStart(6, "0")}-${key}`;
  }

  /** Another page may begin to send it in the same moment; one person's hands are not that quick in two pages. */
  #findUnsent(key) {
    return this.#entries.keys().find((name) => name.endsWith(key) && this.#entries.get(name)?.isTried === false);
  }

  async #send(name) {
    try {
      await this.#connection.persist(() => this.#try(name));
    } catch (error) {
      const entry = this.#entries.get(name);
      if (entry !== null) this.#finish(name, { entry, error: { code: error.code, message: error.message } });
    }
    this.#tell("change");
  }

  async #try(name) {
    const stored = this.#entries.get(name);
    if (stored === null) {
      this.#entries.remove(name); // unreadable, or another page has dealt with it
      return;
    }
    const entry = { ...stored, isTried: true };
    const isOrphan = entry.of && entry.eventId === null && this.findEventId(entry.of) === null;
    if (isOrphan) {
      this.#entries.remove(name); // what it takes back or changes was refused, and that was told
      return;
    }
    this.#entries.set(name, entry);
    const { event_id: eventId, image = null } = await this.#post(entry);
    this.#finish(name, { entry, eventId, image });
  }

  async #post(entry) {
    const eventId = entry.eventId ?? this.findEventId(entry.of);
    switch (entry.kind) {
      case "label":
        return (await this.#api.label(entry.imageId, entry.value, entry.key)).events[0];
      case "change":
        return this.#api.change(eventId, entry.value, entry.key);
      case "skip":
        return this.#api.skip(entry.imageId, entry.key);
      case "flag":
        return this.#api.flag(entry.imageId, entry.remark, entry.key);
      case "undo": {
        const { event, image } = await this.#api.undo(eventId, entry.key);
        return { ...event, image };
      }
      default:
        throw new ApiError({ status: 422, detail: `This page does not know how to send “${entry.kind}”.` });
    }
  }

  /** The receipt comes first: a reload in between sends once more, and the key makes that harmless. */
  #finish(name, receipt) {
    this.#receipts.set(receipt.entry.key, { ...receipt, at: Date.now() });
    this.#entries.remove(name);
    this.#tellReceipt(receipt);
    this.#forgetOldReceipts();
  }

  #forgetOldReceipts() {
    const keys = this.#receipts.keys();
    if (keys.length <= MAX_RECEIPTS) return;
    const age = new Map(keys.map((key) => [key, this.#receipts.get(key)?.at ?? 0]));
    keys.sort((one, other) => age.get(one) - age.get(other));
    for (const key of keys.slice(0, MAX_RECEIPTS / 2)) this.#receipts.remove(key);
  }

  #onForeignEntry(entry, old) {
    if (entry !== null && (old === null || old.value !== entry.value)) this.#tell("added", entry);
    if (entry === null && old !== null && this.#receipts.get(old.key) === null) this.#tell("withdrawn", old);
    this.#tell("change");
  }

  #tellReceipt(receipt) {
    this.#tell(receipt.error ? "refused" : "sent", receipt);
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * Two pages may still send one entry, which its key makes harmless: the storage of one shows what the other did a
 * moment late, and without TLS browsers have no locks.
 */
function withLock(name, action) {
  return navigator.locks ? navigator.locks.request(name, action) : action();
}

/** 128 random bits as 32 hex digits; crypto.randomUUID is missing where the page came without TLS. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
