/** Large pictures of images: loaded at once, decoded before their turn, crisp where they are small. */

const RETRY_MS = 2_000;
const SMALL_PX = 100; // a side: below it the pixels themselves are looked at
const AHEAD = 10; // pictures that are ready behind the one that is shown

/** @type {WeakSet<HTMLImageElement>} */
const decoded = new WeakSet();

/**
 * A large picture that begins to load at once, so that it is there when its turn comes.
 * @param {string} url
 * @param {() => void} onLoad
 */
export function makePicture(url, onLoad) {
  const picture = Object.assign(new Image(), { alt: "The image to label", draggable: false, src: url });
  picture.addEventListener("load", () => {
    picture.classList.toggle("smooth", Math.max(picture.naturalWidth, picture.naturalHeight) >= SMALL_PX);
    onLoad();
  });
  picture.addEventListener("error", () => setTimeout(() => (picture.src = url), RETRY_MS));
  return picture;
}

/**
 * Show a picture in a small element too; the browser has it by now.
 * @param {HTMLElement} image
 * @param {HTMLImageElement} picture
 */
export function copyPicture(image, picture) {
  image.setAttribute("src", picture.src);
  image.className = picture.className;
}

/**
 * A large picture takes a moment from its bytes to its pixels: not when its turn has come.
 * @param {HTMLImageElement[]} pictures the one that is shown, and those that follow
 */
export function decodeAhead(pictures) {
  for (const picture of pictures.slice(0, AHEAD + 1)) {
    if (decoded.has(picture)) continue;
    decoded.add(picture);
    picture.decode().catch(() => decoded.delete(picture)); // it is loaded again
  }
}
