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

from ..method.area import area_cm2
from ..paper import MUSCLE_HU
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


@dataclass(frozen=True)
class Habits:
    """A reader's own way of drawing.

    Attributes
    ----------
    leaning_mm : float
        How far outside the true contour the reader draws on the mean.
    hand_mm, wavelength_mm : float
        Standard deviation and length of the waves of an unsteady hand.
    rounding_mm : float
        Clefts narrower than this are bridged, and corners rounded.
    errors : tuple of float
        How often an error is of each kind in `ERRORS`.
    """

    leaning_mm: float
    hand_mm: float
    wavelength_mm: float
    rounding_mm: float
    errors: tuple


def habits(reader):
    """The habits of one reader; always the same ones.

    Parameters
    ----------
    reader : int
        1 to `READERS`.

    Returns
    -------
    Habits
    """
    if not 1 <= reader <= READERS:
        raise ValueError(f"reader {reader} does not exist; choose 1 to {READERS}")
    rng = np.random.default_rng((2019, reader))
    return Habits(
        leaning_mm=float(rng.normal(*LEANING_MM)), hand_mm=float(rng.uniform(0.1, 0.25)),
        wavelength_mm=float(rng.uniform(5, 12)), rounding_mm=float(rng.uniform(0, 1.5)),
        errors=tuple(rng.dirichlet(np.full(len(ERRORS), 0.7)).tolist()),
    )  # fmt: skip


def draw_quality(rng, share=None):
    """Quality label that the next mask is meant to get.

    Parameters
    ----------
    rng : numpy.random.Generator
    share : dict, optional
        Label to share; `QUALITY_SHARE` unless given.
    """
    share = share or QUALITY_SHARE
    return str(rng.choice(list(share), p=np.array(list(share.values())) / sum(share.values())))


def draw_contour(rng, contour, reader, spacing_mm, scale=1.0):
    """The contour as `reader` draws it where no error is made.

    Parameters
    ----------
    rng : numpy.random.Generator
    contour : ndarray of bool, (rows, columns)
        What a perfect reader would draw, not yet cut to the HU window.
    reader : int
        1 to `READERS`.
    spacing_mm : tuple of float
    scale : float
        Of all that sets the reader apart from the truth: 0 draws the truth.

    Returns
    -------
    ndarray of bool, (rows, columns)
    """
    if not scale:
        return contour
    own = habits(reader)
    px = float(np.mean(spacing_mm))
    outward = own.leaning_mm + rng.normal(0, VIEW_MM)
    win = _box(contour, 4)
    # A blurred mask crosses the edge as the normal distribution does: its level tells the distance from the edge, to
    # a fraction of a pixel, and a bridged cleft or a rounded corner is what a wider blur makes of it.
    sigma = max(0.6 * px, 0.5 * own.rounding_mm * scale)
    level = ndimage.gaussian_filter(contour[win].astype(np.float32), sigma / px, truncate=4.0)
    shift_mm = outward + own.hand_mm * smooth_noise(rng, level.shape, own.wavelength_mm / px)
    # Within its pixel nobody knows where the true edge runs; without this an even edge would not give way at all.
    shift_mm += np.float32(0.25 * px) * smooth_noise(rng, level.shape, 3.0)
    drawn = np.zeros_like(contour)
    drawn[win] = level > special.ndtr(-np.float32(scale) * shift_mm / np.float32(sigma))
    return drawn


