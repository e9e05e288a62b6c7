/** An object that tells others what happened, with types for what it tells. */

/**
 * `Told` names each event and what its listeners get with it.
 * @template {Record<string, any>} Told
 */
export class Emitter extends EventTarget {
  /**
   * @template {keyof Told & string} Type
   * @param {Type} type
   * @param {(detail: Told[Type]) => void} listener
   */
  on(type, listener) {
    this.addEventListener(type, (event) => listener(/** @type {CustomEvent} */ (event).detail));
  }

  /**
   * @template {keyof Told & string} Type
   * @param {Type} type
   * @param {Told[Type]} detail
   */
  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
