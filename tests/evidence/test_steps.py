"""Short tables of the long one, from errors that are known."""

import numpy as np
import pandas as pd
import pytest

from sarco.base.errors import SarcoError
from sarco.evidence import steps


def made_up(errors, dsc=None):
    """A table with the given area errors, {(split, subset, step): one error a case}; true: 100 cm2."""
    rows = []
    for (split, subset, step), values in errors.items():
        for case, error in enumerate(values):
            rows.append({
                "case": f"{split}{case}", "split": split, "quality": "ABC"[case % 3], "subset": subset,
                "members": 2 if "-" in subset else 1, "step": step, "area_cm2": 100.0 + error,
                "reference_area_cm2": 100.0, "dsc": (dsc or {}).get((subset, step), 0.9),
            })  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def table():
    errors = {}
    for split, offset in (("validation", 4), ("test", 5)):
        errors |= {
            (split, "1", "threshold"): [-6, -6, -6],
            (split, "2", "threshold"): [8, 8, 8],
            (split, "1-2", "threshold"): [-1, 0, 1],
            (split, "1-2", "dilation"): [8, 9, 10],
            (split, "1-2", "window"): [offset - 1, offset, offset + 1],
        }
    dsc = {
        ("1", "threshold"): 0.90,
        ("2", "threshold"): 0.92,
        ("1-2", "threshold"): 0.93,
        ("1-2", "window"): 0.96,
    }
    return made_up(errors, dsc)


def test_summary_follows_the_paper(table):
    summary = steps.summarise(table, "test")
    assert list(summary.index) == ["baseline", "ensemble", "post-processing", "bias correction"]
    assert list(summary.n) == [3] * 4
    # Two members that miss by -6 and +8 are a baseline of 7, although their errors nearly cancel.
    assert summary.rmse_cm2["baseline"] == 7
    assert summary.dsc_mean["baseline"] == pytest.approx(0.91)
    assert summary.mean_error_cm2["post-processing"] == 5
    # The correction is what validation says, 4, not what would suit the test set.
    assert summary.mean_error_cm2["bias correction"] == 1
    assert summary.rmse_cm2["bias correction"] == pytest.approx(np.sqrt(5 / 3))
    assert summary.mse["ensemble"] == pytest.approx(2 / 3)
    assert summary.loa_high_cm2["ensemble"] == pytest.approx(1.96)
    assert summary.dsc_mean["bias correction"] == summary.dsc_mean["post-processing"]


def test_by_members_starts_from_the_average_member(table):
    curve = steps.by_members(table, "test")
    assert list(curve.members) == [1, 2]
    assert curve.rmse_cm2[0] == 7
    assert curve.dsc_mean[1] == pytest.approx(0.93)


def test_a_split_without_slices_is_refused(table):
    with pytest.raises(SarcoError, match="train"):
        steps.summarise(table, "train")
