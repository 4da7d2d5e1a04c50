"""Area of a mask: the one formula of the package."""

import math

import numpy as np


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
