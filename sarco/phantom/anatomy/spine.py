"""The lumbar vertebra with its arch, processes and ligaments."""

import numpy as np

from ...base import box
from .frame import BOTH


def spine(canvas, draw, frame):
    """Vertebral body or disc, canal, arch, facets, transverse and spinous processes, and the ligaments behind."""
    u, rng = draw.uniform, draw.rng
    vy, bh = frame.spine_y, frame.body_h
    arch_y = vy + bh + u("geometry", (8, 12), (6, 16))
    ligaments(canvas, draw, frame, arch_y)
    if draw.feature("dense ligament"):
        dense_ligament(canvas, draw, frame, arch_y)
    rimmed = draw.feature("process rim")
    if draw.chance("geometry", 0.9, 0.8) or rimmed:
        transverse_processes(canvas, draw, frame)
    arch(canvas, draw, frame, arch_y)
    vertebral_body(canvas, draw, frame)
    win, e = canvas.ellipse(0, arch_y - u("geometry", (1, 3), (0, 4)), u("geometry", (9, 12), (7, 14)),
                            u("geometry", (7, 9), (5, 11)), 2.2)  # fmt: skip
    canvas.paint(win, e < 1, u("hu", (10, 35), (-20, 60)), "spinal canal")
    if rng.random() < 0.4:  # epidural fat behind the dural sac
        canvas.paint(win, (e < 1) & (canvas.y[win] > arch_y + 3), frame.fat_hu)
    spinous_process(canvas, draw, frame, arch_y)


def vertebral_body(canvas, draw, frame):
    """Cortex and marrow, or the disc between two bodies; sometimes with bone spurs."""
    u, rng = draw.uniform, draw.rng
    vy, bw, bh = frame.spine_y, frame.body_w, frame.body_h
    if draw.chance("geometry", 0.15, 0.25):  # spurs at the front corners
        for _ in range(rng.integers(1, 4)):
            t = rng.uniform(-0.2, np.pi + 0.2)
            spur = canvas.ellipse(bw * np.cos(t), vy - bh * np.sin(t), *rng.uniform(2, 5, 2))
            canvas.fill(spur, frame.bone_hu, "bone")
    win, e = canvas.ellipse(0, vy, bw, bh, u("geometry", (2.2, 2.7), (2, 3)))
    # The back of the body is hollowed by the canal.
    e = e + u("geometry", (0.0, 0.12), (0.0, 0.2)) * np.exp(-((canvas.x[win] / 9) ** 2)) * (canvas.y[win] > vy)
    if draw.chance("geometry", 0.08, 0.15):
        canvas.paint(win, e < 1, rng.uniform(60, 120) + 8 * canvas.noise(5, win), "disc")
        return
    canvas.paint(win, e < 1, frame.bone_hu, "bone")
    marrow = u("hu", (110, 210), (50, 330)) + u("texture", (8, 25), (0, 60)) * canvas.noise(2.2, win)
    canvas.paint(win, e < u("texture", (0.91, 0.95), (0.85, 0.97)), marrow)


def transverse_processes(canvas, draw, frame):
    """Two bars that taper to the side and lean back; often only partly in the slice."""
    u, rng = draw.uniform, draw.rng
    y0 = frame.spine_y + 0.85 * frame.body_h
    for side in BOTH:
        if draw.chance("geometry", 0.05, 0.15) and "process rim" not in draw.drawn:
            continue
        # Those of L3 are the longest.
        length = u("geometry", (34, 46), (24, 56)) * (1 - 0.18 * min(abs(frame.level), 1))
        half = u("geometry", (2, 4), (1.5, 5.5))
        back = u("geometry", (0, 9), (-5, 16))
        knee = rng.uniform(0.5, 0.7)
        bend = side * length * knee, y0 + back * rng.uniform(0.1, 0.6)
        points = [(side * 10, y0), bend, (side * length, y0 + back)]
        dense = frame.bone_hu * u("hu", (0.35, 0.95), (0.15, 1.1))  # less where the slice cuts it half
        marrow = half > 3
        if "process rim" in draw.drawn:
            rim(canvas, draw, frame, lambda mm, points=points, half=half: canvas.worm(points, 0.85 * half + mm))
            if rng.random() < 0.4:  # it ends within the slice: nothing but a smear is left
                dense, marrow = rng.uniform(70, 160), False
        for stretch, radius in ((points[:2], half), (points[1:], half * u("geometry", (0.5, 0.9), (0.3, 1.2)))):
            win, e = canvas.worm(stretch, radius)
            canvas.paint(win, e < 1, dense, "bone")
            if marrow:
                canvas.paint(win, e < 0.45, dense * rng.uniform(0.4, 0.9))


