"""Labels by published limits, and how errors of the area move them."""

import numpy as np
import pandas as pd
import pytest
from results import made

from sarco.evidence import class_changes
from sarco.evidence.cutoffs import CUTOFFS
from sarco.method import metrics


def test_labels_change_only_near_the_limit():
    cases, _ = made()
    people = pd.DataFrame({
        "sex": ["F", "F", "M", "M"], "height_m": [1.6, 1.6, 1.8, 1.8], "weight_kg": [50.0, 90.0, 70.0, 95.0],
        "reference_area_cm2": [98.0, 99.0, 150.0, 150.0],
        "corrected_cm2": [99.0, 98.0, 150.0, 150.0],
        "true_area_cm2": [98.0, 98.0, 150.0, 150.0],
    })  # fmt: skip
    limits = class_changes.limits_cm2(people)
    assert list(limits["prado-2008"]) == pytest.approx([38.5 * 2.56] * 2 + [52.4 * 3.24] * 2)
    assert list(limits["martin-2013"]) == pytest.approx([41 * 2.56] * 2 + [43 * 3.24, 53 * 3.24])
    called = class_changes.low(people, "reader")
    assert list(called["prado-2008"]) == [True, False, True, True]
    assert list(called["martin-2013"]) == [True, True, False, True]
    table = class_changes.changes(people, cases).set_index(["cutoff", "what"])
    assert table.share["prado-2008", "network for reader"] == 0.5
    assert table.share["martin-2013", "network for reader"] == 0
    # At the limit itself Prado 2008 calls low, and Martin 2013 does not.
    for cutoff, beyond in (("prado-2008", 0.01), ("martin-2013", -0.01)):
        at = people.assign(reference_area_cm2=limits[cutoff], corrected_cm2=limits[cutoff] + beyond)
        assert class_changes.changes(at, cases).set_index(["cutoff", "what"]).share[cutoff, "network for reader"] == 1
    # A difference of no size changes nobody; one without end changes half of them.
    for sd_cm2, share in ((1e-6, 0.0), (1e6, 0.5)):
        expected = class_changes.changes(people, cases, sd_cm2).set_index(["cutoff", "what"])
        assert expected.share["prado-2008", "one reader for another"] == pytest.approx(share, abs=1e-3)
    # As large an error as the network's: the same as if two readers differed by its RMSE.
    rmse_cm2 = metrics.rmse(people.corrected_cm2, people.reference_area_cm2)
    both = class_changes.changes(people, cases, rmse_cm2).set_index(["what", "cutoff"]).share
    assert (both["a reader as far off as the network"] == both["one reader for another"]).all()
    pairs = class_changes.between_cutoffs(people)
    assert pairs.loc["prado-2008", "prado-2008"] == 3 and pairs.loc["prado-2008", "martin-2013"] == 2
    assert (pairs == pairs.T).all(axis=None) and list(pairs) == list(CUTOFFS)
    # A patient has no truth.
    real = people.assign(true_area_cm2=np.nan)
    assert set(class_changes.changes(real, cases).what) == {
        "network for reader", "a reader as far off as the network", "one reader for another"
    }  # fmt: skip
