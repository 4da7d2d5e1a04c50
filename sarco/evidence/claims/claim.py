"""One claim: what the paper prints, beside what a run gives, with a verdict."""

from dataclasses import dataclass

from ..printed import address
from .verdicts import NOT_TESTABLE

TOO_FEW = "too few cases or members in this run"


@dataclass(frozen=True)
class Claim:
    """One row of the table; what is not printed, or not to be had from a run, is None.

    `name` is the key in `data/paper.csv`, with _sd, _lowest or _highest for the SD and the range beside a result, and
    with _if_mae for a validation RMSE that is read as a mean absolute error. `low` and `high` are the 95 % interval of
    the run's value, those of the difference hold the paper's own sampling error and its rounding, too. `shown_in` is
    a page#anchor of the book. What is so `by_construction` could not have come out otherwise: the code has the paper's
    value, whatever the run.
    """

    name: str
    claim: str
    kind: str
    section: str
    position: str
    also: tuple[str, ...]
    paper: object
    run: object
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    unit: str
    verdict: str
    shown_in: str
    note: str
    by_construction: bool = False


def claim_of(printed, estimate, verdict, note="", off=(None, None), value=None):
    """The claim of a row of the paper's table, from the run's value with its interval, and that of the difference.

    `value` is what the paper prints, where that is not the row's own value, but beside it.
    """
    run, low, high = estimate
    value = printed.value if value is None else value
    numbers = all(isinstance(one, (int, float)) for one in (value, run)) and printed.kind != "context"
    return Claim(printed.key, printed.label(), printed.kind, printed.section, printed.position, printed.also, value,
                 run, low, high, run - value if numbers else None, *off, printed.unit, verdict,
                 address(printed.book[0]), note or (TOO_FEW if verdict == NOT_TESTABLE else ""))  # fmt: skip
