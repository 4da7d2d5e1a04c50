"""What lies in a mask: muscle, its density, and the fat between it."""

from dataclasses import dataclass

import numpy as np

from ..base import disc
from ..method.surface import area_cm2

LOW_ATTENUATION_HU = (-29, 29)  # muscle that holds fat
FAT_HU = (-190, -30)  # as body composition is measured (Alberta protocol); both kept
# The contour of the muscle is the mask, closed: gaps of up to twice this are taken in. On phantoms, whose true contour
# is known, closing the final mask by 3 mm gave their fat within the contour as 0.6 +- 1.1 cm2 (SD) too much; the mask
# before the HU window, with its dilated rim, 8 cm2 too much.
CLOSING_MM = 3.0


@dataclass(frozen=True)
class Composition:
    """Numbers of one mask."""

    area_cm2: float
    mean_hu: float | None  # None where there is no pixel
    sd_hu: float | None
    low_attenuation_cm2: float  # part of the mask from -29 to 29 HU
    intermuscular_fat_cm2: float  # -190 to -30 HU, within the contour of the muscle


def contour(mask, spacing_mm):
    """A mask, bool (H, W), with its narrow gaps and small holes filled (closing with a disc of 3 mm)."""
    return disc.close(mask, CLOSING_MM, spacing_mm)


def intermuscular_fat(mask, image_hu, spacing_mm):
    """Pixels of fat within the contour of a mask, bool (H, W)."""
    low, high = FAT_HU
    return contour(mask, spacing_mm) & (image_hu >= low) & (image_hu <= high)


def composition(mask, image_hu, spacing_mm):
    """Measure a mask of muscle, bool (H, W), that is cut to [-29, 150] HU, on its slice."""
    values = image_hu[mask].astype(float)
    low, high = LOW_ATTENUATION_HU
    pixel_cm2 = spacing_mm[0] * spacing_mm[1] / 100
    return Composition(
        area_cm2=area_cm2(mask, spacing_mm),
        mean_hu=float(values.mean()) if values.size else None,
        sd_hu=float(values.std()) if values.size else None,
        low_attenuation_cm2=float(np.count_nonzero((values >= low) & (values <= high))) * pixel_cm2,
        intermuscular_fat_cm2=area_cm2(intermuscular_fat(mask, image_hu, spacing_mm), spacing_mm),
    )
