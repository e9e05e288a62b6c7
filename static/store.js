/**
 * Small things that survive a reload and are shared by all pages of this browser, in localStorage. What the browser
 * refuses to store, because storage is full or forbidden, stays in memory until the page is closed.
 */

/** All keys of one store begin with its prefix, so that stores do not see each other's. */
export class Store {
  #prefix;
  #storage = usableStorage();
  /** @type {Map<string, string>} */
  #unkept = new Map(); // what the storage did not take

  /** @param {string} prefix */
  constructor(prefix) {
    this.#prefix = prefix;
  }

  /** Whether everything here survives the page. */
  get isLasting() {
    return this.#unkept.size === 0;
  }

  /**
   * @param {string} key
   * @returns {any} null where nothing is stored
   */
  get(key) {
    return parse(this.#unkept.get(key) ?? this.#storage?.getItem(this.#prefix + key) ?? null);
  }

  /**
   * @param {string} key
   * @param {unknown} value
   */
  set(key, value) {
    const text = JSON.stringify(value);
    if (this.#write(this.#prefix + key, text)) this.#unkept.delete(key);
    else this.#unkept.set(key, text);
  }

  /** @param {string} key */
  remove(key) {
    this.#unkept.delete(key);
    this.#storage?.removeItem(this.#prefix + key);
  }

  /** The keys, without the prefix, in alphabetical order. */
  keys() {
    const stored = this.#storage === null ? [] : Object.keys(this.#storage);
    const own = stored.filter((key) => key.startsWith(this.#prefix)).map((key) => key.slice(this.#prefix.length));
    return [...new Set([...this.#unkept.keys(), ...own])].sort();
  }

  /**
   * Call `listener` when another page sets or removes something; then value or old is null.
   * @param {(key: string, value: any, old: any) => void} listener
   */
  watch(listener) {
    addEventListener("storage", ({ storageArea, key, newValue, oldValue }) => {
      if (storageArea !== this.#storage || !key?.startsWith(this.#prefix)) return;
      listener(key.slice(this.#prefix.length), parse(newValue), parse(oldValue));
    });
  }

  /**
   * Whether the storage took it. If not, an older value is gone too: it must not come back after a reload.
   * @param {string} key
   * @param {string} text
   */
  #write(key, text) {
    try {
      this.#storage?.setItem(key, text);
      return this.#storage !== null;
    } catch {
      this.#storage?.removeItem(key);
      return false;
    }
  }
}

/** @param {string | null} text */
function parse(text) {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null; // another script wrote it: as good as nothing
  }
}

function usableStorage() {
  try {
    void localStorage.length; // throws where storage is forbidden
    return localStorage;
  } catch {
    return null;
  }
}
