"""What about a slice may mislead whoever reads its numbers: sentences, each with its reason.

A check never stops the measurement; what makes it impossible is an error of `sarco.ct.dicom.read_slice`. The limits
are round values between what phantoms and a real slice show and what would matter; they find gross cases only.
"""

import math
from dataclasses import replace

import numpy as np

from ..ct import dicom
from ..method.area import area_cm2

CONTACT_MM = 10  # of the body along the edge of the field
SECOND_BODY = 0.25  # of the area of the first; an arm has a tenth
OUTSIDE_SHARE = 0.02  # of the muscle, outside the largest body
TILT_DEG = 1.0
THICK_MM = 5.0
FINE_MM = 0.5  # smaller pixels tell these checks nothing more
FIELD_TOLERANCE = 0.005  # by which the pixels' field may miss the diameter of the reconstruction: 1 % of an area
TRUNK_CM2 = 100
LUNG_SHARE = 0.08  # of the body, from -950 to -600 HU
UPRIGHT = 1.1  # height of the body over its width, from which it does not lie on its back
SPINE_DEPTH = 0.42  # of the body from its front: less is no spine
VERTEBRA_CM2 = 5  # bone with what it encloses, in the middle half of the body
BODY_HU = -300  # what is denser is body
# A slice that went through a display window has its air, and its bone, at the window's ends: many pixels of one value.
AIR_HU, BONE_HU = -500, 1000  # an end beyond these clips nothing that is measured
LOW_END_SHARE, HIGH_END_SHARE = 0.05, 0.001  # of the pixels, at an end
# What air, fat and muscle measure, HU; scanners, voltages and contrast differ by some 20 to 40, the rest is margin.
AIR_MEASURES_HU, FAT_MEASURES_HU, MUSCLE_MEASURES_HU = (-1035, -955), (-150, -60), (-20, 100)
AIR_SHARE, FAT_SHARE = 0.01, 0.15  # of the slice and of the body, from which air and fat can tell
LEVELS, STEP_HU = 8, 4  # values from -200 to 200 HU: fewer are a drawing; steps between them that are too coarse
TURN_DEG = 30  # in the plane