def err(rng, drawn, contour, image_hu, quality, spacing_mm, reader=0, parts=None, scale=1.0):
    """Add the error that a quality label stands for, of a kind that the reader tends to.

    Parameters
    ----------
    rng : numpy.random.Generator
    drawn, contour : ndarray of bool, (rows, columns)
        As the reader drew it, and as it is.
    image_hu : ndarray, (rows, columns)
    quality : {"A", "B", "C", "D"}
        A: no error. B and C: a patch too much or too little. D: a large part.
    spacing_mm : tuple of float
    reader : int
        Whose habits count; 0 is nobody's, and every kind is as likely.
    parts : ndarray of uint8, optional
        Indices into `canvas.PARTS`; without them, only what passes the HU window near the muscle can be added.
    scale : float
        Of the size of the error.

    Returns
    -------
    ndarray of bool, (rows, columns)
    """
    if quality == "A" or not scale or not contour.any():
        return drawn
    win = _box(contour, 4)
    inside = contour[win]
    passes = (image_hu[win] >= MUSCLE_HU[0]) & (image_hu[win] <= MUSCLE_HU[1])
    named = np.zeros(inside.shape, np.uint8) if parts is None else parts[win]
    weights = np.array(habits(reader).errors) if reader else np.ones(len(ERRORS))
    # Rarely even the most careful make an error of another kind.
    order = rng.choice(len(ERRORS), len(ERRORS), replace=False, p=(weights + 0.02) / (weights + 0.02).sum())
    wanted_cm2 = rng.uniform(*WRONG_CM2[quality])
    wrong = drawn.copy()
    for kind in (ERRORS[i] for i in order):
        found = _where(rng, kind, inside, passes, named, spacing_mm)
        if found is None:
            continue
        pool, seed = found
        if area_cm2(pool, spacing_mm) < WRONG_CM2[quality][0]:
            continue  # too small a place for such an error
        patch = _grow(pool, seed, scale * wanted_cm2, spacing_mm)
        missed = kind in ("wall end", "quadratus", "muscle")
        wrong[win] = wrong[win] & ~patch if missed else wrong[win] | patch
        return wrong
    return wrong


def _where(rng, kind, inside, passes, named, spacing_mm):
    """Pixels that an error of this kind may take, and the one it starts at; None where the slice has no such place."""

    def part(*names):
        return np.isin(named, [PARTS.index(n) for n in names])

    side = rng.integers(2)
    near = ndimage.binary_dilation(inside, iterations=max(1, round(2 / spacing_mm[0])))
    if kind == "bowel":  # or another organ that touches the muscle, which nobody could tell from it by its density
        organs = ("bowel", "bowel content", "kidney", "liver", "spleen", "pancreas", "vessel", "fluid")
        pool = passes & ~inside & (part(*organs) if named.any() else True)
        return _start(rng, pool, near)
    if kind == "fascia":
        pool = passes & ~inside
        return _start(rng, pool, near)
    if kind == "midline":  # the linea alba, or what lies behind it, drawn as if the recti met
        halves = np.flatnonzero(part("rectus abdominis").any(0))
        gap = np.flatnonzero(np.diff(halves) > 1)
        if not len(gap):
            return None
        widest = gap[np.argmax(np.diff(halves)[gap])]
        left, right = halves[widest], halves[widest + 1]
        rows = np.flatnonzero(part("rectus abdominis")[:, [left, right]].any(1))
        pool = np.zeros_like(inside)
        pool[rows[0] : rows[-1] + 1, left : right + 1] = True
        pool &= passes & ~inside
        return _start(rng, pool, near)
    name = {"wall end": "lateral wall", "quadratus": "quadratus lumborum"}.get(kind)
    if name is None:  # any muscle, from its edge
        pool = inside & passes
        return _start(rng, pool, ~ndimage.binary_erosion(inside))
    pool = part(name) & inside
    columns = np.flatnonzero(inside.any(0))
    middle = int(columns.mean())
    pool[:, slice(None, middle) if side else slice(middle, None)] = False
    if not pool.any():
        return None
    rows, columns = np.nonzero(pool)
    # The wall is left where it thins out behind; the quadratus at its outer end.
    end = np.argmax(rows) if kind == "wall end" else np.argmax(np.abs(columns - middle))
    return pool, (rows[end], columns[end])


def _start(rng, pool, allowed):
    """`pool` and one of its pixels among the allowed ones."""
    candidates = np.argwhere(pool & allowed)
    return (pool, candidates[rng.integers(len(candidates))]) if len(candidates) else None


