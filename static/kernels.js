// The imports "kernel" of the wasm: vector kernels that work on its memory in
// place. The wasm itself carries them, as a second module that it hands to load
// when it starts; where load returns 0, as in a browser without vectors, it
// computes in plain Go. Go's instance needs its imports before its memory
// exists, so every import but load calls what load has put in place.
export function kernels(module) {
  let memory;
  let loaded;
  const imports = {
    load(at, length) {
      const bytes = new Uint8Array(memory.buffer, at, length);
      if (!WebAssembly.validate(bytes)) return 0;
      loaded = new WebAssembly.Instance(new WebAssembly.Module(bytes), { go: { mem: memory } }).exports;
      return 1;
    },
  };
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from === "kernel" && name !== "load") imports[name] = (...values) => loaded[name](...values);
  }
  return {
    imports,
    // Must be called before the instance runs.
    attach(instance) {
      memory = instance.exports.mem;
    },
  };
}
