// The one error that a reader of the page is meant to read (sarco/base/errors.py).

/** Bad input: one sentence that names the file, what was found and what to do. */
export class SliceError extends Error {
  constructor(sentence) {
    // What a broken file says may hold anything: what steers a terminal or the direction of text is shown as "?".
    super(sentence.replace(/[\p{C}\p{Z}]/gu, (sign) => (sign === " " ? sign : "?")));
    this.name = "SliceError";
  }
}

/** Throw a `SliceError` if something is wrong; `sentence` is a function that gives it. */
export function refuse(wrong, sentence) {
  if (wrong) throw new SliceError(sentence());
}
