"""Every number that the paper prints, once, and what its arithmetic gives.

The constants are the paper's settings, and the defaults of this package; `STATED` says where each is printed.
`RESULTS` holds its printed results, and `FINDINGS` what it reports without a number. What follows from other numbers is
never typed a second time: `audit` computes it beside the printed one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# Background
CANCER_SHARE_PERCENT = 50  # "up to": patients with cancer who have sarcopenia
INDICES = 3  # of CT, to tell sarcopenia
USUAL_LEVELS = ("L3", "L4")
WESTON_COMPARTMENTS = 4
LEE_GREY_LEVELS = 256
LEE_BITS = 8

# Study population
LEVEL = "L3"
EDITION = 2019  # of the congress that held the challenge
RELEASED = 1025  # slices for training and validation, in two releases
EXCLUDED = 3  # masks that were not registered to their image
INCLUDED = 1022
VALIDATION = 40
STRATIFIED_ON = "quality label"  # how these were drawn
TEST = 500
RELEASES = 2
RELEASE_GAP_MONTHS = 1
INFERENCE_LIMIT_HOURS = 1

# Ground truth
READERS = 11
REVIEWER_MASKS = 1000  # drawn by the reviewer before, "over"
MUSCLE_HU = (-29, 150)  # pixels below or above were cut from the contour
QUALITY_LABELS = ("A", "B", "C", "D")
QUALITY_LIMIT_CM2 = 0.5  # wrong pixels: fewer is a B, more a C
CORRECTION_LABELS = ("A", "B", "C")  # the mean error was learned on these
CORRECTIONS = 1  # one mean error for every area

# Pre-processing
MATRIX = 512
SPACING_MM = 1.0
FIELD_MM = MATRIX * SPACING_MM
WINDOW_HU = (-150, 300)
NORMALISED = (0, 1)
STORED_BITS = 16
SPLINE_ORDER = 3  # printed as "linear interpolation of order 3", which contradicts itself
MASK_SPLINE_ORDER = SPLINE_ORDER  # printed in the same sentence, of slices and masks

# Network. 18 filters cannot give the printed number of weights and 16 do, so `unet` takes 16 unless told
# otherwise: chapter 2 shows why.
FILTERS = 18
FILTER_GROWTH = 2  # from one depth to the next
DEPTH = 4
CONVOLUTIONS = 3
FILTER_SIZE = 3
ACTIVATION = "ReLU"
WEIGHTS = 2_953_409
RECEPTIVE_FIELD_CM = 10.7
MEMBERS = 15
COMBINED_BY = "mean"
PLATEAU_MEMBERS = 10

# Training
SYSTEM = "Ubuntu 16.04"
GPU = "GTX1080Ti"
GPU_MEMORY_GB = 11
EPOCHS = 150
ITERATIONS = 200
BATCH_SIZE = 12
LEARNING_RATE = 1e-3
DECAY_POWER = 5
OPTIMISER = "Adam"
LOSS = "DSC"
ROTATION_DEG = (-10, 10)
SCALE = (0.9, 1.1)
PERFECT_DSC = 1

# Post-processing
THRESHOLD = 0.5
DILATION_CONNECTIVITY = 1

# How figures are drawn
FIGURE_2_EPOCHS = 50  # the figure stops there "for clarity"
FIGURE_2_DSC = 0.95  # its dashed line
FIGURE_4_SLICES = 3
FIGURE_5_WHISKER_IQR = 1.5


@dataclass(frozen=True)
class Stated:
    """Where the paper prints a constant of this module.

    Attributes
    ----------
    claim : str
        What the number is.
    unit : str
    section : str
    position : str
        Where in the section.
    also : tuple of str
        Further places that print the same number.
    """

    claim: str
    unit: str
    section: str
    position: str
    also: tuple[str, ...] = ()


STATED: Mapping[str, Stated] = MappingProxyType(
    {
        "CANCER_SHARE_PERCENT": Stated("patients with cancer who have sarcopenia, up to", "%", "Introduction",
                                       "paragraph 1, sentence 3"),
        "INDICES": Stated("indices of sarcopenia on CT", "", "Introduction", "paragraph 2, sentence 4"),
        "USUAL_LEVELS": Stated("vertebrae at which muscle is usually drawn", "", "Introduction",
                               "paragraph 2, sentence 6"),
        "WESTON_COMPARTMENTS": Stated("compartments that Weston's network finds", "", "Introduction",
                                      "paragraph 3, last sentence"),
        "LEE_GREY_LEVELS": Stated("grey levels that were enough for Lee", "", "Discussion",
                                  "paragraph 2, sentence 2"),
        "LEE_BITS": Stated("bits that were enough for Lee", "", "Discussion", "paragraph 2, sentence 2"),
        "LEVEL": Stated("vertebra of the slice", "", "Ground truth generation", "sentence 1",
                        ("Abstract, Purpose", "Introduction, last paragraph")),
        "EDITION": Stated("year of the challenge", "", "Study population", "sentence 1"),
        "RELEASED": Stated("slices released for training and validation", "", "Study population", "sentence 2",
                           ("Abstract, Results, sentence 1",)),
        "RELEASES": Stated("releases of these slices", "", "Study population", "sentence 2"),
        "RELEASE_GAP_MONTHS": Stated("time between the releases", "months", "Study population", "sentence 3"),
        "TEST": Stated("slices for testing", "", "Study population", "sentence 4", ("Abstract, Results, sentence 1",)),
        "INFERENCE_LIMIT_HOURS": Stated("longest time for the inference on the test set", "h", "Study population",
                                        "sentence 5"),
        "EXCLUDED": Stated("slices excluded, mask not registered", "", "Study population", "sentence 7"),
        "INCLUDED": Stated("slices included", "", "Study population", "sentence 8"),
        "VALIDATION": Stated("slices for validation", "", "Study population", "sentence 8",
                             ("Results, paragraph 3, sentence 1", "Discussion, paragraph 2, sentence 3")),
        "STRATIFIED_ON": Stated("what they are stratified on", "", "Study population", "sentence 8"),
        "READERS": Stated("radiologists who drew the masks", "", "Ground truth generation", "sentence 1"),
        "MUSCLE_HU": Stated("attenuation kept as muscle", "HU", "Ground truth generation", "sentence 1",
                            ("Post-processing, sentence 3",)),
        "REVIEWER_MASKS": Stated("masks drawn by the reviewer before, over", "", "Ground truth generation",
                                 "sentence 2"),
        "QUALITY_LABELS": Stated("quality labels", "", "Ground truth generation", "sentence 2",
                                 ("Figure 5, caption",)),
        "QUALITY_LIMIT_CM2": Stated("wrong pixels between label B and label C", "cm2", "Ground truth generation",
                                    "sentence 2"),
        "MATRIX": Stated("rows and columns that the network sees", "", "Pre-processing", "sentence 1"),
        "SPACING_MM": Stated("pixel that the network sees", "mm", "Pre-processing", "sentence 1",
                             ("Discussion, paragraph 2, sentence 1",)),
        "SPLINE_ORDER": Stated("order of the interpolation of slices and probabilities", "", "Pre-processing",
                               "sentence 1", ("Post-processing, sentence 1",)),
        "MASK_SPLINE_ORDER": Stated("order of the interpolation of masks", "", "Pre-processing", "sentence 1"),
        "WINDOW_HU": Stated("attenuation that the network sees", "HU", "Pre-processing", "sentence 2"),
        "NORMALISED": Stated("what it is scaled to", "", "Pre-processing", "sentence 2",
                             ("Discussion, paragraph 2, sentence 1",)),
        "STORED_BITS": Stated("bits of a stored pixel", "", "Pre-processing", "sentence 3",
                              ("Discussion, paragraph 2, sentence 2",)),
        "MEMBERS": Stated("networks in the ensemble", "", "Model architecture", "sentence 1",
                          ("Abstract, Materials and methods, sentence 1", "Model architecture, sentences 7 and 8",
                           "Figures 1 and 2, captions")),
        "DEPTH": Stated("levels of depth", "", "Model architecture", "sentence 2",
                        ("Abstract, Materials and methods, sentence 1",)),
        "FILTERS": Stated("initial filters", "", "Model architecture", "sentence 2",
                          ("Abstract, Materials and methods, sentence 1",)),
        "CONVOLUTIONS": Stated("convolutions a block", "", "Model architecture", "sentence 3"),
        "FILTER_SIZE": Stated("side of a convolution", "px", "Model architecture", "sentence 3"),
        "ACTIVATION": Stated("activation", "", "Model architecture", "sentence 3"),
        "FILTER_GROWTH": Stated("filters of a block, times those of the one before", "", "Model architecture",
                                "sentence 4"),
        "WEIGHTS": Stated("weights of a network", "", "Model architecture", "sentence 6"),
        "RECEPTIVE_FIELD_CM": Stated("receptive field, side", "cm", "Model architecture", "sentence 6"),
        "COMBINED_BY": Stated("how outputs are combined", "", "Model architecture", "sentence 8",
                              ("Figure 1, caption",)),
        "SYSTEM": Stated("system of the workstation", "", "Network training", "sentence 1"),
        "GPU": Stated("graphical processor", "", "Network training", "sentence 1"),
        "GPU_MEMORY_GB": Stated("its memory", "GB", "Network training", "sentence 1"),
        "EPOCHS": Stated("epochs", "", "Network training", "sentence 1", ("Figure 2, caption",)),
        "ITERATIONS": Stated("iterations an epoch", "", "Network training", "sentence 1"),
        "BATCH_SIZE": Stated("slices a batch", "", "Network training", "sentence 1"),
        "LEARNING_RATE": Stated("first learning rate", "", "Network training", "sentence 2"),
        "DECAY_POWER": Stated("order of its fall", "", "Network training", "sentence 3"),
        "OPTIMISER": Stated("optimiser", "", "Network training", "sentence 4"),
        "ROTATION_DEG": Stated("rotations of the augmentation", "degrees", "Network training", "sentence 5"),
        "SCALE": Stated("scales of the augmentation", "", "Network training", "sentence 5"),
        "LOSS": Stated("loss", "", "Network training", "sentence 6"),
        "PERFECT_DSC": Stated("DSC of a perfect overlap", "", "Network training", "sentence 6"),
        "THRESHOLD": Stated("probability over which a pixel is kept", "", "Post-processing", "sentence 2"),
        "DILATION_CONNECTIVITY": Stated("connectivity of the dilation", "", "Post-processing", "sentence 3"),
        "CORRECTION_LABELS": Stated("labels that the mean error is learned on", "", "Surface estimation",
                                    "sentence 2", ("Discussion, paragraph 2, sentence 5",)),
        "CORRECTIONS": Stated("mean errors, for all areas", "", "Surface estimation", "sentence 2",
                              ("Discussion, paragraph 2, sentence 4",)),
        "PLATEAU_MEMBERS": Stated("networks from which on more hardly help", "", "Results",
                                  "paragraph 1, sentence 4"),
        "FIGURE_2_EPOCHS": Stated("epochs shown in figure 2A", "", "Figure 2", "caption"),
        "FIGURE_2_DSC": Stated("dashed line in figure 2A", "", "Figure 2", "caption"),
        "FIGURE_4_SLICES": Stated("slices shown in figure 4", "", "Figure 4", "caption"),
        "FIGURE_5_WHISKER_IQR": Stated("thin line in figure 5, interquartile ranges", "", "Figure 5", "caption"),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Printed:
    """One result as the paper prints it.

    Attributes
    ----------
    claim : str
        What the number is.
    value : float
    unit : str
        "" for a ratio such as the DSC, "%" for a relative change, "cm2" or "cm4".
    split : {"validation", "test", ""}
        The slices that it was computed on.
    section : str
        Where it stands in the paper.
    position : str
        Where in the section.
    sd, low, high : float, optional
        What the paper prints as "SD" and as "range". Beside an RMSE these can only describe absolute errors.
    also : tuple of str
        Further places that print the same number.
    """

    claim: str
    value: float
    unit: str
    split: str
    section: str
    position: str
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    also: tuple[str, ...] = ()


RESULTS: Mapping[str, Printed] = MappingProxyType(
    {
        "baseline_dsc": Printed("DSC, baseline", 0.93, "", "validation", "Results", "paragraph 1, sentence 2",
                                0.03, 0.85, 0.97),
        "baseline_rmse": Printed("RMSE, baseline", 4.7, "cm2", "validation", "Results", "paragraph 1, sentence 2",
                                 3.1, 0.0, 11.7),
        "ensemble_dsc_change": Printed("change of DSC by the ensemble", 1.1, "%", "validation", "Results",
                                       "paragraph 1, sentence 5"),
        "ensemble_rmse_change": Printed("change of RMSE by the ensemble", -4.7, "%", "validation", "Results",
                                        "paragraph 1, sentence 5"),
        "postprocessing_dsc_change": Printed("change of DSC by post-processing", 2.3, "%", "validation", "Results",
                                             "paragraph 1, sentence 6"),
        "postprocessing_rmse_change": Printed("change of RMSE by post-processing", -17.7, "%", "validation",
                                              "Results", "paragraph 1, sentence 6"),
        "postprocessing_rmse": Printed("RMSE after post-processing", 3.4, "cm2", "validation", "Results",
                                       "paragraph 1, sentence 7", 3.1, 0.1, 13.4),
        "corrected_rmse": Printed("RMSE after the bias correction", 2.8, "cm2", "validation", "Results",
                                  "paragraph 1, sentence 7", 2.7, 0.0, 10.7),
        "validation_dsc": Printed("DSC after post-processing", 0.96, "", "validation", "Results",
                                  "paragraph 2, sentence 2", 0.02, 0.86, 0.98),
        "test_dsc": Printed("DSC", 0.97, "", "test", "Results", "paragraph 2, sentence 2", 0.02, 0.89, 0.99,
                            ("Abstract, Results, sentence 2", "Discussion, paragraph 1, sentence 2")),
        "test_mse": Printed("MSE", 13.6, "cm4", "test", "Results", "paragraph 3, sentence 2", 23.6, 0.0, 169.5),
        "test_rmse": Printed("RMSE", 3.7, "cm2", "test", "Results", "paragraph 3, sentence 2", 2.3, 0.0, 13.0,
                             ("Abstract, Results, sentence 2",)),
        "figure_4a_dsc": Printed("DSC of slice A in figure 4", 0.971, "", "validation", "Figure 4", "caption"),
        "figure_4b_dsc": Printed("DSC of slice B in figure 4", 0.962, "", "validation", "Figure 4", "caption"),
        "figure_4c_dsc": Printed("DSC of slice C in figure 4", 0.962, "", "validation", "Figure 4", "caption"),
        "lee_2017_dsc": Printed("DSC of Lee and others", 0.93, "", "", "Discussion", "paragraph 1, sentence 3"),
        "park_2020_dsc": Printed("DSC of Park and others", 0.96, "", "", "Discussion", "paragraph 1, sentence 3"),
        "weston_2019_dsc": Printed("DSC of Weston and others", 0.96, "", "", "Discussion", "paragraph 1, sentence 4"),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """A direction that the paper reports without a number.

    Attributes
    ----------
    claim : str
    sign : {-1, 1}
        On which side of `than` it lies: 1 is over.
    split : {"validation", "test"}
    section, position : str
    also : tuple of str
    than : float
    """

    claim: str
    sign: int
    split: str
    section: str
    position: str
    also: tuple[str, ...] = ()
    than: float = 0


FINDINGS: Mapping[str, Finding] = MappingProxyType(
    {
        "overestimation": Finding("mean error of the area before the bias correction", 1, "validation", "Results",
                                  "paragraph 3, sentence 1", ("Discussion, paragraph 2, sentence 3",)),
        "mostly_overestimated": Finding("share of areas that are too large", 1, "validation", "Figure 6", "caption",
                                        than=0.5),
        "correction_lowers_rmse": Finding("change of RMSE by the bias correction", -1, "validation", "Results",
                                          "paragraph 1, sentence 7"),
        "matches_prior_work": Finding("DSC beside the best of prior work", 1, "test", "Discussion",
                                      "paragraph 1, sentence 2", than=RESULTS["park_2020_dsc"].value),
        "robust_to_labels": Finding("label D: DSC of the network less that of its reader, against the truth", 1,
                                    "test", "Discussion", "paragraph 2, sentence 6"),
        "poor_labels_lower": Finding("DSC of label D less that of A to C", -1, "test", "Discussion",
                                     "paragraph 2, last sentence", ("Figure 5",)),
        "poor_labels_scatter": Finding("SD of the DSC of label D less that of A to C", 1, "test", "Discussion",
                                       "paragraph 2, last sentence", ("Figure 5",)),
    }
)  # fmt: skip


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


def rounding(value, decimals):
    """Smallest and largest number that is printed as `value`."""
    half = 0.5 * 10**-decimals
    return value - half, value + half


def rmse_chain_cm2():
    """RMSE that the printed decreases lead to, step by step, and its rounding at the end.

    Returns
    -------
    values : list of float
        Baseline, ensemble, post-processing.
    low, high : float
        The smallest and the largest end that rounding of the printed numbers allows.
    """
    names = ("ensemble_rmse_change", "postprocessing_rmse_change")
    start, changes = RESULTS["baseline_rmse"].value, [RESULTS[name].value for name in names]
    ends = [_chain(rounding(start, 1)[side], *(rounding(change, 1)[side] for change in changes)) for side in (0, 1)]
    return [start, _chain(start, changes[0]), _chain(start, *changes)], *ends


def missing_rmse_change_percent():
    """Decrease of the RMSE by the ensemble that would make the printed chain close."""
    end = RESULTS["postprocessing_rmse"].value / (1 + RESULTS["postprocessing_rmse_change"].value / 100)
    return 100 * (end / RESULTS["baseline_rmse"].value - 1)


@dataclass(frozen=True)
class Reading:
    """Two ways to read an error that is printed as "value ± SD (range)"; both take the SD as that of |error|.

    Attributes
    ----------
    name : str
        In `RESULTS`.
    mae_cm2 : float
        Mean absolute error, if the value is the RMSE.
    rmse_cm2 : float
        RMSE, if the value is the mean absolute error.
    ratio_if_rmse, ratio_if_mae : float
        SD of |error| over its mean. `NORMAL_RATIO` for normal errors of mean 0.
    """

    name: str
    mae_cm2: float
    rmse_cm2: float
    ratio_if_rmse: float
    ratio_if_mae: float


# Of |x| for a normal x of mean 0: SD over mean.
NORMAL_RATIO = math.sqrt(math.pi / 2 - 1)


def readings():
    """Read each printed "RMSE ± SD" both ways.

    The mean of squares is the square of the mean plus that of the SD, which ties the three together.

    Returns
    -------
    tuple of Reading
        In the order of the paper.
    """
    found = []
    for name, printed in RESULTS.items():
        if printed.unit == "cm2":
            mae = math.sqrt(printed.value**2 - printed.sd**2)
            found.append(Reading(name, mae, math.hypot(printed.value, printed.sd), printed.sd / mae,
                                 printed.sd / printed.value))  # fmt: skip
    return tuple(found)


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


# What the errors must have been like ---------------------------------------------------------------------------------


def kurtosis():
    """Mean fourth power of the test errors over the square of their mean square: 3 for normal errors around 0.

    The SD of the squared errors is printed beside their mean, and ``mean(x**4) = mean(x**2)**2 + SD(x**2)**2``.
    """
    return kurtosis_of(RESULTS["test_mse"].value, RESULTS["test_mse"].sd)


def kurtosis_of(mse, mse_sd):
    """The same of any errors, from the mean and the SD of their squares."""
    return 1 + (mse_sd / mse) ** 2


def standard_error(name, measure):
    """Standard error of a printed mean, from its printed SD and the number of slices.

    Parameters
    ----------
    name : str
        In `RESULTS`.
    measure : {"dsc", "rmse", "mae", "mse"}
        As what the number is read. That of an RMSE needs the tails of the errors: those of the test set are taken for
        both sets.

    Returns
    -------
    float
    """
    printed = RESULTS[name]
    n = {"validation": VALIDATION, "test": TEST}[printed.split]
    if measure == "rmse":
        return printed.value * math.sqrt((kurtosis() - 1) / (4 * n))
    return printed.sd / math.sqrt(n)


@dataclass(frozen=True)
class MeanError:
    """The mean error that was subtracted, as other printed numbers imply it.

    Attributes
    ----------
    how : str
    value_cm2 : float
    low_cm2, high_cm2 : float
        What rounding of the printed numbers allows.
    """

    how: str
    value_cm2: float
    low_cm2: float
    high_cm2: float


def mean_errors():
    """The mean error that the paper subtracts and does not print, inferred in three ways.

    All take one number to be subtracted from every validation slice, and the same slices before and after.

    - The largest absolute error falls. Subtracting a positive number makes an area that is too small worse, so the
      largest error was of an area too large, which is now off by that much less; another may be the largest now, so
      the fall is the *least* that was subtracted.
    - If that number is the mean error of these slices, their mean square falls by its square. The mean square is that
      of the printed RMSE,
    - or, if what is printed is a mean absolute error, its square plus that of the printed SD.

    Returns
    -------
    tuple of MeanError
    """
    before, after = RESULTS["postprocessing_rmse"], RESULTS["corrected_rmse"]
    part = (VALIDATION - 1) / VALIDATION  # of the square of an SD that divides by n - 1

    def fall(*sides):
        """Of the mean square, read both ways; 0 is as printed, -1 and 1 the ends of the rounding."""
        (v, s), (w, t) = (
            (told.value + 0.05 * side, told.sd + 0.05 * side) for told, side in zip((before, after), sides, strict=True)
        )
        return v**2 - w**2, v**2 + part * s**2 - w**2 - part * t**2

    (as_rmse, as_mae), low, high = fall(0, 0), fall(-1, 1), fall(1, -1)
    largest = before.high - after.high
    return (
        MeanError("fall of the largest error, at least", largest, largest - 0.1, largest + 0.1),
        MeanError("fall of the mean square, if RMSE is printed", *map(math.sqrt, (as_rmse, low[0], high[0]))),
        MeanError("fall of the mean square, if mean absolute errors are", *map(math.sqrt, (as_mae, low[1], high[1]))),
    )
