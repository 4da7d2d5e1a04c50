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
from ..engines import openvino as openvino_engine
from ..engines.keras import Keras
from ..engines.weights import shape
from ..method.ensemble import MARGIN_PX, Ensemble, network
from ..method.preprocess import body_box, to_network
from ..method.train import compiled_unet
from ..runs import evaluation, profiles
from ..runs.precision import AUTO, FLOAT32, processor, taken, use_onednn
from .network_arithmetic import multiply_adds

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


def median_s(work, repeats=5):
    """Median time of a call, s, after one that is not counted."""
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def _installed(*names):
    return all(map(importlib.util.find_spec, names))


# --- The machine: thousand million operations a second in products of square matrices ------------------------------

PRODUCT_PX = 2048  # side of a matrix


def product_gflops():
    """In float32 by NumPy on every core."""
    a = np.random.default_rng(0).random((PRODUCT_PX, PRODUCT_PX), np.float32)
    threads = environment.cores()
    with ThreadPoolExecutor(threads) as pool:
        # One product a core: NumPy itself is kept to one thread by the command line.
        return 2e-9 * PRODUCT_PX**3 * threads / median_s(lambda: list(pool.map(lambda _: a @ a, range(threads))))


def product_openvino_gflops(precision):
    """By OpenVINO in "f32" or "bf16"; None where it is not installed or the CPU has no such product."""
    if not _installed("openvino"):
        return None
    import openvino
    from openvino import opset13 as op

    core = openvino.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return None
    a = np.random.default_rng(0).random((PRODUCT_PX, PRODUCT_PX), np.float32)
    x = op.parameter(a.shape, np.float32)
    graph = openvino.Model([op.matmul(x, op.constant(a), False, False).output(0)], [x], "product")
    how = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": environment.cores()}
    request = core.compile_model(graph, "CPU", how).create_infer_request()
    return 2e-9 * PRODUCT_PX**3 / median_s(lambda: request.infer({0: a}))


# --- One network on a whole slice: seconds, or None where it cannot ------------------------------------------------


def predict_s(weights_dir):
    """Plain `model.predict` of the first member, in this process, on noise: the values change nothing in the time."""
    member = network(Ensemble.load(weights_dir, members=1).weights[0])
    x = np.random.default_rng(0).random((1, SIDE_PX, SIDE_PX, 1)).astype(np.float32)
    return median_s(lambda: member.predict(x, verbose=0))


def openvino_s(weights, image, precision):
    """OpenVINO alone, with all cores on the one network."""
    if not _installed("openvino"):
        return None
    engine = openvino_engine.OpenVINO([weights], precision, plain=True)
    return median_s(lambda: engine.probabilities(image)) if engine.made_with["precision"] == precision else None


def onnxruntime_s(weights, image):
    """ONNX Runtime alone."""
    if not _installed("onnx", "onnxruntime"):
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = environment.cores()
    session = onnxruntime.InferenceSession(onnx_model(weights), options, providers=["CPUExecutionProvider"])
    x = np.asarray(image, np.float32)[None, None]
    return median_s(lambda: session.run(None, {"image": x}))


