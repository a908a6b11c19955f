// Runs an ONNX model in onnxruntime again and again: node serve.mjs THREADS
//
// A line on standard input is a request and gets one line back:
//   {"model": FILE, "feeds": [FILE...], "outputs": [FILE...]}  loads, runs each feed once, writes its outputs: {"seconds": 0}
//   {}                                                         runs each feed once: {"seconds": TIME}
import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import ort from "onnxruntime-node";
import { decode, encode } from "./tensors.mjs";

const threads = Number(process.argv[2]);
let session, feeds;

async function answer({ model, feeds: files, outputs }) {
  if (model) {
    session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: "all" });
    feeds = [];
    for (const [i, file] of files.entries()) {
      feeds.push(decode(ort, await readFile(file, "utf8")));
      await writeFile(outputs[i], encode(await session.run(feeds[i])));
    }
    return { seconds: 0 };
  }
  const began = performance.now();
  for (const feed of feeds) await session.run(feed);
  return { seconds: (performance.now() - began) / 1000 };
}

for await (const line of createInterface({ input: process.stdin })) {
  const reply = await answer(JSON.parse(line)).catch((error) => ({ error: error.message }));
  console.log(JSON.stringify(reply));
}
