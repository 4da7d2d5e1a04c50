"""One choice of engine: the names that a user may give, and what they mean on this machine."""

import importlib.util

from ..base.errors import SarcoError
from . import int8, keras
from .openvino import OpenVINO

AUTO, FLOAT32, INT8 = "auto", "float32", "int8"
ENGINES = {engine.name: engine for engine in (OpenVINO, keras.Keras)}  # the fastest on a CPU first
CHOICES = (AUTO, FLOAT32, *ENGINES, INT8)


def available():
    """Names of the engines that are installed; Keras always is."""
    return [name for name in ENGINES if name == keras.Keras.name or importlib.util.find_spec(name)]


def choose(name=AUTO):
    """Name of the engine for a choice.

    Parameters
    ----------
    name : {"auto", "float32", "openvino", "keras", "int8"}
        "auto" is Keras where it sees a GPU, else OpenVINO where that is installed, else Keras. "float32" is the same,
        but in nothing narrower: two machines then agree to the last printed digit, so tables of results are made with
        it. "int8" is OpenVINO in 8 bits.

    Raises
    ------
    SarcoError
        There is no such engine, or it is not installed.
    """
    if name not in CHOICES:
        raise SarcoError(f"engine {name}: there is no such engine; choose one of {', '.join(CHOICES)}.")
    here = available()
    if name in (AUTO, FLOAT32):
        return keras.Keras.name if keras.sees_a_gpu() else here[0]
    computes = OpenVINO.name if name == INT8 else name
    if computes not in here:
        raise SarcoError(
            f"engine {name}: it is not installed; run 'pip install sarco[fast]', or choose {', '.join(here)}."
        )
    return computes


def make(name, weights, network, once=False):
    """The engine of a choice for members: their weights, and a function that builds one for Keras.

    `once`: for one slice, so a member need not be kept where it is built in no time.
    """
    engine = ENGINES[choose(name)]
    if engine is keras.Keras:
        return engine(weights, network)
    scales = [int8.read(file) for file in weights.files] if name == INT8 else None
    return engine(weights, precision="float32" if name == FLOAT32 else None, once=once, scales=scales)
