"""The headlines of a run with their 95 % intervals: what was measured, against whom, and in which people.

An interval comes from drawing the cases again (bootstrap, percentiles), with a fixed seed. What is compared is compared
case by case: one draw takes the same cases from both sides. Where a mean error was subtracted, the cases that it was
learned on are drawn again, too (`Corrected`).
"""

import math
from dataclasses import dataclass

import numpy as np

from ..base.errors import SarcoError
from ..method import metrics, surface
from ..paper import CORRECTION_LABELS
from ..phantom.population import FEATURES
from ..runs.evaluation import FINAL as FINAL
from ..runs.evaluation import rows as rows

DRAWS, SEED = 2000, 0
# Limits of agreement of two readers for the muscle area at L3, 116 people: doi 10.1186/s12891-022-05032-2. Its title
# speaks of the thigh, which it proposes in place of L3; it measured both.
READERS_LIMITS_CM2 = (-9.949, 7.636)
READERS_SD_CM2 = (READERS_LIMITS_CM2[1] - READERS_LIMITS_CM2[0]) / (2 * 1.96)
# Mean absolute difference of one reader's two measurements of one person, mostly on another slice, 29 people: doi
# 10.1016/j.ejrad.2018.10.031. For normal errors the mean of |difference| is 2 / sqrt(pi) of a measurement's SD.
ONE_READER_TWICE_CM2 = 0.98
# How far a single reader may be off, as SD, cm2: as one who measures twice, and as one of two.
READER_SD_CM2 = {"a": ONE_READER_TWICE_CM2 * math.sqrt(math.pi) / 2, "b": READERS_SD_CM2 / math.sqrt(2)}


@dataclass(frozen=True)
class Measure:
    """One way to say how well masks or areas agree.

    Attributes
    ----------
    title : str
    unit : str
        "" for the DSC, "%" for the coverage, else "cm2".
    of : {"dsc", "error_cm2", "held"}
        What it is computed from, as `measured` gives it.
    reduce : callable
        Takes that of many cases along the last axis, and removes this axis.
    spec : str
        Format of a value.
    """

    title: str
    unit: str
    of: str
    reduce: object
    spec: str


def _mean(values):
    return values.mean(axis=-1)


MEASURES = {
    "dsc": Measure("DSC, mean", "", "dsc", _mean, ".3f"),
    "rmse_cm2": Measure("RMSE", "cm2", "error_cm2", metrics.root_mean_square, ".1f"),
    "mae_cm2": Measure("mean absolute error", "cm2", "error_cm2", metrics.mean_absolute, ".1f"),
    "mean_error_cm2": Measure("mean error", "cm2", "error_cm2", _mean, "+.1f"),
    "loa_low_cm2": Measure("lower limit of agreement", "cm2", "error_cm2", lambda e: metrics.limits(e)[0], "+.1f"),
    "loa_high_cm2": Measure("upper limit of agreement", "cm2", "error_cm2", lambda e: metrics.limits(e)[1], "+.1f"),
    "coverage": Measure("within the 95 % prediction interval", "%", "held", lambda h: 100 * _mean(h), ".1f"),
}
WHO = {
    # name: column of the DSC, of the one area and of the other; the network's is corrected
    "network against reader": ("dsc", "area_cm2", "reference_area_cm2"),
    "network against truth": ("true_dsc", "area_cm2", "true_area_cm2"),
    "reader against truth": ("reader_dsc", "reference_area_cm2", "true_area_cm2"),
}
READER, TRUTH = "network against reader", "network against truth"


def interval(statistic, *sizes):
    """95 % interval of a statistic over cases drawn again, with fixed seed.

    Parameters
    ----------
    statistic : callable
        Takes an array (draws, n) of places for each of `sizes`, and gives one value a draw.
    sizes : int
        Cases in each group that is drawn from.

    Returns
    -------
    low, high : float or None
        None where some draw has no value.
    """
    rng = np.random.default_rng(SEED)
    low, high = np.percentile(statistic(*(rng.integers(0, n, (DRAWS, n)) for n in sizes)), [2.5, 97.5])
    return (float(low), float(high)) if math.isfinite(low) and math.isfinite(high) else (None, None)


