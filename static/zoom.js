/**
 * Looking closer at the picture: by wheel, by two fingers, by a double click, by Z; dragging moves it. Needs `place`,
 * the square that holds the picture, and a button [data-zoom]. label.css draws by data-zoomed, --zoom, --pan-x, --pan-y.
 */

const MOST = 8; // times the fitted size, or twice the picture's own size if that is more
const CLOSER = 3; // for a picture that is shown in its own size already
const WORTH_IT = 1.2; // a picture's own size counts if it is so many times as large as the fitted one
const BY_WHEEL = 0.0018; // a notch of 100 pixels makes it larger by a fifth
const LINE_PX = 16;

/** @typedef {{ x: number, y: number }} Point */

export class Zoom {
  #place;
  #button;
  #scale = 1;
  /** @type {Point} */
  #pan = { x: 0, y: 0 }; // of the picture's centre from the square's
  /** @type {Map<number, Point>} */
  #fingers = new Map();

  /**
   * @param {HTMLElement} place
   * @param {HTMLElement} button
   */
  constructor(place, button) {
    this.#place = place;
    this.#button = button;
    place.dataset.zoomable = "";
    button.addEventListener("click", () => this.toggle());
    place.addEventListener("dblclick", (event) => this.#toggleAt(this.#pointOf(event)));
    place.addEventListener("wheel", (event) => this.#turn(event), { passive: false });
    place.addEventListener("pointerdown", (event) => this.#press(event));
    place.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      place.addEventListener(end, (event) => this.#fingers.delete(event.pointerId));
    }
    // Two fingers zoom the picture, not the page; one finger scrolls the page while the picture is as a whole.
    place.addEventListener("touchmove", (event) => {
      if (event.touches.length > 1 && event.cancelable) event.preventDefault();
    }, { passive: false });
    this.#show();
  }

  get isZoomed() {
    return this.#scale > 1;
  }

  /** Another picture, or the same as a whole. */
  reset() {
    this.#set(1, { x: 0, y: 0 });
  }

  /** Between the whole picture and its own size, or three times the whole. */
  toggle() {
    this.#toggleAt({ x: 0, y: 0 });
  }

  /**
   * By a share of the square; a picture that is shown as a whole stays.
   * @param {number} right
   * @param {number} down
   */
  pan(right, down) {
    const side = this.#place.clientWidth;
    this.#set(this.#scale, { x: this.#pan.x - right * side, y: this.#pan.y - down * side });
  }

  /** @param {Point} point */
  #toggleAt(point) {
    if (this.isZoomed) this.reset();
    else this.#scaleAt(point, this.#ownScale > WORTH_IT ? this.#ownScale : CLOSER);
  }

  /** At the least size there is nothing to make smaller: then the page scrolls. */
  #turn(/** @type {WheelEvent} */ event) {
    if (!this.isZoomed && event.deltaY >= 0) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE_PX);
    const speed = event.ctrlKey ? 5 * BY_WHEEL : BY_WHEEL; // two fingers on a touchpad
    this.#scaleAt(this.#pointOf(event), this.#scale * Math.exp(-pixels * speed));
  }

  #press(/** @type {PointerEvent} */ event) {
    if (event.button !== 0) return;
    this.#fingers.set(event.pointerId, this.#pointOf(event));
    this.#place.setPointerCapture(event.pointerId); // its end is told here, wherever it is
  }

  #move(/** @type {PointerEvent} */ event) {
    if (!this.#fingers.has(event.pointerId)) return;
    const before = [...this.#fingers.values()];
    this.#fingers.set(event.pointerId, this.#pointOf(event));
    const now = [...this.#fingers.values()];
    const [from, to] = [middleOf(before), middleOf(now)];
    if (now.length > 1) this.#scaleAt(to, this.#scale * (spreadOf(now) / (spreadOf(before) || 1)));
    if (this.isZoomed) this.#set(this.#scale, { x: this.#pan.x + to.x - from.x, y: this.#pan.y + to.y - from.y });
  }

  /**
   * The point of the picture that is there stays there.
   * @param {Point} point
   * @param {number} scale
   */
  #scaleAt(point, scale) {
    const bounded = Math.min(Math.max(scale, 1), Math.max(MOST, 2 * this.#ownScale));
    const by = bounded / this.#scale;
    const follow = (/** @type {number} */ at, /** @type {number} */ pan) => at - (at - pan) * by;
    this.#set(bounded, { x: follow(point.x, this.#pan.x), y: follow(point.y, this.#pan.y) });
  }

  /**
   * @param {number} scale
   * @param {Point} pan as far as the picture goes
   */
  #set(scale, pan) {
    this.#scale = scale < 1.01 ? 1 : scale;
    const { width, height } = this.#fitted;
    this.#pan = { x: this.#bound(pan.x, width), y: this.#bound(pan.y, height) };
    this.#show();
  }

  /**
   * @param {number} pan
   * @param {number} length of the fitted picture
   */
  #bound(pan, length) {
    const most = Math.max(0, (length * this.#scale - this.#place.clientWidth) / 2);
    return Math.min(Math.max(pan, -most), most);
  }

  #show() {
    const { style } = this.#place;
    this.#place.toggleAttribute("data-zoomed", this.isZoomed);
    this.#button.ariaPressed = String(this.isZoomed);
    style.setProperty("--zoom", String(this.#scale));
    style.setProperty("--pan-x", `${this.#pan.x}px`);
    style.setProperty("--pan-y", `${this.#pan.y}px`);
  }

  /** How many times as large the picture itself is as it is shown as a whole. */
  get #ownScale() {
    return (this.#picture?.naturalWidth ?? 0) / (this.#fitted.width || 1);
  }

  /** The size of the picture within the square, as object-fit makes it. */
  get #fitted() {
    const side = this.#place.clientWidth;
    const { naturalWidth: width = 1, naturalHeight: height = 1 } = this.#picture ?? {};
    const longest = Math.max(width, height, 1);
    return { width: (side * width) / longest, height: (side * height) / longest };
  }

  get #picture() {
    return this.#place.querySelector("img");
  }

  /**
   * From the square's centre.
   * @param {MouseEvent} event
   * @returns {Point}
   */
  #pointOf({ clientX, clientY }) {
    const { left, top, width, height } = this.#place.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }
}

/** @param {Point[]} points */
function middleOf(points) {
  const [a, b = a] = points;
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/** @param {Point[]} points two of them */
function spreadOf([a, b]) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
