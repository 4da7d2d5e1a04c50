"""The precision that a training takes where its profile says `auto`: one that the machine has, never an emulated one.

Emulated bfloat16 takes seven times as long as float32.
"""

import os
import platform
import re
from pathlib import Path

from ..base import environment

AUTO, FLOAT32, FLOAT16, BFLOAT16 = "auto", "float32", "mixed_float16", "mixed_bfloat16"
# Linux's names of what multiplies in bfloat16. On ARM and on Apple's processors TensorFlow trains without it.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
OFF = ("0", "false")  # in any letters
HALF_SINCE = (7, 0)  # compute capability of NVIDIA's GPUs with tensor cores


def taken(precision):
    """Keras' policy for the `precision` of a profile: "auto" is what Keras' backend multiplies in on this machine."""
    if precision != AUTO:
        return precision
    capability = _compute_capability()
    if capability is not None:
        return FLOAT16 if capability >= HALF_SINCE else FLOAT32
    return BFLOAT16 if _multiplies_in_bfloat16() else FLOAT32


def use_onednn():
    """Call it before TensorFlow loads, which takes oneDNN of itself only on processors with instructions for networks.

    On others of the same kind it trains faster, too.
    """
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def processor(hardware=None):
    """What computes, in words: the first accelerator of this or another machine, or else its processor."""
    hardware = hardware or environment.hardware()
    return (hardware["accelerators"] or [hardware["processor"]])[0]


def _compute_capability():
    """Of the first GPU that Keras' backend sees, as (7, 5), or (0, 0) where it states none; None: it sees no GPU."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        found = [str(getattr(one, "compute_capability", "0.0")) for one in jax.devices() if one.platform != "cpu"]
        numbers = re.fullmatch(r"(\d+)\.(\d+)", found[0]) if found else None  # AMD's GPUs have a name there
        return tuple(map(int, numbers.groups())) if numbers else (0, 0) if found else None
    if backend == "torch":
        import torch

        return torch.cuda.get_device_capability() if torch.cuda.is_available() else None
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0)) if gpus else None


def _multiplies_in_bfloat16():
    """Whether the processor does, and TensorFlow lets it: without oneDNN it would emulate."""
    import keras

    onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower() not in OFF
    return keras.backend.backend() == "tensorflow" and onednn and bool(BFLOAT16_FLAGS & _flags())


def _flags():
    """What Linux says that the processor can do; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.split()}
