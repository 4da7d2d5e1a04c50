"""The public address of the repository: read it, or write it everywhere it is needed.

It lives in pyproject.toml, [project.urls] Repository. `make address URL=https://github.com/you/repository`
writes it there, into _config.yml (the link and the Colab button) and into the install cell of every chapter.
With none written, the variable SARCO_REPOSITORY or the remote `origin`, if that is on GitHub, is used for the
button of a book built on this machine.
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
from said import said

from sarco.base.errors import SarcoError
from sarco.base.files import atomic

ROOT = Path(__file__).resolve().parent.parent
BRANCH = "main"
COLAB = "https://colab.research.google.com"
ADDRESS = re.compile(r"https://github\.com/[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
REMOTE = re.compile(r"(?:https://(?:[^@/]+@)?|git@|ssh://git@)github\.com[:/]([^/]+/[^/]+?)(?:\.git)?/?")
INSTALL_LINE = re.compile(r"^REPOSITORY = .*$", re.MULTILINE)


def checked(url):
    """Return the address without a trailing slash or `.git`, or refuse it."""
    address = url.strip().removesuffix("/").removesuffix(".git")
    if not ADDRESS.fullmatch(address):
        raise SarcoError(f"{url!r} is no repository on GitHub; give URL=https://github.com/you/repository.")
    return address


def known(root=ROOT):
    """Return the public address, or None while there is none."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    written = project.get("urls", {}).get("Repository") or os.environ.get("SARCO_REPOSITORY")
    return checked(written) if written else _origin(root)


def _origin(root):
    git = subprocess.run(["git", "-C", root, "remote", "get-url", "origin"], capture_output=True, text=True)
    found = REMOTE.fullmatch(git.stdout.strip())
    return f"https://github.com/{found[1]}" if found else None


def with_buttons(config, address):
    """Return the settings of jupyter-book with the repository link and the Colab button."""
    html = {**config.get("html", {}), "use_repository_button": True}
    launch = {**config.get("launch_buttons", {}), "colab_url": COLAB}
    return {
        **config,
        "repository": {"url": address, "branch": BRANCH},
        "html": html,
        "launch_buttons": launch,
    }


def write(address, root=ROOT):
    """Write the address into pyproject.toml, _config.yml and every chapter; return the files changed."""
    texts = {
        root / "pyproject.toml": _project(address, root / "pyproject.toml"),
        root / "_config.yml": _settings(address, root / "_config.yml"),
    }
    chapters = sorted((root / "chapters").glob("[0-9]*.ipynb"))
    texts.update({path: _chapter(address, path) for path in chapters})
    # Everything was read and found good: now write.
    written = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    for path in written:
        with atomic(path) as beside:
            beside.write_text(texts[path], encoding="utf-8")
    return written


def _project(address, path):
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\[project\.urls\]\n(?:[^\[\n].*\n)*\n?", "", text)
    return text.replace("[project.scripts]", f'[project.urls]\nRepository = "{address}"\n\n[project.scripts]', 1)


def _settings(address, path):
    # Edited as text, so that the comments stay.
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\nrepository:\n(?:  .*\n)*", "", text)
    text = re.sub(r"^  use_repository_button: .*$", "  use_repository_button: true", text, flags=re.MULTILINE)
    text = re.sub(r"^  colab_url: .*$", f"  colab_url: {COLAB}", text, flags=re.MULTILINE)
    return f"{text.rstrip()}\n\nrepository:\n  url: {address}\n  branch: {BRANCH}\n"


def _chapter(address, path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if "install" in cell.metadata.get("tags", [])]
    if len(cells) != 1 or len(INSTALL_LINE.findall(cells[0].source)) != 1:
        raise SarcoError(f"{path}: needs one cell with the tag 'install' that holds one line REPOSITORY = \"...\".")
    cells[0].source = INSTALL_LINE.sub(f'REPOSITORY = "{address}"', cells[0].source)
    return nbformat.writes(notebook) + "\n"


@said
def main(arguments=None):
    parser = argparse.ArgumentParser(description="Write the public address of the repository.")
    parser.add_argument("url")
    parser.add_argument("--root", type=Path, default=ROOT)
    options = parser.parse_args(arguments)
    written = write(checked(options.url), options.root)
    print("\n".join(f"wrote {path.relative_to(options.root)}" for path in written) or "nothing to change")


if __name__ == "__main__":
    sys.exit(main())
