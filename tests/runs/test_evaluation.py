"""The long table of results, and what is made from it, on a toy cohort whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from toys import SPACING_MM, ToyCohort, ToyEnsemble, disc

from sarco.base import tables
from sarco.base.errors import SarcoError
from sarco.evidence import steps
from sarco.method import metrics, postprocess, surface
from sarco.method.preprocess import to_native
from sarco.runs import evaluation


@pytest.fixture
def cohort():
    return ToyCohort(["validation"] * 4 + ["test"] * 3, list("ABCDABC"))


def test_subsets_are_prefixes_and_singles_once():
    assert evaluation.subsets(1) == {"1": [0]}
    assert evaluation.subsets(3) == {"1": [0], "1-2": [0, 1], "1-3": [0, 1, 2], "2": [1], "3": [2]}


def test_evaluate_gives_one_row_a_case_subset_and_step(cohort):
    table = evaluation.evaluate(cohort, ToyEnsemble([3, 1]), cohort.names, progress=False)
    assert tuple(table.columns) == evaluation.COLUMNS
    assert len(table) == 7 * 3 * 3
    assert not table.duplicated(["case", "subset", "step"]).any()
    first = table[table.case == "0001"]
    assert np.allclose(first.reference_area_cm2, disc(21).sum() * 0.8 / 100, atol=5e-4)
    final = first[first.step == "window"]
    # The window drops the fat that the dilation reached, so only muscle at 50 HU is left.
    assert (final.mean_hu == 50).all()
    assert first[first.step != "window"].mean_hu.isna().all()
    assert table[table.case == "0000"][["true_dsc", "reader_dsc"]].isna().all(axis=None)
    assert (first.true_dsc == first.dsc).all() and (first.reader_dsc == 1).all()
    by_subset = first[first.step == "threshold"].set_index("subset").area_cm2
    assert by_subset["1"] < by_subset["1-2"] < by_subset["2"]


def test_cropping_and_threads_change_no_row(cohort):
    """Each row is what the whole slice, post-processed step by step, gives."""
    ensemble, student = ToyEnsemble([3, 1, 0]), ToyEnsemble([2])
    table = evaluation.evaluate(cohort, ensemble, cohort.names, student=student, progress=False)
    assert list(table.case.unique()) == cohort.names
    for row in table[table.case.isin(["0001", "0004"])].itertuples():
        image = cohort.read_slice(row.case)
        team, members = (student, [0]) if row.subset == "student" else (ensemble, evaluation.subsets(3)[row.subset])
        mean = team.predict_members(image.image_hu, SPACING_MM)[members].mean(axis=0)
        native = to_native(mean, SPACING_MM, image.image_hu.shape, 2.0)
        mask = postprocess.steps(native, image.image_hu)[row.step]
        assert row.members == len(members)
        assert row.dsc == round(metrics.dice(mask, disc(20 + int(row.case))), 5)
        assert row.area_cm2 == round(surface.area_cm2(mask, SPACING_MM), 3)


def test_the_student_stands_beside_the_members_and_is_none(cohort):
    alone = evaluation.evaluate(cohort, ToyEnsemble([3, 1]), cohort.names, progress=False)
    both = evaluation.evaluate(cohort, ToyEnsemble([3, 1]), cohort.names, student=ToyEnsemble([8]), progress=False)
    taught = both[both.subset == "student"]
    assert len(taught) == 7 * 3 and (taught.members == 1).all()
    for table in (steps.summarise, steps.by_members):
        pd.testing.assert_frame_equal(table(both, "test"), table(alone, "test"))


def test_an_empty_prediction_has_no_mean_hu(cohort):
    table = evaluation.evaluate(cohort, ToyEnsemble([40]), ["0001"], progress=False)
    assert (table.area_cm2 == 0).all()
    assert (table.dsc == 0).all()
    assert table.mean_hu.isna().all()


@pytest.mark.parametrize("torn_bytes", [0, 1, 100, 10**6])
def test_an_interrupted_run_goes_on(cohort, tmp_path, torn_bytes):
    partial = tmp_path / "partial.csv"
    cases = cohort.cases("test")
    ensemble = ToyEnsemble([3, 1])
    whole = evaluation.evaluate(cohort, ensemble, cases, progress=False, partial_csv=partial)
    assert ensemble.calls == 3
    partial.write_bytes(partial.read_bytes()[: -torn_bytes or None])
    again = evaluation.evaluate(cohort, ensemble, cases, progress=False, partial_csv=partial)
    assert ensemble.calls == 3 + {0: 0, 1: 1, 100: 1, 10**6: 3}[torn_bytes]
    pd.testing.assert_frame_equal(again, whole)
    pd.testing.assert_frame_equal(
        tables.read_results(partial).sort_values(["case", "subset", "step"], ignore_index=True),
        whole.sort_values(["case", "subset", "step"], ignore_index=True),
    )


def test_committed_results_are_not_replaced_by_those_of_the_sample():
    with pytest.raises(SarcoError, match="committed"):
        evaluation.run("published", progress=False)


def test_a_student_of_every_tissue_looks_at_what_all_members_count(cohort):
    class Student(ToyEnsemble):
        tissues = ("psoas", "kidney")

        def predict_outputs(self, image):
            return np.stack([np.zeros_like(image), np.zeros_like(image), np.ones_like(image)])[None].astype(np.float32)

    table = evaluation.evaluate(cohort, ToyEnsemble([3, 1]), cohort.names, student=Student([2]), progress=False)
    seen = table[table.other_tissue_cm2.notna()]
    assert (seen.subset == "1-2").all() and (seen.step == "window").all() and len(seen) == len(cohort.names)
    assert np.allclose(seen.other_tissue_cm2, seen.area_cm2, rtol=0.03)  # a kidney, but for a rim
    # Of two masks, one within the other, either lies half their difference from the majority.
    alone = table[table.step == "window"].pivot(index="case", columns="subset", values="area_cm2")
    assert np.allclose(seen.set_index("case").members_apart_cm2, (alone["2"] - alone["1"]) / 2, atol=2e-3)
