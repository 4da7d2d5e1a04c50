"""No number is typed in the prose of the book: a digit there is filled in, part of a name, or listed as what it is.

What stands between the marks of workflow/prose.py is filled in, and so is the text of a link to a figure, a table or a
work. A writer may type a number that no run can change, and says so in a comment of the same cell:

    <!-- definition: 95, 100 -->   a convention, a unit, a choice that the text explains
    <!-- paper: 0.5 -->            the paper's; it must be a number of data/paper.csv
    <!-- source: 41 -->            another work's; the cell must cite it

Names may hold digits (L3, figure 2A, chapter 7, Prado 2008, a 95 % interval), and so may code, formulas, links and the
numbers of a list.
An alt text has no place for a comment: there a digit can only be part of a name.
"""

import re

import nbformat
import prose
import pytest

from sarco import paper
from sarco.evidence.printed import PRINTED

MARK = re.compile(r"<!--\s*(definition|paper|source):([^>]*?)-->")
NUMBER = re.compile(r"(?<![\w.,-])[-+]?\d(?:[\d,.]*\d)?(?![\w])")
NOT_PROSE = (
    rf"(?s){prose.MARK.pattern}",
    r"(?s)<!--.*?-->",
    rf"(?m){prose.CAPTION.pattern}",
    prose.LINK.pattern,
    r"(?ms)^[ ]*(```+|~~~+).*?^[ ]*\1[ ]*$",  # code
    r"(?s)\$\$.*?\$\$|\$[^$\n]+\$",
    r"`[^`]*`",
    r"\]\([^)]*\)",  # where a link leads
    r"https?://\S+",
    r"(?m)^[ ]*\d+\.[ ]",  # of a list
    r"(?i)\b(?:chapters?|figures?|sections?|tables?|exercises?)[ ]\d+(?:\.\d+)*(?:(?:,| and| to|, and)[ ]\d+)*",
    r"\b95 %\s(?:confidence\s|bootstrap\s)?intervals?\b",
    r"\b[A-Z]\w+(?:[ ]and others)?[ ](?:19|20)\d\d\b",  # Prado 2008
    r"¶\d+, s\d+|¶\d+",
    r"\b(?:Python|TensorFlow|Keras|NumPy|Ubuntu|CC BY)[ ]\d[\d.]*(?:(?:,| or| to| and)[ ]\d[\d.]*)*",
)  # fmt: skip


def typed(text):
    """Numbers in prose, as typed."""
    for pattern in NOT_PROSE:
        text = re.sub(pattern, " ", text)
    return NUMBER.findall(text)


def marked(text):
    """Numbers that the comments of a cell list, by kind."""
    found = {"definition": set(), "paper": set(), "source": set()}
    for kind, listed in MARK.findall(text):
        found[kind] |= {one.strip() for one in listed.split(", ") if one.strip()}
    return found


def problems(text):
    """What is wrong with one piece of markdown: one sentence each."""
    found, allowed = set(typed(text)), marked(text)
    listed = set().union(*allowed.values())
    for number in sorted(found - listed):
        yield f"{number} is typed in the text; keep it by a cell, or list it in a comment (see test_typed_numbers.py)"
    for number in sorted(listed - found):
        yield f"{number} is listed in a comment and not in the text; take it out of the comment"
    for number in sorted(allowed["paper"]):
        if float(number.replace(",", "")) not in PAPERS:
            yield f"{number} is listed as the paper's, and is not in data/paper.csv"
    if allowed["source"] and f"({prose.REFERENCES}#" not in text:
        yield "a number is listed as another work's, and the cell cites none"


def _papers():
    yield paper.FIELD_MM
    for printed in PRINTED.values():
        yield from printed.value if isinstance(printed.value, tuple) else (printed.value,)
        yield from (printed.sd, printed.low, printed.high)


PAPERS = {float(value) for value in _papers() if isinstance(value, (int, float))}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("The DSC is 0.95 here.", ["0.95"]),
        ("From -29 to 150 HU, +2.3 %, 2,000 times, in 2020.", ["-29", "150", "+2.3", "2,000", "2020"]),
        (
            "<!--a-1-->0.9<!--/--> at L3 in figure 2A, chapters 5 and 6, `x = 3`, $x_1 = 2$ and [chapter 7](07-a.md).",
            [],
        ),
        ("<!--n-->5\nof 6<!--/--> in [Fig. 5.1](#fig-a), [Ko 2](references.md#ko2022), not [Fig. 5](a.md)", ["5"]),
        ('<a id="tab-a"></a>**Table 5.1.** Of 5.', ["5"]),
        ("1. one\n2. two\n10. ten", []),
        ("<details><summary>Solutions</summary>\n\n1. The RMSE is 3.7.\n\n</details>", ["3.7"]),
        ("```python\nx = 3\n```\n\nand 4", ["4"]),
        ("Prado 2008 and Martin 2013, Python 3.11, 3.12 or 3.13; cm² and 3 cm²", ["3"]),
        ("<!-- definition: 95 -->", []),
        ("512 x 512 pixels of 1 mm, 95 %", ["512", "512", "1", "95"]),
        ("a 2x2 block, U-net2D, 2D", []),
    ],
)
def test_what_counts_as_typed(text, numbers):
    assert typed(text) == numbers


def test_a_mark_must_be_true():
    assert not list(problems("In 95 of 100 draws.\n\n<!-- definition: 95, 100 -->"))
    assert not list(problems("Over 0.5, and -29 HU.\n\n<!-- paper: 0.5, -29 -->"))
    assert "is listed as the paper's" in "".join(problems("Over 0.51.\n\n<!-- paper: 0.51 -->"))
    assert "not in the text" in "".join(problems("An interval.\n\n<!-- definition: 95 -->"))
    assert "cites none" in "".join(problems("Under 41.\n\n<!-- source: 41 -->"))
    assert not list(problems("Under 41 ([](references.md#martin2013)).\n\n<!-- source: 41 -->"))


def _told(root, chapters):
    for path in chapters:
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells, 1):
            if cell.cell_type == "markdown":
                yield from (f"{path.name}, cell {number}: {one}" for one in problems(cell.source))
            for one in typed(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")):
                yield f"{path.name}, cell {number}: {one} is typed in the alt text; say it without a number"
    for path in sorted((root / "chapters").glob("*.md")):
        # The list of the references is written whole.
        text = path.read_text(encoding="utf-8").split('<a id="' if path.name == prose.REFERENCES else "\0")[0]
        yield from (f"{path.name}: {one}" for one in problems(text))


def test_no_number_is_typed_in_the_book(root, chapters):
    found = list(_told(root, chapters))
    assert not found, "\n".join(found)
