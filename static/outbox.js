/**
 * Answers and undos on their way to the server, in the order in which they were given. Each lies in the
 * store until the server has said yes or no, so a reload or a server that is gone loses nothing, and each
 * carries a key, so what is sent twice counts once.
 *
 * Entries: {kind: "label", key, imageId, value, isTried}
 *          {kind: "undo", key, of, eventId, isTried}, where `of` is the key of an answer that may still be on
 *          its way; without `of` and `eventId` it means the last answer that the server has.
 *
 * Dispatches "change" when the number of entries changes, "sent" with detail {entry, answer}, and "refused"
 * with detail {entry, error}.
 */
import { ApiError } from "./api.js";

export class Outbox extends EventTarget {
  #entries = new Map(); // by name, oldest first; the store is its copy for the time after a reload
  #left = new Set(); // names found in the store at the start: another page may still be at work on them
  #store;
  #connection;
  #api;
  #isDraining = false;
  #count = 0;

  constructor(store, connection, api) {
    super();
    this.#store = store;
    this.#connection = connection;
    this.#api = api;
    for (const name of store.keys()) {
      const entry = store.get(name);
      if (entry === null) continue;
      this.#entries.set(name, entry);
      this.#left.add(name);
    }
  }

  get size() {
    return this.#entries.size;
  }

  /** The entries, oldest first. */
  get entries() {
    return [...this.#entries.values()];
  }

  /** Whether all has been acknowledged or refused, and the listeners know. */
  get isEmpty() {
    return this.size === 0 && !this.#isDraining;
  }

  /** Returns the key by which "sent" and "refused" will name it. */
  addLabel(imageId, value) {
    return this.#add({ kind: "label", imageId, value });
  }

  /** The same for an undo; see above for what its arguments mean. */
  addUndo({ of = null, eventId = null } = {}) {
    return this.#add({ kind: "undo", of: eventId === null ? of : null, eventId });
  }

  /** Take an entry out if it was never sent; whether that was so. */
  removeUnsent(key) {
    for (const [name, entry] of this.#entries) {
      if (entry.key !== key || entry.isTried) continue;
      this.#remove(name);
      this.#tell("change");
      return true;
    }
    return false;
  }

  /** Send everything, oldest first; ends when nothing is left. */
  async drain() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    while (this.size > 0) await this.#send(this.#entries.keys().next().value);
    this.#isDraining = false;
    this.#tell("change");
  }

  #add(entry) {
    const key = randomKey();
    this.#count += 1;
    const order = `${String(Date.now()).padStart(15, "0")}-${String(this.#count).padStart(6, "0")}`;
    this.#put(`${order}-${key}`, { ...entry, key, isTried: false });
    this.#tell("change");
    this.drain();
    return key;
  }

  async #send(name) {
    try {
      const answer = await this.#connection.persist(() => this.#try(name));
      const entry = this.#entries.get(name);
      if (answer !== null && entry.kind === "label") this.#resolveUndos(entry.key, answer.events[0].event_id);
      this.#remove(name); // after the line above: a reload in between sends again, and the key makes that harmless
      if (answer !== null) this.#tell("sent", { entry, answer });
    } catch (error) {
      const entry = this.#entries.get(name);
      this.#dropUndos(entry.key);
      this.#remove(name);
      this.#tell("refused", { entry, error });
    }
    this.#tell("change");
  }

  #try(name) {
    if (this.#left.has(name) && this.#store.get(name) === null) return null; // the other page has dealt with it
    this.#left.delete(name);
    const entry = { ...this.#entries.get(name), isTried: true };
    this.#put(name, entry);
    if (entry.kind === "label") return this.#api.label(entry.imageId, entry.value, entry.key);
    if (entry.of !== null) throw new ApiError({ status: 404, detail: "The answer to take back never arrived." });
    return this.#api.undo(entry.eventId, entry.key);
  }

  /** The answer is in: the undos that waited for it now know which event to take back. */
  #resolveUndos(key, eventId) {
    for (const [name, entry] of this.#entries) {
      if (entry.of === key) this.#put(name, { ...entry, of: null, eventId });
    }
  }

  /** The answer was refused: there is nothing to take back. */
  #dropUndos(key) {
    for (const [name, entry] of this.#entries) {
      if (entry.of === key) this.#remove(name);
    }
  }

  #put(name, entry) {
    this.#entries.set(name, entry);
    this.#store.set(name, entry);
  }

  #remove(name) {
    this.#entries.delete(name);
    this.#store.remove(name);
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** 128 random bits as 32 hex digits; crypto.randomUUID is missing where the page came without TLS. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
