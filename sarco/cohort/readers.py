"""Who draws the ground truth: eleven readers with habits, and the review that gives each mask its quality label."""

import numpy as np
from scipy import ndimage

from ..paper import MUSCLE_HU
from .canvas import smooth_noise

QUALITY_SHARE = {"A": 0.46, "B": 0.30, "C": 0.18, "D": 0.06}  # ours: the paper prints no counts
READERS = 11  # the paper, ground truth generation
SLIGHT_CM2 = 0.5  # the paper: less is B, more is C


def draw_quality(rng):
    """Quality label that the next mask is meant to get, by `QUALITY_SHARE`."""
    return str(rng.choice(list(QUALITY_SHARE), p=list(QUALITY_SHARE.values())))


def habits(reader):
    """A reader's own way of drawing: bias outward (mm), and amplitude (mm) and wavelength (mm) of the jitter."""
    rng = np.random.default_rng((2019, reader))
    return rng.normal(0.0, 0.15), rng.uniform(0.15, 0.45), rng.uniform(5, 12)


def draw_contour(rng, contour, reader, spacing_mm):
    """The contour as `reader` draws it: the true one, moved by a bias and by smooth jitter."""
    bias, amplitude, wavelength = habits(reader)
    sampling = tuple(spacing_mm)
    distance = ndimage.distance_transform_edt(contour, sampling) - ndimage.distance_transform_edt(~contour, sampling)
    px = float(np.mean(spacing_mm))
    # The pixel's own half width: the transform counts from centre to centre.
    inside = distance + np.where(contour, -px / 2, px / 2)
    return inside + bias + amplitude * smooth_noise(rng, contour.shape, wavelength / px) > 0


def err(rng, drawn, contour, image_hu, quality, spacing_mm):
    """Add the kind of error that the quality label stands for.

    B and C receive a patch of tissue that is not muscle but passes the HU window; D receives a whole structure, or
    misses a large part.
    """
    if quality == "A":
        return drawn
    pixel_cm2 = spacing_mm[0] * spacing_mm[1] / 100
    passes = (image_hu >= MUSCLE_HU[0]) & (image_hu <= MUSCLE_HU[1])
    near = ndimage.binary_dilation(contour, iterations=round(12 / spacing_mm[0])) & ~contour
    candidates = np.argwhere(near & passes)
    if quality == "D" and rng.random() < 0.5:
        cut = np.argwhere(drawn)[rng.integers(drawn.sum())]
        away = np.hypot(*(np.indices(drawn.shape) - cut[:, None, None])) * spacing_mm[0]
        return drawn & (away > rng.uniform(22, 40))
    wanted = {"B": rng.uniform(0.1, 0.4), "C": rng.uniform(0.8, 3.0), "D": rng.uniform(6, 16)}[quality]
    wrong = drawn.copy()
    if len(candidates) == 0:
        return wrong
    seed = candidates[rng.integers(len(candidates))]
    away = np.hypot(*(np.indices(drawn.shape) - seed[:, None, None]))
    pool = passes & ~contour
    take = np.flatnonzero(pool)
    nearest = take[np.argsort(away.ravel()[take], kind="stable")[: int(wanted / pixel_cm2)]]
    wrong.ravel()[nearest] = True
    return wrong


def review(mask, true_mask, spacing_mm):
    """Quality label from the measured wrong area, as the paper defines it.

    Pixels within one pixel of the true contour are a matter of taste and not counted.

    Returns
    -------
    quality : str
        A (nothing wrong), B (under 0.5 cm2), C (more), D (a whole structure included, or a large part missed).
    """
    pixel_cm2 = spacing_mm[0] * spacing_mm[1] / 100
    structure = ndimage.generate_binary_structure(2, 2)
    added = (mask & ~ndimage.binary_dilation(true_mask, structure, 1)).sum() * pixel_cm2
    missed = (ndimage.binary_erosion(true_mask, structure, 1) & ~mask).sum() * pixel_cm2
    if added > 5 or missed > 5:
        return "D"
    wrong = added + missed
    return "C" if wrong > SLIGHT_CM2 else "B" if wrong > 0.05 else "A"
