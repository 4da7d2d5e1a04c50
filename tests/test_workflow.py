"""The workflow: chapters are run safely, and the smoke profile goes from nothing to a book."""

import ast
import modulefinder
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import chapter
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sarco.base import sources
from sarco.base.errors import SarcoError
from sarco.base.files import checksum
from sarco.cohort import make, test_set
from sarco.cohort.layout import Cohort
from sarco.evidence.run import Run
from sarco.runs import opening, profiles

pytestmark = pytest.mark.long

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


# --- what a step depends on -----------------------------------------------------------------------

SEED, PICKED = 13, 5
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "_build", "results", "sample", "weights", "tests")


def _entries(root):
    """Module that each rule of the workflow runs."""
    rules = (root / "workflow/Snakefile").read_text(encoding="utf-8").split("rule ")[1:]
    found = {rule.partition(":")[0]: re.search(r'made_by=digest\("(sarco[\w.]*)"\)', rule) for rule in rules}
    return {name: entry[1] for name, entry in found.items() if entry}


class _ByBytecode(modulefinder.ModuleFinder):
    """What a module imports, as the standard library finds it; only in the package."""

    def find_module(self, name, path, parent=None):
        if path is None and name != "sarco":
            raise ImportError(name)
        return super().find_module(name, path, parent)

    def scan_code(self, code, module):
        # What the package itself imports, for types or when it is asked for a name, serves those outside of it.
        if module.__path__ is None or (code.co_name == "<module>" and module.__name__ != "sarco"):
            super().scan_code(code, module)


def _imports(root, entry):
    finder = _ByBytecode(path=[str(root)])
    finder.import_hook(entry)
    return {module.__file__ for module in finder.modules.values()}


def _picked(root):
    """paper.py and some other files of the package."""
    files = sorted(str(path.relative_to(root)) for path in (root / "sarco").rglob("*.py"))
    files.remove("sarco/paper.py")
    picked = ["sarco/paper.py", *random.Random(SEED).sample(files, PICKED)]
    print(f"picked with seed {SEED}: {', '.join(picked)}")
    return picked


