"""One CT slice out of a DICOM file.

A file is judged by its content, never by its name. Only what fixes the meaning of a pixel is asked for: that
the object is one axial CT frame, how stored values turn into Hounsfield units, and how large a pixel is.
"""

import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from ..base.errors import Refused, about, first_line, quietly, refuse, short
from . import frames, pixels
from .geometry import Slice, is_axial
from .header import number, numbers, value

SPACING_LIMITS_MM = (0.1, 5.0)
MATRIX_LIMITS = (64, 4096)
AIR_HU = -1024
# What tells Hounsfield units from stored values, with wide margins: fat is half of the soft tissue in real slices, and
# a fiftieth in the leanest of 12,000 randomised phantoms.
FAT_HU, SOFT_HU, DENSE_HU = (-190, -30), (-30, 300), (800, np.inf)
LEAST_SOFT, LEAST_FAT, MOST_DENSE = 0.001, 0.015, 0.25  # of the picture, of the soft tissue twice
# As files spell RescaleType, small letters alone; US is "unspecified", which CT images of the past carry.
HOUNSFIELD = {"hu", "uh", "us", "unspecified", "hnsfu"}  # or any words with Hounsfield in them
PROJECTIONS = {"MAX_IP", "MIN_IP", "MIP", "MINIP"}
PIXEL_DATA = 0x7FE00010
DEFERRED_BYTES = 1 << 26  # twice the largest slice: what is larger stays on disk until it is needed
UNPACKED_BYTES = 1 << 28
UNREADABLE = {
    FileNotFoundError: "no such file.",
    PermissionError: "this file may not be read; change its permissions.",
    InvalidDicomError: "not a DICOM file; export the slice as DICOM (CT Image Storage).",
}


def read_slice(path, number=None, phase=None):
    """Read one axial CT slice.

    Parameters
    ----------
    path : str or Path
    number : int, optional
        Which slice of an enhanced (multi-frame) CT, from 1, counted from feet to head. Not needed where there is one.
    phase : int, optional
        Which phase, or stack, of an enhanced CT that has several, from 1, in the order of time.

    Returns
    -------
    Slice

    Raises
    ------
    SarcoError
        One sentence: what makes it no readable axial CT slice in Hounsfield units.
    """
    path = Path(path)
    # pydicom warns about a value that breaks a rule of its type; every value used here is checked below
    # anyway, and whoever gives a bad file should see one sentence.
    with about(path), quietly():
        header = _parse(path)
        return _slice(header, path, _frame(header, number, phase))


def _slice(header, path, frame):
    """The slice of a header, which has what its frame says of itself, if there are frames."""
    _check_slice(header)
    spacing_mm = _spacing(header)
    slope, intercept = _rescale(header)
    stored = pixels.stored_values(header, path, frame)
    image_hu = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    image_hu[_padded(header, stored, image_hu)] = AIR_HU
    check_hounsfield(image_hu)
    del header.PixelData
    return Slice(image_hu, spacing_mm, path, header, frame)


def volume(path, phase=None):
    """How far up each slice of an enhanced CT lies, in mm, from the feet, and a function that reads one by its number.

    The file is parsed once; refused is what `read_slice` refuses.
    """
    path = Path(path)
    with about(path), quietly():
        header = _parse(path)
        refuse(_check_kind(header) not in frames.MULTI_FRAME,
               "not a volume; name the folder of its series, or leave out --slice.")  # fmt: skip
        own, chosen = frames.of_phase(header, phase)
        refuse(len(chosen) == 1, "it holds one slice; leave out --slice.")  # which need not say where it lies
        up_mm = [numbers(own[i], "ImagePositionPatient")[2] for i in chosen]

    def read(number):
        with about(path), quietly():
            one = pydicom.FileDataset(path, dict(header.items()), header.preamble, header.file_meta,
                                      *header.original_encoding)  # fmt: skip
            one.update(own[chosen[number - 1]])
            return _slice(one, path, chosen[number - 1] + 1)

    return up_mm, read


