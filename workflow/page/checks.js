// What about a slice may mislead whoever reads its numbers: sarco/slice_tool/checks.py, whose reasons hold here.

import { upright } from "./preprocess.js";
import { dilateDisc, erodeDisc, fill, maskOf, parts } from "./regions.js";
import { limits, say } from "./sentences.js";
import { format } from "./words.js";

const AIR = limits.dicom.AIR_HU;
const LIMITS = limits.checks;
const [DENSE_MM, SOFT_MM] = [3, 3.5]; // by which a body is eroded, and dilated again

/** Sentences about a slice, as `readSlice` gives it, and its muscle: a mask on the same grid, or null. */
export function check(slice, mask) {
  const { facts } = slice;
  const turned = upright({ ...slice, orientation: facts.orientation });
  const muscle = new Uint8Array(turned.from.length);
  if (mask) turned.from.forEach((place, i) => (muscle[i] = mask[place]));
  const picture = thinned(turned, muscle);
  const ends = endsOf(picture);
  const low = ends[0];
  const bodies = bodiesOf({ ...picture, image: withAir(picture, low) });
  const axes = finite(facts.orientation);
  return [
    ...aboutWindow(ends),
    ...(low === null ? aboutHounsfield(picture, bodies) : []),
    ...(ends.every((end) => end === null) ? aboutSteps(picture) : []),
    ...(low === null || low < LIMITS.BODY_HU ? aboutField(picture, bodies) : []),
    ...aboutOtherBodies(picture, bodies),
    ...aboutTrunk(picture, bodies),
    ...aboutSize(turned, slice.spacingMm, facts),
    ...aboutOrientation(axes.length === 6 ? along(axes) : []),
    ...aboutTilt(axes, finite(facts.gantryTiltDeg)),
    ...finite(facts.sliceThicknessMm).slice(0, 1).filter((mm) => mm > LIMITS.THICK_MM + 0.01)
      .map((mm) => say.theSliceIsMm(mm, LIMITS.THICK_MM)),
  ];
}

/** Every n-th pixel of an upright slice and its muscle, where its pixels are small. */
function thinned({ imageHu, rows, columns, spacingMm }, muscle) {
  const fine = LIMITS.FINE_MM;
  const steps = spacingMm.map((side) => Math.max(1, Math.round((fine - (fine % side)) / side)));
  const [height, width] = [Math.ceil(rows / steps[0]), Math.ceil(columns / steps[1])];
  const [image, mask] = [new Float32Array(height * width), new Uint8Array(height * width)];
  for (let i = 0; i < image.length; i++) {
    const place = Math.floor(i / width) * steps[0] * columns + (i % width) * steps[1];
    image[i] = imageHu[place];
    mask[i] = muscle[place];
  }
  return edged({ image, mask, rows: height, columns: width, spacingMm: spacingMm.map((side, i) => side * steps[i]) });
}

/** A picture with the distance of each pixel from the edge of the field: a circle where the corners are empty. */
function edged(picture) {
  const { image, rows, columns } = picture;
  const [circle, rectangle] = [new Float64Array(image.length), new Float64Array(image.length)];
  let [corners, densest] = [0, -Infinity];
  for (let i = 0; i < image.length; i++) {
    const y = Math.floor(i / columns);
    const x = i % columns;
    circle[i] = Math.min(rows, columns) / 2 - Math.sqrt((y - (rows - 1) / 2) ** 2 + (x - (columns - 1) / 2) ** 2);
    rectangle[i] = Math.min(y, rows - 1 - y, x, columns - 1 - x);
    if (circle[i] >= 0) continue;
    corners += 1;
    densest = Math.max(densest, image[i]);
  }
  return { ...picture, inside: corners && densest <= -1000 ? circle : rectangle };
}

/** The slice, with air for what a window that begins above `BODY_HU` left at its low end. */
function withAir({ image, rows, columns, spacingMm }, low) {
  if (low === null || low < LIMITS.BODY_HU || low >= LIMITS.FAT_HU) return image;
  const smooth = blurred(image, rows, columns, spacingMm.map((side) => 1.5 / side));
  return image.map((hu, i) => (smooth[i] > low + 10 ? Math.max(hu, LIMITS.BODY_HU + 1) : AIR));
}

