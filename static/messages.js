// All texts of the page, in every language, and the choice of the language.
//
// index.html refers to texts by path (data-text="drop.title", data-label for
// aria-label), and translate() fills them in. Messages from the wasm are in
// English and are shown as details.
//
// A message says what happened and then what to do. It addresses the user, in
// German with "Sie", and uses the words of docs/glossary.md.

/** @type {(n: number, one: string, many: string) => string} */
const plural = (n, one, many) => `${n} ${n === 1 ? one : many}`;

const english = {
  // For each error code: what happened, and what to do.
  errors: {
    "bad-picture": ["This file is not a picture, or it is damaged", "Choose a PNG, JPEG, GIF, BMP, TIFF or WebP picture, or download the file again."],
    "unsupported-picture": ["This picture format is not supported", "Convert the picture to PNG in an image editor, then add the PNG file."],
    "too-large": ["This picture is too large", "Make it smaller, or use the command-line program, which handles larger pictures."],
    "not-a-cipher": ["This file is not a cipher image", "Ask for the original file, sent as a file or document rather than as a photo."],
    "wrong-key": ["Wrong key", "Use the key or passphrase that this picture was encrypted with, or an identity that it was encrypted for."],
    changed: ["This file has been changed or damaged", "Get the original file again. This copy cannot be decrypted."],
    "altered-copy": [
      "This copy was scaled, cropped or filtered",
      "Ask the sender for the whole picture in full size: in the best quality that the messenger offers, or sent as a file.",
    ],
    "damaged-copy": ["This copy was compressed too hard", "Ask the sender to encrypt the picture for services that compress harder, or to send it as a file."],
    "other-model": ["This cipher image was made with another model", "Choose that model at the top of the page."],
    "unsupported-version": ["This cipher image was made by a newer version of Encipher", "Reload the page to update it."],
    "bad-key": ["This is not a valid key", "Compare it with the original, or copy it again in full."],
    "bad-model": ["This model cannot be loaded", "Choose another model."],
    "not-sealed": ["This file is not sealed", "It was made for research, and anyone could have made or changed it. Ask for a sealed cipher image."],
    "not-exact": [
      "This picture could not be restored exactly",
      "Nothing was saved. Ask the person who encrypted it. If that was you, try another browser or the command-line program, and please report the problem.",
    ],
    "not-kept": [
      "The original file cannot be included",
      "Encipher cannot read this format, so it cannot check that file and picture match. Under Options, choose “The exact picture”, or convert the file to PNG.",
    ],
    "bad-argument": ["Invalid request", "Reload the page and try again."],
    canceled: ["Canceled", "Nothing was saved."],
    internal: ["Something went wrong", "Try again with fewer or smaller pictures. If that does not help, reload the page."],
  },
  stages: {
    decode: "Reading…",
    encrypt: "Encrypting…",
    decrypt: "Decrypting…",
    seal: "Sealing…",
    open: "Verifying…",
    encode: "Saving…",
  },
  text: {
    title: "Encipher: encrypt pictures in your browser",
    tagline: "Encrypt pictures in your browser",
    language: "Language",
    close: "Close",
    engine: {
      program: "Loading…",
      model: "Loading model…",
      ready: (/** @type {string} */ model) => `Ready · ${model}`,
      failed: "Could not start",
      failedHint: "Reload the page. If that does not help, update your browser: Encipher needs WebAssembly and module workers.",
      modelHint: "Check your connection, then choose the model again.",
      network: (/** @type {string} */ profile, /** @type {string} */ fingerprint) => `Network: ${profile}. Fingerprint: ${fingerprint}`,
      slow: "Encipher is slow in this browser because WebAssembly SIMD is missing or turned off, for example in Lockdown Mode. The results are the same. Use a current version of Chrome, Edge, Firefox or Safari for full speed.",
      insecure: (/** @type {string} */ missing) =>
        `This connection is not secure: others on your network could change this page. Open it over HTTPS. Until then, the browser blocks ${missing}.`,
      missing: { subtle: "remembering your key", picker: "saving a ZIP directly to disk", offline: "working offline" },
    },
    offline: { ready: "works offline" },
    update: {
      title: "Update available",
      what: "Until you update, this tab stays on its current version. The new version also starts once all tabs of this page are closed.",
      unsaved: "Updating reloads the page, and unsaved pictures and keys are lost. Save them or clear the list first.",
      accept: "Update now",
      later: "Later",
    },
    model: {
      label: "Model",
      sealedTitle: (/** @type {string} */ name) => `Unlock model “${name}”`,
      sealed: "This model is encrypted. Enter its passphrase, or the age identity it was encrypted for.",
    },
    sealed: {
      secret: "Passphrase or identity (AGE-SECRET-KEY-…)",
      wrong: "This passphrase or identity did not work. Try again.",
      open: "Unlock",
      cancel: "Cancel",
    },
    drop: {
      label: "Add pictures",
      title: "Drop pictures or folders here",
      more: "Drop more pictures or folders here",
      what: "Photos are encrypted, cipher images are decrypted. You can also paste pictures.",
      choose: "Choose pictures",
      folder: "Choose folder",
      local: "Your pictures stay on this device. Nothing is uploaded.",
      files: "Picture files",
      folders: "Folder of pictures",
    },
    key: {
      title: "Encrypt and decrypt with",
      modes: { key: "Key", passphrase: "Passphrase", recipients: "Recipients" },
      none: "Create a key to encrypt pictures, or open the key they were encrypted with.",
      fresh: "New key created in this browser.",
      opened: "Key opened. You can encrypt and decrypt with it.",
      remembered: "Key stored in this browser.",
      saved: "Key saved. Keep a second copy in a safe place.",
      busy: "The key was not changed because pictures are still being processed.",
      wanted: "You need a key first. Create a new one or open an existing one.",
      wantedToDecrypt: "Open the key that these pictures were encrypted with.",
      unsaved: "This key exists only in this tab. If you lose it, nobody can recover your pictures. Save it now and keep a copy.",
      fingerprint: "Fingerprint",
      save: "Save key file",
      new: "New key",
      open: "Open key file",
      file: "Key file",
      paste: "Or paste the key",
      backup: "Print backup",
      remember: "Remember key in this browser",
      rememberLimits: (/** @type {string} */ host) =>
        `Stored encrypted in this browser. Anyone who can use this browser profile, and every page of ${host}, can still read the key.`,
      forget: "Forget key",
      forgotten: "Key removed from this browser.",
      notRemembered: (/** @type {string} */ reason) => `The key could not be stored: ${reason}`,
      sealedFile: "Unlock key file",
      sealedFileWhat: "This key file is encrypted. Enter its passphrase, or the age identity it was encrypted for.",
      identityHere: "Identity added. It decrypts pictures that were encrypted for it.",
    },
    passphrase: {
      field: "Passphrase",
      show: "Show",
      hide: "Hide",
      suggest: "Suggest passphrase",
      suggested: "Seven random words (90 bits). Write them down.",
      hint: "Anyone who guesses it can decrypt your pictures. Random words are strong; names and dates are not.",
      strength: ["Very weak: guessed instantly", "Very weak: guessed within hours", "Weak", "Fair", "Strong"],
      strengthLabel: "Strength",
      guesses: (/** @type {number} */ power) => `about 10^${power} guesses`,
      wanted: "Enter a passphrase, or have one suggested.",
      wantedToDecrypt: "Enter the passphrase that these pictures were encrypted with.",
    },
    recipients: {
      field: "Encrypt for (one age1… recipient per line)",
      identity: "Your identity, to decrypt (AGE-SECRET-KEY-…)",
      hint: "Use recipients and identities from age-keygen. Only holders of a matching identity can decrypt the pictures. To decrypt them yourself, add your own recipient.",
      wanted: "Enter at least one recipient.",
      wantedToDecrypt: "Paste the identity that these pictures were encrypted for.",
    },
    replace: {
      title: "Replace unsaved key?",
      what: "The current key has not been saved. If you replace it, pictures encrypted with it cannot be recovered.",
      keep: "Keep key",
      replace: "Replace key",
    },
    backup: {
      title: "Encipher key backup",
      what: "Anyone with this sheet can decrypt your pictures. Keep it in a safe place. To use the key, scan the code and paste its text into the page, or type the line.",
      made: (/** @type {string} */ date) => `Printed on ${date}`,
      print: "Print",
      save: "Save key file",
      code: "QR code of the key",
    },
    options: {
      title: "Options",
      purpose: "Encrypted picture",
      purposeFile: "File, to keep or send unchanged (PNG)",
      purposeMessenger: "Photo, for a messenger (JPEG)",
      messenger:
        "The other side sees a reduced picture without metadata; a file that is small enough travels unchanged. The messenger may compress the encrypted photo, but must not crop or scale it.",
      side: "Longest side, in pixels",
      strong: "Services that compress harder (lower quality)",
      exact: "Decryption restores",
      exactOn: "The exact picture",
      exactFile: "The exact picture and the original file",
      exactOff: "An approximate picture (smaller file)",
      metadata: "Remove location, date, camera, text and color profile",
    },
    list: {
      title: "Pictures",
      overall: "All pictures",
      start: (/** @type {number} */ encrypt, /** @type {number} */ decrypt) =>
        encrypt && decrypt
          ? `Encrypt ${encrypt}, decrypt ${decrypt}`
          : encrypt
            ? `Encrypt ${plural(encrypt, "picture", "pictures")}`
            : `Decrypt ${plural(decrypt, "picture", "pictures")}`,
      intoZip: "Save directly to ZIP…",
      cancel: "Cancel all",
      saveAll: "Save all as ZIP",
      clear: "Clear list",
      waiting: (/** @type {number} */ n) => `${plural(n, "picture", "pictures")} ready`,
      costs: (/** @type {string} */ file, /** @type {string} */ memory) => `Results: about ${file}.${memory ? ` Needs up to ${memory} of memory.` : ""}`,
      heavy: "This may be too much for this device. Close other tabs, or add fewer pictures at a time.",
      working: (/** @type {number} */ done, /** @type {number} */ total) => `${done} of ${total} done`,
      left: (/** @type {string} */ time) => `about ${time} left`,
      done: (/** @type {number} */ done, /** @type {number} */ failed, /** @type {string} */ seconds) =>
        `${[done || !failed ? `${done} done` : "", failed ? `${failed} failed` : ""].filter(Boolean).join(", ")} (${seconds} s)`,
      inZip: (/** @type {string} */ name) => `Saved to ${name}`,
      zipFailed: "The ZIP file could not be saved",
      zipFailedHint: "Check that there is enough disk space, then try again. Finished results are still in the list.",
      seconds: (/** @type {number} */ n) => `${n} s`,
      minutes: (/** @type {number} */ n) => `${n} min`,
      empty: "This folder is empty",
      emptyHint: "Choose a folder with pictures.",
    },
    row: {
      reading: "Reading…",
      waiting: { picture: "Ready to encrypt", cipher: "Ready to decrypt" },
      done: { picture: "Encrypted", cipher: "Decrypted" },
      failed: "Failed",
      canceled: "Canceled",
      exact: "Restored exactly.",
      approximate: "Restored approximately: close to the original, but not identical.",
      file: "Original file restored.",
      bare: "Not sealed: this file was made for research. Anyone could have made or changed it.",
      bareAsk: "It is skipped unless you choose to open it.",
      allow: "Open it anyway",
      refused: "Skipped",
      decoded: (/** @type {string} */ type) => `Converted by your browser (${type}): first image only, 8 bits per channel, without color profile or metadata.`,
      received: (/** @type {string} */ size, /** @type {string} */ psnr) => `The other side sees ${size} pixels (PSNR ${psnr}). Send the file as a photo.`,
      wholeFile: "The other side gets the original file. Send the encrypted one as a photo.",
      inZip: "Saved to ZIP",
      needs: { key: "it needs a key file", passphrase: "it needs a passphrase", identity: "it needs an identity" },
      view: (/** @type {string} */ name) => `View ${name}`,
      save: (/** @type {string} */ name) => `Save ${name}`,
      cancel: (/** @type {string} */ name) => `Cancel ${name}`,
      remove: (/** @type {string} */ name) => `Remove ${name} from the list`,
    },
    view: {
      title: (/** @type {string} */ name) => `Details of ${name}`,
      working: "Preparing the comparison…",
      left: "Left",
      right: "Right",
      divider: "Position of the divider",
      zoom: "Zoom",
      fit: "Fit",
      stage: "Comparison of two pictures",
      pictures: { plain: "Original", bare: "Neural cipher", cipher: "Cipher image", generated: "Generated", recovered: "Restored", received: "Received" },
      what: {
        plain: "the picture as it was read",
        bare: "output of the encryption generator, not protected",
        cipher: "the file to keep or share",
        generated: "output of the decryption generator, before exact correction",
        recovered: "decrypted from the cipher image",
        received: "what the other side will see",
      },
      entropy: "Entropy",
      correlation: "Correlation",
      psnr: "PSNR",
      ssim: "SSIM",
      size: "File size",
      dimensions: "Size in pixels",
      bits: "bits",
      identical: "identical",
      histogram: (/** @type {string} */ name) => `${name}: histogram of red, green and blue`,
      scatter: (/** @type {string} */ name) => `${name}: each sample plotted against its neighbor`,
      save: "Save for research",
    },
    notes: {
      protects: "What protects your pictures",
      neural:
        "The neural cipher is experimental: deterministic, approximate, unauthenticated, and not proven secure. Good figures do not make it secure. Confidentiality and integrity come from standard authenticated encryption alone (XChaCha20-Poly1305).",
      leaks:
        "A cipher image still reveals that it is one, its dimensions, its file size and the model it was made with. Keep it as a PNG file: converting or recompressing it destroys it.",
      figures: "What the figures mean",
      entropy: "Bits per sample: 8 if all levels are equally frequent.",
      correlation: "Mean absolute correlation of neighboring samples: near 1 in photos, near 0 in noise.",
      fidelityTerm: "PSNR, SSIM",
      fidelity: "How close the restored picture is to the original. Higher is better; the maximum SSIM is 1.",
    },
  },
};

