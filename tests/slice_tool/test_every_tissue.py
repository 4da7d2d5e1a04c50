"""`sarco segment --tissues`, through the command line: areas by tissue and side, picture, SEG, table, and back."""

import json
import shutil

import highdicom
import numpy as np
import pandas as pd
import pydicom
import pytest
from typer.testing import CliRunner

import sarco
from sarco.base import disc, paths
from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.ct import tissues
from sarco.ct.dicom import read_slice
from sarco.engines.weights import read_manifest
from sarco.slice_tool import tissue

WEIGHTS = paths.root() / "data/weights"
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (WEIGHTS / "student.json").exists(), reason="no shipped student"),
]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A phantom of the sample."""
    first = min((paths.root() / "data/sample/images").glob("*.dcm"))
    return shutil.copy(first, tmp_path_factory.mktemp("in") / "slice.dcm")


@pytest.fixture(scope="module")
def made(path, tmp_path_factory):
    """What the command writes of it with the student alone: folder, and numbers."""
    out = tmp_path_factory.mktemp("out")
    done = run("segment", path, "--quick", "--tissues", "--out", out)
    assert done.exit_code == 0, done.output
    assert all(word in done.stdout for word in ("Psoas", "Visceral fat", "right", "left"))
    return out, json.loads((out / "slice.json").read_text())


def by_part(numbers):
    return {(one["tissue"], one["side"]): one for one in numbers["tissues"]}


def test_the_parts_make_up_the_muscle_and_the_sides_a_part(made):
    _, numbers = made
    parts = by_part(numbers)
    assert [name for name, side in parts if side is None] == list(tissues.MEASURED)
    areas = {part: one["area_cm2"] for part, one in parts.items()}
    # Each area is rounded to a thousandth.
    muscles = [name for name in tissues.MEASURED if name in tissues.MUSCLES]
    assert sum(areas[name, None] for name in muscles) == pytest.approx(numbers["area_cm2"], abs=0.01)
    for name in muscles:
        assert areas[name, "right"] + areas[name, "left"] == pytest.approx(areas[name, None], abs=0.01)
    assert min(areas["psoas", "right"], areas["psoas", "left"]) > 3
    for name in ("psoas", "lateral wall", "visceral fat"):
        low, high = parts[name, None]["interval_95_cm2"]
        # The mean errors in the committed table are under a square centimetre.
        assert low < areas[name, None] + 1 and high > areas[name, None] - 1 and high - low < 15
        assert 0.8 < parts[name, None]["interval_coverage"] <= 1
    assert -130 < parts["subcutaneous fat", None]["mean_hu"] < -60 < 0 < parts["psoas", None]["mean_hu"] < 100


def test_right_is_the_patients_right_however_the_slice_is_stored(path, made, tmp_path):
    header = pydicom.dcmread(path)
    header.PixelData = np.ascontiguousarray(header.pixel_array[:, ::-1]).tobytes()
    x, y, z = header.ImagePositionPatient
    header.ImagePositionPatient = [x + (header.Columns - 1) * header.PixelSpacing[1], y, z]
    header.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
    header.save_as(tmp_path / "mirrored.dcm")
    found = sarco.segment(tmp_path / "mirrored.dcm", quick=True, tissues=True)
    # The body's crop on the network's grid may begin elsewhere in a mirrored slice, and the border moves by a little.
    for one in found.tissues:
        assert one.area_cm2 == pytest.approx(by_part(made[1])[one.name, one.side or None]["area_cm2"], abs=0.3)
    psoas = next(one.mask for one in found.tissues if (one.name, one.side) == ("psoas", "right"))
    assert np.argwhere(psoas)[:, 1].mean() > header.Columns / 2  # stored on the other side


def test_seg_holds_each_part_and_is_measured_again(path, made, tmp_path):
    out, numbers = made
    found = sarco.segment(path, quick=True, tissues=True)
    expected = {"Skeletal muscle": found.mask} | {
        tissues.called(*part).capitalize(): mask for part, mask in tissue.segments(found.tissues).items()
    }
    seg = highdicom.seg.segread(out / "slice_seg.dcm")
    stored = seg.get_pixels_by_source_instance([found.header.SOPInstanceUID])[0]
    described = [seg.get_segment_description(number) for number in seg.segment_numbers]
    assert [one.segment_label for one in described] == list(expected)
    for pixels, mask in zip(np.moveaxis(stored, -1, 0), expected.values(), strict=True):
        assert np.array_equal(pixels > 0, mask)
    left = described[list(expected).index("Erector spinae, left")].SegmentedPropertyTypeCodeSequence[0]
    assert (left.CodeValue, left.CodingSchemeDesignator) == ("44947003", "SCT")
    assert left.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"

    again = run("measure", path, out / "slice_seg.dcm", "--out", tmp_path)
    assert again.exit_code == 0 and not again.stderr, again.output
    measured = json.loads((tmp_path / "slice_measured.json").read_text())
    before = by_part(numbers)
    for part, one in by_part(measured).items():
        assert (one["area_cm2"], one["mean_hu"]) == (before[part]["area_cm2"], before[part]["mean_hu"])
    assert {part for part, one in before.items() if one["area_cm2"]} == by_part(measured).keys()


def test_a_part_that_was_corrected_alone_is_told(path, made):
    found = sarco.segment(path, quick=True, tissues=True)
    psoas = next(one.mask for one in found.tissues if one.name == "psoas")
    assert tissue.warnings(found.tissues, found.mask, found.spacing_mm) == []
    (told,) = tissue.warnings(found.tissues, found.mask & ~psoas, found.spacing_mm)
    assert found.tissue("psoas").mask is psoas and found.tissue("psoas", "front") is None
    assert f"differ in {psoas.sum() * found.spacing_mm[0] * found.spacing_mm[1] / 100:.1f} cm²" in told
    unsided = [one for one in found.tissues if not one.side]
    assert tissue.warnings(unsided, found.mask, found.spacing_mm) == [tissue.NO_MIDLINE]
    fat = [one for one in found.tissues if one.name in tissues.FATS]
    assert tissue.warnings(fat, found.mask, found.spacing_mm) == []  # of a SEG without muscles apart


def test_a_seg_of_others_is_cut_and_nothing_else_said(path, made):
    """What was painted over the border of its tissue is cut; a part that was named is measured alone."""
    found = sarco.segment(path, quick=True, tissues=True)
    painted = {("visceral fat", ""): disc.dilate(found.tissue("visceral fat").mask, 5, found.spacing_mm)}
    image = read_slice(path)
    (fat,), told = tissue.given(painted, image)
    assert image.image_hu[fat.mask].max() <= -30 and len(told) == 1 and "of the visceral fat lies outside" in told[0]
    again = sarco.measure(path, made[0] / "slice_seg.dcm", labels=["psoas"])
    assert again.tissues == () and not any("differ" in one for one in again.warnings)
    assert again.area_cm2 == pytest.approx(found.tissue("psoas").area_cm2)


def test_intervals_are_those_of_the_student_that_parts(path, tmp_path):
    """Without a table, or with one of another student, an area stands alone and a sentence says why."""
    for change in (lambda table: table.unlink(), lambda table: table.write_text(table.read_text().replace(" 6", " 5"))):
        shutil.rmtree(tmp_path, ignore_errors=True)
        shutil.copytree(WEIGHTS, tmp_path / "weights", ignore=shutil.ignore_patterns("learned.json"))
        shutil.copytree(WEIGHTS.parent / "results", tmp_path / "results")
        change(tmp_path / "results/tissues.csv")
        found = sarco.segment(path, tmp_path / "weights", quick=True, tissues=True)
        assert all(one.interval_cm2 is None for one in found.tissues)
        assert any("tissues.csv: not there or of other networks" in one for one in found.warnings)


def test_many_slices_have_a_table_of_tissues_and_only_when_asked(path, made, tmp_path):
    slices, out = tmp_path / "in", tmp_path / "out"
    slices.mkdir()
    shutil.copy(path, slices / "slice.dcm")
    assert run("segment", slices, "--quick", "--tissues", "--out", out).exit_code == 0
    table = pd.read_csv(out / "table.csv").iloc[0]
    for (name, side), one in by_part(made[1]).items():
        key = "_".join(f"{name} {side or ''}".split())
        assert table[f"{key}_area_cm2"] == one["area_cm2"]
    (out / "slice_tissues.png").unlink()
    assert run("segment", slices, "--quick", "--tissues", "--out", out).exit_code == 0
    assert (out / "slice_tissues.png").is_file()  # whoever took it away wants it again
    assert run("segment", slices, "--quick", "--out", out).exit_code == 0
    assert not any("psoas" in name for name in pd.read_csv(out / "table.csv").columns)
    assert not (out / "slice_tissues.png").exists()


def test_the_page_shows_tissues_and_needs_nothing_beside_itself(made, browser):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_content((made[0] / "slice.html").read_text())
    assert page.evaluate("[...document.images].map(one => one.naturalWidth > 500)") == [True, True]
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    assert "Quadratus lumborum" in page.inner_text("body")
    page.close()


def test_weights_without_a_student_of_every_tissue_are_named(path, tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder, ignore=shutil.ignore_patterns("student*"))
    with pytest.raises(SarcoError, match=r"weights: has no student of every tissue, so no tissues; leave out"):
        sarco.segment(path, folder, tissues=True)
    muscle_alone = read_manifest(WEIGHTS, student=True) | {"tissues": []}
    for name in ("student.npz", "student.int8.npz"):
        shutil.copy(WEIGHTS / name, folder)
    (folder / "student.json").write_text(json.dumps(muscle_alone))
    with pytest.raises(SarcoError, match="no student of every tissue"):
        sarco.segment(path, folder, quick=True, tissues=True)
