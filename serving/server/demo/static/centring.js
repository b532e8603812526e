// Makes a picture as MNIST's were made. Yann LeCun, Corinna Cortes, Christopher Burges, "The MNIST database of
// handwritten digits": "size normalized to fit in a 20x20 pixel box while preserving their aspect ratio. The resulting
// images contain grey levels as a result of the anti-aliasing [...]. The images were centered in a 28x28 image by
// computing the center of mass of the pixels, and translating the image so as to position this point at the center of
// the 28x28 field."

export const FIELD = 28;
export const BOX = 20;
const CENTRE = 14; // of the pixels counted from 0: the centres of mass of MNIST's own lie from 13.5 to 14.5

/**
 * The picture as MNIST has it, or null where there is no ink.
 *
 * @param ink {values, width, height}: 0..1 for black to bright, row by row.
 * @returns Uint8Array of 28 x 28, row by row: 0 for black, 255 for bright.
 */
export function centred(ink) {
  const box = boxOf(ink);
  if (box === null) {
    return null;
  }
  const scale = BOX / Math.max(box.width, box.height);
  const width = Math.max(1, Math.round(box.width * scale));
  const height = Math.max(1, Math.round(box.height * scale));
  const small = averaged(ink, box, width, height);
  const left = start(massCentre(small, width, height, (x) => x), width);
  const top = start(massCentre(small, width, height, (x, y) => y), height);
  const field = new Uint8Array(FIELD * FIELD);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      field[(top + y) * FIELD + left + x] = Math.round(255 * small[y * width + x]);
    }
  }
  return field;
}

/** The smallest box that holds all ink. */
function boxOf({ values, width, height }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (values[y * width + x] > 0) {
        [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
      }
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** The box in `width` x `height` pixels, each the mean of the area that it covers. */
function averaged({ values, width: stride }, box, width, height) {
  const [columns, rows] = [shares(box.width, width), shares(box.height, height)];
  const small = new Float32Array(width * height);
  rows.forEach((of_row, y) => {
    columns.forEach((of_column, x) => {
      let sum = 0;
      for (const [row, high] of of_row) {
        for (const [column, wide] of of_column) {
          sum += values[(box.top + row) * stride + box.left + column] * high * wide;
        }
      }
      small[y * width + x] = sum;
    });
  });
  return small;
}

/** For each of `to` equal parts of a line of `from` pixels: pairs of a pixel and its share of that part. */
function shares(from, to) {
  const length = from / to;
  return Array.from({ length: to }, (_, part) => {
    const [begin, end] = [part * length, (part + 1) * length];
    const found = [];
    for (let pixel = Math.floor(begin); pixel < Math.min(end, from); pixel++) {
      found.push([pixel, (Math.min(pixel + 1, end) - Math.max(pixel, begin)) / length]);
    }
    return found;
  });
}

function massCentre(small, width, height, coordinate) {
  let [mass, moment] = [0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      mass += small[y * width + x];
      moment += small[y * width + x] * coordinate(x, y);
    }
  }
  return moment / mass;
}

/** Where the picture begins, so that its centre of mass is in the middle as far as it stays whole. */
function start(centre, length) {
  return Math.min(Math.max(Math.round(CENTRE - centre), 0), FIELD - length);
}
