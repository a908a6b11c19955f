// The page: pictures are encrypted and cipher images decrypted. All work on
// pictures and keys happens in the engine's workers.
//
// start loads the wasm and a model. addFiles imports secrets and adds pictures to
// the list. run processes the list.
import { ZipFile, download, zip } from "./archive.js";
import { Batch } from "./batch.js";
import { $, find, onInput } from "./dom.js";
import { Encipher } from "./encipher.js";
import { filesFromInput, filesFromTransfer } from "./files.js";
import { KeyCard, isSecretFile } from "./key-card.js";
import * as keyStore from "./key-store.js";
import { errors, language, languages, setLanguage, text, translate } from "./messages.js";
import { offline } from "./offline.js";
import { PictureList } from "./picture-list.js";
import { PictureView } from "./picture-view.js";
import { unseal } from "./unseal-dialog.js";

translate();

/** @typedef {import("./batch.js").Failure} Failure */

/** @type {Encipher | null} */
let encipher = null;
/** @type {Promise<void>} resolves when the engine is loaded or cannot be; never rejects */
let loaded;
let starting = false; // whether a run is being prepared
/** @type {{ error: Failure, hint?: () => string } | null} the error that is shown */
let shownError = null;
/** @type {() => [state: "loading" | "ready" | "failed", label: string]} */
let status = () => ["loading", text.engine.program];

const batch = new Batch(engine, (item) => {
  if (!item && view.item && !batch.items.includes(view.item)) view.clear();
  list.changed(item);
});
const view = new PictureView(engine);
const list = new PictureList(batch, showItem);
const keys = new KeyCard({ engine, unseal, isBusy: () => starting || Boolean(batch.running), announce, showError });

// ---- engine and model

/** engine resolves to the engine once it is loaded. */
async function engine() {
  await loaded;
  if (!encipher) throw Object.assign(new Error(text.engine.failed), { code: "internal", hint: text.engine.failedHint });
  return encipher;
}

async function start() {
  showStatus(() => ["loading", text.engine.program]);
  /** @param {import("./encipher.js").Progress} progress */
  const onProgress = ({ stage }) => showStatus(() => ["loading", stage === "model" ? text.engine.model : text.engine.program]);
  try {
    const { opened, name } = await loadFirst(onProgress);
    encipher = opened;
    $("slow-warning").hidden = opened.kernels !== "plain Go"; // the browser has no SIMD
    $("model").replaceChildren(...opened.models.map((model) => new Option(model.name)));
    $("model").disabled = false;
    $("model-choice").hidden = opened.models.length < 2;
    $("model").value = $("model").dataset.used = name;
    showModel();
  } catch (error) {
    showStatus(() => ["failed", text.engine.failed]);
    showError(error, () => /** @type {Failure} */ (error).hint || text.engine.failedHint);
  }
}

/**
 * loadFirst loads the engine with the first model. If that is sealed and the user
 * cancels, it loads the first model that is not sealed.
 *
 * @param {(progress: import("./encipher.js").Progress) => void} onProgress
 * @returns {Promise<{ opened: Encipher, name: string }>}
 */
async function loadFirst(onProgress) {
  try {
    const opened = await Encipher.load({ onProgress });
    return { opened, name: opened.models[0]?.name ?? "" };
  } catch (error) {
    if (/** @type {Failure} */ (error).code !== "wrong-key") throw error;
    // Only the list of models tells whether the model is sealed.
    /** @type {{ models: import("./encipher.js").ModelEntry[] }} */
    const { models } = await (await fetch("models/index.json")).json();
    const [{ name, sealed }] = models;
    if (!sealed) throw error;
    const opened = await openSealed(name, (model) => Encipher.load({ model, onProgress }));
    if (opened) return { opened, name };
    const notSealed = models.find((model) => !model.sealed);
    if (!notSealed) throw error;
    return { opened: await Encipher.load({ model: notSealed.name, onProgress }), name: notSealed.name };
  }
}

