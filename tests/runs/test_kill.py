"""Training and evaluation killed at random moments: at most one epoch or one block is lost, and no bit changes.

The default run kills the evaluation a few times; `-m slow` kills both ten times each (minutes: each start loads
TensorFlow anew).
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from sarco.base.environment import cores
from sarco.base.files import checksum
from sarco.cohort import make
from sarco.engines.weights import pack
from sarco.method.unet import DEPTH, unet
from sarco.runs import evaluation, profiles

pytestmark = pytest.mark.long

# Runs a command of sarco. From the first call of a function on, it writes down what each call is about, and kills the
# process after so many seconds (never for a negative number). A slow pace stands for a larger job.
COMMAND = """
import importlib, os, signal, sys, threading, time
room, function, argument, pace, delay, log, *command = sys.argv[1:]
module = importlib.import_module(room)
work, log, begun = getattr(module, function), open(log, "w", buffering=1), []

def watched(*args, **kwargs):
    log.write(f"{args[int(argument)]} {time.monotonic()}\\n")  # at once, as several threads write
    if not begun:
        begun.append(True)
        if float(delay) >= 0:
            threading.Thread(target=kill, daemon=True).start()
    time.sleep(float(pace))
    return work(*args, **kwargs)

def kill():
    time.sleep(float(delay))
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module, function, watched)
from sarco.cli import app
app(command, standalone_mode=False)
"""


def watched(log, watch, delay_s, *command):
    """Exit status, what was begun, and the seconds from the first to the last of it."""
    here = {key: value for key, value in os.environ.items() if not key.startswith(("TF_ENABLE", "TF_NUM"))}
    line = [sys.executable, "-c", COMMAND, *watch, str(delay_s), str(log), *map(str, command)]
    done = subprocess.run(line, env=here, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    calls = [call.split() for call in log.read_text().splitlines()]
    begun, times_s = zip(*calls, strict=True) if calls else ((), (0,))
    return done.returncode, begun, float(times_s[-1]) - float(times_s[0])


def killed_often(times, longest_s, attempt, restart, seed):
    """Attempt with a random delay until it was killed so many times and, at the last, finished."""
    draw, kills, finished = random.Random(seed), 0, False
    for _ in range(10 * times):
        if kills == times:
            break
        if finished:
            restart()
        finished = attempt(draw.uniform(0, longest_s)) == 0
        kills += not finished
    assert kills == times
    if not finished:
        assert attempt(-1) == 0


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, tiny):
    """A cohort and three untrained members, and the table of an undisturbed run."""
    import keras

    path = tiny(tmp_path_factory.mktemp("evaluation"))
    profile = profiles.load(path)
    make.make(profile.cohort_dir, cases=24, setting="reference", seed=1, workers=1, matrix=128)
    profile.weights_dir.mkdir(parents=True)
    networks = {}
    for number, name in enumerate(("member-01", "member-02", "member-03", "student")):
        keras.utils.set_random_seed(number)
        file = profile.weights_dir / f"{name}.npz"
        pack(unet(profile.filters), file)
        networks[name] = {"file": file.name, "sha256": checksum(file), "seed": number}
    student = [networks.pop("student")]
    for file, entries in (("manifest.json", [*networks.values()]), ("student.json", student)):
        manifest = {"filters": profile.filters, "depth": DEPTH, "spacing_mm": profile.spacing_mm, "members": entries}
        (profile.weights_dir / file).write_text(json.dumps(manifest))
    table = evaluation.run(profile, progress=False) / "cases.csv"
    whole = table.read_bytes()
    shutil.rmtree(profile.results_dir)
    return SimpleNamespace(path=path, profile=profile, whole=whole, table=table)


@pytest.mark.parametrize("times", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_evaluation(evaluated, tmp_path, times):
    folder, seen = evaluated.table.parent, [0]
    watch = ("sarco.runs.evaluation", "_evaluate_case", "3", "0.1")
    under_way = cores() + 2  # that many cases are computed at once, and one may lie finished behind them

    def attempt(delay_s):
        status, begun, _ = watched(tmp_path / "log", watch, delay_s, "evaluate", "--profile", evaluated.path)
        kept = evaluated.whole if status == 0 else b"".join(path.read_bytes() for path in folder.glob(".cases-*.csv"))
        done = {line.split(b",")[0] for line in kept.splitlines()[1:]}
        # Nothing that was kept is lost, and of what this attempt began only what was under way.
        assert len(done) >= seen[0] + max(0, len(begun) - under_way)
        seen[0] = len(done) - bool(status and done)  # the last case may be torn, and is then computed again
        return status

    def restart():
        assert evaluated.table.read_bytes() == evaluated.whole
        shutil.rmtree(folder)
        seen[0] = 0

    killed_often(times, 0.5, attempt, restart, seed=times)
    assert evaluated.table.read_bytes() == evaluated.whole
    assert not list(folder.glob(".*"))
    shutil.rmtree(folder)


@pytest.mark.slow
def test_training(tmp_path, tiny):
    path = tiny(tmp_path)
    path.write_text(path.read_text().replace("epochs: 3", "epochs: 12"))
    profile = profiles.load(path)
    make.make(profile.cohort_dir, cases=8, setting="reference", seed=1, workers=1, matrix=128)
    make.make(profile.training_dir, cases=4, setting="randomised", seed=1, workers=1, matrix=128)
    watch = ("sarco.runs.training", "batch", "2", "0.05")
    command = ("train", "--profile", path, "--member", "1", "--out")
    status, steps, whole_s = watched(tmp_path / "log", watch, -1, *command, tmp_path / "whole")
    assert status == 0 and {*range(profile.epochs * profile.iterations)} <= {*map(int, steps)}
    name, out = "member-01", tmp_path / "killed"
    checkpoint = out / f"{name}.checkpoint.npz"

    def attempt(delay_s):
        before = _epochs(checkpoint)
        status, steps, _ = watched(tmp_path / "log", watch, delay_s, *command, out)
        first, last = (int(steps[i]) // profile.iterations for i in (0, -1))
        if first < profile.epochs - 1:  # after the last epoch, the statistics are settled over steps of before
            assert first == before
        if status:
            assert _epochs(checkpoint) >= min(last, profile.epochs - 1) or first == profile.epochs - 1
        return status

    def restart():
        assert (out / f"{name}.npz").read_bytes() == (tmp_path / "whole" / f"{name}.npz").read_bytes()
        shutil.rmtree(out)

    killed_often(10, 0.8 * whole_s, attempt, restart, seed=1)  # a start compiles anew, which takes most of it
    assert (out / f"{name}.npz").read_bytes() == (tmp_path / "whole" / f"{name}.npz").read_bytes()
    first, second = (np.genfromtxt(tmp_path / run / f"{name}.csv", delimiter=",", skip_header=1)[:, :-1]
                     for run in ("whole", "killed"))  # fmt: skip
    assert np.array_equal(first, second)  # all but the seconds


def _epochs(checkpoint):
    """Number of epochs that a checkpoint holds."""
    if not checkpoint.exists():
        return 0
    with np.load(checkpoint) as kept:
        return len(kept["rows"])
