"""The page's own scripts against the package: of the same slices the same masks, numbers, warnings and tissues."""

import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from page import packages
from pydicom import Dataset
from scipy import ndimage

from sarco.base.errors import SarcoError
from sarco.ct import tissues
from sarco.ct.geometry import Slice, as_stored, upright
from sarco.method import preprocess
from sarco.method.metrics import dice
from sarco.phantom.phantom import phantom
from sarco.slice_tool import numbers
from sarco.slice_tool.reading import read_slice
from sarco.slice_tool.segmentation import Segmenter

# How a slice may lie on its file's grid: not said, as usual, flipped, turned, and with rows and columns exchanged.
LIES = (None, (1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, -1, 0), (0, 1, 0, 1, 0, 0), (0, -1, 0, 1, 0, 0))
THIN = ((1, 1), (1, 2), (2, 1), (2, 3))  # of the rows and columns of a fine phantom, every n-th is left
CASES, DRAWN = 20, 11
# Sums of float32 in another order move a probability in its sixth digit: a pixel at the level may turn, not several.
TURNED_PX = 1
ABOUT_WHAT_WAS_FOUND = re.compile("No (muscle|spinal)|The (area|midline|muscles apart|slice seems)")


def _stored(image_hu, spacing_mm, lie=None):
    """An upright picture as a file may have it."""
    header = Dataset()
    if lie:
        header.ImageOrientationPatient = list(lie)
    spacing_mm = spacing_mm[::-1] if lie and lie[0] == 0 else spacing_mm
    return Slice(as_stored(np.asarray(image_hu, np.float32), header), tuple(map(float, spacing_mm)), "drawn", header)


def _phantoms(root):
    """Name to slice, of odd sizes and spacings and in each lie: those in data/sample cut, and small ones drawn."""
    found = {}
    for case, path in enumerate(sorted((root / "data" / "sample" / "images").glob("*.dcm"))):
        fine, (down, across) = read_slice(path), THIN[case % len(THIN)]
        cut = fine.image_hu[3 + case : 509 - case : down, case:511:across]
        spacing_mm = np.multiply(fine.spacing_mm, (down, across))
        found[f"cut {path.stem}"] = _stored(cut, spacing_mm, LIES[case % len(LIES)])
    for case in range(DRAWN):
        # The estimate of number 5 lies past half of its interval, and within L3, so no warning goes by it.
        setting, level = ("reference", "randomised")[case % 2], case / 10 - 0.5 if case else -1.4
        drawn = phantom((17, case), setting, matrix=121 + 6 * case, level=level)
        found[f"drawn {case}"] = _stored(drawn.image_hu[: -1 - case], drawn.spacing_mm, LIES[case % len(LIES)])
    assert len(found) == CASES
    return found


