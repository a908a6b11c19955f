// Encipher for web pages: encrypts and decrypts pictures in this browser.
//
//	import { Encipher } from "./encipher.js";
//	const encipher = await Encipher.load();
//	const { text } = await encipher.newKey();
//	const { png } = await encipher.encrypt(photo, { key: text });
//
// Types and every option are in encipher.d.ts, headers and hosting in
// docs/embedding.md.
import { EncipherError, Pool, canceled, maxWorkers } from "./pool.js";

export { EncipherError };

// Only load makes an object of the class.
const own = Symbol();

// How a call's time divides over its stages, roughly, so that progress moves evenly.
const shares = {
  load: { program: 0.7, model: 0.3 },
  encrypt: { decode: 0.04, encrypt: 0.88, seal: 0.08 },
  decrypt: { open: 0.06, decrypt: 0.86, encode: 0.08 },
};

export class Encipher {
  #pool;
  #models;
  #url; // of the folder in which models lie
  #model;
  #key;

  constructor(token, parts) {
    if (token !== own) throw bad("Use Encipher.load in place of new Encipher.");
    const { pool, models, url, model, key } = parts;
    this.#pool = pool;
    this.#models = models;
    this.#url = url;
    this.#model = model;
    this.#key = key;
    Object.freeze(this);
  }

