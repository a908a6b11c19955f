// The pool of workers that run the wasm.
//
// One worker, the coordinator, runs encrypt and decrypt: it decodes, seals and
// encodes, and hands out tiles. Tile workers compute the tiles, and the other
// calls, which the coordinator also runs while it is idle. It runs every
// unwrapKey, because its wasm caches what Argon2id derived from the last
// passphrase. In a pool of size 1 the coordinator does everything.
//
// call queues a job, #schedule assigns jobs to workers, and #receive handles
// their messages. The wasm is compiled once, and workers share the module.
import { scriptURL } from "./trusted-types.js";

/** @typedef {import("../tools/types/engine.js").Methods} Methods */
/** @typedef {import("../tools/types/engine.js").StageProgress} StageProgress */
/** @typedef {import("../tools/types/engine.js").Failure} Failure */
/** @typedef {import("../tools/types/engine.js").Started} Started */
/** @typedef {import("../tools/types/engine.js").FromWorker} FromWorker */
/** @typedef {import("../tools/types/engine.js").ToWorker} ToWorker */
/** @typedef {import("../tools/types/engine.js").TileJob} TileJob */
/** @typedef {import("../tools/types/engine.js").TileResult} TileResult */
/** @typedef {import("../tools/types/engine.js").TileAnswer} TileAnswer */
/** @typedef {Methods["loadModel"]["argument"]} ModelArgument */
/** @typedef {{ signal?: AbortSignal, onProgress?: (progress: StageProgress) => void }} CallOptions */

/**
 * Job is a call, or a tile of one.
 *
 * @typedef {object} Job
 * @property {number} id
 * @property {keyof Methods} method
 * @property {object} argument
 * @property {(result: object) => void} resolve
 * @property {(error: EncipherError) => void} reject
 * @property {CallOptions["onProgress"]} [onProgress]
 * @property {AbortSignal} [signal]
 * @property {() => void} [abort] listener of the signal
 * @property {PoolWorker | null} [worker] that runs it
 * @property {boolean} [posted] whether the worker has received it
 * @property {boolean} [settled]
 * @property {boolean} [retried]
 * @property {boolean} [exclusive] whether the coordinator must run no other call meanwhile
 * @property {boolean} [hasTiles] of a call: whether it has handed out tiles
 * @property {Job} [call] of a tile
 * @property {() => void} [giveBack] of a tile: lets the coordinator compute it
 */

// How long an aborted job may occupy its worker, in ms. After that the worker is
// terminated, which frees it at once but costs a restart.
const abortTimeout = 250;

// How long an idle worker is kept, in ms, and from which memory size the
// coordinator is replaced then, because the memory of a wasm never shrinks.
const idleTimeout = 30_000;
const maxIdleMemory = 256 << 20; // bytes

// Tiles that a call hands out ahead, per worker, so that the tile workers stay
// busy while the coordinator decodes or seals another picture.
const tilesAhead = 4;

export const maxWorkers = 8;

/** EncipherError is the error of every rejected call. Codes are stable; hint says what to do next and may be empty. */
export class EncipherError extends Error {
  /** @param {Failure} error */
  constructor({ code = "internal", message, hint = "" }) {
    super(message);
    this.name = "EncipherError";
    this.code = code;
    this.hint = hint;
  }
}

export const canceled = () => new EncipherError({ code: "canceled", message: "The call was canceled." });

/** @param {string} [detail] */
const workerDied = (detail) =>
  new EncipherError({
    message: detail ? `A worker ended unexpectedly: ${detail}` : "A worker ended unexpectedly.",
    hint: "The picture may need more memory than the browser provides. Try a smaller one.",
  });

const disposed = () => new EncipherError({ code: "bad-argument", message: "The engine has been disposed of.", hint: "Load a new one." });

const coordinatorMethods = new Set(["encrypt", "decrypt", "loadModel"]); // that only the coordinator runs

/** PoolWorker is one worker with its jobs. */
class PoolWorker {
  /** @type {Map<number, Job>} */
  jobs = new Map();
  memory = 0; // bytes of its wasm
  modelVersion = 0;
  running = false; // whether its wasm has started
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  idleTimer;
  #worker;
  #url;
  /** @type {Promise<Started> | undefined} */
  #started;
  /** @type {Promise<void>} */
  #loaded = Promise.resolve();
  /** @type {(answer: FromWorker) => void} */
  #settleLoad = () => {};

