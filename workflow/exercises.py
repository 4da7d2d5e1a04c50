"""The answer boxes of the exercises: a mark in the Markdown becomes a form when the book is staged.

    2. **Look.** How much does the second pixel add?
       <!-- answer: error-two - error-one, within 0.1 cm²: Look at [](#tab-dilation). -->

The answer is computed, from left to right, from numbers that the cells of the chapter kept; a constant such as 100 may
stand among them. `within` is what an answer may be off: at least what the rounding of the printed numbers adds up to.
What follows the colon is shown after a try, right or wrong. The mark is a comment, so that no other viewer shows it.
"""

import html
import operator
import re
import textwrap

import prose

from sarco.base.errors import SarcoError

MARK = re.compile(
    r"^ *<!-- answer: (?P<sum>[\w-]+(?:\s+[-+*/]\s+[\w-]+)*),\s+within\s+(?P<within>[\d.]+)"
    r"\s?(?P<unit>[^:]*): (?P<next>.*?) -->$",
    re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"([-+]?[\d,]*\.?\d+)%?( \([^()]*\))?")  # its interval may follow
SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
# Hidden until assets/exercises.js judges; what is raw ends at an empty line, so the text between is read as Markdown.
FORM = """
<form class="answer" hidden data-answer="{answer:.10g}" data-within="{within}" data-told="{told}">
<label for="answer-{number}">Answer to exercise {number}{unit}</label>
<input id="answer-{number}" type="text" autocomplete="off"> <button type="submit">Check</button>
<div role="status"><strong></strong><div class="next" hidden>

{next}

</div></div></form>
"""


def put_boxes(notebook, file):
    """Put a form in the place of each mark of an executed notebook whose text is filled in, in place.

    Parameters
    ----------
    notebook : NotebookNode
    file : str
        The name that it has among the chapters.

    Raises
    ------
    SarcoError
        A mark that cannot be read, or a name that no cell kept.
    """
    numbers = prose.kept(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = MARK.sub(lambda mark: _form(mark, numbers, file), cell.source)
            if bad := re.search(r"<!--\s*answer\b.{0,60}", cell.source):
                raise SarcoError(f"{file}: {bad[0]!r} is no answer; see workflow/exercises.py for how to write one.")


def _form(mark, numbers, file):
    answer = computed(mark["sum"], numbers, file)
    if answer is None:
        return ""
    asked = re.findall(r"^(\d+)\. ", mark.string[: mark.start()], re.MULTILINE)
    digits = len(mark["within"].partition(".")[2])
    told, unit = f"{answer:,.{digits}f} {mark['unit']}".strip(), f" ({mark['unit']})" if mark["unit"] else ""
    values = {"answer": answer, "within": mark["within"], "told": html.escape(told), "number": asked[-1]}
    form = FORM.format(**values, unit=html.escape(unit), next=" ".join(mark["next"].split()))
    return textwrap.indent(form, "   ")


def computed(text, numbers, file):
    """The answer, as `error-two - error-one` says; None where this run has no number under such a name."""
    first, *rest = (word if word in SIGNS else _value(word, numbers, file) for word in text.split())
    if None in (first, *rest):
        return None
    for sign, value in zip(rest[::2], rest[1::2], strict=True):
        if sign == "/" and not value:
            return None
        first = SIGNS[sign](first, value)
    return first


def _value(word, numbers, file):
    if re.fullmatch(r"\d+", word):
        return float(word)
    if word not in numbers:
        raise SarcoError(f"{file}: an exercise asks for {word!r}, which no cell keeps; give it to book.keep.")
    found = NUMBER.fullmatch(numbers[word])
    return float(found[1].replace(",", "")) if found else None
