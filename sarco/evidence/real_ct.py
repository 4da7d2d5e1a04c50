"""Real CT in tables and masks: two open slices with muscle drawn by hand, and an audit on slices that are kept apart.

`data/real/` holds no image. Nothing here is learned from: a real slice is only ever looked at after the fact, though
what failed on such slices gave kinds of phantoms their names.
"""

import numpy as np

from ..base import disc, paths
from ..base.errors import SarcoError
from ..base.tables import read_results
from ..ct import masks
from ..method import metrics, postprocess
from ..method.surface import area_cm2
from . import disagreement

SLICES, RESULTS, AUDIT = "slices", "results", "audit"  # tables of `folder`, explained in its README.md
REFERENCE, MEMBERS, STUDENT = "reference", "members", "student"  # whose mask
DRAWN = "drawn by hand"  # a mask of the audit; any other is the networks' own, with gross errors cut out
# DSC of the two masks of the one slice that a third party had drawn too: what such a mask can tell ends about here.
TWO_DRAWINGS_DSC = 0.934
SAME_CM2 = 0.1  # the audit is rounded to it


def folder():
    """Where tables and masks lie; they are of the committed networks, whatever the profile."""
    return paths.data_dir() / "real"


def read(name):
    """One table of `folder`, as a DataFrame."""
    path = folder() / f"{name}.csv"
    try:
        table = read_results(path)
    except FileNotFoundError:
        raise SarcoError(f"{path}: no such file; restore it with git.") from None
    if "warnings" in table:  # numbers, where there is none
        table["warnings"] = table["warnings"].astype(object).fillna("")
    return table


def mask_path(slice_, whose):
    """The PNG of a mask on the grid of its slice: of the reference, the members or the student."""
    return folder() / f"{slice_}_{whose}.png"


def read_mask(slice_, whose=REFERENCE):
    """A mask of an open slice, bool (rows, columns)."""
    path = mask_path(slice_, whose)
    try:
        return masks.read_png(path) > 0
    except FileNotFoundError:
        raise SarcoError(f"{path}: no such file; restore it with git.") from None


def audited():
    """The audit, one row a slice, with what follows from its columns.

    Further columns are drawn (whether the mask is by hand), warned, open (whether anyone can get the slice), left_cm2
    and large. left_cm2 is the error that counts: after the correction where the mask was drawn by hand; as found
    elsewhere, because a mask that was cut out of the networks' own has their rim, and nothing to be corrected. It is
    large past the error that a warning is to tell of (`disagreement.LARGE_ERROR_CM2`).
    """
    table = read(AUDIT)
    drawn = table["mask"] == DRAWN
    left_cm2 = table["error_after_correction_cm2"].where(drawn, table["error_cm2"])
    return table.assign(
        drawn=drawn, warned=table["warned_of_disagreement"] == "yes", open=table["slice"].isin(read(SLICES)["slice"]),
        left_cm2=left_cm2, large=left_cm2.abs() > disagreement.LARGE_ERROR_CM2,
    )  # fmt: skip


def by_kind(audit):
    """What a table of `audited` says of each kind of slice; a slice may be of several kinds, or of none.

    One row for each kind: columns kind, n, mean_cm2 and worst_cm2 (of left_cm2, the worst with its sign), large, and
    warned (how many of the large had a warning). The kind with the worst slice comes first.
    """
    import pandas as pd

    each = audit.assign(kind=audit["kinds"].fillna("none of these").str.split("; ")).explode("kind")
    rows = []
    for kind, some in each.groupby("kind"):
        worst = some["left_cm2"].loc[some["left_cm2"].abs().idxmax()]
        large = some[some["large"]]
        rows.append((kind, len(some), some["left_cm2"].mean(), worst, len(large), int(large["warned"].sum())))
    columns = ["kind", "n", "mean_cm2", "worst_cm2", "large", "warned"]
    return pd.DataFrame(rows, columns=columns).sort_values("worst_cm2", key=abs, ascending=False, ignore_index=True)


def contradicted(audit, results):
    """Open slices of which the audit does not say what results.csv says of the members: another error, or warning."""
    now = results[results["networks"] == MEMBERS]
    both = audit.merge(now, on="slice", suffixes=("", "_now"))
    other_area = (both["error_cm2"] - both["error_cm2_now"]).abs() > SAME_CM2
    other_word = both["warned"] != (both["warnings"] != "")
    return both["slice"][other_area | other_word].tolist()


def mean(values):
    """Mean of a few slices with its 95 % interval (Student's t): value, low, high.

    Drawing so few again and again (`bootstrap`) would make the interval too narrow.
    """
    from scipy import stats

    values = np.asarray(values, float)
    middle, half = float(values.mean()), float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return middle, middle - half, middle + half


def rim(mask, spacing_mm):
    """What one pixel of the outline is worth: DSC of a mask with itself, one pixel smaller, larger and moved.

    A dict of "smaller" and "larger" (by the four neighbours), "moved" (by one pixel, the mean of the four ways), and
    "cm2" (the mean area that the first two move).
    """
    smaller, larger = ~postprocess.dilate(~mask), postprocess.dilate(mask)
    moved = [np.roll(mask, step, axis) for step in (-1, 1) for axis in (0, 1)]
    return {
        "smaller": metrics.dice(smaller, mask), "larger": metrics.dice(larger, mask),
        "moved": float(np.mean([metrics.dice(one, mask) for one in moved])),
        "cm2": (area_cm2(larger, spacing_mm) - area_cm2(smaller, spacing_mm)) / 2,
    }  # fmt: skip


def on_the_rim(found, reference, spacing_mm):
    """Of the pixels in which two masks differ, the share within a pixel of the reference's outline."""
    reach_mm = max(spacing_mm)
    edge = disc.dilate(reference, reach_mm, spacing_mm) & ~disc.erode(reference, reach_mm, spacing_mm)
    wrong = found ^ reference
    return np.count_nonzero(wrong & edge) / max(1, np.count_nonzero(wrong))
