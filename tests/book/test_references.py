"""The list of references: each entry can be found by its address, is cited, and nothing else is cited."""

import re

import pytest

ENTRY = re.compile(r"^@(\w+)\{([^,\s]+),\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*?)\},?$", re.MULTILINE | re.DOTALL)
CITED = re.compile(r"\{cite(?::\w+)?\}`([^`{}]+)`")
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
    import nbformat

    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((root / "chapters").glob("*.md")))
    for path in sorted((root / "chapters").glob("*.ipynb")):
        # Sources, not outputs: a table's citation stands in the code that makes it, or in the package.
        text += "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    text += "\n".join(path.read_text(encoding="utf-8") for path in sorted((root / "sarco").rglob("*.py")))
    cited = {key.strip() for keys in CITED.findall(text) for key in keys.split(",")}
    # A chapter may name its sources in a list of keys and put them into a table.
    named = {key for key in entries if f'"{key}"' in text}
    assert cited <= set(entries), f"cited and not listed: {sorted(cited - set(entries))}"
    assert not set(entries) - cited - named, f"listed and never cited: {sorted(set(entries) - cited - named)}"
