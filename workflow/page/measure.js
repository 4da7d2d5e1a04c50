// What lies in a mask and around it: sarco/ct/composition.py and tissues.py, and how sure an area is; of each tissue
// too, as sarco/slice_tool/tissue.py has it.

import { deepest, dilateDisc, erodeDisc } from "./regions.js";
import { limits, say } from "./sentences.js";
import { called } from "./sides.js";

/** Numbers of a mask of muscle that is cut to its HU window; density is null where there is no pixel. */
export function composition(mask, imageHu, rows, columns, spacingMm, settings) {
  const values = Float64Array.from(imageHu.filter((_, i) => mask[i]));
  const pixelCm2 = (spacingMm[0] * spacingMm[1]) / 100;
  const meanHu = mean(values);
  const low = values.filter((hu) => within(hu, settings.low_attenuation_hu));
  const contour = close(mask, rows, columns, settings.closing_mm, spacingMm);
  const fat = contour.filter((inside, i) => inside && within(imageHu[i], settings.fat_hu));
  return {
    area_cm2: values.length * pixelCm2,
    mean_hu: meanHu,
    sd_hu: values.length ? Math.sqrt(mean(values.map((hu) => (hu - meanHu) ** 2))) : null,
    low_attenuation_cm2: low.length * pixelCm2,
    intermuscular_fat_cm2: fat.length * pixelCm2,
  };
}

/** The area minus the mean error on validation slices and its 95 % prediction interval; null where there is none. */
export function corrected(areaCm2, correction) {
  const area = correction === null ? null : areaCm2 - correction.mean_error_cm2;
  if (area === null || area < 0) return { area_corrected_cm2: null, interval_cm2: null };
  const ends = [area - correction.half_cm2, area + correction.half_cm2];
  return { area_corrected_cm2: area, interval_cm2: ends.map((end) => Math.max(0, end)) };
}

/** What each of some parts measures, with the pixel on which its number is read best; null where it has none. */
export function measured(parts, imageHu, rows, columns, spacingMm, settings) {
  return parts.map(({ tissue, side, pixels }) => {
    const areaCm2 = (pixels.length * spacingMm[0] * spacingMm[1]) / 100;
    return {
      tissue,
      side,
      area_cm2: areaCm2,
      interval_cm2: intervalOf(areaCm2, settings.of_tissues[called(tissue, side)] ?? null),
      mean_hu: mean(pixels.map((i) => imageHu[i])),
      deepest: deepest(pixels, rows, columns, spacingMm),
    };
  });
}

/** 95 % interval of the true area of a tissue; null where it is not known, or no phantom had such an area. */
function intervalOf(areaCm2, correction) {
  const { area_corrected_cm2: area, interval_cm2: ends } = corrected(areaCm2, correction);
  return area === null || isOutside(area, correction) ? null : ends;
}

/** Whether an area is none of those that a correction was learned on. */
function isOutside(areaCm2, { smallest_cm2: smallest, largest_cm2: largest }) {
  return areaCm2 < smallest || areaCm2 > largest;
}

/** What there is to warn of in the tissues of a slice, in the sentences of the command. */
export function aboutTissues({ parts, area_cm2: areaCm2 }) {
  const muscles = parts.filter(({ tissue }) => tissue in limits.tissues.MUSCLES);
  const said = muscles.some(({ side }) => side) ? [] : [say.theMidlineWasNot()];
  // None reaches out of the muscle (`labelMap`), so areas tell what `tissue.warnings` learns from masks.
  const offCm2 = muscles.reduce((left, { side, area_cm2: area }) => (side ? left : left - area), areaCm2);
  return offCm2 > limits.tissue.DIFFERENT_CM2 ? [...said, say.theMusclesApartAnd(offCm2)] : said;
}

/** What there is to warn of in an area, in the sentences of the command. */
export function aboutArea({ mean_hu }, { area_corrected_cm2: area }, correction) {
  const said = [];
  if (mean_hu === null) said.push(say.noMuscleWasFound("", say.checkThatTheFile()));
  if (correction === null) return said;
  if (area === null) {
    said.push(say.theAreaIsSmaller());
  } else if (isOutside(area, correction)) {
    said.push(say.theAreaLiesOutside(correction.smallest_cm2, correction.largest_cm2));
  }
  return said;
}

/** The tissue of each pixel, an index into `settings.tissues`: the likeliest, and by its HU.
 *
 * `shares` are those of the tissues on the network's grid, which `toNative` brings to that of the slice. */
export function labelMap(shares, toNative, mask, imageHu, rows, columns, spacingMm, settings) {
  const index = (name) => settings.tissues.indexOf(name);
  const [groups, fats] = [settings.muscles, settings.fats].map((names) => new Set(names.map(index)));
  const [regions, muscles] = [new Uint8Array(mask.length), new Uint8Array(mask.length)];
  const [most, mostMuscle] = [0, 1].map(() => new Float32Array(mask.length).fill(-Infinity));
  shares = shares.map((share) => share.slice());
  // Where air is not computed all is 0, at whose edge the spline would ring.
  shares[index("background")].forEach((value, i, background) => {
    background[i] = value + 1 - shares.reduce((sum, share) => sum + share[i], 0);
  });
  shares.forEach((share, tissue) => {
    toNative(share).forEach((value, i) => {
      if (value > most[i]) [most[i], regions[i]] = [value, tissue];
      if (groups.has(tissue) && value > mostMuscle[i]) [mostMuscle[i], muscles[i]] = [value, tissue];
    });
  });
  const thin = Uint8Array.from(imageHu, (hu) => hu < settings.fat_hu[0]);
  const nearAir = dilateDisc(thin, rows, columns, settings.skin_mm, spacingMm);
  return regions.map((region, i) => {
    if (mask[i]) return muscles[i];
    const fat = within(imageHu[i], settings.fat_hu);
    if (groups.has(region)) return index(fat ? "intermuscular fat" : "other");
    const skin = region === index("subcutaneous fat") && nearAir[i];
    return (fats.has(region) && !fat) || skin ? index("other") : region;
  });
}

/** The mean of some values; null where there are none. */
function mean(values) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

/** Whether HU lie in a window, both of whose ends are kept. */
function within(hu, [low, high]) {
  return hu >= low && hu <= high;
}

/** A mask and what no disc of `radiusMm` outside it can reach; beyond the edge of the picture there is room. */
function close(mask, rows, columns, radiusMm, spacingMm) {
  const margin = Math.floor(radiusMm / Math.min(...spacingMm)) + 2;
  const [height, width] = [rows + 2 * margin, columns + 2 * margin];
  const place = (i) => (Math.floor(i / columns) + margin) * width + (i % columns) + margin;
  const padded = new Uint8Array(height * width);
  mask.forEach((inside, i) => (padded[place(i)] = inside));
  const how = [height, width, radiusMm, spacingMm];
  const closed = erodeDisc(dilateDisc(padded, ...how), ...how);
  return mask.map((inside, i) => inside || closed[place(i)]);
}
