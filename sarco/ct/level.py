"""At which level of the spine a slice lies, from what a student of every tissue sees in it.

A level counts vertebrae below the middle of L3, as `sarco.phantom.population.Subject.level` does. It is told by sizes
and places of all that changes along the spine: muscles, kidneys, liver and spleen, bowel, fat, ribs and crest. They are
measured against the vertebra, so that a larger person is no other level. People differ in where ribs, crest and organs
lie, so no estimate is sharp.

Ours: the paper takes its slices to lie at L3.
"""

from dataclasses import dataclass, replace

import numpy as np

from .tissues import BACKGROUND, BELOW_L3, BONE, CANAL, CANAL_CM2, FATS, MUSCLES, NEAR_MM, OTHER

VERTEBRA_CM2 = 3.0  # less is no vertebra: a third of the smallest in phantoms
PRESENT_CM2 = 1.0  # of a tissue, from which it has a place
FRONT = 0.45  # of the way from the spinal canal to the front of the trunk, where bone counts as in front
OFF_SPINE = "bone in front", "bone at the sides", "bone behind"  # of the canal, and away from the vertebra
TOLD_BY = (*(name for name in MUSCLES if name not in BELOW_L3), *FATS, "kidney", "organ", "bowel", OTHER, *OFF_SPINE)
# The side of a square of its area, the same of its smaller side (right or left), how far it lies from the midline and
# before the canal, and how far it spreads aside: in sides of a square of the vertebra's area.
WHATS = ("size", "less", "aside", "ahead", "spread")
FEATURES = tuple((name, what) for name in TOLD_BY for what in WHATS)
HALF_VERTEBRA = 0.5  # from the middle of L3 to its ends
FAR = 3.0  # SD from the mean, beyond which a feature tells no more
LEARNED_TO = 1.2  # vertebrae from mid-L3, up to which levels were learned: what lies further seems to lie there
TELLS_TO = 1.0  # beyond, an estimate says no more than that: from learned ends it is drawn to the middle


@dataclass(frozen=True)
class Level:
    """Where a slice lies, in vertebrae below the middle of L3, and half of the 95 % interval of that."""

    vertebrae: float
    half: float

    @property
    def far(self) -> bool:
        """Whether it lies so far off that nothing but this is known, see `TELLS_TO`."""
        return abs(self.vertebrae) > TELLS_TO

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval; None where it does not hold."""
        return None if self.far else (self.vertebrae - self.half, self.vertebrae + self.half)

    def __str__(self):
        """As "0.3 vertebrae above the middle of L3"."""
        way = "above" if self.vertebrae < 0 else "below"
        if self.far:
            return f"about {TELLS_TO:g} vertebra or more {way} the middle of L3"
        return f"{abs(self.vertebrae):.1f} vertebrae {way} the middle of L3"

    @property
    def off_l3(self) -> bool:
        """Whether the slice seems to lie outside L3."""
        return abs(self.vertebrae) > max(HALF_VERTEBRA, self.half)


@dataclass(frozen=True)
class Model:
    """How a level follows from the features: a sum of each, as far as it is from its mean, times a weight.

    Attributes
    ----------
    means, scales, weights : tuple of float
        One for each of `FEATURES`; scales are SDs.
    constant : float
        The level where all features are at their mean.
    half : float
        Half of the 95 % interval, as people that it was not learned on showed it.
    team : str
        Whose features these are: `sarco.engines.weights.team` of the student.
    half_mm : float or None
        How far from mid-L3 the slice of a volume lies that is proposed, in 95 of 100 volumes; None where no volumes
        told.
    most_off : float or None
        `Line.off` that hardly any volume exceeds.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    constant: float
    half: float
    team: str
    half_mm: float | None = None
    most_off: float | None = None

    def __call__(self, told):
        """The `Level` of a slice with these features; None where there are none."""
        if told is None:
            return None
        return Level(float(self.constant + scaled(told, self.means, self.scales) @ np.array(self.weights)), self.half)


def scaled(told, means, scales):
    """Features in SDs from their mean, (..., len(FEATURES)); 0 where one tells nothing, as the place of what is not."""
    return np.nan_to_num(np.clip((told - np.array(means)) / np.array(scales), -FAR, FAR))


