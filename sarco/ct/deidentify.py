"""A copy of a CT slice without the person: the attributes listed here, hashed identifiers, the pixel data as they are.

What is not listed does not go over, so no free text, date, private or nested attribute can carry a name along.
"""

import hashlib
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, generate_uid

from ..base.errors import SarcoError
from ..base.files import atomic
from . import dicom

# How the image was made, how its values read, and how it lies.
KEPT = (
    "SeriesNumber", "InstanceNumber", "BodyPartExamined", "ImageType", "Manufacturer", "ManufacturerModelName",
    "ConvolutionKernel", "SliceThickness", "SpacingBetweenSlices", "KVP", "XRayTubeCurrent", "ExposureTime",
    "Exposure", "CTDIvol", "GantryDetectorTilt", "ReconstructionDiameter", "DataCollectionDiameter", "FilterType",
    "RotationDirection", "PatientPosition", "ImagePositionPatient", "ImageOrientationPatient", "SliceLocation",
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "PixelSpacing", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "SmallestImagePixelValue", "LargestImagePixelValue",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleIntercept", "RescaleSlope", "RescaleType",
    "WindowCenter", "WindowWidth", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod", "BurnedInAnnotation", "PixelData",
)  # fmt: skip
# The standard wants these to be there; empty will do.
EMPTY = ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID", "PatientBirthDate",
         "PositionReferenceIndicator", "AcquisitionNumber", "SeriesNumber", "InstanceNumber", "Manufacturer", "KVP",
         "SliceThickness")  # fmt: skip
LONGEST_ID = 59  # letters that a name has room for in DICOM, after "CASE^"
HIGHEST_AGE = 89  # older people are few enough to be recognised by their age


def person(header):
    """What a header says of the patient beyond the name, for the columns of a cohort.

    Parameters
    ----------
    header : pydicom.Dataset

    Returns
    -------
    dict
        sex ("F", "M"), age (years, `HIGHEST_AGE` + 1 at most), height_m, weight_kg; None where it is not said or
        cannot be true.
    """
    sex = str(_get(header, "PatientSex") or "").upper()
    height_m, weight_kg = _number(header, "PatientSize"), _number(header, "PatientWeight")
    return {
        "sex": sex if sex in ("F", "M") else None,
        "age": _age(header),
        "height_m": height_m if height_m and 0.5 < height_m < 2.5 else None,
        "weight_kg": weight_kg if weight_kg and 10 < weight_kg < 400 else None,
    }


def _get(header, name):
    try:
        return header.get(name)
    except Exception:  # pydicom parses on access, and a malformed value can raise anything
        return None


def _number(header, name):
    try:
        return float(_get(header, name))
    except (TypeError, ValueError):
        return None


def _age(header):
    stated = str(_get(header, "PatientAge") or "")
    if len(stated) == 4 and stated[:3].isdigit() and stated[3] == "Y":
        years = int(stated[:3])
    else:
        try:
            born, seen = (datetime.strptime(str(_get(header, name)), "%Y%m%d") for name in
                          ("PatientBirthDate", "StudyDate"))  # fmt: skip
        except ValueError:
            return None
        years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return min(years, HIGHEST_AGE + 1) if 0 <= years < 130 else None


def name_shows(header, text):
    """Part of the patient's name that stands in `text`, or None.

    Parts with a digit and parts of one or two letters are no names; nor is that of a header that says the identity
    was removed.
    """
    if str(_get(header, "PatientIdentityRemoved") or "").upper() == "YES":
        return None
    name = str(_get(header, "PatientName") or "")
    for sign in "^=,.-_":
        name = name.replace(sign, " ")
    parts = [part for part in name.split() if len(part) > 2 and part.isalpha()]
    return next((part for part in parts if part.lower() in text.lower()), None)


def copy(source, target, case):
    """Write a copy of a CT slice without the person.

    Parameters
    ----------
    source, target : str or Path
    case : str
        Stands where the patient's name stood.

    Raises
    ------
    SarcoError
        The header says that the picture itself shows an annotation, which may be a name.
    """
    header = dicom.parse(Path(source))
    if str(_get(header, "BurnedInAnnotation") or "").upper() == "YES":
        raise SarcoError(f"{source}: text is burned into the picture (BurnedInAnnotation), maybe a name; mask it, or "
                         "say --keep-header if nobody may be recognised.")  # fmt: skip

    def uid(role):
        # Two slices that say to be one are two cases, and a SEG of one must not be that of the other.
        own = [case] if role == "SOPInstanceUID" else []
        return generate_uid(entropy_srcs=["sarco", role, str(_get(header, role) or case), *own])

    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    for name in EMPTY:
        setattr(data, name, None)
    data.StudyID = "1"
    data.BodyPartExamined = "ABDOMEN"  # where L3 is; the header's own word goes before it
    for name in KEPT:
        if _get(header, name) not in (None, ""):
            data.add(header[name])
    data.SOPClassUID, data.Modality = CTImageStorage, "CT"
    for role in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        setattr(data, role, uid(role))
    known = person(header)
    if len(case) > LONGEST_ID:
        case = f"{case[: LONGEST_ID - 9]}-{hashlib.sha256(case.encode()).hexdigest()[:8]}"
    data.PatientName, data.PatientID, data.PatientSex = f"CASE^{case}", case, known["sex"] or ""
    if known["age"] is not None:
        data.PatientAge = f"{known['age']:03d}Y"
    for name, key in (("PatientSize", "height_m"), ("PatientWeight", "weight_kg")):
        if known[key]:
            setattr(data, name, f"{known[key]:g}")
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = "sarco: listed attributes alone, identifiers hashed"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = header.file_meta.TransferSyntaxUID
    data.file_meta.ImplementationClassUID = generate_uid(entropy_srcs=["sarco"])
    data.file_meta.ImplementationVersionName = "SARCO"
    with atomic(target) as beside:
        data.save_as(beside, enforce_file_format=True)
