"""The headlines of a run with their 95 % intervals: what was measured, against whom, and in which people."""

import math
from dataclasses import dataclass

import numpy as np

from ..base.errors import SarcoError
from ..method import metrics
from ..method.surface import in_mean_error
from ..phantom.population import FEATURES
from ..runs.evaluation import FINAL
from .bootstrap import DRAWS as DRAWS
from .bootstrap import Corrected, Held, estimate, mean
from .correction import correction_from_results
from .steps import rows

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
    """One way to say how well masks or areas agree: a reduction (`estimate`) of what `measured` holds under `of`."""

    title: str
    of: str
    reduce: object
    spec: str  # format of a value

    def estimate(self, sample, before=None):
        """Value of a sample, or its change from another of the same cases, with its interval: value, low, high."""
        return estimate(sample[self.of], self.reduce, None if before is None else before[self.of])


MEASURES = {
    "dsc": Measure("DSC, mean", "dsc", mean, ".3f"),
    "rmse_cm2": Measure("RMSE", "error_cm2", metrics.root_mean_square, ".1f"),
    "mae_cm2": Measure("mean absolute error", "error_cm2", metrics.mean_absolute, ".1f"),
    "mean_error_cm2": Measure("mean error", "error_cm2", mean, "+.1f"),
    "loa_low_cm2": Measure("lower limit of agreement", "error_cm2", lambda e: metrics.limits(e)[0], "+.1f"),
    "loa_high_cm2": Measure("upper limit of agreement", "error_cm2", lambda e: metrics.limits(e)[1], "+.1f"),
    "coverage": Measure("within the 95 % prediction interval", "held", lambda held: 100 * mean(held), ".1f"),
}
WHO = {
    # name: column of the DSC, of the one area and of the other; the network's is corrected
    "network against reader": ("dsc", "area_cm2", "reference_area_cm2"),
    "network against truth": ("true_dsc", "area_cm2", "true_area_cm2"),
    "reader against truth": ("reader_dsc", "reference_area_cm2", "true_area_cm2"),
}
READER, TRUTH = "network against reader", "network against truth"


# One row a case ------------------------------------------------------------------------------------------------------


def people(cases, cohort, split):
    """Final results of the whole ensemble beside what is known of each person, from cases.csv and cohort.csv.

    One row a case; further columns are bmi, corrected_cm2 (the area after the bias correction) and error_cm2 (that
    minus the reader's).
    """
    known = ["case", "sex", "age", "phase", "height_m", "weight_kg", "slice_thickness_mm", "maker", "notes"]
    table = rows(cases, split).merge(cohort[known], on="case", how="left", validate="one_to_one")
    corrected = correction_from_results(cases).apply(table["area_cm2"])
    return table.assign(
        bmi=table["weight_kg"] / table["height_m"] ** 2,
        corrected_cm2=corrected,
        error_cm2=corrected - table["reference_area_cm2"],
    )


def taught(cases):
    """Area error of each validation case, cm2, whose mean is the correction; NaN where the case is not learned from."""
    validation = rows(cases, "validation")
    errors = metrics.errors(validation["area_cm2"], validation["reference_area_cm2"])
    return np.where(in_mean_error(validation["quality"]), errors, np.nan)


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
    sample = {"dsc": table[dsc].to_numpy(), "error_cm2": metrics.errors(table[one], table[other])}
    if one == "area_cm2":
        teachers = taught(cases)
        same = list(table["case"]) == list(rows(cases, "validation")["case"])
        learned = sample["error_cm2"], teachers if same else teachers[np.isfinite(teachers)], same
        sample |= {"error_cm2": Corrected(*learned), "held": Held(*learned)}
    return sample


def in_columns(sample, measures):
    """Columns of a table: each measure of a sample under its own name, and its interval as _low and _high."""
    row = {}
    for name in measures:
        row |= _in_columns(name, MEASURES[name].estimate(sample))
    return row


def _in_columns(name, with_interval):
    return dict(zip((name, f"{name}_low", f"{name}_high"), with_interval, strict=True))


DENSITY = {"mean_hu": ("mean attenuation", "HU"), "low_attenuation_cm2": ("low-attenuation muscle", "cm²")}


