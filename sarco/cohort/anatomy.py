"""The parts of an axial slice at mid-L3, each a small function that paints one part on the canvas.

Order is anatomy seen from outside in: later parts lie over earlier ones. Lengths are millimetres on the canvas, the
ring of abdominal muscle is centred on the origin, and `side` is -1 (left of the image) or +1. Each draw names its
reference range first and its randomised range second. The ranges come from `population.py`'s sources and from plain
anatomy; the randomised ones are wider than nature on purpose, so that real CT is one more variation to a network.
"""

from dataclasses import dataclass

import numpy as np

from .canvas import superellipse

BOTH = (-1, 1)


@dataclass
class Frame:
    """The proportions that the parts share."""

    half_width: float  # of the muscle ring
    half_depth: float
    power: float  # squareness of the ring
    front: float  # subcutaneous fat
    flank: float
    back: float
    spine_y: float  # centre of the vertebral body
    body_w: float  # vertebral body, half axes
    body_h: float
    fat_hu: float
    muscle_hu: float
    bone_hu: float
    contrast: float  # 0 plain to 1 full enhancement

    @property
    def skin(self):
        """Centre y and half axes of the skin outline."""
        return (
            (self.back - self.front) / 2,
            self.half_width + self.flank,
            self.half_depth + (self.front + self.back) / 2,
        )


def draw_frame(draw, subject):
    """Draw a body; in the reference setting its size follows the subject's sex, muscle and adiposity."""
    u = draw.uniform
    man = subject.sex == "M"
    obesity = subject.adiposity
    if draw.wild("geometry"):
        fats = draw.rng.gamma(1.5, 9.0, 3) + np.array([2, 2, 4])
        half_width, half_depth = u("geometry", (), (112, 158)), u("geometry", (), (74, 122))
    else:
        fat = np.exp(0.45 * obesity) * (0.75 if man else 1.15)
        fats = fat * draw.rng.uniform((12, 10, 14), (22, 20, 28))
        half_width = (134 if man else 122) + 7 * obesity + 0.12 * (subject.area_cm2 - 130) + draw.rng.normal(0, 4)
        half_depth = (92 if man else 80) + 9 * obesity + 0.07 * (subject.area_cm2 - 130) + draw.rng.normal(0, 4)
        half_width, half_depth = np.clip(half_width, 108, 172), np.clip(half_depth, 70, 132)
    muscle_hu = u("hu", (0, 0), (17, 70)) if draw.wild("hu") else subject.muscle_hu + 5.0
    contrast = draw.rng.random() if draw.wild("hu") else {"plain": 0.0, "arterial": 1.0, "portal": 0.75}[subject.phase]
    return Frame(
        half_width, half_depth, u("geometry", (2.1, 2.5), (1.95, 2.75)), *fats,
        # The back muscles end where the ring does: the spine's place follows from the depth of the body.
        spine_y=max(half_depth - u("geometry", (70, 80), (54, 92)), -0.3 * half_depth),
        body_w=u("geometry", (22, 26), (19, 29)) * (1.0 if man else 0.92),
        body_h=u("geometry", (16, 19), (13, 21)) * (1.0 if man else 0.92),
        fat_hu=u("hu", (-112, -98), (-122, -82)), muscle_hu=muscle_hu,
        bone_hu=u("hu", (350, 600), (220, 800)), contrast=contrast,
    )  # fmt: skip


# --- outside the body -----------------------------------------------------------------------------------------------


def table(canvas, draw, frame):
    """The couch below the patient: one or two thin curved shells."""
    u, (offset, _, depth) = draw.uniform, frame.skin
    for _ in range(draw.rng.integers(1, 3)):
        y = offset + depth + u("surroundings", (2, 14), (-2, 40))
        curve = u("surroundings", (0.0002, 0.0010), (-0.0004, 0.0018))
        shell = np.abs(canvas.y - (y - curve * canvas.x**2)) < u("surroundings", (0.7, 1.5), (0.6, 4))
        canvas.paint(np.s_[:, :], shell, u("surroundings", (-400, 300), (-850, 400)))


