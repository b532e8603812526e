// Models kept in this browser's IndexedDB, under keys that say which they are.
import * as tf from "./tfjs.js";

const SCHEME = "indexeddb://";
const PREFIX = "slipline/";

/** {key, name, version, digest, sizeBytes, labels} of each, the newest first. */
export async function keptModels() {
  const found = Object.entries(await tf.io.listModels()).filter(([key]) => key.startsWith(SCHEME + PREFIX));
  found.sort(([, a], [, b]) => b.dateSaved - a.dateSaved);
  return found.map(([key, info]) => {
    const [name, version, digest, labels] = key.slice((SCHEME + PREFIX).length).split("/").map(decodeURIComponent);
    const sizeBytes = info.modelTopologyBytes + info.weightSpecsBytes + info.weightDataBytes;
    return { key, name, version, digest, labels: JSON.parse(labels), sizeBytes };
  });
}

/** Keeps a loaded model, and asks the browser not to clear it away when room gets short. */
export async function keep({ network, origin }) {
  const parts = [origin.name, origin.version, origin.digest, JSON.stringify(origin.labels)];
  await network.save(SCHEME + PREFIX + parts.map(encodeURIComponent).join("/"));
  await navigator.storage?.persist?.();
}

export async function remove(key) {
  await tf.io.removeModel(key);
}
