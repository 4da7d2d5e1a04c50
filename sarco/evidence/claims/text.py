"""The table of claims as text: for people, for scripts, and for the book."""

import json
from dataclasses import asdict

from ..bootstrap import DRAWS, SEED
from ..printed import FIGURES, address
from .judging import UNITS
from .measured import WIDEST_PERCENT, decimals
from .verdicts import NOT_TESTABLE, VERDICTS

GROUPS = {
    # name: sections of the paper
    "data": ("Study population", "Ground truth generation"),
    "method": ("Pre-processing", "Model architecture", "Network training", "Post-processing", "Surface estimation"),
    "results": ("Results",),
    "others": ("Introduction", "Discussion", "Figure 2", "Figure 4", "Figure 5", "Figure 6"),
}
KINDS = {
    # name: how they are counted
    "setting": ("setting", "settings"),
    "result": ("result", "results"),
    "spread": ("SD", "SDs"),
    "extreme": ("end of a range", "ends of ranges"),
    "change": ("change", "changes"),
    "direction": ("direction", "directions"),
    "reading": ("second reading", "second readings"),
    "context": ("piece of background", "pieces of background"),
}


def counts_by_kind(claims):
    """By verdict and kind of the claim, where there are any: their "count", and how many "by_construction"."""
    counts = {verdict: {} for verdict in VERDICTS}
    for kind in KINDS:
        for claim in (claim for claim in claims if claim.kind == kind):
            here = counts[claim.verdict].setdefault(kind, {"count": 0, "by_construction": 0})
            here["count"] += 1
            here["by_construction"] += claim.by_construction
    return counts


def told_counts(claims):
    """The same in words, by verdict: "25 settings (7 of them by construction), 1 result", or "none"."""

    def words(kind, count, by_construction):
        fixed = f" ({by_construction} of them by construction)" if by_construction else ""
        return f"{count} {KINDS[kind][count > 1]}{fixed}"

    counts = counts_by_kind(claims).items()
    return {name: ", ".join(words(kind, **n) for kind, n in kinds.items()) or "none" for name, kinds in counts}


def counts_frame(claims):
    """The same for the book, as a DataFrame of texts: a row for each kind, a column for each verdict."""
    import pandas as pd

    def words(count=0, by_construction=0):
        return f"{count}" + (f", {by_construction} by construction" if by_construction else "")

    by_verdict = counts_by_kind(claims).values()
    rows = [(plural, *(words(**kinds.get(kind, {})) for kinds in by_verdict)) for kind, (_, plural) in KINDS.items()]
    return pd.DataFrame(rows, columns=["", *VERDICTS], dtype=str)


def in_group(claims, group):
    """The claims of one of `GROUPS`, in the order of the paper."""
    return tuple(claim for claim in claims if claim.section in GROUPS[group])


def to_json(claims, profile):
    """The table of a profile for scripts: JSON without NaN, null where there is no value."""
    by_kind = counts_by_kind(claims)
    whole = {
        "profile": profile.name,
        "bootstrap": {"draws": DRAWS, "seed": SEED, "interval_percent": 95},
        "widest_percent": WIDEST_PERCENT,
        "verdicts": {name: sum(numbers["count"] for numbers in kinds.values()) for name, kinds in by_kind.items()},
        "verdicts_by_kind": by_kind,
        "figures": {name: {"shows": one.claim, "shown_in": [*map(address, one.book)]} for name, one in FIGURES.items()},
        "claims": [asdict(claim) for claim in claims],
    }
    return json.dumps(whole, indent=2, allow_nan=False)


def cells(claim, units=True):
    """The paper's value, the run's and the difference as people read them; empty where there is none.

    With `units` the unit stands behind each value.
    """
    unit = UNITS.get(claim.unit, claim.unit) if units else ""
    unit = unit if unit in ("", "°") else f" {unit}"
    of_constant = claim.name.isupper()
    rounded = isinstance(claim.paper, float) and claim.kind != "setting" and not of_constant
    printed = _text(claim.paper, decimals(claim.paper, claim.unit) if rounded else None)
    printed += unit if claim.kind != "direction" else ""
    if claim.run is None:
        return printed, "", ""
    places = None if of_constant or claim.kind in ("setting", "context") else 3 if claim.unit == "" else 1
    # What is compared with 0 has a sign.
    sign = "+" if claim.unit == "%" or (claim.kind == "direction" and claim.paper.endswith(" 0")) else ""
    run = _with_interval(claim.run, claim.low, claim.high, places, sign)
    difference = _with_interval(claim.difference, claim.difference_low, claim.difference_high, places, "+")
    return printed, run + ("" if isinstance(claim.run, str) else unit), difference


def _with_interval(value, low, high, places, sign):
    text = "" if value is None else _text(value, places, sign)
    return text if low is None else f"{text} ({_text(low, places, sign)} to {_text(high, places, sign)})"


def _text(value, places=None, sign=""):
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return (", " if isinstance(value[0], str) else " to ").join(map(_text, value))
    if places is not None:
        return f"{value:{sign}z.{places}f}"
    if value == 0:
        return "0"
    if isinstance(value, int):
        return f"{value:{sign},}" if abs(value) > 9999 else f"{value:{sign}}"
    return f"{value:{sign}.3g}"


def verdict_told(claim, notes=True):
    """The verdict with what is to be known of it, but for reasons that stand elsewhere."""
    verdict = claim.verdict + (", by construction" if claim.by_construction else "")
    apart = not notes or claim.verdict == NOT_TESTABLE or claim.kind == "extreme"
    return verdict if apart or not claim.note else f"{verdict}: {claim.note}"


def frame(claims, link=str):
    """The table for the book, as a DataFrame of texts; `link` makes that of the last column from an address."""
    import pandas as pd

    rows = []
    for claim in claims:
        printed, run, difference = cells(claim, units=False)
        unit = UNITS.get(claim.unit, claim.unit)
        short = claim.position.replace("paragraph ", "¶").replace("sentence ", "s")
        beside = claim.kind in ("spread", "extreme", "reading")
        rows.append(
            (
                f"… {claim.claim.split(', ')[-2]}" if beside else claim.claim + (f" ({unit})" if unit else ""),
                printed,
                "; ".join(filter(None, (run, claim.note if claim.verdict == NOT_TESTABLE else ""))),
                difference,
                verdict_told(claim),
                f"{claim.section}, {short}",
                link(claim.shown_in),
            )
        )
    columns = ["claim", "the paper", "this run", "difference", "verdict", "in the paper", "in the book"]
    return pd.DataFrame(rows, columns=columns, dtype=str)


def figures_frame(link=str):
    """The paper's figures for the book, as a DataFrame of texts: what each shows, and where the book has the same."""
    import pandas as pd

    rows = [(name, figure.claim, ", ".join(map(link, map(address, figure.book)))) for name, figure in FIGURES.items()]
    return pd.DataFrame(rows, columns=["figure of the paper", "what it shows", "in the book"], dtype=str)
