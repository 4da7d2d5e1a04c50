"""How a network learns.

The paper: "Training was performed [...] for 150 epochs of 200 iterations of batch size 12. Initial learning rate was
set to 10^-3. An adaptive learning rate scheme with a polynomial degree of order 5 was used. Weights were updated with
the Adam optimizer. [...] The Dice similarity coefficient (DSC) was used as a loss function".

Ours: the loss counts one pixel more in numerator and denominator, and is the mean of one DSC a slice; the learning rate
decays to 0; each pass over the slices sees all of them once, without repetition; and the DSC of validation is taken at
the paper's threshold on the network's grid, before any post-processing. A run may give pixels at thin walls more weight
in the loss, and end with a moving average of the weights.
"""

import numpy as np

from ..engines.keras import disable_tf32
from ..paper import BATCH_SIZE, DECAY_POWER, EPOCHS, ITERATIONS, LEARNING_RATE
from . import metrics
from .augment import augment
from .postprocess import LEVEL
from .unet import DEPTH, unet

WALL_MM, WALL_WEIGHT = 8, 2


def dice_loss(true, predicted, weight=1):
    """1 - DSC of soft masks, tensors (batch, rows, columns, 1), averaged over the batch; pixels may have a weight."""
    from keras import ops

    true, predicted = (ops.cast(t, "float32") for t in (true, predicted))
    axes = (1, 2, 3)
    overlap = ops.sum(weight * true * predicted, axes)
    both = ops.sum(weight * true, axes) + ops.sum(weight * predicted, axes)
    # One pixel in numerator and denominator keeps the loss defined for an empty mask.
    return 1 - ops.mean((2 * overlap + 1) / (both + 1))


def wall_loss(spacing_mm):
    """`dice_loss` with pixels that weigh more beside or within muscle that is thin, of a network with such pixels.

    A pixel that has muscle within `WALL_MM` weighs 1 to 3, the more the less of the square about it is muscle.
    """
    from keras import ops

    side = 2 * round(WALL_MM / spacing_mm) + 1

    def loss(true, predicted):
        true = ops.cast(true, "float32")
        near, share = ops.max_pool(true, side, 1, "same"), ops.average_pool(true, side, 1, "same")
        return dice_loss(true, predicted, 1 + WALL_WEIGHT * near * (1 - share))

    return loss


LOSSES = {"dice": lambda spacing_mm: dice_loss, "walls": wall_loss}


def schedule(steps, learning_rate=LEARNING_RATE, power=DECAY_POWER):
    """Learning rate over `steps` iterations: polynomial of order `power` (the paper: 5) from `learning_rate` to 0."""
    import keras

    return keras.optimizers.schedules.PolynomialDecay(learning_rate, steps, 0.0, power)


def compiled_unet(filters, steps, learning_rate=LEARNING_RATE, power=DECAY_POWER, precision="float32", *,
                  loss=dice_loss, ema_momentum=0.0, tissues=0):  # fmt: skip
    """The network with the paper's loss, optimiser and schedule; a student has another loss, and tissues as `unet`.

    With an `ema_momentum` over 0 the optimiser keeps a moving average of the weights, see `take_average`.
    """
    import keras

    disable_tf32()
    model = unet(filters, precision=precision, tissues=tissues)
    average = {"use_ema": True, "ema_momentum": ema_momentum} if ema_momentum else {}
    optimizer = keras.optimizers.Adam(schedule(steps, learning_rate, power), **average)
    model.compile(optimizer, loss, jit_compile=False)
    return model


def take_average(model):
    """Give a trained network the moving average of its weights, where its optimiser kept one."""
    if model.optimizer.use_ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)


def draw_slices(cases, step, seed, batch_size):
    """Which slices a step sees: each pass goes over all in an order of its own, without repetition."""
    drawn = np.arange(step * batch_size, (step + 1) * batch_size)
    passes, places = np.divmod(drawn, cases)
    order = {p: np.random.default_rng((seed, 1 << 20, p)).permutation(cases) for p in set(passes.tolist())}
    return [order[p][k] for p, k in zip(passes, places, strict=True)]


def batch(images, masks, step, *, seed, batch_size=BATCH_SIZE, patch_px, reflection=False):
    """The batch of one step: it depends on the seed and the step alone, so that a resumed run sees the same.

    Returns
    -------
    x, y : ndarray of float32, (batch_size, rows, columns, 1)
    """
    rng = np.random.default_rng((seed, step))
    drawn = draw_slices(len(images), step, seed, batch_size)
    pairs = [augment(images[i], masks[i], patch_px, rng, reflection) for i in drawn]
    x, y = (np.stack(a)[..., None] for a in zip(*pairs, strict=True))
    return x, y


def epochs(model, draw, first=1, last=EPOCHS, iterations=ITERATIONS):
    """Train a compiled network from its `first` epoch to its `last`, 1 being the first of all.

    Parameters
    ----------
    model : keras.Model
    draw : callable
        Step (from 0) to images and masks, as `batch`.
    first, last, iterations : int

    Yields
    ------
    epoch : int
    losses : iterator of float
        Of its iterations, each of which is done when its loss is asked for.
    """
    for epoch in range(first, last + 1):
        steps = range((epoch - 1) * iterations, epoch * iterations)
        yield epoch, (float(np.asarray(model.train_on_batch(*draw(step)))) for step in steps)


def validation_dsc(model, images, masks, batch_size=8):
    """DSC of each validation slice on the network's grid, before any post-processing: ndarray of float64, (slices,)."""
    scores = []
    for i in range(0, len(images), batch_size):
        x = np.asarray(images[i : i + batch_size], np.float32)[..., None]
        short = batch_size - len(x)  # one shape for all batches: the step is compiled once
        over = -x.shape[1] % 2**DEPTH  # the network halves a side so often
        p = np.asarray(model.predict_on_batch(np.pad(x, ((0, short), (0, over), (0, over), (0, 0)))))
        p = p[: len(x), : x.shape[1], : x.shape[2], 0]
        t = np.asarray(masks[i : i + batch_size]) > 0.5  # half of the pixel is muscle
        scores += map(metrics.dice, p > LEVEL, t)
    return np.array(scores)
