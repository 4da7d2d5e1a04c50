"""The list of references: each entry can be found by its address, is cited, and nothing else is cited."""

import re

import pytest

ENTRY = re.compile(r"^@(\w+)\{([^,\s]+),\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*?)\},?$", re.MULTILINE | re.DOTALL)
CITED = re.compile(r"references\.md#([\w-]+)")
DOI = re.compile(r"10\.\d{4,9}/[-._;()/:A-Za-z0-9]*[A-Za-z0-9)]")
WEB = re.compile(r"https://[\w.-]+\.\w+/\S+")


@pytest.fixture(scope="module")
def entries(root):
    """Fields of each entry of the bibliography, by its key."""
    text = (root / "chapters/references.bib").read_text(encoding="utf-8")
    found = {key: dict(FIELD.findall(body)) for _, key, body in ENTRY.findall(text)}
    assert len(found) == text.count("\n@") + text.startswith("@"), (
        "an entry is not written as the others, or is there twice"
    )
    return found


def test_every_entry_has_an_address(entries):
    for key, fields in entries.items():
        doi, url = fields.get("doi"), fields.get("url")
        assert {"author", "title", "year"} <= fields.keys(), key
        assert doi or url, f"{key}: has neither doi nor url"
        assert not doi or DOI.fullmatch(doi), f"{key}: {doi} is no DOI; write it bare, as 10.1000/182"
        assert not url or WEB.fullmatch(url), f"{key}: {url} is no address"
    dois = [fields["doi"].lower() for fields in entries.values() if "doi" in fields]
    assert len(set(dois)) == len(dois), "two entries have the same DOI"


def test_what_is_listed_is_cited_and_what_is_cited_is_listed(root, entries):
    pages = (path for path in (root / "chapters").iterdir() if path.suffix in (".ipynb", ".md"))
    cited = {key for path in pages for key in CITED.findall(path.read_text(encoding="utf-8"))}
    assert cited <= set(entries), f"cited and not listed: {sorted(cited - set(entries))}"
    assert set(entries) <= cited, f"listed and never cited: {sorted(set(entries) - cited)}"
    shown = re.findall(r'<a id="([\w-]+)"', (root / "chapters/references.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(entries)
    keys = re.findall(r'"([a-z]+\d{4}[a-z]*)"\)', (root / "sarco/evidence/published_changes.py").read_text("utf-8"))
    assert keys and set(keys) <= cited
