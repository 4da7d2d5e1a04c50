// Read the files that a folder lists in files.json, with the modules of the page: node read.mjs PAGE MODULES FOLDER

import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [page, modules, folder] = process.argv.slice(2);
const imported = (name) => import(pathToFileURL(join(page, name)));
const { readSlice, SliceError } = await imported("dicom.js");
const { check } = await imported("checks.js");
const load = createRequire(join(modules, "any.js"));
const loaded = {};
const quiet = { print() {}, printErr() {} };
const codec = (name) => (loaded[name] ??= load(`@cornerstonejs/codec-${name}/decodewasmjs`)(quiet));
const codecs = { charls: () => codec("charls"), openjpeg: () => codec("openjpeg") };

const found = [];
for (const [number, path] of JSON.parse(readFileSync(join(folder, "files.json"))).entries()) {
  const start = process.cpuUsage();
  const done = await readSlice(new Uint8Array(readFileSync(path)), path, codecs).catch((error) => error);
  const seconds = process.cpuUsage(start).user / 1e6; // not those in which others computed
  if (done instanceof Error) {
    found.push({ refused: done.message, expected: done instanceof SliceError, stack: done.stack, seconds });
    continue;
  }
  const { imageHu, ...slice } = done;
  writeFileSync(join(folder, `${number}.hu`), imageHu);
  const mask = Uint8Array.from(imageHu, (hu) => hu >= -29 && hu <= 150);
  found.push({ ...slice, measured: check(done, mask), seconds });
}
writeFileSync(join(folder, "found.json"), JSON.stringify(found));
