// The page's side of the workers: promises, progress, cancel and restart.
import { scriptURL } from "./trusted.js";

// How long a cancelled call may take to stop by itself. Then the worker is
// ended, which frees it at once but costs a fresh start.
const patience = 250; // ms

const ended = {
  code: "internal",
  message: "The worker ended unexpectedly.",
  hint: "The picture may need more memory than this browser gives. Try a smaller one.",
};

// EncipherError is what every call rejects with. Codes are stable; hint says
// what to do next and may be empty.
export class EncipherError extends Error {
  constructor({ code = "internal", message, hint = "" }) {
    super(message);
    this.name = "EncipherError";
    this.code = code;
    this.hint = hint;
  }
}

export const canceled = () => new EncipherError({ code: "canceled", message: "The call was canceled." });

export class Pool {
  kernels = ""; // which kernels the workers compute with, once one is ready
  #url;
  #worker = null;
  #module = null; // compiled once, then handed to every new worker
  #model = null; // argument of the last loadModel that went well, for a new worker
  #ready = null;
  #calls = new Map();
  #next = 1;

  // base is the URL of the folder with worker.js and what it loads.
  constructor(base = new URL(".", import.meta.url).href) {
    this.#url = new URL("worker.js", base).href;
  }

  // Starts a worker, if there is none, and loads the model it had.
  ready() {
    this.#ready ??= this.#start();
    return this.#ready;
  }

  // Calls a method of the wasm. Blobs in the argument arrive there as their
  // bytes; pictures and files in the result are Blobs. Aborting the signal
  // rejects with the code "canceled".
  async call(method, argument, { onProgress, signal } = {}) {
    await this.ready();
    const result = await this.#send(method, argument, onProgress, signal);
    if (method === "loadModel") this.#model = argument;
    return result;
  }

  dispose() {
    if (this.#worker) this.#stop({ code: "canceled", message: "The engine was disposed of." });
    this.#ready = Promise.reject(new EncipherError({ code: "bad-argument", message: "The engine was disposed of." }));
    this.#ready.catch(() => {});
    this.#model = this.#module = null;
  }

  async #start() {
    const worker = new Worker(scriptURL(this.#url), { type: "module" });
    this.#worker = worker;
    try {
      this.#module = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => {
          if (data.ready) {
            this.kernels = data.kernels;
            resolve(data.module);
          } else reject(new EncipherError(data.failed ? { message: data.failed } : ended));
        };
        worker.onerror = () => reject(new EncipherError({ message: `The worker ${this.#url} could not be loaded.` }));
        worker.postMessage({ start: this.#module });
      });
      worker.onmessage = ({ data }) => this.#receive(data);
      worker.onerror = (event) => this.#stop({ ...ended, message: event.message || ended.message });
      if (this.#model) await this.#send("loadModel", this.#model);
    } catch (error) {
      this.#stop({ message: error.message });
      throw error;
    }
  }

  #send(method, argument, onProgress, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(canceled());
        return;
      }
      const id = this.#next++;
      this.#calls.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage({ id, method, argument });
      signal?.addEventListener("abort", () => {
        if (!this.#calls.has(id)) return;
        this.#worker.postMessage({ abort: id });
        setTimeout(() => this.#calls.has(id) && this.#stop({ code: "canceled", message: "The call was canceled." }), patience);
      });
    });
  }

  #receive(data) {
    if (data.exited) {
      this.#stop(ended);
      return;
    }
    const call = this.#calls.get(data.id);
    if (!call) return;
    if (data.progress) {
      call.onProgress?.(data.progress);
      return;
    }
    this.#calls.delete(data.id);
    if (data.error) call.reject(new EncipherError(data.error));
    else call.resolve(data.result);
  }

  // Ends the worker and every call under way. The next call starts a new one.
  #stop(reason) {
    this.#worker.terminate();
    this.#worker = null;
    this.#ready = null;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.reject(new EncipherError(reason));
  }
}
