"""Measures of agreement, against numbers worked out by hand."""

import numpy as np
import pytest

from sarco.method import metrics


def square(side=10):
    mask = np.zeros((32, 32), bool)
    mask[4 : 4 + side, 4 : 4 + side] = True
    return mask


def test_dice():
    assert metrics.dice(square(10), square(10)) == 1
    assert metrics.dice(square(10), square(5)) == metrics.dice(square(5).tolist(), square(10).tolist()) == 2 * 25 / 125
    empty = np.zeros((32, 32), bool)
    assert metrics.dice(empty, empty) == 1
    assert metrics.dice(empty, square()) == 0
    with pytest.raises(ValueError, match="shape"):
        metrics.dice(empty, empty[:16])
    for pair in ((empty, empty.astype(float)), (empty.astype(float), empty)):
        with pytest.raises(ValueError, match="bool"):
            metrics.dice(*pair)


def test_measures_of_area():
    predicted, true = [103, 99], [100, 100]
    assert metrics.mean_error(predicted, true) == 1
    assert metrics.mean_absolute_error(predicted, true) == 2
    assert metrics.mean_squared_error(predicted, true) == 5
    assert metrics.rmse(predicted, true) == pytest.approx(5**0.5)
    numbers = (metrics.mean_error, metrics.mean_absolute_error, metrics.mean_squared_error, metrics.rmse)
    assert {type(measure(predicted, true)) for measure in numbers} == {float}  # shown as 1.0, not as np.float64(1.0)
    assert {*map(type, metrics.limits_of_agreement(predicted, true))} == {float}
    half = 1.96 * 8**0.5
    assert metrics.limits_of_agreement(predicted, true) == pytest.approx((1 - half, 1 + half))
    with pytest.raises(ValueError, match="two"):
        metrics.limits_of_agreement([1], [1])


def test_many_samples_are_measured_at_once():
    errors = np.array([[3.0, -1.0], [0.0, 4.0]])
    assert metrics.mean_absolute(errors).tolist() == [2, 2]
    assert metrics.root_mean_square(errors) == pytest.approx([5**0.5, 8**0.5])
    half = 1.96 * 8**0.5  # of both: each has an SD of the root of 8
    assert np.array(metrics.limits(errors)) == pytest.approx(np.array([[1 - half, 2 - half], [1 + half, 2 + half]]))


@pytest.mark.parametrize("measure", [metrics.rmse, metrics.mean_absolute_error, metrics.mean_error,
                                     metrics.mean_squared_error, metrics.limits_of_agreement])  # fmt: skip
@pytest.mark.parametrize(
    "predicted, true", [([], []), ([1, 2], [1]), ([[1, 2]], [[1, 2]]), ([1, float("nan")], [1, 1])]
)
def test_measures_refuse_what_they_cannot_measure(measure, predicted, true):
    with pytest.raises(ValueError, match=r"NaN|length"):
        measure(predicted, true)