def _with_another_constant(text):
    """A module with its first number raised by 1, or with one more where it has none."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            lines = text.splitlines(keepends=True)
            line = lines[node.lineno - 1].encode()
            changed = line[: node.col_offset] + str(node.value + 1).encode() + line[node.end_col_offset :]
            lines[node.lineno - 1] = changed.decode()
            return "".join(lines)
    return f"{text}\nNEW = 1\n"


def test_a_changed_constant_changes_what_is_known_of_each_step_that_imports_it(root, tmp_path, monkeypatch):
    copy = (tmp_path / "copy").resolve()
    shutil.copytree(root / "sarco", copy / "sarco", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "ROOT", copy)
    monkeypatch.setattr(sources, "PACKAGE", copy / "sarco")
    entries = _entries(root)
    assert {"reference_cohort", "member", "student", "evaluation", "sweeps", "orders", "elsewhere", "tissues"} <= set(
        entries
    )

    def digests():
        return {entry: sources.digest(entry) for entry in set(entries.values())}

    before, uses = digests(), {entry: _imports(copy, entry) for entry in set(entries.values())}
    for name in _picked(root):
        path = copy / name
        text = path.read_text(encoding="utf-8")
        path.write_text(_with_another_constant(text), encoding="utf-8")
        after = digests()
        path.write_text(text, encoding="utf-8")
        changed = {entry for entry in before if after[entry] != before[entry]}
        assert changed == {entry for entry in uses if str(path) in uses[entry]}, name
    path = copy / "sarco/method/postprocess.py"
    path.write_text("# a comment\n" + path.read_text(encoding="utf-8").replace('"""', '"""Now: ', 1), encoding="utf-8")
    assert digests() == before


def test_what_is_imported_within_functions_counts_and_a_missing_module_is_told(root):
    files = {str(path.relative_to(root)) for path in sources.of("sarco.runs.evaluation")}
    assert {"sarco/__init__.py", "sarco/ct/dicom.py", "sarco/paper.py"} <= files  # by `run`, within it
    assert not {"sarco/book/figures/style.py", "sarco/slice_tool/segmentation.py"} & files
    # A chapter may ask the package for `sarco.segment`; a script finds what lies beside it.
    assert root / "sarco/slice_tool/segmentation.py" in sources.of("chapters/08-own-slice.ipynb")
    assert root / "workflow/address.py" in sources.of("workflow/render.py")
    for entry in ("sarco.nosuch", "workflow/nosuch.py"):
        with pytest.raises(ValueError, match="nosuch"):
            sources.of(entry)


# Most of a dry run is Snakemake's imports: a process that has them is forked for each.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["snakemake.cli"])
DRY_RUN = """
import os, sys
os.dup2(os.open(told, os.O_WRONLY), 1)
os.dup2(1, 2)
os.chdir(root)
sys.path.insert(0, root)
from snakemake import cli
cli.main(["--snakefile", "workflow/Snakefile", "--cores", "2", "--dry-run", *options])
"""


def _dry_run(root, target, *options, profile="smoke"):
    """What Snakemake says that it would do."""
    options = [*options, "--config", f"profile={profile}", "--", target]
    with tempfile.NamedTemporaryFile() as told:
        process = FORKS.Process(target=exec, args=(DRY_RUN, dict(root=str(root), told=told.name, options=options)))
        process.start()
        process.join()
        text = Path(told.name).read_text(encoding="utf-8")
    assert process.exitcode == 0, text[-3000:]
    return text


def _planned(root):
    """Rules that a dry run would carry out, and what it says of each."""
    _, *jobs = re.split(r"^(?:local)?rule ", _dry_run(root, "pages"), flags=re.MULTILINE)
    return {job.partition(":")[0]: job for job in jobs if not job.startswith("pages:")}


@pytest.fixture
def hollow(root, tmp_path):
    """A copy of the repository whose steps only touch what they would make, and have done so."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=NOT_COPIED)
    path = copy / "workflow/Snakefile"
    steps = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"shell:\n( +['\"].*\n)+", "shell: 'touch {output}'\n", steps), encoding="utf-8")
    done = _snakemake(copy, "pages", PYTHONPATH=str(copy))
    assert done.returncode == 0, done.stdout[-3000:]
    return copy


NOT_OF_THE_BOOK = {"evaluation_block", "labels_cohort", "labels"}  # steps that no plan of it has on one machine


def test_a_change_makes_the_steps_again_that_depend_on_it(hollow, root):
    assert not _planned(hollow)

    def change(name, old, new):
        text = (hollow / name).read_text(encoding="utf-8")
        assert old in text
        (hollow / name).write_text(text.replace(old, new, 1), encoding="utf-8")
        rules = _planned(hollow)
        (hollow / name).write_text(text, encoding="utf-8")
        return rules

    entries = _entries(root)
    uses = {entry: _imports(hollow, entry) for entry in set(entries.values())}
    for name in _picked(root):
        steps = {step for step in entries if str(hollow / name) in uses[entries[step]]} - NOT_OF_THE_BOOK
        text = (hollow / name).read_text(encoding="utf-8")
        found = change(name, text, f"{text}\nNEW = 1\n")
        first = {step for step in found if "Params have changed" in found[step]}  # the others follow from these
        assert first & entries.keys() <= steps <= found.keys(), name
    book = {"chapter", "pages_of_book"}
    assert not change("sarco/runs/training.py", "\nimport ", "\n# a comment\nimport ")
    assert change("sarco/book/figures/style.py", "\nimport ", "\nimport abc\nimport ").keys() == book
    again = change("workflow/profiles/smoke.yaml", "ablation_steps: 1", "ablation_steps: 2")
    assert again.keys() == {"ablation_variant", "ablation", *book}
    assert change("workflow/profiles/smoke.yaml", "live_cases: 1", "live_cases: 2").keys() == book
    assert "reference_cohort" in change("workflow/profiles/smoke.yaml", "reference_cases: 30", "reference_cases: 31")
    assert change("_config.yml", "title: ", "title: A ").keys() == {"pages_of_book"}
    assert change("data/paper.csv", "test_rmse,", "test_rmse ,").keys() == book
    (hollow / "build/smoke/results/bench.csv").touch()
    assert _planned(hollow).keys() == book