/** @type {typeof english} */
const german = {
  errors: {
    "bad-picture": [
      "Diese Datei ist kein Bild, oder sie ist beschädigt",
      "Wählen Sie ein Bild im Format PNG, JPEG, GIF, BMP, TIFF oder WebP, oder laden Sie die Datei erneut herunter.",
    ],
    "unsupported-picture": [
      "Dieses Bildformat wird nicht unterstützt",
      "Wandeln Sie das Bild mit einem Bildprogramm in PNG um, und fügen Sie die PNG-Datei hinzu.",
    ],
    "too-large": ["Dieses Bild ist zu groß", "Verkleinern Sie es, oder verwenden Sie das Kommandozeilenprogramm, das auch größere Bilder verarbeitet."],
    "not-a-cipher": ["Diese Datei ist kein verschlüsseltes Bild", "Lassen Sie sich die Originaldatei schicken, als Datei oder Dokument und nicht als Foto."],
    "wrong-key": ["Falscher Schlüssel", "Verwenden Sie den Schlüssel oder die Passphrase zu diesem Bild oder eine Identität, für die es verschlüsselt wurde."],
    changed: [
      "Diese Datei wurde verändert oder beschädigt",
      "Besorgen Sie sich die ursprüngliche Datei noch einmal. Diese Kopie lässt sich nicht entschlüsseln.",
    ],
    "altered-copy": [
      "Diese Kopie wurde verkleinert, zugeschnitten oder gefiltert",
      "Bitten Sie um das ganze Bild in voller Größe: in der besten Qualität, die der Messenger anbietet, oder als Datei gesendet.",
    ],
    "damaged-copy": [
      "Diese Kopie wurde zu stark komprimiert",
      "Bitten Sie darum, das Bild für Dienste zu verschlüsseln, die stärker komprimieren, oder es als Datei zu senden.",
    ],
    "other-model": ["Dieses Bild wurde mit einem anderen Modell verschlüsselt", "Wählen Sie oben auf der Seite das passende Modell."],
    "unsupported-version": ["Dieses Bild wurde mit einer neueren Version von Encipher verschlüsselt", "Laden Sie die Seite neu, um sie zu aktualisieren."],
    "bad-key": ["Das ist kein gültiger Schlüssel", "Vergleichen Sie ihn mit dem Original, oder kopieren Sie ihn noch einmal vollständig."],
    "bad-model": ["Dieses Modell lässt sich nicht laden", "Wählen Sie ein anderes Modell."],
    "not-sealed": [
      "Diese Datei ist nicht versiegelt",
      "Sie ist für die Forschung bestimmt, und jeder könnte sie erstellt oder verändert haben. Bitten Sie um ein versiegeltes Bild.",
    ],
    "not-exact": [
      "Dieses Bild ließ sich nicht exakt wiederherstellen",
      "Es wurde nichts gespeichert. Fragen Sie die Person, die das Bild verschlüsselt hat. Waren Sie das selbst, versuchen Sie es mit einem anderen Browser oder dem Kommandozeilenprogramm, und melden Sie bitte das Problem.",
    ],
    "not-kept": [
      "Die Originaldatei lässt sich nicht mitspeichern",
      "Encipher kann dieses Format nicht lesen und daher nicht prüfen, ob Datei und Bild übereinstimmen. Wählen Sie unter Optionen „Das exakte Bild“, oder wandeln Sie die Datei in PNG um.",
    ],
    "bad-argument": ["Ungültige Anfrage", "Laden Sie die Seite neu, und versuchen Sie es noch einmal."],
    canceled: ["Abgebrochen", "Es wurde nichts gespeichert."],
    internal: ["Etwas ist schiefgegangen", "Versuchen Sie es mit weniger oder kleineren Bildern noch einmal. Wenn das nicht hilft, laden Sie die Seite neu."],
  },
  stages: {
    decode: "Wird gelesen …",
    encrypt: "Wird verschlüsselt …",
    decrypt: "Wird entschlüsselt …",
    seal: "Wird versiegelt …",
    open: "Wird geprüft …",
    encode: "Wird gespeichert …",
  },
  text: {
    title: "Encipher: Bilder im Browser verschlüsseln",
    tagline: "Bilder im Browser verschlüsseln",
    language: "Sprache",
    close: "Schließen",
    engine: {
      program: "Wird geladen …",
      model: "Modell wird geladen …",
      ready: (model) => `Bereit · ${model}`,
      failed: "Start fehlgeschlagen",
      failedHint: "Laden Sie die Seite neu. Wenn das nicht hilft, aktualisieren Sie Ihren Browser: Encipher braucht WebAssembly und Modul-Worker.",
      modelHint: "Prüfen Sie die Verbindung, und wählen Sie das Modell noch einmal.",
      network: (profile, fingerprint) => `Netz: ${profile}. Fingerabdruck: ${fingerprint}`,
      slow: "In diesem Browser ist Encipher langsam, weil WebAssembly-SIMD fehlt oder abgeschaltet ist, etwa im Blockierungsmodus. Die Ergebnisse sind dieselben. Schneller geht es mit einer aktuellen Version von Chrome, Edge, Firefox oder Safari.",
      insecure: (missing) =>
        `Diese Verbindung ist nicht sicher: Andere in Ihrem Netzwerk könnten diese Seite verändern. Öffnen Sie sie über HTTPS. Bis dahin sperrt der Browser ${missing}.`,
      missing: { subtle: "das Merken Ihres Schlüssels", picker: "das direkte Speichern als ZIP", offline: "die Offline-Nutzung" },
    },
    offline: { ready: "offline verfügbar" },
    update: {
      title: "Update verfügbar",
      what: "Bis Sie aktualisieren, behält dieser Tab seine Version. Die neue Version startet auch, sobald alle Tabs dieser Seite geschlossen sind.",
      unsaved:
        "Beim Aktualisieren wird die Seite neu geladen. Nicht gespeicherte Bilder und Schlüssel gehen dabei verloren. Speichern Sie sie zuerst, oder leeren Sie die Liste.",
      accept: "Jetzt aktualisieren",
      later: "Später",
    },
    model: {
      label: "Modell",
      sealedTitle: (name) => `Modell „${name}“ entsperren`,
      sealed: "Dieses Modell ist verschlüsselt. Geben Sie seine Passphrase ein oder die age-Identität, für die es verschlüsselt wurde.",
    },
    sealed: {
      secret: "Passphrase oder Identität (AGE-SECRET-KEY-…)",
      wrong: "Diese Passphrase oder Identität passt nicht. Versuchen Sie es noch einmal.",
      open: "Entsperren",
      cancel: "Abbrechen",
    },
    drop: {
      label: "Bilder hinzufügen",
      title: "Bilder oder Ordner hierher ziehen",
      more: "Weitere Bilder oder Ordner hierher ziehen",
      what: "Fotos werden verschlüsselt, verschlüsselte Bilder entschlüsselt. Sie können Bilder auch einfügen.",
      choose: "Bilder auswählen",
      folder: "Ordner auswählen",
      local: "Ihre Bilder bleiben auf diesem Gerät. Nichts wird hochgeladen.",
      files: "Bilddateien",
      folders: "Ordner mit Bildern",
    },
    key: {
      title: "Verschlüsseln und entschlüsseln mit",
      modes: { key: "Schlüssel", passphrase: "Passphrase", recipients: "Empfänger" },
      none: "Erstellen Sie einen Schlüssel, um Bilder zu verschlüsseln, oder öffnen Sie den Schlüssel, mit dem sie verschlüsselt wurden.",
      fresh: "Neuer Schlüssel in diesem Browser erstellt.",
      opened: "Schlüssel geöffnet. Sie können damit ver- und entschlüsseln.",
      remembered: "Schlüssel in diesem Browser gespeichert.",
      saved: "Schlüssel gespeichert. Bewahren Sie eine zweite Kopie an einem sicheren Ort auf.",
      busy: "Der Schlüssel wurde nicht geändert, weil noch Bilder verarbeitet werden.",
      wanted: "Sie brauchen zuerst einen Schlüssel. Erstellen Sie einen neuen, oder öffnen Sie einen vorhandenen.",
      wantedToDecrypt: "Öffnen Sie den Schlüssel, mit dem diese Bilder verschlüsselt wurden.",
      unsaved:
        "Diesen Schlüssel gibt es nur in diesem Tab. Geht er verloren, kann niemand Ihre Bilder wiederherstellen. Speichern Sie ihn jetzt, und bewahren Sie eine Kopie auf.",
      fingerprint: "Fingerabdruck",
      save: "Schlüsseldatei speichern",
      new: "Neuer Schlüssel",
      open: "Datei öffnen",
      file: "Schlüsseldatei",
      paste: "Oder Schlüssel einfügen",
      backup: "Sicherung drucken",
      remember: "Schlüssel in diesem Browser merken",
      rememberLimits: (host) =>
        `Verschlüsselt in diesem Browser gespeichert. Wer dieses Browserprofil benutzen kann, und jede Seite von ${host}, kann den Schlüssel trotzdem lesen.`,
      forget: "Schlüssel vergessen",
      forgotten: "Schlüssel aus diesem Browser entfernt.",
      notRemembered: (reason) => `Der Schlüssel konnte nicht gespeichert werden: ${reason}`,
      sealedFile: "Schlüsseldatei entsperren",
      sealedFileWhat: "Diese Schlüsseldatei ist verschlüsselt. Geben Sie ihre Passphrase ein oder die age-Identität, für die sie verschlüsselt wurde.",
      identityHere: "Identität hinzugefügt. Sie entschlüsselt Bilder, die für sie verschlüsselt wurden.",
    },
    passphrase: {
      field: "Passphrase",
      show: "Anzeigen",
      hide: "Verbergen",
      suggest: "Passphrase vorschlagen",
      suggested: "Sieben zufällige Wörter (90 Bit). Schreiben Sie sie auf.",
      hint: "Wer sie errät, kann Ihre Bilder entschlüsseln. Zufällige Wörter sind stark, Namen und Geburtstage nicht.",
      strength: ["Sehr schwach: sofort zu erraten", "Sehr schwach: in Stunden zu erraten", "Schwach", "Mittel", "Stark"],
      strengthLabel: "Stärke",
      guesses: (power) => `etwa 10^${power} Versuche`,
      wanted: "Geben Sie eine Passphrase ein, oder lassen Sie sich eine vorschlagen.",
      wantedToDecrypt: "Geben Sie die Passphrase ein, mit der diese Bilder verschlüsselt wurden.",
    },
    recipients: {
      field: "Verschlüsseln für (pro Zeile ein Empfänger age1…)",
      identity: "Ihre Identität, zum Entschlüsseln (AGE-SECRET-KEY-…)",
      hint: "Verwenden Sie Empfänger und Identitäten von age-keygen. Nur wer eine passende Identität hat, kann die Bilder entschlüsseln. Um sie selbst zu entschlüsseln, fügen Sie Ihren eigenen Empfänger hinzu.",
      wanted: "Geben Sie mindestens einen Empfänger ein.",
      wantedToDecrypt: "Fügen Sie die Identität ein, für die diese Bilder verschlüsselt wurden.",
    },
    replace: {
      title: "Nicht gespeicherten Schlüssel ersetzen?",
      what: "Der aktuelle Schlüssel wurde nicht gespeichert. Wenn Sie ihn ersetzen, lassen sich damit verschlüsselte Bilder nicht wiederherstellen.",
      keep: "Schlüssel behalten",
      replace: "Schlüssel ersetzen",
    },
    backup: {
      title: "Sicherung des Encipher-Schlüssels",
      what: "Wer dieses Blatt hat, kann Ihre Bilder entschlüsseln. Bewahren Sie es sicher auf. Um den Schlüssel zu verwenden, scannen Sie den Code und fügen den Text auf der Seite ein, oder tippen Sie die Zeile ab.",
      made: (date) => `Gedruckt am ${date}`,
      print: "Drucken",
      save: "Schlüsseldatei speichern",
      code: "QR-Code des Schlüssels",
    },
    options: {
      title: "Optionen",
      purpose: "Verschlüsseltes Bild",
      purposeFile: "Datei, bleibt unverändert (PNG)",
      purposeMessenger: "Foto, für einen Messenger (JPEG)",
      messenger:
        "Die Gegenseite sieht ein verkleinertes Bild ohne Metadaten; eine Datei, die klein genug ist, reist unverändert mit. Der Messenger darf das verschlüsselte Foto komprimieren, aber nicht zuschneiden oder verkleinern.",
      side: "Längste Seite in Pixeln",
      strong: "Dienste, die stärker komprimieren (geringere Qualität)",
      exact: "Beim Entschlüsseln wiederherstellen",
      exactOn: "Das exakte Bild",
      exactFile: "Das exakte Bild und die Originaldatei",
      exactOff: "Das Bild, nur annähernd genau (kleinere Datei)",
      metadata: "Ort, Datum, Kamera, Texte und Farbprofil entfernen",
    },
    list: {
      title: "Bilder",
      overall: "Alle Bilder",
      start: (encrypt, decrypt) =>
        encrypt && decrypt
          ? `${encrypt} verschlüsseln, ${decrypt} entschlüsseln`
          : encrypt
            ? `${plural(encrypt, "Bild", "Bilder")} verschlüsseln`
            : `${plural(decrypt, "Bild", "Bilder")} entschlüsseln`,
      intoZip: "Direkt als ZIP speichern …",
      cancel: "Alle abbrechen",
      saveAll: "Alle als ZIP speichern",
      clear: "Liste leeren",
      waiting: (n) => `${plural(n, "Bild", "Bilder")} bereit`,
      costs: (file, memory) => `Ergebnisse: etwa ${file}.${memory ? ` Benötigt bis zu ${memory} Arbeitsspeicher.` : ""}`,
      heavy: "Das könnte für dieses Gerät zu viel sein. Schließen Sie andere Tabs, oder fügen Sie weniger Bilder auf einmal hinzu.",
      working: (done, total) => `${done} von ${total} fertig`,
      left: (time) => `noch etwa ${time}`,
      done: (done, failed, seconds) =>
        `${[done || !failed ? `${done} fertig` : "", failed ? `${failed} fehlgeschlagen` : ""].filter(Boolean).join(", ")} (${seconds} s)`,
      inZip: (name) => `In ${name} gespeichert`,
      zipFailed: "Die ZIP-Datei konnte nicht gespeichert werden",
      zipFailedHint: "Prüfen Sie den freien Speicherplatz, und versuchen Sie es noch einmal. Fertige Ergebnisse sind noch in der Liste.",
      seconds: (n) => `${n} s`,
      minutes: (n) => `${n} min`,
      empty: "Dieser Ordner ist leer",
      emptyHint: "Wählen Sie einen Ordner mit Bildern.",
    },
    row: {
      reading: "Wird gelesen …",
      waiting: { picture: "Bereit zum Verschlüsseln", cipher: "Bereit zum Entschlüsseln" },
      done: { picture: "Verschlüsselt", cipher: "Entschlüsselt" },
      failed: "Fehlgeschlagen",
      canceled: "Abgebrochen",
      exact: "Exakt wiederhergestellt.",
      approximate: "Annähernd wiederhergestellt: dem Original ähnlich, aber nicht identisch.",
      file: "Originaldatei wiederhergestellt.",
      bare: "Nicht versiegelt: Diese Datei ist für die Forschung bestimmt. Jeder könnte sie erstellt oder verändert haben.",
      bareAsk: "Sie wird übersprungen, wenn Sie sie nicht ausdrücklich öffnen.",
      allow: "Trotzdem öffnen",
      refused: "Übersprungen",
      decoded: (type) => `Von Ihrem Browser umgewandelt (${type}): nur das erste Bild, 8 Bit pro Kanal, ohne Farbprofil und Metadaten.`,
      received: (size, psnr) => `Die Gegenseite sieht ${size} Pixel (PSNR ${psnr}). Senden Sie die Datei als Foto.`,
      wholeFile: "Die Gegenseite erhält die Originaldatei. Senden Sie die verschlüsselte als Foto.",
      inZip: "Im ZIP gespeichert",
      needs: { key: "eine Schlüsseldatei ist nötig", passphrase: "eine Passphrase ist nötig", identity: "eine Identität ist nötig" },
      view: (name) => `${name} ansehen`,
      save: (name) => `${name} speichern`,
      cancel: (name) => `${name} abbrechen`,
      remove: (name) => `${name} aus der Liste entfernen`,
    },
    view: {
      title: (name) => `${name} im Detail`,
      working: "Vergleich wird vorbereitet …",
      left: "Links",
      right: "Rechts",
      divider: "Position der Trennlinie",
      zoom: "Zoom",
      fit: "Einpassen",
      stage: "Vergleich zweier Bilder",
      pictures: {
        plain: "Original",
        bare: "Neuronale Chiffre",
        cipher: "Verschlüsseltes Bild",
        generated: "Generiert",
        recovered: "Wiederhergestellt",
        received: "Empfangen",
      },
      what: {
        plain: "das Bild, wie es gelesen wurde",
        bare: "Ausgabe des Verschlüsselungsgenerators, ungeschützt",
        cipher: "die Datei zum Aufbewahren oder Teilen",
        generated: "Ausgabe des Entschlüsselungsgenerators, vor der exakten Korrektur",
        recovered: "aus dem verschlüsselten Bild entschlüsselt",
        received: "was die Gegenseite sehen wird",
      },
      entropy: "Entropie",
      correlation: "Korrelation",
      psnr: "PSNR",
      ssim: "SSIM",
      size: "Dateigröße",
      dimensions: "Größe in Pixeln",
      bits: "Bit",
      identical: "identisch",
      histogram: (name) => `${name}: Histogramm von Rot, Grün und Blau`,
      scatter: (name) => `${name}: jeder Wert gegen seinen Nachbarn aufgetragen`,
      save: "Für die Forschung speichern",
    },
    notes: {
      protects: "Was Ihre Bilder schützt",
      neural:
        "Die neuronale Chiffre ist experimentell: deterministisch, nur annähernd genau und nicht authentifiziert, und ihre Sicherheit ist nicht bewiesen. Gute Werte machen sie nicht sicher. Vertraulichkeit und Integrität kommen allein von der üblichen authentifizierten Verschlüsselung (XChaCha20-Poly1305).",
      leaks:
        "Ein verschlüsseltes Bild verrät weiterhin, dass es eines ist, seine Abmessungen, seine Dateigröße und das verwendete Modell. Bewahren Sie es als PNG-Datei auf: Umwandeln oder erneutes Komprimieren zerstört es.",
      figures: "Was die Werte bedeuten",
      entropy: "Bit pro Wert: 8, wenn alle Stufen gleich häufig sind.",
      correlation: "Mittlere absolute Korrelation benachbarter Werte: nahe 1 bei Fotos, nahe 0 bei Rauschen.",
      fidelityTerm: "PSNR, SSIM",
      fidelity: "Wie nah das wiederhergestellte Bild dem Original kommt. Höher ist besser; der höchste SSIM-Wert ist 1.",
    },
  },
};

