// Runs an ONNX model in onnxruntime: node run.mjs MODEL INPUTS OUTPUTS
//
// INPUTS and OUTPUTS are JSON: {"name": {"type": "float32", "dims": [1, 3], "data": "<base64 of the little-endian elements>"}}.
// The types are those of onnxruntime: float32, float16, int32, int64.
import { readFile, writeFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';

const arrays = { float32: Float32Array, float16: Uint16Array, int32: Int32Array, int64: BigInt64Array };

const [model, inputs, outputs] = process.argv.slice(2);
if (!outputs) {
  console.error('usage: node run.mjs MODEL INPUTS OUTPUTS');
  process.exit(2);
}

const feeds = {};
for (const [name, { type, dims, data }] of Object.entries(JSON.parse(await readFile(inputs, 'utf8')))) {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'));
  feeds[name] = new ort.Tensor(type, new arrays[type](bytes.buffer), dims);
}
// One thread and no graph optimisation beyond the basic: a reference, not a race.
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, graphOptimizationLevel: 'basic' });
const results = await session.run(feeds);
const out = {};
for (const [name, { type, dims, data }] of Object.entries(results)) {
  out[name] = { type, dims, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') };
}
await writeFile(outputs, JSON.stringify(out));