  /**
   * @param {string} url
   * @param {{ onMessage: (worker: PoolWorker, data: FromWorker) => void, onLost: (worker: PoolWorker, detail: string) => void }} handlers
   */
  constructor(url, { onMessage, onLost }) {
    this.#url = url;
    this.#worker = new Worker(scriptURL(url), { type: "module" });
    this.onMessage = onMessage;
    this.onLost = onLost;
  }

  get idle() {
    return this.jobs.size === 0;
  }

  /**
   * start starts the wasm and resolves to {module, kernels, memory}.
   *
   * @param {WebAssembly.Module | null} module
   */
  start(module) {
    return (this.#started ??= new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => {
        if (data.failed) return reject(new EncipherError({ message: data.failed }));
        this.#worker.onmessage = (event) => (event.data.id === 0 ? this.#settleLoad(event.data) : this.onMessage(this, event.data));
        this.#worker.onerror = (event) => this.onLost(this, event.message);
        this.memory = data.memory;
        this.running = true;
        resolve(data);
      };
      this.#worker.onerror = () => reject(new EncipherError({ message: `The worker ${this.#url} could not be loaded.` }));
      this.#worker.postMessage({ start: module });
    }));
  }

  /**
   * load loads a version of the model, unless it is loaded.
   *
   * @param {ModelArgument | null} model null for version 0, no model
   * @param {number} version
   */
  load(model, version) {
    if (this.modelVersion !== version) {
      this.modelVersion = version;
      this.#loaded = new Promise((resolve, reject) => {
        this.#settleLoad = (answer) => ("error" in answer ? reject(new EncipherError(answer.error)) : resolve());
        this.post({ id: 0, method: "loadModel", argument: model ?? {} }); // no job has the id 0
      });
    }
    return this.#loaded;
  }

  /**
   * @param {ToWorker} message
   * @param {Transferable[]} transfer
   */
  post(message, transfer = []) {
    this.#worker.postMessage(message, transfer);
  }

  terminate() {
    clearTimeout(this.idleTimer);
    this.#worker.terminate();
  }
}

export class Pool {
  kernels = ""; // name of the kernels that the workers use, once one is ready
  #url;
  #size;
  /** @type {WebAssembly.Module | null} */
  #module = null;
  /** @type {ModelArgument | null} argument of the last loadModel that succeeded */
  #model = null;
  #modelVersion = 0;
  /** @type {PoolWorker | null} */
  #coordinator = null;
  /** @type {Set<PoolWorker>} */
  #tileWorkers = new Set();
  /** @type {Job[]} calls that wait for the coordinator */
  #coordinatorQueue = [];
  /** @type {Job[]} calls that wait for any worker */
  #queue = [];
  /** @type {Map<Job, Job[]>} the waiting tiles of each call */
  #tileQueues = new Map();
  #nextID = 1;
  #disposed = false;

  /**
   * @param {string} [base] URL of the folder with worker.js and the files that it loads
   * @param {number} [size] number of workers that compute tiles
   */
  constructor(base = new URL(".", import.meta.url).href, size = defaultSize()) {
    this.#url = new URL("worker.js", base).href;
    this.#size = size;
  }

  /** Memory of all workers' wasm, in bytes. */
  get memory() {
    return this.#allWorkers().reduce((sum, m) => sum + m.memory, 0);
  }

  /** Number of workers. */
  get workers() {
    return this.#allWorkers().length;
  }

