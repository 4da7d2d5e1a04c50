// How Python writes a value, for the sentences that are made of its source.

/** A value by a format specification as the sentences have them: none, g, .0f, .1%. */
export function format(value, spec) {
  if (spec === "") return value === null ? "None" : String(value);
  const digits = Number(spec.slice(1, -1));
  if (spec.endsWith("%")) return `${fixed(100 * value, digits)}%`;
  return spec === "g" ? general(value) : fixed(value, digits);
}

/** With so many digits after the point; of two that are equally near the even one, unlike toFixed. */
function fixed(value, digits) {
  const scaled = Math.abs(value) * 10 ** digits;
  const tie = scaled % 1 === 0.5 && Number.isInteger(value * 2 ** (digits + 1));
  if (!tie || Math.floor(scaled) % 2) return value.toFixed(digits);
  return (Math.sign(value) * Math.floor(scaled) / 10 ** digits).toFixed(digits);
}

/** With six digits, as short as can be. */
function general(value) {
  if (!Number.isFinite(value)) return word(value);
  const [digits, power] = value.toExponential(5).split("e").map(Number);
  return power < -4 || power >= 6 ? scientific(digits, power) : String(Number(value.toPrecision(6)));
}

/** A number as Python shows one that is no integer: 5.0, 0.7, 1e-05. */
export function float(value) {
  if (value === null) return "None";
  if (!Number.isFinite(value)) return word(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) return scientific(...value.toExponential().split("e").map(Number));
  return Number.isInteger(value) ? `${Object.is(value, -0) ? "-0" : value}.0` : String(value);
}

/** Several of them. */
export function floats(values) {
  return `[${values.map(float).join(", ")}]`;
}

/** What a file says of itself, which may be anything, cut. */
export function short(text, most = 64) {
  const signs = [...String(text)];
  return signs.length <= most ? signs.join("") : `${signs.slice(0, most).join("")}...`;
}

/** A number and a power of ten. */
function scientific(digits, power) {
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** What no digits can say. */
function word(value) {
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
