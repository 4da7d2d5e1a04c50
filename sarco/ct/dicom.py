"""One CT slice, in and out of DICOM.

A file is judged by its content, never by its name. Only what fixes the meaning of a pixel is asked for: that
the object is one axial CT frame, how stored values turn into Hounsfield units, and how large a pixel is.
"""

import hashlib
import math
import re
import struct
import threading
import warnings
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames, get_frame
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    LegacyConvertedEnhancedCTImageStorage,
    RLELossless,
    generate_uid,
)
from pydicom.valuerep import DSfloat

from ..base.errors import SarcoError
from ..base.files import atomic

SPACING_LIMITS_MM = (0.1, 5.0)
MATRIX_LIMITS = (64, 4096)
AIR_HU = -1024
HU_LIMITS = (AIR_HU, 3071)  # what 12 bits hold, which is what most scanners write
# What tells Hounsfield units from stored values, with wide margins: real slices have fat of half the soft tissue.
FAT_HU, SOFT_HU, DENSE_HU = (-190, -30), (-30, 300), (800, np.inf)
LEAST_SOFT, LEAST_FAT, MOST_DENSE = 0.001, 0.02, 0.25  # of the picture, of the soft tissue twice
# As files spell RescaleType, small letters alone; US is "unspecified", which CT images of the past carry.
HOUNSFIELD = {"hu", "uh", "us", "unspecified", "hnsfu"}  # or any words with Hounsfield in them

PROJECTIONS = {"MAX_IP", "MIN_IP", "MIP", "MINIP"}
MULTI_FRAME = (EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
# What a frame of enhanced CT says in a sequence, and a classic slice says plainly.
OF_FRAME = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "CTAcquisitionDetailsSequence": ("GantryDetectorTilt",),
    "CTReconstructionSequence": ("ReconstructionDiameter",),
    "CTImageFrameTypeSequence": ("FrameType",),
    "FrameContentSequence": ("StackID", "TemporalPositionIndex", "FrameAcquisitionNumber"),
}
PIXEL_DATA = 0x7FE00010
DEFERRED_BYTES = 1 << 26  # twice the largest slice: what is larger stays on disk until it is needed
UNPACKED_BYTES = 1 << 28

START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # markers of JPEG, the last of JPEG-LS
END_OF_IMAGE = b"\xff\xd9"
COMMENT, START_OF_TILE = b"\xff\x64", b"\xff\x90"  # markers of JPEG 2000

# `warnings.catch_warnings` changes the state of the whole process, so readers take turns.
_reading = threading.Lock()


@dataclass(frozen=True)
class Encoding:
    """How Hounsfield units become bytes: ``stored = (HU - intercept) / slope``.

    Attributes
    ----------
    slope, intercept : float
        RescaleSlope and RescaleIntercept; `write_slice` refuses a pair that cannot hold every whole HU.
    bits : {12, 16}
        BitsStored; 16 are allocated.
    signed : bool
    padding : int, optional
        Stored value outside the circle of reconstruction (PixelPaddingValue), where the slice is air.
    syntax : UID
        Transfer syntax: plain, or one of the three compressions without loss.
    """

    slope: float = 1.0
    intercept: float = AIR_HU
    bits: int = 12
    signed: bool = False
    padding: int | None = None
    syntax: str = ExplicitVRLittleEndian

    def store(self, image_hu):
        """Stored values of a plane of HU.

        Raises
        ------
        ValueError
            A value would be rounded or cut off.
        """
        exact = (np.rint(np.clip(image_hu, *HU_LIMITS)) - self.intercept) / self.slope
        half = 2 ** (self.bits - 1)
        low, high = (-half, half - 1) if self.signed else (0, 2 * half - 1)
        if (exact != np.rint(exact)).any() or exact.min() < low or exact.max() > high:
            raise ValueError(f"{self} cannot hold every value from {image_hu.min():g} to {image_hu.max():g} HU")
        if self.padding is not None:
            y, x = ((np.arange(n) - (n - 1) / 2) ** 2 for n in exact.shape)
            outside = y[:, None] + x > (exact.shape[0] / 2) ** 2
            exact[outside & (image_hu <= AIR_HU)] = self.padding
        return exact.astype("<i2" if self.signed else "<u2")


