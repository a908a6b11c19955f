// Every text that the page sets by itself. What went wrong in detail, and what
// to do, comes with the error from the wasm.

export const errors = {
  "bad-picture": "This is not a picture that can be read",
  "too-large": "This picture is too large",
  "not-a-cipher": "There is no cipher in this file",
  "wrong-key": "This is not the key of this picture",
  changed: "This file was changed",
  "other-model": "Another model made this cipher image",
  "unsupported-version": "A newer Encipher made this cipher image",
  "bad-key": "This is not a usable key",
  "bad-model": "The model cannot be used",
  "not-exact": "This picture cannot be recovered exactly here",
  "bad-argument": "The program cannot take this",
  canceled: "Canceled",
  internal: "Something went wrong in the program",
};

export const stages = {
  decode: "Reading the picture",
  encrypt: "Encrypting",
  decrypt: "Decrypting",
  seal: "Sealing",
  open: "Checking the seal",
  encode: "Writing the file",
};

export const text = {
  loadingProgram: "Loading the program",
  loadingModel: "Loading the model",
  ready: (model) => `Ready · ${model}`,
  network: (profile, fingerprint) => `${profile} network, fingerprint ${fingerprint}`,
  unavailable: "Not available",
  unavailableHint: "Reload the page. If that does not help, this browser may lack WebAssembly or module workers: try a current one.",
  modelHint: "See whether the server that this page came from still runs, and choose the model again.",
  engine: {
    ended: "The program ended unexpectedly.",
    endedHint: "The picture may need more memory than this browser gives. Try a smaller one.",
    unloaded: "The worker could not be loaded.",
  },
  reading: "Reading",
  chooseAnother: "Choose another",
  key: {
    none: "Make a key to encrypt, or open the one that a picture was encrypted with.",
    fresh: "A new key, made in this browser.",
    opened: "Opened from a key file.",
    saved: "Saved. Keep a copy in a second place.",
    busy: "The key was not changed, because a picture was being worked on.",
    wanted: "A key is needed first: make a new one, or open the one the picture was encrypted with.",
    wantedToDecrypt: "Open the key this picture was encrypted with.",
  },
  source: {
    picture: (size) => `A picture: ${size}`,
    cipher: (size) => `A cipher image: ${size}`,
    onlyFirst: (n) => `${n} files came; the first picture was taken.`,
  },
  encrypted: (seconds) => `Encrypted in ${seconds} s. Save the cipher image, and the key.`,
  decrypted: (seconds) => `Decrypted in ${seconds} s. Every pixel is as it was.`,
  decryptedApproximately: (seconds) => `Decrypted in ${seconds} s. The picture is close to the original, not equal to it.`,
  canceled: "Canceled. Nothing was written.",
  equal: "identical",
  measuring: "measuring…",
  tile: (done, total) => `part ${done} of ${total}`,
};
