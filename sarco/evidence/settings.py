"""What each setting of the post-processing is worth: one is varied at a time, the others stay as the paper has them.

The networks see each slice once; every setting starts from that one mean probability.
"""

import numpy as np
from scipy import ndimage

from .. import paper
from ..base.errors import SarcoError
from ..base.files import write_csv
from ..cohort.layout import Cohort
from ..engines.engine import FLOAT32
from ..method import metrics, postprocess
from ..method.area import area_cm2
from ..method.ensemble import Ensemble
from ..method.preprocess import ORDER, to_native
from ..method.slice import common_box, measure_slice
from ..runs.evaluation import writable
from . import statistics
from .bootstrap import bootstrap, mean, slope

TEST_CASES = 100  # beside all validation cases; the sweep is there to choose on the latter and to look at the former
OFF_HU = -300.0  # an end of the window below fat: nothing is dropped there but air
SWEEPS = {
    # name: its values
    "order": (0, 1, 3),  # of the spline that brings the probability back
    "threshold": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "threshold_alone": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),  # without the dilation
    "dilation_px": (0, 1, 2, 3),  # pixels of the slice
    "dilation_mm": (0.0, 0.4, 0.8, 1.2, 1.6, 2.0),
    "low_hu": (OFF_HU, -100.0, -50.0, -29.0, -10.0, 10.0),
    "high_hu": (100.0, 125.0, 150.0, 200.0, 300.0),
}
# The paper's value of each; None where it has no such setting.
PAPERS = {
    "order": ORDER,
    "threshold": paper.THRESHOLD,
    "threshold_alone": None,
    "dilation_px": 1,
    "dilation_mm": None,
    "low_hu": paper.MUSCLE_HU[0],
    "high_hu": paper.MUSCLE_HU[1],
}
COLUMNS = (
    "case", "split", "quality", "pixel_spacing_mm", "sweep", "value",
    "dsc", "area_cm2", "reference_area_cm2",  # against the reader's mask
    "true_dsc", "true_area_cm2",  # against the phantom's true mask
)  # fmt: skip
DECIMALS = {"dsc": 5, "true_dsc": 5, "area_cm2": 3, "reference_area_cm2": 3, "true_area_cm2": 3}
# Parts of a pixel in which a distance in mm is measured; odd, so that one of them is the pixel's centre.
PARTS = 3


def dilate_mm(probability, radius_mm, spacing_mm, level=paper.THRESHOLD):
    """Every pixel whose centre is no more than so many mm from where the probability passes the threshold.

    A dilation by pixels knows steps of one pixel only. Here the border is found between the pixels, by a linear
    interpolation in thirds of a pixel, so that the same distance can be asked for on any grid.

    Parameters
    ----------
    probability : array of float, shape (H, W)
    radius_mm : float
        0 gives the mask of the threshold.
    spacing_mm : tuple of float
        Distance between rows, then between columns.
    level : float

    Returns
    -------
    ndarray of bool, shape (H, W)
    """
    return _reach_mm(probability, spacing_mm, level) <= radius_mm


