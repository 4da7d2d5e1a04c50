"""What goes out: workflows that do no harm, addresses that lead somewhere, metadata that agree with what they tell of."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from urllib.parse import unquote

import crate
import links
import pytest
import yaml

from sarco import __version__
from sarco.base.files import checksum

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# The jobs that may write, and what; all others read.
WRITERS = {
    "book.yml/publish": {"pages", "id-token"},
    "weekly.yml/issue": {"issues"},
    "release.yml/publish": {"contents"},
}


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request):
    """Name, text and content of each workflow; YAML reads the key `on` as true."""
    text = request.param.read_text(encoding="utf-8")
    return request.param.name, text, yaml.safe_load(text)


def test_actionlint_finds_nothing(root):
    linter = Path(sys.executable).parent / "jactionlint"
    if not linter.exists():
        pytest.skip("actionlint is not made for this machine")
    done = subprocess.run([linter, "--shellcheck=", "--pyflakes="], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_action_is_pinned_by_its_commit(workflow):
    used = [line.split("uses:")[1].strip() for line in workflow[1].splitlines() if "uses:" in line]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in used), used


def test_one_action_has_one_version():
    texts = [path.read_text(encoding="utf-8") for path in WORKFLOWS]
    pins = {tuple(pin.split("@")) for text in texts for pin in re.findall(r"uses: (\S+@\S+ # \S+)", text)}
    assert len(pins) == len({name for name, _ in pins})


def test_a_job_that_may_write_runs_no_code_of_a_request(workflow):
    name, text, content = workflow
    assert content["permissions"] == {} and not {"pull_request_target", "workflow_run"} & set(content[True])
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    for job, told in content["jobs"].items():
        write = {key for key, value in told["permissions"].items() if value == "write"}
        assert write == WRITERS.get(f"{name}/{job}", set()), job
        steps = [step.get("uses", "") for step in told["steps"]]
        assert not write or not any(step.startswith("actions/checkout@") for step in steps), job


def test_what_a_workflow_names_is_there(root, workflow):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = "\n".join(line for line in workflow[1].splitlines() if "run:" in line)
    named = {word for words in re.findall(r"make ((?:[a-z]+ ?)+)", commands) for word in words.split()}
    assert named <= targets, named - targets
    paths = set(re.findall(r"(?<![\w./$])(?:\.ci|\.venv/bin|sarco|workflow)/[\w./-]+", workflow[1]))
    assert not {path for path in paths if not (root / path).exists()}


def test_the_matrix_has_every_python_and_both_systems(root):
    content = yaml.safe_load((root / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    rows = content["jobs"]["tests"]["strategy"]["matrix"]["include"]
    pythons = set(re.findall(r"3\.\d+(?=\.\*)", (root / "workflow/setup.sh").read_text(encoding="utf-8")))
    for system in ("ubuntu", "macos"):
        assert {row["python"] for row in rows if row["os"].startswith(system)} == pythons
    assert {row["run"] for row in rows} == {".ci/run", "make check", "make lowest"}


GH = 'printf "%s " "$@" >> "$CALLS"; echo >> "$CALLS"; [ "$2" != list ] || echo "$OPEN"'


@pytest.mark.parametrize(
    ("well", "open_issue", "told"),
    [("false", "", "create"), ("false", "7", "comment 7"), ("true", "7", "close 7"), ("true", "", None)],
)
def test_there_is_one_issue(root, tmp_path, well, open_issue, told):
    content = yaml.safe_load((root / ".github/workflows/weekly.yml").read_text(encoding="utf-8"))
    (step,) = content["jobs"]["issue"]["steps"]
    (tmp_path / "gh").write_text(f"#!/bin/sh\n{GH}\n")
    (tmp_path / "gh").chmod(0o755)
    known = {"WELL": well, "OPEN": open_issue, "RESULTS": "a: b", "RUN": "here", "CALLS": str(tmp_path / "calls")}
    env = {**os.environ, **known, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-e", "-c", step["run"]], env=env, check=True)
    _, *calls = (tmp_path / "calls").read_text().splitlines()
    assert [call for call in calls if call.startswith(f"issue {told} ")] == calls and bool(calls) == bool(told)


# --- links ----------------------------------------------------------------------------------------


class _Site(http.server.BaseHTTPRequestHandler):
    tries = 0

    def do_GET(self):
        code = {"/here": 200, "/moved": 302, "/gone": 404, "/shy": 403, "/doi/known": 302, "/doi/none": 404}.get(
            self.path
        )
        if self.path == "/tired":
            type(self).tries += 1
            code = 200 if self.tries > 1 else 503
        self.send_response(code)
        # Where a publisher keeps an article, a script is turned away.
        self.send_header("Location", "/shy" if "doi" in self.path else "/here")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_addresses_are_tried_kindly(tmp_path, capsys, monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(links, "WAITS_S", (0, 0))
    monkeypatch.setattr(links, "DOI", re.compile(f"{at}/doi/"))
    pages = tmp_path / "book/chapters"
    pages.mkdir(parents=True)
    shown = "".join(f'<a href="{at}/{name}">x</a>' for name in ("here#part", "moved", "tired", "shy", "doi/known"))
    (pages / "a.html").write_text(f'{shown}<a href="b.html">x</a>')
    (tmp_path / "page.md").write_text(
        f"[x]({at}/gone), <{at}/doi/none> and [y]({at}/here)\n\n```\n{at}/not-a-link\n```\n"
    )
    assert links.main([str(tmp_path / "book")]) == 0
    assert "5 addresses: 4 found, 1 unclear, 0 gone" in capsys.readouterr().out
    assert links.main([str(tmp_path / "book"), str(tmp_path / "page.md")]) == 1
    told = capsys.readouterr().out
    server.shutdown()
    assert f"gone (404): {at}/gone in page.md" in told and "7 addresses: 4 found, 1 unclear, 2 gone" in told
    assert links.main([str(tmp_path / "nowhere")]) == 2 and "nowhere: not there" in capsys.readouterr().err


# --- what archives read ---------------------------------------------------------------------------


def test_citation_and_zenodo_agree(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    zenodo = json.loads((root / ".zenodo.json").read_text(encoding="utf-8"))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["title"] == zenodo["title"] and citation["abstract"].strip() == zenodo["description"]
    assert citation["version"] == zenodo["version"] == __version__
    assert [one["name"] for one in citation["authors"]] == [one["name"] for one in zenodo["creators"]]
    assert [one["name"] for one in project["authors"]] == [one["name"] for one in zenodo["creators"]]
    # Zenodo takes one licence, that of the code; the description names the other.
    assert citation["license"] == [zenodo["license"], "CC-BY-4.0"] and "CC BY 4.0" in zenodo["description"]
    assert citation["keywords"] == zenodo["keywords"] == project["keywords"]
    (paper,) = zenodo["related_identifiers"]
    assert paper["identifier"] == citation["preferred-citation"]["doi"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The crate, and its entities by name."""
    folder = tmp_path_factory.mktemp("crate") / "crate"
    assert crate.main([str(folder)]) == 0
    graph = json.loads((folder / crate.METADATA).read_text(encoding="utf-8"))["@graph"]
    assert len(graph) == len({one["@id"] for one in graph})
    return folder, {one["@id"]: one for one in graph}