def blanket(canvas, draw, frame):
    """A fold of cloth over the belly, and lines that cross it."""
    u, (offset, width, depth) = draw.uniform, frame.skin
    rim = superellipse(canvas.x, canvas.y - offset, width + 6, depth + 6, frame.power)
    fold = np.abs(rim - 1 - 0.03 * canvas.noise(40)) < u("surroundings", (0.002, 0.006), (0.002, 0.015))
    canvas.paint(np.s_[:, :], fold & (canvas.y < offset + 0.3 * depth), u("surroundings", (-900, -500), (-900, -50)))


def limb(canvas, draw, frame, cx, cy, radius, bones):
    """A forearm, upper arm, wrist or hand: skin, fat, muscle that is not of the abdomen, and bones."""
    u, rng = draw.uniform, draw.rng
    power, ratio, angle = u("surroundings", (2, 2.2), (1.9, 2.8)), rng.uniform(0.6, 1.0), rng.uniform(-0.8, 0.8)
    win, level = canvas.ellipse(cx, cy, radius, radius * ratio, power, angle)
    outside = canvas.hu[win] < -300
    canvas.paint(win, outside & (level < 1), rng.uniform(-20, 50))
    canvas.paint(win, outside & (level < 0.94), frame.fat_hu)
    canvas.paint(win, outside & (level < rng.uniform(0.6, 0.9)), frame.muscle_hu + rng.normal(5, 8))
    for i in range(bones):
        along = (i - (bones - 1) / 2) * radius * 1.3 / max(bones, 2)
        bx, by = cx + along * np.cos(angle), cy + along * np.sin(angle)
        size = radius * rng.uniform(0.16, 0.28) * (2.2 / max(bones, 2))
        bwin, b = canvas.ellipse(bx, by, size, size * rng.uniform(0.7, 1))
        canvas.paint(bwin, b < 1, frame.bone_hu * rng.uniform(0.9, 1.8))
        canvas.paint(bwin, b < rng.uniform(0.3, 0.7), rng.uniform(-60, 200))


def arms(canvas, draw, frame):
    """Arms beside the body."""
    _, width, _ = frame.skin
    for side in BOTH:
        if draw.rng.random() < 0.75:
            radius = draw.uniform("surroundings", (26, 38), (20, 46))
            gap = draw.uniform("surroundings", (4, 25), (-4, 40))
            limb(canvas, draw, frame, side * (width + radius + gap), draw.rng.uniform(-60, 60), radius,
                 draw.rng.integers(1, 3))  # fmt: skip


def hands(canvas, draw, frame):
    """A hand or a forearm lying on the belly, whose muscle must not be counted."""
    offset, _, depth = frame.skin
    for _ in range(draw.rng.integers(1, 3)):
        radius = draw.uniform("surroundings", (22, 34), (14, 42))
        x = draw.rng.uniform(-0.75, 0.75) * frame.half_width
        rim = offset - depth * np.sqrt(max(0.05, 1 - (x / (frame.half_width + frame.flank)) ** 2))
        limb(canvas, draw, frame, x, rim - radius * draw.rng.uniform(0.45, 0.8), radius, draw.rng.integers(1, 5))


# --- body and fat ----------------------------------------------------------------------------------------------------


