"""The open real slices where their images are here: found by identifier, segmented, set against the masks by hand."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from ..base import paths
from ..base.errors import SarcoError, about, refuse, refusing
from ..base.files import atomic, below, checksum, write_csv
from ..ct import dicom, masks, pixels
from ..engines.choose import FLOAT32
from ..engines.weights import team
from ..evidence import real_ct
from ..method import metrics, postprocess
from ..method.surface import area_cm2
from .picture import mask_png
from .reading import read_slice
from .segmentation import Segmenter

DECIMALS = {"dsc": 4, "threshold_dsc": 4, "members_dsc": 4, "disagreement_share": 4} | dict.fromkeys(
    ("area_cm2", "corrected_cm2", "reference_area_cm2", "error_cm2", "error_after_correction_cm2", "members_sd_cm2",
     "mean_hu", "reference_mean_hu"), 2,
)  # fmt: skip


def pixels_sha256(path):
    """SHA-256 of the stored values of a DICOM slice, 16 bits each, little-endian, row by row, however compressed."""
    with about(path), refusing("not a readable DICOM slice ({}); fetch it again."):
        values = pixels.stored_values(dicom.parse(path), path)
        return hashlib.sha256(np.ascontiguousarray(values, "<i2")).hexdigest()


def find(folder):
    """Files of the open slices in a folder and below it, path by slice.

    Each is known by its SOP instance UID; a copy that was given another one, by its pixels.

    Raises
    ------
    SarcoError
        A slice is not there, or has other pixels than those that its mask was drawn on.
    """
    known = real_ct.read(real_ct.SLICES).set_index("slice")
    files = [path for path in below(folder) if masks.kind_of(path) == "dicom"]
    named = {masks.sop_instance_uid(path): path for path in files}
    found = {name: named[uid] for name, uid in known["sop_instance_uid"].items() if uid in named}
    for name, path in found.items():
        with about(path):
            refuse(pixels_sha256(path) != known.loc[name, "pixels_sha256"],
                   f"its pixels are not those that the mask of {name} was drawn on; fetch it again.")  # fmt: skip
    if len(found) < len(known):
        by_pixels = {digest: path for path in files if (digest := _pixels_or_none(path))}
        found |= {name: by_pixels[one] for name, one in known["pixels_sha256"].items() if one in by_pixels}
    missing = [name for name in known.index if name not in found]
    if missing:
        raise SarcoError(
            f"{folder}: {' and '.join(missing)} not found; data/real/README.md says how to get the slices."
        )
    return {name: found[name] for name in known.index}


def _pixels_or_none(path):
    try:
        return pixels_sha256(path)
    except SarcoError:
        return None


def measure(folder, weights=None, results=None, engine=FLOAT32):
    """Segment the open slices with the members and, where there is one, with their student.

    Parameters
    ----------
    folder : str or Path
        Where the images are, see `find`.
    weights, results, engine
        See `sarco.slice_tool.segmentation.Segmenter`.

    Returns
    -------
    table : DataFrame
        One row for each slice and networks, as data/real/README.md explains its columns.
    found : dict
        `Segmentation` by slice and networks ("members", "student").
    """
    images, rows, found = {name: read_slice(path) for name, path in find(folder).items()}, [], {}
    weights = paths.weights_dir() if weights is None else Path(weights)
    for whose in (real_ct.MEMBERS, real_ct.STUDENT):
        student = whose == real_ct.STUDENT
        if student and not (weights / "student.json").is_file():
            continue
        segmenter = Segmenter(weights, results, quick=student, engine=engine)
        made_by = {"team": team(segmenter.manifest), "manifest_sha256": checksum(weights / "manifest.json")}
        for name, image in images.items():
            found[name, whose] = segmenter.segment(image)
            rows.append({"slice": name, "networks": whose} | _row(found[name, whose], name) | made_by)
    return pd.DataFrame(rows).sort_values(["slice", "networks"], ignore_index=True).round(DECIMALS), found


def _row(found, name):
    reference, corrected_cm2 = real_ct.read_mask(name), found.area_corrected_cm2
    reference_cm2 = area_cm2(reference, found.spacing_mm)
    before = postprocess.threshold(found.probability)
    return {
        "count": found.members, "threshold_dsc": metrics.dice(before, reference),
        "dsc": metrics.dice(found.mask, reference), "area_cm2": found.area_cm2, "corrected_cm2": corrected_cm2,
        "reference_area_cm2": reference_cm2, "error_cm2": found.area_cm2 - reference_cm2,
        "error_after_correction_cm2": None if corrected_cm2 is None else corrected_cm2 - reference_cm2,
        "members_sd_cm2": found.members_sd_cm2, "members_dsc": found.members_dsc,
        "disagreement_share": found.disagreement_share, "mean_hu": found.mean_hu,
        "reference_mean_hu": float(found.image_hu[reference].mean(dtype=float)), "warnings": " ".join(found.warnings),
    }  # fmt: skip


def write(folder, weights=None, results=None, engine=FLOAT32):
    """Write data/real/results.csv and the networks' masks beside it anew, see `measure`; the path of the table."""
    table, found = measure(folder, weights, results, engine)
    for (name, whose), one in found.items():
        with atomic(real_ct.mask_path(name, whose)) as beside:
            beside.write_bytes(mask_png(one.mask))
    return write_csv(table, real_ct.folder() / f"{real_ct.RESULTS}.csv")
