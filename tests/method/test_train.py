"""How a network learns: loss, schedule, batches and the loop."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from toys import squares

from sarco import paper
from sarco.method import augment, metrics, train


@pytest.fixture(scope="module")
def arrays():
    return squares()


def test_dice_loss_is_one_minus_dsc():
    a, b = np.zeros((2, 8, 8, 1), np.float32), np.zeros((2, 8, 8, 1), np.float32)
    assert float(train.dice_loss(a, b)) == 0  # two empty masks agree
    a[:, :4], b[:, 2:6] = 1, 1
    assert float(train.dice_loss(a, b)) == pytest.approx(1 - (2 * 16 + 1) / (64 + 1), abs=1e-6)
    b[1] = 0  # each slice has its own DSC, and these are averaged
    assert float(train.dice_loss(a, b)) == pytest.approx(1 - ((2 * 16 + 1) / 65 + 1 / 33) / 2, abs=1e-6)
    full = np.ones((1, 256, 256, 1), np.float16)  # whose pixels are more than float16 counts to
    assert float(train.dice_loss(full, full)) == 0


def test_a_thin_wall_weighs_more_than_its_pixels():
    thick, wall = np.zeros((2, 1, 128, 128, 1), np.float32)
    thick[:, 32:96, 16:48] = 1
    wall[:, 32:96, 96:98] = 1
    both, loss = thick + wall, train.wall_loss(2.0)
    for one in (both, 0 * both):
        assert float(loss(one, one)) == pytest.approx(0, abs=1e-6)
    plain, weighed = (float(f(both, thick)) for f in (train.dice_loss, loss))
    assert plain == pytest.approx(1 / 33, abs=1e-3) and 2 * plain < weighed < 3 * plain
    # What is found beside a wall costs more than as much that is found far from muscle.
    beside, away = both.copy(), both.copy()
    beside[:, 32:96, 98:100], away[:, 32:96, 70:72] = 1, 1
    assert float(loss(both, beside)) > 2 * float(loss(both, away)) > 0
    # The square is one of millimetres: of half the pixels, the weights are the same.
    double = both.repeat(2, 1).repeat(2, 2), thick.repeat(2, 1).repeat(2, 2)
    assert float(train.wall_loss(1.0)(*double)) == pytest.approx(weighed, abs=0.01)
    two, found = np.concatenate([both, thick]), np.concatenate([thick, thick])
    assert float(loss(two, found)) == pytest.approx(weighed / 2, abs=1e-6)  # each slice alone


def test_the_rate_falls_from_the_papers_to_nothing_as_its_power_says():
    rate = [float(train.schedule(100)(step)) for step in (0, 50, 100)]
    assert rate == pytest.approx([paper.LEARNING_RATE, paper.LEARNING_RATE / 2**paper.DECAY_POWER, 0])
    assert float(train.schedule(100, 0.5, 1)(50)) == 0.25


def test_the_network_learns_with_adam_on_that_schedule(monkeypatch):
    import keras

    told, compiled = [], keras.Model.compile
    monkeypatch.setattr(train, "disable_tf32", lambda: told.append("float32 is float32"))
    monkeypatch.setattr(keras.Model, "compile", lambda *how, **more: told.append(more) or compiled(*how, **more))
    model = train.compiled_unet(2, 10, learning_rate=0.25, power=1, precision="mixed_bfloat16")
    assert told == ["float32 is float32", {"jit_compile": False}]  # both matter on a GPU, where sums come otherwise
    assert type(model.optimizer).__name__ == "Adam" and model.loss is train.dice_loss
    assert float(model.optimizer.learning_rate) == 0.25 and model.layers[1].compute_dtype == "bfloat16"
    model.optimizer.iterations.assign(5)
    assert float(model.optimizer.learning_rate) == 0.125
    usual = train.compiled_unet(2, 10)
    assert float(usual.optimizer.learning_rate) == pytest.approx(paper.LEARNING_RATE)
    assert usual.layers[1].compute_dtype == "float32"


def test_a_network_may_end_with_the_average_of_its_weights(arrays, monkeypatch):
    monkeypatch.setattr(train, "unet", partial(train.unet, depth=1, convolutions=1))
    x, y = (array[:2, ..., None].astype(np.float32) for array in arrays)
    for momentum in (0.0, 0.75):
        model, expected = train.compiled_unet(1, 9, ema_momentum=momentum), 0
        kernel = model.trainable_variables[0]
        for step in range(3):
            model.train_on_batch(x, y)
            last, share = kernel.numpy(), 1 - momentum if step else 1  # the first step has nothing before it
            expected = expected + share * (last - expected)
        train.take_average(model)
        assert np.allclose(kernel.numpy(), expected, atol=1e-7)
        assert np.allclose(kernel.numpy(), last, atol=1e-7) == (not momentum)


def test_every_slice_is_seen_once_a_pass():
    passes = [train.draw_slices(5, step, 3, 2) for step in range(5)]  # ten draws: two passes
    first, second = np.split(np.concatenate(passes), 2)
    assert sorted(first) == sorted(second) == [0, 1, 2, 3, 4] and list(first) != list(second)
    assert list(train.draw_slices(5, 2, 3, 2)) == list(passes[2])
    assert list(first) == [2, 4, 3, 0, 1]  # a member is made again from its seed
    assert any(list(train.draw_slices(5, step, 4, 2)) != list(passes[step]) for step in range(5))


def test_a_batch_depends_on_seed_and_step_alone(arrays):
    how = {"batch_size": 3, "patch_px": (32, 48)}
    x, y = train.batch(*arrays, 7, seed=5, **how)
    assert x.shape == y.shape == (3, 32, 48, 1) and x.dtype == y.dtype == np.float32
    rng, drawn = np.random.default_rng((5, 7)), train.draw_slices(5, 7, 5, 3)
    for k, i in enumerate(drawn):
        image, mask = augment.augment(arrays[0][i], arrays[1][i], (32, 48), rng)
        assert np.array_equal(x[k, ..., 0], image) and np.array_equal(y[k, ..., 0], mask)
    assert np.array_equal(train.batch(*arrays, 7, seed=5, **how)[0], x)
    for other in (train.batch(*arrays, 8, seed=5, **how), train.batch(*arrays, 7, seed=6, **how)):
        assert not np.array_equal(other[0], x)
    marked = np.stack([np.full((64, 64), i / 8, np.float16) for i in range(5)])
    seen = train.batch(marked, marked, 7, seed=5, batch_size=3, patch_px=(16, 16))[0].max((1, 2, 3))
    assert list(np.round(seen * 8)) == drawn
    assert not np.array_equal(y[0], y[1])  # one slice is turned another way than the next


def test_epochs_go_through_their_steps_in_order():
    done, model = [], SimpleNamespace(train_on_batch=lambda x, y: done.append((x, y)) or np.float32(0.5))
    for epoch, losses in train.epochs(model, lambda step: (step, -step), first=2, last=3, iterations=2):
        assert done == [(step, -step) for step in range(2, 2 * epoch - 2)]
        assert [(loss, type(loss)) for loss in losses] == [(0.5, float)] * 2
    assert done == [(step, -step) for step in (2, 3, 4, 5)]
    told = [(epoch, len(list(losses))) for epoch, losses in train.epochs(model, lambda step: (step, step))]
    assert told == [(epoch, paper.ITERATIONS) for epoch in range(1, paper.EPOCHS + 1)]


def test_validation_has_the_same_dice_as_the_results(arrays):
    _, masks = arrays
    none, half = np.zeros_like(masks[0]), masks[0] * (np.arange(64) < 32)
    found, true = np.stack([none, none, half]), np.stack([none, masks[0], masks[0]])
    shapes = []

    def predict(x):
        assert x.dtype == np.float32
        shapes.append(x.shape)
        return x

    for size in (2, 8):
        scores = train.validation_dsc(SimpleNamespace(predict_on_batch=predict), found, true, size)
        assert scores.dtype == np.float64 and scores == pytest.approx([1, 0, 2 / 3])  # two empty masks agree
        assert list(scores) == [metrics.dice(a > 0.5, b > 0.5) for a, b in zip(found, true, strict=True)]
    assert shapes == [(2, 64, 64, 1)] * 2 + [(8, 64, 64, 1)]
    at_half = np.full((1, 4, 4), 0.5)  # a half is no muscle, neither found nor true
    for pair in ((at_half, 0 * at_half), (0 * at_half, at_half)):
        assert train.validation_dsc(SimpleNamespace(predict_on_batch=predict), *pair) == [1]
    cut = slice(8, 57)  # a grid of 49, as 8.2 mm may give: the network halves a side four times
    scores = train.validation_dsc(SimpleNamespace(predict_on_batch=predict), found[:, cut, cut], true[:, cut, cut], 4)
    assert list(scores) == list(map(metrics.dice, found[:, cut, cut] > 0.5, true[:, cut, cut] > 0.5))
    assert shapes[-1] == (4, 64, 64, 1)
