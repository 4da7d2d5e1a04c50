"""One axial CT slice out of a NIfTI file, as `dicom.read_slice` gives one of a DICOM file."""

import gzip
from contextlib import contextmanager

import numpy as np
from pydicom.dataset import Dataset

from ..base.errors import SarcoError
from . import dicom

SIZE_TOLERANCE = 0.005  # of a voxel's side, by which sform and pixdim may differ: an area is then 1 % off


def read_slice(path, number=None):
    """Read one slice of a volume in Hounsfield units.

    Rows run to the patient's back and columns to the patient's left, as a scanner shows them, whichever way the
    volume is stored. The header of the result holds what NIfTI knows: where the slice lies, and how far apart slices
    are. Only the slice is read, not the volume.

    Parameters
    ----------
    path : str or Path
    number : int, optional
        Which slice, from 1, counted from feet to head. Not needed where there is one.

    Returns
    -------
    Slice

    Raises
    ------
    SarcoError
        Not a readable volume, no such slice, or no plausible CT slice.
    """
    try:
        with opened(path) as image:
            return _read(image, path, number)
    except SarcoError:
        raise
    except Exception as error:  # nibabel fails in its own way on each broken part
        raise SarcoError(f"{path}: not a readable NIfTI file ({dicom._first_line(error)}); write it again.") from None


def _read(image, path, number):
    import nibabel as nib

    try:
        placed = image.header["sform_code"] or image.header["qform_code"]
        shape, axes = image.shape, nib.orientations.io_orientation(image.affine)
    except Exception as error:  # nibabel fails in its own way on each broken part
        raise SarcoError(f"{path}: not a readable NIfTI file ({dicom._first_line(error)}); write it again.") from None
    if len(shape) < 3 or any(size != 1 for size in shape[3:]):
        raise SarcoError(f"{path}: it has shape {shape}, where a volume is wanted; save one alone.")
    if not placed or np.isnan(axes).any():
        raise SarcoError(f"{path}: it does not say how it lies in the patient (sform and qform are 0, or broken), so "
                         "no slice can be chosen; write it with an affine.")  # fmt: skip
    _check_affines(image, axes, path)
    (along,) = np.flatnonzero(axes[:, 0] == 2)
    count = shape[along]
    if number is None and count != 1:
        raise SarcoError(f"{path}: {count} slices; say with --slice which is at L3, from 1 at the feet.")
    number = number or 1
    if not 1 <= number <= count:
        raise SarcoError(f"{path}: no slice {number}; it has {count}.")
    index = number - 1 if axes[along, 1] > 0 else count - number
    cut = [slice(None)] * 3 + [0] * (len(shape) - 3)
    cut[along] = slice(index, index + 1)
    try:
        stored = np.asanyarray(image.dataobj[tuple(cut)])
    except Exception as error:
        raise SarcoError(f"{path}: the pixels cannot be read ({dicom._first_line(error)}); write it again.") from None
    if not np.issubdtype(stored.dtype, np.number) or np.iscomplexobj(stored):
        raise SarcoError(f"{path}: not a grey-level image; give the original CT volume.")
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, along] * index
    turn = nib.orientations.ornt_transform(axes, nib.orientations.axcodes2ornt(("L", "P", "S")))
    plane = nib.orientations.apply_orientation(stored, turn)[:, :, 0].T
    affine = np.diag([-1, -1, 1, 1]) @ affine @ nib.orientations.inv_ornt_aff(turn, stored.shape)  # DICOM's axes
    return _slice(path, plane.astype(np.float32), affine, number)


def _check_affines(image, axes, path):
    """Refuse a volume whose two affines make pixels of different size, or turn it in different ways."""
    import nibabel as nib

    across = axes[:, 0] != 2
    by_sform = np.linalg.norm(image.affine[:3, :3], axis=0)[across]
    by_qform = np.array(image.header.get_zooms()[:3])[across]  # pixdim, which gives the qform its sizes
    advice = "keep the right one in both (nibabel: set_sform and set_qform), and write it again"
    if not np.allclose(by_sform, by_qform, rtol=SIZE_TOLERANCE):
        sizes = ("{:g} x {:g} mm".format(*sides) for sides in (by_sform, by_qform))
        raise SarcoError(f"{path}: pixels of {next(sizes)} by its sform and of {next(sizes)} by qform and pixdim; "
                         f"{advice}.")  # fmt: skip
    if image.header["sform_code"] and image.header["qform_code"]:
        turns = [nib.aff2axcodes(affine) for affine in (image.get_sform(), image.get_qform())]
        if turns[0] != turns[1]:
            ways = [" ".join(turn) for turn in turns]
            raise SarcoError(f"{path}: its axes run to {ways[0]} by its sform and to {ways[1]} by its qform; {advice}.")


@contextmanager
def opened(path):
    """Yield a NIfTI image by nibabel, whatever the file is called; its pixels are read when they are asked for."""
    import nibabel as nib

    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as file:
        first = int.from_bytes(file.read(4), "little")
        file.seek(0)
        made = nib.Nifti1Image if first in (348, 0x5C010000) else nib.Nifti2Image  # its header's size, both ways
        yield made.from_file_map({"image": nib.FileHolder(fileobj=file)})


def _slice(path, image_hu, affine, number):
    column_mm, row_mm, between_mm = (float(np.linalg.norm(affine[:3, axis])) for axis in range(3))
    low, high = dicom.SPACING_LIMITS_MM
    if not (low <= row_mm <= high and low <= column_mm <= high):
        raise SarcoError(f"{path}: pixels of {row_mm:g} x {column_mm:g} mm, where {low} to {high} mm are wanted; write "
                         "it with the scanner's spacing.")  # fmt: skip
    low, high = dicom.MATRIX_LIMITS
    if not all(low <= size <= high for size in image_hu.shape):
        raise SarcoError(f"{path}: {image_hu.shape} pixels, outside {low} to {high}; give the original volume.")
    header = Dataset()
    header.ImageOrientationPatient = [*(affine[:3, 0] / column_mm).round(6), *(affine[:3, 1] / row_mm).round(6)]
    header.ImagePositionPatient = list(affine[:3, 3].round(4))
    header.SpacingBetweenSlices = round(between_mm, 4)
    header.InstanceNumber = number
    dicom._check_axial(header, path)
    dicom._check_hounsfield(image_hu, path)
    return dicom.Slice(image_hu, (row_mm, column_mm), path, header)
