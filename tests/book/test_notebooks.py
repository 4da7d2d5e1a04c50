"""The committed notebooks: complete, run in order, accessible, and compared in full by nbval.

`make test` also gives the notebooks to nbval, which runs each cell again and compares what it prints.
"""

import copy
import re
import subprocess
import sys

import nbformat
import pytest

# Cells that nbval does not compare: a ceiling, or the comparison could become hollow.
NOT_COMPARED = {"nbval-skip", "nbval-ignore-output", "raises-exception"}
NOT_COMPARED_AT_MOST = 1  # in one chapter
# At 1280 px a line of code holds 72 characters; what is longer is cut off.
CHARACTERS, VISIBLE_LINES = 72, 15
# A caption is a cell of its own, below what it is of.
CAPTION = re.compile(r'^<a id="(fig|tab)-([\w-]+)"></a>\*\*(?:Fig\.|Table) \d+\.\d+\.\*\*(?= \S)', re.MULTILINE)
# The skeleton of every chapter, as headings.
SKELETON = (
    "what you will learn",
    "what you need",
    "how long it takes",
    "limits",
    "exercises",
    "what's next",
)


@pytest.fixture(scope="module")
def notebooks(chapters):
    return {path.stem: nbformat.read(path, as_version=4) for path in chapters}


def _code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _tags(cell):
    return cell.metadata.get("tags", [])


def _check(notebooks, look):
    """Fail with what `look` says of each notebook, in lines that name it."""
    problems = [f"{name}: {problem}" for name, notebook in notebooks.items() for problem in look(notebook)]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_every_chapter_is_in_the_contents(root, notebooks):
    listed = re.findall(r"file: chapters/(\d\S+)", (root / "_toc.yml").read_text(encoding="utf-8"))
    pages = {path.stem for path in (root / "workflow/book").glob("[0-9]*.md")}
    assert set(listed) == pages | notebooks.keys() and len(set(listed)) == len(listed) > len(pages)


def test_code_fits_on_the_page(notebooks):
    def look(notebook):
        for cell in _code(notebook):
            lines = cell.source.split("\n")
            for line in lines:
                if len(line) > CHARACTERS:
                    yield f"{cell.id} has a line of {len(line)} characters, {line.strip()[:40]!r}"
            hidden = any(tag.startswith(("hide-", "remove-")) for tag in _tags(cell))
            if len(lines) > VISIBLE_LINES and not hidden:
                yield f"{cell.id} shows {len(lines)} lines; make it shorter, or hide what is not the method"

    _check(notebooks, look)


def test_imports_stand_in_one_cell(notebooks):
    """The rest of a chapter reads as the method; the install cell and what is only imported in Colab are no matter."""

    def look(notebook):
        cells = [cell.id for cell in _code(notebook) if re.search(r"^(import|from) ", cell.source, re.MULTILINE)]
        if len(cells) > 1:
            yield f"imports in {', '.join(cells)}"

    _check(notebooks, look)


def test_cells_were_run_in_order(notebooks):
    def look(notebook):
        counts = [cell.execution_count for cell in _code(notebook)]
        if counts != list(range(1, len(counts) + 1)):
            yield f"execution counts are {counts}; run 'make chapters'"
        for cell in _code(notebook):
            if not cell.source.strip():
                yield "has an empty code cell"

    _check(notebooks, look)


def test_no_output_is_an_error_or_a_warning(notebooks):
    def look(notebook):
        for cell in _code(notebook):
            for output in cell.outputs:
                if output.output_type == "error":
                    yield f"cell {cell.execution_count} failed: {output.ename}"
                if output.get("name") == "stderr" and not NOT_COMPARED & set(_tags(cell)):
                    yield f"cell {cell.execution_count} wrote to stderr: {output.text[:80]}"

    _check(notebooks, look)


def test_nothing_shown_tells_of_this_machine(notebooks):
    def look(notebook):
        for cell in _code(notebook):
            text = str(cell.outputs)
            for found in re.findall(r"/ipykernel_\d+|site-packages/|/home/\w+|/Users/\w+|/root\b|\bnan\b", text):
                yield f"cell {cell.execution_count} shows {found}"

    _check(notebooks, look)


def test_figures_and_tables_have_a_caption_and_figures_an_alt_text(notebooks):
    names = []

    def look(notebook):
        for cell, below in zip(notebook.cells, [*notebook.cells[1:], nbformat.v4.new_markdown_cell()], strict=True):
            shown = [kind for output in cell.get("outputs", ()) for kind in output.get("data", {})]
            wanted = ["fig"] * shown.count("image/png") + ["tab"] * shown.count("text/markdown")
            found = CAPTION.findall(below.source) if below.cell_type == "markdown" else []
            names.extend(found)
            if [kind for kind, _ in found] != wanted or len(wanted) > 1:
                yield f"{cell.id} shows {wanted}, and the cell below has the captions {found}"
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            if "image/png" in shown and len(alt) < 20:
                yield f"the figure of {cell.id} has no alt text that says what it shows"

    _check(notebooks, look)
    assert len(set(names)) == len(names) >= 2 * len(notebooks)


