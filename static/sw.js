// The service worker, which lets the page work offline.
//
// The site writes the build into this file, so the file changes with every change
// of the page, the wasm or a model. A service worker stores its complete build
// before it becomes active, and becomes active when no page of the build before
// is open, or when a page asks for it. Files of a build have its version in their
// URLs, and builds of open pages are kept, so that each page gets all files from
// one build.
//
// It answers only GET requests for the files of the site and sends no data.
"use strict";

const scope = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const build = __BUILD__;
const root = new URL("./", location.href).href;
/** @param {string} path */
const urlOf = (path) => new URL(path, root).href;

// The names contain the site's root, because several sites can share an origin.
/** @param {string} version */
const shellName = (version) => `encipher shell ${root} ${version}`;
const modelsName = `encipher models ${root}`;

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(Promise.all([scope.clients.claim(), deleteOld()])));

async function install() {
  const shell = await caches.open(shellName(build.version));
  await Promise.all(build.shell.map((path) => fetchInto(shell, path)));
  // The site may have been updated after this file was fetched.
  const page = await (await shell.match(root))?.text();
  if (build.shell.length > 1 && !page?.includes(`v/${build.version}/`)) throw new Error("the page is of another build");
  const known = await storedModelNames();
  await Promise.all(build.models.filter(({ name }, i) => i === 0 || known.has(name)).map(storeModel));
}

/**
 * fetchInto stores one file in a cache. Files with a version in their URL may come
 * from the HTTP cache, where the page has just put them.
 *
 * @param {Cache} cache
 * @param {string} path
 */
async function fetchInto(cache, path) {
  const url = urlOf(path);
  const response = await fetch(url, { cache: /^(v|models)\//.test(path) ? "default" : "no-cache" });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  await cache.put(url, response);
}

// storedModelNames returns the names of the stored models, of any build.
async function storedModelNames() {
  const requests = await (await caches.open(modelsName)).keys();
  return new Set(requests.map(({ url }) => decodeURIComponent(url.slice(urlOf("models/").length).split("/")[0])));
}

/** @param {BuildModel} model */
async function storeModel({ folder, files }) {
  const cache = await caches.open(modelsName);
  await Promise.all(files.map(async (file) => (await cache.match(urlOf(folder + file))) ?? fetchInto(cache, folder + file)));
}

/**
 * isStored reports whether the page works offline with a model.
 *
 * @param {string} name
 */
async function isStored(name) {
  /** @type {(cacheName: string, paths: string[]) => Promise<boolean>} */
  const has = async (cacheName, paths) => {
    const found = await Promise.all(paths.map((path) => caches.match(urlOf(path), { cacheName })));
    return found.every(Boolean);
  };
  const entry = build.models.find((m) => m.name === name) ?? build.models[0];
  if (!(await has(shellName(build.version), build.shell))) return false;
  return (
    !entry ||
    has(
      modelsName,
      entry.files.map((file) => entry.folder + file),
    )
  );
}

// deleteOld deletes builds that no open page uses, and models of other builds. A
// page holds a lock named after its folder while it is open.
async function deleteOld() {
  const { held = [] } = await navigator.locks.query();
  const used = new Set(held.map((lock) => lock.name));
  const prefix = shellName("");
  const old = (await caches.keys()).filter((name) => {
    const version = name.slice(prefix.length);
    return name.startsWith(prefix) && version !== build.version && !used.has(`encipher ${urlOf(`v/${version}/`)}`);
  });
  // A build that waits to become active is newer than this one.
  if (scope.registration.waiting || scope.registration.installing) return;
  await Promise.all(old.map((name) => caches.delete(name)));
  const cache = await caches.open(modelsName);
  const current = build.models.map(({ folder }) => urlOf(folder));
  for (const { url } of await cache.keys()) {
    if (!current.some((folder) => url.startsWith(folder))) await cache.delete(url);
  }
}

scope.addEventListener("message", (event) => {
  const { type, name } = event.data;
  if (type === "accept") event.waitUntil(scope.skipWaiting());
  if (type === "store-model") event.waitUntil(answerStoreModel(event.ports[0], name));
});

/**
 * answerStoreModel stores a model of this build, and answers whether the page
 * works offline with it.
 *
 * @param {MessagePort} port
 * @param {string} name
 */
async function answerStoreModel(port, name) {
  try {
    const entry = build.models.find((m) => m.name === name);
    if (entry) await storeModel(entry);
    port.postMessage(await isStored(name));
    await deleteOld();
  } catch {
    port.postMessage(false); // offline, for example
  }
}

scope.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method !== "GET" || !url.startsWith(root)) return;
  const [path] = url.slice(root.length).split(/[?#]/);
  const version = /^v\/([^/]+)\//.exec(path)?.[1];
  if (event.request.mode === "navigate") {
    if (path === "" || path === "index.html") event.respondWith(cacheFirst(shellName(build.version), root, event.request));
  } else if (path === "models/index.json") {
    event.respondWith(Response.json({ models: build.models }));
  } else if (version) {
    event.respondWith(cacheFirst(shellName(version), urlOf(path), event.request));
  } else if (path === "manifest.webmanifest") {
    event.respondWith(cacheFirst(shellName(build.version), urlOf(path), event.request));
  } else if (/^models\/[^/]+\/[^/]+\//.test(path)) {
    event.respondWith(modelFile(path, event.request));
  }
});

/**
 * cacheFirst returns a file from a cache, or else from the server.
 *
 * @param {string} cacheName
 * @param {string} url
 * @param {Request} request
 */
async function cacheFirst(cacheName, url, request) {
  return (await caches.match(url, { cacheName, ignoreVary: true })) ?? fetch(request);
}

/**
 * modelFile returns a file of a model, and stores it if it comes from the server,
 * so that a model that was chosen once works offline.
 *
 * @param {string} path
 * @param {Request} request
 */
async function modelFile(path, request) {
  const cached = await caches.match(urlOf(path), { cacheName: modelsName, ignoreVary: true });
  if (cached) return cached;
  const response = await fetch(request);
  if (response.ok && build.models.some(({ folder }) => path.startsWith(folder))) {
    const cache = await caches.open(modelsName);
    await cache.put(urlOf(path), response.clone());
  }
  return response;
}
