// The list of pictures: a row each, and above them what can be done with all.
import { baseName, download } from "./archive.js";
import { errors, language, stages, text } from "./messages.js";
import { bytes } from "./view.js";

const $ = (id) => document.getElementById(id);

// How often the list is drawn anew while it changes.
const pace = 60; // ms

// From what share of a device's memory on a job is called heavy, and what memory
// a device is taken to have that does not say.
const heavyShare = 0.4;
const usualMemory = 8e9; // bytes

export class List {
  #batch;
  #acts;
  #rows = new Map(); // item -> element
  #dirty = new Set();
  #all = false;
  #timer = 0;
  taking = 0; // how many times files are being sorted and read
  busy = false; // whether a model is being loaded

  // acts is {look(item), said(words)}.
  constructor(batch, acts) {
    this.#batch = batch;
    this.#acts = acts;
  }

  // changed notes what is to be drawn: one item, or with none the list as a whole.
  changed(item) {
    if (item) this.#dirty.add(item);
    else this.#all = true;
    this.#timer ||= setTimeout(() => this.draw(this.#all), pace);
  }

  // draw shows what changed, or everything.
  draw(all = true) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const { items, running } = this.#batch;
    if (all) {
      for (const [item, row] of this.#rows) {
        if (items.includes(item)) continue;
        row.remove();
        this.#rows.delete(item);
      }
      for (const item of items) this.#dirty.add(item);
    }
    for (const item of this.#dirty) if (items.includes(item)) this.#drawRow(item);
    this.#dirty.clear();
    this.#all = false;
    this.#drawHead(items, running);
  }

