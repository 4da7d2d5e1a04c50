"""What is said of real slices follows from the committed masks and tables; no image of a patient is among them."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sarco.base import paths
from sarco.base.files import checksum
from sarco.engines.weights import read_manifest, team
from sarco.evidence import real_ct
from sarco.method import metrics, postprocess
from sarco.method.surface import area_cm2

WEIGHTS = paths.weights_dir()


def test_nothing_of_an_image_is_there():
    files = sorted(real_ct.folder().iterdir())
    assert {file.suffix for file in files} == {".csv", ".md", ".png"}
    for file in files:
        if file.suffix == ".png":
            assert set(np.unique(np.asarray(Image.open(file)))) == {0, 255} and file.stat().st_size < 10_000, file.name


def test_the_results_are_of_the_committed_networks():
    results = real_ct.read(real_ct.RESULTS)
    teams = {real_ct.MEMBERS: team(read_manifest(WEIGHTS)), real_ct.STUDENT: team(read_manifest(WEIGHTS, student=True))}
    told = "with the images at hand, run 'sarco real FOLDER' again"
    assert dict(zip(results.networks, results.team, strict=True)) == teams, told
    assert set(results.manifest_sha256) == {checksum(WEIGHTS / "manifest.json")}, told


def test_the_results_are_of_the_committed_masks():
    slices, results = real_ct.read(real_ct.SLICES).set_index("slice"), real_ct.read(real_ct.RESULTS)
    assert sorted(zip(results.slice, results.networks, strict=True)) == [
        (name, whose) for name in slices.index for whose in (real_ct.MEMBERS, real_ct.STUDENT)
    ]
    for row in results.itertuples():
        of = slices.loc[row.slice]
        found, reference = real_ct.read_mask(row.slice, row.networks), real_ct.read_mask(row.slice)
        assert found.shape == (of.rows, of.columns)
        assert row.dsc == pytest.approx(metrics.dice(found, reference), abs=1e-4)
        cm2 = [area_cm2(mask, (of.row_mm, of.column_mm)) for mask in (found, reference)]
        assert [row.area_cm2, row.reference_area_cm2] == pytest.approx(cm2, abs=0.006)
        assert row.error_cm2 == pytest.approx(cm2[0] - cm2[1], abs=0.006)


@pytest.mark.filterwarnings("error")
def test_no_warning_is_an_empty_text(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/results.csv").write_text("slice,warnings\na,\nb,\n")
    monkeypatch.setenv("SARCO_DATA", str(tmp_path))
    assert real_ct.read(real_ct.RESULTS).warnings.tolist() == ["", ""]


def test_the_error_that_counts():
    audit = real_ct.audited()
    assert audit.open.sum() == len(real_ct.read(real_ct.SLICES))
    drawn, cut = audit[audit.drawn], audit[~audit.drawn]
    assert drawn.dsc.notna().all() and cut.dsc.isna().all()
    assert (drawn.left_cm2 == drawn.error_after_correction_cm2).all() and (cut.left_cm2 == cut.error_cm2).all()
    taken = audit.error_cm2 - audit.error_after_correction_cm2
    assert np.ptp(taken) < 0.11  # one correction for all, but for rounding


def test_kinds_are_counted():
    rows = [("a; b", 6.5, True, False), ("b", -7.0, True, True), (None, 1.0, False, True)]
    kinds = real_ct.by_kind(pd.DataFrame(rows, columns=["kinds", "left_cm2", "large", "warned"])).set_index("kind")
    assert list(kinds.index) == ["b", "a", "none of these"]  # the worst first
    assert kinds.loc["b"].tolist() == [2, -0.25, -7.0, 2, 1] and kinds.loc["a"].tolist() == [1, 6.5, 6.5, 1, 0]


def test_what_the_audit_and_the_table_say_differently():
    audit = pd.DataFrame({"slice": ["a", "b", "c", "d"], "error_cm2": [1.5, 5.4, 1.0, 9.0],
                          "warned": [False, False, True, False]})  # fmt: skip
    now = pd.DataFrame({"slice": ["a", "b", "c"], "networks": "members", "error_cm2": [1.47, 5.9, 1.0],
                        "warnings": ""})  # fmt: skip
    student = now.assign(networks="student", error_cm2=0.0)
    assert real_ct.contradicted(audit, pd.concat([now, student])) == ["b", "c"]


@pytest.mark.filterwarnings("error")
def test_interval_of_a_mean_is_students():
    assert real_ct.mean([-3.5] * 8) == (-3.5, -3.5, -3.5)  # the same was taken off each
    assert real_ct.mean([1, 2, 3]) == pytest.approx((2, 2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-3)


def test_what_a_pixel_of_the_outline_is_worth():
    square = np.zeros((30, 30), bool)
    square[10:20, 10:20] = True
    rim = real_ct.rim(square, (1, 1))
    assert rim == pytest.approx({"smaller": 128 / 164, "larger": 200 / 240, "moved": 0.9, "cm2": 0.38})
    found = postprocess.dilate(square)
    assert real_ct.on_the_rim(found, square, (1, 1)) == 1
    found[0:4, 0:10] = True  # as many again, far away
    assert real_ct.on_the_rim(found, square, (1, 1)) == 0.5
