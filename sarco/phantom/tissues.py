"""The true tissues of a phantom: the regions that a student learns, from the parts that were painted."""

import numpy as np

from ..base import disc
from ..ct.tissues import INTERMUSCULAR, MUSCLES, SUBCUTANEOUS, TISSUES, VISCERAL, by_hu
from .canvas import PARTS

NAMES = tuple(TISSUES)
OF_PART = np.array([next(i for i, of in enumerate(TISSUES.values()) if part in of) for part in PARTS], np.uint8)
# The fascia is not painted everywhere. It is where a disc rolls over what lies beneath it: subcutaneous fat that the
# larger one cannot reach from outside lies beneath, and fat that the smaller one cannot reach lies between muscles.
FASCIA_MM, BETWEEN_MM = 20.0, 4.0
ON_FASCIA = np.isin(PARTS, ("air", "table", "limb", "skin", "subcutaneous fat", "fascia", "foreign body"))


def regions(parts, spacing_mm):
    """The region of each pixel: of a muscle up to its contour, of fat whatever its HU, the subcutaneous with the skin.

    Parameters
    ----------
    parts : ndarray of uint8, (rows, columns)
        Index into `canvas.PARTS`.
    spacing_mm : tuple of float

    Returns
    -------
    ndarray of uint8, (rows, columns)
        Index into `ct.tissues.TISSUES`.
    """
    found = OF_PART[parts]
    subcutaneous, visceral, between = (found == NAMES.index(name) for name in (SUBCUTANEOUS, VISCERAL, INTERMUSCULAR))
    between |= subcutaneous & disc.close(~ON_FASCIA[parts], FASCIA_MM, spacing_mm)
    between |= (subcutaneous | visceral) & disc.close(np.isin(NAMES, list(MUSCLES))[found], BETWEEN_MM, spacing_mm)
    found[between] = NAMES.index(INTERMUSCULAR)
    return found


def true_labels(phantom):
    """What each pixel of a phantom is, as `ct.tissues.label_map` finds it: uint8, (rows, columns)."""
    found = regions(phantom.parts, phantom.spacing_mm)
    return by_hu(found, phantom.true_mask, phantom.image_hu, phantom.spacing_mm)
