"""The text of the chapters: filled in from the run, and plain Markdown, so that it reads the same everywhere."""

import re
import shutil

import nbformat
import prose
import pytest
import render
from markdown_it import MarkdownIt

from sarco.base.errors import SarcoError
from sarco.book.chapter import NUMBERS

# A role, a directive, a target: what Sphinx reads and other viewers show as it is.
SPHINX_ONLY = re.compile(r"\{[a-z][a-z:-]*\}`|^[ >]*(?:```+|~~~+|:::+) *\{|^\([\w-]+\)=|\$\$.*\\label", re.MULTILINE)
LEFT = re.compile(r"\{[a-z][a-z:-]*\}<code>")  # a role, as other viewers show it


@pytest.fixture(scope="module")
def known():
    return prose.targets()


@pytest.fixture(scope="module")
def texts(root, chapters):
    """Each piece of Markdown of the book, with the name of its file."""
    found = [(path.name, path.read_text(encoding="utf-8")) for path in sorted((root / "chapters").glob("*.md"))]
    for path in chapters:
        cells = nbformat.read(path, as_version=4).cells
        found += [(path.name, cell.source) for cell in cells if cell.cell_type == "markdown"]
    return found


def test_no_viewer_but_the_book_is_needed(texts):
    found = [f"{file}: {sphinx[0]}" for file, text in texts for sphinx in SPHINX_ONLY.finditer(text)]
    assert not found, "\n".join(found)


def test_no_line_of_text_begins_with_a_comment(texts):
    """What follows on such a line would not be read as Markdown."""
    for file, text in texts:
        for token in MarkdownIt("commonmark").parse(text):
            if token.type == "html_block":
                shown = re.sub(r"<!--.*?-->|</?details>|<summary>\w+</summary>", "", token.content, flags=re.DOTALL)
                assert not prose.MARK.search(token.content) and not shown.strip(), f"{file}: {token.content}"


def test_filling_again_changes_nothing(root, tmp_path, capsys):
    shutil.copy2(root / "_toc.yml", tmp_path)
    shutil.copytree(root / "chapters", tmp_path / "chapters", ignore=shutil.ignore_patterns(".*"))
    for page in prose.PAGES:
        (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / page, tmp_path / page)
    assert prose.main(tmp_path) == 0
    assert capsys.readouterr().out == "", "run 'python workflow/prose.py'"


@pytest.mark.parametrize(
    "pattern",
    [r"<!--[\w-]+-->[^\d<]*\d", r"</a>\*\*Fig\. \d", r"\[Fig\. \d", r"\[Table \d", r"\[[^]\d]+ 20\d\d(?=\]\(ref)"],
    ids=["number", "caption", "figure", "table", "work"],
)
def test_a_digit_changed_by_hand_is_found(root, texts, known, pattern):
    file, text = next((file, text) for file, text in texts if re.search(pattern, text) and file != prose.REFERENCES)
    numbers = prose.of_committed()
    if file.endswith(".ipynb"):
        numbers = prose.kept(nbformat.read(root / "chapters" / file, as_version=4))
    place = re.search(pattern, text).end() - 1
    changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
    assert prose.filled(changed, file, known, numbers) == text != changed


def _notebook(text, **numbers):
    kept = nbformat.v4.new_output("display_data", {NUMBERS: numbers})
    cells = [nbformat.v4.new_code_cell(outputs=[kept]), nbformat.v4.new_markdown_cell(text)]
    return nbformat.v4.new_notebook(cells=cells)


