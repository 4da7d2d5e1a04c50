"""One slice from HU to cm2: pre-processing, networks, post-processing and area, in the order of the paper.

The paper: "The average of the 15 outputs (one for each model) was used as final prediction." And: "The predicted masks
were then resampled back to the image original resolution using a linear interpolation of order 3." And: "From the final
mask (P), the predicted surface was estimated as the sum of non-zero pixels multiplied by the pixel size."

A reading: the outputs are averaged on the network's grid, and their mean is resampled before it is thresholded, for the
threshold is of a probability. Order 3 is read as in `preprocess`.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property, reduce

import numpy as np

from ..base import box
from . import postprocess
from .ensemble import average
from .preprocess import to_native
from .surface import area_cm2


@dataclass(frozen=True, eq=False)
class Measured:
    """The muscle of one slice, as one mean of members finds it.

    Attributes
    ----------
    probability : ndarray of float32, (rows, columns)
        Mean of the members, on the slice's own grid.
    image_hu : ndarray, (rows, columns)
    spacing_mm : tuple of float
        Distance between rows, then between columns.
    network_probability : ndarray of float32, (n, n), or None
        The mean on the network's grid, where it was taken.
    """

    probability: np.ndarray = field(repr=False)
    image_hu: np.ndarray = field(repr=False)
    spacing_mm: tuple[float, float]
    network_probability: np.ndarray | None = field(repr=False, default=None)

    @cached_property
    def masks(self):
        """Mask, bool (rows, columns), after each of `postprocess.STEPS`, by its name."""
        return postprocess.steps(self.probability, self.image_hu)

    @property
    def mask(self):
        """The final mask."""
        return self.masks[postprocess.STEPS[-1]]

    @property
    def area_cm2(self):
        """Area of the final mask, before the correction."""
        return area_cm2(self.mask, self.spacing_mm)

    def within(self, part):
        """The same in a part of the slice (a tuple of slice), where masks take less time: for the evaluation."""
        return replace(self, probability=self.probability[part], image_hu=self.image_hu[part])


def measure_slice(image_hu, spacing_mm, ensemble):
    """Find the muscle of one slice with all members together.

    Parameters
    ----------
    image_hu : ndarray, (rows, columns)
    spacing_mm : tuple of float
        Distance between rows, then between columns.
    ensemble : sarco.method.ensemble.Ensemble

    Returns
    -------
    Measured
    """
    return measure_subsets(image_hu, spacing_mm, ensemble, {"all": range(ensemble.size)})["all"]


def measure_subsets(image_hu, spacing_mm, ensemble, subsets, members=None):
    """As `measure_slice`, with the mean of several subsets of the members, each of which sees the slice once.

    Parameters
    ----------
    image_hu, spacing_mm, ensemble
        As of `measure_slice`.
    subsets : dict of str to sequence of int
        Name to members, from 0.
    members : ndarray, (members, n, n), optional
        What `ensemble.predict_members` gives, where it is known.

    Returns
    -------
    dict of str to Measured
    """
    members = ensemble.predict_members(image_hu, spacing_mm) if members is None else members
    means = np.stack([average(members[list(chosen)]) for chosen in subsets.values()])
    native = to_native(means, spacing_mm, np.shape(image_hu), ensemble.network_spacing_mm)
    return {
        name: Measured(probability, image_hu, spacing_mm, mean)
        for name, probability, mean in zip(subsets, native, means, strict=True)
    }


def common_box(found, *masks, level=postprocess.LEVEL, margin_px=2):
    """Rows and columns that hold every mask of some `Measured` and the masks given, a None among them passed over.

    For the evaluation and the sweeps, which make many masks of one slice and look at them there alone, see
    `Measured.within`. The margin has room for what the dilation adds, a pixel.
    """
    thresholds = (postprocess.threshold(each.probability, level) for each in found)
    return box.around(reduce(np.logical_or, (*thresholds, *(m for m in masks if m is not None))), margin_px)