# How often a hospital's archive holds each: ours, for want of a published count.
SYNTAX_SHARE = {ExplicitVRLittleEndian: 0.50, ImplicitVRLittleEndian: 0.15, JPEG2000Lossless: 0.15,
                JPEGLSLossless: 0.12, RLELossless: 0.08}  # fmt: skip
# Slope, intercept, bits, signed, padding: the forms that the makers are known for, the first one most.
STORED_AS = {
    "GE MEDICAL SYSTEMS": ((1, -1024, 16, True, -2000), (1, 0, 16, True, -2000), (1, -1024, 12, False, None)),
    "SIEMENS": ((1, -1024, 12, False, None), (1, -8192, 16, False, None), (1, -1024, 16, False, None)),
    "Philips": ((1, -1024, 12, False, None), (1, -1024, 16, False, None), (0.5, -1024, 16, False, None)),
    "TOSHIBA": ((1, 0, 16, True, None), (1, -1024, 12, False, None), (1, 1024, 12, True, None)),
}
STORED_SHARE = (0.6, 0.25, 0.15)


def draw_encoding(rng, maker):
    """Choose how a scanner of this maker, and the archive behind it, stored a slice.

    Parameters
    ----------
    rng : numpy.random.Generator
    maker : str
        A key of `STORED_AS`.

    Returns
    -------
    Encoding
    """
    form = STORED_AS[maker][rng.choice(len(STORED_SHARE), p=STORED_SHARE)]
    syntaxes = list(SYNTAX_SHARE)
    return Encoding(*form, syntaxes[rng.choice(len(syntaxes), p=list(SYNTAX_SHARE.values()))])


@dataclass(frozen=True, eq=False)
class Slice:
    """One CT slice with its geometry, on the grid of its file.

    Attributes
    ----------
    image_hu : ndarray of float32, shape (H, W)
        Attenuation in Hounsfield units.
    spacing_mm : tuple of float
        Distance between rows, then between columns, in mm (the order of the DICOM attribute PixelSpacing).
    path : Path or None
        Where it was read.
    header : pydicom.Dataset or None
        The other attributes, without the pixels. Of enhanced CT, what the frame says stands there too.
    frame : int or None
        Which frame of enhanced CT it is, from 1 in the order of the file.
    """

    image_hu: np.ndarray
    spacing_mm: tuple[float, float]
    path: Path | None = None
    header: Dataset | None = None
    frame: int | None = None

    def upright(self):
        """The same slice with rows running to the patient's back and columns to the left, as the networks know it."""
        transposed, flipped = _turn(self.header)
        if not transposed and not flipped:
            return self
        (rows, columns), (row_mm, column_mm) = self.image_hu.shape, self.spacing_mm
        header, orientation = Dataset(), numbers(self.header, "ImageOrientationPatient")
        header.update(self.header)
        corner = numbers(self.header, "ImagePositionPatient")
        along = [np.array(orientation[3:]), np.array(orientation[:3])]  # rows follow each other along the first
        steps = [along[0] * row_mm * (rows - 1), along[1] * column_mm * (columns - 1)]
        if transposed:
            along, steps = along[::-1], steps[::-1]
        for axis in flipped:
            along[axis] = -along[axis]
            corner = corner and [float(value) for value in corner + steps[axis]]
        # New elements: a changed one would change in the first header too.
        header.add_new("ImageOrientationPatient", "DS", [float(value) for value in (*along[1], *along[0])])
        if corner:
            header.add_new("ImagePositionPatient", "DS", corner)
        spacing_mm = self.spacing_mm[::-1] if transposed else self.spacing_mm
        return replace(self, image_hu=upright(self.image_hu, self.header), spacing_mm=spacing_mm, header=header)


def _turn(header):
    """How a slice lies on its file's grid: whether rows and columns change places, then which axes are flipped.

    To the nearest of the eight ways, by ImageOrientationPatient alone, which says it for a prone patient and for one
    who lies feet first too. A slice that does not say it is taken to lie as usual.
    """
    orientation = header and numbers(header, "ImageOrientationPatient")
    if not orientation or len(orientation) != 6:
        return False, ()
    row, column = np.array(orientation[:2]), np.array(orientation[3:5])
    transposed = abs(row[0]) + abs(column[1]) < abs(row[1]) + abs(column[0])
    if transposed:
        row, column = column, row
    return bool(transposed), tuple(axis for axis, along in ((0, column[1]), (1, row[0])) if along < 0)


