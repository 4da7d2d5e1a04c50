"""A slice, and a mask for it, from files of any kind."""

import operator
from pathlib import Path

from ..base.errors import SarcoError
from ..ct import dicom, masks


def read_slice(path, number=None, phase=None):
    """Read a slice (`sarco.ct.geometry.Slice`) from a DICOM or a NIfTI file, whatever its name.

    `number`, from 1 at the feet, is the slice of a NIfTI volume or of an enhanced (multi-frame) CT; `phase`, from 1 in
    the order of time, the phase or stack of an enhanced CT that has several.
    """
    number, phase = whole("slice", number), whole("phase", phase)
    if masks.kind_of(path) != "nifti":
        return dicom.read_slice(path, number, phase)
    return of_nifti(path, phase).read_slice(path, number)


def of_nifti(path, phase):
    """What reads a NIfTI file, `sarco.ct.nifti`, which loads nibabel; SarcoError if a second phase is asked for."""
    if phase not in (None, 1):
        raise SarcoError(f"{path}: no phase {phase}; it has 1.")
    from ..ct import nifti

    return nifti


def whole(what, value):
    """A whole number, also from text, as papermill gives it."""
    if value is None:
        return None
    try:
        whole = operator.index(int(value) if isinstance(value, str) else value)
    except (TypeError, ValueError):
        whole = 0
    if whole < 1:
        raise SarcoError(f"{what} {value!r}, where a whole number from 1 is wanted.")
    return whole


def read_mask(path, image, labels=(), nifti="affine"):
    """A mask file of any kind that `sarco.ct.masks` reads, bool on the grid of the slice."""
    kind = masks.kind_of(path)
    if not Path(path).exists():
        raise SarcoError(f"{path}: no such file.")
    if kind not in ("png", "npy", "npz", "nifti", "seg"):
        raise SarcoError(f"{path}: not a mask; give a PNG, a NIfTI or NumPy file, or a DICOM SEG.")
    if kind == "seg" and "SOPInstanceUID" not in image.header:
        raise SarcoError(
            f"{path}: a DICOM SEG belongs to a DICOM slice, and {image.path} is none; give the mask as NIfTI."
        )
    return masks.read(Path(path), kind, image, labels, nifti)
