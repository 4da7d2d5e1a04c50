"""Bowel: small bowel, colon, and what is there when there is no fat between them. All inside `canvas.cavity`."""

import numpy as np

from ...base import box
from . import contact
from .frame import BOTH, LOWER, UPPER


# Eight parameters: of them five are the loop.
def loop(canvas, draw, frame, shape, where, size, middle_y, wall_hu=None):
    """Paint one loop of bowel, in the mask `where`: a wall as dense as muscle, and what it holds."""
    u, rng, (win, e) = draw.uniform, draw.rng, shape
    if wall_hu is None:
        wall_hu = rng.normal(48, 25) if draw.wild("hu") else rng.uniform(20, 50) + 55 * frame.contrast * rng.random()
    here = where[win] & (e < 1)
    canvas.paint(win, here, wall_hu + u("texture", (1, 4), (0, 10)) * canvas.noise(3, win), "bowel")
    lumen = here & (e < 1 - u("geometry", (1.2, 3.5), (0.8, 7)) / size)
    kind = rng.random()
    if kind < 0.2:  # gas over fluid
        canvas.paint(win, lumen, rng.uniform(0, 40), "bowel content")
        surface = canvas.y[win] < middle_y + rng.uniform(-0.5, 0.9) * size
        canvas.paint(win, lumen & surface, rng.uniform(-980, -600))
    elif kind < 0.38:  # oral contrast, with bubbles
        canvas.paint(win, lumen, rng.uniform(100, 450) + 12 * canvas.noise(4, win), "bowel content")
        bubbles = canvas.noise(rng.uniform(2, 6), win) > rng.uniform(1.2, 2.5)
        canvas.paint(win, lumen & bubbles, rng.uniform(-700, 0))
    elif kind < 0.56:  # stool
        lumps = rng.uniform(-70, 60) + rng.uniform(20, 110) * canvas.noise(rng.uniform(1.5, 5), win)
        canvas.paint(win, lumen, lumps, "bowel content")
    elif kind < 0.85:  # fluid, and the folds of the lining
        folds = rng.uniform(0, 12) * canvas.noise(rng.uniform(1.5, 4), win)
        canvas.paint(win, lumen, rng.normal(22, 15) + folds, "bowel content")
    # else: collapsed, nothing but wall


def collapsed(canvas, draw, frame):
    """Empty loops as dense as muscle in a cavity without fat, with fine lines of fat or fluid between them."""
    rng, win = draw.rng, box.around(canvas.cavity)
    front = canvas.cavity[win] & (canvas.y[win] < frame.spine_y - rng.uniform(0, 20))
    # The fat behind has turned to fluid as well, less so towards the back.
    left = np.clip((frame.spine_y + 32 - canvas.y[win]) / 25, 0, 1) * rng.uniform(0.2, 1)
    tone = frame.fat_hu + left * (20 - frame.fat_hu) + 8 * canvas.noise(6)[win]
    canvas.paint(win, canvas.cavity[win] & ~front, tone)
    between = np.abs(canvas.noise(rng.uniform(9, 18))[win]) < rng.uniform(0.02, 0.12)
    tone = frame.muscle_hu + rng.uniform(-15, 10) + rng.uniform(2, 8) * canvas.noise(5)[win]
    canvas.paint(win, front & ~between, tone, "bowel")
    canvas.paint(win, front & between, rng.uniform(frame.fat_hu + 10, 15))


def small_bowel(canvas, draw, frame):
    """Bent loops that fill the share of the cavity that is not fat."""
    u, rng = draw.uniform, draw.rng
    vy = frame.spine_y
    wall_mm = float(np.mean(frame.muscles.lateral)) * frame.muscles.scale
    inner_w, inner_h = frame.half_width - wall_mm, frame.half_depth - 0.6 * wall_mm
    loops = int(2 + (1 - frame.visceral) * u("geometry", (10, 16), (6, 22)))
    for _ in range(loops + (8 if "no fat" in draw.drawn else 0)):
        t, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1.1))
        x, y = np.cos(t) * reach * inner_w, np.sin(t) * reach * inner_h
        radius = u("geometry", (8, 15), (5, 22))
        points, heading = [(x, y)], rng.uniform(0, 2 * np.pi)
        for _ in range(rng.integers(1, 5)):
            heading += rng.normal(0, 0.9)
            x, y = x + np.cos(heading) * radius * 1.3, y + np.sin(heading) * radius * 1.3
            points.append((x, y))
        # Before the spine and the great vessels only.
        points = [(x, min(y, vy - 30) if abs(x) < 45 else min(y, vy + 10)) for x, y in points]
        win, e = canvas.worm(points, radius)
        e = e + u("geometry", (0.02, 0.08), (0, 0.2)) * canvas.noise(rng.uniform(6, 14), win)
        loop(canvas, draw, frame, (win, e), canvas.cavity, radius, float(np.mean([p[1] for p in points])))


