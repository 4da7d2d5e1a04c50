"""Whether the members' disagreement tells beforehand how wrong the ensemble is."""

import numpy as np

from . import metrics, surface
from .errors import SarcoError
from .evaluation import FINAL

DRAWS, SEED = 2000, 0


def by_case(cases, split):
    """Disagreement and error of each case, after post-processing.

    Parameters
    ----------
    cases : DataFrame
        Result of `sarco.evaluation.evaluate`, of two members or more.
    split : {"validation", "test"}

    Returns
    -------
    DataFrame
        Index case; columns sd_cm2 (of the areas that the members find alone), dsc, error_cm2 (ensemble, corrected,
        minus reader) and true_error_cm2 (minus the phantom's true area; NaN where there is none). Of the uncorrected
        areas where no correction could be learned.

    Raises
    ------
    SarcoError
        There are fewer than two members, or no such slice.
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


def rmse_of_flagged(table, limit_cm2):
    """Cases whose disagreement is over a limit, and the RMSE of these and of the others.

    Parameters
    ----------
    table : DataFrame
        As `by_case` returns it.
    limit_cm2 : float

    Returns
    -------
    flagged : int
    rmse_flagged_cm2, rmse_others_cm2 : float or None
        None where there is no case.
    """
    flagged = table["sd_cm2"] > limit_cm2
    parts = [table.loc[chosen, "error_cm2"] for chosen in (flagged, ~flagged)]
    return int(flagged.sum()), *(metrics.rmse(e, np.zeros(len(e))) if len(e) else None for e in parts)
