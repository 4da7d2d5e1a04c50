// What computes, beside the page, which stays quick: it reads a slice, and finds its muscle.

import charls from "@cornerstonejs/codec-charls/decodewasmjs";
import openjpeg from "@cornerstonejs/codec-openjpeg/decodewasmjs";
import * as ort from "onnxruntime-web/wasm";

import { check } from "./checks.js";
import { readSlice, SliceError } from "./dicom.js";
import { levelSeen } from "./level.js";
import { aboutTissues } from "./measure.js";
import { loadNetwork } from "./network.js";
import { segment } from "./postprocess.js";

const asked = new Map();

/** Bytes that only the page can load, by their name in `BUILT.files`. */
function need(name) {
  return new Promise((resolve, reject) => {
    asked.set(name, { resolve, reject });
    postMessage({ need: name });
  });
}

/** A function that makes something when it is first called; after a failure it tries again. */
function once(make) {
  let made;
  return () => (made ??= make().catch((error) => ((made = undefined), Promise.reject(error))));
}

const codecs = {
  charls: once(async () => charls({ wasmBinary: await need("charls") })),
  openjpeg: once(async () => openjpeg({ wasmBinary: await need("openjpeg") })),
};
const network = once(async () => {
  const [runtime, model] = await Promise.all([need("runtime"), need("network")]);
  ort.env.wasm.wasmBinary = runtime;
  return loadNetwork(ort, new Uint8Array(model));
});
const actions = {
  read: ({ bytes, name }) => readSlice(new Uint8Array(bytes), name, codecs),
  segment: async (slice) => {
    const session = await network();
    const start = performance.now();
    const found = await segment({ ...slice, orientation: slice.facts.orientation }, session, SETTINGS);
    const seen = check(slice, found.mask);
    const { level, about } = levelSeen(found.level, seen, SETTINGS);
    const warnings = [...found.warnings, ...seen, ...aboutTissues(found), ...about];
    return { ...found, level, warnings, seconds: (performance.now() - start) / 1000 };
  },
};

onmessage = async ({ data: { id, action, content, given, missing } }) => {
  if (given) {
    if (missing) asked.get(given).reject(new Error(missing));
    else asked.get(given).resolve(content);
    return;
  }
  try {
    postMessage({ id, result: await actions[action](content) });
  } catch (error) {
    postMessage({ id, problem: String(error?.message ?? error), refused: error instanceof SliceError });
  }
};
