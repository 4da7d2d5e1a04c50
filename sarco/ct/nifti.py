"""NIfTI: one axial CT slice out of a volume, and a mask at the pixels of a slice."""

import gzip
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset

from ..base.errors import about, refuse, refusing
from . import dicom
from .geometry import Slice, voxels

SIZE_TOLERANCE = 0.005  # of a voxel's side, by which sform and pixdim may differ: an area is then 1 % off
UNREADABLE = "not a readable NIfTI file ({}); write it again."
AS_STORED = "say '--nifti stored' if its first axis is the columns and its second the rows."


def read_slice(path, number=None):
    """Read one slice of a volume in HU, by its number from the feet, from 1, which is not needed where there is one.

    Rows run to the patient's back and columns to the patient's left, as a scanner shows them, whichever way the
    volume is stored. The header of the result holds what NIfTI knows: where the slice lies, and how far apart slices
    are. Only the slice is read, not the volume.
    """
    path = Path(path)
    with about(path), refusing(UNREADABLE), _opened(path) as image:
        return _slice(image, path, number)


@contextmanager
def volume(path):
    """How far up each slice of a volume lies, in mm, from the feet, and a function that reads one by its number.

    The file is opened once, and unpacked once; refused is what `read_slice` refuses.
    """
    path = Path(path)
    with ExitStack() as stack:
        with about(path), refusing(UNREADABLE):
            image = stack.enter_context(_opened(stack.enter_context(_unpacked(path))))
            _, along = _axes(image)
            between_mm = float(np.linalg.norm(image.affine[:3, along]))

        def read(number):
            with about(path), refusing(UNREADABLE):
                return _slice(image, path, number)

        yield [number * between_mm for number in range(image.shape[along])], read


