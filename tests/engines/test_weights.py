"""Weights as files: what is read is what was written, and a changed one is refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from sarco.base import paths
from sarco.base.errors import SarcoError
from sarco.base.files import checksum
from sarco.engines import weights
from sarco.method.ensemble import Ensemble


@pytest.fixture
def folder(tmp_path):
    """A manifest of two members, each of two arrays."""
    entries = []
    for number in (1, 2):
        arrays = [np.full((2, 3), number / 4, np.float32), np.arange(3, dtype=np.float32)]
        path = tmp_path / f"member-0{number}.npz"
        weights.pack(SimpleNamespace(get_weights=lambda arrays=arrays: arrays), path)
        entries.append({"file": path.name, "sha256": checksum(path)})
    (tmp_path / "manifest.json").write_text(json.dumps({"members": entries}))
    return tmp_path


def test_what_is_read_is_what_was_written(folder, monkeypatch):
    manifest = weights.read_manifest(folder)
    first, second = weights.read_members(folder, manifest)
    assert [array.dtype for array in first] == [np.float32] * 2
    assert first[0].shape == (2, 3) and first[1].tolist() == second[1].tolist() == [0, 1, 2]
    assert (first[0].max(), second[0].max()) == (0.25, 0.5)
    assert len(Ensemble.load(folder, members=1).weights) == 1 and Ensemble.load(folder).size == 2
    monkeypatch.setattr(paths, "weights_dir", lambda: folder)
    assert Ensemble.load().size == 2


def test_kernels_in_8_bits_are_half_a_scale_off_at_most(tmp_path):
    rng = np.random.default_rng(0)
    kernel = (rng.normal(0, 0.05, (3, 3, 64, 8)) * np.logspace(-6, 1, 8)).astype(np.float32)  # channels of all sizes
    kernel[..., 2] = 0
    others = [rng.normal(size=8).astype(np.float32) for _ in range(5)]
    path, before = tmp_path / "member-01.npz", tmp_path / "before.npz"
    weights.pack(SimpleNamespace(get_weights=lambda: [kernel, *others]), path)
    found, *rest = weights.unpack(path)
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    # A scale in float16 has a step of a thousandth, or of 6e-8 where it is small.
    scale = np.maximum(largest / 127 * 1.001, largest / 127 + 6e-8)
    assert found.dtype == np.float32 and (np.abs(found - kernel) <= 0.501 * scale).all() and not found[..., 2].any()
    assert all(np.array_equal(one, other.astype(np.float16)) for one, other in zip(rest, others, strict=True))
    # As members lie in data/weights that were trained before.
    np.savez(before, **{f"{i:03d}": array.astype(np.float16) for i, array in enumerate([kernel, *others])})
    assert np.array_equal(weights.unpack(before)[0], kernel.astype(np.float16))
    assert path.stat().st_size < 0.6 * before.stat().st_size


def test_a_checksum_is_the_sha256_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    # The example of the standard, FIPS 180-2.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checksum(tmp_path / "file") == expected


def test_checksums_identify_the_members():
    manifest = {"members": [{"sha256": "b"}, {"sha256": "a"}]}
    assert weights.weights_sha256(manifest) == ["b", "a"]
    assert weights.team(manifest) != weights.team({"members": manifest["members"][::-1]})
    assert len(weights.team(manifest)) == 12 and int(weights.team(manifest), 16)


def test_a_member_that_was_changed_is_refused(folder):
    path = folder / "member-02.npz"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    Ensemble.load(folder, members=1)
    with pytest.raises(SarcoError, match=r"member-02\.npz: its checksum"):
        Ensemble.load(folder)
    path.unlink()
    with pytest.raises(SarcoError, match="not there"):
        Ensemble.load(folder)
    with pytest.raises(SarcoError, match=r"manifest\.json: not found; train members"):
        Ensemble.load(folder / "nowhere")
    with pytest.raises(SarcoError, match=r"student\.json: not found; train a student"):
        Ensemble.load(folder, student=True)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(SarcoError, match=r"manifest\.json: not readable"):
        weights.read_manifest(folder)


def test_a_diverged_member_is_not_written(tmp_path):
    with pytest.raises(SarcoError, match="diverged"):
        weights.pack(SimpleNamespace(get_weights=lambda: [np.array([1e6])]), tmp_path / "member-01.npz")
    assert not list(tmp_path.iterdir())
