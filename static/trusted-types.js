// The page's only Trusted Types policy. It allows the scripts that are started
// by URL: the worker and the service worker, both from the page's own origin.
const policy = globalThis.trustedTypes?.createPolicy("encipher", {
  /** @param {string} text */
  createScriptURL(text) {
    const { origin, pathname, href } = new URL(text);
    if (origin !== location.origin || !/\/(worker|sw)\.js$/.test(pathname)) throw new TypeError(`${href} may not be started`);
    return href;
  },
});

/**
 * scriptURL returns a URL for Worker and navigator.serviceWorker.register: a
 * TrustedScriptURL, or the string itself in browsers without Trusted Types.
 *
 * @param {string} url
 * @returns {string}
 */
export function scriptURL(url) {
  return policy ? policy.createScriptURL(url) : url;
}
