// The two engines behind the panels: each answers the last drawing, one at a time, and shows what it found.
import { Latest } from "./latest.js";
import { askServer, NoServer } from "./served.js";

export const NO_RELEASE = "There is no release to ask.";

class Engine {
  #panel;
  #queue;
  #drawn = null;
  /** Whether the last drawing got no answer. */
  failed = false;

  constructor(panel) {
    this.#panel = panel;
    this.#queue = new Latest((drawn) => this.#answer(drawn));
  }

  /** Answers 28 x 28 bytes; null clears the panel. */
  ask(drawn) {
    this.#drawn = drawn;
    return this.#queue.ask(drawn);
  }

  /** Answers the last drawing once more, by another model. */
  again() {
    return this.ask(this.#drawn);
  }

  async #answer(drawn) {
    if (!this.isReady) {
      return;
    }
    this.failed = false;
    if (drawn === null) {
      this.#panel.showNothing();
      return;
    }
    const begin = performance.now();
    try {
      const probabilities = await this.probabilities(drawn);
      this.#panel.showAnswer(probabilities, performance.now() - begin);
    } catch (error) {
      this.#panel.showProblem(error.message);
      this.failed = true;
    }
    await new Promise((done) => setTimeout(done)); // the pen comes first
  }
}

/** The TensorFlow.js model in this page. */
export class InPageEngine extends Engine {
  /** What runs; null while nothing does. */
  model = null;
  #panel;

  constructor(panel) {
    super(panel);
    this.#panel = panel;
  }

  get isReady() {
    return this.model !== null;
  }

  /** Runs the model at a URL or a key of IndexedDB from now on; throws, and goes on as before, if it cannot be run. */
  async takeUp(place, origin) {
    const { InPageModel } = await import("./in_page.js");
    const next = await InPageModel.load(place, origin);
    this.drop();
    this.model = next;
    this.#panel.setLabels(origin.labels);
    this.#panel.setBy("TensorFlow.js", `version ${origin.version}${origin.isKept ? ", kept" : ""}`);
    await this.again();
  }

  drop() {
    this.model?.dispose();
    this.model = null;
    this.#panel.setBy("TensorFlow.js", "");
  }

  probabilities(drawn) {
    return this.model.answer(drawn);
  }
}

/** The live model on the server, asked over REST. */
export class ServedEngine extends Engine {
  /** As live.json has it; null while there is none. */
  model = null;
  #panel;
  #reached = true;
  #moved;

  /** `moved` is told when another version answers than was live, or the server does not. */
  constructor(panel, moved) {
    super(panel);
    this.#panel = panel;
    this.#moved = moved;
  }

  get isReady() {
    return this.model !== null && !this.model.problem;
  }

  /** Asks this model from now on, as far as the server is `reached`. */
  async take(model, reached) {
    const before = this.model;
    this.model = model;
    this.#reached = reached;
    if (!this.isReady) {
      this.#panel.showProblem(model?.problem ?? NO_RELEASE);
    } else {
      this.#panel.setLabels(model.labels);
      const isOther = before?.name !== model.name || before.version !== model.version;
      if (isOther) {
        this.#panel.setBy("REST", "");
      }
      if (reached && (isOther || this.failed)) {
        await this.again();
      }
    }
  }

  async probabilities(drawn) {
    if (!this.#reached) {
      throw new NoServer(); // until `take` says otherwise
    }
    try {
      const { probabilities, version } = await askServer(this.model, drawn);
      this.#panel.setBy("REST", `version ${version}`);
      if (version !== this.model.version) {
        this.#moved();
      }
      return probabilities;
    } catch (error) {
      if (error instanceof NoServer) {
        this.#reached = false;
        this.#moved();
      }
      throw error;
    }
  }
}
