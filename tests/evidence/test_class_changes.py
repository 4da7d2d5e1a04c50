"""Labels by published limits, and how errors of the area move them."""

import numpy as np
import pandas as pd
import pytest
from results import made

from sarco.evidence import class_changes

# cm2: the index's limit times the height squared, of two women of 1.6 m and two men of 1.8 m; one of each is heavy.
PRADO, MARTIN = "prado-2008", "martin-2013"
LIMITS = {PRADO: [38.5 * 2.56] * 2 + [52.4 * 3.24] * 2, MARTIN: [41 * 2.56] * 2 + [43 * 3.24, 53 * 3.24]}


@pytest.fixture(scope="module")
def cases():
    return made()[0]


@pytest.fixture
def people():
    return pd.DataFrame({
        "sex": ["F", "F", "M", "M"], "height_m": [1.6, 1.6, 1.8, 1.8], "weight_kg": [50.0, 90.0, 70.0, 95.0],
        "reference_area_cm2": [98.0, 99.0, 150.0, 150.0],
        "corrected_cm2": [99.0, 98.0, 150.0, 150.0],
        "true_area_cm2": [98.0, 98.0, 150.0, 150.0],
    })  # fmt: skip


def share(people, cases, cutoff, what, *sd_cm2):
    return class_changes.changes(people, cases, *sd_cm2).set_index(["cutoff", "what"]).share[cutoff, what]


@pytest.mark.parametrize("cutoff", LIMITS)
def test_the_limit_of_an_area_grows_with_the_height_squared(people, cutoff):
    assert list(class_changes.limits_cm2(people)[cutoff]) == pytest.approx(LIMITS[cutoff])


def test_who_is_low_by_the_readers_areas(people):
    called = class_changes.low(people, "reader")
    assert list(called[PRADO]) == [True, False, True, True]
    assert list(called[MARTIN]) == [True, True, False, True]


def test_a_class_changes_only_where_the_limit_lies_between_the_areas(people, cases):
    assert share(people, cases, PRADO, "network for reader") == 0.5
    assert share(people, cases, MARTIN, "network for reader") == 0
    # Against the truth the network has one woman wrong, the reader the other.
    assert share(people, cases, PRADO, "network for truth") == share(people, cases, PRADO, "reader for truth") == 0.25


@pytest.mark.parametrize(("cutoff", "beyond_cm2"), [(PRADO, 0.01), (MARTIN, -0.01)])
def test_at_the_limit_itself_prado_calls_low_and_martin_does_not(people, cases, cutoff, beyond_cm2):
    limit = class_changes.limits_cm2(people)[cutoff]
    at = people.assign(reference_area_cm2=limit, corrected_cm2=limit + beyond_cm2)
    assert share(at, cases, cutoff, "network for reader") == 1


@pytest.mark.parametrize(("sd_cm2", "expected"), [(1e-6, 0), (1e6, 0.5)])
def test_a_difference_of_no_size_changes_nobody_and_one_without_end_half(people, cases, sd_cm2, expected):
    assert share(people, cases, PRADO, "one reader for another", sd_cm2) == pytest.approx(expected, abs=1e-3)


def test_an_error_as_large_as_the_networks_is_worth_two_readers_that_differ_by_its_rmse(people, cases):
    rmse_cm2 = 0.5**0.5  # errors of 1, -1, 0 and 0
    both = class_changes.changes(people, cases, rmse_cm2).set_index(["what", "cutoff"]).share
    other = both["one reader for another"]
    assert both["a reader as far off as the network"].to_dict() == pytest.approx(other.to_dict())
    assert other[PRADO] > 0.1


def test_cutoffs_are_counted_against_each_other(people):
    pairs = class_changes.between_cutoffs(people)
    assert pairs.loc[PRADO, PRADO] == 3 and pairs.loc[PRADO, MARTIN] == 2
    assert (pairs == pairs.T).all(axis=None)


def test_a_patient_has_no_truth(people, cases):
    real = people.assign(true_area_cm2=np.nan)
    assert set(class_changes.changes(real, cases).what) == {
        "network for reader", "a reader as far off as the network", "one reader for another"
    }  # fmt: skip
