"""What lies outside the body: the couch, arms and hands."""

import numpy as np

from .frame import BOTH, EVERYWHERE


def table(canvas, draw, frame):
    """The couch below the patient: one or two thin curved shells."""
    u, (offset, _, depth) = draw.uniform, frame.skin
    for _ in range(draw.rng.integers(1, 3)):
        y = offset + depth + u("surroundings", (2, 14), (-2, 40))
        curve = u("surroundings", (0.0002, 0.0010), (-0.0004, 0.0018))
        shell = np.abs(canvas.y - (y - curve * canvas.x**2)) < u("surroundings", (0.7, 1.5), (0.6, 4))
        canvas.paint(EVERYWHERE, shell, u("surroundings", (-400, 300), (-850, 400)), "table")


def limb(canvas, draw, frame, section, bones):
    """A section through an arm or hand: skin, fat, muscle that is not of the abdomen, and bones in a row.

    `section` is an ellipse: centre, radius, ratio of its axes and angle. It is painted on air only: where it presses on
    the belly, the belly stays.
    """
    u, rng, (cx, cy, radius, ratio, angle) = draw.uniform, draw.rng, section
    win, level = canvas.ellipse(cx, cy, radius, radius * ratio, u("surroundings", (2, 2.2), (1.9, 2.8)), angle)
    outside = canvas.part("air", win) | canvas.part("table", win)
    canvas.paint(win, outside & (level < 1), rng.uniform(-20, 50), "limb")
    fat_mm = u("surroundings", (2, 7), (0.5, 12))
    canvas.paint(win, outside & (level < 1 - 1.6 / radius), frame.fat_hu)
    muscle = outside & (level < 1 - (1.6 + fat_mm) / (radius * ratio))
    fibres = canvas.noise(2, win) * u("texture", (3, 8), (1, 16))
    canvas.paint(win, muscle, frame.muscle_hu + rng.normal(5, 8) + fibres)
    septa = np.abs(canvas.noise(9, win)) < u("texture", (0.03, 0.12), (0, 0.25))
    canvas.paint(win, muscle & septa, frame.fat_hu)
    for i in range(bones):
        along = (i - (bones - 1) / 2) * radius * 1.3 / max(bones, 2)
        bx, by = cx + along * np.cos(angle), cy + along * np.sin(angle)
        size = radius * rng.uniform(0.16, 0.28) * (2.2 / max(bones, 2))
        bwin, b = canvas.ellipse(bx, by, size, size * rng.uniform(0.7, 1))
        here = canvas.part("limb", bwin)
        canvas.paint(bwin, here & (b < 1), frame.bone_hu * rng.uniform(0.9, 1.8))
        canvas.paint(bwin, here & (b < rng.uniform(0.3, 0.7)), rng.uniform(-60, 200))


def arms(canvas, draw, frame):
    """Arms beside the body."""
    u, rng = draw.uniform, draw.rng
    _, width, _ = frame.skin
    sides = BOTH if rng.random() < 0.6 else (rng.choice(BOTH),)
    for side in sides:
        radius, gap = u("surroundings", (26, 38), (20, 46)), u("surroundings", (-3, 20), (-8, 40))
        section = (side * (width + radius + gap), rng.uniform(-60, 60), radius, rng.uniform(0.7, 1),
                   rng.uniform(-0.8, 0.8))  # fmt: skip
        limb(canvas, draw, frame, section, rng.integers(1, 3))


def _on_belly(draw, frame, radius):
    """A place where something of this radius lies on the belly: centre, and slope of the skin there."""
    offset, width, depth = frame.skin
    x = draw.rng.uniform(-0.75, 0.75) * frame.half_width
    rim = np.sqrt(max(0.05, 1 - (x / width) ** 2))
    slope = np.arctan2(depth * x / width**2, rim)
    return x, offset - depth * rim - radius, slope


def forearm(canvas, draw, frame):
    """A forearm on the belly: two bones and muscle that must not be counted."""
    radius, ratio = draw.uniform("surroundings", (32, 44), (26, 50)), draw.rng.uniform(0.65, 0.95)
    x, y, slope = _on_belly(draw, frame, radius * ratio * draw.rng.uniform(0.6, 1.0))
    limb(canvas, draw, frame, (x, y, radius, ratio, slope), 2)


def hand(canvas, draw, frame):
    """A hand on the belly, cut across the palm or the fingers."""
    rng = draw.rng
    radius, ratio = draw.uniform("surroundings", (34, 46), (26, 52)), rng.uniform(0.3, 0.45)
    x, y, slope = _on_belly(draw, frame, radius * ratio * rng.uniform(0.6, 1.1))
    if rng.random() < 0.6:
        limb(canvas, draw, frame, (x, y, radius, ratio, slope), int(rng.integers(3, 6)))
        return
    for i in range(rng.integers(2, 5)):  # fingers, each for itself
        along_mm = (i - 1.5) * 19
        place = x + along_mm * np.cos(slope), y + along_mm * np.sin(slope)
        limb(canvas, draw, frame, (*place, rng.uniform(7, 10), rng.uniform(0.8, 1), 0.0), 1)
