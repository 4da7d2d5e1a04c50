"""A second witness: what the student of every tissue calls the muscle that the members found.

All members learned the same thing, so that they can take a kidney for muscle without one that disagrees. The student
learned what each pixel is from the phantoms themselves, which no member did.

Ours: the paper has no such check.
"""

from pathlib import Path

import numpy as np

from ..base import box, disc
from ..engines.weights import read_manifest
from ..method.ensemble import Ensemble
from ..method.postprocess import LEVEL
from ..method.preprocess import to_native
from ..method.surface import area_cm2
from . import tissues

NARROW_MM = 1.5  # what is less than twice as wide is a rim, about which any two networks differ


def load(weights_dir, **how):
    """The student of every tissue among the weights in a folder, see `Ensemble.load`; None where there is none."""
    there = (Path(weights_dir) / "student.json").is_file()
    if not there or not read_manifest(weights_dir, student=True).get("tissues"):
        return None
    return Ensemble.load(weights_dir, student=True, **how)


def muscle(image_hu, spacing_mm, student, seen=None):
    """Probability that a pixel is muscle of any group, as the student tells tissues: float32, (rows, columns).

    `seen` are the student's `tissues.outputs`, where they are known.
    """
    grid_mm = student.network_spacing_mm
    _, *shares = tissues.outputs(image_hu, spacing_mm, student) if seen is None else seen
    groups = sum(share for share, name in zip(shares, student.tissues, strict=True) if name in tissues.MUSCLES)
    return to_native(groups[None], spacing_mm, np.shape(image_hu), grid_mm)[0]


def other_tissue_cm2(mask, muscle, spacing_mm):
    """Area of a final mask, bool (rows, columns), that the student calls something else than muscle, but for rims."""
    part = box.around(mask, 1)
    other = mask[part] & (muscle[part] < LEVEL)
    return area_cm2(disc.dilate(disc.erode(other, NARROW_MM, spacing_mm), NARROW_MM, spacing_mm), spacing_mm)