def _parse(path):
    try:
        refuse(path.is_dir(), "this is a folder; name one DICOM file.")
        refuse(path.stat().st_size == 0, "the file is empty; copy or export it again.")
        header = parse(path, defer_size=DEFERRED_BYTES)
        for data in (header, header.file_meta):
            for tag in data.keys() - {PIXEL_DATA}:
                try:
                    data[tag]  # pydicom parses on access
                except Exception:  # a malformed value can raise anything: as if it were not there, which is checked for
                    del data[tag]
        return header
    except tuple(UNREADABLE) as error:
        raise Refused(UNREADABLE[type(error)]) from None
    except OSError as error:
        raise Refused(f"cannot be read ({error.strerror or first_line(error)}); copy it again.") from None
    except Refused:
        raise
    except Exception as error:  # a broken file can fail anywhere in the parser
        raise Refused(f"broken DICOM file ({first_line(error)}); export it again.") from error


def parse(path, **options):
    """`pydicom.dcmread`, which reads a data set without preamble and meta information too, and raises as it does."""
    _check_unpacked(path)
    with path.open("rb") as file:
        alone = begins_as_dataset(file.read(132))
    header = pydicom.dcmread(path, force=alone, **options)
    if "TransferSyntaxUID" not in header.file_meta:
        implicit, little = header.original_encoding
        compressed = "PixelData" in header and header.get_item("PixelData").length == 0xFFFFFFFF
        if little and not compressed:
            header.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
    return header


def read_only(path, name):
    """A data set with one attribute of a file; an empty one where it cannot be read."""
    try:
        with quietly():
            if name.startswith("Media"):  # of the meta information
                header = pydicom.filereader.read_file_meta_info(path)
            else:
                header = parse(Path(path), stop_before_pixels=True, specific_tags=[name])
            return header if value(header, name) is not None else Dataset()
    except Exception:  # a broken header can fail anywhere; `read_slice` says what is wrong with it
        return Dataset()


def begins_as_dataset(head):
    """Whether a file that begins so may be a data set alone, as old archives and tools save it.

    Its first element is of one of the first groups and its value is short. What else is no DICOM begins so hardly ever,
    and lacks a SOP class then.
    """
    if len(head) < 12 or head[128:132] == b"DICM":
        return False
    group, element, length = struct.unpack("<2HI", head[:8])
    explicit = re.match(rb"[A-Z]{2}", head[4:6])
    return group in (2, 8) and element < 0x100 and (bool(explicit) or length <= 128)


def _check_unpacked(path):
    """Refuse a deflated file that grows beyond all measure when it is read, which pydicom does at once."""
    with path.open("rb") as file:
        head = file.read(2048)
        if uid.DeflatedExplicitVRLittleEndian.encode() not in head:
            return
        # After preamble, prefix and the element that says how long the meta information is.
        start = 144 if head[128:132] == b"DICM" else 12
        file.seek(start + int.from_bytes(head[start - 4 : start], "little"))
        unpacker, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while piece := (unpacker.unconsumed_tail or file.read(1 << 20)):
            try:
                size += len(unpacker.decompress(piece, 1 << 22))
            except zlib.error:
                return  # the parser says so
            refuse(size > UNPACKED_BYTES, f"unpacks to more than {UNPACKED_BYTES >> 20} MiB; export it uncompressed.")


def _frame(header, wanted, phase):
    """Which frame a slice is, whose values then stand in the header; None where there are no frames."""
    if _check_kind(header) in frames.MULTI_FRAME:
        return frames.choose(header, wanted, phase)
    count = number(header, "NumberOfFrames")
    if count is not None:
        refuse(count != 1, f"{count:g} frames, where one slice is wanted; export that slice alone.")
    refuse(phase not in (None, 1), f"no phase {phase}; it has 1.")
    refuse(wanted not in (None, 1), f"no slice {wanted}; it has 1.")
    return None


def _check_kind(header):
    """Refuse what is no CT; its SOP class."""
    kind = header.file_meta.get("MediaStorageSOPClassUID") or header.get("SOPClassUID")
    modality = header.get("Modality")
    refuse(kind is None or modality is None,
           "broken or cut short (no SOP class or no modality); export it again.")  # fmt: skip
    what = f"{short(getattr(kind, 'name', kind))}, modality {short(modality)}"
    refuse(kind not in (uid.CTImageStorage, *frames.MULTI_FRAME) or modality != "CT",
           f"not a CT slice (it is {what}); give one CT Image Storage file.")  # fmt: skip
    refuse("LOCALIZER" in (header.get("ImageType") or ()), frames.SCOUT)
    return kind