  // Starts the program and loads a model.
  static async load({ model, key, base, workers, onProgress, signal } = {}) {
    if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1 && workers <= maxWorkers)) {
      throw bad(`workers must be a whole number from 1 to ${maxWorkers}.`);
    }
    const folder = new URL(base ?? ".", base === undefined ? import.meta.url : document.baseURI);
    // The site has this module under v/VERSION/ too, for its own page; models lie at its root.
    const root = new URL(folder.pathname.replace(/v\/[0-9a-f]{16}\/$/, ""), folder);
    const report = progress("load", onProgress);
    const pool = new Pool(folder.href, workers);
    try {
      report("program", 0, 1);
      let running = false;
      const started = pool.ready().then(() => {
        running = true;
        report("program", 1, 1);
      });
      // The model is on its way while the program starts, of which alone is told then.
      const chosen = index(root, model).then(async (models) => {
        const files = await choice(root, models, model, { signal, report: (...step) => running && report(...step) });
        return { models, files };
      });
      const [{ models, files }] = await Promise.all([chosen, abortable(started, signal)]);
      const loaded = await open(pool, files, signal);
      report.end();
      return new Encipher(own, { pool, models, url: root, model: loaded, key });
    } catch (error) {
      pool.dispose();
      throw failure(error, signal);
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

  // Bytes that the workers' programs have for themselves.
  get memory() {
    return this.#pool.memory;
  }

  async useModel(model, { onProgress, signal } = {}) {
    const report = progress("load", onProgress);
    try {
      report("program", 1, 1);
      this.#model = await open(this.#pool, await choice(this.#url, this.#models, model, { signal, report }), signal);
      report.end();
      return this.#model;
    } catch (error) {
      throw failure(error, signal);
    }
  }

  newKey() {
    return this.#pool.call("newKey", {});
  }

  parseKey(text) {
    return this.#pool.call("parseKey", { text });
  }

  async unsealKeyFile(blob, { passphrase, identity, signal } = {}) {
    return this.#pool.call("unsealKeyFile", { file: file(blob), passphrase, identity }, { signal });
  }

  proposePassphrase() {
    return this.#pool.call("proposePassphrase", {});
  }

  lock({ passphrase, recipients, signal } = {}) {
    return this.#pool.call("lock", { passphrase, recipients }, { signal });
  }

  async unlock(blob, { key, passphrase, identity, signal } = {}) {
    return this.#pool.call("unlock", { file: file(blob), key, passphrase, identity }, { signal });
  }

  async inspect(blob, { signal } = {}) {
    return this.#pool.call("inspect", { file: file(blob) }, { signal });
  }

  async metrics(a, b, { plots, signal } = {}) {
    return this.#pool.call("metrics", { a: file(a), b: b && file(b), plots }, { signal });
  }

  async encrypt(blob, { key = this.#key, slot, exact, name, dropMetadata, views, signal, onProgress } = {}) {
    return this.#work("encrypt", { file: file(blob), key, slot, exact, name, dropMetadata, views }, signal, onProgress);
  }

  async decrypt(blob, { key = this.#key, name, approximate, bareCipher, views, signal, onProgress } = {}) {
    return this.#work("decrypt", { file: file(blob), key, name, approximate, bareCipher, views }, signal, onProgress);
  }

  // Ends the workers; calls under way reject with the code "canceled".
  dispose() {
    this.#pool.dispose();
  }

  async #work(method, argument, signal, onProgress) {
    const report = progress(method, onProgress);
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

function bad(message, hint) {
  return new EncipherError({ code: "bad-argument", message, hint });
}

function file(blob) {
  if (!(blob instanceof Blob)) throw bad("A file must be given as a Blob or a File.");
  return blob;
}

// failure gives every error the class and code of this module.
function failure(error, signal) {
  if (signal?.aborted) return canceled();
  return error instanceof EncipherError ? error : new EncipherError({ message: error.message });
}

// abortable rejects when the signal is aborted, whatever becomes of the promise.
function abortable(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(canceled());
    signal.addEventListener("abort", () => reject(canceled()), { once: true });
    promise.then(resolve, reject);
  });
}

// progress makes the reports of a call's stages one fraction that only grows.
// Its method end is for calls that went well.
function progress(method, onProgress) {
  if (!onProgress) return Object.assign(() => {}, { end() {} });
  const parts = Object.entries(shares[method]);
  let most = 0;
  let last = null;
  const report = (stage, done, total) => {
    let before = 0;
    for (const [name, share] of parts) {
      if (name === stage) {
        most = Math.max(most, before + (total > 0 ? (share * done) / total : 0));
        break;
      }
      before += share;
    }
    last = { stage, done, total, fraction: Math.min(most, 0.999) };
    onProgress(last);
  };
  report.end = () => onProgress({ ...last, fraction: 1 });
  return report;
}

async function get(url, signal) {
  const response = await fetch(url, { signal }).catch((error) => {
    throw new EncipherError({ message: `${url}: ${error.message}`, hint: "See whether the server still runs and the network works, and try again." });
  });
  if (!response.ok) {
    throw new EncipherError({ message: `${url}: the server answers ${response.status}`, hint: "See whether the server still runs, and try again." });
  }
  return response;
}

// index lists the models that the site offers. A page that brings its own needs none.
async function index(root, model) {
  if (typeof model === "object" && model.name === undefined) return Object.freeze([]);
  const { models } = await (await get(new URL("models/index.json", root))).json();
  return Object.freeze(models.map(Object.freeze));
}

async function open(pool, files, signal) {
  return Object.freeze(await pool.call("loadModel", files, { signal }));
}

// choice gives the files of a model: one of the site's by its name, or one that is given.
async function choice(root, models, model, { signal, report }) {
  const { name, ...secrets } = typeof model === "string" ? { name: model } : (model ?? { name: models[0]?.name });
  if (name === undefined) return secrets;
  const entry = models.find((m) => m.name === name);
  if (!entry) throw new EncipherError({ code: "bad-model", message: `There is no model named ${name} here.`, hint: "Choose one of models." });
  return { ...secrets, ...(await fetchModel(root, entry, signal, report)) };
}

async function fetchModel(root, { folder, files, sealed, bytes }, signal, report) {
  let received = 0;
  const contents = await Promise.all(
    files.map(async (name) => {
      const response = await get(new URL(folder + name, root), signal);
      const chunks = [];
      for (let reader = response.body.getReader(), next; !(next = await reader.read()).done; ) {
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
