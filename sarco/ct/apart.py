"""GDCM in a process of its own: broken data can end that process, and rows that it makes up it tells stderr alone.

Run as a script this file is that process. It is kept for the next slice, and ends when its input does.
"""

import functools
import os
import pickle
import subprocess
import sys
import tempfile
import threading

_one_at_a_time = threading.Lock()


def pixel_array(header, index, options):
    """As `pydicom.pixels.pixel_array`; ValueError where the data are broken, however the decoder takes it."""
    with _one_at_a_time:
        process = _process()
        try:
            pickle.dump((header, index, options), process.stdin)
            process.stdin.flush()
            found = pickle.load(process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            process.kill()
            process.wait()
            _process.cache_clear()
            raise ValueError("its decoder gave up") from None
    if isinstance(found, str):
        raise ValueError(found)
    return found


@functools.cache
def _process():
    return subprocess.Popen([sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _answer():
    from pydicom.pixels import pixel_array as decoded

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a decoder prints is no answer
    while True:
        try:
            header, index, options = pickle.load(sys.stdin.buffer)
        except (EOFError, KeyboardInterrupt):
            return
        with tempfile.TemporaryFile() as said:
            os.dup2(said.fileno(), 2)
            try:
                found = decoded(header, index=index, **options)
            except Exception as error:
                found = str(error)
            said.seek(0)
            told = said.read().decode("utf-8", "replace").split("\n")[0].strip()
        pickle.dump(told or found, answers)
        answers.flush()


if __name__ == "__main__":
    _answer()
