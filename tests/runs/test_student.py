"""The student learns what the members find together."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from toys import squares

from sarco.cohort import make
from sarco.cohort.layout import Cohort
from sarco.ct.tissues import TISSUES, label_map
from sarco.engines.weights import pack, unpack
from sarco.method.ensemble import Ensemble, average
from sarco.method.train import batch, dice_loss
from sarco.method.unet import unet
from sarco.runs import arrays as prepared
from sarco.runs import profiles, student, training

pytestmark = pytest.mark.long


def test_the_student_learns_the_mean_of_the_members(tmp_path, tiny, monkeypatch):
    profile = profiles.load(tiny(tmp_path))
    make.make(profile.cohort_dir, cases=8, setting="reference", seed=1, workers=1, matrix=128)
    make.make(profile.training_dir, cases=4, setting="randomised", seed=1, workers=1, matrix=128)
    make.make(profile.student_dir, cases=6, setting="randomised", seed=11, workers=1, matrix=128)
    for member in (1, 2):
        training.train_from_profile(profile, member, progress=False)
    training.write_manifest(profile)
    shown, train_member = [], student.train_member
    monkeypatch.setattr(
        student, "train_member", lambda data, *a, **k: shown.append(data) or train_member(data, *a, **k)
    )
    chained = replace(profile, goes_on_from="laptop")  # of a chain, so that its phantoms have another seed
    student.train_student(chained, progress=False)
    (images, targets, labels), team = shown[0], Ensemble.load(profile.weights_dir)
    assert len(images) == len(labels) == 6 and 0 < targets.max() <= 1
    for image, target in zip(images, targets, strict=True):
        assert np.allclose(average(team.predict_grid(np.asarray(image))), target, atol=1e-3)
    taught = Ensemble.load(profile.weights_dir, student=True)
    assert taught.size == 1 and len(taught.manifest["taught_by"]) == 2 and taught.tissues == tuple(TISSUES)
    case = Cohort.open(profile.cohort_dir).read_slice("0001")
    found = label_map(case.image_hu, case.spacing_mm, taught)
    assert found.shape == case.image_hu.shape and found.max() < len(TISSUES)
    assert taught.manifest["training_seeds"] == [profiles.cohort_seed(chained, "student")] == [14]
    # A kill while the members teach: what they did is kept, and the targets are the same.
    kept = next((profile.student_dir / "cache").glob("targets-*.npy"))
    begun = kept.with_suffix(".partial.npy")
    kept.rename(begun)
    np.load(begun, mmap_mode="r+")[3:] = -1
    asked, predict = [], team.predict_grid
    team.predict_grid = lambda image: asked.append(image) or predict(image)
    again = prepared.soft_targets(images, team, kept.with_name("targets.npy"), progress=False)
    assert len(asked) == 3 and np.array_equal(again, targets)


PROFILE = SimpleNamespace(filters=2, epochs=2, iterations=2, batch_size=2, learning_rate=0.02, decay_power=1.0,
                          patch_px=(32, 48), precision="float32", reflection=True, ema_momentum=0.0)  # fmt: skip


def test_it_begins_with_the_muscle_of_a_member(tmp_path):
    member, start = unet(2), tmp_path / "member-01.npz"
    pack(member, start)
    member.set_weights(unpack(start))
    taught = student.untaught(PROFILE, SimpleNamespace(seed=1, start=start), "float32")
    x = np.random.default_rng(0).random((1, 32, 48, 1), np.float32)
    found = np.asarray(taught(x))
    assert found.shape[-1] == 1 + len(TISSUES) and np.allclose(found[..., :1], np.asarray(member(x)), atol=1e-6)


def test_a_batch_is_that_of_a_member_with_the_tissues_turned_along():
    images, masks = squares()
    labels = np.uint8(masks * 7)
    how = {"seed": 3, "batch_size": 2, "patch_px": (32, 48), "reflection": True}
    x, y = student.batch(images, masks, labels, 5, **how)
    same_x, same_y = batch(images, masks, 5, **how)
    assert np.array_equal(x, same_x) and np.array_equal(y[..., :1], same_y)
    sure = (y[..., 0] < 0.1) | (y[..., 0] > 0.9)
    assert set(np.unique(y[..., 1])) == {0, 7} and np.array_equal((y[..., 1] == 7)[sure], (y[..., 0] > 0.5)[sure])
    *_, found = np.moveaxis(np.asarray(prepared.OnDevice(images, masks, labels).batch(5, **how)[1]), -1, 0)
    assert np.mean(found == y[..., 1]) > 0.99  # but for the rounding of a place halfway between two pixels


def test_the_loss_is_that_of_a_member_where_every_tissue_is_right():
    labels = np.arange(32 * 48).reshape(1, 32, 48) % len(TISSUES)
    rng = np.random.default_rng(0)
    muscle, taught = (rng.random((1, 32, 48, 1), np.float32) for _ in range(2))
    true = np.concatenate([taught, labels[..., None]], -1).astype(np.float32)
    shares = np.eye(len(TISSUES), dtype=np.float32)[labels]
    of_muscle = float(dice_loss(taught, muscle))
    right = float(student.loss(true, np.concatenate([muscle, shares], -1)))
    wrong = float(student.loss(true, np.concatenate([muscle, np.roll(shares, 1, -1)], -1)))
    assert right == pytest.approx(of_muscle, abs=1e-4) and wrong > right + student.TISSUE_WEIGHT
