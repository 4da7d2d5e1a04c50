"""Networks whose activations are in eight bits too, for a CPU that does not multiply in bfloat16.

Beside the weights NAME.npz lies NAME.int8.npz: how far each activation reaches, and a bias for each convolution. The
steps of a kernel follow from the kernel. Both were measured on phantoms, by `calibrate`: the end of a range is the mean
of what it reaches in each slice, and a bias is the one with which the mean of what the convolution gives, channel by
channel, is as in float32, in the order of the layers. The first convolution, of the image itself, stays in float32.
"""

import zipfile
from dataclasses import dataclass

import numpy as np

from ..base.environment import cores
from ..base.errors import SarcoError
from ..base.files import atomic, checksum
from .weights import shape

STEPS, KERNEL_STEPS = 256, 255  # from 0 to the end of a range, and from end to end of a kernel about 0
LEAST = 1e-6  # of a range whose activation is always 0


@dataclass(frozen=True)
class Scales:
    """What a network needs beside its weights.

    `ranges` has the end of that after each convolution but the last; `biases` those of all.
    """

    ranges: list
    biases: list


def path_of(weights_file):
    """Where the scales for a file of weights lie."""
    return weights_file.with_suffix(".int8.npz")


def write(scales, weights_file):
    """Write the scales for a file of weights beside it."""
    biases = {f"{layer:02d}": np.float32(bias) for layer, bias in enumerate(scales.biases)}
    with atomic(path_of(weights_file)) as beside:
        np.savez(beside, ranges=np.float32(scales.ranges), sha256=checksum(weights_file), **biases)


def read(weights_file):
    """The scales for a file of weights; SarcoError if they are missing, cannot be read, or are of other weights."""
    path = path_of(weights_file)
    again = f"run 'python workflow/int8.py {weights_file.parent}', or choose another engine."
    if not path.exists():
        raise SarcoError(f"{path}: not found, and int8 needs it; {again}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in sorted(arrays.files)}
        owner, ranges, biases = str(found.pop("sha256")), found.pop("ranges").tolist(), list(found.values())
        if len(biases) != len(ranges) + 1:
            raise ValueError("a network has one more bias than ranges")
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SarcoError(f"{path}: cannot be read ({error}); {again}") from error
    if owner != checksum(weights_file):
        raise SarcoError(f"{path}: belongs to other weights than {weights_file.name}; {again}")
    return Scales(ranges, biases)


def calibrate(weights, images):
    """Measure the `Scales` of a network on slices of its grid, (rows, columns) each, as the engines get them."""
    import openvino

    from . import openvino as engine

    core, how = openvino.Core(), {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": cores()}
    images = [np.ascontiguousarray(image, np.float32)[None, None] for image in images]
    share = np.array([image.size for image in images]) / sum(image.size for image in images)

    def means(scales, probe):
        """Mean over the slices of each output of the graph, each slice by its pixels."""
        graph = engine.graph(weights, scales=scales, probe=probe)
        request = core.compile_model(graph, "CPU", how).create_infer_request()
        runs = [[value.copy() for value in request.infer({0: image}).values()] for image in images]
        return [np.stack(values) for values in zip(*runs, strict=True)]

    layers = len(list(engine.folded(weights)))
    found = means(None, range(layers))
    wanted = [share @ given for given in found[:layers]]
    reached = [max(float(most.mean()), LEAST) for most in found[layers:]]
    scales = Scales(_shared(reached, weights), [bias for _, bias in engine.folded(weights)])
    for layer in range(layers):
        scales.biases[layer] = scales.biases[layer] + wanted[layer] - share @ means(scales, [layer])[0]
    return scales


def _shared(ranges, weights):
    """Ranges of which what is put beside each other, at a skip, has one."""
    _, depth, convolutions = shape(weights)
    ranges, below = list(ranges), (depth + 1) * convolutions - 1
    for level in reversed(range(depth)):
        skip = (level + 1) * convolutions - 1
        ranges[skip] = ranges[below] = max(ranges[skip], ranges[below])
        below += convolutions
    return ranges
