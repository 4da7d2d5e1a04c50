"""Organs that lie on muscle: what is drawn on purpose touches, and where the slice lies decides what is in it."""

from dataclasses import replace

import numpy as np
import pytest

from sarco.phantom.canvas import PARTS
from sarco.phantom.phantom import phantom

SEEDS = range(12)


def drawn(feature, seed, setting="difficult"):
    return phantom((77, seed), setting, 256, features=(feature,) if feature else ())


def is_part(p, *names):
    return np.isin(p.parts, [PARTS.index(name) for name in names])


def contact_mm(p, organs, muscles):
    """Length in mm along which the organs lie on the muscles, pixel to pixel, with nothing between."""
    organ, muscle = is_part(p, *organs), is_part(p, *muscles)
    pairs = (organ[1:] & muscle[:-1], organ[:-1] & muscle[1:], organ[:, 1:] & muscle[:, :-1],
             organ[:, :-1] & muscle[:, 1:])  # fmt: skip
    return sum(map(np.count_nonzero, pairs)) * p.spacing_mm[0]


DEEP, WALL = ("psoas", "quadratus lumborum"), ("lateral wall", "rectus abdominis")
LYING = {  # feature: organs, what they lie on, over how many mm
    "liver on wall": (("liver", "spleen"), (*WALL, "fascia"), 25),
    "no fat": (("bowel", "bowel content", "kidney", "liver"), WALL + DEEP, 150),
}


@pytest.mark.parametrize("feature", LYING)
def test_what_is_drawn_on_purpose_lies_on_muscle_and_else_seldom_does(feature):
    organs, muscles, least_mm = LYING[feature]
    with_it = [contact_mm(drawn(feature, seed), organs, muscles) for seed in SEEDS]
    without = [contact_mm(drawn(None, seed), organs, muscles) for seed in SEEDS]
    assert np.mean(np.array(with_it) > least_mm) >= 0.7, with_it
    assert np.median(with_it) > 2 * np.median(without), (with_it, without)


def blurs_into_muscle(p):
    """Whether a kidney lies flush on psoas or quadratus over a centimetre, and is as dense as they are."""
    muscle = is_part(p, *DEEP)
    left = np.indices(p.parts.shape)[1] < np.median(np.nonzero(muscle)[1])
    for side in (left, ~left):
        one = replace(p, parts=np.where(side, p.parts, 0))
        kidney = is_part(one, "kidney")
        alike = kidney.any() and abs(np.median(p.image_hu[kidney]) - np.median(p.image_hu[muscle])) < 15
        if alike and contact_mm(one, ("kidney",), DEEP) > 10:
            return True
    return False


def test_a_kidney_on_muscle_cannot_be_told_by_density_or_by_fat_between():
    with_it, without = (np.mean([blurs_into_muscle(drawn(f, seed)) for seed in SEEDS])
                        for f in ("kidney on muscle", None))  # fmt: skip
    assert without < 0.3 and 0.5 < with_it < 1, (with_it, without)


@pytest.mark.parametrize("feature", ["kidney on muscle", "renal cyst", "thin kidney", "liver on wall"])
def test_each_kind_changes_the_organs_and_leaves_the_muscle(feature):
    for seed in (1, 2):
        with_it, without = drawn(feature, seed), drawn(None, seed)
        assert feature in with_it.notes and feature not in without.notes
        assert np.any(is_part(with_it, "kidney", "liver", "spleen") != is_part(without, "kidney", "liver", "spleen"))


def test_the_level_decides_which_organs_are_there():
    area = {}
    for level in ("upper level", "lower level"):
        slices = [drawn(level, seed) for seed in SEEDS]
        area[level] = {n: np.array([is_part(p, n).sum() for p in slices]) for n in ("kidney", "liver")}
    assert not area["lower level"]["kidney"].any()
    assert np.mean(area["lower level"]["liver"] > 0) < 0.3
    assert np.mean(area["upper level"]["kidney"] > 0) > 0.8 and np.mean(area["upper level"]["liver"] > 0) > 0.3


def test_organs_never_cover_muscle():
    """Where muscle was outlined, nothing of the cavity is left in the end; a stoma leads through the wall."""
    seen = []

    def part(canvas, draw, frame):
        seen.append((draw.drawn, canvas.muscle > 0, canvas.parts.copy()))

    lying = ("kidney on muscle", "renal cyst", "liver on wall", "no fat", "wall bowel")
    for seed in SEEDS:
        phantom((77, seed), "randomised", 128, groups=("surroundings",), features=lying, extra=[part])
    organs = [PARTS.index(name) for name in ("kidney", "liver", "spleen", "bowel", "bowel content", "visceral fat")]
    whole = [(muscle, parts) for drawn, muscle, parts in seen if not {"hernia", "stoma"} & set(drawn)]
    assert len(whole) > 6
    for muscle, parts in whole:
        assert not np.isin(parts[muscle], organs).any()
