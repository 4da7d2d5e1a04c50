"""How fast this machine segments and trains: plain Keras, the engines alone, and ours, in one run."""

import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from .. import paper
from ..base import environment, paths
from ..base.files import atomic, write_csv
from ..cohort.layout import Cohort
from ..engines import engine as engines
from ..method.ensemble import Ensemble, network
from ..method.preprocess import body_box, to_network
from ..method.unet import multiply_adds
from ..runs import evaluation
from ..runs.training import compiled_unet

SPACING_MM, SIDE_PX = paper.FIELD_MM / paper.MATRIX, paper.MATRIX  # the paper's pixels, whatever ours were trained on
FULL_JOB, FEW = 500, 60  # slices
COLUMNS = ("what", "value", "unit", "how")
NOT_INSTALLED, NO_STUDENT, NO_PEAK = "not installed", "no student", "the peak of a GPU is not measured"
STUDENTS_JOB = "whole job, student"
# What a table of the paper's size says, in any order: one row each.
ROWS = (
    "machine", "matrix product, float32", "matrix product, float32", "matrix product, bfloat16", "model.predict",
    "ONNX Runtime", "OpenVINO", "OpenVINO in bfloat16", "ours", "ours, against model.predict",
    "ours, against the better engine", "ours, share of the peak", "whole job", STUDENTS_JOB,
    f"{FULL_JOB} slices by {paper.MEMBERS} members", "training, ours", "training, PyTorch as it stands",
    "training, PyTorch compiled",
)  # fmt: skip
# One training step as in the profile `laptop` when it was measured first.
STEP = {"filters": 16, "rows": 160, "columns": 208, "batch": 12}


def median_s(work, repeats):
    """Median time of a call, s, after one that is not counted."""
    work()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


# --- The machine ---------------------------------------------------------------------------------------------------


def product_gflops(side=2048, repeats=5):
    """Thousand million operations a second in products of square float32 matrices, by NumPy on every core."""
    a = np.random.default_rng(0).random((side, side), np.float32)
    threads = engines.cores()
    with ThreadPoolExecutor(threads) as pool:
        # One product a core: NumPy itself is kept to one thread by the command line.
        each = median_s(lambda: list(pool.map(lambda _: a @ a, range(threads))), repeats)
    return 2e-9 * side**3 * threads / each


def product_openvino_gflops(precision, side=2048, repeats=5):
    """The same by OpenVINO, "f32" or "bf16"; None where it is not installed or the CPU has no such product."""
    if importlib.util.find_spec("openvino") is None:
        return None
    import openvino
    from openvino import opset13 as op

    core = openvino.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return None
    a = np.random.default_rng(0).random((side, side), np.float32)
    x = op.parameter((side, side), np.float32)
    graph = openvino.Model([op.matmul(x, op.constant(a), False, False).output(0)], [x], "product")
    how = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": engines.cores()}
    request = core.compile_model(graph, "CPU", how).create_infer_request()
    return 2e-9 * side**3 / median_s(lambda: request.infer({0: a}), repeats)


# --- One network on a whole slice ----------------------------------------------------------------------------------


def predict_s(weights, image, repeats=5):
    """Plain `model.predict` on a slice, s, in this process."""
    member, x = network(weights), np.asarray(image, np.float32)[None, ..., None]
    return median_s(lambda: member.predict(x, verbose=0), repeats)


def openvino_s(weights, image, precision, repeats=5):
    """OpenVINO alone on a slice, s, with all cores on the one network; None where it cannot."""
    if importlib.util.find_spec("openvino") is None:
        return None
    made = engines.OpenVINO([weights], precision, plain=True)
    return None if made.made_with["precision"] != precision else median_s(lambda: made.probabilities(image), repeats)


def onnxruntime_s(weights, image, repeats=5):
    """ONNX Runtime alone on a slice, s; None where it or ONNX is not installed."""
    if not all(map(importlib.util.find_spec, ("onnx", "onnxruntime"))):
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = engines.cores()
    session = onnxruntime.InferenceSession(onnx_model(weights), options, providers=["CPUExecutionProvider"])
    x = np.asarray(image, np.float32)[None, None]
    return median_s(lambda: session.run(None, {"image": x}), repeats)


