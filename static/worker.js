// The worker in which the wasm runs, so that the page stays responsive.
//
// The page sends {start: module|null} once, then {id, method, argument} to call
// globalThis.encipher[method] and {abort: id} to cancel a call. Answers are
// {ready, kernels, module}, {id, progress}, {id, result}, {id, error} and {exited}.
import "./wasm_exec.js";
import { kernels } from "./kernels.js";

const calls = new Map(); // id -> AbortController

// The fields of a result that are files. They travel as Blobs, which the browser
// keeps outside of the page's memory and may put on disk.
const files = { png: "image/png", plain: "image/png", bare: "image/png", generated: "image/png", original: "" };

async function start(compiled) {
  const go = new Go();
  const module = compiled ?? (await WebAssembly.compileStreaming(fetch(new URL("encipher.wasm", import.meta.url))));
  const kernel = kernels(module);
  const instance = await WebAssembly.instantiate(module, { ...go.importObject, kernel: kernel.imports });
  kernel.attach(instance);
  go.run(instance).finally(() => postMessage({ exited: true }));
  postMessage({ ready: globalThis.encipher.version, kernels: globalThis.encipher.kernels, module });
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

async function call(id, method, argument) {
  const controller = new AbortController();
  calls.set(id, controller);
  const onProgress = (stage, done, total) => postMessage({ id, progress: { stage, done, total } });
  try {
    const result = await globalThis.encipher[method]({ ...(await read(argument)), onProgress, signal: controller.signal });
    for (const [name, type] of Object.entries(files)) {
      if (result[name] instanceof Uint8Array) result[name] = new Blob([result[name]], { type });
    }
    const buffers = Object.values(result).filter(ArrayBuffer.isView).map((v) => v.buffer);
    postMessage({ id, result }, buffers);
  } catch (error) {
    postMessage({ id, error: { code: error.code ?? "internal", message: error.message, hint: error.hint ?? "" } });
  } finally {
    calls.delete(id);
  }
}

self.onmessage = ({ data }) => {
  if ("start" in data) {
    start(data.start).catch((error) => postMessage({ failed: error.message }));
  } else if ("abort" in data) {
    calls.get(data.abort)?.abort();
  } else {
    call(data.id, data.method, data.argument);
  }
};
