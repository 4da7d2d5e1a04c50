"""Every number and direction that the paper prints, beside what a run gives, and a verdict by rule.

The paper's side is `paper.STATED`, `paper.RESULTS` and `paper.FINDINGS`; the run's side comes from its stored results
(cases.csv, cohort.csv, training.csv, run.json) and, for what the code alone settles, from the code. No verdict is
written by hand: what can be measured is judged by the `verdict_of_*` functions below, and judged again under every
other assumption that it could hang on.
"""

import inspect
import itertools
import json
import math
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np

from .. import paper
from ..base.errors import SarcoError
from ..method import metrics, postprocess, preprocess, surface, unet
from ..runs import evaluation, profiles
from . import assumptions, member_orders, other_populations, settings, speed, statistics
from .bootstrap import DRAWS, SEED, bootstrap

REPRODUCED = "reproduced"
SAME_DIRECTION = "same direction"
DEPENDS = "depends on an assumption"
NOT_REPRODUCED = "not reproduced"
NOT_JUDGED = "not judged"
NOT_TESTABLE = "cannot be tested on phantoms"
CAME_OUT = (REPRODUCED, SAME_DIRECTION)
VERDICTS = (REPRODUCED, SAME_DIRECTION, DEPENDS, NOT_REPRODUCED, NOT_JUDGED, NOT_TESTABLE)
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

# A difference whose interval reaches further than this each way, in percent of the printed value, is not called none:
# it could not tell the paper's result from its own result before post-processing.
WIDEST_PERCENT = {
    "dsc": abs(paper.RESULTS["postprocessing_dsc_change"].value),
    "other": abs(paper.RESULTS["postprocessing_rmse_change"].value),
}
SAME_CM2 = 0.1  # what rounding leaves of one area in two tables
PIXEL_CM = 0.1  # two fields of view of one network may differ by a pixel of 1 mm in how their rim is counted

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
        As in `paper`; what stands beside a result as SD or range has its name with _sd, _lowest or _highest, and a
        validation RMSE that is read as a mean absolute error with _if_mae.
    claim : str
    kind : str
        One of `KINDS`: a setting; a result, its SD ("spread") or an end of its range ("extreme"); a change in percent;
        a direction without a number; a second way to read a printed number; or what is no part of the method.
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
    difference_low, difference_high : float or None
        Its 95 % interval, with the run's and the paper's own sampling error and the paper's rounding in it.
    unit : str
    verdict : str
        One of `VERDICTS`.
    shown_in : str
        Where the book shows it, page#anchor.
    note : str
        Why it cannot be tested or is not judged, what it depends on, or how the run's value is to be read.
    by_construction : bool
        It could not have come out otherwise: the code has the paper's value, whatever the run.
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
    by_construction: bool


def table(profile):
    """All claims, from the stored results of a run.

    Parameters
    ----------
    profile : sarco.runs.profiles.Profile or str

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
    judged = judge(results.cases)
    told = results, judged, _judged_otherwise(results, judged)
    found = [*_stated(results), *_printed(*told), *_findings(*told)]
    return tuple(sorted(found, key=lambda claim: (SECTIONS.index(claim.section), claim.position)))


# Verdicts ------------------------------------------------------------------------------------------------------------


def verdict_of_setting(printed, run):
    """Equal or not; numbers up to their storage."""
    if run is None:
        return NOT_TESTABLE
    return REPRODUCED if _same(printed, run) else NOT_REPRODUCED


def verdict_of_result(printed, off_low, off_high, widest_percent):
    """By the interval of the difference, run minus paper: reproduced, if it holds 0 and is not too wide to tell."""
    if off_low is None:
        return NOT_TESTABLE
    if not off_low <= 0 <= off_high:
        return NOT_REPRODUCED
    wide = off_high - off_low > 2 * widest_percent / 100 * abs(printed)
    return NOT_JUDGED if wide else REPRODUCED


def verdict_of_change(printed, low, high, off_low, off_high, widest_percent):
    """As a direction; and reproduced, if the size agrees too as that of a result."""
    direction = verdict_of_direction(math.copysign(1, printed), low, high)
    size = verdict_of_result(printed, off_low, off_high, widest_percent)
    return REPRODUCED if (direction, size) == (SAME_DIRECTION, REPRODUCED) else direction


def verdict_of_direction(sign, low, high):
    """Same direction, if the whole interval lies on the paper's side of 0."""
    if low is None:
        return NOT_TESTABLE
    return SAME_DIRECTION if min(sign * low, sign * high) > 0 else NOT_REPRODUCED


