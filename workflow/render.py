"""Stage the executed chapters with the book's settings and render them; a warning is an error.

python workflow/render.py CHAPTERS STAGE: CHAPTERS holds the executed notebooks, STAGE is made again, and the
book ends in STAGE/_build/html.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from sarco.base.errors import SarcoError

sys.path.insert(0, str(Path(__file__).resolve().parent))
import address

ROOT = Path(__file__).resolve().parent.parent


def stage(chapters, folder, root=ROOT):
    """Lay out a book in `folder`: settings, text pages, and the notebooks of the folder `chapters`.

    The pages keep the paths that they have in the repository, because the Colab button is made from them.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "chapters").mkdir(parents=True)
    shutil.copy2(root / "_toc.yml", folder)
    shutil.copytree(root / "workflow" / "book", folder / "workflow" / "book", ignore=_no_caches)
    for page in (root / "chapters").iterdir():
        if page.suffix != ".ipynb" and page.name != ".ipynb_checkpoints":
            _copy(page, folder / "chapters" / page.name)
    for notebook in sorted(chapters.glob("*.ipynb")):
        _copy(notebook, folder / "chapters" / notebook.name)
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    found = address.known(root)
    if found:
        config = address.with_buttons(config, found)
    (folder / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def _copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, ignore=_no_caches)
    else:
        shutil.copy2(source, target)


_no_caches = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")


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
    return pages


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Render the book.")
    parser.add_argument("chapters", type=Path)
    parser.add_argument("stage", type=Path)
    options = parser.parse_args(arguments)
    try:
        stage(options.chapters, options.stage)
        render(options.stage)
    except SarcoError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
