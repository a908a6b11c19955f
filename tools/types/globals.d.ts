// Globals of static/worker.js and static/sw.js.

/** From Go's wasm_exec.js. */
declare const Go: any;

/** The methods that the wasm defines. */
declare const encipher: any;

/** The build that the site writes into sw.js. */
declare const __BUILD__: {
  version: string;
  shell: string[];
  models: { name: string; folder: string; files: string[] }[];
};
