"""What few people have, drawn over the rest: ribs in the wall, hernia, stoma, drain, implants."""

import numpy as np

from .frame import BOTH
from .organs import loop


def ribs(canvas, draw, frame):
    """Tips of the lowest ribs within the wall."""
    u, rng = draw.uniform, draw.rng
    for _ in range(rng.integers(1, 4)):
        half = rng.uniform(0.02, 0.09)
        win, e = canvas.ring.patch(rng.choice(BOTH), rng.uniform(1.0, 2.3), half, rng.uniform(0, 10),
                                   u("geometry", (6, 10), (4, 16)), 2.2, False)  # fmt: skip
        canvas.paint(win, e < 1, frame.bone_hu * rng.uniform(0.4, 1.0), "bone")
        canvas.paint(win, e < rng.uniform(0.4, 0.8), rng.uniform(50, 250))


def iliac_crest(canvas, draw, frame):
    """The top of the iliac bone, in the wall behind; low slices show it."""
    u, rng = draw.uniform, draw.rng
    sides = BOTH if rng.random() < 0.5 else (rng.choice(BOTH),)
    for side in sides:
        win, e = canvas.ring.patch(side, rng.uniform(1.8, 2.3), rng.uniform(0.08, 0.3), rng.uniform(0, 12),
                                   u("geometry", (6, 12), (4, 18)), 2.5, False, reach=2.0)  # fmt: skip
        e = e + 0.15 * canvas.noise(12)[win]
        canvas.paint(win, e < 1, frame.bone_hu, "bone")
        canvas.paint(win, e < rng.uniform(0.4, 0.8), rng.uniform(80, 300))


def _on_wall(frame, x):
    return -frame.half_depth * np.sqrt(1 - (x / frame.half_width) ** 2)


def hernia(canvas, draw, frame):
    """A gap in the wall, through which fat and bowel lie under the skin."""
    rng = draw.rng
    x = rng.normal(0, 10) if rng.random() < 0.6 else rng.uniform(-0.8, 0.8) * frame.half_width
    y = _on_wall(frame, x)
    out = max(5.0, frame.front * rng.uniform(0.3, 0.8))
    body = ~canvas.part("air") & ~canvas.part("skin") & ~canvas.part("bone")
    neck = rng.uniform(6, 20)
    win, e = canvas.worm([(x, y + 18), (x, y - out * 0.5)], neck)
    gone = (e < 1) & body[win] & (canvas.y[win] < frame.spine_y - 40)
    canvas.paint(win, gone, frame.fat_hu + 4 * canvas.noise(4, win), "visceral fat")
    win, e = canvas.ellipse(x, y - out * 0.6, neck * rng.uniform(1, 2.2), max(6.0, out * rng.uniform(0.5, 0.9)))
    canvas.paint(win, (e < 1) & body[win], frame.fat_hu + 4 * canvas.noise(4, win), "visceral fat")
    canvas.paint(win, (np.abs(e - 0.97) < 0.03) & body[win], rng.uniform(-40, 40), "fascia")
    for _ in range(rng.integers(0, 4)):
        cx, cy, r = x + rng.normal(0, neck * 0.6), y - out * rng.uniform(0, 0.9), rng.uniform(5, 14)
        loop(canvas, draw, frame, canvas.ellipse(cx, cy, r, r * rng.uniform(0.6, 1)), body, r, cy)


def stoma(canvas, draw, frame):
    """Bowel led through the rectus to the skin, and the bag over it."""
    rng = draw.rng
    side = rng.choice(BOTH)
    x = side * rng.uniform(28, 75)
    y, out = _on_wall(frame, x), frame.front + 4
    inside = ~canvas.part("air") & ~canvas.part("bone") & (canvas.y < frame.spine_y - 35)
    radius = draw.uniform("geometry", (9, 16), (6, 22))
    slant = rng.normal(0, 8)
    points = [(x - slant, y + 26), (x, y), (x + slant * 0.5, y - out)]
    win, e = canvas.worm(points, radius + rng.uniform(1, 6))
    canvas.paint(win, (e < 1) & inside[win], frame.fat_hu + 4 * canvas.noise(4, win), "visceral fat")
    for shift in (0, radius * 1.3)[: rng.integers(1, 3)]:  # one limb, or two
        limb = canvas.worm([(px + shift, py) for px, py in points], radius * 0.8)
        loop(canvas, draw, frame, limb, inside, radius, y)
    win, e = canvas.ellipse(x, y - out - rng.uniform(4, 14), rng.uniform(20, 50), rng.uniform(5, 16))
    air = canvas.part("air", win)
    canvas.paint(win, air & (e < 1), rng.choice((-950.0, rng.uniform(-300, 60))), "foreign body")
    canvas.paint(win, air & (np.abs(e - 0.97) < 0.04), rng.uniform(-150, 100), "foreign body")


def drain(canvas, draw, frame):
    """A tube through the wall: a dense shell around gas or fluid."""
    u, rng = draw.uniform, draw.rng
    angle, side = rng.uniform(0.2, 2.2), rng.choice(BOTH)
    radius = u("geometry", (2.2, 4.5), (1.5, 6.5))
    x, y = side * frame.half_width * np.sin(angle), -frame.half_depth * np.cos(angle)
    outer, inner = rng.uniform(1.0, 1.35), rng.uniform(0.3, 0.85)
    points = [(x * outer, y * outer + rng.uniform(-15, 15)), (x, y), (x * inner, y * inner + rng.uniform(-25, 25))]
    if rng.random() < 0.35:  # cut across: a ring in or near the wall
        at = rng.uniform(0.7, 1.1)
        points = [(x * at, y * at), (x * at + rng.uniform(0.1, 6), y * at)]
    win, e = canvas.worm(points, radius)
    body = ~canvas.part("bone", win)
    canvas.paint(win, (e < 1) & body, u("hu", (120, 400), (40, 1200)), "foreign body")
    canvas.paint(win, (e < rng.uniform(0.4, 0.7)) & body, rng.choice((-900.0, 10.0, -300.0)), "foreign body")


def implant(canvas, draw, frame):
    """Screws, rods or a cage in the spine."""
    rng = draw.rng
    canvas.metal = np.zeros(canvas.shape, bool)

    def put(win, inside):
        canvas.paint(win, inside, 3000, "foreign body")
        canvas.metal[win] |= inside

    kind = rng.choice(("screws", "rods", "cage"))
    for side in BOTH:
        x, y = side * rng.uniform(14, 22), frame.spine_y + frame.body_h + rng.uniform(4, 14)
        if kind == "screws":
            win, e = canvas.worm([(x, y + 8), (x * 0.4, y - rng.uniform(20, 40))], rng.uniform(2, 3.5))
            put(win, e < 1)
        if kind != "cage":
            win, e = canvas.ellipse(x, y + rng.uniform(10, 18), *rng.uniform(2.5, 6, 2))
            put(win, e < 1)
    if kind == "cage":
        win, e = canvas.ellipse(rng.uniform(-5, 5), frame.spine_y, *rng.uniform(6, 14, 2), 3.0)
        put(win, (np.abs(e - 0.85) < 0.15))
