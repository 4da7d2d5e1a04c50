"""A copy of a CT slice without the person: the attributes listed here, hashed identifiers, the pixel data as they are.

What is not listed does not go over, so no free text, date, private or nested attribute can carry a name along.
"""

import hashlib
import re
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, generate_uid

from ..base.errors import about, refuse
from . import dicom, write
from .header import number, value

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
EMPTY = (*write.EMPTY, "SeriesNumber", "InstanceNumber", "Manufacturer", "KVP", "SliceThickness")
LONGEST_ID = 59  # letters that a name has room for in DICOM, after "CASE^"
HIGHEST_AGE = 89  # older people are few enough to be recognised by their age


def person(header):
    """What a header says of the patient beyond the name, for the columns of a cohort.

    A dict of sex ("F", "M"), age (years, `HIGHEST_AGE` + 1 at most), height_m, weight_kg; None where it is not said or
    cannot be true.
    """
    sex = str(value(header, "PatientSex") or "").upper()
    height_m, weight_kg = number(header, "PatientSize"), number(header, "PatientWeight")
    return {
        "sex": sex if sex in ("F", "M") else None,
        "age": _age(header),
        "height_m": height_m if height_m and 0.5 < height_m < 2.5 else None,
        "weight_kg": weight_kg if weight_kg and 10 < weight_kg < 400 else None,
    }


def _age(header):
    stated = re.fullmatch(r"(\d{3})Y", str(value(header, "PatientAge") or ""))
    if stated:
        years = int(stated[1])
    else:
        days = (str(value(header, name)) for name in ("PatientBirthDate", "StudyDate"))
        try:
            born, seen = (datetime.strptime(day, "%Y%m%d") for day in days)
        except ValueError:
            return None
        years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return min(years, HIGHEST_AGE + 1) if 0 <= years < 130 else None


def name_shows(header, text):
    """Part of the patient's name that stands in `text`, or None.

    Parts with a digit and parts of one or two letters are no names; nor is that of a header that says the identity
    was removed.
    """
    if str(value(header, "PatientIdentityRemoved") or "").upper() == "YES":
        return None
    parts = re.split(r"[\s^=,.\-_]+", str(value(header, "PatientName") or ""))
    return next((part for part in parts if len(part) > 2 and part.isalpha() and part.lower() in text.lower()), None)


def copy(source, target, case):
    """Write a copy of a CT slice without the person; `case` stands where the patient's name stood.

    A slice that itself shows an annotation by its header, which may be a name, is a SarcoError.
    """
    header = dicom.parse(Path(source))
    with about(source):
        refuse(str(value(header, "BurnedInAnnotation") or "").upper() == "YES",
               "text is burned into the picture (BurnedInAnnotation), maybe a name; mask it, or say --keep-header if "
               "nobody may be recognised.")  # fmt: skip
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    for name in EMPTY:
        setattr(data, name, None)
    data.StudyID, data.BodyPartExamined = "1", "ABDOMEN"  # where L3 is; the header's own word goes before it
    for name in KEPT:
        if value(header, name) not in (None, ""):
            data.add(header[name])
    data.SOPClassUID, data.Modality = CTImageStorage, "CT"
    for role in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        # Two slices that say to be one are two cases, and a SEG of one must not be that of the other.
        own = [case] if role == "SOPInstanceUID" else []
        setattr(data, role, generate_uid(entropy_srcs=["sarco", role, str(value(header, role) or case), *own]))
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
    write.save(data, target, header.file_meta.TransferSyntaxUID)
