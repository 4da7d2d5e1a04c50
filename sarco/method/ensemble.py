"""The ensemble: members that differ by their weights alone, and the mean of their outputs.

The paper: "the 15 models only differed by their weights as they have been trained separately. The average of the 15
outputs (one for each model) was used as final prediction."

Ours: members compute the body with a margin of air, not the whole field, which saves time; and a student, one network
taught by the members, may stand in their place.
"""

import numpy as np

from ..base import paths
from ..base.threads import made_once
from ..engines import choose as engines
from ..engines.weights import read_manifest, read_members, shape, tissues
from .preprocess import body_box, to_network
from .unet import DEPTH, unet

# Of air about the body: one pixel of the coarsest level, so that the zeros that pad each layer lie off the body.
MARGIN_PX = 2**DEPTH


def network(weights):
    """A member as a keras.Model."""
    built = unet(*shape(weights), tissues=tissues(weights))
    built.set_weights(weights)
    return built


def average(members):
    """Mean of the outputs of some members: (members, ...) to (...)."""
    return members.mean(axis=0)


class Ensemble:
    """Several trained networks of one architecture.

    Parameters
    ----------
    manifest : dict
        What the members are and how they were trained.
    weights : sequence of list of ndarray
        Of each member, as `keras.Model.get_weights` orders them; `network` makes them one.
    engine : str
        What computes them, see `sarco.engines.choose.choose`.
    once : bool
        For one slice: members need not be kept, which takes less memory.
    """

    def __init__(self, manifest, weights, *, engine=engines.AUTO, once=False):
        self.manifest, self.weights, self._choice, self._once = manifest, weights, engine, once

    @classmethod
    def load(cls, weights_dir=None, members=None, *, student=False, engine=engines.AUTO, once=False):
        """Load the members that a manifest lists, each after its checksum was verified.

        Parameters
        ----------
        weights_dir : str or Path, optional
            Folder with manifest.json; default is the weights shipped in data/weights.
        members : int, optional
            Load the first `members` only.
        student : bool
            Load the student in place of the members: an ensemble of one, taught by them.
        engine, once
            See `Ensemble`.

        Raises
        ------
        SarcoError
            No manifest, a missing member, or one whose checksum differs; or no such engine.
        """
        engines.choose(engine)
        folder = paths.weights_dir() if weights_dir is None else weights_dir
        manifest = read_manifest(folder, student)
        return cls(manifest, read_members(folder, manifest, members), engine=engine, once=once)

    @property
    def size(self):
        """Number of members."""
        return len(self.weights)

    @property
    def network_spacing_mm(self):
        """Side of a pixel on the network's grid, mm."""
        return self.manifest["spacing_mm"]

    @property
    def tissues(self):
        """Names of the tissues that a student learned beside muscle, in the order of its outputs; () for all others."""
        return tuple(self.manifest.get("tissues", ()))

    @made_once
    def engine(self):
        """What computes the members, made when it is first needed; its `made_with` belongs beside every result."""
        return engines.make(self._choice, self.weights, network, self._once)

    def predict_members(self, image_hu, spacing_mm):
        """Probability of muscle on the network's grid, from each member.

        Parameters
        ----------
        image_hu : ndarray, (rows, columns)
        spacing_mm : tuple of float

        Returns
        -------
        ndarray of float32, (members, n, n)
            Air around the body is not computed: it is 0.
        """
        return self.predict_grid(to_network(image_hu, spacing_mm, self.network_spacing_mm))

    def predict_grid(self, image):
        """`predict_members` for a slice that is on the network's grid already, as `to_network` returns it."""
        box = body_box(image, MARGIN_PX)
        out = np.zeros((self.size, *image.shape), np.float32)
        out[:, *box] = self.engine.probabilities(image[box])
        return out

    def predict_outputs(self, image):
        """As `predict_grid`, with all tissues of each: (members, 1 + tissues, n, n), muscle being the first."""
        box = body_box(image, MARGIN_PX)
        out = np.zeros((self.size, 1 + len(self.tissues), *image.shape), np.float32)
        out[:, :, *box] = self.engine.outputs(image[box])
        return out