def body(canvas, draw, frame):
    """Skin, subcutaneous fat with its septa, vessels and oedema. Returns the mask of the body and of its deep part."""
    u, rng = draw.uniform, draw.rng
    offset, width, depth = frame.skin
    groove = u("geometry", (2, 8), (0, 14)) * np.exp(-((canvas.x / 24) ** 2)) * (canvas.y > 0)
    y = canvas.y - offset + groove
    level = superellipse(canvas.x, y, width, depth, frame.power)
    inside = level < 1
    skin_mm = u("geometry", (1.4, 2.4), (0.8, 4.5))
    deep = superellipse(canvas.x, y, width - skin_mm, depth - skin_mm, frame.power) < 1
    canvas.hu[inside] = u("hu", (-10, 30), (-40, 60))
    everywhere = np.s_[:, :]
    fat = frame.fat_hu + canvas.noise(6) * u("texture", (1, 3), (0, 6))
    canvas.paint(everywhere, deep, fat)
    # Fibrous septa and small vessels: thin ridges where two smooth fields cross zero.
    septa = np.abs(canvas.noise(rng.uniform(8, 20))) < u("texture", (0.02, 0.06), (0, 0.12))
    canvas.paint(everywhere, deep & septa, canvas.hu + u("texture", (15, 45), (5, 80)))
    if draw.chance("texture", 0.12, 0.35):
        wet = canvas.noise(rng.uniform(2.5, 8)) > u("texture", (1.2, 2.2), (0.6, 2.2))
        canvas.paint(everywhere, deep & wet, u("texture", (-60, -10), (-70, 20)))
    for _ in range(rng.poisson(u("surroundings", (0, 2), (0, 6)))):
        x = rng.uniform(-0.9, 0.9) * frame.half_width
        sign = rng.choice((-1, -1, 1))
        edge = frame.half_depth * np.sqrt(1 - (x / frame.half_width) ** 2)
        win, e = canvas.ellipse(x, sign * (edge + rng.uniform(1, max(2.0, frame.front))), *rng.uniform(2, 9, 2))
        canvas.paint(win, (e < 1) & deep[win], rng.uniform(-60, 60))
    return inside, deep


# --- muscle ----------------------------------------------------------------------------------------------------------


@dataclass
class Muscles:
    """Sizes of the muscles, one entry a side; `scale` makes all of them larger or smaller together."""

    lateral: np.ndarray
    rectus: np.ndarray
    rectus_reach: np.ndarray
    linea_alba: float
    semilunar: np.ndarray
    wall_end: np.ndarray
    front_share: float
    bulge: float
    psoas: np.ndarray
    psoas_ratio: np.ndarray
    psoas_shift: np.ndarray
    quadratus: np.ndarray
    erector_w: np.ndarray
    erector_h: np.ndarray
    erector_drop: float
    erector_power: float
    multifidus: np.ndarray
    present: np.ndarray  # (2, 5): wall, rectus, psoas, quadratus, erector
    scale: float = 1.0


def draw_muscles(draw, frame):
    """Draw the proportions of the muscles; each side deviates a little, or much in atrophy of one side."""
    u, rng = draw.uniform, draw.rng
    uneven = u("geometry", (0.02, 0.08), (0.02, 0.22))
    grow = rng.uniform(0.8, 1.3) if draw.wild("geometry") else 1.0

    def pair(reference, randomised):
        return u("geometry", reference, randomised) * np.exp(rng.normal(0, uneven, 2)) * np.sqrt(grow)

    present = np.ones((2, 5))
    if draw.chance("geometry", 0.02, 0.12):
        present[rng.integers(2), rng.integers(5)] = rng.uniform(0.15, 0.6)
    return Muscles(
        lateral=pair((17, 26), (9, 30)), rectus=pair((8, 12), (5, 17)),
        rectus_reach=pair((62, 80), (42, 92)) / np.sqrt(grow), linea_alba=u("geometry", (3, 16), (1, 40)),
        semilunar=pair((0.01, 0.05), (-0.06, 0.14)), wall_end=np.clip(pair((2.2, 2.5), (1.9, 2.65)), 1.6, 2.7),
        front_share=u("geometry", (0.4, 0.7), (0.25, 0.95)), bulge=u("geometry", (0.6, 1.2), (0.4, 2.0)),
        psoas=pair((16, 21), (10, 29)), psoas_ratio=pair((1.05, 1.5), (0.8, 1.8)),
        psoas_shift=u("geometry", (-2, 8), (-10, 16), 2), quadratus=pair((13, 20), (8, 27)),
        erector_w=pair((34, 40), (24, 46)), erector_h=pair((20, 27), (13, 32)),
        erector_drop=u("geometry", (36, 44), (30, 50)), erector_power=u("geometry", (2.2, 2.7), (1.9, 3.1)),
        multifidus=pair((13, 18), (8, 21)), present=present,
    )  # fmt: skip


