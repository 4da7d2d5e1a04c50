"""What each chapter opens and closes with, three sentences and exercises with answer boxes; and the glossary."""

import re

import answers
import exercises
import nbformat
import prose
import pytest
import render

from sarco.base.errors import SarcoError
from sarco.book.chapter import NUMBERS

LEVELS = ("Look", "Change", "Build")
LINK = re.compile(r"\[[^][]*\]\([\w.-]*#(term-[\w-]+)\)")


@pytest.fixture(scope="module")
def notebooks(chapters):
    return {path.name: nbformat.read(path, as_version=4) for path in chapters}


def _prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def test_three_sentences_come_first(notebooks):
    for name, notebook in notebooks.items():
        _, summary, following = re.split(r"\n\n", _prose(notebook)[0])[:3]
        assert summary.startswith("**In three sentences.** This ") and following.startswith("**What you will"), name
        assert prose.MARK.search(summary), f"{name}: no number of the run is in its three sentences"
        plain = re.sub(r"\s+", " ", re.sub(r"\bet al\.|<!--.*?-->", "", summary.partition("** ")[2]))
        found = re.split(r"(?<=[.?!]) (?=[A-Z])", plain)
        assert len(found) == 3 and found[2].startswith("It does not show "), f"{name}: {found}"


def test_exercises_have_levels_and_answers_that_the_run_kept(notebooks):
    for name, notebook in notebooks.items():
        [text] = [text for text in _prose(notebook) if text.startswith("## Exercises")]
        asked = text.partition("<details>")[0]
        levels = re.findall(r"^\d+\. \*\*(\w+)\.\*\* ", asked, re.MULTILINE)
        assert len(levels) == len(re.findall(r"^\d+\. ", asked, re.MULTILINE)) and set(levels) <= {*LEVELS}, name
        assert levels == sorted(levels, key=LEVELS.index), f"{name}: the exercises go from look to build"
        marks, numbers = list(exercises.MARK.finditer(asked)), prose.kept(notebook)
        assert marks and len(marks) == text.count("<!-- answer"), name
        for mark in marks:
            answer = exercises.computed(mark["sum"], numbers, name)
            rounding = sum(_moved(mark["sum"], numbers, word, answer) for word in mark["sum"].split())
            # What the printed digits leave open must not make an answer wrong, nor a wide tolerance any answer right.
            assert rounding <= float(mark["within"]) + 1e-9 < 1.1, f"{name}: {mark['sum']}"


def _moved(text, numbers, word, answer):
    """By how much half a unit of the last decimal of one number moves the answer; a count is not rounded."""
    printed = numbers.get(word, "").split(" ")[0]
    if "." not in printed:
        return 0
    moved = f"{float(printed) + 0.5 * 10 ** -len(printed.partition('.')[2]):.9f}"
    return abs(exercises.computed(text, {**numbers, word: moved}, "a chapter") - answer)


def _notebook(text, **numbers):
    kept = nbformat.v4.new_output("display_data", {NUMBERS: numbers})
    cells = [nbformat.v4.new_code_cell(outputs=[kept]), nbformat.v4.new_markdown_cell(text)]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize(("text", "told"), [
    ("m - n, within 1: See.", "asks for 'm', which no cell keeps"), ("n, about 1: See.", "is no answer"),
    ("n, within 1", "is no answer"), ("n n, within 1: See.", "is no answer"),
])  # fmt: skip
def test_a_mark_that_cannot_be_judged_is_refused(text, told):
    with pytest.raises(SarcoError, match=f"^a.ipynb: .*{told}"):
        exercises.put_boxes(_notebook(f"1. **Look.** How?\n   <!-- answer: {text} -->", n="5"), "a.ipynb")


@pytest.mark.parametrize("text", ["n", "m / 0", "m / z"])
def test_a_run_without_the_number_has_no_box(text):
    mark = f"1. **Look.** How?\n   <!-- answer: {text}, within 1: See. -->"
    notebook = _notebook(mark, n="none", m="5", z="0.0")
    exercises.put_boxes(notebook, "a.ipynb")
    assert notebook.cells[1].source == "1. **Look.** How?\n"