def check(slice_, mask):
    """Warnings about a slice and the muscle found in it.

    Parameters
    ----------
    slice_ : sarco.ct.dicom.Slice
    mask : array of bool, shape (H, W)

    Returns
    -------
    list of str
        Sentences; empty where nothing was found.
    """
    whole, steps = slice_, [max(1, int(FINE_MM // side)) for side in slice_.spacing_mm]
    thin = tuple(slice(None, None, step) for step in steps)
    spacing_mm = tuple(step * side for step, side in zip(steps, slice_.spacing_mm, strict=True))
    slice_, mask = replace(slice_, image_hu=slice_.image_hu[thin], spacing_mm=spacing_mm), mask[thin]
    bodies, ends = _bodies(slice_.image_hu, slice_.spacing_mm), _ends(slice_.image_hu)
    return [
        *_window(ends),
        *(_hounsfield(slice_.image_hu, bodies, mask) if ends[0] is None else ()),
        *(_steps(slice_.image_hu) if ends == (None, None) else ()),
        *(_field(slice_, bodies) if ends[0] is None or ends[0] < BODY_HU else ()),  # else air looks like body
        *_other_bodies(slice_, bodies, mask),
        *_level(slice_, bodies),
        *_size(whole),
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


def _hounsfield(image_hu, bodies, mask):
    """Air, fat and muscle against what they measure in Hounsfield units."""
    from scipy import ndimage

    found, smooth = {}, ndimage.gaussian_filter(image_hu, 1)
    air = image_hu[(image_hu < AIR_HU) & (image_hu > 2 * dicom.AIR_HU) & (_from_edge(image_hu) >= 0)]
    air = air[air != dicom.AIR_HU]  # what was not measured
    if air.size > AIR_SHARE * image_hu.size:
        found["air", AIR_MEASURES_HU] = np.percentile(air, 25)  # cushions and blankets are denser
    for body in bodies[:1]:
        fat = smooth[body & (smooth > -300) & (smooth < -30)]  # above it may be fluid
        if fat.size > FAT_SHARE * np.count_nonzero(body):
            counts, edges = np.histogram(fat, 27, (-300, -30))
            found["fat", FAT_MEASURES_HU] = edges[counts.argmax()] + 5
    if mask.any():
        found["muscle", MUSCLE_MEASURES_HU] = image_hu[mask].mean()
    wrong = [f"{what} {value:.0f} HU" for (what, (low, high)), value in found.items() if not low <= value <= high]
    if not wrong:
        return []
    return [
        f"Measured here: {', '.join(wrong)}. Air has about -1000, fat about -100 and muscle 0 to 80, so "
        "RescaleSlope or RescaleIntercept may be wrong, and area and density with them."
    ]


def _steps(image_hu):
    steps = np.diff(np.unique(image_hu[(image_hu >= -200) & (image_hu < 200)].round()))
    if len(steps) < LEVELS or np.median(steps) <= STEP_HU:
        return []
    return [
        f"The values were rounded to steps of {np.median(steps):.0f} HU, which shifts area and density: use the "
        "scanner's own file."
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
    said = [f"The slice may not be at L3: {', and '.join(reasons)}."] if reasons else []
    rows = np.flatnonzero(body.any(1))
    height_mm, width_mm = (np.ptp(at) * side for at, side in zip((rows, columns), slice_.spacing_mm, strict=True))
    if height_mm > UPRIGHT * width_mm and _from_edge(image_hu)[body].min() >= 3:  # else it was cut
        said.append("The body is higher than wide: the slice may be turned, and its file does not say so. Compare the "
                    "picture.")  # fmt: skip
    depth = _depth(bone, body, math.prod(slice_.spacing_mm) / 100)
    if depth is not None and depth < SPINE_DEPTH:
        said.append("What looks like the spine lies in the half where the belly should be: the slice may "
                    "be turned, and its file does not say so. Compare the picture.")  # fmt: skip
    return said


def _depth(bone, body, pixel_cm2):
    """Where a vertebra may lie, from 0 at the top of the body to 1 at the bottom; None where no bone is like one."""
    from scipy import ndimage

    label, count = ndimage.label(bone)
    sizes = np.bincount(label.ravel(), minlength=count + 1) * pixel_cm2
    rows, columns = (np.flatnonzero(body.any(axis)) for axis in (1, 0))
    depths = [
        (row - rows[0]) / (rows[-1] - rows[0])
        for row, column in ndimage.center_of_mass(bone, label, np.flatnonzero(sizes[1:] >= VERTEBRA_CM2) + 1)
        if abs((column - columns[0]) / (columns[-1] - columns[0]) - 0.5) < 0.1  # beside it, bowel with contrast may be
    ]
    return max(depths, default=None)


def _size(slice_):
    """What the header says of size against itself."""
    row_mm, column_mm = dicom.numbers(slice_.header, "PixelSpacing") or slice_.spacing_mm
    sides_mm = np.multiply(slice_.image_hu.shape, slice_.spacing_mm)
    said = f"PixelSpacing ({row_mm:g} x {column_mm:g} mm) makes a field of {max(sides_mm):.0f} mm, and"
    (diameter_mm,), (largest_mm,) = (
        (_numbers(slice_.header, f"{what}Diameter") or [0.0])[:1] for what in ("Reconstruction", "DataCollection")
    )
    square = abs(row_mm / column_mm - 1) <= FIELD_TOLERANCE
    if diameter_mm > 0:
        # A slice may be cropped, or have fewer rows than columns; a pixel is square.
        misfit = max(sides_mm, key=lambda side: abs(side / diameter_mm - 1)) if not square else max(sides_mm)
        if abs(misfit / diameter_mm - 1) > FIELD_TOLERANCE:
            times = row_mm * column_mm / (diameter_mm / max(slice_.image_hu.shape)) ** 2
            return [
                f"{said} ReconstructionDiameter says {diameter_mm:g} mm: unless the slice was cropped or resampled, "
                f"areas are {times:.2f} times the true ones."
            ]
    elif 0 < largest_mm < max(sides_mm) * (1 - FIELD_TOLERANCE):
        return [
            f"{said} the scanner's field (DataCollectionDiameter) has {largest_mm:g} mm, so areas may be too large."
        ]
    if row_mm == column_mm == 1:
        return ["Pixels of 1 x 1 mm are what tools write that do not know the size, and nothing in the file speaks for "
                "it: areas may be wrong by any factor, so compare with the scanner's own file."]  # fmt: skip
    if not square and abs(sides_mm[0] / sides_mm[1] - 1) > FIELD_TOLERANCE:
        return [f"Neither the pixels ({row_mm:g} x {column_mm:g} mm) nor the field ({sides_mm[0]:.0f} x "
                f"{sides_mm[1]:.0f} mm) are square, as a scanner's are: areas may be wrong."]  # fmt: skip
    return []


def _orientation(header):
    orientation = _numbers(header, "ImageOrientationPatient")
    if len(orientation) == 6:
        turn = math.degrees(math.atan2(abs(orientation[1]), abs(orientation[0])))
        return [f"The slice is turned by {turn:.0f}° in its plane, which the networks do not know: areas may be too "
                "small."] if turn > TURN_DEG else []  # fmt: skip
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
