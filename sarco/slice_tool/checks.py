"""What about a slice may mislead whoever reads its numbers: sentences, each with its reason.

Other warnings stand elsewhere: of area, a mask that was cut or weights without results in `segmentation`, of person and
class in `people`, of tissues in `tissue`, of a SEG that cannot be in `output`, of a slice that was met before in
`batch`.

A check never stops the measurement; what makes it impossible is an error of `sarco.ct.dicom.read_slice`. The limits
are round values between what phantoms and a real slice show and what would matter; they find gross cases only.
"""

import math
from functools import lru_cache

import numpy as np

from ..base import disc
from ..ct import dicom
from ..evidence import disagreement
from ..method.surface import area_cm2

FINE_MM = 0.5  # smaller pixels tell these checks nothing more
BODY_HU = -300  # what is denser is body
FAT_HU = -120  # a window that begins above leaves no fat to tell from air
# A slice that went through a display window has its air, and its bone, at the window's ends: many pixels of one value.
AIR_HU, BONE_HU = -500, 1000  # an end beyond these clips nothing that is measured
LOW_END_SHARE, HIGH_END_SHARE = 0.05, 0.001  # of the pixels, at an end
# What air, fat and muscle measure, HU; scanners, voltages and contrast differ by some 20 to 40, the rest is margin.
AIR_MEASURES_HU, FAT_MEASURES_HU, MUSCLE_MEASURES_HU = (-1035, -955), (-150, -60), (-20, 100)
AIR_SHARE, FAT_SHARE = 0.01, 0.15  # of the slice and of the body, from which air and fat can tell
LEVELS, STEP_HU = 8, 4  # values from -200 to 200 HU: fewer are a drawing; steps between them that are too coarse
CONTACT_MM = 10  # of the body along the edge of the field
RIM_PX = 3  # the edge of the field is so wide
CUT = "The field of view cuts the body"  # as its warning begins
SECOND_BODY = 0.25  # of the area of the first; an arm has a tenth
OUTSIDE_SHARE = 0.02  # of the muscle, outside the largest body
TRUNK_CM2 = 100
LUNG_SHARE = 0.08  # of the body, from -950 to -600 HU
NO_TRUNK, NO_VERTEBRA = "no trunk", "there is no vertebra"
VERTEBRA_CM2 = 5  # bone with what it encloses, in the middle half of the body
UPRIGHT = 1.1  # height of the body over its width, from which it does not lie on its back
SPINE_DEPTH = 0.42  # of the body from its front: less is no spine
FIELD_TOLERANCE = 0.005  # by which the pixels' field may miss the diameter of the reconstruction: 1 % of an area
TURN_DEG, TILT_DEG = 30, 1.0  # in the plane, and out of it
THICK_MM = 5.0


