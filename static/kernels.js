// The wasm's imports "kernel": vector kernels that compute in its memory.
//
// The wasm carries the kernels as a second module, which it passes to load when
// it starts. Where load returns 0, as in a browser without SIMD, it computes in
// plain Go. Go's instance needs its imports before its memory exists, so each
// import calls the export of the module that load has instantiated.

/** @typedef {Record<string, (...values: number[]) => number>} Functions */

/**
 * kernelBridge returns the imports for a wasm, and attach, which must be called
 * with its instance before that runs.
 *
 * @param {WebAssembly.Module} module
 */
export function kernelBridge(module) {
  /** @type {WebAssembly.Memory} */
  let memory;
  /** @type {Functions} */
  let kernels;
  /** @type {Functions} */
  const imports = {
    load(offset, length) {
      const bytes = new Uint8Array(memory.buffer, offset, length);
      if (!WebAssembly.validate(bytes)) return 0;
      kernels = /** @type {Functions} */ (new WebAssembly.Instance(new WebAssembly.Module(bytes), { go: { mem: memory } }).exports);
      return 1;
    },
  };
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from === "kernel" && name !== "load") imports[name] = (...values) => kernels[name](...values);
  }
  return {
    imports,
    /** @param {WebAssembly.Instance} instance */
    attach(instance) {
      memory = /** @type {WebAssembly.Memory} */ (instance.exports.mem);
    },
  };
}
