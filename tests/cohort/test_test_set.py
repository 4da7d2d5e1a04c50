"""Test cases that are drawn for some weights: those of the manifest's checksum, and no others."""

import hashlib
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.cohort import layout, make, test_set

SMALL = {"workers": 1, "matrix": 128, "progress": False}


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """A cohort that waits for its test cases, beside the manifest of some weights."""
    root = tmp_path_factory.mktemp("run") / "reference"
    (root.parent / "manifest.json").write_text('{"members": []}')
    return make.make(root, 9, seed=5, test=False, **SMALL)


@pytest.fixture
def drawn(waiting, tmp_path):
    shutil.copytree(waiting.root.parent, tmp_path, dirs_exist_ok=True)
    return test_set.draw(tmp_path / "reference", tmp_path / "manifest.json", 1, progress=False)


def test_all_cases_are_those_of_a_whole_cohort_where_the_seed_is_the_same(waiting, tmp_path, monkeypatch):
    whole = make.make(tmp_path / "whole", 9, seed=5, **SMALL)
    shutil.copytree(waiting.root.parent, tmp_path, dirs_exist_ok=True)
    assert waiting.cases() == whole.cases()[:6] and not waiting.cases("test")
    monkeypatch.setattr(layout, "seed_of_test", lambda sha256: 5)
    now = test_set.draw(tmp_path / "reference", tmp_path / "manifest.json", 1, progress=False)
    assert layout.joined(now.root) == (whole.root / "cohort.csv").read_bytes()
    assert now.table.equals(whole.table)
    files = sorted(path.relative_to(whole.root) for path in whole.root.glob("*/*"))
    assert len(files) == 4 * 9 and all((whole.root / f).read_bytes() == (now.root / f).read_bytes() for f in files)


def test_the_seed_is_the_manifests_checksum(drawn):
    digest = hashlib.sha256(b'{"members": []}').digest()
    case = drawn.cases("test")[1]
    p = make.draw_case("reference", int.from_bytes(digest[:6], "big"), int(case) - 1, 128)
    assert np.array_equal(p.image_hu, drawn.read_slice(case).image_hu)
    assert np.array_equal(make.phantom_of(drawn, case).mask, drawn.read_mask(case))
    first = drawn.cases("train")[0]
    assert np.array_equal(make.phantom_of(drawn, first).true_mask, drawn.read_true_mask(first))
    assert layout.check(drawn.root).problems == []


def test_other_weights_have_other_test_cases(drawn):
    manifest = drawn.root.parent / "manifest.json"
    before = drawn.path("images", "0007").read_bytes()
    again = test_set.draw(drawn.root, manifest, 1, progress=False)
    assert again.path("images", "0007").read_bytes() == before
    manifest.write_text("{}")
    with pytest.raises(SarcoError, match=r"test\.csv: has the test cases of other weights"):
        test_set.draw(drawn.root, manifest, 1, progress=False)
    make.make(drawn.root, 9, seed=5, test=False, **SMALL)  # the same cohort again, which waits again
    assert layout.Cohort.open(drawn.root).cases("test") == []
    other = test_set.draw(drawn.root, manifest, 1, progress=False)
    assert other.path("images", "0007").read_bytes() != before


def _first_of(cohort, kind):
    return cohort.path(kind, cohort.cases("test")[0])


def _another_mask(cohort):
    layout.write_mask(_first_of(cohort, "masks"), ~cohort.read_mask(cohort.cases("test")[0]))


FAULTS = {
    "another slice": (lambda c: shutil.copyfile(c.path("images", "0001"), _first_of(c, "images")), "not the slice"),
    "another mask": (_another_mask, "not the mask that is drawn now"),
    "another manifest": (lambda c: (c.root.parent / "manifest.json").write_text("{}"), "give the manifest of those"),
    "another seed": (lambda c: (c.root / "recipe.txt").write_text("setting=reference cases=9 seed=5 matrix=128"),
                     "drawn with the others, for no weights"),
}  # fmt: skip


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_a_proof_draws_them_again(fault, drawn, tmp_path):
    layout.subset(drawn.root, tmp_path / "sample", ["0001", *drawn.cases("test")])
    sample = layout.Cohort.open(tmp_path / "sample")
    if fault:
        FAULTS[fault][0](sample)
    same, wrong = test_set.prove(sample.root, tmp_path / "manifest.json")
    if fault is None:
        assert same == sample.cases("test") and not wrong
    else:
        assert len(wrong) == 1 and FAULTS[fault][1] in wrong[0] and len(same) < 3


def test_a_part_of_a_cohort_has_no_regions(drawn, tmp_path):
    layout.subset(drawn.root, tmp_path / "sample", ["0001"])
    with pytest.raises(SarcoError, match=r"tissues.0001\.png: not there; make the cohort of phantoms again"):
        layout.Cohort.open(tmp_path / "sample").read_tissues("0001")


def test_a_part_of_a_cohort_takes_no_others(drawn, tmp_path):
    layout.subset(drawn.root, tmp_path / "sample", ["0001", *drawn.cases("test")])
    with pytest.raises(SarcoError, match="not a cohort that waits"):
        test_set.draw(tmp_path / "sample", tmp_path / "manifest.json", 1)


def test_test_cases_that_were_not_all_drawn_are_none(drawn):
    """The table comes last; what was begun goes on for the same weights, and begins anew for others."""
    manifest, table = drawn.root.parent / "manifest.json", drawn.root / "test.csv"
    whole = table.read_bytes()
    table.unlink()
    assert test_set.prove(drawn.root, manifest) == ([], [f"{drawn.root}: has no test cases yet; 'sarco cohort test' "
                                                         "draws them."])  # fmt: skip
    test_set.draw(drawn.root, manifest, 1, progress=False)
    assert table.read_bytes() == whole


def test_on_the_command_line(waiting, tmp_path):
    manifest, root = str(waiting.root.parent / "manifest.json"), str(tmp_path / "c")

    def run(*words):
        done = CliRunner().invoke(app, ["cohort", *words])
        return done.exit_code, done.output

    assert run("make", root, "--cases", "3", "--seed", "5", "--matrix", "128", "--no-test")[0] == 0
    assert "no test cases yet" in run("check", root, "--manifest", manifest)[1]
    assert run("test", root, manifest)[0] == 0
    code, told = run("check", root, "--manifest", manifest)
    assert code == 0 and "drawn again from the checksum" in told and "0003" in told
    code, told = run("test", str(waiting.root.parent), manifest)
    assert code == 2 and "cohort.csv: not found" in told
    assert run("make", str(tmp_path / "d"), "--cases", "3", "--setting", "difficult", "--no-test")[0] == 2


def test_a_cohort_with_test_cases_takes_no_others(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    make.make(tmp_path / "c", 1, seed=5, **SMALL)
    make.make(tmp_path / "one", 1, seed=5, test=False, **SMALL)  # too few to have any
    for root in ("c", "one"):
        with pytest.raises(SarcoError, match="not a cohort that waits"):
            test_set.draw(tmp_path / root, tmp_path / "manifest.json", 1)
    with pytest.raises(SarcoError, match=r"none\.json: cannot be read"):
        test_set.draw(tmp_path / "c", tmp_path / "none.json", 1)
