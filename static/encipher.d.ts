/**
 * Encipher for web pages: encrypts and decrypts pictures in the browser, in
 * workers, with WebAssembly. Nothing leaves the page. docs/embedding.md says how
 * to host it and which headers the page needs.
 */

/** Stable codes of errors. */
export type Code =
  | "bad-picture" // not a picture, or a damaged one
  | "unsupported-picture" // a picture of a kind that is not read
  | "too-large" // over the limits on bytes or pixels, or over the model's
  | "not-a-cipher" // not a cipher image, or one whose chunk was removed
  | "unsupported-version" // a cipher image of a later format
  | "wrong-key" // another key sealed the file
  | "changed" // the file differs from what was written
  | "other-model" // another model made the file
  | "bad-key" // the text is no key
  | "bad-model" // the files are no usable model
  | "canceled" // the signal was aborted, or the engine disposed of
  | "not-sealed" // a bare neural cipher, made for measurements, and bareCipher was not given
  | "not-exact" // the picture can be recovered approximately only, or the file that was kept is not of it
  | "bad-argument" // a call with the wrong types, or after dispose
  | "internal"; // a fault of the program, or of loading it

/** What every call rejects with. */
export class EncipherError extends Error {
  readonly code: Code;
  /** What to do next, a sentence; may be empty. */
  readonly hint: string;
}

/** How far a call has come. */
export interface Progress {
  /** load: program, model; encrypt: decode, encrypt, seal; decrypt: open, decrypt, encode. */
  readonly stage: string;
  /** Steps of the stage that are done, 0 to total. */
  readonly done: number;
  readonly total: number;
  /** Of the whole call, 0 to 1. It only grows, and is 1 exactly when the call is done. */
  readonly fraction: number;
}

export interface CallOptions {
  /** Aborting it rejects the call with the code "canceled" and frees its workers. */
  signal?: AbortSignal;
}

export interface ProgressOptions extends CallOptions {
  onProgress?: (progress: Progress) => void;
}

/** A model that the site offers: an entry of models/index.json. */
export interface ModelEntry {
  readonly name: string;
  /** URL of its files' folder, relative to the site. */
  readonly folder: string;
  readonly files: readonly string[];
  /** Whether it opens with a passphrase or an identity only. */
  readonly sealed: boolean;
  /** Size of its files together. */
  readonly bytes?: number;
}

/** A name of models; or that with what opens it, if it is sealed; or the files themselves. */
export type ModelChoice =
  | string
  | { name: string; passphrase?: string; identity?: string }
  | { card: Blob | Uint8Array; encryption: Blob | Uint8Array; decryption: Blob | Uint8Array }
  | { sealed: Blob | Uint8Array; passphrase?: string; identity?: string };

/** The model in use. */
export interface Model {
  readonly name: string;
  /** SHA-256 of both generators in hexadecimal; a cipher image opens with the model of equal fingerprint. */
  readonly fingerprint: string;
  readonly profile: "paper" | "paper+stats" | "reversible";
  /** What the model's card warns of; may be empty. */
  readonly note: string;
}

export interface LoadOptions extends ProgressOptions {
  /** Default: the first of the site's models. */
  model?: ModelChoice;
  /** Key, as text, of encrypt and decrypt calls that name none. */
  key?: string;
  /** URL of the folder with worker.js, encipher.wasm and models/, on the page's own origin. Default: that of encipher.js. */
  base?: string | URL;
  /** How many workers compute, 1 to 8. Default: one per processor, as far as memory allows. */
  workers?: number;
}

export interface Key {
  /** The secret itself; keep it. */
  readonly text: string;
  /** A key file's content, with the text and what it is. */
  readonly file: string;
  /** Tells keys apart; not secret. */
  readonly fingerprint: string;
}

/** A key that is found again with a passphrase or an identity. */
export interface LockedKey {
  /** The key, as text, to encrypt with. */
  readonly key: string;
  /** What the cipher images must carry for it. */
  readonly slot: Uint8Array;
}

export interface UnlockOptions extends CallOptions {
  key?: string;
  passphrase?: string;
  /** The text of age identities, one a line. */
  identity?: string;
}

export type Inspection =
  | {
      readonly kind: "picture";
      /** In pixels. */
      readonly width: number;
      readonly height: number;
      /** About, of the cipher image. */
      readonly fileBytes?: number;
      /** About, at the most, of the work on it. */
      readonly memoryBytes?: number;
    }
  | {
      readonly kind: "cipher";
      /** In pixels; 0 where the file is damaged. */
      readonly width: number;
      readonly height: number;
      /** Fingerprint of the model that made it. */
      readonly model?: string;
      /** What opens it. */
      readonly needs?: "key" | "passphrase" | "identity";
      /** A bare output of the generator, without protection. */
      readonly bare?: boolean;
    };

export interface EncryptOptions extends ProgressOptions {
  /** Text of a key or key file. Default: that of load. */
  key?: string;
  /** From lock, with its key. */
  slot?: Uint8Array;
  /** "on", the default: every sample comes back; "off": approximately; "file": the file itself, byte by byte. */
  exact?: "on" | "off" | "file";
  /** What the file is called, with folders before it or without: names the result, and with exact "file" is sealed beside the file. */
  name?: string;
  /** Leaves out all but the samples: EXIF, texts, density, colour profile. */
  dropMetadata?: boolean;
  /** Also gives what can be looked at: plain and bare. */
  views?: boolean;
}

