"""Which GPU a process takes: one of its own, so that several members learn at once on a machine that has several."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from .files import lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
LISTED = re.compile(r"^GPU (\d+): .*\(UUID: ([\w-]+)\)", re.MULTILINE)


def usable():
    """UUIDs of NVIDIA's GPUs that this process may choose from; where CUDA_VISIBLE_DEVICES names GPUs, only those."""
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout
    found = dict(LISTED.findall(listed))
    if VISIBLE not in os.environ:
        return list(found.values())
    named = [name.strip() for name in os.environ[VISIBLE].split(",")]
    return [uuid for number, uuid in found.items() if number in named or uuid in named]


@contextmanager
def one():
    """Let this process see one GPU that no other such process uses; wait for one if all are taken.

    Enter it before the first use of TensorFlow. Nothing is done where there is no choice: no GPU, or
    CUDA_VISIBLE_DEVICES names a single one, as Slurm does.
    """
    choice = usable()
    if len(choice) < 2:
        yield
        return
    held, uuid = _wait(choice)
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = uuid
    try:
        yield
    finally:
        held.release()
        os.environ.pop(VISIBLE)
        if before is not None:
            os.environ[VISIBLE] = before


def _wait(uuids):
    """The lock of the first GPU that is free, which ends with the process however that ends, and its UUID."""
    for attempt in itertools.count():
        for uuid in uuids:
            held = lock(Path(tempfile.gettempdir(), f"sarco-{getattr(os, 'getuid', int)()}-{uuid}.lock"), wait=False)
            if held is not None:
                return held, uuid
        if attempt == 0:
            print(f"All {len(uuids)} GPUs are taken; waiting for one.", file=sys.stderr)
        time.sleep(2)
