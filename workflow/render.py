"""Stage the executed chapters with the book's settings and render them; a warning is an error.

python workflow/render.py STAGE CHAPTER.ipynb...: the chapters are executed notebooks, STAGE is made again, and the
book ends in STAGE/_build/html.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

from sarco.base.errors import SarcoError

sys.path.insert(0, str(Path(__file__).resolve().parent))
import access
import address
import answers
import exercises
import prose
import reading
from page import build
from said import said

ROOT = Path(__file__).resolve().parent.parent
_CAPTION = prose.CAPTION.pattern + r"\s(?P<text>.*?)"
CAPTION = re.compile(_CAPTION, re.DOTALL | re.MULTILINE)
PICTURE = re.compile(rf"!\[(?P<alt>[^]]*)\]\((?P<file>[^)]*)\)\n\n{_CAPTION}(?=\n\n)", re.DOTALL | re.MULTILINE)
NOTE = re.compile(r"^> \*\*(?P<kind>Important|Warning)\.\*\* (?P<text>.*(?:\n>.*)*)", re.MULTILINE)


def stage(chapters, folder, root=ROOT):
    """Lay out a book in `folder`: settings, text pages, and the notebooks `chapters`, wherever they lie.

    The pages keep the paths that they have in the repository, because the Colab button is made from them. Their text is
    filled in and put into the words of Sphinx, which then numbers the figures and checks each link.
    """
    known = prose.targets(root)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "chapters").mkdir(parents=True)
    shutil.copy2(root / "_toc.yml", folder)
    shutil.copytree(root / "workflow" / "book", folder / "workflow" / "book", ignore=_no_caches)
    # A page that is made of docstrings has nothing to show outside the book.
    for page in (*(root / "chapters").iterdir(), *(root / "workflow" / "book").glob("*.md")):
        target = folder / "chapters" / page.name
        if page.suffix == ".md":
            text = prose.filled(page.read_text(encoding="utf-8"), page.name, known, prose.of_committed())
            target.write_text(for_sphinx(build.staged(text)), encoding="utf-8")
        elif page.is_file() and page.suffix != ".ipynb":
            shutil.copy2(page, target)
    for path in sorted(chapters):
        notebook = nbformat.read(path, as_version=4)
        prose.fill(notebook, path.name, known)
        exercises.put_boxes(notebook, path.name)
        reading.offer(notebook, path, folder, known)
        notebook = numbered(notebook)
        answers.add(notebook, folder / "workflow" / "book" / "assets")
        nbformat.write(notebook, folder / "chapters" / path.name)
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    found = address.known(root)
    if found:
        config = address.with_buttons(config, found)
    (folder / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


_no_caches = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")


def numbered(notebook):
    """An executed notebook for Sphinx: the captions stand with what they are of, so that it numbers them."""
    cells = []
    for cell in notebook.cells:
        caption = cell.cell_type == "markdown" and CAPTION.fullmatch(cell.source.strip())
        if caption:
            _give_caption(cells[-1], caption["name"], " ".join(for_sphinx(caption["text"]).split()))
            continue
        if cell.cell_type == "markdown":
            cell.source = for_sphinx(cell.source)
        for output in cell.get("outputs", ()):
            if "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = for_sphinx(output.data["text/markdown"])
        cells.append(cell)
    notebook.cells = cells
    return notebook


def _give_caption(cell, name, text):
    kind = "image/png" if name.startswith("fig-") else "text/markdown"
    shown = [output.data for output in cell.get("outputs", ()) if kind in output.get("data", {})]
    if len(shown) != 1:
        raise SarcoError(f"{name}: the cell above its caption shows {len(shown)} such; let it show the one it is of.")
    if kind == "image/png":
        cell.metadata.setdefault("mystnb", {})["figure"] = {"caption": text, "name": name}
    else:
        shown[0][kind] = f"```{{table}} {text}\n:name: {name}\n\n{shown[0][kind]}\n```"


def for_sphinx(text):
    """A text of the chapters in the words of Sphinx (MyST)."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = PICTURE.sub(r"```{figure} \g<file>\n:name: \g<name>\n:alt: \g<alt>\n\n\g<text>\n```", text)
    text = prose.LINK.sub(_reference, text)
    text = re.sub(r'^<a id="([\w-]+)"></a>', r"(\1)=\n", text, flags=re.MULTILINE)
    return NOTE.sub(_admonition, text)


def _reference(link):
    """Sphinx numbers figures and tables itself."""
    numbered = link[1].startswith(tuple(prose.KINDS.values()))
    return f"{{numref}}`{link[3]}`" if numbered else f"[{link[1]}](#{link[3]})"


def _admonition(note):
    body = re.sub(r"^> ?", "", note["text"], flags=re.MULTILINE)
    return f":::{{{note['kind'].lower()}}}\n{body}\n:::"


def render(folder):
    """Run jupyter-book on a staged book and return the folder of its pages.

    Raises
    ------
    SarcoError
        jupyter-book warned or failed; the message holds what it said.
    """
    # An incremental build hides the warnings of pages that it does not read again.
    shutil.rmtree(folder / "_build", ignore_errors=True)
    jupyter_book = str(Path(sys.executable).parent / "jupyter-book")
    command = [jupyter_book, "build", "-W", "-n", "--keep-going", "--quiet", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).replace(f"{folder.resolve()}/", "")
        told = [line for line in text.splitlines() if "WARNING" in line or "ERROR" in line]
        told = told or text.splitlines()[-30:]
        raise SarcoError(f"{folder}: the book was not built; mend these warnings:\n" + "\n".join(told))
    pages = folder / "_build" / "html"
    # Only a redirection to the first page; without an icon of its own the browser asks for one that is not there.
    index = pages / "index.html"
    text = index.read_text(encoding="utf-8")
    index.write_text(f'<link rel="icon" href="_static/favicon.svg">\n{text}', encoding="utf-8")
    access.mend(pages)
    reading.finish(pages)
    build.finish(pages)  # last: its rule knows by their hashes the scripts that stand in the page
    return pages


@said
def main(arguments=None):
    parser = argparse.ArgumentParser(description="Render the book.")
    parser.add_argument("stage", type=Path)
    parser.add_argument("chapters", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    stage(options.chapters, options.stage)
    render(options.stage)


if __name__ == "__main__":
    sys.exit(main())
