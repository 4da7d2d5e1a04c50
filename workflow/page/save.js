// The files that the page saves: a mask as PNG and numbers as CSV, as the command writes them.

/** What the files of a slice are called (`file_name` in sarco/slice_tool/output.py). */
export function stem(name) {
  return /\.\d+$/.test(name) ? name : name.replace(/(?<=.)\.[^.]+$/, "");
}

/** Hand bytes or text to the reader as a file. */
export function save(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** A mask as a PNG of 8 bits a pixel, 255 where it is muscle, with a comment; a canvas would write colours. */
export async function maskPng({ mask, rows, columns }, comment) {
  const lines = new Uint8Array(rows * (columns + 1)); // each begins with its filter, 0
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      lines[row * (columns + 1) + 1 + column] = mask[row * columns + column] ? 255 : 0;
    }
  }
  const packed = new Blob([lines]).stream().pipeThrough(new CompressionStream("deflate"));
  const text = new TextEncoder().encode(`Comment\0${comment}`);
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, columns);
  view.setUint32(4, rows);
  head[8] = 8; // bits; the rest is 0: grey, not interlaced
  return new Blob([
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    chunk("IHDR", head),
    chunk("tEXt", text),
    chunk("IDAT", new Uint8Array(await new Response(packed).arrayBuffer())),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** A chunk of a PNG: length, kind, content and checksum. */
function chunk(kind, content) {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(content, 8);
  view.setUint32(content.length + 8, crc32(bytes.subarray(4, content.length + 8)));
  return bytes;
}

/** The checksum of PNG. */
function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** A table of one line; what is not known is empty. */
export function csv(columns, cells) {
  const quoted = columns.map((column) => {
    const text = String(cells[column] ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text;
  });
  return `${columns.join(",")}\n${quoted.join(",")}\n`;
}