def onnx_model(weights):
    """A member as an ONNX file, bytes, with batch normalisation folded into the convolutions."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, arrays, names = [], [], (f"t{i}" for i in itertools.count())
    layers, (_, depth, convolutions) = openvino_engine.folded(weights), shape(weights)

    def constant(array):
        arrays.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), next(names)))
        return arrays[-1].name

    def add(operation, *inputs, **how):
        nodes.append(helper.make_node(operation, inputs, [next(names)], **how))
        return nodes[-1].output[0]

    def convolve(x, activation="Relu"):
        kernel, bias = next(layers)
        edges = [side // 2 for side in kernel.shape[:2]] * 2
        return add(activation, add("Conv", x, constant(kernel.transpose(3, 2, 0, 1)), constant(bias), pads=edges))

    def block(x):
        for _ in range(convolutions):
            x = convolve(x)
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
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


# --- Training: members of the profile `laptop` an hour, in batches of the paper's size ------------------------------

STEPS = 5  # timed, after those that compile
OURS, EAGER, COMPILED = "ours", "PyTorch as it stands", "PyTorch compiled"


def training_step():
    """Filters, rows, columns and slices of the step that is timed."""
    laptop = profiles.load("laptop")
    return (laptop.filters, *laptop.patch_px, paper.BATCH_SIZE)


def keras_step(policy):
    """Seconds of a training step of ours on made-up slices, in this process, and the precision that was taken."""
    use_onednn()
    policy = taken(policy)
    import keras

    filters, *size, slices = training_step()
    rng, batch = np.random.default_rng(0), (slices, *size, 1)
    x, y = rng.random(batch, np.float32), (rng.random(batch) > 0.8).astype(np.float32)
    model = compiled_unet(filters, 1000, precision=policy)
    seconds = median_s(lambda: float(np.asarray(model.train_on_batch(x, y))), STEPS)
    return {"seconds": seconds, "version": keras.__version__, "precision": policy.removeprefix("mixed_")}


def arrangements(hardware):
    """Processes at once, and threads of each: one that has all cores, or one a core, as a run trains on processors."""
    cores = hardware["cores"]
    return [(1, cores)] if cores == 1 or hardware["accelerators"] else [(1, cores), (cores, 1)]


def tried(what, policy, processes, threads, python):
    """One arrangement, with the members an hour that it reaches, or why it `failed`: a dict."""
    if what == OURS:
        command = _code(f"keras_step({policy!r})")
    else:
        how = (*training_step(), STEPS, threads, policy, "compiled" if what == COMPILED else "eager")
        command = [python, paths.root() / "workflow" / "steps_torch.py", *map(str, how)]
    switches = {name: str(threads) for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")}
    with ThreadPoolExecutor(processes) as pool:
        found = list(pool.map(lambda _: _printed(command, what == OURS, **switches), range(processes)))
    laptop = profiles.load("laptop")
    members = paper.BATCH_SIZE / (laptop.epochs * laptop.iterations * laptop.batch_size)  # a step
    failed = next((one.get("failed", NOT_INSTALLED) for one in found if "seconds" not in one), None)
    rate = None if failed else 3600 * members * sum(1 / one["seconds"] for one in found)
    return {"what": what, "precision": policy, "processes": processes, "threads": threads, **found[0],
            "failed": failed, "members_an_hour": rate}  # fmt: skip


# --- All of it -----------------------------------------------------------------------------------------------------


def _printed(command, check=True, **switches):
    """The JSON that a command prints last, {} if it fails, without the switches that make our numbers repeatable."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("TF_NUM_", "TF_ENABLE_", "OPENBLAS_"))}
    environ |= switches
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=check)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}


def _code(call):
    return [sys.executable, "-c", f"import json; from sarco.evidence import speed; print(json.dumps(speed.{call}))"]


def _apart(call):
    """A number from another process, so that one library's threads do not stand in the way of another's."""
    return _printed(_code(call))


def _row(what, value, unit, how, missing=NOT_INSTALLED):
    return (what, None, unit, missing) if value is None else (what, value, unit, how)


def _repeated(items, n):
    return list(itertools.islice(itertools.cycle(items), n))


def _networks(team, weights_dir, images, on_gpu):
    """Rows of one network, by plain Keras and by each engine, and of ours, which are all members side by side."""
    numpy, single, half = product_gflops(), product_openvino_gflops("f32"), product_openvino_gflops("bf16")
    yield _row("matrix product, float32", numpy, "GFLOP/s", "NumPy, every core")
    yield _row("matrix product, float32", single, "GFLOP/s", "OpenVINO")
    yield _row("matrix product, bfloat16", half, "GFLOP/s", "OpenVINO")
    size, weights, image = f"{SIDE_PX} x {SIDE_PX}", team.weights[0], images[0]
    plain = _apart(f"predict_s({str(weights_dir)!r})")
    yield _row("model.predict", plain, "s a slice", f"Keras, {size}")
    alone = {
        "ONNX Runtime": (onnxruntime_s(weights, image), "float32"),
        "OpenVINO": (openvino_s(weights, image, "float32"), "float32"),
        "OpenVINO in bfloat16": (openvino_s(weights, image, "bfloat16"), "bfloat16"),
    }
    for name, (value, precision) in alone.items():
        yield _row(name, value, "s a slice", f"{precision}, {size}")
    passes = len(images) * team.size
    ours = median_s(lambda: [team.predict_grid(one) for one in images], repeats=3) / passes
    made_with = team.engine.made_with
    how = f"{made_with['name']} {made_with['precision']}, cropped, {team.size} members side by side"
    yield _row("ours", ours, "s a slice", how)
    yield _row("ours, against model.predict", plain / ours, "times as fast", "both as above")
    best = min((value for value, _ in alone.values() if value is not None), default=None)
    yield _row("ours, against the better engine", best and best / ours, "times as fast", "both as above")
    peak = half if made_with["precision"] == "bfloat16" else max(numpy, single or 0)
    boxes = [one[body_box(one, MARGIN_PX)].shape for one in images]
    operations = 2 * statistics.mean(multiply_adds(box, *shape(weights)) for box in boxes)
    # The products were of the processor.
    share = None if on_gpu and made_with["name"] == Keras.name else 100 * 1e-9 * operations / ours / peak
    yield _row("ours, share of the peak", share, "%", "of the matrix product in its precision", NO_PEAK)


