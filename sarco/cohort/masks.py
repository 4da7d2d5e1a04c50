"""Masks as others save them: PNG, NumPy, NIfTI and DICOM SEG, each brought to the grid of its slice.

A file is judged by its content, never by its name. Rows of a mask are rows of the slice. NIfTI has no rows and
columns, only axes in space: `from_nifti` says how these are mapped.
"""

import functools
import gzip
import math
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pydicom

from ..errors import SarcoError
from . import dicom, nifti

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # segmentation, label map
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
SUFFIXES = (".nii.gz", ".nii", ".png", ".npy", ".npz", ".dcm", ".dicom", ".ima", ".seg")
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
    if head[128:132] == b"DICM":
        return _dicom_kind(path)
    return None


def _head(path):
    with path.open("rb") as file:
        head = file.read(352)
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(path) as file:
            head = file.read(352)
    return head


def _dicom_kind(path):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            name = pydicom.filereader.read_file_meta_info(path).get("MediaStorageSOPClassUID")
    except Exception:  # a broken header can fail anywhere; `dicom.read_slice` says what is wrong with it
        return "dicom"
    if name == DICOMDIR_CLASS:
        return "dicomdir"
    return "seg" if name in SEG_CLASSES else "dicom"


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
    found = np.unique(values)
    if (found != np.rint(found)).any():
        raise SarcoError(f"{path}: fractions such as {found[found != np.rint(found)][0]:g} are no labels; "
                         "cut the probabilities at 0.5 first.")  # fmt: skip
    found = [int(value) for value in found if value]
    if labels:
        try:
            wanted = [int(label) for label in labels]
        except ValueError:
            raise SarcoError(f"{path}: its labels have no names; give --label as numbers (there are "
                             f"{_listed(found)}).") from None  # fmt: skip
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
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the size, which is compared before anything is unpacked
            with Image.open(path) as image:
                _check_shape(image.size[::-1], shape, path)
                values = np.asarray(image)
    except SarcoError:
        raise
    except Exception as error:  # Pillow fails in its own way on each broken part
        raise SarcoError(f"{path}: not a readable PNG ({_first_line(error)}); write the mask again.") from None
    if values.ndim != 2:
        raise SarcoError(f"{path}: a mask has one grey value a pixel, this has shape {values.shape}; save it in grey.")
    return values


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
    header = slice_.header
    try:
        position = np.array([float(v) for v in header.ImagePositionPatient])
        orientation = np.array([float(v) for v in header.ImageOrientationPatient])
    except (AttributeError, TypeError, ValueError):
        return None
    if position.shape != (3,) or orientation.shape != (6,):
        return None
    affine = np.eye(4)
    affine[:3, 0] = orientation[:3] * slice_.spacing_mm[1]
    affine[:3, 1] = orientation[3:] * slice_.spacing_mm[0]
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
            return _at_pixels(image, shape, place, slice_, path)
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


def _at_pixels(image, stored, place, slice_, path):
    """Read the voxels at the pixels' places; the two grids must coincide within `GRID_TOLERANCE`."""
    elsewhere = SarcoError(f"{path}: it lies elsewhere in the patient than its slice, or on another grid (by its "
                           "affine); save it on the slice's grid, or say '--nifti stored' if its first axis is the "
                           "columns and its second the rows.")  # fmt: skip
    try:
        to_voxel = np.linalg.inv(image.affine) @ place
    except np.linalg.LinAlgError:
        raise elsewhere from None
    if not np.isfinite(to_voxel).all():
        raise elsewhere
    step, start = np.rint(to_voxel[:3, :2]), to_voxel[:3, 3]
    if sorted(np.abs(step).sum(1)) != [0, 1, 1] or list(np.abs(step).sum(0)) != [1, 1]:
        raise elsewhere
    rows, columns = slice_.image_hu.shape
    corners = np.array([(c, r) for c in (0, columns - 1) for r in (0, rows - 1)]).T
    exact = to_voxel[:3, :2] @ corners + start[:, None]
    origin = np.rint(start)
    if (np.abs(exact - (step @ corners + origin[:, None])) > GRID_TOLERANCE).any():
        raise elsewhere
    c, r = np.meshgrid(np.arange(columns), np.arange(rows))
    index = [(step[axis, 0] * c + step[axis, 1] * r + origin[axis]).astype(int) for axis in range(3)]
    if any(i.min() < 0 or i.max() >= size for i, size in zip(index, stored, strict=True)):
        raise SarcoError(f"{path}: {tuple(stored)} voxels do not cover the {(rows, columns)} pixels of the slice; "
                         "write the mask on the slice's grid.")  # fmt: skip
    # Only the plane of the volume that the slice is.
    values = _values(image, stored, [slice(int(i.min()), int(i.max()) + 1) for i in index], slice_, path)
    return values[tuple(i - i.min() for i in index)]


# --- DICOM SEG ------------------------------------------------------------------------------------


