"""The benchmarks of the cohort and of the networks: what they report adds up."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner
from untrained import write_members

from sarco.base import paths
from sarco.cli.app import app
from sarco.engines.keras import Keras
from sarco.evidence import phantom_speed
from sarco.evidence import speed as speed_bench
from sarco.runs import profiles

pytestmark = pytest.mark.long


def test_speed_is_measured_for_each_number_of_workers():
    one, two = phantom_speed.bench(8, matrix=128, workers=(1, 2))
    assert (one.workers, two.workers) == (1, 2) and one.cases == two.cases == 8
    for speed in (one, two):
        assert speed.slices_per_second * speed.seconds == pytest.approx(8)
        assert abs(speed.paper_minutes * 60 / speed.seconds - 1525 / 8) < 1e-6
        assert 50 < speed.peak_mib < 2000
    assert 0 < one.cpu_seconds <= one.seconds * (os.cpu_count() or 1) * 1.2
    assert two.seconds > 0.1


def test_the_command_prints_a_line_for_each():
    result = CliRunner().invoke(app, ["cohort", "bench", "--cases", "8", "--matrix", "128"])
    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if "slices a second" in line]
    assert len(lines) == len({1, os.cpu_count()})
    assert lines[0].startswith("1 core:")


def test_networks_are_measured_and_what_is_missing_is_said(tmp_path, tiny, monkeypatch):
    pytest.importorskip("openvino")
    path = tiny(tmp_path)
    write_members(profiles.load(path))
    monkeypatch.setattr(profiles.Profile, "cohort_dir", paths.sample_dir())
    monkeypatch.setattr(speed_bench, "product_gflops", lambda: 50.0)
    monkeypatch.setattr(speed_bench, "product_openvino_gflops", {"f32": 80.0, "bf16": 160.0}.get)
    monkeypatch.setattr(speed_bench, "_apart", lambda call: 2.0)  # each of these starts Keras anew
    monkeypatch.setattr(speed_bench, "torch_steps", lambda python: {})
    found = speed_bench.importlib.util.find_spec
    missing = lambda name: None if name == "onnxruntime" else found(name)  # noqa: E731
    monkeypatch.setattr(speed_bench.importlib.util, "find_spec", missing)
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["bench", "--profile", str(path), "--out", str(out), "--slices", "2", "--members", "2"]
    )
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out / "bench.csv").set_index("what")
    # Not made from ROWS: the check of committed tables asks for these rows.
    assert [what.replace("by 2", "by 15") for what in table.index] == list(speed_bench.ROWS)
    value = table["value"]
    for name in ("ONNX Runtime", "training, PyTorch compiled"):
        assert np.isnan(value[name]) and table.loc[name, "how"] == "not installed"
    assert table.loc[speed_bench.STUDENTS_JOB, "how"] == "no student"
    assert value["ours, against model.predict"] == pytest.approx(2 / value["ours"], rel=1e-3)
    assert value["ours, against the better engine"] == pytest.approx(
        min(value["OpenVINO"], value.get("OpenVINO in bfloat16", np.inf)) / value["ours"], rel=1e-3
    )
    job = table.loc["500 slices by 2 members"]
    assert job["value"] == pytest.approx(500 / 60 * value["whole job"], rel=1e-3)
    assert job["how"] == "extrapolated from 2"
    assert 0 < value["ours, share of the peak"] < 100
    assert json.loads((out / "bench.json").read_text())["members_shipped"] == 1


def test_onnx_is_the_same_network():
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from sarco.method.unet import unet

    network = unet(filters=2)
    session = runtime.InferenceSession(
        speed_bench.onnx_model(network.get_weights()), providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(0).random((1, 1, 32, 48), np.float32)
    expected = Keras([network.get_weights()], lambda _: network).probabilities(x[0, 0])
    assert np.abs(session.run(None, {"image": x})[0][:, 0] - expected).max() < 1e-5
