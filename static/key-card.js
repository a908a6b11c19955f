// The card with the secrets that pictures are encrypted and decrypted with: a
// key, a passphrase, or recipients and an identity.
//
// encryptionKey returns the key to encrypt with, and secrets returns what may
// decrypt. requestSecret asks for a missing one. importSecret reads one from a
// file or from text that was dropped or pasted.
import { download } from "./archive.js";
import { $, find, onInput, svg } from "./dom.js";
import * as keyStore from "./key-store.js";
import { language, text } from "./messages.js";

/** @typedef {import("./encipher.js").Encipher} Encipher */
/** @typedef {"key" | "passphrase" | "recipients"} Mode */
/** @typedef {"key" | "passphrase" | "identity"} Need what a cipher image can be decrypted with */
/** @typedef {{ text: string, file?: string, fingerprint: string, saved: boolean, used: boolean }} Key */

// Largest file that is read as a key file, in bytes. Sealing with age roughly doubles its length.
const maxKeyFile = 32 << 10;

// Characters of a passphrase that zxcvbn rates. Its time grows with the length.
const maxRated = 100;

/** @type {Record<Need, Mode>} */
const modeFor = { key: "key", passphrase: "passphrase", identity: "recipients" };

const secretPattern = /^(ENCIPHER-KEY-|AGE-SECRET-KEY-|age1[a-z0-9])/im;
const sealedPattern = /^(age-encryption\.org\/|-----BEGIN AGE)/;

/**
 * isSecretFile reports whether a file holds a key, identities or recipients.
 *
 * @param {File} file
 */
export async function isSecretFile(file) {
  if (file.size === 0 || file.size > maxKeyFile || file.type.startsWith("image/")) return false;
  const content = await file.text();
  return secretPattern.test(content) || sealedPattern.test(content);
}

export class KeyCard {
  /** @type {Key | null} */
  #key = null;
  /** @type {string | null} text of the key stored in this browser */
  #remembered = null;
  #message = () => text.key.none;
  #suggestedPassphrase = "";
  #lastChange = Promise.resolve(); // changes of the key run one after the other
  #engine;
  #unseal;
  #isBusy;
  #announce;
  #showError;

  /**
   * @param {object} parameters
   * @param {() => Promise<Encipher>} parameters.engine
   * @param {typeof import("./unseal-dialog.js").unseal} parameters.unseal
   * @param {() => boolean} parameters.isBusy reports whether a run is under way
   * @param {(message: string) => void} parameters.announce
   * @param {(error: unknown) => void} parameters.showError hides the error for null
   */
  constructor({ engine, unseal, isBusy, announce, showError }) {
    this.#engine = engine;
    this.#unseal = unseal;
    this.#isBusy = isBusy;
    this.#announce = announce;
    this.#showError = showError;
    this.#addListeners();
    this.draw();
  }

