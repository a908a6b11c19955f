// The worker in which the wasm runs, so that the page stays responsive.
//
// The page sends {start: module|null} once, then {id, method, argument} to call
// globalThis.encipher[method] and {abort: id} to cancel a call. Answers are
// {ready, kernels, module, memory}, {failed}, {id, progress}, {id, result, memory},
// {id, error, memory} and {exited}. A call with tilesAtOnce hands out its tiles as
// {id, tile, job} and gets {tile, result} or {tile, error} for each, or {tile, job}
// to compute it itself.
import "./wasm_exec.js";
import { kernels } from "./kernels.js";

const calls = new Map(); // id -> AbortController
const tiles = new Map(); // number -> {id, resolve, reject} of what another worker computes
let nextTile = 1;
let go; // the program
let memory; // of the wasm

// The fields of a result that are files. They travel as Blobs, which the browser
// keeps outside of the page's memory and may put on disk.
const files = { png: "image/png", plain: "image/png", bare: "image/png", generated: "image/png", original: "" };

async function start(compiled) {
  go = new Go();
  const module = compiled ?? (await WebAssembly.compileStreaming(fetch(new URL("encipher.wasm", import.meta.url))));
  const kernel = kernels(module);
  const instance = await WebAssembly.instantiate(module, { ...go.importObject, kernel: kernel.imports });
  kernel.attach(instance);
  memory = instance.exports.mem;
  go.run(instance).finally(() => postMessage({ exited: true }));
  postMessage({ ready: globalThis.encipher.version, kernels: globalThis.encipher.kernels, module, memory: memory.buffer.byteLength });
}

// read replaces every Blob of an argument by its bytes.
async function read(argument) {
  const entries = Object.entries(argument).map(async ([name, value]) => [name, value instanceof Blob ? await bytes(value) : value]);
  return Object.fromEntries(await Promise.all(entries));
}

async function bytes(blob) {
  const limit = globalThis.encipher.maxFileBytes;
  if (blob.size > limit) {
    throw { code: "too-large", message: `The file has ${blob.size} bytes.`, hint: `At most ${Math.floor(limit / 1e6)} MB are taken here.` };
  }
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw { code: "bad-picture", message: error.message, hint: "The file was moved, changed or locked since it was chosen: choose it again." };
  }
}

const buffers = (object) =>
  Object.values(object)
    .filter(ArrayBuffer.isView)
    .map((v) => v.buffer);

function handOut(id, job) {
  return new Promise((resolve, reject) => {
    tiles.set(nextTile, { id, resolve, reject });
    postMessage({ id, tile: nextTile++, job }, buffers(job));
  });
}

async function call({ id, method, argument, tilesAtOnce }) {
  const controller = new AbortController();
  calls.set(id, controller);
  const options = { signal: controller.signal, onProgress: (stage, done, total) => postMessage({ id, progress: { stage, done, total } }) };
  if (tilesAtOnce) Object.assign(options, { tilesAtOnce, tiles: (job) => handOut(id, job) });
  try {
    const result = await globalThis.encipher[method]({ ...(await read(argument)), ...options });
    for (const [name, type] of Object.entries(files)) {
      if (result[name] instanceof Uint8Array) result[name] = new Blob([result[name]], { type });
    }
    postMessage({ id, result, memory: memory.buffer.byteLength }, buffers(result));
  } catch (error) {
    if (go.exited) return; // which ends this worker and is told for all calls
    postMessage({ id, error: { code: error.code ?? "internal", message: error.message, hint: error.hint ?? "" }, memory: memory.buffer.byteLength });
  } finally {
    calls.delete(id);
    for (const [number, tile] of tiles) if (tile.id === id) tiles.delete(number);
  }
}

self.onmessage = ({ data }) => {
  if ("start" in data) {
    start(data.start).catch((error) => postMessage({ failed: error.message }));
  } else if ("abort" in data) {
    calls.get(data.abort)?.abort();
  } else if ("tile" in data) {
    const tile = tiles.get(data.tile);
    tiles.delete(data.tile);
    if (data.error) tile?.reject(data.error);
    else tile?.resolve(data.job ? globalThis.encipher.tile(data.job) : data.result);
  } else {
    call(data);
  }
};
