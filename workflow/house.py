"""The house in one picture: the rooms of the package, what each is for, and which uses which.

python workflow/house.py draws it anew in CONTRIBUTING.md, from the code: a room's sentence is the first of its
docstring, an arrow is an import, and an arrow that others imply is left out.
"""

import ast
import re
import sys
from pathlib import Path

import networkx

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sarco"
PICTURE = re.compile(r"(?<=<!-- house -->\n).*(?=<!-- /house -->)", re.DOTALL)


def rooms():
    """What stands at the top of the package, by name: folders and modules, and the file that tells of each."""
    inside = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    return {path.stem: path / "__init__.py" if path.is_dir() else path for path in inside if path.stem != "__init__"}


def arrows():
    """Rooms that each room imports from, at once or within a function: a graph of names."""
    graph = networkx.DiGraph()
    graph.add_nodes_from(sorted(rooms()))
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if room != "__init__":  # what it imports serves those outside
            graph.add_edges_from((room, used) for used in _used(path) if used != room)
    return graph


def _used(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = path.parents[node.level - 1].relative_to(PACKAGE).parts
            names = (*above, *(node.module or "").split(".")) if node.module else above
            yield from [names[0]] if names else (alias.name for alias in node.names)


def picture():
    """The rooms as a Mermaid diagram, those that use others above these."""
    lines = ["```mermaid", "flowchart TD"]
    for name, path in sorted(rooms().items()):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        first = re.split(r"\.\s|\.$", text)[0].replace("\n", " ").replace("`", "")
        lines.append(f'  {name}["<b>{name}</b><br>{first}"]')
    lines += [f"  {room} --> {used}" for room, used in sorted(networkx.transitive_reduction(arrows()).edges)]
    return "\n".join([*lines, "```", ""])


def main():
    path = ROOT / "CONTRIBUTING.md"
    path.write_text(PICTURE.sub(lambda _: picture(), path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
