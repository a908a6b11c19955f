// Globals of static/worker.js and static/sw.js.

/** From Go's wasm_exec.js. */
declare class Go {
  readonly importObject: WebAssembly.Imports;
  /** Whether the program has ended. */
  readonly exited: boolean;
  run(instance: WebAssembly.Instance): Promise<void>;
}

/** What the wasm defines: see wasm/main.go. */
declare const encipher: {
  readonly kernels: string;
  readonly maxFileBytes: number;
  tile(job: import("./engine.js").TileJob): Promise<import("./engine.js").TileResult>;
} & Record<Exclude<keyof import("./engine.js").Methods, "tile">, (argument: object) => Promise<object>>;

/** The build that the site writes into sw.js. */
declare const __BUILD__: {
  version: string;
  shell: string[];
  models: BuildModel[];
};

interface BuildModel {
  name: string;
  folder: string;
  files: string[];
}