  /** ready starts the coordinator, unless it is running. */
  async ready() {
    if (this.#disposed) throw disposed();
    const worker = (this.#coordinator ??= this.#newWorker());
    try {
      await this.#prepare(worker);
    } catch (error) {
      this.#handleLost(worker, /** @type {EncipherError} */ (error));
      throw error;
    }
  }

  /**
   * call calls a method of the wasm. Blobs in the argument are passed as their
   * bytes; pictures and files in the result are Blobs. Aborting the signal rejects
   * at once with the code "canceled". After loadModel, later calls use the model.
   *
   * @template {keyof Methods} M
   * @param {M} method
   * @param {Methods[M]["argument"]} argument
   * @param {CallOptions} options
   * @returns {Promise<Methods[M]["result"]>}
   */
  async call(method, argument, { onProgress, signal } = {}) {
    if (this.#disposed) throw disposed();
    if (signal?.aborted) throw canceled();
    return new Promise((resolve, reject) => {
      /** @type {Job} */
      const job = { id: this.#nextID++, method, argument, onProgress, signal, resolve: /** @type {Job["resolve"]} */ (resolve), reject };
      if (method === "loadModel") {
        job.exclusive = true;
        // A sealed model is opened once; the other workers get its files.
        job.argument = { ...argument, share: !(/** @type {ModelArgument} */ (argument).card) };
      }
      job.abort = () => this.#cancel(job);
      signal?.addEventListener("abort", job.abort);
      (coordinatorMethods.has(method) ? this.#coordinatorQueue : this.#queue).push(job);
      this.#schedule();
    });
  }

  /** dispose terminates the workers. Pending calls reject with the code "canceled". */
  dispose() {
    this.#disposed = true;
    const jobs = [...this.#coordinatorQueue, ...this.#queue, ...this.#allWorkers().flatMap((m) => [...m.jobs.values()])];
    for (const worker of this.#allWorkers()) worker.terminate();
    this.#coordinator = null;
    this.#tileWorkers.clear();
    this.#coordinatorQueue = [];
    this.#queue = [];
    this.#tileQueues.clear();
    for (const job of jobs) if (!job.call) this.#settle(job, canceled());
    this.#module = this.#model = null;
  }

  #allWorkers() {
    return this.#coordinator ? [this.#coordinator, ...this.#tileWorkers] : [...this.#tileWorkers];
  }

  #newWorker() {
    return new PoolWorker(this.#url, { onMessage: (m, data) => this.#receive(m, data), onLost: (m, detail) => this.#handleLost(m, workerDied(detail)) });
  }

  /** @param {PoolWorker} worker */
  async #prepare(worker) {
    const { module, kernels } = await worker.start(this.#module);
    this.#module = module;
    this.kernels = kernels;
    await worker.load(this.#model, this.#modelVersion);
  }

  // ---- scheduling

  #schedule() {
    if (this.#disposed) return;
    this.#startCoordinator();
    // Short calls come before tiles.
    for (let m; this.#queue.length && (m = this.#workerFor(this.#queue[0])); ) this.#run(m, /** @type {Job} */ (this.#queue.shift()));
    for (let m; this.#tileQueues.size && (m = this.#idleTileWorker()); ) this.#run(m, this.#nextTile());
    while (this.#coordinatorQueue.length && this.#canStart(this.#coordinatorQueue[0])) {
      this.#run(/** @type {PoolWorker} */ (this.#coordinator), /** @type {Job} */ (this.#coordinatorQueue.shift()));
    }
  }

  // startCoordinator starts the coordinator for the next call, which gets the error if that fails.
  #startCoordinator() {
    if (this.#coordinator) return;
    this.#coordinator = this.#newWorker();
    this.#prepare(this.#coordinator).catch(() => {});
  }

  /** @param {Job} job */
  #workerFor({ method }) {
    if (this.#size === 1 || method === "unwrapKey" || this.#coordinator?.idle) return this.#coordinator;
    return this.#idleTileWorker();
  }

  // idleTileWorker returns an idle tile worker, a new one if needed, or undefined if all are busy.
  #idleTileWorker() {
    for (const m of this.#tileWorkers) if (m.idle) return m;
    // The others wait for the first worker to compile the wasm.
    if (this.#tileWorkers.size >= this.#size || !this.#module) return undefined;
    const m = this.#newWorker();
    this.#tileWorkers.add(m);
    return m;
  }

  /**
   * canStart reports whether the coordinator can start another call. It starts the
   * next picture when the tiles of the pictures before run out, so that few large
   * pictures are in memory and small ones keep all workers busy.
   *
   * @param {Job} call
   */
  #canStart(call) {
    const begun = [...(this.#coordinator?.jobs.values() ?? [])].filter((j) => coordinatorMethods.has(j.method));
    if (begun.length === 0) return true;
    if (this.#size === 1 || call.exclusive || begun.length > this.#size) return false;
    if (begun.some((j) => j.exclusive || j.settled || !j.hasTiles)) return false;
    return [...this.#tileQueues.values()].flat().length < this.#size;
  }

  // nextTile returns a tile of the oldest call: a worker prepares anew for another
  // tile size, and a finished picture frees its memory.
  #nextTile() {
    const call = [...this.#tileQueues.keys()].reduce((a, b) => (a.id < b.id ? a : b));
    const tiles = /** @type {Job[]} */ (this.#tileQueues.get(call));
    const tile = /** @type {Job} */ (tiles.shift());
    if (!tiles.length) this.#tileQueues.delete(call);
    return tile;
  }

  /**
   * @param {PoolWorker} worker
   * @param {Job} job
   */
  async #run(worker, job) {
    clearTimeout(worker.idleTimer);
    worker.jobs.set(job.id, job);
    job.worker = worker;
    job.posted = false;
    try {
      await this.#prepare(worker);
    } catch (error) {
      this.#handleLost(worker, /** @type {EncipherError} */ (error));
      return;
    }
    if (job.settled || job.worker !== worker) {
      worker.jobs.delete(job.id);
      this.#startIdleTimer(worker);
      this.#schedule();
      return;
    }
    const handsOutTiles = this.#size > 1 && coordinatorMethods.has(job.method) && job.method !== "loadModel";
    worker.post({ id: job.id, method: job.method, argument: job.argument, tilesAtOnce: handsOutTiles ? tilesAhead * this.#size : 0 });
    job.posted = true;
    if (handsOutTiles && this.#tileWorkers.size === 0) this.#warmUp(/** @type {PoolWorker} */ (this.#idleTileWorker()));
  }

  /**
   * warmUp starts a tile worker while the picture is being decoded.
   *
   * @param {PoolWorker} worker
   */
  async #warmUp(worker) {
    try {
      await this.#prepare(worker);
      this.#startIdleTimer(worker);
    } catch (error) {
      this.#handleLost(worker, /** @type {EncipherError} */ (error));
    }
  }

  // ---- messages of workers

  /**
   * @param {PoolWorker} worker
   * @param {FromWorker} data
   */
  #receive(worker, data) {
    if ("exited" in data) return this.#handleLost(worker, workerDied());
    const job = worker.jobs.get(data.id);
    if (!job) return;
    if ("progress" in data) {
      if (!job.settled) job.onProgress?.(data.progress);
    } else if ("tile" in data) {
      if (!job.settled) this.#queueTile(job, data);
    } else {
      worker.memory = data.memory;
      worker.jobs.delete(job.id);
      if ("error" in data) this.#settle(job, new EncipherError(data.error));
      else {
        if (job.method === "loadModel") this.#setModel(worker, job, /** @type {Methods["loadModel"]["result"]} */ (data.result));
        this.#settle(job, null, data.result);
      }
      this.#startIdleTimer(worker);
      this.#schedule();
    }
  }

  /**
   * queueTile queues a tile that a call hands out. The pool holds its bytes until it
   * is computed, in case its worker dies.
   *
   * @param {Job} call
   * @param {{ tile: number, job: TileJob }} data
   */
  #queueTile(call, { tile, job }) {
    call.hasTiles = true;
    const { worker } = call;
    /** @type {(message: TileAnswer, transfer?: Transferable[]) => void} */
    const answer = (message, transfer) => {
      if (!call.settled && call.worker === worker) worker?.post({ tile, ...message }, transfer);
    };
    const waiting = this.#tileQueues.get(call) ?? [];
    waiting.push({
      id: this.#nextID++,
      method: "tile",
      argument: job,
      call,
      resolve: (result) =>
        answer(
          { result: /** @type {TileResult} */ (result) },
          Object.values(result).map((v) => v.buffer),
        ),
      reject: ({ code, message, hint }) => answer({ error: { code, message, hint } }),
      giveBack: () => answer({ job }),
    });
    this.#tileQueues.set(call, waiting);
    this.#schedule();
  }

  /**
   * setModel makes the model that the coordinator has loaded the model of all workers.
   *
   * @param {PoolWorker} worker
   * @param {Job} job
   * @param {Methods["loadModel"]["result"]} result
   */
  #setModel(worker, job, result) {
    const { card, encryption, decryption } = result.card ? result : /** @type {ModelArgument} */ (job.argument);
    this.#model = { card, encryption, decryption };
    worker.modelVersion = ++this.#modelVersion;
    for (const name of /** @type {const} */ (["card", "encryption", "decryption"])) delete result[name];
  }

  /**
   * @param {Job} job
   * @param {EncipherError | null} error
   * @param {object} result
   */
  #settle(job, error, result = {}) {
    this.#tileQueues.delete(job);
    if (job.settled) return;
    job.settled = true;
    if (job.abort) job.signal?.removeEventListener("abort", job.abort);
    if (error) job.reject(error);
    else job.resolve(result);
  }

  // ---- cancellation and lost workers

  /**
   * cancel rejects a call at once and frees its workers.
   *
   * @param {Job} job
   */
  #cancel(job) {
    if (job.settled) return;
    this.#coordinatorQueue = this.#coordinatorQueue.filter((j) => j !== job);
    this.#queue = this.#queue.filter((j) => j !== job);
    const tiles = [...this.#tileWorkers].flatMap((m) => [...m.jobs.values()]).filter((j) => j.call === job);
    this.#settle(job, canceled());
    for (const j of [job, ...tiles]) {
      j.settled = true;
      if (j.worker) this.#freeWorker(j.worker, j);
    }
    this.#schedule();
  }

  /**
   * @param {PoolWorker} worker
   * @param {Job} job
   */
  #freeWorker(worker, job) {
    if (!job.posted) return;
    worker.post({ abort: job.id });
    setTimeout(() => {
      if (!worker.jobs.has(job.id) || !this.#allWorkers().includes(worker)) return;
      // Other pictures of the coordinator must not be lost. It notices the abort when
      // it has decoded or sealed its current picture.
      if ([...worker.jobs.values()].some((j) => !j.settled && coordinatorMethods.has(j.method))) return;
      this.#endWorker(worker, (j) => this.#requeue(j));
    }, abortTimeout);
  }

  /**
   * handleLost handles a worker that died or could not start. A tile is retried once
   * on another worker, or by the coordinator if no tile worker starts, for example
   * offline. A call that shared the coordinator with others is retried once, alone,
   * because another call may have been the cause.
   *
   * @param {PoolWorker} worker
   * @param {EncipherError} error
   */
  #handleLost(worker, error) {
    if (!this.#allWorkers().includes(worker)) return;
    const calls = [...worker.jobs.values()].filter((j) => !j.settled && !j.call);
    this.#endWorker(worker, (job) => {
      if (job.call && !worker.running) {
        job.giveBack?.();
      } else if (!job.retried && (job.call || calls.length > 1)) {
        job.retried = true;
        job.exclusive = !job.call;
        this.#requeue(job);
      } else {
        this.#settle(job, error);
      }
    });
  }

  /**
   * endWorker terminates a worker and passes each of its unfinished jobs to handle.
   *
   * @param {PoolWorker} worker
   * @param {(job: Job) => void} handle
   */
  #endWorker(worker, handle) {
    worker.terminate();
    this.#tileWorkers.delete(worker);
    if (this.#coordinator === worker) this.#coordinator = null;
    for (const job of [...worker.jobs.values()].reverse()) {
      if (worker === job.worker && !job.settled) {
        job.worker = null;
        handle(job);
      }
    }
    this.#schedule();
  }

  /**
   * requeue puts a job at the head of its queue.
   *
   * @param {Job} job
   */
  #requeue(job) {
    if (job.call) {
      if (!job.call.settled) this.#tileQueues.set(job.call, [job, ...(this.#tileQueues.get(job.call) ?? [])]);
      return;
    }
    // The second attempt has another nonce and cannot use tiles of the first.
    this.#tileQueues.delete(job);
    for (const m of this.#tileWorkers) for (const j of m.jobs.values()) if (j.call === job) j.settled = true;
    job.hasTiles = false;
    (coordinatorMethods.has(job.method) ? this.#coordinatorQueue : this.#queue).unshift(job);
  }

  /** @param {PoolWorker} worker */
  #startIdleTimer(worker) {
    if (!worker.idle) return;
    clearTimeout(worker.idleTimer);
    if (worker === this.#coordinator && worker.memory < maxIdleMemory) return;
    worker.idleTimer = setTimeout(() => this.#allWorkers().includes(worker) && this.#endWorker(worker, () => {}), idleTimeout);
  }
}

/** defaultSize returns one worker per core and per GB of memory, since each takes about 100 MB for a tile. */
function defaultSize() {
  const { hardwareConcurrency: cores = 1, deviceMemory: gigabytes = maxWorkers } = navigator;
  return Math.max(1, Math.min(maxWorkers, cores, Math.floor(gigabytes)));
}
