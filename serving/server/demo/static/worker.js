// The service worker: the page from the server where that answers, else as it was; a model's files never change.

const CACHE = "slipline-demo";
const MODELS = "/demo/models/";
const PATIENCE_MS = 4_000;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const ours = url.origin === self.location.origin && (url.pathname === "/demo" || url.pathname.startsWith("/demo/"));
  if (ours && event.request.method === "GET") {
    event.respondWith(url.pathname.startsWith(MODELS) ? modelFile(url) : newest(url));
  }
});

async function install() {
  const files = await (await fetch("/demo/files.json")).json();
  const cache = await caches.open(CACHE);
  await cache.addAll([...files, "/demo/live.json"]);
  await self.skipWaiting();
}

async function newest(url) {
  const cache = await caches.open(CACHE);
  const key = url.pathname === "/demo/" ? "/demo" : url.pathname;
  try {
    const response = await fetch(url, { cache: "no-cache", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (response.ok) {
      await cache.put(key, response.clone());
    }
    return response;
  } catch (error) {
    const known = await cache.match(key);
    if (known === undefined) {
      throw error;
    }
    const headers = new Headers(known.headers);
    headers.set("x-from-cache", "yes");
    return new Response(known.body, { headers });
  }
}

async function modelFile(url) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(url.pathname);
  if (known !== undefined) {
    return known;
  }
  const response = await fetch(url);
  if (response.ok) {
    await cache.put(url.pathname, response.clone());
    await forgetOthers(cache);
  }
  return response;
}

/** Drops the files of models that are no longer live. */
async function forgetOthers(cache) {
  const live = await (await cache.match("/demo/live.json"))?.json();
  const wanted = new Set(live?.models.flatMap((model) => model.files));
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (live !== undefined && pathname.startsWith(MODELS) && !wanted.has(pathname)) {
      await cache.delete(request);
    }
  }
}