def upright(values, header):
    """Turn an array on the grid of a slice's file as `Slice.upright` turns the slice; leading axes stay."""
    transposed, flipped = _turn(header)
    values = np.swapaxes(values, -2, -1) if transposed else values
    return np.ascontiguousarray(np.flip(values, [axis - 2 for axis in flipped]))


def as_stored(values, header):
    """Turn an array back to the grid of the slice's file: the inverse of `upright`."""
    transposed, flipped = _turn(header)
    values = np.flip(values, [axis - 2 for axis in flipped])
    return np.ascontiguousarray(np.swapaxes(values, -2, -1) if transposed else values)


def read_slice(path, number=None, phase=None):
    """Read one axial CT slice.

    Parameters
    ----------
    path : str or Path
        A DICOM file. Its name plays no role.
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
        The file is missing, is not one axial CT slice, has no usable pixel spacing or rescale, is broken, or
        is compressed in a way that no installed decoder reads.
    """
    path = Path(path)
    # pydicom warns about a value that breaks a rule of its type; every value used here is checked below
    # anyway, and whoever gives a bad file should see one sentence.
    with _reading, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = _parse(path)
        frame = _check_object(header, path, number, phase)
        spacing_mm = _spacing(header, path)
        slope, intercept = _rescale(header, path)
        stored = _pixels(header, path, frame)
        image_hu = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
        image_hu[_padded(header, stored, image_hu)] = AIR_HU
    _check_hounsfield(image_hu, path)
    del header.PixelData
    return Slice(image_hu, spacing_mm, path, header, frame)


def _padded(header, stored, image_hu):
    """Pixels outside the reconstructed circle, where nothing was measured: taken as air, as viewers do.

    They hang together with the picture's edge, for the value that stands for them may be one of tissue too. Where all
    that lies outside the circle has one value of a body, it is such whether the file says so or not.
    """
    from scipy import ndimage

    padding, padded = _number(header, "PixelPaddingValue"), np.zeros(stored.shape, bool)
    if padding is not None:
        limit = _number(header, "PixelPaddingRangeLimit")
        low, high = sorted((padding, padding if limit is None else limit))
        padded = (stored >= low) & (stored <= high)
    y, x = (np.linspace(-1, 1, size) for size in stored.shape)
    around = image_hu[y[:, None] ** 2 + x**2 > 1.05]
    if around[0] > max(FAT_HU[0], image_hu.min()) and (around == around[0]).all():
        padded |= image_hu == around[0]
    if not padded.any():
        return padded
    parts, count = ndimage.label(padded)
    outside = np.zeros(count + 1, bool)
    outside[np.r_[parts[0], parts[-1], parts[:, 0], parts[:, -1]]] = True
    return padded & (outside[parts] | (image_hu < AIR_HU))


def _parse(path):
    try:
        if path.is_dir():
            raise SarcoError(f"{path}: this is a folder; name one DICOM file.")
        if path.stat().st_size == 0:
            raise SarcoError(f"{path}: the file is empty; copy or export it again.")
        check_unpacked(path)
        header = parse(path, defer_size=DEFERRED_BYTES)
        _forget_unreadable(header)
        _forget_unreadable(header.file_meta)
        return header
    except FileNotFoundError:
        raise SarcoError(f"{path}: no such file.") from None
    except PermissionError:
        raise SarcoError(f"{path}: this file may not be read; change its permissions.") from None
    except InvalidDicomError:
        raise SarcoError(f"{path}: not a DICOM file; export the slice as DICOM (CT Image Storage).") from None
    except SarcoError:
        raise
    except OSError as error:
        raise SarcoError(f"{path}: cannot be read ({error.strerror or _first_line(error)}); copy it again.") from None
    except Exception as error:  # a broken file can fail anywhere in the parser
        raise SarcoError(f"{path}: broken DICOM file ({_first_line(error)}); export it again.") from error


