// The page's side of the service worker: whether the page is stored for offline
// use, and updates.
//
//	offline.addEventListener("update", …)  a new version is stored and can be accepted
//	await offline.start()                  whether the page is stored
//	await offline.storeModel(name)         stores a model; whether the page works offline with it
//	await offline.accept()                 switches to the new version and reloads the page
//
// An open page gets its files from the version that it was loaded with, until it
// is reloaded after an update was accepted, in this or another tab.
import { scriptURL } from "./trusted-types.js";

// Minimum time between two checks for an update, in ms.
const updateInterval = 3_600_000;

class Offline extends EventTarget {
  /** @type {ServiceWorkerContainer | undefined} undefined in insecure contexts */
  #container = navigator.serviceWorker;
  /** @type {ServiceWorkerRegistration | null} */
  #registration = null;
  #lastCheck = 0;
  #offered = false;
  #acceptedElsewhere = false; // whether another tab has accepted the update

  constructor() {
    super();
    if (!this.#container) return;
    holdBuildLock();
    const controlled = Boolean(this.#container.controller);
    this.#container.addEventListener("controllerchange", () => {
      if (!controlled && !this.#offered) return; // the first service worker of this page
      this.#acceptedElsewhere = true;
      this.#offer();
    });
  }

  /** start registers the service worker and waits until it has stored its build. */
  async start() {
    if (!this.#container) return false;
    try {
      const url = new URL("sw.js", document.baseURI).href;
      this.#registration = await this.#container.register(scriptURL(url), { updateViaCache: "none" });
    } catch {
      return false; // offline, a private window, or storage blocked
    }
    this.#lastCheck = Date.now();
    const first = this.#registration.active ? null : (this.#registration.installing ?? this.#registration.waiting);
    this.#watch(this.#registration.installing);
    const registration = this.#registration;
    registration.addEventListener("updatefound", () => this.#watch(registration.installing));
    if (registration.waiting && this.#container.controller) this.#offer();
    document.addEventListener("visibilitychange", () => this.#checkForUpdate());
    return !first || isActivated(first);
  }

  /**
   * @param {string} name
   * @returns {Promise<boolean>}
   */
  async storeModel(name) {
    const worker = this.#registration?.active;
    if (!worker) return false;
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
    worker.postMessage({ type: "store-model", name }, [port2]);
    return answer;
  }

  async accept() {
    const waiting = this.#registration?.waiting;
    if (waiting && !this.#acceptedElsewhere) {
      const changed = new Promise((resolve) => this.#container?.addEventListener("controllerchange", resolve, { once: true }));
      waiting.postMessage({ type: "accept" });
      await changed;
    }
    location.reload();
  }

  /** @param {ServiceWorker | null} worker */
  #watch(worker) {
    worker?.addEventListener("statechange", () => {
      // Without a controller this is the first version, not an update.
      if (worker.state === "installed" && this.#container?.controller) this.#offer();
    });
  }

  #offer() {
    if (this.#offered) return;
    this.#offered = true;
    this.dispatchEvent(new Event("update"));
  }

  #checkForUpdate() {
    if (document.hidden || Date.now() - this.#lastCheck < updateInterval) return;
    this.#lastCheck = Date.now();
    this.#registration?.update().catch(() => {}); // fails offline
  }
}

/**
 * isActivated waits until a service worker is activated, or has failed to install.
 *
 * @param {ServiceWorker} worker
 * @returns {Promise<boolean>}
 */
function isActivated(worker) {
  return new Promise((resolve) => {
    const check = () => {
      if (worker.state === "activated") resolve(true);
      if (worker.state === "redundant") resolve(false);
    };
    worker.addEventListener("statechange", check);
    check();
  });
}

/**
 * holdBuildLock keeps the service worker from deleting the files of this page's
 * build while the page is open: it deletes builds whose lock nobody holds.
 */
function holdBuildLock() {
  const folder = new URL(".", import.meta.url).href;
  navigator.locks?.request(`encipher ${folder}`, { mode: "shared" }, () => new Promise(() => {}));
}

export const offline = new Offline();
