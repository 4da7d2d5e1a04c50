"""One slice from HU to cm2, with members whose probability is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from sarco.method import metrics
from sarco.method.slice import Measured, common_box, measure_slice, measure_subsets

SPACING_MM = (0.8, 1.0)
SHAPE = (96, 120)


def disc(radius_mm, shape=SHAPE, spacing_mm=SPACING_MM):
    rows, columns = ((np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing_mm, strict=True))
    return np.hypot(rows[:, None], columns) < radius_mm


@pytest.fixture
def three():
    """Members of 2 mm that are sure of discs of 10, 20 and 30 mm."""
    members = np.stack([disc(radius, (256, 256), (2.0, 2.0)) for radius in (10, 20, 30)]).astype(np.float32)

    def predict_members(image_hu, spacing_mm):
        assert (image_hu.shape, spacing_mm) == (SHAPE, SPACING_MM)
        return members

    return SimpleNamespace(size=3, network_spacing_mm=2.0, predict_members=predict_members)


@pytest.fixture
def image_hu():
    """Muscle, but for fat in the lower half."""
    image = np.full(SHAPE, 50.0, np.float32)
    image[SHAPE[0] // 2 :] = -100
    return image


def test_the_mean_of_all_members_decides(three, image_hu):
    found = measure_slice(image_hu, SPACING_MM, three)
    assert found.probability.shape == SHAPE and found.network_probability.shape == (256, 256)
    # Of discs within one another the mean is 1, 2/3, 1/3: over a half as far as the second reaches.
    for radius_mm, mean in ((8, 1), (18, 2 / 3), (28, 1 / 3)):
        row, column = SHAPE[0] // 2, round(SHAPE[1] / 2 + radius_mm / SPACING_MM[1] - 2)
        assert found.probability[row, column] == pytest.approx(mean, abs=0.1)
    assert metrics.dice(found.masks["threshold"], disc(20)) > 0.97


def test_threshold_dilation_window_and_area(three, image_hu):
    found = measure_slice(image_hu, SPACING_MM, three)
    thresholded, dilated, final = found.masks.values()
    assert list(found.masks) == ["threshold", "dilation", "window"]
    assert np.array_equal(thresholded, found.probability > 0.5)
    assert thresholded.sum() < dilated.sum() and np.array_equal(final, dilated & (image_hu > -29))
    assert found.mask is final
    assert found.area_cm2 == pytest.approx(final.sum() * 0.8 / 100)


def test_any_means_of_members_are_measured_at_once(three, image_hu):
    found = measure_subsets(image_hu, SPACING_MM, three, {"small": [0], "large": [2], "two": (0, 2), "all": range(3)})
    assert list(found) == ["small", "large", "two", "all"]
    assert found["small"].area_cm2 < found["all"].area_cm2 < found["large"].area_cm2
    mean = (found["small"].probability + found["large"].probability) / 2
    assert found["two"].probability == pytest.approx(mean, abs=1e-6)
    assert np.array_equal(found["all"].probability, measure_slice(image_hu, SPACING_MM, three).probability)


def test_a_part_of_the_slice_gives_the_same_masks(three, image_hu):
    found = measure_slice(image_hu, SPACING_MM, three)
    part = common_box([found])
    assert np.prod([side.stop - side.start for side in part]) < 0.5 * image_hu.size
    for step, mask in found.within(part).masks.items():
        assert np.array_equal(mask, found.masks[step][part]) and mask.sum() == found.masks[step].sum()
    assert found.within(part).area_cm2 == found.area_cm2


def test_the_common_box_holds_all_with_a_margin():
    probability = np.zeros((20, 30))
    probability[8:10, 12:15] = 0.6
    low = np.where(probability > 0, 0.3, 0)
    found = [Measured(one, np.zeros((20, 30)), (1.0, 1.0)) for one in (probability, low)]
    assert common_box(found) == (slice(6, 12), slice(10, 17))
    assert common_box(found[1:]) == (slice(None), slice(None))  # nothing over the threshold
    assert common_box(found[1:], level=0.2, margin_px=0) == (slice(8, 10), slice(12, 15))
    mask = np.zeros((20, 30), bool)
    mask[1, 28] = True
    assert common_box(found, mask, None) == (slice(0, 12), slice(10, 31))


def test_what_was_measured_is_shown_short_and_stays(three, image_hu):
    found = measure_slice(image_hu, SPACING_MM, three)
    assert repr(found) == "Measured(spacing_mm=(0.8, 1.0))" and found in {found}
    with pytest.raises(AttributeError):
        found.spacing_mm = (1.0, 1.0)
