// The page: a slice is chosen, shown and segmented; what was found is shown, said and saved.

import { draw } from "./draw.js";
import { load } from "./load.js";
import { upright } from "./preprocess.js";
import { csv, maskPng, save, stem } from "./save.js";
import { cellsOf, fillLegend, fillTable, numbered, rgb } from "./tissues.js";

const { files, megabytes, sample, words } = BUILT; // by workflow/page/build.py
const layers = ["outline", "probability", "tissues"]; // that a reader may choose
const part = (name) => document.getElementById(`ys-${name}`);
const box = document.getElementById("your-slice");
const asked = [];
let slice = null; // as its file has it, with its name
let found = null; // in that slice
let turns = 0; // how often a slice was asked for

// --- the worker ---------------------------------------------------------------------------------------

/** Start the worker, which is bytes like the rest: a page on a disk may open no other file for it. */
async function start() {
  const script = new Blob([await load(files.worker, () => {})], { type: "text/javascript" });
  const worker = new Worker(URL.createObjectURL(script));
  worker.onmessage = ({ data: { id, need, result, problem, refused } }) => {
    if (need) give(worker, need);
    else if (problem === undefined) asked[id].resolve(result);
    else asked[id].reject(Object.assign(new Error(problem), { refused }));
  };
  worker.onerror = ({ message }) => asked.forEach(({ reject }) => reject(new Error(message)));
  return worker;
}

let starting = null;

/** What the worker answers; it is started when it is first asked. */
async function ask(action, content) {
  starting ??= start();
  const worker = await starting.catch((error) => ((starting = null), Promise.reject(error)));
  return new Promise((resolve, reject) => {
    worker.postMessage({ id: asked.push({ resolve, reject }) - 1, action, content });
  });
}

const pieces = { done: 0, all: 0 };

/** Load what the worker needs, and show how far it is. */
async function give(worker, name) {
  const bar = part("progress");
  pieces.all += files[name].length;
  bar.hidden = false;
  try {
    const content = await load(files[name], () => (bar.value = (pieces.done += 1) / pieces.all));
    worker.postMessage({ given: name, content }, [content]);
  } catch (error) {
    pieces.all = pieces.done;
    worker.postMessage({ given: name, missing: error.message });
  }
  bar.hidden = pieces.done >= pieces.all;
}

// --- what a reader does -------------------------------------------------------------------------------

/** Read a slice and show it; a sentence where it cannot be read, and what was shown stays. */
async function read(name, bytes) {
  const turn = (turns += 1);
  const now = { name, ...(await ask("read", { bytes, name })) };
  if (turn !== turns) return false;
  [slice, found] = [now, null];
  show();
  say(`${name} is shown.`);
  return true;
}

/** Read the slice that the page brings. */
async function readSample() {
  await read(sample, new Uint8Array(await load(files.sample, () => {})));
}

/** Read a slice of the reader's own, and find its muscle. */
async function readFile(chosen) {
  if (chosen.length > 1) throw refusal(`${chosen.length} files were given; this page reads one slice at a time.`);
  if (chosen.length && (await read(chosen[0].name, new Uint8Array(await chosen[0].arrayBuffer())))) await segment();
}

let networkThere = false;

/** Find the muscle of the slice that is shown. */
async function segment() {
  if (!slice) await readSample();
  const of = slice;
  say(networkThere ? "Segmenting." : `Loading the network and what computes it, ${megabytes} MB, once.`);
  const result = await ask("segment", of);
  networkThere = true;
  if (of !== slice) return;
  found = result;
  show();
  say(`${told().join(", ")}. ${warningCount(found)}`);
}

/** Do what a reader asked for, one thing at a time; what goes wrong is said, and the page stays usable. */
async function attempt(action, ...given) {
  part("problem").hidden = true;
  const busy = (is) => part("segment").setAttribute("aria-disabled", is);
  busy(true);
  try {
    await action(...given);
  } catch (error) {
    const still = slice ? ` Still shown: ${slice.name}.` : "";
    part("problem").textContent = (error.refused ? error.message : `That did not work: ${error.message}.`) + still;
    part("problem").hidden = false;
    say("");
  }
  busy(false);
}

