"""Who draws the ground truth: eleven readers with habits, and the review that gives each mask its quality label.

A reader's contour differs from the true one in three ways: a fixed leaning outward or inward, a view of the case at
hand (how far fascia and partial volume are taken for muscle), and an unsteady hand. On top of that come errors, of the
kinds that the reader tends to.

How far readers lie apart is an assumption: no study measured the paper's. It comes from published evidence alone. Two
readers who measured the muscle at L3 in the same 116 people had limits of agreement of -9.9 to +7.6 cm2 (doi
10.1186/s12891-022-05032-2), so `VIEW_MM` is set such that two of ours differ with that SD, 4.5 cm2, where neither makes
an error that a review would find. Of the studies known to us it is the largest that prints these limits for the whole
muscle area. It is the upper end: the people were measured in whole scans, at the inferior endplate. At the lower end,
one reader who measures the same person twice is off by 0.98 cm2 on the mean, much of it by taking another slice (29
people, 3 radiologists, doi 10.1016/j.ejrad.2018.10.031). What the results would be with readers in between,
`sarco.evidence.assumptions` computes.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, special

from ..base import box, disc
from ..method import postprocess
from ..method.surface import area_cm2
from .canvas import PARTS, smooth_noise

QUALITY_SHARE = {"A": 0.46, "B": 0.30, "C": 0.18, "D": 0.06}  # ours: the paper prints no counts
READERS = 11  # the paper, ground truth generation
SLIGHT_CM2, LARGE_CM2 = 0.5, 5.0  # the paper: less than 0.5 is B, more is C; what counts as a large part is ours
NOTHING_CM2 = 0.1  # a handful of pixels
# Size of the errors that are drawn; ours, like the shares.
WRONG_CM2 = {"B": (0.15, 0.35), "C": (0.8, 3.0), "D": (5.5, 10.0)}
# Mean and spread of the leaning among readers, and spread of one reader's view among cases. Readers draw a little
# outside: what they include of the fat, the HU window takes out again.
LEANING_MM, VIEW_MM = (0.12, 0.08), 0.34
ERRORS = ("bowel", "fascia", "midline", "wall end", "quadratus", "muscle")  # what is added, then what is missed


# What cannot be told from muscle by its density where it touches it.
ORGANS = ("bowel", "bowel content", "kidney", "liver", "spleen", "pancreas", "vessel", "fluid")


@dataclass(frozen=True)
class Habits:
    """A reader's own way of drawing."""

    leaning_mm: float  # how far outside the true contour the reader draws on the mean
    hand_mm: float  # standard deviation and length of the waves of an unsteady hand
    wavelength_mm: float
    rounding_mm: float  # clefts narrower than this are bridged, and corners rounded
    errors: tuple  # how often an error is of each kind in `ERRORS`


def habits(reader):
    """The habits of one reader, 1 to `READERS`; always the same ones."""
    if not 1 <= reader <= READERS:
        raise ValueError(f"reader {reader} does not exist; choose 1 to {READERS}")
    rng = np.random.default_rng((2019, reader))
    return Habits(
        leaning_mm=float(rng.normal(*LEANING_MM)), hand_mm=float(rng.uniform(0.1, 0.25)),
        wavelength_mm=float(rng.uniform(5, 12)), rounding_mm=float(rng.uniform(0, 1.5)),
        errors=tuple(rng.dirichlet(np.full(len(ERRORS), 0.7)).tolist()),
    )  # fmt: skip


def draw_quality(rng, share=QUALITY_SHARE):
    """Quality label that the next mask is meant to get; `share` is label to share."""
    return str(rng.choice(list(share), p=np.array(list(share.values())) / sum(share.values())))


