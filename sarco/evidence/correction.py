"""The correction of the areas as it was learned, how sure it is, and what it says of one more slice."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ..base.errors import SarcoError
from ..ct.tissues import SIDES, called
from ..method import metrics
from ..method.surface import corrected_cm2, in_mean_error
from ..runs.evaluation import FINAL, STUDENT

INTERVAL_MEANING = (
    "The interval is made to hold the area that a reader would outline in about 95 of 100 slices like those that the "
    "correction was learned on. They are synthetic phantoms: a real patient, scanner or reader can differ by more."
)
INTERVAL_FROM = "from the networks' errors on synthetic phantoms"
WHOLE = "whole"  # in tissues.csv, of a tissue that is not told by side
FEWEST = 20  # slices that teach the error of a tissue: it may be missing on most
WARRANT = (
    "Index and class rest on the area as found: a correction that was learned on phantoms has no warrant on a patient."
)


@dataclass(frozen=True)
class Correction:
    """The mean error of the areas on validation slices, to be subtracted from any other area.

    Attributes
    ----------
    mean_error_cm2 : float
        Predicted minus true, averaged.
    sd_cm2 : float
        Of the errors.
    n : int
        Slices it was learned on.
    low_cm2, high_cm2 : float
        95 % interval of the mean error (Student's t).
    smallest_cm2, largest_cm2 : float
        True areas that it was learned on.
    coverage : float or None
        Of the test slices, the share whose area lies in `interval`; None where none were tested.
    """

    mean_error_cm2: float
    sd_cm2: float
    n: int
    low_cm2: float
    high_cm2: float
    smallest_cm2: float
    largest_cm2: float
    coverage: float | None = None

    @classmethod
    def learn(cls, predicted_cm2, true_cm2):
        """Learn from two slices or more; ValueError for fewer, for different lengths and for NaN."""
        errors = metrics.errors(predicted_cm2, true_cm2)
        if errors.size < 2:
            raise ValueError("two slices or more are needed to learn a mean error and its uncertainty")
        mean, sd = float(errors.mean()), float(errors.std(ddof=1))
        half = _student(errors.size) * sd / math.sqrt(errors.size)
        return cls(mean, sd, errors.size, mean - half, mean + half, float(np.min(true_cm2)), float(np.max(true_cm2)))

    def apply(self, area_cm2):
        """Area minus the mean error, in cm2: `sarco.method.surface.corrected_cm2`."""
        return corrected_cm2(area_cm2, self.mean_error_cm2)

    def interval(self, area_cm2):
        """95 % prediction interval for the true area of one more slice, low and high, in cm2: `INTERVAL_MEANING`.

        The corrected area plus and minus ``t(n - 1) * sd * sqrt(1 + 1/n)``: the errors' own scatter, and that the
        mean error is only known from `n` of them. An area is not negative, so the lower end is 0 at least.
        """
        corrected = float(self.apply(area_cm2))
        return max(0.0, corrected - self.half_cm2), max(0.0, corrected + self.half_cm2)

    @property
    def half_cm2(self):
        """Half the width of `interval`."""
        return _student(self.n) * self.sd_cm2 * math.sqrt(1 + 1 / self.n)


def _student(n):
    """How many SD of a mean hold 95 of 100, where `n` values tell the SD."""
    from scipy import special  # the function behind `stats.t.ppf`, without the half second that stats takes to load

    return float(special.stdtrit(n - 1, 0.975))


def correction_from_results(cases, student=False):
    """Learn the correction as the paper does: validation slices with labels A, B and C, whole ensemble.

    Parameters
    ----------
    cases : DataFrame
        Results of `sarco.runs.evaluation.evaluate` (cases.csv).
    student : bool
        Of the student, in place of the ensemble.

    Returns
    -------
    Correction

    Raises
    ------
    SarcoError
        The table holds fewer than two such slices.
    """
    taught = cases["subset"] == STUDENT
    wanted = taught if student else (cases["members"] == cases["members"].max()) & ~taught
    final = cases[wanted & (cases["step"] == FINAL)]
    rows = final[(final["split"] == "validation") & in_mean_error(final["quality"])]
    if len(rows) < 2:
        raise SarcoError(
            f"cases.csv: {len(rows)} validation slices of quality A, B or C, where a correction needs two or "
            "more; run 'sarco evaluate' on a larger cohort."
        )
    return _tested(rows, final[final["split"] == "test"], "area_cm2", "reference_area_cm2")


def _tested(rows, test, predicted, true):
    """The correction that some rows teach by two of their columns, and the share of test slices that it holds for."""
    learned = Correction.learn(rows[predicted], rows[true])
    held = (learned.apply(test[predicted]) - test[true]).abs() <= learned.half_cm2
    return replace(learned, coverage=float(held.mean()) if len(test) else None)


def of_tissues(table, student=False):
    """The mean error of the area of each tissue and side, against the truth: of validation slices where it is.

    Left and right are learned together, as nothing sets them apart.

    Parameters
    ----------
    table : DataFrame
        tissues.csv, see `sarco.evidence.tissue_errors`.
    student : bool
        Of the muscle that the student finds, in place of the members'.

    Returns
    -------
    dict of str to Correction
        By name (`sarco.ct.tissues.called`); without those that are on fewer than `FEWEST` slices, or found there. The
        coverage is that on the test slices.
    """
    found, whose = {}, STUDENT if student else "members"
    table, column = table.dropna(subset=[f"{whose}_dsc"]), f"{whose}_area_cm2"  # where it is, or was found
    for (name, sided), part in table.groupby([table["tissue"], table["side"] != WHOLE], sort=False):
        validation, test = (part[part["split"] == split] for split in ("validation", "test"))
        if validation["case"].nunique() < FEWEST:
            continue
        learned = _tested(validation, test, column, "true_area_cm2")
        found |= dict.fromkeys((called(name, side) for side in (SIDES if sided else ("",))), learned)
    return found
