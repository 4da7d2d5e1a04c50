"""The paper's three steps, against masks counted by hand."""

import numpy as np
import pytest
from scipy import ndimage

from sarco.method import postprocess


def test_threshold_is_strict_and_refuses_nan():
    assert postprocess.threshold([[0.5, np.nextafter(0.5, 1)]]).tolist() == [[False, True]]
    with pytest.raises(ValueError, match="NaN"):
        postprocess.threshold(np.array([[0.9, np.nan]]))


def test_dilation_adds_four_neighbours_once():
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    for kind in (bool, np.uint8):
        dilated = postprocess.dilate(mask.astype(kind))
        assert dilated.dtype == bool
        assert np.argwhere(dilated).tolist() == [[1, 2], [2, 1], [2, 2], [2, 3], [3, 2]]


def test_window_keeps_both_ends():
    image_hu = np.array([[-30, -29, 150, 151]])
    assert postprocess.window(np.ones((1, 4), bool), image_hu).tolist() == [[False, True, True, False]]
    with pytest.raises(ValueError, match="shape"):
        postprocess.window(np.ones((2, 4), bool), image_hu)


def test_steps_run_in_order():
    # The window comes last: a pixel that only dilation reached is still cut by its attenuation.
    probability = np.zeros((5, 5))
    probability[2, 2] = 0.8
    image_hu = np.full((5, 5), 50.0)
    image_hu[1, 2] = -100
    found = postprocess.steps(probability, image_hu)
    assert tuple(found) == postprocess.STEPS
    assert [int(mask.sum()) for mask in found.values()] == [1, 5, 4]
    assert np.array_equal(postprocess.postprocess(probability, image_hu), found["window"])


def test_dilation_is_scipys_at_the_edges_too():
    mask = np.random.default_rng(0).random((12, 17)) > 0.8
    before = mask.copy()
    assert np.array_equal(postprocess.dilate(mask), ndimage.binary_dilation(mask)) and np.array_equal(mask, before)
