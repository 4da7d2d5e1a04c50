// What a slice and its muscle look like: drawn as sarco/slice_tool/picture.py draws them.

const PICTURE_PX = 1000; // longest side of the slice in the picture
const LINE_PX = 2;
const OUTLINE_COLOUR = "#ffb000"; // seen on grey by any kind of colour vision
// Probability from 0 to 1, dark blue to pale cyan: the outline is seen on each of them.
const COLOURS = [[8, 29, 88], [34, 94, 168], [29, 145, 192], [65, 200, 220], [170, 245, 245]];
const BODY_HU = -300; // what is denser is body, or clothes and table
const SHOWN_FROM = 0.1; // what is less likely is left as it is

/** Draw the body of a slice, in true proportions; `show` has `low`, `high` (HU), `outline` and `probability`. */
export function draw(canvas, slice, found, show) {
  const { left, top, width, height } = body(slice);
  const [rowMm, columnMm] = slice.spacingMm;
  const scale = PICTURE_PX / Math.max(height * rowMm, width * columnMm);
  canvas.width = Math.max(1, Math.round(width * columnMm * scale));
  canvas.height = Math.max(1, Math.round(height * rowMm * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const probability = show.probability && found ? found.probability : null;
  context.drawImage(coloured(slice, probability, show), left, top, width, height, 0, 0, canvas.width, canvas.height);
  if (found && show.outline) {
    const [a, d] = [columnMm * scale, rowMm * scale];
    const path = new Path2D();
    path.addPath(outline(found.mask, slice.rows, slice.columns), { a, d, e: -left * a, f: -top * d });
    Object.assign(context, { strokeStyle: OUTLINE_COLOUR, lineWidth: LINE_PX, lineCap: "round" });
    context.stroke(path);
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

/** The slice in grey, pixel by pixel, with a probability in colour over it. */
function coloured({ imageHu, rows, columns }, probability, { low, high }) {
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  for (let i = 0; i < imageHu.length; i += 1) {
    const grey = (255 * (imageHu[i] - low)) / (high - low);
    const likely = probability ? probability[i] : 0;
    const colour = likely < SHOWN_FROM ? null : colourOf(Math.min(1, likely));
    for (let part = 0; part < 3; part += 1) {
      pixels.data[4 * i + part] = colour ? 0.3 * Math.max(0, Math.min(255, grey)) + 0.7 * colour[part] : grey;
    }
    pixels.data[4 * i + 3] = 255;
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

/** How long 5 cm are, at the lower left. */
function drawBar(context, length) {
  const { width, height } = context.canvas;
  Object.assign(context, { fillStyle: "white", font: "24px sans-serif", textBaseline: "bottom" });
  context.fillRect(0.04 * width, 0.97 * height - 2, length, 4);
  context.fillText("5 cm", 0.04 * width, 0.96 * height);
}
