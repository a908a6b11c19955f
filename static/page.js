// The page: pictures go in, cipher images come out, and the other way round. All
// work on pictures and keys happens in the engine's workers.
//
// Main path: start() loads program and model; take() sorts what was dropped,
// pasted or chosen into secrets and pictures; run() works on the list.
import { ZipFile, download, zip } from "./archive.js";
import { Batch } from "./batch.js";
import { Encipher } from "./encipher.js";
import { chosen, dropped } from "./intake.js";
import { Keys, isSecret } from "./keys.js";
import * as keystore from "./keystore.js";
import { List } from "./list.js";
import { errors, fill, language, languages, text, use } from "./messages.js";
import { offline } from "./offline.js";
import { unseal } from "./unseal.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);

fill();

let encipher = null; // the engine, once program and model are loaded
let loaded; // resolves when it is, or cannot be
let starting = false; // a run is being prepared
let trouble = null; // the error that is shown
let status = () => ["loading", text.engine.program];

const batch = new Batch(program, (item) => {
  if (!item && view.item && !batch.items.includes(view.item)) view.clear();
  list.changed(item);
});
const view = new View(program);
const list = new List(batch, { look: (item) => look(item) });
const keys = new Keys({ program, unseal, busy: () => starting || Boolean(batch.running), said: say, failed: fail });

// ---- program and model

// program is the engine, once it is there.
async function program() {
  await loaded;
  if (!encipher) throw Object.assign(new Error(text.engine.failed), { code: "internal", hint: text.engine.failedHint });
  return encipher;
}

async function start() {
  showStatus(() => ["loading", text.engine.program]);
  const onProgress = ({ stage }) => showStatus(() => ["loading", text.engine[stage] ?? text.engine.program]);
  try {
    let used;
    [encipher, used] = await Encipher.load({ onProgress }).then(
      (opened) => [opened, opened.models[0]?.name],
      async (error) => {
        // The first model may be sealed, which only the site's list tells.
        const { models } = error.code === "wrong-key" ? await (await fetch("models/index.json")).json() : { models: [] };
        if (!models[0]?.sealed) throw error;
        const opened = await unsealed(models[0].name, (model) => Encipher.load({ model, onProgress }));
        if (opened) return [opened, models[0].name];
        const open = models.find(({ sealed }) => !sealed);
        if (!open) throw error;
        return [await Encipher.load({ model: open.name, onProgress }), open.name];
      },
    );
    $("slow-warning").hidden = encipher.kernels !== "plain Go"; // the browser refused the vectors
    $("model").replaceChildren(...encipher.models.map(({ name }) => new Option(name)));
    $("model").disabled = false;
    $("model-choice").hidden = encipher.models.length < 2;
    $("model").value = $("model").dataset.used = used;
    showModel();
  } catch (error) {
    showStatus(() => ["failed", text.engine.failed]);
    fail(error, () => error.hint || text.engine.failedHint);
  }
}

// chooseModel loads the model that is selected. Nothing begins until then. The
// selector stays usable, so the selection may change meanwhile; every change
// comes here, one after the other.
async function chooseModel() {
  const name = $("model").value;
  const before = $("model").dataset.used;
  try {
    fail(null);
    if (name !== before) {
      showStatus(() => ["loading", text.engine.model]);
      const { sealed } = encipher.models.find((m) => m.name === name);
      const opened = await (sealed ? unsealed(name, (model) => encipher.useModel(model)) : encipher.useModel(name));
      if (opened) $("model").dataset.used = name;
    }
  } catch (error) {
    fail(error, () => error.hint || text.engine.modelHint);
  }
  showModel();
  if ($("model").dataset.used !== before) keep();
  // What was selected meanwhile comes next.
  if ($("model").value === name) {
    $("model").value = $("model").dataset.used;
    list.busy = false;
    list.draw();
  }
}

// unsealed asks for what opens a sealed model, until open is content with the
// choice that it is given, or the user gives up, which is null.
function unsealed(name, open) {
  return unseal(text.model.sealedTitle(name), text.model.sealed, (secret) => open({ name, ...secret }));
}

function showModel() {
  const { name, profile, fingerprint, note } = encipher.model;
  showStatus(() => ["ready", text.engine.ready(name)]);
  $("engine").title = text.engine.network(profile, fingerprint);
  $("model-note").textContent = note;
  $("model-note").hidden = !note;
}