def settle(verdict, others):
    """The verdict that holds whatever is assumed, and what it depends on if there is none.

    Parameters
    ----------
    verdict : str
        As the run comes out.
    others : dict of str to list of (str, str) or None
        By assumption: each value that was tried, and the verdict under it. None where none was tried: then nothing
        comes out for certain.

    Returns
    -------
    verdict, note : str
        Where no assumption makes it come out as in the paper, the run's own; the note then says which make it differ.
    """
    if others is None:
        return (DEPENDS, NOT_ASKED) if verdict in CAME_OUT else (verdict, "")
    found = {verdict, *(one for tried in others.values() for _, one in tried)} - {NOT_TESTABLE}
    if verdict == NOT_TESTABLE or len(found) == 1:
        return verdict, ""
    if found == set(CAME_OUT):
        return SAME_DIRECTION, "its size depends on an assumption"
    comes_out = bool(found & set(CAME_OUT))
    told = CAME_OUT if comes_out else (NOT_REPRODUCED,)
    notes = []
    for assumption, tried in others.items():
        so = [value for value, one in tried if one in told]
        if so and len(so) < sum(one != NOT_TESTABLE for _, one in tried):
            notes.append(f"{assumption} {_series(so, [value for value, _ in tried])}")
    notes = "; for ".join(notes) or "some assumptions, and not for others"
    if comes_out:
        return DEPENDS, f"comes out for {notes}"
    return verdict, f"differs for {notes}; else too wide to tell"


def _series(some, values):
    """Those of some values that come one after the other as a range, and others one by one."""
    first, last = values.index(some[0]), values.index(some[-1])
    if len(some) > 1 and values[first : last + 1] == some:
        return f"from {some[0]} to {some[-1]}"
    return ", ".join(some)


def _same(one, other):
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=1e-9)


