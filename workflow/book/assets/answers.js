// What the figures that answer show: sliders, a picture, a sentence and a table below a figure. All numbers come from
// answers-numbers.js; workflow/answers.py leaves the places and writes the data.
(() => {
  "use strict";
  const numbers = answersNumbers;

  // A number with so many decimals; a zero has no sign.
  function fixed(value, decimals, sign = "") {
    const text = value.toFixed(decimals);
    if (Number(text) === 0) return text.replace("-", "");
    return value > 0 ? sign + text : text;
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

  // A table with a caption for those who hear it, its first column as the heads of the rows.
  function table(caption, head, rows) {
    const line = (cells, first, others) =>
      element("tr", {}, ...cells.map((cell, i) => element(i ? others : "th", i && others === "td" ? {} : { scope: first }, cell)));
    return element("table", {},
      element("caption", {}, caption),
      element("thead", {}, line(head, "col", "th")),
      element("tbody", {}, ...rows.map((cells) => line(cells, "row", "td"))));
  }

  // Sliders and choices ------------------------------------------------------------------------------------------------

  // One slider or choice of a panel: its node, its value, and how it is set. `show` tells a value in words.
  function control(id, { label, min, max, step = 1, start, show = String, options }, changed) {
    const words = element("span", { class: "answers-value" });
    const input = options
      ? element("select", { id }, ...options.map((text, i) => element("option", { value: i }, text)))
      : element("input", { id, type: "range", min, max, step });
    const read = () => Number(input.value);
    const tell = () => {
      if (options) return;
      words.textContent = show(read());
      input.setAttribute("aria-valuetext", words.textContent);
    };
    const set = (value) => {
      input.value = value;
      tell();
    };
    input.addEventListener("input", () => {
      tell();
      changed(true);
    });
    set(start);
    const name = element("span", { class: "answers-label" }, element("label", { for: id }, label), options ? "" : words);
    return { node: element("div", { class: "answers-control" }, name, input), read, set, reset: () => set(start) };
  }

  // A panel: what is computed and what is assumed, the controls, and the answer, made anew when one is moved.
  function panel(place, { title, about, controls, buttons = {}, show, moved }) {
    const view = element("div", { class: "answers-view" }), told = element("p", { class: "answers-told", role: "status" });
    const parts = {};
    let waiting = false;
    const answer = () => {
      waiting = false;
      const { sentence, nodes } = show(Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.read()])));
      told.textContent = sentence;
      view.replaceChildren(...nodes);
    };
    // Once a frame is enough, however fast a slider runs.
    const changed = (name) => {
      moved?.(parts, name);
      if (!waiting) requestAnimationFrame(answer);
      waiting = true;
    };
    for (const [name, how] of Object.entries(controls)) {
      parts[name] = control(`${place.dataset.figure}-${name}`, how, () => changed(name));
    }
    const button = (text, act) => {
      const made = element("button", { type: "button" }, text);
      made.addEventListener("click", () => {
        act(parts);
        changed("");
      });
      return made;
    };
    const reset = button("Reset", () => Object.values(parts).forEach((part) => part.reset()));
    const more = Object.entries(buttons).map(([text, act]) => button(text, act));
    const head = element("p", { class: "answers-title", id: `${place.dataset.figure}-answers` }, title);
    place.setAttribute("role", "group");
    place.setAttribute("aria-labelledby", head.id);
    place.append(head, element("p", { class: "answers-about" }, about),
      element("div", { class: "answers-controls" }, ...Object.values(parts).map((part) => part.node),
        element("div", { class: "answers-buttons" }, ...more, reset)), told, view);
    answer();
  }

  // Pictures -----------------------------------------------------------------------------------------------------------

  // Lines over 1, 2, ... n in a box, with one value marked and an upright line at another place.
  function curves(title, lines, at, papers, decimals) {
    const all = lines.flatMap((line) => line.values), n = lines[0].values.length;
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const x = (i) => 48 + (n > 1 ? (252 * (i - 1)) / (n - 1) : 0);
    const y = (value) => 118 - (high > low ? (90 * (value - low)) / (high - low) : 45);
    const path = ({ values, name }) =>
      element("path", { class: name, d: `M${values.map((value, i) => `${x(i + 1).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}` });
    const text = (place, words, anchor) => element("text", { ...place, "text-anchor": anchor }, words);
    return element("svg", { viewBox: "0 0 312 148", role: "img", "aria-label": `${title} by the number of members` },
      text({ x: 4, y: 14 }, title, "start"), text({ x: 42, y: 122 }, low.toFixed(decimals), "end"),
      text({ x: 42, y: 32 }, high.toFixed(decimals), "end"), text({ x: x(1), y: 142 }, "1", "middle"),
      text({ x: x(n), y: 142 }, `${n} members`, "end"),
      ...(papers > 0 && papers <= n ? [element("line", { class: "papers", x1: x(papers), x2: x(papers), y1: 22, y2: 126 })] : []),
      ...lines.map(path), element("circle", { cx: x(at), cy: y(lines[0].values[at - 1]), r: 4.5 }));
  }

  // How often each value was drawn, with the last one marked.
  function histogram(values, at, unit) {
    const bins = 40, [low, high] = [Math.min(...values), Math.max(...values)];
    const place = (value) => Math.min(bins - 1, Math.floor((bins * (value - low)) / (high - low || 1)));
    const counts = Array(bins).fill(0);
    values.forEach((value) => counts[place(value)]++);
    const tall = Math.max(...counts), x = (value) => 16 + (280 * (value - low)) / (high - low || 1);
    const bars = counts.map((count, i) => {
      return element("rect", { x: 16.5 + 7 * i, width: 6, y: 92 - (70 * count) / tall, height: (70 * count) / tall });
    });
    const text = (at_x, words, anchor) => element("text", { x: at_x, y: 112, "text-anchor": anchor }, words);
    return element("svg", { viewBox: "0 0 312 120", role: "img", "aria-label": "Mean errors of all draws, this one marked" },
      ...bars, element("line", { class: "marked", x1: x(at), x2: x(at), y1: 10, y2: 96 }),
      text(16, signed(low, 1), "start"), text(296, `${signed(high, 1)} ${unit}`, "end"));
  }

  // The slice in grey, with the outlines of some masks along the sides of the pixels.
  function picture(canvas, slice, outlines) {
    const { rows, columns, hu, hu_low } = slice, zoom = 2, grey = new ImageData(columns, rows);
    canvas.width = zoom * columns;
    canvas.height = zoom * rows;
    hu.forEach((value, i) => grey.data.set([value - hu_low, value - hu_low, value - hu_low, 255], 4 * i));
    const plain = element("canvas", { width: columns, height: rows }), pen = canvas.getContext("2d");
    plain.getContext("2d").putImageData(grey, 0, 0);
    pen.scale(zoom, zoom);
    pen.drawImage(plain, 0, 0);
    for (const [mask, colour, width] of outlines) {
      pen.beginPath();
      for (let i = 0; i < mask.length; i++) {
        const column = i % columns, row = (i - column) / columns;
        if (column && mask[i] !== mask[i - 1]) pen.rect(column, row, 0, 1);
        if (row && mask[i] !== mask[i - columns]) pen.rect(column, row, 1, 0);
      }
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.stroke();
    }
  }

  // Figures ------------------------------------------------------------------------------------------------------------

  const figures = {};

  // Chapter 4.
  figures["fig-members"] = (data) => ({
    title: "Try it: how many members, and in which order?",
    about: `Read from the stored results of ${data.orders.length} orders on ${data.slices} validation slices. What counts as a gain is ours: more than ${data.gains.dsc} in DSC, or ${data.gains.rmse_cm2} cm² in RMSE.`,
    controls: {
      size: { label: "Members in the mean", min: 1, max: data.orders[0].length, start: Math.min(5, data.orders[0].length) },
      order: { label: "Order", min: 1, max: data.orders.length, start: 1, show: (value) => `${value} of ${data.orders.length}` },
      step: { label: "Masks", options: ["before post-processing", "after post-processing"], start: 0 },
    },
    show: ({ size, order, step }) => {
      const { dsc, rmse_cm2: rmse } = numbers.members(data, { order, size, step: ["threshold", "window"][step] });
      const lines = (one) => [{ name: "one", values: one.curve }, { name: "mean", values: one.average }];
      return {
        sentence: `Members ${data.orders[order - 1].slice(0, size).join(", ")}: DSC ${fixed(dsc.value, 4)}, RMSE ${fixed(rmse.value, 2)} cm². ` +
          `The mean over all orders: ${fixed(dsc.mean, 4)} and ${fixed(rmse.mean, 2)} cm². ` +
          `In this order the plateau begins at ${dsc.plateau} members (DSC) and ${rmse.plateau} (RMSE); the paper's at ${data.papers}.`,
        nodes: [curves("DSC", lines(dsc), size, data.papers, 4), curves("RMSE (cm²)", lines(rmse), size, data.papers, 2),
          element("p", { class: "answers-key" }, "Line and dot: this order. Grey: the mean over all orders. Dotted: the paper's plateau.")],
      };
    },
  });

  // Chapter 5.
  figures["fig-steps"] = (data) => {
    const slice = numbers.opened(data), canvas = element("canvas", { role: "img" }), top = data.hu_low + 255;
    canvas.setAttribute("aria-label", "The slice with the outline of the mask in orange and of the reader's mask in blue. The numbers stand above.");
    return {
      title: "Try it: threshold, dilation and window on this slice",
      about: "Computed in this page from the ensemble's probability, kept in 8 bits, and from the HU. It is one phantom: what is best here need not be best elsewhere.",
      controls: {
        level: { label: "Threshold", min: 0.05, max: 0.95, step: 0.05, start: data.level, show: (value) => value.toFixed(2) },
        pixels: { label: "Dilation", min: 0, max: 2, start: 1, show: (value) => `${value} px` },
        low: { label: "Lower end of the window", min: data.hu_low, max: 20, start: data.window_hu[0], show: (value) => (value > data.hu_low ? `${value} HU` : "none") },
        high: { label: "Upper end of the window", min: 60, max: top, start: data.window_hu[1], show: (value) => (value < top ? `${value} HU` : "none") },
      },
      buttons: {
        "No window": (parts) => {
          parts.low.set(data.hu_low);
          parts.high.set(top);
        },
      },
      show: (how) => {
        const found = numbers.postprocess(slice, how);
        picture(canvas, slice, [[slice.reader, "#56B4E9", 0.8], [found.mask, "#FF9A3C", 0.8]]);
        const truth = slice.truth ? `; DSC ${fixed(found.true_dsc, 3)} against the true mask, which has ${fixed(found.truth_cm2, 1)} cm²` : "";
        return {
          sentence: `Area ${fixed(found.area_cm2, 1)} cm². DSC ${fixed(found.dsc, 3)} against the reader, whose mask has ${fixed(found.reader_cm2, 1)} cm²${truth}.`,
          nodes: [canvas, element("p", { class: "answers-key" }, "Orange: the mask. Blue: the reader's.")],
        };
      },
    };
  };

  // Chapter 6.
  figures["fig-few"] = (data) => {
    const n = data.errors_cm2.length, most = Math.floor(n / 2), draws = data.start.draws;
    return {
      title: "Try it: learn the mean error on a few cases",
      about: `Of the ${n} cases of validation and test so many are drawn. Their mean error is subtracted from all the others. The draws are the ${draws.toLocaleString("en")} of the figure.`,
      controls: {
        size: { label: "Cases to learn on", min: Math.min(2, most), max: Math.min(160, most), start: Math.min(10, most) },
        draw: { label: "Draw", min: 1, max: draws, start: 1, show: (value) => `${value} of ${draws.toLocaleString("en")}` },
      },
      buttons: { "Draw again": (parts) => parts.draw.set((parts.draw.read() % draws) + 1) },
      show: ({ size, draw }) => {
        const found = numbers.fewCases(data, size), { learned, before, after } = found.draws[draw - 1];
        return {
          sentence: `Mean error found: ${signed(learned, 2)} cm². RMSE of the other ${n - size} cases: ${fixed(before, 2)} cm² before, ${fixed(after, 2)} cm² after. ` +
            `Of all draws 95 in 100 find ${signed(found.low, 1)} to ${signed(found.high, 1)} cm², and ${fixed(100 * found.worse, 1)} % do harm.`,
          nodes: [histogram(found.draws.map((one) => one.learned), learned, "cm²"),
            element("p", { class: "answers-key" }, "Bars: the mean errors that all draws find. Line: this draw.")],
        };
      },
    };
  };

  // Chapter 7.
  figures["fig-assumed-readers"] = (data) => {
    const last = data.scales.length - 1, times = (flags) => (value) => `${fixed(numbers.share(flags, value), 1)} % (${value} times this run's)`;
    return {
      title: "Try it: the assumption explorer",
      about: "Recomputed in this page, slice by slice: RMSE, mean DSC, every interval and every verdict, against the reader. " +
        "Assumed: readers err as this run's do, only less; slices with label D or ascites are left out, or counted more than once, which adds no new people. The masks of the networks stay as they are.",
      controls: {
        scale: { label: "Readers' SD against the truth", min: 0, max: last, start: last, show: (value) => `${fixed(data.sd_cm2[value], 1)} cm² (${data.scales[value]} times)` },
        label: { label: "Share of label D", min: 0, max: 4, start: 1, show: times(data.test.label) },
        ascites: { label: "Share of ascites", min: 0, max: 4, start: 1, show: times(data.test.ascites) },
      },
      show: (how) => {
        const found = numbers.assumed(data, how);
        if (!found) return { sentence: "Too few slices are left to tell.", nodes: [] };
        const dsc = (value) => fixed(value, 3), cm2 = (value) => fixed(value, 1);
        const rows = found.findings.map((one) => {
          const [plain, change] = one.name.includes("DSC") ? [dsc, (value) => signed(value, 3)] : [one.name.startsWith("dilation") ? (value) => signed(value, 1) : cm2, (value) => signed(value, 2)];
          const unit = one.name.includes("DSC") ? "" : " cm²";
          return [one.name, `${plain(one.before.value)} to ${plain(one.after.value)}${unit}`, interval(one.effect, change),
            one.on === "validation" ? `${one.n}, validation` : `${one.n}`, one.verdict];
        });
        const agree = found.findings.filter((one) => one.verdict === "as in the paper").length;
        const paper = data.printed;
        return {
          sentence: `Test RMSE ${interval(found.rmse, cm2)} cm²: ${found.rmse.verdict}. Mean DSC ${interval(found.dsc, dsc)}: ${found.dsc.verdict}. ${agree} of ${rows.length} findings as in the paper.`,
          nodes: [
            table("Results on the test phantoms, after the correction, with 95 % intervals", ["result", "the paper", "under these assumptions", "slices", "verdict"], [
              ["RMSE", `${fixed(paper.rmse.value, 1)} cm²`, `${interval(found.rmse, cm2)} cm²`, `${found.n}`, found.rmse.verdict],
              ["DSC, mean", fixed(paper.dsc.value, 2), interval(found.dsc, dsc), `${found.n}`, found.dsc.verdict],
            ]),
            table("The paper's findings. Test masks before post-processing were compared with this run's readers only, so two lines turn to the validation slices for others", ["finding", "this run", "effect (95 % interval)", "slices", "verdict"], rows),
          ],
        };
      },
    };
  };

  // Chapter 9.
  figures["fig-changes"] = (data) => {
    const titles = Object.keys(data.limits), limits = Object.values(data.limits);
    const slider = (label, of) => ({ label, min: 25, max: 60, step: 0.1, start: limits[0][of], show: (value) => `${fixed(value, 1)} cm²/m²` });
    return {
      title: "Try it: move the limit",
      about: `Counted anew in this page among the ${data.sex.length} test phantoms. The two lines called expected assume normal errors. How many phantoms are low says nothing about patients.`,
      controls: {
        cutoff: { label: "Published limits", options: titles, start: 0 },
        women: slider("Limit, women", "women"),
        men: slider("Limit, men with a BMI under 25", "men"),
        heavy: slider("Limit, men with a BMI of 25 or more", "heavy"),
      },
      moved: (parts, name) => {
        if (name === "cutoff") for (const of of ["women", "men", "heavy"]) parts[of].set(limits[parts.cutoff.read()][of]);
      },
      show: ({ cutoff, ...limit }) => {
        const { low, ...changes } = numbers.classChanges(data, { ...limit, includes: limits[cutoff].includes });
        const expected = (name) => (name.includes("reader for another") || name.includes("as far off") ? "expected" : "counted");
        return {
          sentence: `Low by the reader's area: ${fixed(low, 1)} %. With the network's area in place of the reader's, ${fixed(changes["network for reader"], 1)} % change class.`,
          nodes: [table("Phantoms who change class with whose area is taken", ["whose area", "how", "change of class"],
            Object.entries(changes).map(([name, value]) => [name, expected(name), `${fixed(value, 1)} %`]))],
        };
      },
    };
  };

  // Where no data came, the place stays empty, and the figure stands alone.
  for (const place of document.querySelectorAll(".answers")) {
    const data = globalThis.answersData?.[place.dataset.figure];
    if (data) panel(place, figures[place.dataset.figure](data));
  }
})();
