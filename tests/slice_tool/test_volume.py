"""The level of a slice, and the slice of a volume: through the command line, on phantom people stacked to volumes."""

import json
import re
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import stacks
from PIL import Image
from pydicom.dataset import Dataset
from typer.testing import CliRunner

import sarco
from sarco.base import paths
from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.ct import dicom, level
from sarco.ct.geometry import Slice
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
    assert [f"{way} the middle of L3" in warning for warning in told] == [True] * bool(way)
    found = numbers["level"]
    assert abs(found["vertebrae_below_l3"] - at) < 0.8  # twice half the interval: one in twenty is off by more
    far = abs(found["vertebrae_below_l3"]) > 1
    assert (found["interval_95"] is None) == far == any(f"about 1 vertebra or more {way}" in one for one in told)
    assert "Level, estimated" in (tmp_path / "a.html").read_text() and far <= bool(way)
    assert far == ("no interval so far off" in (tmp_path / "a.html").read_text())


def test_no_level_is_told_of_a_body_that_is_cut_or_of_which_nothing_tells_it(monkeypatch, quick):
    p = phantom(2, "difficult", 256, level=-1.2)
    cut = np.where(np.abs(np.arange(256) - 128) < 80, p.image_hu, -1024)
    for image_hu, said in ((p.image_hu, "seems to lie"), (cut[:, 48:208], "cuts the body")):
        found = quick.segment(Slice(image_hu.astype(np.float32), p.spacing_mm, "a", Dataset()))
        assert any(said in one for one in found.warnings) and (found.level is None) == (said == "cuts the body")
        assert sum("seems to lie" in one for one in found.warnings) == (said == "seems to lie")
    monkeypatch.setattr(level, "seen", lambda *_: None)
    for image_hu, said in ((p.image_hu, True), (np.minimum(p.image_hu, 60), False)):
        found = quick.segment(Slice(image_hu.astype(np.float32), p.spacing_mm, "a", Dataset()))
        assert (segmentation.NO_LEVEL in found.warnings) == said, found.warnings
        assert any("there is no vertebra" in one for one in found.warnings) != said


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
    assert f"one of {len(stack)} in its series" in numbers["warnings"][0] and "synthetic" in numbers["warnings"][0]
    assert numbers["proposal"]["sheet"] == f"{table.stem}_level.png" and numbers["proposal"]["of"] == len(stack)
    with Image.open(table.with_name(f"{table.stem}_level.png")) as sheet:
        assert sheet.width == 5 * 400 and np.asarray(sheet.convert("L"))[:400].std() > 20
    before = {file: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    stacks.dicom(tmp_path / "other", [(at, replace(p, image_hu=p.image_hu + 1)) for at, p in stack], names=names)
    done = run("segment", tmp_path / "other", "--slice", "auto", "--quick", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "of another slice" in done.stderr
    assert before == {file: file.read_bytes() for file in (tmp_path / "out").iterdir()}


def test_slices_that_cannot_be_read_are_told_and_a_few_broken_ones_stop_nothing(stack, quick, tmp_path):
    files = stacks.dicom(tmp_path / "in", stack)
    for broken in (files[len(files) // 2], files[2]):
        broken.write_bytes(broken.read_bytes()[:30000])
    found = volume.propose(tmp_path / "in", quick)
    assert not found.why_not and "2 of the " in found.told and f"(first: {files[2]}" in found.told
    path = stacks.nifti(tmp_path / "a.nii", stack)
    path.write_bytes(path.read_bytes()[: int(0.7 * path.stat().st_size)])
    with pytest.raises(SarcoError, match=r"too few slices above it; .* could not be read .*pixels cannot be read"):
        volume.sure(path, quick)
    for file in files:
        file.write_bytes(file.read_bytes()[:30000])
    with pytest.raises(SarcoError, match=re.escape(str(files[len(files) // 2]))):
        volume.propose(tmp_path / "in", quick)


def test_slices_from_the_head_to_the_feet_are_said_to_be_upside_down(stack, quick, tmp_path):
    stacks.dicom(tmp_path / "in", stack[::-1])
    assert "upside down" in volume.propose(tmp_path / "in", quick).why_not


def test_two_acquisitions_in_one_series_are_refused(stack, quick, tmp_path):
    def mixed(name, shift_mm, **changes):
        for which in (0, 1):
            for at, path in enumerate(stacks.dicom(tmp_path / name / str(which), stack[::2], step_mm=10.0)):
                header = pydicom.dcmread(path)
                header.ImagePositionPatient[2] += which * shift_mm
                header.InstanceNumber = 2 * at + which + 1
                for key, values in changes.items():
                    setattr(header, key, values[which])
                header.save_as(path)
        return tmp_path / name

    refused = {
        mixed("turns", 2.0): "lie 2 and 8 mm apart by turns",
        mixed("kernels", 5.0, ConvolutionKernel=("B30f", "B60f")): "ConvolutionKernel (B30f, B60f) lie among",
        mixed("frames", 5.0, FrameOfReferenceUID=("1.2.8", "1.2.9")): "FrameOfReferenceUID (1.2.8, 1.2.9)",
        mixed("numbers", 5.0, InstanceNumber=(1, 1)): "InstanceNumber 1",
        mixed("copies", 0.0): "000.dcm and 1/000.dcm lie at one place",
    }
    for path, why in refused.items():
        with pytest.raises(SarcoError, match=re.escape(why)):
            volume.propose(path, quick)
    # One acquisition after the other is one volume.
    after = mixed("after", 5.0)
    for at, path in enumerate(sorted(after.rglob("*.dcm"), key=lambda path: (path.name, path.parent.name))):
        header = pydicom.dcmread(path)
        header.AcquisitionNumber = 1 + (at > 10)
        header.save_as(path)
    volume.propose(after, quick)


@pytest.mark.parametrize(("down", "suffix"), [(False, ".nii"), (True, ".nii.gz")])
def test_a_nifti_volume_gives_the_same_slice_however_it_is_stored(stack, quick, tmp_path, down, suffix):
    found = volume.propose(stacks.nifti(tmp_path / f"a{suffix}", stack, down=down), quick)
    series = stacks.dicom(tmp_path / "in", stack)
    assert found.at == volume.propose(tmp_path / "in", quick).at == found.place.number - 1
    assert np.array_equal(found.images[found.at].image_hu, read_slice(series[found.at]).image_hu)
    given = sarco.segment(tmp_path / f"a{suffix}", number="auto", quick=True)
    assert given.header.InstanceNumber == found.place.number and given.warnings[0] == found.told


def test_of_an_enhanced_ct_one_phase_is_looked_at(stack, quick, tmp_path, monkeypatch):
    other = stacks.slices(11, matrix=256)
    path = stacks.enhanced(tmp_path / "a.dcm", [other, stack])
    parsed, real = [], dicom._parse
    monkeypatch.setattr(dicom, "_parse", lambda path: parsed.append(path) or real(path))
    found = volume.propose(path, quick, phase=2)
    assert len(parsed) == 1
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
    stacks.dicom(tmp_path / "single", stack[:1])
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.txt").write_text("no slice")
    one = tmp_path / "two" / files[0].name
    refused = {tmp_path / "two": "2 series (1 synthetic phantom of 3 slices in ", one: "not a volume",
               tmp_path / "single": "holds 1 slice; 5 are wanted",
               tmp_path / "phases": "000.dcm and b0 lie at one place", tmp_path / "none": "holds no axial"}  # fmt: skip
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
