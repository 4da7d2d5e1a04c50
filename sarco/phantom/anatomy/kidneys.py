"""Kidneys, whole or thin, free or on the muscles, and their cysts. All inside `canvas.cavity`."""

import numpy as np

from . import contact
from .frame import BOTH, LOWER, UPPER


def kidneys(canvas, draw, frame):
    """The kidneys of both sides, each plain or of a kind of its own, and a cyst."""
    rng = draw.rng
    share = 0.95 if frame.level < UPPER else 0.75 if frame.level < LOWER else 0.0

    def asked(name):
        return (frame.level < LOWER or name in draw.wanted) and draw.feature(name)

    parts = [part for name, part in (("kidney on muscle", on_muscle), ("thin kidney", thin)) if asked(name)]
    cyst = draw_cyst(canvas, draw, frame) if asked("renal cyst") else None
    sides = {}
    if parts:
        first = rng.permutation(BOTH)
        # One kind is on one side or on both, two kinds have a side each.
        sides = dict(zip(first, parts * 2 if rng.random() < 0.5 else parts, strict=False))
    for side in BOTH:
        if rng.random() < share or side in sides:
            sides.get(side, kidney)(canvas, draw, frame, side, cyst)
    if cyst:
        x, y, r = cyst
        win, e = canvas.ellipse(x, y, r, r * rng.uniform(0.85, 1.1))
        tone = rng.uniform(30, 60) if rng.random() < 0.12 else rng.uniform(-5, 25)
        shape = contact.lie(canvas, draw, frame, "kidney", (win, e + 0.02 * canvas.noise(12, win)), r)
        canvas.fill(shape, tone + rng.uniform(0, 3) * canvas.noise(3, win), "kidney")


def kidney(canvas, draw, frame, side, cyst=None):
    """Cortex, medulla and sinus, the fascia around, and now and then a small cyst."""
    u, rng = draw.uniform, draw.rng
    rx, ry = u("geometry", (18, 30), (12, 36), 2)
    cx, cy = side * u("geometry", (62, 84), (50, 96)), frame.spine_y - u("geometry", (-2, 18), (-12, 34))
    if frame.level < UPPER:  # the upper poles lie nearer the spine
        rx, ry, cx = 1.15 * rx, 1.15 * ry, 0.92 * cx
    cx, cy = aside(cx, cy, min(rx, ry), cyst)
    angle = rng.uniform(-0.8, 0.8)
    win, e = canvas.ellipse(cx, cy, rx, ry, 2.1, angle)
    e = e + 0.04 * canvas.noise(10, win)
    if draw.wild("surroundings"):
        win, e = contact.lie(canvas, draw, frame, "kidney", (win, e), min(rx, ry))
    tone = 30 + 150 * frame.contrast * rng.uniform(0.6, 1.1)
    canvas.paint(win, (e < 1) & canvas.cavity[win], tone + 6 * canvas.noise(4, win), "kidney")
    if frame.contrast > 0.3 and rng.random() < 0.5:  # early after the contrast the cortex is brighter
        canvas.paint(win, (e < rng.uniform(0.6, 0.85)) & canvas.cavity[win], tone * rng.uniform(0.5, 0.9))
    win, e = canvas.ellipse(cx - side * 0.35 * rx, cy, rx * 0.45, ry * rng.uniform(0.2, 0.6), 2.0, angle)
    sinus = rng.choice((frame.fat_hu, 15.0, 25 + 300 * frame.contrast))
    canvas.paint(win, (e < 1 + 0.3 * canvas.noise(5, win)) & canvas.part("kidney", win), sinus)
    if rng.random() < 0.2:
        turn, r = rng.uniform(0, 2 * np.pi), rng.uniform(4, 22)
        small = canvas.ellipse(cx + np.cos(turn) * rx, cy + np.sin(turn) * ry, r, r)
        canvas.fill(small, rng.uniform(0, 25), "kidney", canvas.cavity)
    if rng.random() < 0.5:
        win, e = canvas.ellipse(cx, cy, rx * 1.35, ry * 1.35, 2.1, angle)
        fat = canvas.part("visceral fat", win)
        canvas.paint(win, fat & (np.abs(e - 1 - 0.08 * canvas.noise(15, win)) < 0.015), rng.uniform(-60, 20))


def place(canvas, draw, frame, side, rx, ry):
    """Centre of what lies on psoas and quadratus: beside the one, on the other, or over the far end of that."""
    rng = draw.rng
    psoas_x, front_y, far_x = contact.bed(canvas, frame, side)
    out = psoas_x + rng.uniform(0.75, 1.05) * rx
    if rng.random() < 0.35:
        out = max(out, rng.uniform(psoas_x, far_x + 0.5 * rx))
    # Not so far back that the end of the retroperitoneum cuts it straight.
    return side * out, min(front_y - ry * rng.uniform(0.6, 0.95), frame.spine_y + 25 - ry)