def seen(outputs, student):
    """`features` of a slice of which a student made these `tissues.outputs`: all 0 where air was not computed."""
    return features(outputs[1:].argmax(axis=0), student.network_spacing_mm, student.tissues)


def features(regions, grid_mm, tissues):
    """What a level is told by: float (len(FEATURES),), or None where spinal canal or vertebra was not found.

    NaN is the place of a tissue that is not there.

    Parameters
    ----------
    regions : ndarray of int, (n, n)
        Index into `tissues` of each pixel of the network's grid, of an upright slice.
    grid_mm : float
        Side of a pixel.
    tissues : sequence of str
        The student's.
    """
    pixel_cm2 = grid_mm**2 / 100
    canal = np.argwhere(regions == tissues.index(CANAL))
    if len(canal) * pixel_cm2 < CANAL_CM2:
        return None
    canal = canal[np.hypot(*((canal - np.median(canal, axis=0)) * grid_mm).T) < NEAR_MM].mean(axis=0)
    ahead, right = ((at - np.arange(n)) * grid_mm for at, n in zip(canal, regions.shape, strict=True))
    ahead, right = np.broadcast_arrays(ahead[:, None], right)
    bone, near = regions == tissues.index(BONE), np.hypot(ahead, right) < NEAR_MM
    vertebra_cm2 = np.count_nonzero(bone & near) * pixel_cm2
    if vertebra_cm2 < VERTEBRA_CM2:
        return None
    front = FRONT * np.quantile(ahead[regions != tissues.index(BACKGROUND)], 0.99)
    beside = (ahead > front, (ahead <= front) & (ahead > 0), ahead <= 0)
    places = {name: regions == tissues.index(name) for name in TOLD_BY if name not in OFF_SPINE}
    places |= {name: bone & ~near & there for name, there in zip(OFF_SPINE, beside, strict=True)}
    return np.concatenate([_of(right[there], ahead[there], pixel_cm2, vertebra_cm2) for there in places.values()])


def _of(right, ahead, pixel_cm2, vertebra_cm2):
    """`WHATS` of a tissue whose pixels lie so far to the patient's right and before the canal, in mm."""
    on_right = np.count_nonzero(right > 0)
    sizes = np.sqrt(np.array([len(right), min(on_right, len(right) - on_right)]) * pixel_cm2 / vertebra_cm2)
    if len(right) * pixel_cm2 < PRESENT_CM2:
        return [*sizes, np.nan, np.nan, np.nan]
    aside = np.abs(right)
    return [*sizes, *np.array([aside.mean(), ahead.mean(), aside.std()]) / (10 * np.sqrt(vertebra_cm2))]


# --- a volume ---------------------------------------------------------------------------------------------------------

VERTEBRA_MM = (26.0, 46.0)  # L3 with its disc, in small and in large people, with a margin
USUAL_MM, USUAL_SD_MM = 35.0, 3.0  # the same in most
TRUST = 0.003  # in that, per squared SD; half or twice of it finds the same slices, and without it heights run wild
COARSE_MM, FINE_MM = 10.0, 2.5  # how far apart slices are looked at: all along, and within a vertebra of mid-L3
COVER = 0.75  # vertebrae to either side of mid-L3 that a volume must show
LEAST = 5  # slices that show a vertebra
SAME_MM = 0.01


