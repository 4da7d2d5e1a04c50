"""The level of a slice, and the slice of a volume: through the command line, on phantom people stacked to volumes."""

import json

import numpy as np
import pydicom
import pytest
import stacks
from PIL import Image
from typer.testing import CliRunner

import sarco
from sarco.base import paths
from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.ct.write import Scan, write_slice
from sarco.method.ensemble import Ensemble
from sarco.phantom.phantom import phantom
from sarco.slice_tool import segmentation, volume
from sarco.slice_tool.reading import read_slice

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (paths.root() / "data/weights/student.json").exists(), reason="no shipped student"),
]
NEAR_MM = 17.5  # half a vertebra: the slice found is one of L3


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def stack():
    """One person from L2 to L4, every 5 mm, from the feet."""
    return stacks.slices(2, matrix=256)


@pytest.fixture(scope="module")
def quick():
    return segmentation.Segmenter(quick=True)


@pytest.mark.parametrize(("at", "way"), [(-1.2, "above"), (0, None), (1.2, "below")])
def test_a_slice_off_l3_is_warned_of_and_says_which_way(at, way, tmp_path):
    p = phantom(2, "difficult", level=at)
    write_slice(tmp_path / "a.dcm", p.image_hu, p.spacing_mm, Scan("1"))
    done = run("segment", tmp_path / "a.dcm", "--quick", "--out", tmp_path)
    assert done.exit_code == 0 and "Level, estimated" in done.stdout
    numbers = json.loads((tmp_path / "a.json").read_text())
    told = [warning for warning in numbers["warnings"] if "seems to lie" in warning]
    assert [f"vertebrae {way} the middle of L3" in warning for warning in told] == [True] * bool(way)
    found = numbers["level"]
    low, high = found["interval_95"]
    # Twice the half width: a person in twenty is off by more than one.
    assert low < found["vertebrae_below_l3"] < high and abs(found["vertebrae_below_l3"] - at) < high - low
    assert "Level, estimated" in (tmp_path / "a.html").read_text()


def test_the_student_looks_once_at_a_slice_and_all_say_the_same_level(monkeypatch):
    path = min((paths.root() / "data/sample/images").glob("*.dcm"))
    looks, real = [], Ensemble.predict_outputs
    monkeypatch.setattr(Ensemble, "predict_outputs", lambda self, image: looks.append(1) or real(self, image))
    ways = {"quick": True}, {"quick": True, "tissues": True}, {"tissues": True}
    apart = [sarco.segment(path, **way) for way in ways]
    assert len(looks) == 3 and apart[0].level == apart[1].level == apart[2].level is not None
    assert np.array_equal(apart[0].mask, apart[1].mask)


