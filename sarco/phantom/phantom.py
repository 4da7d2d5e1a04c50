"""One synthetic slice at L3, from a person to a mask: the entrance to this room.

`phantom` draws a person (`population`), the proportions of the body (`anatomy.frame`, `anatomy.muscle`) and a scanner's
protocol (`scanner`), paints the parts of the body one over the other (`paint`: the sheet is `canvas`, the parts are the
files of `anatomy`), varies the parts where textures are wide (`texture`), scans what was painted (`scanner`), and lets
a reader outline the muscle (`readers`).
"""

import copy
from dataclasses import dataclass, replace

import numpy as np

from ..base import box
from ..method import postprocess
from . import readers, scanner, texture
from .anatomy import frame as frames
from .anatomy import level as levels
from .anatomy import muscle, organs, outside, rare, skin, spine
from .canvas import MUSCLES, PARTS, Canvas
from .population import GROUPS, Draw, Subject, draw_subject

SETTINGS = ("reference", "randomised", "difficult")
IS_MUSCLE = np.isin(PARTS, MUSCLES)
# What few people have, in the order in which it is painted; how often is in `population.FEATURES`.
RARE = {
    "rib": rare.ribs, "iliac crest": rare.iliac_crest, "hernia": rare.hernia, "stoma": rare.stoma, "drain": rare.drain,
    "implant": rare.implant, "arms": outside.arms, "forearm": outside.forearm, "hand": outside.hand,
}  # fmt: skip
# A slice off mid-L3 has the bones that belong there, and no others by chance.
OFF_LEVEL = 0.4  # from which a level counts as off mid-L3
OF_LEVEL = dict.fromkeys(("rib", "iliac crest"), ("upper level", "lower level"))


@dataclass(frozen=True)
class Phantom:
    """A slice, its ground truth as a reader left it, and the truth that only a phantom has; all (rows, columns)."""

    image_hu: np.ndarray  # int16
    mask: np.ndarray  # bool: the reader's muscle, cut to [-29, 150] HU
    true_mask: np.ndarray  # bool: the true muscle, cut likewise
    contour: np.ndarray  # bool: the true muscle before that cut, which a perfect reader outlines
    parts: np.ndarray  # uint8: what each pixel is, an index into `canvas.PARTS`
    spacing_mm: tuple  # (row, column)
    subject: Subject
    reader: int  # who drew the mask, 1 to 11; 0 where it is the true one
    quality: str  # A to D, as the review measured it
    protocol: scanner.Protocol
    notes: tuple  # rare things that were drawn, of `population.FEATURES`
    seed: object
    error: str  # the label whose kind of error the reader made; A for none


# Streams for what differs at another level, on another day or in another scan: all else comes from the seed's own.
AT_LEVEL, ON_DAY, IN_SCAN = 7, 8, 9
ORGANS_SD = 0.25  # of where organs lie along the spine, in vertebrae; ours


