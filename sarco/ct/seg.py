"""A mask as DICOM SEG, which archives and viewers show over its slice, written and read back; by highdicom."""

import copy
import functools
import io
import re
import threading

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage, generate_uid

from ..base import __version__
from ..base.errors import about, quietly, refuse, refusing
from . import dicom, frames
from .geometry import GRID_TOLERANCE, affine_of, check_shape, voxels
from .header import numbers
from .tissues import COLOURS, FATS, MEASURED, SIDES, called

NEEDED = (
    "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "ImagePositionPatient",
    "ImageOrientationPatient",
)  # fmt: skip
# All that goes over from the slice: what the mask lies on, and how. Without the identifiers of study, series and slice
# a SEG belongs to nothing. highdicom would copy whole modules, with every name, comment and institution in them.
KEPT = (
    *NEEDED, "SOPClassUID", "Modality", "Rows", "Columns", "PixelSpacing", "SliceThickness", "LossyImageCompression",
    "LossyImageCompressionRatio", "LossyImageCompressionMethod", "PatientSex",
)  # fmt: skip
# A SEG must have them, and they may be empty.
PERSONAL = (
    "PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyID", "StudyDate", "StudyTime",
    "ReferringPhysicianName",
)  # fmt: skip
LABEL = "Skeletal muscle"
# What the standard's tables list; for a muscle that they do not, its segment's label says which it is.
TYPES = {
    "rectus abdominis": "AbdominalWallMuscle", "lateral wall": "AbdominalWallMuscle",
    "erector spinae": "ErectorSpinaeMuscle", **dict.fromkeys(FATS, "AdiposeTissue"),
}  # fmt: skip
FRAMES = "PerFrameFunctionalGroupsSequence"
SOURCES = ("DerivationImageSequence", "SourceImageSequence")

_loading = threading.Lock()


def encode(mask, header, *, parts=None, frame=None, by_hand=False, with_patient=False):
    """The bytes of a binary segmentation: skeletal muscle (SNOMED CT 127954009), and a segment for each of `parts`.

    `parts` are masks by name and side, as `sarco.ct.tissues.parts` gives them.

    The same mask of the same slice gets the same identifiers, so that an archive knows a repetition. `mask` is bool
    (H, W), `header` that of its slice, `frame` the number in an enhanced CT, from 1. `by_hand`: a person corrected the
    mask. `with_patient`: what the slice says of patient and study goes over, as an archive needs; else `KEPT` alone.
    SarcoError: the slice lacks what a SEG must say.
    """
    missing = [name for name in NEEDED if not header.get(name)]
    refuse(missing, f"no DICOM SEG, because the slice has no {', '.join(missing)}.")
    file = io.BytesIO()
    # Warnings would be about attributes of the slice that break a rule of the standard and play no role here.
    with refusing("no DICOM SEG, because the slice's header is malformed ({})."), quietly():
        _build(mask, parts or {}, _source(header, frame, with_patient), frame, by_hand).save_as(file)
    return file.getvalue()


def _source(header, frame, with_patient):
    """The slice as highdicom is shown it; a frame of enhanced CT as if there were no other."""
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
    if frame is not None:
        source.NumberOfFrames = 1
        source.SharedFunctionalGroupsSequence, source.PerFrameFunctionalGroupsSequence = [Dataset()], [Dataset()]
        for sequence in ("PixelMeasuresSequence", "PlaneOrientationSequence", "PlanePositionSequence"):
            item = Dataset()
            for name in frames.OF_FRAME[sequence]:
                if name in source:
                    item.add(source[name])
            group = FRAMES if sequence == "PlanePositionSequence" else "SharedFunctionalGroupsSequence"
            setattr(source[group][0], sequence, [item])
    return source


def highdicom():
    """The library with the tables of the standard, which it reads for the first object that it makes: half a second."""
    with _loading:
        return _highdicom()


@functools.cache
def _highdicom():
    import highdicom as hd

    hd.SOPClass("1.2", "1.2", 1, "1.2", SegmentationStorage, 1, "SEG")
    return hd