# The run -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Results:
    """The stored results of a run.

    Attributes
    ----------
    profile : sarco.runs.profiles.Profile
        Whose results these are.
    made_with : dict
        The profile that they were made with, from run.json: that of a committed run has another name.
    info : dict
        run.json.
    cases, cohort, training : DataFrame
    more : dict of str to DataFrame
        Those of orders.csv, sweeps.csv, elsewhere.csv, bench.csv, ablation.csv and readers.csv that the run has; a
        committed run has all that its profile asks for.
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
            ("readers", True),
            ("ablation", info.get("profile", {}).get("ablation_variants")),
        ):
            if (wanted and profile.committed) or (folder / f"{name}.csv").is_file():
                more[name] = read(f"{name}.csv", lambda path: pd.read_csv(path, dtype={"case": str, "subset": str}))
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
            for order in range(1, len(member_orders.draw(size)) + 1)
            for members in range(1, size + 1)
            for step in member_orders.STEPS
        ]
        for order, members, step in self._missing(
            table, ["order", "members", "step"], wanted, list(member_orders.PLATEAU)
        ):
            what = f"the row of order {order}, {members} members, step {step}"
            self._lacks("orders.csv", what, paper.STATED["PLATEAU_MEMBERS"], figures=("2B", "2C"))

    def _check_sweeps(self, table):
        test = self.cohort.loc[self.cohort["split"] == "test", "case"].tolist()
        test = test[: self.made_with.get("evaluation_cases")][: settings.TEST_CASES]
        cases = self.cohort.loc[self.cohort["split"] == "validation", "case"].tolist() + test
        wanted = [(c, name, float(v)) for c in cases for name, values in settings.SWEEPS.items() for v in values]
        numbers = ["dsc", "area_cm2", "reference_area_cm2"]
        for case, sweep, value in self._missing(table, ["case", "sweep", "value"], wanted, numbers):
            self._lacks("sweeps.csv", f"the row of case {case}, {sweep} {value:g}", paper.STATED[SWEPT[sweep]])
        # Both tables hold the paper's own setting.
        paper_s = (table["sweep"] == "threshold") & (table["value"] == paper.THRESHOLD)
        self._same_run("sweeps.csv", table[paper_s], "area_cm2")

    def _check_readers(self, table):
        size = self.setting("members", "MEMBERS")
        keys = ["case", "scale", "subset", "step"]
        there = self.cases.drop_duplicates("case").sort_values(["split", "case"])
        feeds = {
            (case, scale, subset, step): _feeds(split, step, len(members), size)
            for case, split in zip(there["case"], there["split"], strict=True)
            for scale in assumptions.SCALES
            for (subset, step), members in assumptions.judged(size, split).items()
        }
        for key in self._missing(table, keys, feeds, ["dsc", "reference_area_cm2"]):
            case, scale, subset, step = key
            what = f"the row of case {case}, readers' scale {scale:g}, members {subset}, step {step}"
            self._lacks("readers.csv", what, feeds[key])
        self._same_run("readers.csv", table[table["scale"] == 1].drop_duplicates("case"), "reference_area_cm2")

    def _same_run(self, file, here, column):
        """Refuse a table whose cases have another area than in cases.csv, where they must have the same, or none."""
        ours = evaluation.rows(self.cases, "validation"), evaluation.rows(self.cases, "test")
        ours = {case: cm2 for rows in ours for case, cm2 in zip(rows["case"], rows[column], strict=True)}
        for case, cm2 in zip(here["case"], here[column], strict=True):
            if case not in ours or abs(cm2 - ours[case]) > SAME_CM2:
                there = f"{ours[case]:.1f} cm2" if case in ours else "no area"
                raise SarcoError(
                    f"{self.profile.results_dir / file}: case {case} has {cm2:.1f} cm2, and {there} in "
                    f"cases.csv, so they are of two runs; {_remedy(self.profile)}."
                )

    def _check_elsewhere(self, table):
        wanted = list(itertools.product(other_populations.POPULATIONS, self._difficult(), other_populations.STEPS))
        numbers = ["dsc", "area_cm2", "true_area_cm2"]
        for population, case, step in self._missing(table, ["population", "case", "step"], wanted, numbers):
            what = f"the row of {population} case {case}, step {step}"
            self._lacks("elsewhere.csv", what, None, shown=_address("06-bias#fig-elsewhere"))

    def _check_bench(self, table):
        for what in (Counter(speed.ROWS) - Counter(table["what"])).elements():
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
            wanted_step, which = statistics.STAGES[one]
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


def _matrix(results, name):
    return preprocess.network_size(results.setting("spacing_mm", name))


def _trained_on_readers(results, name):
    """Whether the members learned from the cohort and its readers' masks, and not from other phantoms' true ones."""
    return results.setting("training_setting", name) == "reference"


def _included(results, name):
    return _splits("validation", *(["train"] if _trained_on_readers(results, name) else []))(results, name)


def _stratified_on(results, name):
    """The quality label, if validation has its share of each, to a slice; else None."""
    pool = results.cohort[results.cohort["split"].isin(["train", "validation"])]
    chosen = pool.loc[pool["split"] == "validation", "quality"].value_counts()
    share = pool["quality"].value_counts(normalize=True) * chosen.sum()
    return paper.STRATIFIED_ON if (share.sub(chosen, fill_value=0).abs() < 1).all() else "nothing"


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


def _plateau(results):
    """Members from which on the DSC gains nothing: on average over the orders measured, and of nine orders in ten."""
    if "orders" in results.more:
        return member_orders.plateau(results.more["orders"], "threshold", "dsc")
    dsc = evaluation.by_members(results.cases, "validation")["dsc_mean"]
    return member_orders.plateau_of(dsc.to_numpy(), "dsc"), None, None


def _readers():
    from ..phantom import readers

    return readers


def _corrections():
    """How many different numbers are subtracted from areas."""
    areas_cm2 = np.array([50.0, 150.0, 250.0])
    return len(set((areas_cm2 - surface.Correction.learn([5.0, 6.0], [1.0, 3.0]).apply(areas_cm2)).tolist()))


# What no run can change: equal, because the code is written after the paper; or not, because it is not.
FIXED = {
    "MUSCLE_HU": lambda: (_default(postprocess.window, "low"), _default(postprocess.window, "high")),
    "QUALITY_LIMIT_CM2": lambda: _readers().SLIGHT_CM2,
    "SPLINE_ORDER": lambda: preprocess.ORDER,
    "MASK_SPLINE_ORDER": lambda: preprocess.MASK_ORDER,
    "WINDOW_HU": lambda: tuple(preprocess.WINDOW_HU),
    "NORMALISED": lambda: _tensor(lambda seen: (float(seen.min()), float(seen.max()))),
    "STORED_BITS": lambda: _tensor(lambda seen: 8 * seen.itemsize),
    "DEPTH": lambda: unet.DEPTH,
    "CONVOLUTIONS": lambda: _default(unet.unet, "convolutions"),
    # One more convolution widens the field by its side less 1.
    "FILTER_SIZE": lambda: unet.encoder_receptive_field(1, 2) - unet.encoder_receptive_field(1, 1) + 1,
    # These five are as a test finds them in the network, which takes Keras.
    "ACTIVATION": lambda: "ReLU",
    "FILTER_GROWTH": lambda: 2,
    "OPTIMISER": lambda: "Adam",
    "LOSS": lambda: "DSC",
    "COMBINED_BY": lambda: "mean",
    "ROTATION_DEG": lambda: paper.ROTATION_DEG,
    "SCALE": lambda: paper.SCALE,
    "PERFECT_DSC": lambda: metrics.dice(np.ones((2, 2), bool), np.ones((2, 2), bool)),
    "THRESHOLD": lambda: _default(postprocess.threshold, "level"),
    "DILATION_CONNECTIVITY": lambda: postprocess.DILATION_CONNECTIVITY,
    "CORRECTION_LABELS": lambda: surface.CORRECTION_LABELS,
    "CORRECTIONS": _corrections,
}
RUN_SETTINGS = {
    "RELEASED": _splits("train", "validation", "excluded"),
    "RELEASES": lambda results, name: int(results.cohort["release"].nunique()),
    "TEST": lambda results, name: int(results.cases.loc[results.cases["split"] == "test", "case"].nunique()),
    "INFERENCE_LIMIT_HOURS": _inference_hours,
    "EXCLUDED": _splits("excluded"),
    "INCLUDED": _included,
    "VALIDATION": _splits("validation"),
    "STRATIFIED_ON": _stratified_on,
    "QUALITY_LABELS": lambda results, name: tuple(sorted(results.cohort["quality"].dropna().unique())),
    "MATRIX": _matrix,
    "SPACING_MM": _made_with("spacing_mm"),
    "MEMBERS": _made_with("members"),
    "FILTERS": _made_with("filters"),
    "WEIGHTS": lambda results, name: unet.weight_count(results.setting("filters", name))[0],
    "RECEPTIVE_FIELD_CM": lambda results, name: (
        unet.encoder_receptive_field() * results.setting("spacing_mm", name) / 10
    ),
    "EPOCHS": lambda results, name: int(results.training["epoch"].max()),
    "ITERATIONS": _iterations,
    "BATCH_SIZE": _made_with("batch_size"),
    "LEARNING_RATE": _made_with("learning_rate"),
    "DECAY_POWER": _made_with("decay_power"),
}
NOTES = {
    "INFERENCE_LIMIT_HOURS": "time of the whole evaluation, which does more than the inference; a limit, not a result",
    "FILTERS": "with the paper's number the weights cannot be counted as it prints them",
    "RECEPTIVE_FIELD_CM": "of the encoder, through its last pooling, at this run's pixels",
    "SPLINE_ORDER": "the paper calls it linear; a cubic spline here",
    "MASK_SPLINE_ORDER": "a cubic spline would leave 0 to 1 at the edge of a mask",
    "PLATEAU_MEMBERS": f"a gain of less than {member_orders.PLATEAU['dsc']:g} counts as none, which is ours",
}
NOT_TRAINED_ON = {
    # where the members learned from other phantoms
    "RELEASED": "those for training were drawn, and trained nothing: the members learned from other phantoms",
    "INCLUDED": "those that anything was learned from: the slices for training were drawn, and trained nothing",
    "robust_to_labels": "the members learned from true masks, so that no poor label could mislead them",
}
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
    "matches_prior_work": "prior work measured patients, with which a DSC on phantoms cannot be compared",
}
IN_THEIR_PLACE = {
    "READERS": lambda results: _readers().READERS,
    "SYSTEM": lambda results: results.info.get("hardware", {}).get("system"),
    "GPU": lambda results: ", ".join(results.info.get("hardware", {}).get("accelerators", [])) or "none",
}


def _stated(results):
    for name, stated in paper.STATED.items():
        printed, low, high = getattr(paper, name), None, None
        note = UNTESTABLE.get(name) or NOTES.get(name, "")
        if name in NOT_TRAINED_ON and not _trained_on_readers(results, name):
            note = NOT_TRAINED_ON[name]
        kind, run = "setting", None
        if name in FIXED:
            run = FIXED[name]()
        elif name in RUN_SETTINGS:
            run = RUN_SETTINGS[name](results, name)
        elif name == "PLATEAU_MEMBERS":
            kind, (run, low, high) = "result", _plateau(results)
        else:
            kind, run = "context", IN_THEIR_PLACE.get(name, lambda _: None)(results)
        if kind == "context":
            verdict = NOT_TESTABLE
        elif kind == "result":
            verdict, note = verdict_of_plateau(printed, low, high, results.setting("members", name), note)
        elif name == "INFERENCE_LIMIT_HOURS":
            verdict = NOT_TESTABLE if run is None else REPRODUCED if run <= printed else NOT_REPRODUCED
        elif name == "RECEPTIVE_FIELD_CM":
            verdict = REPRODUCED if abs(printed - run) <= PIXEL_CM + 1e-9 else NOT_REPRODUCED
        else:
            verdict = verdict_of_setting(printed, run)
        yield _claim(name, stated, kind, printed, run, verdict, low, high, unit=stated.unit, note=note,
                     by_construction=name in FIXED and verdict == REPRODUCED)  # fmt: skip


def verdict_of_plateau(printed, low, high, members, note=""):
    """Whether nine orders in ten have their plateau about the paper's; with no more members, none is seen beyond it."""
    if members <= printed:
        return NOT_TESTABLE, ""
    if low is None:
        return NOT_JUDGED, "of one order of the members alone"
    return REPRODUCED if low <= printed <= high else NOT_REPRODUCED, note


