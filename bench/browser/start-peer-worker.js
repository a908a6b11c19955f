import * as ort from "./ort.js";

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { mjs: new URL("ort-loader.js", import.meta.url).href, wasm: new URL("ort.wasm", import.meta.url).href };

async function start() {
  const { models } = await (await fetch("models/index.json")).json();
  const folder = typeof models[0] === "string" ? `models/${models[0]}/` : models[0].folder;
  const files = await Promise.all(
    ["encryption.onnx", "decryption.onnx"].map(async (name) => {
      const response = await fetch(folder + name);
      if (!response.ok) throw new Error(`${name}: ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    }),
  );
  // One after the other: it cannot begin two while it initialises itself.
  for (const file of files) {
    await ort.InferenceSession.create(file, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  }
}

start().then(() => postMessage({}), (error) => postMessage({ error: String(error.message ?? error) }));