def arch(canvas, draw, frame, arch_y):
    """Pedicles and laminae around the canal, and the facet joints."""
    u, rng = draw.uniform, draw.rng
    cortex = frame.bone_hu
    within = canvas.ellipse(0, arch_y, u("geometry", (15, 19), (12, 22)), u("geometry", (11, 14), (9, 17)))
    canvas.fill(within, u("hu", (-40, 60), (-90, 80)), "ligament")  # fat and ligamentum flavum
    wide, roof = u("geometry", (15, 19), (12, 23)), arch_y + u("geometry", (10, 14), (8, 18))
    thick = u("geometry", (3.0, 4.5), (2.2, 6.5))
    for side in BOTH:
        if draw.chance("geometry", 0.85, 0.75):  # the pedicle; between two of them lies the foramen of a nerve
            ends = (side * wide * 0.95, frame.spine_y + 0.6 * frame.body_h), (side * wide, arch_y)
            pedicle = canvas.worm(ends, thick * rng.uniform(0.8, 1.3))
            canvas.fill(pedicle, cortex * rng.uniform(0.5, 0.9), "bone")
        win, e = canvas.worm([(side * wide, arch_y - 1), (side * wide * 0.7, (arch_y + roof) / 2 + 2),
                              (side * rng.uniform(0, 4), roof)], thick)  # fmt: skip
        canvas.paint(win, e < 1, cortex * rng.uniform(0.7, 1.0), "bone")
        canvas.paint(win, e < rng.uniform(0, 0.6), u("hu", (150, 350), (60, 400)))
        if rng.random() < 0.65:  # facet joint: two dense surfaces and a gap
            cx, cy = side * wide * u("geometry", (1.0, 1.3), (0.9, 1.5)), arch_y + rng.uniform(1, 10)
            angle = side * rng.uniform(0.2, 0.9)
            rx, ry = u("geometry", (5, 8), (3, 11), 2)
            win, e = canvas.ellipse(cx, cy, rx, ry, 2.2, angle)
            if "process rim" in draw.drawn:
                rim(canvas, draw, frame, lambda mm, cx=cx, cy=cy, rx=rx, ry=ry, angle=angle: canvas.ellipse(
                    cx, cy, rx + mm, ry + mm, 2.2, angle))  # fmt: skip
            canvas.paint(win, e < 1, cortex * rng.uniform(0.7, 1.2), "bone")
            canvas.paint(win, e < rng.uniform(0, 0.7), rng.uniform(80, 300))
            if rng.random() < 0.6:
                gap = canvas.ellipse(cx, cy, rng.uniform(0.4, 1.2), rng.uniform(4, 9), 2.0, angle)
                canvas.fill(gap, rng.uniform(-50, 150), where=canvas.part("bone"))


def spinous_process(canvas, draw, frame, arch_y):
    """The process in the midline: whole, its tip alone, or, between two vertebrae, none."""
    u, rng = draw.uniform, draw.rng
    # Between two processes there is more of the ligament.
    shares = (0.1, 0.35, 0.55) if "dense ligament" in draw.drawn else (0.6, 0.25, 0.15)
    kind = rng.choice(("whole", "tip", "none"), p=shares)
    if kind == "none":
        return
    tip = arch_y + u("geometry", (24, 36), (14, 46))
    half, lean = u("geometry", (2.5, 4.5), (2, 6)), rng.uniform(-3, 3)
    start = arch_y + 10 if kind == "whole" else tip - rng.uniform(1, 8)
    win, e = canvas.worm([(lean * 0.3, start), (lean, tip)], half)
    canvas.paint(win, e < 1, frame.bone_hu * rng.uniform(0.5, 0.95), "bone")
    canvas.paint(win, e < rng.uniform(0, 0.6), u("hu", (120, 300), (50, 400)))
    if rng.random() < 0.65:
        knob = canvas.ellipse(lean, tip, half * rng.uniform(1.2, 2.0), half * rng.uniform(1, 2.2))
        canvas.fill(knob, frame.bone_hu * rng.uniform(0.6, 1.1), "bone")