# Results -------------------------------------------------------------------------------------------------------------

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


def _mean(values):
    return values.mean(axis=-1)


# What the cases have whose mean is told, and whose SD and range the paper's can describe.
OF_A_CASE = {"dsc": lambda dsc: dsc, "rmse": np.abs, "mae": np.abs, "mse": np.square}
CENTRE = {"rmse": metrics.root_mean_square} | {
    name: (lambda values, of=OF_A_CASE[name]: _mean(of(values))) for name in ("dsc", "mae", "mse")
}
SPREAD = {name: (lambda values, of=of: of(values).std(axis=-1, ddof=1)) for name, of in OF_A_CASE.items()}
SLICES = {"validation": paper.VALIDATION, "test": paper.TEST}
BESIDE = {"dsc": "", "rmse": " of the absolute error", "mse": " of the squared error"}
AS_MAE = "_if_mae"  # end of the name of a second reading
SAME_NUMBER = "the square of the RMSE, which is judged"
CHANCE = "an extreme of a sample is chance"
NOT_ASKED = "it came out, and was not tried with other readers: 'sarco readings' makes readers.csv"
TOO_WIDE = "it agrees, within an interval too wide to tell"
UNCLEAR = "unclear: the interval holds both directions"


@dataclass(frozen=True)
class Judged:
    """What some cases make of a claim.

    Attributes
    ----------
    value : float or None
    low, high : float or None
        95 % interval, from drawing the cases again, and those of the correction with them.
    off_low, off_high : float or None
        Interval of the difference, run minus paper.
    verdict : str
    """

    value: float | None
    low: float | None
    high: float | None
    off_low: float | None
    off_high: float | None
    verdict: str


