// The list of pictures: one row for each, and the buttons for all of them.
import { baseName, download } from "./archive.js";
import { $, clone, find } from "./dom.js";
import { errors, formatNumber, stages, text } from "./messages.js";
import { formatBytes } from "./picture-view.js";

/** @typedef {import("./batch.js").Item} Item */
/** @typedef {"picture" | "cipher"} Kind */

const redrawInterval = 60; // ms

// The user is warned of a run that needs more than this share of the device's
// memory. Browsers that do not report the memory are assumed to have 8 GB.
const heavyShare = 0.4;
const defaultMemory = 8e9; // bytes

// A cipher image for messengers: bytes for each pixel, and the smallest side.
const bytesPerPixel = 0.87;
const minSide = 192;

export class PictureList {
  #batch;
  #view;
  /** @type {Map<Item, HTMLElement>} */
  #rows = new Map();
  /** @type {Set<Item>} */
  #changedItems = new Set();
  #allChanged = false;
  /** @type {ReturnType<typeof setTimeout> | 0} */
  #timer = 0;
  adding = 0; // calls of addFiles under way
  loadingModel = false;

  /**
   * @param {import("./batch.js").Batch} batch
   * @param {(item: Item) => void} view shows the details of an item
   */
  constructor(batch, view) {
    this.#batch = batch;
    this.#view = view;
  }

  /**
   * changed schedules a redraw of an item, or of the whole list.
   *
   * @param {Item} [item]
   */
  changed(item) {
    if (item) this.#changedItems.add(item);
    else this.#allChanged = true;
    this.#timer ||= setTimeout(() => this.draw(this.#allChanged), redrawInterval);
  }

  /** draw updates the list, or only the items that changed. */
  draw(all = true) {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = 0;
    const { items, running } = this.#batch;
    if (all) {
      for (const [item, row] of this.#rows) {
        if (items.includes(item)) continue;
        row.remove();
        this.#rows.delete(item);
      }
      for (const item of items) this.#changedItems.add(item);
    }
    for (const item of this.#changedItems) if (items.includes(item)) this.#drawRow(item);
    this.#changedItems.clear();
    this.#allChanged = false;
    this.#drawHead(items, running);
  }

  /**
   * @param {Item[]} items
   * @param {import("./batch.js").Run | null} running
   */
  #drawHead(items, running) {
    const ready = this.#batch.ready;
    const reading = items.some((item) => item.state === "reading");
    const results = items.filter((item) => item.result);
    $("list").hidden = !items.length;
    $("list").dataset.state = running ? "working" : reading || this.loadingModel || this.adding ? "busy" : "idle";
    $("drop-title").textContent = items.length ? text.drop.more : text.drop.title;
    $("drop").dataset.state = items.length ? "some" : "none";
    $("summary").textContent = this.#summary(ready, running);
    this.#drawCosts(running ? [] : ready);
    /** @type {(id: string, visible: unknown) => void} */
    const show = (id, visible) => void ($(id).hidden = !visible);
    show("start", !running && ready.length);
    $("start").disabled = this.loadingModel;
    $("start").textContent = text.list.start(ready.filter((i) => i.kind === "picture").length, ready.filter((i) => i.kind === "cipher").length);
    show("start-zip", !running && ready.length > 1 && "showSaveFilePicker" in globalThis);
    $("start-zip").disabled = this.loadingModel;
    show("cancel", running);
    show("save-all", !running && results.length > 1);
    $("save-all").className = ready.length ? "secondary" : "";
    show("clear", !running);
    show("overall", running);
    show(
      "options",
      ready.some((item) => item.kind === "picture"),
    );
    const forMessenger = $("purpose").value === "messenger";
    $("purpose-field").hidden = $("options").hidden;
    $("exact-field").hidden = forMessenger;
    $("messenger-options").hidden = !forMessenger;
    if (running) $("overall").value = this.#batch.fraction;
  }

