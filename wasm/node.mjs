// Runs a wasm of this module under Node.js, like Go's go_js_wasm_exec, with the
// imports of package kernel:
//
//	GOOS=js GOARCH=wasm go test -exec "node --stack-size=8192 $PWD/wasm/node.mjs" ./internal/kernel
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const [binary] = process.argv.slice(2);
if (!binary) {
  console.error("usage: node node.mjs BINARY [ARGUMENT...]");
  process.exit(2);
}
const require = createRequire(import.meta.url);
Object.assign(globalThis, { require, fs, path });
require(path.join(execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim(), "lib", "wasm", "wasm_exec.js"));
// Node.js imports a module whose name ends in .js only from a data URL.
const script = fs.readFileSync(new URL("../static/kernels.js", import.meta.url), "utf8");
const { kernelBridge } = await import("data:text/javascript," + encodeURIComponent(script));

const go = new Go();
go.argv = process.argv.slice(2);
go.env = { TMPDIR: os.tmpdir(), ...process.env };
go.exit = process.exit;
const module = new WebAssembly.Module(fs.readFileSync(binary));
const kernel = kernelBridge(module);
const instance = new WebAssembly.Instance(module, { ...go.importObject, kernel: kernel.imports });
kernel.attach(instance);
process.on("exit", (code) => {
  // Node.js exits when nothing is pending, which is a deadlock: let Go print the stacks.
  if (code === 0 && !go.exited) {
    go._pendingEvent = { id: 0 };
    go._resume();
  }
});
await go.run(instance);
