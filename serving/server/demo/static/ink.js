// The strokes as a picture: bright on black, no larger than it need be.
import { boundsOf, penFor, trace } from "./strokes.js";

const SIDE = 200; // pixels of the longer side: ten for each that the model sees of it

const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });

/** {values, width, height}, the values in 0..1, row by row; null where nothing is drawn. */
export function inkOf(strokes) {
  const bounds = boundsOf(strokes);
  if (bounds === null) {
    return null;
  }
  const pen = penFor(bounds);
  const scale = SIDE / (Math.max(bounds.width, bounds.height) + pen);
  canvas.width = Math.ceil((bounds.width + pen) * scale) + 2;
  canvas.height = Math.ceil((bounds.height + pen) * scale) + 2;
  context.translate(1 - (bounds.left - pen / 2) * scale, 1 - (bounds.top - pen / 2) * scale);
  trace(context, strokes, scale, pen);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  const values = Float32Array.from({ length: width * height }, (_, at) => data[4 * at + 3] / 255); // the ink's cover
  return { values, width, height };
}
