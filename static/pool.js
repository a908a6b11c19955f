// The workers in which the wasm runs, and what each of them does.
//
// encrypt and decrypt run in one worker, the coordinator: it decodes, seals and
// writes, and hands out their tiles. Tile workers, up to the pool's size, compute
// those; they also take the other calls, as does the coordinator while it has
// nothing else to do, and unlock always, since the wasm remembers the passphrase
// that the last one worked out. A pool of size 1 has the coordinator alone, which computes
// all by itself.
//
// Main path: call() queues a job, #pump() gives jobs to workers, #receive()
// takes their answers. The wasm is compiled once and shared as a module.
import { scriptURL } from "./trusted.js";

// How long a cancelled job may keep its worker. Then the worker is ended, which
// frees it at once but costs a fresh start.
const patience = 250; // ms

// How long a worker that has nothing to do stays, and from how much memory on the
// coordinator is replaced then: what a wasm once took it never gives back.
const rest = 30_000; // ms
const swollen = 256 << 20; // bytes

// Tiles that a call hands out ahead, for each worker: enough to go on with while
// the coordinator decodes or seals another picture, which holds its thread.
const ahead = 4;

export const maxWorkers = 8;

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

const died = (detail) =>
  new EncipherError({
    message: detail ? `A worker ended unexpectedly: ${detail}` : "A worker ended unexpectedly.",
    hint: "The picture may need more memory than this browser gives. Try a smaller one.",
  });

const disposed = () => new EncipherError({ code: "bad-argument", message: "The engine was disposed of.", hint: "Load a new one." });

const large = new Set(["encrypt", "decrypt", "loadModel"]); // what the coordinator alone does

// Member is one worker, and the jobs that it has.
class Member {
  jobs = new Map(); // id -> job
  memory = 0; // bytes of its wasm
  version = 0; // of the model that it has
  running = false; // whether its program has started
  resting; // timer, while it has nothing to do
  #worker;
  #url;
  #started;
  #loaded = Promise.resolve();
  #settleLoad;

  constructor(url, { heard, lost }) {
    this.#url = url;
    this.#worker = new Worker(scriptURL(url), { type: "module" });
    this.heard = heard;
    this.lost = lost;
  }

  get idle() {
    return this.jobs.size === 0;
  }

  // Starts the program; the promise gives what the worker says of itself.
  start(module) {
    return (this.#started ??= new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => {
        if (data.failed) return reject(new EncipherError({ message: data.failed }));
        this.#worker.onmessage = (event) => (event.data.id === 0 ? this.#settleLoad(event.data) : this.heard(this, event.data));
        this.#worker.onerror = (event) => this.lost(this, event.message);
        this.memory = data.memory;
        this.running = true;
        resolve(data);
      };
      this.#worker.onerror = () => reject(new EncipherError({ message: `The worker ${this.#url} could not be loaded.` }));
      this.#worker.postMessage({ start: module });
    }));
  }

  // Gives it the model, if it has another.
  load(model, version) {
    if (this.version !== version) {
      this.version = version;
      this.#loaded = new Promise((resolve, reject) => {
        this.#settleLoad = ({ error }) => (error ? reject(new EncipherError(error)) : resolve());
        this.post({ id: 0, method: "loadModel", argument: model }); // 0 is no job's id
      });
    }
    return this.#loaded;
  }

  post(message, transfer = []) {
    this.#worker.postMessage(message, transfer);
  }

  end() {
    clearTimeout(this.resting);
    this.#worker.terminate();
  }
}

export class Pool {
  kernels = ""; // which kernels the workers compute with, once one is ready
  #url;
  #size;
  #module = null;
  #model = null; // argument of the last loadModel that went well
  #version = 0; // counts them
  #coordinator = null;
  #helpers = new Set(); // the tile workers
  #large = []; // calls that wait for the coordinator
  #small = []; // calls that wait for any worker
  #tiles = new Map(); // call -> its tiles that wait
  #next = 1;
  #disposed = false;

  // base is the URL of the folder with worker.js and what it loads.
  constructor(base = new URL(".", import.meta.url).href, size = suited()) {
    this.#url = new URL("worker.js", base).href;
    this.#size = size;
  }

  // Bytes of memory that all workers together have for the wasm.
  get memory() {
    return this.#members().reduce((sum, m) => sum + m.memory, 0);
  }

  // Number of workers there are.
  get workers() {
    return this.#members().length;
  }

