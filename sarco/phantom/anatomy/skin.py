"""Skin, subcutaneous fat with its septa and its oedema, and the fasciae."""

import numpy as np
from scipy import ndimage

from ...base import box
from ..canvas import superellipse, within_superellipse
from .frame import BOTH, EVERYWHERE


def body(canvas, draw, frame):
    """Skin and subcutaneous fat with septa, small vessels, oedema and scars.

    Returns
    -------
    inside, deep : ndarray of bool
        The body, and the body without its skin.
    """
    u, rng = draw.uniform, draw.rng
    offset, width, depth = frame.skin
    near = (np.abs(canvas.x) < float(width) + 10) & (np.abs(canvas.y - float(offset)) < float(depth) + 10)
    canvas.box = win = box.around(near)
    x, y = canvas.x[win], canvas.y[win]
    groove = u("geometry", (2, 8), (0, 14)) * np.exp(-((x / 24) ** 2)) * (y > 0)
    bent = y - offset + groove
    inside, deep = np.zeros((2, *canvas.shape), bool)
    inside[win] = within_superellipse(x, bent, width, depth, frame.power)
    skin_mm = u("geometry", (1.4, 2.4), (0.8, 4.5))
    deep[win] = here = within_superellipse(x, bent, width - skin_mm, depth - skin_mm, frame.power)
    canvas.paint(win, inside[win], u("hu", (-10, 30), (-40, 60)), "skin")
    fat = frame.fat_hu + canvas.noise(6)[win] * u("texture", (1, 3), (0, 6))
    canvas.paint(win, here, fat, "subcutaneous fat")
    # Fibrous septa and small vessels: thin ridges where a smooth field crosses zero.
    septa = np.abs(canvas.noise(rng.uniform(8, 20))[win]) < u("texture", (0.02, 0.06), (0, 0.12))
    septa &= canvas.noise(25)[win] > u("texture", (-0.6, 0.6), (-2, 1))
    canvas.paint(win, here & septa, canvas.hu[win] + u("texture", (15, 45), (5, 80)))
    if draw.feature("oedema", "texture"):
        wet = canvas.noise(rng.uniform(2.5, 8))[win] > u("texture", (0.8, 2.0), (0.5, 2.2))
        lower = y > rng.uniform(-0.6, 0.8) * frame.half_depth  # fluid sinks to where the patient lies
        canvas.paint(win, here & wet & lower, u("texture", (-60, -10), (-70, 20)))
    for _ in range(rng.poisson(u("surroundings", (0, 2), (0, 6)))):  # scars, injection sites, lymph nodes
        x = rng.uniform(-0.9, 0.9) * frame.half_width
        edge = frame.half_depth * np.sqrt(1 - (x / frame.half_width) ** 2)
        cy = rng.choice((-1, -1, 1)) * (edge + rng.uniform(1, max(2.0, frame.front)))
        scar = canvas.ellipse(x, cy, *rng.uniform(2, 9, 2))
        canvas.fill(scar, rng.uniform(-60, 60), where=canvas.part("subcutaneous fat"))
    return inside, deep


def fasciae(canvas, draw, frame, deep):
    """Thin sheets: the aponeuroses in front and behind, the membranous layer of the subcutaneous fat."""
    u, win = draw.uniform, canvas.box
    y, depth, angle, deep = canvas.y[win], canvas.ring.depth[win], canvas.ring.angle[win], deep[win]

    def sheet(where, distance, half):
        canvas.paint(win, where & deep & (np.abs(distance) < half), u("texture", (-20, 40), (-70, 60)), "fascia")

    bumps = canvas.noise(18)[win]
    # The aponeurosis on which the wall ends, in front (linea alba) and behind (towards the quadratus).
    if draw.chance("texture", 0.95, 0.8):
        front = (angle < 1.2) | (angle > 2.1)
        sheet(front, depth - 0.7, u("texture", (0.4, 1.0), (0.2, 2.0)))
    # The thoracolumbar fascia behind the back muscles, with a little fat beneath it.
    if draw.chance("texture", 0.8, 0.7):
        behind = (y > frame.spine_y + 15) & (angle > 2.2)
        sheet(behind, depth + u("texture", (1, 4), (0, 10)) + bumps, u("texture", (0.3, 0.8), (0.2, 1.6)))
    # The membranous layer, midway between skin and muscle.
    if draw.chance("texture", 0.6, 0.6):
        share = u("texture", (0.35, 0.6), (0.2, 0.8))
        upright = np.abs(np.cos(angle))
        away = np.where(y < 0, frame.front, frame.back) * upright + frame.flank * (1 - upright)
        whole = bumps > u("texture", (-1.0, 0.5), (-2, 1))
        sheet(whole & (away > 10), depth + share * away + 1.5 * bumps, u("texture", (0.2, 0.5), (0.1, 1.0)))
    if draw.feature("back oedema"):
        back_oedema(canvas, draw, frame, deep)


