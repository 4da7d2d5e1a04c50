"""Every number and direction that the paper prints, beside what a run gives, and a verdict by rule.

The paper's side is `paper.STATED`, `paper.RESULTS` and `paper.FINDINGS`; the run's side comes from its stored results
(cases.csv, cohort.csv, training.csv, run.json) and, for what the code alone settles, from the code. No verdict is
written by hand: what can be measured is judged by the `verdict_of_*` functions below.
"""

import inspect
import itertools
import json
import math
from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from . import bench, elsewhere, evaluation, orders, paper, postprocess, preprocess, profiles, surface, sweeps, unet
from .errors import SarcoError
from .statistics import DRAWS, SEED, interval

REPRODUCED = "reproduced"
SAME_DIRECTION = "same direction"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "cannot be tested on phantoms"
VERDICTS = (REPRODUCED, SAME_DIRECTION, NOT_REPRODUCED, NOT_TESTABLE)

# By unit, how far two results may lie apart and be the same in practice. DSC: the last digit that the paper prints;
# relative changes: one point, about that digit; areas: the paper's own limit of a slight error.
MARGIN = {"": 0.01, "%": 1.0, "cm2": paper.QUALITY_LIMIT_CM2}
PIXEL_CM = 0.1  # two fields of view of one network may differ by a pixel of 1 mm in how their rim is counted
PLATEAU_MARGIN = 2  # members

GROUPS = {
    # name: sections of the paper
    "data": ("Study population", "Ground truth generation"),
    "method": (
        "Pre-processing", "Model architecture", "Network training", "Post-processing", "Surface estimation",
    ),
    "results": ("Results",),
    "others": ("Introduction", "Discussion", "Figure 2", "Figure 4", "Figure 5", "Figure 6"),
}  # fmt: skip
SECTIONS = ("Introduction", *GROUPS["data"], *GROUPS["method"], *GROUPS["results"], *GROUPS["others"][1:])
UNITS = {"cm2": " cm²", "cm4": " cm⁴", "%": " %", "px": " px", "degrees": "°"}


@dataclass(frozen=True)
class Claim:
    """One row of the table.

    Attributes
    ----------
    name : str
        As in `paper`; what stands beside a result as SD or range has its name with _sd, _lowest or _highest.
    claim : str
    kind : {"setting", "result", "change", "direction", "context"}
    section, position : str
        Where the paper prints it.
    also : tuple of str
        Where it prints it again.
    paper, run : float, int, str, tuple or None
        None: not printed, or not to be had from a run.
    low, high : float or None
        95 % interval of the run's value, from drawing its cases again.
    difference : float or None
        Run minus paper.
    unit : str
    verdict : str
        One of `VERDICTS`.
    shown_in : str
        Where the book shows it, page#anchor.
    note : str
        Why it cannot be tested, or how the run's value is to be read.
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
    unit: str
    verdict: str
    shown_in: str
    note: str


def table(profile):
    """All claims, from the stored results of a run.

    Parameters
    ----------
    profile : sarco.profiles.Profile or str

    Returns
    -------
    tuple of Claim
        In the order of the paper.

    Raises
    ------
    SarcoError
        A file of the results, a row or a value that a claim needs is missing; the sentence names all three.
    """
    results = Results.load(profile)
    results.check()
    found = [*_stated(results), *_printed(results), *_findings(results)]
    return tuple(sorted(found, key=lambda claim: (SECTIONS.index(claim.section), claim.position)))


# Verdicts ------------------------------------------------------------------------------------------------------------


def verdict_of_setting(printed, run):
    """Equal or not; numbers up to their storage."""
    if run is None:
        return NOT_TESTABLE
    return REPRODUCED if _same(printed, run) else NOT_REPRODUCED


def verdict_of_result(printed, run, low, high, unit):
    """Reproduced, if the paper's value lies in the run's interval or within `MARGIN` of the run's value.

    Squared areas are compared by their roots, which have a margin.
    """
    if run is None:
        return NOT_TESTABLE
    if low is not None and low <= printed <= high:
        return REPRODUCED
    if unit == "cm4":
        printed, run, unit = math.sqrt(printed), math.sqrt(run), "cm2"
    return REPRODUCED if _within(printed, run, MARGIN[unit]) else NOT_REPRODUCED


def verdict_of_change(printed, run, low, high, unit):
    """As a direction; and reproduced, if the size agrees too as that of a result."""
    direction = verdict_of_direction(math.copysign(1, printed), low, high)
    if direction != SAME_DIRECTION:
        return direction
    return REPRODUCED if verdict_of_result(printed, run, low, high, unit) == REPRODUCED else SAME_DIRECTION


def verdict_of_direction(sign, low, high):
    """Same direction, if the whole interval lies on the paper's side of 0."""
    if low is None:
        return NOT_TESTABLE
    return SAME_DIRECTION if min(sign * low, sign * high) > 0 else NOT_REPRODUCED


def _same(one, other):
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=1e-9)


def _within(one, other, margin):
    return abs(one - other) <= margin + 1e-9


