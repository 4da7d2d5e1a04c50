"""What fills the cavity: fat, bowel, solid organs, vessels, fluid. All of it lies inside the mask `canvas.cavity`."""

import numpy as np

from ...base import box
from .frame import BOTH, EVERYWHERE


def cavity_fat(canvas, draw, frame):
    """Visceral fat with its vessels and strands."""
    u, rng, win = draw.uniform, draw.rng, box.around(canvas.cavity)
    cavity = canvas.cavity[win] & (canvas.y[win] < frame.spine_y + 30)
    tone = frame.fat_hu + u("hu", (0, 6), (-4, 14)) + 3 * canvas.noise(4)[win]
    canvas.paint(win, cavity, tone, "visceral fat")
    vessels = np.abs(canvas.noise(rng.uniform(7, 18))[win]) < u("texture", (0.02, 0.10), (0, 0.2))
    dots = canvas.noise(rng.uniform(2.5, 5))[win] > u("texture", (1.6, 2.4), (0.9, 2.6))
    tone = u("hu", (10, 70), (-50, 90)) + 120 * frame.contrast * rng.random()
    # Neither is everywhere: strands run in bundles.
    vessels &= canvas.noise(22)[win] > u("texture", (-0.2, 0.8), (-1.5, 1))
    canvas.paint(win, cavity & (vessels | dots), tone)
    where = np.zeros(canvas.shape, bool)
    where[win] = cavity
    root = (rng.uniform(-15, 25), frame.spine_y - rng.uniform(35, 60))
    for _ in range(rng.integers(4, 12)):  # branches of the mesenteric vessels, cut along or across
        t, length = rng.uniform(-0.2, np.pi + 0.2), rng.uniform(5, 40)
        start = rng.uniform(0, 45)
        points = [(root[0] + start * np.cos(t), root[1] - start * np.sin(t))]
        for _ in range(4):
            t += rng.normal(0, 0.5)
            points.append((points[-1][0] + length / 4 * np.cos(t), points[-1][1] - length / 4 * np.sin(t)))
        branch = canvas.worm(points, rng.uniform(0.6, 1.8))
        canvas.fill(branch, 42 + frame.contrast * rng.uniform(20, 160), "vessel", where)


def fluid(canvas, draw, where):
    """Ascites: it lies between bowel and wall, and sinks to the flanks."""
    rng, ring = draw.rng, canvas.ring
    pool = canvas.noise(rng.uniform(25, 60)) > rng.uniform(-0.6, 1)
    rim = (ring.depth - ring.thickness < rng.uniform(4, 40) * (0.6 + 0.4 * canvas.noise(40))) & (ring.angle > 0.5)
    canvas.paint(EVERYWHERE, where & (pool | rim), rng.uniform(-5, 25), "fluid")


# --- bowel -----------------------------------------------------------------------------------------------------------


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


def small_bowel(canvas, draw, frame):
    """Bent loops that fill the share of the cavity that is not fat."""
    u, rng = draw.uniform, draw.rng
    vy = frame.spine_y
    wall_mm = float(np.mean(frame.muscles.lateral)) * frame.muscles.scale
    inner_w, inner_h = frame.half_width - wall_mm, frame.half_depth - 0.6 * wall_mm
    for _ in range(int(2 + (1 - frame.visceral) * u("geometry", (10, 16), (6, 22)))):
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
    on_wall = draw.feature("wall bowel")
    if on_wall:
        places += [(rng.choice(BOTH), rng.uniform(0.4, 2.2)) for _ in range(rng.integers(1, 5))]
    for k, (side, angle) in enumerate(places):
        size = u("geometry", (24, 46), (14, 60))
        flush = on_wall and (k >= len(places) - 4 or rng.random() < 0.5)
        gap = rng.uniform(-0.5, 0.8) if flush else u("geometry", (0, 8), (-2, 12))
        half_angle = size / 2 / frame.half_width * rng.uniform(0.8, 1.8)
        win, e = canvas.ring.patch(side, angle, half_angle, gap, size, rng.uniform(2.2, 4.0), reach=1.3)
        near = e < 1.3
        if not near.any():
            continue
        part = box.around(near)
        win = box.within(win, part)
        level = e[part] + u("geometry", (0.02, 0.08), (0, 0.15)) * canvas.noise(rng.uniform(7, 15), win)
        wall_hu = frame.muscle_hu + rng.normal(0, 8) if flush else None
        middle_y = float(canvas.y[win].mean())
        loop(canvas, draw, frame, (win, level), canvas.cavity, size / 2, middle_y, wall_hu)


# --- solid organs ----------------------------------------------------------------------------------------------------


def liver_and_spleen(canvas, draw, frame):
    """The tips of liver (left of the image), gallbladder and spleen, lying on the wall."""
    u, rng = draw.uniform, draw.rng
    for name, side, chances, hu in (("liver", -1, (0.35, 0.4), 55 + 50 * frame.contrast),
                                    ("spleen", 1, (0.05, 0.12), 48 + 65 * frame.contrast)):  # fmt: skip
        if not draw.chance("surroundings", *chances):
            continue
        size = u("geometry", (10, 55), (6, 80))
        tone = hu + u("hu", (-8, 8), (-25, 30)) + 4 * canvas.noise(3)
        place = rng.uniform(1.0, 1.9), rng.uniform(0.2, 0.6), rng.uniform(-1, 5)
        win, e = canvas.ring.patch(side, *place, size, 2.2)
        canvas.paint(win, (e < 1) & canvas.cavity[win], tone[win], name)
        if name == "liver" and rng.random() < 0.3:
            x = -(frame.half_width - size - 30) * rng.uniform(0.7, 1.0)
            bladder = canvas.ellipse(x, rng.uniform(-35, 0), *rng.uniform(9, 20, 2))
            canvas.fill(bladder, rng.uniform(0, 25), "gallbladder", canvas.cavity)


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


