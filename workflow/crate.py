"""Pack the committed run as an RO-Crate (w3id.org/ro/crate): data/ with metadata that programs and archives read.

python workflow/crate.py FOLDER makes FOLDER anew. Nothing is typed here: title, authors, licences and the paper come
from CITATION.cff, words from data/README.md, versions and dates from the run, sizes and checksums from the files.
"""

import argparse
import csv
import json
import mimetypes
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

import yaml
from said import said

from sarco.base.errors import SarcoError
from sarco.base.files import checksum

ROOT = Path(__file__).resolve().parent.parent
SPECIFICATION = "https://w3id.org/ro/crate/1.2"
METADATA = "ro-crate-metadata.json"
BESIDE = ("CITATION.cff", "LICENSE")
CODE, DATA = "MIT", "CC-BY-4.0"  # what LICENSE says is under which
KINDS = {".dcm": "application/dicom", ".md": "text/markdown", ".npz": "application/zip"}
ROW = re.compile(r"^\| `([\w.]+/?)` \| (.*) \|$", re.MULTILINE)


class Graph(dict):
    """Entities by name; `add` returns the reference by which another entity names the new one."""

    def add(self, name, kind, /, **told):
        self[name] = {"@id": name, "@type": kind, **told}
        return {"@id": name}

    def licence(self, name):
        return self.add(f"https://spdx.org/licenses/{name}", "CreativeWork", name=name)


