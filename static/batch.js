// The list of files and the run over them.
//
// add inspects files. run encrypts the pictures and decrypts the cipher images
// among them, several at a time; a failure does not stop the others. A callback
// is told of every change.
import { decodeToBMP } from "./browser-decoder.js";

/** @typedef {import("./encipher.js").Encipher} Encipher */
/** @typedef {{ width?: number, height?: number, fileBytes?: number, memoryBytes?: number, needs?: "key" | "passphrase" | "identity", bare?: boolean }} Info */
/** @typedef {{ plain?: Blob, bare?: Blob, generated?: Blob, recovered?: Blob, received?: Blob }} Views pictures of the stages of an encryption or decryption */
/** @typedef {import("./archive.js").Result} Result */
/** @typedef {{ code?: string, message: string, title?: string, hint?: string }} Failure an EncipherError, or an error of the page */
/** @typedef {{ key?: string, passphrase?: string, identity?: string }} Secrets */
/** @typedef {{ key: string, slot?: Uint8Array }} EncryptionKey */
/** @typedef {{ exact: "on" | "off" | "file", dropMetadata: boolean, messenger: { side: number, strong: boolean } | null }} EncryptOptions */
/** @typedef {{ width: number, height: number, psnr: number, wholeFile: boolean }} Received what the other side of a messenger sees */
/** @typedef {{ items: Item[], started: number, ended?: number }} Run */

// Calls that the engine gets at a time. It divides its workers among them.
const concurrentCalls = 4;

// Cost of an item besides its pixels, in pixels, for progress and remaining time.
const itemOverhead = 20_000;

// Failures that another key, model or attempt may remedy.
const retryable = new Set(["not-kept", "wrong-key", "other-model", "bad-model", "not-sealed", "canceled", "internal"]);

/** Item is one file with its state and result. */
export class Item {
  /** @type {"reading" | "waiting" | "working" | "done" | "failed"} */
  state = "reading";
  /** @type {"picture" | "cipher" | null} null until the file is inspected */
  kind = null;
  /** @type {Info} what inspect returned */
  info = {};
  decodedType = ""; // media type, if the browser decoded the file
  fraction = 0;
  stage = "";
  /** @type {Failure | null} */
  error = null;
  resultName = "";
  /** @type {Result | null} null again once it is in an archive */
  result = null;
  inZip = false;
  saved = false;
  /** @type {readonly string[]} remarks of the engine, in English */
  notes = [];
  /** @type {"" | "exact" | "approximate" | "file" | "bare"} of a decryption */
  outcome = "";
  /** @type {Received | null} of an encryption for a messenger */
  received = null;
  allowed = false; // whether the user chose to open this bare cipher image
  /** @type {string | null} text of the key that was used */
  key = null;
  /** @type {Views | null} of the last run, if this was its only item */
  views = null;
  /** @type {AbortController | null} */
  controller = null;

  /** @param {import("./files.js").FileEntry} entry */
  constructor({ file, path, unreadable = "" }) {
    this.file = file;
    this.path = path;
    this.unreadable = unreadable;
    /** @type {Blob} the file, or what the browser decoded it to */
    this.source = file;
  }

  /** Whether it is a bare cipher image that the user did not choose to open. Runs skip it. */
  get refused() {
    return Boolean(this.info.bare) && !this.allowed;
  }

  /** Whether a run would process it. */
  get ready() {
    if (this.refused) return false;
    return this.state === "waiting" || (this.state === "failed" && this.kind !== null && this.error !== null && retryable.has(this.error.code ?? ""));
  }

  get weight() {
    return itemOverhead + (this.info.width ?? 0) * (this.info.height ?? 0);
  }
}

export class Batch {
  /** @type {Item[]} */
  items = [];
  /** @type {Run | null} */
  running = null;
  /** @type {Run | null} the previous run */
  last = null;
  #engine;
  #changed;
  #reading = Promise.resolve();

  /**
   * @param {() => Promise<Encipher>} engine
   * @param {(item?: Item) => void} changed is called with the item that changed, or without one when the list or the run did
   */
  constructor(engine, changed) {
    this.#engine = engine;
    this.#changed = changed;
  }

