"""A short run of the fuzzer (`tests/fuzz.py`), and every file that a long one ever found."""

import resource
import time
from pathlib import Path

import fuzz
import numpy as np
import pytest

FILES = 150
FOUND = sorted((Path(__file__).parents[1] / "fuzz_found").glob("*"))


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sarco.slice_tool.picture.overlay_png", None)  # put back afterwards
        yield fuzz.Target(tmp_path_factory.mktemp("fuzz"))


def checked(target, data):
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    target(data)
    assert time.process_time() - start < fuzz.SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < fuzz.MIB * 1024


def test_mutated_files(target, tmp_path):
    rng, seeds = np.random.default_rng(1), fuzz.seeds(tmp_path)
    for number in range(FILES):
        data = fuzz.mutate(seeds[number % len(seeds)], rng)
        try:
            checked(target, data)
        except BaseException:
            (tmp_path / "found").write_bytes(data)
            print(f"left in {tmp_path / 'found'}")
            raise


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found(target, path):
    checked(target, path.read_bytes())


def test_the_fuzzer_finds(target, monkeypatch, tmp_path):
    """A reader that lets an error of its own through is found by the files of the short run."""
    rng, seeds = np.random.default_rng(1), fuzz.seeds(tmp_path)
    monkeypatch.setattr("sarco.ct.dicom.numbers", lambda header, name: [float(v) for v in header[name].value])
    with pytest.raises((KeyError, TypeError, ValueError)):
        for number in range(FILES):
            target(fuzz.mutate(seeds[number % len(seeds)], rng))