# The run -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Results:
    """The stored results of a run.

    Attributes
    ----------
    profile : sarco.profiles.Profile
        Whose results these are.
    made_with : dict
        The profile that they were made with, from run.json: that of a committed run has another name.
    info : dict
        run.json.
    cases, cohort, training : DataFrame
    more : dict of str to DataFrame
        Those of orders.csv, sweeps.csv, elsewhere.csv, bench.csv and ablation.csv that the run has; a committed run
        has all that its profile asks for.
    """

    profile: profiles.Profile
    made_with: dict
    info: dict
    cases: object
    cohort: object
    training: object
    more: dict

    @classmethod
    def load(cls, profile):
        """Read the files.

        Raises
        ------
        SarcoError
            One is not there or cannot be read.
        """
        import pandas as pd

        if not isinstance(profile, profiles.Profile):
            profile = profiles.load(profile)
        folder = profile.results_dir

        def read(name, reader):
            try:
                return reader(folder / name)
            except FileNotFoundError:
                raise SarcoError(
                    f"{folder / name}: no such file, and the claims need it; {_remedy(profile)}."
                ) from None
            except ValueError as error:
                raise SarcoError(f"{folder / name}: cannot be read ({error}); {_remedy(profile)}.") from error

        info = read("run.json", lambda path: json.loads(path.read_text(encoding="utf-8")))
        more = {}
        for name, wanted in (
            ("orders", True),
            ("sweeps", True),
            ("elsewhere", True),
            ("bench", True),
            ("ablation", info.get("profile", {}).get("ablation_variants")),
        ):
            if (wanted and profile.committed) or (folder / f"{name}.csv").is_file():
                more[name] = read(f"{name}.csv", lambda path: pd.read_csv(path, dtype={"case": str}))
        return cls(
            profile,
            info.get("profile", {}),
            info,
            read("cases.csv", evaluation.read_cases),
            read("cohort.csv", lambda path: pd.read_csv(path, dtype={"case": str, "release": str})),
            read("training.csv", pd.read_csv),
            more,
        )

    def setting(self, key, name):
        """A key of the profile that the run was made with, for the claim `name`."""
        if key not in self.made_with:
            self._lacks("run.json", f"the key {key!r} of its profile", paper.STATED[name])
        return self.made_with[key]

    def rows(self, split, step, which="all"):
        """Rows of cases.csv of the whole ensemble ("all") or of its members singly ("one"), by member and case."""
        size = self.setting("members", "MEMBERS") if which == "all" else 1
        rows = self.cases[
            (self.cases["split"] == split)
            & (self.cases["step"] == step)
            & (self.cases["members"] == size)
            & (self.cases["subset"] != surface.STUDENT)
        ]
        if rows.empty:
            raise SarcoError(
                f"{self.profile.results_dir / 'cases.csv'}: has no {split} slice, so nothing can be said of the "
                f"claims on the {split} set; make the results on a cohort that has some."
            )
        return rows.sort_values(["subset", "case"])

    def check(self):
        """Look for every row that ought to be there.

        Raises
        ------
        SarcoError
            Of the first one that is not: the file, the row, and the claim that it feeds.
        """
        self._check_cohort()
        self._check_training()
        self._check_cases()
        for name, table in self.more.items():
            getattr(self, f"_check_{name}")(table)

    def _check_cohort(self):
        there, wanted = set(self.cohort["case"]), self.setting("reference_cases", "RELEASED")
        missing = [case for case in self.cases["case"].unique() if case not in there]
        if not missing and len(there) < wanted:
            width = max(map(len, there), default=1)
            missing = [f"{i:0{width}d}" for i in range(1, wanted + 1) if f"{i:0{width}d}" not in there]
        if missing:
            of_test = not self.cases[(self.cases["case"] == missing[0]) & (self.cases["split"] == "test")].empty
            self._lacks("cohort.csv", f"the row of case {missing[0]}", paper.STATED["TEST" if of_test else "RELEASED"])

    def _check_training(self):
        there = set(zip(self.training["member"], self.training["epoch"], strict=True))
        for member in range(1, self.setting("members", "MEMBERS") + 1):
            for epoch in range(1, self.setting("epochs", "EPOCHS") + 1):
                if (member, epoch) not in there:
                    self._lacks("training.csv", f"the row of member {member}, epoch {epoch}", paper.STATED["EPOCHS"])

    def _check_cases(self):
        subsets = evaluation.subsets(self.setting("members", "MEMBERS"))
        if self.made_with.get("student_cases"):
            subsets[surface.STUDENT] = []
        test = self.cohort.loc[self.cohort["split"] == "test", "case"].tolist()
        wanted = {
            "validation": self.cohort.loc[self.cohort["split"] == "validation", "case"].tolist(),
            "test": test[: self.made_with.get("evaluation_cases")],
        }
        numbers = ["dsc", "area_cm2", "reference_area_cm2"]
        finite = np.isfinite(self.cases[numbers]).all(axis=1) & self.cases["quality"].notna()
        keys = list(zip(self.cases["case"], self.cases["subset"], self.cases["step"], strict=True))
        there, whole = set(keys), {key for key, ok in zip(keys, finite, strict=True) if ok}
        for split, cases in wanted.items():
            for key in ((c, subset, step) for c in cases for subset in subsets for step in postprocess.STEPS):
                if key not in whole:
                    what = "a value in the row" if key in there else "the row"
                    case, subset, step = key
                    fed = _feeds(split, step, len(subsets[subset]), self.made_with["members"])
                    self._lacks("cases.csv", f"{what} of case {case}, members {subset}, step {step}", fed)

    def _check_orders(self, table):
        size = self.setting("members", "MEMBERS")
        wanted = [
            (order, members, step)
            for order in range(1, len(orders.draw(size)) + 1)
            for members in range(1, size + 1)
            for step in orders.STEPS
        ]
        for order, members, step in self._missing(table, ["order", "members", "step"], wanted, list(orders.PLATEAU)):
            what = f"the row of order {order}, {members} members, step {step}"
            self._lacks("orders.csv", what, paper.STATED["PLATEAU_MEMBERS"], figures=("2B", "2C"))

    def _check_sweeps(self, table):
        test = self.cohort.loc[self.cohort["split"] == "test", "case"].tolist()
        test = test[: self.made_with.get("evaluation_cases")][: sweeps.TEST_CASES]
        cases = self.cohort.loc[self.cohort["split"] == "validation", "case"].tolist() + test
        wanted = [(c, name, float(v)) for c in cases for name, values in sweeps.SWEEPS.items() for v in values]
        numbers = ["dsc", "area_cm2", "reference_area_cm2"]
        for case, sweep, value in self._missing(table, ["case", "sweep", "value"], wanted, numbers):
            self._lacks("sweeps.csv", f"the row of case {case}, {sweep} {value:g}", paper.STATED[SWEPT[sweep]])
        # Both tables hold the paper's own setting: it must be the same there, or they are of two runs.
        size, final = self.setting("members", "MEMBERS"), postprocess.STEPS[-1]
        ours = self.cases[(self.cases["members"] == size) & (self.cases["step"] == final)]
        ours = ours[ours["subset"] != surface.STUDENT].set_index("case")["area_cm2"]
        here = table[(table["sweep"] == "threshold") & (table["value"] == paper.THRESHOLD)].set_index("case")[
            "area_cm2"
        ]
        apart = (here - ours[here.index]).abs()
        if (apart > 0.1).any():
            raise SarcoError(
                f"{self.profile.results_dir / 'sweeps.csv'}: at the paper's setting case {apart.idxmax()} has "
                f"{here[apart.idxmax()]:.1f} cm2, and {ours[apart.idxmax()]:.1f} cm2 in cases.csv, so they are of two "
                f"runs; {_remedy(self.profile)}."
            )

    def _check_elsewhere(self, table):
        wanted = list(itertools.product(elsewhere.POPULATIONS, self._difficult(), elsewhere.STEPS))
        numbers = ["dsc", "area_cm2", "true_area_cm2"]
        for population, case, step in self._missing(table, ["population", "case", "step"], wanted, numbers):
            what = f"the row of {population} case {case}, step {step}"
            self._lacks("elsewhere.csv", what, None, shown=_address("06-bias#fig-elsewhere"))

    def _check_bench(self, table):
        for what in (Counter(bench.ROWS) - Counter(table["what"])).elements():
            self._lacks("bench.csv", f"the row of {what}", None, shown=_address("03-training#tab-bench"))

    def _difficult(self):
        return [f"{case:04d}" for case in range(1, self.made_with["difficult_cases"] + 1)]

    def _check_ablation(self, table):
        wanted = list(itertools.product(self.made_with["ablation_variants"], self._difficult()))
        for variant, case in self._missing(table, ["variant", "case"], wanted, ["dsc", "area_cm2"]):
            what = f"the row of variant {variant}, case {case}"
            self._lacks("ablation.csv", what, None, shown=_address("01-data#fig-ablation"))

    @staticmethod
    def _missing(table, columns, wanted, numbers):
        """Keys among `wanted` that a table does not have, or not with all its numbers, in their order."""
        whole = table[np.isfinite(table[numbers]).all(axis=1)]
        there = set(zip(*(whole[column] for column in columns), strict=True))
        return (key for key in wanted if key not in there)

    def _lacks(self, file, what, fed, figures=(), shown=""):
        claim = (
            f"which feeds the claim '{_label(fed)}' ({fed.section}, {fed.position})"
            if fed
            else f"which feeds no claim of the paper, but the book's own {shown or 'tables'}"
        )
        if figures:
            claim += f" and figures {' and '.join(figures)}"
        raise SarcoError(f"{self.profile.results_dir / file}: lacks {what}, {claim}; {_remedy(self.profile)}.")