def back_oedema(canvas, draw, frame, deep):
    """Fluid along the fascia behind back muscles and flanks, and strands in the fat between it and the skin.

    With the fascia it looks like one more layer of the muscle that it lies on. `deep`, over `canvas.box`, is what is
    neither skin nor muscle.
    """
    rng, ring, win = draw.rng, canvas.ring, canvas.box
    behind = (ring.angle[win] > 1.4) & (ring.depth[win] < 3)
    part = box.around(behind)
    win, here = box.within(win, part), (deep & behind)[part]
    muscle = canvas.part("subcutaneous fat", win) & ~deep[part]  # it is painted later
    away = ndimage.distance_transform_edt(~muscle).astype(np.float32) * np.float32(canvas.px)
    # Fluid sinks to where the patient lies: on the whole back, or more on one side.
    wet = np.clip((ring.angle[win] - rng.uniform(1.4, 2.2)) / 0.5, 0, 1)
    if rng.random() < 0.4:
        wet *= np.clip(0.5 + rng.choice(BOTH) * canvas.x[win] / 70, 0, 1)
    haze = rng.uniform(0, 45) * wet * np.clip(1 + 0.7 * canvas.noise(15, win), 0, 2)
    canvas.paint(win, here, canvas.hu[win] + haze)
    patchy, dense = canvas.noise(18, win), rng.uniform(-20, 60)
    net = np.minimum(*(np.abs(canvas.noise(rng.uniform(4, 10), win)) for _ in range(2)))
    strands = (net < rng.uniform(0.08, 0.3) * wet) & (patchy > rng.uniform(-1.5, 0.5))
    canvas.paint(win, here & strands & (away < rng.uniform(0.4, 1.2) * frame.back), dense)
    start = rng.uniform(-1, 2.5)
    end = start + rng.uniform(2, 10) * wet * np.clip(1 + 0.5 * canvas.noise(25, win), 0.1, 2)
    layer = here & (away > start) & (away < end)
    canvas.paint(win, layer, rng.uniform(-20, 25) + 5 * canvas.noise(3, win), "fluid")
    fascia = here & (wet > 0) & (np.abs(away - end) < rng.uniform(0.3, 1.2))
    canvas.paint(win, fascia, rng.uniform(0, 60), "fascia")


def cover(canvas, draw, frame):
    """Cloth over the belly, and cables or lines that lie on the skin."""
    u, rng = draw.uniform, draw.rng
    offset, width, depth = frame.skin
    if draw.feature("blanket"):
        cloth = canvas.part("air") & (canvas.y < offset + 0.3 * depth)
        rim = superellipse(canvas.x[cloth], canvas.y[cloth] - offset, width + 6, depth + 6, frame.power)
        fold = np.abs(rim - 1 - 0.03 * canvas.noise(40)[cloth])
        cloth[cloth] = fold < u("surroundings", (0.002, 0.006), (0.002, 0.015))
        canvas.paint(EVERYWHERE, cloth, u("surroundings", (-900, -500), (-900, -50)), "table")
    for _ in range(rng.poisson(u("surroundings", (0, 0.6), (0, 2)))):
        side, t = rng.choice(BOTH), rng.uniform(0, 1.5)
        x, y = side * (width + 3) * np.sin(t), offset - (depth + 3) * np.cos(t)
        line = canvas.ellipse(x, y, *rng.uniform(1, 3, 2))
        canvas.fill(line, rng.uniform(-100, 900), "foreign body", canvas.part("air"))
