// One CT slice out of a DICOM file, as sarco/ct/dicom.py reads it.
//
// A file is judged by its content, never by its name. Only what fixes the meaning of a pixel is asked for: that the
// object is one axial CT frame, how stored values turn into Hounsfield units, and how large a pixel is.

import { check } from "./checks.js";
import { element, elements, number, numbers, sequence, text, words } from "./header.js";
import { storedValues } from "./pixels.js";
import { refuse, SliceError } from "./refusal.js";
import { edge, flood } from "./regions.js";
import { limits, say, tags, uids } from "./sentences.js";
import { float, floats, short } from "./words.js";

export { SliceError };

const { AIR_HU, FAT_HU, SOFT_HU, DENSE_HU, MATRIX_LIMITS, SPACING_LIMITS_MM, ...LIMITS } = limits.dicom;
const DEFLATED = "1.2.840.10008.1.2.1.99";
const CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2";

/** Read one axial CT slice out of the bytes (Uint8Array) of a file; `SliceError` says what makes it none.
 *
 * `codecs` has two functions, `charls` and `openjpeg`, that load the module of each when a file needs it. The slice
 * lies as its file has it; `upright` of preprocess.js turns it by `facts.orientation` (ImageOrientationPatient, or
 * null). `warnings` are those that need no muscle; `check` of checks.js gives all once there is a mask. */
export async function readSlice(bytes, name, codecs) {
  try {
    const { data, syntax, kind } = await parse(bytes);
    checkObject(data, kind);
    const spacingMm = spacing(data);
    const { slope, intercept } = rescale(data);
    const stored = await storedValues(data, syntax, codecs);
    const [rows, columns] = [number(data, "Rows"), number(data, "Columns")];
    const [times, plus] = [Math.fround(slope), Math.fround(intercept)];
    const imageHu = Float32Array.from(stored, (value) => Math.fround(Math.fround(value) * times) + plus);
    padded(data, stored, imageHu, rows, columns).forEach((outside, i) => outside && (imageHu[i] = AIR_HU));
    checkHounsfield(imageHu);
    const slice = { imageHu, rows, columns, spacingMm, facts: factsOf(data, syntax) };
    return { ...slice, warnings: check(slice, null) };
  } catch (error) {
    if (!(error instanceof SliceError)) throw error;
    throw new SliceError(`${name}: ${error.message}`);
  }
}

/** What else of the header is used: by `check`, and to say which slice it is. */
function factsOf(data, syntax) {
  return {
    orientation: numbers(data, "ImageOrientationPatient"),
    sopInstanceUid: text(data, "SOPInstanceUID"),
    syntax: uids[syntax],
    reconstructionDiameterMm: numbers(data, "ReconstructionDiameter"),
    dataCollectionDiameterMm: numbers(data, "DataCollectionDiameter"),
    gantryTiltDeg: numbers(data, "GantryDetectorTilt"),
    sliceThicknessMm: numbers(data, "SliceThickness"),
  };
}

// --- the file ---------------------------------------------------------------------------------------

/** Data set, transfer syntax (null where it is not said) and kind of object of a file. */
async function parse(bytes) {
  refuse(bytes.length === 0, () => say.theFileIsEmpty());
  const preamble = String.fromCharCode(...bytes.subarray(128, 132)) === "DICM";
  refuse(!preamble && !beginsAsDataSet(bytes), () => say.notADICOMFile());
  try {
    const ofMeta = { implicit: false, little: true, stop: (tag) => Math.floor(tag / 65536) !== 2 };
    const meta = elements(bytes, preamble ? 132 : 0, ofMeta);
    let [syntax, at] = [text(meta.map, "TransferSyntaxUID"), meta.end];
    if (syntax === DEFLATED) [bytes, at] = [await unpack(bytes.subarray(at)), 0];
    // Without a syntax big-endian words show in the first group's number.
    const little = syntax === null ? !(bytes[at] < bytes[at + 1]) : syntax !== "1.2.840.10008.1.2.2";
    const data = elements(bytes, at, { implicit: syntax === null || syntax === "1.2.840.10008.1.2", little }).map;
    const compressed = element(data, "PixelData")?.encapsulated;
    if (syntax === null && little && !compressed) syntax = "1.2.840.10008.1.2.1";
    return { data, syntax, kind: text(meta.map, "MediaStorageSOPClassUID") ?? text(data, "SOPClassUID") };
  } catch (error) {
    if (error instanceof SliceError) throw error;
    throw new SliceError(say.brokenDICOMFileExport(short(error.message || "its bytes cannot be unpacked", 160)));
  }
}

