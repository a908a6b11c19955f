// The page: what the user has (a key, a file), what can be done with it, and
// what came out. All work on pictures and keys happens in the worker.
//
// Main path: start() loads program and model, chooseModel() another; take()
// accepts files; encrypt() and decrypt() fill the panels.
import { Engine } from "./engine.js";
import { errors, stages, text } from "./messages.js";
import { Panel, bytes, download, fidelity, size, statistics } from "./view.js";

const $ = (id) => document.getElementById(id);
const engine = new Engine();
const actions = [$("encrypt"), $("decrypt"), $("check")]; // what works with the model
const panels = {
  plain: new Panel("panel-plain"),
  bare: new Panel("panel-bare"),
  cipher: new Panel("panel-cipher"),
  recovered: new Panel("panel-recovered"),
};

let key = null; // {text, file, fingerprint, saved, used}
let source = null; // {name, bytes, kind}: the file taken last
let made = null; // {name, bytes, plain}: the cipher image made last, and its original as PNG
let running = null; // AbortController of the job under way
let model = null; // {folder, name, fingerprint, profile, note}: the model that the worker has

// Largest key file that is looked at as text.
const keyFileLimit = 16 << 10;
// How long a saved key file can be read by the browser, which may ask the user
// for a place first and does not say when it is done.
const keyFileLife = 60_000; // ms

// ---- start and model

async function fetchBytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function loadModel(folder) {
  engineState("loading", text.loadingModel);
  const base = `models/${encodeURIComponent(folder)}/`;
  const [card, encryption, decryption] = await Promise.all(
    ["card.json", "encryption.onnx", "decryption.onnx"].map((file) => fetchBytes(base + file)),
  );
  model = { folder, ...(await engine.loadModel({ card, encryption, decryption })) };
  showModel();
}

function showModel() {
  engineState("ready", text.ready(model.name));
  $("engine").title = text.network(model.profile, model.fingerprint);
  $("model-note").textContent = model.note;
  $("model-note").hidden = !model.note;
}

// chooseModel loads the model that is selected. What would work with the model
// before it is disabled until then. The selector stays usable, so the selection
// may change meanwhile; every change comes here, one after the other.
async function chooseModel() {
  const folder = $("model").value;
  try {
    clearError();
    if (folder !== model?.folder) await loadModel(folder);
  } catch (error) {
    fail(error, error.hint || text.modelHint);
    if (model) {
      showModel();
      if ($("model").value === folder) $("model").value = model.folder;
    } else {
      engineState("failed", text.unavailable);
    }
  }
  if ($("model").value === (model?.folder ?? folder)) enable(actions, true);
}

async function start() {
  engineState("loading", text.loadingProgram);
  try {
    const [index] = await Promise.all([fetch("models/index.json").then((r) => r.json()), engine.ready()]);
    $("slow-warning").hidden = !engine.slow;
    for (const name of index.models) $("model").append(new Option(name));
    $("model-choice").hidden = index.models.length < 2;
    await loadModel(index.models[0]);
  } catch (error) {
    engineState("failed", text.unavailable);
    fail(error, error.hint || text.unavailableHint);
  }
}

function engineState(state, words) {
  $("engine").dataset.state = state;
  $("engine-text").textContent = words;
}

function enable(controls, on) {
  for (const c of controls) c.disabled = !on;
}

// ---- messages

function say(words) {
  $("status").textContent = words;
}

function fail(error, hint = error.hint) {
  const code = error.code ?? "internal";
  if (code === "canceled") {
    note(text.canceled);
    return;
  }
  $("error").dataset.code = code;
  $("error-title").textContent = errors[code] ?? errors.internal;
  $("error-hint").textContent = hint ?? "";
  $("error-detail").textContent = error.message;
  $("error").hidden = false;
}

function clearError() {
  $("error").hidden = true;
  delete $("error").dataset.code;
}

function note(words) {
  $("job-note").textContent = words;
  say(words);
}

// ---- key

function showKey(words) {
  const state = key ? (key.saved ? "safe" : "unsaved") : "none";
  $("key-card").dataset.state = state;
  $("key-text").textContent = words;
  $("fingerprint-line").hidden = !key;
  $("fingerprint").textContent = key?.fingerprint ?? "";
  $("key-warning").hidden = state !== "unsaved";
  $("save-key").hidden = state !== "unsaved";
  say(words);
}

