// The key that the user asked this browser to remember.
//
// It is stored in IndexedDB, encrypted with AES-GCM under a non-extractable
// WebCrypto key. This keeps the key's text out of the files of the browser
// profile and does no more: every script of the page's origin, and everyone who
// can use the browser profile, can have it decrypted as this module does.

const databaseName = "encipher";
const storeName = "keys";

/** Whether a key can be stored. WebCrypto needs a secure context. */
export const available = Boolean(globalThis.crypto?.subtle && globalThis.indexedDB);

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * transact makes one request to the object store and waits until its transaction is complete.
 *
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} request
 */
async function transact(mode, request) {
  const opening = indexedDB.open(databaseName, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(storeName);
  const database = await settled(opening);
  try {
    const transaction = database.transaction(storeName, mode);
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
    const result = await settled(request(transaction.objectStore(storeName)));
    await done;
    return result;
  } finally {
    database.close();
  }
}

/**
 * remember stores the text of a key and replaces the one stored before.
 *
 * @param {string} text
 */
export async function remember(text) {
  const wrapping = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, wrapping, new TextEncoder().encode(text));
  await transact("readwrite", (keys) => keys.put({ wrapping, iv, sealed }, "key"));
}

/**
 * recall returns the text of the stored key, or null if there is none.
 *
 * @returns {Promise<string | null>}
 */
export async function recall() {
  const stored = await transact("readonly", (keys) => keys.get("key"));
  if (!stored) return null;
  /** @type {{ wrapping: CryptoKey, iv: Uint8Array<ArrayBuffer>, sealed: ArrayBuffer }} */
  const { wrapping, iv, sealed } = stored;
  return new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, wrapping, sealed));
}

export function forget() {
  return transact("readwrite", (keys) => keys.delete("key"));
}
