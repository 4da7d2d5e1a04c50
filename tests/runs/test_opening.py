"""What run.json says of test cases that were drawn for the weights: kept, proved again, and told by rule."""

import hashlib
import json
from types import SimpleNamespace

import pytest

from sarco.base.errors import SarcoError
from sarco.book import test_set
from sarco.cohort import layout
from sarco.evidence.run import Run
from sarco.runs import opening, profiles

FIRST, OTHER = b"case\n0007\n", b"case\n0008\n"


@pytest.fixture
def run(tmp_path, tiny):
    """A run whose test cases were drawn for its weights, evaluated once."""
    profile = profiles.load(tiny(tmp_path))
    profile.weights_dir.mkdir(parents=True)
    profile.cohort_dir.mkdir()
    profile.results_dir.mkdir()
    (profile.weights_dir / "manifest.json").write_text("{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    (profile.cohort_dir / "recipe.txt").write_text(f"setting=reference cases=8 test=later\nmanifest={digest}\n")
    evaluate(profile, FIRST)
    return Run(profile)


def evaluate(profile, cases_csv):
    """What `sarco.runs.evaluation` does at its end."""
    info = {"test_set": opening.record(profile.cohort_dir, profile.results_dir, cases_csv)}
    (profile.results_dir / "cases.csv").write_bytes(cases_csv)
    (profile.results_dir / "run.json").write_text(json.dumps(info))


def test_the_same_table_again_is_no_second_look(run, capsys):
    first = opening.of(run)
    assert first.seed == int(hashlib.sha256(b"{}").hexdigest()[:12], 16) and len(first.opened) == 1
    evaluate(run.profile, FIRST)
    assert opening.of(Run(run.profile)) == first
    assert {path.name for path in run.profile.results_dir.iterdir()} == {"cases.csv", "run.json"}
    assert capsys.readouterr().err == ""


def test_another_table_leaves_a_trace(run, capsys):
    evaluate(run.profile, OTHER)
    now = opening.of(Run(run.profile))
    [kept] = run.profile.results_dir.glob("cases-*.csv")
    assert kept.read_bytes() == FIRST and kept.name in capsys.readouterr().err
    assert [one["cases_csv"] for one in now.opened] == [hashlib.sha256(table).hexdigest() for table in (FIRST, OTHER)]
    assert "2 times with another table each" in test_set.texts(Run(run.profile))["they"]
    evaluate(run.profile, FIRST)  # what was looked at last is what run.json says, be it the first again
    assert len(opening.of(Run(run.profile)).opened) == 3 and capsys.readouterr().err
    # Other weights have test cases of their own.
    (run.profile.weights_dir / "manifest.json").write_text("[]")
    digest = hashlib.sha256(b"[]").hexdigest()
    (run.profile.cohort_dir / "recipe.txt").write_text(f"setting=reference test=later\nmanifest={digest}\n")
    evaluate(run.profile, FIRST)
    assert len(opening.of(Run(run.profile)).opened) == 1 and capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: (r.profile.weights_dir / "manifest.json").write_text("[]"), "of a manifest with"),
        (lambda r: (r.profile.weights_dir / "manifest.json").unlink(), "manifest.json is not there"),
        (lambda r: (r.profile.results_dir / "cases.csv").write_bytes(OTHER), "of a cases.csv with"),
        (lambda r: r.info["test_set"].update(seed=5), "have the seed 5, and the manifest gives"),
    ],
)
def test_what_does_not_belong_together_is_refused(run, change, words):
    change(run)
    with pytest.raises(SarcoError, match=words):
        opening.of(run)


def test_an_evaluation_waits_for_the_test_cases_of_its_weights(tmp_path):
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")
    begun = f"setting=reference test=later\nmanifest={hashlib.sha256(b'{}').hexdigest()}\n"

    def check(recipe, cases):
        (tmp_path / "recipe.txt").write_text(recipe)
        opening.check(SimpleNamespace(root=tmp_path, cases={"test": cases}.get), manifest)

    other = "setting=reference test=later\nmanifest=0\n"
    waits = (other.partition("\n")[0], [], "not drawn yet; run 'sarco cohort test"), (begun, [], "not drawn yet")
    for recipe, cases, words in (*waits, (other, ["0007"], "of other weights")):
        with pytest.raises(SarcoError, match=words):
            check(recipe, cases)
    check(begun, ["0007"])
    check("setting=reference\n", [])


def test_each_text_is_there_for_both(run):
    assert test_set.RE_USED.keys() == test_set.FRESH.keys()
    fresh = test_set.texts(run)
    assert opening.of(run).day in fresh["story"] and "{" not in "".join(fresh.values())
    seen = SimpleNamespace(info={}, profile=run.profile)
    assert test_set.words(seen, "is") == {"test-is": "re-used"}
    assert test_set.words(run, "is") == {"test-is": test_set.DRAWN}


def test_the_committed_test_cases_are_those_of_the_committed_weights():
    """As far as the sample goes; a run whose test cases came with the cohort says so."""
    from sarco.cohort.test_set import prove

    run = Run("published")
    sample = layout.Cohort.open(run.profile.cohort_dir)
    same, wrong = prove(sample.root, run.profile.weights_dir / "manifest.json")
    if opening.of(run):
        assert same == sample.cases("test")[:5] and same and not wrong
    else:
        assert "manifest" not in layout.recipe_of(sample.root) and len(wrong) == 1