/** The two largest soft parts that hang together, the largest first, gas within them included. */
function bodiesOf({ image, rows, columns, spacingMm }) {
  const dense = Uint8Array.from(image, (hu) => hu > LIMITS.BODY_HU);
  const core = parts(erodeDisc(dense, rows, columns, DENSE_MM, spacingMm), rows, columns);
  return core.sort((one, other) => other.length - one.length).slice(0, 2).map((part) => {
    const grown = dilateDisc(maskOf(part, dense.length), rows, columns, SOFT_MM, spacingMm);
    return fill(grown.map((inside, i) => inside & dense[i]), rows, columns);
  });
}

/** A picture blurred by SD in pixels, down and across, as SciPy's gaussian_filter does. */
function blurred(image, rows, columns, sigmas) {
  [[rows, columns], [columns, 1]].forEach(([n, step], axis) => {
    const radius = Math.floor(4 * sigmas[axis] + 0.5);
    const weights = Float64Array.from({ length: radius + 1 }, (_, k) => Math.exp((-0.5 / sigmas[axis] ** 2) * k ** 2));
    const total = weights.reduce((sum, weight) => sum + 2 * weight, 0) - 1;
    const mirror = (at) => (at %= 2 * n, at < 0 ? at + 2 * n : at);
    const places = Array.from({ length: n + 2 * radius }, (_, i) => mirror(i - radius));
    const folded = Int32Array.from(places, (place) => Math.min(place, 2 * n - 1 - place));
    const smooth = new Float32Array(image.length);
    for (let i = 0; i < image.length; i++) {
      const at = Math.floor(i / step) % n;
      const [start, middle] = [i - at * step, at + radius];
      let sum = image[i] * weights[0];
      for (let k = radius; k > 0; k--) {
        sum += (image[start + folded[middle - k] * step] + image[start + folded[middle + k] * step]) * weights[k];
      }
      smooth[i] = sum / total;
    }
    image = smooth;
  });
  return image;
}

/** The value below which such a share of some lies, between neighbours by a line. */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const [low, high] = [Math.floor(at), Math.ceil(at)].map((i) => sorted[i]);
  const past = at - Math.floor(at); // from the nearer of the two, as NumPy does: so it is one where they are the same
  return past < 0.5 ? low + (high - low) * past : high - (high - low) * (1 - past);
}

/** How many of a picture's pixels, or of some list, are so. */
function count(values, is) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) if (is(values[i], i)) sum += 1;
  return sum;
}

/** Area of a mask. */
function areaCm2(mask, [rowMm, columnMm]) {
  return (count(mask, (inside) => inside) * rowMm * columnMm) / 100;
}

/** Values of the header if all are finite; none otherwise. */
function finite(values) {
  return values?.every(Number.isFinite) ? values : [];
}

// --- values -----------------------------------------------------------------------------------------

/** Lowest and highest value, each where many pixels stand at it as at the end of a window, or null. */
function endsOf({ image, inside }) {
  const values = image.filter((_, i) => inside[i] >= 0);
  const [low, high] = [quantile(values, 0.01), values.reduce((most, hu) => Math.max(most, hu), -Infinity)];
  const share = (is) => count(values, is) / values.length;
  const clipped = low > LIMITS.AIR_HU && share((hu) => Math.abs(hu - low) <= 2) > LIMITS.LOW_END_SHARE;
  const within = LIMITS.AIR_HU < high && high < LIMITS.BONE_HU;
  return [clipped ? low : null, within && share((hu) => hu === high) > LIMITS.HIGH_END_SHARE ? high : null];
}

/** A slice that went through a display window. */
function aboutWindow(ends) {
  const stops = ends.filter((end) => end !== null).map((end) => `${format(end, ".0f")} HU`);
  return stops.length ? [say.theValuesStopAt(stops.join(" and "))] : [];
}

/** Air, fat and muscle against what they measure in Hounsfield units. */
function aboutHounsfield({ image, mask, inside, rows, columns }, bodies) {
  const measured = [];
  const air = image.filter((hu, i) => hu < LIMITS.AIR_HU && hu > 2 * AIR && inside[i] >= 0 && hu !== AIR);
  if (air.length > LIMITS.AIR_SHARE * image.length) measured.push(["air", quantile(air, 0.25), LIMITS.AIR_MEASURES_HU]);
  for (const body of bodies.slice(0, 1)) {
    const fat = blurred(image, rows, columns, [1, 1]).filter((hu, i) => body[i] && hu > -300 && hu < -30);
    if (fat.length <= LIMITS.FAT_SHARE * count(body, (inside) => inside)) continue;
    const counts = new Int32Array(27);
    fat.forEach((hu) => (counts[Math.floor((hu + 300) / 10)] += 1));
    measured.push(["fat", counts.indexOf(Math.max(...counts)) * 10 - 295, LIMITS.FAT_MEASURES_HU]);
  }
  const muscle = image.filter((_, i) => mask[i]);
  const mean = muscle.reduce((sum, hu) => sum + hu, 0) / muscle.length;
  if (muscle.length) measured.push(["muscle", mean, LIMITS.MUSCLE_MEASURES_HU]);
  const wrong = measured.filter(([, value, [low, high]]) => !(low <= value && value <= high));
  const told = wrong.map(([what, value]) => `${what} ${format(value, ".0f")} HU`);
  return told.length ? [say.measuredHereAirHas(told.join(", "))] : [];
}