@contextmanager
def _unpacked(path):
    """The file itself; of one that is packed a copy that is not, for each slice would unpack it anew."""
    if not _is_packed(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "volume.nii"
        with gzip.open(path) as packed, plain.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
        yield plain


def _is_packed(path):
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _axes(image):
    """Where the axes of a volume run, as nibabel says it, and which of them runs along the body."""
    placed = image.header["sform_code"] or image.header["qform_code"]
    shape, axes = image.shape, nib.orientations.io_orientation(image.affine)
    refuse(len(shape) < 3 or any(size != 1 for size in shape[3:]),
           f"it has shape {shape}, where a volume is wanted; save one alone.")  # fmt: skip
    refuse(not placed or np.isnan(axes).any(),
           "it does not say how it lies in the patient (sform and qform are 0, or broken), so no slice can be chosen; "
           "write it with an affine.")  # fmt: skip
    _check_affines(image, axes)
    (along,) = np.flatnonzero(axes[:, 0] == 2)
    return axes, along


def _slice(image, path, number):
    axes, along = _axes(image)
    shape, count = image.shape, image.shape[along]
    refuse(number is None and count != 1, f"{count} slices; say with --slice which is at L3, from 1 at the feet.")
    number = number or 1
    refuse(not 1 <= number <= count, f"no slice {number}; it has {count}.")
    turn, to_stored = _to_left_back_head(axes, shape[:3])
    part = [slice(None)] * 3 + [0] * (len(shape) - 3)
    at = int(to_stored[along] @ (0, 0, number - 1, 1))
    part[along] = slice(at, at + 1)
    with refusing("the pixels cannot be read ({}); write it again."):
        stored = np.asanyarray(image.dataobj[tuple(part)])
    refuse(not np.issubdtype(stored.dtype, np.number) or np.iscomplexobj(stored),
           "not a grey-level image; give the original CT volume.")  # fmt: skip
    image_hu = np.ascontiguousarray(nib.orientations.apply_orientation(stored, turn)[:, :, 0].T, np.float32)
    affine = np.diag([-1, -1, 1, 1]) @ image.affine @ to_stored  # DICOM's axes
    column_mm, row_mm, between_mm = (float(side) for side in np.linalg.norm(affine[:3, :3], axis=0))
    low, high = dicom.SPACING_LIMITS_MM
    refuse(not (low <= row_mm <= high and low <= column_mm <= high),
           f"pixels of {row_mm:g} x {column_mm:g} mm, where {low} to {high} mm are wanted; write it with the scanner's "
           "spacing.")  # fmt: skip
    low, high = dicom.MATRIX_LIMITS
    refuse(not all(low <= size <= high for size in image_hu.shape),
           f"{image_hu.shape} pixels, outside {low} to {high}; give the original volume.")  # fmt: skip
    header = Dataset()
    header.ImageOrientationPatient = [*(affine[:3, 0] / column_mm).round(6), *(affine[:3, 1] / row_mm).round(6)]
    header.ImagePositionPatient = list((affine[:3, 3] + (number - 1) * affine[:3, 2]).round(4))
    header.SpacingBetweenSlices = round(between_mm, 4)
    header.InstanceNumber = number
    dicom.check_axial(header)
    dicom.check_hounsfield(image_hu)
    return Slice(image_hu, (row_mm, column_mm), path, header)


def _to_left_back_head(axes, shape):
    """How nibabel turns a volume so that its axes run there, and the affine from such indices to the stored ones."""
    turn = nib.orientations.ornt_transform(axes, nib.orientations.axcodes2ornt("LPS"))
    return turn, nib.orientations.inv_ornt_aff(turn, shape)


def _check_affines(image, axes):
    """Refuse a volume whose two affines make pixels of different size, or turn it in different ways."""
    across = axes[:, 0] != 2
    by_sform = np.linalg.norm(image.affine[:3, :3], axis=0)[across]
    by_qform = np.array(image.header.get_zooms()[:3])[across]  # pixdim, which gives the qform its sizes
    advice = "keep the right one in both (nibabel: set_sform and set_qform), and write it again"
    sizes = ["{:g} x {:g} mm".format(*sides) for sides in (by_sform, by_qform)]
    refuse(not np.allclose(by_sform, by_qform, rtol=SIZE_TOLERANCE),
           f"pixels of {sizes[0]} by its sform and of {sizes[1]} by qform and pixdim; {advice}.")  # fmt: skip
    if image.header["sform_code"] and image.header["qform_code"]:
        ways = [" ".join(nib.aff2axcodes(affine)) for affine in (image.get_sform(), image.get_qform())]
        refuse(ways[0] != ways[1],
               f"its axes run to {ways[0]} by its sform and to {ways[1]} by its qform; {advice}.")  # fmt: skip


def read_mask(path, slice_, rule="affine"):
    """Values of a NIfTI mask at the pixels of a slice, (rows, columns).

    By the rule "affine", the voxel at each pixel's place in the patient (`Slice.affine`) is read: whichever way the
    axes were stored or flipped, and out of a whole volume too. Grids that do not coincide are refused. A slice without
    a place is taken to lie as usual (columns to the patient's left, rows to the back), and only the directions of the
    affine are used. By the rule "stored", the first axis runs along the columns, the second along the rows.
    """
    with about(path), refusing("not a readable NIfTI file ({}); write the mask again."), _opened(path) as image:
        shape = list(image.shape)
        while len(shape) > 3 and shape[-1] == 1:
            del shape[-1]
        shape += [1] * (len(shape) == 2)
        refuse(len(shape) != 3, f"it has shape {image.shape}, where one mask is wanted; save it alone.")
        return _at_pixels(image, _index(image, shape, slice_, rule))


def _index(image, shape, slice_, rule):
    """Index of a voxel along each axis at each pixel of the slice."""
    wanted, by_place = slice_.image_hu.shape, rule != "stored"
    refuse(by_place and not (image.header["sform_code"] or image.header["qform_code"]),
           f"it does not say how it lies in the patient (sform and qform are 0); {AS_STORED}")  # fmt: skip
    if by_place and slice_.affine is not None:
        with refusing("it lies elsewhere in the patient than its slice, or on another grid (by its affine); save it "
                      f"on the slice's grid, or {AS_STORED}"):  # fmt: skip
            index = voxels(np.linalg.inv(image.affine) @ slice_.affine, wanted)
        refuse(any(along.min() < 0 or along.max() >= size for along, size in zip(index, shape, strict=True)),
               f"{tuple(shape)} voxels do not cover the {wanted} pixels of the slice; write the mask on the slice's "
               "grid.")  # fmt: skip
        return index
    to_voxel = np.eye(4)
    if by_place:
        axes = nib.orientations.io_orientation(image.affine)
        refuse(np.isnan(axes).any(), f"its affine is broken; {AS_STORED}")
        _, to_voxel = _to_left_back_head(axes, shape)
    columns, rows, planes = (int(size) for size in np.abs(to_voxel[:3, :3].T) @ shape)
    refuse(planes != 1, f"{planes} planes, and nothing says which is this slice's; save one alone.")
    refuse(rows * columns > slice_.image_hu.size,
           f"{tuple(shape)} voxels, the slice has {wanted} pixels; write the mask on the slice's grid.")  # fmt: skip
    refuse((rows, columns) != wanted, f"{(rows, columns)} rows and columns, the slice has {wanted}; write the mask on "
           "the slice's grid.")  # fmt: skip
    return voxels(to_voxel, wanted)


def _at_pixels(image, index):
    """Values of the voxels of one plane, of which alone is read what is needed."""
    first, last = index.min((1, 2)), index.max((1, 2))
    part = [slice(low, high + 1) for low, high in zip(first, last, strict=True)]
    values = np.asanyarray(image.dataobj[(*part[: image.ndim], *[0] * (image.ndim - 3))])
    return values.reshape(last - first + 1)[tuple(index - first[:, None, None])]


@contextmanager
def _opened(path):
    """Yield a NIfTI image by nibabel, whatever the file is called; its pixels are read when they are asked for."""
    with gzip.open(path) if _is_packed(path) else path.open("rb") as file:
        first = int.from_bytes(file.read(4), "little")
        file.seek(0)
        made = nib.Nifti1Image if first in (348, 0x5C010000) else nib.Nifti2Image  # its header's size, both ways
        yield made.from_file_map({"image": nib.FileHolder(fileobj=file)})
