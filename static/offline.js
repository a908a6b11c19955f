// The page's side of the service worker: whether everything is stored that the
// page needs without its server, and newer versions, which are offered.
//
//	offline.addEventListener("update", …)  another version is stored and may be accepted
//	await offline.start()                  true if the page is stored
//	await offline.keep(name)               stores a model; true if the page works with it offline
//	await offline.accept()                 switches to the other version, which reloads the page
//
// Nothing changes for an open page before accept: until then, and in other tabs
// after that, it gets its files from the version that it began with.
import { scriptURL } from "./trusted.js";

// How often a page that stays open looks for another version, at most.
const pause = 3_600_000; // ms

class Offline extends EventTarget {
  #container = navigator.serviceWorker; // not in insecure contexts
  #registration = null;
  #looked = 0;
  #offered = false;
  #moved = false; // whether another tab has accepted a version

  constructor() {
    super();
    if (!this.#container) return;
    hold();
    const controlled = Boolean(this.#container.controller);
    this.#container.addEventListener("controllerchange", () => {
      if (!controlled && !this.#offered) return; // the first one, for a page that had none
      this.#moved = true;
      this.#offer();
    });
  }

  // Registers the service worker, and waits until it has stored its build.
  async start() {
    if (!this.#container) return false;
    try {
      const url = new URL("sw.js", document.baseURI).href;
      this.#registration = await this.#container.register(scriptURL(url), { updateViaCache: "none" });
    } catch {
      return false; // no server, a private window, or cookies refused
    }
    this.#looked = Date.now();
    const first = this.#registration.active ? null : (this.#registration.installing ?? this.#registration.waiting);
    this.#watch(this.#registration.installing);
    this.#registration.addEventListener("updatefound", () => this.#watch(this.#registration.installing));
    if (this.#registration.waiting && this.#container.controller) this.#offer();
    document.addEventListener("visibilitychange", () => this.#look());
    return !first || activated(first); // or something could not be stored
  }

  async keep(name) {
    const worker = this.#registration?.active;
    if (!worker) return false;
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
    worker.postMessage({ type: "keep", name }, [port2]);
    return answer;
  }

  async accept() {
    const waiting = this.#registration?.waiting;
    if (waiting && !this.#moved) {
      const changed = new Promise((resolve) => this.#container.addEventListener("controllerchange", resolve, { once: true }));
      waiting.postMessage({ type: "accept" });
      await changed;
    }
    location.reload();
  }

  #watch(worker) {
    worker?.addEventListener("statechange", () => {
      // Without a controller it is the first version, which is nothing to choose.
      if (worker.state === "installed" && this.#container.controller) this.#offer();
    });
  }

  #offer() {
    if (this.#offered) return;
    this.#offered = true;
    this.dispatchEvent(new Event("update"));
  }

  #look() {
    if (document.hidden || Date.now() - this.#looked < pause) return;
    this.#looked = Date.now();
    this.#registration.update().catch(() => {}); // without the server there is none
  }
}

// activated waits until a worker is, or never will be.
function activated(worker) {
  return new Promise((resolve) => {
    const look = () => {
      if (worker.state === "activated") resolve(true);
      if (worker.state === "redundant") resolve(false);
    };
    worker.addEventListener("statechange", look);
    look();
  });
}

// hold keeps the files of the page's version as long as the page is open: the
// service worker drops those of versions of which nobody holds the lock.
function hold() {
  const folder = new URL(".", import.meta.url).href;
  navigator.locks?.request(`encipher ${folder}`, { mode: "shared" }, () => new Promise(() => {}));
}

export const offline = new Offline();
