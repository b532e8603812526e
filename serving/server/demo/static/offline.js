// Has the service worker keep the page and the model, so that both come up without the server.

const CONTROL_MS = 5_000;

/** Returns once the worker sees what this page fetches; throws, in words, where a browser allows none. */
export async function prepare() {
  if (!("serviceWorker" in navigator)) {
    throw new Error("Browsers keep a page for use without its server only over HTTPS, or on the server's own machine.");
  }
  await navigator.serviceWorker.register("/demo/worker.js", { scope: "/demo" });
  await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) {
    await new Promise((done) => {
      navigator.serviceWorker.addEventListener("controllerchange", done, { once: true });
      setTimeout(done, CONTROL_MS);
    });
  }
}

const stored = new Set();

/** Fetches a model's files, which the page may have loaded before the worker was there, once more through it. */
export async function keepFiles(urls) {
  for (const url of urls.filter((each) => !stored.has(each))) {
    const response = await fetch(url);
    if (!response.ok) {
      throw new Error(`The model cannot be stored in this browser: ${url} has status ${response.status}.`);
    }
    await response.arrayBuffer();
    stored.add(url);
  }
}