def check(slice_, mask):
    """Sentences about an upright `sarco.ct.geometry.Slice` and its muscle, bool (H, W); none where all is well."""
    whole, steps = slice_, [max(1, int(FINE_MM // side)) for side in slice_.spacing_mm]
    thin = tuple(slice(None, None, step) for step in steps)
    spacing_mm = tuple(step * side for step, side in zip(steps, slice_.spacing_mm, strict=True))
    image_hu, mask = slice_.image_hu[thin], mask[thin]
    ends = _ends(image_hu)
    low_end = ends[0]
    bodies = _bodies(_with_air(image_hu, spacing_mm, low_end), spacing_mm)
    return [
        *_window(ends),
        *(_hounsfield(image_hu, bodies, mask) if low_end is None else ()),
        *(_steps(image_hu) if ends == (None, None) else ()),
        # Where the window begins above what parts body from air, air looks like body.
        *(_field(image_hu, spacing_mm, bodies) if low_end is None or low_end < BODY_HU else ()),
        *_other_bodies(bodies, mask, spacing_mm),
        *_trunk(image_hu, spacing_mm, bodies),
        *_size(whole),
        *_orientation(slice_.header),
        *_tilt(slice_.header),
        *_thickness(slice_.header),
    ]


def _with_air(image_hu, spacing_mm, low_end):
    """The slice, with air for what a window that begins above `BODY_HU` left at its low end."""
    if low_end is None or not BODY_HU <= low_end < FAT_HU:
        return image_hu
    from scipy import ndimage

    # Noise takes some fat to the low end too, a pixel here and there.
    smooth = ndimage.gaussian_filter(image_hu, [1.5 / side for side in spacing_mm])
    return np.where(smooth > low_end + 10, np.maximum(image_hu, BODY_HU + 1), dicom.AIR_HU)


def _bodies(image_hu, spacing_mm):
    """The two largest soft parts that hang together, the largest first: bool (H, W), gas within them included."""
    from scipy import ndimage

    # Table and blanket are thin: eroded by 3 mm they vanish, or come off.
    dense = image_hu > BODY_HU
    core = disc.erode(dense, 3, spacing_mm)
    label, _ = ndimage.label(core)
    largest = np.argsort(np.bincount(label.ravel())[1:])[::-1][:2] + 1
    return [disc.fill(disc.dilate(label == number, 3.5, spacing_mm) & dense) for number in largest]


def _from_edge(image_hu):
    """Distance in pixels of each pixel from the edge of the field, which is a circle where the corners are empty."""
    circle, rectangle = _fields(image_hu.shape)
    # Scanners reconstruct a circle, and fill the corners with air.
    if (circle < 0).any() and image_hu[circle < 0].max() <= -1000:
        return circle
    return rectangle


@lru_cache(maxsize=1)
def _fields(shape):
    """Distance in pixels of each pixel from the edge of a field that is a circle, and of one that is the picture."""
    rows, columns = shape
    y, x = np.arange(rows)[:, None], np.arange(columns)
    circle = min(rows, columns) / 2 - np.hypot(y - (rows - 1) / 2, x - (columns - 1) / 2)
    return circle, np.minimum(np.minimum(y, rows - 1 - y), np.minimum(x, columns - 1 - x))


# --- values -----------------------------------------------------------------------------------------


def _ends(image_hu):
    """Lowest and highest value of a slice, each where many pixels stand at it as at the end of a window, or None."""
    values = image_hu[_from_edge(image_hu) >= 0]
    low, high = np.percentile(values, 1), values.max()  # of a picture that was resampled, a few lie lower
    clipped = low > AIR_HU and np.mean(np.abs(values - low) <= 2) > LOW_END_SHARE
    filled = AIR_HU < high < BONE_HU and np.mean(values == high) > HIGH_END_SHARE
    return float(low) if clipped else None, float(high) if filled else None


def _window(ends):
    if ends != (None, None):
        stops = " and ".join(f"{end:.0f} HU" for end in ends if end is not None)
        yield (f"The values stop at {stops}, as after a display window: HU beyond are clipped and those between may be "
               "rounded, so trust neither the mean attenuation nor low-attenuation muscle nor fat; use the scanner's "
               "own file.")  # fmt: skip


def _hounsfield(image_hu, bodies, mask):
    """Air, fat and muscle against what they measure in Hounsfield units."""
    from scipy import ndimage

    measured = []
    air = image_hu[(image_hu < AIR_HU) & (image_hu > 2 * dicom.AIR_HU) & (_from_edge(image_hu) >= 0)]
    air = air[air != dicom.AIR_HU]  # what was not measured
    if air.size > AIR_SHARE * image_hu.size:
        measured.append(("air", np.percentile(air, 25), AIR_MEASURES_HU))  # cushions and blankets are denser
    for body in bodies[:1]:
        smooth = ndimage.gaussian_filter(image_hu, 1)
        fat = smooth[body & (smooth > -300) & (smooth < -30)]  # above it may be fluid
        if fat.size > FAT_SHARE * np.count_nonzero(body):
            counts, edges = np.histogram(fat, 27, (-300, -30))
            measured.append(("fat", edges[counts.argmax()] + 5, FAT_MEASURES_HU))
    if mask.any():
        measured.append(("muscle", image_hu[mask].mean(), MUSCLE_MEASURES_HU))
    wrong = [f"{what} {value:.0f} HU" for what, value, (low, high) in measured if not low <= value <= high]
    if wrong:
        yield (f"Measured here: {', '.join(wrong)}. Air has about -1000, fat about -100 and muscle 0 to 80, so "
               "RescaleSlope or RescaleIntercept may be wrong, and area and density with them.")  # fmt: skip


def _steps(image_hu):
    steps = np.diff(np.unique(image_hu[(image_hu >= -200) & (image_hu < 200)].round()))
    if len(steps) >= LEVELS and np.median(steps) > STEP_HU:
        yield (f"The values were rounded to steps of {np.median(steps):.0f} HU, which shifts area and density: use the "
               "scanner's own file.")  # fmt: skip


# --- the body in its field ----------------------------------------------------------------------------


def _field(image_hu, spacing_mm, bodies):
    inside = _from_edge(image_hu)
    rim = (inside >= 0) & (inside < RIM_PX)
    for body in bodies[:1]:
        contact_mm = np.count_nonzero(rim & body) / RIM_PX * math.sqrt(math.prod(spacing_mm))
        if contact_mm > CONTACT_MM:
            yield f"{CUT} along about {contact_mm / 10:.0f} cm, so muscle may be missing: compare the picture."


def _other_bodies(bodies, mask, spacing_mm):
    areas = [area_cm2(body, spacing_mm) for body in bodies]
    outside_cm2 = area_cm2(mask & ~bodies[0], spacing_mm) if bodies else 0.0
    if len(areas) > 1 and areas[1] > SECOND_BODY * areas[0]:
        yield f"More than one body is in the field ({areas[0]:.0f} and {areas[1]:.0f} cm²); muscle of both is counted."
    elif outside_cm2 > OUTSIDE_SHARE * area_cm2(mask, spacing_mm):
        yield (f"{outside_cm2:.1f} cm² of the muscle lies outside the trunk (arms, table?): take it out by hand and "
               "measure again with 'sarco measure'.")  # fmt: skip


def _trunk(image_hu, spacing_mm, bodies):
    """Whether the slice looks like one at L3, of someone who lies on the back."""
    from scipy import ndimage

    body_cm2 = area_cm2(bodies[0], spacing_mm) if bodies else 0.0
    if body_cm2 < TRUNK_CM2:
        yield f"The slice may not be at L3: {NO_TRUNK} was found (the largest body has {body_cm2:.0f} cm²)."
        return
    body, reasons = bodies[0], []
    lung = np.mean((image_hu[body] > -950) & (image_hu[body] < -600))
    if lung > LUNG_SHARE:
        reasons.append(f"{lung:.0%} of the body has the density of lung")
    # Bone at the sides would tell a pelvis, but contrast in the bowel and in the kidneys looks the same.
    bone = ndimage.gaussian_filter(image_hu, [1 / side for side in spacing_mm]) > 150
    bone = disc.fill(bone & body)
    rows, columns = (np.flatnonzero(body.any(axis)) for axis in (1, 0))
    quarter = (columns[-1] - columns[0]) // 4
    central_cm2 = area_cm2(bone[:, columns[0] + quarter : columns[-1] - quarter], spacing_mm)
    if central_cm2 < VERTEBRA_CM2:
        reasons.append(f"{NO_VERTEBRA} in the middle of the body ({central_cm2:.1f} cm² of bone)")
    if reasons:
        yield f"The slice may not be at L3: {', and '.join(reasons)}."
    height_mm, width_mm = (np.ptp(along) * side for along, side in zip((rows, columns), spacing_mm, strict=True))
    if height_mm > UPRIGHT * width_mm and _from_edge(image_hu)[body].min() >= RIM_PX:  # else it was cut
        yield (
            "The body is higher than wide: the slice may be turned, and its file does not say so. Compare the picture."
        )
    if _deepest_bone(bone, rows, columns, math.prod(spacing_mm) / 100) < SPINE_DEPTH:
        yield ("What looks like the spine lies in the half where the belly should be: the slice may be turned, and its "
               "file does not say so. Compare the picture.")  # fmt: skip


def _deepest_bone(bone, rows, columns, pixel_cm2):
    """Where a vertebra may lie, from 0 at the front of the body to 1 at its back; NaN where no bone is like one.

    `rows` and `columns` are those that the body reaches.
    """
    from scipy import ndimage

    parts, _ = ndimage.label(bone)
    large = 1 + np.flatnonzero(np.bincount(parts.ravel())[1:] * pixel_cm2 >= VERTEBRA_CM2)
    depths = []
    for centre in ndimage.center_of_mass(bone, parts, large):
        depth, across = (
            (place - reached[0]) / (reached[-1] - reached[0])
            for place, reached in zip(centre, (rows, columns), strict=True)
        )
        if abs(across - 0.5) < 0.1:  # beside the middle, bowel with contrast may be
            depths.append(depth)
    return max(depths, default=math.nan)


# --- the header ---------------------------------------------------------------------------------------


def _size(slice_):
    """What the header says of size against itself."""
    row_mm, column_mm = _numbers(slice_.header, "PixelSpacing") or slice_.spacing_mm
    diameter_mm, scanner_mm = (
        (_numbers(slice_.header, f"{what}Diameter") or [0.0])[0] for what in ("Reconstruction", "DataCollection")
    )
    sides_mm = np.multiply(slice_.image_hu.shape, slice_.spacing_mm)
    field = f"PixelSpacing ({row_mm:g} x {column_mm:g} mm) makes a field of {max(sides_mm):.0f} mm, and"
    square = abs(row_mm / column_mm - 1) <= FIELD_TOLERANCE
    # A slice may be cropped, or have fewer rows than columns; a pixel is square.
    misfits = [side / diameter_mm - 1 for side in sides_mm] if diameter_mm > 0 else [0.0]
    misfit = max(misfits) if square else max(misfits, key=abs)
    if abs(misfit) > FIELD_TOLERANCE:
        times = row_mm * column_mm / (diameter_mm / max(slice_.image_hu.shape)) ** 2
        yield (f"{field} ReconstructionDiameter says {diameter_mm:g} mm: unless the slice was cropped or resampled, "
               f"areas are {times:.2f} times the true ones.")  # fmt: skip
    elif diameter_mm <= 0 < scanner_mm < max(sides_mm) * (1 - FIELD_TOLERANCE):
        yield f"{field} the scanner's field (DataCollectionDiameter) has {scanner_mm:g} mm, so areas may be too large."
    elif row_mm == column_mm == 1:
        yield ("Pixels of 1 x 1 mm are what tools write that do not know the size, and nothing in the file speaks for "
               "it: areas may be wrong by any factor, so compare with the scanner's own file.")  # fmt: skip
    elif not square and abs(sides_mm[0] / sides_mm[1] - 1) > FIELD_TOLERANCE:
        yield (f"Neither the pixels ({row_mm:g} x {column_mm:g} mm) nor the field ({sides_mm[0]:.0f} x "
               f"{sides_mm[1]:.0f} mm) are square, as a scanner's are: areas may be wrong.")  # fmt: skip


def _orientation(header):
    """Turned in its plane, or not said at all."""
    orientation = _numbers(header, "ImageOrientationPatient")
    if len(orientation) != 6:
        yield ("The file does not say how the slice lies in the patient (no ImageOrientationPatient): it was taken as "
               "usual, the back below and the patient's left at the right. Compare the picture.")  # fmt: skip
        return
    turn = math.degrees(math.atan2(abs(orientation[1]), abs(orientation[0])))
    if turn > TURN_DEG:
        yield (
            f"The slice is turned by {turn:.0f}° in its plane, which the networks do not know: areas may be too small."
        )


def _tilt(header):
    """Tilted out of the body's plane: by the gantry, or by the slice's own axes."""
    angles = [abs(value) for value in _numbers(header, "GantryDetectorTilt")[:1]]
    orientation = _numbers(header, "ImageOrientationPatient")
    if len(orientation) == 6:
        normal = np.cross(orientation[:3], orientation[3:])
        length = float(np.linalg.norm(normal))
        if length > 0:
            angles.append(math.degrees(math.acos(min(1.0, abs(normal[2]) / length))))
    angle = max((a for a in angles if a < 60), default=0.0)
    if angle > TILT_DEG:
        larger = 1 / math.cos(math.radians(angle)) - 1
        yield (f"The slice is tilted by {angle:.0f}°, so areas may be {larger:.1%} larger than in a slice straight "
               "across the body.")  # fmt: skip


def _thickness(header):
    for thickness_mm in _numbers(header, "SliceThickness")[:1]:
        if thickness_mm > THICK_MM + 0.01:
            yield (f"The slice is {thickness_mm:g} mm thick: over {THICK_MM:g} mm, edges of muscle are averaged with "
                   "fat, which shifts area and density.")  # fmt: skip


def _numbers(header, name):
    """Values of an attribute, if all are finite; empty otherwise."""
    values = dicom.numbers(header, name) or []
    return values if all(map(math.isfinite, values)) else []


def of_members(spread, limit):
    """A warning where the members disagree more than the limit that was learned, or a witness sees something else."""
    if limit is None:
        return
    unknown = dict.fromkeys(limit.values.keys() - spread.keys(), np.nan)
    if unknown:
        yield (
            "Nothing tells whether all networks take another tissue for muscle: these weights had a student of every "
            "tissue, and have none now; put its files back."
        )
    past = [key for key, over in limit.past(unknown | spread).items() if over]
    for key in past[:-1]:
        yield _said(key, spread, limit)
    if past:
        either = "it" if len(limit.values) == 1 else "one of the two limits"
        yield (
            f"{_said(past[-1], spread, limit)} Of the phantoms past {either} {limit.caught} in {limit.marked} were "
            f"more than {disagreement.LARGE_ERROR_CM2:g} cm² wrong: look at the picture before you trust the area."
        )


def _said(key, spread, limit):
    doubt = disagreement.DOUBTS[key]
    return (
        f"{doubt.says}: the {doubt.name} is {doubt.text(spread[key])}, past the limit of "
        f"{doubt.text(limit.values[key])}."
    )
