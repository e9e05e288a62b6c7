/**
 * Has what this page needs kept in the browser, so that it can be loaded without the server: see worker.js. Without a
 * worker nothing is kept, and the page works as well while the server is there: browsers have workers only on HTTPS and
 * on localhost, and people may forbid them.
 */
export class Offline {
  #registration = register();

  /** The page, its styles and modules, and the images at these addresses. */
  async keep(images) {
    const registration = await this.#registration;
    registration?.active?.postMessage({ page: location.pathname, parts: findParts(), images });
  }
}

async function register() {
  try {
    const { serviceWorker } = navigator;
    serviceWorker.register("/worker.js").catch(() => {}); // without the server, the one that is there goes on
    return await serviceWorker.ready;
  } catch {
    return null;
  }
}

/** base.html and label.html name every part. */
function findParts() {
  const elements = document.querySelectorAll("link[href], script[src]");
  return [...new Set(Array.from(elements, ({ href, src }) => new URL(href ?? src).pathname))];
}