def _remedy(profile):
    return (
        "restore it with git"
        if profile.committed
        else f"'make results PROFILE={profile.name}' makes it again once the file is removed"
    )


# The claim that each sweep is about.
SWEPT = {
    "order": "SPLINE_ORDER",
    "threshold": "THRESHOLD",
    "threshold_alone": "THRESHOLD",
    "dilation_px": "DILATION_CONNECTIVITY",
    "dilation_mm": "DILATION_CONNECTIVITY",
    "low_hu": "MUSCLE_HU",
    "high_hu": "MUSCLE_HU",
}


def _feeds(split, step, members, size):
    """The first claim that reads such a row of cases.csv, or None; the student (0 members) feeds none."""
    if not members:
        return None
    for name, (stage, _) in MEASURED.items():
        printed = paper.RESULTS[name]
        for one in stage if isinstance(stage, tuple) else (stage,):
            wanted_step, which = STAGES[one]
            if split == printed.split and step == wanted_step and members == (1 if which == "one" else size):
                return printed
    if split == "validation" and step == "threshold":
        return paper.STATED["PLATEAU_MEMBERS"]
    return None


# Settings ------------------------------------------------------------------------------------------------------------


def _default(function, name):
    return inspect.signature(function).parameters[name].default


def _made_with(key):
    return lambda results, name: results.setting(key, name)


