"""Whether the members' disagreement tells beforehand how wrong the ensemble is, and from where on it is a warning.

A warning is to find what the mean error leaves: errors against the truth, which only phantoms have. Its limit is
learned on other people than those of the test set (elsewhere.csv), so that the test set can judge it.
"""

from dataclasses import dataclass

import numpy as np

from ..base.errors import SarcoError
from ..method import surface
from ..runs.evaluation import FINAL
from . import statistics
from .statistics import DRAWS, SEED

LARGE_ERROR_CM2 = 5.0  # more than the SD between two readers of real slices: `statistics.READERS_SD_CM2`
LOOKS = 10  # the cost: a large error that is missed is as bad as so many looks at slices that had none


@dataclass(frozen=True)
class Doubt:
    """One way to say how far members disagree, a column of cases.csv and elsewhere.csv.

    Attributes
    ----------
    name : str
    sign : int
        1 where more is more doubt, else -1.
    spec, unit : str
        How a value is written.
    """

    name: str
    sign: int
    spec: str
    unit: str = ""

    def text(self, value):
        """A value with its unit."""
        return f"{value:{self.spec}}{self.unit}".replace("%", " %")


DOUBTS = {
    "members_sd_cm2": Doubt("SD of the areas that they find", 1, ".2f", " cm²"),
    "members_dsc": Doubt("mean DSC between their masks", -1, ".3f"),
    "disagreement_share": Doubt("share of the muscle that not all see", 1, ".1%"),
}


def by_case(cases, split):
    """Disagreement and error of each case, after post-processing.

    Parameters
    ----------
    cases : DataFrame
        Result of `sarco.runs.evaluation.evaluate`, of two members or more.
    split : {"validation", "test"}

    Returns
    -------
    DataFrame
        Index case; columns sd_cm2 (of the areas that the members find alone), dsc, error_cm2 (ensemble, corrected,
        minus reader) and true_error_cm2 (minus the phantom's true area; NaN where there is none).

    Raises
    ------
    SarcoError
        There are fewer than two members, no such slice, or too few to learn the correction from.
    """
    import pandas as pd

    rows = cases[(cases["split"] == split) & (cases["step"] == FINAL) & (cases["subset"] != surface.STUDENT)]
    size = rows["members"].max()
    if rows.empty or size < 2:
        raise SarcoError(f"cases.csv: disagreement on {split} slices needs two members or more; evaluate such a run.")
    every = rows[rows["members"] == size].set_index("case")
    area = surface.correction_from_results(cases).apply(every["area_cm2"])
    return pd.DataFrame(
        {
            "sd_cm2": rows[rows["members"] == 1].groupby("case")["area_cm2"].std(ddof=1),
            "dsc": every["dsc"],
            "error_cm2": area - every["reference_area_cm2"],
            "true_error_cm2": area - every["true_area_cm2"],
        }
    ).loc[every.index]


def rank_correlation(x, y, draws=DRAWS, seed=SEED):
    """Spearman's rank correlation, with the 95 % interval from drawing the cases again.

    Parameters
    ----------
    x, y : array, (n,)
        Three cases or more, without NaN.
    draws, seed : int

    Returns
    -------
    rho, low, high : float
    """
    from scipy import stats

    def rho(x, y):
        x, y = (r - r.mean(axis=-1, keepdims=True) for r in (stats.rankdata(v, axis=-1) for v in (x, y)))
        return (x * y).sum(axis=-1) / np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))

    x, y = np.asarray(x, float), np.asarray(y, float)
    drawn = np.random.default_rng(seed).integers(0, len(x), (draws, len(x)))
    # A draw of one case alone has no ranks. Among few cases it happens, and is left out.
    drawn = drawn[(np.ptp(x[drawn], axis=1) > 0) & (np.ptp(y[drawn], axis=1) > 0)]
    return float(rho(x, y)), *map(float, np.percentile(rho(x[drawn], y[drawn]), [2.5, 97.5]))


def risk_coverage(sd_cm2, error_cm2):
    """RMSE of the cases that are kept, when those with the most disagreement are handed to a person first.

    Parameters
    ----------
    sd_cm2, error_cm2 : array, (n,)

    Returns
    -------
    DataFrame
        One row a number of kept cases, from 1 to n; columns share (kept), rmse_cm2, and best_cm2, the RMSE if the
        largest errors were handed over first, which nobody can do beforehand.
    """
    import pandas as pd

    squared = np.square(np.asarray(error_cm2, float))
    kept = np.arange(1, len(squared) + 1)

    def running(order):
        return np.sqrt(np.cumsum(squared[order]) / kept)

    return pd.DataFrame(
        {
            "share": kept / len(squared),
            "rmse_cm2": running(np.argsort(sd_cm2, kind="stable")),
            "best_cm2": running(np.argsort(squared, kind="stable")),
        }
    )


