// Encipher for web pages: encrypts and decrypts pictures in the browser.
//
//	import { Encipher } from "./encipher.js";
//	const encipher = await Encipher.load();
//	const { text } = await encipher.newKey();
//	const { png } = await encipher.encrypt(photo, { key: text });
//
// encipher.d.ts documents all types and options, and docs/embedding.md hosting
// and headers.
import { EncipherError, Pool, canceled, maxWorkers } from "./pool.js";

/** @import * as Types from "./encipher.js" */
/** @typedef {import("../tools/types/engine.js").Methods} Methods */
/** @typedef {import("../tools/types/engine.js").ModelArgument} ModelArgument */
/** @typedef {(stage: string, done: number, total: number) => void} Report */

export { EncipherError };

// Passed by load to the constructor, which is private.
const constructorToken = Symbol();

// Approximate shares of a call's time by stage, so that progress moves evenly.
const stageShares = {
  load: { program: 0.7, model: 0.3 },
  encrypt: { decode: 0.04, encrypt: 0.88, seal: 0.08 },
  encryptForMessenger: { decode: 0.3, encrypt: 0.6, seal: 0.1 },
  decrypt: { open: 0.06, decrypt: 0.86, encode: 0.08 },
};

export class Encipher {
  #pool;
  #models;
  #root; // URL of the folder that contains models/
  #model;
  #key;

  /**
   * @param {symbol} token
   * @param {{ pool: Pool, models: readonly Types.ModelEntry[], root: URL, model: Types.Model, key?: string }} parts
   */
  constructor(token, parts) {
    if (token !== constructorToken) throw badArgument("Call Encipher.load instead of the constructor.");
    const { pool, models, root, model, key } = parts;
    this.#pool = pool;
    this.#models = models;
    this.#root = root;
    this.#model = model;
    this.#key = key;
    Object.freeze(this);
  }

