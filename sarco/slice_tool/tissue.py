"""Every tissue of one slice, for `sarco segment --tissues`: parts, areas, attenuation, and how sure an area is.

Muscles apart, on either side, and three fats: `sarco.ct.tissues` finds them, and the paper knows none of them.
"""

from dataclasses import dataclass, field

import numpy as np

from ..ct import tissues
from ..evidence.correction import Correction
from ..method.surface import area_cm2

DIFFERENT_CM2 = 0.5  # by which the muscles of a given mask may be less or more than its whole, unsaid
NO_MIDLINE = (
    "The midline was not found (spinal canal, vertebra or rectus is missing), so no muscle is told left from right."
)


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
    def called(self) -> str:
        """Name and side, as "psoas, left"."""
        return tissues.called(self.name, self.side)

    @property
    def interval_cm2(self) -> tuple[float, float] | None:
        """95 % prediction interval of the true area, as of phantoms; None where none was there to learn it from."""
        return None if self.correction is None or not self.area_cm2 else self.correction.interval(self.area_cm2)


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


def warnings(found, muscle, spacing_mm):
    """What to know of the parts of a slice whose muscle is the mask `muscle`: sentences."""
    if not found:
        return []
    told = [] if any(one.side for one in found) else [NO_MIDLINE]
    whole = np.any([one.mask for one in found if one.name in tissues.MUSCLES], axis=0)
    off_cm2 = area_cm2(whole ^ muscle, spacing_mm)
    if off_cm2 > DIFFERENT_CM2:
        told.append(
            f"The muscles apart and the muscle as a whole differ in {off_cm2:.1f} cm²: correct both, or measure one."
        )
    return told