  // Starts the coordinator, if there is none.
  async ready() {
    if (this.#disposed) throw disposed();
    const member = (this.#coordinator ??= this.#member());
    try {
      await this.#prepare(member);
    } catch (error) {
      this.#lost(member, error);
      throw error;
    }
  }

  // Calls a method of the wasm. Blobs in the argument arrive there as their
  // bytes; pictures and files in the result are Blobs. Aborting the signal
  // rejects at once with the code "canceled". A model that is loaded serves the
  // calls that come after it.
  async call(method, argument, { onProgress, signal } = {}) {
    if (this.#disposed) throw disposed();
    if (signal?.aborted) throw canceled();
    return new Promise((resolve, reject) => {
      const job = { id: this.#next++, method, argument, onProgress, signal, resolve, reject };
      if (method === "loadModel") {
        job.alone = true;
        // A sealed model is opened once; the other workers get what was in it.
        job.argument = { ...argument, share: !argument.card };
      }
      job.abort = () => this.#cancel(job);
      signal?.addEventListener("abort", job.abort);
      (large.has(method) ? this.#large : this.#small).push(job);
      this.#pump();
    });
  }

  // Ends the workers; calls under way reject with the code "canceled".
  dispose() {
    this.#disposed = true;
    const jobs = [...this.#large, ...this.#small, ...this.#members().flatMap((m) => [...m.jobs.values()])];
    for (const member of this.#members()) member.end();
    this.#coordinator = null;
    this.#helpers.clear();
    this.#large = [];
    this.#small = [];
    this.#tiles.clear();
    for (const job of jobs) if (!job.parent) this.#settle(job, canceled());
    this.#module = this.#model = null;
  }

  #members() {
    return this.#coordinator ? [this.#coordinator, ...this.#helpers] : [...this.#helpers];
  }

  #member() {
    return new Member(this.#url, { heard: (m, data) => this.#receive(m, data), lost: (m, detail) => this.#lost(m, died(detail)) });
  }

  async #prepare(member) {
    const { module, kernels } = await member.start(this.#module);
    this.#module = module;
    this.kernels = kernels;
    await member.load(this.#model, this.#version);
  }

  // ---- giving out work

  #pump() {
    if (this.#disposed) return;
    this.#startCoordinator();
    // What somebody waits for now comes before tiles.
    for (let m; this.#small.length && (m = this.#forSmall(this.#small[0])); ) this.#run(m, this.#small.shift());
    for (let m; this.#tiles.size && (m = this.#helper()); ) this.#run(m, this.#nextTile());
    while (this.#large.length && this.#mayBegin(this.#large[0])) this.#run(this.#coordinator, this.#large.shift());
  }

  // startCoordinator sees to it that there is one, ready for the next call. Where
  // it cannot start, that call is told.
  #startCoordinator() {
    if (this.#coordinator) return;
    this.#coordinator = this.#member();
    this.#prepare(this.#coordinator).catch(() => {});
  }

  #forSmall({ method }) {
    if (this.#size === 1 || method === "unlock" || this.#coordinator.idle) return this.#coordinator;
    return this.#helper();
  }

  // helper is a tile worker with nothing to do, a new one if need be, or none.
  #helper() {
    for (const m of this.#helpers) if (m.idle) return m;
    // The first worker compiles the wasm, which the others wait for.
    if (this.#helpers.size >= this.#size || !this.#module) return undefined;
    const m = this.#member();
    this.#helpers.add(m);
    return m;
  }

  // mayBegin says whether the coordinator takes one more call. While it has large
  // pictures, it takes the next only as their tiles run out; small ones fill the
  // pool. Calls that must be alone wait for the others, and the others for them.
  #mayBegin(call) {
    const begun = [...this.#coordinator.jobs.values()].filter((j) => large.has(j.method));
    if (begun.length === 0) return true;
    if (this.#size === 1 || call.alone || begun.length > this.#size) return false;
    if (begun.some((j) => j.alone || j.done || !j.handing)) return false;
    return [...this.#tiles.values()].flat().length < this.#size;
  }

  // nextTile takes the calls in their order: a worker prepares anew for tiles of
  // another shape, as they would be by turns, and the memory of a picture that is
  // done is free for the next.
  #nextTile() {
    const call = [...this.#tiles.keys()].reduce((a, b) => (a.id < b.id ? a : b));
    const tiles = this.#tiles.get(call);
    const tile = tiles.shift();
    if (!tiles.length) this.#tiles.delete(call);
    return tile;
  }

  async #run(member, job) {
    clearTimeout(member.resting);
    member.jobs.set(job.id, job);
    job.member = member;
    job.posted = false;
    try {
      await this.#prepare(member);
    } catch (error) {
      this.#lost(member, error);
      return;
    }
    if (job.done || job.member !== member) {
      member.jobs.delete(job.id);
      this.#rest(member);
      this.#pump();
      return;
    }
    const spread = this.#size > 1 && large.has(job.method) && job.method !== "loadModel";
    member.post({ id: job.id, method: job.method, argument: job.argument, tilesAtOnce: spread ? ahead * this.#size : 0 });
    job.posted = true;
    if (spread && this.#helpers.size === 0) this.#warm(this.#helper());
  }

  // warm starts a tile worker while the picture is still being decoded.
  async #warm(member) {
    try {
      await this.#prepare(member);
      this.#rest(member);
    } catch (error) {
      this.#lost(member, error);
    }
  }

  // ---- taking answers

  #receive(member, data) {
    if (data.exited) return this.#lost(member, died());
    const job = member.jobs.get(data.id);
    if (!job) return;
    if (data.progress) {
      if (!job.done) job.onProgress?.(data.progress);
    } else if ("tile" in data) {
      if (!job.done) this.#take(job, data);
    } else {
      member.memory = data.memory;
      member.jobs.delete(job.id);
      if (data.error) this.#settle(job, new EncipherError(data.error));
      else {
        if (job.method === "loadModel") this.#adopt(member, job, data.result);
        this.#settle(job, null, data.result);
      }
      this.#rest(member);
      this.#pump();
    }
  }

  // take queues a tile that a call hands out. Its bytes are kept here until they
  // are answered, should the worker that computes it die.
  #take(call, { tile, job }) {
    call.handing = true;
    const { member } = call;
    const answer = (message, transfer) => !call.done && call.member === member && member.post({ tile, ...message }, transfer);
    const waiting = this.#tiles.get(call) ?? [];
    waiting.push({
      id: this.#next++,
      method: "tile",
      argument: job,
      parent: call,
      resolve: (result) =>
        answer(
          { result },
          Object.values(result).map((v) => v.buffer),
        ),
      reject: ({ code, message, hint }) => answer({ error: { code, message, hint } }),
      back: () => answer({ job }),
    });
    this.#tiles.set(call, waiting);
    this.#pump();
  }

  // adopt makes the model that the coordinator has loaded that of all workers.
  #adopt(member, job, result) {
    const { card, encryption, decryption } = result.card ? result : job.argument;
    this.#model = { card, encryption, decryption };
    member.version = ++this.#version;
    for (const name of ["card", "encryption", "decryption"]) delete result[name];
  }

  #settle(job, error, result) {
    this.#tiles.delete(job);
    if (job.done) return;
    job.done = true;
    job.signal?.removeEventListener("abort", job.abort);
    if (error) job.reject(error);
    else job.resolve(result);
  }

  // ---- ends of jobs and workers

  // cancel rejects a call at once, and sees to it that its workers become free.
  #cancel(job) {
    if (job.done) return;
    this.#large = this.#large.filter((j) => j !== job);
    this.#small = this.#small.filter((j) => j !== job);
    const tiles = [...this.#helpers].flatMap((m) => [...m.jobs.values()]).filter((j) => j.parent === job);
    this.#settle(job, canceled());
    for (const j of [job, ...tiles]) {
      j.done = true;
      if (j.member) this.#free(j.member, j);
    }
    this.#pump();
  }

  #free(member, job) {
    if (!job.posted) return;
    member.post({ abort: job.id });
    setTimeout(() => {
      if (!member.jobs.has(job.id) || !this.#members().includes(member)) return;
      // Other pictures that the coordinator has are not lost for that; it sees the
      // abort as soon as it has decoded or sealed what it is at.
      if ([...member.jobs.values()].some((j) => !j.done && large.has(j.method))) return;
      this.#end(member, (j) => this.#again(j));
    }, patience);
  }

  // lost is told that a worker died, or could not start. A tile is tried once
  // more elsewhere, or by the coordinator where no tile worker starts, as may be
  // without a network. A call that was not alone in the coordinator is tried once
  // more too, alone, since another may have been the reason.
  #lost(member, error) {
    if (!this.#members().includes(member)) return;
    const calls = [...member.jobs.values()].filter((j) => !j.done && !j.parent);
    this.#end(member, (job) => {
      if (job.parent && !member.running) {
        job.back();
      } else if (!job.tried && (job.parent || calls.length > 1)) {
        job.tried = true;
        job.alone = !job.parent;
        this.#again(job);
      } else {
        this.#settle(job, error);
      }
    });
  }

  // end ends a worker; each hears of its jobs.
  #end(member, each) {
    member.end();
    this.#helpers.delete(member);
    if (this.#coordinator === member) this.#coordinator = null;
    for (const job of [...member.jobs.values()].reverse()) {
      if (member === job.member && !job.done) {
        job.member = null;
        each(job);
      }
    }
    this.#pump();
  }

  // again queues a job anew, before the others.
  #again(job) {
    if (job.parent) {
      if (!job.parent.done) this.#tiles.set(job.parent, [job, ...(this.#tiles.get(job.parent) ?? [])]);
      return;
    }
    // Tiles of the first attempt are of no use to the second, whose nonce is another.
    this.#tiles.delete(job);
    for (const m of this.#helpers) for (const j of m.jobs.values()) if (j.parent === job) j.done = true;
    job.handing = false;
    (large.has(job.method) ? this.#large : this.#small).unshift(job);
  }

  #rest(member) {
    if (!member.idle) return;
    clearTimeout(member.resting);
    if (member === this.#coordinator && member.memory < swollen) return;
    member.resting = setTimeout(() => this.#members().includes(member) && this.#end(member, () => {}), rest);
  }
}

// suited is how many workers compute on this machine at the same time. Each takes
// some 100 MB for a tile.
function suited() {
  const { hardwareConcurrency: cores = 1, deviceMemory: gigabytes = maxWorkers } = navigator;
  return Math.max(1, Math.min(maxWorkers, cores, Math.floor(gigabytes)));
}
