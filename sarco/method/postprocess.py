"""From a probability on the slice's own grid to the final mask, in three steps.

The paper: "Only pixels with a probability of being muscle tissue over 0.5 were kept. The final mask was then computed
using a morphological dilation with a squared connectivity of 1, and thresholded at [-29; 150] HU to follow the ground
truth procedure."

Its "squared connectivity of 1" is SciPy's and scikit-image's name for the four neighbours.
"""

import numpy as np

from ..paper import MUSCLE_HU, THRESHOLD

LEVEL = THRESHOLD
STEPS = ("threshold", "dilation", "window")  # the names in tables; the window is that of HU


def threshold(probability, level=LEVEL):
    """Keep the pixels whose probability is over `level` ("over 0.5": a pixel at the level is not kept).

    Parameters
    ----------
    probability : array of float, shape (H, W)
    level : float

    Returns
    -------
    ndarray of bool, shape (H, W)

    Raises
    ------
    ValueError
        The probability holds NaN, which would pass silently for background.
    """
    probability = np.asarray(probability)
    if np.isnan(probability).any():
        raise ValueError("probability holds NaN")
    return probability > level


def dilate(mask):
    """Add the four neighbours of each pixel of a mask of bool, shape (H, W), once."""
    # The same as SciPy's dilation with a connectivity of 1, twenty times as fast.
    mask = np.asarray(mask, bool)
    dilated = mask.copy()
    dilated[1:] |= mask[:-1]
    dilated[:-1] |= mask[1:]
    dilated[:, 1:] |= mask[:, :-1]
    dilated[:, :-1] |= mask[:, 1:]
    return dilated


def window(mask, image_hu, low=MUSCLE_HU[0], high=MUSCLE_HU[1]):
    """Cut a mask at the HU window of muscle, as was done to the ground truth.

    Parameters
    ----------
    mask : array of bool, shape (H, W)
    image_hu : array, shape (H, W)
    low, high : float
        In HU, both kept.

    Returns
    -------
    ndarray of bool, shape (H, W)

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if np.shape(mask) != np.shape(image_hu):
        raise ValueError(f"mask {np.shape(mask)} and image {np.shape(image_hu)} differ in shape")
    return mask & (image_hu >= low) & (image_hu <= high)


def steps(probability, image_hu):
    """Mask after each step: dict of str to ndarray of bool, under the names in `STEPS`, in order.

    Parameters
    ----------
    probability : array of float, shape (H, W)
        On the grid of the slice.
    image_hu : array, shape (H, W)
    """
    thresholded = threshold(probability)
    dilated = dilate(thresholded)
    return dict(zip(STEPS, (thresholded, dilated, window(dilated, image_hu)), strict=True))


def postprocess(probability, image_hu):
    """Final mask: the last of `steps`."""
    return steps(probability, image_hu)[STEPS[-1]]