/** Whether a file that begins so may be a data set alone, as old archives and tools save it. */
function beginsAsDataSet(bytes) {
  if (bytes.length < 12) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const explicit = /^[A-Z]{2}$/.test(String.fromCharCode(bytes[4], bytes[5]));
  const first = [2, 8].includes(view.getUint16(0, true)) && view.getUint16(2, true) < 0x100;
  return first && (explicit || view.getUint32(4, true) <= 128);
}

/** The part of a file that was compressed; one that grows beyond all measure is refused. */
async function unpack(bytes, again = true) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const pieces = [];
  let size = 0;
  try {
    for (let step; !(step = await reader.read()).done; pieces.push(step.value)) {
      size += step.value.length;
      refuse(size > LIMITS.UNPACKED_BYTES, () => say.unpacksToMoreThan(LIMITS.UNPACKED_BYTES >> 20));
    }
  } catch (error) {
    // A byte that fills up an odd number is nothing to what unpacks.
    if (error instanceof SliceError || !again || bytes.at(-1) !== 0) throw error;
    return unpack(bytes.subarray(0, -1), false);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

// --- what it must be --------------------------------------------------------------------------------

/** Refuse what is no axial CT slice; what the one frame of an enhanced CT says goes to the top level. */
function checkObject(data, kind) {
  const modality = text(data, "Modality");
  refuse(kind === null || modality === null, () => say.brokenOrCutShortNo());
  const enhanced = limits.frames.MULTI_FRAME.includes(kind);
  const is = `${short(uids[kind] ?? kind)}, modality ${short(modality)}`;
  refuse((kind !== CT_IMAGE && !enhanced) || modality !== "CT", () => say.notACTSlice(is));
  const says = (name) => words(data, name) ?? [];
  refuse(says("ImageType").includes("LOCALIZER"), () => say.thisIsAScout());
  const count = number(data, "NumberOfFrames");
  if (enhanced) onlyFrame(data, count);
  else refuse(count !== null && count !== 1, () => say.framesWhereOneSlice(count));
  const projection = [...says("ImageType"), ...says("FrameType")].filter((word) => LIMITS.PROJECTIONS.includes(word));
  refuse(projection.length, () => say.aProjectionThroughMany(projection.sort()[0]));
  const samples = number(data, "SamplesPerPixel");
  refuse(samples === null, () => say.brokenOrCutShortThe());
  refuse(samples !== 1, () => say.notAGreyLevel(samples));
  const [low, high] = MATRIX_LIMITS;
  for (const name of ["Rows", "Columns"]) {
    const size = number(data, name);
    refuse(size === null || !(low <= size && size <= high), () => say.isOutsideToExport(name, float(size), low, high));
  }
  const axes = numbers(data, "ImageOrientationPatient");
  refuse(axes?.length === 6 && !isAxial(axes), () => say.notAnAxialSlice(floats(axes)));
}

/** What the frame of an enhanced CT says, put where a classic slice has it; of several the command takes one. */
function onlyFrame(data, count) {
  const frames = sequence(data, "PerFrameFunctionalGroupsSequence");
  const [shared] = [...sequence(data, "SharedFunctionalGroupsSequence"), new Map()];
  refuse(!frames.length || frames.length !== count, () => say.itsFramesAreNot());
  refuse(count !== 1, () => say.slicesSayWithSlice(count));
  for (const [group, names] of Object.entries(limits.frames.OF_FRAME)) {
    const [item] = [...sequence(frames[0], group), ...sequence(shared, group)];
    for (const name of names) {
      const found = item && element(item, name);
      if (found) data.set(tags[name][0], found);
    }
  }
  refuse((words(data, "FrameType") ?? []).includes("LOCALIZER"), () => say.thisIsAScout());
}

/** Whether six numbers of ImageOrientationPatient say so: a gantry is tilted by 30 degrees at most. */
function isAxial(axes) {
  return Math.abs(axes[0] * axes[4] - axes[1] * axes[3]) > 0.8;
}

/** Distance between rows, then between columns. */
function spacing(data) {
  const values = numbers(data, "PixelSpacing");
  const [low, high] = SPACING_LIMITS_MM;
  refuse(values === null, () => say.noReadablePixelSpacingSo());
  const fits = values.length === 2 && values.every((side) => low <= side && side <= high);
  refuse(!fits, () => say.pixelSpacingIsWhereTwo(floats(values), float(low), float(high)));
  return values;
}

/** How stored values turn into Hounsfield units. */
function rescale(data) {
  const [slope, intercept] = [number(data, "RescaleSlope"), number(data, "RescaleIntercept")];
  const usable = slope !== null && intercept !== null && Number.isFinite(slope * intercept) && slope !== 0;
  refuse(!usable, () => say.noUsableRescaleSlopeAnd());
  const unit = text(data, "RescaleType") || "HU";
  const word = unit.toLowerCase().replace(/[^a-z]/g, "");
  const known = LIMITS.HOUNSFIELD.includes(word) || (word.includes("hounsfield") && !word.includes("mod"));
  refuse(!known, () => say.pixelsAreInNot(short(unit)));
  return { slope, intercept };
}

/** Pixels outside the reconstructed circle, where nothing was measured (Uint8Array): taken as air, as viewers do.
 *
 * They hang together with the picture's edge, for the value that stands for them may be one of tissue too. Where all
 * that lies outside the circle has one value of a body, it is such whether the file says so or not. */
function padded(data, stored, imageHu, rows, columns) {
  const padding = number(data, "PixelPaddingValue");
  const other = number(data, "PixelPaddingRangeLimit") ?? padding;
  const [low, high] = [Math.min(padding, other), Math.max(padding, other)];
  const mask = Uint8Array.from(stored, (value) => padding !== null && low <= value && value <= high);
  const [y, x] = [rows, columns].map((size) => Float64Array.from({ length: size }, (_, i) => i * (2 / (size - 1)) - 1));
  const isAround = (i) => y[Math.floor(i / columns)] ** 2 + x[i % columns] ** 2 > 1.05;
  const lowest = imageHu.reduce((least, value) => Math.min(least, value), Infinity);
  const around = imageHu[0]; // a corner lies outside
  if (around > Math.max(FAT_HU[0], lowest) && imageHu.every((value, i) => value === around || !isAround(i))) {
    imageHu.forEach((value, i) => value === around && (mask[i] = 1));
  }
  const reached = new Uint8Array(mask.length);
  flood(mask.slice(), rows, columns, edge(rows, columns)).forEach((i) => (reached[i] = 1));
  return mask.map((inside, i) => inside && (reached[i] || imageHu[i] < AIR_HU));
}

/** Refuse values that are not the Hounsfield units of a body: any slice of an abdomen shows fat and soft tissue. */
function checkHounsfield(imageHu) {
  let [least, most, fat, soft, dense] = [Infinity, -Infinity, 0, 0, 0];
  for (const hu of imageHu) {
    refuse(!Number.isFinite(hu), () => say.somePixelsAreNot());
    [least, most] = [Math.min(least, hu), Math.max(most, hu)];
    if (hu >= FAT_HU[0] && hu < FAT_HU[1]) fat += 1;
    if (hu >= SOFT_HU[0] && hu < SOFT_HU[1]) soft += 1;
    if (hu >= DENSE_HU[0]) dense += 1;
  }
  const { LEAST_SOFT, LEAST_FAT, MOST_DENSE } = LIMITS;
  const wrong = soft < LEAST_SOFT * imageHu.length || fat < LEAST_FAT * soft || dense > MOST_DENSE * soft;
  refuse(wrong, () => say.valuesFromToAre(least, most));
}
