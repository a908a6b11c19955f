// Our side in the browser: the engine's pool and worker, with a wasm built for tests.
import { Pool } from "./pool.js";

const engine = new Pool();

// Loads a model, runs it once and returns the outputs.
export async function load(model, feed, arithmetic) {
  const { outputs } = await engine.call("loadGenerator", { generator: model, feed: new TextEncoder().encode(feed), arithmetic });
  return new TextDecoder().decode(outputs);
}

// Runs it once and returns the seconds.
export const run = async () => (await engine.call("runGenerator", {})).seconds;
