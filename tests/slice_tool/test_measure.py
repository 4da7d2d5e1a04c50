"""`sarco measure`, the numbers of a mask, the cut-offs, the checks, and the DICOM SEG."""

import io
import json
import shutil
import subprocess

import highdicom as hd
import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image
from typer.testing import CliRunner

import sarco
from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.ct import composition, dicom, seg
from sarco.ct.write import Scan, write_slice
from sarco.evidence import cutoffs, statistics
from sarco.evidence.cutoffs import Person
from sarco.method import surface
from sarco.slice_tool import reading

SPACING_MM = (0.9, 0.7)
SHAPE = (200, 260)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def disc(radius_mm, centre_mm=(0, 0), shape=SHAPE, spacing_mm=SPACING_MM):
    rows, columns = np.indices(shape)
    y, x = (rows - shape[0] / 2) * spacing_mm[0], (columns - shape[1] / 2) * spacing_mm[1]
    return np.hypot(y - centre_mm[0], x - centre_mm[1]) < radius_mm


MUSCLE = disc(40)


@pytest.fixture
def slice_path(tmp_path):
    """A disc of muscle, half of it of low attenuation, in fat in air."""
    image_hu = np.where(MUSCLE, 60, np.where(disc(80), -100, -1000))
    image_hu[MUSCLE & (np.indices(SHAPE)[0] < SHAPE[0] // 2)] = 10
    path = tmp_path / "slice.dcm"
    write_slice(path, image_hu, SPACING_MM, Scan("1"))
    return path


def save_png(path, mask, _=None):
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)


def save_nifti(path, mask, slice_path):
    affine = dicom.read_slice(slice_path).affine
    nib.save(nib.Nifti1Image(mask.T[..., None].astype(np.uint8), affine), path)


def save_seg(path, mask, slice_path):
    path.write_bytes(seg.encode(mask, dicom.read_slice(slice_path).header))


# --- numbers --------------------------------------------------------------------------------------


def test_composition_of_a_known_mask():
    image_hu = np.full(SHAPE, 50.0, np.float32)
    half = MUSCLE & (np.indices(SHAPE)[1] < SHAPE[1] // 2)
    image_hu[half] = 29
    found = composition.composition(MUSCLE, image_hu, SPACING_MM)
    assert found.area_cm2 == surface.area_cm2(MUSCLE, SPACING_MM)
    assert found.low_attenuation_cm2 == pytest.approx(surface.area_cm2(half, SPACING_MM))
    share = half.sum() / MUSCLE.sum()
    assert found.mean_hu == pytest.approx(50 - 21 * share)
    assert found.sd_hu == pytest.approx(21 * (share * (1 - share)) ** 0.5)
    nothing = composition.composition(np.zeros(SHAPE, bool), image_hu, SPACING_MM)
    assert (nothing.area_cm2, nothing.mean_hu, nothing.sd_hu, nothing.intermuscular_fat_cm2) == (0, None, None, 0)


def test_density_against_the_truth():
    table = pd.DataFrame({
        "mean_hu": [30, 40, 50.0, np.nan], "true_mean_hu": [31, 40, np.nan, 35],
        "low_attenuation_cm2": [10, 20, 30, 0.0], "true_low_attenuation_cm2": [9, 17, np.nan, 4],
    })  # fmt: skip
    hu, low = statistics.density(table).to_dict("records")
    assert (hu["n"], hu["true"], hu["mean_error"], hu["sd"]) == (2, 35.5, -0.5, pytest.approx(0.5**0.5))
    assert (low["n"], low["mean_error"], low["unit"]) == (3, 0, "cm²")


@pytest.mark.parametrize("axis", [0, 1])
def test_fat_between_muscles_counts_and_around_them_not(axis):
    """A gap of 5 mm between two muscles is filled, one of 8 mm is not, whichever way it runs on these pixels."""
    position_mm = np.indices(SHAPE)[axis] * SPACING_MM[axis] - SHAPE[axis] * SPACING_MM[axis] / 2
    for width_mm, filled in ((5, True), (8, False)):
        gap = disc(38) & (np.abs(position_mm) < width_mm / 2)
        mask = MUSCLE & (np.abs(position_mm) >= width_mm / 2)
        image_hu = np.where(mask, 50, -100).astype(np.float32)
        found = composition.composition(mask, image_hu, SPACING_MM).intermuscular_fat_cm2
        assert found == pytest.approx(surface.area_cm2(gap, SPACING_MM), rel=0.1) if filled else found < 0.5


def test_contour_of_a_mask_at_the_edge_stays_in_the_image():
    mask = np.zeros((20, 20), bool)
    mask[:, :4] = True
    assert np.array_equal(composition.contour(mask, (1.0, 1.0)), mask)


# --- cut-offs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cutoff, sex, weight_kg, smi, low",
    [
        ("prado-2008", "F", None, 38.5, True),  # "at most"
        ("prado-2008", "M", None, 52.5, False),
        ("martin-2013", "F", 70, 41.0, False),  # "less than"
        ("martin-2013", "M", 72.2, 43.1, False),  # BMI 24.98
        ("martin-2013", "M", 72.3, 43.1, True),  # BMI 25.02
        ("derstine-2018", "M", None, 45.3, True),
        ("van-der-werf-2018", "F", None, 32.1, False),
    ],
)
def test_cutoffs(cutoff, sex, weight_kg, smi, low):
    assert cutoffs.classify(Person(1.7, weight_kg, sex, cutoff), smi).low_muscle is low


def test_cutoff_is_never_silent():
    assert cutoffs.classify(Person(1.7, 90, "F", "martin-2013"), 50, 34.0).low_attenuation is False
    assert cutoffs.classify(Person(1.7, 60, "F", "martin-2013"), 50, 34.0).low_attenuation is True
    for given, sentence in (
        ({"sex": "F"}, "height"),
        ({"height_m": 1.7}, "sex"),
        ({"height_m": 1.7, "sex": "F", "cutoff": "martin-2013"}, "weight"),
        ({"height_m": 1.7, "sex": "F", "cutoff": "mine"}, "unknown"),
        ({"height_m": 170, "sex": "F"}, "in m"),
        ({"height_m": float("nan")}, "in m"),
    ):
        with pytest.raises(SarcoError, match=sentence):
            Person(**{"cutoff": "prado-2008"} | given)


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [save_png, save_nifti, save_seg])
def test_measure_recomputes_from_any_mask(save, slice_path, tmp_path):
    mask = MUSCLE & ~disc(10, (20, 0))
    path = tmp_path / {save_png: "mask.png", save_nifti: "mask.nii.gz", save_seg: "mask"}[save]
    save(path, mask, slice_path)
    done = run("measure", slice_path, path, "--json", "--height", 1.6)
    assert done.exit_code == 0, done.output
    numbers, area = json.loads(done.stdout), surface.area_cm2(mask, SPACING_MM)
    assert numbers["area_cm2"] == pytest.approx(area, abs=1e-3)
    assert numbers["smi_cm2_m2"] == pytest.approx(area / 1.6**2, abs=1e-3)
    assert numbers["area_corrected_cm2"] is None  # the correction belongs to the networks
    assert sarco.measure(slice_path, mask).area_cm2 == pytest.approx(area)


