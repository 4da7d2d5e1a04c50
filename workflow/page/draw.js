// What a slice and its muscle look like: drawn as sarco/slice_tool/picture.py draws them.

const PICTURE_PX = 1000; // longest side of the slice in the picture
const LINE_PX = 2;
const NUMBER_PX = 32;
const OUTLINE_COLOUR = "#ffb000"; // seen on grey by any kind of colour vision
// Probability from 0 to 1, dark blue to pale cyan: the outline is seen on each of them.
const COLOURS = [[8, 29, 88], [34, 94, 168], [29, 145, 192], [65, 200, 220], [170, 245, 245]];
const BODY_HU = -300; // what is denser is body, or clothes and table
const SHOWN_FROM = 0.1; // what is less likely is left as it is

/** Draw the body of a slice, in true proportions, in a window from `low` to `high` HU, with the layers that are there.
 *
 * They are `probability`, `labels` in their `colours`, the outline of `mask`, and `numbers`, each with the pixel `at`
 * which it stands. */
export function draw(canvas, slice, { low, high, probability, labels, colours, mask, numbers }) {
  const { left, top, width, height } = body(slice);
  const [rowMm, columnMm] = slice.spacingMm;
  const scale = PICTURE_PX / Math.max(height * rowMm, width * columnMm);
  canvas.width = Math.max(1, Math.round(width * columnMm * scale));
  canvas.height = Math.max(1, Math.round(height * rowMm * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const likely = (i) => (probability[i] < SHOWN_FROM ? null : colourOf(Math.min(1, probability[i])));
  const tints = [...(probability ? [[0.7, likely]] : []), ...(labels ? [[0.6, (i) => colours[labels[i]]]] : [])];
  const picture = coloured(slice, tints, low, high);
  context.drawImage(picture, left, top, width, height, 0, 0, canvas.width, canvas.height);
  if (mask) {
    const [a, d] = [columnMm * scale, rowMm * scale];
    const path = new Path2D();
    path.addPath(outline(mask, slice.rows, slice.columns), { a, d, e: -left * a, f: -top * d });
    Object.assign(context, { strokeStyle: OUTLINE_COLOUR, lineWidth: LINE_PX, lineCap: "round" });
    context.stroke(path);
  }
  for (const { number, at } of numbers) {
    const [x, y] = [(at % slice.columns) + 0.5 - left, Math.floor(at / slice.columns) + 0.5 - top];
    drawNumber(context, number, x * columnMm * scale, y * rowMm * scale);
  }
  drawBar(context, 50 * scale);
}

/** Where the body and what lies about it stand in a slice, with a rim; all of it where there is none. */
function body({ imageHu, rows, columns }) {
  let [top, bottom, left, right] = [rows, -1, columns, -1];
  imageHu.forEach((hu, i) => {
    if (hu < BODY_HU) return;
    const [row, column] = [Math.floor(i / columns), i % columns];
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
  });
  if (bottom < 0) return { left: 0, top: 0, width: columns, height: rows };
  const rim = Math.round(0.03 * Math.max(rows, columns));
  [top, left] = [Math.max(0, top - rim), Math.max(0, left - rim)];
  const [width, height] = [Math.min(columns, right + rim + 1) - left, Math.min(rows, bottom + rim + 1) - top];
  return { left, top, width, height };
}

/** The slice in grey, pixel by pixel, with tints over it: of each its share, and its colour at a pixel or null. */
function coloured({ imageHu, rows, columns }, tints, low, high) {
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  for (let i = 0; i < imageHu.length; i += 1) {
    const grey = (255 * (imageHu[i] - low)) / (high - low);
    pixels.data.fill(grey, 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
    for (const [share, colourAt] of tints) {
      const colour = colourAt(i);
      for (let part = 0; colour && part < 3; part += 1) {
        pixels.data[4 * i + part] = (1 - share) * pixels.data[4 * i + part] + share * colour[part];
      }
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** Colour of a probability, between the two nearest of `COLOURS`. */
function colourOf(probability) {
  const place = probability * (COLOURS.length - 1);
  const first = Math.min(Math.floor(place), COLOURS.length - 2);
  return COLOURS[first].map((value, part) => value + (place - first) * (COLOURS[first + 1][part] - value));
}

/** The outline of a mask between the middles of its pixels (marching squares), in pixels of the slice. */
function outline(mask, rows, columns) {
  const path = new Path2D();
  const within = (row, column) => row >= 0 && row < rows && column >= 0 && column < columns;
  const inside = (row, column) => within(row, column) && mask[row * columns + column] > 0;
  for (let y = 0; y <= rows; y += 1) {
    for (let x = 0; x <= columns; x += 1) {
      // Four pixels about a corner, and where the line between two neighbours is crossed.
      const [a, b, c, d] = [inside(y - 1, x - 1), inside(y - 1, x), inside(y, x), inside(y, x - 1)];
      const ends = [];
      if (a !== b) ends.push([x, y - 0.5]);
      if (b !== c) ends.push([x + 0.5, y]);
      if (c !== d) ends.push([x, y + 0.5]);
      if (d !== a) ends.push([x - 0.5, y]);
      ends.forEach((end, i) => (i % 2 ? path.lineTo(...end) : path.moveTo(...end)));
    }
  }
  return path;
}

/** A number that is seen on any colour. */
function drawNumber(context, number, x, y) {
  Object.assign(context, { font: `bold ${NUMBER_PX}px sans-serif`, textAlign: "center", textBaseline: "middle" });
  Object.assign(context, { strokeStyle: "black", fillStyle: "white", lineWidth: 6, lineJoin: "round" });
  context.strokeText(number, x, y);
  context.fillText(number, x, y);
}

/** How long 5 cm are, at the lower left. */
function drawBar(context, length) {
  const { width, height } = context.canvas;
  Object.assign(context, { fillStyle: "white", font: "24px sans-serif", textAlign: "left", textBaseline: "bottom" });
  context.fillRect(0.04 * width, 0.97 * height - 2, length, 4);
  context.fillText("5 cm", 0.04 * width, 0.96 * height);
}
