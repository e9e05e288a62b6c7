/**
 * Makes a pool and brings its images: a few files a request, so that a bar moves, a lost connection costs little, and
 * what is refused is named at once. A file that was sent before the line broke is known to the server, and comes once.
 *
 * @typedef {{ name: string, status: "added" | "known" | "refused", image_id: number | null, reason: string | null }} Placed
 */
import { ApiError, request } from "./api.js";
import { Connection } from "./connection.js";
import { findAllIn, findIn } from "./find.js";
import { count, plural } from "./format.js";

const FILES_A_REQUEST = 20;
const BYTES_A_REQUEST = 8_000_000;
const N_THUMBS = 24;
const UPLOAD_MS = 300_000; // an archive may take minutes
const NAMES_SHOWN = 500;

const place = findIn(document, "[data-bring]");
const connection = new Connection();
let slug = place.dataset.slug ?? "";

class Bringing {
  /** @type {File[]} */
  #queue = [];
  #isRunning = false;
  #isCancelled = false;
  #n = { added: 0, known: 0, refused: 0, sent: 0, all: 0 };

  /** @param {File[]} files */
  async add(files) {
    this.#queue.push(...files);
    this.#n.all += files.length;
    this.#isCancelled = false;
    const wasRunning = this.#isRunning;
    this.#isRunning = true;
    this.#show();
    if (wasRunning) return;
    while (this.#queue.length > 0 && !this.#isCancelled) await this.#send(this.#take());
    this.#isRunning = false;
    this.#show();
  }

  cancel() {
    this.#isCancelled = true;
    this.#n.all -= this.#queue.length;
    this.#queue = [];
  }

  /** The next few; a large file goes by itself. */
  #take() {
    const files = [];
    let nBytes = 0;
    while (this.#queue.length > 0 && files.length < FILES_A_REQUEST) {
      nBytes += this.#queue[0].size;
      if (files.length > 0 && nBytes > BYTES_A_REQUEST) break;
      files.push(/** @type {File} */ (this.#queue.shift()));
    }
    return files;
  }

  /** @param {File[]} files */
  async #send(files) {
    const body = new FormData();
    for (const file of files) body.append("files", file, file.webkitRelativePath || file.name);
    try {
      const { items } = await connection.persist(() =>
        request("POST", `/api/v1/pools/${slug}/images`, body, UPLOAD_MS)
      );
      this.#note(items);
    } catch (error) {
      const reason = error instanceof ApiError ? error.message : String(error);
      this.#note(files.map(({ name }) => ({ name, status: "refused", image_id: null, reason })));
    }
    this.#n.sent += files.length;
    this.#show();
  }

  /** @param {Placed[]} items */
  #note(items) {
    for (const item of items) {
      this.#n[item.status] += 1;
      if (item.status === "added") showThumb(item);
      if (item.status === "refused") showRefused(item);
    }
  }

  #show() {
    const { added, known, refused, sent, all } = this.#n;
    findIn(place, "[data-sending]").hidden = !this.#isRunning;
    const bar = /** @type {HTMLProgressElement} */ (findIn(place, "[data-bar]"));
    bar.value = all === 0 ? 0 : sent / all;
    const parts = [
      this.#isRunning && `${count(sent)} of ${plural(all, "file")} sent`,
      `${plural(added, "image")} added`,
      known > 0 && `${count(known)} already there`,
      refused > 0 && `${count(refused)} refused`,
      this.#isCancelled && "the rest was cancelled",
    ];
    findIn(place, "[data-status]").textContent = `${parts.filter(Boolean).join(", ")}.`;
    findIn(place, "[data-next]").hidden = this.#isRunning || added + known === 0;
    findIn(place, "[data-refused]").hidden = refused === 0;
    findIn(place, "[data-n-refused]").textContent = `${plural(refused, "file")} refused: which and why`;
  }
}

