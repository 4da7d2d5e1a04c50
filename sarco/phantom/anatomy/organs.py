"""What fills the cavity: fat, bowel, solid organs, vessels, fluid. All of it lies inside the mask `canvas.cavity`."""

import numpy as np

from ...base import box
from . import beside, bowel, contact
from .bowel import loop
from .frame import BOTH, EVERYWHERE, LOWER, UPPER
from .kidneys import kidneys


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


# --- solid organs ----------------------------------------------------------------------------------------------------


def liver_and_spleen(canvas, draw, frame):
    """The tips of liver (left of the image), gallbladder and spleen, lying on the wall; wide ones above L3."""
    u, rng = draw.uniform, draw.rng
    wide = draw.feature("liver on wall")
    if wide:
        on_wall(canvas, draw, frame, *rng.choice((("liver", -1), ("spleen", 1)), p=(0.75, 0.25)))
    for name, side, chances, hu in (("liver", -1, (0.35, 0.4), 55 + 50 * frame.contrast),
                                    ("spleen", 1, (0.05, 0.12), 48 + 65 * frame.contrast)):  # fmt: skip
        if frame.level < UPPER:
            chances = (0.6, 0.6) if side < 0 else (0.35, 0.35)
        elif frame.level > LOWER:
            chances = (0.04, 0.04) if side < 0 else (0, 0)
        if not draw.chance("surroundings", *chances) or wide:
            continue
        if frame.level < UPPER:
            on_wall(canvas, draw, frame, name, side)
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


def on_wall(canvas, draw, frame, name, side):
    """Liver or spleen over 3 to 12 cm of the wall with hardly anything between; in half as dense as the muscle."""
    rng = draw.rng
    liver = name == "liver"
    long, size = rng.uniform(*((40, 130) if liver else (30, 80))), rng.uniform(*((18, 75) if liver else (12, 45)))
    hidden = rng.uniform(0.3, 0.9) * size  # of the oval that the wall cuts off, so that it lies on all its length
    win, e = canvas.ring.patch(int(side), rng.uniform(0.9, 1.9), 0.6 * long / frame.half_width, -hidden, size + hidden,
                               rng.uniform(2, 2.6), reach=1.3)  # fmt: skip
    e = e + rng.uniform(0.02, 0.08) * canvas.noise(25)[win]
    shape = win, e = contact.lie(canvas, draw, frame, name, (win, e), (size + hidden) / 2)
    tone = frame.muscle_hu + rng.uniform(-10, 10)
    if rng.random() < 0.5:
        tone = 52 + 55 * frame.contrast + rng.uniform(-25, 20)
    canvas.fill(shape, tone + rng.uniform(1, 5) * canvas.noise(3, win), name)
    if liver and rng.random() < 0.5:  # metastases, some with a brighter rim
        inside = canvas.part(name)
        rows, columns = np.nonzero((e < 1) & inside[win])
        for k in rng.integers(0, max(1, rows.size), rng.integers(1, 7) if rows.size else 0):
            x, y = (axis[win][rows[k], columns[k]] for axis in (canvas.x, canvas.y))
            r = rng.uniform(2.5, 20)
            blob, near = canvas.ellipse(x, y, r, r * rng.uniform(0.7, 1.2))
            near = near + rng.uniform(0, 0.15) * canvas.noise(5, blob)
            dark = tone - rng.uniform(15, 60)
            canvas.fill((blob, near), dark + rng.uniform(0, 25) * np.clip(near, 0, 1) ** 4, where=inside)


def pancreas_and_duodenum(canvas, draw, frame):
    """The head of the pancreas, and the third part of the duodenum, which crosses before the great vessels."""
    u, rng = draw.uniform, draw.rng
    front = frame.spine_y - frame.body_h
    more = 2.2 if frame.level < UPPER else 0.25 if frame.level > LOWER else 1.0
    if rng.random() < 0.35 * more:
        hu = 40 + 60 * frame.contrast * rng.uniform(0.5, 1) + u("hu", (-5, 5), (-20, 25))
        for _ in range(rng.integers(2, 6)):  # lobules
            cx, cy = -rng.uniform(5, 40), front - rng.uniform(18, 42)
            win, e = canvas.ellipse(cx, cy, *rng.uniform(6, 14, 2), 2.0, rng.uniform(0, 3))
            canvas.paint(win, (e < 1) & canvas.cavity[win], hu + 8 * canvas.noise(3, win), "pancreas")
    if rng.random() < 0.45 * more:
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
    great = [("aorta", rng.uniform(0, 20), u("geometry", (8, 12), (6, 17)), blood),
             ("vena cava", -rng.uniform(8, 28), u("geometry", (9, 14), (6, 17)), vein)]  # fmt: skip
    if frame.level < UPPER:
        renal_veins(canvas, draw, frame, front, vein)
        great[1] = *great[1][:2], 1.2 * great[1][2], vein  # above the veins of the kidneys it is wider
    if frame.level > 0.7:  # below their fork
        great = forked(draw, great)
    for name, cx, r, tone in great:
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


def renal_veins(canvas, draw, frame, front, tone):
    """The veins from both kidneys to the vena cava, the left one before the aorta."""
    rng = draw.rng
    for side in BOTH:
        if rng.random() < 0.6:
            hilum = side * rng.uniform(45, 60), frame.spine_y - rng.uniform(5, 20)
            bend = side * rng.uniform(22, 34), front - rng.uniform(5, 18)
            end = -rng.uniform(8, 18), front - rng.uniform(14, 24)
            canvas.fill(canvas.worm([hilum, bend, end], rng.uniform(2.5, 6)), tone, "vessel", canvas.cavity)


def forked(draw, great):
    """The common iliac vessels in place of aorta and vena cava, which may join just below."""
    rng, apart = draw.rng, draw.rng.uniform(0.5, 1.6)
    return [(name, cx + half * apart * r * 1.2, r * rng.uniform(0.55, 0.8), tone)
            for name, cx, r, tone in great for half in BOTH]  # fmt: skip


def organs(canvas, draw, frame):
    """All that fills the cavity, from back to front."""
    canvas.begin(draw, "ascites")
    ascites = draw.feature("ascites")
    if ascites and draw.rng.random() < 0.5:
        fluid(canvas, draw, canvas.cavity)
    if "no fat" in draw.drawn:
        bowel.collapsed(canvas, draw, frame)
    for organ in (bowel.small_bowel, pancreas_and_duodenum, bowel.colon, liver_and_spleen, kidneys, vessels):
        canvas.begin(draw, organ.__name__, anew=organ in (bowel.small_bowel, bowel.colon))
        organ(canvas, draw, frame)
    if draw.wild("surroundings"):
        beside.beside(canvas, draw, frame)
    canvas.begin(draw, "fluid")
    if ascites:  # what is left of the fat floats in it
        fluid(canvas, draw, canvas.cavity & canvas.part("visceral fat"))
