// Stored values of one slice, decoded: plain, or compressed as hospitals' archives do (sarco/ct/pixels.py).

import { refuse } from "./refusal.js";
import { element, fragments, number, numbers, text } from "./header.js";
import { decodeLossless } from "./lossless.js";
import { limits, say, uids } from "./sentences.js";
import { short } from "./words.js";

const SYNTAX = "1.2.840.10008.1.2";
const PLAIN = ["", ".1", ".1.99", ".2"];
const READERS = {
  ".5": runLengths,
  ".4.57": jpegLossless,
  ".4.70": jpegLossless,
  ".4.80": jpegLs,
  ".4.81": jpegLs,
  ".4.90": jpeg2000,
  ".4.91": jpeg2000,
};
const CODECS = { ".4.80": "charls", ".4.81": "charls", ".4.90": "openjpeg", ".4.91": "openjpeg" };
const KINDS_OF_GREY = ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"];

/** Values as the file holds them, row by row; `codecs` loads what reads JPEG-LS and JPEG 2000. */
export async function storedValues(data, syntax, codecs) {
  const found = element(data, "PixelData");
  refuse(!found?.bytes, () => say.noPixelDataCut());
  refuse(syntax === null, () => say.itDoesNotSay());
  const kind = syntax.startsWith(SYNTAX) ? syntax.slice(SYNTAX.length) : null;
  const read = PLAIN.includes(kind) ? plain : READERS[kind];
  refuse(!read, () => say.compressedAsWhichNo(short(uids[syntax] ?? syntax), short(syntax)));
  const how = { bigEndian: kind === ".2" };
  for (const name of ["Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"]) {
    how[name] = number(data, name);
  }
  checkBits(how, read !== plain);
  const codec = await codecs[CODECS[kind]]?.(); // that it cannot be loaded is no fault of the slice
  try {
    checkKind(how, text(data, "PhotometricInterpretation"));
    const stream = read === plain ? found.bytes : oneStream(found);
    if (read !== plain) checkStream(stream, how);
    return await read(stream, how, codec);
  } catch (error) {
    const [why] = String(error.message ?? "").trim().split("\n"); // C++ throws numbers
    refuse(true, () => say.thePixelDataCannot(short(why || "its decoder fails", 160)));
  }
}

/** Refuse values of which it is not said where in their bits they lie. */
function checkBits({ BitsAllocated: allocated, BitsStored: stored, HighBit: high }, compressed) {
  if ([allocated, stored, high].includes(null) || high === stored - 1) return;
  const lost = compressed || stored - 1 > high || high >= allocated;
  refuse(lost, () => say.bitsStoredAndHighBitDo(stored, high, allocated));
}

/** Throw where what is asked of every picture is missing or of no use here. */
function checkKind({ BitsAllocated: allocated, BitsStored: stored, PixelRepresentation: signed, bigEndian }, grey) {
  const wrong = (what) => { throw new Error(what); };
  if (![8, 16, 32].includes(allocated)) wrong(`BitsAllocated is ${allocated ?? "missing"}`);
  if (!(stored >= 1 && stored <= allocated)) wrong(`BitsStored is ${stored ?? "missing"}`);
  if (![0, 1].includes(signed)) wrong(`PixelRepresentation is ${signed ?? "missing"}`);
  if (!KINDS_OF_GREY.includes(grey)) wrong(`PhotometricInterpretation is ${short(grey ?? "missing")}`);
  if (bigEndian && allocated === 8) wrong("8 bits in big-endian words");
}

/** The first picture's stream, of all the fragments that are its own. */
function oneStream({ bytes, encapsulated }) {
  if (!encapsulated) throw new Error("a compressed picture is not in fragments");
  const [offsets, ...parts] = fragments(bytes);
  if (!parts.length) throw new Error("there is no picture");
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (joined.set(part, at), at + part.length), 0);
  return joined;
}

/** Throw for a JPEG of any kind that says another size than the header, or has no end: decoders make up the rest. */
function checkStream(stream, { Rows, Columns }) {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  let size = null;
  if (stream.length >= 24 && view.getUint32(0) === 0xff4fff51) {
    const [right, low, left, top] = [8, 12, 16, 20].map((at) => view.getUint32(at));
    size = [low - top, right - left];
  } else if (stream.length >= 2 && view.getUint16(0) === 0xffd8) {
    for (let at = 2; stream[at] === 0xff && stream.length >= at + 9; ) {
      if (limits.pixels.START_OF_FRAME.includes(stream[at + 1])) {
        size = [view.getUint16(at + 5), view.getUint16(at + 7)];
        break;
      }
      at += stream[at + 1] === 0xff ? 1 : 2 + view.getUint16(at + 2);
    }
    let end = stream.length;
    while (stream[end - 1] === 0) end -= 1;
    if (stream[end - 2] !== 0xff || stream[end - 1] !== 0xd9) throw new Error(say.thePictureIsCut());
  }
  if (size) checkSize(...size, Rows, Columns);
}

