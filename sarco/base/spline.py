"""Splines on pictures: from one grid of pixels to another about the same centre."""

from functools import cache

import numpy as np
from scipy import ndimage

CUBIC = 3
MARGIN_PX = 3  # a cubic spline's ringing beyond an edge is under a tenth there


def resample(image, spacing_in, shape_out, spacing_out, order, outside):
    """A picture on another grid, float32; pixel (n - 1) / 2 of the one lies on that of the other.

    Spacings and shapes are those of rows and columns; `outside` is the value of what lies beyond the picture.
    """
    ratio = np.divide(spacing_out, spacing_in)
    offset = (np.array(image.shape) - 1) / 2 - ratio * (np.array(shape_out) - 1) / 2
    return ndimage.affine_transform(image, ratio, offset, shape_out, np.float32, order, "constant", outside)


def resample_each(pictures, spacing_in, shape_out, spacing_out, order=CUBIC):
    """Each of several pictures (..., rows, columns) on another grid, 0 beyond its edges.

    The cubic spline goes along rows and columns one after the other, and only where a picture is not 0 (and
    `MARGIN_PX` beyond): two products of matrices, which give the same as SciPy's spline in a tenth of its time.
    """
    pictures = np.asarray(pictures, np.float32)
    *several, height, width = pictures.shape
    out = np.zeros((*several, *shape_out), np.float32)
    if order != CUBIC:
        for place in np.ndindex(*several):
            out[place] = resample(pictures[place], spacing_in, shape_out, spacing_out, order, 0.0)
        return out
    some = (pictures != 0).any(axis=tuple(range(len(several))))
    if not some.any():
        return out
    inside, window, matrices = [], [], []
    for axis, n in enumerate((height, width)):
        ratio = spacing_out[axis] / spacing_in[axis]
        used = np.flatnonzero(some.any(axis=1 - axis))
        inside.append(slice(used[0], used[-1] + 1))
        places = (n - 1) / 2 + ratio * (np.arange(shape_out[axis]) - (shape_out[axis] - 1) / 2)
        reached = np.flatnonzero((places >= used[0] - MARGIN_PX) & (places <= used[-1] + MARGIN_PX))
        window.append(slice(reached[0], reached[-1] + 1))
        matrices.append(_matrix(places[window[axis]], n)[:, inside[axis]])
    rows, columns = matrices
    out[..., *window] = rows @ pictures[..., *inside] @ columns.T
    return out


def _matrix(places, n):
    """Matrix (places, n) that evaluates the cubic spline through n values at places from 0 to n - 1, 0 beyond them."""
    whole = np.floor(places).astype(int)
    t = (places - whole)[:, None]
    weights = np.hstack([(1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3]) / 6
    weights[(places < 0) | (places > n - 1)] = 0
    # Beyond its ends the spline goes on as in a mirror, like SciPy's.
    index = np.abs(whole[:, None] + np.arange(-1, 3))
    index = np.where(index > n - 1, 2 * (n - 1) - index, index).clip(0, n - 1)
    spread = np.zeros((len(places), n))
    np.add.at(spread, (np.arange(len(places))[:, None], index), weights)
    return (spread @ _coefficients(n)).astype(np.float32)


@cache
def _coefficients(n):
    """Matrix from n values to the coefficients of the cubic spline through them."""
    return ndimage.spline_filter1d(np.eye(n), CUBIC, axis=0, mode="mirror")
