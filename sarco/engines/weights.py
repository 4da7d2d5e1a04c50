"""Weights of trained networks as files: plain arrays, each with its checksum in the manifest beside them."""

import hashlib
import json
from pathlib import Path

import numpy as np

from ..base.errors import SarcoError
from ..base.files import checksum


def shape(weights):
    """Initial filters, depth and convolutions a block of a U-net, from its weights alone."""
    # Before the last layer each has a kernel, a bias and four arrays of batch normalisation.
    filters = [kernel.shape[-1] for kernel in weights[:-2:6]]
    depth = (max(filters) // filters[0]).bit_length() - 1  # doubled at each pooling
    return filters[0], depth, len(filters) // (2 * depth + 1)


def pack(model, path):
    """Write a network's weights as float16 arrays, named in the order of `model.weights`."""
    arrays = {f"{i:03d}": np.asarray(w, np.float16) for i, w in enumerate(model.get_weights())}
    if not all(np.isfinite(a).all() for a in arrays.values()):
        raise SarcoError(f"{path}: a weight does not fit in float16, the member diverged; train it again.")
    np.savez(path, **arrays)


def unpack(path):
    """Weights of one member, a list of ndarray of float32; plain arrays only, so that loading runs no code."""
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


def read_members(folder, manifest, count=None):
    """Weights of the first `count` members of a manifest, as `unpack`, each after its checksum was verified."""
    weights = []
    for entry in manifest["members"][:count]:
        path = Path(folder) / entry["file"]
        if not path.exists():
            raise SarcoError(f"{path}: listed in the manifest and not there; fetch the weights again.")
        if checksum(path) != entry["sha256"]:
            raise SarcoError(
                f"{path}: its checksum is not the manifest's, so the file was changed or cut; fetch it again."
            )
        weights.append(unpack(path))
    return weights


def weights_sha256(manifest):
    """Checksums of the members of a manifest, in order."""
    return [member["sha256"] for member in manifest["members"]]


def team(manifest):
    """Twelve hexadecimal digits that tell the members of a manifest from others, for a column of a table."""
    return hashlib.sha256("".join(weights_sha256(manifest)).encode()).hexdigest()[:12]
