"""Every command in one style: help with an example, --json, exit codes, completion."""

import json
import os
import subprocess
import sys
from pathlib import Path

import bad_inputs
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from sarco.cli import app
from sarco.cli.app import BAD_INPUT, INTERRUPTED, PROBLEMS_FOUND


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def commands(group=None, path=()):
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_command(path, root):
    command = COMMANDS[path]
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options
    shown = run(*path, "--help")
    assert shown.exit_code == 0
    assert command.epilog.startswith(f"Example:  `sarco {' '.join(path)}")
    assert command.help
    assert all(parameter.help for parameter in command.params), "an option or argument without help"
    # The options of the example are those of the command.
    for word in command.epilog.split("`")[1].split():
        assert not word.startswith("--") or word in options, word


def test_exit_codes_are_documented(root):
    readme = (root / "README.md").read_text()
    for code in (0, PROBLEMS_FOUND, BAD_INPUT, INTERRUPTED):
        assert f"| `{code}` |" in readme
    assert "Exit codes" in run("--help").stdout


def test_help_loads_nothing_heavy():
    """Commands load what they need when they run, so that help and completion answer at once."""
    heavy = {"numpy", "pandas", "pydicom", "scipy", "skimage", "matplotlib", "keras", "tensorflow", "openvino"}
    code = f"import sys, sarco.cli; print({heavy} & {{*sys.modules}})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_cohort_commands_speak_json(tmp_path):
    root, few = tmp_path / "cohort", tmp_path / "few"
    told = json.loads(run("cohort", "make", root, "--cases", 3, "--matrix", 64, "--workers", 1, "--json").stdout)
    assert told == {"written": str(root), "cases": 3}
    case = sorted((root / "images").iterdir())[0].stem
    told = json.loads(run("cohort", "subset", root, few, case, "--json").stdout)
    assert told == {"written": str(few), "cases": 1}
    told = json.loads(run("cohort", "check", few, "--json").stdout)
    assert told["problems"] == []
    (few / "images" / f"{case}.dcm").write_text("area: 120")
    done = run("cohort", "check", few, "--json")
    (problem,) = json.loads(done.stdout)["problems"]
    assert (done.exit_code, problem["case"]) == (1, case) and "not a DICOM file" in problem["message"]


def test_an_error_is_a_sentence_on_stderr_and_no_json(tmp_path):
    done = run("cohort", "check", tmp_path / "none", "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_option_is_named():
    done = run("segment", "a.dcm", "--out", "b", "--hight", "1.7")
    assert (done.exit_code, done.stdout) == (2, "") and "--hight" in done.stderr


def completed(*words):
    """What a shell is told when these words stand there and Tab is pressed."""
    done = subprocess.run(
        [Path(sys.executable).with_name("sarco")], capture_output=True, text=True,
        env=os.environ | {"_SARCO_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(("sarco", *words)),
                          "COMP_CWORD": str(len(words))},
    )  # fmt: skip
    return done.stdout.split()


def test_completion_is_on():
    assert completed("se") == ["segment"]
    assert completed("segment", "--cutoff", "der") == ["derstine-2018"]
    assert completed("measure", "--reference", "fra") == ["framingham"]
    assert "--install-completion" in run("--help").stdout


@pytest.mark.parametrize("encoding", ["cp932", "ascii"])
@pytest.mark.long
def test_a_pipe_of_any_encoding_takes_what_is_printed(encoding, tmp_path):
    path = bad_inputs.write(tmp_path / "été 幻².dcm")
    Image.fromarray(bad_inputs.MUSCLE).save(tmp_path / "mask.png")
    command = [Path(sys.executable).with_name("sarco"), "measure", path, tmp_path / "mask.png", "--out", tmp_path]
    here = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, env=here)
    assert done.returncode == 0 and b"77.6 cm2" in done.stdout, done.stderr
    assert "measured.json" in done.stdout.decode(encoding)
