// The elements of a DICOM file and their values, as pydicom and sarco/ct/header.py read them.
//
// No package is used for it: those for browsers stop at a nested sequence that is broken, of which nothing is wanted
// here, and do not know the younger kinds of values.

import { tags } from "./sentences.js";

const LONG = new Set("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(" ")); // kinds of value with a length of 32 bits
const SHORT = new Set("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(" "));
const BINARY = {
  US: ["getUint16", 2],
  SS: ["getInt16", 2],
  UL: ["getUint32", 4],
  SL: ["getInt32", 4],
  FL: ["getFloat32", 4],
  FD: ["getFloat64", 8],
};
const [ITEM, END_OF_ITEM, END_OF_SEQUENCE, UNDEFINED] = [0xfffee000, 0xfffee00d, 0xfffee0dd, 0xffffffff];
const [FIRST_KIND, LAST_KIND] = [0x4141, 0x5a5a]; // AA and ZZ; of others the length has 32 bits
const PIXEL_DATA = 0x7fe00010;

/** The elements of a data set from `at` on, by tag: {map, end}; `stop` says of a tag that it belongs there no more. */
export function elements(bytes, at, { implicit, little, nested = false, stop = () => false }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const map = new Map();
  const tagAt = (place) => view.getUint16(place, little) * 65536 + view.getUint16(place + 2, little);
  const capitals = (place) => [0, 1].every((i) => bytes[place + i] > 0x40 && bytes[place + i] < 0x5b);
  // What a file says of its encoding may be wrong; the first element shows it.
  if (!(nested && implicit) && at + 6 <= bytes.length) implicit = !capitals(at + 4);
  while (at + 8 <= bytes.length) {
    const tag = tagAt(at);
    if (stop(tag)) break;
    let [vr, length] = [null, view.getUint32(at + 4, little)];
    const kind = bytes[at + 4] * 256 + bytes[at + 5];
    if (!implicit && kind >= FIRST_KIND && kind <= LAST_KIND) {
      vr = String.fromCharCode(bytes[at + 4], bytes[at + 5]);
      length = view.getUint16(at + 6, little);
      if (LONG.has(vr)) [length, at] = [view.getUint32(at + 8, little), at + 4];
    }
    at += 8;
    if (tag === END_OF_ITEM) break;
    const element = { vr, little, implicit, items: null };
    if (length !== UNDEFINED) {
      element.bytes = bytes.subarray(at, at + length);
      at += length;
    } else if (tag === PIXEL_DATA) {
      const end = endOfFragments(bytes, at);
      if (end === null) break;
      element.bytes = bytes.subarray(at, end);
      [element.encapsulated, at] = [true, end + 8];
    } else {
      element.items = items(bytes, at, vr === "UN" ? { ...element, nested: true } : element);
      at = element.items.end;
    }
    map.set(tag, element);
  }
  return { map, end: Math.min(at, bytes.length) };
}

/** The data sets of a sequence that begins at `at`, and where it ends. */
function items(bytes, at, { implicit, little }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = [];
  while (at + 8 <= bytes.length) {
    const tag = view.getUint16(at, little) * 65536 + view.getUint16(at + 2, little);
    const length = view.getUint32(at + 4, little);
    at += 8;
    if (tag === END_OF_SEQUENCE) break;
    if (tag !== ITEM) throw new Error(`no item where one of a sequence is wanted, at ${at - 8}`);
    const whole = length === UNDEFINED ? bytes : bytes.subarray(0, at + length);
    const item = elements(whole, at, { implicit, little, nested: true });
    found.push(item.map);
    at = length === UNDEFINED ? item.end : at + length;
  }
  return Object.assign(found, { end: at });
}

/** Where the fragments of a compressed picture end, or null where nothing says so. */
function endOfFragments(bytes, at) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = at;
  while (end + 8 <= bytes.length && view.getUint32(end, true) === 0xe000fffe) end += 8 + view.getUint32(end + 4, true);
  if (end + 4 <= bytes.length && view.getUint32(end, true) === 0xe0ddfffe) return end;
  end = at;
  while (end + 4 <= bytes.length && view.getUint32(end, true) !== 0xe0ddfffe) end += 1;
  return end + 4 <= bytes.length ? end : null;
}

/** The fragments of a compressed picture: that of offsets first. */
export function fragments(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    if (view.getUint32(at, true) !== 0xe000fffe) throw new Error(`no fragment where one is wanted, at ${at}`);
    const length = view.getUint32(at + 4, true);
    if (length === UNDEFINED) throw new Error("a fragment does not say its length");
    found.push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return found;
}

/** The element of a name in a data set (a Map), or undefined; one of an unknown kind is as if it were not there. */
export function element(data, name) {
  const found = data.get(tags[name][0]);
  return !found?.vr || LONG.has(found.vr) || SHORT.has(found.vr) ? found : undefined;
}

/** The data sets of a sequence; empty where it is absent or unreadable. */
export function sequence(data, name) {
  const found = element(data, name);
  if (!found) return [];
  try {
    return found.items ?? items(found.bytes, 0, found);
  } catch {
    return [];
  }
}

/** Values of an attribute as words, or null when it is absent. */
export function words(data, name) {
  const found = element(data, name);
  if (!found?.bytes) return null;
  const text = String.fromCharCode(...found.bytes.subarray(0, 10000));
  return text.split("\\").map((word) => word.replace(/[ \0]+$/, ""));
}

/** The words of an attribute as they stand, or null when it is absent. */
export function text(data, name) {
  return words(data, name)?.join("\\") ?? null;
}

/** Values of an attribute as numbers, or null when it is absent, empty or unreadable. */
export function numbers(data, name) {
  const found = element(data, name);
  if (!found?.bytes?.length) return null;
  let vr = found.vr === null || found.vr === "UN" ? tags[name][1] : found.vr;
  if (vr === "US or SS") vr = number(data, "PixelRepresentation") === 1 ? "SS" : "US";
  if (!(vr in BINARY)) return decimals(words(data, name), vr);
  const [get, size] = BINARY[vr];
  const view = new DataView(found.bytes.buffer, found.bytes.byteOffset, found.bytes.byteLength);
  if (view.byteLength % size) return null;
  return Array.from({ length: view.byteLength / size }, (_, i) => view[get](i * size, found.little));
}

/** Numbers that are written in digits, or null where one is none. */
function decimals(written, vr) {
  const values = written.map((word) => {
    if (/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(word)) return Number(word);
    const [, sign, name] = /^\s*([+-]?)(nan|inf|infinity)\s*$/i.exec(word) ?? [];
    return name ? (name.toLowerCase() === "nan" ? NaN : sign === "-" ? -Infinity : Infinity) : null;
  });
  return values.includes(null) || (vr === "IS" && !values.every(Number.isInteger)) ? null : values;
}

/** The one value of an attribute, or null. */
export function number(data, name) {
  const values = numbers(data, name);
  return values?.length === 1 ? values[0] : null;
}
