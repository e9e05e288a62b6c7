/**
 * Copies a link or a token that is shown once.
 *
 * Needs: [data-copy] around an input [data-secret] and a hidden button [data-button]; [data-status] for what came of it.
 * Without JavaScript the input is there to be copied from by hand.
 */
const box = /** @type {HTMLElement} */ (document.querySelector("[data-copy]"));
const secret = /** @type {HTMLInputElement} */ (box.querySelector("[data-secret]"));
const button = /** @type {HTMLButtonElement} */ (box.querySelector("[data-button]"));
const status = /** @type {HTMLElement} */ (document.querySelector("[data-status]"));

button.hidden = false;
secret.select();
secret.addEventListener("focus", () => secret.select());
button.addEventListener("click", copy);

async function copy() {
  secret.select();
  try {
    await navigator.clipboard.writeText(secret.value); // there on HTTPS and on localhost only
    status.textContent = "Copied.";
  } catch {
    status.textContent = "It is selected: copy it with Ctrl+C.";
  }
}
