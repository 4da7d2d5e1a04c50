"""The bias correction put to the test: how well few cases teach it, where else it holds, and what else one could do."""

import numpy as np

from ..method import metrics
from ..paper import CORRECTION_LABELS
from . import statistics

SIZES = (5, 10, 20, 40, 80, 160)


def raw_errors(cases, split):
    """Area error of each case before any correction, cm2: final mask of the whole ensemble minus the reader's."""
    return _raw(statistics.rows(cases, split), "reference_area_cm2")


def few_cases(errors, sizes=SIZES):
    """What a mean error is worth that was learned on few cases.

    So many cases are drawn from all, without putting any back; their mean error is subtracted from the others.

    Parameters
    ----------
    errors : array, shape (n,)
        Area errors before the correction, cm2.
    sizes : sequence of int
        How many cases it is learned on; those that leave less than half of the cases are not tried. Where the first
        does, half of the cases is tried in its place.

    Returns
    -------
    DataFrame
        Columns cases, low, high (the mean error of 95 of 100 draws lies between them), rmse_cm2 (of the other cases
        after the correction, mean over the draws) and worse (share of draws after which it is higher than before).
    """
    import pandas as pd

    errors = np.asarray(errors, float)
    order = np.random.default_rng(statistics.SEED).permuted(
        np.broadcast_to(errors, (statistics.DRAWS, len(errors))), axis=1
    )
    found = []
    for size in [size for size in sizes if 2 * size <= len(errors)] or [max(len(errors) // 2, 1)]:
        learned, others = order[:, :size].mean(axis=1), order[:, size:]
        before, after = metrics.root_mean_square(others), metrics.root_mean_square(others - learned[:, None])
        found.append((size, *np.percentile(learned, [2.5, 97.5]), after.mean(), (after > before).mean()))
    return pd.DataFrame(found, columns=["cases", "low", "high", "rmse_cm2", "worse"])


# What could be done to an area, learned on predicted and reference areas ------------------------------------------


def _line(n, x, y, xx, xy):
    spread = n * xx - x * x
    # Of one case there is no line; what rounding leaves of its spread is none.
    slope = np.where(spread > 1e-9 * n * xx, (n * xy - x * y) / spread, np.nan)
    return (y - slope * x) / n, slope


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
    """Each correction, learned as the paper does, and judged in three ways.

    Parameters
    ----------
    cases : DataFrame
        cases.csv.

    Returns
    -------
    DataFrame
        One row a correction of `CORRECTIONS` and way of `JUDGED`: columns correction, judged, mean_error_cm2, rmse_cm2,
        low, high (interval of the RMSE; each draw learns anew, on cases that it draws); NaN where too few are left to
        learn on. All are learned on validation slices with labels A to C. "Same slices" is the paper's way. "Each left
        out" learns anew for each slice, from the others.
    """
    import pandas as pd

    x, y, test_x, test_y = (
        statistics.rows(cases, split)[column].to_numpy()
        for split in ("validation", "test")
        for column in ("area_cm2", "reference_area_cm2")
    )
    good = statistics.rows(cases, "validation")["quality"].isin(CORRECTION_LABELS).to_numpy()
    added = good * np.stack([np.ones(len(x)), x, y, x * x, x * y])  # by each case to the sums; by a D nothing

    def error(learn, sums, area, reference):
        with np.errstate(divide="ignore", invalid="ignore"):  # a draw that teaches nothing has no value
            start, slope = learn(*sums)
            return start + slope * area - reference

    def same(learn, pick):
        return error(learn, added[:, pick].sum(axis=-1, keepdims=True), x[pick], y[pick])

    def left_out(learn, pick):
        times = (pick[..., None] == pick[..., None, :]).sum(axis=-1)  # a case that was drawn twice is left out twice
        sums = added[:, pick].sum(axis=-1, keepdims=True) - times * added[:, pick]
        return error(learn, sums, x[pick], y[pick])

    def test(learn, pick, teachers):
        return error(learn, added[:, good][:, teachers].sum(axis=-1, keepdims=True), test_x[pick], test_y[pick])

    found = []
    for name, learn in CORRECTIONS.items():
        for how, judge in zip(JUDGED, (same, left_out, test), strict=True):
            sizes = (len(test_x), good.sum()) if judge is test else (len(x),)

            def rmse(*picks, judge=judge, learn=learn):
                return metrics.root_mean_square(judge(learn, *picks))

            everybody = [np.arange(n) for n in sizes]
            found.append((name, how, float(judge(learn, *everybody).mean()), float(rmse(*everybody)),
                          *statistics.interval(rmse, *sizes)))  # fmt: skip
    return pd.DataFrame(found, columns=["correction", "judged", "mean_error_cm2", "rmse_cm2", "low", "high"])


# From one population to another --------------------------------------------------------------------------------------


def transfer(table, part):
    """The mean error learned in each group of people, and subtracted in each.

    Within a group each case is corrected by the mean error of the others.

    Parameters
    ----------
    table : DataFrame
        From `statistics.people`.
    part : callable
        One of `statistics.SUBGROUPS`.

    Returns
    -------
    DataFrame
        One row a pair: columns learned_on, applied_to, n_learned, n_applied, mean_error_cm2 (learned), before_cm2 and
        after_cm2 (RMSE of those it is applied to), change_cm2, low, high (of the change, paired; the people of both
        groups are drawn again). Groups of fewer than two are left out.
    """
    parts = statistics.parted(table, part).items()
    groups = {level: _raw(rows, "reference_area_cm2") for level, rows in parts if len(rows) > 1}
    return _moves(
        (learned_on, applied_to, taught, None if learned_on == applied_to else errors)
        for learned_on, taught in groups.items()
        for applied_to, errors in groups.items()
    )


ALL = "all"  # kinds of one population together
LEARNED_ON = "validation"


def to_others(cases, elsewhere):
    """The paper's correction, learned on the reference population, in that one and in others.

    All areas are compared with the true ones, so that no reader errs.

    Parameters
    ----------
    cases, elsewhere : DataFrame
        cases.csv and elsewhere.csv of one run.

    Returns
    -------
    DataFrame
        Columns as of `transfer`, and group: "reference" (the test set), "difficult" and "randomised". Each group, and
        each kind of difficult phantoms, has two rows: corrected by what was learned on `LEARNED_ON`, and by its own.
    """
    import pandas as pd

    validation, test = (statistics.rows(cases, split) for split in ("validation", "test"))
    taught = _raw(validation[validation["quality"].isin(CORRECTION_LABELS)], "reference_area_cm2")
    final = elsewhere[elsewhere["step"] == statistics.FINAL]
    groups = {("reference", "test"): test.dropna(subset="true_area_cm2")}
    for population, rows in final.groupby("population", sort=False):
        groups[population, ALL] = rows
        if population == "difficult":
            groups |= {(population, kind): block for kind, block in rows.groupby("kind", sort=False)}
    tables = []
    for (group, level), rows in groups.items():
        if len(rows) > 1:
            errors = _raw(rows, "true_area_cm2")
            pairs = ((LEARNED_ON, level, taught, errors), (level, level, errors, None))
            tables.append(_moves(pairs).assign(group=group))
    return pd.concat(tables, ignore_index=True)


def _raw(rows, against):
    return metrics.errors(rows["area_cm2"], rows[against])


def _moves(pairs):
    """A table with the columns of `transfer`.

    Parameters
    ----------
    pairs : iterable of (str, str, array, array or None)
        Name of those it is learned on and of those it is applied to, and the errors of each, cm2; None for the same,
        of which each is corrected by the mean of the others.
    """
    import pandas as pd

    found = []
    for learned_on, applied_to, taught, others in pairs:
        errors = taught if others is None else others

        def change(picked, teachers=None, taught=taught, errors=errors):
            chosen = errors[picked]
            if teachers is None:
                n = chosen.shape[-1]
                corrected = (chosen - chosen.mean(axis=-1, keepdims=True)) * n / (n - 1)
            else:
                corrected = chosen - taught[teachers].mean(axis=-1, keepdims=True)
            return metrics.root_mean_square(corrected) - metrics.root_mean_square(chosen)

        sizes = (len(errors),) if others is None else (len(errors), len(taught))
        value = float(change(*map(np.arange, sizes)))
        before = float(metrics.root_mean_square(errors))
        found.append((learned_on, applied_to, len(taught), len(errors), taught.mean(),
                      before, before + value, value, *statistics.interval(change, *sizes)))  # fmt: skip
    columns = ["learned_on", "applied_to", "n_learned", "n_applied", "mean_error_cm2", "before_cm2", "after_cm2",
               "change_cm2", "low", "high"]  # fmt: skip
    return pd.DataFrame(found, columns=columns)


# Does the error grow with the muscle? --------------------------------------------------------------------------------

AGAINST = {
    # what the error is set against: columns of cases.csv whose mean it is
    "the reader's area": ("reference_area_cm2",),
    "the predicted area": ("area_cm2",),
    "the mean of the two": ("area_cm2", "reference_area_cm2"),
    "the true area": ("true_area_cm2",),
}


def slopes(table):
    """Slope of the error (predicted minus reader's area) against four areas of the same cases.

    The reader's own error is part of the reader's area and, with the other sign, of the error: so a slope against the
    reader's area leans down even where the network makes the same error everywhere (regression to the mean).

    Parameters
    ----------
    table : DataFrame
        Rows of cases.csv, one a case.

    Returns
    -------
    DataFrame
        One row for each of `AGAINST` that every case has: columns against, slope, low, high, in cm2 for each 100 cm2.
    """
    import pandas as pd

    errors = metrics.errors(table["area_cm2"], table["reference_area_cm2"])
    found = []
    for name, columns in AGAINST.items():
        areas = table[list(columns)].mean(axis=1, skipna=False).to_numpy()
        if np.isnan(areas).any():
            continue

        def slope(pick, areas=areas):
            x, y = areas[pick], errors[pick]
            x = x - x.mean(axis=-1, keepdims=True)
            spread = np.square(x).sum(axis=-1)
            # A draw of one case only, over and over, has no slope.
            return 100 * np.divide((x * y).sum(axis=-1), spread, out=np.full(spread.shape, np.nan), where=spread > 0)

        n = len(areas)
        found.append((name, float(slope(np.arange(n))), *statistics.interval(slope, n)))
    return pd.DataFrame(found, columns=["against", "slope", "low", "high"])
