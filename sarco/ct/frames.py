"""One frame of enhanced (multi-frame) CT: frames by time and stack, each phase counted from feet to head."""

import math

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage

from ..base.errors import Refused, refuse
from .geometry import is_axial
from .header import number, numbers

MULTI_FRAME = (EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
# What a frame says in a sequence, and a classic slice says plainly.
OF_FRAME = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "CTAcquisitionDetailsSequence": ("GantryDetectorTilt",),
    "CTReconstructionSequence": ("ReconstructionDiameter",),
    "CTImageFrameTypeSequence": ("FrameType",),
    "FrameContentSequence": ("StackID", "TemporalPositionIndex", "FrameAcquisitionNumber"),
    "SegmentIdentificationSequence": ("ReferencedSegmentNumber",),  # of a SEG
}
SCOUT = "this is a scout view, not a slice; give the axial slice at L3."


def choose(header, wanted, phase):
    """Which frame, from 1, is slice `wanted` from the feet; what it says of itself goes to the header's top level."""
    own, frames = of_phase(header, phase)
    refuse(wanted is None and len(frames) != 1, f"{len(frames)} slices; say with --slice which is at L3, from 1 at the "
           "feet, or export it alone.")  # fmt: skip
    refuse(not 1 <= (wanted or 1) <= len(frames), f"no slice {wanted}; it has {len(frames)}.")
    chosen = frames[(wanted or 1) - 1]
    header.update(own[chosen])
    return chosen + 1


def of_phase(header, phase):
    """What each frame says of itself, and which of them are the slices of a phase, from feet to head."""
    try:
        shared = (header.get("SharedFunctionalGroupsSequence") or [{}])[0]
        own = [said_plainly(frame, shared) for frame in header.PerFrameFunctionalGroupsSequence]
    except Exception:  # pydicom parses on access, and a malformed value can raise anything
        own = []
    refuse(not own or len(own) != number(header, "NumberOfFrames"),
           "its frames are not described (broken, or cut short); export it again.")  # fmt: skip
    slices = [i for i, frame in enumerate(own) if "LOCALIZER" not in (frame.get("FrameType") or ())]
    refuse(not slices, SCOUT)
    phases = by_phase(own, [i for i in slices if is_axial(numbers(own[i], "ImageOrientationPatient"))] or slices)
    sizes = " and ".join(str(len(frames)) for frames in phases)
    refuse(len(phases) > 1 and phase is None, f"{len(phases)} phases or stacks, of {sizes} slices; say with --phase "
           "which, from 1 in the order of time.")  # fmt: skip
    refuse(not 1 <= (phase or 1) <= len(phases), f"no phase {phase}; it has {len(phases)}.")
    return own, phases[(phase or 1) - 1]


def said_plainly(frame, shared):
    """The values of `OF_FRAME` that a frame says of itself, or that all share."""
    plain = Dataset()
    for sequence, names in OF_FRAME.items():
        items = frame.get(sequence) or shared.get(sequence)
        for name in names:
            if items and name in items[0]:
                plain.add(items[0][name])
    return plain


def by_turns(gaps_mm):
    """Whether slices lie near and far by turns: of two series, one moved a little, that nothing tells apart."""
    return len(gaps_mm) > 2 and 0.3 < np.mean(gaps_mm < max(gaps_mm) / 3) < 0.7


def by_phase(own, slices):
    """Indices of frames as a list a phase, each from feet to head; refused where nothing tells two at one place apart.

    `own` holds what each frame says, `slices` the indices of those that are slices.
    """
    if len(slices) == 1:
        return [slices]
    places = {i: numbers(own[i], "ImagePositionPatient") for i in slices}
    refuse(not all(place and len(place) == 3 and math.isfinite(place[2]) for place in places.values()),
           "its frames do not say where they lie, so no slice can be chosen; export it alone.")  # fmt: skip

    def grouped(*names):
        groups = {}
        for i in sorted(slices, key=lambda i: places[i][2]):  # the head is where z is largest
            words = (str(own[i].get(name, "")) for name in names)
            groups.setdefault(tuple((len(word), word) for word in words), []).append(i)  # 2 before 10
        return [groups[key] for key in sorted(groups)]

    def gaps_mm(group):
        return np.diff([places[i][2] for i in group])

    (every,), by_time = grouped(), ("TemporalPositionIndex", "StackID")
    if gaps_mm(every).min() > 0.01 and len(grouped(*by_time)) == len(slices):
        return [every]  # a time for each place
    for names in (by_time, (*by_time, "FrameAcquisitionNumber")):
        phases = grouped(*names)
        if all(gaps_mm(phase).min(initial=np.inf) > 0.01 for phase in phases):
            gaps = gaps_mm(phases[0])
            refuse(len(phases) == 1 and by_turns(gaps),
                   f"its frames lie {gaps.min(initial=np.inf):g} and {gaps.max(initial=0):g} mm apart by turns, as two "
                   "phases in one; export the slice alone.")  # fmt: skip
            return phases
    raise Refused("several frames lie at one place, and neither time, stack nor acquisition tells them apart; export "
                  "the slice alone.")  # fmt: skip