def draw_contour(rng, contour, reader, spacing_mm, scale=1.0):
    """The contour as a reader draws it where no error is made, bool (rows, columns) like the true one.

    `scale` is of all that sets the reader apart from the truth: 0 draws the truth.
    """
    if not scale:
        return contour
    own = habits(reader)
    px = float(np.mean(spacing_mm))
    outward = own.leaning_mm + rng.normal(0, VIEW_MM)
    win = box.around(contour, 4)
    # A blurred mask crosses the edge as the normal distribution does: its level tells the distance from the edge, to
    # a fraction of a pixel, and a bridged cleft or a rounded corner is what a wider blur makes of it.
    sigma = max(0.6 * px, 0.5 * own.rounding_mm * scale)
    level = ndimage.gaussian_filter(contour[win].astype(np.float32), sigma / px, truncate=4.0)
    shift_mm = outward + own.hand_mm * smooth_noise(rng, level.shape, own.wavelength_mm / px)
    # Within its pixel nobody knows where the true edge runs; without this an even edge would not give way at all.
    shift_mm += np.float32(0.25 * px) * smooth_noise(rng, level.shape, 3.0)
    drawn, near = np.zeros_like(contour), level > 0
    drawn[win][near] = level[near] > special.ndtr(-np.float32(scale) * shift_mm[near] / np.float32(sigma))
    return drawn


def err(rng, drawn, phantom, reader, quality, scale=1.0):
    """Add the error that a quality label stands for, of a kind that the reader tends to.

    A: no error. B and C: a patch too much or too little. D: a large part. `drawn` is the contour so far, bool (rows,
    columns); `scale` is of the size of the error.
    """
    if quality == "A" or not scale or not phantom.contour.any():
        return drawn
    win, spacing_mm = box.around(phantom.contour, 4), phantom.spacing_mm
    inside, image_hu, parts = phantom.contour[win], phantom.image_hu[win], phantom.parts[win]
    # Rarely even the most careful make an error of another kind.
    weights = np.array(habits(reader).errors) + 0.02
    order = rng.choice(len(ERRORS), len(ERRORS), replace=False, p=weights / weights.sum())
    wanted_cm2 = rng.uniform(*WRONG_CM2[quality])
    result = drawn.copy()
    for kind in (ERRORS[i] for i in order):
        pool, seed = _where(rng, kind, inside, image_hu, parts, spacing_mm)
        if seed is None or area_cm2(pool, spacing_mm) < WRONG_CM2[quality][0]:
            continue  # no place for such an error, or too small a one
        patch = _grow(pool, seed, scale * wanted_cm2, spacing_mm)
        missed = kind in ("wall end", "quadratus", "muscle")
        result[win] = result[win] & ~patch if missed else result[win] | patch
        break
    return result


def _where(rng, kind, inside, image_hu, parts, spacing_mm):
    """Pixels that an error of this kind may take, and the one it starts at: None where the slice has no such place."""

    def part(*names):
        return np.isin(parts, [PARTS.index(n) for n in names])

    side = rng.integers(2)
    pool, own = (postprocess.window(mask, image_hu) for mask in (~inside, inside))
    start = inside
    for _ in range(max(1, round(2 / spacing_mm[0]))):
        start = postprocess.dilate(start)
    if kind == "bowel":
        pool = pool & part(*ORGANS)
    elif kind == "midline":  # the linea alba, or what lies behind it, drawn as if the recti met
        pool = pool & _between(part("rectus abdominis"))
    elif kind == "muscle":  # any, from its edge
        pool, start = own, ~ndimage.binary_erosion(inside)
    elif kind == "wall end":  # the wall is left where it thins out behind
        return _one_side(inside & part("lateral wall"), inside, side, behind=True)
    elif kind == "quadratus":  # at its outer end
        return _one_side(inside & part("quadratus lumborum"), inside, side, behind=False)
    candidates = np.argwhere(pool & start)
    return pool, candidates[rng.integers(len(candidates))] if len(candidates) else None


def _between(recti):
    """The gap between the two recti, bool (rows, columns)."""
    gap, columns = np.zeros_like(recti), np.flatnonzero(recti.any(0))
    steps = np.diff(columns)
    if (steps > 1).any():
        left, right = columns[steps.argmax()], columns[steps.argmax() + 1]
        rows = np.flatnonzero(recti[:, [left, right]].any(1))
        gap[rows[0] : rows[-1] + 1, left : right + 1] = True
    return gap


