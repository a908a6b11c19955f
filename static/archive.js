// ZIP files of results, and saving.
//
// Main path: Names keeps apart what the program called the results, ZipFile writes
// results to disk one by one as they are finished; zip makes one Blob of those
// that are there.
import { makeZip } from "./vendor/client-zip.js";

export const baseName = (path) => path.slice(path.lastIndexOf("/") + 1);

// Names keeps the names of one archive apart, also where case, or how a letter with
// an accent is written, does not count.
export class Names {
  #taken = new Set();

  unique(path) {
    const [, stem, suffix] = /^(.*?)((?:\.cipher)?\.[^./]*)?$/s.exec(path);
    let name = path;
    const folded = () => name.normalize("NFC").toLowerCase();
    for (let n = 2; this.#taken.has(folded()); n++) name = `${stem} (${n})${suffix ?? ""}`;
    this.#taken.add(folded());
    return name;
  }
}

// zip stores files, {path, blob} each, uncompressed: pictures do not compress again.
export function zip(files) {
  const names = new Names();
  const entries = files.map(({ path, blob }) => ({ name: names.unique(path), input: blob, size: blob.size }));
  return new Response(makeZip(entries, { buffersAreUTF8: true }), { headers: { "Content-Type": "application/zip" } }).blob();
}

// ZipFile is an archive on disk that grows while the work goes on. Nothing is
// there under its name before end() has succeeded.
export class ZipFile {
  #names = new Names();
  #writer;
  #written;

  // stream is a FileSystemWritableFileStream.
  constructor(stream) {
    const { readable, writable } = new TransformStream();
    this.#writer = writable.getWriter();
    this.#written = makeZip(entriesOf(readable), { buffersAreUTF8: true }).pipeTo(stream);
    // Whoever adds or ends hears of a full disk.
    this.#written.catch((error) => this.#writer.abort(error).catch(() => {}));
  }

  // add resolves once the file is taken, and rejects where the archive cannot be written.
  async add(path, blob) {
    await this.#writer.ready;
    await this.#writer.write({ name: this.#names.unique(path), input: blob, size: blob.size });
  }

  async end() {
    await this.#writer.close();
    await this.#written;
  }

  async abort() {
    await this.#writer.abort().catch(() => {});
    await this.#written.catch(() => {});
  }
}

async function* entriesOf(readable) {
  const reader = readable.getReader();
  for (let next; !(next = await reader.read()).done; ) yield next.value;
}

// download offers a Blob under a name.
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser may ask for a place first, and does not say when it has read all.
  setTimeout(() => URL.revokeObjectURL(link.href), 600_000);
}
