/**
 * Small things that survive a reload and are shared by all pages of this browser, in localStorage. What the browser
 * refuses to keep, for it is full or forbidden, is kept in memory: then it lasts as long as the page.
 */

/** All keys of one store begin with its prefix, so that stores do not see each other's. */
export class Store {
  #prefix;
  #storage = usableStorage();
  #unkept = new Map(); // what the storage did not take

  constructor(prefix) {
    this.#prefix = prefix;
  }

  /** Whether everything here is safe from the page's end. */
  get isLasting() {
    return this.#unkept.size === 0;
  }

  get(key) {
    const text = this.#unkept.get(key) ?? this.#storage?.getItem(this.#prefix + key) ?? null;
    return text === null ? null : parse(text);
  }

  set(key, value) {
    const text = JSON.stringify(value);
    try {
      this.#storage.setItem(this.#prefix + key, text);
      this.#unkept.delete(key);
    } catch {
      this.#storage?.removeItem(this.#prefix + key); // rather nothing than what was true before
      this.#unkept.set(key, text);
    }
  }

  remove(key) {
    this.#unkept.delete(key);
    this.#storage?.removeItem(this.#prefix + key);
  }

  /** The keys, without the prefix, in alphabetical order. */
  keys() {
    const found = new Set(this.#unkept.keys());
    for (let i = 0; i < (this.#storage?.length ?? 0); i += 1) {
      const key = this.#storage.key(i);
      if (key.startsWith(this.#prefix)) found.add(key.slice(this.#prefix.length));
    }
    return [...found].sort();
  }

  /** Call `listener(key, value, old)` when another page sets or removes something; then value or old is null. */
  watch(listener) {
    addEventListener("storage", ({ storageArea, key, newValue, oldValue }) => {
      if (storageArea !== this.#storage || !key?.startsWith(this.#prefix)) return;
      listener(key.slice(this.#prefix.length), parse(newValue), parse(oldValue));
    });
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // somebody else's writing: as good as nothing
  }
}

function usableStorage() {
  try {
    localStorage.length;
    return localStorage;
  } catch {
    return null;
  }
}