def phantom(seed, setting="reference", matrix=512, groups=GROUPS, features=(), extra=(), *, level=None, day=0,
            scan=0):  # fmt: skip
    """Draw one slice.

    Parameters
    ----------
    seed : int or sequence of int
        The same seed gives the same slice, to the bit.
    setting : {"reference", "randomised", "difficult"}
        A plausible population read by readers, one drawn far wider with true masks, or the first with true masks.
    matrix : int
        Rows and columns; the field of view does not change with it.
    groups : collection of str
        Of `population.GROUPS`: which are drawn wider where the setting is "randomised".
    features : collection of str
        Rare things to draw on purpose, of `population.FEATURES`; the others come by chance.
    extra : sequence of callable
        Parts of your own, ``part(canvas, draw, frame)``, painted after all others.
    level : float, optional
        The person of this seed at a level of your choice, as `population.Subject.level` counts: with all levels of one
        seed, body, muscles, bones and scanner are the same person's; organs are painted anew in each slice.
    day : int
        0, or one of the days, from 1, on which the person of this seed is lain down anew, with other bowel, in the same
        scanner. Day 0 is of no such row: there each part depends on those before it.
    scan : int
        0, or another scan of the same moment: noise and streaks differ.

    Returns
    -------
    Phantom
    """
    if setting not in SETTINGS:
        raise ValueError(f"setting {setting!r} is not known; choose {', '.join(SETTINGS)}")
    rng = np.random.default_rng(seed)
    draw = Draw(rng, groups if setting == "randomised" else (), features)
    subject, at_l3, of_level, organs_off = draw_subject(draw), None, None, 0.0
    if level is not None:
        at_l3 = frames.draw_frame(copy.deepcopy(draw), replace(subject, level=0.0))
        subject, of_level = replace(subject, level=level), _stream(draw, seed, AT_LEVEL)
        organs_off = of_level.rng.normal(0, ORGANS_SD)
        draw.drawn += [name for name, off in (("upper level", -level), ("lower level", level)) if off >= OFF_LEVEL]
    frame = frames.draw_frame(draw, subject)
    frame.muscles = muscle.draw_muscles(draw, frame.level, of_level)
    scale = draw.uniform("geometry", (0.98, 1.02), (0.84, 1.18))
    width_mm = 2 * scale * (at_l3 or frame).skin[1]  # all slices of a volume have one field
    protocol = scanner.draw_protocol(draw, width_mm, matrix)
    if not draw.wild("geometry"):
        fit_area(frame, subject.area_cm2 / scale**2)
    frame.level += organs_off
    if day:
        draw = _stream(draw, seed, ON_DAY, day)
        rng, protocol = draw.rng, scanner.moved(protocol, draw.rng, width_mm, matrix)
    spacing_mm = (protocol.pixel_mm, protocol.pixel_mm)
    canvas = Canvas(
        rng, (matrix, matrix), spacing_mm, centre_mm=protocol.shift_mm, scale=scale,
        angle=rng.normal(0, 0.08 if draw.wild("geometry") else 0.025),
        warp_mm=draw.uniform("geometry", (0.8, 2.0), (0.8, 5.5)), twist=(frame.spine_y, *frame.twist),
    )  # fmt: skip
    if day:
        canvas.days = (*np.atleast_1d(seed), ON_DAY), day
    body = paint(canvas, draw, frame)
    canvas.begin(draw, "scan", anew=True)
    for part in extra:
        part(canvas, draw, frame)
    contour = IS_MUSCLE[canvas.parts]
    if draw.wild("texture"):
        texture.vary(canvas, draw)

    read = setting == "reference"
    error = readers.draw_quality(rng) if read else "A"
    non_diagnostic = error == "D" and rng.random() < 0.4
    if non_diagnostic:
        protocol, error = replace(protocol, noise_hu=max(35.0, 2.5 * protocol.noise_hu)), "A"
        draw.drawn.append("noisy")
    if scan:
        draw = _stream(draw, seed, IN_SCAN, day, scan)
        rng = draw.rng
    hu = scanner.acquire(canvas, draw, protocol, body)
    if draw.feature("8 bit", "scanner"):
        hu = scanner.eight_bit(rng, hu)
    image = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    true_mask = postprocess.window(contour, image)
    reader = int(rng.integers(1, readers.READERS + 1)) if read else 0
    p = Phantom(image, true_mask, true_mask, contour, canvas.parts, spacing_mm, subject, reader, "A", protocol,
                tuple(draw.drawn), seed, error)  # fmt: skip
    if not read:
        return p
    mask = reading(p)
    return replace(p, mask=mask, quality="D" if non_diagnostic else readers.review(mask, true_mask, spacing_mm))


def _stream(draw, seed, *which):
    """The same `Draw`, from a stream of its own."""
    own = copy.copy(draw)
    own.rng = np.random.default_rng((*np.atleast_1d(seed), *which))
    return own