/**
 * chooseModel loads the selected model. No run can start until it is loaded. The
 * selection may change meanwhile; calls run one after the other.
 */
async function chooseModel() {
  const current = encipher;
  if (!current) return;
  const name = $("model").value;
  const before = $("model").dataset.used;
  try {
    showError(null);
    if (name !== before) {
      showStatus(() => ["loading", text.engine.model]);
      const sealed = current.models.some((model) => model.name === name && model.sealed);
      const opened = await (sealed ? openSealed(name, (model) => current.useModel(model)) : current.useModel(name));
      if (opened) $("model").dataset.used = name;
    }
  } catch (error) {
    showError(error, () => /** @type {Failure} */ (error).hint || text.engine.modelHint);
  }
  showModel();
  if ($("model").dataset.used !== before) storeModel();
  // If the selection has changed meanwhile, the next call handles it.
  if ($("model").value === name) {
    $("model").value = $("model").dataset.used ?? "";
    list.loadingModel = false;
    list.draw();
  }
}

/**
 * openSealed asks for the secret of a sealed model until open succeeds with it,
 * and returns null if the user cancels.
 *
 * @template T
 * @param {string} name
 * @param {(model: { name: string, passphrase?: string, identity?: string }) => Promise<T>} open
 */
function openSealed(name, open) {
  return unseal(text.model.sealedTitle(name), text.model.sealed, (secret) => open({ name, ...secret }));
}

function showModel() {
  if (!encipher) return;
  const { name, profile, fingerprint, note } = encipher.model;
  showStatus(() => ["ready", text.engine.ready(name)]);
  $("engine").title = text.engine.network(profile, fingerprint);
  $("model-note").textContent = note;
  $("model-note").hidden = !note;
}

/** @param {typeof status} newStatus */
function showStatus(newStatus) {
  status = newStatus;
  [$("engine").dataset.state, $("engine-text").textContent] = status();
}

// ---- offline

/** storeModel stores the current model, and shows whether the page works offline with it. */
async function storeModel() {
  const name = $("model").dataset.used ?? "";
  const stored = Boolean(encipher) && (await offline.storeModel(name));
  if ($("model").dataset.used !== name) return; // a later call follows
  $("offline").hidden = !stored;
  $("offline").dataset.state = stored ? "ready" : "none";
}

/** update switches to the new version, unless pictures or a key would be lost. */
function update() {
  /** @param {import("./batch.js").Item} item */
  const isUnsaved = (item) => item.state === "reading" || item.ready || (item.result && !item.saved);
  const unsaved = starting || batch.running || keys.atRisk || batch.items.some(isUnsaved);
  $("update-unsaved").hidden = !unsaved;
  if (!unsaved) offline.accept();
}

/**
 * openLaunched opens files, or a shortcut of the manifest, that the system starts the installed page with.
 *
 * @param {LaunchParams} params
 */
async function openLaunched({ files, targetURL }) {
  focusTarget(new URL(targetURL ?? location.href).hash);
  try {
    const opened = await Promise.all(files.map((handle) => handle.getFile()));
    if (opened.length) await addFiles(opened.map((file) => ({ file, path: file.name })));
  } catch (error) {
    showError({ code: "bad-picture", message: /** @type {Error} */ (error).message });
  }
}

/**
 * focusTarget focuses the button that a shortcut leads to. Browsers open a file
 * chooser only when the user presses a button.
 *
 * @param {string} hash
 */
function focusTarget(hash) {
  if (hash === "#choose") $("choose").focus();
  if (hash === "#key") {
    find(document, "input[name=mode][value=key]").click();
    $("new-key").focus();
  }
}

// ---- messages

/**
 * announce tells screen readers a message.
 *
 * @param {string} message
 */
function announce(message) {
  $("status").textContent = message;
}

/**
 * showError shows an error, or hides it for null.
 *
 * @param {unknown} error
 * @param {() => string} [hint]
 */