def _one_side(pool, inside, side, behind):
    """One side of a muscle, and its last pixel behind or on the outside; None where there is no such muscle."""
    middle = int(np.flatnonzero(inside.any(0)).mean())
    pool[:, slice(None, middle) if side else slice(middle, None)] = False
    rows, columns = np.nonzero(pool)
    if not len(rows):
        return pool, None
    end = np.argmax(rows if behind else np.abs(columns - middle))
    return pool, (rows[end], columns[end])


def _grow(pool, seed, wanted_cm2, spacing_mm):
    """The pixels of `pool` nearest to `seed` that add up to an area."""
    rows, columns = np.nonzero(pool)
    away = (rows - seed[0]) ** 2 + (columns - seed[1]) ** 2
    nearest = np.argsort(away, kind="stable")[: max(1, round(wanted_cm2 / (spacing_mm[0] * spacing_mm[1] / 100)))]
    patch = np.zeros_like(pool)
    patch[rows[nearest], columns[nearest]] = True
    return patch


def wrong(mask, true_mask):
    """Pixels that the review counts as wrong: those added and those missed, bool (rows, columns) like both masks.

    The masks are cut to the HU window. An edge that is off by one pixel is a matter of taste. What goes further is
    wrong, with all of its pixels.
    """
    win = box.around(mask | true_mask, 2)
    both = np.zeros((2, *mask.shape), bool)
    for pixels, more, less in zip(both, (mask[win], true_mask[win]), (true_mask[win], mask[win]), strict=True):
        far = more & ~_widen(less)
        pixels[win] = more & ~less & _widen(far)
    return tuple(both)


def _widen(mask):
    """`mask` and the eight neighbours of its pixels."""
    return disc.dilate(mask, 1.5, (1, 1))


def review(mask, true_mask, spacing_mm):
    """Quality label from the measured wrong area, as the paper defines it; both masks are cut to the HU window.

    A (nothing wrong), B (under 0.5 cm2), C (more), D (a whole structure included, or a large part missed).
    """
    added, missed = (area_cm2(pixels, spacing_mm) for pixels in wrong(mask, true_mask))
    if max(added, missed) > LARGE_CM2:
        return "D"
    total = added + missed
    return "C" if total > SLIGHT_CM2 else "B" if total > NOTHING_CM2 else "A"


def read(rng, phantom, reader, quality, scale=1.0):
    """One reader's mask of one phantom, cut to the HU window; `scale` makes all that the reader does wrong smaller."""
    drawn = draw_contour(rng, phantom.contour, reader, phantom.spacing_mm, scale)
    return postprocess.window(err(rng, drawn, phantom, reader, quality, scale), phantom.image_hu)


def study(phantoms, readers=(1, 2)):
    """Let several readers draw the same slices, as in a study of their agreement.

    Labels are drawn without D, since such a study is made of readings that nobody would refuse.

    Parameters
    ----------
    phantoms : sequence of Phantom
    readers : sequence of int

    Returns
    -------
    pandas.DataFrame
        One row a reading: case (position in `phantoms`), reader, quality, area_cm2, true_area_cm2.
    """
    import pandas as pd

    share = {label: part for label, part in QUALITY_SHARE.items() if label != "D"}
    rows = []
    for case, p in enumerate(phantoms):
        for reader in readers:
            rng = np.random.default_rng((0, 2022, case, reader))
            mask = read(rng, p, reader, draw_quality(rng, share))
            quality = review(mask, p.true_mask, p.spacing_mm)
            areas_cm2 = (area_cm2(pixels, p.spacing_mm) for pixels in (mask, p.true_mask))
            rows.append((case, reader, quality, *areas_cm2))
    return pd.DataFrame(rows, columns=["case", "reader", "quality", "area_cm2", "true_area_cm2"])
