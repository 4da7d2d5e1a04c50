"""What computes the networks: one choice of engine, from a cropped slice to the probability of each member.

Keras is always there, and is what a GPU uses. OpenVINO is the fast one on a CPU: its graph is built here straight from
the arrays of the weights, with batch normalisation folded into the convolutions, so that it needs no TensorFlow.

On a CPU that multiplies in bfloat16, OpenVINO computes in it (products in 8 binary digits, sums in float32). What that
costs, measured on the final masks of the sample, is nearly all lost in the first convolution, where the image itself
is rounded to steps of up to 2 HU. So the image comes in three channels, the rounded one, what the rounding took away,
and the rounded one again, against the rounded weights twice and what their rounding took away: the first product is
then as good as in float32, at no cost in time.
"""

import importlib.util
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..base import gpu
from ..base.environment import cores
from ..base.errors import SarcoError

AUTO, FLOAT32 = "auto", "float32"
CONVOLUTIONS = 3  # a block, see `sarco.method.unet.unet`
BATCH_NORMALISATION_EPSILON = 1e-3  # Keras' own


def available():
    """Names of the engines that are installed, the fastest on a CPU first; Keras always is."""
    return [name for name in ENGINES if name == Keras.name or importlib.util.find_spec(name)]


def choose(name=AUTO):
    """Name of the engine for a choice.

    Parameters
    ----------
    name : {"auto", "float32", "openvino", "keras"}
        "auto" is Keras where it sees a GPU, else OpenVINO where that is installed, else Keras. "float32" is the same,
        but in nothing narrower: two machines then agree to the last printed digit, so tables of results are made with
        it.

    Returns
    -------
    str

    Raises
    ------
    SarcoError
        There is no such engine, or it is not installed.
    """
    if name not in CHOICES:
        raise SarcoError(f"engine {name}: there is no such engine; choose one of {', '.join(CHOICES)}.")
    here = available()
    if name in (AUTO, FLOAT32):
        return Keras.name if _keras_sees_a_gpu() else here[0]
    if name not in here:
        raise SarcoError(
            f"engine {name}: it is not installed; run 'pip install sarco[fast]', or choose {', '.join(here)}."
        )
    return name


def make(name, weights, networks):
    """The engine of that name, with its members ready.

    Parameters
    ----------
    name : str
        See `choose`.
    weights : list of list of ndarray
        Of each member, as `keras.Model.get_weights` orders them.
    networks : callable
        Returns the same members as a list of keras.Model; only called where Keras computes them.

    Returns
    -------
    Keras or OpenVINO
    """
    chosen = ENGINES[choose(name)]
    if chosen is Keras:
        return Keras(networks())
    return OpenVINO(weights, precision="float32" if name == FLOAT32 else None)


