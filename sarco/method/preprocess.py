"""From a slice in HU to what the network sees, and the exact way back.

The paper (Pre-processing): 512 x 512 at 1 mm, spline of order 3, clip to [-150, 300] HU, min-max to [0, 1], float16.
"Linear interpolation of order 3" contradicts itself; order 3 is taken at its word: a cubic spline.
"""

from functools import cache

import numpy as np
from scipy import ndimage

from ..paper import FIELD_MM, WINDOW_HU

ORDER = 3
MASK_ORDER = 1  # of masks, in place of the paper's 3: a cubic spline rings at their edge, below 0 and above 1
STRONG_REDUCTION = 1.5  # pixels of a slice to one of the grid, from which on it is blurred before; ours
MARGIN_PX = 3  # of the network's grid; a spline's ringing beyond an edge is under a tenth there


def network_size(network_spacing_mm):
    """Rows (and columns) of the network's grid: the paper's 512 mm field, in pixels of `network_spacing_mm`."""
    return round(FIELD_MM / network_spacing_mm)


def _resample(image, spacing_in, shape_out, spacing_out, order, cval):
    """Resample about the common centre; pixel (n - 1) / 2 of the one grid lies on that of the other."""
    ratio = np.divide(spacing_out, spacing_in)
    offset = (np.array(image.shape) - 1) / 2 - ratio * (np.array(shape_out) - 1) / 2
    return ndimage.affine_transform(image, ratio, offset, shape_out, np.float32, order, "constant", cval)


def _antialias(image, ratio):
    """Blur before a strong reduction; at the paper's 1 mm only slices of pixels under two thirds of that."""
    sigma = [(r - 1) / 2 if r > STRONG_REDUCTION else 0.0 for r in ratio]
    return ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3) if any(sigma) else image


def to_network(image_hu, spacing_mm, network_spacing_mm=1.0):
    """Resample a slice to the network's grid and scale it to [0, 1].

    Parameters
    ----------
    image_hu : ndarray, (rows, columns)
        Any matrix; HU.
    spacing_mm : tuple of float
        (row, column) spacing; the two may differ.
    network_spacing_mm : float
        1.0 as in the paper; a profile may choose coarser pixels.

    Returns
    -------
    ndarray of float16, (n, n), n = 512 mm / `network_spacing_mm`
        What lies outside the slice is air, 0.

    Raises
    ------
    ValueError
        The slice holds values that are not finite, or the spacing is not positive.
    """
    image = np.asarray(image_hu, np.float32)
    if image.ndim != 2:
        raise ValueError(f"one slice of shape (rows, columns) is needed, not an array of shape {image.shape}")
    if not np.isfinite(image).all():
        raise ValueError("the slice holds values that are not finite")
    if not all(np.isfinite(s) and s > 0 for s in spacing_mm):
        raise ValueError(f"pixel spacing must be positive, not {tuple(spacing_mm)}")
    low, high = WINDOW_HU
    # Clipped first: a spline rings at the edge of metal or air, and neither is of interest.
    image = np.clip(image, low, high)
    n, out = network_size(network_spacing_mm), (network_spacing_mm, network_spacing_mm)
    image = _antialias(image, np.divide(out, spacing_mm))
    image = _resample(image, spacing_mm, (n, n), out, ORDER, low)
    return ((np.clip(image, low, high) - low) / (high - low)).astype(np.float16)


def mask_to_network(mask, spacing_mm, network_spacing_mm=1.0):
    """Resample a mask to the network's grid, as the share of each pixel that is muscle.

    Returns
    -------
    ndarray of float16, (n, n), in [0, 1]
    """
    n, out = network_size(network_spacing_mm), (network_spacing_mm, network_spacing_mm)
    share = _antialias(np.asarray(mask, np.float32), np.divide(out, spacing_mm))
    return np.clip(_resample(share, spacing_mm, (n, n), out, MASK_ORDER, 0.0), 0, 1).astype(np.float16)


def to_native(probability, spacing_mm, shape, network_spacing_mm=1.0, *, order=ORDER):
    """Bring a probability back to the slice's own grid: the inverse geometry of `to_network`.

    The paper's cubic spline goes along rows and columns one after the other, and only where the probability is not 0
    (and `MARGIN_PX` beyond): two products of matrices, which give the same as SciPy's spline in a tenth of its time.

    Parameters
    ----------
    probability : ndarray, (..., n, n)
        One, or several of the same slice.
    spacing_mm, shape
        The slice's.
    network_spacing_mm : float
    order : int
        Of the spline: 0 takes the nearest pixel, 1 is linear.

    Returns
    -------
    ndarray of float32, (..., *shape)
        A spline may leave [0, 1] by a little beside an edge.
    """
    probability = np.asarray(probability, np.float32)
    if order != ORDER:
        spacing = (network_spacing_mm, network_spacing_mm)
        flat = probability.reshape(-1, *probability.shape[-2:])
        found = [_resample(one, spacing, tuple(shape), spacing_mm, order, 0.0) for one in flat]
        return np.reshape(found, (*probability.shape[:-2], *shape))
    out = np.zeros((*probability.shape[:-2], *shape), np.float32)
    some = (probability != 0).any(axis=tuple(range(probability.ndim - 2)))
    if not some.any():
        return out
    inside, window, matrices = [], [], []
    for axis in (0, 1):
        n, ratio = some.shape[axis], spacing_mm[axis] / network_spacing_mm
        used = np.flatnonzero(some.any(axis=1 - axis))
        inside.append(slice(used[0], used[-1] + 1))
        places = (n - 1) / 2 + ratio * (np.arange(shape[axis]) - (shape[axis] - 1) / 2)
        reached = np.flatnonzero((places >= used[0] - MARGIN_PX) & (places <= used[-1] + MARGIN_PX))
        window.append(slice(reached[0], reached[-1] + 1))
        matrices.append(_spline(places[window[axis]], n)[:, inside[axis]])
    rows, columns = matrices
    out[..., *window] = rows @ probability[..., *inside] @ columns.T
    return out


def _spline(places, n):
    """Matrix that evaluates the cubic spline through n values at places from 0 to n - 1, and gives 0 outside of them.

    Returns
    -------
    ndarray of float32, (places, n)
    """
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
    return ndimage.spline_filter1d(np.eye(n), ORDER, axis=0, mode="mirror")


def body_box(image, margin_px=8, multiple=16):
    """Window of the network's grid that holds the body, in steps the network can halve four times.

    Parameters
    ----------
    image : ndarray, (n, n)
        As `to_network` returns it.
    margin_px : int
        Left around the body. Beyond it there is air, which is 0 like the network's own padding.
    multiple : int
        The window's sides are multiples of it.

    Returns
    -------
    tuple of slice
    """
    label, count = ndimage.label(np.asarray(image, np.float32) > 0.05)
    if count == 0:
        return tuple(slice(0, n) for n in image.shape)
    sizes = np.bincount(label.ravel())[1:]
    box = ndimage.find_objects(label)[int(sizes.argmax())]
    window = []
    for side, n in zip(box, image.shape, strict=True):
        length = min(-(-(side.stop - side.start + 2 * margin_px) // multiple) * multiple, n // multiple * multiple)
        start = int(np.clip((side.start + side.stop - length) // 2, 0, n - length))
        window.append(slice(start, start + length))
    return tuple(window)