def ring(canvas, frame):
    """Depth below the outer edge of the muscle ring (mm), and the angle from the front (0) to the back (pi)."""
    level = superellipse(canvas.x, canvas.y, frame.half_width, frame.half_depth, frame.power)
    radius = np.hypot(canvas.x, canvas.y)
    depth = radius * (1 / np.maximum(level, 1e-3) - 1)
    angle = np.arctan2(np.abs(canvas.x) / frame.half_width, -canvas.y / frame.half_depth)
    return depth, angle


def wall(canvas, frame, muscles, depth, angle):
    """Thickness (mm) of the abdominal wall at each pixel, and how far along the lateral part it lies (0 to 1)."""
    thickness = np.zeros(canvas.shape, np.float32)
    along = np.full(canvas.shape, -1, np.float32)
    for i, side in enumerate(BOTH):
        half = (canvas.x * side > 0) & (depth > -3) & (depth < 50)
        phi, x = angle[half], np.abs(canvas.x[half])
        edge = np.arcsin(min(0.95, muscles.rectus_reach[i] / frame.half_width))
        s = muscles.scale
        # Rectus: a flat lens between the linea alba and the semilunar line, in front only.
        middle = (muscles.linea_alba / 2 + muscles.rectus_reach[i]) / 2
        lens = 1 - (np.abs(x - middle) / max(4.0, middle - muscles.linea_alba / 2)) ** 4
        rectus = s * muscles.rectus[i] * muscles.present[i, 1] * np.sqrt(np.clip(lens, 0, None)) * (phi < np.pi / 2)
        t = (phi - edge - muscles.semilunar[i]) / (muscles.wall_end[i] - edge - muscles.semilunar[i])
        belly = muscles.front_share + (1 - muscles.front_share) * np.sin(np.pi * np.clip(t, 0, 1)) ** muscles.bulge
        taper = np.sqrt(np.clip(np.minimum(t / 0.06, (1 - t) / 0.22), 0, 1))
        lateral = s * muscles.lateral[i] * muscles.present[i, 0] * belly * taper
        thickness[half] = np.maximum(rectus, lateral)
        along[half] = t
    return thickness, along


def deep_muscles(canvas, frame, muscles):
    """Psoas, quadratus lumborum, erector spinae and multifidus: a list of (window, level)."""
    parts = []
    vy, bw = frame.spine_y, frame.body_w
    for i, side in enumerate(BOTH):
        s, here = muscles.scale, muscles.present[i]
        r = s**0.5 * muscles.psoas[i] * here[2] ** 0.5
        parts.append(canvas.ellipse(side * (bw + 0.78 * r), vy + muscles.psoas_shift[i], r * 0.9,
                                    r * muscles.psoas_ratio[i], 2.2, side * 0.25))  # fmt: skip
        q = s**0.5 * muscles.quadratus[i] * here[3] ** 0.5
        parts.append(canvas.ellipse(side * (bw + 0.78 * r + 0.75 * q + 16), vy + 17 + muscles.psoas_shift[i] * 0.4,
                                    q, q * 0.48, 2.2, side * 0.15))  # fmt: skip
        w, h = s**0.35 * muscles.erector_w[i], s**0.65 * muscles.erector_h[i] * here[4] ** 0.5
        y = vy + muscles.erector_drop - 6 + h * 0.35
        parts.append(canvas.ellipse(side * (w + 3), y, w, h, muscles.erector_power, side * 0.22))
        m = s**0.5 * muscles.multifidus[i] * here[4] ** 0.5
        parts.append(canvas.ellipse(side * (m + 2), y + h * 0.1, m, h * 1.02, 2.3, -side * 0.08))
    return parts


