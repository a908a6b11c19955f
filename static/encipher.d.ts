/**
 * Encipher for web pages: encrypts and decrypts pictures in the browser, in
 * workers, with WebAssembly. Nothing leaves the page. docs/embedding.md documents
 * hosting and the headers that the page needs.
 */

/** Stable codes of errors. */
export type Code =
  | "bad-picture" // not a picture, or a damaged one
  | "unsupported-picture" // a picture of a format that is not supported
  | "too-large" // above the limits on bytes or pixels, or above the model's limit
  | "not-a-cipher" // not a cipher image, or its private chunk was removed
  | "unsupported-version" // a cipher image of a later format version
  | "wrong-key" // the file was sealed with another key
  | "changed" // the file was changed or damaged
  | "altered-copy" // a copy of a cipher image for messengers that was scaled, cropped or filtered
  | "damaged-copy" // a copy of a cipher image for messengers that was compressed too hard
  | "other-model" // the file was made with another model
  | "bad-key" // the text is not a key
  | "bad-model" // the files are not a valid model
  | "canceled" // the signal was aborted, or the engine was disposed of
  | "not-sealed" // a bare cipher image, made for research, without the option bareCipher
  | "not-exact" // the picture can be recovered only approximately, or the kept file is not of the picture
  | "bad-argument" // an argument of the wrong type, or a call after dispose
  | "internal"; // an unexpected error, or a failure to load the program

/** The error of every rejected call. */
export class EncipherError extends Error {
  readonly code: Code;
  /** What to do next, as a sentence; may be empty. */
  readonly hint: string;
}

/** Progress of a call. */
export interface Progress {
  /** load: program, model; encrypt: decode, encrypt, seal; decrypt: open, decrypt, encode. */
  readonly stage: string;
  /** Steps of the stage that are finished, 0 to total. */
  readonly done: number;
  readonly total: number;
  /** Of the whole call, 0 to 1. It never falls, and reaches 1 exactly once, when the call has succeeded. */
  readonly fraction: number;
}

export interface CallOptions {
  /** Aborting it rejects the call with the code "canceled" and frees its workers. */
  signal?: AbortSignal;
}

export interface ProgressOptions extends CallOptions {
  onProgress?: (progress: Progress) => void;
}

/** A model of the site: an entry of models/index.json. */
export interface ModelEntry {
  readonly name: string;
  /** URL of the folder with its files, relative to the site. */
  readonly folder: string;
  readonly files: readonly string[];
  /** Whether it needs a passphrase or an identity. */
  readonly sealed: boolean;
  /** Total size of its files. */
  readonly bytes?: number;
}

/** The name of a model in models, for a sealed one with its secret; or the files of a model. */
export type ModelChoice =
  | string
  | { name: string; passphrase?: string; identity?: string }
  | { card: Blob | Uint8Array; encryption: Blob | Uint8Array; decryption: Blob | Uint8Array }
  | { sealed: Blob | Uint8Array; passphrase?: string; identity?: string };

/** The current model. */
export interface Model {
  readonly name: string;
  /** SHA-256 of both generators, in hexadecimal. A cipher image can be decrypted only with the model that has the same fingerprint. */
  readonly fingerprint: string;
  readonly profile: "paper" | "paper+stats" | "reversible";
  /** A warning on the model card; may be empty. */
  readonly note: string;
}

export interface LoadOptions extends ProgressOptions {
  /** Default: the first model of the site. */
  model?: ModelChoice;
  /** Text of the default key of encrypt and decrypt. */
  key?: string;
  /** URL of the folder with worker.js, encipher.wasm and models/, on the page's own origin. Default: the folder of encipher.js. */
  base?: string | URL;
  /** Number of workers, 1 to 8. Default: one per processor, as far as memory allows. */
  workers?: number;
}

export interface Key {
  /** The key itself, which is secret. */
  readonly text: string;
  /** Content of a key file: the key with a comment. */
  readonly file: string;
  /** Public name of the key. */
  readonly fingerprint: string;
}

/** A new key, wrapped for a passphrase or for recipients. */
export interface WrappedKey {
  /** Text of the key to encrypt with. */
  readonly key: string;
  /** Key slot for the header of the cipher images. */
  readonly slot: Uint8Array;
}