  /** Whether closing the tab would lose a key that encrypted pictures. */
  get atRisk() {
    return Boolean(this.#key?.used && !this.#key.saved);
  }

  /**
   * encryptionKey returns the key to encrypt with and its slot, or null after
   * asking for a missing secret. The run must begin at once: until it ends, the
   * key cannot be replaced.
   *
   * @returns {Promise<import("./batch.js").EncryptionKey | null>}
   */
  async encryptionKey() {
    const mode = this.#mode;
    const engine = await this.#engine();
    if (mode === "key") {
      if (!this.#key) return this.requestSecret("key", false);
      this.#key.used = true;
      return { key: this.#key.text };
    }
    const { value } = $(mode);
    if (!value.trim()) return this.requestSecret(mode === "passphrase" ? mode : "identity", false);
    return engine.wrapKey(mode === "passphrase" ? { passphrase: value } : { recipients: value.trim() });
  }

  /** secrets returns what unwrapKey tries. */
  secrets() {
    return {
      key: this.#key?.text,
      passphrase: $("passphrase").value || undefined,
      identity: $("identity").value.trim().replace(/\s+/g, "\n") || undefined, // one per line
    };
  }

  get #text() {
    return this.#key?.text;
  }

  /** @param {Need} need */
  has(need) {
    return Boolean(this.secrets()[need]);
  }

  /**
   * requestSecret asks the user for a key, passphrase or identity, and returns null.
   *
   * @param {Need} need
   * @param {boolean} decrypt whether the secret is needed to decrypt
   */
  requestSecret(need, decrypt) {
    const mode = modeFor[need];
    this.#selectMode(mode);
    this.#showMessage(() => text[mode][decrypt ? "wantedToDecrypt" : "wanted"]);
    $("key-card").dataset.state = "wanted";
    $({ key: "new-key", passphrase: "passphrase", identity: decrypt ? "identity" : "recipients" }[need]).focus();
    return null;
  }

  /**
   * importSecret reads a key, identities or recipients from text or from a file,
   * which may be sealed with age.
   *
   * @param {Blob | string} source
   * @returns {Promise<void>}
   */
  async importSecret(source) {
    const file = source instanceof Blob ? source.slice(0, maxKeyFile + 1) : new Blob([source.trim()]);
    const content = await file.text();
    if (sealedPattern.test(content)) {
      await this.#importSealed(file);
    } else if (/^AGE-SECRET-KEY-/m.test(content)) {
      this.#selectMode("recipients");
      $("identity").value = [...content.matchAll(/^AGE-SECRET-KEY-\S+/gm)].map(([line]) => line).join(" ");
      this.#showMessage(() => text.key.identityHere);
    } else if (/^age1/m.test(content)) {
      this.#selectMode("recipients");
      $("recipients").value = [$("recipients").value.trim(), content.trim()].filter(Boolean).join("\n");
    } else {
      return this.openKey(content);
    }
  }

  /** @param {Blob} file */
  async #importSealed(file) {
    try {
      const engine = await this.#engine();
      const opened = await this.#unseal(text.key.sealedFile, text.key.sealedFileWhat, (secret) => engine.unsealKeyFile(file, secret));
      if (opened) await this.importSecret(opened.text);
    } catch (error) {
      this.#showError(error);
    }
  }

  /**
   * openKey parses a key and makes it the current one.
   *
   * @param {string} content
   */
  openKey(content) {
    return this.#replaceKey(
      async (engine) => {
        const { fingerprint } = await engine.parseKey(content);
        const [line] = /** @type {RegExpExecArray} */ (/ENCIPHER-KEY-\S+/i.exec(content));
        return { text: line, fingerprint, saved: true, used: false };
      },
      () => text.key.opened,
    );
  }