/** @param {Placed} item */
function showThumb({ image_id: imageId }) {
  const thumbs = findIn(place, "[data-thumbs]");
  if (thumbs.children.length >= N_THUMBS) return;
  const item = document.createElement("li");
  item.append(Object.assign(new Image(), { alt: "", src: `/images/${imageId}.webp?side=112` }));
  thumbs.append(item);
}

/** @param {Placed} item */
function showRefused({ name, reason }) {
  const list = findIn(place, "[data-list]");
  if (list.children.length >= NAMES_SHOWN) return;
  const item = document.createElement("li");
  item.append(Object.assign(document.createElement("strong"), { textContent: name }), ` ${reason ?? ""}`);
  list.append(item);
}

/**
 * All files below what was dropped.
 * @param {FileSystemEntry} entry
 * @returns {Promise<File[]>}
 */
async function readEntry(entry) {
  if (entry.isFile) {
    const file = /** @type {FileSystemFileEntry} */ (entry);
    return [await new Promise((resolve, reject) => file.file(resolve, reject))];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (some.length === 0) return found;
    for (const each of some) found.push(...await readEntry(each));
  }
}

/** @param {string} name */
function asSlug(name) {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);
}

/** @param {HTMLFormElement} form */
function offerForm(form) {
  const { name, classes, colours, side, chance } = /** @type {any} */ (form.elements);
  const shown = findIn(form, "[data-slug-shown]");
  name.addEventListener("input", () => (shown.textContent = asSlug(name.value) || "…"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const refusal = findIn(form, "[data-refusal]");
    refusal.hidden = true;
    const names = classes.value.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean);
    try {
      if (asSlug(name.value) === "") throw new ApiError({ detail: "Give the pool a name with a letter or a digit." });
      if (names.length < 2) throw new ApiError({ detail: "Name two classes at least, one a line." });
      const size = Number(side.value);
      const pool = await request("POST", "/api/v1/pools", {
        slug: asSlug(name.value),
        name: name.value.trim(),
        classes: names,
        colours: colours.checked,
        width: size,
        height: size,
        chance_every: chance.value === "" ? null : Number(chance.value),
      });
      begin(pool.slug, form);
    } catch (error) {
      refusal.textContent = error.message;
      refusal.hidden = false;
      refusal.scrollIntoView({ block: "nearest" });
    }
  });
}

/**
 * The pool is there: its images can come.
 * @param {string} made
 * @param {HTMLFormElement} form
 */
function begin(made, form) {
  slug = made;
  for (const field of findAllIn(form, "input, textarea, button")) field.toggleAttribute("disabled", true);
  const link = /** @type {HTMLAnchorElement} */ (findIn(place, "[data-label]"));
  link.href = `/pools/${slug}/label`;
  findIn(place, "[data-drop]").hidden = false;
  findIn(place, "#images-title").focus();
}

function offerDrop() {
  const bringing = new Bringing();
  const zone = findIn(place, "[data-drop]");
  for (const field of findAllIn(zone, "[data-files], [data-folder]")) {
    const input = /** @type {HTMLInputElement} */ (field);
    input.addEventListener("change", () => {
      bringing.add([...input.files ?? []]);
      input.value = "";
    });
  }
  findIn(zone, "[data-cancel]").addEventListener("click", () => bringing.cancel());
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.dataset.over = "";
  });
  zone.addEventListener("dragleave", () => delete zone.dataset.over);
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    delete zone.dataset.over;
    const entries = [...event.dataTransfer?.items ?? []].map((item) => item.webkitGetAsEntry());
    for (const entry of entries) if (entry !== null) bringing.add(await readEntry(entry));
  });
  connection.on("change", () => {
    const line = findIn(zone, "[data-trouble]");
    line.hidden = connection.trouble === null;
    line.textContent = connection.trouble ? `${connection.trouble.message} It goes on by itself from there.` : "";
  });
}

/** @type {HTMLFormElement | null} */
const form = document.querySelector("[data-form]");
if (form !== null) offerForm(form);
offerDrop();