/** Values that were rounded. */
function aboutSteps({ image }) {
  const even = (hu) => (Math.abs(hu % 1) === 0.5 ? 2 * Math.round(hu / 2) : Math.round(hu)); // at a half to the even
  const levels = [...new Set(image.filter((hu) => hu >= -200 && hu < 200).map(even))].sort((one, other) => one - other);
  const steps = levels.slice(1).map((level, i) => level - levels[i]);
  const step = quantile(steps, 0.5);
  return steps.length >= LIMITS.LEVELS && step > LIMITS.STEP_HU ? [say.theValuesWereRounded(step)] : [];
}

// --- the body in its field ----------------------------------------------------------------------------

/** A body that the field of view cuts. */
function aboutField({ inside, spacingMm }, bodies) {
  return bodies.slice(0, 1).flatMap((body) => {
    const touching = count(body, (is, i) => is && inside[i] >= 0 && inside[i] < LIMITS.RIM_PX);
    const contactMm = (touching / LIMITS.RIM_PX) * Math.sqrt(spacingMm[0] * spacingMm[1]);
    return contactMm > LIMITS.CONTACT_MM ? [say.alongAboutCmSo(LIMITS.CUT, contactMm / 10)] : [];
  });
}

/** Another body, or muscle outside the first. */
function aboutOtherBodies({ mask, spacingMm }, bodies) {
  const areas = bodies.map((body) => areaCm2(body, spacingMm));
  if (areas.length > 1 && areas[1] > LIMITS.SECOND_BODY * areas[0]) return [say.moreThanOneBody(...areas)];
  const outsideCm2 = bodies.length ? areaCm2(mask.map((muscle, i) => muscle & (1 - bodies[0][i])), spacingMm) : 0;
  return outsideCm2 > LIMITS.OUTSIDE_SHARE * areaCm2(mask, spacingMm) ? [say.cmOfTheMuscle(outsideCm2)] : [];
}

/** Whether the slice looks like one at L3, of someone who lies on the back. */
function aboutTrunk({ image, inside, rows, columns, spacingMm }, [body]) {
  const bodyCm2 = body ? areaCm2(body, spacingMm) : 0;
  if (bodyCm2 < LIMITS.TRUNK_CM2) return [say.theSliceMayNotBeAtL3Was(LIMITS.NO_TRUNK, bodyCm2)];
  const [said, reasons] = [[], []];
  const lung = count(body, (is, i) => is && image[i] > -950 && image[i] < -600) / count(body, (is) => is);
  if (lung > LIMITS.LUNG_SHARE) reasons.push(say.ofTheBodyHas(lung));
  const smooth = blurred(image, rows, columns, spacingMm.map((side) => 1 / side));
  const bone = fill(body.map((is, i) => is && smooth[i] > 150), rows, columns);
  const [reachedRows, reachedColumns] = [[rows, 0], [columns, 0]];
  body.forEach((is, i) => {
    if (!is) return;
    [[reachedRows, Math.floor(i / columns)], [reachedColumns, i % columns]].forEach(([reached, at]) => {
      [reached[0], reached[1]] = [Math.min(reached[0], at), Math.max(reached[1], at)];
    });
  });
  const quarter = Math.floor((reachedColumns[1] - reachedColumns[0]) / 4);
  const [first, end] = [reachedColumns[0] + quarter, reachedColumns[1] - quarter];
  const centralCm2 = areaCm2(bone.map((is, i) => is && i % columns >= first && i % columns < end), spacingMm);
  if (centralCm2 < LIMITS.VERTEBRA_CM2) reasons.push(say.inTheMiddleOf(LIMITS.NO_VERTEBRA, centralCm2));
  if (reasons.length) said.push(say.theSliceMayNotBeAtL3(reasons.join(", and ")));
  const [heightMm, widthMm] = [reachedRows, reachedColumns].map(([from, to], axis) => (to - from) * spacingMm[axis]);
  const cut = body.some((is, i) => is && inside[i] < LIMITS.RIM_PX);
  if (heightMm > LIMITS.UPRIGHT * widthMm && !cut) said.push(say.theBodyIsHigher());
  const pixelCm2 = (spacingMm[0] * spacingMm[1]) / 100;
  const depth = deepestBone(parts(bone, rows, columns), columns, reachedRows, reachedColumns, pixelCm2);
  if (depth < LIMITS.SPINE_DEPTH) said.push(say.whatLooksLikeThe());
  return said;
}