def on_muscle(canvas, draw, frame, side, cyst=None):
    """A kidney or its pole that lies on psoas and quadratus, in most as dense as they are."""
    rng = draw.rng
    pole = frame.level > LOWER or rng.random() < 0.35
    rx = rng.uniform(*((10, 20) if pole else (16, 33)))
    ry = rx * rng.uniform(0.8, 1.2)
    cx, cy = aside(*place(canvas, draw, frame, side, rx, ry), min(rx, ry), cyst)
    win, e = canvas.ellipse(cx, cy, rx, ry, rng.uniform(2, 2.4), rng.uniform(-0.6, 0.6))
    e = e + rng.uniform(0.02, 0.08) * canvas.noise(12, win)
    win, e = contact.lie(canvas, draw, frame, "kidney", (win, e), min(rx, ry))
    plain = rng.random() < 0.67 if draw.wild("surroundings") else frame.contrast == 0
    tone = frame.muscle_hu + rng.uniform(-10, 10) if plain else 30 + max(0.3, frame.contrast) * rng.uniform(90, 170)
    canvas.fill((win, e), tone + rng.uniform(0, 6) * canvas.noise(4, win), "kidney")
    if not plain and rng.random() < 0.5:  # the cortex before the medulla
        canvas.paint(win, e < rng.uniform(0.6, 0.85), tone * rng.uniform(0.5, 0.9))
    if rng.random() < (0.3 if plain else 0.7) and rx > 16:
        sinus = canvas.ellipse(cx - side * 0.3 * rx, cy, rx * rng.uniform(0.2, 0.5), ry * rng.uniform(0.15, 0.5))
        canvas.fill(sinus, rng.choice((frame.fat_hu, frame.fat_hu + 60, 15.0)), where=canvas.part("kidney"))


def thin(canvas, draw, frame, side, cyst=None):
    """A small or a blocked kidney: a thin rim around fluid, or around the fat of its sinus."""
    rng = draw.rng
    rx = rng.uniform(11, 32)
    ry, rim = rx * rng.uniform(0.75, 1.2), rng.uniform(1.5, min(5.0, rx / 3))
    if rng.random() < 0.6:
        cx, cy = place(canvas, draw, frame, side, rx, ry)
    else:
        cx, cy = side * rng.uniform(58, 88), frame.spine_y - rng.uniform(0, 22)
    cx, cy = aside(cx, cy, min(rx, ry), cyst)
    win, e = canvas.ellipse(cx, cy, rx, ry, 2.1, rng.uniform(-0.8, 0.8))
    e = e + rng.uniform(0.03, 0.12) * canvas.noise(8, win)
    win, e = contact.lie(canvas, draw, frame, "kidney", (win, e), min(rx, ry))
    canvas.fill((win, e), 35 + max(0.1, frame.contrast) * rng.uniform(50, 180), "kidney")
    within = e + rng.uniform(0, 0.1) * canvas.noise(6, win) < 1 - rim / min(rx, ry)
    canvas.paint(win, within, rng.uniform(-5, 20) if rng.random() < 0.6 else frame.fat_hu + rng.uniform(0, 30))


def draw_cyst(canvas, draw, frame):
    """Centre and radius of a cyst: on psoas and quadratus, on the wall, or free before the kidney."""
    rng = draw.rng
    side, r = int(rng.choice(BOTH)), rng.uniform(5, 30)
    x, y = place(canvas, draw, frame, side, r, r)
    where = rng.choice(3, p=(0.55, 0.25, 0.2))
    if where == 1:
        inner = frame.half_width - float(np.mean(frame.muscles.lateral)) * frame.muscles.scale
        x, y = side * (inner - r * rng.uniform(0.7, 1)), frame.spine_y - rng.uniform(0, 35)
    elif where == 2:
        x, y = side * rng.uniform(45, 95), frame.spine_y - rng.uniform(10, 55)
    return x, y, r


def aside(cx, cy, r, cyst):
    """The centre of a kidney of radius `r`, displaced by the cyst that grows out of it."""
    if cyst is None:
        return cx, cy
    x, y, cyst_r = cyst
    dx, dy = cx - x, cy - y
    away, least = float(np.hypot(dx, dy)), cyst_r + 0.5 * r
    if away > least or cx * x < 0:
        return cx, cy
    if away < 1:
        dx, dy, away = 0.0, -1.0, 1.0
    return x + dx / away * least, y + dy / away * least
