"""The workflow: chapters are run safely, and the smoke profile goes from nothing to a book."""

import ast
import os
import re
import shutil
import subprocess
import sys

import chapter
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from sarco import profiles
from sarco.errors import SarcoError

PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
PARAMETERS = 'profile = "published"\nlive_cases = 2'


def _notebook(path, *sources, parameters=PARAMETERS):
    cells = [new_code_cell(parameters, metadata={"tags": ["parameters"]}), *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells, metadata=PYTHON), path)
    return path


# --- one chapter ----------------------------------------------------------------------------------


def test_chapter_runs_with_parameters(tmp_path):
    source = _notebook(tmp_path / "a.ipynb", "print('cases', live_cases)\nprint(profile)")
    before = source.read_bytes()
    assert chapter.main([str(source), str(tmp_path / "out.ipynb"), "--set", "live_cases=5"]) == 0
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert cells[-1].outputs[0].text == "cases 5\npublished\n"
    assert source.read_bytes() == before


def test_defaults_are_not_injected_and_two_runs_are_equal(tmp_path):
    source = _notebook(tmp_path / "a.ipynb", "import sys\nprint(1)\nprint(2, file=sys.stderr)\nprint(3)")
    for out in ("one", "two"):
        assert chapter.main([str(source), str(tmp_path / out), "--set", "profile=published"]) == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert len(nbformat.read(tmp_path / "one", as_version=4).cells) == 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("live_case=3", "no parameter 'live_case'"),
        ("live_cases=many", "give a int"),
        ("profile=3", "give a str"),
    ],
)
def test_unfit_parameter_is_refused(tmp_path, capsys, given, told):
    source = _notebook(tmp_path / "a.ipynb", "print(1)")
    assert chapter.main([str(source), str(tmp_path / "out.ipynb"), "--set", given]) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize("parameters", ["cases = 1 + len('a')", "import os", "a = b = 1", "a ="])
def test_parameters_are_plain_values(tmp_path, parameters):
    source = _notebook(tmp_path / "a.ipynb", parameters=parameters)
    with pytest.raises(SarcoError, match="plain values"):
        chapter.run(source, {}, 60)


def test_missing_parameters_tag_is_refused(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("a = 1")]), tmp_path / "a.ipynb")
    with pytest.raises(SarcoError, match="0 cells have the tag 'parameters'"):
        chapter.run(tmp_path / "a.ipynb", {}, 60)


def test_failure_leaves_everything_as_it_was(tmp_path, capsys):
    source, out = (
        _notebook(tmp_path / "a.ipynb", "def area():\n    return 1 / 0\n\narea()"),
        tmp_path / "out.ipynb",
    )
    out.write_text("earlier run")
    before = source.read_bytes()
    assert chapter.main([str(source), str(out)]) == 2
    told = capsys.readouterr().err
    assert "a.ipynb: code cell 2 raised ZeroDivisionError: division by zero" in told and "return 1 / 0" in told
    assert source.read_bytes() == before and out.read_text() == "earlier run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ipynb", "out.ipynb"]


def test_a_cell_over_its_time_is_stopped(tmp_path):
    source = _notebook(tmp_path / "a.ipynb", "import time\ntime.sleep(60)")
    with pytest.raises(SarcoError, match="did not finish"):
        chapter.run(source, {}, 2)


def test_path_of_this_machine_is_refused(tmp_path):
    source = _notebook(tmp_path / "a.ipynb", "import warnings\nwarnings.warn('look here')")
    with pytest.raises(SarcoError, match="path of this machine"):
        chapter.run(source, {}, 60)


# --- the whole way --------------------------------------------------------------------------------


def _snakemake(root, target, *options, profile="smoke", **environment):
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile", "--cores", "2"]
    return subprocess.run(
        [*command, *options, "--config", f"profile={profile}", "--", target],
        cwd=root,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def smoke(root, request):
    """The smoke profile, run from nothing to its book."""
    profile = profiles.load("smoke")
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\nthe smoke profile, from nothing to its book (minutes) ", end="", flush=True)
    shutil.rmtree(profile.run_path, ignore_errors=True)
    done = _snakemake(root, "pages")
    assert done.returncode == 0, done.stdout[-6000:]
    return profile


def test_smoke_makes_everything(smoke, chapters):
    assert (smoke.weights_dir / "manifest.json").is_file()
    tables = ("ablation", "cases", "cohort", "elsewhere", "orders", "sweeps", "training")
    for name in (*(f"{table}.csv" for table in tables), "run.json"):
        assert (smoke.results_dir / name).stat().st_size > 0
    executed = sorted((smoke.run_path / "chapters").glob("*.ipynb"))
    assert [path.name for path in executed] == [path.name for path in chapters]
    for path in executed:
        cells = nbformat.read(path, as_version=4).cells
        (injected,) = (cell for cell in cells if "injected-parameters" in cell.metadata.get("tags", []))
        assert "smoke" in [statement.value.value for statement in ast.parse(injected.source).body]
    assert (smoke.run_path / "book/_build/html/index.html").is_file()


def _planned(root, **environment):
    """Rules that a dry run would carry out."""
    done = _snakemake(root, "pages", "--dry-run", **environment)
    assert done.returncode == 0, done.stdout[-3000:]
    return set(re.findall(r"^(?:local)?rule (\w+):", done.stdout, re.MULTILINE))


def test_nothing_is_made_twice_and_a_change_remakes_what_it_must(smoke, root, tmp_path):
    assert _planned(root) <= {"pages"}

    # In a copy, with a change in each: what depends on it, and no more.
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "published", "laptop"))
    here = {"PYTHONPATH": str(copy)}
    assert _planned(copy, **here) <= {"pages"}

    def change(name, old, new):
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text
        (copy / name).write_text(text.replace(old, new, 1), encoding="utf-8")
        rules = _planned(copy, **here)
        (copy / name).write_text(text, encoding="utf-8")
        return rules - {"pages"}

    assert change("sarco/training.py", "\nimport ", "\n# a comment\nimport ") == set()
    assert change("sarco/figures.py", "\nimport ", "\nimport abc\nimport ") >= {"chapter", "pages_of_book"}
    assert "member" not in change("sarco/figures.py", "\nimport ", "\nimport abc\nimport ")
    assert "member" in change("sarco/unet.py", "\ndef ", "\nNEW = 1\n\n\ndef ")
    assert "reference_cohort" not in change("sarco/unet.py", "\ndef ", "\nNEW = 1\n\n\ndef ")
    redrawn = {f"{cohort}_cohort" for cohort in ("reference", "randomised", "difficult", "unseen", "ablation")}
    assert change("sarco/cohort/anatomy/muscle.py", "\ndef ", "\nNEW = 1\n\n\ndef ") >= redrawn
    assert not redrawn & change("sarco/cohort/importing.py", "\ndef ", "\nNEW = 1\n\n\ndef ")
    assert change("workflow/profiles/smoke.yaml", "ablation_steps: 1", "ablation_steps: 2") >= {"ablation_variant"}
    assert "member" not in change("workflow/profiles/smoke.yaml", "ablation_steps: 1", "ablation_steps: 2")
    assert change("_config.yml", "title: ", "title: A ") == {"pages_of_book"}
    assert "reference_cohort" in change("workflow/profiles/smoke.yaml", "reference_cases: 30", "reference_cases: 31")


def test_unknown_profile_is_one_sentence(root):
    done = _snakemake(root, "book", profile="nosuch")
    assert done.returncode and "nosuch: no profile of that name" in done.stdout
    assert "Traceback" not in done.stdout
