"""Training: a resumed run is an undisturbed one."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from toys import squares

from sarco.base.errors import SarcoError
from sarco.cohort import make
from sarco.method import train as method_train
from sarco.method.unet import unet
from sarco.runs import profiles, training

pytestmark = pytest.mark.long

PROFILE = SimpleNamespace(filters=2, epochs=3, iterations=2, batch_size=2, learning_rate=0.02, decay_power=5.0,
                          loss="dice", reflection=False, ema_momentum=0.0, patch_px=(32, 48), precision="float32",
                          spacing_mm=8.0, goes_on_from=None)  # fmt: skip

# How a run goes on does not depend on the depth, and the network of each is compiled anew.
SHALLOW = partial(unet, depth=1, convolutions=1)


@pytest.fixture(scope="module")
def arrays():
    images, masks = squares()
    images[:, :8] = images[:, 56:] = 0
    return images, masks


def train(arrays, out, seed=1, start=None, begun=(), **changes):
    profile = SimpleNamespace(**{**vars(PROFILE), **changes})
    member = training.Member(1, seed, "member-01", start, tuple(begun))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method_train, "unet", SHALLOW)
        return training.train_member(arrays, arrays, member, profile, out, progress=False)


@pytest.mark.parametrize("options", [{}, {"ema_momentum": 0.7, "reflection": True}])
def test_a_killed_run_goes_on_and_ends_the_same(arrays, tmp_path, monkeypatch, options):
    whole = train(arrays, tmp_path / "whole", **options).read_bytes()
    save, saved = training._save, []

    def killed(*args):
        save(*args)
        saved.append(args)
        if len(saved) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "_save", killed)
        train(arrays, tmp_path / "killed", **options)
    assert not (tmp_path / "killed" / "member-01.npz").exists()
    assert train(arrays, tmp_path / "killed", **options).read_bytes() == whole
    rows = (tmp_path / "killed" / "member-01.csv").read_text().splitlines()
    assert len(rows) == 1 + PROFILE.epochs and rows[0] == ",".join(training.HISTORY)


def test_a_run_goes_on_from_another(arrays, tmp_path):
    first = train(arrays, tmp_path / "first", epochs=2, iterations=20)
    begun = training._history(first)
    longer = train(arrays, tmp_path / "longer", start=first, begun=begun, epochs=4, iterations=20)
    rows = training._history(longer)
    assert rows[:2] == begun and [row[1:3] for row in rows] == [(1, 20), (2, 40), (3, 60), (4, 80)]
    assert rows[1][3] == 0 and rows[2][3] == pytest.approx(PROFILE.learning_rate / 2**PROFILE.decay_power)
    assert rows[2][4] < rows[0][4]  # the loss goes on from where it was
    with pytest.raises(SarcoError, match=r"member-01\.npz: the weights of another network"):
        train(arrays, tmp_path / "other", start=first, begun=begun, epochs=4, filters=4)
    first.with_suffix(".csv").unlink()
    with pytest.raises(SarcoError, match=r"member-01\.csv: not there; train the profile"):
        training._history(first)


# Trains into folder after folder; in the last one, a number says before which step the process is killed.
COMMAND = """
import os, signal, sys
from sarco.runs import training
from sarco.cli import app
profile, killed_at, *folders = sys.argv[1:]
batch = training.batch
def kill(images, masks, step, **how):
    if out == folders[-1] and step == int(killed_at):
        os.kill(os.getpid(), signal.SIGKILL)
    return batch(images, masks, step, **how)
training.batch = kill
for out in folders:
    app(["train", "--profile", profile, "--member", "1", "--out", out], standalone_mode=False)