def _seeds(root, profile):
    """Setting and seed of each cohort that the workflow would make, by its folder."""
    told = _dry_run(root, "results", "--printshellcmds", profile=profile)
    found = re.findall(r'cohort make "build/\w+/([\w/-]+)" .*--setting (\w+) .*--seed (\d+)', told)
    return {folder: (setting, int(seed)) for folder, setting, seed in found}


def test_a_run_that_goes_on_draws_phantoms_of_its_own(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=NOT_COPIED)
    before = _seeds(copy, "laptop")
    for member in range(1, profiles.load("laptop").members + 1):
        for end in ("npz", "csv"):
            path = copy / f"build/laptop/weights/member-{member:02d}.{end}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    after = _seeds(copy, "further")
    assert before.keys() == after.keys() >= {"reference", "randomised", "student", "unseen", "difficult"}
    changed = {folder for folder in before if before[folder] != after[folder]}
    assert changed == {"randomised", "student"}  # what is judged, and what begins from nothing, stays the same

    drawn = {}
    for name, seeds in (("laptop", before), ("further", after)):
        for folder in ("randomised", "student", "unseen"):
            setting, seed = seeds[folder]
            cohort = make.make(tmp_path / name / folder, 2, setting, seed, workers=1, matrix=128, progress=False)
            drawn[name, folder] = {cohort.path("images", case).read_bytes() for case in cohort.cases()}
    assert drawn["laptop", "unseen"] == drawn.pop(("further", "unseen"))
    assert len(set.union(*drawn.values())) == 2 * len(drawn)


# --- what stands as it was run ---------------------------------------------------------------------


def _stamp(path):
    """Write into a notebook what a run of it with its defaults would."""
    notebook = chapter.read(path)
    now = chapter.made_of(notebook, chapter.code_digest(path), chapter.data_digest())
    notebook.metadata["sarco"] = {"made_of": now}
    chapter.write(notebook, path)


@pytest.fixture
def stood(root, tmp_path, monkeypatch):
    """A chapter that stands, and a copy of the tables that it may read."""
    shutil.copytree(root / "data", tmp_path / "data", ignore=shutil.ignore_patterns("weights", "sample", "cases.csv"))
    monkeypatch.setenv("SARCO_DATA", str(tmp_path / "data"))
    cells = new_code_cell("REPOSITORY = ''", metadata={"tags": ["install"]}), new_markdown_cell("Text.")
    path = _notebook(tmp_path / "a.ipynb", "import beside\nprint(1)", "from sarco import paper")
    (tmp_path / "beside.py").write_text("A = 1\n")
    notebook = chapter.read(path)
    notebook.cells[-1].outputs = [new_output("stream", text="shown")]
    notebook.cells[:0] = cells
    chapter.write(chapter.normalise(notebook), path)
    _stamp(path)
    return path


def _stands(path, **given):
    return chapter.standing([path], given) == [path]


def test_a_run_chapter_stands(tmp_path):
    source = _notebook(tmp_path / "a.ipynb", "print(1)\nprint(2)", "import sys\nprint(3, file=sys.stderr)\n4")
    assert not _stands(source)
    assert chapter.main([str(source), str(source)]) == 0
    assert _stands(source) and not _stands(source, live_cases=3)
    assert _stands(source, live_cases=2, profile="published")
    assert chapter.main([str(source), str(source), "--set", "live_cases=3"]) == 0


def test_text_and_comments_and_dates_leave_a_chapter_standing(stood):
    assert _stands(stood)
    text = stood.read_text(encoding="utf-8").replace("Text.", "Other text.").replace("REPOSITORY = ''", "A = 'b'")
    stood.write_text(text, encoding="utf-8")
    (stood.parent / "beside.py").write_text('"""A module."""\nA = 1  # one\n')
    (stood.parent / "data/README.md").write_text("Other words.")
    os.utime(stood.parent / "data/paper.csv")
    assert _stands(stood)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a.ipynb", "print(1)", "print(2)"),
        ("a.ipynb", "live_cases = 2", "live_cases = 3"),
        ("a.ipynb", "shown", "other"),
        ("beside.py", "A = 1", "A = 2"),
        ("data/results/orders.csv", "1", "2"),
        ("data/paper.csv", "1", "2"),
    ],
)
def test_what_a_chapter_is_made_of_makes_it_run(stood, name, old, new):
    path = stood.parent / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert not _stands(stood)
    path.write_text(text, encoding="utf-8")
    assert _stands(stood)


