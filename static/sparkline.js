/**
 * A small curve of accuracy by labels as SVG, coloured by CSS classes; its words are in its title.
 *
 * @import { Round } from "./api.js"
 */
import { count, percent } from "./format.js";

const WIDTH = 300;
const HEIGHT = 96;
const MARGIN = 6;

/**
 * The scale goes from 0 to 100 %.
 * @param {Round[]} rounds from round 0 on
 */
export function makeSparkline(rounds) {
  const most = Math.max(1, ...rounds.map((round) => round.n_labels));
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "sparkline" });
  const title = make("title", {});
  title.textContent = describe(rounds);
  svg.append(title);
  for (const share of [0, 0.5, 1]) {
    svg.append(make("line", { class: "grid", x1: 0, x2: WIDTH, y1: y(share), y2: y(share) }));
  }
  svg.append(...curve("test", rounds, most), ...curve("validation", rounds, most));
  return svg;
}

/**
 * @param {"test" | "validation"} split
 * @param {Round[]} rounds
 * @param {number} most labels
 */
function curve(split, rounds, most) {
  const points = rounds.flatMap(({ n_labels: n, [split]: result }) => result ? [[x(n, most), y(result.accuracy)]] : []);
  if (points.length === 0) return [];
  const [cx, cy] = points[points.length - 1];
  return [
    make("polyline", { class: `curve ${split}`, points: points.map((point) => point.join(",")).join(" ") }),
    make("circle", { class: `end ${split}`, cx, cy, r: 4 }),
  ];
}

/** @param {Round[]} rounds */
function describe(rounds) {
  const split = rounds[0].validation ? "validation" : "test";
  const learned = rounds.filter(({ n_labels }, i) => n_labels > 0 || i === 0);
  const known = learned.flatMap(({ n_labels, [split]: result }) => result ? [{ n_labels, ...result }] : []);
  if (known.length === 0) return "This pool has no images to measure the model by.";
  const first = known[0];
  const last = known[known.length - 1];
  if (known.length < 2) return `Accuracy by labels: ${percent(first.accuracy)} before the first training.`;
  const best = known.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  return (
    `Accuracy on ${split} by labels, ${known.length - 1} trainings: from ${percent(first.accuracy)} ` +
    `with ${count(first.n_labels)} labels to ${percent(last.accuracy)} with ${count(last.n_labels)}; ` +
    `the best ${percent(best.accuracy)} with ${count(best.n_labels)}.`
  );
}

/**
 * @param {number} labels
 * @param {number} most
 */
function x(labels, most) {
  return (MARGIN + (labels / most) * (WIDTH - 2 * MARGIN)).toFixed(1);
}

/** @param {number} share */
function y(share) {
  return (HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)).toFixed(1);
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 */
function make(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
