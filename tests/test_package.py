"""The package as a whole: light to import, and data flows one way through it."""

import ast
import subprocess
import sys
from pathlib import Path

import sarco

# A room may import those before it, and none after.
ROOMS = (
    "base",
    "paper",
    "engines",
    "method",
    "ct",
    "phantom",
    "cohort",
    "runs",
    "evidence",
    "slice_tool",
    "book",
    "cli",
)
HEAVY = (
    "tensorflow",
    "keras",
    "openvino",
    "pandas",
    "matplotlib",
    "scipy",
    "skimage",
    "pydicom",
    "nibabel",
    "highdicom",
)


def test_import_is_light():
    code = f"import sys, sarco; print([m for m in {HEAVY} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def _rooms_imported(path, package):
    """Rooms that a file imports from, at once or within a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = path.parents[node.level - 1].relative_to(package).parts
            names = (*above, *(node.module or "").split(".")) if node.module else above
            yield from [names[0]] if names else (alias.name for alias in node.names)


def test_arrows_go_one_way():
    package = Path(sarco.__file__).parent
    files = [path for path in package.rglob("*.py") if path != package / "__init__.py"]
    rooms = {path: path.relative_to(package).with_suffix("").parts[0] for path in files}
    assert set(rooms.values()) == set(ROOMS)
    for path, room in rooms.items():
        later = {used for used in _rooms_imported(path, package) if ROOMS.index(used) > ROOMS.index(room)}
        assert not later, f"{path.relative_to(package)} imports from {later}, which comes after {room}"