def test_the_slice_nearest_to_l3_is_proposed_with_a_sheet_whatever_the_files_are_called(stack, tmp_path):
    names = [f"{(7 * i) % 1000:03d}.x" for i in range(len(stack))]
    files = stacks.dicom(tmp_path / "in", stack, names=names)
    (tmp_path / "in" / "note.txt").write_text("no slice")
    scout = pydicom.dcmread(files[0])
    scout.ImageType, scout.SeriesInstanceUID = ["ORIGINAL", "PRIMARY", "LOCALIZER"], "1.2.3.9"
    scout.save_as(tmp_path / "in" / "scout")
    done = run("segment", tmp_path / "in", "--slice", "auto", "--quick", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    (table,) = (tmp_path / "out").glob("*.json")
    numbers = json.loads(table.read_text())
    at = names.index(numbers["file"])
    assert abs(stack[at][0]) * stacks.VERTEBRA_MM < NEAR_MM
    assert f"{at + 1} of {len(stack)} from the feet" in numbers["warnings"][0] and "synthetic" in numbers["warnings"][0]
    with Image.open(table.with_name(f"{table.stem}_level.png")) as sheet:
        assert sheet.width == 5 * 400 and np.asarray(sheet.convert("L"))[:400].std() > 20


@pytest.mark.parametrize(("down", "suffix"), [(False, ".nii"), (True, ".nii.gz")])
def test_a_nifti_volume_gives_the_same_slice_however_it_is_stored(stack, quick, tmp_path, down, suffix):
    found = volume.propose(stacks.nifti(tmp_path / f"a{suffix}", stack, down=down), quick)
    series = stacks.dicom(tmp_path / "in", stack)
    assert found.at == volume.propose(tmp_path / "in", quick).at == found.place.number - 1
    assert np.array_equal(found.images[found.at].image_hu, read_slice(series[found.at]).image_hu)
    given = sarco.segment(tmp_path / f"a{suffix}", number="auto", quick=True)
    assert given.header.InstanceNumber == found.place.number and given.warnings[0] == found.told


def test_of_an_enhanced_ct_one_phase_is_looked_at(stack, quick, tmp_path):
    other = stacks.slices(11, matrix=256)
    path = stacks.enhanced(tmp_path / "a.dcm", [other, stack])
    found = volume.propose(path, quick, phase=2)
    assert abs(stack[found.at][0]) * stacks.VERTEBRA_MM < NEAR_MM
    assert all(np.array_equal(image.image_hu, stack[at][1].image_hu) for at, image in found.images.items())
    done = run("segment", path, "--slice", "auto", "--phase", 2, "--quick", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out" / "a.json").read_text())["frame_number"] == 2 * (len(stack) - found.at)
    done = run("segment", path, "--slice", "auto", "--quick", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "2 phases" in done.stderr


@pytest.mark.parametrize("part", [slice(0, 9), slice(-9, None), slice(0, 13), slice(-13, None)])
def test_a_volume_that_ends_too_near_to_l3_is_not_measured(stack, tmp_path, part):
    path = stacks.nifti(tmp_path / "a.nii", stack[part])
    done = run("segment", path, "--slice", "auto", "--quick", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "may not hold L3" in done.stderr and "--slice" in done.stderr
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a_level.png"]
    with pytest.raises(SarcoError, match="may not hold L3"):
        sarco.segment(path, number="auto", quick=True)


def test_gaps_are_gaps_and_a_missing_l3_is_said(stack, quick, tmp_path):
    spine = np.array([level for level, _ in stack]) * stacks.VERTEBRA_MM
    files = stacks.dicom(tmp_path / "in", stack)
    for at in (1, 2, 5, 9, 14):
        files[at].unlink()
    found = volume.propose(tmp_path / "in", quick)
    assert not found.why_not and abs(spine[files.index(found.place.path)]) < NEAR_MM
    files = stacks.dicom(tmp_path / "without", stack)
    for at in np.flatnonzero(np.abs(spine) < 25):
        files[at].unlink()
    assert volume.propose(tmp_path / "without", quick).why_not


def test_what_is_no_one_volume_is_refused_in_words(stack, quick, tmp_path):
    files = stacks.dicom(tmp_path / "two", stack[::6])
    stacks.dicom(tmp_path / "two", stack[::6], names=[f"b{i}" for i in range(9)], series="2", number=7)
    phases = stacks.dicom(tmp_path / "phases", stack[::6])
    stacks.dicom(tmp_path / "phases", stack[::6], names=[f"b{i}" for i in range(9)])
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.txt").write_text("no slice")
    one = tmp_path / "two" / files[0].name
    refused = {tmp_path / "two": "2 series (1 synthetic phantom of 3 slices, 7 ", one: "not a volume",
               tmp_path / "phases": "several slices lie at one place", tmp_path / "none": "holds no axial"}  # fmt: skip
    for path, why in refused.items():
        done = run("segment", path, "--slice", "auto", "--quick", "--out", tmp_path / "out")
        assert done.exit_code == 2 and why in done.stderr, done.output
    volume_ = stacks.nifti(tmp_path / "a.nii.gz", stack)
    done = run("segment", volume_, "--slice", "auto", "--phase", 2, "--quick", "--out", tmp_path / "out")
    assert done.exit_code == 2 and f"{volume_}: no phase 2" in done.stderr
    done = run("segment", *phases, "--slice", "auto", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "name one" in done.stderr
    for text in ("0", "first"):
        done = run("segment", one, "--slice", text, "--out", tmp_path / "out")
        assert done.exit_code == 2 and "whole number from 1" in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()
