// Runs ONNX models in onnxruntime: node run.mjs <CASES >RESULTS
// A line of cases is {"model": "<base64 of the file>", "inputs": "<text as tensors.mjs describes it>"}; it gets
// the line {"outputs": "<such a text>"}, or {"error": "<why onnxruntime does not run it>"}.
import { createInterface } from "node:readline";
import ort from "onnxruntime-node";
import { decode, encode } from "./tensors.mjs";

// One thread and no optimisation of graphs: a reference, not a race.
const options = { intraOpNumThreads: 1, graphOptimizationLevel: "disabled", logSeverityLevel: 3 };

async function run({ model, inputs }) {
  const session = await ort.InferenceSession.create(Buffer.from(model, "base64"), options);
  try {
    return { outputs: encode(await session.run(decode(ort, inputs))) };
  } finally {
    await session.release();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const result = await run(JSON.parse(line)).catch((error) => ({ error: String(error) }));
  process.stdout.write(JSON.stringify(result) + "\n");
}
