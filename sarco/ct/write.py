"""One CT slice into a DICOM file: a phantom's or a de-identified one; the same input gives the same bytes."""

import hashlib
from dataclasses import dataclass

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.valuerep import DSfloat

from ..base.files import atomic
from .dicom import AIR_HU

HU_LIMITS = (AIR_HU, 3071)  # what 12 bits hold, which is what most scanners write
COMMENT, START_OF_TILE = b"\xff\x64", b"\xff\x90"  # markers of JPEG 2000
# The standard wants these to be there; empty will do.
EMPTY = ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate",
         "PositionReferenceIndicator", "AcquisitionNumber")  # fmt: skip
OF_EVERY_SLICE = dict.fromkeys(EMPTY, "") | {
    "SpecificCharacterSet": "ISO_IR 100", "SOPClassUID": uid.CTImageStorage,
    "ImageType": ["DERIVED", "SECONDARY", "AXIAL"],
    "Modality": "CT", "StudyID": "1", "SeriesNumber": 1, "InstanceNumber": 1, "BodyPartExamined": "ABDOMEN",
    "PatientIdentityRemoved": "YES", "PatientPosition": "HFS", "GantryDetectorTilt": 0,
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16, "RescaleType": "HU", "WindowCenter": 50, "WindowWidth": 400, "BurnedInAnnotation": "NO",
    "LossyImageCompression": "00",
}  # fmt: skip


@dataclass(frozen=True)
class Encoding:
    """How Hounsfield units become bytes: ``stored = (HU - intercept) / slope``, in 16 bits of which `bits` are used.

    `padding` is the stored value outside the circle of reconstruction (PixelPaddingValue), where the slice is air.
    `syntax` is a transfer syntax: plain, or one of the three compressions without loss.
    """

    slope: float = 1.0
    intercept: float = AIR_HU
    bits: int = 12
    signed: bool = False
    padding: int | None = None
    syntax: str = uid.ExplicitVRLittleEndian

    def store(self, image_hu):
        """Stored values of a plane of HU; ValueError where one would be rounded or cut off."""
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


PLAIN = Encoding()
# How often a hospital's archive holds each: ours, for want of a published count.
SYNTAX_SHARE = {uid.ExplicitVRLittleEndian: 0.50, uid.ImplicitVRLittleEndian: 0.15, uid.JPEG2000Lossless: 0.15,
                uid.JPEGLSLossless: 0.12, uid.RLELossless: 0.08}  # fmt: skip
# Slope, intercept, bits, signed, padding: the forms that the makers are known for, the first one most.
STORED_AS = {
    "GE MEDICAL SYSTEMS": ((1, -1024, 16, True, -2000), (1, 0, 16, True, -2000), (1, -1024, 12, False, None)),
    "SIEMENS": ((1, -1024, 12, False, None), (1, -8192, 16, False, None), (1, -1024, 16, False, None)),
    "Philips": ((1, -1024, 12, False, None), (1, -1024, 16, False, None), (0.5, -1024, 16, False, None)),
    "TOSHIBA": ((1, 0, 16, True, None), (1, -1024, 12, False, None), (1, 1024, 12, True, None)),
}
STORED_SHARE = (0.6, 0.25, 0.15)


def draw_encoding(rng, maker):
    """Choose how a scanner of this maker (a key of `STORED_AS`), and the archive behind it, stored a slice."""
    form = STORED_AS[maker][rng.choice(len(STORED_SHARE), p=STORED_SHARE)]
    syntaxes = list(SYNTAX_SHARE)
    return Encoding(*form, syntaxes[rng.choice(len(syntaxes), p=list(SYNTAX_SHARE.values()))])


@dataclass(frozen=True)
class Scan:
    """What a written slice says of the person and the scanner."""

    case: str  # in place of a patient's name and identifier
    sex: str | None = None  # F or M
    age: int | None = None  # in years
    slice_thickness_mm: float = 5.0
    kvp: float = 120
    manufacturer: str = ""
    model: str = ""
    kernel: str = ""
    phase: str | None = None  # of the contrast: plain, arterial, portal
    source: str | None = None  # of a slice that is no phantom: who took out the patient's identity