  /** @param {Types.LoadOptions} options */
  static async load({ model, key, base, workers, onProgress, signal } = {}) {
    if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1 && workers <= maxWorkers)) {
      throw badArgument(`workers must be a whole number from 1 to ${maxWorkers}.`);
    }
    const folder = new URL(base ?? ".", base === undefined ? import.meta.url : document.baseURI);
    // The site's own page loads this module from v/VERSION/; models/ is at the root of the site.
    const root = new URL(folder.pathname.replace(/v\/[0-9a-f]{16}\/$/, ""), folder);
    const report = progressReporter("load", onProgress);
    const pool = new Pool(folder.href, workers);
    try {
      report("program", 0, 1);
      let running = false;
      const started = pool.ready().then(() => {
        running = true;
        report("program", 1, 1);
      });
      // The model is fetched while the wasm starts; progress of the fetch is reported after the start.
      const fetched = listModels(root, model).then(async (models) => {
        const files = await modelFiles(root, models, model, { signal, report: (...step) => void (running && report(...step)) });
        return { models, files };
      });
      const [{ models, files }] = await Promise.all([fetched, abortable(started, signal)]);
      const loaded = await loadModel(pool, files, signal);
      report.end();
      return new Encipher(constructorToken, { pool, models, root, model: loaded, key });
    } catch (error) {
      pool.dispose();
      throw toEncipherError(error, signal);
    }
  }

  get models() {
    return this.#models;
  }

  get model() {
    return this.#model;
  }

  get kernels() {
    return this.#pool.kernels;
  }

  get memory() {
    return this.#pool.memory;
  }

  /**
   * @param {Types.ModelChoice} model
   * @param {Types.ProgressOptions} options
   */
  async useModel(model, { onProgress, signal } = {}) {
    const report = progressReporter("load", onProgress);
    try {
      report("program", 1, 1);
      this.#model = await loadModel(this.#pool, await modelFiles(this.#root, this.#models, model, { signal, report }), signal);
      report.end();
      return this.#model;
    } catch (error) {
      throw toEncipherError(error, signal);
    }
  }

  newKey() {
    return this.#pool.call("newKey", {});
  }

  /** @param {string} text */
  parseKey(text) {
    return this.#pool.call("parseKey", { text });
  }

  /**
   * @param {Blob} blob
   * @param {{ passphrase?: string, identity?: string, signal?: AbortSignal }} options
   */
  async unsealKeyFile(blob, { passphrase, identity, signal } = {}) {
    return this.#pool.call("unsealKeyFile", { file: checkBlob(blob), passphrase, identity }, { signal });
  }

  generatePassphrase() {
    return this.#pool.call("generatePassphrase", {});
  }

  /** @param {{ passphrase?: string, recipients?: string, signal?: AbortSignal }} options */
  wrapKey({ passphrase, recipients, signal } = {}) {
    return this.#pool.call("wrapKey", { passphrase, recipients }, { signal });
  }

  /**
   * @param {Blob} blob
   * @param {Types.UnwrapOptions} options
   */
  async unwrapKey(blob, { key, passphrase, identity, signal } = {}) {
    return this.#pool.call("unwrapKey", { file: checkBlob(blob), key, passphrase, identity }, { signal });
  }

  /**
   * @param {Blob} blob
   * @param {Types.CallOptions} options
   */
  async inspect(blob, { signal } = {}) {
    return this.#pool.call("inspect", { file: checkBlob(blob) }, { signal });
  }

  /**
   * @param {Blob} a
   * @param {Blob} [b]
   * @param {Types.CallOptions & { plots?: boolean }} options
   */
  async metrics(a, b, { plots, signal } = {}) {
    return this.#pool.call("metrics", { a: checkBlob(a), b: b && checkBlob(b), plots }, { signal });
  }

  /**
   * @param {Blob} blob
   * @param {Types.EncryptOptions} options
   */
  async encrypt(blob, { key = this.#key, slot, exact, name, dropMetadata, views, signal, onProgress } = {}) {
    return this.#process("encrypt", { file: checkBlob(blob), key, slot, exact, name, dropMetadata, views }, signal, onProgress);
  }

  /**
   * @param {Blob} blob
   * @param {Types.MessengerOptions} options
   */
  async encryptForMessenger(blob, { key = this.#key, slot, side, strong, name, dropMetadata, views, signal, onProgress } = {}) {
    return this.#process("encryptForMessenger", { file: checkBlob(blob), key, slot, side, strong, name, dropMetadata, views }, signal, onProgress);
  }

  /**
   * @param {Blob} blob
   * @param {Types.DecryptOptions} options
   */
  async decrypt(blob, { key = this.#key, name, approximate, bareCipher, views, signal, onProgress } = {}) {
    return this.#process("decrypt", { file: checkBlob(blob), key, name, approximate, bareCipher, views }, signal, onProgress);
  }

  dispose() {
    this.#pool.dispose();
  }

  /**
   * @template {"encrypt" | "encryptForMessenger" | "decrypt"} M
   * @param {M} method
   * @param {Methods[M]["argument"]} argument
   * @param {AbortSignal | undefined} signal
   * @param {Types.ProgressOptions["onProgress"]} onProgress
   */
  async #process(method, argument, signal, onProgress) {
    const report = progressReporter(method, onProgress);
    const result = await this.#pool.call(method, argument, {
      signal,
      onProgress: ({ stage, done, total }) => report(stage, done, total),
    });
    report.end();
    return result;
  }
}

Object.freeze(Encipher);
Object.freeze(Encipher.prototype);

/** @param {string} message */
function badArgument(message) {
  return new EncipherError({ code: "bad-argument", message });
}

/** @param {Blob} blob */
function checkBlob(blob) {
  if (!(blob instanceof Blob)) throw badArgument("The file must be a Blob or a File.");
  return blob;
}

/**
 * toEncipherError converts any error to an EncipherError.
 *
 * @param {unknown} error
 * @param {AbortSignal} [signal]
 */
function toEncipherError(error, signal) {
  if (signal?.aborted) return canceled();
  return error instanceof EncipherError ? error : new EncipherError({ message: /** @type {Error} */ (error).message });
}

