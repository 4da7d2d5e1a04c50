"""Whether the members' disagreement tells beforehand how wrong the ensemble is, and from where on it is a warning.

What all members take for muscle they do not disagree on. Only another witness can see that, so where there is one a
warning goes by two doubts: how far members disagree, and what the witness does not take for muscle.

A warning is to find what the mean error leaves: errors against the truth, which only phantoms have. Its limit is
learned on other people than those of the test set, the difficult phantoms of elsewhere.csv, so that the test set can
judge it.
"""

from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np

from ..base.errors import SarcoError
from ..runs.evaluation import FINAL, STUDENT
from .bootstrap import bootstrap, centred
from .correction import correction_from_results

LARGE_ERROR_CM2 = 5.0  # more than the SD between two readers of real slices: `statistics.READERS_SD_CM2`
FALSE_ALARMS = 0.10  # of the slices without a large error, how many may be marked: who is warned often looks no more
LEARNED_ON = "difficult"  # the population of elsewhere.csv; the randomised one is drawn wider than nature


@dataclass(frozen=True)
class Doubt:
    """One way to say how doubtful a slice is, a column of cases.csv and elsewhere.csv."""

    name: str
    sign: int  # 1 where more is more doubt, else -1
    spec: str
    unit: str = ""
    says: str = "The networks disagree"  # how a warning begins
    most: float | None = None  # of a witness: its limit at most, whatever is learned, for it measures an error itself

    def text(self, value):
        """A value with its unit."""
        return f"{value:{self.spec}}{self.unit}".replace("%", " %")


DOUBTS = {
    "members_sd_cm2": Doubt("SD of the areas that they find", 1, ".2f", " cm²"),
    "members_dsc": Doubt("mean DSC between their masks", -1, ".3f"),
    "disagreement_share": Doubt("share of the muscle that not all see", 1, ".1%"),
    "members_apart_cm2": Doubt("mean area between a mask and that of the majority", 1, ".2f", " cm²"),
    "other_tissue_cm2": Doubt("area that the student of every tissue calls no muscle", 1, ".1f", " cm²",
                              "Something else may be counted as muscle", most=LARGE_ERROR_CM2),
}  # fmt: skip


def known(table):
    """The keys of `DOUBTS` that a table tells: those of before their column, or without such a student, do not."""
    return [doubt for doubt in DOUBTS if doubt in table and table[doubt].notna().any()]


def by_case(cases, split):
    """Disagreement and error of each case of cases.csv, after post-processing.

    Index case; columns sd_cm2 (of the areas that the members find alone), dsc, error_cm2 (ensemble, corrected, minus
    reader) and true_error_cm2 (minus the phantom's true area; NaN where there is none).
    """
    import pandas as pd

    final = cases[(cases["split"] == split) & (cases["step"] == FINAL) & (cases["subset"] != STUDENT)]
    size = final["members"].max()
    if final.empty or size < 2:
        raise SarcoError(f"cases.csv: disagreement on {split} slices needs two members or more; evaluate such a run.")
    every = final[final["members"] == size].set_index("case")
    area = correction_from_results(cases).apply(every["area_cm2"])
    return pd.DataFrame(
        {
            "sd_cm2": final[final["members"] == 1].groupby("case")["area_cm2"].std(ddof=1),
            "dsc": every["dsc"],
            "error_cm2": area - every["reference_area_cm2"],
            "true_error_cm2": area - every["true_area_cm2"],
        }
    ).loc[every.index]


def rank_correlation(x, y):
    """Spearman's rank correlation of two columns (three cases or more), with its 95 % interval: rho, low, high."""
    # A draw of one case alone has no ranks. Among few cases it happens, and is left out.
    return bootstrap(_rho, [x, y], skip_nan=True)


def _rho(x, y):
    from scipy import stats

    x, y = (centred(stats.rankdata(values, axis=-1)) for values in (x, y))
    with np.errstate(invalid="ignore"):
        return (x * y).sum(axis=-1) / np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))


def risk_coverage(sd_cm2, error_cm2):
    """RMSE of the cases that are kept, when those with the most disagreement are handed to a person first.

    One row a number of kept cases, from 1 to n; columns share (kept), rmse_cm2, and best_cm2, the RMSE if the largest
    errors were handed over first, which nobody can do beforehand.
    """
    import pandas as pd

    squared = np.square(np.asarray(error_cm2, float))
    kept = np.arange(1, len(squared) + 1)

    def running(order_by):
        return np.sqrt(np.cumsum(squared[np.argsort(order_by, kind="stable")]) / kept)

    return pd.DataFrame({"share": kept / len(squared), "rmse_cm2": running(sd_cm2), "best_cm2": running(squared)})


# The warning ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limit:
    """From where on doubt is a warning, and what it was learned on. Past either of two limits is past it."""

    doubt: str  # a key of `DOUBTS`
    value: float
    slices: int
    large: int  # of these slices, how many had a large error
    marked: int  # how many it marks
    caught: int  # how many of the marked had a large error
    other: str | None = None  # the doubt of a witness
    other_value: float | None = None

    @property
    def values(self):
        """The limit of each doubt that it goes by, by its key."""
        return {self.doubt: self.value} | ({} if self.other is None else {self.other: self.other_value})

    def past(self, doubts):
        """Which doubts are past their limit, by key: each a bool or an array, as `doubts` has a value or a column."""
        return {key: DOUBTS[key].sign * (doubts[key] - value) > 0 for key, value in self.values.items()}

    def over(self, doubts):
        """Whether there is so much doubt that it is a warning; of the doubts of one slice, or of a table of many."""
        return reduce(or_, self.past(doubts).values())

    def text(self):
        """The doubts in words, and their limits."""
        each = [(DOUBTS[key].name, DOUBTS[key].text(value)) for key, value in self.values.items()]
        return tuple(" or ".join(part) for part in zip(*each, strict=True))


