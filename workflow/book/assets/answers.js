// What the figures that answer show: sliders, a sentence, and a picture or a table below a figure. The numbers come
// from answers-numbers.js, the places and the data from workflow/answers.py.
(() => {
  "use strict";
  const numbers = answersNumbers;

  // A number with so many decimals; a zero has no sign.
  function fixed(value, decimals, sign = "") {
    const text = value.toFixed(decimals);
    return Number(text) === 0 ? text.replace("-", "") : (value > 0 ? sign : "") + text;
  }
  const signed = (value, decimals) => fixed(value, decimals, "+");
  const interval = ({ value, low, high }, as) => `${as(value)} (${as(low)} to ${as(high)})`;

  // An element of HTML or SVG with attributes and children.
  function element(name, attributes = {}, ...children) {
    const drawn = ["svg", "path", "circle", "line", "text", "rect"].includes(name);
    const made = drawn ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // A table; its first column has the heads of its rows. On a phone it scrolls, so the keyboard must come to it.
  function table(caption, head, rows) {
    const heads = head.map((cell) => element("th", { scope: "col" }, cell));
    const lines = rows.map(([first, ...others]) =>
      element("tr", {}, element("th", { scope: "row" }, first), ...others.map((cell) => element("td", {}, cell))));
    const parts = [element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines)];
    return element("table", { tabIndex: 0 }, element("caption", {}, caption), ...parts);
  }

  const key = (text) => element("p", { class: "answers-key" }, text);

  // Sliders and choices -----------------------------------------------------------------------------------------------

  // One slider, or with `options` a choice: its node, its value, and how it is set. `show` tells a value in words.
  function control(id, { label, start, show = String, options, ...range }, changed) {
    const words = element("span", { class: "answers-value" });
    const choices = options?.map((text, i) => element("option", { value: i }, text));
    const input = options ? element("select", { id }, ...choices) : element("input", { id, type: "range", ...range });
    const tell = () => {
      if (options) return;
      words.textContent = show(Number(input.value));
      input.setAttribute("aria-valuetext", words.textContent);
    };
    const set = (value) => {
      input.value = value;
      tell();
    };
    input.addEventListener("input", () => changed(tell()));
    set(start);
    const name = element("div", { class: "answers-label" }, element("label", { for: id }, label), words);
    return { node: element("div", {}, name, input), read: () => Number(input.value), set, reset: () => set(start) };
  }

  // A panel: what is computed and what is assumed, the controls, and the answer, given anew when one of them moves.
  function panel(place, { title, about }, { controls, buttons = {}, show, moved }) {
    const view = element("div", { class: "answers-view" });
    const told = element("p", { class: "answers-told", role: "status" }), parts = {};
    let waiting = false;
    const answer = () => {
      waiting = false;
      const values = Object.entries(parts).map(([name, part]) => [name, part.read()]);
      const { sentence, nodes } = show(Object.fromEntries(values));
      told.textContent = sentence;
      view.replaceChildren(...nodes);
    };
    // Once a frame is enough, however fast a slider runs.
    const changed = (name) => {
      moved?.(parts, name);
      if (!waiting) requestAnimationFrame(answer);
      waiting = true;
    };
    const id = (name) => `${place.dataset.figure}-${name}`;
    for (const [name, how] of Object.entries(controls)) parts[name] = control(id(name), how, () => changed(name));
    const acts = { ...buttons, Reset: () => Object.values(parts).forEach((part) => part.reset()) };
    const pressed = Object.entries(acts).map(([text, act]) => {
      const button = element("button", { type: "button" }, text);
      button.addEventListener("click", () => changed(act(parts)));
      return button;
    });
    place.setAttribute("role", "group");
    place.setAttribute("aria-labelledby", id("answers"));
    place.append(element("p", { class: "answers-title", id: id("answers") }, title), key(about),
      element("div", { class: "answers-controls" }, ...Object.values(parts).map((part) => part.node),
        element("div", { class: "answers-buttons" }, ...pressed)), told, view);
    answer();
  }

  // Pictures ----------------------------------------------------------------------------------------------------------

  const write = (x, y, words, anchor) => element("text", { x, y, "text-anchor": anchor }, words);

  // Curves over 1, 2, ... n members; on the first one place is marked, and a dotted line stands at the paper's.
  function curves(title, lines, at, { papers }, decimals) {
    const all = Object.values(lines).flat(), n = lines.one.length, low = Math.min(...all), high = Math.max(...all);
    const x = (i) => 48 + (252 * (i - 1)) / Math.max(n - 1, 1);
    const y = (value) => 118 - (90 * (value - low)) / (high - low || 1);
    const path = ([name, values]) =>
      element("path", { class: name, d: `M${values.map((value, i) => `${x(i + 1)} ${y(value)}`).join("L")}` });
    const line = element("line", { class: "papers", x1: x(papers), x2: x(papers), y1: 22, y2: 126 });
    return element("svg", { viewBox: "0 0 312 148", role: "img", "aria-label": `${title} by the number of members` },
      write(4, 14, title, "start"), write(42, 122, fixed(low, decimals), "end"),
      write(42, 32, fixed(high, decimals), "end"), write(x(1), 142, "1", "middle"),
      write(x(n), 142, `${n} members`, "end"), ...(papers <= n ? [line] : []), ...Object.entries(lines).map(path),
      element("circle", { cx: x(at), cy: y(lines.one[at - 1]), r: 4.5 }));
  }

  // How often each value was drawn, with one marked.
  function histogram(values, at) {
    const bins = 40, low = Math.min(...values), span = Math.max(...values) - low || 1, counts = Array(bins).fill(0);
    values.forEach((value) => counts[Math.min(bins - 1, Math.floor((bins * (value - low)) / span))]++);
    const heights = counts.map((count) => (70 * count) / Math.max(...counts)), x = 16 + (280 * (at - low)) / span;
    return element("svg", { viewBox: "0 0 312 120", role: "img", "aria-label": "Mean errors of all draws" },
      ...heights.map((height, i) => element("rect", { x: 16.5 + 7 * i, width: 6, y: 92 - height, height })),
      element("line", { class: "one", x1: x, x2: x, y1: 10, y2: 96 }),
      write(16, 112, signed(low, 1), "start"), write(296, 112, `${signed(low + span, 1)} cm²`, "end"));
  }

  // The slice in grey, with the outlines of some masks along the sides of the pixels.
  function picture(canvas, { rows, columns, hu, hu_low }, outlines) {
    const zoom = 2, grey = new ImageData(columns, rows), plain = element("canvas", { width: columns, height: rows });
    Object.assign(canvas, { width: zoom * columns, height: zoom * rows });
    hu.forEach((value, i) => grey.data.set([value - hu_low, value - hu_low, value - hu_low, 255], 4 * i));
    plain.getContext("2d").putImageData(grey, 0, 0);
    const pen = canvas.getContext("2d");
    pen.scale(zoom, zoom);
    pen.drawImage(plain, 0, 0);
    for (const [mask, colour] of outlines) {
      pen.beginPath();
      mask.forEach((inside, i) => {
        const column = i % columns, row = (i - column) / columns;
        if (column && inside !== mask[i - 1]) pen.rect(column, row, 0, 1);
        if (row && inside !== mask[i - columns]) pen.rect(column, row, 1, 0);
      });
      pen.strokeStyle = colour;
      pen.stroke();
    }
  }

  // Figures -----------------------------------------------------------------------------------------------------------

  const figures = {};

  figures["fig-members"] = ({ orders, ...data }) => ({
    controls: {
      size: { label: "Members in the mean", min: 1, max: orders[0].length, start: Math.min(5, orders[0].length) },
      order: { label: "Order", min: 1, max: orders.length, start: 1, show: (i) => `${i} of ${orders.length}` },
      step: { label: "Masks", options: ["before post-processing", "after post-processing"], start: 0 },
    },
    show: ({ size, order, step }) => {
      const { dsc, rmse_cm2: rmse } = numbers.members(data, { order, size, step: ["threshold", "window"][step] });
      const lines = ({ average, curve }) => ({ mean: average, one: curve });
      return {
        sentence: `Members ${orders[order - 1].slice(0, size).join(", ")}: DSC ${fixed(dsc.value, 4)}, RMSE ` +
          `${fixed(rmse.value, 2)} cm². Mean over all orders: ${fixed(dsc.mean, 4)} and ${fixed(rmse.mean, 2)} cm². ` +
          `In this order the plateau begins at ${dsc.plateau} (DSC) and ${rmse.plateau} (RMSE); the paper's at ` +
          `${data.papers}.`,
        nodes: [curves("DSC", lines(dsc), size, data, 4), curves("RMSE (cm²)", lines(rmse), size, data, 2),
          key("Line and dot: this order. Grey: the mean over all orders. Dotted: the paper's plateau.")],
      };
    },
  });

  figures["fig-steps"] = (data) => {
    const slice = numbers.opened(data), [start, stop] = data.window_hu, bottom = data.hu_low, top = bottom + 255;
    const end = (none) => (hu) => (hu === none ? "none" : `${hu} HU`);
    const canvas = element("canvas", { role: "img", "aria-label": "The slice with the outlines of both masks" });
    return {
      controls: {
        level: { label: "Threshold", min: 0.05, max: 0.95, step: 0.05, start: data.level, show: (p) => fixed(p, 2) },
        pixels: { label: "Dilation", min: 0, max: 2, start: 1, show: (pixels) => `${pixels} px` },
        low: { label: "Lower end of the window", min: bottom, max: 20, start, show: end(bottom) },
        high: { label: "Upper end of the window", min: 60, max: top, start: stop, show: end(top) },
      },
      buttons: { "No window": ({ low, high }) => [low.set(bottom), high.set(top)] },
      show: (how) => {
        const found = numbers.postprocess(slice, how);
        picture(canvas, slice, [[slice.reader, "#56B4E9"], [found.mask, "#FF8C1A"]]);
        const truth = slice.truth &&
          ` DSC ${fixed(found.true_dsc, 3)} against the true mask, which has ${fixed(found.truth_cm2, 1)} cm².`;
        return {
          sentence: `Area ${fixed(found.area_cm2, 1)} cm². DSC ${fixed(found.dsc, 3)} against the reader, whose mask ` +
            `has ${fixed(found.reader_cm2, 1)} cm².${truth ?? ""}`,
          nodes: [canvas, key("Orange: the mask. Blue, where it shows beside it: the reader's.")],
        };
      },
    };
  };

  figures["fig-few"] = (data) => {
    const n = data.errors_cm2.length, most = Math.min(160, Math.floor(n / 2)), draws = data.start.draws;
    return {
      controls: {
        size: { label: "Cases to learn on", min: Math.min(2, most), max: most, start: Math.min(10, most) },
        draw: { label: "Draw", min: 1, max: draws, start: 1, show: (i) => `${i} of ${draws.toLocaleString("en")}` },
      },
      buttons: { "Draw again": ({ draw }) => draw.set((draw.read() % draws) + 1) },
      show: ({ size, draw }) => {
        const found = numbers.fewCases(data, size), { learned, before, after } = found.draws[draw - 1];
        return {
          sentence: `Mean error found: ${signed(learned, 2)} cm². RMSE of the other ${n - size} cases: ` +
            `${fixed(before, 2)} cm² before, ${fixed(after, 2)} cm² after. Of all draws 95 in 100 find ` +
            `${signed(found.low, 1)} to ${signed(found.high, 1)} cm², and ${fixed(100 * found.worse, 1)} % do harm.`,
          nodes: [histogram(found.draws.map((one) => one.learned), learned),
            key("Bars: the mean errors that all draws find. Line: this draw.")],
        };
      },
    };
  };

  figures["fig-assumed-readers"] = (data) => {
    const last = data.scales.length - 1, cm2 = (value) => fixed(value, 1), dsc = (value) => fixed(value, 3);
    const times = (flags) => (value) => `${fixed(numbers.share(flags, value), 1)} % (× ${value})`;
    const line = ({ name, before, after, effect, n, on, verdict }) => {
      const ofDsc = name.includes("DSC"), unit = ofDsc ? "" : " cm²", change = (value) => signed(value, ofDsc ? 3 : 2);
      const end = ofDsc ? dsc : name.includes("dilation") ? (value) => signed(value, 1) : cm2;
      const ends = `${end(before.value)} to ${end(after.value)}${unit}`;
      return [name, ends, interval(effect, change), on === "test" ? n : `${n}, validation`, verdict];
    };
    const readers = (i) => `${cm2(data.sd_cm2[i])} cm² (× ${data.scales[i]})`;
    return {
      controls: {
        scale: { label: "SD of the readers", min: 0, max: last, start: last, show: readers },
        label: { label: "Share of label D", min: 0, max: 4, start: 1, show: times(data.test.label) },
        ascites: { label: "Share of ascites", min: 0, max: 4, start: 1, show: times(data.test.ascites) },
      },
      show: (how) => {
        const found = numbers.assumed(data, how);
        if (!found) return { sentence: "Too few slices are left to tell.", nodes: [] };
        const agree = found.findings.filter((one) => one.verdict === "as in the paper").length;
        const [rmse, overlap] = [`${interval(found.rmse, cm2)} cm²`, interval(found.dsc, dsc)];
        return {
          sentence: `Test RMSE ${rmse}: ${found.rmse.verdict}. Mean DSC ${overlap}: ${found.dsc.verdict}. ` +
            `${agree} of ${found.findings.length} findings as in the paper.`,
          nodes: [
            table("Results on the test phantoms, after the correction, with 95 % intervals",
              ["result", "the paper", "under these assumptions", "slices", "verdict"],
              [["RMSE", `${cm2(data.printed.rmse.value)} cm²`, rmse, found.n, found.rmse.verdict],
                ["DSC, mean", fixed(data.printed.dsc.value, 2), overlap, found.n, found.dsc.verdict]]),
            table("The paper's findings. Test masks before post-processing were compared with this run's readers " +
              "alone: for others, two lines turn to the validation slices",
              ["finding", "this run", "effect (95 % interval)", "slices", "verdict"], found.findings.map(line)),
          ],
        };
      },
    };
  };

  figures["fig-changes"] = (data) => {
    const limits = Object.values(data.limits), groups = ["women", "men", "heavy"];
    const slider = (label, of) =>
      ({ label, min: 25, max: 60, step: 0.1, start: limits[0][of], show: (value) => `${fixed(value, 1)} cm²/m²` });
    return {
      controls: {
        cutoff: { label: "Published limits", options: Object.keys(data.limits), start: 0 },
        women: slider("Limit, women", "women"),
        men: slider("Limit, men, BMI under 25", "men"),
        heavy: slider("Limit, men, BMI of 25 or more", "heavy"),
      },
      moved: (parts, name) => {
        if (name === "cutoff") groups.forEach((of) => parts[of].set(limits[parts.cutoff.read()][of]));
      },
      show: ({ cutoff, ...limit }) => {
        const { low, ...changes } = numbers.classChanges(data, { ...limit, includes: limits[cutoff].includes });
        const rows = Object.entries(changes).map(([name, value]) => [name, `${fixed(value, 1)} %`]);
        return {
          sentence: `Low by the reader's area: ${fixed(low, 1)} %. With the network's area in place of the reader's, ` +
            `${fixed(changes["network for reader"], 1)} % change class.`,
          nodes: [table("Share of the phantoms who change class", ["whose area for whose", "change of class"], rows)],
        };
      },
    };
  };

  // Where no data came, the place stays empty, and the figure stands alone.
  for (const place of document.querySelectorAll(".answers")) {
    const data = globalThis.answersData?.[place.dataset.figure];
    if (data) panel(place, data, figures[place.dataset.figure](data));
  }
})();
