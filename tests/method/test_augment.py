"""Augmentation: the paper's rotation and scaling, drawn over their whole range, and applied to slice and mask alike."""

import numpy as np
import pytest

from sarco import paper
from sarco.method import augment

PATCH = (32, 48)


class Fixed:
    """In place of a generator: the turn, the scale and the shift that are wanted."""

    def __init__(self, turn_deg=0.0, scale=1.0, shift=(0.0, 0.0)):
        self.left = [turn_deg, scale, np.array(shift)]

    def uniform(self, low, high, size=None):
        assert size in (None, 2)
        return self.left.pop(0)


def body(height=24, width=32):
    """A rectangle in the middle of 64 x 64 pixels of air."""
    image = np.zeros((64, 64), np.float16)
    image[32 - height // 2 : 32 + height // 2, 32 - width // 2 : 32 + width // 2] = 0.5
    return image


def test_turn_scale_and_shift_take_their_whole_range():
    rng, centre = np.random.default_rng(0), np.array([31.5, 31.5])
    draws = [augment.draw_affine(centre, PATCH, rng) for _ in range(3000)]
    matrices = np.array([matrix for matrix, _ in draws])
    scales = np.linalg.det(matrices) ** -0.5
    turns = np.rad2deg(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    middle = (np.array(PATCH) - 1) / 2
    shifts = np.array([matrix @ middle + offset - centre for matrix, offset in draws]) / PATCH
    limits = [(scales, *paper.SCALE), (turns, *paper.ROTATION_DEG)]
    for values, low, high in (*limits, *((one, -0.06, 0.06) for one in shifts.T)):
        slack = 0.01 * (high - low)
        assert low - 1e-9 <= values.min() < low + slack and high - slack < values.max() <= high + 1e-9
    assert np.abs(np.corrcoef(np.column_stack([scales, turns, shifts]).T) - np.eye(4)).max() < 0.1


@pytest.mark.parametrize("scale", [0.9, 1.0, 1.1])
def test_the_body_grows_by_the_scale(scale):
    image = body()
    seen, mask = augment.augment(image, image > 0, PATCH, Fixed(scale=scale))
    assert mask.sum() == pytest.approx(24 * 32 * scale**2, rel=0.02)
    assert np.array_equal(seen, mask / 2)


def test_the_body_turns_about_its_own_middle():
    image = np.roll(body(12, 32), (5, -7), (0, 1))
    for turn in (10, -10):
        _, mask = augment.augment(image, image > 0, PATCH, Fixed(turn_deg=turn))
        rows, columns = np.argwhere(mask > 0.5).T - (np.array(PATCH)[:, None] - 1) / 2
        assert np.abs([rows.mean(), columns.mean()]).max() < 0.3
        (height, both), (_, width) = np.cov(rows, columns)
        assert np.rad2deg(np.arctan2(2 * both, width - height) / 2) == pytest.approx(turn, abs=1)


def test_the_shift_is_a_share_of_the_patch():
    image = body()
    _, still = augment.augment(image, image > 0, PATCH, Fixed())
    _, moved = augment.augment(image, image > 0, PATCH, Fixed(shift=(0.0625, -0.0625)))
    assert np.array_equal(moved[:-2, 3:], still[2:, :-3])  # 2 rows of 32 up, 3 columns of 48 to the right
    _, between = augment.augment(image, image > 0, PATCH, Fixed(shift=(0.5 / 32, 0)))
    assert np.array_equal(between[:-1], (still[:-1] + still[1:]) / 2)  # half a row: linear


def test_the_same_draw_gives_the_same_patch_and_air_is_nothing():
    image = np.full((64, 64), 0.5, np.float16)
    first, again = (augment.augment(image, image, (96, 96), np.random.default_rng(1))[0] for _ in range(2))
    assert first.dtype == np.float32 and first.shape == (96, 96) and np.array_equal(first, again)
    assert first[0, 0] == 0 and first[48, 48] == 0.5


def test_half_of_the_patches_are_mirrored_about_their_middle_and_only_where_that_is_asked():
    image = np.roll(body(12, 32), (5, -7), (0, 1)) * np.linspace(0.5, 1, 64)
    how = [(turn, mirrored) for turn in (0.0, 7.0) for mirrored in (False, True)]
    for turn, mirrored in how:
        plain, rng = augment.augment(image, image, PATCH, Fixed(turn))[0], Fixed(turn)
        rng.random = lambda mirrored=mirrored: 0.25 if mirrored else 0.75
        seen, mask = augment.augment(image, image, PATCH, rng, reflection=True)
        assert np.allclose(seen, plain[:, ::-1] if mirrored else plain, atol=1e-6) and np.array_equal(seen, mask)
    rng, centre = np.random.default_rng(0), np.array([31.5, 31.5])
    turned = [np.linalg.det(augment.draw_affine(centre, PATCH, rng, reflection=True)[0]) < 0 for _ in range(400)]
    assert 160 < sum(turned) < 240
