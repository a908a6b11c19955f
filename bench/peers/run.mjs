// Runs an ONNX model once in onnxruntime: node run.mjs MODEL INPUTS OUTPUTS
// INPUTS and OUTPUTS are files as tensors.mjs describes them.
import { readFile, writeFile } from "node:fs/promises";
import ort from "onnxruntime-node";
import { decode, encode } from "./tensors.mjs";

const [model, inputs, outputs] = process.argv.slice(2);
if (!outputs) {
  console.error("usage: node run.mjs MODEL INPUTS OUTPUTS");
  process.exit(2);
}

// One thread and no graph optimisation beyond the basic: a reference, not a race.
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, graphOptimizationLevel: "basic" });
await writeFile(outputs, encode(await session.run(decode(ort, await readFile(inputs, "utf8")))));
