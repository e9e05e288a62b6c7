/* A chart as an SVG file: what Bokeh draws, with the title above and the legend below, which on the page are HTML. */

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 16;
const LINE = 22; // px from one line of text to the next
const MARK = 28; // px for a mark and the space behind it
const FONT = "system-ui, sans-serif";

/**
 * Save a chart in the colours that it has on the page.
 * @typedef {{ label: string, colour: string, mark: string }} LegendEntry
 * @param {any} view Bokeh's
 * @param {string} title
 * @param {LegendEntry[]} legend
 * @param {string} fileName
 */
export function saveChart(view, title, legend, fileName) {
  const plot = view.export("svg", false).canvas;
  const width = Number(plot.getAttribute("width"));
  const height = Number(plot.getAttribute("height"));
  const style = getComputedStyle(view.el.closest("figure"));
  const file = element("svg", { xmlns: SVG, "font-family": FONT, "font-size": 13, fill: style.color });
  const ground = element("rect", { width: "100%", height: "100%", fill: style.backgroundColor });
  file.append(ground, text(title, MARGIN, MARGIN + LINE / 2, { "font-size": 16, "font-weight": 600 }));
  plot.setAttribute("x", MARGIN);
  plot.setAttribute("y", MARGIN + LINE);
  file.append(plot);
  const top = MARGIN + LINE + height + LINE;
  legend.forEach((entry, index) => file.append(...legendLine(entry, top + index * LINE)));
  const size = [width + 2 * MARGIN, top + legend.length * LINE];
  file.setAttribute("width", String(size[0]));
  file.setAttribute("height", String(size[1]));
  file.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
  download(new Blob([new XMLSerializer().serializeToString(file)], { type: "image/svg+xml" }), fileName);
}

/**
 * @param {LegendEntry} entry
 * @param {number} y
 */
function legendLine({ label, colour, mark }, y) {
  return [signOf(mark, colour, y - 5), text(label, MARGIN + MARK, y)];
}

/**
 * The mark in the middle of its space; lines as in the chart, points as small shapes.
 * @param {string} mark
 * @param {string} colour
 * @param {number} y
 */
function signOf(mark, colour, y) {
  /** @type {Record<string, string>} */
  const dashes = { line: "none", dashed: "6 4", dotted: "2 3" };
  if (mark in dashes) {
    const ends = { x1: MARGIN, x2: MARGIN + MARK - 6, y1: y, y2: y };
    return element("line", { ...ends, stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dashes[mark] });
  }
  /** @type {Record<string, string>} */
  const shapes = { square: "-5,-5 5,-5 5,5 -5,5", diamond: "0,-6 5,0 0,6 -5,0", triangle: "0,-5 6,5 -6,5" };
  const place = `translate(${MARGIN + (MARK - 6) / 2} ${y})`;
  return element("polygon", { points: shapes[mark], fill: colour, transform: place });
}

/**
 * @param {string} words
 * @param {number} x
 * @param {number} y
 * @param {Attributes} attributes
 */
function text(words, x, y, attributes = {}) {
  const made = element("text", { x, y, ...attributes });
  made.textContent = words;
  return made;
}

/**
 * @typedef {Record<string, string | number>} Attributes
 * @param {string} name
 * @param {Attributes} attributes
 */
function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/**
 * @param {Blob} blob
 * @param {string} fileName
 */
function download(blob, fileName) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(link.href);
}
