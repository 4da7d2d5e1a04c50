// At which level of the spine a slice lies, from what the student sees: sarco/ct/level.py, whose reasons hold here.

import { quantile } from "./checks.js";
import { limits, say } from "./sentences.js";
import { canalOf, pixelsOf } from "./sides.js";

const KNOWN = limits.level;

/** The level by the shares of the tissues on the network's grid: vertebrae below the middle of L3, its 95 % interval
 * (null where it lies far off), whether it is off L3, and both in words; null where it cannot be told. */
export function levelOf(shares, { tissues, network_spacing_mm: gridMm, of_level: model }) {
  const told = model && features(likeliest(shares), gridMm, tissues);
  if (!told) return null;
  const scaled = told.map((value, i) => (value - model.means[i]) / model.scales[i]);
  const kept = scaled.map((value) => (Number.isNaN(value) ? 0 : Math.min(Math.max(value, -KNOWN.FAR), KNOWN.FAR)));
  const vertebrae = kept.reduce((sum, value, i) => sum + value * model.weights[i], model.constant);
  const offL3 = Math.abs(vertebrae) > Math.max(KNOWN.HALF_VERTEBRA, model.half);
  const way = vertebrae < 0 ? "above" : "below";
  if (Math.abs(vertebrae) > KNOWN.TELLS_TO) {
    return { vertebrae, interval: null, offL3, words: say.aboutVertebraOrMore(KNOWN.TELLS_TO, way), meaning: limits.numbers.FAR_OFF };
  }
  const interval = [vertebrae - model.half, vertebrae + model.half];
  const words = say.vertebraeTheMiddleOf(Math.abs(vertebrae), way);
  return { vertebrae, interval, offL3, words, meaning: say.fromSyntheticSlicesWith(far(...interval)) };
}

/** How far off each end of an interval lies, and which way, once where it is the same. */
function far(...ends) {
  const told = ends.map((end) => [Math.abs(end).toFixed(1), end >= 0 ? "below" : "above"]);
  if (told[0][1] === told[1][1]) return `${told[0][0]} to ${told[1][0]} ${told[0][1]}`;
  return told.map((one) => one.join(" ")).join(" to ");
}

/** A level and what there is to warn of in it, where `seen` was said of the slice: none where the body is cut. */
export function levelSeen(level, seen, { of_level: model }) {
  const said = (...all) => seen.some((one) => all.some((words) => one.includes(words)));
  if (!model || said(limits.checks.CUT)) return { level: null, about: [] };
  if (!level) {
    const known = said(limits.checks.NO_TRUNK, limits.checks.NO_VERTEBRA);
    return { level, about: known ? [] : [limits.segmentation.NO_LEVEL] };
  }
  if (!level.offL3) return { level, about: [] };
  let sure = say.learnedOnSyntheticSlices(KNOWN.LEARNED_TO);
  if (level.interval) sure = say.withA95Interval(...level.interval.map(Math.abs).sort((a, b) => a - b), sure);
  return { level, about: [say.theSliceSeemsTo(level.words, sure)] };
}

/** The likeliest tissue of each pixel; the first where air was not computed. */
function likeliest(shares) {
  const most = shares[0].slice();
  const regions = new Uint8Array(most.length);
  shares.forEach((share, tissue) => {
    for (let i = 0; i < most.length; i++) if (share[i] > most[i]) [most[i], regions[i]] = [share[i], tissue];
  });
  return regions;
}

/** What a level is told by, NaN for the place of what is not there; null where canal or vertebra was not found. */
function features(regions, gridMm, tissues) {
  const [n, pixelCm2] = [Math.sqrt(regions.length), gridMm ** 2 / 100];
  const pixels = pixelsOf(regions, tissues);
  const everyCanal = pixels["spinal canal"].map((i) => [Math.floor(i / n) * gridMm, (i % n) * gridMm]);
  if (everyCanal.length * pixelCm2 < limits.tissues.CANAL_CM2) return null;
  const canal = canalOf(everyCanal);
  const places = (list) => list.map((i) => [canal[0] - Math.floor(i / n) * gridMm, canal[1] - (i % n) * gridMm]);
  const isNear = ([ahead, right]) => Math.hypot(ahead, right) < limits.tissues.NEAR_MM;
  const bone = places(pixels.bone);
  const vertebraCm2 = bone.filter(isNear).length * pixelCm2;
  if (vertebraCm2 < KNOWN.VERTEBRA_CM2) return null;
  const body = Object.entries(pixels).flatMap(([name, list]) => (name === "background" ? [] : places(list)));
  const front = KNOWN.FRONT * quantile(body.map(([ahead]) => ahead), 0.99);
  const aside = bone.filter((place) => !isNear(place));
  const where = [(ahead) => ahead > front, (ahead) => ahead <= front && ahead > 0, (ahead) => ahead <= 0];
  const beside = where.map((is) => aside.filter(([ahead]) => is(ahead)));
  const others = KNOWN.TOLD_BY.filter((name) => !KNOWN.OFF_SPINE.includes(name)).map((name) => places(pixels[name]));
  return [...others, ...beside].flatMap((there) => featuresOf(there, pixelCm2, vertebraCm2));
}

/** `WHATS` of a tissue, of whose pixels it is known how far they lie before the canal and to the patient's right. */
function featuresOf(there, pixelCm2, vertebraCm2) {
  const onRight = there.filter(([, right]) => right > 0).length;
  const counts = [there.length, Math.min(onRight, there.length - onRight)];
  const sizes = counts.map((count) => Math.sqrt((count * pixelCm2) / vertebraCm2));
  if (there.length * pixelCm2 < KNOWN.PRESENT_CM2) return [...sizes, NaN, NaN, NaN];
  const mean = (of) => there.reduce((sum, place) => sum + of(place), 0) / there.length;
  const aside = mean(([, right]) => Math.abs(right));
  const spread = Math.sqrt(mean(([, right]) => (Math.abs(right) - aside) ** 2));
  return [...sizes, ...[aside, mean(([ahead]) => ahead), spread].map((mm) => mm / (10 * Math.sqrt(vertebraCm2)))];
}
