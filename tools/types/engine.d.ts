// Types that the engine's scripts share and that other pages do not need: the methods of the
// wasm, as wasm/main.go defines them, and the messages between pool.js and worker.js.
import type {
  Code,
  DecryptOptions,
  MessengerOptions,
  EncryptedForMessenger,
  Decrypted,
  EncryptOptions,
  Encrypted,
  Inspection,
  Key,
  Metrics,
  Model,
  UnwrapOptions,
  WrappedKey,
} from "../../static/encipher.js";

/** Fields that the engine handles itself: they are not passed to the wasm as they are. */
type Handled = "signal" | "onProgress";

/** A file of a model, of which the worker passes the bytes to the wasm. */
export type ModelFile = Blob | Uint8Array;

export interface ModelFiles {
  card: ModelFile;
  encryption: ModelFile;
  decryption: ModelFile;
}

/** One of the two has the files of the model. */
export type ModelArgument = Partial<ModelFiles> & { sealed?: ModelFile; passphrase?: string; identity?: string };

/** The methods of the wasm that the pool calls, with argument and result. */
export interface Methods {
  loadModel: { argument: ModelArgument & { share?: boolean }; result: Model & Partial<ModelFiles> };
  newKey: { argument: object; result: Key };
  parseKey: { argument: { text: string }; result: { fingerprint: string } };
  generatePassphrase: { argument: object; result: { passphrase: string } };
  unsealKeyFile: { argument: { file: Blob; passphrase?: string; identity?: string }; result: { text: string } };
  wrapKey: { argument: { passphrase?: string; recipients?: string }; result: WrappedKey };
  unwrapKey: { argument: { file: Blob } & Omit<UnwrapOptions, Handled>; result: { key: string; fingerprint: string } };
  inspect: { argument: { file: Blob }; result: Inspection };
  metrics: { argument: { a: Blob; b?: Blob; plots?: boolean }; result: Metrics };
  encrypt: { argument: { file: Blob } & Omit<EncryptOptions, Handled>; result: Encrypted };
  decrypt: { argument: { file: Blob } & Omit<DecryptOptions, Handled>; result: Decrypted };
  encryptForMessenger: { argument: { file: Blob } & Omit<MessengerOptions, Handled>; result: EncryptedForMessenger };
  tile: { argument: TileJob; result: TileResult };
}

export type Method = keyof Methods;

export interface TileJob {
  decrypt: boolean;
  exact: boolean;
  height: number;
  width: number;
  samples: Uint8Array<ArrayBuffer>;
  statistics: Uint8Array<ArrayBuffer>;
  seed: Uint8Array<ArrayBuffer>;
}

export interface TileResult {
  samples: Uint8Array<ArrayBuffer>;
  statistics: Uint8Array<ArrayBuffer>;
  recovered: Uint8Array<ArrayBuffer>;
}

export interface StageProgress {
  stage: string;
  done: number;
  total: number;
}

/** An error without its class, which messages do not have. */
export interface Failure {
  code?: Code;
  message: string;
  hint?: string;
}

/** The answer to start. */
export interface Started {
  kernels: string;
  module: WebAssembly.Module;
  memory: number;
}

export type Outcome = { id: number; memory: number } & ({ result: object } | { error: Failure });

/** What a worker posts once it has started. */
export type FromWorker = { exited: true } | { id: number; progress: StageProgress } | { id: number; tile: number; job: TileJob } | Outcome;

export interface Call {
  id: number;
  method: Method;
  argument: object;
  tilesAtOnce?: number;
}

/** The answer to a tile: its result, an error, or the job, for the worker to compute. */
export type TileAnswer = { result: TileResult } | { error: Failure } | { job: TileJob };

/** What a worker receives. */
export type ToWorker = { start: WebAssembly.Module | null } | { abort: number } | ({ tile: number } & TileAnswer) | Call;