def seg_references(path):
    """SOPInstanceUID of the slices that the frames of a SEG were drawn on.

    Raises
    ------
    SarcoError
        The file cannot be read, or references nothing.
    """
    try:
        found = {uid for frame in _frames(_seg(path)) for uid in _sources(frame)}
    except SarcoError:
        raise
    except Exception as error:
        raise SarcoError(f"{path}: not a readable SEG ({_first_line(error)}); export it again.") from None
    if not found:
        raise SarcoError(f"{path}: its frames name no slice (no ReferencedSOPInstanceUID); export it with references.")
    return found


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
            return hd.seg.segread(path)
        except SarcoError:
            raise
        except Exception as error:  # each broken attribute fails in its own way
            raise SarcoError(f"{path}: not a readable SEG ({_first_line(error)}); export it again.") from None


def _frames(seg):
    return seg.get("PerFrameFunctionalGroupsSequence") or ()


def _sources(frame):
    return [str(source.ReferencedSOPInstanceUID) for source in _source_items(frame)]


def _source_items(frame):
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


def _is_of(frame, slice_):
    """Whether a frame of a SEG was drawn on this slice, or on this frame of an enhanced CT."""
    for source in _source_items(frame):
        frames = dicom.numbers(source, "ReferencedFrameNumber")  # none means all
        if str(source.ReferencedSOPInstanceUID) == str(slice_.header.SOPInstanceUID) and (
            slice_.frame is None or frames is None or slice_.frame in frames
        ):
            return True
    return False


def from_seg(path, slice_, labels=()):
    """The segments of a SEG that are muscle, on the slice that its frames name.

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
    uid = str(slice_.header.SOPInstanceUID)
    numbers = _segments(seg, labels, path)
    if (seg.Rows, seg.Columns) != slice_.image_hu.shape:
        raise SarcoError(f"{path}: {(seg.Rows, seg.Columns)} pixels, the slice has {slice_.image_hu.shape}; "
                         "write the mask on the slice's grid.")  # fmt: skip
    of_slice = [frame for frame in _frames(seg) if _is_of(frame, slice_)]
    # Frames without a pixel of muscle may be left out, so a slice can be referenced by the whole SEG alone.
    if not of_slice and (slice_.frame is not None or uid not in _referenced(seg)):
        raise SarcoError(f"{path}: it was drawn on other slices than {slice_.path}, by its references; give that of "
                         "this slice.")  # fmt: skip
    for frame in of_slice:
        _check_plane(seg, frame, slice_, path)
    # The planes were compared above, so the flag that says so is not asked for a second time.
    options = {"segment_numbers": numbers, "ignore_spatial_locations": True, "assert_missing_frames_are_empty": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if slice_.frame is None:
            found = seg.get_pixels_by_source_instance([uid], **options)
        else:
            found = seg.get_pixels_by_source_frame(uid, [slice_.frame], **options)
    return (found[0] >= 0.5).any(-1)


def _segments(seg, labels, path):
    names = {int(number): str(seg.get_segment_description(number).segment_label) for number in seg.segment_numbers}
    listed = ", ".join(f"{number} ({name})" for number, name in names.items())
    if not labels:
        if len(names) == 1:
            return list(names)
        raise SarcoError(f"{path}: it holds the segments {listed}; say with --label which are muscle.")
    wanted = [
        number
        for number, name in names.items()
        if any(int(x) == number if x.isdigit() else x.lower() in name.lower() for x in labels)
    ]
    if not wanted:
        raise SarcoError(f"{path}: no segment is called {', '.join(labels)}; it holds {listed}.")
    return wanted


def _check_plane(seg, frame, slice_, path):
    """Refuse a frame that lies on another grid than the slice, where both say how they lie."""
    place = slice_affine(slice_)
    shared = (seg.get("SharedFunctionalGroupsSequence") or [{}])[0]
    try:
        orientation, position, measures = (
            (frame.get(name) or shared.get(name))[0]
            for name in ("PlaneOrientationSequence", "PlanePositionSequence", "PixelMeasuresSequence")
        )
        along = np.array([float(v) for v in orientation.ImageOrientationPatient])
        origin = np.array([float(v) for v in position.ImagePositionPatient])
        row_mm, column_mm = (float(v) for v in measures.PixelSpacing)
    except (AttributeError, TypeError, IndexError):
        return
    if place is None:
        return
    own = np.stack([along[:3] * column_mm, along[3:] * row_mm, origin], 1) * [[-1], [-1], [1]]
    size = np.array([[slice_.image_hu.shape[1], slice_.image_hu.shape[0], 1]])
    if (np.abs(own - place[:3, [0, 1, 3]]) * size > GRID_TOLERANCE * min(slice_.spacing_mm) + 1e-3).any():
        raise SarcoError(f"{path}: its frames lie on another grid than the slice that they name; resample the "
                         "segmentation to its source images.")  # fmt: skip


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:160]
