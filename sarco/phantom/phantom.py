"""One synthetic slice at L3: anatomy, scanner and reader put together."""

from dataclasses import dataclass, replace

import numpy as np

from ..paper import MUSCLE_HU
from . import readers, scanner
from .anatomy import frame as frames
from .anatomy import muscle, organs, outside, rare, skin, spine
from .canvas import MUSCLES, PARTS, Canvas
from .population import GROUPS, Draw, Subject, draw_subject

SETTINGS = ("reference", "randomised", "difficult")
IS_MUSCLE = np.isin(PARTS, MUSCLES)


@dataclass(frozen=True)
class Phantom:
    """A slice, its ground truth as a reader left it, and the truth that only a phantom has.

    Attributes
    ----------
    image_hu : ndarray of int16, (rows, columns)
    mask, true_mask : ndarray of bool, (rows, columns)
        The reader's and the true muscle, both cut to [-29, 150] HU.
    contour : ndarray of bool, (rows, columns)
        The true muscle before that cut: what a perfect reader outlines.
    parts : ndarray of uint8, (rows, columns)
        What each pixel is, an index into `canvas.PARTS`.
    spacing_mm : tuple of float
        (row, column).
    subject : Subject
    reader : int
        Who drew the mask, 1 to 11; 0 where it is the true one.
    quality : str
        A to D, as the review measured it.
    protocol : Protocol
        The scanner and its settings.
    notes : tuple of str
        Rare things that were drawn, of `population.FEATURES`.
    seed : int or sequence of int
    error : str
        The label whose kind of error the reader made; A for none.
    """

    image_hu: np.ndarray
    mask: np.ndarray
    true_mask: np.ndarray
    contour: np.ndarray
    parts: np.ndarray
    spacing_mm: tuple
    subject: Subject
    reader: int
    quality: str
    protocol: scanner.Protocol
    notes: tuple
    seed: object
    error: str


def phantom(seed, setting="reference", matrix=512, groups=GROUPS, features=(), extra=()):
    """Draw one slice.

    Parameters
    ----------
    seed : int or sequence of int
        The same seed gives the same slice, to the bit.
    setting : {"reference", "randomised", "difficult"}
        A plausible population read by eleven readers, domain randomisation with the true contour, or the plausible
        population with the true contour.
    matrix : int
        Rows and columns; the field of view does not change with it.
    groups : collection of str
        Under "randomised": which of geometry, hu, texture, surroundings, scanner are randomised.
    features : collection of str
        Rare things to draw on purpose, of `population.FEATURES`; the others come by chance.
    extra : sequence of callable
        Parts of your own, ``part(canvas, draw, frame)``, painted after all others.

    Returns
    -------
    Phantom

    Raises
    ------
    ValueError
        A setting, group or feature that does not exist.
    """
    if setting not in SETTINGS:
        raise ValueError(f"setting {setting!r} is not known; choose {', '.join(SETTINGS)}")
    rng = np.random.default_rng(seed)
    draw = Draw(rng, groups if setting == "randomised" else (), features)
    subject = draw_subject(draw)
    frame = frames.draw_frame(draw, subject)
    muscles = muscle.draw_muscles(draw)
    scale = draw.uniform("geometry", (0.98, 1.02), (0.84, 1.18))
    protocol = scanner.draw_protocol(draw, 2 * frame.skin[1] * scale, matrix)
    if not draw.wild("geometry"):
        muscles.scale = fit_area(frame, muscles, subject.area_cm2 / scale**2)
    canvas = Canvas(
        rng, (matrix, matrix), (protocol.pixel_mm, protocol.pixel_mm), centre_mm=protocol.shift_mm, scale=scale,
        angle=rng.normal(0, 0.08 if draw.wild("geometry") else 0.025),
        warp_mm=draw.uniform("geometry", (0.8, 2.0), (0.8, 5.5)), twist=(frame.spine_y, *frame.twist),
    )  # fmt: skip
    body, metal = paint(canvas, draw, frame, muscles)
    for part in extra:
        part(canvas, draw, frame)
    contour = IS_MUSCLE[canvas.parts]
    read = setting == "reference"
    intended = readers.draw_quality(rng) if read else "A"
    non_diagnostic = intended == "D" and rng.random() < 0.4
    if non_diagnostic:
        protocol = replace(protocol, noise_hu=max(35.0, 2.5 * protocol.noise_hu))
        draw.drawn.append("noisy")
    hu = scanner.acquire(canvas, draw, protocol, body, canvas.part("bone"), metal)
    image = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    in_window = (image >= MUSCLE_HU[0]) & (image <= MUSCLE_HU[1])
    true_mask = contour & in_window
    reader = int(rng.integers(1, readers.READERS + 1)) if read else 0
    error = "A" if non_diagnostic else intended
    found = Phantom(image, true_mask, true_mask, contour, canvas.parts, (protocol.pixel_mm, protocol.pixel_mm), subject,
                    reader, "A", protocol, tuple(draw.drawn), seed, error)  # fmt: skip
    if not read:
        return found
    mask = reading(found)
    quality = "D" if non_diagnostic else readers.review(mask, true_mask, found.spacing_mm)
    return replace(found, mask=mask, quality=quality)


