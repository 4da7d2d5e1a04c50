"""The ensemble: members that differ by their weights alone, and the mean of their outputs."""

import hashlib
import json
from functools import cached_property
from pathlib import Path

import numpy as np

from ..base.errors import SarcoError
from ..engines import engine as engines
from .preprocess import body_box, to_native, to_network
from .unet import unet


def checksum(path):
    """sha256 of a file, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def pack(model, path):
    """Write a network's weights as float16 arrays, named in the order of `model.weights`."""
    arrays = {f"{i:03d}": np.asarray(w, np.float16) for i, w in enumerate(model.get_weights())}
    if not all(np.isfinite(a).all() for a in arrays.values()):
        raise SarcoError(f"{path}: a weight does not fit in float16, the member diverged; train it again.")
    np.savez(path, **arrays)


def unpack(path):
    """Read the weights of one member; plain arrays only, so that loading runs no code.

    Returns
    -------
    list of ndarray of float32
    """
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[name].astype(np.float32) for name in sorted(arrays.files)]


def read_manifest(folder, student=False):
    """What the members in a folder are, or their student, a dict; loads no network.

    Raises
    ------
    SarcoError
        No manifest.json (student.json), or not a readable one.
    """
    path = Path(folder) / ("student.json" if student else "manifest.json")
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        whom = "a student" if student else "members"
        raise SarcoError(f"{path}: not found; train {whom}, or name a folder that has what you want.") from None
    except ValueError as error:
        raise SarcoError(f"{path}: not readable ({error}); fetch it again.") from None


def network(weights):
    """A member as a keras.Model."""
    built = unet(*engines.shape(weights))
    built.set_weights(weights)
    return built


class Ensemble:
    """Several trained networks of one architecture.

    Parameters
    ----------
    manifest : dict
    members : list of keras.Model, optional
        Not needed where `weights` are given: they are then built when they are first looked at.
    weights : list of list of ndarray, optional
        Of each member, as `unpack` returns them.
    engine : str
        What computes them, see `sarco.engines.engine.choose`.

    Attributes
    ----------
    manifest : dict
        What the members are and how they were trained.
    weights : list of list of ndarray
    """

    def __init__(self, manifest, members=None, *, weights=None, engine=engines.AUTO):
        self.manifest, self._choice = manifest, engine
        self.weights = [member.get_weights() for member in members] if weights is None else weights
        if members is not None:
            self.members = members

    @classmethod
    def load(cls, weights_dir=None, members=None, *, student=False, engine=engines.AUTO):
        """Load the members that a manifest lists, each after its checksum was verified.

        Parameters
        ----------
        weights_dir : str or Path, optional
            Folder with manifest.json; default is the weights shipped in data/weights.
        members : int, optional
            Load the first `members` only.
        student : bool
            Load the student in place of the members: an ensemble of one, taught by them.
        engine : str
            What computes them, see `sarco.engines.engine.choose`.

        Raises
        ------
        SarcoError
            No manifest, a missing member, or one whose checksum differs; or no such engine.
        """
        engines.choose(engine)
        if weights_dir is None:
            from ..base.paths import weights_dir as shipped

            weights_dir = shipped()
        folder = Path(weights_dir)
        manifest = read_manifest(folder, student)
        weights = []
        for entry in manifest["members"][:members]:
            path = folder / entry["file"]
            if not path.exists():
                raise SarcoError(f"{path}: listed in the manifest and not there; fetch the weights again.")
            if checksum(path) != entry["sha256"]:
                raise SarcoError(f"{path}: its checksum is not the manifest's, so the file was changed or cut; "
                                 "fetch it again.")  # fmt: skip
            weights.append(unpack(path))
        return cls(manifest, weights=weights, engine=engine)

    @property
    def size(self):
        """Number of members."""
        return len(self.weights)

    @property
    def network_spacing_mm(self):
        """Side of a pixel on the network's grid, mm."""
        return self.manifest["spacing_mm"]

    @cached_property
    def members(self):
        """The networks: list of keras.Model."""
        return [network(weights) for weights in self.weights]

    @cached_property
    def engine(self):
        """What computes the members, made when it is first needed; its `made_with` belongs beside every result."""
        return engines.make(self._choice, self.weights, lambda: self.members)

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
        """`predict_members` for a slice that is on the network's grid already.

        Parameters
        ----------
        image : ndarray, (n, n)
            As `to_network` returns it.

        Returns
        -------
        ndarray of float32, (members, n, n)
        """
        box = body_box(image, margin_px=16)
        out = np.zeros((self.size, *image.shape), np.float32)
        out[:, *box] = self.engine.probabilities(image[box])
        return out

    def predict(self, image_hu, spacing_mm):
        """Mean probability of the members, on the slice's own grid.

        Returns
        -------
        ndarray of float32, (rows, columns)
        """
        mean = self.predict_members(image_hu, spacing_mm).mean(0)
        return to_native(mean, spacing_mm, np.shape(image_hu), self.network_spacing_mm)
