"""Pre-processing: the paper's grid and scaling, and the exact way back."""

import numpy as np
import pytest
from scipy import ndimage

from sarco.method import preprocess


def _slice(shape, spacing, centre=(12.0, -30.0)):
    """A disc of muscle, radius 60 mm, off centre, in fat, in air."""
    y, x = ((np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True))
    r = np.hypot(y[:, None] - centre[0], x[None, :] - centre[1])
    return np.where(r < 60, 50.0, np.where(r < 90, -100.0, -1000.0)), r < 60


GRIDS = [((512, 512), (0.8, 0.8)), ((400, 512), (0.7, 0.9)), ((333, 257), (1.3, 1.7))]


@pytest.mark.parametrize("shape, spacing", GRIDS)
@pytest.mark.parametrize("network_spacing", [1.0, 2.0])
def test_there_and_back_keeps_place_and_area(shape, spacing, network_spacing):
    image, mask = _slice(shape, spacing)
    x = preprocess.to_network(image, spacing, network_spacing)
    assert x.dtype == np.float16 and x.shape == (round(512 / network_spacing),) * 2
    share = preprocess.mask_to_network(mask, spacing, network_spacing)
    back = preprocess.to_native(share, spacing, shape, network_spacing) > 0.5
    assert back.shape == shape
    # One ring of half a network pixel around a disc of 60 mm is the most that resampling may move.
    assert back.sum() == pytest.approx(mask.sum(), rel=network_spacing / 60)
    offset = np.subtract(ndimage.center_of_mass(back), ndimage.center_of_mass(mask)) * spacing
    assert np.abs(offset).max() < 0.15 * network_spacing
    inside = ndimage.binary_erosion(share > 0.99, iterations=8)  # a spline rings beside an edge
    assert np.allclose(x[inside], (50 + 150) / 450, atol=2e-3)


def test_the_grid_of_the_paper_is_kept_where_it_already_is():
    rng = np.random.default_rng(0)
    image = rng.uniform(-150, 300, (512, 512))
    x = preprocess.to_network(image, (1.0, 1.0))
    assert np.allclose(x, (image + 150) / 450, atol=1e-3)  # float16 holds 11 bits


def test_values_are_clipped_to_the_window():
    image = np.full((64, 64), -1000.0)
    image[20:40, 20:40] = 3000
    x = preprocess.to_network(image, (1.0, 1.0))
    assert x.min() == 0 and x.max() == 1


@pytest.mark.parametrize("bad", [np.full((8, 8), np.nan), np.zeros((8, 8, 2))])
def test_bad_slices_are_refused(bad):
    with pytest.raises(ValueError):
        preprocess.to_network(bad, (1, 1))
    with pytest.raises(ValueError, match="spacing"):
        preprocess.to_network(np.zeros((8, 8)), (0, 1))


def test_body_box_holds_the_body_in_steps_of_sixteen():
    image, _ = _slice((512, 512), (1.0, 1.0))
    x = preprocess.to_network(image, (1.0, 1.0))
    box = preprocess.body_box(x)
    assert all((side.stop - side.start) % 16 == 0 for side in box)
    outside = x.copy()
    outside[box] = 0
    assert outside.max() == 0 and x[box].size < 0.25 * x.size
    assert preprocess.body_box(np.zeros((64, 64))) == (slice(0, 64), slice(0, 64))
