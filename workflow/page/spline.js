// Cubic splines on pictures: from one grid of pixels to another about the same centre, as sarco/base/spline.py does it.

const POLE = Math.sqrt(3) - 2; // of the filter that turns values into the coefficients of the spline through them

/** A picture on another grid, pixel (n - 1) / 2 of the one on that of the other; `outside` is what lies beyond it.
 *
 * Shapes and spacings are [rows, columns]; values and result are Float32Array, row by row. */
export function resample(picture, shapeIn, spacingIn, shapeOut, spacingOut, outside) {
  const [height, width] = shapeIn;
  const coefficients = Float64Array.from(picture);
  for (let row = 0; row < height; row++) filter(coefficients, row * width, 1, width);
  for (let column = 0; column < width; column++) filter(coefficients, column, width, height);
  const along = (axis) => stencil(shapeIn[axis], spacingIn[axis], shapeOut[axis], spacingOut[axis]);
  const [down, across] = [along(0), along(1)];
  const out = new Float32Array(shapeOut[0] * shapeOut[1]).fill(outside);
  const line = new Float64Array(width);
  for (let row = 0; row < shapeOut[0]; row++) {
    if (!down.inside[row]) continue;
    line.fill(0);
    for (let k = 4 * row; k < 4 * row + 4; k++) {
      const [weight, start] = [down.weight[k], down.index[k] * width];
      for (let i = 0; i < width; i++) line[i] += weight * coefficients[start + i];
    }
    for (let column = 0; column < shapeOut[1]; column++) {
      if (!across.inside[column]) continue;
      let sum = 0;
      for (let k = 4 * column; k < 4 * column + 4; k++) sum += across.weight[k] * line[across.index[k]];
      out[row * shapeOut[1] + column] = sum;
    }
  }
  return out;
}

/** Along one axis, for each new pixel: the four old ones about it, their weights, and whether it lies among them. */
function stencil(n, spacingIn, size, spacingOut) {
  const ratio = spacingOut / spacingIn;
  const shift = ((n - 1) / 2 - (ratio * (size - 1)) / 2) / ratio;
  const [index, weight, inside] = [new Int32Array(4 * size), new Float64Array(4 * size), new Uint8Array(size)];
  for (let i = 0; i < size; i++) {
    const place = (i + shift) * ratio;
    inside[i] = place >= 0 && place <= n - 1;
    const [first, t] = [Math.floor(place) - 1, place - Math.floor(place)];
    const middle = [t, 1 - t].map((x) => (x * x * (x - 2) * 3 + 4) / 6);
    const ends = [(1 - t) ** 3 / 6, t ** 3 / 6];
    weight.set([ends[0], ...middle, ends[1]], 4 * i);
    // Beyond its ends the spline goes on as in a mirror, like SciPy's.
    for (let k = 0; k < 4; k++) index[4 * i + k] = Math.min(Math.max(mirrored(first + k, n), 0), n - 1);
  }
  return { index, weight, inside };
}

/** An index beyond the ends of n values, as in a mirror that stands on the last of them. */
function mirrored(index, n) {
  const i = Math.abs(index);
  return i > n - 1 ? 2 * (n - 1) - i : i;
}

/** Turn n values, `step` apart from `start` on, into the coefficients of the cubic spline through them, in place. */
function filter(c, start, step, n) {
  if (n < 2) return;
  const [last, far] = [start + (n - 1) * step, POLE ** (n - 1)];
  let sum = 6 * (c[start] + far * c[last]);
  for (let i = 1, power = POLE; i < n - 1; i++, power *= POLE) {
    sum += 6 * power * (c[start + i * step] + far * c[last - i * step]);
  }
  c[start] = sum / (1 - far * far);
  for (let i = start + step; i <= last; i += step) c[i] = 6 * c[i] + POLE * c[i - step];
  c[last] = ((POLE * c[last - step] + c[last]) * POLE) / (POLE * POLE - 1);
  for (let i = last - step; i >= start; i -= step) c[i] = POLE * (c[i + step] - c[i]);
}
