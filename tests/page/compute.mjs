// Segment each slice that slices.json of FOLDER lists by the page's scripts: node compute.mjs PAGE MODULES FOLDER

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [page, modules, folder] = process.argv.slice(2);
const imported = (...parts) => import(pathToFileURL(join(...parts)));
const ort = await imported(modules, "onnxruntime-web", "dist", "ort.wasm.bundle.min.mjs");
const { loadNetwork } = await imported(page, "network.js");
const { segment } = await imported(page, "postprocess.js");

const settings = JSON.parse(readFileSync(join(folder, "settings.json")));
const session = await loadNetwork(ort, readFileSync(join(folder, "network.onnx")));
const numbers = {};
for (const { name, ...slice } of JSON.parse(readFileSync(join(folder, "slices.json")))) {
  const imageHu = new Float32Array(new Uint8Array(readFileSync(join(folder, `${name}.hu`))).buffer);
  try {
    const { mask, probability, tissues, ...rest } = await segment({ ...slice, imageHu }, session, settings);
    for (const [kind, values] of Object.entries({ mask, probability, tissues })) {
      writeFileSync(join(folder, `${name}.${kind}`), values);
    }
    numbers[name] = rest;
  } catch (error) {
    numbers[name] = { refused: error.message };
  }
}
writeFileSync(join(folder, "numbers.json"), JSON.stringify(numbers));
