// The worker in which the wasm runs, so that the page stays responsive.
//
// The page sends {start: module|null} once, then {id, method, argument} to call
// globalThis.encipher[method] and {abort: id} to cancel a call. Answers are
// {ready, kernels, module}, {id, progress}, {id, result}, {id, error} and {exited}.
import "./wasm_exec.js";
import { kernels } from "./kernels.js";

const calls = new Map(); // id -> AbortController

async function start(compiled) {
  const go = new Go();
  const module = compiled ?? (await WebAssembly.compileStreaming(fetch(new URL("encipher.wasm", import.meta.url))));
  const kernel = kernels(module);
  const instance = await WebAssembly.instantiate(module, { ...go.importObject, kernel: kernel.imports });
  kernel.attach(instance);
  go.run(instance).finally(() => postMessage({ exited: true }));
  postMessage({ ready: globalThis.encipher.version, kernels: globalThis.encipher.kernels, module });
}

async function call(id, method, argument) {
  const controller = new AbortController();
  calls.set(id, controller);
  const onProgress = (stage, done, total) => postMessage({ id, progress: { stage, done, total } });
  try {
    const result = await globalThis.encipher[method]({ ...argument, onProgress, signal: controller.signal });
    const buffers = Object.values(result).filter((v) => v instanceof Uint8Array).map((v) => v.buffer);
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