def reading(phantom, scale=1.0):
    """The mask that the reader of a phantom of the reference setting draws.

    Parameters
    ----------
    phantom : Phantom
    scale : float
        Of all that sets the reader apart from the truth: 1 as the cohort has it, 0 for the true mask. The reader draws
        the same lines otherwise, so that readings of different scale can be compared case by case.

    Returns
    -------
    ndarray of bool, (rows, columns)
        Cut to the HU window.
    """
    # A stream of its own, so that neither the slice nor another reading depends on how far a reader is off.
    rng = np.random.default_rng((*np.atleast_1d(phantom.seed), 6))
    return readers.read(rng, phantom, phantom.reader, phantom.error, scale)


def paint(canvas, draw, frame, muscles):
    """Paint all parts, from outside in and from the common to the rare.

    Returns
    -------
    body : ndarray of bool
    metal : ndarray of bool or None
    """
    if draw.chance("surroundings", 0.95, 0.8):
        outside.table(canvas, draw, frame)
    body, deep = skin.body(canvas, draw, frame)
    ring = frames.ring(canvas, frame)
    named, borders = muscle.contour(canvas, frame, muscles, ring)
    named[~deep] = 0
    skin.fasciae(canvas, draw, frame, ring, deep & (named == 0))
    # The cavity ends where the wall does; behind, fat lies between the wall, the deep muscles and the back. Behind the
    # kidneys the retroperitoneum ends in a shallow arc.
    cavity = deep & (ring.depth > ring.thickness + 0.2) & (named == 0)
    organs.cavity_fat(canvas, draw, frame, cavity & (canvas.y < frame.spine_y + 30))
    cavity &= canvas.y < frame.spine_y + 34 - 0.004 * (np.abs(canvas.x) - 65) ** 2
    organs.organs(canvas, draw, frame, muscles, ring, cavity)
    muscle.paint(canvas, draw, frame, muscles, ring, named, borders)
    spine.spine(canvas, draw, frame)
    if draw.feature("rib"):
        rare.ribs(canvas, draw, frame, ring)
    if draw.feature("iliac crest"):
        rare.iliac_crest(canvas, draw, frame, ring)
    for name, part in (("hernia", rare.hernia), ("stoma", rare.stoma), ("drain", rare.drain)):
        if draw.feature(name):
            part(canvas, draw, frame)
    metal = rare.implant(canvas, draw, frame) if draw.feature("implant") else None
    for name, part in (("arms", outside.arms), ("forearm", outside.forearm), ("hand", outside.hand)):
        if draw.feature(name):
            part(canvas, draw, frame)
    skin.cover(canvas, draw, frame)
    return body, metal


def fit_area(frame, muscles, area_cm2, spacing_mm=3.0):
    """Scale of the muscles at which their contour, drawn coarsely, has the area of the subject.

    Some of the contour is lost to fat and noise, more of it the lower the density; `kept` is the mean share that stays,
    fitted to 1,525 phantoms of the reference population.
    """
    kept = 1 - 0.317 * np.exp(-frame.muscle_hu / 36)
    n = int(2 * frame.half_width / spacing_mm) + 12
    canvas = Canvas(np.random.default_rng(0), (n, n), (spacing_mm, spacing_mm))
    ring = frames.ring(canvas, frame)
    bones = [canvas.ellipse(0, frame.spine_y, frame.body_w, frame.body_h),
             canvas.ellipse(0, frame.spine_y + frame.body_h + 10, 18, 15)]  # fmt: skip

    def area(scale):
        muscles.scale = scale
        named, _ = muscle.contour(canvas, frame, muscles, ring)
        for win, level in bones:
            named[win][level < 1] = 0
        return kept * np.count_nonzero(named) * spacing_mm**2 / 100

    low, high = 0.3, 2.6
    for _ in range(7):
        middle = (low + high) / 2
        low, high = (middle, high) if area(middle) < area_cm2 else (low, middle)
    return (low + high) / 2