def judge(cases):
    """Judge all that is measured on cases: results with their SDs, changes and directions.

    Parameters
    ----------
    cases : DataFrame
        cases.csv, or what it would be under another assumption. Read are, on validation, the members each alone at
        step threshold, and all together at threshold and window; on test, all together at window.

    Returns
    -------
    dict of str to Judged
        By name, as in `Claim`; each on its own, whatever it depends on.
    """
    at_stage = cache(lambda split, stage: statistics.at_stage(cases, split, stage))
    found = {}
    for name, (stages, _) in MEASURED.items():
        printed = paper.RESULTS[name]
        for end, measure in _readings(name):
            of = "dsc" if measure == "dsc" else "error_cm2"
            if printed.unit == "%":
                samples = [at_stage(printed.split, stage)[of] for stage in stages]
                if stages[0] == "baseline" and len(samples[0]) == 1:  # one member is its own ensemble
                    found[name + end] = Judged(*[None] * 5, NOT_TESTABLE)
                    continue
                found[name + end] = _judge_change(printed, measure, *samples)
                continue
            values = at_stage(printed.split, stages)[of]
            found[name + end] = _judge_level(name, measure, values)
            if not end:
                found[f"{name}_sd"] = _judge_spread(printed, measure, values)
    for name, finding in paper.FINDINGS.items():
        value, low, high = DIRECTIONS[name](cases, finding.split, at_stage)
        off = (None, None) if low is None else (low - finding.than, high - finding.than)
        found[name] = Judged(value, low, high, *off, verdict_of_direction(finding.sign, *off))
    return found


def _readings(name):
    """What a printed number may be: what it is called; and a mean absolute error, where no MSE says otherwise."""
    measure = MEASURED[name][1]
    yield "", measure
    if measure == "rmse" and paper.RESULTS[name].split == "validation":
        yield AS_MAE, "mae"


def _judge_level(name, measure, values):
    printed = paper.RESULTS[name]
    value, low, high = _estimate(values, CENTRE[measure])
    off = _off(printed.value, printed.unit, paper.standard_error(name, measure), value, low, high)
    widest = WIDEST_PERCENT["dsc" if measure == "dsc" else "other"]
    return Judged(value, low, high, *off, verdict_of_result(printed.value, *off, widest))


def _judge_spread(printed, measure, values):
    value, low, high = _estimate(values, SPREAD[measure])
    error = _borrowed(printed.split, values, low, high)
    # The paper's SD is as uncertain as this run's, in proportion.
    error = error and error * printed.sd / value
    off = _off(printed.sd, printed.unit, error, value, low, high)
    return Judged(value, low, high, *off, verdict_of_result(printed.sd, *off, WIDEST_PERCENT["other"]))


def _judge_change(printed, measure, before, after):
    def percent(before, after):
        first, second = (CENTRE[measure](one).mean(axis=0) for one in (before, after))
        return 100 * (second / first - 1)

    value, low, high = bootstrap(percent, [before, after]) if _n(before) > 1 else (None, None, None)
    off = _off(printed.value, printed.unit, _borrowed(printed.split, before, low, high), value, low, high)
    return Judged(value, low, high, *off,
                  verdict_of_change(printed.value, low, high, *off, WIDEST_PERCENT["other"]))  # fmt: skip


def _estimate(values, reduce):
    """A statistic and its interval; None of a single case, which has no SD and no interval."""
    return statistics.estimate(values, reduce) if _n(values) > 1 else (None, None, None)


def _n(values):
    """Cases of a sample."""
    return len(values.errors_cm2) if isinstance(values, statistics.Corrected) else np.shape(values)[-1]


def _borrowed(split, values, low, high):
    """Standard error of what the paper prints without one: this run's, on as many slices as the paper had."""
    if low is None:
        return None
    return (high - low) / (2 * 1.96) * math.sqrt(_n(values) / SLICES[split])


def _off(printed, unit, standard_error, value, low, high):
    """Interval of the difference of run and paper.

    Three errors are independent of each other, and their distances are added as squares: the run's, which may reach
    further on one side (MOVER: doi 10.1002/sim.3095), the paper's, and that of its rounding.
    """
    if low is None or standard_error is None:
        return None, None
    rounding = 0.5 * 10 ** -_decimals(printed, unit) / math.sqrt(3)
    theirs = 1.96 * math.hypot(standard_error, rounding)
    off = value - printed
    return off - math.hypot(value - low, theirs), off + math.hypot(high - value, theirs)


def _decimals(printed, unit):
    """Decimals that the paper prints of a result."""
    return 1 if unit else 3 if round(printed, 2) != printed else 2


