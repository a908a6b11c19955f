// Named tensors as text, in Node.js and in browsers:
// {"name": {"type": "float32", "dims": [1, 3], "data": "<base64 of the little-endian elements>"}}.
// The types are those of onnxruntime: float32, float16, int32, int64.

const arrays = { float32: Float32Array, float16: Uint16Array, int32: Int32Array, int64: BigInt64Array };

// Makes onnxruntime's tensors of a text.
export function decode(ort, text) {
  const feeds = {};
  for (const [name, { type, dims, data }] of Object.entries(JSON.parse(text))) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    feeds[name] = new ort.Tensor(type, new arrays[type](bytes.buffer), dims);
  }
  return feeds;
}

// Makes the text of what a session returned.
export function encode(results) {
  const out = {};
  for (const [name, { type, dims, data }] of Object.entries(results)) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const chunks = [];
    for (let i = 0; i < bytes.length; i += 8192) chunks.push(String.fromCharCode(...bytes.subarray(i, i + 8192)));
    out[name] = { type, dims, data: btoa(chunks.join("")) };
  }
  return JSON.stringify(out);
}