function showError(error, hint) {
  const failure = /** @type {Failure | null} */ (error);
  shownError = failure && failure.code !== "canceled" ? { error: failure, hint } : null;
  drawError();
}

function drawError() {
  $("error").hidden = !shownError;
  delete $("error").dataset.code;
  if (!shownError) return;
  const { error, hint } = shownError;
  const code = error.code && errors[error.code] ? error.code : "internal";
  $("error").dataset.code = code;
  $("error-title").textContent = error.title ?? errors[code][0];
  $("error-hint").textContent = hint?.() ?? (error.title ? (error.hint ?? "") : errors[code][1]);
  $("error-detail").textContent = error.message;
}

// ---- pictures

/**
 * addFiles imports secrets into the key card and adds the other files to the list.
 *
 * @param {import("./files.js").FileEntry[]} files
 */
async function addFiles(files) {
  showError(null);
  list.adding++;
  list.draw();
  try {
    const pictures = [];
    for (const entry of files) {
      if (await isSecretFile(entry.file)) await keys.importSecret(entry.file);
      else pictures.push(entry);
    }
    if (pictures.length) await batch.add(pictures);
  } finally {
    list.adding--;
    list.draw();
  }
}

/**
 * run processes the items that are ready.
 *
 * @param {boolean} intoZip whether to ask for a ZIP file first and write results to it one by one
 */
async function run(intoZip) {
  if (starting || batch.running || list.loadingModel || !batch.ready.length) return;
  starting = true;
  showError(null);
  /** @type {ZipFile | null} */
  let archive = null;
  try {
    const ready = batch.ready;
    const secrets = keys.secrets();
    const missing = ready.flatMap(({ kind, info: { needs } }) => (kind === "cipher" && needs && !keys.has(needs) ? needs : []));
    if (missing.length === ready.length) return keys.requestSecret(missing[0], true);
    // Browsers open the file picker only right after the click.
    const zipFile = intoZip ? await showSaveFilePicker({ suggestedName: "encipher.zip", types: [{ accept: { "application/zip": [".zip"] } }] }) : null;
    const encryptionKey = ready.some((i) => i.kind === "picture") ? await keys.encryptionKey() : null;
    if (!encryptionKey && ready.some((i) => i.kind === "picture")) return;
    if (zipFile) archive = new ZipFile(await zipFile.createWritable());
    const messenger = $("purpose").value === "messenger" ? { side: Number($("side").value), strong: $("strong").checked } : null;
    const options = { exact: /** @type {"on" | "off" | "file"} */ ($("exact").value), dropMetadata: $("drop-metadata").checked, messenger };
    const sink = archive && archive.add.bind(archive);
    const batchRun = batch.run({ encryptionKey, secrets, options, sink });
    $("model").disabled = true;
    list.draw();
    $("cancel").focus();
    const items = await batchRun;
    if (archive && zipFile) await closeArchive(archive, zipFile.name, items);
    finish(items);
  } catch (error) {
    const { name, message } = /** @type {Error} */ (error);
    if (name === "AbortError") return;
    await archive?.abort();
    for (const item of batch.last?.items ?? []) if (item.result) item.inZip = false;
    showError(archive ? { code: "internal", title: text.list.zipFailed, hint: text.list.zipFailedHint, message } : error);
  } finally {
    starting = false;
    $("model").disabled = false;
    list.draw();
  }
}

/**
 * closeArchive closes the archive, or removes it if no item is in it.
 *
 * @param {ZipFile} archive
 * @param {string} name
 * @param {import("./batch.js").Item[]} items
 */
async function closeArchive(archive, name, items) {
  const stored = items.filter((item) => item.inZip);
  if (!stored.length) return archive.abort();
  await archive.close();
  announce(text.list.inZip(name));
}

