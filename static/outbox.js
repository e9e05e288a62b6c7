/**
 * What the annotator did, on its way to the server in the order in which it was done. Each entry stays in the store
 * until the server has accepted or refused it, so a reload or a lost server loses nothing. Each carries a key, so what
 * is sent twice counts once. All pages of one annotator share the store; one of them sends at a time.
 *
 * `of` is the key of an answer that may still be on its way; an undo without `of` and `eventId` means the last act that
 * the server has. A receipt is what became of an entry: it tells an undo that waited what to take back, and the other
 * pages what happened.
 *
 * @import { Api, Leased, Stored } from "./api.js"
 * @import { Connection } from "./connection.js"
 * @import { Store } from "./store.js"
 * @typedef {{ kind: "label", imageId: number, value: number }} LabelEntry
 * @typedef {{ kind: "change", imageId: number, value: number, of: string, eventId: number | null }} ChangeEntry
 * @typedef {{ kind: "skip", imageId: number }} SkipEntry
 * @typedef {{ kind: "flag", imageId: number, remark: string }} FlagEntry
 * @typedef {{ kind: "undo", imageId: number | null, of: string | null, eventId: number | null }} UndoEntry
 * @typedef {LabelEntry | ChangeEntry | SkipEntry | FlagEntry | UndoEntry} NewEntry
 * @typedef {NewEntry & { key: string, isTried: boolean }} Entry
 * @typedef {{ entry: Entry, eventId: number, image: Leased | null }} Sent
 * @typedef {{ entry: Entry, error: { code: string, message: string } }} Refused
 */
import { ApiError } from "./api.js";
import { Emitter } from "./emitter.js";

const MAX_RECEIPTS = 200;

/**
 * Tells "change" when the number of entries may have changed; "sent" and "refused" with the receipt, whichever page
 * sent the entry; and of other pages "added" with an entry that is new or has a new value, "withdrawn" with one that
 * was taken out unsent.
 *
 * @extends {Emitter<{ change: null, sent: Sent, refused: Refused, added: Entry, withdrawn: Entry }>}
 */
export class Outbox extends Emitter {
  #entries;
  #receipts;
  #connection;
  #api;
  #lockName;
  #isDraining = false;
  #count = 0;

  /**
   * `entries` and `receipts` are stores of this annotator alone; `lockName` names the right to send.
   * @param {{ entries: Store, receipts: Store, lockName: string,
   *   connection: Connection, api: Api }} parts
   */
  constructor({ entries, receipts, lockName, connection, api }) {
    super();
    this.#entries = entries;
    this.#receipts = receipts;
    this.#lockName = lockName;
    this.#connection = connection;
    this.#api = api;
    entries.watch((_name, entry, old) => this.#onForeignEntry(entry, old));
    receipts.watch((_key, receipt) => receipt && this.#tellReceipt(receipt));
  }

  get size() {
    return this.#entries.keys().length;
  }

  /**
   * The entries, oldest first.
   * @returns {Entry[]}
   */
  get entries() {
    return this.#entries.keys().map((name) => this.#entries.get(name)).filter(Boolean);
  }

  /** The images that the entries are about. */
  get imageIds() {
    return new Set(this.entries.map(({ imageId }) => imageId).filter((imageId) => imageId !== null));
  }

  /** Whether everything has been accepted or refused, and the listeners know. */
  get isEmpty() {
    return this.size === 0 && !this.#isDraining;
  }

  /** Whether a reload would lose nothing. */
  get isLasting() {
    return this.#entries.isLasting;
  }

  /**
   * @param {NewEntry} entry
   * @returns {string} the key by which the other methods and the events name it
   */
  add(entry) {
    const key = randomKey();
    this.#entries.set(this.#nextName(key), { ...entry, key, isTried: false });
    this.tell("change", null);
    this.drain();
    return key;
  }

  /**
   * Another value for an answer that was never sent.
   * @param {string} key
   * @param {number} value
   * @returns {boolean} whether it was never sent
   */
  replaceUnsent(key, value) {
    const name = this.#findUnsent(key);
    if (name === undefined) return false;
    this.#entries.set(name, { ...this.#entries.get(name), value });
    return true;
  }

  /**
   * Take an entry out if it was never sent.
   * @param {string} key
   * @returns {boolean} whether it was never sent
   */
  removeUnsent(key) {
    const name = this.#findUnsent(key);
    if (name === undefined) return false;
    this.#entries.remove(name);
    this.tell("change", null);
    return true;
  }

  /**
   * The event that an entry became, if that is remembered; else null.
   * @param {string | null | undefined} key
   * @returns {number | null}
   */
  findEventId(key) {
    return key ? this.#receipts.get(key)?.eventId ?? null : null;
  }

  /** Send everything, oldest first, as soon as no other page does; ends when nothing is left. */
  async drain() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    await withLock(this.#lockName, async () => {
      for (let [name] = this.#entries.keys(); name !== undefined; [name] = this.#entries.keys()) await this.#send(name);
    });
    this.#isDraining = false;
    this.tell("change", null);
  }

  /**
   * Alphabetical order is the order of the acts, also where the clock was set back or another page wrote last.
   * @param {string} key
   */
  #nextName(key) {
    const last = Number(this.#entries.keys().at(-1)?.split("-")[0] ?? 0);
    this.#count += 1;
    return `${String(Math.max(Date.now(), last)).padStart(15, "0")}-${String(this.#count).padStart(6, "0")}-${key}`;
  }

  /**
   * Another page may begin to send it in the same moment; one person's hands are not that quick in two pages.
   * @param {string} key
   */
  #findUnsent(key) {
    return this.#entries.keys().find((name) => name.endsWith(key) && this.#entries.get(name)?.isTried === false);
  }