def parse(path, **options):
    """`pydicom.dcmread`, which reads a data set without preamble and meta information too.

    Raises
    ------
    pydicom.errors.InvalidDicomError
        The file does not begin as DICOM does.
    """
    with path.open("rb") as file:
        alone = begins_as_dataset(file.read(132))
    header = pydicom.dcmread(path, force=alone, **options)
    if "TransferSyntaxUID" not in header.file_meta:
        implicit, little = header.original_encoding
        plain = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        compressed = "PixelData" in header and header.get_item("PixelData").length == 0xFFFFFFFF
        if little and not compressed:
            header.file_meta.TransferSyntaxUID = plain
    return header


def read_orientation(path):
    """ImageOrientationPatient of a slice in a data set of its own; an empty one where it cannot be read."""
    try:
        return parse(path, stop_before_pixels=True, specific_tags=["ImageOrientationPatient"])
    except Exception:  # `read_slice` says what is wrong with the file
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


def _forget_unreadable(header):
    """Take out the attributes whose value cannot be read: as if they were not there, which is checked for."""
    for tag in list(header.keys()):
        if tag != PIXEL_DATA:
            try:
                header[tag]  # pydicom parses on access
            except Exception:  # and a malformed value can raise anything
                del header[tag]


def check_unpacked(path):
    """Refuse a deflated file that grows beyond all measure when it is read, which pydicom does at once.

    Raises
    ------
    SarcoError
    """
    with path.open("rb") as file:
        head = file.read(2048)
        if DeflatedExplicitVRLittleEndian.encode() not in head:
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
            if size > UNPACKED_BYTES:
                raise SarcoError(f"{path}: unpacks to more than {UNPACKED_BYTES >> 20} MiB; export it uncompressed.")


def _check_object(header, path, number, phase):
    """Refuse what is no axial CT slice; returns which frame it is, None where there are no frames."""
    kind = header.file_meta.get("MediaStorageSOPClassUID") or header.get("SOPClassUID")
    modality = header.get("Modality")
    if kind is None or modality is None:
        raise SarcoError(f"{path}: broken or cut short (no SOP class or no modality); export it again.")
    if kind not in (CTImageStorage, *MULTI_FRAME) or modality != "CT":
        what, modality = _short(getattr(kind, "name", kind)), _short(modality)
        raise SarcoError(f"{path}: not a CT slice (it is {what}, modality {modality}); give one CT Image Storage file.")
    if "LOCALIZER" in (header.get("ImageType") or ()):
        raise SarcoError(f"{path}: this is a scout view, not a slice; give the axial slice at L3.")
    frame = None
    if kind in MULTI_FRAME:
        frame = _choose_frame(header, path, number, phase)
    elif (frames := _number(header, "NumberOfFrames")) is not None and frames != 1:
        raise SarcoError(f"{path}: {frames:g} frames, where one slice is wanted; export that slice alone.")
    elif other := {what: n for what, n in (("slice", number), ("phase", phase)) if n not in (None, 1)}:
        what, n = other.popitem()
        raise SarcoError(f"{path}: no {what} {n}; it has 1.")
    if projection := PROJECTIONS & {*(header.get("ImageType") or ()), *(header.get("FrameType") or ())}:
        raise SarcoError(f"{path}: a projection through many slices ({min(projection)}), not a slice; give that at L3.")
    samples = _number(header, "SamplesPerPixel")
    if samples is None:
        raise SarcoError(f"{path}: broken or cut short (the image is not described); export it again.")
    if samples != 1:
        raise SarcoError(
            f"{path}: not a grey-level image (SamplesPerPixel is {samples:g}); export the original CT slice."
        )
    low, high = MATRIX_LIMITS
    for name in ("Rows", "Columns"):
        size = _number(header, name)
        if size is None or not low <= size <= high:
            raise SarcoError(f"{path}: {name} is {size}, outside {low} to {high}; export the original slice.")
    _check_axial(header, path)
    return frame


