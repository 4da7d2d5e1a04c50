"""Areas, their correction, and the measures of agreement, against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from sarco.base.errors import SarcoError
from sarco.ct import dicom
from sarco.method import metrics, surface


def square(side=10):
    mask = np.zeros((32, 32), bool)
    mask[4 : 4 + side, 4 : 4 + side] = True
    return mask


def test_area_uses_both_spacings():
    assert surface.area_cm2(square(), (1.0, 1.0)) == 1.0
    assert surface.area_cm2(square(), (0.5, 0.8)) == pytest.approx(0.4)


@pytest.mark.parametrize("thickness_mm", [1.0, 5.0])
def test_area_ignores_slice_thickness(tmp_path, thickness_mm):
    image_hu = np.random.default_rng(0).normal(0, 200, (64, 64))
    path = tmp_path / "slice.dcm"
    dicom.write_slice(path, image_hu, (0.7, 0.9), case="1", slice_thickness_mm=thickness_mm)
    read = dicom.read_slice(path)
    assert float(read.header.SliceThickness) == thickness_mm
    mask = np.zeros(read.image_hu.shape, bool)
    mask[:10, :10] = True
    assert surface.area_cm2(mask, read.spacing_mm) == pytest.approx(0.63)


@pytest.mark.parametrize("spacing_mm", [(0, 1), (1, float("nan")), (-1, 1), (float("inf"), 1)])
def test_area_refuses_a_spacing_that_is_no_size(spacing_mm):
    with pytest.raises(ValueError, match="spacing"):
        surface.area_cm2(square(), spacing_mm)


def test_area_refuses_a_mask_of_255():
    with pytest.raises(ValueError, match="bool"):
        surface.area_cm2(square() * np.uint8(255), (1, 1))


def test_correction_subtracts_the_mean_error():
    correction = surface.Correction.learn([101, 103, 105], [100, 100, 100])
    assert (correction.mean_error_cm2, correction.sd_cm2, correction.n) == (3, 2, 3)
    # Student's t for 2 degrees of freedom is 4.3027.
    assert correction.high_cm2 - 3 == pytest.approx(4.3027 * 2 / np.sqrt(3), abs=1e-3)
    assert correction.apply(110.0) == 107
    with pytest.raises(ValueError, match="NaN"):
        correction.apply(float("nan"))
    with pytest.raises(ValueError, match="two"):
        surface.Correction.learn([1], [1])


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
    correction = surface.correction_from_results(results_table())
    assert (correction.mean_error_cm2, correction.n) == (2, 3)
    # Half an interval is 4.3027 * 1 * sqrt(4/3) = 4.97: of two more test slices, off by 2 and -3 before the
    # correction, the latter lies just outside, and the first one (50) far.
    test = results_table().query("split == 'test'")
    more = [test.assign(area_cm2=area) for area in (102, 97)]
    assert surface.correction_from_results(pd.concat([results_table(), *more])).coverage == pytest.approx(1 / 3)
    assert surface.correction_from_results(results_table().query("split != 'test'")).coverage is None
    with pytest.raises(SarcoError, match="validation"):
        surface.correction_from_results(results_table().query("split == 'test'"))


def test_dice():
    assert metrics.dice(square(10), square(10)) == 1
    assert metrics.dice(square(10), square(5)) == 2 * 25 / 125
    empty = np.zeros((32, 32), bool)
    assert metrics.dice(empty, empty) == 1
    assert metrics.dice(empty, square()) == 0
    with pytest.raises(ValueError, match="shape"):
        metrics.dice(empty, empty[:16])
    with pytest.raises(ValueError, match="bool"):
        metrics.dice(empty, empty.astype(float))


def test_measures_of_area():
    predicted, true = [103, 99], [100, 100]
    assert metrics.mean_error(predicted, true) == 1
    assert metrics.mean_absolute_error(predicted, true) == 2
    assert metrics.mean_squared_error(predicted, true) == 5
    assert metrics.rmse(predicted, true) == pytest.approx(5**0.5)
    half = 1.96 * 8**0.5
    assert metrics.limits_of_agreement(predicted, true) == pytest.approx((1 - half, 1 + half))


@pytest.mark.parametrize(
    "measure",
    [metrics.rmse, metrics.mean_absolute_error, metrics.mean_error, metrics.limits_of_agreement],
)
@pytest.mark.parametrize("predicted, true", [([], []), ([1, 2], [1]), ([1, float("nan")], [1, 1])])
def test_measures_refuse_what_they_cannot_measure(measure, predicted, true):
    with pytest.raises(ValueError, match=r"NaN|length"):
        measure(predicted, true)


def test_interval_of_one_more_slice():
    # Learned again and again on five slices: 95 % of the next slices lie within. Without the uncertainty of the mean
    # it would be 92 %, with 1.96 SD 85 %.
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        *learned, next_one = rng.normal(3, 2, 6)
        correction = surface.Correction.learn(100 + np.array(learned), np.full(5, 100.0))
        low, high = correction.interval(100 + next_one)
        assert (low + high) / 2 == pytest.approx(correction.apply(100 + next_one))
        inside += low <= 100 <= high
    assert 935 <= inside <= 965
    assert (correction.smallest_cm2, correction.largest_cm2) == (100, 100)
    assert correction.interval(1.0)[0] == 0