def ligaments(canvas, draw, frame, arch_y):
    """Ligament and fat between the muscles of both sides: a wedge behind the arch, as dense as fat or as muscle."""
    u, rng = draw.uniform, draw.rng
    gap, wedge = u("geometry", (0.5, 2), (0, 4)), u("geometry", (2, 8), (0, 12))
    # The window holds the wedge at its widest, with bumps of up to a centimetre.
    win = box.around((np.abs(canvas.x) < gap + wedge + 10) & (canvas.y > arch_y + 4))
    x, y = canvas.x[win], canvas.y[win]
    behind = np.clip((y - arch_y - 8) / u("geometry", (10, 22), (6, 30)), 0, 1)
    half = gap + wedge * (1 - behind)
    bumps = canvas.noise(5)[win]
    midline = (np.abs(x + bumps) < half) & (y > arch_y + 4) & (canvas.hu[win] > -300)
    midline &= ~canvas.part("skin", win) & ~canvas.part("subcutaneous fat", win)
    tone = rng.uniform(frame.fat_hu, 60) + rng.uniform(0, 40) * bumps
    canvas.paint(win, midline, tone, "ligament")


def dense_ligament(canvas, draw, frame, arch_y):
    """Interspinous and supraspinous ligament and the septum behind, or a scar, as dense as the muscles beside them."""
    rng = draw.rng
    tone = rng.choice((rng.uniform(30, 80), frame.muscle_hu + rng.normal(0, 8)))
    grain = rng.uniform(0, 8)
    lean, tip = rng.uniform(-3, 3), arch_y + rng.uniform(22, 40)
    back = tip + rng.uniform(1, 14)  # where the fasciae of both sides meet
    shapes = [
        canvas.worm([(0, arch_y + 6), (lean * 0.5, (arch_y + tip) / 2), (lean, tip)], rng.uniform(1.5, 5)),
        canvas.worm([(lean, tip), (lean * 0.5, back)], rng.uniform(0.8, 3)),
        canvas.ellipse(lean * 0.5, back, rng.uniform(3, 9), rng.uniform(1.5, 5)),
    ]
    if rng.random() < 0.25:  # a scar after an operation, at times up to the skin; it can be told from the muscle
        tone = frame.muscle_hu + rng.choice(BOTH) * rng.uniform(12, 30)
        shapes.append(canvas.ellipse(rng.uniform(-4, 4), arch_y + rng.uniform(14, 28), rng.uniform(5, 11),
                                     rng.uniform(8, 20), 2.2, rng.uniform(-0.3, 0.3)))  # fmt: skip
        if rng.random() < 0.6:
            shapes.append(canvas.worm([(0, arch_y + 20), (lean, back + frame.back)], rng.uniform(1, 4)))
    for win, level in shapes:
        here = (level + 0.25 * canvas.noise(6, win) < 1) & (canvas.y[win] > arch_y + 4)
        here &= ~canvas.part("skin", win) & ~canvas.part("air", win) & ~canvas.part("table", win)
        canvas.paint(win, here, tone + grain * canvas.noise(2.5, win), "ligament")


def rim(canvas, draw, frame, grown):
    """Soft tissue as dense as muscle around a process: its periosteum, tendons, and what the slice cuts of it.

    `grown` gives the shape of the process, so many mm larger.
    """
    rng, mm = draw.rng, draw.rng.uniform(1, 4)
    layers = [(mm, frame.muscle_hu + rng.uniform(5, 60))]  # bone that the slice cuts makes it brighter than muscle
    if rng.random() < 0.4:  # a line of fat parts it from the muscle
        layers.insert(0, (mm + rng.uniform(0.5, 1.2), frame.fat_hu + rng.uniform(0, 50)))
    for reach, tone in layers:
        win, level = grown(reach)
        here = (level + 0.15 * canvas.noise(5, win) < 1) & ~canvas.part("bone", win) & ~canvas.part("air", win)
        canvas.paint(win, here, tone + 8 * canvas.noise(3, win), "ligament")
