"""Tables: those that people write, however a spreadsheet saves them, and those of results."""

import csv
import io
import math
from pathlib import Path

from .errors import SarcoError

SEPARATORS = ",;\t"
TEXT = dict.fromkeys(("case", "subset", "release", "team"), str)  # columns whose words may look like numbers


def read(path):
    """Lines of a table that are not empty, each a dict of its cells by the names of their columns, in lower case.

    Commas, semicolons or tabs lie between cells; the text is UTF-8, with or without a mark in front, or UTF-16 with it.
    """
    try:
        raw = Path(path).read_bytes()
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        if text.lower().startswith("sep="):  # a line for Excel alone
            text = text.partition("\n")[2]
        separator = max(SEPARATORS, key=text.lstrip().split("\n", 1)[0].count)
        cells = csv.reader(io.StringIO(text, newline=None), delimiter=separator, strict=True)
        lines = [line for cell in cells if any(line := [part.strip() for part in cell])]
    except (OSError, ValueError, csv.Error) as error:
        raise SarcoError(f"{path}: not a readable table ({error}); write it as CSV in UTF-8.") from None
    if not lines:
        raise SarcoError(f"{path}: not a readable table (it is empty); write it as CSV in UTF-8.")
    columns = [name.lower() for name in lines[0]]
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice:
        raise SarcoError(f"{path}: two columns are called {twice}; keep one.")
    rows = []
    for line in lines[1:]:
        if any(line[len(columns) :]):
            raise SarcoError(f"{path}: the row {separator.join(line)!r} has {len(line)} cells for {len(columns)} "
                             "columns; write numbers with a point, or semicolons between cells.")  # fmt: skip
        rows.append(dict(zip(columns, line + [""] * len(columns), strict=False)))
    return rows


def number(value):
    """A number as people write it: 1.70, "1.70" or "1,70"; a ValueError where it is none, or not finite."""
    text = str(value).strip()
    found = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    if not math.isfinite(found) or "_" in text or isinstance(value, bool):
        raise ValueError(f"{text} is no number")
    return found


def read_results(file):
    """A table of results as a DataFrame, from its path or an open file."""
    import pandas as pd

    return pd.read_csv(file, dtype=TEXT)
