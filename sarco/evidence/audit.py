"""The paper's own arithmetic: what its printed numbers make of each other, and what they say of its errors."""

import math
from dataclasses import dataclass

from ..paper import EXCLUDED, INCLUDED, RELEASED, TEST, VALIDATION
from .printed import RESULTS

NORMAL_RATIO = math.sqrt(math.pi / 2 - 1)  # of |x| for a normal x of mean 0: SD over mean
DSC_CHAIN = ("baseline_dsc", "ensemble_dsc_change", "postprocessing_dsc_change")
RMSE_CHAIN = ("baseline_rmse", "ensemble_rmse_change", "postprocessing_rmse_change")


@dataclass(frozen=True)
class Check:
    """A printed number beside what other printed numbers make of it, unrounded, and how.

    The tolerance is half the last printed digit, or what rounding of the inputs can explain where that is more.
    """

    name: str
    printed: float
    computed: float
    tolerance: float
    how: str

    @property
    def agrees(self):
        """Whether rounding explains the difference."""
        return abs(self.printed - self.computed) <= self.tolerance + 1e-9


def audit():
    """Each printed number that follows from others beside what they give: a tuple of `Check`, in the paper's order."""
    mse, rmse = RESULTS["test_mse"], RESULTS["test_rmse"]
    return (
        Check("slices included", INCLUDED, RELEASED - EXCLUDED, 0, f"{RELEASED} released, {EXCLUDED} excluded"),
        Check("DSC after post-processing", RESULTS["validation_dsc"].value, _chain(*_values(DSC_CHAIN)),
              0.005 + 0.005, "baseline with both printed gains"),
        Check("RMSE after post-processing", RESULTS["postprocessing_rmse"].value, _chain(*_values(RMSE_CHAIN)),
              0.05 + 0.05, "baseline with both printed decreases"),
        Check("test RMSE", rmse.value, math.sqrt(mse.value), 0.05, "square root of the printed MSE"),
        Check("largest test error", rmse.high, math.sqrt(mse.high), 0.05, "square root of the largest squared error"),
    )  # fmt: skip


def _values(names):
    return [RESULTS[name].value for name in names]


def _chain(start, *changes_percent):
    return start * math.prod(1 + change / 100 for change in changes_percent)


def rounding(value, decimals):
    """Smallest and largest number that is printed as `value`."""
    half = 0.5 * 10**-decimals
    return value - half, value + half


def rmse_chain_cm2():
    """RMSE that the printed decreases lead to: at baseline, of the ensemble, after post-processing.

    Returns
    -------
    values : list of float
    low, high : float
        The smallest and the largest end that rounding of the printed numbers allows.
    """
    printed = _values(RMSE_CHAIN)
    ends = [_chain(*(rounding(value, 1)[side] for value in printed)) for side in (0, 1)]
    return [_chain(*printed[:n]) for n in (1, 2, 3)], *ends


def missing_rmse_change_percent():
    """Decrease of the RMSE by the ensemble that would make the printed chain close."""
    start, _, change = _values(RMSE_CHAIN)
    return 100 * (RESULTS["postprocessing_rmse"].value / (1 + change / 100) / start - 1)


@dataclass(frozen=True)
class Reading:
    """An error that is printed as "value ± SD (range)", read both ways: the SD is that of the absolute error.

    `mae_cm2` is the mean absolute error, if the value is the RMSE, and `rmse_cm2` the RMSE, if the value is the mean
    absolute error; the ratios are SD over mean, so read, which is `NORMAL_RATIO` for normal errors of mean 0.
    """

    name: str
    mae_cm2: float
    rmse_cm2: float
    ratio_if_rmse: float
    ratio_if_mae: float


def readings():
    """Each printed "RMSE ± SD" read both ways: a tuple of `Reading`, in the paper's order.

    The mean of squares is the square of the mean plus that of the SD, which ties the three together.
    """
    found = []
    for name, printed in RESULTS.items():
        if printed.unit == "cm2" and printed.sd is not None:
            value, sd = printed.value, printed.sd
            mae = math.sqrt(value**2 - sd**2)
            found.append(Reading(name, mae, math.hypot(value, sd), sd / mae, sd / value))
    return tuple(found)


def mean_absolute_error_cm2():
    """Mean absolute error on the test set, which the paper does not print.

    Holds if the SD printed beside the RMSE is that of the absolute errors: their mean square is the MSE, so
    the square of their mean is the MSE minus the square of their SD.
    """
    return math.sqrt(RESULTS["test_mse"].value - RESULTS["test_rmse"].sd ** 2)


def kurtosis():
    """Mean fourth power of the test errors over the square of their mean square: 3 for normal errors around 0.

    The SD of the squared errors is printed beside their mean, and ``mean(x**4) = mean(x**2)**2 + SD(x**2)**2``.
    """
    return kurtosis_of(RESULTS["test_mse"].value, RESULTS["test_mse"].sd)


def kurtosis_of(mse, mse_sd):
    """The same of any errors, from the mean and the SD of their squares."""
    return 1 + (mse_sd / mse) ** 2


def standard_error(name, measure):
    """Standard error of a printed mean (`name` in `RESULTS`), from its printed SD and the number of slices.

    Read as an RMSE (`measure` "rmse", and not "dsc", "mae" or "mse") it needs the tails of the errors: those of the
    test set are taken for both sets.
    """
    printed = RESULTS[name]
    n = {"validation": VALIDATION, "test": TEST}[printed.split]
    if measure == "rmse":
        return printed.value * math.sqrt((kurtosis() - 1) / (4 * n))
    return printed.sd / math.sqrt(n)


@dataclass(frozen=True)
class MeanError:
    """The mean error that was subtracted, as other printed numbers imply it, and what their rounding allows."""

    how: str
    value_cm2: float
    low_cm2: float
    high_cm2: float


def mean_errors():
    """The mean error that the paper subtracts and does not print, inferred in three ways: a tuple of `MeanError`.

    All take one number to be subtracted from every validation slice, and the same slices before and after.

    - The largest absolute error falls. Subtracting a positive number makes an area that is too small worse, so the
      largest error was of an area too large, which is now off by that much less; another may be the largest now, so
      the fall is the *least* that was subtracted.
    - If that number is the mean error of these slices, their mean square falls by its square. The mean square is that
      of the printed RMSE,
    - or, if what is printed is a mean absolute error, its square plus that of the printed SD.
    """
    before, after = RESULTS["postprocessing_rmse"], RESULTS["corrected_rmse"]
    part = (VALIDATION - 1) / VALIDATION  # of the square of an SD that divides by n - 1

    def fall(*sides):
        """Of the mean square, read both ways; 0 is as printed, -1 and 1 the ends of the rounding."""
        (v, s), (w, t) = (
            (one.value + 0.05 * side, one.sd + 0.05 * side) for one, side in zip((before, after), sides, strict=True)
        )
        return v**2 - w**2, v**2 + part * s**2 - w**2 - part * t**2

    (as_rmse, as_mae), low, high = fall(0, 0), fall(-1, 1), fall(1, -1)
    largest = before.high - after.high
    return (
        MeanError("fall of the largest error, at least", largest, largest - 0.1, largest + 0.1),
        MeanError("fall of the mean square, if RMSE is printed", *map(math.sqrt, (as_rmse, low[0], high[0]))),
        MeanError("fall of the mean square, if mean absolute errors are", *map(math.sqrt, (as_mae, low[1], high[1]))),
    )
