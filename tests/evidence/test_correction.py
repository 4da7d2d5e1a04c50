"""The correction as it is learned from a table of results, and its interval."""

import numpy as np
import pandas as pd
import pytest

from sarco.base.errors import SarcoError
from sarco.evidence import correction
from sarco.evidence.correction import Correction, correction_from_results


def test_correction_subtracts_the_mean_error():
    correction = Correction.learn([101, 103, 105], [100, 100, 100])
    assert (correction.mean_error_cm2, correction.sd_cm2, correction.n) == (3, 2, 3)
    # Student's t for 2 degrees of freedom is 4.3027.
    assert correction.high_cm2 - 3 == pytest.approx(4.3027 * 2 / np.sqrt(3), abs=1e-3)
    assert 3 - correction.low_cm2 == pytest.approx(correction.high_cm2 - 3)
    assert correction.apply(110.0) == 107
    with pytest.raises(ValueError, match="NaN"):
        correction.apply(float("nan"))
    with pytest.raises(ValueError, match="two"):
        Correction.learn([1], [1])


def results_table():
    """Validation slices whose final error is 2 cm2, among rows that the correction must not learn from."""
    rows = [
        ("validation", "A", 2, "1-2", "window", 101),
        ("validation", "B", 2, "1-2", "window", 102),
        ("validation", "C", 2, "1-2", "window", 103),
        ("validation", "D", 2, "1-2", "window", 150),
        ("test", "A", 2, "1-2", "window", 150),
        ("validation", "A", 1, "1", "window", 150),
        ("validation", "A", 2, "1-2", "dilation", 150),
    ]
    table = pd.DataFrame(rows, columns=["split", "quality", "members", "subset", "step", "area_cm2"])
    return table.assign(reference_area_cm2=100.0)


def test_correction_learns_from_validation_a_to_c_only():
    correction = correction_from_results(results_table())
    assert (correction.mean_error_cm2, correction.n) == (2, 3)
    # Half an interval is 4.3027 * 1 * sqrt(4/3) = 4.97: of two more test slices, off by 2 and -3 before the
    # correction, the latter lies just outside, and the first one (50) far.
    test = results_table().query("split == 'test'")
    more = [test.assign(area_cm2=100.0 + error) for error in (2, -3)]
    assert correction_from_results(pd.concat([results_table(), *more])).coverage == pytest.approx(1 / 3)
    assert correction_from_results(results_table().query("split != 'test'")).coverage is None
    with pytest.raises(SarcoError, match=r"cases\.csv"):
        correction_from_results(results_table().query("split == 'test'"))


def test_a_tissue_has_the_error_of_slices_that_show_it():
    n = correction.FEWEST
    rows = [(split, f"{split} {case}", name, side, 10 + error, 10.0)
            for name, side in (("psoas", "whole"), ("psoas", "left"))
            for split, errors in (("validation", [1.0, 3.0] * (n // 2)), ("test", [2.0, 2.5, -9.0, 2.0]))
            for case, error in enumerate(errors)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["split", "case", "tissue", "side", "members_area_cm2", "true_area_cm2"])
    table["members_dsc"] = [np.nan, *[0.9] * (len(table) - 1)]  # it was neither there nor found on the first
    rare = table[(table["split"] == "validation") & (table["side"] == "left")][1:].assign(
        tissue="iliacus", side="whole"
    )
    found = correction.of_tissues(pd.concat([table, rare]))
    assert list(found) == ["psoas, right", "psoas, left"]  # which are learned together
    assert (found["psoas, left"].mean_error_cm2, found["psoas, left"].n) == (2, n)
    assert found["psoas, left"].coverage == 0.75  # of the test slices, one is far off


def test_interval_of_one_more_slice():
    # Learned again and again on five slices: 95 % of the next slices lie within. Without the uncertainty of the mean
    # it would be 92 %, with 1.96 SD 85 %.
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        *learned, next_one = rng.normal(3, 2, 6)
        correction = Correction.learn(100 + np.array(learned), np.full(5, 100.0))
        low, high = correction.interval(100 + next_one)
        assert (low + high) / 2 == pytest.approx(correction.apply(100 + next_one))
        inside += low <= 100 <= high
    assert 935 <= inside <= 965
    assert (correction.smallest_cm2, correction.largest_cm2) == (100, 100)
    assert correction.interval(1.0)[0] == 0