def pack(folder):
    """Make the crate of the committed run in `folder`, and return the path of its metadata."""
    if folder.exists() and not (folder / METADATA).is_file():
        raise SarcoError(f"{folder}: is there and no crate, and would be replaced; name another folder.")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "data", folder / "data", ignore=shutil.ignore_patterns(".*"))
    for name in BESIDE:
        shutil.copy2(ROOT / name, folder)
    target = folder / METADATA
    target.write_text(json.dumps(metadata(folder), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def metadata(folder):
    """What the crate in `folder` says of itself: JSON-LD, as a dictionary.

    Raises
    ------
    SarcoError
        A file is not the one whose checksum the run wrote, or what is to be told is written nowhere.
    """
    citation = yaml.safe_load((folder / "CITATION.cff").read_text(encoding="utf-8"))
    if not {CODE, DATA} <= set(citation["license"]):
        raise SarcoError(
            f"CITATION.cff: its licences are {citation['license']}; write {CODE} and {DATA}, as LICENSE has."
        )
    run = _read(folder / "data/results/run.json")
    if not run.get("test_set", {}).get("opened"):
        raise SarcoError("data/results/run.json: does not say when its cases were evaluated; make the results again.")
    opened = run["test_set"]["opened"][-1]
    graph = Graph()
    graph.add(METADATA, "CreativeWork", conformsTo={"@id": SPECIFICATION}, about={"@id": "./"})
    authors = [graph.add(f"#{quote(one['name'])}", "Organization", name=one["name"]) for one in citation["authors"]]
    graph.add(
        "./",
        "Dataset",
        name=citation["title"],
        description=citation["abstract"],
        version=citation["version"],
        datePublished=opened["utc"][:10],
        keywords=citation["keywords"],
        author=authors,
        license=graph.licence(DATA),
        citation=_paper(graph, citation["preferred-citation"]),
        hasPart=[*(_file(graph, folder, folder / name) for name in BESIDE), *_data(graph, folder)],
        mentions=_runs(graph, folder, run, opened, authors),
    )
    return {"@context": f"{SPECIFICATION}/context", "@graph": list(graph.values())}


def _data(graph, folder):
    """The files of data/, and its folders as the data card describes them."""
    card = (folder / "data/README.md").read_text(encoding="utf-8")
    said = {name: re.sub(r" \(\[.*?\]\(.*?\)\)|`", "", text) for name, text in ROW.findall(card)}
    parts = []
    for path in sorted((folder / "data").iterdir()):
        if path.is_file():
            parts.append(_file(graph, folder, path, description=said.get(path.name, "data card")))
            continue
        if f"{path.name}/" not in said:
            raise SarcoError(f"data/README.md: says nothing of data/{path.name}/; add a row to its first table.")
        inside = [_file(graph, folder, file) for file in sorted(path.rglob("*")) if file.is_file()]
        told = {"name": path.name, "description": said[f"{path.name}/"], "license": graph.licence(DATA)}
        if (path / "slices.csv").exists():  # masks drawn on the images of others, which are not here
            rows = csv.DictReader((path / "slices.csv").read_text(encoding="utf-8").splitlines())
            of = {row["doi"]: graph.add(f"https://doi.org/{row['doi']}", "CreativeWork", name=row["collection"],
                                        license=row["licence"]) for row in rows}  # fmt: skip
            told["isBasedOn"] = list(of.values())
        parts.append(graph.add(f"data/{path.name}/", "Dataset", **told, hasPart=inside))
    return parts


def _file(graph, folder, path, **told):
    kind = KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    measured = {"encodingFormat": kind, "contentSize": str(path.stat().st_size), "sha256": checksum(path)}
    return graph.add(quote(path.relative_to(folder).as_posix()), "File", name=path.name, **measured, **told)


def _runs(graph, folder, run, opened, authors):
    """What made the weights and the results: each run with its software, what it made, and of what."""

    def action(name, made, profile, files, **told):
        for file, sha256 in files.items():
            if graph[file]["sha256"] != sha256:
                raise SarcoError(f"{file}: its checksum is not that which {name} has, so it is of another run.")
        ran = {"name": f"{name}, profile {profile}", "instrument": _software(graph, made, authors), "agent": authors}
        return graph.add(f"#{name}", "CreateAction", **ran, result=[{"@id": file} for file in files], **told)

    found, weights = [], {}
    for name in ("manifest.json", "student.json"):
        manifest = _read(folder / "data/weights" / name)
        files = {f"data/weights/{member['file']}": member["sha256"] for member in manifest["members"]}
        found.append(action(name, manifest, manifest["profile"], files))
        weights |= files
    told = {"object": [{"@id": file} for file in weights], "endTime": opened["utc"]}
    cases = {"data/results/cases.csv": opened["cases_csv"]}
    return [*found, action("run.json", run, run["profile"]["name"], cases, **told)]


def _software(graph, made, authors):
    """The package as it was then, which stands on others. Addresses are names of commits and packages, of no host."""
    versions = dict(made["versions"])
    commit = f"swh:1:rev:{made['commit'].removesuffix('-dirty')}"
    told = {"name": "sarco", "version": f"{versions.pop('sarco')}, commit {made['commit']}", "author": authors}
    stands_on = []
    for name, version in versions.items():
        url = f"pkg:{'generic' if name == 'python' else 'pypi'}/{name}@{version}"
        stands_on.append(graph.add(f"#{name}-{version}", "SoftwareApplication", name=name, version=version, url=url))
    told |= {"url": commit, "license": graph.licence(CODE), "softwareRequirements": stands_on}
    return graph.add(f"#sarco-{made['commit']}", "SoftwareApplication", **told)


def _paper(graph, cited):
    names = [f"{person['given-names']} {person['family-names']}" for person in cited["authors"]]
    people = [graph.add(f"#{quote(name)}", "Person", name=name) for name in names]
    told = {"name": cited["title"], "datePublished": str(cited["year"]), "author": people, "url": cited["url"]}
    return graph.add(f"https://doi.org/{cited['doi']}", "ScholarlyArticle", **told)


def _read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@said
def main(arguments=None):
    parser = argparse.ArgumentParser(description="Pack the committed run as an RO-Crate.")
    parser.add_argument("folder", type=Path)
    print(f"The crate is described by {pack(parser.parse_args(arguments).folder)}")


if __name__ == "__main__":
    sys.exit(main())