@dataclass(frozen=True)
class Line:
    """Where the levels of a volume's slices place the middle of L3.

    Attributes
    ----------
    at_mm : float
        Its place along the spine.
    vertebra_mm : float
        Millimetres to a vertebra.
    off : float
        Root of the mean squared distance of the slices within `LEARNED_TO` from the line, in vertebrae.
    above, below : float
        How far slices reach to either side of it, in vertebrae.
    off_turned : float
        The same as `off`, were the volume upside down.
    """

    at_mm: float
    vertebra_mm: float
    off: float
    above: float
    below: float
    off_turned: float = np.inf

    def why_not(self, slice_mm, most_off):
        """What makes a proposal of the slice at `slice_mm` unfit to be measured unseen; empty where nothing does."""
        away_mm = abs(slice_mm - self.at_mm)
        if self.off > most_off:
            if self.off_turned <= most_off:
                return "its slices seem to be upside down"
            return (f"the levels of its slices contradict each other ({self.off:.2f} vertebrae off a line, and hardly "
                    f"any phantom has more than {most_off:.2f})")  # fmt: skip
        if min(self.above, self.below) < COVER:
            way = "above" if self.above < self.below else "below"
            return f"it may not hold L3, for what looks like its middle has too few slices {way} it"
        if self.vertebra_mm in VERTEBRA_MM:
            return (f"its vertebrae seem to be {self.vertebra_mm:.0f} mm high or {self._beyond()}, so the places of "
                    "its slices may be wrong")  # fmt: skip
        if away_mm > HALF_VERTEBRA * self.vertebra_mm:
            return f"no slice lies within {away_mm:.0f} mm of what looks like the middle of L3"
        return ""

    def _beyond(self):
        return "less" if self.vertebra_mm == VERTEBRA_MM[0] else "more"


def find(up_mm, look):
    """Where mid-L3 lies among slices: a `Line`, and the level of each that was looked at, by its number.

    Parameters
    ----------
    up_mm : ndarray of float
        The slices' places along the spine, from the feet.
    look : callable
        Of a list of numbers of slices, what `Model` says of each, None where it says nothing; number and level.

    Returns
    -------
    tuple of Line and dict
        No line, None, where fewer than `LEAST` have a level.
    """
    levels = {}

    def line(chosen):
        levels.update(look([at for at in chosen if at not in levels]))
        known = [at for at, found in sorted(levels.items()) if found]
        if len(known) < LEAST:
            return None
        told = np.array([levels[at].vertebrae for at in known])
        return replace(fit_line(up_mm[known], told), off_turned=fit_line(-up_mm[known], told).off)

    first = apart(up_mm, range(len(up_mm)), COARSE_MM)
    best = line(first if len(first) > 2 * LEAST else range(len(up_mm)))
    if best:
        near = np.flatnonzero(np.abs(up_mm - best.at_mm) < best.vertebra_mm)
        best = line(apart(up_mm, near, FINE_MM))
    return best, levels


def apart(up_mm, chosen, least_mm):
    """Of some slices from the feet, those that lie at least so far from each other."""
    kept = []
    for at in chosen:
        if not kept or up_mm[at] - up_mm[kept[-1]] > least_mm - SAME_MM:
            kept.append(int(at))
    return kept


def fit_line(up_mm, levels):
    """The line that the levels of slices follow best, whatever single ones say: `Line`.

    `up_mm` are the slices' places along the spine towards the head, `levels` what `Model` says of each. Every
    place of mid-L3 (by the millimetre) is tried with every height of a vertebra, of which an unusual one must fit the
    better; a slice counts for one vertebra at most, however far off it is.
    """
    up_mm, levels = np.asarray(up_mm, float), np.clip(np.asarray(levels, float), -LEARNED_TO, LEARNED_TO)
    at_mm = np.arange(up_mm.min(), up_mm.max() + 1)[:, None, None]
    vertebra_mm = np.arange(VERTEBRA_MM[0], VERTEBRA_MM[1] + 1, 2)[:, None]
    wanted = np.clip((at_mm - up_mm) / vertebra_mm, -LEARNED_TO, LEARNED_TO)
    misfit = np.minimum((wanted - levels) ** 2, 1).mean(axis=2)
    near = (np.abs(at_mm - up_mm) < LEARNED_TO * USUAL_MM).mean(axis=2)  # what lies further tells no height
    misfit += TRUST * near * ((vertebra_mm[:, 0] - USUAL_MM) / USUAL_SD_MM) ** 2
    best = np.unravel_index(misfit.argmin(), misfit.shape)
    at, vertebra = float(at_mm[best[0], 0, 0]), float(vertebra_mm[best[1], 0])
    near = np.abs(at - up_mm) < LEARNED_TO * vertebra
    off = float(np.sqrt(((wanted[best] - levels)[near] ** 2).mean()))
    return Line(at, vertebra, off, float(up_mm.max() - at) / vertebra, float(at - up_mm.min()) / vertebra)
