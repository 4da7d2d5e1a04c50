// What the figures that answer compute: node answers.mjs DATA.js..., settings as JSON on standard input; answers as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import vm from "node:vm";

const numbers = createRequire(import.meta.url)("../../workflow/book/assets/answers-numbers.js");
for (const file of process.argv.slice(2)) vm.runInThisContext(readFileSync(file, "utf8"));
const opened = {};
const compute = {
  "fig-members": (data, how) => numbers.members(data, how),
  "fig-steps": (data, how) => {
    const { mask, ...found } = numbers.postprocess((opened.slice ??= numbers.opened(data)), how);
    return found;
  },
  "fig-few": (data, size) => {
    const { draws, ...found } = numbers.fewCases(data, size);
    return { ...found, first: draws[0] };
  },
  "fig-assumed-readers": (data, how) => numbers.assumed(data, how),
  "fig-changes": (data, how) => numbers.classChanges(data, how),
};
const asked = JSON.parse(readFileSync(0, "utf8"));
const answers = Object.entries(asked).map(([name, settings]) => {
  return [name, settings.map((how) => compute[name](globalThis.answersData[name], how))];
});
console.log(JSON.stringify(Object.fromEntries(answers)));
