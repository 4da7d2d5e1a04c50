"""The paper's numbers agree with each other where they can, and disagree where we say so."""

import dataclasses

import numpy as np
import pytest

from sarco import paper
from sarco.evidence import audit
from sarco.evidence.printed import PRINTED, RESULTS

FOLLOW_FROM_OTHERS = {"FIELD_MM", "TRAINING", "DRAWS_PER_EPOCH", "PASSES_PER_EPOCH"}
CONSTANTS = {name: value for name, value in vars(paper).items() if name.isupper()}


def check(name):
    return next(item for item in audit.audit() if item.name == name)


def test_slices_add_up():
    assert check("slices included").agrees


def test_dsc_chain_closes_and_rmse_chain_does_not():
    dsc, rmse = check("DSC after post-processing"), check("RMSE after post-processing")
    assert dsc.computed == pytest.approx(0.962, abs=5e-4)
    assert dsc.agrees
    assert rmse.computed == pytest.approx(3.69, abs=5e-3)
    assert not rmse.agrees


def test_rmse_follows_from_mse():
    assert check("test RMSE").computed == pytest.approx(3.69, abs=5e-3)
    assert check("test RMSE").agrees
    assert check("largest test error").agrees
    assert audit.mean_absolute_error_cm2() == pytest.approx(2.9, abs=0.05)


def test_the_rmse_chain_misses_by_more_than_rounding():
    values, low, high = audit.rmse_chain_cm2()
    assert values == pytest.approx([4.7, 4.479, 3.686], abs=5e-4)
    assert low < values[-1] < high
    assert not low <= audit.rounding(RESULTS["postprocessing_rmse"].value, 1)[1]
    # With this decrease in place of the printed one, the chain would close.
    change = audit.missing_rmse_change_percent()
    assert 4.7 * (1 + change / 100) * (1 - 0.177) == pytest.approx(3.4)


def test_the_two_readings_of_an_error_with_an_sd():
    found = {reading.name: reading for reading in audit.readings()}
    assert list(found) == ["baseline_rmse", "postprocessing_rmse", "corrected_rmse", "test_rmse"]
    test = found["test_rmse"]
    assert test.mae_cm2 == pytest.approx(2.9, abs=0.05)
    # Known without data: |x| of a normal x has mean sqrt(2 / pi), and its SD is sqrt(1 - 2 / pi).
    assert pytest.approx(((1 - 2 / 3.14159265) / (2 / 3.14159265)) ** 0.5, abs=1e-6) == audit.NORMAL_RATIO
    # On the test set only one reading agrees with the printed MSE.
    assert abs(test.rmse_cm2**2 - RESULTS["test_mse"].value) > 5


def test_the_mean_error_that_is_not_printed():
    largest, as_rmse, as_mae = audit.mean_errors()
    assert largest.value_cm2 == pytest.approx(13.4 - 10.7)
    assert as_rmse.value_cm2 == pytest.approx(1.93, abs=0.005) and as_mae.value_cm2 == pytest.approx(2.45, abs=0.005)
    # Only one reading of the RMSE can have lost as much as the largest error did.
    assert as_rmse.high_cm2 < largest.low_cm2 < as_mae.high_cm2


def test_the_inference_finds_a_mean_error_that_is_known(monkeypatch):
    errors = np.random.default_rng(0).normal(2.5, 3, paper.VALIDATION)
    absolute = {"postprocessing_rmse": abs(errors), "corrected_rmse": abs(errors - errors.mean())}

    def printed(value):
        return {name: dataclasses.replace(RESULTS[name], value=value(e), sd=e.std(ddof=1), high=e.max())
                for name, e in absolute.items()}  # fmt: skip

    monkeypatch.setattr(audit, "RESULTS", {**RESULTS, **printed(lambda e: np.sqrt(np.mean(e**2)))})
    largest, as_rmse, _ = audit.mean_errors()
    assert as_rmse.value_cm2 == pytest.approx(errors.mean()) and largest.value_cm2 <= errors.mean() + 1e-9
    monkeypatch.setattr(audit, "RESULTS", {**RESULTS, **printed(np.mean)})
    assert audit.mean_errors()[2].value_cm2 == pytest.approx(errors.mean())


def test_tails_and_what_they_make_of_an_rmse(monkeypatch):
    assert audit.kurtosis() == pytest.approx(4.0, abs=0.05)
    errors = np.random.default_rng(1).normal(0, 3.7, (20_000, 100))
    square = errors.ravel() ** 2
    assert audit.kurtosis_of(square.mean(), square.std()) == pytest.approx(3, abs=0.02)
    # The standard error of an RMSE of 100 normal errors, by formula and by doing it 20,000 times.
    monkeypatch.setattr(audit, "TEST", 100)
    monkeypatch.setattr(audit, "kurtosis", lambda: 3)
    by_formula = audit.standard_error("test_rmse", "rmse")
    assert by_formula == pytest.approx(np.sqrt((errors**2).mean(axis=1)).std(), rel=0.03)


@pytest.mark.parametrize("name", RESULTS)
def test_each_printed_number_lies_in_its_range(name):
    printed = RESULTS[name]
    assert (printed.sd is None) == (printed.low is None) == (printed.high is None)
    if printed.low is not None:
        assert printed.low <= printed.value <= printed.high


def test_each_constant_is_the_number_of_the_table():
    assert set(CONSTANTS) - FOLLOW_FROM_OTHERS <= set(PRINTED)
    for name in set(CONSTANTS) & set(PRINTED):
        assert repr(CONSTANTS[name]) == repr(PRINTED[name].value), name  # 1 and 1.0 are told apart


def test_each_number_has_its_place_in_the_paper_and_in_the_book():
    for printed in PRINTED.values():
        assert printed.claim and printed.section and printed.position and printed.book
        assert len(printed.position.split()) <= 5, "a place, not a quotation"
    # The best of prior work, which the paper names itself.
    best = max(RESULTS[name].value for name in ("lee_2017_dsc", "park_2020_dsc", "weston_2019_dsc"))
    assert PRINTED["matches_prior_work"].than == best