  /**
   * add appends files and resolves when they are inspected.
   *
   * @param {import("./files.js").FileEntry[]} entries
   */
  add(entries) {
    const items = entries.map((entry) => new Item(entry));
    this.items.push(...items);
    this.#changed();
    return (this.#reading = this.#reading.then(async () => {
      for (const item of items) if (this.items.includes(item)) await this.#inspect(item);
      this.#changed();
    }));
  }

  /** @param {Item} item */
  async #inspect(item) {
    try {
      if (item.unreadable) throw { code: "bad-picture", message: item.unreadable };
      const engine = await this.#engine();
      try {
        this.#setInfo(item, await engine.inspect(item.file));
      } catch (error) {
        const { code = "" } = /** @type {Failure} */ (error);
        const decoded = ["bad-picture", "unsupported-picture"].includes(code) && item.file.size > 0 ? await decodeToBMP(item.file) : null;
        if (!decoded) throw error;
        item.source = decoded.blob;
        item.decodedType = decoded.type;
        this.#setInfo(item, await engine.inspect(item.source));
      }
      item.state = "waiting";
    } catch (error) {
      setFailed(item, error);
    }
    this.#changed(item);
  }

  /**
   * @param {Item} item
   * @param {import("./encipher.js").Inspection} info
   */
  #setInfo(item, info) {
    item.info = info;
    item.kind = info.kind;
  }

  /** @param {Item} item */
  remove(item) {
    this.cancel(item);
    this.items = this.items.filter((i) => i !== item);
    this.#changed();
  }

  clear() {
    this.cancelAll();
    this.items = [];
    this.last = null;
    this.#changed();
  }

  /**
   * allow sets whether to open a bare cipher image.
   *
   * @param {Item} item
   * @param {boolean} allowed
   */
  allow(item, allowed) {
    item.allowed = allowed;
    this.#changed(item);
    this.#changed();
  }

  /** The items that a run would process. */
  get ready() {
    return this.items.filter((item) => item.ready);
  }

  /** Progress of the run, 0 to 1. It never falls, and is 1 when every item is done or failed. */
  get fraction() {
    let done = 0;
    let total = 0;
    for (const item of (this.running ?? this.last)?.items ?? []) {
      done += item.weight * (item.state === "done" || item.state === "failed" ? 1 : item.fraction);
      total += item.weight;
    }
    return total ? done / total : 0;
  }

  /**
   * run processes the items that are ready and returns them.
   *
   * @param {object} parameters
   * @param {EncryptionKey | null} parameters.encryptionKey
   * @param {Secrets} parameters.secrets tried to decrypt
   * @param {EncryptOptions} parameters.options
   * @param {((path: string, blob: Blob) => Promise<void>) | null} parameters.sink stores results as they are finished
   */
  async run({ encryptionKey, secrets, options, sink }) {
    const engine = await this.#engine();
    const items = this.ready;
    this.running = { items, started: performance.now() };
    for (const item of this.items) item.views = null; // they are large
    for (const item of items) {
      Object.assign(item, {
        state: "working",
        stage: "",
        fraction: 0,
        error: null,
        result: null,
        inZip: false,
        saved: false,
        notes: [],
        outcome: "",
        received: null,
        controller: new AbortController(),
      });
      this.#changed(item);
    }
    this.#changed();
    const views = items.length === 1;
    const queue = [...items];
    /** @type {Error | null} */
    let sinkError = null;
    const processQueue = async () => {
      for (let item; (item = queue.shift()); ) {
        const controller = /** @type {AbortController} */ (item.controller);
        try {
          if (sinkError) throw sinkError;
          const result = await this.#process(engine, item, { encryptionKey, secrets, options, views, signal: controller.signal });
          item.result = result;
          if (sink && !sinkError) {
            // A result that could not be written stays in the list.
            await sink(result.path, result.blob).then(
              () => Object.assign(item, { inZip: true, result: null }),
              (error) => (sinkError = error),
            );
          }
          item.state = "done";
        } catch (error) {
          setFailed(item, controller.signal.aborted ? { code: "canceled", message: "" } : error);
        }
        item.controller = null;
        this.#changed(item);
        this.#changed();
      }
    };
    await Promise.all(Array.from({ length: concurrentCalls }, processQueue));
    this.last = { ...this.running, ended: performance.now() };
    this.running = null;
    this.#changed();
    if (sinkError) throw sinkError;
    return items;
  }

  /**
   * @param {Encipher} engine
   * @param {Item} item
   * @param {{ encryptionKey: EncryptionKey | null, secrets: Secrets, options: EncryptOptions, views: boolean, signal: AbortSignal }} parameters
   * @returns {Promise<Result>}
   */
  async #process(engine, item, { encryptionKey, secrets, options, views, signal }) {
    if (signal.aborted) throw { code: "canceled", message: "" };
    /** @type {import("./encipher.js").ProgressOptions["onProgress"]} */
    const onProgress = ({ stage, fraction }) => {
      item.stage = stage;
      item.fraction = Math.max(item.fraction, fraction);
      this.#changed(item);
    };
    if (item.kind === "picture") {
      if (options.messenger) return this.#encryptForMessenger(engine, item, { encryptionKey, options, views, signal, onProgress });
      // The wasm could not verify that a file it cannot decode is of the picture.
      if (item.decodedType && options.exact === "file") throw { code: "not-kept", message: item.decodedType };
      const { exact, dropMetadata } = options;
      const sealed = await engine.encrypt(item.source, { exact, dropMetadata, ...encryptionKey, name: item.path, views, signal, onProgress });
      // Approximate encryption does not run the decryption generator.
      item.views = sealed.generated ? { plain: sealed.plain, bare: sealed.bare, generated: sealed.generated } : null;
      item.key = encryptionKey?.key ?? null;
      item.notes = sealed.notes;
      item.resultName = sealed.name;
      return { path: sealed.name, blob: sealed.png };
    }
    const { key } = await engine.unwrapKey(item.source, { ...secrets, signal });
    const opened = await engine.decrypt(item.source, { key, name: item.path, bareCipher: item.allowed, views, signal, onProgress });
    item.key = key;
    item.views = views ? viewsOf(opened) : null;
    item.outcome = !opened.sealed ? "bare" : opened.original ? "file" : opened.exact ? "exact" : "approximate";
    item.resultName = opened.name;
    return { path: opened.name, blob: opened.original ?? opened.png };
  }

  /**
   * @param {Encipher} engine
   * @param {Item} item
   * @param {{ encryptionKey: EncryptionKey | null, options: EncryptOptions, views: boolean, signal: AbortSignal,
   *   onProgress: import("./encipher.js").ProgressOptions["onProgress"] }} parameters
   * @returns {Promise<Result>}
   */
  async #encryptForMessenger(engine, item, { encryptionKey, options, views, signal, onProgress }) {
    const call = { ...options.messenger, dropMetadata: options.dropMetadata, ...encryptionKey, name: item.path, views, signal, onProgress };
    const sent = await engine.encryptForMessenger(item.source, call);
    item.received = { width: sent.width, height: sent.height, psnr: sent.psnr, wholeFile: sent.wholeFile };
    item.views = sent.received ? { received: sent.received } : null;
    item.key = encryptionKey?.key ?? null;
    item.notes = sent.notes;
    item.resultName = sent.name;
    return { path: sent.name, blob: sent.jpeg };
  }

  /** @param {Item} item */
  cancel(item) {
    item.controller?.abort();
  }

  cancelAll() {
    for (const item of this.running?.items ?? []) this.cancel(item);
  }
}

/**
 * viewsOf returns the pictures of a decryption with views. Without exactness the
 * generator's output is the recovered picture.
 *
 * @param {import("./encipher.js").Decrypted} opened
 * @returns {Views}
 */
export function viewsOf({ bare, generated, png, exact }) {
  return exact ? { bare, generated, recovered: png } : { bare, recovered: png };
}

/**
 * @param {Item} item
 * @param {unknown} error
 */
function setFailed(item, error) {
  const { code = "internal", message } = /** @type {Failure} */ (error);
  item.state = "failed";
  item.error = { code, message };
}
