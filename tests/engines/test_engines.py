"""The engines: the same muscle whichever computes it, and the same bits from the same one."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sarco.base import paths
from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.engines import choose, int8, keras, weights
from sarco.engines.keras import Keras
from sarco.engines.openvino import OpenVINO
from sarco.method import ensemble, metrics, train
from sarco.method.slice import measure_slice
from sarco.slice_tool import segmentation

pytestmark = pytest.mark.long

pytest.importorskip("openvino")
SHIPPED = paths.data_dir() / "weights"
needs_weights = pytest.mark.skipif(not (SHIPPED / "manifest.json").exists(), reason="no shipped weights")


def run(*arguments):
    return CliRunner().invoke(app, ["segment", *map(str, arguments)])


@pytest.fixture(scope="module")
def sample():
    return sorted((paths.sample_dir() / "images").iterdir())


@pytest.fixture(scope="module")
def slices(sample, tmp_path_factory):
    """Two of the sample in a folder."""
    folder = tmp_path_factory.mktemp("slices")
    for path in sample[::5]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@needs_weights
@pytest.mark.parametrize("options", [(), ("--quick",)])
def test_engines_agree_on_mask_and_area(slices, tmp_path, options):
    if options and not (SHIPPED / "student.json").exists():
        pytest.skip("no shipped student")
    found = {}
    for name, precision in (("openvino", ""), ("float32", "float32"), ("int8", "int8"), ("keras", "float32")):
        out = tmp_path / name
        done = run(slices, "--out", out, "--engine", name, *options)
        assert done.exit_code == 0, done.output
        for path in sorted(out.glob("*.json")):
            numbers = json.loads(path.read_text())
            assert numbers["versions"]["engine"].startswith("keras" if name == "keras" else "openvino")
            assert precision in numbers["versions"]["engine"]
            assert numbers["versions"]["engine"] in path.with_suffix(".html").read_text()
            mask = np.asarray(Image.open(out / f"{path.stem}_mask.png")) > 0
            found.setdefault(path.stem, {})[name] = (mask, numbers["area_cm2"])
    assert len(found) == 2
    for each in found.values():
        reference, area_cm2 = each.pop("keras")
        for name, (mask, other_cm2) in each.items():
            least, most_cm2 = (0.998, 0.3) if name == "int8" else (0.999, 0.2)
            assert metrics.dice(mask, reference) >= least
            assert abs(other_cm2 - area_cm2) <= most_cm2


def members(count, seed=0, filters=2, tissues=0):
    """Weights of small networks whose batch normalisation is not that of the start."""
    from sarco.method.unet import unet

    rng = np.random.default_rng(seed)
    shapes = [w.shape for w in unet(filters=filters, tissues=tissues).get_weights()]

    def draw(shape):
        if len(shape) == 4:
            return rng.normal(0, (2 / np.prod(shape[:3])) ** 0.5, shape).astype(np.float32)
        return rng.uniform(0.5, 1, shape).astype(np.float32)

    return [[draw(shape) for shape in shapes] for _ in range(count)]


@pytest.fixture(scope="module")
def small():
    return members(3)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).random((48, 64)).astype(np.float16)


def test_the_graph_is_the_network(small, image):
    expected = Keras(small, ensemble.network).probabilities(image)
    found = OpenVINO(small, precision="float32").probabilities(image)
    assert found.shape == expected.shape == (3, 48, 64)
    assert expected.std() > 1e-3 and expected[0].std() > 1e-3
    assert np.abs(found - expected).max() < 2e-5
    assert weights.shape(members(1, filters=3)[0]) == (3, 4, 3)


def test_a_student_gives_its_muscle_as_a_member_and_its_tissues_when_asked(image):
    students = members(1, tissues=4)
    kernel, bias = students[0][-2:]
    alone = [[*students[0][:-2], kernel[..., :1], bias[:1]]]
    assert (weights.tissues(students[0]), weights.tissues(alone[0])) == (4, 0)
    scales = [int8.calibrate(students[0], [image, image[::-1]])]
    in_keras, in_float32 = Keras(students, ensemble.network), OpenVINO(students, "float32")
    for engine, off in ((in_float32, 2e-5), (OpenVINO(students), 0.02), (OpenVINO(students, scales=scales), 0.1)):
        found = engine.outputs(image)
        assert found.shape == (1, 5, 48, 64) and np.array_equal(found[:, 0], engine.probabilities(image))
        assert np.abs(found - in_keras.outputs(image)).max() < off
        assert np.allclose(found[:, 1:].sum(1), 1, atol=0.02)
    expected = Keras(alone, ensemble.network).probabilities(image)
    for engine in (in_keras, in_float32):
        assert np.abs(engine.probabilities(image) - expected).max() < 2e-5


@pytest.mark.parametrize("precision", [None, "float32"])
def test_same_bits_every_time_and_from_any_thread(small, image, precision):
    from concurrent.futures import ThreadPoolExecutor

    made = OpenVINO(small, precision)
    first = made.probabilities(image)
    other = made.probabilities(image[:32, :48])
    with ThreadPoolExecutor(4) as pool:
        for k, found in enumerate(pool.map(made.probabilities, [image, image[:32, :48]] * 4)):
            assert np.array_equal(found, other if k % 2 else first)
    assert np.array_equal(OpenVINO(small, precision).probabilities(image), first)
    once = OpenVINO(small, precision, once=True)
    assert once.made_with == made.made_with  # before and after
    assert np.array_equal(once.probabilities(image), first) and np.array_equal(once.probabilities(image), first)
    assert once.made_with == made.made_with


def test_an_ensemble_of_given_weights(small, image):
    """As the ablation makes one: weights, and a manifest that says little."""
    team = ensemble.Ensemble({"spacing_mm": 4.0}, small[:1])
    assert team.size == 1 and team.engine.made_with["name"] == "openvino"
    found = measure_slice(np.full((96, 128), 40.0), (4.0, 4.0), team).probability
    assert found.shape == (96, 128) and found.max() > 0


def test_float32_is_float32_and_what_is_said_was_computed(small, monkeypatch):
    """A GPU rounds float32 to TF32 unless it is told not to; without one, only that it is told can be tested."""
    import keras as library

    from sarco.method import unet

    if library.backend.backend() == "tensorflow":
        from tensorflow.config.experimental import enable_tensor_float_32_execution as allow
        from tensorflow.config.experimental import tensor_float_32_execution_enabled as allowed

        for work in (lambda: Keras(small, ensemble.network), lambda: train.compiled_unet(2, 1)):
            allow(True)
            work()
            assert not allowed()
    told = []
    backends = SimpleNamespace(cudnn=SimpleNamespace(allow_tf32=True))
    jax = SimpleNamespace(config=SimpleNamespace(update=lambda *pair: told.append(pair)))
    torch = SimpleNamespace(set_float32_matmul_precision=told.append, backends=backends)
    for name, module in (("jax", jax), ("torch", torch)):
        with monkeypatch.context() as patch:
            patch.setattr(library.backend, "backend", lambda name=name: name)
            patch.setitem(sys.modules, name, module)
            keras.disable_tf32()
    assert told == [("jax_default_matmul_precision", "highest"), "highest"] and not backends.cudnn.allow_tf32

    narrow = Keras(small, lambda _: unet.unet(2, precision="mixed_bfloat16"))
    assert narrow.made_with["precision"] == "bfloat16"
    usual = library.mixed_precision.dtype_policy()
    library.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        assert Keras(small, ensemble.network).made_with["precision"] == "float32"
    finally:
        library.mixed_precision.set_dtype_policy(usual)
    assert OpenVINO(small[:1], "float32").made_with["precision"] == "float32"


def test_what_is_not_there_is_said(sample, tmp_path, monkeypatch):
    done = run(sample[0], "--out", tmp_path / "out", "--engine", "abacus")
    assert (done.exit_code, "choose one of auto, float32, openvino, keras" in done.stderr) == (2, True)
    monkeypatch.setattr(choose, "available", lambda: ["keras"])
    assert choose.choose() == choose.choose("float32") == "keras"
    with pytest.raises(SarcoError, match=r"pip install sarco\[fast\]"):
        choose.choose("openvino")


def test_openvino_sends_nothing():
    """Its telemetry would leave the machine, and fork a process beside our threads, which once waited for ever."""
    code = "import sys, sarco.engines.openvino, openvino; print(sys.modules['openvino_telemetry'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "None\n"


@needs_weights
def test_openvino_needs_no_tensorflow(sample):
    code = (
        "import sys; from sarco.slice_tool.segmentation import Segmenter; "
        "Segmenter(engine='openvino').ensemble.engine; "
        "print({'keras', 'tensorflow', 'torch'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@needs_weights
def test_another_engine_is_another_result():
    prints = {segmentation.Segmenter(engine=name).fingerprint for name in ("openvino", "float32", "keras")}
    assert len(prints) == 3
