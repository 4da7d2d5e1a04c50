"""95 % intervals: the cases are drawn again and again, with a fixed seed, and the middle 95 of 100 results are kept.

What is compared is compared case by case: one draw takes the same cases from both sides. Where a mean error was
subtracted, the cases that it was learned on are drawn again, too (`Corrected`). SciPy's `bootstrap` gives the same
digits, but takes its samples either in pairs or apart, and none of a single case.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

DRAWS, SEED = 2000, 0


def bootstrap(statistic, *groups, skip_nan=False):
    """A statistic of one group of cases or more, with its 95 % interval: value, low, high.

    Parameters
    ----------
    statistic : callable
        Takes every column of every group, in order, drawn along its last axis; removes that axis.
    *groups : sequence of array, (..., n)
        Columns of the same n cases, which are drawn together; each group is drawn apart from the others.
    skip_nan : bool
        Leave out draws that have no value; else low and high are None where one has none.
    """
    groups = [[np.asarray(column) for column in columns] for columns in groups]
    sizes = tuple(columns[0].shape[-1] for columns in groups)

    def of(places):
        drawn = (column[..., at] for columns, at in zip(groups, places, strict=True) for column in columns)
        return statistic(*drawn)

    percentile = np.nanpercentile if skip_nan else np.percentile
    low, high = map(float, percentile(of(_drawn(sizes)), [2.5, 97.5]))
    known = math.isfinite(low) and math.isfinite(high)
    return float(of(map(np.arange, sizes))), *((low, high) if known else (None, None))


@lru_cache(maxsize=4)  # many statistics of the same cases follow each other
def _drawn(sizes):
    """Places of the cases that are drawn from groups of these sizes, an array (draws, n) each."""
    rng = np.random.default_rng(SEED)
    return [rng.integers(0, n, (DRAWS, n)) for n in sizes]


def mean(values):
    """Mean of each sample."""
    return values.mean(axis=-1)


def centred(values, around=None):
    """Values of each sample minus their mean, or minus the mean of another sample."""
    return values - mean(values if around is None else around)[..., None]


def slope(x, y):
    """Slope of a line through each sample; NaN of one case only, drawn over and over."""
    x = centred(x)
    spread = np.square(x).sum(axis=-1)
    return np.divide((x * y).sum(axis=-1), spread, out=np.full(spread.shape, np.nan), where=spread > 0)


@dataclass(frozen=True)
class Corrected:
    """Area errors after a mean error was subtracted, which each draw learns anew from cases that it draws, too.

    With `same` the teachers are the cases of `errors_cm2`, which are then drawn once; NaN where one does not teach.
    """

    errors_cm2: np.ndarray  # (n,), before the correction
    taught_cm2: np.ndarray  # (m,), which the mean error is learned on
    same: bool = False

    @property
    def groups(self):
        """What `bootstrap` draws."""
        errors_cm2 = np.atleast_2d(self.errors_cm2)
        return [[errors_cm2, self.taught_cm2]] if self.same else [[errors_cm2], [self.taught_cm2]]

    def drawn(self, errors_cm2, taught_cm2):
        """Errors after the correction; NaN of a draw that has no teacher."""
        return errors_cm2 - _learned(taught_cm2)[1]


class Held(Corrected):
    """Whether an area lies in the 95 % prediction interval, learned on the cases that the mean error is learned on."""

    def drawn(self, errors_cm2, taught_cm2):
        """1 where it does, 0 where not."""
        from scipy import stats

        n, taught_mean, sd = _learned(taught_cm2)
        half = stats.t.ppf(0.975, n - 1) * sd * np.sqrt(1 + 1 / n)
        return np.where(np.isfinite(half), np.abs(errors_cm2 - taught_mean) <= half, np.nan)


def _learned(taught):
    """Number of teachers, mean and SD of their errors, in each draw."""
    n = np.isfinite(taught).sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        taught_mean = np.nansum(taught, axis=-1, keepdims=True) / n
        return n, taught_mean, np.sqrt(np.nansum(np.square(taught - taught_mean), axis=-1, keepdims=True) / (n - 1))


def estimate(values, reduce, before=None):
    """A statistic of one sample of cases, or its change from another of the same cases: value, low, high.

    Low and high, of the 95 % interval, are None where some draw has no value, and the value where there is one case.

    Parameters
    ----------
    values : array, shape (n,) or (k, n), or Corrected
        Of `k` networks, each alone; the statistic is averaged over them.
    reduce : callable
        Takes the values of many cases along the last axis, and removes this axis.
    before : array, shape (n,) or (k, n), optional
        What the change is from.
    """
    if isinstance(values, Corrected):
        (own, *teachers), corrected = values.groups, values.drawn
    else:
        own, teachers, corrected = [np.atleast_2d(values)], [], np.asarray
    first = [] if before is None else [np.atleast_2d(before)]

    def statistic(*columns):
        after = reduce(corrected(*columns[len(first) :])).mean(axis=0)
        return after - sum(reduce(column).mean(axis=0) for column in columns[: len(first)])

    value, low, high = bootstrap(statistic, [*first, *own], *teachers)
    return (value, low, high) if own[0].shape[-1] > 1 else (value, value, value)