def test_measure_says_what_changed(slice_path, tmp_path):
    before, now, out = tmp_path / "before.png", tmp_path / "now.png", tmp_path / "out"
    save_png(before, disc(38))
    save_png(now, MUSCLE & ~disc(10))
    added, removed = (surface.area_cm2(mask, SPACING_MM) for mask in (MUSCLE & ~disc(38), disc(10)))
    done = run("measure", slice_path, now, "--before", before, "--json")
    document = json.loads(done.stdout)
    assert document["mask_change"]["added_cm2"] == pytest.approx(added, abs=1e-3)
    assert document["mask_change"]["removed_cm2"] == pytest.approx(removed, abs=1e-3)
    assert document["changes"]["area_cm2"]["change"] == pytest.approx(added - removed, abs=2e-3)
    # Against the numbers of a first run, whose person still holds.
    done = run("measure", slice_path, before, "--out", out, "--height", 1.8, "--sex", "M", "--cutoff", "prado-2008")
    assert (out / "slice_measured.html").exists()
    done = run("measure", slice_path, now, "--before", out / "slice_measured.json")
    assert done.exit_code == 0, done.output
    assert "Muscle, by Prado 2008" in done.stdout
    assert f"{added - removed:+.1f}" in done.stdout


def test_measure_refuses_what_belongs_elsewhere(slice_path, tmp_path):
    mask, first, other = tmp_path / "mask.png", tmp_path / "first", tmp_path / "other.dcm"
    save_png(mask, MUSCLE)
    assert run("measure", slice_path, mask, "--out", first).exit_code == 0
    write_slice(other, np.where(MUSCLE, 40, -100), SPACING_MM, Scan("2"))
    twin = tmp_path / "twin.dcm"  # another slice that bears the identifier of the first
    header = pydicom.dcmread(other)
    header.SOPInstanceUID = pydicom.dcmread(slice_path).SOPInstanceUID
    header.save_as(twin)
    small, seg_path = tmp_path / "small.png", tmp_path / "seg"
    save_png(small, MUSCLE[:100])
    save_seg(seg_path, MUSCLE, slice_path)
    for arguments, sentence in (
        ((slice_path, small), "grid"),
        ((slice_path, tmp_path / "none.png"), "no such file"),
        ((slice_path, slice_path), "not a mask"),
        ((other, mask, "--before", first / "slice_measured.json"), "another slice"),
        ((twin, mask, "--before", first / "slice_measured.json"), "another slice"),
        ((slice_path, mask, "--before", mask.with_name("missing.json")), "No such file"),
    ):
        done = run("measure", *arguments)
        assert (done.exit_code, len(done.stderr.splitlines()), done.stdout) == (2, 1, ""), done.output
        assert sentence in done.stderr


