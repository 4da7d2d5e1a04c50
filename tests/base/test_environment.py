"""What a result was made with is said as it is: the commit of this code, not of whatever it lies in."""

import shutil
import subprocess

import pytest

from sarco.base import environment


@pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")
def test_the_commit_is_that_of_the_code(tmp_path, monkeypatch):
    def git(*arguments):
        who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def install(folder):
        (folder / "sarco/base").mkdir(parents=True)
        (folder / "sarco/base/environment.py").write_text("x = 1\n")
        monkeypatch.setattr(environment, "__file__", str(folder / "sarco/base/environment.py"))
        monkeypatch.setattr(environment.paths, "root", lambda: folder)

    # In a virtual environment that lies in the repository of something else.
    install(tmp_path / ".venv/lib/site-packages")
    assert environment.commit() is None
    git("init", "--quiet")
    (tmp_path / "README.md").write_text("Something else.\n")
    git("add", "README.md")
    git("commit", "--quiet", "-m", "One")
    assert environment.commit() is None

    install(tmp_path)
    assert environment.commit() is None
    git("add", "sarco")
    git("commit", "--quiet", "-m", "Two")
    made = git("rev-parse", "HEAD")
    assert environment.commit() == made
    (tmp_path / "README.md").write_text("Other words change no number.\n")
    assert environment.commit() == made
    (tmp_path / "sarco/new.py").write_text("y = 2\n")
    assert environment.commit() == f"{made}-dirty"
    git("add", "sarco")
    git("commit", "--quiet", "-m", "Three")
    (tmp_path / "sarco/base/environment.py").write_text("x = 3\n")
    assert environment.commit() == f"{git('rev-parse', 'HEAD')}-dirty"


def test_cores_are_those_that_may_be_used(monkeypatch):
    monkeypatch.setattr(environment.os, "sched_getaffinity", lambda process: {3, 5, 7}, raising=False)
    monkeypatch.setattr(environment, "_accelerators", list)
    assert environment.hardware()["cores"] == environment.cores() == 3
