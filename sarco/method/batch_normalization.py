"""Keras' batch normalisation, whose training step is one kernel where TensorFlow computes it.

Keras composes that step of a dozen passes over the images, in float32 whatever the network computes in; on a CPU they
take as long as half of the convolutions. Mean and variance, and what follows from them, are the same but for rounding.
"""

import keras


class BatchNormalization(keras.layers.BatchNormalization):
    """As Keras' own, which still does all but the training step on TensorFlow."""

    def call(self, inputs, training=None, mask=None):
        if not training or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma.value, offset=self.beta.value, mean=tf.zeros([0]), variance=tf.zeros([0]),
            epsilon=self.epsilon,
        )  # fmt: skip
        # The kernel tells the variance of a sample, n / (n - 1) times that of these n pixels, which Keras keeps.
        pixels = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        for kept, new in ((self.moving_mean, mean), (self.moving_variance, variance * (1 - 1 / pixels))):
            kept.assign(kept * self.momentum + new * (1 - self.momentum))
        return normalised