def shape(weights):
    """Initial filters and depth of a U-net, from its weights alone."""
    layers = (len(weights) - 2) // 6  # a kernel, a bias and four arrays of batch normalisation each
    return weights[0].shape[-1], (layers // CONVOLUTIONS - 1) // 2


def whole_float32():
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


def _keras_sees_a_gpu():
    if not gpu.usable():  # asked first: Keras takes seconds to load
        return False
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


class Keras:
    """What Keras' backend computes; on a GPU where that sees one, and there in float32 as well, not in TF32.

    Attributes
    ----------
    made_with : dict of str to str
        Name, version and precision, to be kept beside results.
    """

    name = "keras"

    def __init__(self, networks):
        import keras

        whole_float32()
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


class OpenVINO:
    """Members side by side on the cores of a CPU, one thread each.

    Parameters
    ----------
    weights : list of list of ndarray
    precision : {"float32", "bfloat16"}, optional
        bfloat16 unless given, where the CPU multiplies in it.
    plain : bool
        Let bfloat16 round the image too; only the benchmark wants that.

    Attributes
    ----------
    made_with : dict of str to str
        Name, version and precision, to be kept beside results.
    """

    name = "openvino"

    def __init__(self, weights, precision=None, *, plain=False):
        import openvino

        core = openvino.Core()
        if precision is None:
            precision = "bfloat16"
        if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            precision = "float32"
        self._split = precision == "bfloat16" and not plain
        # With one thread a member nothing waits for another thread, and no sum depends on how many there are.
        threads = 1 if len(weights) > 1 else cores()
        how = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # each of the members would be tied to the same core
        }
        self._pool = ThreadPoolExecutor(cores())

        def request(arrays):
            return core.compile_model(_graph(arrays, self._split), "CPU", how).create_infer_request()

        self._requests = list(self._pool.map(request, weights))
        self._locks = [threading.Lock() for _ in weights]
        computed = self._requests[0].get_compiled_model().get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self.made_with = {"name": self.name, "version": openvino.__version__.split("-")[0],
                          "precision": {"bf16": "bfloat16", "f32": "float32"}[computed]}  # fmt: skip

    def probabilities(self, image):
        """As `Keras.probabilities`; may be called from several threads at once."""
        x = np.ascontiguousarray(image, np.float32)[None, None]
        if self._split:
            rounded = _bfloat16(x)
            x = np.concatenate([rounded, x - rounded, rounded], axis=1)

        def infer(request, lock):
            with lock:
                request.infer({0: x})
                return request.get_output_tensor().data[0, 0].copy()

        return np.stack(list(self._pool.map(infer, self._requests, self._locks)))


ENGINES = {engine.name: engine for engine in (OpenVINO, Keras)}
CHOICES = (AUTO, FLOAT32, *ENGINES)


def _bfloat16(values):
    """Values rounded to bfloat16, to the nearest and at a tie to the even, as float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def folded(weights):
    """Kernels and biases of a member's convolutions, with the batch normalisation after each folded into it.

    Parameters
    ----------
    weights : list of ndarray
        As `keras.Model.get_weights` orders them.

    Yields
    ------
    kernel : ndarray of float32, (height, width, in, out)
    bias : ndarray of float32, (out,)
    """
    for i in range(0, len(weights) - 2, 6):
        kernel, bias, gamma, beta, mean, variance = weights[i : i + 6]
        scale = gamma / np.sqrt(variance + BATCH_NORMALISATION_EPSILON)
        yield kernel * scale, (bias - mean) * scale + beta
    yield tuple(weights[-2:])


def _graph(weights, split):
    """The U-net of `method.unet.unet` as OpenVINO's graph, for one slice of any size; `split` as the module says."""
    import openvino
    from openvino import opset13 as op

    _, depth = shape(weights)
    layers = folded(weights)

    def convolve(x, activate, first=False):
        kernel, bias = next(layers)
        if first and split:
            rounded = _bfloat16(kernel)
            kernel = np.concatenate([rounded, rounded, kernel - rounded], axis=2)
        kernel = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)
        edge = [side // 2 for side in kernel.shape[2:]]
        x = op.convolution(x, op.constant(kernel), [1, 1], edge, edge, [1, 1])
        return activate(op.add(x, op.constant(bias.astype(np.float32).reshape(1, -1, 1, 1))))

    def block(x, first=False):
        for i in range(CONVOLUTIONS):
            x = convolve(x, op.relu, first=first and i == 0)
        return x

    def double(x):
        scales, axes = op.constant(np.array([2, 2], np.float32)), op.constant(np.array([2, 3], np.int64))
        return op.interpolate(x, scales, "nearest", "scales", axes=axes, coordinate_transformation_mode="asymmetric",
                              nearest_mode="floor")  # fmt: skip

    image = x = op.parameter((1, 3 if split else 1, -1, -1), np.float32, "image")
    skips = []
    for level in range(depth):
        x = block(x, first=level == 0)
        skips.append(x)
        x = op.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
    x = block(x)
    for skip in reversed(skips):
        x = block(op.concat([skip, double(x)], 1))
    return openvino.Model([convolve(x, op.sigmoid).output(0)], [image], "unet")
