"""Many slices: killed and gone on, the persons on them, and their masks as a cohort."""

import json
import os
import platform
import re
import subprocess
import sys
import unicodedata

import bad_inputs
import many
import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
import stand_in
from PIL import Image
from typer.testing import CliRunner

from sarco.base import files
from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.cohort import layout
from sarco.ct import masks
from sarco.slice_tool import batch, output, people, picture, segmentation

pytestmark = pytest.mark.long

COUNT = 6


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many") / "slices"
    for number in range(COUNT):
        image_hu = bad_inputs.body_hu((64, 64), (4, 4))
        image_hu[30:32, 20 : 20 + number] = 10
        bad_inputs.write(folder / f"{number:02d}.dcm", image_hu, (4, 4))
    return folder


@pytest.fixture
def run(monkeypatch, tmp_path):
    made = stand_in.segmenter(tmp_path / "weights")
    monkeypatch.setattr(segmentation, "Segmenter", lambda *_, **__: made)
    monkeypatch.setattr(picture, "overlay_png", lambda found: b"a picture, which takes long to draw")
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_killed_and_gone_on(slices, tmp_path, run):
    command = [sys.executable, stand_in.__file__, tmp_path / "weights", "segment"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    many.run(slices, killed, command, kill_after=COUNT // 3)
    done = len(many.finished(killed))
    assert COUNT // 3 <= done < COUNT
    # As if the kill had come while two files were written; a file of someone else is none of ours.
    dead = killed / f".05_overlay.{platform.node()}-999999999.png"
    other, alive = killed / ".notes.txt", killed / f".05_mask.{platform.node()}-{os.getppid()}.png"
    for path in (dead, other, alive):
        path.write_text("half")
    times = {path: path.stat().st_mtime_ns for path in many.finished(killed)}
    many.run(slices, killed, command)
    assert not dead.exists() and other.exists() and alive.exists()
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    run("segment", slices, "--out", whole)
    assert (killed / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()
    assert len(pd.read_csv(whole / "table.csv")) == COUNT
    assert {path.name for path in killed.iterdir()} - {other.name, alive.name} == {p.name for p in whole.iterdir()}


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "a.lock"
    code = f"from sarco.base import files; held = files.lock({str(path)!r}); print('held', flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.readline()
    assert files.lock(path, wait=False) is None
    other.kill()
    other.communicate()
    with files.alone(path):
        assert files.lock(path, wait=False) is None
    files.lock(path, wait=False).release()


def test_a_process_of_our_own_number_is_a_dead_one(tmp_path):
    left = tmp_path / f".a_mask.{platform.node()}-{os.getpid()}.png"
    left.touch()
    files.sweep({tmp_path / "b_mask.png"})
    assert left.exists()
    files.sweep({tmp_path / "a_mask.png"})
    assert not left.exists()


# --- a slice is known by its path and its content -------------------------------------------------------


def patient(path, width):
    """A slice whose muscle is `width` pixels wide."""
    image_hu = np.full((64, 64), -1000)
    image_hu[10:54, 10:54] = -100
    image_hu[20:40, 20 : 20 + width] = 50
    return bad_inputs.write(path, image_hu, (4, 4))


def area_cm2(width):
    return 20 * width * 16 / 100


def rows(out):
    return pd.read_csv(out / "table.csv").set_index("file")


@pytest.fixture
def wards(tmp_path):
    """Two folders, each with a slice of one name of another patient, and a third whose file of this name is none."""
    for width, ward in enumerate("AB", 5):
        patient(tmp_path / ward / "IM0001.dcm", width)
    (tmp_path / "C").mkdir()
    (tmp_path / "C" / "IM0001.dcm").write_text("area: 120")
    return [tmp_path / ward for ward in "ABC"]


def test_two_slices_of_one_name_are_two(wards, tmp_path, run):
    out = tmp_path / "out"
    done = run("segment", *wards, "--out", out, "--json")
    assert done.exit_code == 1, (done.output, done.exception)
    found = rows(out)
    assert list(found.index) == [f"{ward}/IM0001.dcm" for ward in "ABC"]
    assert list(found["area_cm2"][:2]) == [area_cm2(5), area_cm2(6)]
    # What could not be read shows nothing of another patient.
    assert found.loc["C/IM0001.dcm"].drop("problem").isna().all() and "not a DICOM" in found["problem"].iloc[2]
    for ward, width in (("A", 5), ("B", 6)):
        mask = np.asarray(Image.open(out / ward / "IM0001_mask.png"))
        assert np.count_nonzero(mask) == 20 * width
    said = json.loads(done.stdout)
    assert [one["file"] for one in said["slices"]] == ["A/IM0001.dcm", "B/IM0001.dcm"]
    # The same files one by one are the same slices, and are done.
    files = [ward / "IM0001.dcm" for ward in wards[:2]]
    assert "2 of them by an earlier run" in run("segment", *files, "--out", out).stdout


NAMES = ("a-2.dcm", "a.dcm", "a.ima", "A.dcm", "a.dcm.ima", "b", "b.dcm", "b_mask.png", "b_mask.png.dcm", "b_seg.dcm",
         "table.csv", "c..dcm", "1.2.3", "1.2.4")  # fmt: skip


def test_no_result_is_written_over_another(tmp_path, run):
    for width, name in enumerate(NAMES, 1):
        patient(tmp_path / "in" / name, width)
    out = tmp_path / "out"
    done = run("segment", tmp_path / "in", "--out", out)
    assert f"{len(NAMES)} slices done; 0 could" in done.stdout, (done.output, done.exception)
    found = rows(out)
    assert all(found["area_cm2"][name] == area_cm2(width) for width, name in enumerate(NAMES, 1))
    results = [path for path in out.rglob("*") if path.name not in ("table.csv", "table.xlsx")]
    # On a disk that does not tell A from a, too.
    assert len({str(path).casefold() for path in results}) == (len(output.ENDS) - 1) * len(NAMES)  # no tissues
    for path in out.glob("*.json"):
        pixels = np.count_nonzero(np.asarray(Image.open(str(path).replace(".json", "_mask.png"))))
        assert json.loads(path.read_text())["area_cm2"] == pytest.approx(pixels * 0.16)
    listed = batch.jobs([tmp_path / "in" / name for name in reversed(NAMES)], out)
    assert {job.target for job in listed} == {job.target for job in batch.jobs([tmp_path / "in"], out)}


def test_one_file_named_twice_is_one_and_a_copy_is_two(tmp_path, run):
    first = patient(tmp_path / "in" / "a.dcm", 5)
    (tmp_path / "in" / "linked.dcm").symlink_to(first)
    (tmp_path / "in" / "gone.dcm").symlink_to(tmp_path / "nowhere")
    patient(tmp_path / "elsewhere" / "b.dcm", 6)
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path)
    again = tmp_path / "in" / ".." / "in" / "a.dcm"
    done = run("segment", tmp_path / "in", first, again, "--out", tmp_path / "out")
    assert "3 slices done; 1 could not be" in done.stdout and "gone.dcm: no such file" in done.stderr, done.output
    found = rows(tmp_path / "out")
    assert list(found["area_cm2"].dropna()) == [area_cm2(5), area_cm2(6), area_cm2(5)]
    assert "The same file as a.dcm" in found["warnings"]["linked.dcm"]
    assert "same file" not in found["warnings"]["a.dcm"]


def test_results_of_another_slice_stay(wards, tmp_path, run):
    out, (a, b, _) = tmp_path / "out", wards
    run("segment", a, "--out", out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    for command in (("segment", b), ("segment", b / "IM0001.dcm"), ("segment", b / "IM0001.dcm", "--quick")):
        done = run(*command, "--out", out)
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), (done.output, done.exception)
        assert "IM0001.json: of another slice" in done.stderr
    # Nor is another slice taken for this one after it came under its name.
    (a / "IM0001.dcm").write_bytes((b / "IM0001.dcm").read_bytes())
    assert run("segment", a, "--out", out).exit_code == 2
    (a / "IM0001.dcm").rename(a / "IM0002.dcm")
    assert "lists IM0001.dcm, which is not among" in run("segment", a, "--out", out).stderr
    assert {path: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("name", ["slice_mask.png", "slice.json", "slice.html", "table.csv", "table.xlsx"])
def test_files_of_someone_else_stay(name, tmp_path, run):
    patient(tmp_path / "in" / "slice.dcm", 5)
    theirs = tmp_path / "out" / name
    theirs.parent.mkdir()
    theirs.write_text("file,height_m\n")
    done = run("segment", tmp_path / "in", "--out", theirs.parent)
    assert (done.exit_code, str(theirs) in done.stderr) == (2, True), (done.output, done.exception)
    assert [path.name for path in theirs.parent.iterdir()] == [name]


def test_a_mask_that_was_mended_by_hand_stays(slices, tmp_path, run):
    command = ("segment", slices / "01.dcm", "--out", tmp_path)
    run(*command)
    mask = tmp_path / "01_mask.png"
    Image.open(mask).save(mask)
    done = run(*command, "--height", 1.7)
    assert done.exit_code == 2 and str(mask) in done.stderr
    mask.unlink()
    assert run(*command, "--height", 1.7).exit_code == 0


def test_a_name_too_long_for_results_is_named_and_the_others_are_done(tmp_path, run):
    long = patient(tmp_path / "in" / f"{'x' * 240}.dcm", 5)
    for width, name in enumerate("ay", 6):
        patient(tmp_path / "in" / name, width)
    for _ in range(2):
        done = run("segment", tmp_path / "in", "--out", tmp_path / "out")
        assert "2 slices done" in done.stdout and "1 could not be" in done.stdout, (done.output, done.exception)
        assert f"{long}: its results cannot be written" in done.stderr
    assert run("segment", "y" * 300, "--out", tmp_path / "out").exit_code == 2


def test_numbers_before_belong_to_this_volume(tmp_path, run):
    for width in (5, 6):
        image_hu = np.full((64, 64, 1), -1000.0)
        image_hu[10:54, 10:54], image_hu[20:40, 20 : 20 + width] = -100, 50
        nib.save(nib.Nifti1Image(image_hu, np.diag([4, 4, 4, 1])), tmp_path / f"{width}.nii.gz")
    run("segment", tmp_path / "5.nii.gz", "--out", tmp_path)
    mask, numbers = tmp_path / "5_mask.png", tmp_path / "5.json"
    for width, code in ((5, 0), (6, 2)):
        done = run("measure", tmp_path / f"{width}.nii.gz", mask, "--nifti", "stored", "--before", numbers)
        assert done.exit_code == code, (done.output, done.exception)
    assert "by its content" in done.stderr


@pytest.mark.parametrize("value", ["1.70", "1,70", 1.7, np.float32(1.7)])
def test_numbers_as_text(value, tmp_path):
    path, mask = patient(tmp_path / "a.dcm", 5), np.zeros((64, 64), bool)
    mask[20:40, 20:25] = True
    assert segmentation.measure(path, mask, height_m=value).person.height_m == pytest.approx(1.7)
    for wrong in ({"height_m": "tall"}, {"height_m": "nan"}, {"weight_kg": ""}, {"height_m": [1.7]}, {"number": "L3"}):
        with pytest.raises(SarcoError, match=r"where a (whole )?number"):
            segmentation.measure(path, mask, **wrong)


# --- a table of people ----------------------------------------------------------------------------------


def test_a_table_of_people(slices, tmp_path, run):
    table = tmp_path / "people.csv"
    table.write_text('file,height_m,sex,age\n00.dcm,1.60,f,44.9\n01,1.80,M,\n02.dcm,,F,"92,5"\n')
    done = run("segment", slices, "--out", tmp_path / "out", "--people", table, "--height", 2, "--sex", "M",
               "--cutoff", "derstine-2018", "--age", 60, "--reference", "framingham")  # fmt: skip
    assert done.exit_code == 0, (done.output, done.exception)
    found = rows(tmp_path / "out")
    # Means and SD of the youngest and of the oldest women; of men there is no table.
    z = (found.area_cm2 - pd.Series({"00.dcm": 120.9, "02.dcm": 99.5})) / pd.Series({"00.dcm": 18.4, "02.dcm": 16.0})
    assert found.area_z.dropna().to_dict() == pytest.approx(z.dropna().to_dict(), abs=1e-3)
    assert found.index[found.reference.notna()].tolist() == ["00.dcm", "02.dcm"]
    assert "its table of men could not be read" in found.warnings["03.dcm"] and "area_below" not in found
    for file, height_m in (("00.dcm", 1.6), ("01.dcm", 1.8), ("02.dcm", 2), ("03.dcm", 2)):
        row = found.loc[file]
        assert row["smi_cm2_m2"] == pytest.approx(row["area_cm2"] / height_m**2, abs=1e-3)
    person = json.loads((tmp_path / "out" / "02.json").read_text())["person"]
    assert person == {"height_m": 2, "weight_kg": None, "sex": "F", "cutoff": "derstine-2018", "age": 92.5,
                      "reference": "framingham"}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        "file;height_m;sex\r\nA\\IM0001.dcm;1,60;F\r\nB/IM0001;1,80;M\r\n;;\r\n",
        "sep=;\nFile ; Height_m\nA/IM0001.dcm; 1,60\nB/IM0001;1,80\n",
        "file\theight_m\nA/IM0001.dcm\t1,60\nB/IM0001\t1.8\n",
        'file,height_m\n"A/IM0001.dcm","1,60"\nB/IM0001,1.80\n',
        "file;sop_instance_uid;height_m\nA/IM0001.dcm;{A};1,6\n;{B};1,8\n",
    ],
)
def test_people_as_a_spreadsheet_saves_them(wards, tmp_path, encoding, text):
    table = tmp_path / "people.csv"
    uid = {ward: masks.sop_instance_uid(tmp_path / ward / "IM0001.dcm") for ward in "AB"}
    table.write_bytes((text.format(**uid) if "{A}" in text else text).encode(encoding))
    found = people.assign(batch.jobs(wards[:2], tmp_path / "out"), {}, table)
    assert {job.file: job.person.height_m for job in found} == {"A/IM0001.dcm": 1.6, "B/IM0001.dcm": 1.8}


@pytest.mark.parametrize(
    "text, words",
    [
        ("name,height_m\n00,1.7\n", "needs the column file"),
        ("file,years\n00,17\n", "one of height_m"),
        ("file,age\n00,17\n", "00.dcm: age 17: outside 18 to 110 years"),
        ("file,sex,age_years\n00,F,70\n", "age_years is not read; call it age, and give values in years"),
        ("file,height_m\n99,1.7\n", "'99' is no slice; there are 00.dcm, 01.dcm, 02.dcm and 3 more"),
        ("file,height_m\n00,1.7\n00.dcm,1.7\n", "stands there twice"),
        ("file,height_m,weight_kg\n00,1,70\n", "height 1 has no decimals"),
        ("file,height_cm,sex\n00,170,F\n", "height_cm is not read; call it height_m"),
        ("file,height_m\n00,tall\n", "'tall', where a number"),
        ("file,height_m\n00,170\n", "00.dcm: height"),
        ("file,height_m\n00,1.7\n", "needs the"),
        ("file,height_m\n00,1,70\n", "3 cells for 2 columns"),
        ("file,height_m,height_m\n00,1,70\n", "two columns are called height_m"),
        ("file,height_m\n,1.7\n", "a row without a name"),
        ("sop_instance_uid,height_m\n1.2.3,1.7\n", "'1.2.3' is no slice"),
        ("file,height_m\n00,nan\n", "'nan', where a number"),
        ("", "not a readable table"),
    ],
)
def test_a_bad_table_of_people(slices, tmp_path, run, text, words):
    table = tmp_path / "people.csv"
    table.write_text(text)
    done = run("segment", slices, "--out", tmp_path / "out", "--people", table, "--cutoff", "prado-2008")
    assert (done.exit_code, done.stdout) == (2, "")
    assert str(table) in done.stderr and words in done.stderr, (done.stderr, done.exception)
    assert not (tmp_path / "out").exists()


def test_people_who_cannot_be_told_apart(wards, tmp_path):
    listed = batch.jobs(wards[:2], tmp_path / "out")
    table, uid = tmp_path / "people.csv", masks.sop_instance_uid(wards[0] / "IM0001.dcm")
    copied = pydicom.dcmread(wards[1] / "IM0001.dcm")
    copied.SOPInstanceUID = uid
    copied.save_as(wards[1] / "IM0001.dcm")
    for text, words in (
        ("file\nIM0001.dcm", "no slice; there are A/IM0001.dcm, B/"),
        (f"sop_instance_uid\n{uid}", "2 slices (A/"),
    ):
        column, _, name = text.partition("\n")
        table.write_text(f"{column},height_m\n{name},1.7\n")
        with pytest.raises(SarcoError, match=re.escape(words)):
            people.assign(listed, {}, table)
    # Two forms of one letter are one name to whoever reads the table.
    for form in ("NFC", "NFD"):
        (tmp_path / "forms").mkdir(exist_ok=True)
        patient(tmp_path / "forms" / unicodedata.normalize(form, "é.dcm"), 5)
    table.write_text("file,height_m\né.dcm,1.7\n", encoding="utf-8")
    with pytest.raises(SarcoError, match="is 2 slices"):
        people.assign(batch.jobs([tmp_path / "forms"], tmp_path / "out"), {}, table)
    table.write_text(f"file,sop_instance_uid,height_m\nB/IM0001.dcm,{uid},1.7\n")
    assert people.assign(listed, {}, table)[1].person.height_m == 1.7


def test_the_table_of_people_is_no_slice_and_no_result(slices, tmp_path, run):
    folder, out = tmp_path / "in", tmp_path / "out"
    patient(folder / "a.dcm", 5)
    (folder / "people.csv").write_text("file,height_m\na,1.7\n")
    done = run("segment", folder, "--out", out, "--people", folder / "people.csv")
    assert "1 slice done; 0 could not be" in done.stdout, (done.output, done.exception)
    table = (out / "table.csv").read_bytes()
    done = run("segment", folder, "--out", out, "--people", out / "table.csv")
    assert done.exit_code == 2 and "would be replaced" in done.stderr
    assert (out / "table.csv").read_bytes() == table


def test_what_segment_wrote_is_imported(slices, tmp_path, run):
    out, cohort = tmp_path / "out", tmp_path / "cohort"
    run("segment", slices, "--out", out)
    done = run("cohort", "import", "slices", slices, out, cohort, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (len(said["written"]), said["problems"]) == (COUNT, [])
    assert layout.check(cohort).problems == []
    # A mask that was corrected in one of its two forms alone leaves open which is meant.
    (out / "01_mask.png").write_bytes(_other_mask(out / "01_mask.png"))
    done = run("cohort", "import", "slices", slices, out, tmp_path / "again")
    assert done.exit_code == 1 and "2 masks for it" in done.stdout and "problems 1" in done.stdout, done.output


def _other_mask(path):
    import io

    mask = np.asarray(Image.open(path)).copy()
    mask[32, 32] = 0
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "png")
    return file.getvalue()


@pytest.mark.slow
def test_a_thousand(tmp_path):
    many.main(tmp_path, 1000)
