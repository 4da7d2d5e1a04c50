"""What a network sees of a slice in training: the slice turned and scaled, another way each time.

The paper: "Main augmentation strategies included rotations (-10, +10) and scaling (0.9, 1.1)."

Assumed, for the paper does not say: that the angles are degrees, and that angle and scale are drawn uniformly. Ours are
the patch that is cut about the body, its shift by a few pixels, the order of the interpolation, and the mirror image
that some runs take of half of the patches.
"""

import numpy as np
from scipy import ndimage

from ..paper import ROTATION_DEG, SCALE
from .preprocess import body_box

SHIFT_SHARE = 0.06  # of the patch's sides: how far its middle may lie from that of the body
AUGMENTATION_ORDER = 1


def body_centre(image):
    """Row and column of the middle of the body, in pixels."""
    return np.array([(side.start + side.stop - 1) / 2 for side in body_box(image)])


def draw_affine(centre, patch_px, rng, reflection=False):
    """Draw turn, scale and place of a patch about the body.

    Parameters
    ----------
    centre : ndarray, (2,)
        See `body_centre`.
    patch_px : tuple of int
        Rows, columns of the patch.
    rng : numpy.random.Generator
    reflection : bool
        Whether half of the patches have left and right changed.

    Returns
    -------
    matrix : ndarray, (2, 2)
    offset : ndarray, (2,)
        The patch's pixel p lies at ``matrix @ p + offset`` of the slice.
    """
    angle = np.deg2rad(rng.uniform(*ROTATION_DEG))
    scale = rng.uniform(*SCALE)
    # A body smaller or larger than the patch is seen from a place that varies: no pixel is always the spine.
    centre = centre + rng.uniform(-SHIFT_SHARE, SHIFT_SHARE, 2) * patch_px
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    if reflection and rng.random() < 0.5:
        matrix[:, 1] *= -1
    return matrix, centre - matrix @ ((np.array(patch_px) - 1) / 2)


def augment(image, mask, patch_px, rng, reflection=False):
    """Rotate, scale and perhaps mirror a slice and its mask together, and cut the patch about the body.

    Parameters
    ----------
    image, mask : ndarray, (n, n)
    patch_px : tuple of int
        Rows, columns of the patch.
    rng : numpy.random.Generator
    reflection : bool
        See `draw_affine`.

    Returns
    -------
    image, mask : ndarray of float32, `patch_px`
    """
    matrix, offset = draw_affine(body_centre(image), patch_px, rng, reflection)
    return tuple(
        ndimage.affine_transform(np.asarray(a, np.float32), matrix, offset, tuple(patch_px), order=AUGMENTATION_ORDER)
        for a in (image, mask)
    )