/** Where a vertebra may lie, from 0 at the front of the body to 1 at its back; NaN where no bone is like one. */
function deepestBone(bones, columns, rowsReached, columnsReached, pixelCm2) {
  const share = (at, [from, to]) => (at - from) / (to - from);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const depths = bones.filter((bone) => bone.length * pixelCm2 >= LIMITS.VERTEBRA_CM2).flatMap((bone) => {
    const across = share(mean(bone.map((i) => i % columns)), columnsReached);
    return Math.abs(across - 0.5) < 0.1 ? [share(mean(bone.map((i) => Math.floor(i / columns))), rowsReached)] : [];
  });
  return depths.length ? Math.max(...depths) : NaN;
}

// --- the header ---------------------------------------------------------------------------------------

/** What the header says of size against itself. */
function aboutSize({ rows, columns, spacingMm }, [rowMm, columnMm], facts) {
  const first = (values) => finite(values)[0] ?? 0;
  const [diameterMm, scannerMm] = [first(facts.reconstructionDiameterMm), first(facts.dataCollectionDiameterMm)];
  const sidesMm = [rows * spacingMm[0], columns * spacingMm[1]];
  const longest = Math.max(...sidesMm);
  const field = say.pixelSpacingXMmMakes(rowMm, columnMm, longest);
  const tolerance = LIMITS.FIELD_TOLERANCE;
  const square = Math.abs(rowMm / columnMm - 1) <= tolerance;
  const misfits = diameterMm > 0 ? sidesMm.map((side) => side / diameterMm - 1) : [0];
  const largest = (one, other) => (Math.abs(other) > Math.abs(one) ? other : one);
  const misfit = square ? Math.max(...misfits) : misfits.reduce(largest);
  if (Math.abs(misfit) > tolerance) {
    const times = (rowMm * columnMm) / (diameterMm / Math.max(rows, columns)) ** 2;
    return [say.reconstructionDiameterSaysMmUnless(field, diameterMm, times)];
  }
  const beyond = diameterMm <= 0 && scannerMm > 0 && scannerMm < longest * (1 - tolerance);
  if (beyond) return [say.theScannerSField(field, scannerMm)];
  if (rowMm === 1 && columnMm === 1) return [say.pixelsOf1X()];
  const odd = !square && Math.abs(sidesMm[0] / sidesMm[1] - 1) > tolerance;
  return odd ? [say.neitherThePixelsX(rowMm, columnMm, ...sidesMm)] : [];
}

/** Direction of a row and of a column, of an upright slice, by the ImageOrientationPatient of its file. */
function along(axes) {
  const [row, column] = [axes.slice(0, 3), axes.slice(3)];
  const transposed = Math.abs(row[0]) + Math.abs(column[1]) < Math.abs(row[1]) + Math.abs(column[0]);
  const [across, down] = transposed ? [column, row] : [row, column];
  return [...across, ...down];
}

/** Turned in its plane, or not said at all. */
function aboutOrientation(axes) {
  if (axes.length !== 6) return [say.theFileDoesNot()];
  const turn = (Math.atan2(Math.abs(axes[1]), Math.abs(axes[0])) * 180) / Math.PI;
  return turn > LIMITS.TURN_DEG ? [say.theSliceIsTurned(turn)] : [];
}

/** Tilted out of the body's plane: by the gantry, or by the slice's own axes. */
function aboutTilt(axes, gantry) {
  const angles = gantry.slice(0, 1).map(Math.abs);
  const [a, b, c, d, e, f] = axes;
  const normal = [b * f - c * e, c * d - a * f, a * e - b * d];
  const length = Math.sqrt(normal.reduce((sum, part) => sum + part ** 2, 0));
  if (length > 0) angles.push((Math.acos(Math.min(1, Math.abs(normal[2]) / length)) * 180) / Math.PI);
  const angle = Math.max(0, ...angles.filter((one) => one < 60));
  return angle > LIMITS.TILT_DEG ? [say.theSliceIsTilted(angle, 1 / Math.cos((angle * Math.PI) / 180) - 1)] : [];
}
