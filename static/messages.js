// Every text of the page, in each of its languages, and which one is in use.
//
// index.html names texts by their path (data-text="drop.title"); fill() puts
// them there. What went wrong in detail comes with the error from the wasm, in
// English.

const plural = (n, one, many) => `${n} ${n === 1 ? one : many}`;

const english = {
  errors: {
    "bad-picture": ["This is not a picture that can be read", "Choose a PNG, JPEG, GIF, BMP, TIFF or WebP picture, or fetch the file again."],
    "unsupported-picture": ["This kind of picture is not supported", "Convert it to PNG with an image editor, and add that file."],
    "too-large": ["This picture is too large", "Make it smaller first; the native program takes larger ones than the page."],
    "not-a-cipher": ["There is no cipher in this file", "Ask for the file as it was written, sent as a file or document and not as a picture."],
    "wrong-key": ["This is not the key of this picture", "Use the key, passphrase or identity that it was encrypted for."],
    changed: ["This file was changed", "Fetch it again from where it was first saved; nothing can be recovered from this copy."],
    "other-model": ["Another model made this cipher image", "Choose the model that it was encrypted with, above."],
    "unsupported-version": ["A newer Encipher made this cipher image", "Reload the page, or get the newer version."],
    "bad-key": ["This cannot be used as a key", "Compare it with the original, or copy all of it again."],
    "bad-model": ["The model cannot be used", "Choose another model."],
    "not-sealed": ["Nothing seals this file", "It was made in the research mode, and anybody can have made or changed it. Ask for a sealed cipher image."],
    "not-exact": [
      "What is in this file cannot be proven to be the original",
      "Nothing was kept of it. Ask who encrypted it; if that was you, try another browser or the native program, and please report this.",
    ],
    "not-kept": [
      "The file itself cannot be kept",
      "Only this browser can decode it, so nothing could prove later that it is the picture. Choose “The picture, every sample” under Options, or convert it to PNG first.",
    ],
    "bad-argument": ["The program cannot take this", "Reload the page and try again."],
    canceled: ["Canceled", "Nothing was written."],
    internal: ["Something went wrong in the program", "Try again, with fewer or smaller pictures. If that does not help, reload the page."],
  },
  stages: {
    decode: "Reading",
    encrypt: "Encrypting",
    decrypt: "Decrypting",
    seal: "Sealing",
    open: "Checking the seal",
    encode: "Writing",
  },
  text: {
    title: "Encipher: pictures sealed in your browser",
    tagline: "Pictures, sealed in your browser",
    language: "Language",
    close: "Close",
    engine: {
      program: "Loading the program",
      model: "Loading the model",
      ready: (model) => `Ready · ${model}`,
      failed: "Not available",
      failedHint: "Reload the page. If that does not help, this browser may lack WebAssembly or module workers: try a current one.",
      modelHint: "See whether the server that this page came from still runs, and choose the model again.",
      network: (profile, fingerprint) => `${profile} network, fingerprint ${fingerprint}`,
      slow: "This browser has no WebAssembly vector instructions (SIMD), or they are switched off, as in a lockdown mode. Everything works and gives the same files, but takes many times as long. A current Chrome, Edge, Firefox or Safari has them.",
      insecure: (missing) =>
        `This page was not opened over HTTPS or from this machine, so the browser withholds ${missing}. Pictures are encrypted and decrypted all the same, but whoever is on the network can change what this page does. Open it over HTTPS.`,
      missing: { subtle: "the store that remembers a key", picker: "writing a ZIP straight to disk", offline: "working offline" },
    },
    offline: { ready: "works offline" },
    update: {
      title: "A new version of this page is ready",
      what: "This tab keeps its version until you change, offline too. The new one takes its place by itself once every tab of this page is closed.",
      unsaved: "There are pictures or a key here that would be lost, as changing reloads the page. Save them or clear the list first.",
      accept: "Change now",
      later: "Later",
    },
    model: {
      label: "Model",
      sealedTitle: (name) => `The model ${name} is sealed`,
      sealed: "It opens with the passphrase or the age identity that it was sealed for.",
    },
    sealed: {
      secret: "Passphrase or identity (AGE-SECRET-KEY-…)",
      wrong: "That does not open it. Type it again, or try another.",
      open: "Open it",
      cancel: "Cancel",
    },
    drop: {
      label: "Add pictures",
      title: "Drop pictures or folders here",
      more: "Drop more pictures or folders",
      what: "Photos to encrypt, cipher images to get back: each is recognised by itself. You can also paste.",
      choose: "Choose pictures",
      folder: "Choose a folder",
      local: "They stay on this device: nothing is uploaded.",
      files: "Picture files",
      folders: "Folder of pictures",
    },
    key: {
      title: "Lock and unlock with",
      modes: { key: "Key", passphrase: "Passphrase", recipients: "Recipients" },
      none: "Make a key to encrypt, or open the one that a picture was encrypted with.",
      fresh: "A new key, made in this browser.",
      opened: "Opened. It locks new pictures and unlocks its own.",
      remembered: "Remembered by this browser.",
      saved: "Saved. Keep a copy in a second place.",
      busy: "The key was not changed, because pictures were being worked on.",
      wanted: "A key is needed first: make a new one, or open one.",
      wantedToDecrypt: "Open the key that these pictures were encrypted with.",
      unsaved: "This key exists only in this tab. Without it the pictures are lost: nobody can bring them back. Save it now and keep a copy.",
      fingerprint: "Fingerprint",
      save: "Save key file",
      new: "New key",
      open: "Open key file",
      file: "Key file",
      paste: "Or paste its text",
      backup: "Print a backup",
      remember: "Remember it in this browser",
      rememberLimits: (host) =>
        `It lies encrypted in this browser's storage. That does not protect it from anyone who can use this browser profile, nor from any page of ${host}, this one changed or another: all of them can read it.`,
      forget: "Forget it",
      forgotten: "This browser no longer has the key.",
      notRemembered: (why) => `The key could not be remembered: ${why}`,
      sealedFile: "This key file is sealed",
      sealedFileWhat: "It opens with the passphrase or the age identity that it was sealed for.",
      identityHere: "An identity was pasted: it unlocks what was encrypted for its recipient.",
    },
    passphrase: {
      field: "Passphrase",
      show: "Show",
      hide: "Hide",
      propose: "Propose one",
      proposed: "Seven words picked at random, 90 bits. Write them down.",
      hint: "Anyone who guesses it opens the pictures. Words picked at random hold; names and dates do not.",
      strength: ["Guessed at once", "Guessed in hours", "Weak", "Fair", "Strong"],
      strengthLabel: "Strength",
      guesses: (power) => `about 10^${power} guesses`,
      wanted: "Type a passphrase, or let one be proposed.",
      wantedToDecrypt: "Type the passphrase that these pictures were encrypted with.",
    },
    recipients: {
      field: "Encrypt for (age1…, one a line)",
      identity: "Your identity, to decrypt (AGE-SECRET-KEY-…)",
      hint: "Recipients and identities are those of age, as age-keygen makes them. Whoever has an identity of a recipient opens the pictures; you do not, unless you are one.",
      wanted: "Name at least one recipient.",
      wantedToDecrypt: "Paste the identity that these pictures were encrypted for.",
    },
    replace: {
      title: "The key in use was not saved",
      what: "Pictures encrypted with it cannot be recovered once it is replaced.",
      keep: "Keep it",
      replace: "Replace it",
    },
    backup: {
      title: "Encipher key",
      what: "Whoever has this opens the pictures that the key locked. Keep the sheet where others cannot see it. To use it, scan or type the line below and paste it into the page.",
      made: (date) => `Printed on ${date}`,
      print: "Print",
      save: "Save key file",
      code: "QR code of the key",
    },
    options: {
      title: "Options",
      exact: "What comes back",
      exactOn: "The picture, every sample",
      exactFile: "The file itself, byte by byte",
      exactOff: "About the picture, in a smaller file",
      metadata: "Leave out place, date, camera, texts and color profile",
    },
    list: {
      title: "Pictures",
      overall: "All pictures",
      start: (encrypt, decrypt) =>
        encrypt && decrypt
          ? `Encrypt ${encrypt}, decrypt ${decrypt}`
          : encrypt
            ? `Encrypt ${plural(encrypt, "picture", "pictures")}`
            : `Decrypt ${plural(decrypt, "picture", "pictures")}`,
      intoZip: "… into a ZIP",
      cancel: "Cancel all",
      saveAll: "Save all as ZIP",
      clear: "Clear the list",
      waiting: (n) => `${plural(n, "picture", "pictures")} ready`,
      costs: (file, memory) => `Results: about ${file}${memory ? `, with up to ${memory} of memory while it works` : ""}.`,
      heavy: "That is much for this device: close other tabs, or work on fewer at a time.",
      working: (done, total) => `${done} of ${total} done`,
      left: (time) => `about ${time} left`,
      done: (done, failed, seconds) => `${plural(done, "picture", "pictures")} done in ${seconds} s${failed ? `, ${failed} not` : ""}`,
      inZip: (name) => `Written to ${name}`,
      zipFailed: "The ZIP could not be written",
      zipFailedHint: "See whether the disk has room, and start again. Results that were finished are kept in the list.",
      seconds: (n) => `${n} s`,
      minutes: (n) => `${n} min`,
      empty: "There is no file in that folder",
      emptyHint: "Choose a folder with pictures.",
    },
    row: {
      reading: "Reading",
      waiting: { picture: "To encrypt", cipher: "To decrypt" },
      working: "Working",
      done: { picture: "Encrypted", cipher: "Decrypted" },
      failed: "Failed",
      canceled: "Canceled",
      exact: "Every sample is as it was.",
      approximate: "Close to the original, not equal to it.",
      file: "The original file, byte by byte; it holds the picture that was sealed.",
      bare: "Made in the research mode: nothing protects this picture, and nothing proves who made it or that it is unchanged.",
      bareAsk: "It is left out until you choose to open it.",
      allow: "Open this file without proof",
      refused: "Left out",
      foreign: (type) => `Decoded by this browser (${type}), not by Encipher: the first image, 8 bits a sample, without colour profile and EXIF.`,
      inZip: "In the ZIP",
      needs: { key: "needs its key", passphrase: "needs its passphrase", identity: "needs an identity" },
      look: (name) => `Look at ${name}`,
      save: (name) => `Save ${name}`,
      cancel: (name) => `Cancel ${name}`,
      remove: (name) => `Remove ${name} from the list`,
    },
    view: {
      title: (name) => `What happens to ${name}`,
      working: "Working out what there is to see…",
      left: "Left",
      right: "Right",
      divider: "How much of the left picture shows",
      zoom: "Zoom",
      fit: "Fit",
      stage: "Comparison, scrolls when enlarged",
      pictures: { plain: "Original", bare: "Generator output", cipher: "Cipher image", recovered: "Recovered" },
      what: {
        plain: "as it was read",
        bare: "neural transform, no protection",
        cipher: "the file to keep or send",
        recovered: "decrypted from the cipher image",
      },
      entropy: "Entropy",
      correlation: "Correlation",
      psnr: "PSNR",
      ssim: "SSIM",
      size: "File",
      bits: "bits",
      identical: "identical",
      histogram: (name) => `${name}: how often each level of red, green and blue occurs`,
      scatter: (name) => `${name}: each sample against its neighbour`,
      histogramLabel: "Levels",
      scatterLabel: "Neighbours",
      save: "Save for study",
      none: "No preview",
    },
    notes: {
      protects: "What protects the picture",
      neural:
        "The neural transform is experimental: deterministic, approximate, unauthenticated, not proven secure; its statistical scores are descriptive. Confidentiality and integrity come only from the standard authenticated encryption around it (XChaCha20-Poly1305).",
      leaks:
        "A cipher image still shows its dimensions, its size, the model it was made with and that it is one. Keep it as a PNG file: anything that converts or recompresses it destroys it.",
      figures: "What the figures say",
      entropy: "bits a sample; 8 when every level is equally frequent.",
      correlation: "between neighbouring samples, mean of its absolute values; near 1 in photos, near 0 in noise.",
      fidelityTerm: "PSNR, SSIM",
      fidelity: "how close the recovered picture is to the original; higher is closer, SSIM ends at 1.",
    },
  },
};

