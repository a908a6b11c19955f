import * as ort from "./ort/ort.wasm.min.mjs";
import { decode, encode } from "./tensors.mjs";

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
let session, feeds;

async function answer({ model, feed }) {
  if (model) {
    session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
    feeds = decode(ort, feed);
    return { outputs: encode(await session.run(feeds)) };
  }
  const began = performance.now();
  await session.run(feeds);
  return { seconds: (performance.now() - began) / 1000 };
}

self.onmessage = async ({ data }) => postMessage(await answer(data).catch((error) => ({ error: String(error.message ?? error) })));
