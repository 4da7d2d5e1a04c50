"""The part of a picture that holds something: the one box of the package."""

import numpy as np


def around(mask, margin_px=0):
    """Rows and columns, as slices, that hold a mask (bool) and so many pixels around it; all for an empty mask."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(None), slice(None)
    return tuple(slice(max(used[0] - margin_px, 0), used[-1] + margin_px + 1) for used in (rows, columns))


def within(box, part):
    """The rows and columns `part` of what a box holds, as rows and columns of the picture itself."""
    ranges = (range(outer.stop)[outer][inner] for outer, inner in zip(box, part, strict=True))
    return tuple(slice(used.start, used.stop) for used in ranges)
