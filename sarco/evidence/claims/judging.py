"""The table of claims: each is judged by its rule, and again under every other assumption that it could hang on."""

from dataclasses import replace
from functools import cache, partial

from .. import assumptions, statistics, steps
from ..printed import PRINTED
from ..run import Run
from . import verdicts
from .integrity import check
from .measured import AS_MAE, Direction, Measured
from .rules import NOT_TRAINED_ON, RULES, trained_on_readers
from .verdicts import CAME_OUT, NOT_JUDGED, NOT_REPRODUCED, NOT_TESTABLE

UNITS = {"cm2": "cm²", "cm4": "cm⁴", "degrees": "°"}  # as people write them
TOO_WIDE = "it agrees, within an interval too wide to tell"
UNCLEAR = "unclear: the interval holds both directions"


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
        words = f"{row.assumption} ({UNITS.get(row.unit, row.unit)})" if row.unit else row.assumption
        others.setdefault(row.name, {}).setdefault(words, []).append((f"{row.at:.2g}", row.verdict))
    return tuple(claim for name in PRINTED for claim in _claims(run, name, judged, others))


def judge(cases):
    """All that is measured on cases, as `Claim` by name, each on its own, whatever it depends on.

    `cases` is cases.csv, or what it would be under another assumption. Read are, on validation, the members each alone
    at step threshold, and all together at threshold and window; on test, all together at window.
    """
    final, at_stage = (cache(partial(of, cases)) for of in (steps.rows, statistics.at_stage))
    measured = {name: rule for name, rule in RULES.items() if isinstance(rule, (Measured, Direction))}
    claims = (claim for name, rule in measured.items() for claim in rule.claims(PRINTED[name], final, at_stage))
    return {claim.name: claim for claim in claims}


def under_assumptions(run):
    """All that is measured on cases, under each of `assumptions.alternatives` of a `Run`.

    A DataFrame with one row a claim, assumption and value that was tried: columns name (as in `Claim`), assumption,
    unit, at (the value), and what the claim is then: value, low, high, verdict. No row where there is no readers.csv.
    """
    import pandas as pd

    by_label = [name for name, rule in RULES.items() if getattr(rule, "by_label", False)]
    rows = [
        (name, assumption, unit, at, claim.run, claim.low, claim.high, claim.verdict)
        for assumption, unit, at, cases in (assumptions.alternatives(run) if run.has("readers") else ())
        for name, claim in judge(cases).items()
        if not (assumption == assumptions.SHARE_OF_LABEL and name in by_label)
    ]
    return pd.DataFrame(rows, columns=["name", "assumption", "unit", "at", "value", "low", "high", "verdict"])


def _claims(run, name, judged, others):
    """The claims of one row of the paper's table: one, or one for each reading, SD and end of a range."""
    printed, rule = PRINTED[name], RULES[name]
    note = printed.note if trained_on_readers(run) else NOT_TRAINED_ON.get(name, printed.note)
    if isinstance(rule, Measured):
        yield from _measured(run, printed, judged, others)
    elif not isinstance(rule, Direction):
        yield rule.claim(printed, run, note)
    elif note:
        yield replace(judged[name], verdict=NOT_TESTABLE, note=note)
    else:
        claim = _settled(judged[name], others.get(name), printed.than, rule.note(run))
        yield replace(claim, by_construction=rule.by_construction and claim.verdict in CAME_OUT)


def _measured(run, printed, judged, others):
    name, rule, tried = printed.key, RULES[printed.key], others.get(printed.key)
    mae = judged.get(name + AS_MAE)
    if mae and tried is not None:
        readings = [("an RMSE", judged[name].verdict), ("a mean absolute error", mae.verdict)]
        tried = {"a printed number that is": readings} | tried
    claim = _settled(judged[name], tried)
    yield replace(claim, verdict=NOT_JUDGED, note=rule.counted) if rule.counted else claim
    if mae:
        alone, _ = verdicts.settle(mae.verdict, others.get(mae.name))
        yield replace(mae, verdict=NOT_JUDGED, note=f"read so: {alone}; counted above")
    if printed.sd is not None:
        yield _settled(judged[f"{name}_sd"], others.get(f"{name}_sd"))
        yield from rule.extremes(printed, steps.summarise(run.results("cases"), printed.split).loc[rule.stage])


def _settled(claim, others, than=0, note=""):
    """A claim with the verdict that holds whatever is assumed, and with what is to be known of it."""
    verdict, depends = verdicts.settle(claim.verdict, others)
    if depends:
        note = "; ".join(filter(None, (depends, note)))
    elif verdict == NOT_JUDGED:
        note = TOO_WIDE
    elif verdict == NOT_REPRODUCED and claim.kind in ("change", "direction") and claim.low is not None:
        note = "; ".join(filter(None, (UNCLEAR if claim.low <= than <= claim.high else "", note)))
    return replace(claim, verdict=verdict, note=note or claim.note)