@pytest.fixture(scope="module")
def slices(root):
    """Name to slice: phantoms, real ones where they are (they are not committed), and what has little or no muscle."""
    real = {path.stem: read_slice(path) for path in (root.parent / "shared" / "real_ct").glob("*.dcm")}
    phantoms = _phantoms(root)
    body = phantoms["cut 0079"]
    rows, columns = body.image_hu.shape
    part = _stored(body.image_hu[rows // 2 :, : columns // 2], body.spacing_mm)
    return phantoms | real | {"part": part, "air": _stored(np.full((65, 70), -1000), (3, 3))}


BROKEN = {"nan": ([[0, np.nan], [0, 0]], (1.0, 1.0)), "no spacing": (np.zeros((2, 2)), (0.0, 1.0))}


@pytest.fixture(scope="module")
def computed(root, node, modules, scripts, model, slices, commanded, tmp_path_factory):
    """Name to what the page's scripts find in each slice, in one process of Node."""
    folder, listed = tmp_path_factory.mktemp("compute"), []
    for name, image in (slices | {name: _stored(*of) for name, of in BROKEN.items()}).items():
        image.image_hu.astype("<f4").tofile(folder / f"{name}.hu")
        rows, columns = image.image_hu.shape
        lie = [float(part) for part in image.header.get("ImageOrientationPatient") or ()]
        seen = commanded[name].warnings if name in commanded else ()  # what the checks see is tested elsewhere
        listed.append(
            dict(name=name, rows=rows, columns=columns, spacingMm=image.spacing_mm, orientation=lie, seen=seen)
        )
    (folder / "slices.json").write_text(json.dumps(listed))
    for path in model.iterdir():
        shutil.copy2(path, folder)
    script = root / "tests" / "page" / "compute.mjs"
    subprocess.run([node, script, scripts, modules, folder], check=True)

    def of(name, kind, dtype):
        return np.fromfile(folder / f"{name}.{kind}", dtype).reshape(slices[name].image_hu.shape)

    kinds = {"mask": "?", "probability": "<f4", "tissues": "u1", "half": "u1"}
    numbers = json.loads((folder / "numbers.json").read_text())
    for name in slices:
        numbers[name] |= {kind: of(name, kind, dtype) for kind, dtype in kinds.items()}
    return {name: SimpleNamespace(**found) for name, found in numbers.items()}


@pytest.fixture(scope="module")
def tool():
    """`sarco segment --quick --tissues`, in float32 as the page: bfloat16, where a processor has it, rounds more."""
    return Segmenter(quick=True, engine="float32", tissues=True)


@pytest.fixture(scope="module")
def commanded(slices, tool):
    """Name to what the command finds in each slice."""
    return {name: tool.segment(image) for name, image in slices.items()}


@pytest.mark.long
def test_the_page_finds_what_the_command_finds(slices, computed, commanded):
    warned = set()
    for name in slices:
        found, known = computed[name], commanded[name]
        turned = np.count_nonzero(found.mask != known.mask)
        assert turned <= TURNED_PX and dice(found.mask, known.mask) >= 0.999, name
        assert found.area_cm2 == pytest.approx(known.area_cm2, abs=0.2), name
        assert np.abs(found.probability - known.probability).max() < 1e-3, name
        mine = [said for said in known.warnings if ABOUT_WHAT_WAS_FOUND.match(said)]
        assert [*found.warnings, *found.about] == mine, name
        warned |= {said[:15] for said in mine}
        # A pixel that turned shows in the second digit of an area, and in the third of a density.
        for key in ("mean_hu", "sd_hu", "low_attenuation_cm2", "intermuscular_fat_cm2", "area_corrected_cm2"):
            assert getattr(found, key) == pytest.approx(getattr(known, key), abs=0.2), (name, key)
        assert found.interval_cm2 == (known.interval_cm2 and pytest.approx(known.interval_cm2, abs=0.2)), name
    assert len(warned) == 5  # all but that muscles apart are less than the whole, which this student never finds


@pytest.mark.long
def test_each_pixel_has_the_tissue_that_the_package_gives_it(slices, computed, tool):
    names = set()
    for name in [*slices][::3]:
        image = slices[name].upright()
        known = tissues.label_map(image.image_hu, image.spacing_mm, tool.ensemble)
        found = computed[name].tissues
        assert np.count_nonzero(found != as_stored(known, slices[name].header)) <= TURNED_PX, name
        names |= set(found.ravel())
    assert len(names) > 12  # of 17


@pytest.mark.long
def test_the_midline_lies_where_the_package_draws_it(slices, computed, tool):
    names, missing = tool.ensemble.tissues, set()
    for name, image in slices.items():
        labels = upright(computed[name].tissues, image.header)
        half = tissues.left_half(labels, image.upright().spacing_mm, names)
        wanted = np.full(labels.shape, 2) if half is None else half
        assert np.array_equal(computed[name].half, as_stored(wanted, image.header)), name
        missing |= {name} if half is None else set()
    assert {"part", "air"} <= missing and len(missing) < 6


@pytest.mark.long
def test_each_tissue_has_the_numbers_of_the_command(slices, computed, commanded, tool):
    seen = set()
    for name, image in slices.items():
        found, known = computed[name], commanded[name]
        sides = [(one["tissue"], one["side"]) for one in found.parts]
        assert sides == [(one.name, one.side) for one in known.tissues], name
        for mine, one in zip(found.parts, known.tissues, strict=True):
            of = found.tissues == tool.ensemble.tissues.index(one.name)
            if one.side:
                of &= found.half == (one.side == tissues.RIGHT)
            turned = np.count_nonzero(of != one.mask)
            assert turned <= TURNED_PX, (name, one)
            # One is added to divide by; 180 HU is the width of the window of muscle, the wider of the two.
            near_cm2 = 1e-4 + turned * np.prod(image.spacing_mm) / 100
            near_hu = 1e-3 + turned * 180 / (1 + np.count_nonzero(of))
            assert mine["area_cm2"] == pytest.approx(one.area_cm2, abs=near_cm2), (name, one)
            assert mine["mean_hu"] == (one.mean_hu and pytest.approx(one.mean_hu, abs=near_hu)), (name, one)
            ends_cm2 = one.interval_cm2 and pytest.approx(one.interval_cm2, abs=near_cm2)
            assert mine["interval_cm2"] == ends_cm2, (name, one)
            assert (mine["deepest"] is None) == (not one.area_cm2), (name, one)
            seen.add((bool(one.area_cm2), bool(one.interval_cm2), bool(one.side)))
    assert len(seen) >= 5  # of 8: what is not there has no interval, and a muscle is seldom missing on one side


@pytest.mark.long
def test_the_level_is_that_of_the_command(slices, computed, commanded):
    for name in slices:
        found, known = computed[name].level, commanded[name].level
        assert (found is None) == (known is None), name
        if known:
            # In millivertebrae: a pixel where two tissues are as likely may turn.
            ends = [known.vertebrae, *(known.interval or ())]
            assert [found["vertebrae"], *(found["interval"] or ())] == pytest.approx(ends, abs=1e-3), name
            rows = numbers.rows(numbers.numbers_of(commanded[name]))
            assert ("Level, estimated", found["words"], found["meaning"]) in rows
    told = [one.level and one.level.far for one in commanded.values()]
    assert None in told and True in told and told.count(False) > 12


@pytest.mark.long
def test_a_number_stands_where_a_part_is_widest(slices, computed, tool):
    for name in ("cut 0079", "drawn 4", "part"):
        image, found = slices[name].upright(), computed[name]
        labels = upright(found.tissues, slices[name].header)
        masks = tissues.parts(labels, image.spacing_mm, tool.ensemble.tissues)
        for one, mask in zip(found.parts, masks.values(), strict=True):
            depth_mm = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=image.spacing_mm)[1:-1, 1:-1]
            if mask.any():
                assert depth_mm.flat[one["deepest"]] == pytest.approx(depth_mm.max()), (name, one)


@pytest.mark.long
def test_what_cannot_be_is_refused_in_the_words_of_the_package(computed):
    for name, (image_hu, spacing_mm) in BROKEN.items():
        with pytest.raises(ValueError) as refused:
            preprocess.to_network(image_hu, spacing_mm)
        said, numbers = computed[name].refused, r"[(]?([\d.]+)(, | x )([\d.]+)[)]?"
        assert re.sub(numbers, "", said) == re.sub(numbers, "", str(refused.value))


def test_packages_that_cannot_be_fetched_are_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(SarcoError, match="no-such-tool: not found"):
        packages.tool("no-such-tool")
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\necho 'npm error network offline' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(packages, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(packages, "tool", lambda name: tmp_path / name)
    with pytest.raises(SarcoError, match=r"package-lock\.json: .*offline.*run it again"):
        packages.node_modules()
    assert {path.name for path in (tmp_path / "cache").iterdir()} <= {".lock"}  # nothing half made is left


def test_packages_are_pinned_by_hash_and_by_no_address():
    lock = json.loads((packages.HERE / "package-lock.json").read_text())["packages"]
    pinned = {name: package for name, package in lock.items() if name}
    assert all(package["integrity"].startswith("sha512-") and "resolved" not in package for package in pinned.values())
    wanted = json.loads((packages.HERE / "package.json").read_text())
    wanted = wanted["dependencies"] | wanted["devDependencies"]
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