function showStatus(now) {
  status = now;
  [$("engine").dataset.state, $("engine-text").textContent] = status();
}

// ---- offline

// keep stores the model in use, and says whether the page works with it without
// the server. Nothing waits for that.
async function keep() {
  const name = $("model").dataset.used;
  const stored = Boolean(encipher) && (await offline.keep(name));
  if ($("model").dataset.used !== name) return; // another comes after it
  $("offline").hidden = !stored;
  $("offline").dataset.state = stored ? "ready" : "none";
}

// accept changes to the version that is offered, unless pictures or a key would be lost.
function accept() {
  const open = (item) => item.state === "reading" || item.ready || (item.result && !item.saved);
  const unsaved = starting || batch.running || keys.atRisk || batch.items.some(open);
  $("update-unsaved").hidden = !unsaved;
  if (!unsaved) offline.accept();
}

// launched takes what the system opens with the installed page: files, or one of
// the manifest's shortcuts.
async function launched({ files, targetURL }) {
  follow(new URL(targetURL ?? location.href).hash);
  try {
    const given = await Promise.all(files.map((handle) => handle.getFile()));
    if (given.length) await take(given.map((file) => ({ file, path: file.name })));
  } catch (error) {
    fail({ code: "bad-picture", message: error.message });
  }
}

// follow puts the focus where a shortcut leads: a file chooser opens only at a
// press of the user's own.
function follow(hash) {
  if (hash === "#choose") $("choose").focus();
  if (hash === "#key") {
    document.querySelector("input[name=mode][value=key]").click();
    $("new-key").focus();
  }
}

// ---- messages

function say(words) {
  $("status").textContent = words;
}

// fail shows an error, and with null takes away the one that is shown.
function fail(error, hint) {
  trouble = error && error.code !== "canceled" ? { error, hint } : null;
  showTrouble();
}

function showTrouble() {
  $("error").hidden = !trouble;
  delete $("error").dataset.code;
  if (!trouble) return;
  const { error, hint } = trouble;
  const code = errors[error.code] ? error.code : "internal";
  $("error").dataset.code = code;
  $("error-title").textContent = error.title ?? errors[code][0];
  $("error-hint").textContent = hint?.() ?? (error.title ? (error.hint ?? "") : errors[code][1]);
  $("error-detail").textContent = error.message;
}

// ---- pictures

// take sorts files, {file, path} each: secrets go to the key card, all else to
// the list.
async function take(files) {
  fail(null);
  list.taking++;
  list.draw();
  try {
    const pictures = [];
    for (const entry of files) {
      if (await isSecret(entry.file)) await keys.read(entry.file);
      else pictures.push(entry);
    }
    if (pictures.length) await batch.add(pictures);
  } finally {
    list.taking--;
    list.draw();
  }
}

// run works on all that is ready. intoZip asks for a file first, which results
// are written to one by one.
async function run(intoZip) {
  if (starting || batch.running || list.busy || !batch.ready.length) return;
  starting = true;
  fail(null);
  let archive = null;
  try {
    const ready = batch.ready;
    const secrets = keys.secrets();
    const missing = ready.filter((i) => i.kind === "cipher" && i.info.needs && !keys.has(i.info.needs));
    if (missing.length === ready.length) return keys.want(missing[0].info.needs, true);
    // The browser asks for a place only right after the click.
    const place = intoZip ? await showSaveFilePicker({ suggestedName: "encipher.zip", types: [{ accept: { "application/zip": [".zip"] } }] }) : null;
    const lock = ready.some((i) => i.kind === "picture") ? await keys.lock() : null;
    if (!lock && ready.some((i) => i.kind === "picture")) return;
    if (place) archive = new ZipFile(await place.createWritable());
    const options = { exact: $("exact").value, dropMetadata: $("drop-metadata").checked };
    const work = batch.run({ lock, secrets, options, sink: archive && ((path, blob) => archive.add(path, blob)) });
    $("model").disabled = true;
    list.draw();
    $("cancel").focus();
    const items = await work;
    if (archive) await store(archive, place.name, items);
    finish(items);
  } catch (error) {
    if (error.name === "AbortError") return;
    await archive?.abort();
    for (const item of batch.last?.items ?? []) if (item.result) item.inZip = false;
    fail(archive ? { code: "internal", title: text.list.zipFailed, hint: text.list.zipFailedHint, message: error.message } : error);
  } finally {
    starting = false;
    $("model").disabled = false;
    list.draw();
  }
}

