"""The network: a 2D U-Net.

The paper: "Each model was built on a 2D-Unet architecture with a 4-level depth and 18 initial filters. For all
resolutions, a block of layers was designed as follows: three convolutional layers with a filter size of 3 and a
rectified linear unit (ReLU) activation layer [...]. The number of filters in the encoding path was doubled in each
block. Finally, a decoding path mirrored the encoding path for the upsampling part. Each network counted 2,953,409
weights".

That count is reached exactly by 16 initial filters over four poolings, with batch normalisation; 18 filters give
3,736,333. So 16 is the default here. That is arithmetic, not the authors' word.

Ours too, where the paper says nothing: padding to the same size, He's initialisation, max-pooling, up-sampling by
repetition, and a sigmoid at the end. The printed "receptive field of 10.7 x 10.7 cm2" is looked at in
`sarco.evidence.network_arithmetic`.
"""

from .. import paper

DEPTH = paper.DEPTH
CONVOLUTIONS = paper.CONVOLUTIONS
FILTERS = 16


def unet(filters=FILTERS, depth=DEPTH, convolutions=CONVOLUTIONS, precision="float32", tissues=0):
    """Build the network.

    Parameters
    ----------
    filters : int
        Of the first level; doubled at each of the `depth` poolings.
    depth : int
        Number of poolings. Rows and columns of the input must be multiples of ``2 ** depth``.
    convolutions : int
        3 x 3 convolutions a block, each followed by batch normalisation and ReLU.
    precision : {"float32", "mixed_float16", "mixed_bfloat16"}
        What it computes in, whatever Keras' own policy is.
    tissues : int
        How many it tells apart beside the muscle of the paper, for a student (`ct.tissues`).

    Returns
    -------
    keras.Model
        (batch, rows, columns, 1) in [0, 1] -> probability of muscle, same shape; after it, in as many channels more,
        those of the tissues, which add up to 1. Fully convolutional.
    """
    import keras

    usual = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        return _build(filters, depth, convolutions, tissues)
    finally:
        keras.mixed_precision.set_dtype_policy(usual)


def _build(filters, depth, convolutions, tissues):
    import keras
    from keras import layers

    from .batch_normalization import BatchNormalization

    def block(x, width):
        for _ in range(convolutions):
            x = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal")(x)
            x = BatchNormalization()(x)
            x = layers.ReLU()(x)
        return x

    image = x = keras.Input((None, None, 1), name="image")
    skips = []
    for level in range(depth):
        x = block(x, filters * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = block(x, filters * 2**depth)
    for level in reversed(range(depth)):
        x = layers.UpSampling2D(2)(x)
        x = layers.Concatenate()([skips[level], x])
        x = block(x, filters * 2**level)
    # The last layer stays in float32 under mixed precision: float16 would lose the tails of its sigmoid.
    last = layers.Conv2D(1 + tissues, 1, activation=None if tissues else "sigmoid", dtype="float32", name="muscle")
    found = last(x)
    if tissues:
        muscle, others = keras.ops.split(found, [1], axis=-1)
        found = keras.ops.concatenate([keras.ops.sigmoid(muscle), keras.ops.softmax(others)], axis=-1)
    return keras.Model(image, found, name=f"unet{filters}")