export interface UnwrapOptions extends CallOptions {
  key?: string;
  passphrase?: string;
  /** age identities, one per line. */
  identity?: string;
}

export type Inspection =
  | {
      readonly kind: "picture";
      /** In pixels. */
      readonly width: number;
      readonly height: number;
      /** Approximate size of the cipher image. */
      readonly fileBytes?: number;
      /** Approximate peak memory of encrypting it. */
      readonly memoryBytes?: number;
    }
  | {
      readonly kind: "cipher";
      /** In pixels; 0 if the file is damaged. */
      readonly width: number;
      readonly height: number;
      /** Fingerprint of the model that it was made with. */
      readonly model?: string;
      /** The kind of secret that decrypts it. */
      readonly needs?: "key" | "passphrase" | "identity";
      /** Whether it is a bare cipher image, which is not protected. */
      readonly bare?: boolean;
    };

export interface EncryptOptions extends ProgressOptions {
  /** Text of a key or key file. Default: the key given to load. */
  key?: string;
  /** From wrapKey, together with its key. */
  slot?: Uint8Array;
  /** What decryption restores. "on", the default: the exact picture; "off": an approximate one; "file": also the original file, byte by byte. */
  exact?: "on" | "off" | "file";
  /** Name of the file, optionally with folders. The result is named after it; with exact "file", it is sealed with the file. */
  name?: string;
  /** Removes EXIF data, texts, density and color profile. */
  dropMetadata?: boolean;
  /** Also returns plain, bare and generated, as PNG files without compression. */
  views?: boolean;
}

export interface Encrypted {
  /** The cipher image. */
  readonly png: Blob;
  /** Name to save it under, safe on every system: a/photo.cipher.png for a/photo.jpg. */
  readonly name: string;
  /** Of the picture, in pixels. */
  readonly width: number;
  readonly height: number;
  /** What of the file decryption does not restore, as sentences. */
  readonly notes: readonly string[];
  /** With views: the picture that decryption restores. */
  readonly plain?: Blob;
  /** With views: the neural cipher, which is not protected. */
  readonly bare?: Blob;
  /** With views, unless exact is "off": the output of the decryption generator, without the residual. */
  readonly generated?: Blob;
}

export interface MessengerOptions extends ProgressOptions {
  /** Text of a key or key file. Default: the key given to load. */
  key?: string;
  /** From wrapKey, together with its key. */
  slot?: Uint8Array;
  /** Longest side of the cipher image in pixels, up to 4096. Default: 1600. */
  side?: number;
  /** Survives harder compression, with two thirds of the content. */
  strong?: boolean;
  /** Name of the file, optionally with folders. The result is named after it. */
  name?: string;
  /** Has the picture coded, without metadata, even if the file is small enough to travel as it is. */
  dropMetadata?: boolean;
  /** Also returns received. */
  views?: boolean;
}

export interface EncryptedForMessenger {
  /** A gray picture of noise, to send as a photo. */
  readonly jpeg: Blob;
  /** Name to save it under, safe on every system: a/photo.cipher.jpg for a/photo.jpg. */
  readonly name: string;
  /** Of the picture that the other side sees, in pixels. */
  readonly width: number;
  readonly height: number;
  /** How close that is to the original in its size, in dB; Infinity if they are equal. */
  readonly psnr: number;
  /** Whether the file travels as it is, byte by byte. */
  readonly wholeFile: boolean;
  /** What of the file the other side does not see, as sentences. */
  readonly notes: readonly string[];
  /** With views: what the other side sees, as a PNG file without compression. */
  readonly received?: Blob;
}

export interface DecryptOptions extends ProgressOptions {
  /** Text of a key or key file. Default: the key given to load. */
  key?: string;
  /** Name of the file, optionally with folders. The result is named after it. */
  name?: string;
  /** Accepts bare cipher images, which anyone can have made or changed. Without it they are refused with "not-sealed". */
  bareCipher?: boolean;
  /** Returns a picture that cannot be proven exact, instead of the error "not-exact". */
  approximate?: boolean;
  /** Also returns bare and generated, as PNG files without compression. */
  views?: boolean;
}

