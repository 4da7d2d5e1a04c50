"""What a result was made with: versions, machine and commit."""

import os
import platform
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from . import __version__, paths

PACKAGES = ("numpy", "scipy", "pandas", "pydicom", "keras", "tensorflow", "jax", "torch", "openvino")


def versions():
    """Version of sarco, of Python and of each installed package that a number can depend on, by name."""
    found = {"sarco": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        for package in (f"{name}-cpu", name):  # TensorFlow's for CPUs only goes by another name
            with suppress(metadata.PackageNotFoundError):
                found[name] = metadata.version(package)
    return found


def cores():
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hardware():
    """System, processor, number of cores that this process may use, and accelerators that Keras' backend sees."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "accelerators": _accelerators(),
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # not Linux, or a processor that states no model
        return platform.processor() or platform.machine()


def _accelerators():
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    if backend == "torch":
        import torch

        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in found]


def commit():
    """Commit of the code, with "-dirty" where the code differs from it; None where no repository tracks the code."""

    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=paths.root(), capture_output=True, text=True, timeout=20,
                              check=True).stdout.strip()  # fmt: skip

    code = Path(__file__).resolve().parents[1].name
    try:  # an installed package may well lie within the repository of something else
        git("ls-files", "--error-unmatch", "--", f"{code}/base/{Path(__file__).name}")
        changed = git("status", "--porcelain", "--", code, "workflow")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
