"""The headlines of a run with their 95 % intervals: what was measured, against whom, and in which people.

An interval comes from drawing the cases again (bootstrap, percentiles), with a fixed seed. What is compared is compared
case by case: one draw takes the same cases from both sides.
"""

import math
from dataclasses import dataclass

import numpy as np

from . import metrics, surface
from .evaluation import FINAL as FINAL
from .evaluation import rows as rows

DRAWS, SEED = 2000, 0
# Limits of agreement of two readers for the muscle area at L3, 116 people: doi 10.1186/s12891-022-05032-2. Its title
# speaks of the thigh, which it proposes in place of L3; it measured both.
READERS_LIMITS_CM2 = (-9.949, 7.636)
READERS_SD_CM2 = (READERS_LIMITS_CM2[1] - READERS_LIMITS_CM2[0]) / (2 * 1.96)


@dataclass(frozen=True)
class Measure:
    """One way to say how well masks or areas agree.

    Attributes
    ----------
    title : str
    unit : str
        "" for the DSC, else "cm2".
    of : {"dsc", "error_cm2"}
        What it is computed from.
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
}
WHO = {
    # name: column of the DSC, of the one area and of the other; the network's area is corrected
    "network against reader": ("dsc", "corrected_cm2", "reference_area_cm2"),
    "network against truth": ("true_dsc", "corrected_cm2", "true_area_cm2"),
    "reader against truth": ("reader_dsc", "reference_area_cm2", "true_area_cm2"),
}


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


def estimate(values, reduce):
    """A statistic of one sample of cases, with its interval.

    Parameters
    ----------
    values : array, shape (n,) or (k, n)
        Of `k` networks, each alone; the statistic is averaged over them.
    reduce : callable
        As `Measure.reduce`.

    Returns
    -------
    value : float
    low, high : float
        Equal to the value where there is one case only.
    """
    values = np.atleast_2d(values)

    def statistic(pick):
        return reduce(values[:, pick]).mean(axis=0)

    n = values.shape[1]
    value = float(statistic(np.arange(n)))
    low, high = interval(statistic, n) if n > 1 else (value, value)
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
        One row a case: the columns of cases.csv; sex, age, phase, height_m, weight_kg, slice_thickness_mm and maker of
        cohort.csv; bmi; corrected_cm2 (the area after the bias correction) and error_cm2 (that minus the reader's).
    """
    known = ["case", "sex", "age", "phase", "height_m", "weight_kg", "slice_thickness_mm", "maker"]
    found = rows(cases, split).merge(cohort[known], on="case", how="left", validate="one_to_one")
    corrected = surface.correction_from_results(cases).apply(found["area_cm2"])
    return found.assign(
        bmi=found["weight_kg"] / found["height_m"] ** 2,
        corrected_cm2=corrected,
        error_cm2=corrected - found["reference_area_cm2"],
    )


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
        correction, areas have; the truth is left out where a case has none.
    """
    import pandas as pd

    final = rows(cases, split)
    final["corrected_cm2"] = surface.correction_from_results(cases).apply(final["area_cm2"])
    found = []
    for who, (dsc, one, other) in WHO.items():
        if final[[dsc, other]].isna().any(axis=None):
            continue
        sample = {"dsc": final[dsc].to_numpy(), "error_cm2": metrics.errors(final[one], final[other])}
        for name, measure in MEASURES.items():
            found.append((who, name, *estimate(sample[measure.of], measure.reduce), len(final)))
    return pd.DataFrame(found, columns=["who", "measure", "value", "low", "high", "n"])


STAGES = {
    # the paper's stage: step of post-processing, one member or all
    "baseline": ("threshold", "one"),
    "ensemble": ("threshold", "all"),
    "post-processing": (FINAL, "all"),
    "bias correction": (FINAL, "all"),
}


def sample(cases, split, stage):
    """DSC and area error of each case at one of `STAGES`, as arrays (networks, cases) in the same order of cases."""
    step, which = STAGES[stage]
    found = rows(cases, split, step, which)
    shape = (found["subset"].nunique(), -1)
    error = metrics.errors(found["area_cm2"], found["reference_area_cm2"]).reshape(shape)
    if stage == "bias correction":
        error = error - surface.correction_from_results(cases).mean_error_cm2
    return {"dsc": found["dsc"].to_numpy().reshape(shape), "error_cm2": error}


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

    samples = {stage: sample(cases, split, stage) for stage in STAGES}
    found = []
    for name in measures:
        measure, before = MEASURES[name], None
        for stage in STAGES:
            values = samples[stage][measure.of]
            change = (np.nan,) * 3 if before is None else paired(before, values, measure.reduce)
            found.append((name, stage, *estimate(values, measure.reduce), *change))
            before = values
    columns = ["measure", "stage", "value", "low", "high", "change", "change_low", "change_high"]
    return pd.DataFrame(found, columns=columns)


def paired(before, after, reduce):
    """Change of a statistic from one sample to another of the same cases, with its interval.

    Parameters
    ----------
    before, after : array, shape (n,) or (k, n)
    reduce : callable

    Returns
    -------
    change, low, high : float
    """
    before, after = np.atleast_2d(before), np.atleast_2d(after)

    def statistic(pick):
        return reduce(after[:, pick]).mean(axis=0) - reduce(before[:, pick]).mean(axis=0)

    n = before.shape[1]
    value = float(statistic(np.arange(n)))
    low, high = interval(statistic, n) if n > 1 else (value, value)
    return value, low, high


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
FIRST = ("plain", "women")  # before levels that come first by name; and so does what begins with "under"


def levels(level_of):
    """Levels of a group that occur, in the order of the book."""
    found = set(level_of.dropna()) - {"nan"}
    return sorted(found, key=lambda level: (level not in FIRST and not level.startswith("under"), level))


def subgroups(table, measures=("dsc", "mean_error_cm2", "rmse_cm2"), by=SUBGROUPS):
    """Measures in each group of people, with their intervals.

    Parameters
    ----------
    table : DataFrame
        From `people`; areas are corrected.
    measures : sequence of str
        Keys of `MEASURES`.
    by : dict of str to callable

    Returns
    -------
    DataFrame
        One row a group and level: columns group, level, n, and for each measure its value, _low and _high. A person of
        whom it is not known is in no level.
    """
    import pandas as pd

    found = []
    for group, part in by.items():
        level_of = part(table)
        for level in levels(level_of):
            here = table[level_of == level]
            row = {"group": group, "level": level, "n": len(here)}
            for name in measures:
                measure = MEASURES[name]
                value, low, high = estimate(here[measure.of].to_numpy(), measure.reduce)
                row |= {name: value, f"{name}_low": low, f"{name}_high": high}
            found.append(row)
    return pd.DataFrame(found)
