// The key that this browser remembers, if it was asked to.
//
// It lies in IndexedDB, encrypted by AES-GCM under a WebCrypto key that scripts
// can use and not read. That keeps its text out of the files of the browser profile,
// and no more: every script of the page's origin can have it decrypted, as this one
// does, and so can whoever can use the browser profile.

const name = "encipher";
const store = "keys";

// Secure contexts alone have WebCrypto.
export const available = Boolean(globalThis.crypto?.subtle && globalThis.indexedDB);

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function within(mode, act) {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(store);
  const database = await settled(opening);
  try {
    const transaction = database.transaction(store, mode);
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
    const result = await settled(act(transaction.objectStore(store)));
    await done;
    return result;
  } finally {
    database.close();
  }
}

// remember keeps the text of a key in place of the one before.
export async function remember(text) {
  const wrapping = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, wrapping, new TextEncoder().encode(text));
  await within("readwrite", (keys) => keys.put({ wrapping, iv, sealed }, "key"));
}

// recall gives the text of the key, or null where there is none.
export async function recall() {
  const kept = await within("readonly", (keys) => keys.get("key"));
  if (!kept) return null;
  const { wrapping, iv, sealed } = kept;
  return new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, wrapping, sealed));
}

export function forget() {
  return within("readwrite", (keys) => keys.delete("key"));
}
