"""The table of claims: each number and direction of the paper beside a run's, with the verdict of its rule."""

from dataclasses import dataclass, replace
from functools import cache, partial

from .. import assumptions, headline, statistics
from ..printed import PRINTED, address
from ..run import Run
from . import verdicts
from .integrity import check
from .measured import AS_MAE, OF_A_CASE, Direction, Judged, Measured
from .rules import INSTEAD, NOT_TRAINED_ON, RULES, Fixed, Plateau, Setting, trained_on_readers
from .verdicts import CAME_OUT, NOT_JUDGED, NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED

UNITS = {"cm2": " cm²", "cm4": " cm⁴", "%": " %", "px": " px", "degrees": "°"}
BESIDE = {"dsc": "", "rmse": " of the absolute error", "mse": " of the squared error"}
TOO_FEW = "too few cases or members in this run"
TOO_WIDE = "it agrees, within an interval too wide to tell"
UNCLEAR = "unclear: the interval holds both directions"


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


def table(run, assumed=None):
    """All claims, from the stored results of a run: a tuple of `Claim`, in the order of the paper.

    Parameters
    ----------
    run : sarco.evidence.run.Run, sarco.runs.profiles.Profile or str
    assumed : DataFrame, optional
        What `under_assumptions` gives for this run; else it is computed.

    Raises
    ------
    SarcoError
        A file of the results, a row or a value that a claim needs is missing; the sentence names all three.
    """
    run = run if isinstance(run, Run) else Run(run)
    check(run)
    judged, others = judge(run.results("cases")), {}
    for row in (under_assumptions(run) if assumed is None else assumed).itertuples():
        words = f"{row.assumption} ({UNITS.get(row.unit, row.unit).strip()})" if row.unit else row.assumption
        others.setdefault(row.name, {}).setdefault(words, []).append((f"{row.at:.2g}", row.verdict))
    return tuple(claim for name in PRINTED for claim in _claims(run, name, judged, others))


def judge(cases):
    """All that is measured on cases, as `Judged` by name, each on its own, whatever it depends on.

    `cases` is cases.csv, or what it would be under another assumption. Read are, on validation, the members each alone
    at step threshold, and all together at threshold and window; on test, all together at window.
    """
    at_stage = cache(partial(statistics.at_stage, cases))
    return {
        name + end: judged
        for name, rule in RULES.items()
        if isinstance(rule, (Measured, Direction))
        for end, judged in rule.judge(PRINTED[name], cases, at_stage)
    }


def under_assumptions(run):
    """All that is measured on cases, under each of `assumptions.alternatives` of a `Run`.

    A DataFrame with one row a claim, assumption and value that was tried: columns name (as in `Claim`), assumption,
    unit, at (the value), and value, low, high and verdict, as in `Judged`. No row where the run has no readers.csv.
    """
    import pandas as pd

    rows = [
        (name, assumption, unit, at, one.value, one.low, one.high, one.verdict)
        for assumption, unit, at, cases in (assumptions.alternatives(run) if run.has("readers") else ())
        for name, one in judge(cases).items()
        if not (assumption == assumptions.SHARE_OF_LABEL and getattr(RULES.get(name), "by_label", False))
    ]
    return pd.DataFrame(rows, columns=["name", "assumption", "unit", "at", "value", "low", "high", "verdict"])


def _claims(run, name, judged, others):
    """The claims of one row of the paper's table: one, or one for each reading, SD and end of a range."""
    printed, rule = PRINTED[name], RULES.get(name)
    note = printed.note if trained_on_readers(run) else NOT_TRAINED_ON.get(name, printed.note)
    if rule is None:
        value = INSTEAD[name](run) if name in INSTEAD else None
        yield _claim(printed, _looked_up(value, NOT_TESTABLE), note)
    elif isinstance(rule, Setting):
        value = rule.of(run)
        verdict = NOT_TESTABLE if value is None else REPRODUCED if rule.agrees(printed.value, value) else NOT_REPRODUCED
        claim = _claim(printed, _looked_up(value, verdict), note)
        yield replace(claim, by_construction=isinstance(rule, Fixed) and verdict == REPRODUCED)
    elif isinstance(rule, Plateau):
        yield _claim(printed, *rule.judge(printed.value, run))
    elif isinstance(rule, Direction) and note:
        yield _claim(printed, replace(judged[name], verdict=NOT_TESTABLE), note)
    elif isinstance(rule, Direction):
        claim = _claim(printed, *_settled(judged[name], "direction", others.get(name), rule.note(run)))
        yield replace(claim, by_construction=rule.by_construction and claim.verdict in CAME_OUT)
    else:
        yield from _measured(run, printed, judged, others)