def test_what_is_filled_in():
    known = {"fig-a": prose.Target("1.ipynb", "Fig. 1.1"), "tab-b": prose.Target("2.ipynb", "Table 2.1")}
    known |= {"ko2022": prose.Target("references.md", "Ko et al. 2022")}
    text = 'In <!--n--><!--/--> of [](#fig-a),\n[](#tab-b), [x](3.ipynb#ko2022).\n\n<a id="fig-a"></a>**?** [b](c.md).'
    notebook = _notebook(text, n="5 (4 to 6)")
    prose.fill(notebook, "1.ipynb", known)
    assert notebook.cells[1].source == (
        "In <!--n-->5 (4 to 6)<!--/--> of [Fig. 1.1](#fig-a),\n[Table 2.1](2.ipynb#tab-b), "
        '[Ko et al. 2022](references.md#ko2022).\n\n<a id="fig-a"></a>**Fig. 1.1.** [b](c.md).'
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<!--n-->1<!--/-->, <!--m-->1<!--/-->", "no cell keeps 'm'"),
        ("nothing", "keeps n, which its text does not use"),
        ("<!--n-->1<!--/-->, [](#fig-b)", "'fig-b' is no figure"),
        ('<a id="fig-b"></a>**Fig. 1.** Of <!--n-->1<!--/-->.', "'fig-b' is no figure"),
    ],
)
def test_what_cannot_be_filled_is_said(text, told):
    with pytest.raises(SarcoError, match=f"^1.ipynb: .*{told}"):
        prose.fill(_notebook(text, n="1"), "1.ipynb", {})


def test_a_caption_is_there_once(root, tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "_toc.yml").write_text("root: chapters/intro\nchapters:\n  - file: chapters/a\n")
    (tmp_path / "chapters/references.bib").write_text("")
    for page in ("intro", "a"):
        (tmp_path / f"chapters/{page}.md").write_text('<a id="fig-x"></a>**Fig. 1.** X.')
    with pytest.raises(SarcoError, match=r"a\.md: intro\.md has a caption 'fig-x'"):
        prose.targets(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Of <!--n-->5<!--/-->.\n\n<!-- definition: 5 -->", "Of 5.\n\n"),
        ("[Fig. 1.1](1.ipynb#fig-a), [Ko 2](references.md#ko), [b](b.md)", "{numref}`fig-a`, [Ko 2](#ko), [b](b.md)"),
        ("[chapter 2](2.ipynb#fig-a)", "[chapter 2](#fig-a)"),
        ('<a id="ko"></a>**Ko 2.** A.', "(ko)=\n**Ko 2.** A."),
        ("> **Warning.** One,\n> two.\n\n> said", ":::{warning}\nOne,\ntwo.\n:::\n\n> said"),
        (
            '![An a](a.png)\n\n<a id="fig-a"></a>**Fig. 1.** A,\nb.\n\nText',
            "```{figure} a.png\n:name: fig-a\n:alt: An a\n\nA,\nb.\n```\n\nText",
        ),
    ],
    ids=["number", "links", "place", "work", "note", "picture"],
)
def test_what_sphinx_is_told(text, told):
    assert render.for_sphinx(text) == told


def test_a_caption_stands_below_what_it_is_of():
    caption = '<a id="tab-a"></a>**Table 1.1.** A,\nb.\n\n<!-- definition: 1 -->'
    notebook = _notebook(caption)
    with pytest.raises(SarcoError, match="tab-a: the cell above its caption shows 0 such"):
        render.numbered(notebook)
    notebook = _notebook(caption)
    notebook.cells[0].outputs.append(nbformat.v4.new_output("display_data", {"text/markdown": "| x |"}))
    [cell] = render.numbered(notebook).cells
    assert cell.outputs[1].data["text/markdown"] == "```{table} A, b.\n:name: tab-a\n\n| x |\n```"


@pytest.mark.long
def test_every_chapter_reads_in_plain_html(chapters):
    """As nbconvert writes it, which is near to what GitHub shows."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="basic")
    for path in chapters:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.source = ""
                cell.outputs = [output for output in cell.outputs if "text/markdown" in output.get("data", {})]
        html, _ = exporter.from_notebook_node(notebook)
        assert not LEFT.search(html), path.name
        assert not re.search(r"href=\"\d\d-[\w-]+[\"#]", html), f"{path.name}: a link to a page of the book"
        links = set(re.findall(r'href="#((?:fig|tab)-[\w-]+)"', html))
        assert links and links <= set(re.findall(r'<a id="([\w-]+)"', html)), path.name