def test_the_crate_describes_what_data_holds(root, packed):
    files = {unquote(name): one for name, one in packed[1].items() if one["@type"] == "File"}
    for path in (path for path in sorted((root / "data").rglob("[!.]*")) if path.is_file()):
        told = files.pop(path.relative_to(root).as_posix())
        assert (told["contentSize"], told["sha256"]) == (str(path.stat().st_size), checksum(path)), path
    assert files.keys() == set(crate.BESIDE)


def test_the_crate_leads_from_its_root_to_everything(packed):
    _, graph = packed
    assert graph[crate.METADATA]["about"] == {"@id": "./"}
    seen, rest = set(), ["./"]
    while rest:
        name = rest.pop()
        if name in graph and name not in seen:
            seen.add(name)
            rest += re.findall(r'\{"@id": "([^"]*)"\}', json.dumps(graph[name], ensure_ascii=False))
    assert seen == graph.keys() - {crate.METADATA}
    stated = json.loads((ROOT / "data/weights/manifest.json").read_text(encoding="utf-8"))
    software = graph[graph["#manifest.json"]["instrument"]["@id"]]
    told = {graph[one["@id"]]["name"]: graph[one["@id"]]["softwareVersion"] for one in software["softwareRequirements"]}
    assert {**told, "sarco": software["softwareVersion"].split(",")[0]} == stated["versions"]


def test_a_file_of_another_run_is_no_part_of_the_crate(packed, tmp_path, capsys):
    root = tmp_path / "root"
    crate.pack(root)
    (root / "data/weights/member-02.npz").write_bytes(b"other")
    assert crate.main([str(tmp_path / "out"), "--root", str(root)]) == 2
    told = capsys.readouterr().err
    assert "data/weights/member-02.npz: its checksum is not that which manifest.json has" in told