def test_opens_with_the_skeleton(notebooks):
    def look(notebook):
        first = notebook.cells[0]
        if first.cell_type != "markdown" or not re.search(r"^# \S", first.source, re.MULTILINE):
            yield "does not open with a title"
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown").lower()
        position = -1
        for part in SKELETON:
            found = re.search(rf"^(?:#+ +|\*\*){part}", text, re.MULTILINE)
            if not found:
                yield f"has no part '{part}'"
            elif found.start() < position:
                yield f"has the part '{part}' out of order"
            else:
                position = found.start()

    _check(notebooks, look)


def test_every_exercise_has_its_folded_solution(notebooks):
    def look(notebook):
        [text] = [cell.source for cell in notebook.cells if re.match(r"#+ Exercises", cell.source)]
        asked, _, solved = text.partition("<details><summary>Solutions</summary>")
        counts = [len(re.findall(r"^\d+\. ", part, re.MULTILINE)) for part in (asked, solved)]
        if counts[0] < 2 or counts[0] != counts[1]:
            yield f"has {counts[0]} exercises and {counts[1]} folded solutions"

    _check(notebooks, look)


def test_every_chapter_has_the_same_parameter_and_install_cell(notebooks, chapters):
    import chapter

    cells = set()
    for path in chapters:
        assert chapter.defaults(notebooks[path.stem], path).get("profile") == "published", path.name
        first = _code(notebooks[path.stem])[0]
        assert "install" in _tags(first), f"{path.name}: its first code cell is not the install cell"
        cells.add(first.source)
    [source] = cells
    assert source.count("\n") < 5 and len(re.findall(r'^REPOSITORY = "', source, re.MULTILINE)) == 1


@pytest.mark.parametrize(("shell", "there"), [("ipykernel.zmqshell", False), ("google.colab._shell", True)])
def test_the_install_cell_installs_in_colab_only(notebooks, monkeypatch, shell, there):
    from IPython.core.inputtransformer2 import TransformerManager

    code = TransformerManager().transform_cell(_code(notebooks["01-data"])[0].source)
    monkeypatch.setattr(sys, "path", list(sys.path))
    ran, path = [], list(sys.path)

    class Shell:
        def __str__(self):
            return f"<{shell}.Shell object>"

        def run_line_magic(self, name, line):
            ran.append((name, line))

    exec(code, {"get_ipython": Shell})
    assert bool(ran) == (sys.path != path) == there
    for name, line in ran:
        folder = re.search(r"--src (\S+)", line)[1] + "/" + re.search(r"git\+{REPOSITORY}#egg=(\S+)", line)[1]
        assert name == "pip" and " -e " in line and sys.path[0] == folder


def test_is_written_as_the_workflow_writes_it(chapters):
    import chapter

    for path in chapters:
        notebook = nbformat.read(path, as_version=4)
        assert chapter.normalise(copy.deepcopy(notebook)) == notebook, f"{path.name}: run 'make chapters'"


def test_few_cells_escape_comparison(notebooks):
    for name, notebook in notebooks.items():
        escaped = [cell for cell in _code(notebook) if NOT_COMPARED & set(_tags(cell))]
        assert len(escaped) <= NOT_COMPARED_AT_MOST, f"{name}: {len(escaped)} cells are not compared"


def _with_number(cell):
    """The first output of a cell that prints a number, or None."""
    if NOT_COMPARED & set(_tags(cell)):
        return None
    for output in cell.outputs:
        if output.output_type == "stream" and re.search(r"\d", output.text):
            return output
    return None


@pytest.mark.long
def test_a_changed_number_is_found(root, chapters, notebooks, tmp_path):
    """Change one digit of what a chapter printed: nbval must fail there, and nowhere else."""
    place = {
        name: next(i for i, cell in enumerate(nb.cells) if cell.cell_type == "code" and _with_number(cell))
        for name, nb in notebooks.items()
    }
    # The chapter that prints a number soonest, and of that only the cells up to it: quick to run.
    name = min(place, key=lambda name: sum(len(cell.source) for cell in notebooks[name].cells[: place[name] + 1]))
    kept = copy.deepcopy(notebooks[name])
    kept.cells = kept.cells[: place[name] + 1]
    nbformat.write(kept, tmp_path / "as-committed.ipynb")
    printed = _with_number(kept.cells[-1])
    printed.text = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), printed.text, count=1)
    nbformat.write(kept, tmp_path / "changed.ipynb")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env",
         f"--nbval-sanitize-with={root / 'tests/nbval_sanitize.cfg'}", "-rf", "-q", tmp_path],
        cwd=root, capture_output=True, text=True,
    )  # fmt: skip
    failed = re.findall(r"^FAILED (\S+)::", done.stdout, re.MULTILINE)
    assert [line.rpartition("/")[2] for line in failed] == ["changed.ipynb"], done.stdout[-3000:]