def _final(of):
    """A direction that is told by the mean of one number a case, after all steps."""
    return lambda cases, split, at_stage: _estimate(of(evaluation.rows(cases, split)), _mean)


def _error_cm2(rows):
    return metrics.errors(rows["area_cm2"], rows["reference_area_cm2"])


def _correction(cases, split, at_stage):
    before, after = (at_stage(split, stage)["error_cm2"] for stage in ("post-processing", "bias correction"))
    return statistics.estimate(after, metrics.root_mean_square, before)


def _nearer_than_reader(cases, split, at_stage):
    rows = evaluation.rows(cases, split)
    if not {"true_dsc", "reader_dsc"} <= set(rows):
        return None, None, None
    rows = rows[(rows["quality"] == paper.QUALITY_LABELS[-1]) & rows["true_dsc"].notna()]
    return _estimate((rows["true_dsc"] - rows["reader_dsc"]).to_numpy(), _mean)


def _poor_labels(statistic):
    """A direction that is told by label D against the others."""

    def compare(cases, split, at_stage):
        rows = evaluation.rows(cases, split)
        poor = (rows["quality"] == paper.QUALITY_LABELS[-1]).to_numpy()
        groups = [rows["dsc"].to_numpy()[which] for which in (poor, ~poor)]
        if min(map(len, groups)) < 2:
            return None, None, None

        return bootstrap(lambda poor, others: statistic(poor) - statistic(others), *([group] for group in groups))

    return compare


DIRECTIONS = {
    "overestimation": _final(_error_cm2),
    "mostly_overestimated": _final(lambda rows: (_error_cm2(rows) > 0).astype(float)),
    "correction_lowers_rmse": _correction,
    "matches_prior_work": _final(lambda rows: rows["dsc"].to_numpy()),
    "robust_to_labels": _nearer_than_reader,
    "poor_labels_lower": _poor_labels(_mean),
    "poor_labels_scatter": _poor_labels(lambda dsc: dsc.std(axis=-1, ddof=1)),
}
# These are told by the slices of a label, however many there are: counting them again would only feign more of them.
BY_LABEL = ("robust_to_labels", "poor_labels_lower", "poor_labels_scatter")


def under_assumptions(results):
    """All that is measured on cases, under each of `assumptions.alternatives`.

    Parameters
    ----------
    results : Results

    Returns
    -------
    DataFrame
        One row a claim, assumption and value that was tried: columns name (as in `Claim`), assumption, unit, at (the
        value), and value, low, high and verdict, as in `Judged`. No row where the run has no readers.csv.
    """
    import pandas as pd

    found = [
        (name, assumption, unit, at, one.value, one.low, one.high, one.verdict)
        for assumption, unit, at, cases in (assumptions.alternatives(results) if "readers" in results.more else ())
        for name, one in judge(cases).items()
        if not (name in BY_LABEL and assumption == assumptions.SHARE_OF_LABEL)
    ]
    return pd.DataFrame(found, columns=["name", "assumption", "unit", "at", "value", "low", "high", "verdict"])


def _judged_otherwise(results, judged):
    """Verdicts under other assumptions: by claim, by assumption, each value tried and the verdict under it."""
    found = dict.fromkeys(judged)
    for row in under_assumptions(results).itertuples():
        words = f"{row.assumption} ({UNITS.get(row.unit, row.unit).strip()})" if row.unit else row.assumption
        tried = found[row.name] = found[row.name] or {}
        tried.setdefault(words, []).append((f"{row.at:.2g}", row.verdict))
    return found


def _printed(results, judged, otherwise):
    for name, printed in paper.RESULTS.items():
        if name not in MEASURED:
            yield _claim(name, printed, "context", printed.value, None, NOT_TESTABLE, unit=printed.unit,
                         note=UNTESTABLE[name])  # fmt: skip
            continue
        readings = {end: judged[name + end] for end, _ in _readings(name)}
        others = otherwise[name]
        if AS_MAE in readings and others is not None:
            tried = zip(("an RMSE", "a mean absolute error"), readings.values(), strict=True)
            others = {"a printed number that is": [(how, one.verdict) for how, one in tried]} | others
        kind = "change" if printed.unit == "%" else "result"
        yield _row(name, printed, kind, printed.value, judged[name], others)
        if AS_MAE in readings:
            alone, _ = settle(readings[AS_MAE].verdict, otherwise[name + AS_MAE])
            yield _row(name + AS_MAE, printed, "reading", printed.value, readings[AS_MAE], {},
                       words=", as a mean absolute error", instead=f"read so: {alone}; counted above")  # fmt: skip
        if printed.sd is not None:
            yield from _beside(results, name, printed, judged[f"{name}_sd"], otherwise[f"{name}_sd"])