def test_a_mask_that_is_not_registered_is_said(slice_path, tmp_path):
    found = sarco.measure(slice_path, disc(50))
    assert found.area_cm2 == pytest.approx(surface.area_cm2(MUSCLE, SPACING_MM))
    assert any("was cut" in warning for warning in found.warnings)
    with pytest.raises(SarcoError, match="it belongs to another slice, is turned or inverted"):
        sarco.measure(slice_path, ~MUSCLE)


# --- a slice of a NIfTI volume --------------------------------------------------------------------


@pytest.mark.parametrize("axes", ["LPS", "RAS", "SRA", "ARI"])
def test_slice_of_a_volume_however_it_is_stored(slice_path, tmp_path, axes):
    """The same slice out of a volume, its pixels and its mask, whichever way the axes run."""
    image = dicom.read_slice(slice_path)
    image_hu = image.image_hu.copy()
    image_hu[10:20, 30:60] = 77  # so that no two directions look alike
    volume = np.stack([np.full(SHAPE, -1000), image_hu, np.full(SHAPE, 40)], -1).transpose(1, 0, 2)
    affine = np.diag(
        [-SPACING_MM[1], -SPACING_MM[0], 5, 1]
    )  # columns to the left, rows to the back, slices to the head
    lps = nib.orientations.axcodes2ornt(("L", "P", "S"))
    turn = nib.orientations.ornt_transform(lps, nib.orientations.axcodes2ornt(tuple(axes)))
    stored = [
        nib.Nifti1Image(data.astype(np.int16), affine).as_reoriented(turn)
        for data in (volume, np.repeat(MUSCLE.T[..., None], 3, -1))
    ]
    assert "".join(nib.aff2axcodes(stored[0].affine)) == axes
    path, mask = tmp_path / "ct.nii.gz", tmp_path / "mask.nii.gz"
    for file, nifti in zip((path, mask), stored, strict=True):
        nib.save(nifti, file)
    read = reading.read_slice(path, 2)
    assert np.array_equal(read.image_hu, image_hu)
    assert read.spacing_mm == pytest.approx(SPACING_MM)
    done = run("measure", path, mask, "--slice", 2, "--json", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    numbers = json.loads(done.stdout)
    assert numbers["area_cm2"] == pytest.approx(surface.area_cm2(MUSCLE, SPACING_MM), abs=1e-3)
    assert not any("tilted" in warning for warning in numbers["warnings"])
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        f"ct_measured{end}" for end in ("_mask.png", "_overlay.png", ".html", ".json")
    }  # a SEG needs a DICOM slice


