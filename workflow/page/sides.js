// Each tissue apart, and the two sides of its muscles: `parts` and `left_half` of sarco/ct/tissues.py.

import { quantile } from "./checks.js";
import { limits } from "./sentences.js";

const KNOWN = limits.tissues;
const [RIGHT, LEFT] = KNOWN.SIDES; // of the patient

/** The pixels of each tissue, and of each muscle those on either side: `tissue`, `side`, empty for the whole, `pixels`.
 *
 * `labels` are those of an upright slice, indices into `tissues`. Without a midline no muscle has sides. */
export function parts(labels, columns, spacingMm, tissues) {
  const pixels = pixelsOf(labels, tissues);
  const inLeftHalf = leftHalf(pixels, columns, spacingMm);
  return KNOWN.MEASURED.flatMap((tissue) => {
    const sides = { "": pixels[tissue] };
    if (inLeftHalf && tissue in KNOWN.MUSCLES) {
      sides[RIGHT] = pixels[tissue].filter(inLeftHalf);
      sides[LEFT] = pixels[tissue].filter((i) => !inLeftHalf(i));
    }
    return Object.entries(sides).map(([side, those]) => ({ tissue, side, pixels: those }));
  });
}

/** The pixels of each tissue by its name. */
export function pixelsOf(labels, tissues) {
  const pixels = tissues.map(() => []);
  labels.forEach((label, i) => pixels[label].push(i));
  return Object.fromEntries(tissues.map((name, label) => [name, pixels[label]]));
}

/** A tissue and its side in words. */
export function called(tissue, side) {
  return side ? `${tissue}, ${side}` : tissue;
}

/** Whether a pixel lies on the left of the midline as the image shows it, the patient's right in an upright slice.
 *
 * From behind, the midline goes through the spinal canal to the vertebral body, and there turns to the middle of the
 * recti. `pixels` are those of each tissue by its name. The answer is a function of a pixel, or null where canal, bone
 * or rectus is missing, or a muscle of `SIDED` lies on one side alone. */
export function leftHalf(pixels, columns, [rowMm, columnMm]) {
  const placeOf = (i) => [Math.floor(i / columns) * rowMm, (i % columns) * columnMm];
  const [everyCanal, bone, recti] = KNOWN.MIDLINE.map((name) => pixels[name].map(placeOf));
  if ((everyCanal.length * rowMm * columnMm) / 100 < KNOWN.CANAL_CM2 || !bone.length || !recti.length) return null;
  const canal = canalOf(everyCanal);
  const ahead = minus(mean(recti), canal);
  const vertebra = near(bone, canal).filter((place) => dot(minus(place, canal), ahead) > 0);
  if (!vertebra.length) return null;
  const body = mean(vertebra);
  // Halfway between their outer edges: an atrophied rectus is thinner, and reaches as far.
  const toRecti = minus(mean(recti), body);
  const aside = recti.map((place) => leftOf(toRecti, minus(place, body)));
  const [low, high] = [0.02, 0.98].map((share) => quantile(aside, share));
  const edges = [(value) => value <= low, (value) => value >= high];
  const [one, other] = edges.map((within) => mean(recti.filter((_, i) => within(aside[i]))));
  const middle = [0, 1].map((axis) => (one[axis] + other[axis]) / 2);
  const [behind, before] = [direction(canal, body), direction(body, middle)];
  const both = [0, 1].map((axis) => behind[axis] + before[axis]);
  // It does not follow the recti: one alone would draw the midline to it.
  const straight = (place) => leftOf(behind, place) > 0;
  for (const name of KNOWN.SIDED) {
    const on = pixels[name].filter((i) => straight(minus(placeOf(i), body))).length;
    const counts = [on, pixels[name].length - on];
    if (Math.min(...counts) < KNOWN.SIDES_RATIO * Math.max(...counts)) return null;
  }
  return (i) => {
    const place = minus(placeOf(i), body);
    return dot(place, both) > 0 ? leftOf(before, place) > 0 : straight(place);
  };
}

/** The middle of the spinal canal, without what lies far from most of it. */
export function canalOf(places) {
  return mean(near(places, [0, 1].map((axis) => quantile(places.map((place) => place[axis]), 0.5))));
}

/** The places near another. */
function near(places, middle) {
  return places.filter((place) => Math.hypot(...minus(place, middle)) < KNOWN.NEAR_MM);
}

/** The mean of some places. */
function mean(places) {
  return [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
}

/** The way from one place to another, of length 1. */
function direction(origin, to) {
  const way = minus(to, origin);
  return way.map((part) => part / Math.hypot(...way));
}

/** How far a place lies on the left of a line that goes `ahead` through the origin, as a multiple of its length. */
function leftOf(ahead, place) {
  return ahead[0] * place[1] - ahead[1] * place[0];
}

/** The difference of two places. */
function minus([down, across], [fromDown, fromAcross]) {
  return [down - fromDown, across - fromAcross];
}

/** The product of two vectors. */
function dot(one, other) {
  return one[0] * other[0] + one[1] * other[1];
}