/** An error that is a sentence for the reader. */
function refusal(sentence) {
  return Object.assign(new Error(sentence), { refused: true });
}

// --- what a reader sees -------------------------------------------------------------------------------

/** Say something that a screen reader reads out too. */
function say(text) {
  part("status").textContent = text;
}

/** A number with its unit, as the command prints it. */
function valued(value, unit) {
  return value === null ? "not known" : `${value.toFixed(1)} ${unit}`;
}

/** What is known of the muscle in a few words. */
function told() {
  const { area_cm2: area, area_corrected_cm2: corrected, interval_cm2: interval, mean_hu: mean } = found;
  const ends = interval && ` (95 % interval ${interval[0].toFixed(1)} to ${valued(interval[1], "cm²")})`;
  return [
    `Muscle ${valued(area, "cm²")}`,
    ...(corrected === null ? [] : [`bias corrected ${valued(corrected, "cm²")}${ends}`]),
    ...(mean === null ? [] : [`mean ${valued(mean, "HU")}`]),
    `low-attenuation muscle ${valued(found.low_attenuation_cm2, "cm²")}`,
  ];
}

/** How many warnings there are. */
function warningCount({ warnings }) {
  return warnings.length === 1 ? "1 warning." : `${warnings.length || "No"} warnings.`;
}

/** How large the slice is. */
function size() {
  const [rowMm, columnMm] = slice.spacingMm.map((mm) => String(Number(mm.toPrecision(4))));
  return `${slice.rows} x ${slice.columns} pixels of ${rowMm} x ${columnMm} mm`;
}

/** Show the slice and what was found in it. */
function show() {
  showPicture();
  box.classList.toggle("ys-found", Boolean(found));
  part("name").textContent = slice.name + (slice.name === sample ? ", a synthetic phantom." : ".");
  showWarnings((found ?? slice).warnings);
  showNumbers();
  part("parts").hidden = !found;
  fillTable(part("parts").querySelector("tbody"), found?.parts ?? [], words.sides);
  const time = found ? ` Segmented in ${found.seconds.toFixed(1)} s.` : "";
  part("made").textContent = `${found ? "One network. " : ""}${size()}.${time}`;
  for (const name of ["mask", "csv"]) part(name).disabled = !found;
}

/** Draw the slice upright, in the window and with the layers that were chosen. */
function showPicture() {
  if (!slice) return;
  const [low, high] = part("window").value.split(" ").map(Number);
  const [outline, probability, tissues] = layers.map((name) => Boolean(found) && part(name).checked);
  const turned = upright({ ...slice, orientation: slice.facts.orientation });
  const turn = (values) => values.constructor.from(turned.from, (place) => values[place]);
  const numbers = tissues ? numbered(found.parts) : [];
  const colours = words.of_labels.map((colour) => colour && rgb(colour));
  draw(part("canvas"), turned, {
    low,
    high,
    mask: outline && turn(found.mask),
    probability: probability && turn(found.probability),
    labels: tissues && turn(found.tissues),
    colours,
    numbers,
  });
  const names = [...new Set(numbers.map(({ tissue }) => tissue))];
  fillLegend(part("legend"), names, words.colours);
  const about = [
    `CT slice ${slice.name}, ${size()}.`,
    ...(outline ? ["The muscle is outlined."] : []),
    ...(tissues ? [`Tissues are shown in colour: ${names.join(", ") || "none was found"}.`] : []),
    found ? `${told().join(", ")}.` : "Not segmented yet.",
  ];
  part("canvas").setAttribute("aria-label", about.join(" "));
}

/** List the warnings. */
function showWarnings(sentences) {
  const items = sentences.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence }));
  part("warnings").hidden = !items.length;
  part("warnings").querySelector("ul").replaceChildren(...items);
}

