"""Masks as others save them: PNG, NumPy, NIfTI and DICOM SEG, each brought to the grid of its slice.

A file is judged by its content, never by its name. Rows of a mask are rows of the slice. NIfTI has no rows and
columns, only axes in space: `nifti.read_mask` says how these are mapped.
"""

import gzip
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..base.errors import Refused, about, quietly, refuse, refusing
from . import dicom, seg
from .geometry import check_shape

KINDS = {  # by SOP class; any other is a slice, or is refused as one
    "1.2.840.10008.5.1.4.1.1.66.4": "seg",
    "1.2.840.10008.5.1.4.1.1.66.7": "seg",  # label map
    "1.2.840.10008.1.3.10": "dicomdir",
}
SUFFIXES = (".nii.gz", ".nii", ".png", ".npy", ".npz", ".dcm", ".dicom", ".ima", ".seg")
# A contour holds the fat within and between muscles, a tenth to two fifths of it. One of which more than half is no
# soft tissue belongs to another slice, or is no muscle.
MISPLACED_SHARE = 0.5


def kind_of(path):
    """What a file is: "png", "npy", "npz", "nifti", "seg", "dicom", "dicomdir", or None."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(352)
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as file:
                head = file.read(352)
    except (OSError, EOFError, zlib.error, ValueError):
        return None
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(b"PK\x03\x04"):
        return "npz" if zipfile.is_zipfile(path) else None
    if head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0":
        return "nifti"
    alone = dicom.begins_as_dataset(head)
    if not alone and head[128:132] != b"DICM":
        return None
    name = "SOPClassUID" if alone else "MediaStorageSOPClassUID"
    return KINDS.get(str(dicom.read_only(path, name).get(name)), "dicom")


def sop_instance_uid(path):
    """SOPInstanceUID of a DICOM file, by which a SEG and others name it; None where it has none."""
    uid = dicom.read_only(path, "SOPInstanceUID").get("SOPInstanceUID")
    return None if uid is None else str(uid)


def stem(name):
    """A file's name without the suffix that says its format; other dots belong to the name."""
    return next((name[: -len(suffix)] for suffix in SUFFIXES if name.lower().endswith(suffix)), name)


def read(path, kind, slice_, labels=(), nifti="affine"):
    """Read the mask of one slice, bool (rows, columns), out of a file of this kind.

    `labels` say which labels are muscle: numbers, or for SEG also names of segments; none are needed where there is
    one. `nifti` is a rule of `nifti.read_mask`. SarcoError: the file cannot be read, lies on another grid, or leaves
    open which label is muscle.
    """
    labels = [labels] if isinstance(labels, str | int) else labels  # "12" is one label
    if kind == "seg":
        return seg.read_mask(path, slice_, labels)
    shape = slice_.image_hu.shape
    if kind == "nifti":
        from .nifti import read_mask  # which loads nibabel

        values = read_mask(path, slice_, nifti)
    else:
        values = read_png(path, shape) if kind == "png" else _read_array(path, kind, shape)
    with about(path):
        return _choose(values, labels)


def _choose(values, labels):
    """The pixels that carry the labels of muscle; with none named, the one label that there is."""
    if values.dtype == bool:
        values = values.astype(np.uint8)
    refuse(not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values) or not np.isfinite(values).all(),
           "the values are no labels; write whole numbers, 0 where there is no muscle.")  # fmt: skip
    if not np.issubdtype(values.dtype, np.integer):
        # Whole numbers that were scaled by some 1.0000000002, as NIfTI writers do, are whole numbers.
        exact, values = values, np.rint(values)
        broken = ~np.isclose(exact, values, rtol=1e-4, atol=1e-3)
        if broken.any():
            raise Refused(f"fractions such as {exact[broken].flat[0]:g} are no labels; cut the probabilities at 0.5 "
                          "first.")  # fmt: skip
    there = [int(value) for value in np.unique(values) if value]
    if labels:
        try:
            wanted = [int(label) for label in labels]
        except ValueError:
            raise Refused(f"its labels have no names; give --label as numbers (there are {_listed(there)}).") from None
        refuse(there and not set(wanted) & set(there), f"no label is {_listed(wanted)}; it holds {_listed(there)}.")
        return np.isin(values, wanted)
    refuse(len(there) > 1, f"it holds the labels {_listed(there)}; say with --label which are muscle.")
    return values != 0


def _listed(values):
    text = ", ".join(str(value) for value in values[:12])
    return f"{text} and {len(values) - 12} more" if len(values) > 12 else text or "none"


def read_png(path, shape=None):
    """Labels of a PNG, as a viewer shows it: grey values, 0 where it is black or transparent, of this shape.

    A palette counts by its colours: by their grey, or by their numbers where they are coloured and the first is black.
    A file that is missing is a FileNotFoundError, for the caller knows better what it was.
    """
    from PIL import Image

    path.stat()
    # A warning would be of the size, which is compared before anything is unpacked.
    with about(path), refusing("not a readable PNG ({}); write the mask again."), quietly(), Image.open(path) as image:
        check_shape(image.size[::-1], shape or image.size[::-1])
        return _shown(image)


def _shown(image):
    clear = image.info.get("transparency")
    if image.mode in ("1", "L", "I", "I;16") and not isinstance(clear, bytes):
        values = np.asarray(image)
        return values if clear is None else np.where(values == clear, 0, values)
    refuse(any("16" in str(part) for part in image.tile[0][3:]),  # Pillow reads the upper 8 alone
           "16 bits in several channels are no labels; save the mask in grey, without transparency.")  # fmt: skip
    *colours, opaque = np.moveaxis(np.asarray(image.convert("RGBA")), -1, 0)
    red, green, blue = (np.where(opaque >= 128, values, 0) for values in colours)
    light = red | green | blue
    refuse(opaque.min() < opaque.max() and not light.any(),
           "it differs in its transparency alone, and nothing says which part is muscle; save it in grey.")  # fmt: skip
    if ((red == green) & (green == blue)).all():
        return red
    numbers = np.asarray(image)
    if image.mode == "P" and not light[numbers == 0].any():
        return np.where(light, numbers, 0)
    raise Refused("a mask has one grey value a pixel, and this has colours; save it in grey.")


def _read_array(path, kind, shape):
    with about(path):
        with refusing("not a readable NumPy file ({}); write the mask again."):
            # Mapped, so that no more than there is on disk is believed, and nothing is read before its shape is known.
            values = np.load(path, allow_pickle=False, mmap_mode="r")
            if kind == "npz":
                with values as arrays:
                    values = _only_array(arrays, shape)
        values = np.squeeze(values) if values.ndim > 2 else values
        check_shape(values.shape, shape)
        return np.array(values)


def _only_array(arrays, shape):
    """The one array of an .npz, or that called "mask", read when its header says the right shape."""
    name = arrays.files[0] if len(arrays.files) == 1 else "mask"
    refuse(name not in arrays.files, f"it holds the arrays {', '.join(arrays.files) or 'none'}; call one 'mask'.")
    with arrays.zip.open(f"{name}.npy" if f"{name}.npy" in arrays.zip.namelist() else name) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        sides = read(file)[0]
    check_shape([side for side in sides if side != 1] if len(sides) > 2 else sides, shape)
    return arrays[name]
