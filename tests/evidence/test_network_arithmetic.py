"""What is counted of the network, against the network itself."""

import keras
import numpy as np
import pytest

from sarco import paper
from sarco.evidence import network_arithmetic
from sarco.method import unet


@pytest.mark.parametrize("filters, total, trainable", [(16, 2_953_409, 2_948_993), (18, 3_736_333, None)])
def test_weights(filters, total, trainable):
    model = unet.unet(filters)
    assert model.count_params() == total == network_arithmetic.weight_count(filters)[0]
    counted = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert counted == network_arithmetic.weight_count(filters)[1]
    assert trainable in (None, counted)


def test_the_papers_count_is_that_of_sixteen_filters():
    assert network_arithmetic.weight_count(16)[0] == paper.WEIGHTS
    assert paper.WEIGHTS % 18 != 1  # all widths multiples of 18 would leave the one output's bias


def test_receptive_fields():
    assert network_arithmetic.encoder_receptive_field() == 106
    assert network_arithmetic.receptive_field() == (282, 298)
    # The arithmetic against the network itself: a small one, whose gradient support is counted.
    keras.utils.set_random_seed(0)  # one in five networks that are drawn at random answers nothing at all
    model = unet.unet(2, depth=2, convolutions=1)
    rng = np.random.default_rng(0)
    _, energy = network_arithmetic.effective_receptive_field(model, rng.random((64, 64)))
    low, high = network_arithmetic.receptive_field(depth=2, convolutions=1)
    rows = np.flatnonzero(energy.sum(1))
    assert rows[-1] - rows[0] + 1 <= high and low <= high
    assert energy.sum() == pytest.approx(1, abs=1e-5)
