// The page: what the user has (a key, a file), what can be done with it, and
// what came out. All work on pictures and keys happens in the worker.
//
// Main path: start() loads program and model, chooseModel() another; take()
// accepts files; encrypt() and decrypt() fill the panels.
import { Encipher } from "./encipher.js";
import { errors, stages, text } from "./messages.js";
import { Panel, bytes, download, fidelity, size, statistics } from "./view.js";

const $ = (id) => document.getElementById(id);
const actions = [$("encrypt"), $("decrypt"), $("check")]; // what works with the model
const panels = {
  plain: new Panel("panel-plain"),
  bare: new Panel("panel-bare"),
  cipher: new Panel("panel-cipher"),
  recovered: new Panel("panel-recovered"),
};

let key = null; // {text, file, fingerprint, saved, used}
let source = null; // {name, file, kind}: the file taken last
let made = null; // {name, file, plain}: the cipher image made last, and its original as PNG
let running = null; // AbortController of the job under way
let encipher = null; // the engine, once program and model are loaded
let model = null; // {folder, name, fingerprint, profile, note}: the model that the engine has

// Largest key file that is looked at as text.
const keyFileLimit = 16 << 10;
// How long a saved key file can be read by the browser, which may ask the user
// for a place first and does not say when it is done.
const keyFileLife = 60_000; // ms

// ---- start and model

function showModel() {
  engineState("ready", text.ready(model.name));
  $("engine").title = text.network(model.profile, model.fingerprint);
  $("model-note").textContent = model.note;
  $("model-note").hidden = !model.note;
}

// program is the engine, once it is there.
async function program() {
  await loaded;
  if (!encipher) throw Object.assign(new Error(text.unavailable), { hint: text.unavailableHint });
  return encipher;
}

// chooseModel loads the model that is selected. What would work with the model
// before it is disabled until then. The selector stays usable, so the selection
// may change meanwhile; every change comes here, one after the other.
async function chooseModel() {
  const folder = $("model").value;
  try {
    clearError();
    if (folder !== model?.folder) {
      engineState("loading", text.loadingModel);
      model = { folder, ...(await encipher.useModel(folder)) };
      showModel();
    }
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
    encipher = await Encipher.load({
      onProgress: ({ stage }) => engineState("loading", stage === "model" ? text.loadingModel : text.loadingProgram),
    });
    $("slow-warning").hidden = encipher.kernels !== "plain Go"; // the browser refused the vectors
    for (const { name } of encipher.models) $("model").append(new Option(name));
    $("model-choice").hidden = encipher.models.length < 2;
    model = { folder: encipher.models[0].name, ...encipher.model };
    showModel();
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
  return changeKey(async () => ({ ...(await (await program()).newKey()), saved: false, used: false }), text.key.fresh);
}

function openKey(words) {
  return changeKey(async () => {
    const { fingerprint } = await (await program()).parseKey(words);
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
    const { kind, width, height } = await (await program()).inspect(file);
    if (running) return; // begun meanwhile, with the picture that was there
    source = { name: file.name || "picture.png", file, kind };
    for (const panel of Object.values(panels)) panel.clear();
    $("check").hidden = true;
    if (kind === "cipher") panels.cipher.show(file);
    else panels.plain.show(file);
    $("invitation").hidden = true;
    $("job").hidden = false;
    $("choose").textContent = text.chooseAnother;
    $("job-name").textContent = source.name;
    note(text.source[kind](size(width, height, file.size)));
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

async function measure(panel, format, ...pictures) {
  panel.figures([["", text.measuring]]);
  panel.figures(format(await encipher.metrics(...pictures)));
}

function encrypt() {
  if (!key) return wantKey(text.key.wanted);
  const mine = key;
  const { name, file } = source;
  mine.used = true;
  return work(async (options, seconds) => {
    const sealed = await encipher.encrypt(file, { key: mine.text, views: true, ...options });
    made = { name: rename(name, "encrypt"), file: sealed.png, plain: sealed.plain };
    panels.plain.show(sealed.plain);
    panels.bare.show(sealed.bare, made.name.replace(".cipher.", ".generator."));
    panels.cipher.show(sealed.png, made.name);
    panels.recovered.clear();
    $("check").hidden = false;
    note([text.encrypted(seconds()), ...sealed.notes].join(" "));
    await measure(panels.plain, statistics, sealed.plain);
    await measure(panels.bare, statistics, sealed.bare);
    await measure(panels.cipher, (m) => [...statistics(m), ["File", bytes(sealed.png.size)]], sealed.png);
  });
}

// decrypt restores the given cipher image; original, where it is known, is what
// the result is compared with.
function decrypt(name, file, original) {
  if (!key) return wantKey(text.key.wantedToDecrypt);
  const mine = key;
  return work(async (options, seconds) => {
    const opened = await encipher.decrypt(file, { key: mine.text, views: true, ...options });
    panels.bare.show(opened.bare, rename(name, "decrypt").replace(/\.png$/, ".generator.png"));
    panels.recovered.show(opened.png, rename(name, "decrypt"));
    $("check").hidden = true;
    if (original) panels.plain.show(original);
    note((opened.exact ? text.decrypted : text.decryptedApproximately)(seconds()));
    await measure(panels.bare, statistics, opened.bare);
    await measure(panels.cipher, (m) => [...statistics(m), ["File", bytes(file.size)]], file);
    if (original) {
      await measure(panels.recovered, fidelity, original, opened.png);
      await measure(panels.plain, statistics, original);
    } else {
      await measure(panels.recovered, statistics, opened.png);
    }
  });
}

async function decryptSource() {
  const original = made && (await equal(made.file, source.file)) ? made.plain : null;
  return decrypt(source.name, source.file, original);
}

async function equal(a, b) {
  if (a.size !== b.size) return false;
  const [x, y] = (await Promise.all([a.arrayBuffer(), b.arrayBuffer()])).map((buffer) => new Uint8Array(buffer));
  return x.every((v, i) => v === y[i]);
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
$("check").addEventListener("click", () => decrypt(made.name, made.file, made.plain));
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
