"""What each setting of the post-processing is worth: one is swept at a time, the others stay as the paper has them.

The networks see each slice once; every setting starts from that one mean probability.
"""

import numpy as np
from scipy import ndimage

from .. import paper
from ..base.errors import SarcoError
from ..base.files import write_csv
from ..method import metrics, postprocess
from ..method.preprocess import ORDER, to_native
from ..method.slice import common_box, measure_slice
from ..method.surface import area_cm2
from ..runs.evaluation import judged_cases, read_case
from . import statistics
from .bootstrap import bootstrap, mean, slope
from .measuring import opened, table_of

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
NEAR_PIXEL_MM = 0.8  # the distance of the sweep that is nearest to a pixel
COLUMNS = (
    "case", "split", "quality", "pixel_spacing_mm", "sweep", "value",
    "dsc", "area_cm2", "reference_area_cm2",  # against the reader's mask
    "true_dsc", "true_area_cm2",  # against the phantom's true mask
)  # fmt: skip
DECIMALS = {"dsc": 5, "true_dsc": 5, "area_cm2": 3, "reference_area_cm2": 3, "true_area_cm2": 3}
# Parts of a pixel in which a distance in mm is measured; odd, so that one of them is the pixel's centre.
PARTS = 3


def reach_mm(probability, spacing_mm):
    """Distance of each pixel's centre to the part over the threshold, mm; 0 within it.

    A dilation by pixels knows steps of one pixel only. Here the border is found between the pixels, by a linear
    interpolation in thirds of a pixel, so that the same distance can be asked for on any grid.
    """
    fine = ndimage.zoom(probability, PARTS, order=1, mode="nearest", grid_mode=True)
    parts_mm = [side / PARTS for side in spacing_mm]
    centre = slice(PARTS // 2, None, PARTS)
    return ndimage.distance_transform_edt(~postprocess.threshold(fine), sampling=parts_mm)[centre, centre]


def masks(measured, network_spacing_mm, box=(slice(None), slice(None))):
    """The final mask of one slice, in a box of it with some margin, at every value of every sweep.

    `measured` is a `method.slice.Measured`. Yields the sweep, the value and the mask.
    """
    image_hu, shape, spacing_mm = measured.image_hu[box], measured.image_hu.shape, measured.spacing_mm

    def brought_back(order):
        return to_native(measured.network_probability, spacing_mm, shape, network_spacing_mm, order=order)[box]

    native = measured.probability[box]
    distance_mm = reach_mm(native, spacing_mm)

    def final(probability=native, level=postprocess.LEVEL, pixels=1, **ends):
        mask = postprocess.threshold(probability, level)
        for _ in range(pixels):
            mask = postprocess.dilate(mask)
        return postprocess.window(mask, image_hu, **ends)

    mask_at = {
        "order": lambda order: final(brought_back(order)),
        "threshold": lambda level: final(level=level),
        "threshold_alone": lambda level: final(level=level, pixels=0),
        "dilation_px": lambda pixels: final(pixels=pixels),
        "dilation_mm": lambda radius_mm: postprocess.window(distance_mm <= radius_mm, image_hu),
        "low_hu": lambda low: final(low=low),
        "high_hu": lambda high: final(high=high),
    }
    for sweep, values in SWEEPS.items():
        for value in values:
            yield sweep, value, mask_at[sweep](value)


def _sweep_case(cohort, ensemble, case):
    image, reader, true, facts = read_case(cohort, case)
    measured = measure_slice(image.image_hu, image.spacing_mm, ensemble)
    box = common_box([measured], reader, true, level=min(SWEEPS["threshold"]) / 2, margin_px=8)
    for sweep, value, mask in masks(measured, ensemble.network_spacing_mm, box):
        yield facts | {
            "sweep": sweep, "value": value,
            "dsc": metrics.dice(mask, reader[box]),
            "area_cm2": area_cm2(mask, image.spacing_mm),
            "true_dsc": np.nan if true is None else metrics.dice(mask, true[box]),
        }  # fmt: skip


def write_sweeps(profile, progress=True):
    """Write results/sweeps.csv of a profile: all validation cases, and the first `TEST_CASES` of the test set.

    Returns its path. A SarcoError says that the results are committed ones, or what is missing or broken.
    """
    profile, cohort, ensemble = opened(profile, "sweep")
    cases = judged_cases(cohort, profile, TEST_CASES)
    table = table_of(lambda case: _sweep_case(cohort, ensemble, case), cases, columns=COLUMNS, decimals=DECIMALS,
                     what="sweeps", progress=progress)  # fmt: skip
    return write_csv(table, profile.results_dir / "sweeps.csv")


# What the table says -------------------------------------------------------------------------------------------------


def summarise(table, split, measures=("dsc", "mean_error_cm2", "rmse_cm2")):
    """Measures (of `statistics.MEASURES`) at every value of every sweep in sweeps.csv, against the reader.

    One row a sweep and value, in the order of `SWEEPS`: columns sweep, value, n, and those of `statistics.in_columns`.
    """
    import pandas as pd

    part = table[table["split"] == split].assign(error_cm2=table["area_cm2"] - table["reference_area_cm2"])
    cases = part["case"].nunique()
    lines = []
    for name, values in SWEEPS.items():
        for value in values:
            here = part[(part["sweep"] == name) & (part["value"] == value)].sort_values("case")
            if here.empty or len(here) != cases:
                raise SarcoError(f"sweeps.csv: {len(here)} of {cases} {split} slices at {name} {value:g}; "
                                 "run 'sarco sweeps' again.")  # fmt: skip
            lines.append({"sweep": name, "value": value, "n": len(here)} | statistics.in_columns(here, measures))
    return pd.DataFrame(lines)


def best(summary, sweep, measure):
    """Value of a sweep in `summarise` with the highest "dsc", lowest "rmse_cm2" or "mean_error_cm2" nearest to 0.

    Of equals the paper's.
    """
    part = summary[summary["sweep"] == sweep]
    worse = -part[measure] if measure == "dsc" else part[measure].abs()
    equal = part.loc[worse == worse.min(), "value"].tolist()
    return PAPERS[sweep] if PAPERS[sweep] in equal else equal[0]


def dilation_gain(table):
    """Area that the dilation adds to the final mask of each case of sweeps.csv: one pixel, and one distance for all.

    One row a case: columns case, pixel_spacing_mm, pixel_cm2 (one pixel), mm_cm2 (`NEAR_PIXEL_MM`).
    """
    area = table.pivot(index="case", columns=["sweep", "value"], values="area_cm2")
    none = area["dilation_px", 0]
    gain = table.drop_duplicates("case").set_index("case")[["pixel_spacing_mm"]]
    added = {"pixel_cm2": area["dilation_px", 1] - none, "mm_cm2": area["dilation_mm", NEAR_PIXEL_MM] - none}
    return gain.assign(**added).reset_index()


def at_pixel(gain, column, at_mm):
    """What a dilation adds at a pixel size, cm2, on a line through the cases of `dilation_gain`: value, low, high."""
    return bootstrap(lambda x, y: mean(y) - slope(x, y) * mean(x), [gain["pixel_spacing_mm"] - at_mm, gain[column]])