# The warning ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limit:
    """From where on disagreement is a warning.

    Attributes
    ----------
    doubt : str
        A key of `DOUBTS`.
    value : float
    slices, large : int
        Slices that it was learned on, and how many of them had a large error.
    marked, caught : int
        How many of them it marks, and how many of these had a large error.
    """

    doubt: str
    value: float
    slices: int
    large: int
    marked: int
    caught: int

    def over(self, value):
        """Whether there is so much disagreement that it is a warning; of one value or of an array."""
        return DOUBTS[self.doubt].sign * (value - self.value) > 0


def told(table, correction):
    """What members' disagreement tells, and the error that it should tell of, slice by slice.

    Parameters
    ----------
    table : DataFrame
        cases.csv, or a part of it, or elsewhere.csv.
    correction : sarco.method.surface.Correction
        The error is what is left after it, since the mean error is known beforehand.

    Returns
    -------
    DataFrame
        One row a slice whose members' disagreement and truth are known: the columns of the table, error_cm2, and large
        (whether that is over `LARGE_ERROR_CM2` either way). None from a table that was made before these columns.
    """
    final = table[table["step"] == FINAL]
    final = final.reindex(columns=final.columns.union(list(DOUBTS), sort=False))
    final = final.dropna(subset=[*DOUBTS, "true_area_cm2"])
    error_cm2 = correction.apply(final["area_cm2"]) - final["true_area_cm2"]
    return final.assign(error_cm2=error_cm2, large=error_cm2.abs() > LARGE_ERROR_CM2)


def learn(table, doubts=tuple(DOUBTS)):
    """The limit of least cost: slices marked for nothing, and `LOOKS` for each large error that is missed.

    Parameters
    ----------
    table : DataFrame
        As `told` returns it.
    doubts : sequence of str
        Keys of `DOUBTS` to choose from.

    Returns
    -------
    Limit or None
        Of equal costs the first in `doubts`, and the one that marks fewer slices. None without any large error, or
        where all are.
    """
    large, best = table["large"].to_numpy(bool), None
    if large.all() or not large.any():
        return None
    for doubt in doubts:
        values = DOUBTS[doubt].sign * table[doubt].to_numpy(float)
        limits = np.unique(values)[::-1]
        marked = values > limits[:, None]
        caught = np.count_nonzero(marked & large, axis=1)
        marked = np.count_nonzero(marked, axis=1)
        cost = LOOKS * (np.count_nonzero(large) - caught) + marked - caught
        least = int(np.argmin(cost))
        if best is None or cost[least] < best[0]:
            value = float(DOUBTS[doubt].sign * limits[least])
            counts = (len(large), large.sum(), marked[least], caught[least])
            best = cost[least], Limit(doubt, value, *map(int, counts))
    return best[1]


def left_out(table):
    """Whether each slice is marked by the limit that is learned on all the others: array of bool."""
    marked = []
    for place, (_, row) in enumerate(table.iterrows()):
        limit = learn(table[np.arange(len(table)) != place])
        marked.append(limit is not None and bool(limit.over(row[limit.doubt])))
    return np.array(marked, bool)


def auc(doubt, large):
    """Chance that a slice with a large error has the greater doubt, and not one without; with its 95 % interval.

    Parameters
    ----------
    doubt : array of float, (n,)
        Greater where there is more.
    large : array of bool, (n,)

    Returns
    -------
    auc, low, high : float or None
        0.5 is chance. None where either kind is missing.
    """
    from scipy import stats

    doubt, large = np.asarray(doubt, float), np.asarray(large, bool)
    groups = doubt[large], doubt[~large]
    n, m = map(len, groups)
    if not n or not m:
        return None, None, None

    def statistic(*picks):
        drawn = np.concatenate([group[pick] for group, pick in zip(groups, picks, strict=True)], axis=-1)
        return (stats.rankdata(drawn, axis=-1)[..., :n].sum(axis=-1) - n * (n + 1) / 2) / (n * m)

    return float(statistic(np.arange(n), np.arange(m))), *statistics.interval(statistic, n, m)


def judge(marked, large):
    """Sensitivity and false alarms of a warning.

    Parameters
    ----------
    marked, large : array of bool, (n,)

    Returns
    -------
    dict
        sensitivity and false_alarms: each how many are marked, of how many with and without a large error, and the
        95 % interval of the share (Wilson); the share is None where there is none.
    """
    from scipy import stats

    marked, large = np.asarray(marked, bool), np.asarray(large, bool)
    found = {}
    for name, kind in (("sensitivity", large), ("false_alarms", ~large)):
        some, n = int((marked & kind).sum()), int(kind.sum())
        share = stats.binomtest(some, n).proportion_ci(method="wilson") if n else (None, None)
        found[name] = (some, n, *share)
    return found