export interface Encrypted {
  /** The cipher image, a file to keep. */
  readonly png: Blob;
  /** What to save it under: a/photo.jpg becomes a/photo.cipher.png, without what a system would not take. */
  readonly name: string;
  /** Of the picture, in pixels. */
  readonly width: number;
  readonly height: number;
  /** What of the file does not come back, in sentences. */
  readonly notes: readonly string[];
  /** With views: the picture that comes back. */
  readonly plain?: Blob;
  /** With views: the bare output of the generator; experimental, without protection. */
  readonly bare?: Blob;
}

export interface DecryptOptions extends ProgressOptions {
  /** Text of a key or key file. Default: that of load. */
  key?: string;
  /** What the file is called, with folders before it or without, to name the result. */
  name?: string;
  /** Reads a bare output of the generator, made for measurements: anybody can have made or changed it. Without it such a file is refused, "not-sealed". */
  bareCipher?: boolean;
  /** Gives a picture whose exactness cannot be proven, in place of the error "not-exact". */
  approximate?: boolean;
  /** Also gives what can be looked at: bare and generated. */
  views?: boolean;
}

export interface Decrypted {
  /** The recovered picture. */
  readonly png: Blob;
  readonly width: number;
  readonly height: number;
  /** Whether every sample is proven to be that of the original, and the original file, if it was kept, to be of that picture. */
  readonly exact: boolean;
  /** Why it is not exact although it should be, a sentence; with approximate only. */
  readonly fault?: string;
  /** False for a bare output of the generator alone. */
  readonly sealed: boolean;
  /** The original file, if it was kept and is of the picture. */
  readonly original?: Blob;
  /**
   * What to save original, or else png, under: in the folders of the name given, with an extension by the content, safe on
   * every system. Not sealed, it ends in .unsealed.png.
   */
  readonly name: string;
  /** With views: the bare output of the encryption generator. */
  readonly bare?: Blob;
  /** With views: what the decryption generator alone made of it. */
  readonly generated?: Blob;
}

export interface Metrics {
  /** Bits a sample, 0 to 8. */
  readonly entropy: number;
  /** Mean absolute coefficient of neighbouring samples, 0 to 1. */
  readonly correlation: number;
  /** Of two pictures, in dB; Infinity if they are equal. */
  readonly psnr?: number;
  readonly ssim?: number;
  /** With plots: of the first picture, 256 levels each. */
  readonly histograms?: { readonly r: Uint32Array; readonly g: Uint32Array; readonly b: Uint32Array };
  /** With plots, of the first picture: up to 2,000 pairs x, y of neighbouring samples, one after the other. */
  readonly pairs?: Uint8Array;
}

/** The engine: frozen, made by load. Calls may overlap; they share its workers. */
export class Encipher {
  private constructor();

  /** Starts the program and loads a model. */
  static load(options?: LoadOptions): Promise<Encipher>;

  /** What the site offers; empty where the model's files were given. */
  readonly models: readonly ModelEntry[];
  readonly model: Model;
  /** Which kernels compute, e.g. "WebAssembly relaxed SIMD", or "plain Go" where the browser has no vectors, which is slow. */
  readonly kernels: string;

  /** Bytes that the workers' programs have for themselves; Blobs come on top. */
  readonly memory: number;

  newKey(): Promise<Key>;
  /** Checks the text of a key or key file. */
  parseKey(text: string): Promise<{ readonly fingerprint: string }>;
  /** The text of a key file, or of age identities, that is itself sealed with age. */
  unsealKeyFile(file: Blob, options: { passphrase?: string; identity?: string; signal?: AbortSignal }): Promise<{ readonly text: string }>;
  /** Seven words, 90 bits. */
  proposePassphrase(): Promise<{ readonly passphrase: string }>;
  /** Makes one key for any number of pictures, found again with the passphrase or by the age recipients, one a line. */
  lock(options: { passphrase: string; signal?: AbortSignal } | { recipients: string; signal?: AbortSignal }): Promise<LockedKey>;
  /** Finds the key of a cipher image with what is given, tried in turn. */
  unlock(cipher: Blob, options: UnlockOptions): Promise<{ readonly key: string; readonly fingerprint: string }>;
  /** Tells a cipher image from other pictures by its header, without a key. */
  inspect(file: Blob, options?: CallOptions): Promise<Inspection>;
  /** Describes a picture, or two of equal size. */
  metrics(a: Blob, b?: Blob, options?: CallOptions & { plots?: boolean }): Promise<Metrics>;

  encrypt(picture: Blob, options?: EncryptOptions): Promise<Encrypted>;
  decrypt(cipher: Blob, options?: DecryptOptions): Promise<Decrypted>;

  /** Loads another model. Calls under way end with the one before; later ones take the new one. */
  useModel(model: ModelChoice, options?: ProgressOptions): Promise<Model>;

  /** Ends the workers. Calls under way reject with the code "canceled", later ones with "bad-argument". */
  dispose(): void;
}