/** @typedef {{ errors: Record<string, string[]>, stages: Record<string, string>, text: typeof english.text }} Messages */

/**
 * The languages of the page, in the order in which they are offered.
 *
 * @type {Record<string, { label: string, messages: Messages }>}
 */
export const languages = { en: { label: "English", messages: english }, de: { label: "Deutsch", messages: german } };

const storageKey = "encipher-language";

/** The current language: the one chosen on an earlier visit, or the browser's first that the page has. */
export let language = preferredLanguage();
export let { errors, stages, text } = languages[language].messages;

function preferredLanguage() {
  const candidates = [];
  try {
    candidates.push(localStorage.getItem(storageKey));
  } catch {
    // Storage is blocked: use the browser's languages on every visit.
  }
  candidates.push(...navigator.languages.map((name) => name.split("-")[0]));
  return candidates.find((name) => name && Object.hasOwn(languages, name)) ?? "en";
}

/**
 * setLanguage changes the language and remembers it. The caller redraws the page.
 *
 * @param {string} name
 */
export function setLanguage(name) {
  language = name;
  ({ errors, stages, text } = languages[name].messages);
  try {
    localStorage.setItem(storageKey, name);
  } catch {
    // Storage is blocked: the choice lasts for this visit.
  }
}

/**
 * formatNumber formats a number in the current language.
 *
 * @param {number} n
 * @param {number} digits after the decimal separator
 */
export function formatNumber(n, digits) {
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(n);
}

/** @type {(path: string | null) => string} */
const lookUp = (path) => (path ?? "").split(".").reduce((/** @type {any} */ at, name) => at[name], text);

/**
 * translate fills in the texts that the HTML refers to.
 *
 * @param {ParentNode} root
 */
export function translate(root = document) {
  document.documentElement.lang = language;
  document.title = text.title;
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = lookUp(element.getAttribute("data-text"));
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", lookUp(element.getAttribute("data-label")));
}