def onnx_model(weights):
    """A member as an ONNX file, bytes, with batch normalisation folded into the convolutions."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, arrays, names = [], [], (f"t{i}" for i in itertools.count())
    _, depth = engines.shape(weights)
    layers = engines.folded(weights)

    def constant(array):
        arrays.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), next(names)))
        return arrays[-1].name

    def add(operation, *inputs, **how):
        nodes.append(helper.make_node(operation, inputs, [next(names)], **how))
        return nodes[-1].output[0]

    def convolve(x, activation):
        kernel, bias = next(layers)
        edges = [side // 2 for side in kernel.shape[:2]] * 2
        return add(activation, add("Conv", x, constant(kernel.transpose(3, 2, 0, 1)), constant(bias), pads=edges))

    def block(x):
        for _ in range(engines.CONVOLUTIONS):
            x = convolve(x, "Relu")
        return x

    x, skips = "image", []
    for _ in range(depth):
        x = block(x)
        skips.append(x)
        x = add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = block(x)
    for skip in reversed(skips):
        wide = add("Resize", x, "", constant([1, 1, 2, 2]), mode="nearest",
                   coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
        x = block(add("Concat", skip, wide, axis=1))
    x = convolve(x, "Sigmoid")
    ends = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "rows", "columns"]) for name in ("image", x))
    graph = helper.make_graph(nodes, "unet", [next(ends)], [next(ends)], arrays)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return made.SerializeToString()


# --- Ours ----------------------------------------------------------------------------------------------------------


def ours(ensemble, images):
    """Seconds a slice and member of the engine, on slices cropped to the body, and the operations that are in one.

    Returns
    -------
    seconds, operations : float
    """
    boxes = [image[body_box(image, margin_px=16)].shape for image in images]
    seconds = median_s(lambda: [ensemble.predict_grid(image) for image in images], repeats=3)
    passes = len(images) * ensemble.size
    return seconds / passes, 2 * statistics.mean(
        multiply_adds(box, engines.shape(ensemble.weights[0])[0]) for box in boxes
    )


def job_s(cohort, ensemble, cases):
    """The whole job on some cases, s: read, resample, compute, post-process and score every mean of members."""
    start = time.perf_counter()
    evaluation.evaluate(cohort, ensemble, cases, progress=sys.stderr.isatty())
    return time.perf_counter() - start


# --- Training ------------------------------------------------------------------------------------------------------


def keras_step_s(steps):
    """Seconds of a training step of ours, in half precision, on made-up slices, in this process."""
    rng = np.random.default_rng(0)
    shape = (STEP["batch"], STEP["rows"], STEP["columns"], 1)
    x, y = rng.random(shape, np.float32), (rng.random(shape) > 0.8).astype(np.float32)
    model = compiled_unet(STEP["filters"], 1000, precision="mixed_bfloat16")
    model.train_on_batch(x, y)
    return median_s(lambda: float(np.asarray(model.train_on_batch(x, y))), steps)


def torch_steps(steps, python=None):
    """What workflow/steps_torch.py says, run by a Python that has PyTorch; None where there is none."""
    if python is None and importlib.util.find_spec("torch") is None:
        return None
    script = paths.root() / "workflow" / "steps_torch.py"
    command = [python or sys.executable, script, *map(str, STEP.values()), str(steps)]
    done = subprocess.run(command, env=_plain_environment(), capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


# --- All of it -----------------------------------------------------------------------------------------------------


def _plain_environment():
    """The environment as a user's own script has it: without the switches that make our numbers repeatable."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("TF_NUM_", "TF_ENABLE_", "OPENBLAS_"))}


def _apart(call):
    """A number from another process, so that one library's threads do not stand in the way of another's."""
    code = f"import json; from sarco.evidence import speed; print(json.dumps(speed.{call}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=_plain_environment(), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def predict_member_s(weights_dir, repeats=5):
    """`predict_s` of the first member, on noise: the values change nothing in the time."""
    image = np.random.default_rng(0).random((SIDE_PX, SIDE_PX))
    return predict_s(Ensemble.load(weights_dir, members=1).weights[0], image, repeats)