def _splits(*splits):
    return lambda results, name: int(results.cohort["split"].isin(splits).sum())


def _always(value):
    return lambda results, name: value


def _matrix(results, name):
    return preprocess.network_size(results.setting("spacing_mm", name))


def _tensor(reduce):
    # The ends of the window, as the code brings them to the network, on pixels large enough to need few.
    side_mm = paper.FIELD_MM / 4
    seen = [preprocess.to_network(np.full((4, 4), hu), (side_mm, side_mm), side_mm) for hu in preprocess.WINDOW_HU]
    return reduce(np.stack(seen))


def _iterations(results, name):
    each = results.training["iteration"] / results.training["epoch"]
    return int(each.iloc[0]) if (each == each.iloc[0]).all() else None


def _inference_hours(results, name):
    """Hours for a test set of the paper's size, from the time of the whole evaluation, which does more."""
    told = results.info.get("evaluation", {})
    fresh = told.get("cases", 0) - told.get("resumed", 0)
    return told["seconds"] / fresh * paper.TEST / 3600 if fresh > 0 else None


def _plateau(results, name):
    """The number of members from which on the DSC gains nothing, on average over the orders that were measured."""
    if "orders" in results.more:
        return orders.plateau(results.more["orders"], "threshold", "dsc")[0]
    return orders.plateau_of(evaluation.by_members(results.cases, "validation")["dsc_mean"].to_numpy(), "dsc")


def _readers():
    from .cohort import readers

    return readers


RUN_SETTINGS = {
    "RELEASED": _splits("train", "validation", "excluded"),
    "RELEASES": lambda results, name: int(results.cohort["release"].nunique()),
    "TEST": lambda results, name: int(results.cases.loc[results.cases["split"] == "test", "case"].nunique()),
    "INFERENCE_LIMIT_HOURS": _inference_hours,
    "EXCLUDED": _splits("excluded"),
    "INCLUDED": _splits("train", "validation"),
    "VALIDATION": _splits("validation"),
    "MUSCLE_HU": _always((_default(postprocess.window, "low"), _default(postprocess.window, "high"))),
    "QUALITY_LABELS": lambda results, name: tuple(sorted(results.cohort["quality"].dropna().unique())),
    "QUALITY_LIMIT_CM2": lambda results, name: _readers().SLIGHT_CM2,
    "MATRIX": _matrix,
    "SPACING_MM": _made_with("spacing_mm"),
    "SPLINE_ORDER": _always(preprocess.ORDER),
    "WINDOW_HU": _always(tuple(preprocess.WINDOW_HU)),
    "NORMALISED": lambda results, name: _tensor(lambda seen: (float(seen.min()), float(seen.max()))),
    "STORED_BITS": lambda results, name: _tensor(lambda seen: 8 * seen.itemsize),
    "MEMBERS": _made_with("members"),
    "DEPTH": _always(unet.DEPTH),
    "FILTERS": _made_with("filters"),
    "CONVOLUTIONS": _always(_default(unet.unet, "convolutions")),
    # One more convolution widens the field by its side less 1.
    "FILTER_SIZE": lambda results, name: unet.encoder_receptive_field(1, 2) - unet.encoder_receptive_field(1, 1) + 1,
    "WEIGHTS": lambda results, name: unet.weight_count(results.setting("filters", name))[0],
    "RECEPTIVE_FIELD_CM": lambda results, name: (
        unet.encoder_receptive_field() * results.setting("spacing_mm", name) / 10
    ),
    "EPOCHS": lambda results, name: int(results.training["epoch"].max()),
    "ITERATIONS": _iterations,
    "BATCH_SIZE": _made_with("batch_size"),
    "LEARNING_RATE": _made_with("learning_rate"),
    "DECAY_POWER": _made_with("decay_power"),
    "ROTATION_DEG": _always(paper.ROTATION_DEG),
    "SCALE": _always(paper.SCALE),
    "PERFECT_DSC": lambda results, name: evaluation.metrics.dice(np.ones((2, 2), bool), np.ones((2, 2), bool)),
    "THRESHOLD": _always(_default(postprocess.threshold, "level")),
    "DILATION_CONNECTIVITY": _always(postprocess.DILATION_CONNECTIVITY),
    "CORRECTION_LABELS": _always(surface.CORRECTION_LABELS),
    "PLATEAU_MEMBERS": _plateau,
}
_BY_CONSTRUCTION = "the code takes this value from sarco/paper.py"
NOTES = {
    name: _BY_CONSTRUCTION
    for name in ("MUSCLE_HU", "WINDOW_HU", "ROTATION_DEG", "SCALE", "THRESHOLD", "DILATION_CONNECTIVITY",
                 "CORRECTION_LABELS")
} | {
    "INFERENCE_LIMIT_HOURS": "time of the whole evaluation, which does more than the inference; a limit, not a result",
    "FILTERS": "with the paper's number the weights cannot be counted as it prints them",
    "RECEPTIVE_FIELD_CM": "of the encoder, through its last pooling, at this run's pixels",
    "SPLINE_ORDER": "the paper calls it linear; a cubic spline here",
}  # fmt: skip
# Why these have no test, with what the run has in their place where it has anything.
_BACKGROUND = "what others found, or general knowledge; no part of the method"
_DRAWING = "how a figure is drawn, not a result"
_MACHINE = "the authors' machine"
_HISTORY = "how the challenge went"
UNTESTABLE = {
    "CANCER_SHARE_PERCENT": _BACKGROUND,
    "INDICES": _BACKGROUND,
    "USUAL_LEVELS": _BACKGROUND,
    "WESTON_COMPARTMENTS": _BACKGROUND,
    "LEE_GREY_LEVELS": _BACKGROUND,
    "LEE_BITS": _BACKGROUND,
    "lee_2017_dsc": _BACKGROUND,
    "park_2020_dsc": _BACKGROUND,
    "weston_2019_dsc": _BACKGROUND,
    "LEVEL": "phantoms are drawn at this level, not found there",
    "EDITION": _HISTORY,
    "RELEASE_GAP_MONTHS": _HISTORY,
    "READERS": "the run's readers are simulated, and are no radiologists",
    "REVIEWER_MASKS": "the run's reviewer is a rule",
    "SYSTEM": _MACHINE,
    "GPU": _MACHINE,
    "GPU_MEMORY_GB": _MACHINE,
    "FIGURE_2_EPOCHS": _DRAWING,
    "FIGURE_2_DSC": _DRAWING,
    "FIGURE_4_SLICES": _DRAWING,
    "FIGURE_5_WHISKER_IQR": _DRAWING,
    "figure_4a_dsc": "one patient's slice, chosen by the authors",
    "figure_4b_dsc": "one patient's slice, chosen by the authors",
    "figure_4c_dsc": "one patient's slice, chosen by the authors",
}
IN_THEIR_PLACE = {
    "READERS": lambda results: _readers().READERS,
    "SYSTEM": lambda results: results.info.get("hardware", {}).get("system"),
    "GPU": lambda results: ", ".join(results.info.get("hardware", {}).get("accelerators", [])) or "none",
}


