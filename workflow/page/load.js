// What is too large for the page comes as classic scripts, the only files that a page opened from a disk may load:
// each hands over a piece, in base64, of something that was compressed.

const FOLDER = new URL(".", document.currentScript.src);
const waiting = new Map();
const underway = new Map(); // two may ask for one file
window.sarcoPiece = (file, text) => waiting.get(file)(text);

/** The text that one file hands over. */
function piece(file) {
  if (!underway.has(file)) underway.set(file, script(file).finally(() => underway.delete(file)));
  return underway.get(file);
}

/** The same, by a script of its own. */
function script(file) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    const done = (settle, value) => {
      waiting.delete(file);
      element.remove();
      settle(value);
    };
    waiting.set(file, (text) => done(resolve, text));
    element.onerror = () => done(reject, new Error(`${file} is not beside this page, or was not loaded; load it again`));
    element.src = new URL(file, FOLDER);
    document.head.append(element);
  });
}

/** The bytes that some files hand over together; `told` is called after each of them. */
export async function load(files, told) {
  const pieces = [];
  for (const file of files) {
    const text = atob(await piece(file));
    pieces.push(Uint8Array.from(text, (character) => character.charCodeAt(0)));
    told();
  }
  const unpacked = new DecompressionStream("gzip");
  const writer = unpacked.writable.getWriter();
  [...pieces.map((bytes) => writer.write(bytes)), writer.close()].forEach((done) => done.catch(() => {})); // told below
  return new Response(unpacked.readable).arrayBuffer();
}
