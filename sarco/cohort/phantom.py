"""One synthetic slice at L3: anatomy, scanner and reader put together."""

from dataclasses import dataclass

import numpy as np

from ..paper import MUSCLE_HU
from . import anatomy, readers, scanner
from .canvas import Canvas
from .population import GROUPS, Draw, Subject, draw_subject


@dataclass(frozen=True)
class Phantom:
    """A slice, its ground truth as a reader left it, and the truth that only a phantom has.

    Attributes
    ----------
    image_hu : ndarray of int16, (rows, columns)
    mask, true_mask : ndarray of bool, (rows, columns)
        The reader's and the true muscle, both cut to [-29, 150] HU.
    spacing_mm : tuple of float
        (row, column).
    subject : Subject
    quality : str
        A to D, as the review measured it.
    protocol : Protocol
        The scanner and its settings.
    notes : str
        Rare things that were drawn: arm, hand, hernia, implant, ...
    """

    image_hu: np.ndarray
    mask: np.ndarray
    true_mask: np.ndarray
    spacing_mm: tuple
    subject: Subject
    quality: str
    protocol: scanner.Protocol
    notes: str


def phantom(seed, setting="reference", matrix=512, groups=GROUPS):
    """Draw one slice.

    Parameters
    ----------
    seed : int or sequence of int
        The same seed gives the same slice, to the bit.
    setting : {"reference", "randomised"}
        A plausible population read by eleven readers, or domain randomisation with the true contour.
    matrix : int
        Rows and columns; the field of view does not change with it.
    groups : collection of str
        Under "randomised": which of geometry, hu, texture, surroundings, scanner are randomised.

    Returns
    -------
    Phantom
    """
    if setting not in ("reference", "randomised"):
        raise ValueError(f"setting {setting!r} is not known; choose reference or randomised")
    rng = np.random.default_rng(seed)
    draw = Draw(rng, groups if setting == "randomised" else ())
    u = draw.uniform
    subject = draw_subject(rng)
    frame = anatomy.draw_frame(draw, subject)
    muscles = anatomy.draw_muscles(draw, frame)
    _, width, _ = frame.skin
    scale = u("geometry", (0.98, 1.02), (0.84, 1.18))
    protocol = scanner.draw_protocol(draw, 2 * width * scale, matrix)
    pixel = protocol.pixel_mm
    pose = {
        "centre_mm": protocol.shift_mm, "scale": scale,
        "angle": rng.normal(0, 0.08 if draw.wild("geometry") else 0.025),
        "warp_mm": u("geometry", (0.8, 2.0), (0.8, 5.5)),
    }  # fmt: skip
    if not draw.wild("geometry"):
        muscles.scale = fit_area(frame, muscles, subject.area_cm2 / scale**2)
    canvas = Canvas(rng, (matrix, matrix), (pixel, pixel), **pose)
    notes = []

    def maybe(name, reference, randomised):
        if draw.chance("surroundings", reference, randomised):
            notes.append(name)
            return True
        return False

    if draw.chance("surroundings", 0.95, 0.8):
        anatomy.table(canvas, draw, frame)
    inside, deep = anatomy.body(canvas, draw, frame)
    if draw.chance("surroundings", 0.25, 0.3):
        anatomy.blanket(canvas, draw, frame)
    ring_depth, angle = anatomy.ring(canvas, frame)
    contour, thickness, along = anatomy.muscle_contour(canvas, frame, muscles, ring_depth, angle)
    contour &= deep
    # The cavity ends where the wall does; behind, fat lies between the wall, the deep muscles and the back.
    cavity = deep & (ring_depth > thickness + 0.2) & ~contour
    anatomy.cavity_fat(canvas, draw, frame, cavity & (canvas.y < frame.spine_y + 30))
    # Behind the kidneys the retroperitoneum ends in a shallow arc.
    organs_in = cavity & (canvas.y < frame.spine_y + 34 - 0.004 * (np.abs(canvas.x) - 65) ** 2)
    anatomy.organs(canvas, draw, frame, organs_in, float(np.mean(muscles.lateral)) * muscles.scale)
    anatomy.paint_muscle(canvas, draw, frame, muscles, contour, ring_depth, thickness, along)
    bone = anatomy.spine(canvas, draw, frame)
    not_muscle = bone.copy()
    if maybe("rib", 0.05, 0.35):
        not_muscle |= anatomy.ribs(canvas, draw, frame)
    if maybe("breach", 0.02, 0.12):
        not_muscle |= anatomy.breach(canvas, draw, frame, inside)
    if maybe("arms", 0.08, 0.3):
        anatomy.arms(canvas, draw, frame)
    if maybe("hand", 0.03, 0.2):
        anatomy.hands(canvas, draw, frame)
    metal = anatomy.implant(canvas, draw, frame) if maybe("implant", 0.015, 0.05) else None
    contour &= ~not_muscle if metal is None else ~(not_muscle | metal)

    hu = scanner.acquire(canvas, draw, protocol, inside, bone, metal)

    quality = "A"
    intended = str(rng.choice(list(readers.QUALITY_SHARE), p=list(readers.QUALITY_SHARE.values())))
    if setting == "reference" and intended == "D" and rng.random() < 0.4:
        hu += 28 * rng.standard_normal(hu.shape, dtype=np.float32)  # non-diagnostic
        notes.append("noisy")
    image = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    in_window = (image >= MUSCLE_HU[0]) & (image <= MUSCLE_HU[1])
    true_mask = contour & in_window
    mask = true_mask
    if setting == "reference":
        spacing = (pixel, pixel)
        drawn = readers.draw_contour(rng, contour, int(rng.integers(readers.READERS)), spacing)
        if "noisy" not in notes:
            drawn = readers.err(rng, drawn, contour, image, intended, spacing)
        mask = drawn & in_window
        quality = "D" if "noisy" in notes else readers.review(mask, true_mask, spacing)
    return Phantom(image, mask, true_mask, (pixel, pixel), subject, quality, protocol, " ".join(notes))


def fit_area(frame, muscles, area_cm2, spacing_mm=3.0):
    """Scale of the muscles at which their contour, drawn coarsely, has the area of the subject.

    Some of the contour is lost to fat, bone and noise; `kept` is the mean share that stays.
    """
    kept = 0.90
    n = int(2 * frame.half_width / spacing_mm) + 12
    canvas = Canvas(np.random.default_rng(0), (n, n), (spacing_mm, spacing_mm))
    depth, angle = anatomy.ring(canvas, frame)
    win, spine_level = canvas.ellipse(0, frame.spine_y, frame.body_w, frame.body_h)

    def area(scale):
        muscles.scale = scale
        mask = anatomy.muscle_contour(canvas, frame, muscles, depth, angle)[0]
        mask[win] &= spine_level >= 1
        return kept * mask.sum() * spacing_mm**2 / 100

    low, high = 0.3, 2.6
    for _ in range(7):
        middle = (low + high) / 2
        low, high = (middle, high) if area(middle) < area_cm2 else (low, middle)
    return (low + high) / 2
