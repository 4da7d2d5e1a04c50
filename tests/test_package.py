"""The package as a whole: light to import, and data flows one way through it."""

import ast
import subprocess
import sys
from pathlib import Path

import sarco

# The rooms in the paper's order: a module may import what stands before it, and nothing that stands after.
ORDER = [
    "errors",
    "sources",
    "files",
    "tables",
    "gpu",
    "paths",
    "environment",
    "paper",
    "profiles",
    "area",
    "cutoffs",
    "composition",
    "cohort",
    "preprocess",
    "unet",
    "engine",
    "ensemble",
    "metrics",
    "training",
    "cost",
    "postprocess",
    "surface",
    "evaluation",
    "elsewhere",
    "assumptions",
    "statistics",
    "limits",
    "bias",
    "sarcopenia",
    "orders",
    "uncertainty",
    "sweeps",
    "bench",
    "claims",
    "ablation",
    "checks",
    "seg",
    "page",
    "report",
    "batch",
    "figures",
    "book",
    "deviations",
    "cli",
]
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


def _imports(path, depth):
    """Names of the rooms that a module, so many folders deep in the package, imports, lazily or not."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            if node.level <= depth:
                yield "cohort"  # the one room that is a folder
            elif node.module:
                yield node.module.split(".")[0]
            else:
                yield from (alias.name for alias in node.names if alias.name in ORDER)


def test_data_flows_one_way():
    folder = Path(sarco.__file__).parent
    modules = [path for path in sorted(folder.rglob("*.py")) if path != folder / "__init__.py"]
    depths = {path: len(path.relative_to(folder).parts) - 1 for path in modules}
    rooms = {path: path.relative_to(folder).with_suffix("").parts[0] for path in modules}
    assert set(rooms.values()) == set(ORDER)
    for path, room in rooms.items():
        for used in _imports(path, depths[path]):
            assert ORDER.index(used) <= ORDER.index(room), f"{path.name} imports {used}, which comes after it"