def _reach_mm(probability, spacing_mm, level=paper.THRESHOLD):
    """Distance of each pixel's centre to the part over the threshold, mm; 0 within it."""
    fine = ndimage.zoom(probability, PARTS, order=1, mode="nearest", grid_mode=True)
    parts_mm = [side / PARTS for side in spacing_mm]
    centre = slice(PARTS // 2, None, PARTS)
    return ndimage.distance_transform_edt(~postprocess.threshold(fine, level), sampling=parts_mm)[centre, centre]


def masks(found, network_spacing_mm, box=(slice(None), slice(None))):
    """The final mask of one slice at every value of every sweep.

    Parameters
    ----------
    found : sarco.method.slice.Measured
    network_spacing_mm : float
    box : tuple of slice
        The part of the slice that is looked at; it must hold the mask with some margin.

    Yields
    ------
    sweep : str
    value : float
    mask : ndarray of bool
        Of the shape of `box`.
    """
    image, shape, spacing_mm = found.image_hu[box], found.image_hu.shape, found.spacing_mm

    def brought_back(order):
        return to_native(found.network_probability, spacing_mm, shape, network_spacing_mm, order=order)[box]

    def window(mask, low=paper.MUSCLE_HU[0], high=paper.MUSCLE_HU[1]):
        return postprocess.window(mask, image, low, high)

    native = found.probability[box]
    kept = postprocess.threshold(native)
    grown = [kept]
    for _ in SWEEPS["dilation_px"][1:]:
        grown.append(postprocess.dilate(grown[-1]))
    reach_mm = _reach_mm(native, spacing_mm)
    how = {
        "order": lambda order: window(postprocess.dilate(postprocess.threshold(brought_back(order)))),
        "threshold": lambda level: window(postprocess.dilate(postprocess.threshold(native, level))),
        "threshold_alone": lambda level: window(postprocess.threshold(native, level)),
        "dilation_px": lambda pixels: window(grown[pixels]),
        "dilation_mm": lambda radius: window(reach_mm <= radius),
        "low_hu": lambda low: window(grown[1], low=low),
        "high_hu": lambda high: window(grown[1], high=high),
    }
    for sweep, values in SWEEPS.items():
        for value in values:
            yield sweep, value, how[sweep](value)


def sweep(cohort, ensemble, cases, progress=True):
    """Post-process each case with every setting, and compare it with the reader's mask and the true one.

    Parameters
    ----------
    cohort : sarco.cohort.layout.Cohort
    ensemble : sarco.method.ensemble.Ensemble
    cases : list of str
    progress : bool
        Show a bar with the time left on stderr.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; one row for each case, sweep and value.
    """
    import pandas as pd
    from tqdm import tqdm

    blocks = [_sweep_case(cohort, ensemble, case) for case in tqdm(cases, "sweeps", unit="case", disable=not progress)]
    return pd.DataFrame([row for block in blocks for row in block], columns=list(COLUMNS)).round(DECIMALS)


def _sweep_case(cohort, ensemble, case):
    image, reader, true = cohort.read_slice(case), cohort.read_mask(case), cohort.read_true_mask(case)
    if reader.shape != image.image_hu.shape:
        raise SarcoError(f"case {case}: the mask is {reader.shape} and the slice {image.image_hu.shape}; "
                         "run 'sarco cohort check' on the cohort.")  # fmt: skip
    found = measure_slice(image.image_hu, image.spacing_mm, ensemble)
    box = common_box([found], reader, true, level=min(SWEEPS["threshold"]) / 2, margin_px=8)
    facts = {
        "case": case,
        "split": cohort.table.loc[case, "split"],
        "quality": cohort.table.loc[case, "quality"],
        "pixel_spacing_mm": image.spacing_mm[0],
        "reference_area_cm2": area_cm2(reader, image.spacing_mm),
        "true_area_cm2": np.nan if true is None else area_cm2(true, image.spacing_mm),
    }
    for name, value, mask in masks(found, ensemble.network_spacing_mm, box):
        yield facts | {
            "sweep": name, "value": value,
            "dsc": metrics.dice(mask, reader[box]),
            "area_cm2": area_cm2(mask, image.spacing_mm),
            "true_dsc": np.nan if true is None else metrics.dice(mask, true[box]),
        }  # fmt: skip


def run(profile, progress=True):
    """Write results/sweeps.csv of a profile: all validation cases, and the first `TEST_CASES` of the test set.

    Parameters
    ----------
    profile : sarco.runs.profiles.Profile or str
    progress : bool

    Returns
    -------
    Path

    Raises
    ------
    SarcoError
        The profile's results are committed ones, or its cohort or members are missing or broken.
    """
    profile = writable(profile, "sweep")
    cohort = Cohort.open(profile.cohort_dir)
    cases = cohort.cases("validation") + cohort.cases("test")[: profile.evaluation_cases][:TEST_CASES]
    table = sweep(cohort, Ensemble.load(profile.weights_dir, engine=FLOAT32), cases, progress)
    return write_csv(table, profile.results_dir / "sweeps.csv")


# What the table says ------------------------------------------------------------------------------------------------


def summarise(table, split, measures=("dsc", "mean_error_cm2", "rmse_cm2")):
    """Measures at every value of every sweep, with their intervals, against the reader.

    Parameters
    ----------
    table : DataFrame
        sweeps.csv.
    split : {"validation", "test"}
    measures : sequence of str
        Keys of `statistics.MEASURES`.

    Returns
    -------
    DataFrame
        One row a sweep and value, in the order of `SWEEPS`: columns sweep, value, n, and for each measure its value,
        _low and _high.

    Raises
    ------
    SarcoError
        The table has no slice of that split, or not each value for each of them.
    """
    import pandas as pd

    part = table[table["split"] == split].assign(error_cm2=table["area_cm2"] - table["reference_area_cm2"])
    cases = part["case"].nunique()
    found = []
    for name, values in SWEEPS.items():
        for value in values:
            here = part[(part["sweep"] == name) & (part["value"] == value)].sort_values("case")
            if here.empty or len(here) != cases:
                raise SarcoError(f"sweeps.csv: {len(here)} of {cases} {split} slices at {name} {value:g}; "
                                 "run 'sarco sweeps' again.")  # fmt: skip
            found.append({"sweep": name, "value": value, "n": len(here)} | statistics.in_columns(here, measures))
    return pd.DataFrame(found)


def best(summary, sweep, measure):
    """Value of a sweep with the highest DSC, the lowest RMSE or the mean error nearest to 0; of equals the paper's.

    Parameters
    ----------
    summary : DataFrame
        From `summarise`.
    sweep : str
    measure : {"dsc", "rmse_cm2", "mean_error_cm2"}

    Returns
    -------
    float
    """
    part = summary[summary["sweep"] == sweep]
    worse = -part[measure] if measure == "dsc" else part[measure].abs()
    equal = part.loc[worse == worse.min(), "value"].tolist()
    return PAPERS[sweep] if PAPERS[sweep] in equal else equal[0]


NEAR_PIXEL_MM = 0.8  # the distance of the sweep that is nearest to a pixel


def dilation_gain(table):
    """Area that the dilation adds to the final mask of each case: one pixel, and one distance for all.

    Parameters
    ----------
    table : DataFrame
        sweeps.csv.

    Returns
    -------
    DataFrame
        One row a case: columns pixel_spacing_mm, pixel_cm2 (one pixel), mm_cm2 (`NEAR_PIXEL_MM`).
    """

    def areas(sweep, value):
        return table[(table["sweep"] == sweep) & (table["value"] == value)].set_index("case")["area_cm2"]

    none = areas("dilation_px", 0)
    gain = table.drop_duplicates("case").set_index("case")[["pixel_spacing_mm"]]
    return gain.assign(
        pixel_cm2=areas("dilation_px", 1) - none, mm_cm2=areas("dilation_mm", NEAR_PIXEL_MM) - none
    ).reset_index()


def at_pixel(gain, column, at_mm):
    """What a dilation adds at some pixel size, on a line through all cases.

    Parameters
    ----------
    gain : DataFrame
        From `dilation_gain`.
    column : {"pixel_cm2", "mm_cm2"}
    at_mm : float

    Returns
    -------
    value, low, high : float
        cm2, with the interval.
    """
    return bootstrap(lambda x, y: mean(y) - slope(x, y) * mean(x), [gain["pixel_spacing_mm"] - at_mm, gain[column]])