def _beside(results, name, printed, spread, others):
    """The SD and the range that the paper prints beside a result."""
    stage, measure = MEASURED[name]
    yield _row(f"{name}_sd", printed, "spread", printed.sd, spread, others, words=f", SD{BESIDE[measure]}")
    summary = evaluation.summarise(results.cases, printed.split).loc[stage]
    low, high = (
        (summary.dsc_min, summary.dsc_max)
        if measure == "dsc"
        else OF_A_CASE[measure](np.array([summary.absolute_error_min_cm2, summary.absolute_error_max_cm2]))
    )
    for end, word, value, run in (("_lowest", "lowest", printed.low, low), ("_highest", "highest", printed.high, high)):
        yield _claim(name + end, printed, "extreme", value, float(run), NOT_JUDGED, unit=printed.unit,
                     words=f", {word}{BESIDE[measure]}", note=CHANCE)  # fmt: skip


def _findings(results, judged, otherwise):
    for name, finding in paper.FINDINGS.items():
        found = judged[name]
        printed = f"{'over' if finding.sign > 0 else 'under'} {finding.than:g}"
        instead = UNTESTABLE.get(name)
        if name == "robust_to_labels" and not _trained_on_readers(results, "INCLUDED"):
            instead = NOT_TRAINED_ON[name]
        unit = "cm2" if name in ("overestimation", "correction_lowers_rmse") else ""
        note = BESIDE_FINDINGS[name](results) if name in BESIDE_FINDINGS else ""
        yield _row(name, finding, "direction", printed, found, otherwise[name], unit=unit, instead=instead,
                   note=note, by_construction=name == "correction_lowers_rmse")  # fmt: skip


def _without_dilation(results):
    if "sweeps" not in results.more:
        return ""
    error_cm2 = statistics.dilated(results.more["sweeps"], "validation", 0)["error_cm2"]
    return f"{_mean(error_cm2):+.1f} cm² without the dilation"


def _correction_on_test(results):
    at_stage = cache(lambda split, stage: statistics.at_stage(results.cases, split, stage))
    change, low, high = _correction(results.cases, "test", at_stage)
    where = "" if low is None else f" ({low:+.1f} to {high:+.1f})"
    return f"on the slices that it was learned on it can hardly do else; on the test set {change:+.1f}{where} cm²"


# What is to be known of some findings.
BESIDE_FINDINGS = {"overestimation": _without_dilation, "correction_lowers_rmse": _correction_on_test}


def _row(name, told, kind, printed, judged, others, *, words="", unit=None, instead="", note="",
         by_construction=False):  # fmt: skip
    """The claim of what was judged; `instead` says why the verdict is another than the numbers alone would give."""
    verdict, depends = settle(judged.verdict, others)
    if instead:
        verdict, note = NOT_JUDGED if kind == "reading" else NOT_TESTABLE, instead
    elif name == "test_mse":
        verdict, note = NOT_JUDGED, SAME_NUMBER
    elif depends:
        note = "; ".join(filter(None, (depends, note)))
    elif verdict == NOT_JUDGED:
        note = TOO_WIDE
    elif verdict == NOT_REPRODUCED and kind in ("change", "direction") and judged.off_low is not None:
        zero = (judged.low, judged.high) if kind == "change" else (judged.off_low, judged.off_high)
        note = "; ".join(filter(None, (UNCLEAR if zero[0] <= 0 <= zero[1] else "", note)))
    off = (None, None) if kind == "direction" else (judged.off_low, judged.off_high)
    return _claim(name, told, kind, printed, judged.value, verdict, judged.low, judged.high, told.unit if unit is None
                  else unit, words=words, note=note, off=off,
                  by_construction=by_construction and verdict in (REPRODUCED, SAME_DIRECTION))  # fmt: skip


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
        "correction_lowers_rmse",
    ),
    "06-bias#fig-waterfall-rmse": ("postprocessing_rmse_change",),
    "06-bias#fig-scatter-validation": ("mostly_overestimated",),
    "07-results#tab-headline": ("test_dsc", "test_mse", "test_rmse"),
    "07-results#tab-by-quality": ("poor_labels_lower", "poor_labels_scatter"),
    "07-results#fig-violins": ("FIGURE_5_WHISKER_IQR",),
    "09-sarcopenia#tab-sarcopenia": ("CANCER_SHARE_PERCENT", "INDICES"),
    "90-audit#tab-readings": tuple(name + AS_MAE for name in MEASURED if AS_MAE in dict(_readings(name))),
    "90-audit#tab-audit-run": ("FILTERS", "WEIGHTS", "RECEPTIVE_FIELD_CM", "SPLINE_ORDER", "INCLUDED"),
}  # fmt: skip
# What stands beside a result is shown where the result is.
_PLACE = {name + end: place for place, names in SHOWN.items() for name in names
          for end in ("", "_sd", "_lowest", "_highest")}  # fmt: skip
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