const german = {
  errors: {
    "bad-picture": ["Das ist kein lesbares Bild", "Ein PNG-, JPEG-, GIF-, BMP-, TIFF- oder WebP-Bild wählen oder die Datei neu holen."],
    "unsupported-picture": ["Diese Art von Bild wird nicht unterstützt", "Mit einem Bildprogramm in PNG umwandeln und diese Datei hinzufügen."],
    "too-large": ["Dieses Bild ist zu groß", "Vorher verkleinern; das Programm außerhalb des Browsers nimmt größere Bilder."],
    "not-a-cipher": [
      "In dieser Datei ist nichts Verschlüsseltes",
      "Um die Datei bitten, wie sie geschrieben wurde: als Datei oder Dokument gesendet, nicht als Bild.",
    ],
    "wrong-key": ["Das ist nicht der Schlüssel dieses Bildes", "Schlüssel, Passphrase oder Identität nehmen, für die es verschlüsselt wurde."],
    changed: ["Diese Datei wurde verändert", "Neu holen, wo sie zuerst gespeichert wurde; aus dieser Kopie ist nichts wiederherzustellen."],
    "other-model": ["Dieses Chiffrebild stammt von einem anderen Modell", "Oben das Modell wählen, mit dem es verschlüsselt wurde."],
    "unsupported-version": ["Dieses Chiffrebild stammt von einem neueren Encipher", "Die Seite neu laden oder die neuere Version holen."],
    "bad-key": ["Das ist als Schlüssel nicht zu gebrauchen", "Mit dem Original vergleichen oder alles noch einmal kopieren."],
    "bad-model": ["Das Modell ist nicht zu gebrauchen", "Ein anderes Modell wählen."],
    "not-sealed": [
      "Diese Datei ist nicht versiegelt",
      "Sie entstand im Forschungsmodus, und jeder kann sie gemacht oder verändert haben. Um ein versiegeltes Chiffrebild bitten.",
    ],
    "not-exact": [
      "Der Inhalt dieser Datei ist nicht als Original zu beweisen",
      "Davon wurde nichts behalten. Nachfragen, wer sie verschlüsselt hat; waren Sie es selbst, einen anderen Browser oder das Programm versuchen, und bitte melden.",
    ],
    "not-kept": [
      "Die Datei selbst lässt sich nicht aufheben",
      "Nur dieser Browser kann sie dekodieren; später könnte nichts beweisen, dass sie das Bild ist. Unter Einstellungen „Das Bild, jeder Bildpunkt“ wählen oder sie vorher in PNG umwandeln.",
    ],
    "bad-argument": ["Damit kann das Programm nichts anfangen", "Die Seite neu laden und noch einmal versuchen."],
    canceled: ["Abgebrochen", "Es wurde nichts geschrieben."],
    internal: ["Im Programm ging etwas schief", "Noch einmal versuchen, mit weniger oder kleineren Bildern. Hilft das nicht, die Seite neu laden."],
  },
  stages: {
    decode: "Liest",
    encrypt: "Verschlüsselt",
    decrypt: "Entschlüsselt",
    seal: "Versiegelt",
    open: "Prüft das Siegel",
    encode: "Schreibt",
  },
  text: {
    title: "Encipher: Bilder, im Browser versiegelt",
    tagline: "Bilder, im Browser versiegelt",
    language: "Sprache",
    close: "Schließen",
    engine: {
      program: "Lädt das Programm",
      model: "Lädt das Modell",
      ready: (model) => `Bereit · ${model}`,
      failed: "Nicht verfügbar",
      failedHint: "Die Seite neu laden. Hilft das nicht, fehlen diesem Browser vielleicht WebAssembly oder Modul-Worker: einen aktuellen versuchen.",
      modelHint: "Nachsehen, ob der Server dieser Seite noch läuft, und das Modell noch einmal wählen.",
      network: (profile, fingerprint) => `Netz ${profile}, Fingerabdruck ${fingerprint}`,
      slow: "Diesem Browser fehlen die Vektorbefehle von WebAssembly (SIMD), oder sie sind abgeschaltet, wie im Blockierungsmodus. Alles geht und gibt dieselben Dateien, dauert aber ein Vielfaches. Aktuelle Chrome, Edge, Firefox und Safari haben sie.",
      insecure: (missing) =>
        `Diese Seite kam nicht über HTTPS und nicht von diesem Gerät, darum verweigert der Browser ${missing}. Bilder werden trotzdem ver- und entschlüsselt, aber wer im Netz sitzt, kann verändern, was diese Seite tut. Über HTTPS öffnen.`,
      missing: {
        subtle: "den Speicher, der einen Schlüssel merkt",
        picker: "das Schreiben eines ZIP direkt auf die Platte",
        offline: "das Arbeiten ohne Netz",
      },
    },
    offline: { ready: "geht auch offline" },
    update: {
      title: "Eine neue Version dieser Seite ist bereit",
      what: "Dieser Tab behält seine Version, auch offline, bis Sie wechseln. Sind alle Tabs dieser Seite geschlossen, kommt die neue von selbst an ihre Stelle.",
      unsaved: "Hier sind Bilder oder ein Schlüssel, die verloren gingen, weil der Wechsel die Seite neu lädt. Erst speichern oder die Liste leeren.",
      accept: "Jetzt wechseln",
      later: "Später",
    },
    model: {
      label: "Modell",
      sealedTitle: (name) => `Das Modell ${name} ist versiegelt`,
      sealed: "Es öffnet sich mit der Passphrase oder der age-Identität, für die es versiegelt wurde.",
    },
    sealed: {
      secret: "Passphrase oder Identität (AGE-SECRET-KEY-…)",
      wrong: "Damit öffnet es sich nicht. Noch einmal eingeben oder etwas anderes versuchen.",
      open: "Öffnen",
      cancel: "Abbrechen",
    },
    drop: {
      label: "Bilder hinzufügen",
      title: "Bilder oder Ordner hierher ziehen",
      more: "Weitere Bilder oder Ordner hierher ziehen",
      what: "Fotos zum Verschlüsseln, Chiffrebilder zum Entschlüsseln: die Seite erkennt sie selbst. Einfügen geht auch.",
      choose: "Bilder wählen",
      folder: "Ordner wählen",
      local: "Sie bleiben auf diesem Gerät: nichts wird hochgeladen.",
      files: "Bilddateien",
      folders: "Ordner mit Bildern",
    },
    key: {
      title: "Auf- und zuschließen mit",
      modes: { key: "Schlüssel", passphrase: "Passphrase", recipients: "Empfängern" },
      none: "Zum Verschlüsseln einen Schlüssel erzeugen oder den öffnen, mit dem ein Bild verschlüsselt wurde.",
      fresh: "Ein neuer Schlüssel, in diesem Browser erzeugt.",
      opened: "Geöffnet. Er schließt neue Bilder zu und seine eigenen auf.",
      remembered: "Dieser Browser hat ihn gemerkt.",
      saved: "Gespeichert. Eine Kopie an einem zweiten Ort aufheben.",
      busy: "Der Schlüssel blieb, weil gerade an Bildern gearbeitet wurde.",
      wanted: "Zuerst braucht es einen Schlüssel: einen neuen erzeugen oder einen öffnen.",
      wantedToDecrypt: "Den Schlüssel öffnen, mit dem diese Bilder verschlüsselt wurden.",
      unsaved:
        "Diesen Schlüssel gibt es nur in diesem Tab. Ohne ihn sind die Bilder verloren: niemand kann sie zurückholen. Jetzt speichern und eine Kopie aufheben.",
      fingerprint: "Fingerabdruck",
      save: "Schlüsseldatei speichern",
      new: "Neuer Schlüssel",
      open: "Datei öffnen",
      file: "Schlüsseldatei",
      paste: "Oder den Text einfügen",
      backup: "Sicherung drucken",
      remember: "In diesem Browser merken",
      rememberLimits: (host) =>
        `Er liegt verschlüsselt im Speicher dieses Browsers. Das schützt weder vor jemandem, der dieses Browserprofil benutzen kann, noch vor irgendeiner Seite von ${host}, dieser, wenn sie verändert wird, oder einer anderen: alle können ihn lesen.`,
      forget: "Vergessen",
      forgotten: "Dieser Browser hat den Schlüssel nicht mehr.",
      notRemembered: (why) => `Der Schlüssel konnte nicht gemerkt werden: ${why}`,
      sealedFile: "Diese Schlüsseldatei ist versiegelt",
      sealedFileWhat: "Sie öffnet sich mit der Passphrase oder der age-Identität, für die sie versiegelt wurde.",
      identityHere: "Eine Identität wurde eingefügt: sie öffnet, was für ihren Empfänger verschlüsselt wurde.",
    },
    passphrase: {
      field: "Passphrase",
      show: "Zeigen",
      hide: "Verbergen",
      propose: "Vorschlagen",
      proposed: "Sieben zufällig gezogene Wörter, 90 Bit. Aufschreiben.",
      hint: "Wer sie errät, öffnet die Bilder. Zufällig gezogene Wörter halten stand; Namen und Daten nicht.",
      strength: ["Sofort erraten", "In Stunden erraten", "Schwach", "Mäßig", "Stark"],
      strengthLabel: "Stärke",
      guesses: (power) => `etwa 10^${power} Versuche`,
      wanted: "Eine Passphrase eingeben oder vorschlagen lassen.",
      wantedToDecrypt: "Die Passphrase eingeben, mit der diese Bilder verschlüsselt wurden.",
    },
    recipients: {
      field: "Verschlüsseln für (age1…, je Zeile einer)",
      identity: "Eigene Identität, zum Entschlüsseln (AGE-SECRET-KEY-…)",
      hint: "Empfänger und Identitäten sind die von age, wie age-keygen sie erzeugt. Wer die Identität eines Empfängers hat, öffnet die Bilder; sonst niemand, auch nicht, wer sie verschlüsselt.",
      wanted: "Mindestens einen Empfänger nennen.",
      wantedToDecrypt: "Die Identität einfügen, für die diese Bilder verschlüsselt wurden.",
    },
    replace: {
      title: "Der jetzige Schlüssel wurde nicht gespeichert",
      what: "Bilder, die mit ihm verschlüsselt wurden, sind nicht wiederherzustellen, sobald er ersetzt ist.",
      keep: "Behalten",
      replace: "Ersetzen",
    },
    backup: {
      title: "Encipher-Schlüssel",
      what: "Wer dies hat, öffnet die Bilder, die der Schlüssel zugeschlossen hat. Das Blatt dort aufheben, wo andere es nicht sehen. Zum Gebrauch die Zeile scannen oder abtippen und auf der Seite einfügen.",
      made: (date) => `Gedruckt am ${date}`,
      print: "Drucken",
      save: "Schlüsseldatei speichern",
      code: "QR-Code des Schlüssels",
    },
    options: {
      title: "Einstellungen",
      exact: "Was zurückkommt",
      exactOn: "Das Bild, jeder Bildpunkt",
      exactFile: "Die Datei selbst, Byte für Byte",
      exactOff: "Ungefähr das Bild, in einer kleineren Datei",
      metadata: "Ort, Datum, Kamera, Texte und Farbprofil weglassen",
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
      intoZip: "… in ein ZIP",
      cancel: "Alle abbrechen",
      saveAll: "Alle als ZIP speichern",
      clear: "Liste leeren",
      waiting: (n) => `${plural(n, "Bild", "Bilder")} bereit`,
      costs: (file, memory) => `Ergebnisse: etwa ${file}${memory ? `, dabei bis zu ${memory} Speicher` : ""}.`,
      heavy: "Das ist viel für dieses Gerät: andere Tabs schließen oder weniger auf einmal nehmen.",
      working: (done, total) => `${done} von ${total} fertig`,
      left: (time) => `noch etwa ${time}`,
      done: (done, failed, seconds) => `${plural(done, "Bild", "Bilder")} fertig in ${seconds} s${failed ? `, ${failed} nicht` : ""}`,
      inZip: (name) => `In ${name} geschrieben`,
      zipFailed: "Das ZIP konnte nicht geschrieben werden",
      zipFailedHint: "Nachsehen, ob die Platte Platz hat, und noch einmal beginnen. Fertige Ergebnisse bleiben in der Liste.",
      seconds: (n) => `${n} s`,
      minutes: (n) => `${n} min`,
      empty: "In diesem Ordner ist keine Datei",
      emptyHint: "Einen Ordner mit Bildern wählen.",
    },
    row: {
      reading: "Liest",
      waiting: { picture: "Zu verschlüsseln", cipher: "Zu entschlüsseln" },
      working: "Arbeitet",
      done: { picture: "Verschlüsselt", cipher: "Entschlüsselt" },
      failed: "Fehlgeschlagen",
      canceled: "Abgebrochen",
      exact: "Jeder Bildpunkt ist, wie er war.",
      approximate: "Dem Original nah, nicht gleich.",
      file: "Die ursprüngliche Datei, Byte für Byte; sie enthält das versiegelte Bild.",
      bare: "Im Forschungsmodus entstanden: nichts schützt dieses Bild, und nichts beweist, wer es gemacht hat oder dass es unverändert ist.",
      bareAsk: "Es wird ausgelassen, bis Sie es öffnen wollen.",
      allow: "Diese Datei ohne Beweis öffnen",
      refused: "Ausgelassen",
      foreign: (type) => `Von diesem Browser dekodiert (${type}), nicht von Encipher: das erste Bild, 8 Bit je Wert, ohne Farbprofil und EXIF.`,
      inZip: "Im ZIP",
      needs: { key: "braucht seinen Schlüssel", passphrase: "braucht seine Passphrase", identity: "braucht eine Identität" },
      look: (name) => `${name} ansehen`,
      save: (name) => `${name} speichern`,
      cancel: (name) => `${name} abbrechen`,
      remove: (name) => `${name} aus der Liste nehmen`,
    },
    view: {
      title: (name) => `Was mit ${name} geschieht`,
      working: "Stellt zusammen, was es zu sehen gibt…",
      left: "Links",
      right: "Rechts",
      divider: "Wie viel vom linken Bild zu sehen ist",
      zoom: "Größe",
      fit: "Ganz",
      stage: "Vergleich, vergrößert zum Verschieben",
      pictures: { plain: "Original", bare: "Ausgabe des Generators", cipher: "Chiffrebild", recovered: "Wiederhergestellt" },
      what: {
        plain: "wie es gelesen wurde",
        bare: "neuronale Umformung, ohne Schutz",
        cipher: "die Datei zum Aufheben oder Senden",
        recovered: "aus dem Chiffrebild entschlüsselt",
      },
      entropy: "Entropie",
      correlation: "Korrelation",
      psnr: "PSNR",
      ssim: "SSIM",
      size: "Datei",
      bits: "Bit",
      identical: "gleich",
      histogram: (name) => `${name}: wie oft jede Stufe von Rot, Grün und Blau vorkommt`,
      scatter: (name) => `${name}: jeder Wert gegen seinen Nachbarn`,
      histogramLabel: "Stufen",
      scatterLabel: "Nachbarn",
      save: "Zur Untersuchung speichern",
      none: "Keine Vorschau",
    },
    notes: {
      protects: "Was das Bild schützt",
      neural:
        "Die neuronale Umformung ist ein Experiment: deterministisch, ungenau, ohne Echtheitsprüfung, nicht als sicher bewiesen; ihre statistischen Werte beschreiben nur. Vertraulichkeit und Unversehrtheit kommen allein von der üblichen authentifizierten Verschlüsselung darum herum (XChaCha20-Poly1305).",
      leaks:
        "Ein Chiffrebild zeigt weiterhin seine Maße, seine Größe, das Modell, mit dem es entstand, und dass es eines ist. Als PNG-Datei aufheben: alles, was es umwandelt oder neu komprimiert, zerstört es.",
      figures: "Was die Zahlen sagen",
      entropy: "Bit je Wert; 8, wenn jede Stufe gleich oft vorkommt.",
      correlation: "zwischen benachbarten Werten, Mittel der Beträge; nahe 1 in Fotos, nahe 0 im Rauschen.",
      fidelityTerm: "PSNR, SSIM",
      fidelity: "wie nah das wiederhergestellte Bild dem Original ist; höher ist näher, SSIM endet bei 1.",
    },
  },
};

// languages are offered in this order.
export const languages = { en: ["English", english], de: ["Deutsch", german] };

const stored = "encipher-language"; // name in localStorage

// The language in use: the one chosen here before, or the first of the browser's
// that there is.
export let language = chosen();
export let { errors, stages, text } = languages[language][1];

function chosen() {
  const wanted = [];
  try {
    wanted.push(localStorage.getItem(stored));
  } catch {
    // A browser without storage asks the browser's languages each time.
  }
  wanted.push(...navigator.languages.map((name) => name.split("-")[0]));
  return wanted.find((name) => Object.hasOwn(languages, name)) ?? "en";
}

// use changes the language. Who shows texts draws them anew.
export function use(name) {
  language = name;
  ({ errors, stages, text } = languages[name][1]);
  try {
    localStorage.setItem(stored, name);
  } catch {
    // It holds for this visit.
  }
}

const find = (path) => path.split(".").reduce((at, name) => at[name], text);

// fill puts the texts of the page where its HTML names them.
export function fill(root = document) {
  document.documentElement.lang = language;
  document.title = text.title;
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = find(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", find(element.dataset.label));
}
