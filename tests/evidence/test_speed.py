"""The benchmarks of the cohort and of the networks: what they report adds up."""

import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

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
    # In a process of its own, as this one had other tests; a forked one, as a new program keeps the peak of its parent.
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as fresh:
        one, two = fresh.submit(phantom_speed.bench, 8, matrix=128, workers=(1, 2)).result()
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
    step = {"seconds": 0.5, "precision": "bfloat16", "version": "1"}
    monkeypatch.setattr(speed_bench, "_printed", lambda command, check, **switches: dict(step))
    monkeypatch.setattr(speed_bench.environment, "cores", lambda: 2)
    found = speed_bench.importlib.util.find_spec
    missing = lambda name: None if name in ("onnxruntime", "torch") else found(name)  # noqa: E731
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
    # Two processes, each of two steps a second, by 12 slices of the 3,360 that a member of `laptop` learns from.
    assert value["training, ours"] == pytest.approx(2 * 2 * 3600 * 12 / 3360, rel=1e-3)
    assert "bfloat16, 2 x 1 threads; bfloat16, 1 x 2 threads: 25.7" in table.loc["training, ours", "how"]
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


def test_training_is_measured_at_every_arrangement_and_the_best_is_the_row(monkeypatch):
    commands, said, kept = [], [], []

    def printed(command, check, **switches):
        commands.append((command, switches))
        line = " ".join(map(str, command))
        if line.endswith("eager"):
            return {"version": "2", "failed": "failed: Error"}
        auto = {"precision": "bfloat16"} if "auto" in line else {}
        narrow = auto or "bfloat16" in line
        return {"version": "2", "seconds": (0.5 if narrow else 2) / int(switches["OMP_NUM_THREADS"]) ** 1.5, **auto}

    monkeypatch.setattr(speed_bench, "_printed", printed)
    hardware = {"processor": "of some kind", "cores": 2, "accelerators": []}
    rows = list(speed_bench._training("other python", hardware, said.append, kept))
    assert [what for what, *_ in rows] == list(speed_bench.ROWS[-3:])
    (_, ours, unit, how), (_, eager, _, why), (_, compiled, *_) = rows
    # Two threads are more than twice as fast as one, so that one process is best.
    assert unit == "members an hour"
    assert how.startswith("of some kind, Keras 2, batches of 12, 144 x 192, bfloat16, 1 x 2 threads; bfloat16, 2 x 1")
    assert how.endswith(f"float32, 1 x 2 threads: {ours / 4:.3g}") and compiled == ours
    assert eager is None and why == "failed: Error"
    assert len(said) == len(kept) == 3 + 2 + 3 and len(commands) == 3 * (1 + 2) + 2 * 1
    assert {switches["TF_NUM_INTRAOP_THREADS"] for _, switches in commands} == {"1", "2"}
    assert speed_bench.arrangements({"cores": 1, "accelerators": []}) == [(1, 1)]
    assert speed_bench.arrangements({"cores": 8, "accelerators": ["a GPU"]}) == [(1, 8)]


def test_a_step_of_ours_takes_what_the_machine_has(monkeypatch):
    from types import SimpleNamespace

    built = []
    network = SimpleNamespace(train_on_batch=lambda x, y: built.append(x.shape) or 0.5)
    monkeypatch.setattr(speed_bench, "compiled_unet", lambda *a, **how: built.append(how) or network)
    monkeypatch.setattr(speed_bench, "taken", {"auto": "mixed_bfloat16"}.get)
    monkeypatch.setattr(speed_bench, "use_onednn", lambda: None)
    found = speed_bench.keras_step("auto")
    assert found["precision"] == "bfloat16" and built[0] == {"precision": "mixed_bfloat16"}
    assert set(built[1:]) == {(12, 144, 192, 1)} and len(built) == 1 + 1 + speed_bench.STEPS
