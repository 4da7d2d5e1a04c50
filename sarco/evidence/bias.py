"""The bias correction put to the test: how well few cases teach it, where else it holds, and what else one could do."""

import itertools
from functools import partial

import numpy as np

from ..method import metrics
from ..method.surface import in_mean_error
from . import statistics
from .bootstrap import DRAWS, SEED, bootstrap, centred, mean, slope

SIZES = (5, 10, 20, 40, 80, 160)


def _raw(table, against):
    """Area error of each case before any correction, cm2."""
    return metrics.errors(table["area_cm2"], table[against])


def few_cases(errors_cm2, sizes=SIZES):
    """What a mean error is worth that was learned on few cases.

    So many cases are drawn from all, without putting any back; their mean error is subtracted from the others. Sizes
    that leave less than half of the cases are not tried; where the first does, half of the cases is.

    Returns
    -------
    DataFrame
        Columns cases, low, high (the mean error of 95 of 100 draws lies between them), rmse_cm2 (of the other cases
        after the correction, mean over the draws) and worse (share of draws after which it is higher than before).
    """
    import pandas as pd

    n = len(errors_cm2)
    drawn = np.random.default_rng(SEED).permuted(np.broadcast_to(errors_cm2, (DRAWS, n)), axis=1)
    lines = []
    for size in [size for size in sizes if 2 * size <= n] or [max(n // 2, 1)]:
        learned, others = mean(drawn[:, :size]), drawn[:, size:]
        before, after = metrics.root_mean_square(others), metrics.root_mean_square(others - learned[:, None])
        lines.append((size, *np.percentile(learned, [2.5, 97.5]), after.mean(), (after > before).mean()))
    return pd.DataFrame(lines, columns=["cases", "low", "high", "rmse_cm2", "worse"])


# What could be done to an area, learned on predicted and reference areas ------------------------------------------


def _line(n, x, y, xx, xy):
    spread = n * xx - x * x
    # Of one case there is no line; what rounding leaves of its spread is none.
    factor = np.where(spread > 1e-9 * n * xx, (n * xy - x * y) / spread, np.nan)
    return (y - factor * x) / n, factor


CORRECTIONS = {
    # name: start and slope of the line that an area is put on, from sums over the cases: how many there are, predicted
    # areas x, the reader's y, and their products
    "none": lambda n, x, y, xx, xy: (0 * n, 1),
    "minus the mean error (the paper's)": lambda n, x, y, xx, xy: ((y - x) / n, 1),
    "times a factor": lambda n, x, y, xx, xy: (0 * n, y / x),
    "along a line": _line,
}
JUDGED = ("validation, same slices", "validation, each left out", "test")


def corrections(cases):
    """Each correction, learned on validation slices with labels A to C as in the paper, and judged in three ways.

    "Same slices" is the paper's way. "Each left out" learns anew for each slice, from the others.

    Returns
    -------
    DataFrame
        One row a correction of `CORRECTIONS` and way of `JUDGED`: columns correction, judged, mean_error_cm2, rmse_cm2,
        low, high (interval of the RMSE; each draw learns anew, on cases that it draws); NaN where too few are left to
        learn on.
    """
    import pandas as pd

    validation, test = (statistics.rows(cases, split) for split in ("validation", "test"))
    (x, y), to_test = (
        [table[column].to_numpy() for column in ("area_cm2", "reference_area_cm2")] for table in (validation, test)
    )
    good = in_mean_error(validation["quality"])
    added = good * np.stack([np.ones(len(x)), x, y, x * x, x * y])  # by each case to the sums; by a D nothing
    drawn = [[x, y, added]], [[x, y, added, np.arange(len(x))]], [to_test, [added[:, good]]]
    lines = []
    for name, learn in CORRECTIONS.items():
        for judged, groups in zip(JUDGED, drawn, strict=True):
            mean_error_cm2 = _corrected(learn, *itertools.chain(*groups)).mean()
            lines.append((name, judged, mean_error_cm2, *bootstrap(partial(_corrected_rmse, learn), *groups)))
    return pd.DataFrame(lines, columns=["correction", "judged", "mean_error_cm2", "rmse_cm2", "low", "high"])


def _corrected(learn, x, y, added, case=None):
    """Errors that a correction leaves of areas `x`, learned on what cases add to its sums; each without its `case`."""
    sums = added.sum(axis=-1, keepdims=True)
    if case is not None:
        times = (case[..., None] == case[..., None, :]).sum(axis=-1)  # a case that was drawn twice is left out twice
        sums = sums - times * added
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw that teaches nothing has no value
        start, slope = learn(*sums)
        return start + slope * x - y


def _corrected_rmse(learn, *columns):
    return metrics.root_mean_square(_corrected(learn, *columns))


# From one population to another --------------------------------------------------------------------------------------


def transfer(table, part):
    """The mean error learned in each group of `statistics.people`, and subtracted in each.

    Within a group each case is corrected by the mean error of the others. `part` is one of `statistics.SUBGROUPS`.

    Returns
    -------
    DataFrame
        One row a pair: columns learned_on, applied_to, n_learned, n_applied, mean_error_cm2 (learned), before_cm2 and
        after_cm2 (RMSE of those it is applied to), change_cm2, low, high (of the change, paired; the people of both
        groups are drawn again). Groups of fewer than two are left out.
    """
    import pandas as pd

    parts = statistics.parted(table, part).items()
    groups = {level: _raw(rows, "reference_area_cm2") for level, rows in parts if len(rows) > 1}
    return pd.DataFrame(
        [
            _applied(learned_on, applied_to, taught, None if learned_on == applied_to else errors)
            for learned_on, taught in groups.items()
            for applied_to, errors in groups.items()
        ],
        columns=TRANSFERRED,
    )


ALL = "all"  # kinds of one population together
LEARNED_ON = "validation"


def to_others(cases, elsewhere):
    """The paper's correction, learned on the reference population, in that one and in others.

    All areas are compared with the true ones, so that no reader errs. Columns as of `transfer`, and group: "reference"
    (the test set of cases.csv), "difficult" and "randomised" (of elsewhere.csv). Each group, and each kind of difficult
    phantoms, has two rows: corrected by what was learned on `LEARNED_ON`, and by its own.
    """
    import pandas as pd

    validation, test = (statistics.rows(cases, split) for split in ("validation", "test"))
    taught = _raw(validation[in_mean_error(validation["quality"])], "reference_area_cm2")
    groups = {("reference", "test"): test.dropna(subset="true_area_cm2")}
    final = elsewhere[elsewhere["step"] == statistics.FINAL]
    for population, rows in final.groupby("population", sort=False):
        groups[population, ALL] = rows
        if population == "difficult":
            groups |= {(population, kind): block for kind, block in rows.groupby("kind", sort=False)}
    lines = []
    for (group, level), rows in groups.items():
        if len(rows) > 1:
            errors = _raw(rows, "true_area_cm2")
            lines.append((*_applied(LEARNED_ON, level, taught, errors), group))
            lines.append((*_applied(level, level, errors), group))
    return pd.DataFrame(lines, columns=[*TRANSFERRED, "group"])


TRANSFERRED = ["learned_on", "applied_to", "n_learned", "n_applied", "mean_error_cm2", "before_cm2", "after_cm2",
               "change_cm2", "low", "high"]  # fmt: skip


def _applied(learned_on, applied_to, taught, errors=None):
    """One row of `transfer`; without `errors` each of those it is learned on is corrected by the mean of the others."""
    if errors is None:
        errors, change = taught, bootstrap(_change_within, [taught])
    else:
        change = bootstrap(_change, [errors], [taught])
    before = float(metrics.root_mean_square(errors))
    sizes = len(taught), len(errors)
    return learned_on, applied_to, *sizes, taught.mean(), before, before + change[0], *change


def _change(errors, taught):
    return metrics.root_mean_square(centred(errors, taught)) - metrics.root_mean_square(errors)


def _change_within(errors):
    n = errors.shape[-1]
    return metrics.root_mean_square(centred(errors) * n / (n - 1)) - metrics.root_mean_square(errors)


# Does the error grow with the muscle? --------------------------------------------------------------------------------

AGAINST = {
    # what the error is set against: columns of cases.csv whose mean it is
    "the reader's area": ["reference_area_cm2"],
    "the predicted area": ["area_cm2"],
    "the mean of the two": ["area_cm2", "reference_area_cm2"],
    "the true area": ["true_area_cm2"],
}


def slopes(table):
    """Slope of the error (predicted minus reader's area) against four areas of the same cases.

    The reader's own error is part of the reader's area and, with the other sign, of the error: so a slope against the
    reader's area leans down even where the network makes the same error everywhere (regression to the mean).
    One row for each of `AGAINST` that every case has: columns against, slope, low, high, in cm2 for each 100 cm2.
    """
    import pandas as pd

    errors = _raw(table, "reference_area_cm2")
    lines = []
    for name, columns in AGAINST.items():
        areas = table[columns].mean(axis=1, skipna=False)
        if areas.notna().all():
            lines.append((name, *bootstrap(lambda x, y: 100 * slope(x, y), [areas, errors])))
    return pd.DataFrame(lines, columns=["against", "slope", "low", "high"])
