// The only Trusted Types policy: scripts that are started by URL are the worker
// and the service worker, both of the page's own origin. Browsers without
// Trusted Types take the string as it is.
const policy = globalThis.trustedTypes?.createPolicy("encipher", {
  createScriptURL(text) {
    const { origin, pathname, href } = new URL(text);
    if (origin !== location.origin || !/\/(worker|sw)\.js$/.test(pathname)) throw new TypeError(`${href} may not be started`);
    return href;
  },
});

// scriptURL is what Worker and navigator.serviceWorker.register take for a URL.
export function scriptURL(url) {
  return policy ? policy.createScriptURL(url) : url;
}
