"""The network, layer by layer."""

import keras
import numpy as np
import pytest

from sarco import paper
from sarco.method import unet


def test_the_papers_network_has_the_papers_number_of_weights():
    assert unet.unet().count_params() == paper.WEIGHTS


def test_any_shape_that_halves_four_times_goes_through():
    p = np.asarray(unet.unet(2)(np.zeros((1, 48, 80, 1), np.float32)))
    assert p.shape == (1, 48, 80, 1) and p.min() > 0 and p.max() < 1


def test_a_student_tells_tissues_beside_the_same_muscle():
    keras.utils.set_random_seed(0)
    alone, student = unet.unet(2, depth=2), unet.unet(2, depth=2, tissues=3)
    *body, kernel, bias = student.get_weights()
    alone.set_weights([*body, kernel[..., :1], bias[:1]])
    x = np.random.default_rng(0).random((1, 16, 16, 1), np.float32)
    muscle, found = np.asarray(alone(x)), np.asarray(student(x))
    assert found.shape == (1, 16, 16, 4) and np.allclose(found[..., :1], muscle, atol=1e-6)
    assert np.allclose(found[..., 1:].sum(-1), 1, atol=1e-5) and found[..., 1:].std() > 1e-3


def test_layers_are_those_of_the_figure():
    model = unet.unet(filters=2, depth=2, convolutions=3)
    kinds = [type(layer).__name__ for layer in model.layers]
    block = ["Conv2D", "BatchNormalization", "ReLU"] * 3
    up = ["UpSampling2D", "Concatenate", *block]
    assert kinds == ["InputLayer", *[*block, "MaxPooling2D"] * 2, *block, *up * 2, "Conv2D"]
    assert [layer.filters for layer in model.layers if hasattr(layer, "filters")] == (
        [2] * 3 + [4] * 3 + [8] * 3 + [4] * 3 + [2] * 3 + [1]
    )
    # Each level of the decoder sees that of the encoder, and what comes from below.
    concatenated = [layer for layer in model.layers if type(layer).__name__ == "Concatenate"]
    assert [[tensor.shape[-1] for tensor in layer.input] for layer in concatenated] == [[4, 8], [2, 4]]
    drawn = {type(layer.kernel_initializer).__name__ for layer in model.layers[:-1] if hasattr(layer, "filters")}
    assert drawn == {"HeNormal"}


@pytest.mark.parametrize("precision, computes", [("float32", "float32"), ("mixed_bfloat16", "bfloat16")])
def test_precision_is_of_the_network_alone(precision, computes):
    import keras

    usual = keras.mixed_precision.dtype_policy()
    model = unet.unet(2, precision=precision)
    assert keras.mixed_precision.dtype_policy() == usual
    assert {layer.compute_dtype for layer in model.layers[1:-1]} == {computes}
    assert model.layers[-1].compute_dtype == "float32" and model.layers[-1].name == "muscle"
