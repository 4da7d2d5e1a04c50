"""The package as a whole: light to import, and data flows one way through it."""

import subprocess
import sys

import house

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


def test_arrows_go_one_way():
    assert set(house.rooms()) == set(ROOMS)
    back = [(room, used) for room, used in house.arrows().edges if ROOMS.index(used) > ROOMS.index(room)]
    assert not back, f"a room imports one that comes after it: {back}"


def test_the_picture_of_the_house_is_todays(root):
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert house.picture() in text, "run 'make house'"
