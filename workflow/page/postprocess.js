// From the network's probability to the muscle: sarco/method/postprocess.py, and the one front door, `segment`.

import { aboutArea, composition, corrected, labelMap, measured } from "./measure.js";
import { levelOf } from "./level.js";
import { run } from "./network.js";
import { toNetwork, upright } from "./preprocess.js";
import { parts } from "./sides.js";
import { resample } from "./spline.js";

/** Find the muscle in one slice, and every tissue, as `sarco segment --quick --tissues` does.
 *
 * `slice` has `imageHu` (Float32Array, row by row), `rows`, `columns`, `spacingMm` ([between rows, between columns])
 * and, where its file says it, `orientation` (ImageOrientationPatient); `session` comes from `loadNetwork`, `settings`
 * from export.py. The maps of the result lie on the slice's own grid; its numbers have the names of the command. */
export async function segment(slice, session, settings) {
  const { imageHu, rows, columns, spacingMm, from } = upright(slice);
  const { network_size: size, network_spacing_mm: side } = settings;
  const outputs = await run(session, toNetwork(imageHu, rows, columns, spacingMm, settings));
  const toNative = (grid) => resample(grid, [size, size], [side, side], [rows, columns], spacingMm, 0);
  const probability = toNative(outputs.muscle);
  const mask = postprocess(probability, imageHu, rows, columns, settings);
  const tissues = labelMap(outputs.shares, toNative, mask, imageHu, rows, columns, spacingMm, settings);
  const muscle = composition(mask, imageHu, rows, columns, spacingMm, settings);
  const known = corrected(muscle.area_cm2, settings.correction);
  const apart = parts(tissues, columns, spacingMm, settings.tissues);
  const asStored = (values) => {
    const stored = new values.constructor(values.length);
    from.forEach((place, i) => (stored[place] = values[i]));
    return stored;
  };
  return {
    mask: asStored(mask),
    probability: asStored(probability),
    tissues: asStored(tissues),
    ...muscle,
    ...known,
    level: levelOf(outputs.shares, settings),
    parts: measured(apart, imageHu, rows, columns, spacingMm, settings),
    warnings: [...settings.warnings, ...aboutArea(muscle, known, settings.correction)],
  };
}

/** The final mask (Uint8Array of 0 and 1): what is over the level, dilated, and cut at the HU window of muscle. */
export function postprocess(probability, imageHu, rows, columns, { level, muscle_hu }) {
  return windowed(dilate(threshold(probability, level), rows, columns), imageHu, muscle_hu);
}

/** The pixels whose probability is over the level: one at the level is not kept. */
export function threshold(probability, level) {
  if (probability.some(Number.isNaN)) throw new Error("probability holds NaN");
  return Uint8Array.from(probability, (value) => value > level);
}

/** A mask and the four neighbours of each of its pixels. */
export function dilate(mask, rows, columns) {
  const dilated = mask.slice();
  mask.forEach((inside, i) => {
    if (!inside) return;
    const column = i % columns;
    if (i >= columns) dilated[i - columns] = 1;
    if (i < (rows - 1) * columns) dilated[i + columns] = 1;
    if (column > 0) dilated[i - 1] = 1;
    if (column < columns - 1) dilated[i + 1] = 1;
  });
  return dilated;
}

/** A mask cut at a window of HU, both of whose ends are kept. */
export function windowed(mask, imageHu, [low, high]) {
  return mask.map((inside, i) => inside && imageHu[i] >= low && imageHu[i] <= high);
}