def _choose_frame(header, path, number, phase):
    """Which frame of enhanced CT is slice `number` from the feet; what it says of itself goes to the top level."""
    try:
        frames, shared = (
            header.PerFrameFunctionalGroupsSequence,
            (header.get("SharedFunctionalGroupsSequence") or [{}])[0],
        )
        count = len(frames)
        own = [_of_frame(frame, shared) for frame in frames]
    except Exception:  # pydicom parses on access, and a malformed value can raise anything
        count, own = 0, []
    if count == 0 or count != _number(header, "NumberOfFrames"):
        raise SarcoError(f"{path}: its frames are not described (broken, or cut short); export it again.")
    slices = [i for i, frame in enumerate(own) if "LOCALIZER" not in (frame.get("FrameType") or ())]
    if not slices:
        raise SarcoError(f"{path}: this is a scout view, not a slice; give the axial slice at L3.")
    slices = [i for i in slices if _is_axial(numbers(own[i], "ImageOrientationPatient"))] or slices
    phases = _phases(own, slices, path)
    if len(phases) > 1 and phase is None:
        sizes = " and ".join(str(len(found)) for found in phases)
        raise SarcoError(f"{path}: {len(phases)} phases or stacks, of {sizes} slices; say with --phase which, from 1 "
                         "in the order of time.")  # fmt: skip
    if not 1 <= (phase or 1) <= len(phases):
        raise SarcoError(f"{path}: no phase {phase}; it has {len(phases)}.")
    found = phases[(phase or 1) - 1]
    if number is None and len(found) != 1:
        raise SarcoError(f"{path}: {len(found)} slices; say with --slice which is at L3, from 1 at the feet, or export "
                         "it alone.")  # fmt: skip
    if not 1 <= (number or 1) <= len(found):
        raise SarcoError(f"{path}: no slice {number}; it has {len(found)}.")
    chosen = found[(number or 1) - 1]
    header.update(own[chosen])
    return chosen + 1


def _phases(own, slices, path):
    """Frames of enhanced CT by time and stack, each phase from feet to head.

    Raises
    ------
    SarcoError
        Frames do not say where they lie, or nothing tells two at one place apart.
    """
    if len(slices) == 1:
        return [slices]
    places = {i: numbers(own[i], "ImagePositionPatient") for i in slices}
    if not all(place and len(place) == 3 and math.isfinite(place[2]) for place in places.values()):
        raise SarcoError(f"{path}: its frames do not say where they lie, so no slice can be chosen; export it alone.")

    def grouped(*names):
        groups = {}
        for i in sorted(slices, key=lambda i: places[i][2]):  # the head is where z is largest
            said = (str(own[i].get(name, "")) for name in names)
            groups.setdefault(tuple((len(word), word) for word in said), []).append(i)  # 2 before 10
        return [groups[key] for key in sorted(groups)]

    def apart(group):
        return np.diff([places[i][2] for i in group]).min(initial=np.inf) > 0.01

    (every,), by_time = grouped(), ("TemporalPositionIndex", "StackID")
    if apart(every) and len(grouped(*by_time)) == len(slices):
        return [every]  # a time for each place
    for names in (by_time, (*by_time, "FrameAcquisitionNumber")):
        if all(map(apart, found := grouped(*names))):
            gaps_mm = np.diff([places[i][2] for i in found[0]])
            small = np.mean(gaps_mm < gaps_mm.max() / 3) if len(found) == 1 and len(gaps_mm) > 2 else 0
            if 0.3 < small < 0.7:  # by turns: two series, one moved a little, that nothing tells apart
                raise SarcoError(f"{path}: its frames lie {gaps_mm.min():g} and {gaps_mm.max():g} mm apart by turns, "
                                 "as two phases in one; export the slice alone.")  # fmt: skip
            return found
    raise SarcoError(f"{path}: several frames lie at one place, and neither time, stack nor acquisition tells them "
                     "apart; export the slice alone.")  # fmt: skip


def _of_frame(frame, shared):
    found = Dataset()
    for sequence, names in OF_FRAME.items():
        items = frame.get(sequence) or shared.get(sequence)
        for name in names:
            if items and name in items[0]:
                found.add(items[0][name])
    return found


def _check_axial(header, path):
    orientation = numbers(header, "ImageOrientationPatient")
    if orientation is None or len(orientation) != 6:
        return  # the attribute is often stripped; what remains cannot say anything against the slice
    if not _is_axial(orientation):
        raise SarcoError(f"{path}: not an axial slice (ImageOrientationPatient {orientation}); give one.")


def _is_axial(orientation):
    if orientation is None or len(orientation) != 6:
        return False
    along_z = orientation[0] * orientation[4] - orientation[1] * orientation[3]
    return abs(along_z) > 0.8  # a gantry is tilted by 30 degrees at most


