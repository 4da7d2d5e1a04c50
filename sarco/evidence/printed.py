"""What the paper prints, from `data/paper.csv`: each number and direction once, with its place."""

from dataclasses import dataclass

from ..base import paths, tables

MANY = "; "  # between the values of one cell


@dataclass(frozen=True)
class Printed:
    """One row of the table; its columns are told in data/README.md.

    Attributes
    ----------
    value : int, float, str or tuple
        As the paper prints it; of a direction "over 0.5" or "under 0".
    sd, low, high : float or None
        What the paper prints as "SD" and as "range". Beside an RMSE these can only describe absolute errors.
    unit : str
        "" for a ratio such as the DSC, "%" for a relative change.
    split : {"validation", "test", ""}
        The slices that it was computed on.
    also, book : tuple of str
        Further places that print it; where the book shows it, as "01-data#tab-data".
    """

    key: str
    kind: str
    claim: str
    value: object
    sd: float | None
    low: float | None
    high: float | None
    unit: str
    split: str
    section: str
    position: str
    also: tuple[str, ...]
    book: tuple[str, ...]
    note: str

    def label(self, words=""):
        """What the number is, and of which slices."""
        return self.claim + words + (f", {self.split}" if self.split else "")

    @property
    def sign(self):
        """Of a direction, on which side of `than` it lies: 1 is over, -1 under."""
        return 1 if self.value.startswith("over") else -1

    @property
    def than(self):
        """What a direction is compared with."""
        return float(self.value.partition(" ")[2])


def address(anchor):
    """Where the book shows "01-data#tab-data", from its root."""
    page, _, name = anchor.partition("#")
    return f"chapters/{page}.html#{name}"


def _value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _read():
    found = {}
    # Beside the package, wherever SARCO_DATA says that runs lie.
    for row in tables.read(paths.root() / "data" / "paper.csv"):
        values = tuple(_value(text) for text in row["value"].split(MANY))
        several = {name: tuple(filter(None, row[name].split(MANY))) for name in ("also", "book")}
        beside = {name: float(row[name]) if row[name] else None for name in ("sd", "low", "high")}
        value = values if len(values) > 1 else values[0]
        found[row["key"]] = Printed(**row | several | beside | {"value": value})
    return found


_ROWS = _read()
FIGURES = {name.removeprefix("figure "): row for name, row in _ROWS.items() if row.kind == "figure"}
PRINTED = {name: row for name, row in _ROWS.items() if row.kind != "figure"}
RESULTS = {name: row for name, row in PRINTED.items() if name.islower() and row.kind != "direction"}