def reading(phantom, scale=1.0):
    """The mask that the reader of a phantom of the reference setting draws, cut to the HU window.

    `scale` is of all that sets the reader apart from the truth: 1 as the cohort has it, 0 for the true mask. The
    reader draws the same lines otherwise, so that readings of different scale can be compared case by case.
    """
    # A stream of its own, so that neither the slice nor another reading depends on how far a reader is off.
    rng = np.random.default_rng((*np.atleast_1d(phantom.seed), 6))
    return readers.read(rng, phantom, phantom.reader, phantom.error, scale)


def paint(canvas, draw, frame):
    """Paint all parts, from outside in and from the common to the rare. Returns the body, bool (rows, columns)."""
    canvas.begin(draw, "table")
    if draw.chance("surroundings", 0.95, 0.8):
        outside.table(canvas, draw, frame)
    canvas.begin(draw, "skin")
    body, deep = skin.body(canvas, draw, frame)
    canvas.ring = ring = frames.ring(canvas, frame)
    named, borders = muscle.contour(canvas, frame)
    levels.crest_muscles(canvas, frame, named)
    named *= deep
    canvas.begin(draw, "fasciae")
    skin.fasciae(canvas, draw, frame, deep & (named == 0))
    # The cavity ends where the wall does; behind, fat lies between the wall, the deep muscles and the back. Behind the
    # kidneys the retroperitoneum ends in a shallow arc.
    canvas.muscle, canvas.cavity = named, deep & (ring.depth > ring.thickness + 0.2) & (named == 0)
    canvas.begin(draw, "cavity fat")
    organs.cavity_fat(canvas, draw, frame)
    win = box.around(canvas.cavity)
    behind = 34 + 40 * ("no fat" in draw.drawn)  # where there is none, organs lie on the muscles of the back
    canvas.cavity[win] &= canvas.y[win] < frame.spine_y + behind - 0.004 * (np.abs(canvas.x[win]) - 65) ** 2
    organs.organs(canvas, draw, frame)
    canvas.begin(draw, "crura")
    levels.crura(canvas, draw, frame)
    canvas.begin(draw, "muscle")
    muscle.paint(canvas, draw, frame, named, borders)
    canvas.begin(draw, "spine")
    spine.spine(canvas, draw, frame)
    canvas.begin(draw, "bones")
    levels.bones(canvas, draw, frame)
    for name, part in RARE.items():
        canvas.begin(draw, name)
        if draw.feature(name, against=OF_LEVEL.get(name, ())):
            part(canvas, draw, frame)
    canvas.begin(draw, "cover")
    skin.cover(canvas, draw, frame)
    return body


def fit_area(frame, area_cm2, spacing_mm=3.0):
    """Scale the muscles so that their contour, drawn coarsely, has the area of the subject at the level of the slice.

    Iliacus and gluteus medius come on top. Some of the contour is lost to fat and noise, more of it the lower the
    density; `kept` is the mean share that stays, fitted to 1,525 phantoms of the reference population.
    """
    kept = 1 - 0.317 * np.exp(-frame.muscle_hu / 36)
    n = int(2 * frame.half_width / spacing_mm) + 12
    canvas = Canvas(np.random.default_rng(0), (n, n), (spacing_mm, spacing_mm))
    canvas.box = box.around(np.abs(canvas.y) < frame.half_depth + 12)  # with the sheet that may lie on the wall
    canvas.ring = frames.ring(canvas, frame)
    bones = [canvas.ellipse(0, frame.spine_y, frame.body_w, frame.body_h),
             canvas.ellipse(0, frame.spine_y + frame.body_h + 10, 18, 15)]  # fmt: skip
    bones += [(win, level) for _, win, level in levels.rib_shapes(canvas, frame)]
    area_cm2 = area_cm2 * levels.between(frame.level, *levels.AREA)
    low, high = 0.3, 2.6
    for _ in range(7):
        frame.muscles.scale = (low + high) / 2
        named, _ = muscle.contour(canvas, frame)
        for win, level in bones:
            named[win][level < 1] = 0
        if kept * np.count_nonzero(named) * spacing_mm**2 / 100 < area_cm2:
            low = frame.muscles.scale
        else:
            high = frame.muscles.scale
    frame.muscles.scale = (low + high) / 2
