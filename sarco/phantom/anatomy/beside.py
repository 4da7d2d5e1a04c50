"""What else lies on muscle with no fat between, in the wide draw: ureter, nodes, bowel, fluid, an omental cake."""

import numpy as np

from ..canvas import PARTS
from . import contact
from .bowel import loop
from .frame import BOTH, UPPER


def beside(canvas, draw, frame):
    """Each of these parts now and then."""
    rng = draw.rng
    parts = [(ureter, 0.15), (nodes, 0.12), (bowel_on_psoas, 0.25), (blood, 0.08), (omental_cake, 0.08)]
    if frame.level < UPPER:
        parts.append((adrenal, 0.15))
    for part, share in parts:
        if rng.random() < share:
            part(canvas, draw, frame)


def on_psoas(canvas, draw, frame, side, r):
    """Centre of what lies on the front of the psoas."""
    x = side * draw.rng.uniform(frame.body_w + 2, contact.bed(canvas, frame, side)[0])
    win = canvas.box
    here = (canvas.muscle[win] == PARTS.index("psoas")) & (np.abs(canvas.x[win] - x) < 2)
    front = float(canvas.y[win][here].min()) if here.any() else frame.spine_y - 20
    return x, front - 0.7 * r


def ureter(canvas, draw, frame):
    """A ureter that holds contrast or a stent, or is wide."""
    rng = draw.rng
    for side in BOTH:
        r = rng.uniform(1.2, 5)
        shape = canvas.ellipse(*on_psoas(canvas, draw, frame, side, r), r, r * rng.uniform(0.8, 1.2))
        shape = contact.lie(canvas, draw, frame, "vessel", shape, r)
        canvas.fill(shape, rng.choice((rng.uniform(150, 900), rng.uniform(0, 30))), "vessel")


def nodes(canvas, draw, frame):
    """A conglomerate of nodes about the great vessels, or along the psoas."""
    rng, side = draw.rng, int(draw.rng.choice(BOTH))
    tone = rng.uniform(25, 60) + 40 * frame.contrast * rng.random()
    x, y = on_psoas(canvas, draw, frame, side, 6)
    for _ in range(rng.integers(2, 9)):
        rx, ry = rng.uniform(3, 12, 2)
        shape = canvas.ellipse(x + rng.normal(0, 12), y + rng.normal(-2, 9), rx, ry, 2.0, rng.uniform(0, 3))
        canvas.fill(contact.lie(canvas, draw, frame, "vessel", shape, min(rx, ry)), tone, "vessel")


def bowel_on_psoas(canvas, draw, frame):
    """Loops of ileum on either psoas, or the duodenum on the right one."""
    rng = draw.rng
    for _ in range(rng.integers(1, 3)):
        side, r = int(rng.choice(BOTH)), rng.uniform(6, 14)
        x, y = on_psoas(canvas, draw, frame, side, r)
        win, e = canvas.worm([(x - rng.uniform(0, 14), y), (x + rng.uniform(0, 14), y + rng.uniform(-6, 3))], r)
        name = "duodenum" if side < 0 and rng.random() < 0.5 else "small bowel"
        shape = contact.lie(canvas, draw, frame, name, (win, e + 0.06 * canvas.noise(8, win)), r)
        wall_hu = frame.muscle_hu + rng.normal(0, 12) if rng.random() < 0.6 else None
        loop(canvas, draw, frame, shape, canvas.cavity, r, y, wall_hu)


def blood(canvas, draw, frame):
    """A rim of fluid or of blood behind the kidneys, on psoas and quadratus of one side."""
    rng, side, win = draw.rng, draw.rng.choice(BOTH), canvas.box
    here = (canvas.x[win] * side > 8) & (np.abs(canvas.y[win] - frame.spine_y) < 45) & canvas.cavity[win]
    near = contact.off_muscle(canvas) < rng.uniform(1.5, 9) * (1 + 0.5 * canvas.noise(15)[win])
    free = canvas.part("visceral fat", win)
    canvas.paint(win, here & near & free, rng.choice((rng.uniform(0, 20), rng.uniform(35, 70))), "fluid")


def omental_cake(canvas, draw, frame):
    """Tumour in the fat under the front wall: a lumpy sheet as dense as muscle."""
    rng = draw.rng
    size = rng.uniform(8, 28)
    place = rng.uniform(0, 0.7), rng.uniform(0.2, 0.7), -0.3 * size
    win, e = canvas.ring.patch(int(rng.choice(BOTH)), *place, 1.3 * size, 2.5, reach=1.3)
    lumps = canvas.noise(rng.uniform(4, 10))[win]
    shape = contact.lie(canvas, draw, frame, "colon", (win, e - 0.15 + 0.25 * lumps), size / 2)
    canvas.fill(shape, rng.uniform(20, 65) + 8 * lumps, "bowel")


def adrenal(canvas, draw, frame):
    """A thin limb of the adrenal, between the spine and the kidney."""
    rng, side = draw.rng, int(draw.rng.choice(BOTH))
    x, y = side * rng.uniform(28, 45), frame.spine_y - rng.uniform(15, 35)
    limb = [(x, y), (x + side * rng.uniform(5, 14), y + rng.uniform(8, 18))]
    canvas.fill(canvas.worm(limb, rng.uniform(2, 4)), 30 + 50 * frame.contrast, "vessel", canvas.cavity)
