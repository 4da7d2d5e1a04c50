"""Which GPU a process takes: one of its own, so that several members learn at once on a machine that has several."""

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
ASK_AGAIN_S = 2


def usable():
    """UUIDs of NVIDIA's GPUs that this process may choose from; where CUDA_VISIBLE_DEVICES names GPUs, only those."""
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout
    found = {number: uuid for number, uuid in LISTED.findall(listed)}
    if VISIBLE not in os.environ:
        return list(found.values())
    named = [name.strip() for name in os.environ[VISIBLE].split(",")]
    return [uuid for number, uuid in found.items() if number in named or uuid in named]


@contextmanager
def one():
    """Let this process see one GPU that no other such process uses; wait for one if all are taken.

    A GPU is held by a lock on a file in the folder for temporary files, which ends with the process however that
    ends. Nothing is done where there is no choice: no GPU, or CUDA_VISIBLE_DEVICES names a single one, as Slurm does.
    Enter it before the first use of TensorFlow. Yields the GPU's UUID, None if there was no choice.
    """
    choice = usable()
    if len(choice) < 2:
        yield None
        return
    held, uuid = _wait(choice)
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = uuid
    try:
        yield uuid
    finally:
        held.release()
        os.environ.pop(VISIBLE)
        if before is not None:
            os.environ[VISIBLE] = before


def _wait(uuids):
    said = False
    while True:
        for uuid in uuids:
            held = lock(Path(tempfile.gettempdir(), f"sarco-{getattr(os, 'getuid', int)()}-{uuid}.lock"), wait=False)
            if held is not None:
                return held, uuid
        if not said:
            print(f"All {len(uuids)} GPUs are taken; waiting for one.", file=sys.stderr)
            said = True
        time.sleep(ASK_AGAIN_S)