def _stated(results):
    for name, stated in paper.STATED.items():
        printed, testable = getattr(paper, name), name in RUN_SETTINGS
        run = RUN_SETTINGS[name](results, name) if testable else IN_THEIR_PLACE.get(name, lambda _: None)(results)
        if not testable:
            verdict = NOT_TESTABLE
        elif name in JUDGED:
            verdict = JUDGED[name](printed, run, results)
        else:
            verdict = verdict_of_setting(printed, run)
        kind = "setting" if testable else "context"
        yield _claim(name, stated, kind, printed, run, verdict, unit=stated.unit,
                     note=UNTESTABLE.get(name) or NOTES.get(name, ""))  # fmt: skip


def _judge_plateau(printed, run, results):
    # With no more members than the paper needed to reach its plateau, none can be seen beyond it.
    if results.setting("members", "MEMBERS") <= printed:
        return NOT_TESTABLE
    return REPRODUCED if _within(printed, run, PLATEAU_MARGIN) else NOT_REPRODUCED


def _judge_limit(printed, run, results):
    return NOT_TESTABLE if run is None else REPRODUCED if run <= printed else NOT_REPRODUCED


def _judge_field(printed, run, results):
    return REPRODUCED if _within(printed, run, PIXEL_CM) else NOT_REPRODUCED


JUDGED = {
    "PLATEAU_MEMBERS": _judge_plateau,
    "INFERENCE_LIMIT_HOURS": _judge_limit,
    "RECEPTIVE_FIELD_CM": _judge_field,
}


# Results -------------------------------------------------------------------------------------------------------------

STAGES = {
    # the paper's stage: step of post-processing, one member or all
    "baseline": ("threshold", "one"),
    "ensemble": ("threshold", "all"),
    "post-processing": (postprocess.STEPS[-1], "all"),
    "bias correction": (postprocess.STEPS[-1], "all"),
}
MEASURED = {
    # result: its stage, or the two that a change lies between, and what is measured
    "baseline_dsc": ("baseline", "dsc"),
    "baseline_rmse": ("baseline", "rmse"),
    "ensemble_dsc_change": (("baseline", "ensemble"), "dsc"),
    "ensemble_rmse_change": (("baseline", "ensemble"), "rmse"),
    "postprocessing_dsc_change": (("ensemble", "post-processing"), "dsc"),
    "postprocessing_rmse_change": (("ensemble", "post-processing"), "rmse"),
    "postprocessing_rmse": ("post-processing", "rmse"),
    "corrected_rmse": ("bias correction", "rmse"),
    "validation_dsc": ("post-processing", "dsc"),
    "test_dsc": ("bias correction", "dsc"),
    "test_mse": ("bias correction", "mse"),
    "test_rmse": ("bias correction", "rmse"),
}
# What is averaged, and what the paper's "SD" and "range" can describe.
VALUES = {"dsc": lambda dsc, error: dsc, "rmse": lambda dsc, error: abs(error), "mse": lambda dsc, error: error**2}
BESIDE_ENDS = ("_sd", "_lowest", "_highest")  # of their names
BESIDE = {"dsc": "", "rmse": " of the absolute error", "mse": " of the squared error"}


