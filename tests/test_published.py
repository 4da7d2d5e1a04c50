"""What goes out: workflows that do no harm, addresses that are tried, metadata that agree with what they describe."""

import http.server
import json
import os
import re
import subprocess
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


def test_every_action_is_pinned_by_its_commit_and_has_one_version():
    lines = [line for path in WORKFLOWS for line in path.read_text(encoding="utf-8").splitlines()]
    used = {line.split("uses:")[1].strip() for line in lines if "uses:" in line}
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in used), used
    assert used and len(used) == len({one.split("@")[0] for one in used})


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
    jobs = yaml.safe_load(workflow[1])["jobs"].values()
    commands = "\n".join(step.get("run", "") for job in jobs for step in job["steps"])
    named = {word for words in re.findall(r"make ((?:[a-z]+ ?)+)", commands) for word in words.split()}
    assert named <= targets, named - targets
    paths = set(re.findall(r"(?<![\w./$])(?:\.ci|sarco|workflow)/[\w./-]+", workflow[1]))
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


ANSWERS = {"here": 200, "moved": 302, "gone": 404, "shy": 403, "doi/known": 302, "doi/none": 404}


class _Site(http.server.BaseHTTPRequestHandler):
    tired = iter((503, 200))

    def do_GET(self):
        name = self.path.removeprefix("/")
        self.send_response(next(self.tired, 200) if name == "tired" else ANSWERS[name])
        # Where a publisher keeps an article, a script is turned away.
        self.send_header("Location", "/shy" if name.startswith("doi") else "/here")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_addresses_are_tried_kindly(tmp_path, capsys, monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(links, "TRIES", links.TRIES.new(backoff_factor=0))
    monkeypatch.setattr(links, "DOI", re.compile(f"{at}/doi/"))
    pages = tmp_path / "book/chapters"
    pages.mkdir(parents=True)
    shown = "".join(f'<a href="{at}/{name}">x</a>' for name in ("here#part", "moved", "tired", "shy", "doi/known"))
    (pages / "a.html").write_text(f'{shown}<a href="b.html">x</a>')
    (tmp_path / "page.md").write_text(f"[x]({at}/gone), <{at}/doi/none>, [y]({at}/here)\n\n```\n{at}/no-link\n```\n")
    assert links.main([str(tmp_path / "book")]) == 0
    assert "4 found, 1 unclear, 0 gone" in capsys.readouterr().out
    assert links.main([str(tmp_path / "book"), str(tmp_path / "page.md")]) == 1
    told = capsys.readouterr().out
    server.shutdown()
    assert f"gone (404): {at}/gone in page.md" in told and "4 found, 1 unclear, 2 gone" in told
    assert links.main([str(tmp_path / "nowhere")]) == 2 and "nowhere: not there" in capsys.readouterr().err


# --- what archives read ---------------------------------------------------------------------------


def test_citation_and_zenodo_agree(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    zenodo = json.loads((root / ".zenodo.json").read_text(encoding="utf-8"))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["title"] == zenodo["title"] and citation["abstract"].strip() == zenodo["description"]
    assert citation["version"] == zenodo["version"] == __version__
    assert citation["authors"] == zenodo["creators"] == project["authors"]
    # Zenodo takes one licence, that of the code; the description names the other.
    assert citation["license"] == [zenodo["license"], "CC-BY-4.0"] and "CC BY 4.0" in zenodo["description"]
    assert citation["keywords"] == zenodo["keywords"] == project["keywords"]
    (paper,) = zenodo["related_identifiers"]
    assert paper["identifier"] == citation["preferred-citation"]["doi"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """The entities of the crate, by name."""
    folder = tmp_path_factory.mktemp("crate") / "crate"
    assert crate.main([str(folder)]) == 0
    entities = json.loads((folder / crate.METADATA).read_text(encoding="utf-8"))["@graph"]
    return {entity["@id"]: entity for entity in entities}


def test_the_crate_describes_what_data_holds(root, graph):
    files = {unquote(name): one for name, one in graph.items() if one["@type"] == "File"}
    for path in (path for path in sorted((root / "data").rglob("[!.]*")) if path.is_file()):
        told = files.pop(path.relative_to(root).as_posix())
        assert (told["contentSize"], told["sha256"]) == (str(path.stat().st_size), checksum(path)), path
    assert files.keys() == set(crate.BESIDE)


def test_the_crate_leads_from_its_root_to_everything(root, graph):
    assert graph[crate.METADATA]["about"] == {"@id": "./"}
    seen, rest = set(), ["./"]
    while rest:
        name = rest.pop()
        if name in graph and name not in seen:
            seen.add(name)
            rest += re.findall(r'\{"@id": "([^"]*)"\}', json.dumps(graph[name], ensure_ascii=False))
    assert seen == graph.keys() - {crate.METADATA}
    stated = json.loads((root / "data/weights/manifest.json").read_text(encoding="utf-8"))
    software = graph[graph["#manifest.json"]["instrument"]["@id"]]
    told = {graph[one["@id"]]["name"]: graph[one["@id"]]["version"] for one in software["softwareRequirements"]}
    assert all(
        {"name", "url", "version"} <= one.keys() for one in graph.values() if one["@type"] == "SoftwareApplication"
    )
    assert {**told, "sarco": software["version"].split(",")[0]} == stated["versions"]


def test_a_file_of_another_run_is_no_part_of_the_crate(tmp_path, capsys, monkeypatch):
    crate.pack(tmp_path / "root")
    (tmp_path / "root/data/weights/member-02.npz").write_bytes(b"other")
    monkeypatch.setattr(crate, "ROOT", tmp_path / "root")
    assert crate.main([str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "data/weights/member-02.npz: its checksum is not that which manifest.json has" in told
