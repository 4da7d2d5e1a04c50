"""One kernel in place of a dozen passes: the same output, slopes and statistics as Keras' own layer."""

import numpy as np
import pytest

EXACT = {"float32": 1e-5, "mixed_bfloat16": 2e-2, "mixed_float16": 2e-3}


@pytest.mark.parametrize("precision", EXACT)
def test_it_is_keras_own_layer(precision, monkeypatch):
    import keras
    import tensorflow as tf

    from sarco.method.batch_normalization import BatchNormalization

    rng, fused = np.random.default_rng(0), []
    kernel = tf.raw_ops.FusedBatchNormV3
    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", lambda **how: fused.append(how) or kernel(**how))
    # Nine pixels a channel, where the two variances, by n and by n - 1, differ most.
    x, slope = rng.normal(3, 2, (1, 3, 3, 5)).astype(np.float32), rng.normal(size=(1, 3, 3, 5)).astype(np.float32)
    scale, offset, old_mean = rng.random(5), rng.random(5), rng.random(5)

    def after(kind):
        layer = kind(momentum=0.25, dtype=precision)
        layer.build(x.shape)
        layer.set_weights([scale, offset, old_mean, np.ones(5)])
        image = tf.Variable(x)
        with tf.GradientTape() as tape:
            out = tf.cast(layer(tf.cast(image, layer.compute_dtype), training=True), tf.float32)
            loss = tf.reduce_sum(out * slope)
        found = tape.gradient(loss, [image, *(variable.value for variable in layer.trainable_variables)])
        return [out, *found, *layer.get_weights(), layer(image)]  # the last one as in inference

    ours = after(BatchNormalization)
    assert len(fused) == 1
    theirs = after(keras.layers.BatchNormalization)
    assert len(fused) == 1
    for one, other in zip(ours, theirs, strict=True):
        assert np.allclose(one, other, atol=EXACT[precision] * np.abs(other).max())
