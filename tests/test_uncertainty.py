"""Disagreement against error, on tables where the answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sarco import uncertainty
from sarco.errors import SarcoError


def table(errors, singles, split="test"):
    """Final areas of an ensemble of two and of its members alone; the true area is 100 cm2."""
    rows = []
    for i, (error, alone) in enumerate(zip(errors, singles, strict=True)):
        for subset, members, area in (("1-2", 2, 100 + error), ("1", 1, alone[0]), ("2", 1, alone[1])):
            rows.append((f"{split}{i}", split, "A", members, subset, "window", 0.95, area, 100.0, 99.0))
        rows.append((f"{split}{i}", split, "A", 1, "student", "window", 0.95, 1000.0, 100.0, 99.0))
    names = ["case", "split", "quality", "members", "subset", "step", "dsc", "area_cm2", "reference_area_cm2",
             "true_area_cm2"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


@pytest.fixture
def cases():
    validation = table([2, 2, 2], [(100, 100)] * 3, "validation")
    return pd.concat([validation, table([2, 3, 0], [(100, 102), (90, 110), (101, 101)])])


def test_disagreement_and_corrected_error_of_each_case(cases):
    found = uncertainty.by_case(cases, "test")
    assert list(found.index) == ["test0", "test1", "test2"]
    # The student's area of 1000 cm2 is no member's.
    assert found.sd_cm2.tolist() == pytest.approx([np.sqrt(2), 10 * np.sqrt(2), 0])
    assert found.error_cm2.tolist() == pytest.approx([0, 1, -2])  # 2 cm2 is the mean error in validation
    assert found.true_error_cm2.tolist() == pytest.approx([1, 2, -1])
    assert uncertainty.rmse_of_flagged(found, 5) == (1, pytest.approx(1), pytest.approx(np.sqrt(2)))
    assert uncertainty.rmse_of_flagged(found, 50)[:2] == (0, None)


def test_one_member_cannot_disagree(cases):
    with pytest.raises(SarcoError, match="two members or more"):
        uncertainty.by_case(cases[cases.members == 1], "test")


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    x = rng.gamma(2, 1, 200)
    y = np.round(x + rng.normal(0, 1, 200), 1)  # with ties
    rho, low, high = uncertainty.rank_correlation(x, y)
    assert rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert low < rho < high < low + 0.3
    assert uncertainty.rank_correlation(x, np.exp(x)) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert uncertainty.rank_correlation(x, rng.normal(size=200))[1] < 0


def test_risk_falls_only_where_disagreement_tells():
    error = np.array([1.0, -2.0, 3.0, -4.0])
    told = uncertainty.risk_coverage(np.abs(error), error)
    assert told.rmse_cm2.tolist() == told.best_cm2.tolist() == pytest.approx(np.sqrt([1, 2.5, 14 / 3, 7.5]))
    wrong = uncertainty.risk_coverage(-np.abs(error), error)
    assert wrong.rmse_cm2.tolist() == pytest.approx(np.sqrt([16, 12.5, 29 / 3, 7.5]))
    assert wrong.share.tolist() == [0.25, 0.5, 0.75, 1]
