"""What a module is made of: its own file and those of the package that it imports, directly or not.

Steps of the workflow and all that is kept on disk depend on this, so that no list of files is kept by hand.
"""

import ast
import hashlib
import json
import os
import re
from functools import cache
from pathlib import Path

from .files import checksum

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parent


def of(*entries):
    """Files that some modules run: theirs, and those of every module that they import, within functions too.

    An entry is a module, as "sarco.runs.training", or a script or notebook beside it, as "workflow/chapter.py".
    """
    left = []
    for entry in map(str, entries):
        files = [ROOT / entry] if entry.endswith((".py", ".ipynb")) else list(_files(ROOT, entry))
        if not files or not files[-1].is_file():
            raise ValueError(f"{entry}: there is no such module, script or notebook")
        left += files
    # A function of a package's __init__ serves those outside, who ask the package for a name; the modules within
    # import from one another.
    outside = any(PACKAGE not in path.parents for path in left)
    found = set()
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            _, at_once, ever = _parsed(path, path.read_bytes())
            left += at_once if path.name == "__init__.py" and not outside else ever
    return sorted(found)


def digest(*entries):
    """Digest of what the files of `of` do, in hexadecimal; comments, docstrings and layout do not count."""
    total = hashlib.sha256()
    for path in of(*entries):
        total.update(f"{os.path.relpath(path, ROOT)} {_parsed(path, path.read_bytes())[0]}\n".encode())
    return total.hexdigest()


def package_digest():
    """Digest of all files of the package as they lie there, in hexadecimal: it parses none, so it is there at once."""
    total = hashlib.sha256()
    for path in sorted(path for path in PACKAGE.rglob("*.*") if path.suffix in (".py", ".html")):
        total.update(f"{path.relative_to(PACKAGE)} {checksum(path)}\n".encode())
    return total.hexdigest()


def _plain(node):
    """What a part of a module does, in lists: the same in each version of Python, which `ast.dump` is not."""
    if isinstance(node, list):  # docstrings, which stand alone and do nothing, are left out
        return [_plain(one) for one in node if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.JoinedStr):  # since 3.12 an f-string has an empty text where it has none
        fields["values"] = [one for one in node.values if getattr(one, "value", None) != ""]
    # What is empty may be of another version, as the type parameters of a function.
    kept = [(name, _plain(value)) for name, value in fields.items() if value not in (None, [])]
    return [type(node).__name__, *kept]


@cache
def _parsed(path, text):
    """Digest of a file, the files that its import brings at once, and those that it ever brings."""
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        text = re.sub(r"^( *)[%!].*", r"\1pass", text, flags=re.MULTILINE)  # a command to the notebook, as %pip
    tree = ast.parse(text, path)
    at_once, ever = (
        [file for node in nodes for folder, name in _names(node, path) for file in _files(folder, name)]
        for nodes in (tree.body, ast.walk(tree))
    )
    return hashlib.sha256(repr(_plain(tree)).encode()).hexdigest(), at_once, ever


def _names(node, path):
    """What a statement imports, if it does: where to look, and names that may be modules there."""
    if isinstance(node, ast.Import):
        level, names = 0, [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        level, stem = node.level, node.module or ""
        names = [stem, *(f"{stem}.{alias.name}".lstrip(".") for alias in node.names)]
    else:
        return
    for name in names:
        if level:
            yield path.parents[level - 1], name
        elif name.partition(".")[0] == PACKAGE.name:
            yield ROOT, name
        elif PACKAGE not in path.parents:  # a script beside this one
            yield path.parent, name


def _files(folder, name):
    """Files that importing a name runs: of the packages on the way, and its own; none for what is no module."""
    place = folder.joinpath(*name.split(".")) if name else folder
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if file.is_file():
        packages = [above / "__init__.py" for above in reversed(file.parents) if ROOT in above.parents]
        yield from (package for package in packages if package.is_file() and package != file)
        yield file
