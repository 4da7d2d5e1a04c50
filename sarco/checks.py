"""What about a slice may mislead whoever reads its numbers: sentences, each with its reason.

A check never stops the measurement; what makes it impossible is an error of `sarco.cohort.dicom.read_slice`. The limits
are round values between what phantoms and a real slice show and what would matter; they find gross cases only.
"""

import math
from dataclasses import replace

import numpy as np

from .area import area_cm2
from .cohort import dicom

CONTACT_MM = 10  # of the body along the edge of the field
SECOND_BODY = 0.25  # of the area of the first; an arm has a tenth
OUTSIDE_SHARE = 0.02  # of the muscle, outside the largest body
TILT_DEG = 1.0
THICK_MM = 5.0
FINE_MM = 0.5  # smaller pixels tell these checks nothing more
FIELD_TOLERANCE = 0.02  # by which the pixels' field may miss the diameter of the reconstruction
TRUNK_CM2 = 100
LUNG_SHARE = 0.08  # of the body, from -950 to -600 HU
VERTEBRA_CM2 = 5  # bone with what it encloses, in the middle half of the body
BODY_HU = -300  # what is denser is body
# A slice that went through a display window has its air, and its bone, at the window's ends: many pixels of one value.
AIR_HU, BONE_HU = -500, 1000  # an end beyond these clips nothing that is measured
LOW_END_SHARE, HIGH_END_SHARE = 0.05, 0.001  # of the pixels, at an end


