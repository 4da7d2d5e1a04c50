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
TRUNK_CM2 = 100
LUNG_SHARE = 0.08  # of the body, from -950 to -600 HU
VERTEBRA_CM2 = 5  # bone with what it encloses, in the middle half of the body


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
    step = max(1, *(int(FINE_MM // side) for side in slice_.spacing_mm))
    if step > 1:
        spacing_mm = tuple(step * side for side in slice_.spacing_mm)
        slice_ = replace(slice_, image_hu=slice_.image_hu[::step, ::step], spacing_mm=spacing_mm)
        mask = mask[::step, ::step]
    bodies = _bodies(slice_.image_hu, slice_.spacing_mm)
    return [
        *_field(slice_, bodies),
        *_other_bodies(slice_, bodies, mask),
        *_level(slice_, bodies),
        *_tilt(slice_.header),
        *_thickness(slice_.header),
    ]


def _bodies(image_hu, spacing_mm):
    """Soft parts that hang together, the largest first: list of bool (H, W), gas within them included."""
    from scipy import ndimage

    # Table and blanket are thin: eroded by 3 mm they vanish, or come off.
    core = ndimage.distance_transform_edt(np.pad(image_hu > -300, 1, mode="edge"), sampling=spacing_mm)[1:-1, 1:-1] > 3
    label, count = ndimage.label(core)
    if not count:
        return []
    order = np.argsort(np.bincount(label.ravel())[1:])[::-1][:3] + 1
    found = []
    for number in order:
        near = ndimage.distance_transform_edt(label != number, sampling=spacing_mm) <= 3.5
        found.append(ndimage.binary_fill_holes(near & (image_hu > -300)))
    return found


def _field(slice_, bodies):
    if not bodies:
        return []
    image_hu, (row_mm, column_mm) = slice_.image_hu, slice_.spacing_mm
    rows, columns = image_hu.shape
    y, x = np.arange(rows) - (rows - 1) / 2, np.arange(columns) - (columns - 1) / 2
    radius = np.hypot(y[:, None], x)
    corners = radius > min(rows, columns) / 2
    # Scanners reconstruct a circle, and fill the corners with air.
    if corners.any() and image_hu[corners].max() <= -1000:
        edge = (radius > min(rows, columns) / 2 - 3) & ~corners
    else:
        edge = np.ones(image_hu.shape, bool)
        edge[3:-3, 3:-3] = False
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
