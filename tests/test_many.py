"""Many slices: killed and gone on, the persons on them, and their masks as a cohort."""

import json
import os
import platform
import sys

import bad_inputs
import many
import pandas as pd
import pytest
import stand_in
from typer.testing import CliRunner

from sarco import files, report
from sarco.cli import app
from sarco.cohort import layout

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
    monkeypatch.setattr(report, "Segmenter", lambda *_, **__: made)
    monkeypatch.setattr(report, "overlay_png", lambda found: b"a picture, which takes long to draw")
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


def test_a_process_of_our_own_number_is_a_dead_one(tmp_path):
    left = tmp_path / f".a_mask.{platform.node()}-{os.getpid()}.png"
    left.touch()
    files.sweep({tmp_path / "b_mask.png"})
    assert left.exists()
    files.sweep({tmp_path / "a_mask.png"})
    assert not left.exists()


def test_a_table_of_people(slices, tmp_path, run):
    table = tmp_path / "people.csv"
    table.write_text("file,height_m,sex\n00.dcm,1.60,F\n01,1.80,M\n02.dcm,,F\n")
    done = run("segment", slices, "--out", tmp_path / "out", "--people", table, "--height", 2, "--sex", "M",
               "--cutoff", "derstine-2018")  # fmt: skip
    assert done.exit_code == 0, (done.output, done.exception)
    found = pd.read_csv(tmp_path / "out" / "table.csv", index_col="file")
    for file, height_m in (("00.dcm", 1.6), ("01.dcm", 1.8), ("02.dcm", 2), ("03.dcm", 2)):
        row = found.loc[file]
        assert row["smi_cm2_m2"] == pytest.approx(row["area_cm2"] / height_m**2, abs=1e-3)
    person = json.loads((tmp_path / "out" / "02.json").read_text())["person"]
    assert person == {"height_m": 2, "weight_kg": None, "sex": "F", "cutoff": "derstine-2018"}


@pytest.mark.parametrize(
    "text, words",
    [
        ("name,height_m\n00,1.7\n", "needs the column file"),
        ("file,age\n00,17\n", "and one of height_m"),
        ("file,height_m\n99,1.7\n", "'99' is no slice"),
        ("file,height_m\n00,1.7\n00.dcm,1.7\n", "stands there twice"),
        ("file,height_m\n00,tall\n", "'tall', where a number is wanted"),
        ("file,height_m\n00,170\n", "00.dcm: height"),
        ("file,height_m\n00,1.7\n", "needs the"),
        ("", "not a readable table"),
    ],
)
def test_a_bad_table_of_people(slices, tmp_path, run, text, words):
    table = tmp_path / "people.csv"
    table.write_text(text)
    done = run("segment", slices, "--out", tmp_path / "out", "--people", table, "--cutoff", "prado-2008")
    assert (done.exit_code, done.stdout) == (2, "")
    assert str(table) in done.stderr and words in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


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

    import numpy as np
    from PIL import Image

    mask = np.asarray(Image.open(path)).copy()
    mask[32, 32] = 0
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "png")
    return file.getvalue()


@pytest.mark.slow
def test_a_thousand(tmp_path):
    many.main(tmp_path, 1000)
