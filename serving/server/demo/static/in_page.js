// The TensorFlow.js model that runs in this page.
import * as tf from "./tfjs.js";
import { FIELD } from "./centring.js";

export class InPageModel {
  /** `origin`: {name, version, digest, labels}, and whether it is `kept`. */
  constructor(network, origin) {
    this.network = network;
    this.origin = origin;
  }

  /** The model at a URL, or under a key of IndexedDB; throws if it is none for these pictures. */
  static async load(place, origin) {
    await tf.ready();
    const network = await tf.loadLayersModel(place);
    const model = new InPageModel(network, origin);
    try {
      const first = await model.answer(new Uint8Array(FIELD * FIELD)); // also the slow first run
      if (first.length !== origin.labels.length) {
        throw new Error(`it tells ${first.length} classes apart, and ${origin.labels.length} were announced`);
      }
    } catch (error) {
      network.dispose();
      throw error;
    }
    return model;
  }

  /** The probability of each class, given 28 x 28 bytes. */
  async answer(pixels) {
    const output = tf.tidy(() => {
      const scaled = Float32Array.from(pixels, (level) => level / 255);
      return this.network.predict(tf.tensor(scaled, [1, FIELD, FIELD, 1]));
    });
    try {
      return [...(await output.data())];
    } finally {
      output.dispose();
    }
  }

  dispose() {
    this.network.dispose();
  }
}