def with_errors(table, correction):
    """Slices of cases.csv or elsewhere.csv whose doubts and truth are known, one row each.

    Further columns are error_cm2 (what the correction leaves, since the mean error is known beforehand) and large
    (whether that is over `LARGE_ERROR_CM2` either way). No row from a table that was made before such columns.
    """
    final = table[table["step"] == FINAL]
    doubts = known(final)
    final = final.dropna(subset=[*doubts, "true_area_cm2"]) if doubts else final[:0]
    error_cm2 = correction.apply(final["area_cm2"]) - final["true_area_cm2"]
    return final.assign(error_cm2=error_cm2, large=error_cm2.abs() > LARGE_ERROR_CM2)


def learn(table, doubts=None):
    """The `Limit` that finds most large errors in a table of `with_errors`, at `FALSE_ALARMS` or less of the others.

    Of one of `doubts`, keys of `DOUBTS`, which are those that are `known` unless given, beside that of a witness where
    it is one of them. Of several that find as many it is the one that marks fewer slices, and the first. None without
    any large error, or where all are.
    """
    large = table["large"].to_numpy(bool)
    if large.all() or not large.any():
        return None
    tried = {doubt: _limits(doubt, table[doubt].to_numpy(float), large)
             for doubt in (known(table) if doubts is None else doubts)}  # fmt: skip
    witness = [doubt for doubt in tried if DOUBTS[doubt].most is not None]
    together = [(doubt, *witness) for doubt in tried if doubt not in witness]
    return min((_best(tried, names, large) for names in together), key=lambda limit: _rank(limit, large), default=None)


def _limits(doubt, values, large):
    """Limits worth trying from the highest down, and what each leaves unmarked: (k,) and bool (k, slices).

    Those are worth it that catch a large error more than the one above; and the highest of all.
    """
    values, most = DOUBTS[doubt].sign * values, DOUBTS[doubt].most
    limits = np.unique(values if most is None else np.append(np.minimum(values, most), most))[::-1]
    below = values <= limits[:, None]
    worth = np.diff((~below & large).sum(axis=1), prepend=-1) > 0
    return limits[worth], below[worth]


def _rank(limit, large):
    """What is to be small, the first before the next: alarms beyond those allowed, large errors missed, all alarms."""
    alarms = limit.marked - limit.caught
    return max(0.0, alarms - FALSE_ALARMS * np.count_nonzero(~large)), limit.large - limit.caught, alarms


def _best(tried, names, large):
    """The best `Limit` by one doubt, or by one and that of a witness."""
    limits, below = zip(*(tried[name] for name in names), strict=True)
    second = below[1] if len(names) > 1 else np.ones((1, len(large)), bool)  # or one that marks none
    left, missed = (below[0][:, of].astype(np.float32) @ second[:, of].T for of in (slice(None), large))
    n, n_large = len(large), int(large.sum())
    alarms = n - left - (n_large - missed)
    beyond = np.maximum(alarms - FALSE_ALARMS * (n - n_large), 0)
    at = np.unravel_index(np.lexsort([each.ravel() for each in (alarms, missed, beyond)])[0], left.shape)
    values = [DOUBTS[name].sign * float(some[i]) for name, some, i in zip(names, limits, at, strict=False)]
    return Limit(names[0], values[0], n, n_large, n - int(left[at]), n_large - int(missed[at]), *names[1:], *values[1:])


def left_out(table):
    """Whether each slice is marked by the limit that is learned on all the others: array of bool."""
    marked = []
    for place, (_, row) in enumerate(table.iterrows()):
        limit = learn(table[np.arange(len(table)) != place])
        marked.append(limit is not None and bool(limit.over(row)))
    return np.array(marked, bool)


def auc(doubt, large):
    """Chance that a slice with a large error has the greater doubt, and not one without; with its 95 % interval.

    Of two arrays (n,), of which `large` is bool; 0.5 is chance. Three None where either kind is missing.
    """
    doubt, large = np.asarray(doubt, float), np.asarray(large, bool)
    return (None, None, None) if large.all() or not large.any() else bootstrap(_auc, [doubt[large]], [doubt[~large]])


def _auc(with_error, without):
    from scipy import stats

    n, m = with_error.shape[-1], without.shape[-1]
    ranks = stats.rankdata(np.concatenate([with_error, without], axis=-1), axis=-1)[..., :n]
    return (ranks.sum(axis=-1) - n * (n + 1) / 2) / (n * m)


def judge(marked, large):
    """Sensitivity and false alarms of a warning, from two arrays of bool (n,).

    A dict of the two: each how many are marked, of how many with and without a large error, and the 95 % interval of
    the share (Wilson), which is None where there is none.
    """
    from scipy import stats

    marked, large = np.asarray(marked, bool), np.asarray(large, bool)
    counts = {}
    for name, kind in (("sensitivity", large), ("false_alarms", ~large)):
        some, n = int((marked & kind).sum()), int(kind.sum())
        share = stats.binomtest(some, n).proportion_ci(method="wilson") if n else (None, None)
        counts[name] = (some, n, *share)
    return counts