def test_volume_that_gives_no_slice(slice_path, tmp_path):
    volume = np.repeat(dicom.read_slice(slice_path).image_hu.T[..., None], 3, -1)
    path, affine = tmp_path / "ct.nii", np.diag([-0.7, -0.9, 5, 1])
    mask = tmp_path / "mask.png"
    save_png(mask, MUSCLE)

    def sentence(data, affine=affine, number=2):
        nib.save(nib.Nifti1Image(data.astype(np.float32), affine), path)
        done = run("measure", path, mask, *(("--slice", number) if number else ()))
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.output
        return done.stderr

    assert "3 slices; say with --slice" in sentence(volume, number=None)
    assert "no slice 4" in sentence(volume, number=4)
    assert "not finite" in sentence(np.where(volume == 60, np.nan, volume))
    assert "Hounsfield" in sentence(np.clip(volume, 0, 255))
    assert "wanted; write it with" in sentence(volume, np.diag([-0.0007, -0.0009, 0.005, 1]))
    assert "volume is wanted" in sentence(volume[..., 0])
    sentence(volume, number=4)  # leaves a sound file
    path.write_bytes(path.read_bytes()[:5000])
    assert "cannot be read" in run("measure", path, mask, "--slice", 2).stderr


# --- DICOM SEG ------------------------------------------------------------------------------------


def test_seg_reads_back_with_code_and_reference(slice_path, tmp_path):
    header = dicom.read_slice(slice_path).header
    path = tmp_path / "seg.dcm"
    path.write_bytes(seg.encode(MUSCLE, header))
    read = hd.seg.segread(path)
    frames = read.get_pixels_by_source_instance([header.SOPInstanceUID])
    assert np.array_equal(frames[0, ..., 0] > 0, MUSCLE)
    assert read.get_segment_description(1).segmented_property_type.value == "127954009"
    assert read.get_segment_description(1).segmented_property_category.value == "85756007"
    assert read.StudyInstanceUID == header.StudyInstanceUID
    assert read.FrameOfReferenceUID == header.FrameOfReferenceUID
    assert (str(read.PatientName), read.PatientID) == ("", "")
    # The same mask is the same instance, a corrected one another, of another kind.
    again = pydicom.dcmread(path).SOPInstanceUID
    path.write_bytes(seg.encode(MUSCLE, header))
    assert pydicom.dcmread(path).SOPInstanceUID == again
    path.write_bytes(seg.encode(MUSCLE, header, by_hand=True))
    corrected = pydicom.dcmread(path)
    assert corrected.SOPInstanceUID != again
    assert corrected.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"


@pytest.mark.skipif(not shutil.which("segimage2itkimage"), reason="dcmqi is not on this machine")
def test_seg_is_read_by_dcmqi(slice_path, tmp_path):
    path = tmp_path / "seg.dcm"
    save_seg(path, MUSCLE, slice_path)
    subprocess.run(["segimage2itkimage", "--inputDICOM", path, "--outputDirectory", tmp_path, "-t", "nifti"],
                   check=True, capture_output=True)  # fmt: skip
    (written,) = tmp_path.glob("*.nii.gz")
    assert np.array_equal(np.asarray(nib.load(written).dataobj)[..., 0].T > 0, MUSCLE)


def test_seg_keeps_names_in_any_alphabet_and_needs_no_thickness(slice_path):
    header = pydicom.dcmread(slice_path)
    header.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    header.PatientName, header.PatientID = "Yamada^Tarou=山田^太郎", "7"
    del header.SliceThickness
    header.save_as(slice_path)
    header = dicom.read_slice(slice_path).header
    named = pydicom.dcmread(io.BytesIO(seg.encode(MUSCLE, header, with_patient=True)))
    assert (named.PatientName.ideographic, named.PatientID) == ("山田^太郎", "7")
    assert str(pydicom.dcmread(io.BytesIO(seg.encode(MUSCLE, header))).PatientName) == ""
    assert header.PatientName.ideographic == "山田^太郎"  # the slice's own header is left alone


def test_seg_of_nothing_and_of_a_stripped_slice(slice_path, tmp_path):
    image = dicom.read_slice(slice_path)
    path = tmp_path / "seg.dcm"
    path.write_bytes(seg.encode(np.zeros(SHAPE, bool), image.header))
    assert not reading.read_mask(path, image).any()
    header = pydicom.dcmread(slice_path)
    del header.ImagePositionPatient
    header.save_as(slice_path)
    mask = tmp_path / "mask.png"
    save_png(mask, MUSCLE)
    done = run("measure", slice_path, mask, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "out/slice_measured_seg.dcm").exists()
    numbers = json.loads((tmp_path / "out/slice_measured.json").read_text())
    assert any("no DICOM SEG" in warning and "ImagePositionPatient" in warning for warning in numbers["warnings"])