def _centre(measure, values):
    """Mean of the values, or for the RMSE the root of that of their squares, averaged over single members."""
    means = np.sqrt((values**2).mean(axis=-1)) if measure == "rmse" else values.mean(axis=-1)
    return means.mean(axis=0)


def _sd(values):
    return values.std(axis=-1, ddof=1).mean(axis=0) if values.shape[-1] > 1 else np.full(values.shape[1:-1], np.nan)


def _values(results, split, stage, measure):
    """What is averaged, (members taken singly, cases); cases in one order, so that stages are paired."""
    step, which = STAGES[stage]
    rows = results.rows(split, step, which)
    shape = (rows["subset"].nunique(), -1)
    error = evaluation.metrics.errors(rows["area_cm2"], rows["reference_area_cm2"]).reshape(shape)
    if stage == "bias correction":
        error = error - surface.correction_from_results(results.cases).mean_error_cm2
    return VALUES[measure](rows["dsc"].to_numpy().reshape(shape), error)


def _finite(value):
    return float(value) if value is not None and math.isfinite(value) else None


def _printed(results):
    for name, printed in paper.RESULTS.items():
        if name not in MEASURED:
            yield _claim(name, printed, "context", printed.value, None, NOT_TESTABLE, unit=printed.unit,
                         note=UNTESTABLE[name])  # fmt: skip
        elif printed.unit == "%":
            yield _change(results, name, printed)
        else:
            yield from _level(results, name, printed)


def _change(results, name, printed):
    (before, after), measure = MEASURED[name]
    first, second = (_values(results, printed.split, stage, measure) for stage in (before, after))

    def percent(pick):
        return 100 * (_centre(measure, second[:, pick]) / _centre(measure, first[:, pick]) - 1)

    n = first.shape[1]
    value, (low, high) = _finite(percent(np.arange(n))), interval(percent, n)
    verdict = verdict_of_change(printed.value, value, low, high, printed.unit)
    return _claim(name, printed, "change", printed.value, value, verdict, low, high, printed.unit)


def _level(results, name, printed):
    """A mean and, where the paper prints them, its SD and range."""
    stage, measure = MEASURED[name]
    values = _values(results, printed.split, stage, measure)
    n, of = values.shape[1], BESIDE[measure]
    everything = np.arange(n)
    ends = {"_lowest": (printed.low, np.min, "lowest"), "_highest": (printed.high, np.max, "highest")}

    def row(end, words, value, run, low=None, high=None):
        verdict = verdict_of_result(value, run, low, high, printed.unit)
        return _claim(name, printed, "result", value, run, verdict, low, high, printed.unit, end=end, words=words)

    yield row("", "", printed.value, _finite(_centre(measure, values)),
              *interval(lambda pick: _centre(measure, values[:, pick]), n))  # fmt: skip
    yield row("_sd", f", SD{of}", printed.sd, _finite(_sd(values[:, everything])),
              *(interval(lambda pick: _sd(values[:, pick]), n) if n > 1 else (None, None)))  # fmt: skip
    for end, (value, reduce, word) in ends.items():
        # An end of a range has no interval: the cases drawn again never go beyond it.
        yield row(end, f", {word}{of}", value, _finite(reduce(values, axis=-1).mean()))


def _findings(results):
    for name, finding in paper.FINDINGS.items():
        value, (low, high) = DIRECTIONS[name](results, finding.split)
        unit = "cm2" if name == "overestimation" else ""
        from_there = (None, None) if low is None else (low - finding.than, high - finding.than)
        verdict = verdict_of_direction(finding.sign, *from_there)
        printed = f"{'over' if finding.sign > 0 else 'under'} {finding.than:g}"
        yield _claim(name, finding, "direction", printed, value, verdict, low, high, unit)


def _signed_error(results, split):
    rows = results.rows(split, postprocess.STEPS[-1])
    return evaluation.metrics.errors(rows["area_cm2"], rows["reference_area_cm2"])


def _of_one_group(values):
    return _finite(values.mean()), interval(lambda pick: values[pick].mean(axis=-1), len(values))


def _of_two_groups(statistic):
    def compare(results, split):
        rows = results.rows(split, postprocess.STEPS[-1])
        poor = (rows["quality"] == paper.QUALITY_LABELS[-1]).to_numpy()
        dsc = rows["dsc"].to_numpy()
        groups = dsc[poor], dsc[~poor]
        if min(map(len, groups)) < 2:
            return None, (None, None)

        def difference(first, second):
            return statistic(groups[0][first]) - statistic(groups[1][second])

        return _finite(difference(*(np.arange(len(group)) for group in groups))), interval(
            difference, *map(len, groups)
        )

    return compare


