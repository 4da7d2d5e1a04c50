"""What Keras' backend computes; on a GPU where that sees one, and there in float32 as well, not in TF32."""

import threading

import numpy as np

from ..base import gpu


def disable_tf32():
    """Let Keras' backend keep every digit of float32 in this process: a GPU may round to TF32's 10 binary digits."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)
    elif backend == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")  # of convolutions too
    elif backend == "torch":
        import torch

        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False


def sees_a_gpu():
    """Whether Keras would compute on a GPU."""
    if not gpu.usable():  # asked first: Keras takes seconds to load
        return False
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


class Keras:
    """Members one after the other, from a list of keras.Model.

    `made_with` (name, version and precision, str each) belongs beside results.
    """

    name = "keras"

    def __init__(self, networks):
        import keras

        disable_tf32()
        # float32 unless whoever built the networks chose a narrower type.
        precision = min(layer.compute_dtype for network in networks for layer in network.layers)
        self.made_with = {"name": self.name, "version": keras.__version__, "precision": precision}
        self._lock = threading.Lock()  # one member uses all cores
        self._steps = networks
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # Compiled once a member and reused for every shape of crop.
            self._steps = [tf.function(network, reduce_retracing=True, autograph=False) for network in networks]

    def probabilities(self, image):
        """Probability of muscle from each member.

        Parameters
        ----------
        image : ndarray, (rows, columns)
            In [0, 1], sides as the network can halve them.

        Returns
        -------
        ndarray of float32, (members, rows, columns)
        """
        from keras import ops

        x = np.asarray(image, np.float32)[None, ..., None]
        with self._lock:
            return np.stack([ops.convert_to_numpy(step(x, training=False))[0, ..., 0] for step in self._steps])
