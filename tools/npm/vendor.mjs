// Copies the libraries of the page from node_modules to static/vendor, each with
// its licence at the top: `make vendor`.
import { readFileSync, writeFileSync } from "node:fs";

const here = (path) => new URL(path, import.meta.url);

// licence is the file with the licence in the package; qrcode-generator has it only
// in its source.
const libraries = [
  { name: "client-zip", file: "index.js", licence: "LICENSE.txt" },
  { name: "qrcode-generator", file: "dist/qrcode.mjs" },
  { name: "zxcvbn", file: "dist/zxcvbn.js", licence: "LICENSE.txt" },
];

for (const { name, file, licence } of libraries) {
  const folder = `node_modules/${name}/`;
  const { version, license } = JSON.parse(readFileSync(here(folder + "package.json"), "utf8"));
  const terms = licence ? "\n\n" + readFileSync(here(folder + licence), "utf8").trim() : "";
  // The source map is not shipped.
  const code = readFileSync(here(folder + file), "utf8").replace(/\n\/\/# sourceMappingURL=.*\n?$/, "\n");
  writeFileSync(here(`../../static/vendor/${name}.js`), `/*!\n${name} ${version}, ${license} licence.${terms}\n*/\n// @ts-nocheck\n${code}`);
}
