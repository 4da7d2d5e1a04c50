// Parts of a mask (Uint8Array of 0 and 1, row by row): what hangs together by the sides of its pixels, and discs.

/** Take out of `left`, a mask, all pixels that hang together with one of `seeds`; returns which they are. */
export function flood(left, rows, columns, seeds) {
  const found = [];
  const reach = (i) => {
    if (left[i]) found.push(i);
    left[i] = 0;
  };
  seeds.forEach(reach);
  for (let done = 0; done < found.length; done++) {
    const i = found[done];
    const column = i % columns;
    if (column > 0) reach(i - 1);
    if (column < columns - 1) reach(i + 1);
    if (i >= columns) reach(i - columns);
    if (i < (rows - 1) * columns) reach(i + columns);
  }
  return found;
}

/** The pixels at the edge of a picture. */
export function edge(rows, columns) {
  const sides = Array.from({ length: rows }, (_, row) => [row * columns, (row + 1) * columns - 1]);
  const ends = Array.from({ length: columns }, (_, column) => [column, (rows - 1) * columns + column]);
  return [...sides, ...ends].flat();
}

/** The parts of a mask, each a list of pixels. */
export function parts(mask, rows, columns) {
  const left = mask.slice();
  const found = [];
  for (let i = 0; i < left.length; i++) if (left[i]) found.push(flood(left, rows, columns, [i]));
  return found;
}

/** A mask of some pixels. */
export function maskOf(pixels, length) {
  const mask = new Uint8Array(length);
  pixels.forEach((i) => (mask[i] = 1));
  return mask;
}

/** A mask and what it encloses. */
export function fill(mask, rows, columns) {
  const outside = mask.map((inside) => 1 - inside);
  return maskOf(flood(outside.slice(), rows, columns, edge(rows, columns)), mask.length).map((reached) => 1 - reached);
}

/** A mask and all pixels whose centre lies within `radiusMm` of one of its own. */
export function dilateDisc(mask, rows, columns, radiusMm, [downMm, acrossMm]) {
  const widths = []; // of the disc to either side, row by row from its middle
  for (let down = 0; down * downMm <= radiusMm; down++) {
    let width = 0;
    while (Math.sqrt((down * downMm) ** 2 + ((width + 1) * acrossMm) ** 2) <= radiusMm) width += 1;
    widths.push(width);
  }
  const grown = new Uint8Array(mask.length);
  const before = new Int32Array(columns + 1); // pixels of the mask to the left
  for (let row = 0; row < rows; row++) {
    for (let x = 0; x < columns; x++) before[x + 1] = before[x] + mask[row * columns + x];
    if (!before[columns]) continue;
    widths.forEach((width, down) => {
      const reached = [row - down, row + down].filter((y) => y >= 0 && y < rows);
      for (let x = 0; x < columns; x++) {
        if (before[Math.min(x + width + 1, columns)] === before[Math.max(x - width, 0)]) continue;
        for (const y of reached) grown[y * columns + x] = 1;
      }
    });
  }
  return grown;
}

/** The pixels of a mask with nothing else within `radiusMm`; beyond the edge of the picture there is nothing. */
export function erodeDisc(mask, ...how) {
  return dilateDisc(mask.map((inside) => 1 - inside), ...how).map((inside) => 1 - inside);
}

/** Of some pixels, in the order of the picture, that which lies farthest from the edge of them, or of the picture. */
export function deepest(pixels, rows, columns, [downMm, acrossMm]) {
  const heights = new Uint16Array((rows + 1) * columns); // to the nearest above or below that is none of them
  for (const i of pixels) heights[i] = 1 + (i < columns ? 0 : heights[i - columns]);
  for (const i of pixels.toReversed()) heights[i] = Math.min(heights[i], 1 + heights[i + columns]);
  let [found, most] = [null, 0];
  for (const i of pixels) {
    const column = i % columns;
    let least = (heights[i] * downMm) ** 2;
    for (let aside = 1; (aside * acrossMm) ** 2 < least; aside++) {
      const left = column < aside ? 0 : heights[i - aside];
      const right = column + aside < columns ? heights[i + aside] : 0;
      least = Math.min(least, (aside * acrossMm) ** 2 + (Math.min(left, right) * downMm) ** 2);
    }
    if (least > most) [found, most] = [i, least];
  }
  return found;
}
