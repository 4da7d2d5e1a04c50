"""A disc in mm on a grid of pixels, against the libraries that are slower."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import isotropic_dilation, isotropic_erosion

from sarco.base import disc


@pytest.mark.parametrize("spacing_mm", [(0.6, 0.6), (0.7, 1.3), (1.0, 0.5), (4.0, 3.5)])
@pytest.mark.parametrize("shape", [(60, 45), (2, 70), (40, 1)])
def test_as_the_libraries(spacing_mm, shape):
    rng = np.random.default_rng(0)
    for blur_px in (0, 1, 3):
        noise = ndimage.gaussian_filter(rng.random(shape), blur_px)
        mask = noise > np.median(noise)
        for radius_mm in (1.2, 3.0, 3.5):  # 3.0 is whole pixels, where rounding shows
            grown, shrunk = (f(mask, radius_mm, spacing=spacing_mm) for f in (isotropic_dilation, isotropic_erosion))
            assert np.array_equal(disc.dilate(mask, radius_mm, spacing_mm), grown)
            assert np.array_equal(disc.erode(mask, radius_mm, spacing_mm), shrunk)
        assert np.array_equal(disc.fill(mask), ndimage.binary_fill_holes(mask))


def test_nothing_and_all():
    nothing = np.zeros((9, 9), bool)
    for change in (lambda mask: disc.dilate(mask, 3, (1, 1)), lambda mask: disc.erode(mask, 3, (1, 1)), disc.fill):
        assert not change(nothing).any() and change(~nothing).all()
