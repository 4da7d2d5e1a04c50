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

  const square = (value) => value * value;

  // RMSE of errors that a number is subtracted from, by their mean square and their mean.
  const rootWithout = (squares, error, number) => Math.sqrt(Math.max(0, squares - 2 * number * error + square(number)));

  // Percentile of some values, by a straight line between the two nearest, as in NumPy.
  function percentile(values, percent) {
    const sorted = Float64Array.from(values).sort();
    const place = (percent / 100) * (sorted.length - 1), below = Math.floor(place);
    return sorted[below] + (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]) * (place - below);
  }

  // NumPy's default generator (PCG64, here in digits of 16 bits), from a state in hexadecimal digits.
  function generator(start) {
    const digits = (hex) => hex.padStart(32, "0").match(/.{4}/g).map((part) => parseInt(part, 16)).reverse();
    const factor = digits("2360ed051fc65da44385df649fccf645"), step = digits(start.inc);
    let state = digits(start.state), next = Array(8).fill(0), kept = null;

    // Next 32 bits: of each 64 the lower half comes first.
    function next32() {
      const half = kept;
      kept = null;
      if (half !== null) return half;
      for (let i = 0, carry = 0; i < 8; i++) {
        let sum = carry + step[i];
        for (let j = 0; j <= i; j++) sum += state[j] * factor[i - j];
        next[i] = sum & 65535;
        carry = (sum - next[i]) / 65536;
      }
      [state, next] = [next, state];
      let low = ((state[0] ^ state[4]) | ((state[1] ^ state[5]) << 16)) >>> 0;
      let high = ((state[2] ^ state[6]) | ((state[3] ^ state[7]) << 16)) >>> 0;
      const turn = state[7] >> 10, bits = turn & 31, turned = (a, b) => ((a >>> bits) | (b << (32 - bits))) >>> 0;
      if (turn & 32) [low, high] = [high, low];
      if (bits) [low, high] = [turned(low, high), turned(high, low)];
      kept = high;
      return low;
    }

    // A whole number from 0 to n - 1, as Generator.integers draws it.
    function integer(n) {
      if (n === 1) return 0;
      const uneven = (2 ** 32 - n) % n;
      let drawn = next32();
      while (Math.imul(drawn, n) >>> 0 < uneven) drawn = next32();
      return Math.floor((drawn * n) / 2 ** 32);
    }

    // The places 0 to n - 1 in a new order, as Generator.permuted draws it.
    function permuted(n) {
      const places = Uint16Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        let j;
        do j = next32() & (2 ** (32 - Math.clz32(i)) - 1);
        while (j > i);
        [places[i], places[j]] = [places[j], places[i]];
      }
      return places;
    }
    return { integer, permuted };
  }

  const known = new Map();

  // What was drawn before, or is drawn now.
  function once(key, draw) {
    if (!known.has(key)) {
      if (known.size > 20) known.clear();
      known.set(key, draw());
    }
    return known.get(key);
  }

  // The places that every bootstrap draws from groups of these sizes: sarco.evidence.bootstrap._drawn.
  function drawn(start, sizes) {
    return once(`groups of ${sizes}`, () => {
      const { integer } = generator(start);
      return sizes.map((n) => Uint16Array.from({ length: start.draws * n }, () => integer(n)));
    });
  }

  // A function of the means of some columns, and of the mean of a group that is drawn apart, with its 95 % interval.
  function bootstrap(start, of, columns, taught) {
    const [own, teachers] = drawn(start, [columns[0].length, taught.length]);
    const meanOf = (values, places, draw) => {
      let sum = 0;
      for (let i = draw * values.length; i < (draw + 1) * values.length; i++) sum += values[places[i]];
      return sum / values.length;
    };
    const tried = Float64Array.from({ length: start.draws }, (_, draw) =>
      of(columns.map((column) => meanOf(column, own, draw)), meanOf(taught, teachers, draw)));
    const value = of(columns.map(mean), mean(taught));
    return { value, low: percentile(tried, 2.5), high: percentile(tried, 97.5) };
  }

  // Chapter 4 ---------------------------------------------------------------------------------------------------------

  // Number of members from which on all the others gain no more than `gain`: sarco.evidence.member_orders.plateau_of.
  function plateau(curve, gain, rises) {
    const short = curve.findLastIndex((value) => (rises ? curve.at(-1) - value : value - curve.at(-1)) > gain);
    return short < 0 ? 1 : short + 2;
  }

  // Curve of one order of the members, what it says of so many members, and the mean over all orders.
  function members(data, { order, size, step }) {
    const found = ["dsc", "rmse_cm2"].map((name) => {
      const curves = data.curves[step][name], curve = curves[order - 1];
      const average = curve.map((_, i) => mean(curves.map((one) => one[i])));
      const reached = plateau(curve, data.gains[name], name === "dsc");
      return [name, { curve, average, value: curve[size - 1], mean: average[size - 1], plateau: reached }];
    });
    return Object.fromEntries(found);
  }

  // Chapter 5 ---------------------------------------------------------------------------------------------------------

  // A slice with its probability (0 to 255), HU and masks as arrays, rows after each other.
  function opened(data) {
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const mask = (text) => {
      const packed = bytes(text); // as NumPy packs bits
      return Uint8Array.from({ length: data.rows * data.columns }, (_, i) => (packed[i >> 3] >> (7 - (i & 7))) & 1);
    };
    const hu = Int16Array.from(bytes(data.hu), (byte) => byte + data.hu_low);
    const masks = { reader: mask(data.reader), truth: data.truth && mask(data.truth) };
    return { ...data, probability: bytes(data.probability), hu, ...masks };
  }

  // Add the four neighbours of each pixel of a mask: sarco.method.postprocess.dilate.
  function dilate(mask, columns) {
    return mask.map((inside, i) => {
      const left = i % columns && mask[i - 1], right = (i + 1) % columns && mask[i + 1];
      return inside || left || right || mask[i - columns] || mask[i + columns] ? 1 : 0;
    });
  }

  // Dice similarity coefficient of two masks: sarco.method.metrics.dice.
  function dice(a, b) {
    const total = mean(a) + mean(b);
    return total ? (2 * mean(a.map((inside, i) => inside & b[i]))) / total : 1;
  }

  // Threshold, dilation and window (an end at the rim of the stored HU cuts nothing), as sarco.method.postprocess has
  // them; then area and DSC.
  function postprocess({ probability, hu, columns, spacing_mm, reader, truth }, { level, pixels, low, high }) {
    let mask = probability.map((byte) => (byte / 255 > level ? 1 : 0));
    for (let i = 0; i < pixels; i++) mask = dilate(mask, columns);
    mask = mask.map((inside, i) => (inside && hu[i] >= low && hu[i] <= high ? 1 : 0));
    const area = (one) => (mean(one) * one.length * spacing_mm[0] * spacing_mm[1]) / 100;
    const found = { mask, area_cm2: area(mask), reader_cm2: area(reader), dsc: dice(mask, reader) };
    return truth ? { ...found, truth_cm2: area(truth), true_dsc: dice(mask, truth) } : found;
  }

  // Chapter 6 ---------------------------------------------------------------------------------------------------------

  // Of each draw the mean error of its first cases, and the RMSE of all others before and after it is subtracted; and
  // over all draws what sarco.evidence.bias.few_cases says.
  function fewCases({ start, errors_cm2: errors }, size) {
    const orders = once(`orders of ${errors.length}`, () => {
      const { permuted } = generator(start);
      return Array.from({ length: start.draws }, () => permuted(errors.length));
    });
    const draws = orders.map((places) => {
      let first = 0, others = 0, squares = 0;
      for (let i = 0; i < size; i++) first += errors[places[i]];
      for (let i = size; i < places.length; i++) {
        others += errors[places[i]];
        squares += square(errors[places[i]]);
      }
      const learned = first / size, n = places.length - size;
      return { learned, before: Math.sqrt(squares / n), after: rootWithout(squares / n, others / n, learned) };
    });
    const learned = draws.map((draw) => draw.learned), worse = mean(draws.map((draw) => +(draw.after > draw.before)));
    const rmse_cm2 = mean(draws.map((draw) => draw.after));
    return { draws, low: percentile(learned, 2.5), high: percentile(learned, 97.5), rmse_cm2, worse };
  }

  // Chapter 7 ---------------------------------------------------------------------------------------------------------

  const [AS_IN_PAPER, OPPOSITE, UNCLEAR] = ["as in the paper", "opposite", "unclear"];

  // Whether an interval lies on the paper's side of 0: sarco.evidence.statistics._verdict.
  function verdict(sign, { low, high }) {
    if (low <= 0 && 0 <= high) return UNCLEAR;
    return sign * low > 0 ? AS_IN_PAPER : OPPOSITE;
  }

  // A result with its verdict: sarco.evidence.claims, `difference` and `of_result`.
  function judged(printed, found) {
    const theirs = 1.96 * Math.hypot(printed.standard_error, (0.5 * 10 ** -printed.decimals) / Math.sqrt(3));
    const off = found.value - printed.value, widest = (printed.widest_percent / 100) * Math.abs(printed.value);
    const low = off - Math.hypot(found.value - found.low, theirs);
    const high = off + Math.hypot(found.high - found.value, theirs);
    if (low > 0 || high < 0) return { ...found, verdict: "not reproduced" };
    return { ...found, verdict: high - low > 2 * widest ? "not judged: too wide" : "reproduced" };
  }

  // Places of the slices of a table, those with label D or ascites left out (0) or counted so often.
  function counted(table, label, ascites) {
    return table.label.flatMap((has, i) => Array(label ** has * ascites ** table.ascites[i]).fill(i));
  }

  // RMSE, DSC and the paper's findings for readers of one scale and shares of the cohort's label D and ascites:
  // sarco.evidence.statistics.effects of what sarco.evidence.assumptions makes of the tables; null if none are left.
  function assumed({ start, printed, test, validation, swept }, { scale, label, ascites }) {
    const [places, learn, inSweep] = [test, validation, swept].map((table) => counted(table, label, ascites));
    const reference = test.reference_cm2[scale], off = (cm2) => places.map((i) => cm2[i] - reference[i]);
    const taught = learn.filter((i) => validation.teaches[i]);
    const teachers = taught.map((i) => validation.final_cm2[i] - validation.reference_cm2[scale][i]);
    // Before post-processing the test masks were compared with this run's readers alone; those of validation with all.
    const [on, table, there] = test.alone_dsc[scale] ? ["test", test, places] : ["validation", validation, learn];
    if (Math.min(places.length, inSweep.length, there.length) < 2 || !teachers.length) return null;

    const of = (statistic, columns) => bootstrap(start, statistic, columns, teachers);
    const value = ([one]) => one, change = ([one, other]) => other - one;
    const root = ([squares]) => Math.sqrt(squares), roots = (all) => mean(all.map(Math.sqrt));
    const finding = (name, sign, n, before, after, effect, more) =>
      ({ name, n, before, after, effect, verdict: verdict(sign, effect), on: "test", ...more });
    const ofDsc = (name, ...stages) => {
      const both = stages.map((stage) => there.map((i) => table[stage][scale][i]));
      return finding(name, 1, there.length, ...both.map((one) => of(value, [one])), of(change, both), { on });
    };

    const final = off(test.final_cm2), whole = off(test.whole_cm2).map(square);
    const both = [final.map(square), final], alone = test.alone_cm2.map((cm2) => off(cm2).map(square));
    const rmse = of((means, learned) => rootWithout(...means, learned), both);
    const lowered = of((means, learned) => rootWithout(...means, learned) - Math.sqrt(means[0]), both);
    const ends = [0, 1].map((px) => inSweep.map((i) => swept.cm2[px][i] - reference[swept.place[i]]));
    const [bare, dilated] = ends.map((one) => of(value, [one]));
    // A dilation only adds: as in the paper are masks that are too large with it, and not without it.
    const overestimates = verdict(1, bare) === AS_IN_PAPER ? OPPOSITE : verdict(1, dilated);
    const findings = [
      ofDsc("post-processing raises DSC", "whole_dsc", "final_dsc"),
      finding("dilation overestimates", 1, inSweep.length, bare, dilated, of(change, ends), { verdict: overestimates }),
      finding("bias correction lowers RMSE", -1, places.length, of(root, both), rmse, lowered),
      ofDsc("more members raise DSC", "alone_dsc", "whole_dsc"),
      finding("more members lower RMSE", -1, places.length, of(roots, alone), of(root, [whole]),
        of(([all, ...each]) => Math.sqrt(all) - roots(each), [whole, ...alone])),
    ];
    const dsc = of(value, [places.map((i) => test.final_dsc[scale][i])]);
    return { n: places.length, rmse: judged(printed.rmse, rmse), dsc: judged(printed.dsc, dsc), findings };
  }

  // Share (%) of the slices that have what is counted `times` as often: sarco.evidence.assumptions.alternatives.
  const share = (flags, times) => (100 * times * mean(flags)) / (1 + (times - 1) * mean(flags));

  // Chapter 9 ---------------------------------------------------------------------------------------------------------

  // Chance that a normal value is over `x` SD, to 1e-7 (Numerical Recipes, erfcc), for x of 0 or more.
  function normalTail(x) {
    const z = x / Math.SQRT2, t = 1 / (1 + 0.5 * z);
    const terms = [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196,
      1.00002368, -1.26551223];
    return 0.5 * t * Math.exp(-z * z + terms.reduce((sum, term) => sum * t + term, 0));
  }

  // Share (%) of people low by the reader's area, and of those who change class: sarco.evidence.class_changes.changes.
  function classChanges(data, { women, men, heavy, includes }) {
    const { reader_cm2: reader, network_cm2: network, truth_cm2: truth } = data;
    const limit = (sex, i) => (sex === "F" ? women : data.bmi_25[i] ? heavy : men);
    const limit_cm2 = data.sex.map((sex, i) => limit(sex, i) * data.height_m2[i]);
    const low = (area, i) => (includes ? area <= limit_cm2[i] : area < limit_cm2[i]);
    const share = (is) => 100 * mean(reader.map((area, i) => +is(area, i)));
    const apart = (one, other) => share((_, i) => low(one[i], i) !== low(other[i], i));
    const crossed = (sd) => share((area, i) => normalTail(Math.abs(area - limit_cm2[i]) / sd));
    const off_cm2 = Math.sqrt(mean(reader.map((area, i) => square(network[i] - area))));
    return {
      low: share(low),
      "network for reader": apart(network, reader),
      ...(truth && { "network for truth": apart(network, truth), "reader for truth": apart(reader, truth) }),
      "a reader as far off as the network": crossed(off_cm2),
      "one reader for another": crossed(data.readers_sd_cm2),
    };
  }

  return { members, opened, postprocess, fewCases, assumed, share, classChanges };
})();
if (typeof module !== "undefined") module.exports = answersNumbers;
