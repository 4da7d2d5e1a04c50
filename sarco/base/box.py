"""The part of a picture that holds something: the one box of the package."""

import numpy as np


def around(mask, margin_px=0):
    """Rows and columns, as slices, that hold a mask (bool) and so many pixels around it; all for an empty mask."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(None), slice(None)
    return tuple(slice(max(used[0] - margin_px, 0), used[-1] + margin_px + 1) for used in (rows, columns))