def test_each_term_is_linked_once_a_chapter_and_none_is_left_over(root, notebooks):
    terms = prose.TERM.findall((root / "chapters" / prose.GLOSSARY).read_text(encoding="utf-8"))
    assert len(set(terms)) == len(terms) >= 30
    linked = {name: LINK.findall("\n".join(_prose(notebook))) for name, notebook in notebooks.items()}
    for name, found in linked.items():
        assert len(set(found)) == len(found) >= 4, name
        headings = re.findall(r"^#.*", "\n".join(_prose(notebooks[name])), re.MULTILINE)
        assert not LINK.search("\n".join(headings)), name
    assert set().union(*linked.values()) == set(terms)
    known = {"term-a": prose.Target(prose.GLOSSARY, None)}
    assert prose.filled("[b](#term-a)", "1.ipynb", known) == "[b](glossary.md#term-a)"


@pytest.fixture(scope="module")
def pages(request, chapters, tmp_path_factory):
    """Two chapters, rendered with their title and their exercises alone; links to the rest are only text."""
    folder = tmp_path_factory.mktemp("exercises")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(answers, "FIGURES", {})  # these compute for seconds
    request.addfinalizer(monkeypatch.undo)
    two = [path for path in chapters if path.name.startswith(("05", "07"))]
    render.stage(two, folder)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: chapters/intro\nchapters:\n" + "".join(
        f"  - file: chapters/{path.stem}\n" for path in two))  # fmt: skip
    (folder / "chapters/intro.md").write_text("# Two chapters\n")
    for path in (folder / "chapters").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        title = re.search("^# .*", notebook.cells[0].source, re.MULTILINE)[0]
        [asked] = [text for text in _prose(notebook) if text.startswith("## Exercises")]
        asked = re.sub(r"\[([^][]*)\]\([^)]*\)|\{numref\}`([^`]*)`", r"\1\2", asked)
        notebook.cells = [nbformat.v4.new_markdown_cell(text) for text in (title, asked)]
        nbformat.write(notebook, path)
    return render.render(folder)


@pytest.mark.long
@pytest.mark.parametrize(("name", "near"), [("05-postprocessing", 0.1), ("07-results", 0)])
def test_an_answer_is_judged_by_keyboard(browser, pages, notebooks, name, near):
    page = browser.new_page()
    page.goto((pages / f"chapters/{name}.html").as_uri())  # as from a folder on a disk
    form = page.locator("form.answer").first
    said, more, box = form.get_by_role("status"), form.locator(".next"), form.get_by_label("Answer to exercise 1")
    assert not more.is_visible()
    [mark, *_] = exercises.MARK.finditer("\n".join(_prose(notebooks[f"{name}.ipynb"])))
    right = exercises.computed(mark["sum"], prose.kept(notebooks[f"{name}.ipynb"]), name)
    typed = {
        "": "The box is empty", " or so": "Type one number", "1 to 9": "Type one number",
        f"{right:.1f}".replace(".", ",") + " cm2": "Right", f" {right + near:+.2f} cm²": "Right",
        f"{right + near + 0.01:.2f}": "Too high", f"{right - near - 0.01:.2f}": "Too low",
        f"{-right:+.1f}": "The size is right, the sign is not",
    }  # fmt: skip
    box.focus()
    for text, told in typed.items():
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        assert said.inner_text().startswith(told), text
        assert more.is_visible() == (told[:3] not in ("The", "Typ") or "size" in told), text
        assert box.evaluate("box => box === document.activeElement")
    page.keyboard.press("Tab")
    assert form.get_by_role("button").evaluate("button => button === document.activeElement")
    page.close()


@pytest.mark.long
def test_without_javascript_and_on_paper_there_is_no_box(browser, pages):
    for scripts, paper in ((False, False), (True, True)):
        page = browser.new_page(java_script_enabled=scripts)
        page.goto((pages / "chapters/05-postprocessing.html").as_uri())
        if paper:
            page.emulate_media(media="print")
        assert page.locator("form.answer").count() and not page.locator("form.answer").first.is_visible()
        assert page.get_by_text("By how much does the second pixel").is_visible()
        page.close()
