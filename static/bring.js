/**
 * Brings images to a pool: a few files a request, so that a bar moves, a lost connection costs little, and
 * what is refused is named at once. A file that was sent before the line broke is known to the server, and comes once.
 *
 * @typedef {{ name: string, status: "added" | "known" | "refused", image_id: number | null, reason: string | null,
 *   label: string | null }} Placed
 * @typedef {{ file: File, path: string }} Found a file and its path, with the folders in which it came
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
const slug = place.dataset.slug ?? "";

class Bringing {
  /** @type {Found[]} */
  #queue = [];
  #isRunning = false;
  #isCancelled = false;
  #n = { added: 0, known: 0, refused: 0, labeled: 0, sent: 0, all: 0 };

  /** @param {Found[]} files */
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
      nBytes += this.#queue[0].file.size;
      if (files.length > 0 && nBytes > BYTES_A_REQUEST) break;
      files.push(/** @type {Found} */ (this.#queue.shift()));
    }
    return files;
  }

  /** @param {Found[]} files */
  async #send(files) {
    const body = new FormData();
    for (const { file, path } of files) body.append("files", file, path);
    const folders = /** @type {HTMLSelectElement} */ (findIn(place, "[data-folders]")).value;
    try {
      const { items } = await connection.persist(() =>
        request("POST", `/api/v1/pools/${slug}/images?folders=${folders}`, body, UPLOAD_MS)
      );
      this.#note(items);
    } catch (error) {
      const reason = error instanceof ApiError ? error.message : String(error);
      this.#note(files.map(({ path }) => ({ name: path, status: "refused", image_id: null, reason, label: null })));
    }
    this.#n.sent += files.length;
    this.#show();
  }

  /** @param {Placed[]} items */
  #note(items) {
    for (const item of items) {
      this.#n[item.status] += 1;
      if (item.label !== null) this.#n.labeled += 1;
      if (item.status === "added") showThumb(item);
      if (item.status === "refused") showRefused(item);
    }
  }

  #show() {
    const { added, known, refused, labeled, sent, all } = this.#n;
    findIn(place, "[data-sending]").hidden = !this.#isRunning;
    const bar = /** @type {HTMLProgressElement} */ (findIn(place, "[data-bar]"));
    bar.value = all === 0 ? 0 : sent / all;
    const parts = [
      this.#isRunning && `${count(sent)} of ${plural(all, "file")} sent`,
      `${plural(added, "image")} added`,
      labeled > 0 && `${count(labeled)} with a class by their folder`,
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
 * @returns {Promise<Found[]>}
 */
async function readEntry(entry) {
  if (entry.isFile) {
    const file = /** @type {FileSystemFileEntry} */ (entry);
    return [{
      file: await new Promise((resolve, reject) => file.file(resolve, reject)),
      path: entry.fullPath.slice(1),
    }];
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

function offerDrop() {
  const bringing = new Bringing();
  const zone = findIn(place, "[data-drop]");
  for (const field of findAllIn(zone, "[data-files], [data-folder]")) {
    const input = /** @type {HTMLInputElement} */ (field);
    const take = () => {
      bringing.add([...input.files ?? []].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = "";
    };
    input.addEventListener("change", take);
    if (input.files?.length) take(); // they were chosen before this script was there
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

offerDrop();
