// The details of one item: the original, the neural cipher, the cipher image, the
// output of the decryption generator and the restored picture, side by side and
// with measurements.
//
// show displays and measures the pictures that the last run returned. Runs over
// several items return none, because they take much memory; for those, and after
// approximate encryption, show decrypts the cipher image.
import { baseName, download } from "./archive.js";
import { viewsOf } from "./batch.js";
import { $, clone, find } from "./dom.js";
import { errors, formatNumber, language, text, translate } from "./messages.js";
import { histogram, scatter } from "./plots.js";

/** @typedef {import("./batch.js").Item} Item */
/** @typedef {"plain" | "bare" | "cipher" | "generated" | "recovered" | "received"} Kind */

/** @type {Kind[]} */
const kinds = ["plain", "bare", "cipher", "generated", "recovered", "received"];

export class PictureView {
  #engine;
  /** @type {Item | null} */
  #item = null;
  /** @type {AbortController | null} of the current show */
  #controller = null;
  /** @type {Partial<Record<Kind, Blob>>} */
  #pictures = {};
  /** @type {Partial<Record<Kind, import("./encipher.js").Metrics>>} */
  #metrics = {};
  /** @type {Partial<Record<Kind, string>>} object URLs */
  #urls = {};
  #note = () => "";

  /** @param {() => Promise<import("./encipher.js").Encipher>} engine */
  constructor(engine) {
    this.#engine = engine;
    $("left").addEventListener("change", () => this.#compare());
    $("right").addEventListener("change", () => this.#compare());
    $("zoom").addEventListener("change", () => this.#compare());
    $("divider").addEventListener("input", () => this.#setDivider($("divider").value));
    // Within the picture, the divider follows the pointer.
    /** @param {PointerEvent} event */
    const followPointer = (event) => {
      if (!event.isPrimary || !(event.buttons & 1) || (event.pointerType === "touch" && $("zoom").value !== "0")) return;
      const { left, width } = $("pair").getBoundingClientRect();
      this.#setDivider(Math.round((100 * (event.clientX - left)) / width));
    };
    $("pair").addEventListener("pointerdown", followPointer);
    $("pair").addEventListener("pointermove", followPointer);
    for (const image of [$("left-image"), $("right-image")]) {
      image.addEventListener("load", () => this.#resize());
      image.addEventListener("error", () => image.removeAttribute("src"));
    }
    this.#setDivider(50);
  }

  get item() {
    return this.#item;
  }

  /**
   * show displays the details of a finished item and aborts the show before.
   *
   * @param {Item} item
   */
  async show(item) {
    this.clear();
    this.#item = item;
    const controller = (this.#controller = new AbortController());
    const { signal } = controller;
    $("view").hidden = false;
    const cipher = item.kind === "picture" ? /** @type {import("./archive.js").Result} */ (item.result).blob : item.source;
    this.#pictures = item.kind === "picture" ? { plain: item.views?.plain ?? item.source, cipher } : { cipher };
    this.#note = () => text.view.working;
    this.draw();
    try {
      const engine = await this.#engine();
      const views =
        item.views ?? viewsOf(await engine.decrypt(cipher, { key: item.key ?? undefined, bareCipher: item.allowed, approximate: true, views: true, signal }));
      if (signal.aborted) return;
      if (item.received) Object.assign(this.#pictures, { received: views.received ?? views.recovered });
      else Object.assign(this.#pictures, views);
      if (item.kind === "picture" && views.generated) delete this.#pictures.recovered; // it is equal to plain
      this.#note = () => "";
      this.draw();
      for (const kind of kinds) {
        const picture = this.#pictures[kind];
        if (!picture) continue;
        /** @type {Partial<Record<Kind, Blob>>} */
        const originals = { recovered: this.#pictures.plain, generated: this.#pictures.plain ?? this.#pictures.recovered };
        const metrics = await engine.metrics(picture, originals[kind], { plots: true, signal });
        if (signal.aborted) return;
        // The engine has compared it with the original in its size.
        this.#metrics[kind] = kind === "received" ? { ...metrics, psnr: item.received?.psnr } : metrics;
        this.#drawMetrics($(`panel-${kind}`), kind);
      }
    } catch (error) {
      if (signal.aborted) return;
      const { code } = /** @type {import("./encipher.js").EncipherError} */ (error);
      const [title, hint] = errors[code] ?? errors.internal;
      this.#note = () => `${title}. ${hint}`;
      this.draw();
    }
  }

  clear() {
    this.#controller?.abort();
    for (const url of Object.values(this.#urls)) URL.revokeObjectURL(url);
    this.#urls = {};
    this.#pictures = {};
    this.#metrics = {};
    this.#item = null;
    $("view").hidden = true;
    for (const id of ["left-image", "right-image"]) $(id).removeAttribute("src");
  }

  /** draw updates the view, in the current language. */
  draw() {
    if (!this.#item) return;
    $("view-title").textContent = text.view.title(baseName(this.#item.path));
    $("view-note").textContent = this.#note();
    $("view-note").hidden = !this.#note();
    for (const kind of kinds) {
      const picture = this.#pictures[kind];
      if (picture) this.#urls[kind] ??= URL.createObjectURL(picture);
    }
    const shown = kinds.filter((kind) => this.#pictures[kind]);
    const before = { left: /** @type {Kind} */ ($("left").value), right: /** @type {Kind} */ ($("right").value) };
    for (const select of [$("left"), $("right")]) {
      select.replaceChildren(...shown.map((kind) => new Option(text.view.pictures[kind], kind)));
    }
    $("left").value = shown.includes(before.left) ? before.left : shown.includes("plain") ? "plain" : "cipher";
    $("right").value =
      shown.includes(before.right) && before.right !== $("left").value
        ? before.right
        : (shown.find((kind) => kind === (this.#item?.received ? "received" : "cipher") && kind !== $("left").value) ?? shown[shown.length - 1]);
    $("compare").hidden = shown.length < 2;
    for (const option of $("zoom").options) {
      if (option.value !== "0") option.text = new Intl.NumberFormat(language, { style: "percent" }).format(Number(option.value));
    }
    this.#compare();
    this.#drawPanels();
  }

  #compare() {
    for (const side of /** @type {const} */ (["left", "right"])) {
      const kind = /** @type {Kind} */ ($(side).value);
      const image = $(`${side}-image`);
      const url = this.#urls[kind];
      if (url && image.src !== url) image.src = url;
      image.alt = text.view.pictures[kind] ?? "";
    }
    this.#resize();
  }

  /** resize applies the zoom. For 0, fit, the style sheet determines the size. */
  #resize() {
    const zoom = Number($("zoom").value);
    const width = Math.max($("left-image").naturalWidth, $("right-image").naturalWidth);
    const height = Math.max($("left-image").naturalHeight, $("right-image").naturalHeight);
    $("pair").style.setProperty("aspect-ratio", width ? `${width} / ${height}` : "4 / 3");
    $("pair").style.setProperty("--ratio", String(width ? width / height : 4 / 3));
    $("pair").style.setProperty("width", zoom && width ? `${(zoom * width) / devicePixelRatio}px` : "");
    $("stage").dataset.zoom = String(zoom);
  }

  /** @param {number | string} percent */
  #setDivider(percent) {
    const value = Math.max(0, Math.min(100, Number(percent)));
    $("divider").value = String(value);
    $("pair").style.setProperty("--divide", `${value}%`);
  }

  #drawPanels() {
    $("panels").replaceChildren(...kinds.filter((kind) => this.#pictures[kind]).map((kind) => this.#panel(kind)));
  }

  /** @param {Kind} kind */
  #panel(kind) {
    const root = clone($("panel-template"));
    const name = text.view.pictures[kind];
    root.id = `panel-${kind}`;
    find(root, "h3").textContent = name;
    find(root, "figcaption p").textContent = text.view.what[kind];
    /** @type {HTMLImageElement} */
    const image = find(root, "img");
    image.src = this.#urls[kind] ?? "";
    image.alt = name;
    // The browser may not be able to decode what the wasm can, such as TIFF.
    image.addEventListener("error", () => (image.hidden = true));
    this.#drawMetrics(root, kind);
    if (kind === "bare") {
      const save = find(root, ".save");
      save.hidden = false;
      translate(root);
      const stem = baseName(/** @type {Item} */ (this.#item).resultName).replace(/(\.cipher)?\.[^.]*$/, "");
      save.addEventListener("click", () => download(/** @type {Blob} */ (this.#pictures.bare), `${stem}.generator.png`));
    }
    return root;
  }

  /**
   * drawMetrics shows the measurements and plots of a picture once they are known.
   *
   * @param {HTMLElement} root
   * @param {Kind} kind
   */
  #drawMetrics(root, kind) {
    find(root, "dl").replaceChildren(...this.#rows(kind));
    const { histograms, pairs } = this.#metrics[kind] ?? {};
    const name = text.view.pictures[kind];
    if (histograms && pairs) {
      find(root, ".plots").replaceChildren(histogram(histograms, text.view.histogram(name)), scatter(pairs, text.view.scatter(name)));
    }
  }

  /** @param {Kind} kind */
  #rows(kind) {
    const m = this.#metrics[kind];
    /** @type {[string, string][]} */
    const rows = [];
    if (m) {
      rows.push([text.view.entropy, `${formatNumber(m.entropy, 3)} ${text.view.bits}`], [text.view.correlation, formatNumber(m.correlation, 4)]);
      if (m.psnr !== undefined) rows.push([text.view.psnr, m.psnr === Infinity ? text.view.identical : `${formatNumber(m.psnr, 2)} dB`]);
      if (m.ssim !== undefined) rows.push([text.view.ssim, formatNumber(m.ssim, 5)]);
    }
    if (kind === "received" && this.#item?.received) rows.push([text.view.dimensions, `${this.#item.received.width} × ${this.#item.received.height}`]);
    /** @type {Partial<Record<Kind, Blob>>} */
    const files = { plain: this.#item?.file, cipher: this.#pictures.cipher };
    const file = files[kind];
    if (file) rows.push([text.view.size, formatBytes(file.size)]);
    return rows.flatMap(([label, value]) => {
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = label;
      dd.textContent = value;
      return [dt, dd];
    });
  }
}

/** @param {number} n */
export function formatBytes(n) {
  if (n < 1e6) return `${Math.max(1, Math.round(n / 1e3))} kB`;
  return n < 1e9 ? `${formatNumber(n / 1e6, n < 1e7 ? 1 : 0)} MB` : `${formatNumber(n / 1e9, 1)} GB`;
}
