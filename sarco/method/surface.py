"""From the final mask to the muscle surface, and the correction of its systematic error.

The paper: "From the final mask (P), the predicted surface was estimated as the sum of non-zero pixels multiplied by the
pixel size. On the validation set, the mean error (ME) was subtracted from each predicted surface of examinations with
quality label A, B or C." (ME: predicted minus true surface, averaged.)

A reading: ME is learned on the validation slices of quality A, B or C, and subtracted from the surface of every slice.
For the paper's Discussion says: "We also chose to exclude images with low quality segmentations (denoted by the "D"
label quality) for mean error estimation as we believe that ground truth surface may not be reliable enough in that
population." And a new slice has no label.
"""

import math

import numpy as np

from ..paper import CORRECTION_LABELS


def area_cm2(mask, spacing_mm):
    """Area of a mask, from the two spacings within the slice; the slice's thickness plays no role.

    Parameters
    ----------
    mask : array of bool, shape (H, W)
    spacing_mm : tuple of float
        Distance between rows, then between columns, in mm.

    Returns
    -------
    float
        In cm2.

    Raises
    ------
    ValueError
        The mask is not a plane of bool, or the spacing is not two positive numbers.
    """
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.ndim != 2:
        raise ValueError(f"mask must be a plane of bool, got {mask.dtype} of shape {mask.shape}")
    row_mm, column_mm = spacing_mm
    if not (0 < row_mm < math.inf and 0 < column_mm < math.inf):
        raise ValueError(f"spacing must be two positive numbers, got {spacing_mm}")
    return float(np.count_nonzero(mask)) * row_mm * column_mm / 100


def in_mean_error(quality):
    """Which of the validation slices, by their quality labels, count in the mean error: array of bool."""
    return np.isin(quality, CORRECTION_LABELS)


def corrected_cm2(area_cm2, mean_error_cm2):
    """An area, or several, minus the mean error (`metrics.mean_error` of validation slices).

    An area can become negative, and is then left so.

    Raises
    ------
    ValueError
        An area is NaN.
    """
    if np.isnan(area_cm2).any():
        raise ValueError("area is NaN")
    return area_cm2 - mean_error_cm2
