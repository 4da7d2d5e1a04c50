"""The cost of training: the count against the network itself, the estimate against arithmetic, and one measured."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from sarco.evidence import training_cost
from sarco.evidence.network_arithmetic import multiply_adds
from sarco.method import unet
from sarco.runs import profiles


def test_multiply_adds_are_those_of_the_layers():
    import keras

    network = unet.unet(4, depth=2)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    outputs = keras.Model(network.input, [layer.output for layer in convolutions])(keras.Input((32, 48, 1)))
    counted = sum(
        int(np.prod(out.shape[1:3]) * np.prod(layer.kernel.shape))
        for layer, out in zip(convolutions, outputs, strict=True)
    )
    assert counted == multiply_adds((32, 48), 4, 2)
    assert multiply_adds((512, 512)) / 1e9 == pytest.approx(19.4, abs=0.05)  # the paper's network


def test_estimate_on_a_card():
    card = training_cost.Card("one", 1000, 1.0, 100)
    assert card.peak_tflops == 2
    assert training_cost.hours_on(card, 3600 * 2e12, 0.5) == pytest.approx(2)
    recipe = training_cost.paper_recipe()
    slices = 150 * 200 * 12
    assert training_cost.training_operations(recipe) == 6 * multiply_adds((512, 512)) * slices
    # The maker's own rounded figure for the card.
    assert training_cost.PAPERS_CARD.peak_tflops == pytest.approx(11.3, abs=0.05)


def test_a_step_is_timed_after_the_one_that_compiles(monkeypatch):
    profile = dataclasses.replace(profiles.load("smoke"), patch_px=(16, 32), batch_size=2)
    images = np.full((3, 32, 32), 0.5, np.float16)
    seen = []
    network = SimpleNamespace(train_on_batch=lambda x, y: seen.append(x) or 0.5)
    monkeypatch.setattr(training_cost, "compiled_unet", lambda *recipe: network)
    now = iter([0, 100, 100, 101, 101, 104, 104, 106])  # a slow first step, then 1, 3 and 2 s
    monkeypatch.setattr(training_cost.time, "perf_counter", lambda: next(now))
    assert training_cost.step_seconds(profile, images, images > 0, steps=3) == 2
    assert [x.shape for x in seen] == [(2, 16, 32, 1)] * 4 and (seen[0] != seen[1]).any()