def check(slice_, mask):
    """Warnings about a slice and the muscle found in it.

    Parameters
    ----------
    slice_ : sarco.cohort.dicom.Slice
    mask : array of bool, shape (H, W)

    Returns
    -------
    list of str
        Sentences; empty where nothing was found.
    """
    steps = [max(1, int(FINE_MM // side)) for side in slice_.spacing_mm]
    thin = tuple(slice(None, None, step) for step in steps)
    spacing_mm = tuple(step * side for step, side in zip(steps, slice_.spacing_mm, strict=True))
    slice_, mask = replace(slice_, image_hu=slice_.image_hu[thin], spacing_mm=spacing_mm), mask[thin]
    bodies, ends = _bodies(slice_.image_hu, slice_.spacing_mm), _ends(slice_.image_hu)
    return [
        *_window(ends),
        *(_field(slice_, bodies) if ends[0] is None or ends[0] < BODY_HU else ()),  # else air looks like body
        *_other_bodies(slice_, bodies, mask),
        *_level(slice_, bodies),
        *_size(slice_),
        *_orientation(slice_.header),
        *_tilt(slice_.header),
        *_thickness(slice_.header),
    ]


def _bodies(image_hu, spacing_mm):
    """Soft parts that hang together, the largest first: list of bool (H, W), gas within them included."""
    from scipy import ndimage

    # Table and blanket are thin: eroded by 3 mm they vanish, or come off.
    padded = np.pad(image_hu > BODY_HU, 1, mode="edge")
    core = ndimage.distance_transform_edt(padded, sampling=spacing_mm)[1:-1, 1:-1] > 3
    label, count = ndimage.label(core)
    if not count:
        return []
    order = np.argsort(np.bincount(label.ravel())[1:])[::-1][:3] + 1
    found = []
    for number in order:
        near = ndimage.distance_transform_edt(label != number, sampling=spacing_mm) <= 3.5
        found.append(ndimage.binary_fill_holes(near & (image_hu > BODY_HU)))
    return found


def _from_edge(image_hu):
    """Distance in pixels of each pixel from the edge of the field, which is a circle where the corners are empty."""
    rows, columns = image_hu.shape
    y, x = np.arange(rows)[:, None], np.arange(columns)
    inside = min(rows, columns) / 2 - np.hypot(y - (rows - 1) / 2, x - (columns - 1) / 2)
    # Scanners reconstruct a circle, and fill the corners with air.
    if (inside < 0).any() and image_hu[inside < 0].max() <= -1000:
        return inside
    return np.minimum(np.minimum(y, rows - 1 - y), np.minimum(x, columns - 1 - x))


def _ends(image_hu):
    """Lowest and highest value of a slice, each where many pixels stand at it as at the end of a window, or None."""
    values = image_hu[_from_edge(image_hu) >= 0]
    low, high = np.percentile(values, 1), values.max()  # of a picture that was resampled, a few lie lower
    clipped = low > AIR_HU and np.mean(np.abs(values - low) <= 2) > LOW_END_SHARE
    filled = AIR_HU < high < BONE_HU and np.mean(values == high) > HIGH_END_SHARE
    return float(low) if clipped else None, float(high) if filled else None


def _window(ends):
    if ends == (None, None):
        return []
    said = " and ".join(f"{end:.0f} HU" for end in ends if end is not None)
    return [
        f"The values stop at {said}, as after a display window: HU beyond are clipped and those between may be "
        "rounded, so trust neither the mean attenuation nor low-attenuation muscle nor fat; use the scanner's own file."
    ]


def _field(slice_, bodies):
    if not bodies:
        return []
    image_hu, (row_mm, column_mm) = slice_.image_hu, slice_.spacing_mm
    inside = _from_edge(image_hu)
    edge = (inside >= 0) & (inside < 3)
    contact_mm = np.count_nonzero(edge & bodies[0]) / 3 * math.sqrt(row_mm * column_mm)
    if contact_mm <= CONTACT_MM:
        return []
    return [
        f"The field of view cuts the body along about {contact_mm / 10:.0f} cm, so muscle may be missing: compare the "
        "picture."
    ]


def _other_bodies(slice_, bodies, mask):
    said = []
    if len(bodies) > 1 and np.count_nonzero(bodies[1]) > SECOND_BODY * np.count_nonzero(bodies[0]):
        areas = [area_cm2(body, slice_.spacing_mm) for body in bodies[:2]]
        said.append(
            f"More than one body is in the field ({areas[0]:.0f} and {areas[1]:.0f} cm²); muscle of both is counted."
        )
    elif bodies and mask.any():
        outside = area_cm2(mask & ~bodies[0], slice_.spacing_mm)
        if outside > OUTSIDE_SHARE * area_cm2(mask, slice_.spacing_mm):
            said.append(
                f"{outside:.1f} cm² of the muscle lies outside the trunk (arms, table?): take it out by hand and "
                "measure again with 'sarco measure'."
            )
    return said


def _level(slice_, bodies):
    """Why the slice does not look like one at L3, as one sentence."""
    from scipy import ndimage

    body_cm2 = area_cm2(bodies[0], slice_.spacing_mm) if bodies else 0.0
    if body_cm2 < TRUNK_CM2:
        return [f"The slice may not be at L3: no trunk was found (the largest body has {body_cm2:.0f} cm²)."]
    image_hu, body = slice_.image_hu, bodies[0]
    reasons = []
    lung = np.mean((image_hu[body] > -950) & (image_hu[body] < -600))
    if lung > LUNG_SHARE:
        reasons.append(f"{lung:.0%} of the body has the density of lung")
    # Bone at the sides would tell a pelvis, but contrast in the bowel and in the kidneys looks the same.
    bone = ndimage.gaussian_filter(image_hu, [1 / side for side in slice_.spacing_mm]) > 150
    bone = ndimage.binary_fill_holes(bone & body)
    columns = np.flatnonzero(body.any(0))
    middle = np.zeros(body.shape, bool)
    quarter = (columns[-1] - columns[0]) // 4
    middle[:, columns[0] + quarter : columns[-1] - quarter] = True
    central = area_cm2(bone & middle, slice_.spacing_mm)
    if central < VERTEBRA_CM2:
        reasons.append(f"there is no vertebra in the middle of the body ({central:.1f} cm² of bone)")
    return [f"The slice may not be at L3: {', and '.join(reasons)}."] if reasons else []


def _size(slice_):
    """PixelSpacing against ReconstructionDiameter, which agree in a slice that nobody cropped or resampled."""
    diameter_mm = (_numbers(slice_.header, "ReconstructionDiameter") or [0.0])[0]
    field_mm = max(np.multiply(slice_.image_hu.shape, slice_.spacing_mm))
    if diameter_mm <= 0 or abs(field_mm / diameter_mm - 1) <= FIELD_TOLERANCE:
        return []
    row_mm, column_mm = dicom.numbers(slice_.header, "PixelSpacing") or slice_.spacing_mm
    return [
        f"PixelSpacing ({row_mm:g} x {column_mm:g} mm) makes a field of {field_mm:.0f} mm, and ReconstructionDiameter "
        f"says {diameter_mm:g} mm: unless the slice was cropped or resampled, areas are "
        f"{(field_mm / diameter_mm) ** 2:.2f} times the true ones."
    ]


def _orientation(header):
    if len(_numbers(header, "ImageOrientationPatient")) == 6:
        return []
    return [
        "The file does not say how the slice lies in the patient (no ImageOrientationPatient): it was taken as usual, "
        "the back below and the patient's left at the right. Compare the picture."
    ]


def _tilt(header):
    angles = [abs(value) for value in _numbers(header, "GantryDetectorTilt")[:1]]
    orientation = _numbers(header, "ImageOrientationPatient")
    if len(orientation) == 6:
        normal = np.cross(orientation[:3], orientation[3:])
        length = float(np.linalg.norm(normal))
        if length > 0:
            angles.append(math.degrees(math.acos(min(1.0, abs(normal[2]) / length))))
    angle = max((a for a in angles if a < 60), default=0.0)
    if angle <= TILT_DEG:
        return []
    larger = 1 / math.cos(math.radians(angle)) - 1
    return [
        f"The slice is tilted by {angle:.0f}°, so areas may be {larger:.1%} larger than in a slice straight across "
        "the body."
    ]


def _thickness(header):
    thickness = _numbers(header, "SliceThickness")
    if not thickness or not thickness[0] > THICK_MM + 0.01:
        return []
    return [
        f"The slice is {thickness[0]:g} mm thick: over {THICK_MM:g} mm, edges of muscle are averaged with fat, which "
        "shifts area and density."
    ]


def _numbers(header, name):
    """Values of an attribute, if all are finite; empty otherwise."""
    values = dicom.numbers(header, name) or []
    return values if all(map(math.isfinite, values)) else []
