// ESLint's rules for the JavaScript of the page: `make lint`.
import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["static/vendor/"] },
  js.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      eqeqeq: "error",
      "no-shadow": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  { files: ["static/worker.js"], languageOptions: { globals: { ...globals.worker, Go: "readonly", encipher: "readonly" } } },
  { files: ["static/sw.js"], languageOptions: { sourceType: "script", globals: { ...globals.serviceworker, __BUILD__: "readonly" } } },
  { files: ["**/*.mjs"], languageOptions: { globals: { ...globals.node, Go: "readonly" } } },
];
