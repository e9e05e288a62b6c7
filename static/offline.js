/**
 * Has what this page needs kept in the browser, so that it can be loaded without the server: see worker.js. Without a
 * worker nothing is kept, and the page works as well while the server is there: browsers have workers only on HTTPS and
 * on localhost, and people may forbid them.
 */
export class Offline {
  #registration = register();

  /**
   * The page, its styles and modules, and these.
   * @param {string[]} images addresses
   */
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
  const links = Array.from(document.querySelectorAll("link"), ({ href }) => href);
  const scripts = Array.from(document.querySelectorAll("script"), ({ src }) => src);
  return [...new Set([...links, ...scripts].filter(Boolean).map((address) => new URL(address).pathname))];
}