def _build(mask, parts, source, frame, by_hand):
    from pydicom.sr.codedict import codes

    hd = highdicom()
    planes = np.stack([mask, *parts.values()], axis=-1).astype(np.uint8)
    made_from = ["sarco", __version__, str(source.SOPInstanceUID), np.packbits(planes).tobytes().hex(), str(by_hand)]
    made_from += [] if frame is None else [str(frame)]
    by = hd.AlgorithmIdentificationSequence(name="sarco", family=codes.DCM.ArtificialIntelligence, version=__version__)
    how = "SEMIAUTOMATIC" if by_hand else "AUTOMATIC", by
    segments = [hd.seg.SegmentDescription(1, LABEL, codes.SCT.Tissue, codes.SCT.SkeletalMuscle, *how)]
    for number, (name, side) in enumerate(parts, 2):
        kind = getattr(codes.SCT, TYPES.get(name, "SkeletalMuscle"))
        colour = hd.color.CIELabColor.from_string(COLOURS[name])
        label = called(name, side).capitalize()
        segment = hd.seg.SegmentDescription(number, label, codes.SCT.Tissue, kind, *how, display_color=colour)
        if side:
            of = hd.sr.CodedConcept.from_code(getattr(codes.SCT, side.capitalize()))
            segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [of]
        segments.append(segment)
    # A frame is written even if it is empty: that no muscle was found is a result too.
    made = hd.seg.Segmentation(
        [source], planes[None], "BINARY", segments,
        series_instance_uid=generate_uid(entropy_srcs=[*made_from, "series"]), series_number=9000,
        sop_instance_uid=generate_uid(entropy_srcs=[*made_from, "instance"]), instance_number=1,
        manufacturer="sarco", manufacturer_model_name="sarco", software_versions=__version__, device_serial_number="0",
        content_description="Not a medical device", content_label="TISSUES" if parts else "MUSCLE",
        series_description=f"{'Tissues' if parts else LABEL}, sarco, not a medical device", omit_empty_frames=False,
    )  # fmt: skip
    if frame is not None:
        for image in _items(made, FRAMES, *SOURCES):
            image.ReferencedFrameNumber = frame
    return made


def read_mask(path, slice_, labels=()):
    """The segments of a SEG that are muscle, on a slice, bool (rows, columns).

    Its frames belong to the slices that they name, or, where they name none, to that whose frame of reference,
    position and grid they have; turned and cropped grids are the same grid. `labels` are numbers of segments, or words
    of their names.
    """
    with about(path):
        seg = _read(path, path.stat().st_mtime_ns)
        with refusing("its frames cannot be read ({}); export it again."):
            return _muscle(seg, slice_, labels)


def read_parts(path, slice_):
    """The tissues of a SEG, by name and side, bool (rows, columns): segments that are called as `encode` calls them.

    Programs that correct one keep these names and change all else. A muscle that is there by its sides is the whole of
    them, too.
    """
    with about(path):
        seg, found = _read(path, path.stat().st_mtime_ns), {}
        numbers = {str(one.SegmentLabel).casefold(): str(int(one.SegmentNumber)) for one in seg.SegmentSequence}
        with refusing("its frames cannot be read ({}); export it again."):
            for name in MEASURED:
                there = {side: number for side in ("", *SIDES) if (number := numbers.get(called(name, side)))}
                sides = {(name, side): _muscle(seg, slice_, [number]) for side, number in there.items()}
                if sides:
                    found |= {(name, ""): np.any(list(sides.values()), axis=0)} | sides
        return found


def references(path):
    """SOPInstanceUID of the slices that the frames of a SEG say they were drawn on; they need not say any."""
    with about(path), refusing("not a readable SEG ({}); export it again."):
        return {
            str(source.ReferencedSOPInstanceUID)
            for source in _items(_read(path, path.stat().st_mtime_ns), FRAMES, *SOURCES)
        }


@functools.lru_cache(maxsize=2)  # read once for all its slices, and again when it has changed
def _read(path, _changed):
    import highdicom as hd

    # highdicom and pydicom warn about rules of the standard that play no role for the pixels.
    with refusing("not a readable SEG ({}); export it again."), quietly():
        return hd.seg.Segmentation.from_dataset(dicom.parse(path), copy=False)


def _items(data, *sequences):
    """All items of a sequence within the items of others."""
    items = [data]
    for name in sequences:
        items = [inner for item in items for inner in item.get(name) or ()]
    return items