export interface Decrypted {
  /** The recovered picture. */
  readonly png: Blob;
  readonly width: number;
  readonly height: number;
  /** Whether every sample is proven equal to the original, and the kept file, if there is one, to be of that picture. */
  readonly exact: boolean;
  /** With approximate: why a picture that should be exact is not, as a sentence. */
  readonly fault?: string;
  /** False for a bare cipher image. */
  readonly sealed: boolean;
  /** The kept file, if there is one. */
  readonly original?: Blob;
  /**
   * Name to save original or else png under, safe on every system: in the folders of the given name, with an extension by
   * content. For a bare cipher image it ends in .unsealed.png.
   */
  readonly name: string;
  /** With views: the neural cipher. */
  readonly bare?: Blob;
  /** With views: the output of the decryption generator, without the residual. */
  readonly generated?: Blob;
}

export interface Metrics {
  /** Bits per sample, 0 to 8. */
  readonly entropy: number;
  /** Mean absolute correlation coefficient of neighboring samples, 0 to 1. */
  readonly correlation: number;
  /** For two pictures, in dB; Infinity if they are equal. */
  readonly psnr?: number;
  readonly ssim?: number;
  /** With plots: counts of the 256 levels of the first picture. */
  readonly histograms?: { readonly r: Uint32Array; readonly g: Uint32Array; readonly b: Uint32Array };
  /** With plots: up to 2,000 pairs of neighboring samples of the first picture: x, y, x, y, … */
  readonly pairs?: Uint8Array;
}

/** The engine, a frozen object that load creates. Calls may overlap; they share its workers. */
export class Encipher {
  private constructor();

  /** Starts the wasm and loads a model. */
  static load(options?: LoadOptions): Promise<Encipher>;

  /** The models of the site; empty if load was given the files of a model. */
  readonly models: readonly ModelEntry[];
  readonly model: Model;
  /** The kernels in use, e.g. "WebAssembly relaxed SIMD", or "plain Go" if the browser has no SIMD, which is slow. */
  readonly kernels: string;

  /** Memory of all workers' wasm, in bytes, without Blobs. */
  readonly memory: number;

  newKey(): Promise<Key>;
  /** Parses the text of a key or key file. */
  parseKey(text: string): Promise<{ readonly fingerprint: string }>;
  /** Decrypts a key file, or a file of age identities, that is sealed with age. */
  unsealKeyFile(file: Blob, options: { passphrase?: string; identity?: string; signal?: AbortSignal }): Promise<{ readonly text: string }>;
  /** Generates a passphrase of seven random words, 90 bits. */
  generatePassphrase(): Promise<{ readonly passphrase: string }>;
  /** Creates a key for any number of pictures and wraps it for a passphrase or for age recipients, one per line. */
  wrapKey(options: { passphrase: string; signal?: AbortSignal } | { recipients: string; signal?: AbortSignal }): Promise<WrappedKey>;
  /** Recovers the key of a cipher image with the given secrets, tried in turn. */
  unwrapKey(cipher: Blob, options: UnwrapOptions): Promise<{ readonly key: string; readonly fingerprint: string }>;
  /** Reads the header of a picture or cipher image. Needs no key. */
  inspect(file: Blob, options?: CallOptions): Promise<Inspection>;
  /** Measures a picture, or compares two of equal size. */
  metrics(a: Blob, b?: Blob, options?: CallOptions & { plots?: boolean }): Promise<Metrics>;

  encrypt(picture: Blob, options?: EncryptOptions): Promise<Encrypted>;
  /** Encrypts a picture as a JPEG that a messenger may recompress. The picture is reduced, and needs no model to be decrypted. */
  encryptForMessenger(picture: Blob, options?: MessengerOptions): Promise<EncryptedForMessenger>;
  /** Decrypts a cipher image, or a copy of one for messengers, of any kind of picture file. */
  decrypt(cipher: Blob, options?: DecryptOptions): Promise<Decrypted>;

  /** Loads another model for later calls. Pending calls finish with the model before. */
  useModel(model: ModelChoice, options?: ProgressOptions): Promise<Model>;

  /** Terminates the workers. Pending calls reject with the code "canceled", later ones with "bad-argument". */
  dispose(): void;
}
