"""Weights of trained networks as files: plain arrays, each with its checksum in the manifest beside them.

A file holds the arrays of one member, named in the order of `keras.Model.get_weights`, in float16. Kernels of
convolutions, which are nearly all of it, are in int8, with a scale in float16 for each output channel beside them; in
files of before they are in float16 too.
"""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..base.environment import cores
from ..base.errors import SarcoError
from ..base.files import checksum

SCALE, LARGEST = "-scale", 127  # of int8, to either side of 0


def shape(weights):
    """Initial filters, depth and convolutions a block of a U-net, from its weights alone; see `tissues`, too."""
    # Before the last layer each has a kernel, a bias and four arrays of batch normalisation.
    filters = [kernel.shape[-1] for kernel in weights[:-2:6]]
    depth = (max(filters) // filters[0]).bit_length() - 1  # doubled at each pooling
    return filters[0], depth, len(filters) // (2 * depth + 1)


def tissues(weights):
    """How many tissues a network tells apart beside muscle, from its weights alone: 0 for all but a student."""
    return len(weights[-1]) - 1


def pack(model, path):
    """Write a network's weights."""
    arrays = {}
    for i, array in enumerate(model.get_weights()):
        with np.errstate(over="ignore"):
            half = np.asarray(array, np.float16)
        if not np.isfinite(half).all():
            raise SarcoError(f"{path}: a weight does not fit in float16, the member diverged; train it again.")
        name = f"{i:03d}"
        arrays[name] = half
        if half.ndim == 4:
            arrays[name], arrays[f"{name}{SCALE}"] = _in_int8(np.asarray(array, np.float32))
    np.savez(path, **arrays)


def _in_int8(kernel):
    """A kernel as int8 and scale of each output channel: the nearest multiples, half a scale off at most."""
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    scale = (largest / LARGEST).astype(np.float16)
    scale = np.where(scale.astype(np.float32) * LARGEST < largest, np.nextafter(scale, np.float16(np.inf)), scale)
    steps = kernel / np.maximum(scale.astype(np.float32), np.finfo(np.float32).tiny)  # of a channel of zeros, 0
    return np.rint(steps).astype(np.int8), scale


def unpack(path):
    """Weights of one member, a list of ndarray of float32; plain arrays only, so that loading runs no code."""
    with np.load(path, allow_pickle=False) as arrays:
        names = sorted(name for name in arrays.files if not name.endswith(SCALE))
        found = [arrays[name].astype(np.float32) for name in names]
        for name, array in zip(names, found, strict=True):
            if f"{name}{SCALE}" in arrays.files:
                array *= arrays[f"{name}{SCALE}"]
        return found


class Stored(Sequence):
    """Weights of members that lie in files: `unpack` of each, when it is asked for, so that none is held in memory."""

    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, member):
        return unpack(self.files[member])


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


def read_members(folder, manifest, count=None):
    """The first `count` members of a manifest, each after its checksum was verified: `Stored`."""

    def verified(entry):
        path = Path(folder) / entry["file"]
        if not path.exists():
            raise SarcoError(f"{path}: listed in the manifest and not there; fetch the weights again.")
        if checksum(path) != entry["sha256"]:
            raise SarcoError(
                f"{path}: its checksum is not the manifest's, so the file was changed or cut; fetch it again."
            )
        return path

    with ThreadPoolExecutor(cores()) as pool:
        return Stored(list(pool.map(verified, manifest["members"][:count])))


def weights_sha256(manifest):
    """Checksums of the members of a manifest, in order."""
    return [member["sha256"] for member in manifest["members"]]


def team(manifest):
    """Twelve hexadecimal digits that tell the members of a manifest from others, for a column of a table."""
    return hashlib.sha256("".join(weights_sha256(manifest)).encode()).hexdigest()[:12]