  #drawHead(items, running) {
    const ready = this.#batch.ready;
    const reading = items.some((item) => item.state === "reading");
    const results = items.filter((item) => item.result);
    $("list").hidden = !items.length;
    $("list").dataset.state = running ? "working" : reading || this.busy || this.taking ? "busy" : "idle";
    $("drop-title").textContent = items.length ? text.drop.more : text.drop.title;
    $("drop").dataset.state = items.length ? "some" : "none";
    $("summary").textContent = this.#summary(ready, running);
    this.#drawCosts(running ? [] : ready);
    const show = (id, on) => ($(id).hidden = !on);
    show("start", !running && ready.length);
    $("start").disabled = this.busy;
    $("start").textContent = text.list.start(ready.filter((i) => i.kind === "picture").length, ready.filter((i) => i.kind === "cipher").length);
    show("start-zip", !running && ready.length > 1 && "showSaveFilePicker" in globalThis);
    $("start-zip").disabled = this.busy;
    show("cancel", running);
    show("save-all", !running && results.length > 1);
    $("save-all").className = ready.length ? "quiet" : "";
    show("clear", !running);
    show("overall", running);
    show(
      "options",
      ready.some((item) => item.kind === "picture"),
    );
    if (running) $("overall").value = this.#batch.fraction;
  }

  #summary(ready, running) {
    if (running) {
      const words = [text.list.working(running.items.filter((i) => i.state !== "working").length, running.items.length)];
      const left = this.#left(running);
      if (left) words.push(text.list.left(left));
      return words.join(" · ");
    }
    const words = [];
    const { last } = this.#batch;
    if (last) {
      const done = last.items.filter((i) => i.state === "done").length;
      words.push(
        text.list.done(done, last.items.length - done, new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format((last.ended - last.began) / 1000)),
      );
    }
    const waiting = ready.filter((item) => item.state === "waiting").length;
    if (waiting) words.push(text.list.waiting(waiting));
    return words.join(" · ");
  }

  // left is how long the run takes yet, in words, once that can be told.
  #left({ began }) {
    const { fraction } = this.#batch;
    const passed = (performance.now() - began) / 1000;
    if (passed < 2 || fraction < 0.02 || fraction === 1) return "";
    const seconds = (passed * (1 - fraction)) / fraction;
    return seconds < 90 ? text.list.seconds(Math.ceil(seconds)) : text.list.minutes(Math.ceil(seconds / 60));
  }

  #drawCosts(ready) {
    let file = 0;
    let memory = 0;
    for (const { info } of ready) {
      file += info.fileBytes ?? 3 * info.width * info.height;
      memory = Math.max(memory, info.memoryBytes ?? 0);
    }
    const heavy = memory > heavyShare * (navigator.deviceMemory ? navigator.deviceMemory * 1e9 : usualMemory);
    $("costs").hidden = !file;
    $("costs").textContent = [text.list.costs(bytes(file), memory && bytes(memory)), heavy ? text.list.heavy : ""].join(" ").trim();
    $("costs").classList.toggle("heavy", heavy);
  }

  #drawRow(item) {
    let row = this.#rows.get(item);
    if (!row) {
      row = $("row-template").content.cloneNode(true).firstElementChild;
      this.#rows.set(item, row);
      $("rows").append(row);
      row.querySelector(".row-look").addEventListener("click", () => this.#acts.look(item));
      row.querySelector(".row-save").addEventListener("click", () => {
        download(item.result.blob, baseName(item.result.path));
        item.saved = true;
      });
      row.querySelector(".row-allow input").addEventListener("change", ({ target }) => this.#batch.allow(item, target.checked));
      row.querySelector(".row-end").addEventListener("click", () => this.#end(item));
    }
    const part = (name) => row.querySelector(`.row-${name}`);
    const { state, kind, info, error } = item;
    row.dataset.state = state;
    row.dataset.code = error?.code ?? "";
    row.querySelector("use").setAttribute("href", { picture: "#i-picture", cipher: "#i-lock" }[kind] ?? "#i-picture");
    part("name").textContent = item.path;
    part("meta").textContent = [info.width ? `${info.width} × ${info.height}` : "", bytes(item.file.size)].filter(Boolean).join(", ");
    part("state").textContent = this.#stateOf(item);
    const note = part("note");
    note.replaceChildren(...this.#notesOf(item));
    note.hidden = !note.childNodes.length;
    note.classList.toggle("warning-text", Boolean(info.bare));
    part("allow").hidden = !info.bare || state === "working" || state === "done";
    part("allow").querySelector("span").textContent = text.row.allow;
    const bar = row.querySelector("progress");
    bar.hidden = state !== "working";
    bar.value = item.fraction;
    bar.setAttribute("aria-label", item.path);
    const control = (name, on, label) => {
      part(name).hidden = !on;
      part(name).setAttribute("aria-label", label(baseName(item.path)));
      part(name).title = label(baseName(item.path));
    };
    control("look", state === "done" && (item.result || kind === "cipher"), text.row.look);
    control("save", item.result, () => text.row.save(baseName(item.result?.path ?? "")));
    control("end", true, state === "working" ? text.row.cancel : text.row.remove);
  }

  #stateOf({ state, kind, stage, error, inZip, refused }) {
    if (state === "waiting" && refused) return text.row.refused;
    if (state === "working") return stages[stage] ?? text.row.waiting[kind];
    if (state === "failed") return error.code === "canceled" ? text.row.canceled : text.row.failed;
    if (inZip) return text.row.inZip;
    const words = text.row[state];
    return typeof words === "string" ? words : words[kind];
  }

  // notesOf lists what is to be said of an item; what the program says is English.
  #notesOf({ state, info, error, foreign, outcome, notes }) {
    const own = [];
    const detail = [];
    if (info.bare) own.push(text.row.bare);
    if (state === "waiting" && info.bare) own.push(text.row.bareAsk);
    if (state === "failed" && error.code !== "canceled") {
      const [title, hint] = errors[error.code] ?? errors.internal;
      const needs = error.code === "wrong-key" && info.needs ? ` (${text.row.needs[info.needs]})` : "";
      own.push(`${title}${needs}. ${hint}`);
      if (error.message) detail.push(error.message);
    }
    if (foreign) own.push(text.row.foreign(foreign));
    if (state === "done") {
      if (outcome && outcome !== "bare") own.push(text.row[outcome]);
      detail.push(...notes);
    }
    return [...own.map((words) => line(words)), ...detail.map((words) => line(words, "en"))];
  }

  #end(item) {
    if (item.state === "working") this.#batch.cancel(item);
    else this.#batch.remove(item);
  }
}

function line(words, lang) {
  const span = document.createElement("span");
  span.textContent = words;
  if (lang) {
    span.lang = lang;
    span.className = "small";
  }
  return span;
}
