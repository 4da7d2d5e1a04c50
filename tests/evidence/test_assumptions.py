"""What the results rest on: readers that err less, and fewer or more of what is rare."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sarco.base.errors import SarcoError
from sarco.cohort import make
from sarco.cohort.layout import Cohort
from sarco.evidence import assumptions, steps
from sarco.method.preprocess import mask_to_network
from sarco.method.surface import area_cm2
from sarco.phantom.phantom import phantom, reading
from sarco.runs import evaluation


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make.make(tmp_path_factory.mktemp("reference"), 10, matrix=128, workers=1, progress=False)


class Truth:
    """Two members that find the true mask."""

    size, network_spacing_mm = 2, 2.0

    def __init__(self, cohort):
        self.by_slice = {cohort.read_slice(c).image_hu.tobytes(): cohort.read_true_mask(c) for c in cohort.cases()}

    def predict_members(self, image_hu, spacing_mm):
        mask = mask_to_network(self.by_slice[image_hu.tobytes()], spacing_mm, network_spacing_mm=2.0)
        return np.stack([mask.astype(np.float32)] * 2)


def test_a_reading_shrinks_to_the_truth_and_at_its_own_scale_is_the_cohorts():
    for seed in range(3):
        p = phantom((5, 0, seed), matrix=192)
        assert (reading(p, 1.0) == p.mask).all() and (reading(p, 0.0) == p.true_mask).all()
        wrong = [np.count_nonzero(reading(p, scale) ^ p.true_mask) for scale in (0.0, 0.5, 1.0)]
        assert wrong[0] == 0 < wrong[1] < wrong[2]


def test_the_phantom_of_a_case_is_drawn_again(cohort, tmp_path):
    p = make.phantom_of(cohort, "0003")
    assert (p.mask == cohort.read_mask("0003")).all() and (p.true_mask == cohort.read_true_mask("0003")).all()
    other = Cohort(cohort.root, cohort.table)
    other.read_slice = lambda case: cohort.read_slice("0004")
    with pytest.raises(SarcoError, match="not the slice that is drawn now"):
        make.phantom_of(other, "0003")
    with pytest.raises(SarcoError, match="no phantoms"):
        make.phantom_of(SimpleNamespace(root=tmp_path), "0003")


def test_the_same_masks_are_set_against_each_reader(cohort):
    truth, case = Truth(cohort), cohort.cases("test")[0]
    found = pd.DataFrame(assumptions._read(cohort, truth, case), columns=list(assumptions.COLUMNS))
    # A reader who errs more agrees less with the truth, and so with the networks that draw the truth.
    assert set(found["subset"]) == {"1-2"} and found["scale"].is_monotonic_increasing
    for dsc in (found["reader_dsc"], found["dsc"]):
        assert dsc.is_monotonic_decreasing and dsc.iloc[-1] < dsc.iloc[0]
    own = found[found["scale"] == 1].iloc[0]
    spacing = cohort.read_slice(case).spacing_mm
    assert own["reference_area_cm2"] == pytest.approx(area_cm2(cohort.read_mask(case), spacing))
    # The same row as evaluation gives.
    image, reader, true = cohort.read_slice(case), cohort.read_mask(case), cohort.read_true_mask(case)
    rows = evaluation.score(truth, evaluation.subsets(2), image, reader, true)
    assert own["dsc"] == next(r["dsc"] for r in rows if r["subset"] == "1-2" and r["step"] == evaluation.FINAL)
    assert found["reader_dsc"].iloc[0] == 1


def test_readers_and_shares_change_what_depends_on_them_and_nothing_else(cohort):
    test = cohort.cases("test")
    cases = evaluation.evaluate(cohort, Truth(cohort), test, progress=False)
    rows = [row for case in test for row in assumptions._read(cohort, Truth(cohort), case)]
    readers = pd.DataFrame(rows, columns=list(assumptions.COLUMNS)).round(assumptions.DECIMALS)
    by_sd = dict(assumptions.with_readers(cases, readers))
    # Of three slices at 128 px the SD grows by whole pixels, so only its ends are sure.
    found = list(by_sd)
    assert found[0] == min(found) == 0 and found[-1] == max(found) and len(found) == len(assumptions.SCALES)
    final = steps.rows(cases, "test")
    table = list(by_sd.values())[assumptions.SCALES.index(1.0)]
    assert (table.set_index("case")["dsc"] == final.set_index("case")["dsc"]).all()
    assert (by_sd[0].reference_area_cm2 - by_sd[0].true_area_cm2).abs().max() < 0.001
    assert (by_sd[0].set_index("case").area_cm2 == final.set_index("case").area_cm2).all()
    for factor in assumptions.SHARES:
        more = steps.rows(assumptions.with_share(cases, test[:1], factor), "test")
        assert len(more) == len(test) - 1 + factor and not more.duplicated("case").any()
    # The share that is told is the share in the table.
    labels = cohort.table.reset_index()
    labels["quality"] = ["D" if case == test[0] else "A" for case in labels["case"]]
    run = SimpleNamespace(results={"cases": cases, "cohort": labels, "readers": readers}.get)
    shares = [(value, table) for name, _, value, table in assumptions.alternatives(run) if "label" in name]
    for value, table in shares:
        of_label = steps.rows(table, "test")["case"].str.startswith(test[0])
        assert value == pytest.approx(100 * of_label.mean())
    assert len(shares) == len(assumptions.SHARES)
