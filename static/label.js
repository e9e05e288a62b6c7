/**
 * The labeling page, put together. Needs [data-label-page] with the pool as JSON in data-pool, and inside it
 * [data-work] (see tiles.js), [data-model] (see progress.js), [data-notices] (see notices.js), [data-waiting],
 * [data-undo], [data-help], [data-guess-switch] and the dialog [data-keys].
 */
import { Api } from "./api.js";
import { Connection } from "./connection.js";
import { Events } from "./events.js";
import { plural } from "./format.js";
import { Labeling } from "./labeling.js";
import { Notices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Progress } from "./progress.js";
import { listenToKeys } from "./shortcuts.js";
import { Store } from "./store.js";
import { TilesView } from "./tiles.js";

const WAITING_MS = 400; // answers that are stored sooner are not worth a word

const page = document.querySelector("[data-label-page]");
const find = (selector) => page.querySelector(selector);
const pool = JSON.parse(page.dataset.pool);

const notices = new Notices(find("[data-notices]"));
const connection = new Connection();
const api = new Api(pool.slug);
// The time is in the name, so that what an older database left never reaches the images of a new one.
const outbox = new Outbox(new Store(`inkling:outbox:${pool.slug}:${pool.created_at}:`), connection, api);
const view = new TilesView(find("[data-work]"), pool.classes);
const progress = new Progress({ place: find("[data-model]"), notices, api, connection });
const labeling = new Labeling({ api, outbox, connection, view, notices, pool });
const events = new Events(api.eventsUrl);

view.addEventListener("answer", ({ detail: value }) => labeling.answer(value));
view.addEventListener("select", ({ detail: tile }) => labeling.select(tile));
progress.addEventListener("pool", ({ detail }) => labeling.onPool(detail));
labeling.addEventListener("asked", ({ detail }) => {
  if (detail.round > progress.round) progress.refresh();
});
find("[data-undo]").addEventListener("click", () => labeling.undo());

followChanges();
tellWhatWaits();
offerGuess();
const showKeys = offerKeys();
listenToKeys({
  digit: (value) => labeling.answer(value),
  undo: () => labeling.undo(),
  move: (step) => labeling.move(step),
  help: showKeys,
});

progress.refresh(pool);
outbox.drain(); // what an earlier visit left; the end of it asks for the images
events.open();

function followChanges() {
  events.addEventListener("round", ({ detail }) => {
    if (detail.number > progress.round) progress.refresh();
  });
  events.addEventListener("labels", () => progress.refreshSoon());
  events.addEventListener("training", () => progress.refresh());
  events.addEventListener("lost", () => labeling.expectLoading());
  events.addEventListener("back", () => {
    connection.wake();
    progress.refresh();
  });
}

function tellWhatWaits() {
  let timer = null;
  const tell = () => {
    const n = outbox.size;
    const trouble = connection.trouble;
    const kept = n ? `${plural(n, "answer")} kept here, sent as soon as it is back.` : "The page goes on as soon as it is back.";
    const what = trouble && `${trouble.message} ${kept}`;
    notices.toggle("connection", "warn", what);
    find("[data-waiting]").textContent = n ? `${plural(n, "answer")} not yet stored.` : "All answers are stored.";
  };
  const tellSoon = () => {
    find("[data-waiting]").dataset.count = outbox.size;
    clearTimeout(timer);
    if (connection.trouble || outbox.size === 0) tell();
    else timer = setTimeout(tell, WAITING_MS);
  };
  outbox.addEventListener("change", tellSoon);
  connection.addEventListener("change", tellSoon);
}

function offerGuess() {
  const preferences = new Store("inkling:preferences:");
  const box = find("[data-guess-switch]");
  const apply = () => {
    view.isGuessShown = box.checked;
    view.redraw();
  };
  box.checked = preferences.get("guess") === true;
  box.addEventListener("change", () => {
    preferences.set("guess", box.checked);
    apply();
  });
  apply();
}

function offerKeys() {
  const dialog = find("[data-keys]");
  const show = () => dialog.showModal();
  find("[data-help]").addEventListener("click", show);
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close(); // the backdrop
  });
  return show;
}
