// The page's side of the worker: promises, progress, cancel and restart.
import { text } from "./messages.js";

const workerURL = new URL("worker.js", import.meta.url).href;

// The only policy of the page: the one script URL that is ever made is the
// worker's. Browsers without Trusted Types take the string as it is.
const policy = globalThis.trustedTypes?.createPolicy("encipher", {
  createScriptURL(url) {
    if (url !== workerURL) throw new TypeError("only the worker may be loaded");
    return url;
  },
});

// How long a cancelled call may take to stop by itself. Then the worker is
// ended, which frees it at once but costs a fresh start.
const patience = 250; // ms

export class EngineError extends Error {
  constructor({ code, message, hint = "" }) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export class Engine {
  kernels = ""; // which kernels the worker computes with, once it is ready
  get slow() {
    return this.kernels === "plain Go"; // the browser refused the vectors
  }
  #worker = null;
  #module = null; // compiled once, then handed to every new worker
  #model = null; // the last model loaded, for a new worker
  #ready = null;
  #calls = new Map();
  #next = 1;

  // Starts the worker, if there is none, and loads the model it had.
  ready() {
    this.#ready ??= this.#start();
    return this.#ready;
  }

  // Loads a model given as {card, encryption, decryption}, each a Uint8Array.
  async loadModel(model) {
    await this.ready();
    const loaded = await this.#send("loadModel", model);
    this.#model = model;
    return loaded;
  }

  // Calls a method of the wasm. Aborting the signal rejects with the code "canceled".
  async call(method, argument, { onProgress, signal } = {}) {
    await this.ready();
    return this.#send(method, argument, onProgress, signal);
  }

  async #start() {
    const worker = new Worker(policy ? policy.createScriptURL(workerURL) : workerURL, { type: "module" });
    this.#worker = worker;
    try {
      this.#module = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => {
          if (data.ready) {
            this.kernels = data.kernels;
            resolve(data.module);
          } else reject(new EngineError({ code: "internal", message: data.failed ?? text.engine.ended }));
        };
        worker.onerror = () => reject(new EngineError({ code: "internal", message: text.engine.unloaded }));
        worker.postMessage({ start: this.#module });
      });
      worker.onmessage = ({ data }) => this.#receive(data);
      worker.onerror = (event) => this.#stop({ code: "internal", message: event.message });
      if (this.#model) await this.#send("loadModel", this.#model);
    } catch (error) {
      this.#stop({ code: "internal", message: error.message });
      throw error;
    }
  }

  #send(method, argument, onProgress, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new EngineError({ code: "canceled", message: text.canceled }));
        return;
      }
      const id = this.#next++;
      this.#calls.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage({ id, method, argument });
      signal?.addEventListener("abort", () => {
        if (!this.#calls.has(id)) return;
        this.#worker.postMessage({ abort: id });
        setTimeout(() => this.#calls.has(id) && this.#stop({ code: "canceled", message: text.canceled }), patience);
      });
    });
  }

  #receive(data) {
    if (data.exited) {
      this.#stop({ code: "internal", message: text.engine.ended, hint: text.engine.endedHint });
      return;
    }
    const call = this.#calls.get(data.id);
    if (!call) return;
    if (data.progress) {
      call.onProgress?.(data.progress);
      return;
    }
    this.#calls.delete(data.id);
    if (data.error) call.reject(new EngineError(data.error));
    else call.resolve(data.result);
  }

  // Ends the worker and every call under way. The next call starts a new one.
  #stop(reason) {
    this.#worker.terminate();
    this.#ready = null;
    const ended = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of ended) call.reject(new EngineError(reason));
  }
}