def colon(canvas, draw, frame):
    """Ascending and descending colon on the flanks, at times the transverse colon in front.

    Its outer side follows the wall. With the feature "wall bowel", several loops lie on the wall with no fat between,
    as dense as the muscle: what networks take for wall.
    """
    u, rng = draw.uniform, draw.rng
    places = [(side, rng.uniform(1.2, 2.1)) for side in BOTH if rng.random() < 0.8]
    if rng.random() < 0.3:
        places.append((0, rng.uniform(0, 0.3)))
    if frame.level < UPPER or frame.level > LOWER:
        ends(canvas, draw, frame)
    on_wall = draw.feature("wall bowel")
    rules = (on_wall and (draw.wild("surroundings") or "wall bowel" in draw.wanted)) or "no fat" in draw.drawn
    if on_wall:
        places += [(rng.choice(BOTH), rng.uniform(0.4, 2.2)) for _ in range(rng.integers(1, 5))]
    for k, (side, angle) in enumerate(places):
        size = u("geometry", (24, 46), (14, 60))
        flush = (on_wall or rules) and (k >= len(places) - 4 or rng.random() < 0.5)
        gap = rng.uniform(-0.5, 0.8) if flush else u("geometry", (0, 8), (-2, 12))
        half_angle = size / 2 / frame.half_width * rng.uniform(0.8, 1.8)
        power = rng.uniform(2.2, 4.0)
        if flush and rules:  # the wall cuts an oval off
            power, gap = min(power, 2.5), gap - 0.25 * size
        win, e = canvas.ring.patch(side, angle, half_angle, gap, size, power, reach=1.3)
        near = e < 1.3
        if not near.any():
            continue
        part = box.around(near)
        win = box.within(win, part)
        level = e[part] + u("geometry", (0.02, 0.08), (0, 0.15)) * canvas.noise(rng.uniform(7, 15), win)
        if flush and rules:
            win, level = contact.lie(canvas, draw, frame, "colon", (win, level), size / 2)
        wall_hu = frame.muscle_hu + rng.normal(0, 8) if flush else None
        middle_y = float(canvas.y[win].mean())
        loop(canvas, draw, frame, (win, level), canvas.cavity, size / 2, middle_y, wall_hu)


def ends(canvas, draw, frame):
    """Above L3 the stomach or the transverse colon in front; below, the caecum on the right and the sigmoid."""
    rng, y = draw.rng, -frame.half_depth * draw.rng.uniform(0.45, 0.7)
    if frame.level < UPPER:
        shapes = [(canvas.ellipse(rng.uniform(-25, 40), y, rng.uniform(30, 65), rng.uniform(12, 30), 2.3), 20.0)]
    else:
        x = 0.6 * frame.half_width
        caecum = canvas.ellipse(-x, rng.uniform(-30, 10), *rng.uniform(18, 34, 2), 2.2)
        sigmoid = canvas.worm([(x * rng.uniform(0.3, 1.1), rng.uniform(-40, 15)) for _ in range(3)], 12.0)
        shapes = [(caecum, 25.0), (sigmoid, 12.0)]
    for (win, e), size in shapes:
        if rng.random() < 0.6:
            shape = win, e + 0.06 * canvas.noise(12, win)
            if draw.wild("surroundings"):
                shape = contact.lie(canvas, draw, frame, "colon", shape, size)
            loop(canvas, draw, frame, shape, canvas.cavity, size, float(canvas.y[win].mean()))