def _whole_job(team, student, cohort, known, slices):
    """Rows of the whole job: read, resample, compute, post-process and score every mean of members."""

    def job_s(ensemble, cases):
        start = time.perf_counter()
        evaluation.evaluate(cohort, ensemble, cases, progress=sys.stderr.isatty())
        return (time.perf_counter() - start) / len(cases)

    cases = _repeated(known, slices)
    a_slice = job_s(team, cases)
    repeated = "" if len(known) >= slices else f", {len(known)} different"
    how = f"{team.size} members, from the file to every row; {slices} slices{repeated}"
    yield _row("whole job", a_slice, "s a slice", how)
    few = cases[:FEW]
    quick = None if student is None else job_s(student, few)
    yield _row(STUDENTS_JOB, quick, "s a slice", f"1 network; {len(few)} slices", NO_STUDENT)
    extrapolated = "measured" if slices >= FULL_JOB else f"extrapolated from {slices}"
    yield _row(f"{FULL_JOB} slices by {team.size} members", FULL_JOB * a_slice / 60, "min", extrapolated)


def _training(torch_python, hardware, say, kept):
    """Rows of training, the best arrangement of each; all that was tried is said, and appended to `kept`."""
    python = torch_python or (sys.executable if _installed("torch") else None)
    policy = AUTO
    size = "batches of {3}, {1} x {2}".format(*training_step())

    def once(what, policy, processes, threads):
        one = tried(what, policy, processes, threads, python)
        one["how"] = "{precision}, {processes} x {threads} threads".format(**one)
        say(f"  {what}, {one['how']}: " + (one["failed"] or f"{one['members_an_hour']:.3g} members an hour"))
        kept.append(one)
        return one

    for what in (OURS, EAGER, COMPILED):
        row, unit = f"training, {what}", "members an hour"
        if what != OURS and python is None:
            yield _row(row, None, unit, "")
            continue
        every = [once(what, policy, *how) for how in arrangements(hardware)]
        best = max(every, key=lambda one: one["members_an_hour"] or 0)
        if what == OURS:  # PyTorch takes the same, on the processor
            policy = best["precision"] if best["precision"] == "bfloat16" else FLOAT32
        if best["precision"] != FLOAT32 and what != EAGER:
            every.append(once(what, FLOAT32, best["processes"], best["threads"]))
        # PyTorch's step runs on the processor.
        kind = processor(hardware) if what == OURS else hardware["processor"]
        library = f"{'Keras' if what == OURS else 'PyTorch'} {best.get('version')}"
        others = [
            f"{one['how']}: {one['members_an_hour']:.3g}" for one in every if one is not best and not one["failed"]
        ]
        how = "; ".join([f"{kind}, {library}, {size}, {best['how']}", *others])
        yield _row(row, best["members_an_hour"], unit, how, best["failed"])


def write_bench(profile, out, *, slices=20, members=15, torch_python=None, say=print):
    """Measure, say each row as soon as it is there, and write bench.csv and bench.json to the folder `out`.

    The members of a profile and the slices of its cohort are repeated where there are fewer than asked for; 500 slices
    and 15 members are the paper's. `torch_python` is a Python that has PyTorch, where this one has not. Returns the
    table, with `COLUMNS`; a value is empty where something is not installed, and `how` says so.
    """
    import pandas as pd

    hardware = environment.hardware()
    machine = ", ".join([hardware["processor"], f"{hardware['cores']} cores", *hardware["accelerators"]])
    say(f"On {machine}")
    rows = [("machine", None, "", machine)]
    shipped = Ensemble.load(profile.weights_dir)
    team, student = _at_paper_spacing(shipped, _repeated(shipped.weights, members)), None
    if (profile.weights_dir / "student.json").exists():
        student = _at_paper_spacing(Ensemble.load(profile.weights_dir, student=True))
    cohort = Cohort.open(profile.cohort_dir)
    known = cohort.cases("test") or cohort.cases()
    few = [cohort.read_slice(case) for case in known[:8]]
    images = [to_network(one.image_hu, one.spacing_mm, SPACING_MM) for one in few]
    trained = []
    parts = (
        _networks(team, profile.weights_dir, images, bool(hardware["accelerators"])),
        _whole_job(team, student, cohort, known, slices),
        _training(torch_python, hardware, say, trained),
    )
    for what, value, unit, how in itertools.chain(*parts):
        rows.append((what, value, unit, how))
        say(f"{what}: " + (how if value is None else f"{value:.3g} {unit} ({how})"))
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": float})
    info = {"machine": machine, "profile": profile.name, "slices": slices, "members": members,
            "members_shipped": shipped.size, "engine": team.engine.made_with, "hardware": hardware,
            "versions": environment.versions(), "commit": environment.commit(),
            "training": trained, "rows": [dict(zip(COLUMNS, each, strict=True)) for each in rows]}  # fmt: skip
    write_csv(table, Path(out) / "bench.csv", float_format="%.5g")
    with atomic(Path(out) / "bench.json") as beside:
        beside.write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8")
    return table


def _at_paper_spacing(ensemble, weights=None):
    return Ensemble(ensemble.manifest | {"spacing_mm": SPACING_MM}, weights=weights or ensemble.weights)