DIRECTIONS = {
    "overestimation": lambda results, split: _of_one_group(_signed_error(results, split)),
    "mostly_overestimated": lambda results, split: _of_one_group(_signed_error(results, split) > 0),
    "poor_labels_lower": _of_two_groups(lambda dsc: dsc.mean(axis=-1)),
    "poor_labels_scatter": _of_two_groups(lambda dsc: dsc.std(axis=-1, ddof=1)),
}


# Where the book shows it, and as text --------------------------------------------------------------------------------

SHOWN = {
    "01-data#tab-data": ("RELEASED", "EXCLUDED", "VALIDATION", "TEST", "READERS", "SPACING_MM"),
    "01-data#tab-quality": ("QUALITY_LABELS", "QUALITY_LIMIT_CM2"),
    "01-data#fig-preprocessing": ("MATRIX", "WINDOW_HU", "NORMALISED"),
    "02-unet#fig-unet": ("FILTER_SIZE",),
    "02-unet#tab-unet": ("DEPTH", "CONVOLUTIONS"),
    "03-training#fig-augmentation": ("ROTATION_DEG", "SCALE"),
    "03-training#fig-history": ("FIGURE_2_EPOCHS", "FIGURE_2_DSC"),
    "03-training#tab-training": ("EPOCHS", "ITERATIONS", "BATCH_SIZE", "LEARNING_RATE", "DECAY_POWER"),
    "04-ensemble#tab-ensemble": ("MEMBERS", "PLATEAU_MEMBERS", "ensemble_dsc_change", "ensemble_rmse_change"),
    "05-postprocessing#fig-threshold": ("THRESHOLD",),
    "05-postprocessing#fig-pixel": ("DILATION_CONNECTIVITY",),
    "05-postprocessing#fig-window": ("MUSCLE_HU",),
    "05-postprocessing#fig-examples": ("FIGURE_4_SLICES", "figure_4a_dsc", "figure_4b_dsc", "figure_4c_dsc"),
    "05-postprocessing#tab-postprocessing": ("baseline_dsc", "postprocessing_dsc_change", "validation_dsc"),
    "06-bias#tab-bias": (
        "CORRECTION_LABELS", "baseline_rmse", "postprocessing_rmse", "corrected_rmse", "overestimation",
    ),
    "06-bias#fig-waterfall-rmse": ("postprocessing_rmse_change",),
    "06-bias#fig-scatter-validation": ("mostly_overestimated",),
    "07-results#tab-headline": ("test_dsc", "test_mse", "test_rmse"),
    "07-results#tab-by-quality": ("poor_labels_lower", "poor_labels_scatter"),
    "07-results#fig-violins": ("FIGURE_5_WHISKER_IQR",),
    "09-sarcopenia#tab-sarcopenia": ("CANCER_SHARE_PERCENT", "INDICES"),
    "90-audit#tab-audit-run": ("FILTERS", "WEIGHTS", "RECEPTIVE_FIELD_CM", "SPLINE_ORDER", "INCLUDED"),
}  # fmt: skip
_PLACE = {name: place for place, names in SHOWN.items() for name in names}
# The paper's figures: what each shows, and where the book shows the same of the run.
FIGURES = {
    "1": ("one network of the ensemble", ("02-unet#fig-unet",)),
    "2A": ("DSC of the members by epoch", ("03-training#fig-history",)),
    "2B": ("DSC by the number of members", ("04-ensemble#fig-members",)),
    "2C": ("RMSE by the number of members", ("04-ensemble#fig-members",)),
    "3A": ("DSC from stage to stage", ("05-postprocessing#fig-waterfall-dsc",)),
    "3B": ("RMSE from stage to stage", ("06-bias#fig-waterfall-rmse",)),
    "4": ("three validation slices, with what is right and wrong", ("05-postprocessing#fig-examples",)),
    "5": ("DSC by quality label", ("07-results#fig-violins",)),
    "6A": (
        "predicted and reader's area before and after the correction, validation",
        ("06-bias#fig-scatter-validation", "06-bias#fig-bland-altman"),
    ),
    "6B": (
        "predicted and reader's area, test",
        ("07-results#fig-scatter-test", "07-results#fig-bland-altman-test"),
    ),
}


def place(name, section):
    """Page and anchor of the picture or table that shows a claim; else the table of claims itself."""
    group = next(group for group, sections in GROUPS.items() if section in sections)
    return _address(_PLACE.get(name, f"07-results#tab-claims-{group}"))


def _address(anchor):
    page, _, name = anchor.partition("#")
    return f"chapters/{page}.html#{name}"


def figures_frame(link=str):
    """The paper's figures for the book: what each shows, and where the book has the same.

    Parameters
    ----------
    link : callable
        Makes text from an anchor, as "fig-unet".

    Returns
    -------
    DataFrame
    """
    import pandas as pd

    rows = [
        (name, what, ", ".join(link(anchor.partition("#")[2]) for anchor in anchors))
        for name, (what, anchors) in FIGURES.items()
    ]
    return pd.DataFrame(rows, columns=["figure of the paper", "what it shows", "in the book"], dtype=str)


