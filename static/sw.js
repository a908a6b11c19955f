// The service worker: with it the page works without its server.
//
// The site writes into this file which build it belongs to, so that it changes
// whenever the page, the wasm or a model does. It stores its build as a whole
// before it becomes active, and it becomes active when no page of the build before
// is open any more, or when a page asks for it. A page gets every file from the
// build that it began with: files of a build have its version in their URLs, and
// the builds of open pages are kept.
//
// It answers GETs for the files of the site only, and sends nothing anywhere.
"use strict";

const build = __BUILD__; // {version, shell: [URL], models: [as in models/index.json]}
const root = new URL("./", self.location).href;
const at = (path) => new URL(path, root).href;

// Several sites can share an origin, and with it the names of caches.
const shellName = (version) => `encipher shell ${root} ${version}`;
const modelsName = `encipher models ${root}`;

self.addEventListener("install", (event) => event.waitUntil(store()));
self.addEventListener("activate", (event) => event.waitUntil(Promise.all([self.clients.claim(), tidy()])));

async function store() {
  const shell = await caches.open(shellName(build.version));
  await Promise.all(build.shell.map((path) => add(shell, path)));
  // Between the fetch of this file and that of the page another build may have come.
  const page = await (await shell.match(root)).text();
  if (build.shell.length > 1 && !page.includes(`v/${build.version}/`)) throw new Error("the page is of another build");
  const known = await names();
  await Promise.all(build.models.filter(({ name }, i) => i === 0 || known.has(name)).map(keep));
}

// add stores one file. What has a version in its URL may come from the browser's
// own cache, where the page has just put it.
async function add(cache, path) {
  const url = at(path);
  const response = await fetch(url, { cache: /^(v|models)\//.test(path) ? "default" : "no-cache" });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  await cache.put(url, response);
}

// names are those of the models that are stored, of whatever build.
async function names() {
  const requests = await (await caches.open(modelsName)).keys();
  return new Set(requests.map(({ url }) => decodeURIComponent(url.slice(at("models/").length).split("/")[0])));
}

async function keep({ folder, files }) {
  const cache = await caches.open(modelsName);
  await Promise.all(files.map(async (file) => (await cache.match(at(folder + file))) ?? add(cache, folder + file)));
}

// stored says whether the page and the model of a name work without the server.
async function stored(name) {
  const has = async (cacheName, paths) => {
    const found = await Promise.all(paths.map((path) => caches.match(at(path), { cacheName })));
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

// tidy drops builds that no page uses, and models that no build has. A page holds
// a lock in the name of its folder as long as it is open.
async function tidy() {
  const { held } = await self.navigator.locks.query();
  const used = new Set(held.map((lock) => lock.name));
  const prefix = shellName("");
  const old = (await caches.keys()).filter((name) => {
    const version = name.slice(prefix.length);
    return name.startsWith(prefix) && version !== build.version && !used.has(`encipher ${at(`v/${version}/`)}`);
  });
  // What waits to become active is not old.
  if (self.registration.waiting || self.registration.installing) return;
  await Promise.all(old.map((name) => caches.delete(name)));
  const cache = await caches.open(modelsName);
  const current = build.models.map(({ folder }) => at(folder));
  for (const { url } of await cache.keys()) {
    if (!current.some((folder) => url.startsWith(folder))) await cache.delete(url);
  }
}

self.addEventListener("message", (event) => {
  const { type, name } = event.data;
  if (type === "accept") event.waitUntil(self.skipWaiting());
  if (type === "keep") event.waitUntil(answer(event.ports[0], name));
});

// answer stores a model, if it is one of the build, and says whether the page
// works with it without the server.
async function answer(port, name) {
  try {
    const entry = build.models.find((m) => m.name === name);
    if (entry) await keep(entry);
    port.postMessage(await stored(name));
    await tidy();
  } catch {
    port.postMessage(false); // without the server, for instance
  }
}

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method !== "GET" || !url.startsWith(root)) return;
  const [path] = url.slice(root.length).split(/[?#]/);
  const version = /^v\/([^/]+)\//.exec(path)?.[1];
  if (event.request.mode === "navigate") {
    if (path === "" || path === "index.html") event.respondWith(first(shellName(build.version), root, event.request));
  } else if (path === "models/index.json") {
    event.respondWith(Response.json({ models: build.models }));
  } else if (version) {
    event.respondWith(first(shellName(version), at(path), event.request));
  } else if (path === "manifest.webmanifest") {
    event.respondWith(first(shellName(build.version), at(path), event.request));
  } else if (/^models\/[^/]+\/[^/]+\//.test(path)) {
    event.respondWith(modelFile(path, event.request));
  }
});

// first gives a file from a cache, or else from the server.
async function first(cacheName, url, request) {
  return (await caches.match(url, { cacheName, ignoreVary: true })) ?? fetch(request);
}

// modelFile gives a file of a model, and stores what comes from the server: whoever
// has chosen a model once has it from then on.
async function modelFile(path, request) {
  const cached = await caches.match(at(path), { cacheName: modelsName, ignoreVary: true });
  if (cached) return cached;
  const response = await fetch(request);
  if (response.ok && build.models.some(({ folder }) => path.startsWith(folder))) {
    const cache = await caches.open(modelsName);
    await cache.put(at(path), response.clone());
  }
  return response;
}
