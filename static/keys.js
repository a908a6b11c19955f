// The card with what pictures are locked and unlocked with: a key, a passphrase,
// or recipients and an identity.
//
// Main path: lock() gives what to encrypt with and secrets() what may decrypt;
// want() asks for what is missing; read() takes a secret that was dropped or
// pasted as text.
import { download } from "./archive.js";
import * as keystore from "./keystore.js";
import { language, text } from "./messages.js";

const $ = (id) => document.getElementById(id);

// Largest file that is looked at as a key's. Sealing makes it longer than its text, of
// which the program takes half as much.
const fileLimit = 32 << 10; // bytes

// zxcvbn's time grows with the length.
const judged = 100; // characters

const modeOf = { key: "key", passphrase: "passphrase", identity: "recipients" }; // by what a file needs

const secret = /^(ENCIPHER-KEY-|AGE-SECRET-KEY-|age1[a-z0-9])/im;
const sealed = /^(age-encryption\.org\/|-----BEGIN AGE)/;

// isSecret tells files of keys, identities and recipients from others.
export async function isSecret(file) {
  if (file.size === 0 || file.size > fileLimit || file.type.startsWith("image/")) return false;
  const words = await file.text();
  return secret.test(words) || sealed.test(words);
}

export class Keys {
  #key = null; // {text, file?, fingerprint, saved, used}
  #remembered = null; // text of the key that this browser keeps
  #words = () => text.key.none;
  #proposed = ""; // passphrase
  #changes = Promise.resolve(); // of the key, one after the other
  #program;
  #unseal;
  #busy;
  #said;
  #failed;

  // program resolves to the engine, unseal asks what opens a sealed file, busy says
  // whether a run is under way, said and failed tell the user.
  constructor({ program, unseal, busy, said, failed }) {
    this.#program = program;
    this.#unseal = unseal;
    this.#busy = busy;
    this.#said = said;
    this.#failed = failed;
    this.#wire();
    this.draw();
  }

