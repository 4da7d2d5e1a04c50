"""What makes the book pleasant to read: downloads, words for what is folded, and the cards of its links.

`offer` changes a staged notebook, before Sphinx; `finish` reads the finished pages.
"""

import csv
import io
import json
import re
import shutil

import nbformat
import prose
from bs4 import BeautifulSoup

from sarco.book.chapter import DRAWN

DATA, NOTEBOOKS = "data", "notebooks"
TITLE = re.compile(r"^# .*$", re.MULTILINE)
ROWS_ON_CARD = 5
NUMBER = r"[+-]?\d+(?:,\d{3})*(?:\.\d+)?"
INTERVAL = re.compile(rf"({NUMBER}) \(({NUMBER}) to ({NUMBER})\)")  # as `with_interval` of chapter.py writes it


def offer(notebook, path, folder, known):
    """Offer a chapter's notebook and the data of its figures and tables, and say what its folded cells hold, in place.

    Parameters
    ----------
    notebook : NotebookNode
        A chapter that `prose.fill` filled, its captions still in cells of their own.
    path : Path
        Where it was read from; this file is what the book offers.
    folder : Path
        The staged book, into which the files go.
    known : dict of str to prose.Target
    """
    for name in (DATA, NOTEBOOKS):
        (folder / name).mkdir(exist_ok=True)
    shutil.copy2(path, folder / NOTEBOOKS)
    file = f"../_sources/chapters/{path.name}"
    link = f'<a class="reference download" download href="{file}">This chapter as a notebook</a>'
    notebook.cells[0].source = TITLE.sub(lambda title: f"{title[0]}\n\n{_set(link)}", notebook.cells[0].source, count=1)
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code":
            _say(cell)
        elif caption := prose.CAPTION.match(cell.source):
            shown, name, number = cells[-2], caption["name"], known[caption["name"]].text
            data = data_of(shown, name)
            if "hide-cell" in shown.metadata.get("tags", ()):
                _say(shown, f" and {number}, {len(data.splitlines()) - 1} rows")
            if data:
                (folder / DATA / f"{name}.csv").write_text(data, encoding="utf-8")
                link = _set(f"{{download}}`Data of {number} (CSV) </{DATA}/{name}.csv>`")
                cells.append(nbformat.v4.new_markdown_cell(link, id=f"{name}-data"))
    notebook.cells = cells


def _set(link):
    """A link that is set as an offer."""
    return f":::{{container}} reading-offer\n{link}\n:::"


def _say(cell, more=""):
    """Say on the button of a cell, if it is folded, what it holds."""
    lines = len(cell.source.splitlines())
    words = f"{lines} line{'s' if lines > 1 else ''} of code{more}"
    cell.metadata.setdefault("mystnb", {}).update(code_prompt_show=f"Show {words}", code_prompt_hide=f"Hide {words}")


def data_of(cell, name):
    """What a cell shows as the figure or table `name`, as CSV; "" of a picture."""
    for output in cell.get("outputs", ()):
        if name.startswith("fig-") and "image/png" in output.get("data", {}):
            return output.metadata.get("image/png", {}).get(DRAWN, "")
        if name.startswith("tab-") and "text/markdown" in output.get("data", {}):
            return csv_of(output.data["text/markdown"])
    return ""


def csv_of(markdown):
    """A table in Markdown as CSV: links by their words, and the ends of intervals in columns of their own."""
    heads, _, *rows = map(_cells, markdown.strip().splitlines())
    columns = []
    for head, *values in zip(heads, *rows, strict=True):
        found = [INTERVAL.fullmatch(value) for value in values]
        parts = [one.groups() if one else (value, "", "") for one, value in zip(found, values, strict=True)]
        told = [(head, f"{head}, low", f"{head}, high"), *parts]
        columns += list(zip(*told, strict=True))[: 3 if any(found) else 1]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([map(_plain, row) for row in zip(*columns, strict=True)])
    return out.getvalue()


def _cells(line):
    """The cells of a line of a table in Markdown."""
    cells = re.split(r"(?<!\\)\|", re.sub(r"\[([^][]*)\]\([^)]*\)", r"\1", line.strip()))[1:-1]
    return [cell.strip().replace("\\|", "|") for cell in cells]


def _plain(text):
    """A number without the commas of its thousands; other texts as they are."""
    return text.replace(",", "") if re.fullmatch(NUMBER, text) else text


def finish(pages):
    """Write what the cards of links show, `_static/cards.js`, from the finished pages of a book, and add its notebooks.

    Sphinx laid out those of the stage, in its own words, for the theme's download button.
    """
    shutil.copytree(pages.parent.parent / NOTEBOOKS, pages / "_sources" / "chapters", dirs_exist_ok=True)
    cards = {}
    for path in sorted((pages / "chapters").glob("*.html")):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        cards |= _cards(page, path.stem in ("references", "glossary"))
    # A script, because a page that is opened from a disk may not read a file.
    script = f"window.readingCards = {json.dumps(cards, ensure_ascii=False, separators=(',', ':'))};\n"
    (pages / "_static" / "cards.js").write_text(script, encoding="utf-8")


def _cards(page, of_entries):
    """What the cards show of a page, by id: words, and the picture of a figure or the first rows of a table."""
    found = {}
    for one in page.select("figure[id], table[id], .bd-article p[id]" if of_entries else "figure[id], table[id]"):
        caption = one.select_one("figcaption p, caption") or one
        for link in caption.select(".headerlink"):
            link.extract()
        card = found[one["id"]] = {"text": " ".join(caption.get_text().split())}
        if image := one.name == "figure" and one.img:
            card |= {"image": image["src"].removeprefix("../"), "look": " ".join(image.get("class", ()))}
        if one.name == "table":
            lines = [[" ".join(cell.get_text().split()) for cell in row(["th", "td"])] for row in one("tr")]
            card["rows"], card["more"] = lines[: ROWS_ON_CARD + 1], max(0, len(lines) - 1 - ROWS_ON_CARD)
    return found
