"""A mask as DICOM SEG, which archives and viewers show over its slice."""

import copy
import io
import warnings

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from ..base import __version__
from ..base.errors import SarcoError
from . import dicom

# All that goes over from the slice: what the mask lies on, and how. Without the identifiers of study, series and slice
# a SEG belongs to nothing. highdicom would copy whole modules, with every name, comment and institution in them.
KEPT = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "Rows", "Columns", "PixelSpacing", "SliceThickness", "ImagePositionPatient", "ImageOrientationPatient",
    "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod", "PatientSex",
)  # fmt: skip
# A SEG must have them, and they may be empty.
PERSONAL = (
    "PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyID", "StudyDate", "StudyTime",
    "ReferringPhysicianName",
)  # fmt: skip
LABEL = "Skeletal muscle"


def encode(mask, header, *, frame=None, by_hand=False, with_patient=False):
    """A mask as a binary segmentation with one segment, skeletal muscle (SNOMED CT 127954009).

    The same mask of the same slice gets the same identifiers, so that an archive knows a repetition.

    Parameters
    ----------
    mask : array of bool, shape (H, W)
    header : pydicom.Dataset
        Of the slice; must say where it lies (position, orientation, frame of reference).
    frame : int, optional
        Of an enhanced CT, from 1: the frame that the SEG references.
    by_hand : bool
        The mask was corrected by a person.
    with_patient : bool
        Copy what the slice says of patient and study, as an archive needs; otherwise only `KEPT` goes over.

    Returns
    -------
    bytes
        A DICOM file.

    Raises
    ------
    SarcoError
        The slice lacks what a SEG must say.
    """
    missing = [
        name
        for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
                     "ImagePositionPatient", "ImageOrientationPatient")
        if not header.get(name)
    ]  # fmt: skip
    if missing:
        raise SarcoError(f"no DICOM SEG, because the slice has no {', '.join(missing)}.")
    try:
        file = io.BytesIO()
        with warnings.catch_warnings():
            # About attributes of the slice that break a rule of the standard and play no role here.
            warnings.simplefilter("ignore")
            _build(mask, header, frame, by_hand, with_patient).save_as(file)
        return file.getvalue()
    except Exception as error:  # highdicom refuses each malformed attribute of the slice in its own way
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise SarcoError(f"no DICOM SEG, because the slice's header is malformed ({reason}).") from error


def _build(mask, header, frame, by_hand, with_patient):
    import highdicom as hd
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    source = copy.deepcopy(header)
    if not with_patient:
        for tag in source.keys() - {tag_for_keyword(name) for name in KEPT}:
            del source[tag]
    source.decode()  # texts in the slice's characters; those of the SEG are UTF-8
    for name in PERSONAL:
        setattr(source, name, str(source.get(name) or ""))
    source.SpecificCharacterSet = "ISO_IR 192"
    if "SliceThickness" not in source:
        source.SliceThickness = None
    if source.get("PatientSex") not in ("F", "M", "O"):
        source.PatientSex = ""
    if frame is not None:  # as if there were no other
        source.NumberOfFrames = 1
        source.SharedFunctionalGroupsSequence = [_groups(source, "PixelMeasuresSequence", "PlaneOrientationSequence")]
        source.PerFrameFunctionalGroupsSequence = [_groups(source, "PlanePositionSequence")]
    made_from = ["sarco", __version__, str(source.SOPInstanceUID), np.packbits(mask).tobytes().hex(), str(by_hand)]
    if frame is not None:
        made_from.append(str(frame))
    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label=LABEL,
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.SkeletalMuscle,
        algorithm_type="SEMIAUTOMATIC" if by_hand else "AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="sarco", family=codes.DCM.ArtificialIntelligence, version=__version__
        ),
    )
    # The frame is written even if it is empty: that no muscle was found is a result too.
    made = hd.seg.Segmentation(
        source_images=[source],
        pixel_array=mask[None].astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=[segment],
        series_instance_uid=generate_uid(entropy_srcs=[*made_from, "series"]),
        series_number=9000,
        sop_instance_uid=generate_uid(entropy_srcs=[*made_from, "instance"]),
        instance_number=1,
        manufacturer="sarco",
        manufacturer_model_name="sarco",
        software_versions=__version__,
        device_serial_number="0",
        content_description="Not a medical device",
        content_label="MUSCLE",
        series_description=f"{LABEL}, sarco, not a medical device",
        omit_empty_frames=False,
    )
    if frame is not None:
        for group in made.PerFrameFunctionalGroupsSequence:
            for derivation in group.DerivationImageSequence:
                for image in derivation.SourceImageSequence:
                    image.ReferencedFrameNumber = frame
    return made


def _groups(source, *sequences):
    """What a slice says plainly (`sarco.ct.dicom.OF_FRAME`), as enhanced CT says it of a frame."""
    groups = Dataset()
    for sequence in sequences:
        item = Dataset()
        for name in dicom.OF_FRAME[sequence]:
            if name in source:
                item.add(source[name])
        setattr(groups, sequence, [item])
    return groups
