"""Eight bits: near float32 once the biases are corrected, and only with scales of the same weights."""

import numpy as np
import pytest

from sarco.base import paths
from sarco.base.errors import SarcoError
from sarco.engines import choose, int8
from sarco.engines.openvino import OpenVINO
from sarco.engines.weights import read_manifest
from sarco.method.ensemble import Ensemble

pytest.importorskip("openvino")
SHIPPED = paths.data_dir() / "weights"


@pytest.fixture(scope="module")
def weights():
    """A small network of one pooling, with activations that have a mean."""
    rng = np.random.default_rng(0)
    arrays = []
    for before, after in ((1, 4), (4, 8), (12, 4)):
        arrays.append(rng.normal(0.05, (2 / (9 * before)) ** 0.5, (3, 3, before, after)))
        arrays += [rng.uniform(low, 1, after) for low in (0, 0.5, 0, 0, 0.5)]
    return [np.float32(array) for array in (*arrays, rng.normal(0, 0.5, (1, 1, 4, 1)), [0.1])]


@pytest.fixture(scope="module")
def images():
    return list(np.random.default_rng(1).random((6, 32, 48)).astype(np.float16))


def test_near_float32(weights, images):
    scales = int8.calibrate(weights, images)
    assert (len(scales.ranges), len(scales.biases)) == (3, 4)
    assert scales.ranges[0] == scales.ranges[1]  # they meet at the skip
    exact, rounded = OpenVINO([weights], "float32"), OpenVINO([weights], scales=[scales])
    assert (exact.made_with["precision"], rounded.made_with["precision"]) == ("float32", "int8")
    errors = [rounded.probabilities(image) - exact.probabilities(image) for image in images]
    assert 0 < np.abs(errors).max() < 0.05 and abs(np.mean(errors)) < 2e-4
    uncorrected = OpenVINO([weights], scales=[int8.Scales(scales.ranges, int8_biases(weights))])
    biased = np.mean([uncorrected.probabilities(image) - exact.probabilities(image) for image in images])
    assert abs(np.mean(errors)) < abs(biased)


def int8_biases(weights):
    from sarco.engines.openvino import folded

    return [bias for _, bias in folded(weights)]


def test_scales_belong_to_their_weights(weights, tmp_path):
    file = tmp_path / "member-01.npz"
    np.savez(file, a=1)
    with pytest.raises(SarcoError, match=r"not found, and int8 needs it; run 'python workflow/int8.py"):
        int8.read(file)
    written = int8.Scales([2.5], [np.float32([1, 2]), np.float32([3])])
    int8.write(written, file)
    read = int8.read(file)
    assert read.ranges == written.ranges and all(map(np.array_equal, read.biases, written.biases))
    np.savez(file, a=2)
    with pytest.raises(SarcoError, match="belongs to other weights"):
        int8.read(file)
    for cut in (0, 100, -1):
        path = int8.path_of(file)
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(SarcoError, match=r"int8\.npz: cannot be read"):
            int8.read(file)


@pytest.mark.skipif(not (SHIPPED / "manifest.json").exists(), reason="no shipped weights")
def test_shipped_networks_have_theirs():
    for student in (False, True):
        for entry in read_manifest(SHIPPED, student)["members"]:
            assert len(int8.read(SHIPPED / entry["file"]).biases) == 28
    assert choose.choose("int8") == "openvino"
    assert Ensemble.load(SHIPPED, student=True, engine="int8").engine.made_with["precision"] == "int8"
