"""The student of every tissue for the page that computes: its network as ONNX, and the constants that the way needs."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sarco import paper
from sarco.base import paths
from sarco.base.errors import SarcoError
from sarco.ct import composition, tissues
from sarco.engines.openvino import BATCH_NORMALISATION_EPSILON
from sarco.engines.weights import SCALE, read_manifest, read_members, team, unpack
from sarco.evidence import learned
from sarco.evidence.speed import onnx_model
from sarco.method import ensemble, postprocess, preprocess, unet
from sarco.slice_tool import tissue

CORRECTION = "mean_error_cm2", "half_cm2", "smallest_cm2", "largest_cm2"
LEVEL = "means", "scales", "weights", "constant", "half"


def student():
    """The network and the settings of the shipped student.

    Returns
    -------
    tuple of bytes and dict
        A file of ONNX, and what JSON can hold.

    Raises
    ------
    SarcoError
        There is no student, it knows muscle alone, or its file was changed.
    """
    weights = paths.weights_dir()
    manifest = read_manifest(weights, student=True)
    if not manifest.get("tissues"):
        raise SarcoError(f"{weights / 'student.json'}: its network knows muscle alone; train the student again.")
    (file,) = read_members(weights, manifest).files
    return in_8_bits(file), settings(weights, manifest)


def settings(weights, manifest):
    """All constants that the page needs, as the modules of the package have them."""
    known = learned.of(weights, weights.parent / "results", manifest, student=True)
    of_tissues = known.tissues if known.student == team(manifest) else {}
    spacing_mm = manifest["spacing_mm"]
    return {
        "network_spacing_mm": spacing_mm,
        "network_size": preprocess.network_size(spacing_mm),
        "window_hu": paper.WINDOW_HU,
        "strong_reduction": preprocess.STRONG_REDUCTION,
        "body": preprocess.BODY,
        "margin_px": ensemble.MARGIN_PX,
        "multiple": 2**unet.DEPTH,
        "level": postprocess.LEVEL,
        "muscle_hu": paper.MUSCLE_HU,
        "low_attenuation_hu": composition.LOW_ATTENUATION_HU,
        "fat_hu": composition.FAT_HU,
        "closing_mm": composition.CLOSING_MM,
        "skin_mm": tissues.SKIN_MM,
        "tissues": manifest["tissues"],
        "muscles": [name for name in manifest["tissues"] if name in tissues.MUSCLES],
        "fats": tissues.FATS,
        "correction": known.correction and _some(known.correction, CORRECTION),
        "of_tissues": {name: _some(correction, CORRECTION) for name, correction in of_tissues.items()},
        "of_level": _some(known.level, LEVEL) if known.level and known.level.team == team(manifest) else None,
        "warnings": known.warnings if of_tissues else (*known.warnings, tissue.NO_INTERVAL),
    }


def _some(known, keys):
    """Of what is known, what the page computes with."""
    return {key: getattr(known, key) for key in keys}


def in_8_bits(file):
    """ONNX, bytes, of a student's file of weights, its kernels in the very 8 bits that the file has.

    Batch normalisation is folded into their scales and the biases, so nothing is rounded anew. The outputs are
    `muscle`, a probability, and `tissues`, whose shares add up to 1.
    """
    weights = unpack(file)
    model = onnx.load_from_string(onnx_model(weights))
    graph = model.graph
    constants = {constant.name: constant for constant in graph.initializer}
    layers = (i for i, array in enumerate(weights) if array.ndim == 4)
    nodes = []
    with np.load(file, allow_pickle=False) as stored:
        for node in graph.node:
            if node.op_type == "Conv":
                i, name = next(layers), node.input[1]
                scale = stored[f"{i:03d}{SCALE}"].astype(np.float32)
                if len(weights[i:]) > 2:  # all but the last are followed by a batch normalisation
                    scale = scale * weights[i + 2] / np.sqrt(weights[i + 5] + BATCH_NORMALISATION_EPSILON)
                kernel = np.where(scale < 0, -stored[f"{i:03d}"], stored[f"{i:03d}"]).transpose(3, 2, 0, 1)
                graph.initializer.remove(constants[name])
                graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(kernel), f"{name}-8"))
                graph.initializer.append(numpy_helper.from_array(np.abs(scale), f"{name}-scale"))
                nodes.append(helper.make_node("DequantizeLinear", [f"{name}-8", f"{name}-scale"], [name], axis=0))
            nodes.append(node)
    sums = nodes.pop().input[0]  # of a member, whose only output is muscle
    count = len(weights[-1]) - 1
    graph.initializer.append(numpy_helper.from_array(np.array([1, count]), "outputs"))
    nodes += [
        helper.make_node("Split", [sums, "outputs"], ["first", "others"], axis=1),
        helper.make_node("Sigmoid", ["first"], ["muscle"]),
        helper.make_node("Softmax", ["others"], ["tissues"], axis=1),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "rows", "columns"])
        for name, channels in (("muscle", 1), ("tissues", count))
    ]
    graph = helper.make_graph(nodes, graph.name, graph.input, ends, graph.initializer)
    model = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()