def _spacing(header, path):
    values = numbers(header, "PixelSpacing")
    low, high = SPACING_LIMITS_MM
    if values is None:
        raise SarcoError(f"{path}: no readable PixelSpacing, so no area; export the original CT slice.")
    if len(values) != 2 or not all(math.isfinite(value) and low <= value <= high for value in values):
        raise SarcoError(
            f"{path}: PixelSpacing is {values}, where two values from {low} to {high} mm are wanted; "
            "export the original slice."
        )
    return values[0], values[1]


def _rescale(header, path):
    slope, intercept = _number(header, "RescaleSlope"), _number(header, "RescaleIntercept")
    unit = str(header.get("RescaleType") or "HU")
    if slope is None or intercept is None or not math.isfinite(slope * intercept) or slope == 0:
        raise SarcoError(
            f"{path}: no usable RescaleSlope and RescaleIntercept, so no Hounsfield units; "
            "export the original CT slice."
        )
    word = re.sub("[^a-z]", "", unit.lower())
    if word not in HOUNSFIELD and ("hounsfield" not in word or "mod" in word):  # HU_MOD: modified
        raise SarcoError(f"{path}: pixels are in {_short(unit)}, not in Hounsfield units; give the usual CT image.")
    return slope, intercept


def _pixels(header, path, frame=None):
    if "PixelData" not in header:
        raise SarcoError(f"{path}: no pixel data (cut short, or a header only); export it again.")
    syntax = header.file_meta.get("TransferSyntaxUID")
    try:
        readable = get_decoder(syntax).is_available
    except (NotImplementedError, TypeError, AttributeError):
        readable = False
    if syntax is None:
        raise SarcoError(f"{path}: it does not say how its pixels are stored (no transfer syntax); export it again.")
    if not readable:
        name, syntax = _short(getattr(syntax, "name", syntax)), _short(syntax)
        raise SarcoError(
            f"{path}: compressed as {name} ({syntax}), which no installed decoder reads; export it uncompressed."
        )
    shift = _shift(header, path, syntax.is_encapsulated)
    # GDCM reads what nothing else does. It comes first in pydicom, and fails worse on broken data than the others.
    plugins = get_decoder(syntax).available_plugins
    options = {"decoding_plugin": min(plugins, key=lambda name: name == "gdcm")} if plugins else {}
    if shift:
        options["correct_unused_bits"] = False
    try:
        if syntax.is_encapsulated:
            count = 1 if frame is None else int(header.NumberOfFrames)
            _check_stream(get_frame(header.PixelData, (frame or 1) - 1, number_of_frames=count), header)
        # Of many frames stored plainly, only the one is read, which works on a file as it lies there.
        plain = not syntax.is_encapsulated and syntax != DeflatedExplicitVRLittleEndian and header.preamble
        pixels = pixel_array(path if plain and frame else header, index=(frame or 1) - 1, **options)
    except Exception as error:  # each decoder fails in its own way on broken data
        raise SarcoError(
            f"{path}: the pixel data cannot be decoded ({_first_line(error)}); export it again."
        ) from error
    if pixels.ndim != 2:
        raise SarcoError(f"{path}: pixel data of shape {pixels.shape}, where one slice is wanted.")
    if shift:
        left, right = shift
        pixels = np.right_shift(np.left_shift(pixels, left), right)
    return pixels


def _shift(header, path, compressed):
    """By how many bits stored values go left and then right where they do not end at the lowest bit; None elsewhere."""
    allocated, stored, high = (_number(header, name) for name in ("BitsAllocated", "BitsStored", "HighBit"))
    if None in (allocated, stored, high) or high == stored - 1:
        return None
    if compressed or not stored - 1 <= high < allocated:
        raise SarcoError(f"{path}: BitsStored {stored:g} and HighBit {high:g} do not say where in {allocated:g} bits "
                         "the values lie; export the original slice.")  # fmt: skip
    return int(allocated - 1 - high), int(allocated - stored)


