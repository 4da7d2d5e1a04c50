// JPEG lossless (process 14), of one component: ITU-T T.81, annexes C and H.
//
// The package for it (jpeg-lossless-decoder-js) passes over the point transform, and predicts wrongly after a restart.

const [RESTART, START_OF_FRAME, TABLES, END, SCAN, INTERVAL] = [0xd0, 0xc3, 0xc4, 0xd9, 0xda, 0xdd];

/** The values of a picture, as unsigned numbers of 16 bits. */
export function decodeLossless(stream, rows, columns) {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const tables = {};
  let [precision, interval] = [null, 0];
  for (let at = 2; ; ) {
    if (stream[at] !== 0xff) throw new Error(`no marker where one of a JPEG is wanted, at ${at}`);
    const marker = stream[at + 1];
    if (marker === 0xff) {
      at += 1; // a filler
      continue;
    }
    if (marker === END) throw new Error("the JPEG holds no picture");
    const length = view.getUint16(at + 2);
    const part = stream.subarray(at + 4, at + 2 + length);
    if (marker === START_OF_FRAME) {
      if (part[5] !== 1) throw new Error(`a JPEG of ${part[5]} components`);
      precision = part[0];
    } else if (marker >= 0xc0 && marker <= 0xcf && marker !== TABLES) {
      throw new Error("a JPEG that is not lossless of process 14");
    } else if (marker === TABLES) {
      readTables(part, tables);
    } else if (marker === INTERVAL) {
      interval = view.getUint16(at + 4);
    } else if (marker === SCAN) {
      const table = tables[part[2] >> 4];
      if (precision === null || !table) throw new Error("a JPEG without its frame or its table");
      const scan = entropyCoded(stream, at + 2 + length, table);
      return predict(scan, rows, columns, precision, part[3], part[5] & 15, interval);
    }
    at += 2 + length;
  }
}

/** Huffman tables: for each code of 16 bits its length and its value, by the table's number. */
function readTables(part, tables) {
  for (let at = 0; at < part.length; ) {
    const [number, lengths] = [part[at] & 15, part.subarray(at + 1, at + 17)];
    const [sizes, values] = [new Uint8Array(65536), new Uint8Array(65536)];
    let [code, next] = [0, at + 17];
    lengths.forEach((count, i) => {
      for (let k = 0; k < count; k++, next++) {
        const end = code + (1 << (15 - i));
        sizes.fill(i + 1, code, end);
        values.fill(part[next], code, end);
        code = end;
      }
    });
    tables[number] = { sizes, values };
    at = next;
  }
}

/** The differences of a scan, one by one: {next, restart}. */
function entropyCoded(stream, at, { sizes, values }) {
  let [bits, count] = [0, 0];
  let beyond = 0; // bytes that are not there, in whose place there are zeros
  const fill = () => {
    while (count <= 16) {
      const marker = stream[at] === 0xff && stream[at + 1] !== 0;
      if (at >= stream.length || marker) beyond += 1;
      bits = (bits << 8) | (marker ? 0 : (stream[at] ?? 0));
      if (!marker) at += stream[at] === 0xff ? 2 : 1;
      count += 8;
    }
  };
  const take = (size) => {
    count -= size;
    if (count < 8 * beyond) throw new Error("the JPEG's data end before the picture");
    return (bits >>> count) & ((1 << size) - 1);
  };
  return {
    next() {
      fill();
      const code = (bits >>> (count - 16)) & 0xffff;
      if (!sizes[code]) throw new Error("a code that is in no table of the JPEG");
      take(sizes[code]);
      const size = values[code];
      if (size === 0 || size === 16) return size && 32768;
      if (size > 16) throw new Error("a difference of more than 16 bits in the JPEG");
      fill();
      const value = take(size);
      return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
    },
    restart() {
      if (stream[at] !== 0xff || (stream[at + 1] & 0xf8) !== RESTART) throw new Error("a JPEG misses a restart");
      [at, bits, count, beyond] = [at + 2, 0, 0, 0];
    },
  };
}

/** The picture of which a scan holds the differences from what `selection` (1 to 7) predicts. */
function predict(scan, rows, columns, precision, selection, shift, interval) {
  if (!(selection >= 1 && selection <= 7)) throw new Error(`no predictor ${selection} in a JPEG`);
  const pixels = new Uint16Array(rows * columns);
  let first = 0; // row where the picture, or a restart, begins
  for (let i = 0; i < pixels.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    if (interval && i && i % interval === 0) {
      scan.restart();
      first = row;
      if (column) throw new Error("the JPEG starts again within a row");
    }
    const [left, above, both] = [pixels[i - 1], pixels[i - columns], pixels[i - columns - 1]];
    let guess = left;
    if (row === first) guess = column ? left : 1 << (precision - shift - 1);
    else if (!column) guess = above;
    else if (selection === 2) guess = above;
    else if (selection === 3) guess = both;
    else if (selection === 4) guess = left + above - both;
    else if (selection === 5) guess = left + ((above - both) >> 1);
    else if (selection === 6) guess = above + ((left - both) >> 1);
    else if (selection === 7) guess = (left + above) >> 1;
    pixels[i] = guess + scan.next();
  }
  return shift ? pixels.map((value) => value << shift) : pixels;
}
