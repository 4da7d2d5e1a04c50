"""Put the page that computes into a finished book: its scripts, and the rule by which a browser lets nothing out."""

import base64
import gzip
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from sarco.base import paths
from sarco.base.errors import SarcoError
from sarco.cohort.layout import Cohort
from sarco.ct import tissues
from sarco.slice_tool import numbers

from . import export, packages, sentences

HERE = Path(__file__).resolve().parent
MARK = "<!-- page -->"
PAGE, FOLDER = "chapters/your-slice.html", "_static/your-slice"
PLACE, CHARSET = '<div id="your-slice"></div>', '<meta charset="utf-8" />'
WITHOUT = (
    "<p><strong>This book was built without the part that computes, which needs npm, so this page has neither network "
    "nor rule.</strong></p>"
)
PIECE = 1 << 20  # bytes of a file that is loaded: between two of them the progress moves
WASM = {
    "runtime": "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
    "charls": "@cornerstonejs/codec-charls/dist/charlswasm_decode.wasm",
    "openjpeg": "@cornerstonejs/codec-openjpeg/dist/openjpegwasm_decode.wasm",
}
# What the page may load: the book's own files, and nothing by a connection. `file:` is a folder on a disk.
POLICY = (
    "default-src 'none'; connect-src 'none'; form-action 'none'; base-uri 'none'; worker-src blob:; "
    "img-src 'self' file: data: blob:; font-src 'self' file:; style-src 'self' file: 'unsafe-inline'; "
    "script-src 'self' file: 'wasm-unsafe-eval' 'unsafe-hashes' {inline}"
)
# What the theme has in the page itself is let in by its hash: scripts, and what its buttons do.
INLINE = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>|\son\w+=\"([^\"]*)\"", re.DOTALL)


def staged(text):
    """The Markdown of a page with the place of the page that computes, for Sphinx."""
    return text.replace(MARK, f"```{{raw}} html\n{PLACE}\n```")


def finish(pages):
    """Put the page that computes into a finished book, the folder `pages`; without npm, a sentence that says so.

    Raises
    ------
    SarcoError
        It could not be made, and this is CI.
    """
    path = pages / PAGE
    if not path.is_file():  # a book of a test
        return
    try:
        modules = packages.node_modules()
    except SarcoError as error:
        if os.environ.get("CI"):
            raise
        told = "once npm is there, 'make clean' and 'make book' bring it"
        print(f"The book is without the part of {PAGE} that computes ({error}); {told}.", file=sys.stderr)
        _replace(path, PLACE, WITHOUT)
        return
    script = _scripts(pages / FOLDER, modules)
    shutil.copy2(HERE / "page.css", pages / FOLDER)
    _replace(path, PLACE, (HERE / "page.html").read_text(encoding="utf-8").strip())
    style = f'<link rel="stylesheet" href="../{FOLDER}/page.css">'
    _replace(path, "</head>", f'{style}\n<script defer src="../{FOLDER}/{script}"></script>\n</head>')
    there = {own or html.unescape(handler) for own, handler in INLINE.findall(path.read_text(encoding="utf-8"))}
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in sorted(there))
    policy = POLICY.format(inline=" ".join(f"'sha256-{digest}'" for digest in digests))
    # After the characters, which a browser looks for in the first kilobyte; what stands before loads nothing.
    _replace(path, CHARSET, f'{CHARSET}\n<meta http-equiv="Content-Security-Policy" content="{policy}">')


def _replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise SarcoError(f"{path}: {old!r} stands there {text.count(old)} times, where the page needs it once.")
    path.write_text(text.replace(old, new), encoding="utf-8")


def gather(folder):
    """Copy the page's own scripts to a folder, with the module that is made of the Python source."""
    for script in HERE.glob("*.js"):
        shutil.copy2(script, folder)
    (folder / "sentences.js").write_text(sentences.module(), encoding="utf-8")


def _scripts(folder, modules):
    """Write all that the page loads, and return the name of the script that it begins with."""
    folder.mkdir(parents=True, exist_ok=True)
    sample = _sample()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        gather(scratch)
        network, settings = export.student()
        contents = {name: (modules / file).read_bytes() for name, file in WASM.items()}
        contents |= {"network": network, "sample": sample.read_bytes()}
        contents["worker"] = _bundle(scratch / "worker.js", modules, SETTINGS=settings)
        files = {name: _pieces(name, content, folder) for name, content in contents.items()}
        size = sum((folder / file).stat().st_size for name in ("runtime", "network") for file in files[name])
        built = {"files": files, "megabytes": round(size / 1e6), "sample": sample.name}
        built["words"] = _words(settings["tissues"])
        return _write(folder, "page", _bundle(scratch / "view.js", modules, BUILT=built).decode())


def _sample():
    """The first slice of the test set in data/sample, as in the chapter beside."""
    cohort = Cohort.open(paths.sample_dir())
    return cohort.path("images", min(cohort.cases("test")))


def _words(labels):
    """What the command calls its numbers and tissues, so that the page cannot call them otherwise."""
    known = [{"key": key, **asdict(number)} for key, number in numbers.NUMBERS.items() if not key.startswith("smi")]
    return {
        "numbers": known,
        "columns": numbers.COLUMNS,
        "not_a_medical_device": numbers.NOT_A_MEDICAL_DEVICE,
        "colours": tissues.COLOURS,
        "of_labels": [tissues.COLOURS.get(name) for name in labels],
        "sides": ["", *tissues.SIDES],
        "of_tissues": numbers.OF_TISSUES,
        "tissue_columns": numbers.TISSUE_COLUMNS,
    }


def _bundle(script, modules, **constants):
    """One classic script of a module and all that it imports, bytes, with constants put in."""
    options = ["--bundle", "--minify", "--format=iife", "--target=es2022", "--log-level=warning"]
    options += ["--external:fs", "--external:path"]  # which the codecs ask for in Node alone
    options += [f"--define:{name}={json.dumps(value, allow_nan=False)}" for name, value in constants.items()]
    command = [packages.tool("node"), modules / "esbuild/bin/esbuild", script, *options]
    done = subprocess.run(command, env=packages.environment() | {"NODE_PATH": str(modules)}, capture_output=True)
    if done.returncode:
        told, *_ = done.stderr.decode(errors="replace").partition("node:child_process")
        raise SarcoError(f"{script.name}: esbuild could not bundle it: {told.strip()}")
    return done.stdout


def _pieces(name, content, folder):
    """Write some bytes, compressed, as scripts that hand them over piece by piece, and return their names."""
    packed = gzip.compress(content, 9, mtime=0)
    pieces = (base64.b64encode(packed[start : start + PIECE]).decode() for start in range(0, len(packed), PIECE))
    form = "sarcoPiece('{file}', '{text}');"
    return [_write(folder, f"{name}-{number}", piece, form) for number, piece in enumerate(pieces, 1)]


def _write(folder, name, text, form="{text}"):
    """Write a script under a name that tells its content, so that a browser never mixes those of two books."""
    file = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.js"
    (folder / file).write_text(form.format(file=file, text=text), encoding="utf-8")
    return file