def write_slice(path, image_hu, spacing_mm, scan, encoding=PLAIN):
    """Write one slice of HU, (H, W), as a CT Image Storage file; `spacing_mm` lies between rows, then columns.

    Values are rounded and clipped to `HU_LIMITS`; ValueError where they are not finite, or `encoding` cannot hold them.
    """
    image_hu = np.asarray(image_hu)
    if image_hu.ndim != 2 or not np.isfinite(image_hu).all():
        raise ValueError(f"image_hu must be a plane of finite numbers, got shape {image_hu.shape}")
    data = Dataset()
    for name, value in OF_EVERY_SLICE.items():
        setattr(data, name, value)
    _describe(data, scan)
    _add_pixels(data, encoding.store(image_hu), spacing_mm, encoding)
    digest = hashlib.sha256(data.PixelData).hexdigest()
    for name, role in (("SOPInstanceUID", "instance"), ("StudyInstanceUID", "study"), ("SeriesInstanceUID", "series"),
                       ("FrameOfReferenceUID", "frame")):  # fmt: skip
        setattr(data, name, uid.generate_uid(entropy_srcs=["sarco", role, str(scan.case), digest]))
    save(data, path, encoding.syntax, compress=encoding.syntax.is_encapsulated)


def _describe(data, scan):
    """Set what a header says of the person, who is none, and of the scanner."""
    if not scan.source:
        data.StudyDate, data.StudyTime = "20190101", "000000"  # without a date no DICOMDIR can be built of it
        data.QualityControlSubject = "YES"  # DICOM's word for a phantom
    data.PatientName, data.PatientID = f"{'CASE' if scan.source else 'PHANTOM'}^{scan.case}", str(scan.case)
    data.PatientSex = scan.sex or ""
    if scan.age is not None:
        data.PatientAge = f"{int(scan.age):03d}Y"
    data.DeidentificationMethod = scan.source or "synthetic phantom, no patient"
    data.SeriesDescription = (scan.source or "synthetic phantom") + (f", {scan.phase}" if scan.phase else "")
    if scan.phase and scan.phase != "plain":
        data.ContrastBolusAgent = f"{scan.phase} phase" if scan.source else f"simulated, {scan.phase} phase"
    data.Manufacturer, data.ManufacturerModelName, data.ConvolutionKernel = scan.manufacturer, scan.model, scan.kernel
    data.KVP, data.SliceThickness = _decimal(scan.kvp), _decimal(scan.slice_thickness_mm)


def _add_pixels(data, stored, spacing_mm, encoding):
    """Set the stored values, how they are to be read, and where they lie: around the middle of the space."""
    data.Rows, data.Columns = rows, columns = stored.shape
    data.PixelSpacing = row_mm, column_mm = [_decimal(side) for side in spacing_mm]
    data.ReconstructionDiameter = _decimal(max(np.multiply(stored.shape, spacing_mm)))
    corner = (-(columns - 1) / 2 * column_mm, -(rows - 1) / 2 * row_mm, 0.0)
    data.ImagePositionPatient = [_decimal(place) for place in corner]
    data.BitsStored, data.HighBit, data.PixelRepresentation = encoding.bits, encoding.bits - 1, int(encoding.signed)
    if encoding.padding is not None:
        data.add_new("PixelPaddingValue", "SS" if encoding.signed else "US", encoding.padding)
    data.RescaleIntercept, data.RescaleSlope = _decimal(encoding.intercept), _decimal(encoding.slope)
    data.add_new("PixelData", "OW", stored.tobytes())


def _decimal(value):
    # A decimal string has 16 characters at most.
    return DSfloat(float(value), auto_format=True)


def save(data, path, syntax, compress=False):
    """Write a data set whose pixels are stored by the syntax, or are to be, whole or not at all."""
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian if compress else syntax
    # Our own name, so that a new version of pydicom does not change the bytes.
    data.file_meta.ImplementationClassUID = uid.generate_uid(entropy_srcs=["sarco"])
    data.file_meta.ImplementationVersionName = "SARCO"
    if compress:
        data.compress(syntax, generate_instance_uid=False)
    if compress and syntax == uid.JPEG2000Lossless:
        _forget_encoder(data)
    with atomic(path) as beside:
        data.save_as(beside, enforce_file_format=True)


def _forget_encoder(data):
    """Take out of a JPEG 2000 stream the comment that names the encoder's version: same slice, same bytes."""
    (stream,) = generate_frames(data.PixelData, number_of_frames=1)
    at = 2  # after the marker that starts the stream; then each segment is a marker, its length, its content
    while stream[at : at + 2] not in (COMMENT, START_OF_TILE):
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    if stream[at : at + 2] == COMMENT:
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        data.PixelData = encapsulate([stream[:at] + stream[end:]])
