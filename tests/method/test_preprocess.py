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
    assert np.allclose(preprocess.to_native(x, (1.0, 1.0), (512, 512)), x, atol=1e-5)
    mask = image > 0
    assert np.array_equal(preprocess.mask_to_network(mask, (1.0, 1.0)), mask)


def test_values_are_clipped_to_the_window():
    image = np.full((64, 64), -1000.0)
    image[20:40, 20:40] = 3000
    x = preprocess.to_network(image, (1.0, 1.0))
    assert x.min() == 0 and x.max() == 1


@pytest.mark.parametrize("bad", [np.diag([0, np.nan]), np.diag([0, np.inf]), np.zeros((8, 8, 2))])
def test_bad_slices_are_refused(bad):
    with pytest.raises(ValueError, match=r"finite|\(rows, columns\)"):
        preprocess.to_network(bad, (1, 1))


@pytest.mark.parametrize("side", [0, -1, float("nan"), float("inf")])
def test_bad_spacings_are_refused(side):
    for spacing_mm in ((side, 1), (1, side)):
        with pytest.raises(ValueError, match="spacing"):
            preprocess.to_network(np.zeros((8, 8)), spacing_mm)


def test_beyond_the_slice_there_is_air():
    x = preprocess.to_network(np.full((100, 60), 75.0), (1.0, 1.0))  # a half of the window
    inside = np.zeros((512, 512), bool)
    inside[206:306, 226:286] = True
    assert (x[inside] == 0.5).all() and (x[~inside] == 0).all()
    share = preprocess.mask_to_network(np.ones((100, 60), bool), (1.0, 1.0))
    assert np.array_equal(share, inside) and share.dtype == np.float16


@pytest.mark.parametrize("ratio, sd_px", [(1.5, 0), (2.0, 0.5), (4.0, 1.5)])
def test_a_strong_reduction_is_blurred_before(ratio, sd_px):
    """A wave whose length is four pixels of the grid: a blur of that SD, in pixels of the slice, leaves so much."""
    length, reach = 4 * ratio, np.arange(-round(3 * sd_px), round(3 * sd_px) + 1)
    weights = np.exp(-(reach**2) / (2 * sd_px**2)) if sd_px else 1.0
    left = np.sum(weights * np.cos(2 * np.pi * reach / length)) / np.sum(weights)
    wave = np.cos(2 * np.pi * np.arange(400) / length)
    fine = 2.0 / ratio
    for image, spacings in ((np.tile(wave, (400, 1)), (2.0, fine)), (np.tile(wave[:, None], 400), (fine, 2.0))):
        x = preprocess.to_network(75 + 100 * image, spacings, 2.0).astype(float)
        middle = x[116:140, 116:140] - 0.5
        assert np.sqrt(2 * np.mean(middle**2)) / (100 / 450) == pytest.approx(left, rel=0.005)


def test_the_blur_reaches_three_sd_and_goes_on_beyond_the_edge():
    image = np.full((101, 101), -1000)  # whole numbers are blurred as others are
    image[:, [1, 50]] = 300
    x = preprocess.to_network(image, (1.0, 0.25))[256]  # every fourth column, from the first: 0, 4, ..., 48, 52, ...
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))  # of 4.5 pixels, in whole ones
    assert np.flatnonzero(x).tolist() == [243, 244, 255, 256]
    assert x[x > 0] == pytest.approx(weights[[6, 8, 7, 7]] / weights.sum(), rel=1e-3)  # 1, 3, 2, 2 from a line


@pytest.mark.parametrize("spacing_mm", [(1.3, 1.1), (1.0, 1.0)])  # no blur, up to a reduction of 1.5
def test_slices_take_a_cubic_spline_and_masks_a_linear_one(spacing_mm):
    rng = np.random.default_rng(0)
    image = rng.uniform(-400, 500, (64, 80))
    n, side = 341, 1.5
    ratio = np.divide(side, spacing_mm)
    offset = (np.array(image.shape) - 1) / 2 - ratio * (n - 1) / 2
    there = ndimage.affine_transform(image.clip(-150, 300), ratio, offset, (n, n), order=3, cval=-150)
    x = preprocess.to_network(image, spacing_mm, side)
    assert np.abs(x - (there.clip(-150, 300) + 150) / 450).max() < 5e-4
    mask = image > 200
    share = ndimage.affine_transform(mask.astype(float), ratio, offset, (n, n), order=1)
    assert np.abs(preprocess.mask_to_network(mask, spacing_mm, side) - share).max() < 5e-4


@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_way_back_takes_the_order_that_is_asked_for(order):
    probability = np.random.default_rng(0).random((256, 256), np.float32)
    shape, spacing_mm = (200, 180), (1.3, 1.7)  # all of it lies within the grid
    ratio = np.divide(spacing_mm, 2.0)
    there = ndimage.affine_transform(probability, ratio, 127.5 - ratio * (np.array(shape) - 1) / 2, shape, order=order)
    assert np.abs(preprocess.to_native(probability, spacing_mm, shape, 2.0, order=order) - there).max() < 1e-5


def body(sides, place, n=512):
    x = np.zeros((n, n), np.float16)
    x[place[0] : place[0] + sides[0], place[1] : place[1] + sides[1]] = 0.06
    return x


def test_body_box_holds_the_largest_part_in_steps_of_sixteen():
    x = body((100, 200), (200, 150))
    x[20:25, 100:300] = x[400:405, 100:400] = 0.2  # a blanket, a table
    x[100:200, 150:350] = 0.04  # hardly denser than air
    assert preprocess.body_box(x) == (slice(186, 314), slice(138, 362))  # 128 and 224 about the middle
    assert preprocess.body_box(x, margin_px=16) == (slice(178, 322), slice(130, 370))  # 144 and 240
    assert preprocess.body_box(x, margin_px=14, multiple=8) == (slice(186, 314), slice(134, 366))
    exact = preprocess.body_box(body((112, 113), (200, 200)))  # 112 and twice 8 are eight sixteens, one more is not
    assert [side.stop - side.start for side in exact] == [128, 144]
    # At an edge the window stays within the slice; it is never larger than that.
    assert preprocess.body_box(body((100, 200), (0, 312))) == (slice(0, 128), slice(288, 512))
    assert preprocess.body_box(body((500, 70), (3, 3), 509))[0] == slice(5, 501)
    assert preprocess.body_box(np.zeros((64, 48))) == (slice(0, 64), slice(0, 48))
