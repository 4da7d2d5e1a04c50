"""The one bootstrap: against SciPy's, and on samples whose answers are known."""

import numpy as np
import pytest
import results
from scipy import stats

from sarco.evidence import statistics
from sarco.evidence.bootstrap import DRAWS, SEED, Corrected, Held, bootstrap, estimate, mean, slope
from sarco.evidence.correction import correction_from_results


def scipys(statistic, samples, paired):
    drawn = stats.bootstrap(samples, statistic, paired=paired, n_resamples=DRAWS, method="percentile",
                            rng=np.random.default_rng(SEED))  # fmt: skip
    return tuple(drawn.confidence_interval)


def test_intervals_are_those_of_scipy():
    x, y, z = np.random.default_rng(0).normal(5, 2, (3, 30))
    apart = lambda one, other, axis=-1: one.mean(axis=axis) - other.mean(axis=axis)  # noqa: E731
    assert bootstrap(apart, [x], [z[:20]])[1:] == pytest.approx(scipys(apart, (x, z[:20]), paired=False))
    together = lambda one, other, axis=-1: (one * other).mean(axis=axis)  # noqa: E731
    assert bootstrap(together, [x, y])[1:] == pytest.approx(scipys(together, (x, y), paired=True))


def test_a_draw_without_a_value_leaves_no_interval_unless_it_is_skipped():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0])  # one draw in nine is of one case only
    assert bootstrap(slope, [x, y]) == (pytest.approx(2), None, None)
    assert bootstrap(slope, [x, y], skip_nan=True) == pytest.approx((2, 2, 2))
    x, y = np.random.default_rng(0).normal(0, 1, (2, 40))
    assert slope(x, y) == pytest.approx(np.polyfit(x, y, 1)[0])


def test_networks_are_averaged_and_a_change_is_paired():
    before = np.random.default_rng(0).normal(0, 5, (3, 20))
    assert estimate(before, mean) == pytest.approx(estimate(before.mean(axis=0), mean))
    assert estimate(before + 0.5, mean, before) == pytest.approx((0.5, 0.5, 0.5))  # although the cases differ by far
    # Of one case there is no interval, however many taught the correction.
    assert estimate([4.0], mean) == estimate(Corrected(np.array([6.0]), np.array([1.0, 3.0])), mean) == (4, 4, 4)


def test_the_prediction_interval_knows_that_two_cases_taught_it():
    taught = np.array([0.0, 2.0])  # mean 1, SD sqrt(2); Student's t with one degree of freedom is 12.7
    half = 12.706 * np.sqrt(2) * np.sqrt(1.5)
    held = Held(np.array([1 + half - 0.1, 1 + half + 0.1, 1 - half - 0.1]), taught)
    assert list(held.drawn(held.errors_cm2, taught)) == [1, 0, 0]


def test_an_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(120):
        sample = rng.normal(5, 2, 50)
        value, low, high = estimate(sample, mean)
        assert low < value < high
        hits += low <= 5 <= high
    assert 105 <= hits <= 119  # 95 of 100, with room for chance and for small samples


def test_an_interval_after_the_correction_knows_that_few_cases_taught_it():
    rng = np.random.default_rng(0)
    held, too_narrow = 0, 0
    for _ in range(60):
        errors, taught = rng.normal(3, 4, 200), rng.normal(3, 4, 38)
        _, low, high = estimate(Corrected(errors, taught), mean)
        held += low <= 0 <= high
        _, low, high = estimate(errors - taught.mean(), mean)
        too_narrow += low <= 0 <= high
    # What is subtracted is right in the mean, so 0 should be held in 95 of 100; a mean of 38 has an SD of 0.65 alone.
    assert held >= 52 and too_narrow < 48


def test_on_its_own_cases_the_correction_is_learned_anew_in_each_draw():
    cases, _ = results.made()
    own = statistics.measured(cases, statistics.rows(cases, "validation"))["error_cm2"]
    assert own.same and np.isnan(own.taught_cm2).sum() == results.N // 4  # a D does not teach
    assert np.nanmean(own.taught_cm2) == pytest.approx(correction_from_results(cases).mean_error_cm2)
    everybody = Corrected(own.errors_cm2, own.errors_cm2, same=True)
    assert estimate(everybody, mean) == pytest.approx((0, 0, 0))
    # Another split, or some of the cases, is corrected by the others' mean, and both are drawn.
    other = statistics.measured(cases, statistics.rows(cases, "test"))["error_cm2"]
    assert not other.same and len(other.taught_cm2) == results.N * 3 // 4
    # A draw without any teacher has no value, and then there is no interval.
    few = Corrected(np.array([1.0, 2.0]), np.array([1.0, np.nan]), same=True)
    assert estimate(few, mean) == (0.5, None, None)
