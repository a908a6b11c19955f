// The peer's start: onnxruntime-web in a worker, as our wasm is. The name of the
// policy is the one that our server allows.
const policy = globalThis.trustedTypes?.createPolicy("encipher", { createScriptURL: (url) => url });
const url = "start-peer-worker.js";
const worker = new Worker(policy ? policy.createScriptURL(url) : url, { type: "module" });

globalThis.started = new Promise((resolve, reject) => {
  worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(performance.now() / 1000));
  worker.onerror = (event) => reject(new Error(event.message ?? "the worker cannot be loaded"));
});
