"""Every bad input gets its sentence and its exit code, and leaves no file: the corpus, through the commands."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import bad_inputs
import numpy as np
import pydicom
import pytest
import stand_in
from bad_inputs import CHOSEN, FIT, MASKS, MUSCLE, SLICES
from PIL import Image
from typer.testing import CliRunner

from sarco.base.errors import Refused, SarcoError
from sarco.cli.app import app
from sarco.cohort import layout
from sarco.ct import dicom, frames, seg
from sarco.slice_tool import output, picture, reading, segmentation

pytestmark = pytest.mark.long

SECONDS, GIB = 5, 1 << 30


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    """One for all."""
    return stand_in.segmenter(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def run(segmenter, monkeypatch):
    monkeypatch.setattr(segmentation, "Segmenter", lambda *_, **__: segmenter)
    monkeypatch.setattr(picture, "overlay_png", lambda found: b"a picture, which takes long to draw" * 200)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def slice_path(tmp_path):
    return bad_inputs.write(tmp_path / "in" / "slice.dcm")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def refused(run, words, *arguments, names):
    """Run a command that must refuse, in one sentence that holds one of the words."""
    start, before = time.process_time(), peak()
    done = run(*arguments)
    assert done.exit_code == 2, (done.exit_code, done.output, done.exception)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert str(names) in done.stderr and any(word in done.stderr for word in words.split("|")), done.stderr
    assert done.stderr.rstrip().endswith(".") and done.stdout == ""
    assert time.process_time() - start < SECONDS
    assert peak() - before < GIB


NAMES = ("with  two spaces", "幻影 ∅ été", "-o", "a'b\"c;$(x)", "x" * 240, "%s{0}\\n", "[red]x")


def nothing_in(folder):
    return not folder.exists() or not any(folder.rglob("*"))


def test_the_corpus_is_large():
    assert len(SLICES) + len(MASKS) >= 100


@pytest.mark.parametrize("name", SLICES)
def test_slice(name, run, slice_path, tmp_path, capfd):
    spoil, words = SLICES[name]
    spoil(slice_path)
    out = tmp_path / "out"
    refused(run, words, "segment", slice_path, "--out", out, names=slice_path)
    assert nothing_in(out)
    assert "".join(capfd.readouterr()) == ""  # what C libraries print does not pass through the runner


@pytest.mark.parametrize("name", CHOSEN)
def test_slice_that_is_chosen(name, run, slice_path, tmp_path):
    SLICES[name][0](slice_path)
    refused(run, CHOSEN[name], "segment", slice_path, "--out", tmp_path / "out", "--slice", 1, names=slice_path)


def test_a_classic_slice_is_the_only_one(run, slice_path, tmp_path):
    for option in ("--slice", "--phase"):
        refused(
            run, f"no {option[2:]} 2; it has 1", "segment", slice_path, "--out", tmp_path, option, 2, names=slice_path
        )
    with pytest.raises(SarcoError, match="slice 0, where a whole number from 1"):
        reading.read_slice(slice_path, 0)


def test_two_phases_that_nothing_tells_apart_are_refused():
    """The second lies half a millimetre higher; a volume that lacks a slice is none such."""
    for gaps_mm, two in (([0.5, 4.5] * 3, True), ([5, 5, 10, 5, 5], False), ([5, 5, 5], False)):
        places_mm = np.cumsum([0, *gaps_mm])
        own = [pydicom.Dataset() for _ in places_mm]
        for frame, z in zip(own, places_mm, strict=True):
            frame.ImagePositionPatient = [0, 0, z]
        every = list(range(len(own)))
        if not two:
            assert frames.by_phase(own, every) == [every]
            continue
        with pytest.raises(Refused, match=r"0\.5 and 4\.5 mm apart by turns"):
            frames.by_phase(own, every)


def test_each_label_names_a_segment():
    """Whole names go before words, words are known by how they begin, and a label that fits none is told."""
    names = {1: "Muscle", 2: "no muscle", 3: "psoas muscle", 4: "intramuscular fat"}
    made = SimpleNamespace(
        segment_numbers=names, get_segment_description=lambda n: SimpleNamespace(segment_label=names[n])
    )
    wanted = {("muscle",): [1], ("musc",): [1, 2, 3], ("psoas", "4"): [3, 4]}
    assert {labels: seg.muscle_segments(made, labels) for labels in wanted} == wanted
    for labels in (("psoas", "erectr"), ("1", "5")):
        with pytest.raises(Refused, match=f"no segment is called {labels[1]}"):
            seg.muscle_segments(made, labels)


def boundaries(path):
    """Where each data element of a file ends, those of the meta information and of sequences included."""
    header, ends = pydicom.dcmread(path), []
    for data in (header.file_meta, header):
        for element in data.values():
            if getattr(element, "value_tell", None):
                ends.append(element.value_tell + (element.length or 0))
    return sorted({132, 144, *ends})


def test_slice_cut_after_every_element_and_within(run, slice_path, tmp_path):
    whole = slice_path.read_bytes()
    ends = boundaries(slice_path)
    assert len(ends) > 50
    # After each element, and in the head of the next after every third.
    for number, end in enumerate(ends[:-1]):
        for length in (end, end + 3)[: 1 + (number % 3 == 0)]:
            slice_path.write_bytes(whole[:length])
            refused(
                run, "cut short|broken|no pixel data|outside 64|PixelSpacing|Rescale|cannot be decoded|not a CT slice",
                "segment", slice_path, "--out", tmp_path / "out", names=slice_path,
            )  # fmt: skip
    assert nothing_in(tmp_path / "out")


@pytest.mark.parametrize("name", MASKS)
def test_mask(name, run, slice_path, tmp_path, capfd):
    make, words = MASKS[name]
    mask = tmp_path / "mask"
    make(mask, slice_path)
    refused(run, words, "measure", slice_path, mask, "--out", tmp_path / "out", names=mask)
    assert nothing_in(tmp_path / "out")
    assert "".join(capfd.readouterr()) == ""


def test_seg_cut_anywhere(run, slice_path, tmp_path):
    mask, whole = tmp_path / "mask", seg.encode(MUSCLE, dicom.read_slice(slice_path).header)
    for length in range(0, len(whole) - 1, len(whole) // 40):
        mask.write_bytes(whole[:length])
        refused(run, "not a readable SEG|cannot be read|not a mask", "measure", slice_path, mask, names=mask)


def test_a_bad_mask_is_no_ground_truth(run, slice_path, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for mask, words in ((np.zeros_like(MUSCLE), "the mask is empty"), (~MUSCLE, "lies outside")):
        Image.fromarray(mask.astype(np.uint8)).save(masks / "slice.png")
        done = run("cohort", "import", "slices", slice_path.parent, masks, tmp_path / "cohort")
        assert (done.exit_code, words in done.stdout) == (1, True), done.output


def test_an_empty_mask_is_measured_as_nothing(run, slice_path, tmp_path):
    Image.fromarray(np.zeros(MUSCLE.shape, np.uint8)).save(tmp_path / "mask.png")
    done = run("measure", slice_path, tmp_path / "mask.png")
    assert (done.exit_code, "No muscle was found" in done.stderr) == (0, True), done.output


@pytest.mark.parametrize("name", FIT)
def test_unusual_and_fit(name, run, slice_path, tmp_path):
    make, warning = FIT[name]
    make(slice_path)
    done = run("segment", slice_path, "--out", tmp_path / "out")
    assert done.exit_code == 0, (done.output, done.exception)
    assert len(list((tmp_path / "out").iterdir())) == 5 - ("orientation" in name)  # without one there is no SEG
    if warning:
        assert warning in done.stderr


@pytest.mark.parametrize("values", [{}, {"PixelPaddingValue": 1074}])
def test_outside_the_circle_is_air_whatever_stands_there(values, slice_path):
    """The value of muscle, said to be padding or not; muscle itself stays."""
    bad_inputs.around(1074, **values)(slice_path)
    read = dicom.read_slice(slice_path).image_hu
    assert (read[[0, -1]][:, [0, -1]] == dicom.AIR_HU).all() and (read[MUSCLE] == 50).all()


class FrontLeftIsMuscle(stand_in.EverythingIsMuscle):
    """Asked for a slice that lies otherwise than it knows, it answers another place."""

    def predict_members(self, image_hu, spacing_mm):
        found = super().predict_members(image_hu, spacing_mm)
        rows, columns = (size // 2 for size in found.shape[1:])
        found[:, rows:], found[:, :, :columns] = 0, 0
        return found


@pytest.mark.parametrize("turn", bad_inputs.TURNS)
def test_results_lie_on_the_grid_of_the_file(turn, run, segmenter, slice_path, tmp_path, monkeypatch):
    monkeypatch.setattr(segmenter, "ensemble", FrontLeftIsMuscle())
    out, to_grid = tmp_path / "out", bad_inputs.TURNS[turn][1]
    assert run("segment", slice_path, "--out", out).exit_code == 0
    upright = np.asarray(Image.open(out / "slice_mask.png"))
    assert upright.any() and not upright[66:].any() and not upright[:, :78].any()
    said = json.loads((out / "slice.json").read_text())
    bad_inputs.turned(turn)(slice_path)
    out = tmp_path / "turned"
    done = run("segment", slice_path, "--out", out)
    assert done.exit_code == 0, done.output
    assert np.array_equal(np.asarray(Image.open(out / "slice_mask.png")), to_grid(upright))
    now = json.loads((out / "slice.json").read_text())
    assert (now["area_cm2"], now["warnings"]) == (said["area_cm2"], said["warnings"])
    for mask in ("slice_mask.png", "slice_seg.dcm"):
        done = run("measure", slice_path, out / mask, "--json")
        assert json.loads(done.stdout)["area_cm2"] == said["area_cm2"]


def clear(path):
    """White muscle where it is opaque, white where it is not."""
    Image.fromarray(np.dstack([np.full(MUSCLE.shape, 255), MUSCLE * 255]).astype(np.uint8)).save(path, "png")


def scaled_nifti(path, slice_path):
    """Whole numbers, which their writer scaled by a little more than 1."""
    bad_inputs.mask_nifti(lambda values: values * 1.0000002)(path, slice_path)


WHITE, BLACK = (255, 255, 255), (0, 0, 0)
FIT_MASKS = {
    "a palette that begins with white": lambda path, _: bad_inputs.palette(path, ~MUSCLE, WHITE, BLACK),
    "a palette of grey": lambda path, _: bad_inputs.palette(path, MUSCLE, BLACK, (9, 9, 9)),
    "a palette of colours": lambda path, _: bad_inputs.palette(path, MUSCLE, BLACK, (200, 0, 0)),
    "a palette with a transparent colour": lambda path, _: bad_inputs.palette(
        path, ~MUSCLE, WHITE, (200, 0, 0), transparency=1),
    "a palette of two bits": lambda path, _: bad_inputs.palette(path, ~MUSCLE * 3, WHITE, BLACK, BLACK, BLACK, bits=2),
    "one bit": bad_inputs.png(MUSCLE),
    "grey in three channels": bad_inputs.png(np.repeat(MUSCLE[..., None] * np.uint8(255), 3, -1)),
    "transparent around": lambda path, _: clear(path),
    "16 bits": bad_inputs.png(MUSCLE.astype(np.uint16) * 300),
    "scaled whole numbers": scaled_nifti,
    "a SEG without references": bad_inputs.mask_seg(bad_inputs.unreferenced()),
}  # fmt: skip


@pytest.mark.parametrize("name", FIT_MASKS)
def test_a_mask_as_it_is_shown(name, run, slice_path, tmp_path):
    mask = tmp_path / "mask"
    FIT_MASKS[name](mask, slice_path)
    assert np.array_equal(reading.read_mask(mask, dicom.read_slice(slice_path)), MUSCLE)
    if name.startswith("a palette") or "three channels" in name:
        assert np.array_equal(layout.read_mask(mask), MUSCLE)  # as a cohort holds it


@pytest.mark.parametrize("turn", bad_inputs.TURNS)
def test_a_seg_without_references_is_matched_by_its_place(turn, slice_path, tmp_path):
    """It lies on the grid of the slice as it was before another archive turned it."""
    muscle = bad_inputs.disc(30, centre_mm=(10, -12))
    header = dicom.read_slice(slice_path).header
    (tmp_path / "mask").write_bytes(seg.encode(muscle, header))
    bad_inputs.unreferenced()(tmp_path / "mask")
    bad_inputs.turned(turn)(slice_path)
    read = reading.read_mask(tmp_path / "mask", dicom.read_slice(slice_path))
    assert np.array_equal(read, bad_inputs.TURNS[turn][1](muscle))


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_kind(name, run, slice_path, tmp_path):
    folder = tmp_path / "fo lder é"
    folder.mkdir()
    path = slice_path.rename(folder / f"{name}.dcm")
    done = run("segment", "--out", tmp_path / "out", "--", path)
    if len(name) > 200:  # a name that leaves no room for the ends of the results
        assert (done.exit_code, "cannot be written to" in done.stderr) == (2, True), (done.output, done.exception)
        assert nothing_in(tmp_path / "out")
        return
    assert done.exit_code == 0, (done.output, done.exception)
    assert (tmp_path / "out" / f"{name}_mask.png").exists()
    assert f"{name}.json" in done.stdout


# --- places that cannot be written to ---------------------------------------------------------------


@pytest.mark.parametrize("command", ["segment", "measure"])
def test_a_file_where_the_folder_should_be(command, run, slice_path, tmp_path):
    out = tmp_path / "out"
    out.write_text("mine")
    Image.fromarray(MUSCLE).save(tmp_path / "mask.png")
    given = [slice_path, tmp_path / "mask.png"][: 1 + (command == "measure")]
    refused(run, "cannot be written to", command, *given, "--out", out, names=out)
    assert out.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(run, slice_path, tmp_path):
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    refused(run, "cannot be written to", "segment", slice_path, "--out", out, names=out)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_slice_that_may_not_be_read(run, slice_path, tmp_path):
    slice_path.chmod(0)
    refused(run, "may not be read", "segment", slice_path, "--out", tmp_path / "out", names=slice_path)


def test_a_disk_that_gets_full(run, slice_path, tmp_path, monkeypatch):
    """At each file in turn: nothing is left, and the slice is not lost."""
    write_bytes = Path.write_bytes
    for end in (end for end in output.ENDS if end != "_tissues.png"):  # which was not asked for

        def full(path, content, end=end):
            if path.name.startswith(f".slice{end.partition('.')[0]}.") and path.suffix == f".{end.partition('.')[2]}":
                write_bytes(path, content[: len(content) // 2])
                raise OSError(28, "No space left on device")
            return write_bytes(path, content)

        monkeypatch.setattr(Path, "write_bytes", full)
        refused(
            run, "No space left on device", "segment", slice_path, "--out", tmp_path / "out", names=tmp_path / "out"
        )
        assert nothing_in(tmp_path / "out")


def test_a_disk_that_is_full_for_the_table(run, slice_path, tmp_path, monkeypatch):
    import pandas as pd

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    refused(run, "No space left on device", "segment", slice_path.parent, "--out", tmp_path / "out",
            names=tmp_path / "out")  # fmt: skip
    assert (tmp_path / "out" / "slice.json").exists()
    assert not list((tmp_path / "out").glob(".*")) + list((tmp_path / "out").glob("table*"))


# --- the real command -------------------------------------------------------------------------------


def test_the_command_itself(slice_path, tmp_path):
    """A bad file, and a limit to the size of files in place of a full disk: as a shell sees it."""
    command, out = Path(sys.executable).with_name("sarco"), tmp_path / "out"
    text = slice_path.with_name("text.dcm")
    text.write_text("area: 120\n")
    done = subprocess.run([command, "segment", text, "--out", out], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"{text}: not a DICOM file; export the slice as DICOM (CT Image Storage).\n"

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    Image.fromarray(MUSCLE).save(tmp_path / "mask.png")
    done = subprocess.run([command, "measure", slice_path, tmp_path / "mask.png", "--out", out], capture_output=True,
                          text=True, preexec_fn=small_disk)  # fmt: skip
    assert done.returncode == 2 and done.stdout == "", done
    assert done.stderr == f"{out}: cannot be written to (File too large); choose another folder.\n"
    assert nothing_in(out)
