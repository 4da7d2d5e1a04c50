"""Slices as arrays: prepared again when anything changes, and augmented alike wherever that is done."""

import numpy as np

from sarco.cohort import make
from sarco.method import preprocess, train
from sarco.runs import arrays


def test_slices_are_prepared_again_when_anything_they_are_made_from_changes(tmp_path, monkeypatch):
    cohort = make.make(tmp_path, cases=2, setting="randomised", seed=1, workers=1, matrix=128, progress=False)
    cases = cohort.cases()

    def load(spacing_mm=16.0):
        return np.array(arrays.load_arrays(cohort, cases, spacing_mm, progress=False))

    first = load()
    assert np.array_equal(load(), first) and len(list(tmp_path.glob("cache/*.npy"))) == 1
    found = [load(spacing_mm=8.0)]
    with monkeypatch.context() as patch:
        patch.setattr(preprocess, "WINDOW_HU", (-150, 400))
        found.append(load())
    with monkeypatch.context() as patch:
        patch.setattr(preprocess, "ORDER", 1)
        found.append(load())
    assert all(each.shape != first.shape or not np.array_equal(each, first) for each in found)
    with monkeypatch.context() as patch:
        patch.setattr(arrays.sources, "digest", lambda *entries: "of other code")
        load()
    assert len(list(tmp_path.glob("cache/*.npy"))) == 5
    # Another slice with the same line in the table.
    cohort.path("images", "0001").write_bytes(cohort.path("images", "0002").read_bytes())
    assert np.array_equal(load()[0, 0], first[0, 1])


def test_a_device_augments_as_the_processor_does():
    rng = np.random.default_rng(0)
    masks = np.zeros((5, 64, 64), np.float16)
    masks[:, 20:44, 16:48] = 1
    images = (0.2 + 0.4 * masks + 0.05 * rng.standard_normal(masks.shape)).clip(0, 1).astype(np.float16)
    how = {"seed": 5, "batch_size": 3, "patch_px": (32, 48), "reflection": True}
    here, there = train.batch(images, masks, 7, **how), arrays.OnDevice(images, masks).batch(7, **how)
    for one, other in zip(here, there, strict=True):
        assert one.shape == other.shape and one.std() > 0.1
        assert np.abs(one - np.asarray(other)).max() < 2e-3  # float16 slices, and another order of sums