/**
 * abortable returns a promise that also rejects when the signal is aborted.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
function abortable(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(canceled());
    signal.addEventListener("abort", () => reject(canceled()), { once: true });
    promise.then(resolve, reject);
  });
}

/**
 * progressReporter returns a function that turns the progress of a call's stages
 * into one fraction that never falls. Its method end reports 1 when the call has
 * succeeded.
 *
 * @param {keyof typeof stageShares} method
 * @param {Types.ProgressOptions["onProgress"]} onProgress
 * @returns {Report & { end: () => void }}
 */
function progressReporter(method, onProgress) {
  if (!onProgress) return Object.assign(() => {}, { end() {} });
  const parts = Object.entries(stageShares[method]);
  let fraction = 0;
  /** @type {Types.Progress} */
  let last;
  /** @type {Report} */
  const report = (stage, done, total) => {
    let before = 0;
    for (const [name, share] of parts) {
      if (name === stage) {
        fraction = Math.max(fraction, before + (total > 0 ? (share * done) / total : 0));
        break;
      }
      before += share;
    }
    last = { stage, done, total, fraction: Math.min(fraction, 0.999) };
    onProgress(last);
  };
  return Object.assign(report, { end: () => onProgress({ ...last, fraction: 1 }) });
}

/**
 * @param {URL} url
 * @param {AbortSignal} [signal]
 */
async function fetchOK(url, signal) {
  const response = await fetch(url, { signal }).catch((error) => {
    throw new EncipherError({ message: `${url}: ${error.message}`, hint: "Check your connection and try again." });
  });
  if (!response.ok) {
    throw new EncipherError({ message: `${url}: the server answered ${response.status}`, hint: "Try again later." });
  }
  return response;
}

/**
 * listModels returns the models of the site, or none if the page passes the files of a model.
 *
 * @param {URL} root
 * @param {Types.ModelChoice | undefined} model
 * @returns {Promise<readonly Types.ModelEntry[]>}
 */
async function listModels(root, model) {
  if (typeof model === "object" && !("name" in model && model.name !== undefined)) return Object.freeze([]);
  const { models } = await (await fetchOK(new URL("models/index.json", root))).json();
  return Object.freeze(models.map(Object.freeze));
}

/**
 * @param {Pool} pool
 * @param {ModelArgument} files
 * @param {AbortSignal} [signal]
 */
async function loadModel(pool, files, signal) {
  return Object.freeze(await pool.call("loadModel", files, { signal }));
}

/**
 * modelFiles returns the files of a model: fetched, for a model of the site, or those that the page passes.
 *
 * @param {URL} root
 * @param {readonly Types.ModelEntry[]} models
 * @param {Types.ModelChoice | undefined} model
 * @param {{ signal?: AbortSignal, report: Report }} options
 * @returns {Promise<ModelArgument>}
 */
async function modelFiles(root, models, model, { signal, report }) {
  /** @type {{ name?: string } & ModelArgument} */
  const { name, ...secrets } = typeof model === "string" ? { name: model } : (model ?? { name: models[0]?.name });
  if (name === undefined) return secrets;
  const entry = models.find((m) => m.name === name);
  if (!entry) throw new EncipherError({ code: "bad-model", message: `There is no model named ${name}.`, hint: "Choose one of models." });
  return { ...secrets, ...(await fetchModel(root, entry, signal, report)) };
}

/**
 * @param {URL} root
 * @param {Types.ModelEntry} entry
 * @param {AbortSignal | undefined} signal
 * @param {Report} report
 * @returns {Promise<ModelArgument>}
 */
async function fetchModel(root, { folder, files, sealed, bytes }, signal, report) {
  let received = 0;
  const contents = await Promise.all(
    files.map(async (name) => {
      const response = await fetchOK(new URL(folder + name, root), signal);
      const chunks = [];
      for (let reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body).getReader(), next; !(next = await reader.read()).done; ) {
        chunks.push(next.value);
        received += next.value.length;
        if (bytes) report("model", Math.min(received, bytes), bytes);
      }
      return new Uint8Array(await new Blob(chunks).arrayBuffer());
    }),
  );
  if (sealed) return { sealed: contents[0] };
  return Object.fromEntries(files.map((name, i) => [name.split(".")[0], contents[i]]));
}
