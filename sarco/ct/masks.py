"""Masks as others save them: PNG, NumPy, NIfTI and DICOM SEG, each brought to the grid of its slice.

A file is judged by its content, never by its name. Rows of a mask are rows of the slice. NIfTI has no rows and
columns, only axes in space: `from_nifti` says how these are mapped.
"""

import functools
import gzip
import math
import re
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pydicom

from ..base.errors import SarcoError
from . import dicom, nifti

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # segmentation, label map
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
SUFFIXES = (".nii.gz", ".nii", ".png", ".npy", ".npz", ".dcm", ".dicom", ".ima", ".seg")
# A contour holds the fat within and between muscles, a tenth to two fifths of it. One of which more than half is no
# soft tissue belongs to another slice, or is no muscle.
MISPLACED_SHARE = 0.5
GRID_TOLERANCE = 0.25  # voxels by which a mask's grid may miss that of its slice


def kind_of(path):
    """What a file is.

    Returns
    -------
    {"png", "npy", "npz", "nifti", "seg", "dicom", "dicomdir", None}
    """
    path = Path(path)
    try:
        head = _head(path)
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
    return _dicom_kind(path, alone) if alone or head[128:132] == b"DICM" else None


def _head(path):
    with path.open("rb") as file:
        head = file.read(352)
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(path) as file:
            head = file.read(352)
    return head


def _dicom_kind(path, alone):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if alone:
                dicom.check_unpacked(path)
                name = dicom.parse(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]).get("SOPClassUID")
            else:
                name = pydicom.filereader.read_file_meta_info(path).get("MediaStorageSOPClassUID")
    except Exception:  # a broken header can fail anywhere; `dicom.read_slice` says what is wrong with it
        return "dicom"
    if name == DICOMDIR_CLASS:
        return "dicomdir"
    return "seg" if name in SEG_CLASSES else "dicom"


def sop_instance_uid(path):
    """SOPInstanceUID of a DICOM file, by which a SEG and others name it; None where it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=["SOPInstanceUID"])
        return str(header.SOPInstanceUID)
    except Exception:  # a broken header can fail anywhere; `dicom.read_slice` says what is wrong with it
        return None


def stem(name):
    """A file's name without the suffix that says its format; other dots belong to the name."""
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def read(path, kind, slice_, labels=(), nifti="affine"):
    """Read the mask of one slice.

    Parameters
    ----------
    path : Path
    kind : {"png", "npy", "npz", "nifti", "seg"}
    slice_ : Slice
    labels : sequence of str
        Which labels are muscle: numbers, or for SEG also names of segments. None are needed where there is one.
    nifti : {"affine", "stored"}
        How the axes of NIfTI become rows and columns, see `from_nifti`.

    Returns
    -------
    ndarray of bool, shape (rows, columns)

    Raises
    ------
    SarcoError
        The file cannot be read, lies on another grid, or leaves open which label is muscle.
    """
    labels = [labels] if isinstance(labels, str | int) else labels  # "12" is one label
    if kind == "seg":
        return from_seg(path, slice_, labels)
    if kind == "nifti":
        values = from_nifti(path, slice_, nifti)
    else:
        values = (_image if kind == "png" else _array)(path, kind, slice_.image_hu.shape)
    return choose(values, labels, path)


def choose(values, labels, path):
    """The pixels that carry the labels of muscle; with none named, the one label that there is."""
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values) or not np.isfinite(values).all():
        raise SarcoError(f"{path}: the values are no labels; write whole numbers, 0 where there is no muscle.")
    if not np.issubdtype(values.dtype, np.integer):
        # Whole numbers that were scaled by some 1.0000000002, as NIfTI writers do, are whole numbers.
        exact, values = values, np.rint(values)
        broken = ~np.isclose(exact, values, rtol=1e-4, atol=1e-3)
        if broken.any():
            raise SarcoError(f"{path}: fractions such as {exact[broken].flat[0]:g} are no labels; cut the "
                             "probabilities at 0.5 first.")  # fmt: skip
    found = [int(value) for value in np.unique(values) if value]
    if labels:
        try:
            wanted = [int(label) for label in labels]
        except ValueError:
            raise SarcoError(f"{path}: its labels have no names; give --label as numbers (there are "
                             f"{_listed(found)}).") from None  # fmt: skip
        if found and not set(wanted) & set(found):
            raise SarcoError(f"{path}: no label is {_listed(wanted)}; it holds {_listed(found)}.")
        return np.isin(values, wanted)
    if len(found) > 1:
        raise SarcoError(f"{path}: it holds the labels {_listed(found)}; say with --label which are muscle.")
    return values != 0


