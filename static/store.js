/** Small things that survive a reload, in localStorage; in memory where the browser refuses that. */

/** All keys of one store begin with its prefix, so that stores do not see each other's. */
export class Store {
  #prefix;
  #storage;

  constructor(prefix, storage = usableStorage()) {
    this.#prefix = prefix;
    this.#storage = storage;
  }

  get(key) {
    const text = this.#storage.getItem(this.#prefix + key);
    try {
      return text === null ? null : JSON.parse(text);
    } catch {
      return null; // somebody else's writing: as good as nothing
    }
  }

  /** A full storage is no failure: what is kept here is a copy for the time after a reload. */
  set(key, value) {
    try {
      this.#storage.setItem(this.#prefix + key, JSON.stringify(value));
    } catch {
      this.remove(key); // rather nothing than what was true before
    }
  }

  remove(key) {
    this.#storage.removeItem(this.#prefix + key);
  }

  /** The keys, without the prefix, in alphabetical order. */
  keys() {
    const found = [];
    for (let i = 0; i < this.#storage.length; i += 1) {
      const key = this.#storage.key(i);
      if (key.startsWith(this.#prefix)) found.push(key.slice(this.#prefix.length));
    }
    return found.sort();
  }
}

function usableStorage() {
  try {
    localStorage.setItem("inkling:probe", "1");
    localStorage.removeItem("inkling:probe");
    return localStorage;
  } catch {
    return new MemoryStorage();
  }
}

class MemoryStorage {
  #items = new Map();

  get length() {
    return this.#items.size;
  }

  key(index) {
    return [...this.#items.keys()][index];
  }

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, text) {
    this.#items.set(key, text);
  }

  removeItem(key) {
    this.#items.delete(key);
  }
}
