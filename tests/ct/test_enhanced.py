"""Enhanced (multi-frame) CT: one slice of it, chosen from the feet, and a SEG that references its frame."""

import copy
import json

import highdicom as hd
import numpy as np
import pydicom
import pytest
from bad_inputs import MUSCLE, body_hu, change
from enhanced import FRAMES, enhanced, frame_hu, group
from PIL import Image
from pydicom.uid import JPEG2000Lossless
from typer.testing import CliRunner

from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.ct import dicom


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("syntax", [None, JPEG2000Lossless], ids=["plain", "JPEG 2000"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "for each frame"])
def test_the_slice_is_counted_from_the_feet(tmp_path, shared, syntax):
    path = enhanced(tmp_path / "a.dcm", shared=shared, syntax=syntax)
    for number in range(1, FRAMES + 1):
        found = dicom.read_slice(path, number)
        assert np.array_equal(found.image_hu, frame_hu(number))
        assert found.spacing_mm == (2, 2)
        assert found.frame == FRAMES + 1 - number
        assert found.header.ImagePositionPatient[2] == 5 * number


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "for each frame"])
def test_seg_references_the_frame_and_is_read_back(tmp_path, shared):
    path = enhanced(tmp_path / "a.dcm", shared=shared)
    Image.fromarray(MUSCLE).save(tmp_path / "mask.png")
    out = tmp_path / "out"
    done = run("measure", path, tmp_path / "mask.png", "--slice", 2, "--out", out)
    assert done.exit_code == 0, (done.output, done.exception)
    written = out / "a_measured_seg.dcm"
    first = json.loads((out / "a_measured.json").read_text())
    assert first["frame_number"] == 2 and first["warnings"] == [w for w in first["warnings"] if "SEG" not in w]

    seg = hd.seg.segread(written)
    uid = pydicom.dcmread(path).SOPInstanceUID
    assert np.array_equal(seg.get_pixels_by_source_frame(uid, [2])[0, ..., 0], MUSCLE)
    place = seg.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient
    assert list(place) == [-160, -128, 10]

    again = run("measure", path, written, "--slice", 2, "--before", out / "a_measured.json", "--json")
    assert json.loads(again.stdout)["area_cm2"] == first["area_cm2"]
    # On another frame it is no mask, and its numbers are another slice's.
    other = run("measure", path, written, "--slice", 1)
    assert (other.exit_code, "drawn on other slices" in other.stderr) == (2, True), other.output
    other = run("measure", path, tmp_path / "mask.png", "--slice", 3, "--before", out / "a_measured.json")
    assert (other.exit_code, "another slice" in other.stderr) == (2, True), other.output


def in_two_phases(path, time="TemporalPositionIndex", scout=False):
    """The three frames twice, later with another patch; `time` is what tells them apart. One may be a scout view."""
    enhanced(path, shared=False)
    data = pydicom.dcmread(path)
    frames = [copy.deepcopy(frame) for _ in range(2) for frame in data.PerFrameFunctionalGroupsSequence]
    stored = np.frombuffer(data.PixelData, "<u2").reshape(FRAMES, *body_hu().shape)
    later = stored.copy()
    later[:, 40:44, 60:64] = 1024 + 95
    for i, frame in enumerate(frames):
        value = 2 if i < FRAMES else 1  # the later phase is stored first
        frame.FrameContentSequence = group(**{time: str(value) if time == "StackID" else value})
    pixels = [later, stored]
    if scout:
        frames.append(copy.deepcopy(frames[-1]))
        frames[-1].CTImageFrameTypeSequence = group(FrameType=["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"])
        pixels.append(stored[:1])
    data.PerFrameFunctionalGroupsSequence, data.NumberOfFrames = frames, len(frames)
    data.PixelData = np.concatenate(pixels).tobytes()
    data.save_as(path)
    return path


@pytest.mark.parametrize("scout", [False, True], ids=["", "and a scout view"])
@pytest.mark.parametrize("time", ["TemporalPositionIndex", "StackID", "FrameAcquisitionNumber"])
def test_a_phase_is_asked_for_where_there_are_several(tmp_path, time, scout):
    path = in_two_phases(tmp_path / "a.dcm", time, scout)
    with pytest.raises(SarcoError, match="2 phases or stacks, of 3 and 3 slices; say with --phase"):
        dicom.read_slice(path, 2)
    with pytest.raises(SarcoError, match="3 slices; say with --slice"):
        dicom.read_slice(path, phase=1)
    with pytest.raises(SarcoError, match="no phase 3; it has 2"):
        dicom.read_slice(path, 2, 3)
    for number in range(1, FRAMES + 1):
        first, second = (dicom.read_slice(path, number, phase).image_hu for phase in (1, 2))
        assert np.array_equal(first, frame_hu(number))
        assert np.array_equal(np.unique(np.argwhere(first != second) // 4, axis=0), [[10, 15]])
    Image.fromarray(MUSCLE).save(tmp_path / "mask.png")
    done = run("measure", path, tmp_path / "mask.png", "--slice", 2, "--phase", 2, "--json")
    assert json.loads(done.stdout)["frame_number"] == 2


def test_frames_at_one_place_that_nothing_tells_apart(tmp_path):
    path = in_two_phases(tmp_path / "a.dcm", "FrameAcquisitionDuration")
    with pytest.raises(SarcoError, match="several frames lie at one place"):
        dicom.read_slice(path, 2)


def test_a_scout_view_among_the_frames_is_no_slice(tmp_path):
    path = enhanced(tmp_path / "a.dcm", shared=False)
    data = pydicom.dcmread(path)
    data.PerFrameFunctionalGroupsSequence[2].PlaneOrientationSequence = group(
        ImageOrientationPatient=[1, 0, 0, 0, 0, -1]
    )
    data.save_as(path)
    assert np.array_equal(dicom.read_slice(path, 1).image_hu, frame_hu(2))
    with pytest.raises(SarcoError, match="no slice 3; it has 2"):
        dicom.read_slice(path, 3)


def no_places(path):
    header = pydicom.dcmread(path)
    del header.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence
    header.save_as(path)


@pytest.mark.parametrize(
    "spoil, number, words",
    [
        (lambda path: None, (), "3 slices; say with --slice which is at L3"),
        (lambda path: None, ("--slice", 4), "no slice 4; it has 3"),
        (lambda path: change(path, NumberOfFrames=5), ("--slice", 1), "frames are not described"),
        (lambda path: change(path, NumberOfFrames=60000), ("--slice", 1), "frames are not described"),
        (lambda path: change(path, PerFrameFunctionalGroupsSequence=[]), ("--slice", 1), "frames are not described"),
        (lambda path: change(path, SharedFunctionalGroupsSequence=[]), ("--slice", 1), "PixelSpacing"),
        (no_places, ("--slice", 1), "where they lie"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100_000]), ("--slice", 1), "cannot be decoded"),
    ],
)
def test_bad_enhanced(tmp_path, spoil, number, words):
    path = enhanced(tmp_path / "a.dcm")
    spoil(path)
    Image.fromarray(MUSCLE).save(tmp_path / "mask.png")
    done = run("measure", path, tmp_path / "mask.png", *number)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