def _label(told, words=""):
    split = getattr(told, "split", "")
    return told.claim + words + (f", {split}" if split else "")


def _claim(name, told, kind, printed, run, verdict, low=None, high=None, unit="", *, end="", words="", note=""):
    numbers = all(isinstance(value, (int, float)) for value in (printed, run))
    if verdict == NOT_TESTABLE and not note:
        note = "too few cases or members in this run"
    return Claim(
        name=name + end,
        claim=_label(told, words),
        kind=kind,
        section=told.section,
        position=told.position,
        also=told.also,
        paper=printed,
        run=run,
        low=low,
        high=high,
        difference=run - printed if numbers and kind != "context" else None,
        unit=unit,
        verdict=verdict,
        shown_in=place(name, told.section),
        note=note,
    )


def counts(claims):
    """How often each verdict was reached.

    Returns
    -------
    dict of str to int
        Of all `VERDICTS`, in their order.
    """
    found = Counter(claim.verdict for claim in claims)
    return {verdict: found[verdict] for verdict in VERDICTS}


def in_group(claims, group):
    """The claims of one of `GROUPS`, in the order of the paper."""
    return tuple(claim for claim in claims if claim.section in GROUPS[group])


def to_json(claims, profile):
    """The table for scripts: JSON without NaN, null where there is no value.

    Parameters
    ----------
    claims : sequence of Claim
    profile : sarco.profiles.Profile

    Returns
    -------
    str
    """
    told = {
        "profile": profile.name,
        "bootstrap": {"draws": DRAWS, "seed": SEED, "interval_percent": 95},
        "margin": MARGIN,
        "verdicts": counts(claims),
        "figures": {
            name: {"shows": what, "shown_in": [_address(anchor) for anchor in anchors]}
            for name, (what, anchors) in FIGURES.items()
        },
        "claims": [asdict(claim) for claim in claims],
    }
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)


def cells(claim, units=True):
    """A claim as people read it.

    Parameters
    ----------
    claim : Claim
    units : bool
        Write the unit behind each value.

    Returns
    -------
    printed, run, difference : str
        Empty where there is no value.
    """
    unit = _unit(claim) if units else ""
    measured = claim.kind in ("result", "change", "direction")
    printed = _text(claim.paper, _printed_decimals(claim)) + (unit if claim.kind != "direction" else "")
    if claim.run is None:
        return printed, "", ""
    decimals = None if not measured else 3 if claim.unit == "" else 1
    # What is compared with 0 has a sign.
    sign = "+" if claim.kind == "change" or (claim.kind == "direction" and claim.paper.endswith(" 0")) else ""
    run = _text(claim.run, decimals, sign)
    if claim.low is not None:
        run += f" ({_text(claim.low, decimals, sign)} to {_text(claim.high, decimals, sign)})"
    difference = "" if claim.difference is None else _text(claim.difference, decimals, "+")
    return printed, run + ("" if isinstance(claim.run, str) else unit), difference


def _unit(claim):
    return UNITS.get(claim.unit, f" {claim.unit}" if claim.unit else "")


def _printed_decimals(claim):
    if claim.kind == "setting" or not isinstance(claim.paper, float) or claim.name.isupper():
        return None
    return 1 if claim.unit else 3 if round(claim.paper, 2) != claim.paper else 2


def _text(value, decimals=None, sign=""):
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        join = ", " if isinstance(value[0], str) else " to "
        return join.join(_text(one) for one in value)
    if decimals is not None:
        return f"{value:{sign}z.{decimals}f}"
    if value == 0:
        return "0"
    if isinstance(value, int):
        return f"{value:{sign},}" if abs(value) > 9999 else f"{value:{sign}}"
    return f"{value:{sign}.3g}"


def frame(claims, link=str):
    """The table for the book: text alone, and narrow.

    Parameters
    ----------
    claims : sequence of Claim
    link : callable
        Makes the text of the last column from an anchor, as "tab-headline".

    Returns
    -------
    DataFrame
    """
    import pandas as pd

    rows = []
    for claim in claims:
        printed, run, difference = cells(claim, units=False)
        unit, short = _unit(claim).strip(), claim.position.replace("paragraph ", "¶").replace("sentence ", "s")
        beside = claim.name.endswith(BESIDE_ENDS) and not claim.name.isupper()
        rows.append(
            (
                f"… {claim.claim.split(', ')[-2]}" if beside else claim.claim + (f" ({unit})" if unit else ""),
                printed,
                "; ".join(filter(None, (run, claim.note if claim.verdict == NOT_TESTABLE else ""))),
                difference,
                claim.verdict + (", by construction" if claim.note == _BY_CONSTRUCTION else ""),
                f"{claim.section}, {short}",
                link(claim.shown_in.partition("#")[2]),
            )
        )
    columns = ["claim", "the paper", "this run", "difference", "verdict", "in the paper", "in the book"]
    return pd.DataFrame(rows, columns=columns, dtype=str)
