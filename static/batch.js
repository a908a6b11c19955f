// The pictures to work on, and the run over them.
//
// Main path: add() reads what each file is; run() encrypts the pictures and
// decrypts the cipher images, several at a time, and one that fails does not
// stop the others. Who shows them is told of each change.
import { bitmapOf } from "./foreign.js";

// How many calls the engine is given at a time; it shares its workers among them.
const atOnce = 4;

// What an item costs beside its pixels, in pixels, where time is estimated.
const overhead = 20_000;

// Failures that another key, model or attempt may mend.
const mendable = new Set(["not-kept", "wrong-key", "other-model", "bad-model", "not-sealed", "canceled", "internal"]);

// Item is one file and what became of it.
export class Item {
  state = "reading"; // reading, waiting, working, done, failed
  kind = null; // "picture" or "cipher", once it is read
  info = {}; // what inspect told
  foreign = ""; // media type, where the browser decoded the file
  fraction = 0;
  stage = "";
  error = null; // {code, message}
  called = ""; // what the program calls the result
  result = null; // {path, blob}, until it is in an archive
  inZip = false;
  saved = false;
  notes = []; // sentences of the program, in English
  outcome = ""; // of a decryption: "exact", "approximate", "file", "bare"
  allowed = false; // whether the user wants this bare cipher opened, which nothing protects
  key = null; // text of the key that was used
  opened = null; // what decrypt gave, with views, where there was one picture alone
  controller = null;

  constructor({ file, path, unreadable = "" }) {
    this.file = file;
    this.path = path;
    this.unreadable = unreadable; // why the file could not be read
    this.source = file; // what is worked on
  }

  // Whether it is a bare cipher that the user has not asked to have opened. No run includes it.
  get refused() {
    return Boolean(this.info.bare) && !this.allowed;
  }

  get ready() {
    if (this.refused) return false;
    return this.state === "waiting" || (this.state === "failed" && this.kind !== null && mendable.has(this.error.code));
  }

  get weight() {
    return overhead + (this.info.width ?? 0) * (this.info.height ?? 0);
  }
}

export class Batch {
  items = [];
  running = null; // {items, began, ended} of the run under way
  last = null; // the run before
  #program;
  #changed;
  #reading = Promise.resolve();

  // program resolves to the engine; changed is called with the item that changed,
  // or with nothing when the list or the run did.
  constructor(program, changed) {
    this.#program = program;
    this.#changed = changed;
  }

  // add takes files, {file, path, unreadable?} each, and resolves when all of them are read.
  add(files) {
    const items = files.map((entry) => new Item(entry));
    this.items.push(...items);
    this.#changed();
    return (this.#reading = this.#reading.then(async () => {
      for (const item of items) if (this.items.includes(item)) await this.#read(item);
      this.#changed();
    }));
  }

  async #read(item) {
    try {
      if (item.unreadable) throw { code: "bad-picture", message: item.unreadable };
      const program = await this.#program();
      try {
        item.info = await program.inspect(item.file);
      } catch (error) {
        const decoded = ["bad-picture", "unsupported-picture"].includes(error.code) && item.file.size > 0 ? await bitmapOf(item.file) : null;
        if (!decoded) throw error;
        item.source = decoded.blob;
        item.foreign = decoded.type;
        item.info = await program.inspect(item.source);
      }
      item.kind = item.info.kind;
      item.state = "waiting";
    } catch (error) {
      fail(item, error);
    }
    this.#changed(item);
  }

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

  // allow says whether a bare cipher is to be opened, for this one file.
  allow(item, on) {
    item.allowed = on;
    this.#changed(item);
    this.#changed();
  }

  // The items that a run would work on.
  get ready() {
    return this.items.filter((item) => item.ready);
  }

  // fraction is how far the run has come, 0 to 1. It only grows, and is 1 when
  // every item is done or failed.
  get fraction() {
    const { items } = this.running ?? this.last ?? { items: [] };
    let done = 0;
    let all = 0;
    for (const item of items) {
      done += item.weight * (item.state === "done" || item.state === "failed" ? 1 : item.fraction);
      all += item.weight;
    }
    return all ? done / all : 0;
  }

  // run works on what is ready. lock is {key, slot?} to encrypt with; secrets are
  // what may open cipher images; options go to encrypt. sink, where given, takes
  // each result away, (path, blob) at a time.
  async run({ lock, secrets, options, sink }) {
    const program = await this.#program();
    const items = this.ready;
    this.running = { items, began: performance.now() };
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
        controller: new AbortController(),
      });
      this.#changed(item);
    }
    this.#changed();
    const views = items.length === 1;
    const queue = [...items];
    let broken = null;
    const next = async () => {
      for (let item; (item = queue.shift()); ) {
        try {
          if (broken) throw broken;
          await this.#work(program, item, { lock, secrets, options, views });
          if (sink && !broken) {
            // A result that could not be written stays in the list.
            await sink(item.result.path, item.result.blob).then(
              () => Object.assign(item, { inZip: true, result: null }),
              (error) => (broken = error),
            );
          }
          item.state = "done";
        } catch (error) {
          fail(item, item.controller.signal.aborted ? { code: "canceled", message: "" } : error);
        }
        item.controller = null;
        this.#changed(item);
        this.#changed();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, next));
    this.last = { ...this.running, ended: performance.now() };
    this.running = null;
    this.#changed();
    if (broken) throw broken;
    return items;
  }

  async #work(program, item, { lock, secrets, options, views }) {
    const { signal } = item.controller;
    if (signal.aborted) throw { code: "canceled", message: "" };
    const onProgress = ({ stage, fraction }) => {
      item.stage = stage;
      item.fraction = Math.max(item.fraction, fraction);
      this.#changed(item);
    };
    if (item.kind === "picture") {
      // What the browser decoded, the program could not compare with the picture later.
      if (item.foreign && options.exact === "file") throw { code: "not-kept", message: item.foreign };
      const done = await program.encrypt(item.source, { ...options, ...lock, name: item.path, signal, onProgress });
      item.key = lock.key;
      item.notes = done.notes;
      item.called = done.name;
      item.result = { path: done.name, blob: done.png };
      return;
    }
    const { key } = await program.unlock(item.source, { ...secrets, signal });
    const done = await program.decrypt(item.source, { key, name: item.path, bareCipher: item.allowed, views, signal, onProgress });
    item.key = key;
    item.opened = views ? done : null;
    item.outcome = !done.sealed ? "bare" : done.original ? "file" : done.exact ? "exact" : "approximate";
    item.called = done.name;
    item.result = { path: done.name, blob: done.original ?? done.png };
  }

  cancel(item) {
    item.controller?.abort();
  }

  cancelAll() {
    for (const item of this.running?.items ?? []) this.cancel(item);
  }
}

function fail(item, { code = "internal", message }) {
  item.state = "failed";
  item.error = { code, message };
}