def muscle_contour(canvas, frame, muscles, depth, angle):
    """What a perfect reader would outline, bones not yet taken out. Returns the mask, wall thickness, wall position."""
    thickness, along = wall(canvas, frame, muscles, depth, angle)
    mask = (depth > 0) & (depth < thickness)
    for win, level in deep_muscles(canvas, frame, muscles):
        mask[win] |= level < 1
    return mask, thickness, along


def paint_muscle(canvas, draw, frame, muscles, mask, depth, thickness, along):
    """Fill the contour: fibres, fat planes between the layers and groups, fat within the muscle."""
    u, rng = draw.uniform, draw.rng
    everywhere = np.s_[:, :]
    fibres = canvas.noise(u("texture", (1.5, 3), (1.2, 6))) * u("texture", (3, 8), (1, 16))
    mottled = canvas.noise(u("texture", (10, 20), (8, 40))) * u("texture", (1, 4), (0, 12))
    canvas.paint(everywhere, mask, frame.muscle_hu + fibres + mottled)
    fat = frame.fat_hu + rng.uniform(0, 35)
    # The lower the density, the more fat streaks: the tail of a smooth field, 3 to 15 per cent of the muscle.
    share = np.clip(0.13 - 0.0022 * frame.muscle_hu, 0.01, 0.15) if not draw.wild("texture") else rng.uniform(0, 0.16)
    streaks = canvas.noise(u("texture", (1.8, 3), (1.2, 5)))
    canvas.paint(everywhere, mask & (streaks > np.sqrt(2) * _erfinv(1 - 2 * share)), fat)
    lateral = mask & (along > u("geometry", (0.04, 0.1), (0, 0.2))) & (along < 1)
    patchy = canvas.noise(25)
    for fraction in (rng.uniform(0.25, 0.42), rng.uniform(0.58, 0.78)):
        if draw.chance("texture", 0.9, 0.75):
            half = u("texture", (0.15, 0.7), (0.1, 1.5)) * (1 + 0.5 * patchy)
            plane = np.abs(depth - thickness * fraction - 0.4 * streaks) < half
            canvas.paint(everywhere, lateral & plane & (patchy > u("texture", (-2.5, -0.5), (-2, 1.2))), fat)
    # Cleft between multifidus and erector spinae, and the clefts within the latter.
    for i, side in enumerate(BOTH):
        for _ in range(rng.integers(0, 4)):
            x0 = side * (muscles.multifidus[i] * rng.uniform(1.3, 3.2))
            tilt = side * rng.uniform(-0.1, 0.5)
            cleft = np.abs(canvas.x - x0 - tilt * (canvas.y - frame.spine_y - 40) - 2 * patchy)
            behind = mask & (canvas.y > frame.spine_y + 22) & (canvas.x * side > 2)
            length = np.abs(canvas.y - frame.spine_y - rng.uniform(30, 65)) < rng.uniform(5, 22)
            canvas.paint(everywhere, behind & length & (cleft < u("texture", (0.2, 1.0), (0.1, 2.4))), fat)


def _erfinv(y):
    from scipy.special import erfinv

    return float(erfinv(y))


# --- organs ----------------------------------------------------------------------------------------------------------


def cavity_fat(canvas, draw, frame, cavity):
    """Fat, mesenteric vessels and stranding; sometimes ascites."""
    u, rng = draw.uniform, draw.rng
    everywhere = np.s_[:, :]
    canvas.paint(everywhere, cavity, frame.fat_hu + u("hu", (0, 6), (-4, 14)) + 3 * canvas.noise(4))
    vessels = np.abs(canvas.noise(rng.uniform(7, 18))) < u("texture", (0.02, 0.10), (0, 0.2))
    dots = canvas.noise(rng.uniform(2.5, 5)) > u("texture", (1.6, 2.4), (0.9, 2.6))
    tone = u("hu", (10, 70), (-50, 90)) + 120 * frame.contrast * rng.random()
    canvas.paint(everywhere, cavity & (vessels | dots), tone)
    if draw.chance("surroundings", 0.03, 0.12):
        pool = canvas.noise(rng.uniform(25, 60)) > u("surroundings", (-0.2, 1), (-1, 1))
        canvas.paint(everywhere, cavity & pool, rng.uniform(-5, 25))