def _muscle(seg, slice_, labels):
    wanted, muscle = muscle_segments(seg, labels), np.zeros(slice_.image_hu.shape, bool)
    refuse(len(_items(seg, FRAMES)) != seg.NumberOfFrames,
           "not a readable SEG (its frames are not described); export it again.")  # fmt: skip
    # Frames without a pixel of muscle may be left out, so a slice can be named by the whole SEG alone.
    whole = _items(seg, "ReferencedSeriesSequence", "ReferencedInstanceSequence")
    named = known = slice_.frame is None and any([_names(instance, slice_) for instance in whole])
    space = slice_.header.get("FrameOfReferenceUID")
    same_space = named or (space and space == seg.get("FrameOfReferenceUID"))
    shared = (seg.get("SharedFunctionalGroupsSequence") or [{}])[0]
    for number, frame in enumerate(_items(seg, FRAMES), 1):
        sources = _items(frame, *SOURCES)
        if sources and not any(_names(source, slice_) for source in sources):
            continue
        plain = frames.said_plainly(frame, shared)
        spacing_mm = numbers(plain, "PixelSpacing")
        affine = affine_of(plain, spacing_mm) if spacing_mm and len(spacing_mm) == 2 else None
        placed = affine is not None and slice_.affine is not None
        index = _pixels_at(seg, affine, slice_) if placed else None
        if sources and index is None:  # drawn on this slice, as it says
            refuse(placed, "its frames lie on another grid than the slice that they name; resample the segmentation to "
                   "its source images.")  # fmt: skip
            check_shape((seg.Rows, seg.Columns), muscle.shape)
            index = np.indices(muscle.shape)
        if not sources and (index is None or not same_space):
            refuse(named and not placed,
                   "its frames do not say on which slice they lie; export it with references.")  # fmt: skip
            continue
        known = True
        if seg.SegmentationType == "LABELMAP":
            muscle |= np.isin(seg.get_stored_frame(number)[tuple(index)], wanted)
        elif plain.get("ReferencedSegmentNumber") in wanted:
            muscle |= seg.get_stored_frame(number)[tuple(index)] >= 0.5 * (seg.get("MaximumFractionalValue") or 1)
    refuse(not known, f"it was drawn on other slices than {slice_.path}, or on another grid, by its references and its "
           "frames' places; give that of this slice.")  # fmt: skip
    return muscle


def _names(source, slice_):
    """Whether the source of a frame is this slice, or this frame of an enhanced CT."""
    named = numbers(source, "ReferencedFrameNumber")  # none means all
    return str(source.ReferencedSOPInstanceUID) == str(slice_.header.SOPInstanceUID) and (
        slice_.frame is None or named is None or slice_.frame in named
    )


def _pixels_at(seg, affine, slice_):
    """Rows and columns of a frame at the pixels of a slice; None where it does not cover them, or lies elsewhere."""
    to_frame = np.linalg.inv(affine) @ slice_.affine
    if not abs(to_frame[2, 3]) <= GRID_TOLERANCE:  # in mm; most frames lie in other planes
        return None
    try:
        columns, rows, planes = voxels(to_frame, slice_.image_hu.shape)
    except ValueError:
        return None
    inside = (rows >= 0) & (rows < seg.Rows) & (columns >= 0) & (columns < seg.Columns) & (planes == 0)
    return (rows, columns) if inside.all() else None


def muscle_segments(seg, labels):
    """Numbers of the segments that `labels` name: by number, by the whole name, or else by words as they begin."""
    names = {int(number): str(seg.get_segment_description(number).segment_label) for number in seg.segment_numbers}
    listed = ", ".join(f"{number} ({name})" for number, name in names.items())
    if not labels:
        ours = [number for number, name in names.items() if name == LABEL]
        if len(ours) == 1:
            return ours
        refuse(len(names) != 1, f"it holds the segments {listed}; say with --label which are muscle.")
        return list(names)
    wanted = set()
    for label in labels:
        if label.isdigit():
            fits = {int(label)} & set(names)
        else:
            words = re.compile(rf"\b{re.escape(label)}", re.IGNORECASE)
            whole = {number for number, name in names.items() if name.casefold() == label.casefold()}
            fits = whole or {number for number, name in names.items() if words.search(name)}
        refuse(not fits, f"no segment is called {label}; it holds {listed}.")
        wanted |= fits
    return sorted(wanted)
