"""Every number that the paper prints, once, and what its arithmetic gives.

The constants are the paper's settings, and the defaults of this package. `RESULTS` holds its printed results.
What follows from other numbers is never typed a second time: `audit` computes it beside the printed one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# Study population
RELEASED = 1025  # slices for training and validation, in two releases
EXCLUDED = 3  # masks that were not registered to their image
INCLUDED = 1022
VALIDATION = 40  # drawn with stratification on the quality label
TEST = 500
RELEASES = 2
INFERENCE_LIMIT_HOURS = 1

# Ground truth
READERS = 11
MUSCLE_HU = (-29, 150)  # pixels below or above were cut from the contour
QUALITY_LABELS = ("A", "B", "C", "D")
QUALITY_LIMIT_CM2 = 0.5  # wrong pixels: fewer is a B, more a C
CORRECTION_LABELS = ("A", "B", "C")  # the mean error was learned on these

# Pre-processing
MATRIX = 512
SPACING_MM = 1.0
FIELD_MM = MATRIX * SPACING_MM
WINDOW_HU = (-150, 300)
SPLINE_ORDER = 3  # printed as "linear interpolation of order 3", which contradicts itself

# Network. 18 filters cannot give the printed number of weights and 16 do, so `unet` takes 16 unless told
# otherwise: chapter 2 shows why.
FILTERS = 18
DEPTH = 4
CONVOLUTIONS = 3
WEIGHTS = 2_953_409
RECEPTIVE_FIELD_CM = 10.7
MEMBERS = 15
PLATEAU_MEMBERS = 10

# Training
EPOCHS = 150
ITERATIONS = 200
BATCH_SIZE = 12
LEARNING_RATE = 1e-3
DECAY_POWER = 5
ROTATION_DEG = (-10, 10)
SCALE = (0.9, 1.1)
FIGURE_2_EPOCHS = 50  # the figure stops there "for clarity"
FIGURE_2_DSC = 0.95  # its dashed line

# Post-processing
THRESHOLD = 0.5
DILATION_CONNECTIVITY = 1


@dataclass(frozen=True)
class Printed:
    """One number as the paper prints it.

    Attributes
    ----------
    value : float
    unit : str
        "" for a ratio such as the DSC, "%" for a relative change, "cm2" or "cm4".
    split : {"validation", "test", ""}
        The slices that it was computed on.
    section : str
        Where it stands in the paper.
    quote : str
        The words that carry it.
    sd, low, high : float, optional
        What the paper prints as "SD" and as "range". Beside an RMSE these can only describe absolute errors.
    """

    value: float
    unit: str
    split: str
    section: str
    quote: str
    sd: float | None = None
    low: float | None = None
    high: float | None = None


RESULTS: Mapping[str, Printed] = MappingProxyType(
    {
        "baseline_dsc": Printed(
            0.93, "", "validation", "Results", "0.93 ± 0.03 (SD) (range: 0.85 - 0.97)", 0.03, 0.85, 0.97
        ),
        "baseline_rmse": Printed(
            4.7, "cm2", "validation", "Results", "4.7 ± 3.1 (SD) (range: 0.0 - 11.7)", 3.1, 0.0, 11.7
        ),
        "ensemble_dsc_change": Printed(1.1, "%", "validation", "Results", "a 1.1% DSC rise"),
        "ensemble_rmse_change": Printed(-4.7, "%", "validation", "Results", "4.7% RMSE decrease"),
        "postprocessing_dsc_change": Printed(2.3, "%", "validation", "Results", "improved DSC of 2.3%"),
        "postprocessing_rmse_change": Printed(-17.7, "%", "validation", "Results", "decreased RMSE of 17.7%"),
        "postprocessing_rmse": Printed(
            3.4, "cm2", "validation", "Results", "3.4 cm² ± 3.1 (SD) (range: 0.1 - 13.4)", 3.1, 0.1, 13.4
        ),
        "corrected_rmse": Printed(
            2.8, "cm2", "validation", "Results", "2.8 cm² ± 2.7 (SD) (range: 0.0 - 10.7)", 2.7, 0.0, 10.7
        ),
        "validation_dsc": Printed(
            0.96, "", "validation", "Results", "0.96 ± 0.02 (SD) (range: 0.86 - 0.98)", 0.02, 0.86, 0.98
        ),
        "test_dsc": Printed(0.97, "", "test", "Results", "0.97 ± 0.02 (SD) (range: 0.89 - 0.99)", 0.02, 0.89, 0.99),
        "test_mse": Printed(
            13.6, "cm4", "test", "Results", "MSE was 13.6 ± 23.6 (SD) (range: 0.0 - 169.5)", 23.6, 0.0, 169.5
        ),
        "test_rmse": Printed(
            3.7, "cm2", "test", "Results", "RMSE was 3.7 cm² ± 2.3 (SD) (range: 0.0 - 13.0)", 2.3, 0.0, 13.0
        ),
        "figure_4a_dsc": Printed(0.971, "", "validation", "Figure 4", "0.971 for A"),
        "figure_4b_dsc": Printed(0.962, "", "validation", "Figure 4", "0.962 for B"),
        "figure_4c_dsc": Printed(0.962, "", "validation", "Figure 4", "0.962 for C"),
        "lee_2017_dsc": Printed(0.93, "", "", "Discussion", "Lee et al. reported a DSC of 0.93"),
        "park_2020_dsc": Printed(0.96, "", "", "Discussion", "Park et al. reported DSC a 0.96"),
        "weston_2019_dsc": Printed(0.96, "", "", "Discussion", "Weston et al. [...] reached a 0.96 DSC"),
    }
)


@dataclass(frozen=True)
class Check:
    """A printed number beside what other printed numbers make of it.

    Attributes
    ----------
    name : str
    printed : float
    computed : float
        Unrounded.
    tolerance : float
        Half the last printed digit, or what rounding of the inputs can explain where that is more.
    unit : str
    how : str
        How `computed` was obtained.
    """

    name: str
    printed: float
    computed: float
    tolerance: float
    unit: str
    how: str

    @property
    def agrees(self):
        """Whether rounding explains the difference."""
        return abs(self.printed - self.computed) <= self.tolerance + 1e-9


def audit():
    """Set each printed number that follows from others beside what they give.

    Returns
    -------
    tuple of Check
        In the order of the paper.
    """
    value = {name: printed.value for name, printed in RESULTS.items()}
    test_mse, test_rmse = RESULTS["test_mse"], RESULTS["test_rmse"]
    return (
        Check(
            "slices included", INCLUDED, RELEASED - EXCLUDED, 0, "",
            f"{RELEASED} released, {EXCLUDED} excluded",
        ),
        Check(
            "DSC after post-processing", value["validation_dsc"],
            _chain(value["baseline_dsc"], value["ensemble_dsc_change"], value["postprocessing_dsc_change"]),
            0.005 + 0.005, "", "baseline with both printed gains",
        ),
        Check(
            "RMSE after post-processing", value["postprocessing_rmse"],
            _chain(
                value["baseline_rmse"], value["ensemble_rmse_change"], value["postprocessing_rmse_change"]
            ),
            0.05 + 0.05, "cm2", "baseline with both printed decreases",
        ),
        Check(
            "test RMSE", test_rmse.value, math.sqrt(test_mse.value), 0.05, "cm2",
            "square root of the printed MSE",
        ),
        Check(
            "largest test error", test_rmse.high, math.sqrt(test_mse.high), 0.05, "cm2",
            "square root of the largest squared error",
        ),
    )  # fmt: skip


def _chain(start, *changes_percent):
    return start * math.prod(1 + change / 100 for change in changes_percent)


def training_slices():
    """Slices left for training, which the paper does not print."""
    return INCLUDED - VALIDATION


def draws_per_epoch():
    """Slices drawn in one epoch."""
    return ITERATIONS * BATCH_SIZE


def passes_per_epoch():
    """How often an epoch sees each training slice, on average."""
    return draws_per_epoch() / training_slices()


def mean_absolute_error_cm2():
    """Mean absolute error on the test set, which the paper does not print.

    Holds if the SD printed beside the RMSE is that of the absolute errors: their mean square is the MSE, so
    the square of their mean is the MSE minus the square of their SD.
    """
    return math.sqrt(RESULTS["test_mse"].value - RESULTS["test_rmse"].sd ** 2)