def tube(canvas, draw, frame, cx, cy, rx, ry, angle, within):
    """One loop of bowel: a wall as dense as muscle, and gas, fluid, stool or contrast inside."""
    u, rng = draw.uniform, draw.rng
    win, e = canvas.ellipse(cx, cy, rx, ry, u("geometry", (2, 2.3), (1.9, 2.8)), angle)
    here = (e < 1) & within[win]
    wall_hu = rng.uniform(20, 50) + 55 * frame.contrast * rng.random()
    if draw.wild("hu"):
        wall_hu = rng.normal(48, 25)
    canvas.paint(win, here, wall_hu)
    lumen = here & (e < rng.uniform(0.55, 0.92))
    kind = rng.random()
    if kind < 0.18:  # gas over fluid
        surface = canvas.y[win] < cy + rng.uniform(-0.4, 0.9) * ry
        canvas.paint(win, lumen, rng.uniform(0, 40))
        canvas.paint(win, lumen & surface, rng.uniform(-980, -600))
    elif kind < 0.34:  # oral contrast
        canvas.paint(win, lumen, rng.uniform(100, 450))
    elif kind < 0.5:  # stool
        canvas.paint(win, lumen, rng.uniform(-70, 60) + rng.uniform(20, 110) * canvas.noise(rng.uniform(1.5, 5), win))
    elif kind < 0.85:
        canvas.paint(win, lumen, rng.normal(22, 18))


def organs(canvas, draw, frame, cavity, thickness_mm):
    """Kidneys, liver, spleen and gallbladder tips, colon on the flanks, small bowel, great vessels."""
    u, rng = draw.uniform, draw.rng
    vy = frame.spine_y
    inner_w, inner_h = frame.half_width - thickness_mm, frame.half_depth - thickness_mm * 0.6

    for _ in range(rng.integers(*((10, 30) if not draw.wild("geometry") else (4, 48)))):  # small bowel
        t, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1.15))
        cx, cy = np.cos(t) * reach * inner_w, np.sin(t) * reach * inner_h
        if cy < vy - 12 or abs(cx) > 75:
            tube(canvas, draw, frame, cx, cy, *u("geometry", (9, 20), (6, 27), 2), rng.uniform(0, 3), cavity)
    for side in BOTH:  # colon, lying on the wall with little or no fat between
        if rng.random() < 0.75:
            r = u("geometry", (14, 26), (9, 34))
            gap = u("geometry", (0, 8), (-6, 12))
            tube(canvas, draw, frame, side * (inner_w - r - gap), rng.uniform(-0.3, 0.4) * inner_h, r,
                 r * rng.uniform(0.7, 1.3), 0.0, cavity)  # fmt: skip
    if draw.chance("surroundings", 0.35, 0.4):  # liver tip, on the left of the image
        hu = u("hu", (50, 65), (35, 85)) + 50 * frame.contrast
        rx, ry = rng.uniform(12, 45), rng.uniform(25, 60)
        win, e = canvas.ellipse(-(inner_w - rx * rng.uniform(0.3, 1)), rng.uniform(-30, 20), rx, ry)
        canvas.paint(win, (e < 1) & cavity[win], hu + 4 * canvas.noise(3, win))
        if rng.random() < 0.3:
            win, e = canvas.ellipse(-inner_w * 0.55, rng.uniform(-35, 0), *rng.uniform(9, 20, 2))
            canvas.paint(win, (e < 1) & cavity[win], rng.uniform(0, 25))
    if draw.chance("surroundings", 0.05, 0.12):
        win, e = canvas.ellipse(inner_w * 0.8, rng.uniform(-20, 20), *rng.uniform(12, 35, 2))
        canvas.paint(win, (e < 1) & cavity[win], 55 + 60 * frame.contrast)
    for side in BOTH:
        if rng.random() < 0.75:
            rx, ry = u("geometry", (18, 28), (12, 34), 2)
            cx, cy = side * u("geometry", (62, 80), (52, 92)), vy - u("geometry", (2, 18), (-8, 34))
            win, e = canvas.ellipse(cx, cy, rx, ry, 2.1, rng.uniform(-0.6, 0.6))
            tone = 30 + 150 * frame.contrast * rng.uniform(0.6, 1.1)
            canvas.paint(win, (e < 1) & cavity[win], tone + 6 * canvas.noise(4, win))
            win, e = canvas.ellipse(cx - side * 0.35 * rx, cy, rx * 0.45, ry * rng.uniform(0.2, 0.6))
            canvas.paint(win, (e < 1) & cavity[win], rng.choice((frame.fat_hu, 15.0, 25 + 300 * frame.contrast)))
    blood = 42 + frame.contrast * rng.uniform(60, 260)
    front = vy - frame.body_h
    for cx, r, tone in ((rng.uniform(0, 20), u("geometry", (8, 12), (6, 17)), blood),
                        (-rng.uniform(8, 28), u("geometry", (9, 14), (6, 17)), 42 + 0.6 * (blood - 42))):  # fmt: skip
        win, e = canvas.ellipse(cx, front - r * rng.uniform(0.8, 1.4), r, r * rng.uniform(0.6, 1.0))
        canvas.paint(win, (e < 1) & cavity[win], tone)
        if draw.chance("texture", 0.25, 0.25) and cx > 0:  # calcified aorta
            canvas.paint(win, (np.abs(e - 0.93) < 0.07) & (canvas.noise(6, win) > 0.6) & cavity[win], 500)


