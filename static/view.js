// The four panels and their figures.
import { text } from "./messages.js";

// Panel shows one picture with its figures and a save button.
export class Panel {
  #root;
  #image;
  #list;
  #save;
  #url = null;
  #name = "";

  constructor(id) {
    this.#root = document.getElementById(id);
    this.#image = this.#root.querySelector("img");
    this.#list = this.#root.querySelector("dl");
    this.#save = this.#root.querySelector("button.save");
    this.#save?.addEventListener("click", () => download(this.#url, this.#name));
    // A file of a kind that only the program reads has no preview until it did.
    this.#image.addEventListener("error", () => (this.#image.hidden = true));
  }

  // Shows a picture file (a Blob); with a name it can be saved.
  show(blob, name = "") {
    this.clear();
    this.#root.dataset.state = "filled";
    this.#url = URL.createObjectURL(blob);
    this.#name = name;
    this.#image.src = this.#url;
    this.#image.hidden = false;
    if (this.#save) this.#save.hidden = !name;
  }

  clear() {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
    this.#root.dataset.state = "empty";
    this.#image.removeAttribute("src");
    this.#image.hidden = true;
    if (this.#save) this.#save.hidden = true;
    this.figures([]);
  }

  // Lists [label, value] pairs under the picture.
  figures(rows) {
    this.#list.replaceChildren(
      ...rows.flatMap(([label, value]) => {
        const dt = document.createElement("dt");
        const dd = document.createElement("dd");
        dt.textContent = label;
        dd.textContent = value;
        return [dt, dd];
      }),
    );
  }
}

// statistics formats what describes one picture.
export function statistics(m) {
  return [
    ["Entropy", `${m.entropy.toFixed(3)} bits`],
    ["Correlation", m.correlation.toFixed(4)],
  ];
}

// fidelity formats what compares a picture with its original.
export function fidelity(m) {
  return [
    ["PSNR", m.psnr === Infinity ? text.equal : `${m.psnr.toFixed(2)} dB`],
    ["SSIM", m.ssim.toFixed(5)],
  ];
}

export function bytes(n) {
  return n < 1e6 ? `${Math.max(1, Math.round(n / 1e3))} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

// size describes a picture file; the sides are 0 where they are not known.
export function size(width, height, length) {
  return width ? `${width} × ${height}, ${bytes(length)}` : bytes(length);
}

// download offers the file behind a blob URL under a name.
export function download(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}
