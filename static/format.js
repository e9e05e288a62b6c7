/**
 * Numbers as people read them.
 *
 * @import { Accuracy } from "./api.js"
 */

const SPACE = "\u202f"; // narrow, and no line breaks there

/**
 * 0.4975 as "49.75 %".
 * @param {number} share
 */
export function percent(share, digits = 2) {
  return `${(share * 100).toFixed(digits)}${SPACE}%`;
}

/**
 * 4000 as "4,000".
 * @param {number} n
 */
export function count(n) {
  return n.toLocaleString("en");
}

/**
 * 3.75 as "+3.75", with a real minus sign.
 * @param {number} value
 */
export function signed(value, digits = 0) {
  const text = Math.abs(value).toFixed(digits);
  if (value === 0) return `±${text}`;
  return `${value > 0 ? "+" : "\u2212"}${text}`;
}

/**
 * [0.45, 0.55] as "45.0–55.0 %".
 * @param {[number, number]} bounds
 */
export function interval([low, high]) {
  return `${(low * 100).toFixed(1)}\u2013${percent(high, 1)}`;
}

/**
 * "18 of 20; 95 % interval 69.9–97.2 %".
 * @param {Accuracy} accuracy
 * @param {string} of what was counted, if that is worth a word
 */
export function ofHowMany(accuracy, of = "") {
  return `${count(accuracy.correct)} of ${count(accuracy.total)}${of && ` ${of}`}; ${confidence(accuracy)}`;
}

/** @param {Accuracy} accuracy */
export function confidence(accuracy) {
  return `95${SPACE}% interval ${interval(accuracy.interval)}`;
}

/**
 * "1 image", "2 images".
 * @param {number} n
 * @param {string} noun
 */
export function plural(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/**
 * What one round changed against the one before: "+15 images (+3.75 points)". Null if one of them is not measured.
 * @param {Accuracy | null} now
 * @param {Accuracy | null} then
 */
export function change(now, then) {
  if (now === null || then === null) return null;
  const points = `${signed((now.accuracy - then.accuracy) * 100, 2)} points`;
  if (now.accuracy === then.accuracy) return "no change";
  if (now.total !== then.total) return points; // of other images: how many are right says nothing
  const images = now.correct - then.correct;
  const noun = Math.abs(images) === 1 ? "image" : "images";
  return `${signed(images)} ${noun} (${points})`;
}

/**
 * An estimate, rounded up to what it is good for: 7,400 as "8 s", 43,000 as "45 s", 130,000 as "3 min".
 * @param {number} milliseconds
 */
export function roughTime(milliseconds) {
  const coarse = milliseconds > 10_000 ? 5_000 : 1_000;
  return waitingTime(Math.ceil(milliseconds / coarse) * coarse);
}

/**
 * 40000 as "40 s", 600000 as "10 min"; never less than there is.
 * @param {number} milliseconds
 */
export function waitingTime(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds < 120 ? `${seconds}${SPACE}s` : `${Math.ceil(seconds / 60)}${SPACE}min`;
}