def spine(canvas, draw, frame):
    """Vertebral body or disc, canal, arch, transverse and spinous processes, facets. Returns the mask of all of it."""
    u, rng = draw.uniform, draw.rng
    everywhere = np.s_[:, :]
    vy, bw, bh = frame.spine_y, frame.body_w, frame.body_h
    cortex = frame.bone_hu
    bone = np.zeros(canvas.shape, bool)

    def add(win, inside, hu):
        canvas.paint(win, inside, hu)
        bone[win] |= inside

    if draw.chance("geometry", 0.9, 0.8):
        for side in BOTH:  # transverse processes
            length, half = u("geometry", (34, 46), (26, 54)), u("geometry", (2, 4), (1.5, 5.5))
            tilt = u("geometry", (0.0, 0.25), (-0.15, 0.45))
            axis = vy + 0.85 * bh + tilt * (side * canvas.x - bw)
            bar = (np.abs(canvas.y - axis) < half) & (side * canvas.x < length) & (side * canvas.x > 8)
            add(everywhere, bar, cortex * rng.uniform(0.4, 0.9))
    arch_y = vy + bh + u("geometry", (8, 12), (6, 16))
    win, e = canvas.ellipse(0, arch_y, u("geometry", (17, 22), (13, 26)), u("geometry", (13, 16), (10, 19)))
    add(win, e < 1, cortex * rng.uniform(0.6, 0.95))
    for side in BOTH:  # facet joints
        if rng.random() < 0.6:
            win, e = canvas.ellipse(side * u("geometry", (15, 21), (12, 25)), arch_y + rng.uniform(2, 10),
                                    *u("geometry", (5, 8), (3, 11), 2))  # fmt: skip
            add(win, e < 1, cortex * rng.uniform(0.7, 1.2))
            if rng.random() < 0.5:
                canvas.paint(win, e < 0.5, rng.uniform(80, 250))
    win, e = canvas.ellipse(0, vy, bw, bh, u("geometry", (2.2, 2.7), (2, 3)))
    if draw.chance("geometry", 0.08, 0.15):  # a disc instead of bone
        add(win, e < 1, rng.uniform(60, 120) + 8 * canvas.noise(5, win))
    else:
        add(win, e < 1, cortex)
        marrow = u("hu", (110, 210), (50, 330)) + u("texture", (8, 25), (0, 60)) * canvas.noise(2.2, win)
        canvas.paint(win, e < u("texture", (0.91, 0.95), (0.85, 0.97)), marrow)
    win, e = canvas.ellipse(0, arch_y - u("geometry", (1, 3), (0, 4)), u("geometry", (9, 12), (7, 14)),
                            u("geometry", (7, 9), (5, 11)), 2.2)  # fmt: skip
    canvas.paint(win, e < 1, u("hu", (10, 35), (-20, 60)))
    if rng.random() < 0.4:  # epidural fat behind the dural sac
        canvas.paint(win, (e < 1) & (canvas.y[win] > arch_y + 3), frame.fat_hu)
    bone[win] |= e < 1
    if draw.chance("geometry", 0.85, 0.8):
        tip = arch_y + u("geometry", (22, 36), (12, 46))
        half = u("geometry", (2.5, 4.5), (2, 6))
        spinous = (np.abs(canvas.x - rng.uniform(-3, 3)) < half) & (canvas.y > arch_y + 8) & (canvas.y < tip)
        add(everywhere, spinous, cortex * rng.uniform(0.5, 0.95))
        if rng.random() < 0.6:
            win, e = canvas.ellipse(rng.uniform(-2, 2), tip, half * 1.6, half * rng.uniform(1, 2))
            add(win, e < 1, cortex * rng.uniform(0.6, 1.1))
    # Ligament and fat between the spinous process and the muscles of both sides.
    gap = u("geometry", (0.5, 2), (0, 5))
    midline = (np.abs(canvas.x) < gap) & (canvas.y > arch_y + 6) & ~bone
    canvas.paint(everywhere, midline & (canvas.hu > -300), rng.uniform(frame.fat_hu, 60))
    bone |= midline
    return bone