def _measured(run, printed, judged, others):
    """A result or change; the other reading of its number; its SD and the ends of its range."""
    name, rule, tried = printed.key, RULES[printed.key], others.get(printed.key)
    mae = judged.get(name + AS_MAE)
    if mae and tried is not None:
        readings = [("an RMSE", judged[name].verdict), ("a mean absolute error", mae.verdict)]
        tried = {"a printed number that is": readings} | tried
    claim = _claim(printed, *_settled(judged[name], printed.kind, tried))
    yield replace(claim, verdict=NOT_JUDGED, note=rule.counted) if rule.counted else claim

    def beside(end, kind, words, judged, note, value=None):  # as many as a claim has that stands beside another
        claim = _claim(printed, judged, note, value)
        return replace(claim, name=name + end, kind=kind, claim=printed.label(f", {words}"))

    if mae:
        alone, _ = verdicts.settle(mae.verdict, others.get(name + AS_MAE))
        note = f"read so: {alone}; counted above"
        claim = beside(AS_MAE, "reading", "as a mean absolute error", replace(mae, verdict=NOT_JUDGED), note)
        yield replace(claim, shown_in=address(printed.book[-1]))
    if printed.sd is not None:
        words, sd = BESIDE[rule.measure], f"{name}_sd"
        yield beside("_sd", "spread", f"SD{words}", *_settled(judged[sd], "spread", others.get(sd)), printed.sd)
        summary = headline.summarise(run.results("cases"), printed.split).loc[rule.stage]
        column = "dsc_{}" if rule.measure == "dsc" else "absolute_error_{}_cm2"
        for end, short, theirs in (("lowest", "min", printed.low), ("highest", "max", printed.high)):
            value = float(OF_A_CASE[rule.measure](summary[column.format(short)]))
            chance = _looked_up(value, NOT_JUDGED), "an extreme of a sample is chance"
            yield beside(f"_{end}", "extreme", end + words, *chance, theirs)


def _looked_up(value, verdict):
    return Judged(value, None, None, None, None, verdict)


def _settled(judged, kind, others, note=""):
    """What was judged, with the verdict that holds whatever is assumed; and what is to be known of it."""
    verdict, depends = verdicts.settle(judged.verdict, others)
    if depends:
        note = "; ".join(filter(None, (depends, note)))
    elif verdict == NOT_JUDGED:
        note = TOO_WIDE
    elif verdict == NOT_REPRODUCED and kind in ("change", "direction") and judged.off_low is not None:
        low, high = (judged.low, judged.high) if kind == "change" else (judged.off_low, judged.off_high)
        note = "; ".join(filter(None, (UNCLEAR if low <= 0 <= high else "", note)))
    return replace(judged, verdict=verdict), note


def _claim(printed, judged, note, value=None):
    """The claim of a printed value, by default that of the row."""
    value = printed.value if value is None else value
    numbers = all(isinstance(one, (int, float)) for one in (value, judged.value)) and printed.kind != "context"
    off = (None, None) if printed.kind == "direction" else (judged.off_low, judged.off_high)
    too_few = TOO_FEW if judged.verdict == NOT_TESTABLE else ""
    return Claim(printed.key, printed.label(), printed.kind, printed.section, printed.position, printed.also, value,
                 judged.value, judged.low, judged.high, judged.value - value if numbers else None, *off, printed.unit,
                 judged.verdict, address(printed.book[0]), note or too_few)  # fmt: skip
