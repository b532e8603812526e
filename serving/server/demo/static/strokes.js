// Strokes as a person draws them: each a list of points [x, y], in units of the drawing area's width.

/** Width of the pen in the same unit: some 2.4 pixels of the 20 that a digit gets, as most of MNIST's have. */
export const PEN = 0.085;

// A digit drawn small has a pen as wide as a large one, and would be a blot once it is enlarged.
const WIDEST_SHARE = 0.14;

/** The smallest box around all points: {left, top, width, height}; null where there is none. */
export function boundsOf(strokes) {
  const points = strokes.flat();
  if (points.length === 0) {
    return null;
  }
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const least = (values) => values.reduce((a, b) => Math.min(a, b));
  const most = (values) => values.reduce((a, b) => Math.max(a, b));
  return { left: least(xs), top: least(ys), width: most(xs) - least(xs), height: most(ys) - least(ys) };
}

/** The pen's width for a digit of that size; a dot keeps the whole pen. */
export function penFor({ width, height }) {
  const side = Math.max(width, height);
  return side < PEN / 2 ? PEN : Math.min(PEN, WIDEST_SHARE * side);
}

/** Draws the strokes, `scale` pixels to the unit, as smooth lines through the points' midpoints. */
export function trace(context, strokes, scale, pen) {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = pen * scale;
  context.beginPath();
  for (const stroke of strokes) {
    const [[x, y], ...rest] = stroke.map((point) => point.map((value) => value * scale));
    context.moveTo(x, y);
    let [before_x, before_y] = [x, y];
    for (const [next_x, next_y] of rest) {
      context.quadraticCurveTo(before_x, before_y, (before_x + next_x) / 2, (before_y + next_y) / 2);
      [before_x, before_y] = [next_x, next_y];
    }
    context.lineTo(before_x, before_y + 0.01); // a line of no length at all would not be drawn
  }
  context.stroke();
}