def run(profile, out, *, slices=20, members=15, steps=5, torch_python=None, say=print):
    """Measure, print each row as soon as it is there, and write bench.csv and bench.json.

    Parameters
    ----------
    profile : sarco.runs.profiles.Profile
        Its members, and the slices of its cohort; both are repeated where there are fewer than asked for.
    out : Path
        Folder for the two files.
    slices, members : int
        Of the whole job; 500 and 15 are the paper's.
    steps : int
        Of training, timed.
    torch_python : str or Path, optional
        A Python that has PyTorch, where this one has not.
    say : callable
        Gets each line.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; value is empty where something is not installed, and `how` then says so.
    """
    import pandas as pd

    rows = []

    def row(what, value, unit, how, missing=NOT_INSTALLED):
        rows.append((what, value, unit, how if value is not None else missing))
        say(f"{what}: " + (missing if value is None else f"{value:.3g} {unit} ({how})"))

    hardware = environment.hardware()
    machine = ", ".join([hardware["processor"], f"{hardware['cores']} cores", *hardware["accelerators"]])
    say(f"On {machine}")
    rows.append(("machine", None, "", machine))
    shipped = Ensemble.load(profile.weights_dir)
    weights = list(itertools.islice(itertools.cycle(shipped.weights), members))
    team = Ensemble(shipped.manifest | {"spacing_mm": SPACING_MM}, weights=weights)
    made = "{name} {precision}".format(**team.engine.made_with)
    cohort = Cohort.open(profile.cohort_dir)
    known = cohort.cases("test") or cohort.cases()
    few = [cohort.read_slice(case) for case in known[:8]]
    images = [to_network(s.image_hu, s.spacing_mm, SPACING_MM) for s in few]

    numpy, single, half = product_gflops(), product_openvino_gflops("f32"), product_openvino_gflops("bf16")
    row("matrix product, float32", numpy, "GFLOP/s", "NumPy, every core")
    row("matrix product, float32", single, "GFLOP/s", "OpenVINO")
    row("matrix product, bfloat16", half, "GFLOP/s", "OpenVINO")
    size = f"{SIDE_PX} x {SIDE_PX}"
    plain = _apart(f"predict_member_s({str(profile.weights_dir)!r})")
    row("model.predict", plain, "s a slice", f"Keras, {size}")
    alone = {
        "ONNX Runtime": (onnxruntime_s(weights[0], images[0]), "float32"),
        "OpenVINO": (openvino_s(weights[0], images[0], "float32"), "float32"),
        "OpenVINO in bfloat16": (openvino_s(weights[0], images[0], "bfloat16"), "bfloat16"),
    }
    for name, (seconds, precision) in alone.items():
        row(name, seconds, "s a slice", f"{precision}, {size}")
    seconds, operations = ours(team, images)
    row("ours", seconds, "s a slice", f"{made}, cropped, {members} members side by side")
    row("ours, against model.predict", plain / seconds, "times as fast", "both as above")
    best = min((s for s, _ in alone.values() if s is not None), default=None)
    row("ours, against the better engine", best and best / seconds, "times as fast", "both as above")
    peak = half if team.engine.made_with["precision"] == "bfloat16" else max(numpy, single or 0)
    share = 100 * 1e-9 * operations / seconds / peak
    if hardware["accelerators"] and team.engine.name == engines.Keras.name:
        share = None  # the products were of the processor
    row("ours, share of the peak", share, "%", "of the matrix product in its precision", NO_PEAK)

    cases = list(itertools.islice(itertools.cycle(known), slices))
    whole = job_s(cohort, team, cases)
    repeated = "" if len(known) >= slices else f", {len(known)} different"
    row(
        "whole job",
        whole / slices,
        "s a slice",
        f"{members} members, from the file to every row; {slices} slices{repeated}",
    )
    quick, few = None, cases[:FEW]
    if (profile.weights_dir / "student.json").exists():
        student = Ensemble.load(profile.weights_dir, student=True)
        student = Ensemble(student.manifest | {"spacing_mm": SPACING_MM}, weights=student.weights)
        quick = job_s(cohort, student, few) / len(few)
    row(STUDENTS_JOB, quick, "s a slice", f"1 network; {len(few)} slices", NO_STUDENT)
    extrapolated = "measured" if slices >= FULL_JOB else f"extrapolated from {slices}"
    row(f"{FULL_JOB} slices by {members} members", FULL_JOB * whole / slices / 60, "min", extrapolated)

    shape = "batches of {batch}, {rows} x {columns}".format(**STEP)
    row("training, ours", 1 / _apart(f"keras_step_s({steps})"), "steps a second", f"Keras, bfloat16, {shape}")
    torch = torch_steps(steps, torch_python) or {}
    for name in ("as it stands", "compiled"):
        value = torch.get(name)
        works = not isinstance(value, str)
        row(f"training, PyTorch {name}", 1 / value if works and value else None, "steps a second",
            f"PyTorch {torch.get('version')}, channels last, bfloat16, {shape}")  # fmt: skip
        if not works:
            rows[-1] = (*rows[-1][:3], value)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": float})
    info = {"machine": machine, "profile": profile.name, "slices": slices, "members": members,
            "members_shipped": shipped.size, "engine": team.engine.made_with, "hardware": hardware,
            "versions": environment.versions(), "commit": environment.commit(),
            "rows": [dict(zip(COLUMNS, each, strict=True)) for each in rows]}  # fmt: skip
    write_csv(table, Path(out) / "bench.csv", float_format="%.5g")
    with atomic(Path(out) / "bench.json") as beside:
        beside.write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8")
    return table
