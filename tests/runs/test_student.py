"""The student learns what the members find together."""

from dataclasses import replace

import numpy as np
import pytest

from sarco.cohort import make
from sarco.method.ensemble import Ensemble, average
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
    (images, targets), team = shown[0], Ensemble.load(profile.weights_dir)
    assert len(images) == 6 and 0 < targets.max() <= 1
    for image, target in zip(images, targets, strict=True):
        assert np.allclose(average(team.predict_grid(np.asarray(image))), target, atol=1e-3)
    taught = Ensemble.load(profile.weights_dir, student=True)
    assert taught.size == 1 and len(taught.manifest["taught_by"]) == 2
    assert taught.manifest["training_seed"] == profiles.cohort_seed(chained, "student") == 14
    # A kill while the members teach: what they did is kept, and the targets are the same.
    kept = next((profile.student_dir / "cache").glob("targets-*.npy"))
    begun = kept.with_suffix(".partial.npy")
    kept.rename(begun)
    np.load(begun, mmap_mode="r+")[3:] = -1
    asked, predict = [], team.predict_grid
    team.predict_grid = lambda image: asked.append(image) or predict(image)
    again = prepared.soft_targets(images, team, kept.with_name("targets.npy"), progress=False)
    assert len(asked) == 3 and np.array_equal(again, targets)
