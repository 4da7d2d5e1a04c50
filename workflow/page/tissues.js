// What the page shows and saves of the tissues, as sarco/slice_tool/picture.py and numbers.py do.

import { format } from "./words.js";

/** The parts that make up the picture, a muscle by its sides where it has them, each with its tissue's number. */
export function numbered(parts) {
  const sided = new Set(parts.filter(({ side }) => side).map(({ tissue }) => tissue));
  const drawn = parts.filter(({ tissue, side, area_cm2: area }) => area && Boolean(side) === sided.has(tissue));
  const names = [...new Set(drawn.map(({ tissue }) => tissue))];
  return drawn.map(({ tissue, deepest }) => ({ tissue, number: names.indexOf(tissue) + 1, at: deepest }));
}

/** A colour as #e69f00 in its parts, red first. */
export function rgb(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

/** List numbers, colours and names of some tissues. */
export function fillLegend(list, names, colours) {
  const items = names.map((tissue, i) => {
    const swatch = make("i", "");
    swatch.style.background = colours[tissue];
    const item = make("li", `${i + 1} `);
    item.append(swatch, tissue);
    return item;
  });
  list.hidden = !items.length;
  list.replaceChildren(...items);
}

/** Fill a table by the parts: a line for each tissue, a column for the whole and for each side. */
export function fillTable(body, parts, sides) {
  body.replaceChildren();
  for (const { tissue } of parts.filter(({ side }) => !side)) {
    const row = body.insertRow();
    row.append(Object.assign(make("th", tissue[0].toUpperCase() + tissue.slice(1)), { scope: "row" }));
    for (const side of sides) {
      const [area, ...rest] = told(parts.find((one) => one.tissue === tissue && one.side === side));
      const cell = row.insertCell();
      cell.append(area, ...rest.map((text) => make("small", text)));
    }
  }
}

/** The texts of a part: area, interval and attenuation. */
function told(one) {
  if (!one?.area_cm2) return [one ? "not found" : ""];
  const { area_cm2: area, interval_cm2: interval, mean_hu: mean } = one;
  const ends = interval ? [`(${interval.map((end) => end.toFixed(1)).join(" to ")})`] : [];
  return [`${area.toFixed(1)} cm²`, ...ends, `${format(mean, ".0f")} HU`];
}

/** An element with a text. */
function make(name, textContent) {
  return Object.assign(document.createElement(name), { textContent });
}

/** The values of all parts by the names of their columns, each with how many decimals it has there. */
export function cellsOf(parts) {
  return parts.flatMap(({ tissue, side, area_cm2: area, interval_cm2: interval, mean_hu: mean }) => {
    const key = `${tissue} ${side}`.trim().replaceAll(" ", "_");
    const [low, high] = interval ?? [null, null];
    const values = [["area_cm2", area, 3], ["low_cm2", low, 3], ["high_cm2", high, 3], ["mean_hu", mean, 2]];
    return values.map(([what, value, decimals]) => [`${key}_${what}`, value, decimals]);
  });
}
