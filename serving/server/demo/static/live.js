// Which models are live, as the server says, or said when it was last reached.

const OFTEN_MS = 2_000; // while something is missing
const SELDOM_MS = 5_000;

export class LiveModels {
  /** As live.json has them; none before the first answer. */
  models = [];
  /** Whether the server answered the last time. */
  reached = true;
  #changed;
  #reading = null;
  #timer = 0;

  /** `changed` is awaited after each reading, whether or not that brought anything new. */
  constructor(changed) {
    this.#changed = changed;
    document.addEventListener("visibilitychange", () => document.hidden || this.read());
  }

  /** Reads now, and again from time to time. */
  read() {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
      const complete = this.reached && this.models.some((model) => model.version !== null);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => document.hidden || this.read(), complete ? SELDOM_MS : OFTEN_MS);
    });
    return this.#reading;
  }

  async #read() {
    try {
      const response = await fetch("/demo/live.json");
      this.models = (await response.json()).models;
      this.reached = !response.headers.has("x-from-cache");
    } catch {
      this.reached = false;
    }
    await this.#changed();
  }
}