def _listed(values):
    text = ", ".join(str(value) for value in values[:12])
    return f"{text} and {len(values) - 12} more" if len(values) > 12 else text or "none"


def _check_shape(shape, wanted, path):
    if tuple(shape) != wanted:
        raise SarcoError(f"{path}: {tuple(shape)} pixels, the slice has {wanted}; write the mask on the slice's grid.")


def _image(path, _kind, shape):
    return read_png(path, shape)


def read_png(path, shape=None):
    """Labels of a PNG, as a viewer shows it: grey values, 0 where it is black or transparent.

    A palette counts by its colours: by their grey, or by their numbers where they are coloured and the first is black.

    Parameters
    ----------
    path : Path
    shape : tuple of int, optional
        Rows and columns that it must have.

    Returns
    -------
    ndarray of bool or int, (rows, columns)

    Raises
    ------
    SarcoError
        The file is no PNG, has another size, or colours that are no labels. A file that is missing is another's error.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the size, which is compared before anything is unpacked
            with Image.open(path) as image:
                if shape is not None:
                    _check_shape(image.size[::-1], shape, path)
                return _shown(image, path)
    except (SarcoError, FileNotFoundError):
        raise
    except Exception as error:  # Pillow fails in its own way on each broken part
        raise SarcoError(f"{path}: not a readable PNG ({_first_line(error)}); write the mask again.") from None


def _shown(image, path):
    clear = image.info.get("transparency")
    if image.mode in ("1", "L", "I", "I;16") and not isinstance(clear, bytes):
        values = np.asarray(image)
        return values if clear is None else np.where(values == clear, 0, values)
    if any("16" in str(part) for part in image.tile[0][3:]):  # Pillow reads the upper 8 alone
        raise SarcoError(f"{path}: 16 bits in several channels are no labels; save the mask in grey, without "
                         "transparency.")  # fmt: skip
    red, green, blue, opaque = np.moveaxis(np.asarray(image.convert("RGBA")), -1, 0)
    red, green, blue = (np.where(opaque >= 128, values, 0) for values in (red, green, blue))
    if opaque.min() < opaque.max() and not (red | green | blue).any():
        raise SarcoError(f"{path}: it differs in its transparency alone, and nothing says which part is muscle; save "
                         "it in grey.")  # fmt: skip
    if ((red == green) & (green == blue)).all():
        return red
    numbers = np.asarray(image)
    if image.mode == "P" and not (red | green | blue)[numbers == 0].any():
        return np.where(red | green | blue, numbers, 0)
    raise SarcoError(f"{path}: a mask has one grey value a pixel, and this has colours; save it in grey.")


def _array(path, kind, shape):
    try:
        # Mapped, so that no more than there is on disk is believed, and nothing is read before its shape is known.
        found = np.load(path, allow_pickle=False, mmap_mode="r")
        if kind == "npz":
            with found:
                names = found.files
                name = names[0] if len(names) == 1 else "mask"
                if name not in names:
                    raise SarcoError(f"{path}: it holds the arrays {', '.join(names) or 'none'}; call one 'mask'.")
                _check_shape(_shape_in(found.zip, name), shape, path)
                found = found[name]
    except SarcoError:
        raise
    except Exception as error:  # NumPy and zipfile fail in their own way on each broken part
        raise SarcoError(f"{path}: not a readable NumPy file ({_first_line(error)}); write the mask again.") from None
    found = np.squeeze(found) if found.ndim > 2 else found
    _check_shape(found.shape, shape, path)
    return np.array(found)


def _shape_in(archive, name):
    """Shape that an array of an .npz says, without sides of 1 where it has more than two."""
    with archive.open(f"{name}.npy" if f"{name}.npy" in archive.namelist() else name) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        said = read(file)[0]
    return tuple(side for side in said if side != 1) if len(said) > 2 else said


def slice_affine(slice_):
    """Where the pixels of a slice lie in the patient.

    Returns
    -------
    ndarray, shape (4, 4), or None
        From (column, row, 0, 1) to mm in the axes of NIfTI (right, anterior, superior); None where the DICOM file
        does not say. The third column is the normal of the slice.
    """
    return _affine(slice_.header, slice_.spacing_mm)


def _affine(header, spacing_mm):
    position, orientation = (dicom.numbers(header, f"Image{what}Patient") for what in ("Position", "Orientation"))
    if not position or not orientation or (len(position), len(orientation)) != (3, 6):
        return None
    affine = np.eye(4)
    affine[:3, 0] = np.multiply(orientation[:3], spacing_mm[1])
    affine[:3, 1] = np.multiply(orientation[3:], spacing_mm[0])
    affine[:3, 2] = np.cross(orientation[:3], orientation[3:])
    affine[:3, 3] = position
    return np.diag([-1, -1, 1, 1]) @ affine  # DICOM's axes point left, posterior and superior


def from_nifti(path, slice_, rule="affine"):
    """Values of a NIfTI mask at the pixels of a slice.

    By the rule "affine", each pixel's place in the patient is computed from the DICOM header (ImagePositionPatient,
    ImageOrientationPatient, PixelSpacing), and the voxel at that place is read: whichever way the axes were stored
    or flipped, and out of a whole volume too. Grids that do not coincide are refused. A slice without position or
    orientation is taken to lie as usual (columns to the patient's left, rows to the back), and only the directions
    of the affine are used. By the rule "stored", the affine is ignored: the first axis runs along the columns, the
    second along the rows.

    Raises
    ------
    SarcoError
    """
    try:
        with nifti.opened(path) as image:
            return _plane(image, slice_, rule, path)
    except SarcoError:
        raise
    except Exception as error:  # nibabel fails in its own way on each broken part
        raise SarcoError(f"{path}: not a readable NIfTI file ({_first_line(error)}); write the mask again.") from None


def _plane(image, slice_, rule, path):
    import nibabel as nib

    shape = list(image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        del shape[-1]
    if len(shape) == 2:
        shape.append(1)
    if len(shape) != 3:
        raise SarcoError(f"{path}: it has shape {image.shape}, where one mask is wanted; save it alone.")
    place = slice_affine(slice_)
    if rule == "stored":
        plane = _single_plane(image, shape, slice_, path).T
    else:
        if not (image.header["sform_code"] or image.header["qform_code"]):
            raise SarcoError(f"{path}: it does not say how it lies in the patient (sform and qform are 0); say "
                             "'--nifti stored' if its first axis is the columns and its second the rows.")  # fmt: skip
        if place is not None:
            return _at_pixels(image, shape, slice_, path)
        order = nib.orientations.io_orientation(image.affine)
        if np.isnan(order).any():
            raise SarcoError(f"{path}: its affine is broken; say '--nifti stored' if its first axis is the columns and "
                             "its second the rows.")  # fmt: skip
        order = nib.orientations.ornt_transform(order, nib.orientations.axcodes2ornt(("L", "P", "S")))
        thin = shape[int(np.flatnonzero(order[:, 0] == 2)[0])]
        if thin != 1:
            raise _many_planes(thin, path)
        values = _values(image, shape, [slice(0, size) for size in shape], slice_, path)
        plane = nib.orientations.apply_orientation(values, order)[:, :, 0].T
    if plane.shape != slice_.image_hu.shape:
        raise SarcoError(f"{path}: {plane.shape} rows and columns, the slice has {slice_.image_hu.shape}; "
                         "write the mask on the slice's grid.")  # fmt: skip
    return plane


def _many_planes(count, path):
    return SarcoError(f"{path}: {count} planes, and nothing says which is this slice's; save one alone.")


def _single_plane(image, shape, slice_, path):
    if shape[2] != 1:
        raise _many_planes(shape[2], path)
    return _values(image, shape, [slice(0, size) for size in shape], slice_, path)[:, :, 0]


def _values(image, shape, part, slice_, path):
    """Part of a volume, read alone; at most as many voxels as the slice has pixels."""
    if math.prod(along.stop - along.start for along in part) > slice_.image_hu.size:
        raise SarcoError(f"{path}: {tuple(shape)} voxels, the slice has {slice_.image_hu.shape} pixels; write the mask "
                         "on the slice's grid.")  # fmt: skip
    values = np.asanyarray(image.dataobj[(*part[: len(image.shape)], *[0] * (len(image.shape) - 3))])
    return values if values.ndim == 3 else values[..., None]


def _at_pixels(image, stored, slice_, path):
    """Read the voxels at the pixels' places; the two grids must coincide within `GRID_TOLERANCE`."""
    index = _voxels(image.affine, slice_)
    if index is None:
        raise SarcoError(f"{path}: it lies elsewhere in the patient than its slice, or on another grid (by its "
                         "affine); save it on the slice's grid, or say '--nifti stored' if its first axis is the "
                         "columns and its second the rows.")  # fmt: skip
    if any(i.min() < 0 or i.max() >= size for i, size in zip(index, stored, strict=True)):
        raise SarcoError(f"{path}: {tuple(stored)} voxels do not cover the {slice_.image_hu.shape} pixels of the "
                         "slice; write the mask on the slice's grid.")  # fmt: skip
    # Only the plane of the volume that the slice is.
    values = _values(image, stored, [slice(int(i.min()), int(i.max()) + 1) for i in index], slice_, path)
    return values[tuple(i - i.min() for i in index)]


def _voxels(affine, slice_):
    """Index along each axis of another grid at the pixels of a slice; None where the grids do not coincide."""
    try:
        to_voxel = np.linalg.inv(affine) @ slice_affine(slice_)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(to_voxel).all():
        return None
    step, start = np.rint(to_voxel[:3, :2]), to_voxel[:3, 3]
    if sorted(np.abs(step).sum(1)) != [0, 1, 1] or list(np.abs(step).sum(0)) != [1, 1]:
        return None
    rows, columns = slice_.image_hu.shape
    corners = np.array([(c, r) for c in (0, columns - 1) for r in (0, rows - 1)]).T
    exact = to_voxel[:3, :2] @ corners + start[:, None]
    origin = np.rint(start)
    if (np.abs(exact - (step @ corners + origin[:, None])) > GRID_TOLERANCE).any():
        return None
    c, r = np.meshgrid(np.arange(columns), np.arange(rows))
    return [(step[axis, 0] * c + step[axis, 1] * r + origin[axis]).astype(int) for axis in range(3)]


# --- DICOM SEG ------------------------------------------------------------------------------------


def seg_references(path):
    """SOPInstanceUID of the slices that the frames of a SEG say they were drawn on; they need not say any.

    Raises
    ------
    SarcoError
        The file cannot be read.
    """
    try:
        return {str(source.ReferencedSOPInstanceUID) for frame in _frames(_seg(path)) for source in _sources(frame)}
    except SarcoError:
        raise
    except Exception as error:
        raise SarcoError(f"{path}: not a readable SEG ({_first_line(error)}); export it again.") from None


def _seg(path):
    return _read_seg(path, path.stat().st_mtime_ns)  # read once for all its slices, and again when it has changed


@functools.lru_cache(maxsize=2)
def _read_seg(path, _changed):
    import highdicom as hd

    with warnings.catch_warnings():
        # highdicom and pydicom warn about rules of the standard that play no role for the pixels.
        warnings.simplefilter("ignore")
        try:
            dicom.check_unpacked(path)
            return hd.seg.Segmentation.from_dataset(dicom.parse(path), copy=False)
        except SarcoError:
            raise
        except Exception as error:  # each broken attribute fails in its own way
            raise SarcoError(f"{path}: not a readable SEG ({_first_line(error)}); export it again.") from None


def _frames(seg):
    return seg.get("PerFrameFunctionalGroupsSequence") or ()


def _sources(frame):
    return [
        source
        for derivation in frame.get("DerivationImageSequence") or ()
        for source in derivation.get("SourceImageSequence") or ()
    ]


def _referenced(seg):
    """SOPInstanceUID of all slices that a SEG names as a whole."""
    return {
        str(instance.ReferencedSOPInstanceUID)
        for series in seg.get("ReferencedSeriesSequence") or ()
        for instance in series.get("ReferencedInstanceSequence") or ()
    }


def _names(source, slice_):
    """Whether the source of a frame is this slice, or this frame of an enhanced CT."""
    frames = dicom.numbers(source, "ReferencedFrameNumber")  # none means all
    return str(source.ReferencedSOPInstanceUID) == str(slice_.header.SOPInstanceUID) and (
        slice_.frame is None or frames is None or slice_.frame in frames
    )


def from_seg(path, slice_, labels=()):
    """The segments of a SEG that are muscle, on a slice.

    Its frames belong to the slices that they name, or, where they name none, to that whose frame of reference,
    position and grid they have; turned and cropped grids are the same grid.

    Parameters
    ----------
    path : Path
    slice_ : Slice
    labels : sequence of str
        Numbers of segments, or words of their labels; not needed where there is one segment.

    Raises
    ------
    SarcoError
    """
    seg = _seg(path)
    try:
        return _read_frames(seg, slice_, labels, path)
    except SarcoError:
        raise
    except Exception as error:  # each broken attribute fails in its own way
        raise SarcoError(f"{path}: its frames cannot be read ({_first_line(error)}); export it again.") from None


def _read_frames(seg, slice_, labels, path):
    wanted, muscle = _segments(seg, labels, path), np.zeros(slice_.image_hu.shape, bool)
    if len(_frames(seg)) != seg.NumberOfFrames:
        raise SarcoError(f"{path}: not a readable SEG (its frames are not described); export it again.")
    # Frames without a pixel of muscle may be left out, so a slice can be named by the whole SEG alone.
    named = slice_.frame is None and str(slice_.header.SOPInstanceUID) in _referenced(seg)
    space = slice_.header.get("FrameOfReferenceUID")
    same_space, known = named or (space and space == seg.get("FrameOfReferenceUID")), named
    for number, frame in enumerate(_frames(seg), 1):
        sources = _sources(frame)
        if sources and not any(_names(source, slice_) for source in sources):
            continue
        affine = _frame_affine(seg, frame)
        placed = affine is not None and slice_affine(slice_) is not None
        index = _pixels_at(seg, affine, slice_) if placed else None
        if sources and index is None:  # drawn on this slice, as it says
            if placed:
                raise SarcoError(f"{path}: its frames lie on another grid than the slice that they name; resample the "
                                 "segmentation to its source images.")  # fmt: skip
            _check_shape((seg.Rows, seg.Columns), muscle.shape, path)
            index = np.indices(muscle.shape)
        if not sources and (index is None or not same_space):
            if named and not placed:
                raise SarcoError(f"{path}: its frames do not say on which slice they lie; export it with references.")
            continue
        known = True
        if seg.SegmentationType == "LABELMAP":
            muscle |= np.isin(seg.get_stored_frame(number)[tuple(index)], wanted)
        elif _group(seg, frame, "SegmentIdentificationSequence").get("ReferencedSegmentNumber") in wanted:
            muscle |= seg.get_stored_frame(number)[tuple(index)] >= 0.5 * (seg.get("MaximumFractionalValue") or 1)
    if not known:
        raise SarcoError(f"{path}: it was drawn on other slices than {slice_.path}, or on another grid, by its "
                         "references and its frames' places; give that of this slice.")  # fmt: skip
    return muscle


def _group(seg, frame, name):
    """An item that a frame of a SEG says of itself, or that all share."""
    shared = (seg.get("SharedFunctionalGroupsSequence") or [{}])[0]
    return (frame.get(name) or shared.get(name) or [pydicom.Dataset()])[0]


def _frame_affine(seg, frame):
    """`slice_affine` of a frame, or None."""
    header = pydicom.Dataset()
    for name in ("PlaneOrientationSequence", "PlanePositionSequence"):
        header.update(_group(seg, frame, name))
    spacing_mm = dicom.numbers(_group(seg, frame, "PixelMeasuresSequence"), "PixelSpacing")
    return _affine(header, spacing_mm) if spacing_mm and len(spacing_mm) == 2 else None


def _pixels_at(seg, affine, slice_):
    """Rows and columns of a frame at the pixels of a slice; None where it does not cover them, or lies elsewhere."""
    away_mm = (np.linalg.inv(affine) @ slice_affine(slice_))[2, 3]
    found = _voxels(affine, slice_) if abs(away_mm) <= GRID_TOLERANCE else None  # most frames lie in other planes
    if found is None:
        return None
    columns, rows, planes = found
    inside = (rows >= 0) & (rows < seg.Rows) & (columns >= 0) & (columns < seg.Columns) & (planes == 0)
    return (rows, columns) if inside.all() else None


def _segments(seg, labels, path):
    names = {int(number): str(seg.get_segment_description(number).segment_label) for number in seg.segment_numbers}
    listed = ", ".join(f"{number} ({name})" for number, name in names.items())
    if not labels:
        if len(names) == 1:
            return list(names)
        raise SarcoError(f"{path}: it holds the segments {listed}; say with --label which are muscle.")
    wanted = set()
    for label in labels:
        if label.isdigit():
            fits = [number for number in names if number == int(label)]
        else:  # the whole name, or else words in it as they begin
            whole = [number for number, name in names.items() if name.casefold() == label.casefold()]
            words = rf"\b{re.escape(label)}"
            fits = whole or [number for number, name in names.items() if re.search(words, name, re.IGNORECASE)]
        if not fits:
            raise SarcoError(f"{path}: no segment is called {label}; it holds {listed}.")
        wanted.update(fits)
    return sorted(wanted)


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:160]
