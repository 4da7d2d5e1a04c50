"""OpenVINO, the fast engine of a CPU: a graph that is built straight from the arrays of the weights.

Batch normalisation is folded into the convolutions, and no TensorFlow is needed. On a CPU that multiplies in bfloat16
it computes in it (products in 8 binary digits, sums in float32). What that costs, measured on the final masks of the
sample, is nearly all lost in the first convolution, where the image itself is rounded to steps of up to 2 HU. So the
image comes in three channels, the rounded one, what the rounding took away, and the rounded one again, against the
rounded weights twice and what their rounding took away: the first product is then as good as in float32, at no cost
in time.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..base.environment import cores
from . import int8
from .weights import shape, tissues

# OpenVINO tells its makers of each start, by a process that it forks beside our threads: nothing is to leave this
# machine, and such a fork can wait for ever. Without the module it goes on without.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

BATCH_NORMALISATION_EPSILON = 1e-3  # Keras' own


class OpenVINO:
    """Members side by side on the cores of a CPU, one thread each.

    Parameters
    ----------
    weights : list of list of ndarray
        Of each member, as `keras.Model.get_weights` orders them.
    precision : {"float32", "bfloat16"}, optional
        bfloat16 unless given, where the CPU multiplies in it.
    once : bool
        For one slice: each member is built when it is computed, and let go after. 15 take a third of the memory.
    scales : list of sarco.engines.int8.Scales, optional
        Of each member: it then computes in int8, on any CPU.
    plain : bool
        Let bfloat16 round the image too; only the benchmark wants that.
    """

    name = "openvino"

    def __init__(self, weights, precision=None, *, once=False, scales=None, plain=False):
        import openvino

        self._core, self._weights, self._computed = openvino.Core(), weights, None
        self._scales = scales or [None] * len(weights)
        if precision is None:
            precision = "float32" if scales else "bfloat16"
        if "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            precision = "float32"
        self._split = precision == "bfloat16" and not plain
        # With one thread a member nothing waits for another thread, and no sum depends on how many there are.
        self._how = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": 1 if len(weights) > 1 else cores(),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # each of the members would be tied to the same core
        }
        self._pool = ThreadPoolExecutor(cores())
        members = range(len(weights))
        self._requests = [None] * len(weights) if once else list(self._pool.map(self._request, members))
        self._locks = [threading.Lock() for _ in members]

    def _request(self, member):
        compiled = self._core.compile_model(
            graph(self._weights[member], self._split, self._scales[member]), "CPU", self._how
        )
        self._computed = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        return compiled.create_infer_request()

    @property
    def made_with(self):
        """As of `keras.Keras`."""
        import openvino

        if self._computed is None:
            self._request(0)
        precision = "int8" if self._scales[0] else {"bf16": "bfloat16", "f32": "float32"}[self._computed]
        return {"name": self.name, "version": openvino.__version__.split("-")[0], "precision": precision}

    def probabilities(self, image):
        """As `keras.Keras.probabilities`; may be called from several threads at once."""
        return self.outputs(image, 1)[:, 0]

    def outputs(self, image, count=None):
        """As `keras.Keras.outputs`."""
        x = np.ascontiguousarray(image, np.float32)[None, None]
        if self._split:
            rounded = _bfloat16(x)
            x = np.concatenate([rounded, x - rounded, rounded], axis=1)

        def infer(member):
            with self._locks[member]:
                request = self._requests[member] or self._request(member)
                request.infer({0: x})
                return request.get_output_tensor().data[0, :count].copy()

        return np.stack(list(self._pool.map(infer, range(len(self._weights)))))


def _bfloat16(values):
    """Values rounded to bfloat16, to the nearest and at a tie to the even, as float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def folded(weights):
    """Yield kernel (height, width, in, out) and bias (out) of each convolution, its batch normalisation folded in."""
    for i in range(0, len(weights) - 2, 6):
        kernel, bias, gamma, beta, mean, variance = weights[i : i + 6]
        scale = gamma / np.sqrt(variance + BATCH_NORMALISATION_EPSILON)
        yield kernel * scale, (bias - mean) * scale + beta
    yield tuple(weights[-2:])


def graph(weights, split=False, scales=None, probe=()):
    """The U-net of `method.unet.unet` as OpenVINO's graph, for one slice of any size; `split` as the module says.

    With `scales` (`int8.Scales`) it computes in int8. With `probe`, numbers of convolutions, it gives the mean of what
    each gives, channel by channel, and then how far that reaches once it is activated, but for the last convolution.
    """
    import openvino
    from openvino import opset13 as op

    _, depth, convolutions = shape(weights)
    layers, sums, active = folded(weights), [], []

    def in_steps(x, low, high, steps):
        low, high = (op.constant(np.asarray(end, np.float32)) for end in (low, high))
        return op.fake_quantize(x, low, high, low, high, steps)

    def convolve(x, activate, first=False):
        layer, (kernel, bias) = len(sums), next(layers)
        if first and split:
            rounded = _bfloat16(kernel)
            kernel = np.concatenate([rounded, rounded, kernel - rounded], axis=2)
        kernel = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)
        edge = [side // 2 for side in kernel.shape[2:]]
        constant = op.constant(kernel)
        if scales:
            bias = scales.biases[layer]
        if scales and not first:  # on the image itself, products of 8 bits would overflow where a CPU adds them in 16
            largest = np.maximum(np.abs(kernel).max(axis=(1, 2, 3), keepdims=True), int8.LEAST)
            constant = in_steps(constant, -largest, largest, int8.KERNEL_STEPS)
        x = op.convolution(x, constant, [1, 1], edge, edge, [1, 1])
        x = op.add(x, op.constant(bias.astype(np.float32).reshape(1, -1, 1, 1)))
        sums.append(x)
        active.append(activate(x))
        last = activate is probabilities
        return in_steps(active[-1], 0, scales.ranges[layer], int8.STEPS) if scales and not last else active[-1]

    def probabilities(x):
        if not tissues(weights):
            return op.sigmoid(x)
        muscle, others = op.variadic_split(x, 1, [1, tissues(weights)]).outputs()
        return op.concat([op.sigmoid(muscle), op.softmax(others, 1)], 1)

    def block(x, first=False):
        for i in range(convolutions):
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
    found = convolve(x, probabilities)
    given = [op.reduce_mean(sums[layer], op.constant([0, 2, 3]), False) for layer in probe]
    reach = [op.reduce_max(active[layer], op.constant([0, 1, 2, 3]), False) for layer in probe if sums[layer + 1 :]]
    return openvino.Model([output.output(0) for output in given + reach or [found]], [image], "unet")
