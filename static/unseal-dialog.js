// The dialog that asks for the passphrase or identity of a model or key file
// that is sealed with age.
import { $ } from "./dom.js";

// There is one dialog: each request waits for the one before.
let lastRequest = Promise.resolve();

/**
 * @template T
 * @callback Open
 * @param {{ passphrase?: string, identity?: string }} secret
 * @returns {Promise<T>}
 */

/**
 * unseal asks for a secret until open accepts it, and returns the result of
 * open, or null if the user cancels. Errors other than "wrong-key" are thrown.
 *
 * @template T
 * @param {string} title
 * @param {string} explanation
 * @param {Open<T>} open
 * @returns {Promise<T | null>}
 */
export function unseal(title, explanation, open) {
  const result = lastRequest.then(() => ask(title, explanation, open));
  lastRequest = result.then(
    () => {},
    () => {},
  );
  return result;
}

/**
 * @template T
 * @param {string} title
 * @param {string} explanation
 * @param {Open<T>} open
 * @returns {Promise<T | null>}
 */
async function ask(title, explanation, open) {
  const dialog = $("sealed");
  $("sealed-title").textContent = title;
  $("sealed-what").textContent = explanation;
  for (let wrong = false; ; wrong = true) {
    $("sealed-wrong").hidden = !wrong;
    $("sealed-secret").value = "";
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    const secret = $("sealed-secret").value;
    $("sealed-secret").value = "";
    if (dialog.returnValue !== "open") return null;
    try {
      return await open(/^\s*AGE-SECRET-KEY-/i.test(secret) ? { identity: secret.trim() } : { passphrase: secret });
    } catch (error) {
      if (/** @type {import("./encipher.js").EncipherError} */ (error).code !== "wrong-key") throw error;
    }
  }
}
