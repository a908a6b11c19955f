// The peer's side in the browser: onnxruntime-web in a worker, as our wasm is.
const worker = new Worker("peer-worker.js", { type: "module" });

function ask(request) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
    worker.onerror = (event) => reject(new Error(event.message ?? "the worker cannot be loaded"));
    worker.postMessage(request);
  });
}

// Loads a model, runs it once and returns the outputs.
export const load = async (model, feed) => (await ask({ model, feed })).outputs;

// Runs it once and returns the seconds.
export const run = async () => (await ask({})).seconds;