  /** recall opens the key that is stored in this browser, if there is one. */
  async recall() {
    if (!keyStore.available) return;
    try {
      this.#remembered = await keyStore.recall();
    } catch (error) {
      this.#showNotRemembered(/** @type {Error} */ (error));
    }
    if (!this.#remembered || this.#key) return this.draw();
    await this.openKey(this.#remembered);
    if (this.#text === this.#remembered) this.#showMessage(() => text.key.remembered);
    else this.draw();
  }

  /** draw updates the card, in the current language. */
  draw() {
    const key = this.#key;
    const mode = this.#mode;
    const unsaved = Boolean(key && !key.saved);
    $("key-card").dataset.state = key ? (unsaved ? "unsaved" : "safe") : "none";
    for (const name of ["key", "passphrase", "recipients"]) $(`mode-${name}`).hidden = name !== mode;
    $("key-text").textContent = this.#message();
    $("key-text").hidden = !$("key-text").textContent;
    $("fingerprint-line").hidden = !key;
    $("fingerprint").textContent = key?.fingerprint ?? "";
    $("key-warning").hidden = !unsaved;
    $("save-key").hidden = !unsaved;
    $("backup").hidden = !key;
    $("remembering").hidden = !keyStore.available || !(key || this.#remembered);
    $("remember").checked = Boolean(key && this.#remembered === key.text);
    $("remember").disabled = !key;
    $("remember-limits").textContent = text.key.rememberLimits(location.host);
    $("forget").hidden = !this.#remembered;
    $("show-passphrase").textContent = $("passphrase").type === "password" ? text.passphrase.show : text.passphrase.hide;
    const suggested = this.#suggestedPassphrase && $("passphrase").value === this.#suggestedPassphrase;
    $("passphrase-note").textContent = suggested ? text.passphrase.suggested : text.passphrase.hint;
  }

  /** @returns {Mode} */
  get #mode() {
    /** @type {HTMLInputElement} */
    const checked = find(document, "input[name=mode]:checked");
    return /** @type {Mode} */ (checked.value);
  }

  /** @param {string} mode */
  #selectMode(mode) {
    /** @type {HTMLInputElement} */
    const radio = find(document, `input[name=mode][value=${mode}]`);
    radio.checked = true;
    this.#message = mode === "key" ? () => (this.#key ? "" : text.key.none) : () => "";
    this.draw();
  }

  /** @param {() => string} message */
  #showMessage(message) {
    this.#message = message;
    this.draw();
    this.#announce(message());
  }

  /**
   * replaceKey makes the key that getKey returns the current one. During a run
   * the key is not replaced, so that it can be saved afterwards. A run may begin
   * while getKey or the dialog is awaited, so that is checked again after them.
   *
   * @param {(engine: Encipher) => Promise<Key>} getKey
   * @param {() => string} message
   */
  #replaceKey(getKey, message) {
    return (this.#lastChange = this.#lastChange.then(async () => {
      try {
        const next = this.#isBusy() ? null : await getKey(await this.#engine());
        if (!this.#isBusy() && !(await this.#confirmReplace())) return;
        if (this.#isBusy() || !next) {
          this.#showMessage(() => text.key.busy);
          return;
        }
        this.#key = next;
        this.#showError(null);
        this.#selectMode("key");
        this.#showMessage(message);
        if (!next.saved) $("save-key").focus();
      } catch (error) {
        this.#showError(error);
      }
    }));
  }

