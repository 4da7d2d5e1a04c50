"""What can be counted of the network without training it: weights, multiplications, and how far it sees."""

import numpy as np

from ..method.unet import CONVOLUTIONS, DEPTH, FILTERS


def weight_count(filters=FILTERS, depth=DEPTH, convolutions=CONVOLUTIONS):
    """Number of weights, total and trainable, by arithmetic alone (the test holds it against the built network).

    Each 3 x 3 convolution counts 9 * in * out + out, its batch normalisation 4 * out, of which 2 are trained.
    """
    pairs = [(a, b) for _, a, b in _convolutions(filters, depth, convolutions)]
    trainable = sum(9 * a * b + b + 2 * b for a, b in pairs) + filters + 1
    return trainable + sum(2 * b for _, b in pairs), trainable


def multiply_adds(shape, filters=FILTERS, depth=DEPTH, convolutions=CONVOLUTIONS):
    """Multiplications, each with its addition, of one forward pass over one slice of that shape (rows, columns).

    By arithmetic alone, and of convolutions only: all else together is less than a hundredth.
    """
    pixels = shape[0] * shape[1]
    inner = sum(9 * a * b * pixels // 4**level for level, a, b in _convolutions(filters, depth, convolutions))
    return inner + filters * pixels


def _convolutions(filters, depth, convolutions):
    """Level, channels in and channels out of each 3 x 3 convolution, in the order of the data."""
    widths = [filters * 2**level for level in range(depth + 1)]
    layers, last = [], 1
    for level, width in enumerate(widths):
        layers += [(level, last, width)] + [(level, width, width)] * (convolutions - 1)
        last = width
    for level in reversed(range(depth)):
        width = widths[level]
        layers += [(level, width + last, width)] + [(level, width, width)] * (convolutions - 1)
        last = width
    return layers


def encoder_receptive_field(depth=DEPTH, convolutions=CONVOLUTIONS):
    """Receptive field (pixels) of the encoder through its last pooling: 106 for the paper's network."""
    field, step = 1, 1
    for _ in range(depth):
        field += convolutions * 2 * step + step  # convolutions reach one step each way, the pooling one more
        step *= 2
    return field


def receptive_field(depth=DEPTH, convolutions=CONVOLUTIONS):
    """Theoretical support (pixels) of one output pixel through the whole network, smallest and largest.

    It depends on where the output pixel lies in its 2 x 2 cells.
    """
    sizes = []
    for position in range(2**depth):
        low = high = position + 2**depth * 1000
        low, high = low - convolutions, high + convolutions
        for _ in range(depth):  # down the decoder to the bottleneck: up-sampling halves the index
            low, high = low // 2 - convolutions, high // 2 + convolutions
        for _ in range(depth):  # up the encoder to the image: a pooled pixel covers two
            low, high = 2 * low - convolutions, 2 * high + 1 + convolutions
        sizes.append(high - low + 1)
    return min(sizes), max(sizes)


def effective_receptive_field(model, image, share=0.95):
    """Side (pixels) of the smallest centred square that holds `share` of the gradient's energy at one output pixel.

    Parameters
    ----------
    model : keras.Model
        On the TensorFlow backend.
    image : ndarray, (rows, columns)
        As the network sees it; the output pixel is the one in its middle.
    share : float

    Returns
    -------
    side : int
    energy : ndarray of float32, (rows, columns)
        Squared gradient of the middle pixel's logit with respect to the image, of sum 1.

    Raises
    ------
    ValueError
        The network is so sure that the gradient is 0 everywhere.
    """
    import tensorflow as tf

    x = tf.convert_to_tensor(np.asarray(image, np.float32)[None, ..., None])
    middle = [n // 2 for n in image.shape]
    with tf.GradientTape() as tape:
        tape.watch(x)
        p = tf.clip_by_value(model(x, training=False)[0, middle[0], middle[1], 0], 1e-6, 1 - 1e-6)
        logit = tf.math.log(p) - tf.math.log(1 - p)
    energy = np.square(tape.gradient(logit, x).numpy()[0, ..., 0])
    if not energy.any():
        raise ValueError("the network is so sure of this pixel that no input changes it; take one near a border")
    energy /= energy.sum()
    rows, columns = (np.abs(np.arange(n) - m) for n, m in zip(image.shape, middle, strict=True))
    within = np.cumsum(np.bincount(np.maximum.outer(rows, columns).ravel(), energy.ravel()))
    return 2 * int(np.searchsorted(within, share)) + 1, energy


def fields_at_border(model, image, share, places=6):
    """`effective_receptive_field` (pixels) at some places of a mask's border where the network is not sure.

    `image` and `share` (of each pixel that is muscle) are as the network sees them; beyond them is air.
    """
    border = np.argwhere((share > 0.4) & (share < 0.6))
    half = len(image) // 2
    around = np.pad(np.asarray(image, np.float32), half)
    for row, column in border[:: max(1, len(border) // places)][:places]:
        centred = around[row : row + 2 * half, column : column + 2 * half]
        if 0.01 < float(model(centred[None, ..., None])[0, half, half, 0]) < 0.99:  # else no slope to speak of
            yield effective_receptive_field(model, centred)[0]