// mayReplaceKey asks before a key is dropped that exists nowhere else and was used.
function mayReplaceKey() {
  if (!key || key.saved || !key.used) return Promise.resolve(true);
  const dialog = $("replace");
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "replace"), { once: true }),
  );
}

let changes = Promise.resolve(); // the changes of the key, one after the other

// changeKey makes what get returns the key in use. While a picture is worked on
// the key stays, because what seals the picture must remain here to be saved.
// get and the question take time, in which work may begin: only what is checked
// after them counts.
function changeKey(get, words) {
  return (changes = changes.then(async () => {
    try {
      const next = running ? null : await get();
      if (!running && !(await mayReplaceKey())) return;
      if (running) {
        showKey(text.key.busy);
        return;
      }
      key = next;
      clearError();
      showKey(words);
      if (!key.saved) $("save-key").focus();
    } catch (error) {
      fail(error);
    }
  }));
}

function newKey() {
  return changeKey(async () => ({ ...(await engine.call("newKey", {})), saved: false, used: false }), text.key.fresh);
}

function openKey(words) {
  return changeKey(async () => {
    const { fingerprint } = await engine.call("parseKey", { text: words });
    return { text: words, fingerprint, saved: true, used: false };
  }, text.key.opened);
}

function saveKey() {
  const url = URL.createObjectURL(new Blob([key.file], { type: "text/plain" }));
  download(url, `encipher-${key.fingerprint}.key`);
  setTimeout(() => URL.revokeObjectURL(url), keyFileLife);
  key.saved = true;
  showKey(text.key.saved);
}

function wantKey(words) {
  showKey(words);
  $("key-card").dataset.state = "wanted";
  $("new-key").focus();
}

// ---- files

// take accepts files from the chooser, a drop or the clipboard: key files are
// opened, the first other file is the picture.
async function take(files) {
  if (running) return;
  const pictures = [];
  for (const file of files) {
    const words = file.size <= keyFileLimit ? await file.text() : "";
    if (/^ENCIPHER-KEY-/im.test(words)) await openKey(words);
    else pictures.push(file);
  }
  if (!pictures.length) return;
  await takePicture(pictures[0]);
  if (pictures.length > 1 && !running) note(text.source.onlyFirst(pictures.length));
}

async function takePicture(file) {
  clearError();
  say(text.reading);
  try {
    const content = new Uint8Array(await file.arrayBuffer());
    const { kind, width, height } = await engine.call("inspect", { file: content });
    if (running) return; // begun meanwhile, with the picture that was there
    source = { name: file.name || "picture.png", bytes: content, kind };
    for (const panel of Object.values(panels)) panel.clear();
    $("check").hidden = true;
    if (kind === "cipher") panels.cipher.show(file);
    else panels.plain.show(file);
    $("invitation").hidden = true;
    $("job").hidden = false;
    $("choose").textContent = text.chooseAnother;
    $("job-name").textContent = source.name;
    note(text.source[kind](size(width, height, content.length)));
    offer(kind).focus();
  } catch (error) {
    fail(error);
  }
}

// offer shows the action that fits the file. Decrypting stays possible for a
// picture: a cipher image that lost its seal on the way looks like one, and
// trying it says what happened.
function offer(kind) {
  $("encrypt").hidden = kind === "cipher";
  $("decrypt").hidden = false;
  $("decrypt").className = kind === "cipher" ? "primary" : "quiet";
  return kind === "cipher" ? $("decrypt") : $("encrypt");
}

// rename gives what comes out a name that says what it is: photo.jpg becomes
// photo.cipher.png, and that becomes photo.png again.
function rename(name, action) {
  const stem = name.replace(/\.[^.]*$/, "");
  return action === "encrypt" ? `${stem}.cipher.png` : `${stem.replace(/\.cipher$/, "")}.png`;
}

// ---- work

// work runs one job: it shows progress and cancel, and any error.
async function work(job) {
  clearError();
  running = new AbortController();
  const controls = [...actions, $("new-key"), $("open-key"), $("choose"), $("model")];
  const began = document.activeElement;
  enable(controls, false);
  $("drop").dataset.state = "busy";
  $("running").hidden = false;
  $("cancel").hidden = false;
  $("cancel").focus();
  progress({ stage: "", done: 0, total: 0 });
  try {
    await loaded;
    const started = performance.now();
    await job({ onProgress: progress, signal: running.signal }, () => ((performance.now() - started) / 1000).toFixed(1));
  } catch (error) {
    fail(error);
  } finally {
    running = null;
    enable(controls, true);
    $("drop").dataset.state = "idle";
    $("running").hidden = true;
    $("cancel").hidden = true;
    (began.checkVisibility?.() ? began : $("choose")).focus();
  }
}