  // Whether a key would be lost with this tab.
  get atRisk() {
    return Boolean(this.#key?.used && !this.#key.saved);
  }

  // lock gives {key, slot?} for encrypt, or null after it has asked for what is
  // missing. Work begins with it at once: until it ends the key stays.
  async lock() {
    const mode = this.#mode;
    const program = await this.#program();
    if (mode === "key") {
      if (!this.#key) return this.want("key", false);
      this.#key.used = true;
      return { key: this.#key.text };
    }
    const field = $(mode);
    if (!field.value.trim()) return this.want(mode === "passphrase" ? mode : "identity", false);
    return program.lock({ [mode]: mode === "passphrase" ? field.value : field.value.trim() });
  }

  // secrets are what unlock tries.
  secrets() {
    return {
      key: this.#key?.text,
      passphrase: $("passphrase").value || undefined,
      identity: $("identity").value.trim().replace(/\s+/g, "\n") || undefined, // one a line
    };
  }

  has(need) {
    return Boolean(this.secrets()[need]);
  }

  // want asks for a key, passphrase or identity. It gives null.
  want(need, decrypt) {
    const mode = modeOf[need];
    this.#choose(mode);
    const words = () => text[mode][decrypt ? "wantedToDecrypt" : "wanted"];
    this.#show(words);
    $("key-card").dataset.state = "wanted";
    $({ key: "new-key", passphrase: "passphrase", identity: decrypt ? "identity" : "recipients" }[need]).focus();
    return null;
  }

  // read takes a key, an identity or a recipient, as text or as a file, which may be
  // sealed with age.
  async read(given) {
    const file = given instanceof Blob ? given.slice(0, fileLimit + 1) : new Blob([given.trim()]);
    const words = await file.text();
    if (sealed.test(words)) {
      await this.#readSealed(file);
    } else if (/^AGE-SECRET-KEY-/m.test(words)) {
      this.#choose("recipients");
      $("identity").value = [...words.matchAll(/^AGE-SECRET-KEY-\S+/gm)].map(([line]) => line).join(" ");
      this.#show(() => text.key.identityHere);
    } else if (/^age1/m.test(words)) {
      this.#choose("recipients");
      $("recipients").value = [$("recipients").value.trim(), words.trim()].filter(Boolean).join("\n");
    } else {
      return this.open(words);
    }
  }

  async #readSealed(file) {
    try {
      const program = await this.#program();
      const opened = await this.#unseal(text.key.sealedFile, text.key.sealedFileWhat, (by) => program.unsealKeyFile(file, by));
      if (opened) await this.read(opened.text);
    } catch (error) {
      this.#failed(error);
    }
  }

  // open makes a key that is given as text the one in use.
  open(words) {
    return this.#change(
      async (program) => {
        const { fingerprint } = await program.parseKey(words);
        const [line] = /ENCIPHER-KEY-\S+/i.exec(words);
        return { text: line, fingerprint, saved: true, used: false };
      },
      () => text.key.opened,
    );
  }

  // recall opens the key that this browser remembers.
  async recall() {
    if (!keystore.available) return;
    try {
      this.#remembered = await keystore.recall();
    } catch (error) {
      this.#failed({ code: "internal", title: text.key.notRemembered(error.message), message: error.message });
    }
    if (!this.#remembered || this.#key) return this.draw();
    await this.open(this.#remembered);
    if (this.#key?.text === this.#remembered) this.#show(() => text.key.remembered);
    else this.draw();
  }

  // draw shows the card as it is, in the language in use.
  draw() {
    const key = this.#key;
    const mode = this.#mode;
    const unsaved = Boolean(key && !key.saved);
    $("key-card").dataset.state = key ? (unsaved ? "unsaved" : "safe") : "none";
    for (const name of ["key", "passphrase", "recipients"]) $(`mode-${name}`).hidden = name !== mode;
    $("key-text").textContent = this.#words();
    $("key-text").hidden = !$("key-text").textContent;
    $("fingerprint-line").hidden = !key;
    $("fingerprint").textContent = key?.fingerprint ?? "";
    $("key-warning").hidden = !unsaved;
    $("save-key").hidden = !unsaved;
    $("backup").hidden = !key;
    $("remembering").hidden = !keystore.available || !(key || this.#remembered);
    $("remember").checked = Boolean(key && this.#remembered === key.text);
    $("remember").disabled = !key;
    $("remember-limits").textContent = text.key.rememberLimits(location.host);
    $("forget").hidden = !this.#remembered;
    $("show-passphrase").textContent = $("passphrase").type === "password" ? text.passphrase.show : text.passphrase.hide;
    $("passphrase-note").textContent = this.#proposed && $("passphrase").value === this.#proposed ? text.passphrase.proposed : text.passphrase.hint;
  }

  get #mode() {
    return document.querySelector("input[name=mode]:checked").value;
  }

  #choose(mode) {
    document.querySelector(`input[name=mode][value=${mode}]`).checked = true;
    this.#words = mode === "key" ? () => (this.#key ? "" : text.key.none) : () => "";
    this.draw();
  }

  #show(words) {
    this.#words = words;
    this.draw();
    this.#said(words());
  }

  // change makes what get returns the key in use. While pictures are worked on the
  // key stays, because what seals them must remain here to be saved. get and the
  // question take time, in which work may begin: only what is checked after them
  // counts.
  #change(get, words) {
    return (this.#changes = this.#changes.then(async () => {
      try {
        const next = this.#busy() ? null : await get(await this.#program());
        if (!this.#busy() && !(await this.#mayReplace())) return;
        if (this.#busy()) {
          this.#show(() => text.key.busy);
          return;
        }
        this.#key = next;
        this.#failed(null);
        this.#choose("key");
        this.#show(words);
        if (!next.saved) $("save-key").focus();
      } catch (error) {
        this.#failed(error);
      }
    }));
  }

  // mayReplace asks before a key is dropped that exists nowhere else and was used.
  #mayReplace() {
    if (!this.atRisk) return true;
    const dialog = $("replace");
    dialog.returnValue = "keep";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "replace"), { once: true }));
  }

  #save() {
    const { file, text: line, fingerprint } = this.#key;
    download(new Blob([file ?? `${line}\n`], { type: "text/plain" }), `encipher-${fingerprint}.key`);
    this.#key.saved = true;
    this.#show(() => text.key.saved);
  }

  async #sheet() {
    const { text: line, fingerprint } = this.#key;
    // Without the library, as may be offline, the sheet has the text alone.
    $("sheet-code").replaceChildren(
      ...(await code(line).then(
        (svg) => [svg],
        () => [],
      )),
    );
    $("sheet-fingerprint").textContent = fingerprint;
    $("sheet-text").textContent = line;
    $("sheet-date").textContent = text.backup.made(new Date().toLocaleDateString(language));
    $("sheet").showModal();
  }

  async #keep(on) {
    try {
      if (on) await keystore.remember(this.#key.text);
      else await keystore.forget();
      this.#remembered = on ? this.#key.text : null;
      this.#show(() => (on ? text.key.remembered : text.key.forgotten));
    } catch (error) {
      this.#failed({ code: "internal", title: text.key.notRemembered(error.message), message: error.message });
      this.draw();
    }
  }

  async #judge() {
    this.draw();
    const phrase = $("passphrase").value;
    $("strength").hidden = !phrase;
    if (!phrase) return;
    // It is large, and needed by those alone who type a passphrase. The library
    // comes as a script that sets a global.
    try {
      await import("./vendor/zxcvbn.js");
    } catch {
      $("strength").hidden = true; // without the server it may not be there
      return;
    }
    if (phrase !== $("passphrase").value) return;
    const { score, guesses_log10: power } = globalThis.zxcvbn(phrase.slice(0, judged));
    $("strength-meter").value = score;
    $("strength").dataset.score = score;
    $("strength-text").textContent = `${text.passphrase.strength[score]}, ${text.passphrase.guesses(Math.round(power))}`;
  }

  async #propose() {
    try {
      this.#proposed = (await (await this.#program()).proposePassphrase()).passphrase;
      $("passphrase").value = this.#proposed;
      $("passphrase").type = "text";
      await this.#judge();
      this.#said(text.passphrase.proposed);
    } catch (error) {
      this.#failed(error);
    }
  }

  #wire() {
    for (const radio of document.querySelectorAll("input[name=mode]")) radio.addEventListener("change", () => this.#choose(radio.value));
    // Enter in a field sends nothing anywhere.
    for (const form of document.querySelectorAll("form.mode")) form.addEventListener("submit", (event) => event.preventDefault());
    const fresh = async (program) => ({ ...(await program.newKey()), saved: false, used: false });
    $("new-key").addEventListener("click", () => this.#change(fresh, () => text.key.fresh));
    $("open-key").addEventListener("click", () => $("key-file").click());
    $("key-file").addEventListener("change", async ({ target }) => {
      const [file] = target.files;
      if (file) await this.read(file);
      target.value = ""; // so that the same file can be chosen again
    });
    $("key-paste").addEventListener("change", async ({ target }) => {
      if (target.value.trim()) await this.read(target.value);
      target.value = "";
    });
    // A field of one line would join the lines of an armored file.
    $("key-paste").addEventListener("paste", async (event) => {
      const words = event.clipboardData.getData("text");
      if (!sealed.test(words.trim())) return;
      event.preventDefault();
      await this.read(words);
    });
    $("key-paste").addEventListener("input", ({ target }) => {
      if (secret.test(target.value.trim()) && target.value.trim().length > 60) target.dispatchEvent(new Event("change"));
    });
    $("save-key").addEventListener("click", () => this.#save());
    $("backup").addEventListener("click", () => this.#sheet());
    $("sheet-save").addEventListener("click", () => this.#save());
    $("print").addEventListener("click", () => print());
    $("remember").addEventListener("change", ({ target }) => this.#keep(target.checked));
    $("forget").addEventListener("click", () => this.#keep(false));
    $("passphrase").addEventListener("input", () => this.#judge());
    $("show-passphrase").addEventListener("click", () => {
      $("passphrase").type = $("passphrase").type === "password" ? "text" : "password";
      this.draw();
    });
    $("propose").addEventListener("click", () => this.#propose());
  }
}

// code draws the QR code of a text, with the quiet zone that scanners want.
async function code(line) {
  const { default: qrcode } = await import("./vendor/qrcode-generator.js");
  const quiet = 4; // modules
  const symbol = qrcode(0, "M"); // the smallest that holds it, 15 % may be damaged
  symbol.addData(line, /^[A-Z0-9 $%*+./:-]*$/.test(line) ? "Alphanumeric" : "Byte");
  symbol.make();
  const count = symbol.getModuleCount();
  let dark = "";
  for (let y = 0; y < count; y++) {
    for (let x = 0; x < count; x++) if (symbol.isDark(y, x)) dark += `M${x + quiet} ${y + quiet}h1v1h-1z`;
  }
  const draw = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const side = count + 2 * quiet;
  const svg = draw("svg", { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": text.backup.code, "shape-rendering": "crispEdges" });
  svg.append(draw("rect", { width: side, height: side, fill: "#fff" }), draw("path", { d: dark, fill: "#000" }));
  return svg;
}
