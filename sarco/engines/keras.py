"""What Keras' backend computes; on a GPU where that sees one, and there in float32 as well, not in TF32."""

import threading
from concurrent.futures import ThreadPoolExecutor

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
    """Members by two, for one alone leaves a core idle between its layers (measured on two cores).

    `made_with` (name, version and precision, str each) belongs beside results.

    Parameters
    ----------
    weights : list of list of ndarray
        Of each member, as `keras.Model.get_weights` orders them.
    network : callable
        Makes a member a keras.Model, from its weights.
    """

    name = "keras"

    def __init__(self, weights, network):
        import keras

        disable_tf32()
        # To build and to compile a network takes as long as a dozen passes: one stands for all, with the weights of
        # each in turn.
        built = network(weights[0])
        # float32 unless whoever built it chose a narrower type.
        precision = min(layer.compute_dtype for layer in built.layers)
        self.made_with = {"name": self.name, "version": keras.__version__, "precision": precision}
        self._lock = threading.Lock()  # one slice uses all cores
        self._pool = ThreadPoolExecutor(2)
        self._members = [[keras.ops.convert_to_tensor(array) for array in arrays] for arrays in weights]

        def step(arrays, x):
            with keras.StatelessScope(list(zip(built.weights, arrays, strict=True))):
                return built(x, training=False)

        self._step = step
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            arrays = [tf.TensorSpec(array.shape, array.dtype) for array in self._members[0]]
            crop = tf.TensorSpec((1, None, None, 1), tf.float32)  # of every shape
            self._step = tf.function(step, input_signature=(arrays, crop), autograph=False)

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
        return self.outputs(image, 1)[:, 0]

    def outputs(self, image, count=None):
        """All outputs of each member, or the first `count`, of which muscle is the first, as `method.unet` has them.

        Returns
        -------
        ndarray of float32, (members, outputs, rows, columns)
        """
        from keras import ops

        x = np.asarray(image, np.float32)[None, ..., None]

        def found(arrays):
            return ops.convert_to_numpy(self._step(arrays, x))[0, ..., :count].transpose(2, 0, 1)

        with self._lock:
            return np.stack(list(self._pool.map(found, self._members)))