/** Fill the table of the numbers, by the names that the command gives them. */
function showNumbers() {
  const table = part("numbers");
  table.caption.textContent = found ? `Measured in ${slice.name}` : "Press Segment to fill this table.";
  table.tBodies[0].replaceChildren();
  if (!found) return;
  for (const { key, name, meaning, unit, interval } of words.numbers) {
    addRow(name, valued(found[key], unit), meaning);
    if (interval && found[interval]) {
      const [low, high] = found[interval];
      const ends = `${low.toFixed(1)} to ${valued(high, unit)}`;
      addRow("Its 95 % interval", ends, "from the networks' errors on synthetic phantoms");
    }
  }
  if (found.level) addRow("Level, estimated", found.level.words, found.level.meaning);
}

/** Add a line to the table of the numbers. */
function addRow(name, value, meaning) {
  const row = part("numbers").tBodies[0].insertRow();
  const head = Object.assign(document.createElement("th"), { scope: "row", textContent: name });
  head.append(Object.assign(document.createElement("small"), { textContent: meaning }));
  row.append(head);
  Object.assign(row.insertCell(), { className: "ys-value", textContent: value });
}

// --- what a reader takes along ------------------------------------------------------------------------

/** Save the mask on the grid of the file. */
async function saveMask() {
  const { name } = slice; // another may be chosen while this is written
  const png = await maskPng({ ...slice, mask: found.mask }, words.not_a_medical_device);
  save(png, "image/png", `${stem(name)}_mask.png`);
}

/** The level by the names of its columns, each with how many decimals it has there. */
function levelCells(level) {
  const values = level ? [level.vertebrae, ...(level.interval ?? [null, null])] : [];
  return values.map((value, i) => [["level_vertebrae", "level_low", "level_high"][i], value, 3]);
}

/** A number of so many digits after the point, or null. */
function rounded(value, decimals) {
  return value === null ? null : Number(value.toFixed(decimals));
}

/** Save the numbers as a line of the command's table; what the page does not measure stays empty. */
function saveNumbers() {
  const cells = {
    file: slice.name,
    members: 1,
    row_spacing_mm: slice.spacingMm[0],
    column_spacing_mm: slice.spacingMm[1],
    sop_instance_uid: slice.facts.sopInstanceUid,
    warnings: found.warnings.join(" "),
    note: words.not_a_medical_device,
  };
  for (const { key, decimals, interval } of words.numbers) {
    cells[key] = rounded(found[key], decimals);
    const ends = interval && found[interval] ? found[interval] : [null, null];
    ["low", "high"].forEach((end, i) => {
      cells[key.replace("_corrected_", `_corrected_${end}_`)] ??= rounded(ends[i], decimals);
    });
  }
  const more = [...cellsOf(found.parts), ...levelCells(found.level)];
  for (const [key, value, decimals] of more) cells[key] = rounded(value, decimals);
  const columns = [...words.columns, ...words.tissue_columns.filter((name) => name in cells)];
  save(csv(columns, cells), "text/csv", `${stem(slice.name)}.csv`);
}

// --- beginning ----------------------------------------------------------------------------------------

/** Let the page answer. */
function listen() {
  const on = (name, event, action) => part(name).addEventListener(event, action);
  on("segment", "click", () => part("segment").ariaDisabled !== "true" && attempt(segment));
  on("sample", "click", () => attempt(readSample));
  on("file", "change", () => {
    const chosen = [...part("file").files];
    part("file").value = ""; // so that the same file can be chosen again, once it was mended
    if (chosen.length) attempt(readFile, chosen);
  });
  on("mask", "click", () => attempt(saveMask));
  on("csv", "click", () => attempt(saveNumbers));
  ["window", ...layers].forEach((name) => on(name, "change", showPicture));
  const dropping = (is) => (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    box.classList.toggle("ys-dropping", is);
  };
  addEventListener("dragover", dropping(true));
  addEventListener("dragleave", dropping(false));
  addEventListener("drop", dropping(false));
  addEventListener("drop", (event) => attempt(readFile, event.dataTransfer.files));
  // The page may send no form, so the search of the book, which is one, becomes a plain link.
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    location.href = `${event.target.action}?${new URLSearchParams(new FormData(event.target))}`;
  });
}

part("parts").querySelector("p").textContent = words.of_tissues;
listen();
attempt(readSample);