  /** confirmReplace asks before replacing a key that was used and exists nowhere else. */
  async #confirmReplace() {
    if (!this.atRisk) return true;
    const dialog = $("replace");
    dialog.returnValue = "keep";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "replace"), { once: true }));
  }

  #save() {
    const key = /** @type {Key} */ (this.#key);
    download(new Blob([key.file ?? `${key.text}\n`], { type: "text/plain" }), `encipher-${key.fingerprint}.key`);
    key.saved = true;
    this.#showMessage(() => text.key.saved);
  }

  async #showBackup() {
    const { text: line, fingerprint } = /** @type {Key} */ (this.#key);
    // If the library is not available, for example offline, the sheet shows the text only.
    $("sheet-code").replaceChildren(
      ...(await qrCode(line).then(
        (code) => [code],
        () => [],
      )),
    );
    $("sheet-fingerprint").textContent = fingerprint;
    $("sheet-text").textContent = line;
    $("sheet-date").textContent = text.backup.made(new Date().toLocaleDateString(language));
    $("sheet").showModal();
  }

  /** @param {boolean} on */
  async #setRemembered(on) {
    const key = on && this.#key ? this.#key.text : null;
    try {
      if (key) await keyStore.remember(key);
      else await keyStore.forget();
      this.#remembered = key;
      this.#showMessage(() => (on ? text.key.remembered : text.key.forgotten));
    } catch (error) {
      this.#showNotRemembered(/** @type {Error} */ (error));
      this.draw();
    }
  }

  /** @param {Error} error */
  #showNotRemembered({ message }) {
    this.#showError({ code: "internal", title: text.key.notRemembered(message), message });
  }

  async #rateStrength() {
    this.draw();
    const phrase = $("passphrase").value;
    $("strength").hidden = !phrase;
    if (!phrase) return;
    // The library is large, so it is loaded when a passphrase is typed. It sets a global.
    try {
      await import("./vendor/zxcvbn.js");
    } catch {
      $("strength").hidden = true; // not available offline
      return;
    }
    if (phrase !== $("passphrase").value) return;
    const { score, guesses_log10: power } = globalThis.zxcvbn(phrase.slice(0, maxRated));
    $("strength-meter").value = score;
    $("strength").dataset.score = String(score);
    $("strength-text").textContent = `${text.passphrase.strength[score]}, ${text.passphrase.guesses(Math.round(power))}`;
  }

  async #suggestPassphrase() {
    try {
      const { passphrase } = await (await this.#engine()).generatePassphrase();
      this.#suggestedPassphrase = passphrase;
      $("passphrase").value = passphrase;
      $("passphrase").type = "text";
      await this.#rateStrength();
      this.#announce(text.passphrase.suggested);
    } catch (error) {
      this.#showError(error);
    }
  }

  #addListeners() {
    for (const radio of document.querySelectorAll("input[name=mode]")) {
      radio.addEventListener("change", () => this.#selectMode(/** @type {HTMLInputElement} */ (radio).value));
    }
    // Enter in a field must not submit the form.
    for (const form of document.querySelectorAll("form.mode")) form.addEventListener("submit", (event) => event.preventDefault());
    /** @param {Encipher} engine */
    const createKey = async (engine) => ({ ...(await engine.newKey()), saved: false, used: false });
    $("new-key").addEventListener("click", () => this.#replaceKey(createKey, () => text.key.fresh));
    $("open-key").addEventListener("click", () => $("key-file").click());
    onInput("key-file", "change", async (input) => {
      const file = input.files?.[0];
      if (file) await this.importSecret(file);
      input.value = ""; // so that choosing the same file again fires an event
    });
    onInput("key-paste", "change", async (input) => {
      if (input.value.trim()) await this.importSecret(input.value);
      input.value = "";
    });
    // A single-line field would join the lines of an armored file.
    $("key-paste").addEventListener("paste", async (event) => {
      const content = event.clipboardData?.getData("text") ?? "";
      if (!sealedPattern.test(content.trim())) return;
      event.preventDefault();
      await this.importSecret(content);
    });
    onInput("key-paste", "input", (input) => {
      if (secretPattern.test(input.value.trim()) && input.value.trim().length > 60) input.dispatchEvent(new Event("change"));
    });
    $("save-key").addEventListener("click", () => this.#save());
    $("backup").addEventListener("click", () => this.#showBackup());
    $("sheet-save").addEventListener("click", () => this.#save());
    $("print").addEventListener("click", () => print());
    onInput("remember", "change", (input) => this.#setRemembered(input.checked));
    $("forget").addEventListener("click", () => this.#setRemembered(false));
    $("passphrase").addEventListener("input", () => this.#rateStrength());
    $("show-passphrase").addEventListener("click", () => {
      $("passphrase").type = $("passphrase").type === "password" ? "text" : "password";
      this.draw();
    });
    $("suggest").addEventListener("click", () => this.#suggestPassphrase());
  }
}

/**
 * qrCode draws a text as a QR code, with the quiet zone that scanners need.
 *
 * @param {string} content
 */
async function qrCode(content) {
  const { default: qrcode } = await import("./vendor/qrcode-generator.js");
  const quietZone = 4; // modules
  const symbol = qrcode(0, "M"); // the smallest version that holds it; corrects 15 % damage
  symbol.addData(content, /^[A-Z0-9 $%*+./:-]*$/.test(content) ? "Alphanumeric" : "Byte");
  symbol.make();
  const count = symbol.getModuleCount();
  let dark = "";
  for (let y = 0; y < count; y++) {
    for (let x = 0; x < count; x++) if (symbol.isDark(y, x)) dark += `M${x + quietZone} ${y + quietZone}h1v1h-1z`;
  }
  const side = count + 2 * quietZone;
  return svg(
    "svg",
    { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": text.backup.code, "shape-rendering": "crispEdges" },
    svg("rect", { width: side, height: side, fill: "#fff" }),
    svg("path", { d: dark, fill: "#000" }),
  );
}
