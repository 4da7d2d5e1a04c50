"""The area of a mask, and the paper's correction of it."""

import numpy as np
import pytest

from sarco.method import surface


def square(side=10):
    mask = np.zeros((32, 32), bool)
    mask[4 : 4 + side, 4 : 4 + side] = True
    return mask


def test_area_uses_both_spacings():
    assert surface.area_cm2(square(), (1.0, 1.0)) == surface.area_cm2(square().tolist(), (1.0, 1.0)) == 1.0
    assert surface.area_cm2(square(), (0.5, 0.8)) == pytest.approx(0.4)


def test_area_takes_no_thickness_of_the_slice():
    with pytest.raises(ValueError, match="unpack"):
        surface.area_cm2(square(), (1.0, 1.0, 5.0))


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf")])
def test_area_refuses_a_spacing_that_is_no_size(bad):
    for spacing_mm in ((bad, 1), (1, bad)):
        with pytest.raises(ValueError, match="spacing"):
            surface.area_cm2(square(), spacing_mm)


def test_area_refuses_what_is_no_plane_of_bool():
    for bad in (square() * np.uint8(255), square()[None]):
        with pytest.raises(ValueError, match="bool"):
            surface.area_cm2(bad, (1, 1))


def test_the_mean_error_of_labels_a_to_c_is_subtracted():
    assert surface.in_mean_error(list("ABCDA")).tolist() == [True, True, True, False, True]
    assert surface.corrected_cm2(110.0, 3.0) == 107
    assert surface.corrected_cm2(np.array([110.0, 2.0]), 3.0).tolist() == [107, -1]  # less than nothing stays so
    with pytest.raises(ValueError, match="NaN"):
        surface.corrected_cm2(np.array([1, float("nan")]), 3.0)