function progress({ stage, done, total }) {
  const bar = $("progress");
  if (total > 1) bar.value = done / total;
  else bar.removeAttribute("value"); // short or of unknown length
  const part = total > 1 ? `, ${text.tile(done, total)}` : "";
  $("stage").textContent = (stages[stage] ?? text.reading) + part;
}

async function measure(panel, argument, format) {
  panel.figures([["", text.measuring]]);
  panel.figures(format(await engine.call("metrics", argument)));
}

function png(content) {
  return new Blob([content], { type: "image/png" });
}

function encrypt() {
  if (!key) return wantKey(text.key.wanted);
  const mine = key;
  const { name, bytes: file } = source;
  mine.used = true;
  return work(async (options, seconds) => {
    const sealed = await engine.call("encrypt", { file, key: mine.text, views: true }, options);
    made = { name: rename(name, "encrypt"), bytes: sealed.png, plain: sealed.plain };
    panels.plain.show(png(sealed.plain));
    panels.bare.show(png(sealed.bare), made.name.replace(".cipher.", ".generator."));
    panels.cipher.show(png(sealed.png), made.name);
    panels.recovered.clear();
    $("check").hidden = false;
    note([text.encrypted(seconds()), ...sealed.notes].join(" "));
    await measure(panels.plain, { a: sealed.plain }, statistics);
    await measure(panels.bare, { a: sealed.bare }, statistics);
    await measure(panels.cipher, { a: sealed.png }, (m) => [...statistics(m), ["File", bytes(sealed.png.length)]]);
  });
}

// decrypt restores the given cipher image; original, where it is known, is what
// the result is compared with.
function decrypt(name, content, original) {
  if (!key) return wantKey(text.key.wantedToDecrypt);
  const mine = key;
  return work(async (options, seconds) => {
    const opened = await engine.call("decrypt", { file: content, key: mine.text, views: true }, options);
    panels.bare.show(png(opened.bare), rename(name, "decrypt").replace(/\.png$/, ".generator.png"));
    panels.recovered.show(png(opened.png), rename(name, "decrypt"));
    $("check").hidden = true;
    if (original) panels.plain.show(png(original));
    note((opened.exact ? text.decrypted : text.decryptedApproximately)(seconds()));
    await measure(panels.bare, { a: opened.bare }, statistics);
    await measure(panels.cipher, { a: content }, (m) => [...statistics(m), ["File", bytes(content.length)]]);
    await measure(panels.recovered, original ? { a: original, b: opened.png } : { a: opened.png }, (m) =>
      original ? fidelity(m) : statistics(m),
    );
    if (original) await measure(panels.plain, { a: original }, statistics);
  });
}

function decryptSource() {
  const original = made && equal(made.bytes, source.bytes) ? made.plain : null;
  return decrypt(source.name, source.bytes, original);
}

function equal(a, b) {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

// ---- wiring

$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", async (event) => {
  await take([...event.target.files]);
  event.target.value = ""; // so that the same file can be chosen again
});
$("new-key").addEventListener("click", newKey);
$("open-key").addEventListener("click", () => $("key-file").click());
$("key-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (file) await openKey(await file.slice(0, keyFileLimit + 1).text());
  event.target.value = "";
});
$("save-key").addEventListener("click", saveKey);
$("encrypt").addEventListener("click", encrypt);
$("decrypt").addEventListener("click", decryptSource);
$("check").addEventListener("click", () => decrypt(made.name, made.bytes, made.plain));
$("cancel").addEventListener("click", () => running?.abort());
$("error-close").addEventListener("click", clearError);
$("model").addEventListener("change", () => {
  enable(actions, false);
  loaded = loaded.then(chooseModel);
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  take([...event.dataTransfer.files]);
});
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  const words = event.clipboardData.getData("text");
  if (files.length) take(files);
  else if (words.trim()) openKey(words);
});
addEventListener("beforeunload", (event) => {
  if (running || (key?.used && !key.saved)) event.preventDefault();
});

// The loading of program and model. It never rejects: start and chooseModel show
// what went wrong.
let loaded = start();