def density(table):
    """Error of what is said of the muscle's density: that of the final mask, minus that of the true one.

    Of rows of cases.csv or elsewhere.csv, one a case, without those that have no truth, or no muscle to have a mean.
    One row for each of `DENSITY`: columns measure, unit, n, true (mean of the true values), mean_error with low and
    high, and sd (of the errors).
    """
    import pandas as pd

    lines = []
    for key, (name, unit) in DENSITY.items():
        known = table[[key, f"true_{key}"]].dropna()
        if len(known):
            true = known[f"true_{key}"]
            error = metrics.errors(known[key], true)
            lines.append((name, unit, len(known), true.mean(), *estimate(error, mean), error.std(ddof=1)))
    return pd.DataFrame(lines, columns=["measure", "unit", "n", "true", "mean_error", "low", "high", "sd"])


# Headlines -----------------------------------------------------------------------------------------------------------


def headline(cases, split):
    """Every measure, of the network against the reader and the truth, and of the reader against the truth.

    The last is the floor: a network that drew the truth would still differ from the reader by as much. One row for
    each of `WHO` and `MEASURES`: columns who, measure, value, low, high, n. Areas are corrected; a reader has no
    prediction interval; the truth is left out where a case has none.
    """
    import pandas as pd

    final = rows(cases, split)
    lines = []
    for who, (dsc, _, other) in WHO.items():
        if final[[dsc, other]].isna().any(axis=None):
            continue
        sample = measured(cases, final, who)
        for name, measure in MEASURES.items():
            if measure.of in sample:
                lines.append((who, name, *measure.estimate(sample), len(final)))
    return pd.DataFrame(lines, columns=["who", "measure", "value", "low", "high", "n"])


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
    table = rows(cases, split, *STAGES[stage])
    if stage == "bias correction":
        return measured(cases, table)
    shape = (table["subset"].nunique(), -1)
    error = metrics.errors(table["area_cm2"], table["reference_area_cm2"])
    return {"dsc": table["dsc"].to_numpy().reshape(shape), "error_cm2": error.reshape(shape)}


def stages(cases, split, measures=("dsc", "rmse_cm2", "mae_cm2")):
    """The paper's stages, each with its intervals and its change from the one before, paired by case.

    One row a measure and stage: columns measure, stage, value, low, high, change, change_low, change_high; the change
    of the first is empty.
    """
    import pandas as pd

    samples = {stage: at_stage(cases, split, stage) for stage in STAGES}
    lines = []
    for name in measures:
        measure, before = MEASURES[name], None
        for stage, sample in samples.items():
            change = (np.nan,) * 3 if before is None else measure.estimate(sample, before)
            lines.append((name, stage, *measure.estimate(sample), *change))
            before = sample
    columns = ["measure", "stage", "value", "low", "high", "change", "change_low", "change_high"]
    return pd.DataFrame(lines, columns=columns)


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


def _verdict(sign, value, low, high):
    if low is None or low <= 0 <= high:
        return UNCLEAR
    return AS_IN_PAPER if sign * low > 0 else OPPOSITE


def dilated(swept, split, pixels, who=READER):
    """DSC and area error of each final mask in sweeps.csv, dilated by so many pixels, windowed and not corrected."""
    table = swept[(swept["split"] == split) & (swept["sweep"] == "dilation_px") & (swept["value"] == pixels)]
    if table.empty:
        raise SarcoError(f"sweeps.csv: no {split} slice dilated by {pixels} pixels; run 'sarco sweeps' again.")
    table, (dsc, one, other) = table.sort_values("case"), WHO[who]
    return {"dsc": table[dsc].to_numpy(), "error_cm2": metrics.errors(table[one], table[other])}


def effects(cases, swept, split):
    """Whether the paper's findings come back in cases.csv and sweeps.csv, each with its interval, paired by case.

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

    lines = []
    for name, (of, *ends, sign) in EFFECTS.items():
        dilation, measure = isinstance(ends[0], int), MEASURES[of]
        before, after = (dilated(swept, split, end) if dilation else at_stage(cases, split, end) for end in ends)
        was, now, change = measure.estimate(before), measure.estimate(after), measure.estimate(after, before)
        verdict = _verdict(sign, *(now if dilation else change))
        if dilation and _verdict(sign, *was) == AS_IN_PAPER:
            verdict = OPPOSITE
        lines.append((name, *was, *now, *change, np.shape(before["dsc"])[-1], verdict))
    columns = ["effect of", "before", "before_low", "before_high", "after", "after_low", "after_high", "effect", "low",
               "high", "n", "verdict"]  # fmt: skip
    return pd.DataFrame(lines, columns=columns).set_index("effect of")


# Subgroups -----------------------------------------------------------------------------------------------------------


def _bands(column, edges, labels):
    import pandas as pd

    return lambda table: pd.cut(table[column], [-np.inf, *edges, np.inf], right=False, labels=labels).astype(str)


def _rare(table):
    """Level of each rare thing of each case; what a table of one's own notes is none."""
    level_of = table["notes"].astype(object).fillna("none").str.split(", ").explode()
    return level_of.where(level_of.isin(["none", "noisy", *FEATURES]))


