"""What a training costs: counted by arithmetic, measured on this machine, or estimated from a card's peak."""

import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from .. import paper
from ..method.train import compiled_unet
from ..method.unet import FILTERS
from ..runs.precision import taken
from ..runs.training import drawer, member_of
from .network_arithmetic import multiply_adds

# A multiplication and its addition are two operations; the backward pass takes twice the forward one, as it needs
# the slope by the input and by the weights.
OPERATIONS, PASSES = 2, 3
# Share of its peak that a card gives to convolutions of this kind in float32. An assumption, wide on purpose.
ASSUMED_SHARE = (0.25, 0.5)


@dataclass(frozen=True)
class Card:
    """A graphical processor, as its maker describes it."""

    name: str
    cores: int  # each does one multiplication and its addition in float32 a cycle
    clock_ghz: float
    power_w: float  # of the whole card, at most

    @property
    def peak_tflops(self):
        """Operations in float32 a second, in millions of millions."""
        return OPERATIONS * self.cores * self.clock_ghz / 1000


PAPERS_CARD = Card("GTX 1080 Ti", 3584, 1.582, 250)  # NVIDIA's specification, boost clock


def training_operations(recipe):
    """Floating-point operations of the training of one member, by a profile or by `paper_recipe`."""
    slices = recipe.epochs * recipe.iterations * recipe.batch_size
    return OPERATIONS * PASSES * multiply_adds(tuple(recipe.patch_px), recipe.filters) * slices


def paper_recipe():
    """The paper's training, with the initial filters that give its printed number of weights."""
    return SimpleNamespace(filters=FILTERS, patch_px=(paper.MATRIX, paper.MATRIX), epochs=paper.EPOCHS,
                           iterations=paper.ITERATIONS, batch_size=paper.BATCH_SIZE)  # fmt: skip


def hours_on(card, operations, share):
    """Hours that a card takes which reaches this share of its peak."""
    return operations / (share * card.peak_tflops * 1e12) / 3600


def step_seconds(profile, images, masks, steps=3):
    """Median time, s, of a step of a profile's training here, augmentation included, after one that compiles.

    `images` and `masks` are arrays (slices, n, n) on the grid of the profile.
    """
    precision = taken(profile.precision)
    model = compiled_unet(profile.filters, steps + 1, profile.learning_rate, profile.decay_power, precision)
    draw = drawer((images, masks), profile, member_of(profile, 1))
    seconds = []
    for step in range(steps + 1):
        start = time.perf_counter()
        float(np.asarray(model.train_on_batch(*draw(step))))
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[1:]))