def test_code_has_one_digest_in_each_version_of_python():
    """In lists without anything empty, where 3.12 and 3.13 hold other empty parts than 3.11."""
    text = 'def f():\n    "Docstring."\n    return f"{a}" + ""\n'
    name = ["Name", ("id", "'a'"), ("ctx", ["Load"])]
    fstring = ["JoinedStr", ("values", [["FormattedValue", ("value", name), ("conversion", "-1")]])]
    added = ["BinOp", ("left", fstring), ("op", ["Add"]), ("right", ["Constant", ("value", "''")])]
    function = ["FunctionDef", ("name", "'f'"), ("args", ["arguments"]), ("body", [["Return", ("value", added)]])]
    assert sources._plain(ast.parse(text)) == ["Module", ("body", [function])]


def test_the_book_runs_only_what_does_not_stand(root, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "_build", "tests", "data"))
    (copy / "data").symlink_to(root / "data")
    for name in ("ROOT", "PACKAGE"):
        monkeypatch.setattr(sources, name, copy.resolve() / getattr(sources, name).relative_to(root))
    committed = sorted((copy / "chapters").glob("[0-9]*.ipynb"))
    for path in committed:
        _stamp(path)
    path = committed[3]
    path.write_text(path.read_text(encoding="utf-8").replace("book.open_run", "book . open_run", 1), encoding="utf-8")
    planned = _dry_run(copy, "pages", profile="published")
    assert re.findall(r"output: build/published/chapters/(.*)", planned) == [path.name]
    again = _dry_run(copy, "commit_chapters", "--forcerun", "chapter", profile="published")
    assert len(re.findall(r"output: build/published/chapters/", again)) == len(committed)


def test_committed_chapters_stand(chapters):
    """What differs from what it was run with would be run by whoever says `make book`: say `make chapters` first."""
    assert chapter.standing(chapters, {"profile": "published"}) == chapters


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
    tables = ("ablation", "cases", "cohort", "elsewhere", "levels", "orders", "repeats", "sweeps", "tissues",
              "training", "volumes")  # fmt: skip
    for name in (*(f"{table}.csv" for table in tables), "run.json"):
        assert (smoke.results_dir / name).stat().st_size > 0
    executed = sorted((smoke.run_path / "chapters").glob("*.ipynb"))
    assert [path.name for path in executed] == [path.name for path in chapters]
    for path in executed:
        cells = nbformat.read(path, as_version=4).cells
        (injected,) = (cell for cell in cells if "injected-parameters" in cell.metadata.get("tags", []))
        assert "smoke" in [statement.value.value for statement in ast.parse(injected.source).body]
    assert (smoke.run_path / "book/_build/html/index.html").is_file()


def test_the_test_cases_were_drawn_for_the_weights(smoke):
    manifest = smoke.weights_dir / "manifest.json"
    drawn, cohort = opening.of(Run(smoke)), Cohort.open(smoke.cohort_dir)
    assert len(drawn.opened) == 1 and drawn.seed == int(checksum(manifest)[:12], 16) != smoke.seed
    assert cohort.cases("test") == [f"{case:04d}" for case in range(21, 31)]
    assert test_set.prove(cohort.root, manifest, at_most=2) == (["0021", "0022"], [])
    written = {case: cohort.path("images", case).stat().st_mtime > manifest.stat().st_mtime for case in cohort.cases()}
    assert [case for case, later in written.items() if later] == cohort.cases("test")
    assert "drawn after the weights" in (smoke.run_path / "chapters/07-results.ipynb").read_text(encoding="utf-8")


def test_nothing_is_made_twice(smoke, root):
    assert not _planned(root)


def test_unknown_profile_is_one_sentence(root):
    done = _snakemake(root, "book", profile="nosuch")
    assert done.returncode and "nosuch: no profile of that name" in done.stdout
    assert "Traceback" not in done.stdout
