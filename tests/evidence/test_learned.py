"""What is kept beside the weights is what the tables teach, and it is used for those weights and tables alone."""

import json
import shutil
from dataclasses import asdict

import pytest

from sarco.base import paths
from sarco.engines.weights import read_manifest, weights_sha256
from sarco.evidence import learned

SHIPPED, RESULTS = paths.data_dir() / "weights", paths.data_dir() / "results"


@pytest.fixture
def run(tmp_path):
    """Manifests of the shipped weights with their results, and what was kept of them."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("manifest.json", "student.json", learned.FILE):
        shutil.copy(SHIPPED / name, folder)
    shutil.copytree(RESULTS, tmp_path / "results")
    return folder, tmp_path / "results"


@pytest.fixture
def tables_are_read(monkeypatch):
    """Says how many tables were read."""
    read, real = [], learned.read_results
    monkeypatch.setattr(learned, "read_results", lambda path: read.append(path) or real(path))
    return read


@pytest.mark.parametrize("student", [False, True])
def test_what_is_kept_is_what_the_tables_teach(run, student, tables_are_read):
    weights, results = run
    manifest = read_manifest(weights, student)
    kept = learned.of(weights, results, manifest, student)
    assert not tables_are_read
    anew = learned.learn(results, manifest, student)
    assert (kept.limit is None) == (anew.limit is None) == student
    for part in ("correction", "limit")[: 1 if student else 2]:
        one, other = asdict(getattr(kept, part)), asdict(getattr(anew, part))
        words = [[each.pop(key, None) for key in ("doubt", "other", "other_value")] for each in (one, other)]
        assert words[0] == words[1] and one == pytest.approx(other, rel=1e-9)  # SciPy's versions differ in a last digit
    assert kept.tissues.keys() == anew.tissues.keys() >= {"psoas", "psoas, left", "visceral fat"}
    assert all(asdict(kept.tissues[name]) == pytest.approx(asdict(one), rel=1e-9) for name, one in anew.tissues.items())
    assert kept.level.weights == pytest.approx(anew.level.weights, abs=2e-5)  # rounded to five digits
    learned.keep(weights, results)
    before, now = (json.loads((folder / learned.FILE).read_text()) for folder in (SHIPPED, weights))
    assert before.keys() == now.keys() and all(before[part] == now[part] for part in ("how", "code", "tables"))


def test_other_tables_and_other_weights_are_learned_anew(run, tables_are_read):
    weights, results = run
    manifest = read_manifest(weights)
    other = manifest | {"members": manifest["members"][:-1]}
    assert "belongs to other weights" in learned.of(weights, results, other).warnings[0]
    assert learned.of(weights, results.parent / "nowhere", manifest) == learned.of(weights, results, manifest)
    assert not tables_are_read
    info = json.loads((results / "run.json").read_text()) | {"weights": weights_sha256(other)}
    for broken in ("[{", "[]"):
        (weights / learned.FILE).write_text(broken)
        assert learned.of(weights, results, manifest).correction is not None
    assert len(tables_are_read) == 12  # six each
    learned.keep(weights, results)
    with (results / "cases.csv").open("a") as table:
        table.write("\n")
    (results / "run.json").write_text(json.dumps(info))
    assert "belongs to other weights" in learned.of(weights, results, manifest).warnings[0]
    learned.keep(weights, results)
    assert json.loads((weights / learned.FILE).read_text()).keys() == {"how", "code", "tables", "level", "student"}
