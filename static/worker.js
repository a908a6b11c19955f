// The worker that runs the wasm, off the page's main thread.
//
// The page posts {start: module|null} once, then {id, method, argument} to call
// encipher[method], and {abort: id} to cancel a call. The worker posts
// {kernels, module, memory} or {failed} after start, then {id, progress}, {id,
// result, memory} or {id, error, memory}, and {exited} when the wasm has ended. A
// call with tilesAtOnce hands out its tiles: the worker posts {id, tile, job} for
// each, and the page answers {tile, result}, {tile, error}, or {tile, job} to have
// the worker compute it.
import "./wasm_exec.js";
import { kernelBridge } from "./kernels.js";

/** @typedef {import("../tools/types/engine.js").Call} Call */
/** @typedef {import("../tools/types/engine.js").Failure} Failure */
/** @typedef {import("../tools/types/engine.js").FromWorker} FromWorker */
/** @typedef {import("../tools/types/engine.js").Started} Started */
/** @typedef {import("../tools/types/engine.js").ToWorker} ToWorker */
/** @typedef {import("../tools/types/engine.js").TileJob} TileJob */
/** @typedef {import("../tools/types/engine.js").TileResult} TileResult */

/** @type {Map<number, AbortController>} by the id of the call */
const calls = new Map();
/** @type {Map<number, { id: number, resolve: (result: TileResult | Promise<TileResult>) => void, reject: (error: Failure) => void }>} tiles that other workers compute */
const tiles = new Map();
let nextTile = 1;
/** @type {Go} */
let go;
/** @type {WebAssembly.Memory} */
let memory;

// Media types of the fields of a result that are files. They are sent as Blobs,
// which the browser stores outside of the page's memory and may put on disk.
/** @type {Record<string, string>} */
const files = { png: "image/png", jpeg: "image/jpeg", plain: "image/png", bare: "image/png", generated: "image/png", received: "image/png", original: "" };

/** @param {WebAssembly.Module | null} compiled */
async function start(compiled) {
  go = new Go();
  const module = compiled ?? (await WebAssembly.compileStreaming(fetch(new URL("encipher.wasm", import.meta.url))));
  const kernel = kernelBridge(module);
  const instance = await WebAssembly.instantiate(module, { ...go.importObject, kernel: kernel.imports });
  kernel.attach(instance);
  memory = /** @type {WebAssembly.Memory} */ (instance.exports.mem);
  go.run(instance).finally(() => post({ exited: true }));
  post({ kernels: encipher.kernels, module, memory: memory.buffer.byteLength });
}

/** @type {(message: FromWorker | Started | { failed: string }, transfer?: Transferable[]) => void} */
const post = (message, transfer = []) => postMessage(message, { transfer });

/**
 * readBlobs replaces each Blob of an argument by its bytes.
 *
 * @param {object} argument
 */
async function readBlobs(argument) {
  const entries = Object.entries(argument).map(async ([name, value]) => [name, value instanceof Blob ? await readBlob(value) : value]);
  return Object.fromEntries(await Promise.all(entries));
}

/** @param {Blob} blob */
async function readBlob(blob) {
  const limit = encipher.maxFileBytes;
  if (blob.size > limit) {
    throw { code: "too-large", message: `The file has ${blob.size} bytes.`, hint: `The limit is ${Math.floor(limit / 1e6)} MB.` };
  }
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw {
      code: "bad-picture",
      message: /** @type {Error} */ (error).message,
      hint: "The file was moved, changed or locked after it was chosen. Choose it again.",
    };
  }
}

/** @param {object} object */
const transferables = (object) =>
  Object.values(object)
    .filter(ArrayBuffer.isView)
    .map((v) => v.buffer);

/**
 * @param {number} id
 * @param {TileJob} job
 * @returns {Promise<TileResult>}
 */
function handOut(id, job) {
  return new Promise((resolve, reject) => {
    tiles.set(nextTile, { id, resolve, reject });
    post({ id, tile: nextTile++, job }, transferables(job));
  });
}

/** @param {Call} call */
async function call({ id, method, argument, tilesAtOnce }) {
  const controller = new AbortController();
  calls.set(id, controller);
  /** @type {(stage: string, done: number, total: number) => void} */
  const onProgress = (stage, done, total) => post({ id, progress: { stage, done, total } });
  const options = { signal: controller.signal, onProgress };
  if (tilesAtOnce) Object.assign(options, { tilesAtOnce, tiles: (/** @type {TileJob} */ job) => handOut(id, job) });
  try {
    const run = /** @type {(argument: object) => Promise<Record<string, unknown>>} */ (encipher[method]);
    const result = await run({ ...(await readBlobs(argument)), ...options });
    for (const [name, type] of Object.entries(files)) {
      if (result[name] instanceof Uint8Array) result[name] = new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (result[name])], { type });
    }
    post({ id, result, memory: memory.buffer.byteLength }, transferables(result));
  } catch (error) {
    if (go.exited) return; // {exited} rejects all calls
    const { code = "internal", message, hint = "" } = /** @type {Failure} */ (error);
    post({ id, error: { code, message, hint }, memory: memory.buffer.byteLength });
  } finally {
    calls.delete(id);
    for (const [number, tile] of tiles) if (tile.id === id) tiles.delete(number);
  }
}

self.onmessage = (event) => {
  /** @type {ToWorker} */
  const data = event.data;
  if ("start" in data) {
    start(data.start).catch((error) => post({ failed: error.message }));
  } else if ("abort" in data) {
    calls.get(data.abort)?.abort();
  } else if ("tile" in data) {
    const tile = tiles.get(data.tile);
    tiles.delete(data.tile);
    if ("error" in data) tile?.reject(data.error);
    else tile?.resolve("job" in data ? encipher.tile(data.job) : data.result);
  } else {
    call(data);
  }
};