def _claim(name, told, kind, printed, run, verdict, low=None, high=None, unit="", *, words="", note="",
           off=(None, None), by_construction=False):  # fmt: skip
    numbers = all(isinstance(value, (int, float)) for value in (printed, run))
    if verdict == NOT_TESTABLE and not note:
        note = "too few cases or members in this run"
    return Claim(
        name=name,
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
        difference_low=off[0],
        difference_high=off[1],
        unit=unit,
        verdict=verdict,
        shown_in=place(name, told.section),
        note=note,
        by_construction=by_construction,
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


def counts_by_kind(claims):
    """How often each verdict was reached, by the kind of the claim.

    Returns
    -------
    dict of str to dict of str to dict
        For each of `VERDICTS`, the kinds that have it: "count", and of these "by_construction".
    """
    found = {verdict: {} for verdict in VERDICTS}
    for kind, claim in itertools.product(KINDS, claims):
        if claim.kind == kind:
            here = found[claim.verdict].setdefault(kind, {"count": 0, "by_construction": 0})
            here["count"] += 1
            here["by_construction"] += claim.by_construction
    return found


def told_counts(claims):
    """The same in words.

    Returns
    -------
    dict of str to str
        By verdict, as "25 settings (7 of them by construction), 1 result"; "none" where it was never reached.
    """
    told = {}
    for verdict, kinds in counts_by_kind(claims).items():
        parts = []
        for kind, n in kinds.items():
            fixed = f" ({n['by_construction']} of them by construction)" if n["by_construction"] else ""
            parts.append(f"{n['count']} {KINDS[kind][n['count'] > 1]}{fixed}")
        told[verdict] = ", ".join(parts) or "none"
    return told


def counts_frame(claims):
    """The same for the book: a row for each kind, a column for each verdict."""
    import pandas as pd

    def told(n):
        fixed = f", {n['by_construction']} by construction" if n["by_construction"] else ""
        return f"{n['count']}{fixed}"

    found = counts_by_kind(claims)
    rows = [
        (plural, *(told(found[verdict][kind]) if kind in found[verdict] else "0" for verdict in VERDICTS))
        for kind, (_, plural) in KINDS.items()
    ]
    return pd.DataFrame(rows, columns=["", *VERDICTS], dtype=str)


def in_group(claims, group):
    """The claims of one of `GROUPS`, in the order of the paper."""
    return tuple(claim for claim in claims if claim.section in GROUPS[group])


def to_json(claims, profile):
    """The table for scripts: JSON without NaN, null where there is no value.

    Parameters
    ----------
    claims : sequence of Claim
    profile : sarco.runs.profiles.Profile

    Returns
    -------
    str
    """
    told = {
        "profile": profile.name,
        "bootstrap": {"draws": DRAWS, "seed": SEED, "interval_percent": 95},
        "widest_percent": WIDEST_PERCENT,
        "verdicts": counts(claims),
        "verdicts_by_kind": counts_by_kind(claims),
        "figures": {
            name: {"shows": what, "shown_in": [_address(anchor) for anchor in anchors]}
            for name, (what, anchors) in FIGURES.items()
        },
        "claims": [asdict(claim) for claim in claims],
    }
    return json.dumps(told, indent=2, allow_nan=False)


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
    measured = claim.kind not in ("setting", "context") and not claim.name.isupper()
    printed = _text(claim.paper, _printed_decimals(claim)) + (unit if claim.kind != "direction" else "")
    if claim.run is None:
        return printed, "", ""
    decimals = None if not measured else 3 if claim.unit == "" else 1
    # What is compared with 0 has a sign.
    sign = "+" if claim.unit == "%" or (claim.kind == "direction" and claim.paper.endswith(" 0")) else ""
    run = _text(claim.run, decimals, sign)
    if claim.low is not None:
        run += f" ({_text(claim.low, decimals, sign)} to {_text(claim.high, decimals, sign)})"
    difference = "" if claim.difference is None else _text(claim.difference, decimals, "+")
    if claim.difference_low is not None:
        low, high = (_text(end, decimals, "+") for end in (claim.difference_low, claim.difference_high))
        difference += f" ({low} to {high})"
    return printed, run + ("" if isinstance(claim.run, str) else unit), difference


def _unit(claim):
    return UNITS.get(claim.unit, f" {claim.unit}" if claim.unit else "")


def _printed_decimals(claim):
    if claim.kind == "setting" or not isinstance(claim.paper, float) or claim.name.isupper():
        return None
    return _decimals(claim.paper, claim.unit)


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


def verdict_told(claim, notes=True):
    """The verdict with what is to be known of it, but for reasons that stand elsewhere."""
    found = claim.verdict + (", by construction" if claim.by_construction else "")
    apart = not notes or claim.verdict == NOT_TESTABLE or claim.kind == "extreme"
    return found if apart or not claim.note else f"{found}: {claim.note}"


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
        beside = claim.kind in ("spread", "extreme", "reading")
        rows.append(
            (
                f"… {claim.claim.split(', ')[-2]}" if beside else claim.claim + (f" ({unit})" if unit else ""),
                printed,
                "; ".join(filter(None, (run, claim.note if claim.verdict == NOT_TESTABLE else ""))),
                difference,
                verdict_told(claim),
                f"{claim.section}, {short}",
                link(claim.shown_in.partition("#")[2]),
            )
        )
    columns = ["claim", "the paper", "this run", "difference", "verdict", "in the paper", "in the book"]
    return pd.DataFrame(rows, columns=columns, dtype=str)
