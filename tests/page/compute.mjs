// Segment each slice that slices.json of FOLDER lists by the page's scripts: node compute.mjs PAGE MODULES FOLDER

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [page, modules, folder] = process.argv.slice(2);
const imported = (...parts) => import(pathToFileURL(join(...parts)));
const ort = await imported(modules, "onnxruntime-web", "dist", "ort.wasm.bundle.min.mjs");
const { loadNetwork } = await imported(page, "network.js");
const { levelSeen } = await imported(page, "level.js");
const { aboutTissues } = await imported(page, "measure.js");
const { segment } = await imported(page, "postprocess.js");
const { upright } = await imported(page, "preprocess.js");
const { leftHalf, pixelsOf } = await imported(page, "sides.js");

const settings = JSON.parse(readFileSync(join(folder, "settings.json")));
const session = await loadNetwork(ort, readFileSync(join(folder, "network.onnx")));
const numbers = {};
for (const { name, ...slice } of JSON.parse(readFileSync(join(folder, "slices.json")))) {
  const imageHu = new Float32Array(new Uint8Array(readFileSync(join(folder, `${name}.hu`))).buffer);
  try {
    const { mask, probability, tissues, ...rest } = await segment({ ...slice, imageHu }, session, settings);
    const turned = upright({ ...slice, imageHu: tissues });
    const inLeftHalf = leftHalf(pixelsOf(turned.imageHu, settings.tissues), turned.columns, turned.spacingMm);
    const half = tissues.slice();
    turned.from.forEach((place, i) => (half[place] = inLeftHalf ? inLeftHalf(i) : 2));
    for (const [kind, values] of Object.entries({ mask, probability, tissues, half })) {
      writeFileSync(join(folder, `${name}.${kind}`), values);
    }
    const { level, about } = levelSeen(rest.level, slice.seen, settings);
    numbers[name] = { ...rest, level, about: [...aboutTissues(rest), ...about] };
  } catch (error) {
    numbers[name] = { refused: error.message };
  }
}
writeFileSync(join(folder, "numbers.json"), JSON.stringify(numbers));