  /** @param {string} name */
  async #send(name) {
    try {
      await this.#connection.persist(() => this.#try(name));
    } catch (error) {
      const entry = this.#entries.get(name);
      if (entry !== null) this.#finish(name, { entry, error: { code: error.code, message: error.message } });
    }
    this.tell("change", null);
  }

  /** @param {string} name */
  async #try(name) {
    /** @type {Entry | null} */
    const stored = this.#entries.get(name);
    if (stored === null) {
      this.#entries.remove(name); // unreadable, or another page has dealt with it
      return;
    }
    if (this.#isOrphan(stored)) {
      this.#entries.remove(name); // what it takes back or changes was refused, and that was told
      return;
    }
    const entry = { ...stored, isTried: true };
    this.#entries.set(name, entry);
    const { event_id: eventId, image = null } = await this.#post(entry);
    this.#finish(name, { entry, eventId, image });
  }

  /** @param {Entry} entry */
  #isOrphan(entry) {
    const isAboutAnother = entry.kind === "change" || entry.kind === "undo";
    return isAboutAnother && entry.of && entry.eventId === null && this.findEventId(entry.of) === null;
  }

  /**
   * @param {Entry} entry
   * @returns {Promise<Stored>}
   */
  async #post(entry) {
    switch (entry.kind) {
      case "label":
        return (await this.#api.label(entry.imageId, entry.value, entry.key)).events[0];
      case "change":
        return this.#api.change(entry.eventId ?? this.findEventId(entry.of), entry.value, entry.key);
      case "skip":
        return this.#api.skip(entry.imageId, entry.key);
      case "flag":
        return this.#api.flag(entry.imageId, entry.remark, entry.key);
      case "undo": {
        const { event, image } = await this.#api.undo(entry.eventId ?? this.findEventId(entry.of), entry.key);
        return { ...event, image };
      }
      default: {
        const { kind } = /** @type {{ kind: string }} */ (entry); // of a newer version of this page
        throw new ApiError({ status: 422, detail: `This page does not know how to send “${kind}”.` });
      }
    }
  }

  /**
   * The receipt comes first: a reload in between sends once more, and the key makes that harmless.
   * @param {string} name
   * @param {Sent | Refused} receipt
   */
  #finish(name, receipt) {
    this.#receipts.set(receipt.entry.key, { ...receipt, at: Date.now() });
    this.#entries.remove(name);
    this.#tellReceipt(receipt);
    this.#forgetOldReceipts();
  }

  #forgetOldReceipts() {
    const keys = this.#receipts.keys();
    if (keys.length <= MAX_RECEIPTS) return;
    /** @type {[string, number][]} */
    const ages = keys.map((key) => [key, this.#receipts.get(key)?.at ?? 0]);
    ages.sort(([, one], [, other]) => one - other);
    for (const [key] of ages.slice(0, MAX_RECEIPTS / 2)) this.#receipts.remove(key);
  }

  /**
   * @param {Entry | null} entry
   * @param {Entry | null} old
   */
  #onForeignEntry(entry, old) {
    if (entry !== null && (old === null || valueOf(old) !== valueOf(entry))) this.tell("added", entry);
    if (entry === null && old !== null && this.#receipts.get(old.key) === null) this.tell("withdrawn", old);
    this.tell("change", null);
  }

  /** @param {Sent | Refused} receipt */
  #tellReceipt(receipt) {
    if ("error" in receipt) this.tell("refused", receipt);
    else this.tell("sent", receipt);
  }
}

/**
 * The class that an entry answers with; null where it is no answer.
 * @param {Entry} entry
 */
export function valueOf(entry) {
  return "value" in entry ? entry.value : null;
}

/**
 * Two pages may still send one entry, which its key makes harmless: the storage of one shows what the other did a
 * moment late, and without TLS browsers have no locks.
 * @param {string} name
 * @param {() => Promise<void>} action
 */
function withLock(name, action) {
  return navigator.locks ? navigator.locks.request(name, action) : action();
}

/** 128 random bits as 32 hex digits; crypto.randomUUID is missing where the page came without TLS. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
