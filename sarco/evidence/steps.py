"""Short tables of the long one: the paper's steps, and the number of members."""

import numpy as np

from ..base.errors import SarcoError
from ..method import metrics
from ..runs.evaluation import FINAL, STUDENT
from .correction import correction_from_results


def rows(cases, split, step=FINAL, which="all"):
    """Rows of cases.csv, by member and case: of all members, of each alone ("one") or of the "student".

    SarcoError if there is none of that split.
    """
    chosen = cases[(cases["split"] == split) & (cases["step"] == step)]
    if which == "student":
        chosen = chosen[chosen["subset"] == STUDENT]
    else:
        size = cases["members"].max() if which == "all" else 1
        chosen = chosen[(chosen["members"] == size) & (chosen["subset"] != STUDENT)]
    if chosen.empty:
        raise SarcoError(f"cases.csv: no {split} slice; run 'sarco evaluate' on a cohort that has some.")
    return chosen.sort_values(["subset", "case"], ignore_index=True)


def _statistics(dsc, predicted_cm2, true_cm2):
    absolute = np.abs(metrics.errors(predicted_cm2, true_cm2))
    low, high = metrics.limits_of_agreement(predicted_cm2, true_cm2)
    return {
        "n": len(dsc),
        "dsc_mean": dsc.mean(),
        "dsc_sd": dsc.std(ddof=1),
        "dsc_min": dsc.min(),
        "dsc_max": dsc.max(),
        "rmse_cm2": metrics.rmse(predicted_cm2, true_cm2),
        "mae_cm2": absolute.mean(),
        "absolute_error_sd_cm2": absolute.std(ddof=1),
        "absolute_error_min_cm2": absolute.min(),
        "absolute_error_max_cm2": absolute.max(),
        "mean_error_cm2": metrics.mean_error(predicted_cm2, true_cm2),
        "loa_low_cm2": low,
        "loa_high_cm2": high,
        "mse": metrics.mean_squared_error(predicted_cm2, true_cm2),
        "mse_sd": np.square(absolute).std(ddof=1),
    }


def _summary(rows, correction=None):
    """Statistics of each subset in `rows`, averaged over the subsets."""
    import pandas as pd

    summaries = []
    for _, block in rows.groupby("subset"):
        area = block["area_cm2"].to_numpy()
        predicted = area if correction is None else correction.apply(area)
        summaries.append(_statistics(block["dsc"].to_numpy(), predicted, block["reference_area_cm2"].to_numpy()))
    return pd.DataFrame(summaries).mean()


def summarise(cases, split):
    """The paper's steps, from one network alone to the corrected ensemble.

    Parameters
    ----------
    cases : DataFrame
        Result of `evaluate`.
    split : {"validation", "test"}

    Returns
    -------
    DataFrame
        Rows baseline (one member, mean of the statistics over members), ensemble, post-processing and bias
        correction (the mean error learned on validation slices A to C is subtracted; masks do not change).
        Columns n, dsc_*, and in cm2 rmse, mae (with SD, smallest and largest absolute error), mean_error,
        limits of agreement; mse in cm4.

    Raises
    ------
    SarcoError
        The table lacks the slices that are needed.
    """
    import pandas as pd

    final = rows(cases, split, FINAL)
    table = pd.DataFrame(
        {
            "baseline": _summary(rows(cases, split, "threshold", "one")),
            "ensemble": _summary(rows(cases, split, "threshold")),
            "post-processing": _summary(final),
            "bias correction": _summary(final, correction_from_results(cases)),
        }
    ).T
    return table.astype({"n": int}).rename_axis("step")


def by_members(cases, split, step="threshold"):
    """DSC and RMSE against the number of members averaged.

    Parameters
    ----------
    cases : DataFrame
    split : {"validation", "test"}
    step : {"threshold", "dilation", "window"}
        The paper's figure 2 comes before post-processing.

    Returns
    -------
    DataFrame
        Columns members, dsc_mean, dsc_min, rmse_cm2 and more, as in `summarise`. The row of 1 is the mean
        over all members; that of k, the first k together.
    """
    import pandas as pd

    rows = cases[(cases["split"] == split) & (cases["step"] == step) & (cases["subset"] != STUDENT)]
    table = pd.DataFrame({size: _summary(block) for size, block in rows.groupby("members")}).T
    return table.astype({"n": int}).rename_axis("members").reset_index()
