"""From a slice in HU to what the network sees, and the exact way back.

The paper: "All available individual CT slices and ground truth masks were resampled to a 512 x 512 tensor of 1 mm2
pixel size, using a linear interpolation of order 3. Pixel values were clipped between -150 HU and 300 HU and normalized
using a min-max normalization from [-150, 300] HU to [0, 1]. Data was stored with 16-bits floating-point precision."

Its "linear interpolation of order 3" contradicts itself. For images order 3 is taken at its word, a cubic spline. Masks
are resampled linearly, which is ours. So are the blur before a strong reduction, which the paper's 1 mm hardly needs,
and that the network is spared the air.
"""

import numpy as np
from scipy import ndimage

from ..base import spline
from ..paper import FIELD_MM, WINDOW_HU
from .unet import DEPTH

ORDER = 3
MASK_ORDER = 1  # of masks, in place of the paper's 3: a cubic spline rings at their edge, below 0 and above 1
STRONG_REDUCTION = 1.5  # pixels of a slice to one of the grid, from which on it is blurred before
BODY = 0.05  # of [0, 1], about -127 HU: denser than air


def network_size(network_spacing_mm):
    """Rows (and columns) of the network's grid: the paper's 512 mm field, in pixels of `network_spacing_mm`."""
    return round(FIELD_MM / network_spacing_mm)


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
    image = _to_grid(np.clip(image, low, high), spacing_mm, network_spacing_mm, ORDER, low)
    return ((np.clip(image, low, high) - low) / (high - low)).astype(np.float16)


def mask_to_network(mask, spacing_mm, network_spacing_mm=1.0):
    """Resample a mask to the network's grid, as the share of each pixel that is muscle.

    Returns
    -------
    ndarray of float16, (n, n), in [0, 1]
    """
    share = _to_grid(np.asarray(mask, np.float32), spacing_mm, network_spacing_mm, MASK_ORDER, 0.0)
    return np.clip(share, 0, 1).astype(np.float16)


def labels_to_network(labels, spacing_mm, network_spacing_mm=1.0):
    """The label, uint8, in the middle of each pixel of the network's grid; 0 outside the slice."""
    n = network_size(network_spacing_mm)
    spacing_out = (network_spacing_mm, network_spacing_mm)
    return spline.resample(labels, spacing_mm, (n, n), spacing_out, 0, 0).astype(np.uint8)


def _to_grid(image, spacing_mm, network_spacing_mm, order, outside):
    n, out = network_size(network_spacing_mm), (network_spacing_mm, network_spacing_mm)
    # Of 1 mm only slices of pixels under two thirds of that are blurred.
    sigma = [(r - 1) / 2 if r > STRONG_REDUCTION else 0.0 for r in np.divide(out, spacing_mm)]
    if any(sigma):
        image = ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3)
    return spline.resample(image, spacing_mm, (n, n), out, order, outside)


def to_native(probability, spacing_mm, shape, network_spacing_mm=1.0, *, order=ORDER):
    """Bring a probability back to the slice's own grid: the inverse geometry of `to_network`.

    Parameters
    ----------
    probability : ndarray, (..., n, n)
        One, or several of the same slice.
    spacing_mm, shape
        The slice's.
    network_spacing_mm : float
    order : int
        Of the spline: 0 takes the nearest pixel, 1 is linear. For the sweeps; all else leaves it at the paper's.

    Returns
    -------
    ndarray of float32, (..., *shape)
        A spline may leave [0, 1] by a little beside an edge.
    """
    return spline.resample_each(probability, (network_spacing_mm, network_spacing_mm), shape, spacing_mm, order)


def body_box(image, margin_px=8, multiple=2**DEPTH):
    """Window of the network's grid that holds the body, of sides that the network can halve at each pooling.

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
    parts, count = ndimage.label(np.asarray(image, np.float32) > BODY)
    if count == 0:
        return tuple(slice(0, n) for n in image.shape)
    largest = ndimage.find_objects(parts)[int(np.bincount(parts.ravel())[1:].argmax())]
    window = []
    for side, n in zip(largest, image.shape, strict=True):
        length = min(-(-(side.stop - side.start + 2 * margin_px) // multiple) * multiple, n // multiple * multiple)
        start = int(np.clip((side.start + side.stop - length) // 2, 0, n - length))
        window.append(slice(start, start + length))
    return tuple(window)
