"""Every tissue of one slice, for `sarco segment --tissues`: parts, areas, attenuation, and how sure an area is.

Muscles apart, on either side, and three fats: `sarco.ct.tissues` finds them, and the paper knows none of them.
"""

from dataclasses import dataclass, field

import numpy as np

from ..ct import tissues
from ..ct.composition import FAT_HU
from ..ct.geometry import as_stored
from ..evidence.correction import Correction
from ..method.surface import area_cm2
from ..paper import MUSCLE_HU

LOST_SHARE = 0.05  # of a given part that its HU cut away, from which it is said
DIFFERENT_CM2 = 0.5  # by which the muscles of a given mask may be less or more than its whole, unsaid
NO_MIDLINE = (
    "The midline was not found (spinal canal, vertebra or a muscle beside it is missing, or lies on one side alone), "
    "so no muscle is told left from right."
)
NO_INTERVAL = "tissues.csv: not there or of other networks, so no interval of a tissue; run 'sarco tissues'."


@dataclass(frozen=True, eq=False)
class Tissue:
    """One tissue, or one side of a muscle.

    Attributes
    ----------
    name, side : str
        One of `sarco.ct.tissues.MEASURED`; "right" or "left" of the patient, or empty for the whole.
    mask : ndarray of bool, shape (H, W)
        On the slice's own grid.
    area_cm2 : float
    mean_hu : float or None
        None where there is no pixel.
    correction : sarco.evidence.correction.Correction or None
        What is known of the error of such areas; None where it is not known.
    """

    name: str
    side: str
    mask: np.ndarray = field(repr=False)
    area_cm2: float
    mean_hu: float | None
    correction: Correction | None = None

    @property
    def interval_cm2(self) -> tuple[float, float] | None:
        """95 % prediction interval of the true area, as of phantoms; None where no phantom had such an area."""
        known = self.correction
        if known is None or not known.smallest_cm2 <= known.apply(self.area_cm2) <= known.largest_cm2:
            return None
        return known.interval(self.area_cm2)


def measure(masks, image_hu, spacing_mm, corrections=None):
    """Measure parts of a slice: tuple of `Tissue`.

    `masks` are bool (H, W) by name and side, as `sarco.ct.tissues.parts` gives them, and `corrections` by
    `sarco.ct.tissues.called`.
    """
    known = corrections or {}
    return tuple(
        Tissue(name, side, mask, area_cm2(mask, spacing_mm), float(image_hu[mask].mean()) if mask.any() else None,
               known.get(tissues.called(name, side)))
        for (name, side), mask in masks.items()
    )  # fmt: skip


def segments(found):
    """The masks for a SEG, by name and side: each pixel in one segment, so a muscle by its sides where it has them."""
    sided = {one.name for one in found if one.side}
    return {(one.name, one.side): one.mask for one in found if one.mask.any() and bool(one.side) == (one.name in sided)}


def part(image, stored, mask, student, corrections, seen=None):
    """The tissues of an upright slice whose muscle is `mask`, on the grid of its file: tuple of `Tissue`.

    `seen` are the student's `sarco.ct.tissues.outputs`, where they are known.
    """
    labels = tissues.label_map(image.image_hu, image.spacing_mm, student, mask, seen)
    parts = tissues.parts(labels, image.spacing_mm, student.tissues)
    parts = {which: as_stored(one, stored.header) for which, one in parts.items()}
    return measure(parts, stored.image_hu, stored.spacing_mm, corrections)


def given(parts, image):
    """The parts of a SEG, each cut to the HU of its tissue: tuple of `Tissue`, and sentences about what was cut."""
    ends = {name: MUSCLE_HU if name in tissues.MUSCLES else FAT_HU for name, _ in parts}
    within = {name: (image.image_hu >= low) & (image.image_hu <= high) for name, (low, high) in ends.items()}
    found = measure({which: mask & within[which[0]] for which, mask in parts.items()}, image.image_hu, image.spacing_mm)
    told = []
    for one in (one for one in found if not one.side):
        lost_cm2 = area_cm2(parts[one.name, ""], image.spacing_mm) - one.area_cm2
        if lost_cm2 > LOST_SHARE * (lost_cm2 + one.area_cm2):
            low, high = ends[one.name]
            told.append(f"{lost_cm2:.1f} cm² of the {one.name} lies outside [{low}, {high}] HU and was cut.")
    return found, told


def warnings(found, muscle, spacing_mm):
    """What to know of the parts of a slice whose muscle is the mask `muscle`: sentences."""
    muscles = [one for one in found if one.name in tissues.MUSCLES]
    if not muscles:
        return []
    told = [] if any(one.side for one in muscles) else [NO_MIDLINE]
    off_cm2 = area_cm2(np.any([one.mask for one in muscles], axis=0) ^ muscle, spacing_mm)
    every = {one.name for one in muscles} >= {*tissues.MEASURED} & {*tissues.MUSCLES}
    if every and off_cm2 > DIFFERENT_CM2:
        told.append(
            f"The muscles apart and the muscle as a whole differ in {off_cm2:.1f} cm²: correct both, or measure one."
        )
    return told
