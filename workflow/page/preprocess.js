// From a slice in HU to what the network sees: sarco/method/preprocess.py, and how a slice lies (sarco/ct/geometry.py).

import { parts } from "./regions.js";
import { resample } from "./spline.js";

/** What the network sees of an upright slice, and where that lies on the network's grid.
 *
 * Returns `tensor`, the crop about the body (Float32Array of `rows` x `columns`, in [0, 1]), whose first pixel is
 * (`top`, `left`) of the grid of `size` x `size`. */
export function toNetwork(imageHu, rows, columns, spacingMm, settings) {
  if (!imageHu.every(Number.isFinite)) throw new Error("the slice holds values that are not finite");
  if (!spacingMm.every((side) => side > 0 && side < Infinity)) {
    throw new Error(`pixel spacing must be positive, not ${spacingMm.join(" x ")}`);
  }
  const { network_size: size, network_spacing_mm: side } = settings;
  const [low, high] = settings.window_hu;
  const clipped = (hu) => Math.min(Math.max(hu, low), high);
  // Clipped first: a spline rings at the edge of metal or air, and neither is of interest.
  let image = imageHu.map(clipped);
  const ratios = spacingMm.map((mm) => side / mm);
  ratios.forEach((ratio, axis) => {
    if (ratio > settings.strong_reduction) image = blur(image, rows, columns, axis, (ratio - 1) / 2);
  });
  image = resample(image, [rows, columns], spacingMm, [size, size], [side, side], low);
  image = image.map((hu) => half(Math.fround(Math.fround(clipped(hu) - low) / (high - low))));
  const box = bodyBox(image, size, settings);
  const tensor = new Float32Array(box.rows * box.columns);
  for (let row = 0; row < box.rows; row++) {
    const start = (box.top + row) * size + box.left;
    tensor.set(image.subarray(start, start + box.columns), row * box.columns);
  }
  return { tensor, ...box, size };
}

/** A value of [0, 1] rounded to the nearest of 16 bits, at a tie to the even. */
function half(value) {
  const step = 2 ** (Math.max(Math.floor(Math.log2(value)), -14) - 10);
  const large = 1.5 * 2 ** 52 * step; // of a number so large, `step` is the last digit
  return value + large - large;
}

/** A picture blurred along one axis (0: down), like SciPy's gaussian_filter with the nearest beyond its edge. */
function blur(picture, rows, columns, axis, sigma) {
  const radius = Math.floor(3 * sigma + 0.5);
  const weight = (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2));
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, weight);
  const total = kernel.reduce((sum, weight) => sum + weight);
  const [n, step] = axis === 0 ? [rows, columns] : [columns, 1];
  const out = new Float32Array(picture.length);
  for (let i = 0; i < picture.length; i++) {
    const at = Math.floor(i / step) % n;
    let sum = 0;
    for (let k = -radius; k <= radius; k++) {
      sum += kernel[k + radius] * picture[i + (Math.min(Math.max(at + k, 0), n - 1) - at) * step];
    }
    out[i] = sum / total;
  }
  return out;
}

/** Window of the network's grid that holds the body, of sides that the network can halve at each pooling. */
function bodyBox(image, n, { body, margin_px: margin, multiple }) {
  const found = parts(Uint8Array.from(image, (value) => value > body), n, n);
  if (!found.length) return { top: 0, left: 0, rows: n, columns: n };
  const largest = found.reduce((most, part) => (part.length > most.length ? part : most));
  const along = [largest.map((i) => Math.floor(i / n)), largest.map((i) => i % n)];
  const [[top, rows], [left, columns]] = along.map((places) => {
    const start = places.reduce((least, place) => Math.min(least, place));
    const stop = 1 + places.reduce((most, place) => Math.max(most, place));
    const wanted = Math.ceil((stop - start + 2 * margin) / multiple) * multiple;
    const length = Math.min(wanted, Math.floor(n / multiple) * multiple);
    return [Math.min(Math.max(Math.floor((start + stop - length) / 2), 0), n - length), length];
  });
  return { top, left, rows, columns };
}

/** A slice with rows running to the patient's back and columns to the left, as the network knows it.
 *
 * `orientation` has the six numbers of ImageOrientationPatient, or is missing where the file does not say.
 * Of the result, pixel i is pixel `from[i]` of the slice as it is stored. */
export function upright({ imageHu, rows, columns, spacingMm, orientation }) {
  const given = orientation?.length === 6;
  let [alongRow, alongColumn] = given ? [orientation.slice(0, 2), orientation.slice(3, 5)] : [[1, 0], [0, 1]];
  const size = ([x, y]) => Math.abs(x) + Math.abs(y);
  const transposed = size([alongRow[0], alongColumn[1]]) < size([alongRow[1], alongColumn[0]]);
  if (transposed) [alongRow, alongColumn] = [alongColumn, alongRow];
  const [height, width] = transposed ? [columns, rows] : [rows, columns];
  const from = Int32Array.from({ length: height * width }, (_, i) => {
    const row = alongColumn[1] < 0 ? height - 1 - Math.floor(i / width) : Math.floor(i / width);
    const column = alongRow[0] < 0 ? width - 1 - (i % width) : i % width;
    return transposed ? column * columns + row : row * columns + column;
  });
  return {
    imageHu: Float32Array.from(from, (i) => imageHu[i]),
    rows: height,
    columns: width,
    spacingMm: transposed ? [spacingMm[1], spacingMm[0]] : spacingMm,
    from,
  };
}
