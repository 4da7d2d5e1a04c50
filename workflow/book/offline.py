"""Sphinx extension: the built book loads nothing from outside.

MathJax comes from an installed package and is copied into the book; Thebe's loader, which names an outside
host and is not used, is dropped.
"""

import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sphinx.errors import ExtensionError

PACKAGE = "sphinx-mathjax-offline"
SCRIPT = "tex-mml-chtml.js"
# The script loads these folders when a page needs them: fonts, TeX extensions, the accessibility menu.
FOLDERS = ("output/chtml/fonts", "input/tex/extensions", "a11y", "sre", "ui")


def mathjax_folder():
    """Folder of MathJax 3 in the installed package."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError as error:
        raise ExtensionError(f"{PACKAGE} is not installed; run make install.") from error
    script = next((file for file in files if file.name == SCRIPT), None)
    if script is None:
        raise ExtensionError(f"{PACKAGE} holds no {SCRIPT}; run make install.")
    return Path(script.locate()).parent


def copy_mathjax(app, error):
    """Copy MathJax into the finished book."""
    if error or app.builder.format != "html":
        return
    source, target = mathjax_folder(), Path(app.outdir, "_static", "mathjax")
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source / SCRIPT, target)
    for folder in FOLDERS:
        if (source / folder).is_dir():
            shutil.copytree(source / folder, target / folder, dirs_exist_ok=True)


def drop_thebe(app, page, template, context, doctree):
    """Take Thebe's scripts and styles off a page."""
    for key in ("script_files", "css_files"):
        context[key] = [file for file in context.get(key, []) if not _is_thebe(file)]


def _is_thebe(file):
    return "thebe" in f"{getattr(file, 'filename', file)} {getattr(file, 'attributes', '')}".lower()


def set_mathjax_path(app, config):
    """Point Sphinx to the copy."""
    config.mathjax_path = f"mathjax/{SCRIPT}"


def setup(app):
    app.connect("config-inited", set_mathjax_path)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