  /**
   * @param {Item[]} ready
   * @param {import("./batch.js").Run | null} running
   */
  #summary(ready, running) {
    if (running) {
      const parts = [text.list.working(running.items.filter((i) => i.state !== "working").length, running.items.length)];
      const left = this.#remainingTime(running);
      if (left) parts.push(text.list.left(left));
      return parts.join(" · ");
    }
    const parts = [];
    const { last } = this.#batch;
    if (last) {
      const done = last.items.filter((i) => i.state === "done").length;
      parts.push(text.list.done(done, last.items.length - done, formatNumber(((last.ended ?? 0) - last.started) / 1000, 1)));
    }
    const waiting = ready.filter((item) => item.state === "waiting").length;
    if (waiting) parts.push(text.list.waiting(waiting));
    return parts.join(" · ");
  }

  /**
   * remainingTime formats an estimate, or returns "" until there is one.
   *
   * @param {import("./batch.js").Run} run
   */
  #remainingTime({ started }) {
    const { fraction } = this.#batch;
    const elapsed = (performance.now() - started) / 1000;
    if (elapsed < 2 || fraction < 0.02 || fraction === 1) return "";
    const seconds = (elapsed * (1 - fraction)) / fraction;
    return seconds < 90 ? text.list.seconds(Math.ceil(seconds)) : text.list.minutes(Math.ceil(seconds / 60));
  }

  /** @param {Item[]} ready */
  #drawCosts(ready) {
    let file = 0;
    let memory = 0;
    const forMessenger = $("purpose").value === "messenger";
    for (const { kind, info } of ready) {
      if (forMessenger && kind === "picture") {
        file += messengerBytes(info.width ?? 0, info.height ?? 0, Number($("side").value));
        continue;
      }
      file += info.fileBytes ?? 3 * (info.width ?? 0) * (info.height ?? 0);
      memory = Math.max(memory, info.memoryBytes ?? 0);
    }
    const { deviceMemory } = navigator;
    const heavy = memory > heavyShare * (deviceMemory ? deviceMemory * 1e9 : defaultMemory);
    $("costs").hidden = !file;
    $("costs").textContent = [text.list.costs(formatBytes(file), memory ? formatBytes(memory) : ""), heavy ? text.list.heavy : ""].join(" ").trim();
    $("costs").classList.toggle("heavy", heavy);
  }

  /** @param {Item} item */
  #addRow(item) {
    const row = clone($("row-template"));
    this.#rows.set(item, row);
    $("rows").append(row);
    find(row, ".row-view").addEventListener("click", () => this.#view(item));
    find(row, ".row-save").addEventListener("click", () => {
      if (!item.result) return;
      download(item.result.blob, baseName(item.result.path));
      item.saved = true;
    });
    /** @type {HTMLInputElement} */
    const allow = find(row, ".row-allow input");
    allow.addEventListener("change", () => this.#batch.allow(item, allow.checked));
    find(row, ".row-remove").addEventListener("click", () => this.#cancelOrRemove(item));
    return row;
  }

  /** @param {Item} item */
  #drawRow(item) {
    const row = this.#rows.get(item) ?? this.#addRow(item);
    /** @param {string} name */
    const part = (name) => find(row, `.row-${name}`);
    const { state, kind, info, error } = item;
    row.dataset.state = state;
    row.dataset.code = error?.code ?? "";
    find(row, "use").setAttribute("href", kind === "cipher" ? "#i-lock" : "#i-picture");
    part("name").textContent = item.path;
    part("meta").textContent = [info.width ? `${info.width} × ${info.height}` : "", formatBytes(item.file.size)].filter(Boolean).join(", ");
    part("state").textContent = this.#stateText(item);
    const note = part("note");
    note.replaceChildren(...this.#notes(item));
    note.hidden = !note.childNodes.length;
    note.classList.toggle("warning-text", Boolean(info.bare));
    part("allow").hidden = !info.bare || state === "working" || state === "done";
    find(row, ".row-allow span").textContent = text.row.allow;
    /** @type {HTMLProgressElement} */
    const bar = find(row, "progress");
    bar.hidden = state !== "working";
    bar.value = item.fraction;
    bar.setAttribute("aria-label", item.path);
    /** @type {(name: string, visible: unknown, label: (name: string) => string) => void} */
    const drawButton = (name, visible, label) => {
      part(name).hidden = !visible;
      part(name).setAttribute("aria-label", label(baseName(item.path)));
      part(name).title = label(baseName(item.path));
    };
    drawButton("view", state === "done" && (item.result || kind === "cipher"), text.row.view);
    drawButton("save", item.result, () => text.row.save(baseName(item.result?.path ?? "")));
    drawButton("remove", true, state === "working" ? text.row.cancel : text.row.remove);
  }

  /** @param {Item} item */
  #stateText({ state, kind, stage, error, inZip, refused }) {
    if (state === "waiting" && refused) return text.row.refused;
    if (state === "working") return stages[stage] ?? text.row.waiting[/** @type {Kind} */ (kind)];
    if (state === "failed") return error?.code === "canceled" ? text.row.canceled : text.row.failed;
    if (inZip) return text.row.inZip;
    const label = text.row[state];
    return typeof label === "string" ? label : label[/** @type {Kind} */ (kind)];
  }

  /**
   * notes returns the lines below an item's name: texts of the page, then details of the engine in English.
   *
   * @param {Item} item
   */
  #notes({ state, info, error, decodedType, outcome, received, notes }) {
    const lines = [];
    const details = [];
    if (info.bare) lines.push(text.row.bare);
    if (state === "waiting" && info.bare) lines.push(text.row.bareAsk);
    if (state === "failed" && error && error.code !== "canceled") {
      const [title, hint] = errors[error.code ?? ""] ?? errors.internal;
      const needs = error.code === "wrong-key" && info.needs ? ` (${text.row.needs[info.needs]})` : "";
      lines.push(`${title}${needs}. ${hint}`);
      if (error.message) details.push(error.message);
    }
    if (decodedType) lines.push(text.row.decoded(decodedType));
    if (state === "done" && received) {
      lines.push(received.wholeFile ? text.row.wholeFile : text.row.received(`${received.width} × ${received.height}`, `${formatNumber(received.psnr, 1)} dB`));
    }
    if (state === "done") {
      if (outcome && outcome !== "bare") lines.push(text.row[outcome]);
      details.push(...notes);
    }
    return [...lines.map((line) => noteLine(line)), ...details.map((detail) => noteLine(detail, "en"))];
  }

  /** @param {Item} item */
  #cancelOrRemove(item) {
    if (item.state === "working") this.#batch.cancel(item);
    else this.#batch.remove(item);
  }
}

/**
 * messengerBytes estimates the size of a cipher image for messengers.
 *
 * @param {number} width
 * @param {number} height
 * @param {number} side
 */
function messengerBytes(width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height, 1));
  return bytesPerPixel * Math.max(width * scale, minSide) * Math.max(height * scale, minSide);
}

/**
 * @param {string} content
 * @param {string} [lang]
 */
function noteLine(content, lang) {
  const span = document.createElement("span");
  span.textContent = content;
  if (lang) {
    span.lang = lang;
    span.className = "small";
  }
  return span;
}
