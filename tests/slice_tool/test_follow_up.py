"""`sarco compare`: what changed between two slices, what it is set against, and what makes them hard to compare."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
import stand_in
from typer.testing import CliRunner

import sarco
from sarco.base import paths
from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.ct.level import Level
from sarco.ct.tissues import called
from sarco.ct.write import Scan, write_slice
from sarco.engines.weights import read_manifest
from sarco.evidence import learned
from sarco.evidence.repeatability import Repeat
from sarco.phantom.phantom import phantom
from sarco.slice_tool import follow_up, segmentation, tissue

WEIGHTS, RESULTS = paths.data_dir() / "weights", paths.data_dir() / "results"
HEADER = {"StudyDate": "20200101", "PatientSex": "F", "PatientBirthDate": "19500101", "ContrastBolusAgent": "some",
          "ConvolutionKernel": "B30f", "Manufacturer": "SIEMENS"}  # fmt: skip
LATER = {"StudyDate": "20200301"}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write(path, radius_mm=40, spacing_mm=(0.9, 0.9), **header):
    """A disc of muscle in fat in air, 200 pixels wide, with what a header says."""
    mm = np.hypot(*(np.indices((200, 200)) - 99.5)) * spacing_mm[0]
    write_slice(path, np.where(mm < radius_mm, 50, np.where(mm < 80, -100, -1000)), spacing_mm, Scan("17"))
    data = pydicom.dcmread(path)
    for name, value in (HEADER | header).items():
        setattr(data, name, value)
    data.save_as(path)
    return path


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """Write two slices, the second with another header, and compare them without networks: (first, second)."""
    made = stand_in.segmenter(tmp_path / "weights")
    monkeypatch.setattr(segmentation, "Segmenter", lambda *_, **__: made)

    def of(spacing_mm=(0.9, 0.9), of_first=None, **header):
        first = write(tmp_path / "a.dcm", **(of_first or {}))
        return first, write(tmp_path / "b.dcm", 41, spacing_mm, **LATER | header)

    return of


LEVEL_UNKNOWN = "Whether both slices lie at the same level could not be checked: compare the pictures."
PHASE_UNKNOWN = "Not in both headers, so it could not be checked whether it differs: phase of the contrast."


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({}, None),
        ({"StudyDate": "20191231"}, "acquired 1 day before the first"),
        ({"StudyDate": "20200101"}, "have the same date"),
        ({"ContrastBolusAgent": ""}, "Only the first slice names a contrast agent"),
        ({"ContrastBolusAgent": "No contrast"}, "Only the first slice names a contrast agent"),
        ({"KVP": 100}, "had 120 and 100 kV"),
        ({"ConvolutionKernel": ["B70f", "3"]}, r"kernels are B30f and B70f\3"),
        ({"SliceThickness": 3.3}, "are 5 and 3.3 mm thick"),
        ({"Manufacturer": "GE MEDICAL SYSTEMS"}, "of two manufacturers"),
        ({"spacing_mm": (0.7, 0.7)}, "pixels have 0.90 and 0.70 mm"),
        ({"PatientID": "18", "PatientSex": "M"}, "PatientID and PatientSex of the two differ"),
        ({"PatientBirthDate": "19510101"}, "PatientBirthDate of the two differ"),
        # What differs by less, or in its spelling alone.
        (
            {"KVP": 120.4, "ConvolutionKernel": "b30F ", "SliceThickness": 4, "Manufacturer": "Siemens Healthineers"},
            None,
        ),
    ],
)
def test_what_two_slices_do_not_share_is_told_once(pair, header, said):
    first, second = pair(**header)
    of_one = "Both slices: ", "First slice (", "Second slice ("
    told = [one for one in sarco.compare(first, second).warnings if not one.startswith(of_one)]
    assert LEVEL_UNKNOWN in told and (PHASE_UNKNOWN in told) == ("ContrastBolusAgent" not in header)
    told = [one for one in told if one not in (LEVEL_UNKNOWN, PHASE_UNKNOWN) and "repeats.csv" not in one]
    assert len(told) == (said is not None) and all(said in one for one in told)
    everything = json.dumps(follow_up.numbers_of(sarco.compare(first, second)))
    assert not any(secret in everything for secret in ("19500101", "19510101", "202001", "201912", "202003"))


def test_what_a_header_does_not_say_is_told_in_one_sentence(pair):
    bare = {"Manufacturer": "", "ConvolutionKernel": "", "ContrastBolusAgent": "", "SliceThickness": None, "KVP": None}
    *_, last = sarco.compare(*pair(of_first=bare, **bare | {"StudyDate": ""})).warnings
    words = "date, contrast agent, kV, kernel, slice thickness, manufacturer."
    assert last == f"Not in both headers, so it could not be checked whether it differs: {words}"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (Level(0.1, 0.2), Level(0.8, 0.2), "0.7 ± 0.3 vertebrae lower"),
        (Level(0.1, 0.2), Level(-0.5, 0.2), "0.6 ± 0.3 vertebrae higher"),
        (Level(0.1, 0.4), Level(0.3, 0.4), None),
        (Level(-0.2, 0.2), Level(1.2, 0.2), "to lie lower than"),  # so far off, no interval holds
        (Level(1.1, 0.2), Level(1.8, 0.2), "could not be checked"),
        (None, Level(0.3, 0.1), "could not be checked"),
    ],
)
def test_another_level_is_told(first, second, said):
    told = list(follow_up._about_level(first, second))
    assert len(told) == (said is not None) and all(said in one for one in told)


def test_a_change_is_set_against_repeats():
    one = follow_up.Change("psoas", "left", "area_cm2", 10.0, 13.0, Repeat(2.0, 2.5, 20, 5.0, 30.0))
    assert (one.change, one.interval, one.verdict) == (3.0, (1.0, 5.0), follow_up.MORE)
    # The muscle of these slices may have changed, and a person's that did not change looks so, too.
    assert replace(one, second=7.6).verdict == follow_up.WITHIN and replace(one, second=7.6).interval[1] < 0
    hardly = replace(one, second=9.9996, repeat=Repeat(0.0, 2.5, 20, 5.0, 30.0))
    (cells,) = follow_up.rows(SimpleNamespace(changes=[hardly]))
    assert cells[3:5] == ("+0.0", "+0.0 to +0.0") and "-0.0" not in json.dumps(follow_up._as_json(hardly))
    assert replace(one, second=None).verdict == replace(one, repeat=None).verdict == follow_up.NOT_KNOWN


def test_areas_that_repeats_were_not_learned_on_have_no_interval(pair):
    first, second = (sarco.segment(path) for path in pair())
    smallest, largest = sorted((first.area_cm2, second.area_cm2))
    changes = {}
    for name, ends in {
        "known": (smallest, largest),
        "smaller": (smallest + 0.1, 99),
        "larger": (0.1, largest - 0.1),
    }.items():
        known = {"muscle": {what: Repeat(2.0, 2.5, 20, *ends) for what in follow_up.UNITS}}
        changes[name] = list(follow_up._changes(first, second, known, False))
        told = follow_up._unlike(changes[name], known)
        assert told == ([] if name == "known" else [f"Muscle: {follow_up.OTHER_AREAS}."])
    assert all(one.interval for one in changes.pop("known"))
    for one in (*changes["smaller"], *changes["larger"]):  # neither of the area nor of the attenuation
        assert one.interval is None and one.verdict == follow_up.NOT_KNOWN


def test_a_part_that_is_in_one_slice_alone_has_its_row_in_either_order(pair):
    first, second = (sarco.segment(path) for path in pair())
    mask, known = first.mask, {"psoas, left": {"area_cm2": Repeat(2.0, 2.5, 20, 0.1, 30.0)}}
    sided = replace(
        first, tissues=tissue.measure({("psoas", "left"): mask, ("psoas", ""): mask}, first.image_hu, (1, 1))
    )
    for ends in ((sided, second), (second, sided)):
        changes = list(follow_up._changes(*ends, known, False))[2:]
        assert [(one.side, one.what) for one in changes] == [
            (side, what) for side in ("", "left") for what in follow_up.UNITS
        ]
        assert {(one.change, one.verdict) for one in changes} == {(None, follow_up.NOT_KNOWN)}


def test_two_slices_of_one_series_are_no_change_over_time(pair):
    first, second = pair(StudyDate="20200101", SeriesInstanceUID="1.2.3", ImagePositionPatient=[0, 0, 35],
                         of_first={"SeriesInstanceUID": "1.2.3", "ImagePositionPatient": [0, 0, 0]})  # fmt: skip
    told = " ".join(sarco.compare(first, second).warnings)
    assert "two slices of one series, 35 mm apart: no change over time" in told and "same date" not in told


def test_a_bad_slice_is_named_and_nothing_of_others_is_replaced(pair, tmp_path):
    first, second = pair()
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"no slice")
    done = run("compare", first, bad)
    assert done.exit_code == 2 and str(bad) in done.stderr and len(done.stderr.splitlines()) == 1
    out = tmp_path / "out"
    assert run("compare", first, second, "--out", out).exit_code == 0
    before = (out / "compare.json").read_bytes()
    other = run("compare", second, first, "--out", out)
    assert other.exit_code == 2 and "compare.json: of another slice" in other.stderr
    assert (out / "compare.json").read_bytes() == before
    assert run("compare", first, second, "--out", out).exit_code == 0
    (out / "compare.json").unlink()
    (out / "compare.html").write_text("someone's own")
    assert run("compare", first, second, "--out", out).exit_code == 2


def test_one_slice_has_not_changed(pair, tmp_path):
    first, _ = pair()
    done = sarco.compare(first, first)
    assert done.same and [one.change for one in done.changes] == [0, 0]
    assert {one.verdict for one in done.changes} == {"the same slice"} and not any(one.interval for one in done.changes)
    told = run("compare", first, first)
    assert told.exit_code == 0 and "same slice: nothing changed" in told.stdout


def test_the_same_slice_in_another_format_is_the_same(pair, tmp_path):
    import nibabel

    first, _ = pair()
    found = sarco.segment(first)
    stored = np.flip(found.image_hu, 0).T[..., None].astype(np.int16)  # to the left and to the front
    nibabel.save(nibabel.Nifti1Image(stored, np.diag([-0.9, 0.9, 5, 1])), tmp_path / "same.nii")
    done = sarco.compare(first, tmp_path / "same.nii")
    assert done.same and {one.verdict for one in done.changes} == {follow_up.SAME}


# --- with networks --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """One phantom person on two days."""
    folder, written = tmp_path_factory.mktemp("days"), []
    for name, day in (("first", 1), ("second", 2)):
        p = phantom((7, 2, 3), "difficult", day=day)
        path = folder / f"{name}.dcm"
        write_slice(path, p.image_hu, p.spacing_mm, Scan("1", kvp=p.protocol.kvp))
        written.append(path)
    return written


@pytest.mark.long
def test_two_days_of_one_person_through_the_front_door(days, tmp_path, browser):
    done = run("compare", *days, "--quick", "--tissues", "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told == json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    known = learned.of(WEIGHTS, RESULTS, read_manifest(WEIGHTS, student=True), student=True).repeats
    by = {(one["tissue"], one["side"], one["what"]): one for one in told["changes"]}
    assert len(by) == len(told["changes"]) == 2 * (1 + 5 * 3 + 3)
    for (name, side, what), one in by.items():
        # Each number is rounded to a thousandth or a hundredth.
        assert one["change"] == pytest.approx(one["second"] - one["first"], abs=0.02), name
        repeat = known["muscle" if name == "muscle" else called(name, side or "")][what]
        assert one["interval_95"] == pytest.approx([one["change"] - repeat.half, one["change"] + repeat.half], abs=0.02)
        assert one["repeats_differ_by"] == pytest.approx(repeat.band, abs=0.005)
        more = abs(one["change"]) > one["repeats_differ_by"]
        assert one["verdict"] == (follow_up.MORE if more else follow_up.WITHIN), (name, side, what)
        assert (one["interval_held"], one["repeats_held"]) == pytest.approx((repeat.covered, repeat.held), abs=1e-4)
    assert by["muscle", None, "area_cm2"]["first"] == told["first"]["area_cm2"]
    assert by["muscle", None, "area_cm2"]["verdict"] == follow_up.WITHIN  # nothing changed
    assert told["repeats_meaning"] and told["published"][0]["key"] == "perthen2018" and told["days_between"] == 0
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_content((tmp_path / "compare.html").read_text(encoding="utf-8"))
    assert page.evaluate("[...document.images].map(one => one.naturalWidth > 500)") == [True, True]
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    assert page.locator("svg[role=img]").count() == len(by)
    told = page.locator("body").inner_text()
    assert (
        "512 x 512 pixels" in told
        and "sarco " in told
        and read_manifest(WEIGHTS, student=True)["members"][0]["sha256"] in told
    )
    page.close()


def test_options_of_a_volume_are_named_as_this_command_has_them(tmp_path):
    import nibabel

    volume = tmp_path / "volume.nii"
    nibabel.save(nibabel.Nifti1Image(np.full((64, 64, 3), -1000, np.int16), np.diag([-1, -1, 5, 1])), volume)
    with pytest.raises(SarcoError, match=r"volume\.nii: .*--slice-first"):
        sarco.compare(volume, volume)
    with pytest.raises(SarcoError, match=r"--slice-second"):
        sarco.compare(write(tmp_path / "a.dcm"), volume)
