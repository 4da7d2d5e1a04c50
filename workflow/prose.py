"""Write into the text of the chapters what is not typed there, so that it reads the same wherever it is opened.

python workflow/prose.py: fills all chapters and `PAGES`, and lists the references that they cite. What it writes:

    Over <!--validation-n-->40<!--/--> slices         a number that a cell of the chapter kept under a name (book.keep);
                                                      on other pages, what `sarco.book.test_set` says of the test set
    <a id="fig-steps"></a>**Fig. 5.1.** The steps.    the number of a figure or table; its caption is the cell below it
    [Fig. 5.1](#fig-steps)                            a link to it, with the file's name where that is another
    [Ko et al. 2022](references.md#ko2022)            a work of references.bib, by its key
    [overlap](glossary.md#term-dsc)                   a term of the glossary; only here the words of the link stay

To add one, leave its text empty, as in [](#fig-steps), or put a question mark, as in **?**. No viewer shows a comment;
but a line that begins with one is not read as Markdown, so let it begin with a word.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import nbformat
import yaml
from said import said

from sarco.base.errors import SarcoError
from sarco.base.files import atomic
from sarco.book.chapter import NUMBERS, open_run
from sarco.book.test_set import words

ROOT = Path(__file__).resolve().parent.parent
MARK = re.compile(r"<!--([\w-]+)-->((?:(?!<!--).)*)<!--/-->", re.DOTALL)
CAPTION = re.compile(r'^<a id="(?P<name>(fig|tab)-[\w-]+)"></a>\*\*[^*]*\*\*', re.MULTILINE)
LINK = re.compile(r"\[([^\[\]]*)\]\(([\w.-]*)#([\w-]+)\)")
KINDS = {"fig": "Fig.", "tab": "Table"}
TERM = re.compile(r'^<a id="(term-[\w-]+)"></a>', re.MULTILINE)
REFERENCES, GLOSSARY = "references.md", "glossary.md"
PAGES = ("README.md", "data/README.md", "data/weights/README.md")  # beside those of the chapters


class Target(NamedTuple):
    """What can be linked to: the file where it stands, and the text of a link to it, which a term has not."""

    file: str
    text: str | None


def targets(root=ROOT):
    """All figures, tables, works and terms that the book can link to: `Target`, by id."""
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    # The first page has no number, as in the book.
    pages = [contents["root"], *(page["file"] for page in contents["chapters"])]
    found = {}
    for number, page in enumerate(pages):
        for path in (root / f"{page}.ipynb", root / f"{page}.md"):
            counts = Counter()
            for name, kind in CAPTION.findall("\n".join(_texts(path)) if path.is_file() else ""):
                counts[kind] += 1
                if name in found:
                    raise SarcoError(f"{path}: {found[name].file} has a caption {name!r}, too; rename one.")
                of = f"{number}.{counts[kind]}" if number else counts[kind]
                found[name] = Target(path.name, f"{KINDS[kind]} {of}")
    glossary = root / "chapters" / GLOSSARY
    terms = TERM.findall(glossary.read_text(encoding="utf-8")) if glossary.is_file() else ()
    found |= {name: Target(GLOSSARY, None) for name in terms}
    return found | {key: Target(REFERENCES, text) for key, (text, _) in works(root).items()}


def _texts(path):
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def works(root=ROOT):
    """The works of references.bib in the order of a list: (as it is cited, as it is listed), by key."""
    from pybtex.database import parse_file
    from pybtex.plugin import find_plugin

    bibliography = parse_file(root / "chapters/references.bib", bib_format="bibtex")
    style, backend = find_plugin("pybtex.style.formatting", "plain")(), find_plugin("pybtex.backends", "markdown")()
    listed = list(style.format_entries(bibliography.entries.values()))
    names = {one.key: _cited(bibliography.entries[one.key]) for one in listed}
    found, times, before = {}, Counter(names.values()), Counter()
    for one in listed:
        name = names[one.key]
        letter = "abcdefgh"[before[name]] if times[name] > 1 else ""
        before[name] += 1
        # The backend escapes every sign that could mean something somewhere.
        text = re.sub(r"\\([-.()])", r"\1", one.text.render(backend)).replace("\n", " ")
        text = re.sub(r",? and others\.", " et al.", text)
        found[one.key] = name + letter, text
    return found


def _cited(entry):
    """Authors and year, as "Bland and Altman 1986" and "Ko et al. 2022"."""
    from pybtex.richtext import Text

    people = [" ".join(person.prelast_names + person.last_names) for person in entry.persons["author"]]
    told = f"{people[0]} et al." if len(people) > 2 or people[-1] == "others" else " and ".join(people)
    return f"{Text.from_latex(told)} {entry.fields['year']}"


def kept(notebook):
    """The numbers that the cells of an executed notebook kept: texts, by name."""
    found = {}
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        more = output.get("data", {}).get(NUMBERS, {})
        if twice := sorted(found.keys() & more.keys()):
            raise SarcoError(f"{', '.join(twice)}: kept by two cells of the chapter; rename one.")
        found |= more
    return found


def fill(notebook, file, known):
    """Fill the text of an executed notebook, in place.

    Parameters
    ----------
    notebook : NotebookNode
    file : str
        The name that it has among the chapters.
    known : dict of str to Target
        See `targets`.

    Raises
    ------
    SarcoError
        A name that no cell kept, one that the text does not use, or a link that leads nowhere.
    """
    numbers = kept(notebook)
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    used = {name for cell in texts for name, _ in MARK.findall(cell.source)}
    if unused := sorted(numbers.keys() - used):
        raise SarcoError(f"{file}: keeps {', '.join(unused)}, which its text does not use; take it out of book.keep.")
    for cell in texts:
        cell.source = filled(cell.source, file, known, numbers)


def of_committed():
    """What the pages that are no notebooks say of the committed run: texts, by name."""
    return words(open_run())


def filled(text, file, known, numbers=()):
    """A text of the page `file`, with all that is filled in; see `fill`."""

    def target(name):
        if name not in known:
            raise SarcoError(f"{file}: {name!r} is no figure, table, work or term that the book knows; correct it.")
        return known[name]

    def caption(found):
        return f'<a id="{found[1]}"></a>**{target(found[1]).text}.**'

    def link(found):
        there, shown = target(found[3])
        return f"[{shown or found[1]}]({there if there != file else ''}#{found[3]})"

    return LINK.sub(link, CAPTION.sub(caption, with_numbers(text, file, numbers)))


def with_numbers(text, file, numbers):
    """A text of the page `file`, with what stands between marks filled in."""

    def number(found):
        if found[1] not in numbers:
            raise SarcoError(f"{file}: no cell keeps {found[1]!r}; give it to book.keep and run the chapter.")
        return f"<!--{found[1]}-->{numbers[found[1]]}<!--/-->"

    return MARK.sub(number, text)


def references(known, root=ROOT):
    """The page of the references: as it is down to the list, then what the chapters cite."""
    head = (root / "chapters" / REFERENCES).read_text(encoding="utf-8").partition('<a id="')[0]
    pages = sorted((root / "chapters").glob("*.ipynb")) + sorted((root / "chapters").glob("*.md"))
    # A table's citations stand in what its cell printed.
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages if path.name != REFERENCES)
    cited = set(re.findall(rf"\b{REFERENCES}#([\w-]+)", text)) | {name for _, _, name in LINK.findall(head)}
    listed = [f'<a id="{key}"></a>**{name}.** {entry}\n' for key, (name, entry) in works(root).items() if key in cited]
    return filled(head, REFERENCES, known) + "\n".join(listed)


@said
def main(root=ROOT):
    known = targets(root)
    for path in sorted((root / "chapters").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        fill(notebook, path.name, known)
        _write(path, nbformat.writes(notebook) + "\n")
    numbers = of_committed()
    for path in sorted((root / "chapters").glob("*.md")):
        if path.name != REFERENCES:
            _write(path, filled(path.read_text(encoding="utf-8"), path.name, known, numbers))
    for path in (root / page for page in PAGES):
        _write(path, with_numbers(path.read_text(encoding="utf-8"), path, numbers))
    _write(root / "chapters" / REFERENCES, references(known, root))


def _write(path, text):
    if text != path.read_text(encoding="utf-8"):
        with atomic(path) as beside:
            beside.write_text(text, encoding="utf-8")
        print(f"{path.name}: filled")


if __name__ == "__main__":
    sys.exit(main())
