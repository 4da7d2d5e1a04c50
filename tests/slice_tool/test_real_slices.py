"""The open slices are found by what they are, and what the command writes is what the networks find."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pydicom
import pytest
from bad_inputs import change
from PIL import Image
from typer.testing import CliRunner
from untrained import write_members, write_student

from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.ct.write import Scan, write_slice
from sarco.evidence import real_ct
from sarco.method import metrics
from sarco.slice_tool import real_slices

REAL = Path(__file__).parents[3] / "shared" / "real_ct"
SPACING_MM = (0.8, 0.8)


def muscle():
    y, x = np.indices((160, 160)) - 80
    return np.hypot(y, x) < 40


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder of data that knows two slices, which lie in the folder `images` under other names; small networks."""
    rows, folder = [], tmp_path / "data" / "real"
    folder.mkdir(parents=True)
    y, x = np.indices((160, 160)) - 80
    for number, hu in ((1, 50), (2, 60)):
        path = tmp_path / "images" / "a series" / f"{number}.ima"
        write_slice(path, np.where(muscle(), hu, np.where(np.hypot(y, x) < 70, -100, -1000)), SPACING_MM, Scan(number))
        uid = str(pydicom.dcmread(path).SOPInstanceUID)
        rows.append((f"slice-{number}", uid, real_slices.pixels_sha256(path)))
        Image.fromarray(muscle()).save(folder / f"slice-{number}_reference.png")
    columns = ["slice", "sop_instance_uid", "pixels_sha256"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "slices.csv", index=False)
    profile = SimpleNamespace(weights_dir=tmp_path / "data" / "weights", filters=2, spacing_mm=4.0)
    write_members(profile, 2)
    write_student(profile)
    monkeypatch.setenv("SARCO_DATA", str(tmp_path / "data"))
    return tmp_path


def test_a_slice_is_known_by_identifier_or_pixels(data):
    first, second = (data / "images" / "a series" / f"{number}.ima" for number in (1, 2))
    Path(data, "images", "notes.txt").write_text("no slice")
    assert real_slices.find(data / "images") == {"slice-1": first, "slice-2": second}
    change(first, SOPInstanceUID="1.2.3")  # a copy that was de-identified again
    assert real_slices.find(data / "images") == {"slice-1": first, "slice-2": second}
    pixels = pydicom.dcmread(second).pixel_array + 1
    change(second, PixelData=pixels.tobytes())
    with pytest.raises(SarcoError, match=r"2\.ima: its pixels are not those that the mask of slice-2 was drawn on"):
        real_slices.find(data / "images")
    second.unlink()
    with pytest.raises(SarcoError, match=r"images: slice-2 not found; data/real/README\.md says"):
        real_slices.find(data / "images")


@pytest.mark.long
def test_what_is_written_is_what_is_found(data):
    done = CliRunner().invoke(app, ["real", "--json"], env={"SARCO_REAL": str(data / "images")})
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"written": str(data / "data" / "real" / "results.csv")}
    results = real_ct.read(real_ct.RESULTS)
    assert list(zip(results["slice"], results.networks, results["count"], strict=True)) == [
        ("slice-1", "members", 2), ("slice-1", "student", 1), ("slice-2", "members", 2), ("slice-2", "student", 1)
    ]  # fmt: skip
    for row in results.itertuples():
        found = real_ct.read_mask(row.slice, row.networks)
        assert row.dsc == pytest.approx(metrics.dice(found, muscle()), abs=1e-4)
        assert row.area_cm2 == pytest.approx(found.sum() * 0.0064, abs=0.006)
        assert row.reference_mean_hu == (50 if row.slice == "slice-1" else 60)
        assert "no corrected area" in row.warnings  # these networks have no results
    assert results.corrected_cm2.isna().all() and results.team.nunique() == 2


def test_without_the_slices_one_sentence_says_so(data):
    done = CliRunner().invoke(app, ["real", str(data / "data")])
    assert done.exit_code == 2 and done.stderr.count("\n") == 1 and "slice-1 and slice-2 not found" in done.stderr


@pytest.mark.skipif(not REAL.is_dir(), reason="the real slices are not beside this checkout")
def test_the_table_says_what_the_files_of_the_open_slices_say():
    slices = real_ct.read(real_ct.SLICES).set_index("slice")
    found = real_slices.find(REAL)
    assert list(found) == list(slices.index)
    for name, path in found.items():
        said, header = slices.loc[name], pydicom.dcmread(path)
        assert [said.patient_id, said.study_instance_uid, said.series_instance_uid, said.sop_instance_uid] == [
            header.PatientID, header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID
        ]  # fmt: skip
        assert [said.row_mm, said.column_mm] == list(header.PixelSpacing) and said["rows"] == header.Rows
        assert said.collection == header[0x0013, 0x1010].value
        assert said.slice_location_mm == pytest.approx(float(header.SliceLocation), abs=0.005)
        assert said.pixels_sha256 == real_slices.pixels_sha256(path)


@pytest.mark.long
@pytest.mark.skipif(not REAL.is_dir(), reason="the real slices are not beside this checkout")
def test_the_committed_results_come_out_again():
    table, found = real_slices.measure(REAL)
    committed = real_ct.read(real_ct.RESULTS)
    numbers = committed.select_dtypes("number").columns
    assert np.allclose(table[numbers].astype(float), committed[numbers].astype(float), atol=0.06, equal_nan=True)
    assert list(table.warnings.str[:22]) == list(committed.warnings.str[:22])
    for (name, whose), one in found.items():
        assert metrics.dice(one.mask, real_ct.read_mask(name, whose)) > 0.999
        assert one.image_hu[real_ct.read_mask(name)].min() >= -29 and one.image_hu[real_ct.read_mask(name)].max() <= 150
