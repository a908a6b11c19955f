// Downloads and ZIP files of results.
//
// ZipFile writes results to disk one by one as they are finished. zip makes a
// Blob of finished results. UniqueNames keeps the names in an archive distinct.
import { makeZip } from "./vendor/client-zip.js";

/** @typedef {{ path: string, blob: Blob }} Result */

/** @param {string} path */
export const baseName = (path) => path.slice(path.lastIndexOf("/") + 1);

/** UniqueNames hands out names that differ even without regard to case and Unicode normalization. */
export class UniqueNames {
  #used = new Set();

  /** @param {string} path */
  unique(path) {
    const [, stem = "", suffix = ""] = /^(.*?)((?:\.cipher)?\.[^./]*)?$/s.exec(path) ?? [];
    let name = path;
    const folded = () => name.normalize("NFC").toLowerCase();
    for (let n = 2; this.#used.has(folded()); n++) name = `${stem} (${n})${suffix}`;
    this.#used.add(folded());
    return name;
  }
}

/**
 * zip stores results uncompressed, because pictures are compressed already.
 *
 * @param {Result[]} results
 */
export function zip(results) {
  const names = new UniqueNames();
  const entries = results.map(({ path, blob }) => ({ name: names.unique(path), input: blob, size: blob.size }));
  return new Response(makeZip(entries, { buffersAreUTF8: true }), { headers: { "Content-Type": "application/zip" } }).blob();
}

/** ZipFile is an archive on disk that results are added to. The file appears under its name when close succeeds. */
export class ZipFile {
  #names = new UniqueNames();
  #writer;
  #written;

  /** @param {FileSystemWritableFileStream} stream */
  constructor(stream) {
    const { readable, writable } = new TransformStream();
    this.#writer = writable.getWriter();
    this.#written = makeZip(readEntries(readable), { buffersAreUTF8: true }).pipeTo(stream);
    // A full disk must fail add and close.
    this.#written.catch((error) => this.#writer.abort(error).catch(() => {}));
  }

  /**
   * add resolves when the archive has accepted the file, and rejects if the archive cannot be written.
   *
   * @param {string} path
   * @param {Blob} blob
   */
  async add(path, blob) {
    await this.#writer.ready;
    await this.#writer.write({ name: this.#names.unique(path), input: blob, size: blob.size });
  }

  async close() {
    await this.#writer.close();
    await this.#written;
  }

  async abort() {
    await this.#writer.abort().catch(() => {});
    await this.#written.catch(() => {});
  }
}

/** @param {ReadableStream} readable */
async function* readEntries(readable) {
  const reader = readable.getReader();
  for (let next; !(next = await reader.read()).done; ) yield next.value;
}

/**
 * download saves a Blob under a name.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser may ask where to save, and does not report when it has read the Blob.
  setTimeout(() => URL.revokeObjectURL(link.href), 600_000);
}
