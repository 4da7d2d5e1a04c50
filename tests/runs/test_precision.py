"""Precision `auto`: what the machine multiplies in, never what it would emulate. Machines are faked."""

import keras
import pytest
import tensorflow as tf

from sarco.runs import precision

WITH, WITHOUT = "fpu avx2 avx512f avx512_bf16", "fpu avx2 avx512f avx512_vnni"


@pytest.fixture
def machine(monkeypatch):
    """Make this machine another one: flags of its processor, and the compute capability of its GPU."""

    def make(flags=None, capability=None, details=None):
        kept = {"compute_capability": capability} if capability else (details or {})
        gpus = ["GPU:0"] if capability or details is not None else []
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus)
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: kept)
        told = None if flags is None else f"processor\t: 0\nflags\t\t: {flags}\nbugs\t: amx_bf16_of_another_line\n"
        monkeypatch.setattr(precision.Path, "read_text", lambda path, **how: told or (_ for _ in ()).throw(OSError()))

    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    return make


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"flags": WITH}, "mixed_bfloat16"),
        ({"flags": "fpu amx_bf16"}, "mixed_bfloat16"),
        ({"flags": WITHOUT}, "float32"),
        ({"flags": None}, "float32"),  # no Linux
        ({"flags": WITH, "capability": (7, 5)}, "mixed_float16"),
        ({"flags": WITH, "capability": (6, 1)}, "float32"),  # as the paper's card
        ({"flags": WITH, "details": {}}, "float32"),  # a GPU that states nothing
    ],
)
def test_auto_is_what_the_machine_has(machine, made, expected):
    machine(**made)
    assert precision.taken("auto") == expected
    for named in ("float32", "mixed_bfloat16", "mixed_float16"):
        assert precision.taken(named) == named


def test_bfloat16_without_onednn_would_be_emulated(machine, monkeypatch):
    machine(flags=WITH)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert precision.taken("auto") == "float32"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    assert precision.taken("auto") == "mixed_bfloat16"
    monkeypatch.setattr(keras.backend, "backend", lambda: "other")
    assert precision.taken("auto") == "float32"