def _check_stream(stream, header):
    """Refuse a JPEG of any kind that says another size than the header: decoders believe it, and ask for the memory.

    Raises
    ------
    ValueError
    """
    size = None
    if stream[:4] == b"\xff\x4f\xff\x51":  # JPEG 2000: its size follows
        right, low, left, top = struct.unpack(">4I", stream[8:24])
        size = (low - top, right - left)
    elif stream[:2] == b"\xff\xd8":
        at = 2
        while stream[at : at + 1] == b"\xff" and len(stream) >= at + 9:
            marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
            if marker in START_OF_FRAME:
                size = struct.unpack(">2H", stream[at + 5 : at + 9])
                break
            at += 1 if marker == 0xFF else 2 + length
        if not stream.rstrip(b"\0").endswith(END_OF_IMAGE):  # decoders make up what is missing
            raise ValueError("the picture is cut short")
    if size not in (None, (header.Rows, header.Columns)):
        raise ValueError(f"a picture of {size[0]} x {size[1]} in a slice of {header.Rows} x {header.Columns}")


def _check_hounsfield(image_hu, path):
    # Any slice of an abdomen shows fat and soft tissue; air alone may be padding. Stored values that were never
    # rescaled show air where soft tissue is, no fat or noise alone, and the body where bone is.
    if not np.isfinite(image_hu).all():
        raise SarcoError(f"{path}: some pixels are not finite; export the original slice.")
    fat, soft, dense = (
        np.count_nonzero((image_hu >= low) & (image_hu < high)) for low, high in (FAT_HU, SOFT_HU, DENSE_HU)
    )
    if soft < LEAST_SOFT * image_hu.size or fat < LEAST_FAT * soft or dense > MOST_DENSE * soft:
        low, high = image_hu.min(), image_hu.max()
        raise SarcoError(
            f"{path}: values from {low:g} to {high:g} are not the Hounsfield units of a body (no fat, no soft tissue, "
            "or hardly anything else than bone); export the original CT slice."
        )


def numbers(header, name):
    """Values of a DICOM attribute as floats, or None when it is absent, empty or unreadable.

    Parameters
    ----------
    header : pydicom.Dataset
    name : str
        Keyword of the attribute.
    """
    try:
        value = header.get(name)
        if value is None or value == "":
            return None
        values = value if isinstance(value, (list, tuple, pydicom.multival.MultiValue)) else [value]
        return [float(item) for item in values] or None
    except Exception:  # pydicom parses on access, and a malformed value can raise anything
        return None


def _number(header, name):
    values = numbers(header, name)
    return values[0] if values and len(values) == 1 else None


def _first_line(error):
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return _short(line.split(" - ")[0].rstrip(".:"), 160)


def _short(text, most=64):
    """What a file says of itself, which may be anything, cut."""
    return text if len(text := str(text)) <= most else f"{text[:most]}..."