SUBGROUPS = {
    # name: what a table of `people` is parted by
    "quality label": lambda table: table["quality"],
    "phase": lambda table: table["phase"],
    "pixel (mm)": _bands("pixel_spacing_mm", (0.7, 0.8), ("under 0.7", "0.7 to 0.8", "over 0.8")),
    "sex": lambda table: table["sex"].map({"F": "women", "M": "men"}),
    "age (years)": _bands("age", (45, 60, 75), ("under 45", "45 to 59", "60 to 74", "75 and over")),
    "BMI (kg/m²)": _bands("bmi", (25, 30), ("under 25", "25 to 30", "over 30")),
    "slice (mm)": _bands("slice_thickness_mm", (2, 4), ("under 2", "2 to 4", "over 4")),
    "scanner": lambda table: table["maker"].map(lambda name: str(name).split()[0]),
}
RARE = {"what is rare": _rare}  # a case with several rare things is in several groups
FIRST = ("none", "plain", "women")  # before levels that come first by name; and so does what begins with "under"


def levels(level_of):
    """Levels of a group that occur, in the order of the book."""
    known = set(level_of.dropna()) - {"nan"}
    return sorted(known, key=lambda level: (level not in FIRST and not level.startswith("under"), level))


def parted(table, part):
    """Rows of a table of `people` by level; `part` is one of `SUBGROUPS` or `RARE`."""
    level_of = part(table)
    return {level: table.loc[level_of.index[level_of == level]] for level in levels(level_of)}


def subgroups(table, cases, measures=("dsc", "mean_error_cm2", "rmse_cm2"), by=SUBGROUPS, who=READER):
    """Measures in each group of a table of `people`, with their intervals.

    Parameters
    ----------
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
        One row a group and level: columns group, level, n, and those of `in_columns`. A person of whom it is not known
        is in no level.
    """
    import pandas as pd

    cases = rows(cases, "validation")  # all that is needed of them, looked up once
    return pd.DataFrame(
        [
            {"group": group, "level": level, "n": len(part)} | in_columns(measured(cases, part, who), measures)
            for group, part_of in by.items()
            for level, part in parted(table, part_of).items()
        ]
    )


def means(table, columns, part):
    """Mean of some columns in each level of a group: columns level, n, and of each its mean, _low and _high."""
    import pandas as pd

    lines = []
    for level, here in parted(table, part).items():
        lines.append({"level": level, "n": len(here)})
        for name in columns:
            lines[-1] |= _in_columns(name, estimate(here[name], mean))
    return pd.DataFrame(lines)


# The worst -----------------------------------------------------------------------------------------------------------

OWN_SHARE = 0.25  # of the difference: who is further than this from the truth has a part in it


def worst(table, n=10):
    """The `n` cases of a table of `people` with the largest errors after the correction, and whose error each is.

    Further columns are network_cm2 and reader_cm2 (their areas minus the true one); network_wrong_cm2 and
    reader_wrong_cm2 (the area of their wrong pixels, of which too many and too few do not cancel; before the
    correction, which moves no pixel); and whose the error of the area is: "network", "reader" or "both", as each is
    off by more than `OWN_SHARE` of it; "not known" where there is no truth.
    """
    table = table.loc[table["error_cm2"].abs().sort_values(ascending=False, kind="stable").index[:n]]
    true_cm2 = table["true_area_cm2"]
    table = table.assign(
        network_cm2=table["corrected_cm2"] - true_cm2,
        reader_cm2=table["reference_area_cm2"] - true_cm2,
        network_wrong_cm2=(1 - table["true_dsc"]) * (table["area_cm2"] + true_cm2),
        reader_wrong_cm2=(1 - table["reader_dsc"]) * (table["reference_area_cm2"] + true_cm2),
    )
    own = OWN_SHARE * table["error_cm2"].abs()
    network, reader = table["network_cm2"].abs() > own, table["reader_cm2"].abs() > own
    rules = [true_cm2.isna(), network & reader, network]
    return table.assign(whose=np.select(rules, ["not known", "both", "network"], "reader"))
