/**
 * How the model does: accuracy, labels, round, curve. Needs elements [data-show=NAME] inside `place`, NAME one of
 * accuracy, accuracy-name, validation, validation-note, change, test, test-note, labels, labels-note, asked, round, until,
 * fit, curve. data-asked of `asked` says which images the learner asks. Rounds are compared by validation images, or by
 * test images where there are no others.
 *
 * @import { Accuracy, Api, Pool, Round } from "./api.js"
 * @import { Connection } from "./connection.js"
 * @import { Notices } from "./notices.js"
 */
import { Emitter } from "./emitter.js";
import { findIn } from "./find.js";
import { change, count, interval, percent, plural } from "./format.js";
import { makeSparkline } from "./sparkline.js";

const GATHER_MS = 150; // several labels in a row are fetched once

/**
 * Tells "pool" with the pool each time it was fetched.
 *
 * @extends {Emitter<{ pool: Pool }>}
 */
export class Progress extends Emitter {
  #place;
  #notices;
  #api;
  #connection;
  /** @type {Round[]} */
  #rounds = [];
  #timer = 0;
  #isFetching = false;
  #isStale = false;
  #isToldEarly = false; // the newest round was announced before its images were counted

  /** @param {{ place: HTMLElement, notices: Notices, api: Api, connection: Connection }} parts */
  constructor({ place, notices, api, connection }) {
    super();
    this.#place = place;
    this.#notices = notices;
    this.#api = api;
    this.#connection = connection;
    connection.on("change", () => {
      const isEmpty = connection.trouble !== null && this.#rounds.length === 0;
      if (isEmpty) this.#set("validation-note", "Shown as soon as the server answers.");
    });
  }

  /** The number of the newest round shown, or -1. */
  get round() {
    return this.#rounds.at(-1)?.number ?? -1;
  }

  /** Soon, together with whatever else changes in the same moment. */
  refreshSoon() {
    this.#timer ||= setTimeout(() => this.refresh(), GATHER_MS);
  }

  /**
   * Fetch and show, or show `pool` first. A call during another's work makes that one fetch once more.
   * @param {Pool | null} pool
   */
  async refresh(pool = null) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#isStale = true;
    if (this.#isFetching) return;
    this.#isFetching = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        await this.#show(pool ?? (await this.#connection.persist(() => this.#api.getPool())));
        pool = null;
      }
    } catch (error) {
      this.#notices.set("ask", "bad", error.message);
    } finally {
      this.#isFetching = false;
    }
  }

  /**
   * Show a pool, with the rounds that are not known yet.
   * @param {Pool} pool
   */
  async #show(pool) {
    if (pool.round.number > this.round) {
      const isFirst = this.#rounds.length === 0;
      this.#rounds.push(...(await this.#connection.persist(() => this.#api.getRounds(this.round))));
      this.#showRounds();
      if (!isFirst) this.#announce();
    } else if (pool.round.test && !this.#rounds.at(-1)?.test) {
      this.#rounds[this.#rounds.length - 1] = pool.round; // its test images are counted by now
      this.#showRounds();
      if (this.#isToldEarly) this.#announce();
    }
    this.#showCounts(pool);
    this.#showTraining(pool.training);
    this.tell("pool", pool);
  }

  #showRounds() {
    const [before, round] = this.#newest();
    const { validation } = round;
    const shown = round[this.#split];
    this.#set("accuracy", shown ? percent(shown.accuracy, 1) : "–");
    this.#set("accuracy-name", validation ? "Validation accuracy: " : "Test accuracy: ");
    this.#set("validation", validation ? percent(validation.accuracy) : "none");
    this.#set("validation-note", validation ? describe(validation) : "this pool has no validation images");
    const news = before && change(round[this.#split], before[this.#split]);
    const since = news && before ? `${news} since round ${before.number}` : "";
    this.#set("change", round.n_labels ? since : "before the first training");
    const hasTest = this.#rounds[0].test !== null;
    this.#set("test", round.test ? percent(round.test.accuracy) : hasTest ? "…" : "none");
    const missing = hasTest ? "being counted" : "this pool has no test images";
    this.#set("test-note", round.test ? describe(round.test) : missing);
    this.#set("round", count(round.number));
    this.#showAsked(round);
    this.#set("fit", round.n_labels ? `${round.fit_ms.toFixed(1)} ms, ${plural(round.steps, "step")}` : "–");
    this.#find("curve").replaceChildren(makeSparkline(this.#rounds));
    const then = before?.[this.#split] ?? shown;
    const better = Math.sign((shown?.correct ?? 0) - (then?.correct ?? 0));
    this.#find("change").dataset.direction = ["worse", "same", "better"][shown ? better + 1 : 1];
  }

  /** @param {Round} round */
  #showAsked({ number, asked_by: by }) {
    const { asked = "" } = this.#find("asked").dataset;
    this.#set("asked", by === "chance" ? "by chance" : number ? asked : "the first of the pool");
  }

  /** @param {Pool} pool */
  #showCounts({ counts, round, until_round: until }) {
    this.#set("labels", `${count(counts.labeled)} of ${count(counts.images)}`);
    /** @type {[number, string][]} */
    const by = [
      [counts.human, "people"],
      [counts.oracle, "oracle"],
      [counts.model, "model"],
    ];
    const some = by.filter(([n]) => n > 0).map(([n, who]) => `${who}: ${count(n)}`);
    this.#set("labels-note", some.join(", ") || "–");
    const next = counts.unlabeled === 0 ? "nothing left" : `after ${plural(until, "more label")}`;
    const isLookedAt = round.asked_by !== "chance";
    this.#set("until", isLookedAt ? (until === 0 ? "now" : next) : "after the first look");
  }

  /** @param {Pool["training"]} training */
  #showTraining({ status, message }) {
    this.#notices.toggle("training", "bad", status === "failed" && message);
    this.#notices.toggle("model", "info", (status === "loading" || status === "absent") && message);
  }

  #announce() {
    const [before, round] = this.#newest();
    const now = round[this.#split];
    const news = before && change(now, before[this.#split]);
    const result = now ? `${percent(now.accuracy)} right${news ? `, ${news}` : ""}` : "the model is trained";
    const trained = `Round ${round.number}, ${plural(round.n_labels, "label")}: ${result}.`;
    const isLookedAt = round.asked_by !== "chance" && before?.asked_by === "chance";
    const asked = `The images are looked at. From now on you are asked ${this.#find("asked").dataset.asked}.`;
    this.#notices.set("round", "good", [isLookedAt && asked, round.n_labels && trained].filter(Boolean).join(" "));
    this.#isToldEarly = now === null && round.n_labels > 0;
    this.#place.dataset.fresh = round.number % 2 ? "odd" : "even"; // two names, so that the animation starts anew
  }

  /** The images by which rounds are compared. */
  get #split() {
    return this.#rounds[0].validation ? "validation" : "test";
  }

  /**
   * The newest round that is shown, and in front of it the one before.
   * @returns {[Round | undefined, Round]}
   */
  #newest() {
    return [this.#rounds.at(-2), this.#rounds[this.#rounds.length - 1]];
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #set(name, text) {
    this.#find(name).textContent = text;
  }

  /** @param {string} name */
  #find(name) {
    return findIn(this.#place, `[data-show="${name}"]`);
  }
}

/** @param {Accuracy} accuracy */
function describe(accuracy) {
  return `${count(accuracy.correct)} of ${count(accuracy.total)}; 95\u202f% interval ${interval(accuracy.interval)}`;
}