// store closes the archive; what it holds is let go of.
async function store(archive, name, items) {
  const stored = items.filter((item) => item.inZip);
  if (!stored.length) return archive.abort();
  await archive.end();
  for (const item of stored) item.result = null;
  say(text.list.inZip(name));
}

function finish(items) {
  list.draw();
  say($("summary").textContent);
  const [only] = items;
  if (items.length === 1 && only.state === "done" && only.result) view.look(only);
  const next = [...document.querySelectorAll("#start, #save-all, #rows .row-save, #choose")].find((button) => button.checkVisibility());
  if (document.activeElement === document.body || document.activeElement === $("cancel")) next?.focus();
}

function look(item) {
  view.look(item);
  $("view-title").focus();
  $("view").scrollIntoView({ block: "start" });
}

async function saveAll() {
  const files = batch.items.filter((item) => item.result).map((item) => item.result);
  $("save-all").disabled = true;
  try {
    download(await zip(files), "encipher.zip");
    for (const item of batch.items) if (files.includes(item.result)) item.saved = true;
  } catch (error) {
    fail({ code: "internal", title: text.list.zipFailed, hint: text.list.zipFailedHint, message: error.message });
  } finally {
    $("save-all").disabled = false;
  }
}

// ---- language

// drawAll shows every text in the language in use.
function drawAll() {
  fill();
  showStatus(status);
  showTrouble();
  keys.draw();
  list.draw();
  view.draw();
  const withheld = [!keystore.available && "subtle", !("showSaveFilePicker" in globalThis) && "picker", "offline"].filter(Boolean);
  $("insecure-warning").hidden = isSecureContext;
  $("insecure-text").textContent = text.engine.insecure(new Intl.ListFormat(language).format(withheld.map((name) => text.engine.missing[name])));
}

for (const [name, [label]] of Object.entries(languages)) $("language").append(new Option(label, name));
$("language").value = language;
$("language").addEventListener("change", ({ target }) => {
  use(target.value);
  drawAll();
});

// ---- wiring

for (const [button, field] of [
  ["choose", "file"],
  ["choose-folder", "folder"],
]) {
  $(button).addEventListener("click", () => $(field).click());
  $(field).addEventListener("change", async ({ target }) => {
    const files = chosen(target.files);
    target.value = ""; // so that the same file can be chosen again
    if (!files.length) fail({ code: "bad-picture", title: text.list.empty, hint: text.list.emptyHint, message: "" });
    else await take(files);
  });
}
$("start").addEventListener("click", () => run(false));
$("start-zip").addEventListener("click", () => run(true));
$("cancel").addEventListener("click", () => batch.cancelAll());
$("save-all").addEventListener("click", saveAll);
$("clear").addEventListener("click", () => {
  batch.clear();
  view.clear();
  list.draw();
  $("choose").focus();
});
offline.addEventListener("update", () => {
  $("update").hidden = false;
  say(text.update.title);
});
$("update-accept").addEventListener("click", accept);
$("update-later").addEventListener("click", () => ($("update").hidden = true));
$("error-close").addEventListener("click", () => fail(null));
$("model").addEventListener("change", () => {
  list.busy = true;
  list.draw();
  loaded = loaded.then(chooseModel);
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  const words = event.dataTransfer.getData("text");
  const files = await dropped(event.dataTransfer);
  if (files.length) await take(files);
  else if (words.trim()) await keys.read(words);
});
addEventListener("paste", async (event) => {
  const words = event.clipboardData.getData("text");
  const field = event.target instanceof Element && event.target.closest("input, textarea");
  if (!event.clipboardData.files.length && (field || !words.trim())) return;
  event.preventDefault();
  const files = await dropped(event.clipboardData);
  if (files.length) await take(files);
  else await keys.read(words);
});
addEventListener("beforeunload", (event) => {
  if (batch.running || keys.atRisk) event.preventDefault();
});

// It never rejects: start shows what went wrong.
loaded = start();
drawAll();
keys.recall();
follow(location.hash);
addEventListener("hashchange", () => follow(location.hash));
globalThis.launchQueue?.setConsumer(launched);
// After the program, which the visitor waits for.
loaded.then(() => offline.start()).then(keep);
