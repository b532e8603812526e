// The model as the server runs it, asked over REST.
import { FIELD } from "./centring.js";

const TIMEOUT_MS = 10_000;

export class NoServer extends Error {
  constructor() {
    super("The server does not answer.");
  }
}

/** {probabilities, version} for 28 x 28 bytes; `model` as live.json has it. Throws in words that a person can read. */
export async function askServer(model, pixels) {
  const rows = Array.from({ length: FIELD }, (_, y) =>
    Array.from(pixels.subarray(y * FIELD, (y + 1) * FIELD), (level) => [level / 255]),
  );
  const response = await fetch(model.ask, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ instances: [{ [model.input]: rows }] }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => Promise.reject(new NoServer()));
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(`The server refuses: ${answer.error ?? `status ${response.status}`}`);
  }
  const [prediction] = answer.predictions ?? [];
  const probabilities = Array.isArray(prediction) ? prediction : prediction?.probabilities;
  if (!Array.isArray(probabilities)) {
    throw new Error("The server's answer has no probabilities.");
  }
  return { probabilities, version: response.headers.get("x-model-version") };
}