/** Throw for a picture of another size than the header says. */
function checkSize(height, width, rows, columns) {
  if (height !== rows || width !== columns) throw new Error(say.aPictureOfX(height, width, rows, columns));
}

/** The value in the lowest bits of a number, which are so many, the highest at `high`. */
function bitsOf(value, bits, signed, high = bits - 1) {
  const above = value << (31 - high);
  return signed ? above >> (32 - bits) : above >>> (32 - bits);
}

/** All values of a function of the pixel's index, of so many bits. */
function values({ Rows, Columns, BitsAllocated, BitsStored, HighBit, PixelRepresentation }, at) {
  const stored = new (BitsAllocated > 16 ? Float64Array : Int32Array)(Rows * Columns);
  const high = HighBit ?? BitsStored - 1;
  for (let i = 0; i < stored.length; i++) stored[i] = bitsOf(at(i), BitsStored, PixelRepresentation, high);
  return stored;
}

/** Uncompressed. */
function plain(bytes, how) {
  const size = how.BitsAllocated / 8;
  const expected = how.Rows * how.Columns * size;
  if (bytes.length < expected) throw new Error(`${bytes.length} bytes of ${expected}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const get = { 1: "getUint8", 2: "getUint16", 4: "getUint32" }[size];
  return values(how, (i) => view[get](i * size, !how.bigEndian));
}

/** RLE: the bytes of all pixels, the highest of each first, each kind in a segment of its own. */
function runLengths(stream, how) {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  if (stream.length < 64) throw new Error("the RLE header is cut short");
  const [size, count] = [how.BitsAllocated / 8, view.getUint32(0, true)];
  if (count !== size) throw new Error(`${count} RLE segments of ${size}`);
  const whole = new Uint32Array(how.Rows * how.Columns);
  for (let segment = 0; segment < count; segment++) {
    const end = segment + 1 < count ? view.getUint32(8 + 4 * segment, true) : stream.length;
    const part = stream.subarray(view.getUint32(4 + 4 * segment, true), end);
    let [at, done] = [0, 0];
    while (at < part.length && done < whole.length) {
      const head = part[at++];
      if (head === 128) continue;
      const [run, step] = head > 128 ? [257 - head, 0] : [head + 1, 1];
      for (let i = 0; i < run && done < whole.length && at < part.length; i++, at += step) {
        whole[done] = whole[done] * 256 + part[at];
        done += 1;
      }
      if (!step) at += 1;
    }
    if (done < whole.length) throw new Error(`${done} RLE bytes of ${whole.length}`);
  }
  return values(how, (i) => whole[i]);
}

/** JPEG lossless, process 14. */
function jpegLossless(stream, how) {
  const pixels = decodeLossless(stream, how.Rows, how.Columns);
  return values(how, (i) => pixels[i]);
}

/** JPEG-LS, whose precision is that of the stream. */
async function jpegLs(stream, how, codec) {
  const { pixels, bits } = decodeWith(new codec.JpegLSDecoder(), stream, how);
  return Int32Array.from(pixels, (value) => bitsOf(value, bits, how.PixelRepresentation));
}

/** JPEG 2000, whose stream says itself whether its values are signed; where the header says otherwise it is right. */
async function jpeg2000(stream, how, codec) {
  const { pixels, bits, signed } = decodeWith(new codec.J2KDecoder(), stream, how);
  const given = Int32Array.from(pixels, (value) => (signed ? value << 16 >> 16 : value));
  return signed === Boolean(how.PixelRepresentation) ? given : given.map((value) => bitsOf(value, bits, !signed));
}

/** What a decoder of C++ makes of a stream: values without sign of 8 or 16 bits, and what it says of them. */
function decodeWith(decoder, stream, { Rows, Columns }) {
  try {
    decoder.getEncodedBuffer(stream.length).set(stream);
    decoder.decode();
    const { width, height, bitsPerSample: bits, componentCount: components, isSigned: signed } = decoder.getFrameInfo();
    if (!width) throw new Error("its stream holds no picture");
    checkSize(height, width, Rows, Columns);
    if (components !== 1 || bits > 16) throw new Error(`${components} components of ${bits} bits`);
    const bytes = decoder.getDecodedBuffer().slice();
    if (bytes.length !== Rows * Columns * (bits > 8 ? 2 : 1)) throw new Error(`${bytes.length} bytes were decoded`);
    return { pixels: bits > 8 ? new Uint16Array(bytes.buffer) : bytes, bits, signed };
  } finally {
    decoder.delete();
  }
}