def _check_slice(header):
    """Refuse what is no axial slice of grey levels."""
    projection = PROJECTIONS & {*(header.get("ImageType") or ()), *(header.get("FrameType") or ())}
    refuse(projection, f"a projection through many slices ({min(projection, default='')}), not a slice; give that at "
           "L3.")  # fmt: skip
    samples = number(header, "SamplesPerPixel")
    refuse(samples is None, "broken or cut short (the image is not described); export it again.")
    refuse(samples != 1, f"not a grey-level image (SamplesPerPixel is {samples:g}); export the original CT slice.")
    low, high = MATRIX_LIMITS
    for name in ("Rows", "Columns"):
        size = number(header, name)
        refuse(size is None or not low <= size <= high,
               f"{name} is {size}, outside {low} to {high}; export the original slice.")  # fmt: skip
    check_axial(header)


def check_axial(header):
    """Refuse a slice that says it is not axial; without the attribute, which is often stripped, nothing says so."""
    orientation = numbers(header, "ImageOrientationPatient")
    refuse(orientation and len(orientation) == 6 and not is_axial(orientation),
           f"not an axial slice (ImageOrientationPatient {orientation}); give one.")  # fmt: skip


def _spacing(header):
    values = numbers(header, "PixelSpacing")
    low, high = SPACING_LIMITS_MM
    refuse(values is None, "no readable PixelSpacing, so no area; export the original CT slice.")
    refuse(len(values) != 2 or not all(low <= value <= high for value in values),
           f"PixelSpacing is {values}, where two values from {low} to {high} mm are wanted; export the original "
           "slice.")  # fmt: skip
    return values[0], values[1]


def _rescale(header):
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    refuse(slope is None or intercept is None or not math.isfinite(slope * intercept) or slope == 0,
           "no usable RescaleSlope and RescaleIntercept, so no Hounsfield units; export the original CT "
           "slice.")  # fmt: skip
    unit = str(header.get("RescaleType") or "HU")
    word = re.sub("[^a-z]", "", unit.lower())
    refuse(word not in HOUNSFIELD and ("hounsfield" not in word or "mod" in word),  # HU_MOD: modified
           f"pixels are in {short(unit)}, not in Hounsfield units; give the usual CT image.")  # fmt: skip
    return slope, intercept


def _padded(header, stored, image_hu):
    """Pixels outside the reconstructed circle, where nothing was measured: taken as air, as viewers do.

    They hang together with the picture's edge, for the value that stands for them may be one of tissue too. Where all
    that lies outside the circle has one value of a body, it is such whether the file says so or not.
    """
    from scipy import ndimage

    padding, padded = number(header, "PixelPaddingValue"), np.zeros(stored.shape, bool)
    if padding is not None:
        limit = number(header, "PixelPaddingRangeLimit")
        low, high = sorted((padding, padding if limit is None else limit))
        padded = (stored >= low) & (stored <= high)
    y, x = (np.linspace(-1, 1, size) for size in stored.shape)
    around = image_hu[y[:, None] ** 2 + x**2 > 1.05]
    if around[0] > max(FAT_HU[0], image_hu.min()) and (around == around[0]).all():
        padded |= image_hu == around[0]
    if not padded.any():
        return padded
    edge = np.ones(padded.shape, bool)
    edge[1:-1, 1:-1] = False
    return padded & (ndimage.binary_propagation(edge & padded, mask=padded) | (image_hu < AIR_HU))


def check_hounsfield(image_hu):
    """Refuse values that are not the Hounsfield units of a body.

    Any slice of an abdomen shows fat and soft tissue; air alone may be padding. Stored values that were never rescaled
    show air where soft tissue is, no fat or noise alone, and the body where bone is.
    """
    refuse(not np.isfinite(image_hu).all(), "some pixels are not finite; export the original slice.")
    fat, soft, dense = (
        np.count_nonzero((image_hu >= low) & (image_hu < high)) for low, high in (FAT_HU, SOFT_HU, DENSE_HU)
    )
    refuse(soft < LEAST_SOFT * image_hu.size or fat < LEAST_FAT * soft or dense > MOST_DENSE * soft,
           f"values from {image_hu.min():g} to {image_hu.max():g} are not the Hounsfield units of a body (no fat, no "
           "soft tissue, or hardly anything else than bone); export the original CT slice.")  # fmt: skip