def _grow(pool, seed, wanted_cm2, spacing_mm):
    """The pixels of `pool` nearest to `seed` that add up to an area."""
    rows, columns = np.nonzero(pool)
    away = (rows - seed[0]) ** 2 + (columns - seed[1]) ** 2
    nearest = np.argsort(away, kind="stable")[: max(1, round(wanted_cm2 / (spacing_mm[0] * spacing_mm[1] / 100)))]
    patch = np.zeros_like(pool)
    patch[rows[nearest], columns[nearest]] = True
    return patch


def _box(mask, margin):
    """Slices of the smallest rectangle about a mask, with a margin in pixels."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not len(rows):
        return np.s_[:, :]
    return tuple(slice(max(at[0] - margin, 0), at[-1] + margin + 1) for at in (rows, columns))


def wrong(mask, true_mask):
    """Pixels that the review counts as wrong.

    An edge that is off by one pixel is a matter of taste. What goes further is wrong, with all of its pixels.

    Parameters
    ----------
    mask, true_mask : ndarray of bool, (rows, columns)
        Both cut to the HU window.

    Returns
    -------
    added, missed : ndarray of bool, (rows, columns)
    """
    win = _box(mask | true_mask, 2)
    mine, true = mask[win], true_mask[win]
    both = []
    for more, less in ((mine, true), (true, mine)):
        whole = np.zeros(mask.shape, bool)
        far = more & ~_widen(less)
        whole[win] = more & ~less & _widen(far)
        both.append(whole)
    return tuple(both)


def _widen(mask):
    """`mask` and the eight neighbours of its pixels."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    tall = wide.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide


def review(mask, true_mask, spacing_mm):
    """Quality label from the measured wrong area, as the paper defines it.

    Parameters
    ----------
    mask, true_mask : ndarray of bool, (rows, columns)
        Both cut to the HU window.
    spacing_mm : tuple of float

    Returns
    -------
    quality : {"A", "B", "C", "D"}
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
    place = phantom.image_hu, quality, phantom.spacing_mm, reader, phantom.parts, scale
    drawn = err(rng, drawn, phantom.contour, *place)
    return drawn & (phantom.image_hu >= MUSCLE_HU[0]) & (phantom.image_hu <= MUSCLE_HU[1])


def study(phantoms, readers=(1, 2), seed=0, share=None):
    """Let several readers draw the same slices, as in a study of their agreement.

    Parameters
    ----------
    phantoms : sequence of Phantom
    readers : sequence of int
    seed : int
    share : dict, optional
        Shares of the quality labels; unless given, those of `QUALITY_SHARE` without D, since a study of agreement is
        made of readings that nobody would refuse.

    Returns
    -------
    pandas.DataFrame
        One row a reading: case (position in `phantoms`), reader, quality, area_cm2, true_area_cm2.
    """
    import pandas as pd

    share = share or {label: part for label, part in QUALITY_SHARE.items() if label != "D"}
    rows = []
    for case, phantom in enumerate(phantoms):
        for reader in readers:
            rng = np.random.default_rng((seed, 2022, case, reader))
            mask = read(rng, phantom, reader, draw_quality(rng, share))
            rows.append({
                "case": case, "reader": reader, "quality": review(mask, phantom.true_mask, phantom.spacing_mm),
                "area_cm2": area_cm2(mask, phantom.spacing_mm),
                "true_area_cm2": area_cm2(phantom.true_mask, phantom.spacing_mm),
            })  # fmt: skip
    return pd.DataFrame(rows)


def limits_of_agreement(first_cm2, second_cm2):
    """Mean difference of two readers, first minus second, and the limits that hold 95 % of the differences.

    Parameters
    ----------
    first_cm2, second_cm2 : 1-D array
        Areas of the same slices.

    Returns
    -------
    mean, low, high : float, cm2
        Mean, and mean -+ 1.96 SD (Bland and Altman).
    """
    difference = np.asarray(first_cm2, float) - np.asarray(second_cm2, float)
    mean, half = difference.mean(), 1.96 * difference.std(ddof=1)
    return float(mean), float(mean - half), float(mean + half)
