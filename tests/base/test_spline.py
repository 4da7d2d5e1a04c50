"""Splines on pictures: the fast way is SciPy's."""

import numpy as np
import pytest
from scipy import ndimage

from sarco.base import spline


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("shape, spacing", [((96, 128), (0.8, 0.7)), ((50, 31), (1.3, 2.1)), ((300, 300), (0.4, 0.4))])
def test_each_picture_is_as_scipy_has_it(order, shape, spacing):
    rng = np.random.default_rng(0)
    pictures = np.zeros((2, 40, 64), np.float32)
    pictures[0, 10:30, 20:50] = rng.random((20, 30))
    pictures[1, 12:20, 5:9] = 1
    found = spline.resample_each(pictures, (1.0, 1.5), shape, spacing, order)
    assert found.shape == (2, *shape) and found.dtype == np.float32
    there = [spline.resample(picture, (1.0, 1.5), shape, spacing, order, 0.0) for picture in pictures]
    # Beyond what is left out a cubic spline still rings.
    assert np.abs(found - there).max() < (0.02 if order == spline.CUBIC else 1e-6)


def test_a_picture_to_its_edges():
    picture = np.random.default_rng(1).random((24, 24)).astype(np.float32)
    found = spline.resample_each(picture, (1.0, 1.0), (40, 47), (0.5, 0.5))
    assert found == pytest.approx(spline.resample(picture, (1.0, 1.0), (40, 47), (0.5, 0.5), 3, 0.0), abs=1e-5)
    assert not spline.resample_each(0 * picture, (1.0, 1.0), (8, 8), (1.0, 1.0)).any()


def test_grids_share_their_centre_and_beyond_is_what_is_told():
    picture = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(spline.resample(picture, (1, 1), (3, 4), (1, 1), 1, 0.0), picture)
    larger = spline.resample(picture, (1, 1), (5, 6), (1, 1), 1, -7.0)
    assert np.array_equal(larger[1:-1, 1:-1], picture) and larger[0, 0] == -7
    assert ndimage.center_of_mass(spline.resample(np.ones((3, 3)), (1, 1), (9, 7), (0.5, 0.5), 0, 0.0)) == (4, 3)
