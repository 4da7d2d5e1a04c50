"""What makes each part of the body differ from itself: sub-tissues, and a random filter of its texture.

Both are drawn only where the group "texture" is wide, after all parts are painted. They move HU and never names: the
contour of the muscle stays as it was painted, and the truth is cut to the window of muscle on what the scanner makes
of it. The filter is a random convolution per label (SRCSM, arXiv 2512.01510), on painted parts in place of real ones.
"""

import numpy as np
from scipy import ndimage

from ..base import box
from .canvas import MUSCLES, PARTS

SHARE = 0.5  # of the cases with a wide texture that have sub-tissues, and as many that are filtered
REACH_MM = 2.5  # of the filter: 7 x 7 pixels of 0.8 mm
STEEP_HU = 60.0  # no more of a difference between two pixels counts: bone, gas in bowel, fat in muscle
# Standard deviation of the means of a part's sub-tissues, HU, lowest and highest. Parts that are not named stay as they
# are: what lies outside the body, metal and tubes.
SUB_TISSUE_HU = {
    "limb": (3, 15), "skin": (2, 10), "subcutaneous fat": (2, 10), "fascia": (2, 15),
    **dict.fromkeys(MUSCLES, (3, 13)), "bone": (10, 40), "disc": (3, 20), "spinal canal": (3, 15), "ligament": (3, 20),
    "visceral fat": (2, 10), "bowel": (5, 30), "bowel content": (5, 40), "kidney": (5, 30), "liver": (5, 30),
    "spleen": (5, 30), "gallbladder": (2, 10), "pancreas": (5, 30), "vessel": (3, 20), "fluid": (2, 10),
}  # fmt: skip
VARIED = np.isin(PARTS, list(SUB_TISSUE_HU))


def vary(canvas, draw):
    """Give the parts of a painted canvas their sub-tissues and a texture of their own, by chance."""
    if draw.rng.random() < SHARE:
        sub_tissues(canvas, draw.rng)
    if draw.rng.random() < SHARE:
        random_filter(canvas, draw.rng)


def sub_tissues(canvas, rng):
    """Part each part along the levels of a smooth field into two to four, of different mean HU."""
    for part, win in enumerate(ndimage.find_objects(canvas.parts), 1):
        if win is None or not VARIED[part]:
            continue
        levels = rng.normal(0, 0.8, rng.integers(1, 4))
        offsets_hu = rng.normal(0, rng.uniform(*SUB_TISSUE_HU[PARTS[part]]), len(levels) + 1).astype(np.float32)
        field = canvas.noise(rng.uniform(6, 40), win)
        region = sum((field > level).view(np.uint8) for level in levels)
        canvas.hu[win] += offsets_hu[region] * (canvas.parts[win] == part)


def random_filter(canvas, rng, taps=10):
    """Filter the texture of each part with random weights of its own, across no edge, and keep its mean.

    A pixel gets a weighted sum of its differences from `taps` pixels nearby that are of the same part, the weights
    being normal: the filter sums to one, so what is even stays as it is. What is painted is smooth, so each part gets
    some grain first, for the filter to shape.
    """
    win = box.around(VARIED[canvas.parts])
    hu, parts = canvas.hu[win], canvas.parts[win]
    strength, grain_hu = rng.uniform(0, 1, len(PARTS)), rng.uniform(0, 25, len(PARTS))
    weights = rng.normal(0, 1 / np.sqrt(taps), (taps, len(PARTS))) * strength * VARIED
    reach = max(1, round(REACH_MM / canvas.px))
    source = rng.standard_normal(hu.shape, dtype=np.float32)
    source *= (grain_hu * VARIED).astype(np.float32)[parts]
    source += hu
    changed = source.copy()
    places = rng.integers(-reach, reach + 1, (taps, 2))
    for weight, (down, right) in zip(weights.astype(np.float32), places, strict=True):
        here, there = _shifted(down, right)
        difference = np.clip(source[there] - source[here], -STEEP_HU, STEEP_HU)
        difference *= weight[parts[here]]
        difference *= parts[there] == parts[here]
        changed[here] += difference
    change = changed - hu
    count = np.bincount(parts.ravel(), minlength=len(PARTS))
    mean = np.bincount(parts.ravel(), change.ravel(), len(PARTS)) / np.maximum(count, 1)
    hu += change - mean.astype(np.float32)[parts]


def _shifted(down, right):
    """Two windows of one image: pixels, and those `down` and `right` of them."""
    here = tuple(slice(max(0, -by), -by if by > 0 else None) for by in (down, right))
    there = tuple(slice(max(0, by), by if by < 0 else None) for by in (down, right))
    return here, there
