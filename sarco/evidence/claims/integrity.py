"""Whether the tables of a run are whole: every row that ought to be there is, and those of two runs are not mixed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from ... import paper
from ...base.errors import SarcoError
from ...method import postprocess
from ...runs import evaluation
from ...runs.evaluation import STUDENT
from .. import assumptions, headline, member_orders, other_populations, settings, speed, statistics
from ..printed import PRINTED, address
from .rules import RULES, Measured

SAME_CM2 = 0.1  # what rounding leaves of one area in two tables
ELSEWHERE = "06-bias#fig-elsewhere"
# Keys of the profile in run.json, and the claim that each feeds first.
KEYS = {"reference_cases": "RELEASED", "training_setting": "RELEASED", "spacing_mm": "MATRIX", "members": "MEMBERS",
        "filters": "FILTERS", "epochs": "EPOCHS", "batch_size": "BATCH_SIZE", "learning_rate": "LEARNING_RATE",
        "decay_power": "DECAY_POWER"}  # fmt: skip
# The claim that each sweep is about.
SWEPT = {"order": "SPLINE_ORDER", "threshold": "THRESHOLD", "threshold_alone": "THRESHOLD",
         "dilation_px": "DILATION_CONNECTIVITY", "dilation_mm": "DILATION_CONNECTIVITY", "low_hu": "MUSCLE_HU",
         "high_hu": "MUSCLE_HU"}  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Rows that a table must have.

    `columns` tell one row from another, `values` are columns that may not be empty, and `words` are a row in words,
    with a place for each of its key. `keys` takes the run, and gives the keys of all rows, each with the claim that it
    feeds first, or None; `also` is what else it feeds, `shown` where the book shows what feeds no claim.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    words: str
    keys: Callable
    also: str = ""
    shown: str = ""


def check(run):
    """A `SarcoError` of the first row that the tables of a run lack: the file, the row, and the claim that it feeds."""
    keys = KEYS | ({"difficult_cases": None} if run.has("elsewhere") or run.has("ablation") else {})
    for key, claim in keys.items():
        if key not in run.made_with:
            _lacks(run, "run.json", f"the key {key!r} of its profile", claim, shown=ELSEWHERE)
    _check_cohort(run)
    for name, rows in TABLES.items():
        # A committed run has all that its profile asks for, another those that were made.
        wanted = run.profile.committed and (name != "ablation" or run.made_with.get("ablation_variants"))
        if wanted or name in ("training", "cases") or run.has(name):
            _check_rows(run, name, rows)
    if run.has("sweeps"):  # both tables hold the paper's own setting
        table = run.results("sweeps")
        _check_same_run(run, "sweeps", table[(table["sweep"] == "threshold") & (table["value"] == paper.THRESHOLD)],
                        "area_cm2")  # fmt: skip
    if run.has("readers"):
        table = run.results("readers")
        _check_same_run(run, "readers", table[table["scale"] == 1].drop_duplicates("case"), "reference_area_cm2")


def _check_cohort(run):
    cohort, cases = run.results("cohort"), run.results("cases")
    there, wanted = set(cohort["case"]), run.made_with["reference_cases"]
    missing = [case for case in cases["case"].unique() if case not in there]
    if not missing and len(there) < wanted:
        width = max(map(len, there), default=1)
        missing = [f"{i:0{width}d}" for i in range(1, wanted + 1) if f"{i:0{width}d}" not in there]
    if missing:
        of_test = ((cases["case"] == missing[0]) & (cases["split"] == "test")).any()
        _lacks(run, "cohort.csv", f"the row of case {missing[0]}", "TEST" if of_test else "RELEASED")


def _check_rows(run, name, rows):
    table = run.results(name)
    table = table.assign(nth=table.groupby(rows.columns[0]).cumcount())
    full = table[[*rows.values]].replace([np.inf, -np.inf], np.nan).notna().all(axis=1)
    keys = list(zip(*(table[column] for column in rows.columns), strict=True))
    there, whole = set(keys), {key for key, ok in zip(keys, full, strict=True) if ok}
    for key, claim in rows.keys(run).items():
        if key not in whole:
            what = "a value in the row" if key in there and name == "cases" else "the row"
            _lacks(run, f"{name}.csv", f"{what} of {rows.words.format(*key)}", claim, rows.also, rows.shown)


def _lacks(run, file, what, claim, also="", shown=""):
    feeds = f"feeds no claim of the paper, but the book's own {address(shown) if shown else 'tables'}"
    if claim:
        printed = PRINTED[claim]
        feeds = f"feeds the claim '{printed.label()}' ({printed.section}, {printed.position}){also}"
    raise SarcoError(f"{run.profile.results_dir / file}: lacks {what}, which {feeds}; {run.remedy}.")


def _check_same_run(run, name, here, column):
    """Refuse a table whose cases have another area than in cases.csv, where they must have the same, or none."""
    splits = (headline.rows(run.results("cases"), split) for split in ("validation", "test"))
    ours = {case: cm2 for rows in splits for case, cm2 in zip(rows["case"], rows[column], strict=True)}
    for case, cm2 in zip(here["case"], here[column], strict=True):
        if case not in ours or abs(cm2 - ours[case]) > SAME_CM2:
            there = f"{ours[case]:.1f} cm2" if case in ours else "no area"
            raise SarcoError(
                f"{run.profile.results_dir / name}.csv: case {case} has {cm2:.1f} cm2, and {there} in "
                f"cases.csv, so they are of two runs; {run.remedy}."
            )


def _evaluated(run, most=None):
    """Cases whose masks are measured, each with its split: of the test set as many as the profile says."""
    cohort = run.results("cohort")
    validation, test = (cohort.loc[cohort["split"] == split, "case"].tolist() for split in ("validation", "test"))
    test = test[: run.made_with.get("evaluation_cases")][:most]
    return {case: "validation" for case in validation} | {case: "test" for case in test}


@cache
def _fed(split, step, members, size):
    """The first claim that reads such a row of cases.csv, or None; the student (0 members) feeds none."""
    for name, rule in RULES.items():
        if members and isinstance(rule, Measured) and PRINTED[name].split == split:
            for wanted_step, wanted in (statistics.STAGES[stage] for stage in rule.stages):
                if step == wanted_step and members == (1 if wanted == "one" else size):
                    return name
    return "PLATEAU_MEMBERS" if members and (split, step) == ("validation", "threshold") else None


def _cases(run):
    size = run.made_with["members"]
    counts = {subset: len(members) for subset, members in evaluation.subsets(size).items()}
    if run.made_with.get("student_cases"):
        counts[STUDENT] = 0
    return {
        (case, subset, step): _fed(split, step, members, size)
        for case, split in _evaluated(run).items()
        for subset, members in counts.items()
        for step in postprocess.STEPS
    }


def _readers(run):
    size = run.made_with["members"]
    cases = run.results("cases").drop_duplicates("case").sort_values(["split", "case"])
    return {
        (case, scale, subset, step): _fed(split, step, len(members), size)
        for case, split in zip(cases["case"], cases["split"], strict=True)
        for scale in assumptions.SCALES
        for (subset, step), members in assumptions.judged(size, split).items()
    }


def _orders(run):
    size = run.made_with["members"]
    orders, members = range(1, len(member_orders.draw(size)) + 1), range(1, size + 1)
    return dict.fromkeys(product(orders, members, member_orders.STEPS), "PLATEAU_MEMBERS")


def _sweeps(run):
    tried = [(name, float(value)) for name, values in settings.SWEEPS.items() for value in values]
    return {(case, *one): SWEPT[one[0]] for case in _evaluated(run, settings.TEST_CASES) for one in tried}


def _difficult(run, of, *steps):
    cases = [f"{case:04d}" for case in range(1, run.made_with["difficult_cases"] + 1)]
    return dict.fromkeys(product(of, cases, *steps))


TABLES = {
    "training": Rows(
        ("member", "epoch"), (), "member {}, epoch {}",
        lambda run: dict.fromkeys(product(*(range(1, run.made_with[k] + 1) for k in ("members", "epochs"))), "EPOCHS"),
    ),
    "cases": Rows(("case", "subset", "step"), ("dsc", "area_cm2", "reference_area_cm2", "quality"),
                  "case {}, members {}, step {}", _cases),
    "orders": Rows(("order", "members", "step"), tuple(member_orders.PLATEAU), "order {}, {} members, step {}",
                   _orders, also=" and figures 2B and 2C"),
    "sweeps": Rows(("case", "sweep", "value"), ("dsc", "area_cm2", "reference_area_cm2"), "case {}, {} {:g}", _sweeps),
    "elsewhere": Rows(
        ("population", "case", "step"), ("dsc", "area_cm2", "true_area_cm2"), "{} case {}, step {}",
        lambda run: _difficult(run, other_populations.POPULATIONS, other_populations.STEPS), shown=ELSEWHERE,
    ),
    # Two rows may have one name: the how manieth of it tells them apart.
    "bench": Rows(("what", "nth"), (), "{}",
                  lambda run: {(what, speed.ROWS[:i].count(what)): None for i, what in enumerate(speed.ROWS)},
                  shown="03-training#tab-bench"),
    "readers": Rows(("case", "scale", "subset", "step"), ("dsc", "reference_area_cm2"),
                    "case {}, readers' scale {:g}, members {}, step {}", _readers),
    "ablation": Rows(("variant", "case"), ("dsc", "area_cm2"), "variant {}, case {}",
                     lambda run: _difficult(run, run.made_with["ablation_variants"]), shown="01-data#fig-ablation"),
}  # fmt: skip