@dataclass(frozen=True)
class Corrected:
    """Area errors after a mean error was subtracted, which each draw learns anew from cases that it draws, too.

    Attributes
    ----------
    errors_cm2 : array, shape (n,)
        Before the correction.
    taught_cm2 : array, shape (m,)
        Errors that the mean error is learned on.
    same : bool
        Whether these are of the same cases as `errors_cm2`, which are then drawn once; NaN where one does not teach.
    """

    errors_cm2: np.ndarray
    taught_cm2: np.ndarray
    same: bool = False

    @property
    def sizes(self):
        """Cases in each group that is drawn from."""
        return (len(self.errors_cm2),) if self.same else (len(self.errors_cm2), len(self.taught_cm2))

    def learned(self, pick, teachers=None):
        """Number of teachers, mean and SD of their errors, of each draw; NaN of a draw that has none."""
        taught = self.taught_cm2[pick if self.same else teachers]
        n = np.isfinite(taught).sum(axis=-1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.nansum(taught, axis=-1, keepdims=True) / n
            return n, mean, np.sqrt(np.nansum(np.square(taught - mean), axis=-1, keepdims=True) / (n - 1))

    def draw(self, pick, teachers=None):
        """Errors after the correction, shape (1, draws, n)."""
        _, mean, _ = self.learned(pick, teachers)
        return (self.errors_cm2[pick] - mean)[None]


class Held(Corrected):
    """Whether an area lies in the 95 % prediction interval, learned on the cases that the mean error is learned on."""

    def draw(self, pick, teachers=None):
        """1 where it does, 0 where not, shape (1, draws, n)."""
        from scipy import stats

        n, mean, sd = self.learned(pick, teachers)
        half = stats.t.ppf(0.975, n - 1) * sd * np.sqrt(1 + 1 / n)
        return np.where(np.isfinite(half), np.abs(self.errors_cm2[pick] - mean) <= half, np.nan)[None]


def _sizes(values):
    return values.sizes if isinstance(values, Corrected) else (np.atleast_2d(values).shape[1],)


def _draw(values, pick, *teachers):
    return values.draw(pick, *teachers) if isinstance(values, Corrected) else np.atleast_2d(values)[:, pick]


def estimate(values, reduce, before=None):
    """A statistic of one sample of cases, or its change from another of the same cases, with its interval.

    Parameters
    ----------
    values : array, shape (n,) or (k, n), or Corrected
        Of `k` networks, each alone; the statistic is averaged over them.
    reduce : callable
        As `Measure.reduce`.
    before : as values, optional
        What the change is from.

    Returns
    -------
    value : float
    low, high : float or None
        As `interval` gives them; equal to the value where there is one case only.
    """
    compared = [values] if before is None else [values, before]
    sizes = max(map(_sizes, compared), key=len)

    def statistic(*picks):
        after, *first = (reduce(_draw(one, *picks)).mean(axis=0) for one in compared)
        return after - sum(first)

    value = float(statistic(*map(np.arange, sizes)))
    low, high = interval(statistic, *sizes) if sizes[0] > 1 else (value, value)
    return value, low, high


# One row a case ------------------------------------------------------------------------------------------------------


def people(cases, cohort, split):
    """Final results of the whole ensemble beside what is known of each person.

    Parameters
    ----------
    cases, cohort : DataFrame
        cases.csv and cohort.csv of one run.
    split : {"validation", "test"}

    Returns
    -------
    DataFrame
        One row a case: the columns of cases.csv; sex, age, phase, height_m, weight_kg, slice_thickness_mm, maker and
        notes of cohort.csv; bmi; corrected_cm2 (the area after the bias correction) and error_cm2 (that minus the
        reader's).
    """
    known = ["case", "sex", "age", "phase", "height_m", "weight_kg", "slice_thickness_mm", "maker", "notes"]
    found = rows(cases, split).merge(cohort[known], on="case", how="left", validate="one_to_one")
    corrected = surface.correction_from_results(cases).apply(found["area_cm2"])
    return found.assign(
        bmi=found["weight_kg"] / found["height_m"] ** 2,
        corrected_cm2=corrected,
        error_cm2=corrected - found["reference_area_cm2"],
    )


def taught(cases):
    """Area error of each validation case, cm2, whose mean is the correction; NaN where the case is not learned from."""
    validation = rows(cases, "validation")
    errors = metrics.errors(validation["area_cm2"], validation["reference_area_cm2"])
    return np.where(validation["quality"].isin(CORRECTION_LABELS), errors, np.nan)


def measured(cases, table, who=READER):
    """What the measures are computed from, for some cases.

    Parameters
    ----------
    cases : DataFrame
        cases.csv, for the correction.
    table : DataFrame
        Rows of it, one a case, as `rows` or `people` gives them.
    who : str
        One of `WHO`.

    Returns
    -------
    dict
        "dsc" and "error_cm2" of each case; of the network's areas the latter is `Corrected`, and "held" beside it.
    """
    dsc, one, other = WHO[who]
    found = {"dsc": table[dsc].to_numpy(), "error_cm2": metrics.errors(table[one], table[other])}
    if one == "area_cm2":
        teachers = taught(cases)
        same = list(table["case"]) == list(rows(cases, "validation")["case"])
        learned = found["error_cm2"], teachers if same else teachers[np.isfinite(teachers)], same
        found |= {"error_cm2": Corrected(*learned), "held": Held(*learned)}
    return found


DENSITY = {"mean_hu": ("mean attenuation", "HU"), "low_attenuation_cm2": ("low-attenuation muscle", "cm²")}


def density(table):
    """Error of what is said of the muscle's density: that of the final mask, minus that of the true one.

    Parameters
    ----------
    table : DataFrame
        Rows of cases.csv or of elsewhere.csv, one a case.

    Returns
    -------
    DataFrame
        One row for each of `DENSITY`, without cases that have no truth, or no muscle to have a mean: columns
        measure, unit, n, true (mean of the true values), mean_error with low and high (its 95 % interval), and sd (of
        the errors).
    """
    import pandas as pd

    found = []
    for key, (name, unit) in DENSITY.items():
        known = table[[key, f"true_{key}"]].dropna()
        if len(known):
            true = known[f"true_{key}"]
            error = metrics.errors(known[key], true)
            found.append((name, unit, len(known), true.mean(), *estimate(error, _mean), error.std(ddof=1)))
    return pd.DataFrame(found, columns=["measure", "unit", "n", "true", "mean_error", "low", "high", "sd"])


# Headlines -----------------------------------------------------------------------------------------------------------


def headline(cases, split):
    """Every measure, of the network against the reader and the truth, and of the reader against the truth.

    The last is the floor: a network that drew the truth would still differ from the reader by as much.

    Parameters
    ----------
    cases : DataFrame
    split : {"validation", "test"}

    Returns
    -------
    DataFrame
        One row for each of `WHO` and `MEASURES`: columns who, measure, value, low, high, n. Masks have no bias
        correction, areas have; a reader has no prediction interval; the truth is left out where a case has none.
    """
    import pandas as pd

    final = rows(cases, split)
    found = []
    for who, (dsc, _, other) in WHO.items():
        if final[[dsc, other]].isna().any(axis=None):
            continue
        sample = measured(cases, final, who)
        for name, measure in MEASURES.items():
            if measure.of in sample:
                found.append((who, name, *estimate(sample[measure.of], measure.reduce), len(final)))
    return pd.DataFrame(found, columns=["who", "measure", "value", "low", "high", "n"])


STAGES = {
    # the paper's stage: step of post-processing, one member or all
    "baseline": ("threshold", "one"),
    "ensemble": ("threshold", "all"),
    "post-processing": (FINAL, "all"),
    "bias correction": (FINAL, "all"),
}


def at_stage(cases, split, stage):
    """DSC and area error of each case at one of `STAGES`, as arrays (networks, cases) in the same order of cases.

    After the bias correction the error is `Corrected`.
    """
    found = rows(cases, split, *STAGES[stage])
    if stage == "bias correction":
        return measured(cases, found)
    shape = (found["subset"].nunique(), -1)
    error = metrics.errors(found["area_cm2"], found["reference_area_cm2"])
    return {"dsc": found["dsc"].to_numpy().reshape(shape), "error_cm2": error.reshape(shape)}


def stages(cases, split, measures=("dsc", "rmse_cm2", "mae_cm2")):
    """The paper's stages, each with its intervals and its change from the one before, paired by case.

    Parameters
    ----------
    cases : DataFrame
    split : {"validation", "test"}
    measures : sequence of str
        Keys of `MEASURES`.

    Returns
    -------
    DataFrame
        One row a measure and stage: columns measure, stage, value, low, high, change, change_low, change_high; the
        change of the first is empty.
    """
    import pandas as pd

    samples = {stage: at_stage(cases, split, stage) for stage in STAGES}
    found = []
    for name in measures:
        measure, before = MEASURES[name], None
        for stage in STAGES:
            values = samples[stage][measure.of]
            change = (np.nan,) * 3 if before is None else estimate(values, measure.reduce, before)
            found.append((name, stage, *estimate(values, measure.reduce), *change))
            before = values
    columns = ["measure", "stage", "value", "low", "high", "change", "change_low", "change_high"]
    return pd.DataFrame(found, columns=columns)


# Findings ------------------------------------------------------------------------------------------------------------

EFFECTS = {
    # name: its measure, before and after, and the sign that the paper reports
    "post-processing raises DSC": ("dsc", "ensemble", "post-processing", 1),
    "dilation overestimates": ("mean_error_cm2", 0, 1, 1),  # pixels
    "bias correction lowers RMSE": ("rmse_cm2", "post-processing", "bias correction", -1),
    "more members raise DSC": ("dsc", "baseline", "ensemble", 1),
    "more members lower RMSE": ("rmse_cm2", "baseline", "ensemble", -1),
}


AS_IN_PAPER, OPPOSITE, UNCLEAR = "as in the paper", "opposite", "unclear"


def _verdict(sign, low, high):
    if low is None or low <= 0 <= high:
        return UNCLEAR
    return AS_IN_PAPER if sign * low > 0 else OPPOSITE


def dilated(swept, split, pixels, who=READER):
    """DSC and area error of each case's final mask, dilated by so many pixels and then windowed; not corrected.

    Parameters
    ----------
    swept : DataFrame
        sweeps.csv.
    split : {"validation", "test"}
    pixels : int
    who : str
        Against whom, one of `WHO`.

    Raises
    ------
    SarcoError
        The table has no such slice.
    """
    found = swept[(swept["split"] == split) & (swept["sweep"] == "dilation_px") & (swept["value"] == pixels)]
    if found.empty:
        raise SarcoError(f"sweeps.csv: no {split} slice dilated by {pixels} pixels; run 'sarco sweeps' again.")
    found, (dsc, one, other) = found.sort_values("case"), WHO[who]
    return {"dsc": found[dsc].to_numpy(), "error_cm2": metrics.errors(found[one], found[other])}


def effects(cases, swept, split):
    """Whether the paper's findings come back in this run, each with its interval, paired by case.

    Parameters
    ----------
    cases, swept : DataFrame
        cases.csv and sweeps.csv.
    split : {"validation", "test"}
        On "validation" the bias correction is judged on the slices that it was learned on, as in the paper.

    Returns
    -------
    DataFrame
        One row for each of `EFFECTS`: columns before and after, each with _low and _high; effect (after minus before),
        low, high; n; and verdict: "as in the paper", "opposite" or, where the interval holds 0, "unclear". A dilation
        only ever adds, so that its effect alone proves nothing: "as in the paper" are masks that are too large with it
        and not without it; "opposite" are masks that are too small with it, or too large without it.
    """
    import pandas as pd

    found = []
    for name, (of, first, then, sign) in EFFECTS.items():
        dilation, measure = isinstance(first, int), MEASURES[of]
        before, after = (
            (dilated(swept, split, where) if dilation else at_stage(cases, split, where))[measure.of]
            for where in (first, then)
        )
        was, now = (estimate(values, measure.reduce) for values in (before, after))
        change = estimate(after, measure.reduce, before)
        if dilation:
            verdict = _verdict(sign, *now[1:]) if _verdict(sign, *was[1:]) != AS_IN_PAPER else OPPOSITE
        else:
            verdict = _verdict(sign, *change[1:])
        found.append((name, *was, *now, *change, _sizes(before)[0], verdict))
    columns = ["effect of", "before", "before_low", "before_high", "after", "after_low", "after_high", "effect", "low",
               "high", "n", "verdict"]  # fmt: skip
    return pd.DataFrame(found, columns=columns).set_index("effect of")


# Subgroups -----------------------------------------------------------------------------------------------------------


def _bands(values, edges, labels):
    import pandas as pd

    return pd.cut(values, [-np.inf, *edges, np.inf], right=False, labels=labels).astype(str)


SUBGROUPS = {
    # name: what a table of `people` is parted by
    "quality label": lambda table: table["quality"],
    "phase": lambda table: table["phase"],
    "pixel (mm)": lambda table: _bands(table["pixel_spacing_mm"], (0.7, 0.8), ("under 0.7", "0.7 to 0.8", "over 0.8")),
    "sex": lambda table: table["sex"].map({"F": "women", "M": "men"}),
    "age (years)": lambda table: _bands(
        table["age"], (45, 60, 75), ("under 45", "45 to 59", "60 to 74", "75 and over")
    ),
    "BMI (kg/m²)": lambda table: _bands(table["bmi"], (25, 30), ("under 25", "25 to 30", "over 30")),
    "slice (mm)": lambda table: _bands(table["slice_thickness_mm"], (2, 4), ("under 2", "2 to 4", "over 4")),
    "scanner": lambda table: table["maker"].map(lambda name: str(name).split()[0]),
}


def _rare(table):
    """Level of each rare thing of each case; what a table of one's own notes is none."""
    level_of = table["notes"].astype(object).fillna("none").str.split(", ").explode()
    return level_of.where(level_of.isin(["none", "noisy", *FEATURES]))


RARE = {"what is rare": _rare}  # a case with several rare things is in several groups
FIRST = ("none", "plain", "women")  # before levels that come first by name; and so does what begins with "under"


def levels(level_of):
    """Levels of a group that occur, in the order of the book."""
    found = set(level_of.dropna()) - {"nan"}
    return sorted(found, key=lambda level: (level not in FIRST and not level.startswith("under"), level))


def parted(table, part):
    """Rows of each level of a group, by level.

    Parameters
    ----------
    table : DataFrame
        From `people`.
    part : callable
        One of `SUBGROUPS` or `RARE`.
    """
    level_of = part(table)
    return {level: table.loc[level_of.index[level_of == level]] for level in levels(level_of)}


def subgroups(table, cases, measures=("dsc", "mean_error_cm2", "rmse_cm2"), by=SUBGROUPS, who=READER):
    """Measures in each group of people, with their intervals.

    Parameters
    ----------
    table : DataFrame
        From `people`; areas are corrected.
    cases : DataFrame
        cases.csv, for the cases that the correction was learned on.
    measures : sequence of str
        Keys of `MEASURES`.
    by : dict of str to callable
        `SUBGROUPS` or `RARE`.
    who : str
        One of `WHO`.

    Returns
    -------
    DataFrame
        One row a group and level: columns group, level, n, and for each measure its value, _low and _high. A person of
        whom it is not known is in no level.
    """
    import pandas as pd

    found = []
    for group, part in by.items():
        for level, here in parted(table, part).items():
            row, sample = {"group": group, "level": level, "n": len(here)}, measured(cases, here, who)
            for name in measures:
                measure = MEASURES[name]
                value, low, high = estimate(sample[measure.of], measure.reduce)
                row |= {name: value, f"{name}_low": low, f"{name}_high": high}
            found.append(row)
    return pd.DataFrame(found)


# The worst -----------------------------------------------------------------------------------------------------------

OWN_SHARE = 0.25  # of the difference: who is further than this from the truth has a part in it


def worst(table, n=10):
    """The cases with the largest errors after the correction, and whose error each is.

    Parameters
    ----------
    table : DataFrame
        From `people`.
    n : int

    Returns
    -------
    DataFrame
        `n` rows of `table`, the largest |error_cm2| first, with network_cm2 and reader_cm2 (their areas minus the true
        one); network_wrong_cm2 and reader_wrong_cm2 (the area of their wrong pixels, of which too many and too few do
        not cancel; before the correction, which moves no pixel); and whose the error of the area is: "network",
        "reader" or "both", as each is off by more than `OWN_SHARE` of it; "not known" where there is no truth.
    """
    found = table.loc[table["error_cm2"].abs().sort_values(ascending=False, kind="stable").index[:n]]
    true_cm2 = found["true_area_cm2"]
    found = found.assign(
        network_cm2=found["corrected_cm2"] - true_cm2,
        reader_cm2=found["reference_area_cm2"] - true_cm2,
        network_wrong_cm2=(1 - found["true_dsc"]) * (found["area_cm2"] + true_cm2),
        reader_wrong_cm2=(1 - found["reader_dsc"]) * (found["reference_area_cm2"] + true_cm2),
    )
    network, reader = (
        found[f"{who}_cm2"].abs() > OWN_SHARE * found["error_cm2"].abs() for who in ("network", "reader")
    )
    rules = [true_cm2.isna(), network & reader, network]
    return found.assign(whose=np.select(rules, ["not known", "both", "network"], "reader"))