def write_slice(
    path,
    image_hu,
    spacing_mm,
    *,
    case,
    sex=None,
    age=None,
    slice_thickness_mm=5.0,
    kvp=120,
    manufacturer="",
    model="",
    kernel="",
    phase=None,
    encoding=Encoding(),
    source=None,
):
    """Write one slice as a CT Image Storage file; the same input gives the same bytes.

    Parameters
    ----------
    path : str or Path
        The file to write.
    image_hu : array, shape (H, W)
        Attenuation in HU, rounded and clipped to [-1024, 3071], the range of a 12-bit scanner.
    spacing_mm : tuple of float
        Distance between rows, then between columns, in mm.
    case : str
        Name of the case, used as the name and identifier of the phantom or patient.
    sex : {"F", "M"}, optional
    age : int, optional
        In years.
    slice_thickness_mm, kvp : float
    manufacturer, model, kernel : str
        The simulated scanner.
    phase : {"plain", "arterial", "portal"}, optional
        Contrast phase.
    encoding : Encoding
        How values are stored; without loss in every form.
    source : str, optional
        Of a slice that is no phantom: who took out the patient's identity. Goes into the header in place of the words
        that say "synthetic".

    Raises
    ------
    ValueError
        `image_hu` is not a plane of finite numbers, or `encoding` cannot hold it.
    """
    image_hu = np.asarray(image_hu)
    if image_hu.ndim != 2 or not np.isfinite(image_hu).all():
        raise ValueError(f"image_hu must be a plane of finite numbers, got shape {image_hu.shape}")
    stored = encoding.store(image_hu)
    pixels = stored.tobytes()
    digest = hashlib.sha256(pixels).hexdigest()

    def uid(role):
        return generate_uid(entropy_srcs=["sarco", role, str(case), digest])

    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, uid("instance")
    data.StudyInstanceUID, data.SeriesInstanceUID = uid("study"), uid("series")
    data.FrameOfReferenceUID = uid("frame")
    data.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    data.Modality = "CT"
    # No person: the attributes that must be present are present, and empty. A phantom has no date either, but without
    # one no DICOMDIR can be built of it.
    data.StudyDate, data.StudyTime = ("", "") if source else ("20190101", "000000")
    data.StudyID, data.BodyPartExamined = "1", "ABDOMEN"
    for name in ("AccessionNumber", "ReferringPhysicianName", "PatientBirthDate",
                 "PositionReferenceIndicator", "AcquisitionNumber"):  # fmt: skip
        setattr(data, name, "")
    data.PatientName, data.PatientID = f"{'CASE' if source else 'PHANTOM'}^{case}", str(case)
    data.PatientSex = sex or ""
    if age is not None:
        data.PatientAge = f"{int(age):03d}Y"
    if not source:
        data.QualityControlSubject = "YES"  # DICOM's word for a phantom
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = source or "synthetic phantom, no patient"
    data.SeriesDescription = (source or "synthetic phantom") + (f", {phase}" if phase else "")
    if phase and phase != "plain":
        data.ContrastBolusAgent = f"{phase} phase" if source else f"simulated, {phase} phase"
    data.Manufacturer, data.ManufacturerModelName, data.ConvolutionKernel = manufacturer, model, kernel
    data.KVP, data.SliceThickness = _decimal(kvp), _decimal(slice_thickness_mm)
    data.SeriesNumber, data.InstanceNumber = 1, 1
    data.PatientPosition = "HFS"
    data.GantryDetectorTilt = 0
    data.ReconstructionDiameter = _decimal(max(np.multiply(image_hu.shape, spacing_mm)))
    rows, columns = stored.shape
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    row_mm, column_mm = (_decimal(value) for value in spacing_mm)
    corner = [-(columns - 1) / 2 * column_mm, -(rows - 1) / 2 * row_mm, 0.0]
    data.ImagePositionPatient = [_decimal(value) for value in corner]
    data.PixelSpacing = [row_mm, column_mm]
    data.Rows, data.Columns = rows, columns
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, encoding.bits, encoding.bits - 1
    data.PixelRepresentation = int(encoding.signed)
    if encoding.padding is not None:
        data.add_new("PixelPaddingValue", "SS" if encoding.signed else "US", encoding.padding)
    data.RescaleIntercept, data.RescaleSlope = _decimal(encoding.intercept), _decimal(encoding.slope)
    data.RescaleType = "HU"
    data.WindowCenter, data.WindowWidth = 50, 400
    data.BurnedInAnnotation, data.LossyImageCompression = "NO", "00"
    data.PixelData = pixels
    data["PixelData"].VR = "OW"

    data.file_meta = FileMetaDataset()
    compressed = encoding.syntax not in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if compressed else encoding.syntax
    # Our own name, so that a new version of pydicom does not change the bytes.
    data.file_meta.ImplementationClassUID = generate_uid(entropy_srcs=["sarco"])
    data.file_meta.ImplementationVersionName = "SARCO"
    if compressed:
        data.compress(encoding.syntax, generate_instance_uid=False)
        if encoding.syntax == JPEG2000Lossless:
            _forget_encoder(data)
    with atomic(path) as beside:
        data.save_as(beside, enforce_file_format=True)


def _decimal(value):
    # A decimal string has 16 characters at most.
    return DSfloat(float(value), auto_format=True)


def _forget_encoder(data):
    """Take out of a JPEG 2000 stream the comment that names the encoder's version: same slice, same bytes."""
    (stream,) = generate_frames(data.PixelData, number_of_frames=1)
    at = 2  # after the marker that starts the stream; then each segment is a marker, its length, its content
    while stream[at : at + 2] not in (COMMENT, START_OF_TILE):
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    if stream[at : at + 2] == COMMENT:
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        data.PixelData = encapsulate([stream[:at] + stream[end:]])
