"""Whether the tables of a run are whole: every row that ought to be there is, and those of two runs are not mixed."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from ... import paper
from ...base.errors import SarcoError
from ...method import postprocess
from ...runs import evaluation, opening
from ...runs.evaluation import STUDENT
from .. import assumptions, member_orders, other_populations, speed, statistics, steps, sweeps, tissue_errors
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


# Tables that a profile may do without, by the key that asks for them.
ASKED_BY = {"ablation": "ablation_variants", "tissues": "student_cases"}


def check(run):
    """A `SarcoError` of the first row that the tables of a run lack: the file, the row, and the claim that it feeds."""
    keys = KEYS | ({"difficult_cases": None} if run.has("elsewhere") or run.has("ablation") else {})
    for key, claim in keys.items():
        if key not in run.made_with:
            _lacks(run, "run.json", f"the key {key!r} of its profile", claim, shown=ELSEWHERE)
    for name in TABLES:
        # A committed run has all that its profile asks for, another those that were made.
        asked = run.made_with.get(ASKED_BY[name]) if name in ASKED_BY else True
        wanted = run.profile.committed and asked
        if wanted or name in ("cohort", "training", "cases") or run.has(name):
            check_rows(run, name)
    opening.of(run)
    if run.has("sweeps"):  # both tables hold the paper's own setting
        papers = run.results("sweeps").query("sweep == 'threshold'")
        _check_same_run(run, "sweeps", papers[papers["value"] == paper.THRESHOLD], "area_cm2")
    if run.has("readers"):
        own = run.results("readers").query("scale == 1").drop_duplicates("case")
        _check_same_run(run, "readers", own, "reference_area_cm2")


def check_rows(run, name):
    """Look for each of the rows that one of `TABLES` must have."""
    rows, table = TABLES[name], run.results(name)
    columns = re.findall(r"{(\w+)", rows.words)
    full = table[rows.values.split()].replace([np.inf, -np.inf], np.nan).notna().all(axis=1)
    there, whole = (Counter(zip(*some[columns].to_numpy(object).T, strict=True)) for some in (table, table[full]))
    for key, claim in rows.keys(run):
        if not whole[key]:
            what = "a value in the row" if there[key] and name == "cases" else "the row"
            words = rows.words.format(**dict(zip(columns, key, strict=True)))
            _lacks(run, f"{name}.csv", f"{what} of {words}", claim, rows.also, rows.shown)
        whole[key] -= 1  # of the benchmark, two rows have one name


def _lacks(run, file, what, claim, also="", shown=""):
    feeds = f"feeds no claim of the paper, but the book's own {address(shown) if shown else 'tables'}"
    if claim:
        printed = PRINTED[claim]
        feeds = f"feeds the claim '{printed.label()}' ({printed.section}, {printed.position}){also}"
    raise SarcoError(f"{run.profile.results_dir / file}: lacks {what}, which {feeds}; {run.remedy}.")


def _check_same_run(run, name, here, column):
    """Refuse a table whose cases have another area than in cases.csv, where they must have the same, or none."""
    splits = (steps.rows(run.results("cases"), split) for split in ("validation", "test"))
    ours = {case: cm2 for rows in splits for case, cm2 in zip(rows["case"], rows[column], strict=True)}
    for case, cm2 in zip(here["case"], here[column], strict=True):
        if case not in ours or abs(cm2 - ours[case]) > SAME_CM2:
            there = f"{ours[case]:.1f} cm2" if case in ours else "no area"
            raise SarcoError(
                f"{run.profile.results_dir / name}.csv: case {case} has {cm2:.1f} cm2, and {there} in "
                f"cases.csv, so they are of two runs; {run.remedy}."
            )


# What must be there: keys of rows, each with the claim that it feeds first, or None ----------------------------------


def _fed_by(claim, *axes):
    return ((key, claim) for key in product(*axes))


def _up_to(run, key):
    return range(1, run.made_with[key] + 1)


def _cohort(run):
    """The cases that were measured, and as many others as the profile says, if there are fewer."""
    cases, there = run.results("cases").drop_duplicates("case"), run.results("cohort")["case"]
    feeds = {one.case: "TEST" if one.split == "test" else "RELEASED" for one in cases.itertuples()}
    if len(there) < run.made_with["reference_cases"]:
        width = max(map(len, there), default=1)
        for number in _up_to(run, "reference_cases"):
            feeds.setdefault(f"{number:0{width}d}", "RELEASED")
    return (((case,), claim) for case, claim in feeds.items())


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
            for wanted_step, which in (statistics.STAGES[stage] for stage in rule.stages):
                if step == wanted_step and members == (1 if which == "one" else size):
                    return name
    return "PLATEAU_MEMBERS" if members and (split, step) == ("validation", "threshold") else None


def _cases(run):
    size = run.made_with["members"]
    counts = {subset: len(members) for subset, members in evaluation.subsets(size).items()}
    if run.made_with.get("student_cases"):
        counts[STUDENT] = 0
    for (case, split), subset, step in product(_evaluated(run).items(), counts, postprocess.STEPS):
        yield (case, subset, step), _fed(split, step, counts[subset], size)


def _readers(run):
    size = run.made_with["members"]
    cases = run.results("cases").drop_duplicates("case").sort_values(["split", "case"])
    for (case, split), scale in product(zip(cases["case"], cases["split"], strict=True), assumptions.SCALES):
        for (subset, step), members in assumptions.judged(size, split).items():
            yield (case, scale, subset, step), _fed(split, step, len(members), size)


def _orders(run):
    orders = range(1, len(member_orders.draw(run.made_with["members"])) + 1)
    return _fed_by("PLATEAU_MEMBERS", orders, _up_to(run, "members"), member_orders.STEPS)


def _sweeps(run):
    for case, (name, values) in product(_evaluated(run, sweeps.TEST_CASES), sweeps.SWEEPS.items()):
        yield from _fed_by(SWEPT[name], [case], [name], map(float, values))


def _labels(run):
    table = run.results("labels")
    return _fed_by(None, *(table[column].unique() for column in ("arm", "network", "case", "step")))


def _difficult(run):
    return [f"{case:04d}" for case in _up_to(run, "difficult_cases")]


def _ablated(run):
    """Each case that any variant has, once for each network of the variant."""
    table = run.results("ablation")  # which may be of an earlier run, and of another number of phantoms
    cases = table.drop_duplicates([name for name in ("population", "case") if name in table])["case"].tolist()
    for variant in run.made_with["ablation_variants"]:
        networks = table.loc[table["variant"] == variant, "seed"].nunique() if "seed" in table else 1
        yield from _fed_by(None, [variant], cases * max(1, networks))


def _parted(run):
    return (((case, *part), None) for case, part in product(_evaluated(run), tissue_errors.PARTS))


@dataclass(frozen=True)
class Rows:
    """Rows of a table: in words with their key, what may not be empty, and what feeds no claim of the paper."""

    words: str
    keys: Callable
    values: str = ""
    also: str = ""
    shown: str = ""


TABLES = {
    "cohort": Rows("case {case}", _cohort),
    "training": Rows("member {member}, epoch {epoch}",
                     lambda run: _fed_by("EPOCHS", _up_to(run, "members"), _up_to(run, "epochs"))),
    "cases": Rows("case {case}, members {subset}, step {step}", _cases, "dsc area_cm2 reference_area_cm2 quality"),
    "orders": Rows("order {order}, {members} members, step {step}", _orders, " ".join(member_orders.PLATEAU),
                   also=" and figures 2B and 2C"),
    "sweeps": Rows("case {case}, {sweep} {value:g}", _sweeps, "dsc area_cm2 reference_area_cm2"),
    "elsewhere": Rows("{population} case {case}, step {step}",
                      lambda run: _fed_by(None, other_populations.POPULATIONS, _difficult(run),
                                          other_populations.STEPS),
                      "dsc area_cm2 true_area_cm2", shown=ELSEWHERE),
    "bench": Rows("{what}", lambda run: _fed_by(None, speed.ROWS), shown="03-training#tab-bench"),
    "readers": Rows("case {case}, readers' scale {scale:g}, members {subset}, step {step}", _readers,
                    "dsc reference_area_cm2"),
    "labels": Rows("arm {arm}, network {network}, case {case}, step {step}", _labels,
                   "true_dsc area_cm2 true_area_cm2", shown="03-training#fig-noise"),
    "tissues": Rows("case {case}, tissue {tissue}, side {side}", _parted, shown="11-tissues#tab-tissues"),
    "ablation": Rows("variant {variant}, case {case}", _ablated, "dsc area_cm2", shown="01-data#fig-ablation"),
}  # fmt: skip