def pancreas_and_duodenum(canvas, draw, frame):
    """The head of the pancreas, and the third part of the duodenum, which crosses before the great vessels."""
    u, rng = draw.uniform, draw.rng
    front = frame.spine_y - frame.body_h
    if rng.random() < 0.35:
        hu = 40 + 60 * frame.contrast * rng.uniform(0.5, 1) + u("hu", (-5, 5), (-20, 25))
        for _ in range(rng.integers(2, 6)):  # lobules
            cx, cy = -rng.uniform(5, 40), front - rng.uniform(18, 42)
            win, e = canvas.ellipse(cx, cy, *rng.uniform(6, 14, 2), 2.0, rng.uniform(0, 3))
            canvas.paint(win, (e < 1) & canvas.cavity[win], hu + 8 * canvas.noise(3, win), "pancreas")
    if rng.random() < 0.45:
        y = front - rng.uniform(16, 32)
        points = [(-rng.uniform(40, 70), y + rng.uniform(0, 25)), (-rng.uniform(15, 30), y), (rng.uniform(0, 20), y),
                  (rng.uniform(25, 50), y - rng.uniform(-5, 15))]  # fmt: skip
        radius = u("geometry", (7, 12), (5, 16))
        win, e = canvas.worm(points[: rng.integers(2, 5)], radius)
        loop(canvas, draw, frame, (win, e + 0.06 * canvas.noise(8, win)), canvas.cavity, radius, y)


def vessels(canvas, draw, frame):
    """Aorta and vena cava, the mesenteric pair before them, and the small ones beside the psoas."""
    u, rng = draw.uniform, draw.rng
    front = frame.spine_y - frame.body_h
    blood = 42 + frame.contrast * rng.uniform(60, 260)
    vein = 42 + rng.uniform(0.3, 0.9) * (blood - 42)
    # Crura and nodes: soft tissue on the front and the sides of the vertebra that is not counted as muscle.
    for _ in range(rng.integers(0, 5)):
        t = rng.uniform(-0.5, np.pi + 0.5)
        cx, cy = (frame.body_w + 3) * np.cos(t), frame.spine_y - (frame.body_h + 4) * np.sin(t)
        node = canvas.ellipse(cx, cy, *u("geometry", (2, 5), (1.5, 8), 2), 2.0, rng.uniform(0, 3))
        canvas.fill(node, rng.uniform(20, 70), "vessel", canvas.cavity)
    for name, cx, r, tone in (("aorta", rng.uniform(0, 20), u("geometry", (8, 12), (6, 17)), blood),
                              ("vena cava", -rng.uniform(8, 28), u("geometry", (9, 14), (6, 17)), vein)):  # fmt: skip
        win, e = canvas.ellipse(cx, front - r * rng.uniform(0.8, 1.4), r, r * rng.uniform(0.6, 1.0))
        canvas.paint(win, (e < 1) & canvas.cavity[win], tone, "vessel")
        if name == "aorta" and draw.feature("calcification", "texture"):
            plaque = (np.abs(e - 0.93) < 0.07) & (canvas.noise(6, win) > 0.6)
            canvas.paint(win, plaque & canvas.cavity[win], rng.uniform(250, 900))
    if rng.random() < 0.8:  # mesenteric artery and vein
        x, y = rng.uniform(-12, 18), front - rng.uniform(28, 45)
        for dx, tone in ((0, blood), (-rng.uniform(9, 16), vein)):
            r = u("geometry", (3, 6), (2, 8))
            vessel = canvas.ellipse(x + dx, y + rng.uniform(-4, 4), r, r * rng.uniform(0.8, 1))
            canvas.fill(vessel, tone, "vessel", canvas.cavity)
    for i, side in enumerate(BOTH):  # ureter and gonadal vein on the front of the psoas; lumbar veins beside the body
        for _ in range(rng.integers(1, 4)):
            r = u("geometry", (1.2, 3), (1, 5))
            cx = side * (frame.body_w + rng.uniform(0, 1.7) * frame.muscles.psoas[i])
            cy = frame.spine_y - frame.muscles.psoas[i] * frame.muscles.psoas_ratio[i] * rng.uniform(0.8, 1.4)
            tone = rng.choice((15.0, vein, rng.uniform(20, 70)))
            canvas.fill(canvas.ellipse(cx, cy, r, r), tone, "vessel", canvas.cavity)


def organs(canvas, draw, frame):
    """All that fills the cavity, from back to front."""
    ascites = draw.feature("ascites")
    if ascites and draw.rng.random() < 0.5:
        fluid(canvas, draw, canvas.cavity)
    for organ in (small_bowel, pancreas_and_duodenum, colon, liver_and_spleen, kidneys, vessels):
        organ(canvas, draw, frame)
    if ascites:  # what is left of the fat floats in it
        fluid(canvas, draw, canvas.cavity & canvas.part("visceral fat"))