def ribs(canvas, draw, frame):
    """Rib or iliac crest tips within the wall. Returns their mask."""
    rng = draw.rng
    bone = np.zeros(canvas.shape, bool)
    for _ in range(rng.integers(1, 4)):
        t, side = rng.uniform(-0.6, 0.9), rng.choice(BOTH)
        rx, ry = rng.uniform(3, 9), rng.uniform(3, 11)
        depth = rng.uniform(0.86, 0.99)
        cx, cy = side * frame.half_width * depth * np.cos(t), frame.half_depth * depth * np.sin(t)
        win, e = canvas.ellipse(cx, cy, rx, ry)
        canvas.paint(win, e < 1, frame.bone_hu)
        canvas.paint(win, e < rng.uniform(0.4, 0.8), rng.uniform(50, 250))
        bone[win] |= e < 1
    return bone


def breach(canvas, draw, frame, everywhere_true):
    """Bowel, a drain or a stoma that goes through the wall. Returns the mask of what is no longer muscle."""
    rng = draw.rng
    x = rng.uniform(-0.75, 0.75) * frame.half_width
    y = -frame.half_depth * np.sqrt(1 - (x / frame.half_width) ** 2)
    gone = np.zeros(canvas.shape, bool)
    for _ in range(rng.integers(1, 4)):
        rx, ry = rng.uniform(3, 22), rng.uniform(4, 26)
        cx, cy = x + rng.uniform(-12, 12), y + rng.uniform(-max(4.0, frame.front * 0.7), 12)
        tube(canvas, draw, frame, cx, cy, rx, ry, 0.0, everywhere_true)
        win, e = canvas.ellipse(cx, cy, rx, ry)
        gone[win] |= e < 1.02
    return gone


def implant(canvas, draw, frame):
    """Screws or a rod in the spine. Returns the mask of the metal."""
    rng = draw.rng
    metal = np.zeros(canvas.shape, bool)
    for side in BOTH:
        win, e = canvas.ellipse(side * rng.uniform(10, 22), frame.spine_y + frame.body_h + rng.uniform(-12, 16),
                                rng.uniform(2, 4), rng.uniform(4, 22), 2.5, side * rng.uniform(-0.4, 0.4))  # fmt: skip
        canvas.paint(win, e < 1, 3000)
        metal[win] |= e < 1
    return metal
