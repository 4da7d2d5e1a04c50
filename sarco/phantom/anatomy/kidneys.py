"""Kidneys, whole or thin, free or on the muscles, and their cysts. All inside `canvas.cavity`."""

import numpy as np

from . import contact
from .frame import BOTH


def kidneys(canvas, draw, frame):
    """Cortex, medulla and sinus, the fascia around, and now and then a cyst."""
    u, rng = draw.uniform, draw.rng
    for side in BOTH:
        if rng.random() > 0.75:
            continue
        rx, ry = u("geometry", (18, 30), (12, 36), 2)
        cx, cy = side * u("geometry", (62, 84), (50, 96)), frame.spine_y - u("geometry", (-2, 18), (-12, 34))
        angle = rng.uniform(-0.8, 0.8)
        win, e = canvas.ellipse(cx, cy, rx, ry, 2.1, angle)
        e = e + 0.04 * canvas.noise(10, win)
        tone = 30 + 150 * frame.contrast * rng.uniform(0.6, 1.1)
        canvas.paint(win, (e < 1) & canvas.cavity[win], tone + 6 * canvas.noise(4, win), "kidney")
        if frame.contrast > 0.3 and rng.random() < 0.5:  # early after the contrast the cortex is brighter
            canvas.paint(win, (e < rng.uniform(0.6, 0.85)) & canvas.cavity[win], tone * rng.uniform(0.5, 0.9))
        win, e = canvas.ellipse(cx - side * 0.35 * rx, cy, rx * 0.45, ry * rng.uniform(0.2, 0.6), 2.0, angle)
        sinus = rng.choice((frame.fat_hu, 15.0, 25 + 300 * frame.contrast))
        canvas.paint(win, (e < 1 + 0.3 * canvas.noise(5, win)) & canvas.part("kidney", win), sinus)
        if rng.random() < 0.2:
            turn, r = rng.uniform(0, 2 * np.pi), rng.uniform(4, 22)
            cyst = canvas.ellipse(cx + np.cos(turn) * rx, cy + np.sin(turn) * ry, r, r)
            canvas.fill(cyst, rng.uniform(0, 25), "kidney", canvas.cavity)
        if rng.random() < 0.5:
            win, e = canvas.ellipse(cx, cy, rx * 1.35, ry * 1.35, 2.1, angle)
            fat = canvas.part("visceral fat", win)
            canvas.paint(win, fat & (np.abs(e - 1 - 0.08 * canvas.noise(15, win)) < 0.015), rng.uniform(-60, 20))