/** @param {import("./batch.js").Item[]} items */
function finish(items) {
  list.draw();
  announce($("summary").textContent ?? "");
  const [only] = items;
  if (items.length === 1 && only.state === "done" && only.result) view.show(only);
  const next = [...document.querySelectorAll("#start, #save-all, #rows .row-save, #choose")].find((button) => button.checkVisibility());
  if (document.activeElement === document.body || document.activeElement === $("cancel")) /** @type {HTMLElement | undefined} */ (next)?.focus();
}

/** @param {import("./batch.js").Item} item */
function showItem(item) {
  view.show(item);
  $("view-title").focus();
  $("view").scrollIntoView({ block: "start" });
}

async function saveAll() {
  const results = batch.items.flatMap((item) => item.result ?? []);
  $("save-all").disabled = true;
  try {
    download(await zip(results), "encipher.zip");
    for (const item of batch.items) if (item.result && results.includes(item.result)) item.saved = true;
  } catch (error) {
    showError({ code: "internal", title: text.list.zipFailed, hint: text.list.zipFailedHint, message: /** @type {Error} */ (error).message });
  } finally {
    $("save-all").disabled = false;
  }
}

/**
 * importTransfer adds the files of a drop or a paste, or else imports its text as a secret.
 *
 * @param {DataTransfer} transfer
 */
async function importTransfer(transfer) {
  const content = transfer.getData("text");
  const files = await filesFromTransfer(transfer);
  if (files.length) await addFiles(files);
  else if (content.trim()) await keys.importSecret(content);
}

// ---- language

/** drawAll updates every text of the page to the current language. */
function drawAll() {
  translate();
  showStatus(status);
  drawError();
  keys.draw();
  list.draw();
  view.draw();
  /** @type {(keyof typeof text.engine.missing)[]} */
  const blocked = ["offline"];
  if (!("showSaveFilePicker" in globalThis)) blocked.unshift("picker");
  if (!keyStore.available) blocked.unshift("subtle");
  $("insecure-warning").hidden = isSecureContext;
  $("insecure-text").textContent = text.engine.insecure(new Intl.ListFormat(language).format(blocked.map((name) => text.engine.missing[name])));
}

for (const [name, { label }] of Object.entries(languages)) $("language").append(new Option(label, name));
$("language").value = language;
onInput("language", "change", (select) => {
  setLanguage(select.value);
  drawAll();
});

// ---- listeners

for (const id of /** @type {const} */ (["file", "folder"])) {
  $(id === "file" ? "choose" : "choose-folder").addEventListener("click", () => $(id).click());
  onInput(id, "change", async (input) => {
    const files = filesFromInput(input.files ?? []);
    input.value = ""; // so that choosing the same file again fires an event
    if (!files.length) showError({ code: "bad-picture", title: text.list.empty, hint: text.list.emptyHint, message: "" });
    else await addFiles(files);
  });
}
for (const id of ["purpose", "side"]) $(id).addEventListener("change", () => list.draw());
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
  announce(text.update.title);
});
$("update-accept").addEventListener("click", update);
$("update-later").addEventListener("click", () => ($("update").hidden = true));
$("error-close").addEventListener("click", () => showError(null));
$("model").addEventListener("change", () => {
  list.loadingModel = true;
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
  if (event.dataTransfer) await importTransfer(event.dataTransfer);
});
addEventListener("paste", async (event) => {
  if (!event.clipboardData) return;
  const pastesText = !event.clipboardData.files.length;
  const inField = event.target instanceof Element && event.target.closest("input, textarea");
  if (pastesText && (inField || !event.clipboardData.getData("text").trim())) return;
  event.preventDefault();
  await importTransfer(event.clipboardData);
});
addEventListener("beforeunload", (event) => {
  if (batch.running || keys.atRisk) event.preventDefault();
});

loaded = start();
drawAll();
keys.recall();
focusTarget(location.hash);
addEventListener("hashchange", () => focusTarget(location.hash));
globalThis.launchQueue?.setConsumer(openLaunched);
// The service worker stores the page after the wasm is loaded, which the user waits for.
loaded.then(() => offline.start()).then(storeModel);
