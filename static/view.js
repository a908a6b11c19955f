// What happens to one picture: the original, the generator's output, the cipher
// image and what is recovered, compared by eye and by figures.
//
// Main path: look() decrypts the cipher image of an item once more, with all that
// can be seen on the way, shows it, and has each picture measured.
import { baseName, download } from "./archive.js";
import { errors, fill, text } from "./messages.js";
import { histogram, scatter } from "./plots.js";

const $ = (id) => document.getElementById(id);
const kinds = ["plain", "bare", "cipher", "recovered"];

export class View {
  #program;
  #item = null;
  #controller = null; // of the look under way
  #pictures = {}; // Blobs, by kind
  #figures = {}; // by kind
  #urls = {};
  #note = () => "";

  constructor(program) {
    this.#program = program;
    $("left").addEventListener("change", () => this.#compare());
    $("right").addEventListener("change", () => this.#compare());
    $("zoom").addEventListener("change", () => this.#compare());
    $("divider").addEventListener("input", () => this.#divide($("divider").value));
    // On the picture itself the divider follows the pointer.
    const follow = (event) => {
      if (!event.isPrimary || !(event.buttons & 1) || (event.pointerType === "touch" && $("zoom").value !== "0")) return;
      const { left, width } = $("pair").getBoundingClientRect();
      this.#divide(Math.round((100 * (event.clientX - left)) / width));
    };
    $("pair").addEventListener("pointerdown", follow);
    $("pair").addEventListener("pointermove", follow);
    for (const id of ["left-image", "right-image"]) {
      $(id).addEventListener("load", () => this.#size());
      $(id).addEventListener("error", () => $(id).removeAttribute("src"));
    }
    this.#divide(50);
  }

  get item() {
    return this.#item;
  }

  // look shows an item whose work is done. Choosing another ends what is under way.
  async look(item) {
    this.clear();
    this.#item = item;
    const controller = (this.#controller = new AbortController());
    const { signal } = controller;
    const made = item.kind === "picture";
    $("view").hidden = false;
    this.#pictures = made ? { plain: item.source, cipher: item.result.blob } : { cipher: item.source };
    this.#note = () => text.view.working;
    this.draw();
    try {
      const program = await this.#program();
      const opened =
        item.opened ?? (await program.decrypt(this.#pictures.cipher, { key: item.key, bareCipher: item.allowed, approximate: true, views: true, signal }));
      if (signal.aborted) return;
      Object.assign(this.#pictures, { bare: opened.bare, recovered: opened.png });
      this.#note = () => "";
      this.draw();
      for (const kind of kinds) {
        const picture = this.#pictures[kind];
        if (!picture) continue;
        const original = kind === "recovered" ? this.#pictures.plain : undefined;
        this.#figures[kind] = await program.metrics(picture, original, { plots: true, signal });
        if (signal.aborted) return;
        this.#measured($(`panel-${kind}`), kind);
      }
    } catch (error) {
      if (signal.aborted) return;
      const [title, hint] = errors[error.code] ?? errors.internal;
      this.#note = () => `${title}. ${hint}`;
      this.draw();
    }
  }

  clear() {
    this.#controller?.abort();
    for (const url of Object.values(this.#urls)) URL.revokeObjectURL(url);
    this.#urls = {};
    this.#pictures = {};
    this.#figures = {};
    this.#item = null;
    $("view").hidden = true;
    for (const id of ["left-image", "right-image"]) $(id).removeAttribute("src");
  }

  // draw shows all anew, in the language in use.
  draw() {
    if (!this.#item) return;
    $("view-title").textContent = text.view.title(baseName(this.#item.path));
    $("view-note").textContent = this.#note();
    $("view-note").hidden = !this.#note();
    for (const kind of kinds) if (this.#pictures[kind]) this.#urls[kind] ??= URL.createObjectURL(this.#pictures[kind]);
    const there = kinds.filter((kind) => this.#pictures[kind]);
    const before = { left: $("left").value, right: $("right").value };
    for (const side of ["left", "right"]) {
      $(side).replaceChildren(...there.map((kind) => new Option(text.view.pictures[kind], kind)));
    }
    $("left").value = there.includes(before.left) ? before.left : there.includes("plain") ? "plain" : "cipher";
    $("right").value =
      there.includes(before.right) && before.right !== $("left").value
        ? before.right
        : (there.find((kind) => kind === "cipher" && kind !== $("left").value) ?? there.at(-1));
    $("compare").hidden = there.length < 2;
    this.#compare();
    this.#drawPanels();
  }

  #compare() {
    for (const side of ["left", "right"]) {
      const kind = $(side).value;
      const image = $(`${side}-image`);
      if (this.#urls[kind] && image.src !== this.#urls[kind]) image.src = this.#urls[kind];
      image.alt = text.view.pictures[kind] ?? "";
    }
    this.#size();
  }

  // size gives the comparison its scale; fit leaves it to the style sheet.
  #size() {
    const zoom = Number($("zoom").value);
    const width = Math.max($("left-image").naturalWidth, $("right-image").naturalWidth);
    const height = Math.max($("left-image").naturalHeight, $("right-image").naturalHeight);
    $("pair").style.setProperty("aspect-ratio", width ? `${width} / ${height}` : "4 / 3");
    $("pair").style.setProperty("--ratio", width ? width / height : 4 / 3);
    $("pair").style.setProperty("width", zoom && width ? `${(zoom * width) / devicePixelRatio}px` : "");
    $("stage").dataset.zoom = zoom;
  }

  #divide(percent) {
    const value = Math.max(0, Math.min(100, percent));
    $("divider").value = value;
    $("pair").style.setProperty("--divide", `${value}%`);
  }

  #drawPanels() {
    $("panels").replaceChildren(...kinds.filter((kind) => this.#pictures[kind]).map((kind) => this.#panel(kind)));
  }

  #panel(kind) {
    const root = $("panel-template").content.cloneNode(true).firstElementChild;
    const name = text.view.pictures[kind];
    root.id = `panel-${kind}`;
    root.querySelector("h3").textContent = name;
    root.querySelector("figcaption p").textContent = text.view.what[kind];
    const image = root.querySelector("img");
    image.src = this.#urls[kind];
    image.alt = name;
    // A file of a kind that only the program reads has no preview.
    image.addEventListener("error", () => (image.hidden = true));
    this.#measured(root, kind);
    if (kind === "bare") {
      const save = root.querySelector(".save");
      save.hidden = false;
      fill(save);
      const stem = baseName(this.#item.called).replace(/(\.cipher)?\.[^.]*$/, "");
      save.addEventListener("click", () => download(this.#pictures.bare, `${stem}.generator.png`));
    }
    return root;
  }

  // measured puts figures and plots under a picture, as far as they are there.
  #measured(root, kind) {
    root.querySelector("dl").replaceChildren(...this.#rows(kind));
    const figures = this.#figures[kind];
    const name = text.view.pictures[kind];
    if (figures)
      root.querySelector(".plots").replaceChildren(histogram(figures.histograms, text.view.histogram(name)), scatter(figures.pairs, text.view.scatter(name)));
  }

  #rows(kind) {
    const m = this.#figures[kind];
    const rows = [];
    if (m) {
      rows.push([text.view.entropy, `${m.entropy.toFixed(3)} ${text.view.bits}`], [text.view.correlation, m.correlation.toFixed(4)]);
      if (m.psnr !== undefined)
        rows.push([text.view.psnr, m.psnr === Infinity ? text.view.identical : `${m.psnr.toFixed(2)} dB`], [text.view.ssim, m.ssim.toFixed(5)]);
    }
    if (kind === "plain" || kind === "cipher") rows.push([text.view.size, bytes(this.#pictures[kind].size)]);
    return rows.flatMap(([label, value]) => {
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = label;
      dd.textContent = value;
      return [dt, dd];
    });
  }
}

export function bytes(n) {
  if (n < 1e6) return `${Math.max(1, Math.round(n / 1e3))} kB`;
  return n < 1e9 ? `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} MB` : `${(n / 1e9).toFixed(1)} GB`;
}