"""


def test_sigkill_within_an_epoch_costs_that_epoch_and_changes_no_bit(tmp_path, tiny):
    path = tiny(tmp_path)
    profile = profiles.load(path)
    make.make(profile.cohort_dir, cases=8, setting="reference", seed=1, workers=1, matrix=128)
    make.make(profile.training_dir, cases=4, setting="randomised", seed=1, workers=1, matrix=128)
    # The same libraries with the same switches in both processes, whatever ran before in this one.
    here = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}

    def run(killed_at, *folders):
        command = [sys.executable, "-c", COMMAND, path, killed_at, *(tmp_path / folder for folder in folders)]
        return subprocess.run([*map(str, command)], env=here, capture_output=True, text=True)

    middle_of_second_epoch = profile.iterations + profile.iterations // 2
    done = run(middle_of_second_epoch, "whole", "killed")
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = sorted(file.name for file in (tmp_path / "killed").iterdir())
    assert left == ["member-01.checkpoint.npz"]
    done = run(-1, "killed")
    assert done.returncode == 0, done.stderr
    whole, killed = (tmp_path / folder / "member-01.npz" for folder in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()
    first, second = (np.genfromtxt(file.with_suffix(".csv"), delimiter=",", skip_header=1) for file in (whole, killed))
    assert len(first) == profile.epochs and np.array_equal(first[:, :-1], second[:, :-1])  # the last is seconds


def test_members_may_have_phantoms_of_their_own():
    cases = [f"{case:04d}" for case in range(1, 12)]
    profile = SimpleNamespace(name="tiny", members=3, own_phantoms=True)
    shares = [training.shown(profile, member, cases) for member in (1, 2, 3)]
    assert sorted(case for share in shares for case in share) == cases and {*map(len, shares)} == {3, 4}
    with pytest.raises(SarcoError, match="no phantom is left for member 3"):
        training.shown(profile, 3, cases[:2])
    profile.own_phantoms = False
    assert training.shown(profile, 2, cases) == cases


def test_a_checkpoint_of_other_settings_is_not_continued(arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "pack", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(arrays, tmp_path)
    with pytest.raises(SarcoError, match="begun with other settings"):
        train(arrays, tmp_path, seed=2)


def test_training_learns(arrays, tmp_path):
    train(arrays, tmp_path, filters=4, epochs=2, iterations=40)
    first, last = np.genfromtxt(tmp_path / "member-01.csv", delimiter=",", names=True)["loss"]
    assert last < 0.8 * first


def test_a_checkpoint_of_other_slices_or_code_is_not_continued(arrays, tmp_path, monkeypatch):
    images, masks = arrays
    save = training._save

    def killed(*args):
        save(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "_save", killed)
        train(arrays, tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "member-01.checkpoint.npz"]
    with pytest.raises(SarcoError, match="begun with other settings, slices or code"):
        train((images[::-1], masks[::-1]), tmp_path)
    with monkeypatch.context() as patch, pytest.raises(SarcoError, match="begun with other settings, slices or code"):
        patch.setattr(training.sources, "digest", lambda *entries: "of other code")
        train(arrays, tmp_path)


def test_the_precision_that_was_taken_is_said_and_kept(arrays, tmp_path, monkeypatch, capsys, tiny):
    path = tiny(tmp_path)
    path.write_text(path.read_text().replace("precision: float32", "precision: auto"))
    profile = profiles.load(path)
    weights, has, save = profile.weights_dir, {"auto": "mixed_bfloat16"}, training._save
    monkeypatch.setattr(training.precision, "taken", lambda wanted: has.get(wanted, wanted))
    monkeypatch.setattr(training.precision, "processor", lambda: "some processor")
    monkeypatch.setattr(method_train, "unet", SHALLOW)

    def killed(*args):
        save(*args)
        raise KeyboardInterrupt

    def member(number):
        training.train_member(arrays, arrays, training.member_of(profile, number), profile, weights)
        return "".join(capsys.readouterr().err.splitlines(keepends=True)[:1])

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "_save", killed)
        member(1)
    has["auto"] = "float32"
    with pytest.raises(SarcoError, match="begun in mixed_bfloat16, and this some processor trains in float32; go on"):
        member(1)
    capsys.readouterr()
    has["auto"] = "mixed_bfloat16"
    assert member(1) == "member-01: precision auto is mixed_bfloat16 on some processor\n"
    has["auto"] = "float32"
    member(2)
    monkeypatch.setattr(profiles.Profile, "results_dir", tmp_path)
    with pytest.raises(SarcoError, match=r"member-02\.npz: learned in float32, and member-01\.npz in mixed_bfloat16;"):
        training.write_manifest(profile)
    (weights / "member-01.npz").unlink()
    member(1)
    manifest = json.loads(training.write_manifest(profile).read_text())
    assert [manifest["precision"], *(one["precision"] for one in manifest["members"])] == ["float32"] * 3
