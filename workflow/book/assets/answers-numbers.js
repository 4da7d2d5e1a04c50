// What the figures that answer compute: pure functions of numbers, each held to its twin in sarco by
// tests/book/test_answers.py. A classic script, because a page that is opened from a folder may load no module.
var answersNumbers = (() => {
  "use strict";

  // Samples -----------------------------------------------------------------------------------------------------------

  // Mean of some values.
  function mean(values) {
    let sum = 0;
    for (const value of values) sum += value;
    return sum / values.length;
  }

  // Root of the mean of their squares: sarco.method.metrics.root_mean_square.
  const rootMeanSquare = (values) => Math.sqrt(mean(values.map((value) => value * value)));

  // Percentile of some values, by a straight line between the two nearest, as in NumPy.
  function percentile(values, percent) {
    const sorted = Float64Array.from(values).sort();
    const place = (percent / 100) * (sorted.length - 1), below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
  }

  // NumPy's default generator (PCG64, 128 bits in digits of 16), from the state that `start` has: hexadecimal digits.
  function generator(start) {
    const digits = (hex) => hex.padStart(32, "0").match(/.{4}/g).map((part) => parseInt(part, 16)).reverse();
    const factor = digits("2360ed051fc65da44385df649fccf645"), step = digits(start.inc);
    let state = digits(start.state), kept = null;

    // Next 32 bits: of each 64 the lower half comes first.
    function next32() {
      if (kept !== null) {
        const half = kept;
        kept = null;
        return half;
      }
      const next = [];
      for (let i = 0, carry = 0; i < 8; i++) {
        let sum = carry + step[i];
        for (let j = 0; j <= i; j++) sum += state[j] * factor[i - j];
        next[i] = sum % 65536;
        carry = (sum - next[i]) / 65536;
      }
      state = next;
      let low = ((state[0] ^ state[4]) | ((state[1] ^ state[5]) << 16)) >>> 0;
      let high = ((state[2] ^ state[6]) | ((state[3] ^ state[7]) << 16)) >>> 0;
      const turn = state[7] >> 10;
      if (turn & 32) [low, high] = [high, low];
      const bits = turn & 31;
      if (bits) {
        [low, high] = [((low >>> bits) | (high << (32 - bits))) >>> 0, ((high >>> bits) | (low << (32 - bits))) >>> 0];
      }
      kept = high;
      return low;
    }

    // A whole number from 0 to n - 1, as Generator.integers draws it.
    function integer(n) {
      if (n === 1) return 0;
      let product = next32() * n;
      if (product % 2 ** 32 < n) {
        while (product % 2 ** 32 < (2 ** 32 - n) % n) product = next32() * n;
      }
      return Math.floor(product / 2 ** 32);
    }

    // The places 0 to n - 1 in a new order, as Generator.permuted draws it.
    function permuted(n) {
      const places = Uint16Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const mask = 2 ** (32 - Math.clz32(i)) - 1;
        let j;
        do j = (next32() & mask) >>> 0;
        while (j > i);
        [places[i], places[j]] = [places[j], places[i]];
      }
      return places;
    }
    return { integer, permuted };
  }

  const remembered = new Map();

  // The places that every bootstrap draws from groups of these sizes: sarco.evidence.bootstrap._drawn.
  function drawn(start, sizes) {
    const key = `${start.state} ${start.draws} ${sizes}`;
    if (!remembered.has(key)) {
      if (remembered.size > 8) remembered.clear();
      const { integer } = generator(start);
      remembered.set(key, sizes.map((n) => Uint16Array.from({ length: start.draws * n }, () => integer(n))));
    }
    return remembered.get(key);
  }

  // A function of the means of some columns, and of the mean of a group that is drawn apart, with its 95 % interval.
  function bootstrap(start, of, columns, taught = null) {
    const n = columns[0].length;
    const [own, teachers] = drawn(start, taught ? [n, taught.length] : [n]);
    const meanOf = (values, places, draw) => {
      let sum = 0;
      for (let i = draw * values.length; i < (draw + 1) * values.length; i++) sum += values[places[i]];
      return sum / values.length;
    };
    const tried = new Float64Array(start.draws);
    for (let draw = 0; draw < start.draws; draw++) {
      const means = columns.map((column) => meanOf(column, own, draw));
      tried[draw] = of(means, taught && meanOf(taught, teachers, draw));
    }
    return {
      value: of(columns.map(mean), taught && mean(taught)),
      low: percentile(tried, 2.5),
      high: percentile(tried, 97.5),
    };
  }

  // Chapter 4: members -------------------------------------------------------------------------------------------------

  // Number of members from which on all the others gain no more than `gain`: sarco.evidence.member_orders.plateau_of.
  function plateau(curve, gain, rises) {
    const last = curve.at(-1);
    const short = curve.findLastIndex((value) => (rises ? last - value : value - last) > gain);
    return short < 0 ? 1 : short + 2;
  }

  // Curve of one order of the members, what it says of so many members, and the mean over all orders.
  function members(data, { order, size, step }) {
    const found = {};
    for (const name of ["dsc", "rmse_cm2"]) {
      const curves = data.curves[step][name], curve = curves[order - 1];
      const average = curve.map((_, i) => mean(curves.map((one) => one[i])));
      const value = curve[size - 1], mean_value = average[size - 1];
      found[name] = { curve, average, value, mean: mean_value, plateau: plateau(curve, data.gains[name], name === "dsc") };
    }
    return found;
  }

  // Chapter 5: one slice -----------------------------------------------------------------------------------------------

  // Bytes of a text in base64.
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  // A mask from its bits, as NumPy packs them.
  function unpacked(text, size) {
    const packed = bytes(text);
    return Uint8Array.from({ length: size }, (_, i) => (packed[i >> 3] >> (7 - (i & 7))) & 1);
  }

  // A slice with its probability (0 to 255), HU and masks as arrays, rows after each other.
  function opened(data) {
    const size = data.rows * data.columns;
    const hu = Int16Array.from(bytes(data.hu), (byte) => byte + data.hu_low);
    const reader = unpacked(data.reader, size), truth = data.truth && unpacked(data.truth, size);
    return { ...data, probability: bytes(data.probability), hu, reader, truth };
  }

  // Add the four neighbours of each pixel of a mask: sarco.method.postprocess.dilate.
  function dilate(mask, columns) {
    return mask.map((inside, i) => {
      const column = i % columns;
      const beside = (column && mask[i - 1]) || (column < columns - 1 && mask[i + 1]);
      return inside || beside || mask[i - columns] || mask[i + columns] ? 1 : 0;
    });
  }

  // Dice similarity coefficient of two masks: sarco.method.metrics.dice.
  function dice(a, b) {
    let both = 0, total = 0;
    for (let i = 0; i < a.length; i++) {
      both += a[i] & b[i];
      total += a[i] + b[i];
    }
    return total ? (2 * both) / total : 1;
  }

  // Threshold, dilation and window (an end at the rim of the stored HU cuts nothing); then area and DSC.
  function postprocess(slice, { level, pixels, low, high }) {
    let mask = slice.probability.map((byte) => (byte / 255 > level ? 1 : 0));
    for (let i = 0; i < pixels; i++) mask = dilate(mask, slice.columns);
    mask = mask.map((inside, i) => (inside && slice.hu[i] >= low && slice.hu[i] <= high ? 1 : 0));
    const area = (one) => (one.reduce((sum, inside) => sum + inside, 0) * slice.spacing_mm[0] * slice.spacing_mm[1]) / 100;
    const { reader, truth } = slice;
    return {
      mask, area_cm2: area(mask), reader_cm2: area(reader), truth_cm2: truth && area(truth),
      dsc: dice(mask, reader), true_dsc: truth && dice(mask, truth),
    };
  }

  // Chapter 6: a correction from few cases -------------------------------------------------------------------------------

  // Of each draw: the mean error of its first cases, and the RMSE of all others before and after it is subtracted:
  // sarco.evidence.bias.few_cases, whose columns are low, high, rmse_cm2 and worse.
  function fewCases({ start, errors_cm2: errors }, size) {
    const key = `few ${start.state} ${start.draws} ${errors.length}`;
    if (!remembered.has(key)) {
      const { permuted } = generator(start);
      remembered.set(key, Array.from({ length: start.draws }, () => permuted(errors.length)));
    }
    const draws = remembered.get(key).map((places) => {
      const drawnErrors = Array.from(places, (place) => errors[place]);
      const learned = mean(drawnErrors.slice(0, size)), others = drawnErrors.slice(size);
      return { learned, before: rootMeanSquare(others), after: rootMeanSquare(others.map((error) => error - learned)) };
    });
    const learned = draws.map((draw) => draw.learned);
    return {
      draws, low: percentile(learned, 2.5), high: percentile(learned, 97.5),
      rmse_cm2: mean(draws.map((draw) => draw.after)), worse: mean(draws.map((draw) => +(draw.after > draw.before))),
    };
  }

  // Chapter 7: assumptions ---------------------------------------------------------------------------------------------

  const [AS_IN_PAPER, OPPOSITE, UNCLEAR] = ["as in the paper", "opposite", "unclear"];

  // Whether an interval lies on the paper's side of 0: sarco.evidence.statistics._verdict.
  function verdict(sign, { low, high }) {
    if (low <= 0 && 0 <= high) return UNCLEAR;
    return sign * low > 0 ? AS_IN_PAPER : OPPOSITE;
  }

  // Whether a result agrees with the printed one: sarco.evidence.claims, `difference` and `of_result`.
  function agreement(printed, { value, low, high }) {
    const theirs = 1.96 * Math.hypot(printed.standard_error, (0.5 * 10 ** -printed.decimals) / Math.sqrt(3));
    const off = value - printed.value;
    const ends = [off - Math.hypot(value - low, theirs), off + Math.hypot(high - value, theirs)];
    if (!(ends[0] <= 0 && 0 <= ends[1])) return "not reproduced";
    const widest = (printed.widest_percent / 100) * Math.abs(printed.value);
    return ends[1] - ends[0] > 2 * widest ? "not judged: too wide" : "reproduced";
  }

  // Places of the slices of a table, those with label D or ascites left out (0) or counted so often.
  function counted(table, label, ascites) {
    return table.label.flatMap((d, i) => Array(label ** d * ascites ** table.ascites[i]).fill(i));
  }

  // RMSE, DSC and the paper's findings for readers of one scale and shares of the cohort's label D and ascites:
  // sarco.evidence.statistics.effects of what sarco.evidence.assumptions makes of the tables.
  function assumed(data, { scale, label, ascites }) {
    const { start, test, validation, swept } = data;
    const places = counted(test, label, ascites), reference = test.reference_cm2[scale];
    const inSweep = counted(swept, label, ascites), learn = counted(validation, label, ascites);
    const off = (cm2) => places.map((i) => cm2[i] - reference[i]);
    const squares = (errors) => errors.map((error) => error * error);
    const taught = learn.filter((i) => validation.teaches[i]);
    const teachers = taught.map((i) => validation.final_cm2[i] - validation.reference_cm2[scale][i]);
    // Before post-processing the test masks were compared with this run's readers alone; those of validation with all.
    const known = test.alone_dsc[scale] ? test : validation, there = known === test ? places : learn;
    if (Math.min(places.length, inSweep.length, there.length) < 2 || !teachers.length) return null;

    const final = off(test.final_cm2), alone = test.alone_cm2.map(off), whole = off(test.whole_cm2);
    const dsc = (name) => there.map((i) => known[name][scale][i]);
    const sweep = (px) => inSweep.map((i) => swept.cm2[px][i] - reference[swept.place[i]]);
    const root = ([square, error], learned) => Math.sqrt(Math.max(0, square - 2 * learned * error + learned * learned));
    const asIs = ([value]) => value, minus = ([before, after]) => after - before, rooted = ([square]) => Math.sqrt(square);
    const roots = (list) => mean(list.map(Math.sqrt));
    const of = (...how) => bootstrap(start, ...how);

    // One finding: before, after and change, with the verdict on the change, or on what `judge` makes of the ends.
    const row = (name, sign, n, before, after, effect, judge) => {
      return { name, before, after, effect, n, verdict: judge ? judge(before, after) : verdict(sign, effect) };
    };
    const dscRow = (name, first, second) => {
      const [a, b] = [dsc(first), dsc(second)];
      return { ...row(name, 1, a.length, of(asIs, [a]), of(asIs, [b]), of(minus, [a, b])), on: known === test ? "test" : "validation" };
    };
    const corrected = [squares(final), final], [zero, one] = [sweep(0), sweep(1)], each = alone.map(squares);
    const overestimates = (before, after) => (verdict(1, before) === AS_IN_PAPER ? OPPOSITE : verdict(1, after));
    const rmse = of(root, corrected, teachers), mean_dsc = of(asIs, [places.map((i) => test.final_dsc[scale][i])]);
    const lowered = of((means, learned) => root(means, learned) - Math.sqrt(means[0]), corrected, teachers);
    const members = of((means) => Math.sqrt(means[0]) - roots(means.slice(1)), [squares(whole), ...each]);
    const findings = [
      dscRow("post-processing raises DSC", "whole_dsc", "final_dsc"),
      row("dilation overestimates", 1, zero.length, of(asIs, [zero]), of(asIs, [one]), of(minus, [zero, one]), overestimates),
      row("bias correction lowers RMSE", -1, final.length, of(rooted, [squares(final)]), rmse, lowered),
      dscRow("more members raise DSC", "alone_dsc", "whole_dsc"),
      row("more members lower RMSE", -1, whole.length, of(roots, each), of(rooted, [squares(whole)]), members),
    ];
    const results = {
      rmse: { ...rmse, verdict: agreement(data.printed.rmse, rmse) },
      dsc: { ...mean_dsc, verdict: agreement(data.printed.dsc, mean_dsc) },
    };
    return { n: places.length, ...results, findings };
  }

  // Share (%) of the slices that have what is counted `times` as often: sarco.evidence.assumptions.alternatives.
  function share(flags, times) {
    const part = mean(flags);
    return (100 * times * part) / (1 + (times - 1) * part);
  }

  // Chapter 9: cut-offs ------------------------------------------------------------------------------------------------

  // Chance that a normal value is over `x` SD, to 1e-7 (Numerical Recipes, erfcc), for x of 0 or more.
  function normalTail(x) {
    const z = x / Math.SQRT2, t = 1 / (1 + 0.5 * z);
    const terms = [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223];
    return 0.5 * t * Math.exp(-z * z + terms.reduce((sum, term) => sum * t + term, 0));
  }

  // Share (%) of people low by the reader's area, and of those who change class: sarco.evidence.class_changes.changes.
  function classChanges(data, { women, men, heavy, includes }) {
    const { sex, bmi_25, height_m2, reader_cm2: reader, network_cm2: network, truth_cm2: truth } = data;
    const limit = sex.map((one, i) => (one === "F" ? women : bmi_25[i] ? heavy : men) * height_m2[i]);
    const below = (areas) => areas.map((area, i) => (includes ? area <= limit[i] : area < limit[i]));
    const apart = (one, other) => {
      const [a, b] = [below(one), below(other)];
      return 100 * mean(a.map((is, i) => +(is !== b[i])));
    };
    const crossed = (sd) => 100 * mean(reader.map((area, i) => normalTail(Math.abs(area - limit[i]) / sd)));
    return {
      low: 100 * mean(below(reader).map(Number)),
      "network for reader": apart(network, reader),
      ...(truth && { "network for truth": apart(network, truth), "reader for truth": apart(reader, truth) }),
      "a reader as far off as the network": crossed(rootMeanSquare(network.map((area, i) => area - reader[i]))),
      "one reader for another": crossed(data.readers_sd_cm2),
    };
  }

  return { generator, members, opened, postprocess, fewCases, assumed, share, classChanges, percentile };
})();
if (typeof module !== "undefined") module.exports = answersNumbers;
