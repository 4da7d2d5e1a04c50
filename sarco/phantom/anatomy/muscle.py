"""The skeletal muscle that the area counts: abdominal wall, rectus, psoas, quadratus lumborum, back muscles."""

from functools import partial
from types import SimpleNamespace

import numpy as np
from scipy.special import erf, erfinv

from ...base import box
from ..canvas import PARTS
from . import level as levels
from .frame import BOTH

# How much more, or less, fat than the mean the muscles hold: multifidus turns to fat first, psoas last.
FATTINESS = {"psoas": 0.5, "multifidus": 1.8, "erector spinae": 1.1, "rectus abdominis": 1.2}


def draw_muscles(draw, level, of_level=None):
    """Draw the sizes of the muscles at this level, in mm; each side deviates a little, or much in atrophy of one side.

    Where a size has two entries, or rows, they are of the left and the right of the image. `of_level` is a `Draw` of
    its own for what the level adds, where all else must not depend on the level.
    """
    u, rng = partial(draw.uniform, "geometry"), draw.rng
    uneven = u((0.02, 0.08), (0.02, 0.22))
    grow = rng.uniform(0.8, 1.3) if draw.wild("geometry") else 1.0

    def pair(reference, randomised):
        return u(reference, randomised) * np.exp(rng.normal(0, uneven, 2)) * np.sqrt(grow)

    present = np.ones((2, 5))  # wall, rectus, psoas, quadratus, erector; below 1 where atrophied
    if draw.feature("atrophy", "geometry"):
        side = rng.integers(2)
        present[side, rng.choice(5, rng.integers(1, 4), replace=False)] = rng.uniform(0.15, 0.6)
    muscles = SimpleNamespace(
        scale=1.0,  # makes all of them larger or smaller together
        present=present,
        layers=rng.dirichlet((30, 34, 18) if not draw.wild("geometry") else (8, 9, 5), 2),  # shares of the wall
        # Where along the wall each layer ends behind, 1 = at the last.
        layer_end=np.stack([u((0.72, 0.92), (0.55, 1.0), 2), u((0.88, 1.0), (0.75, 1.0), 2), np.ones(2)], 1),
        lateral=pair((17, 26), (9, 30)),  # thickness of external oblique, internal oblique and transversus together
        wall_end=u((0.92, 1.2), (0.75, 1.45), 2),  # where the last ends, as a multiple of the back muscles' width
        front_share=u((0.4, 0.7), (0.25, 0.95)),
        bulge=u((0.6, 1.2), (0.4, 2.0)),
        # Thickness of its lower edge over the wall; 0 where it ends above.
        latissimus=u((2, 5), (1.5, 8), 2) * draw.chance("geometry", 0.10, 0.20),
        latissimus_half=0.3,  # how far it reaches along the wall to either side
        rectus=pair((8, 12), (5, 17)),
        rectus_reach=pair((62, 80), (42, 92)) / np.sqrt(grow),
        linea_alba=u((3, 16), (1, 40)),
        semilunar=pair((0.01, 0.05), (-0.06, 0.14)),
        psoas=pair((16, 21), (10, 29)),
        psoas_ratio=pair((1.05, 1.5), (0.8, 1.8)),
        psoas_shift=u((-2, 8), (-10, 16), 2),
        psoas_out=0.78,  # distance of its middle from the vertebra, as a multiple of its size
        quadratus=pair((13, 20), (8, 27)),
        quadratus_drop=17,  # behind the middle of the vertebra
        erector_w=pair((34, 40), (24, 46)),
        erector_h=pair((20, 27), (13, 32)),
        erector_drop=u((36, 44), (30, 50)),
        erector_power=u((2.2, 2.7), (1.9, 3.1)),
        multifidus=pair((13, 18), (8, 21)),
        lateral_limit=np.full(2, np.inf),  # mm that the lateral wall is thick at most
    )
    levels.fit_muscles(of_level or draw, muscles, level)
    if "no fat" in draw.drawn:  # the wall reaches the muscles of the back
        muscles.wall_end = np.minimum(muscles.wall_end, rng.uniform(0.75, 0.95, 2))
    if "thin wall" in draw.drawn:
        thin = BOTH.index(rng.choice(BOTH)) if rng.random() < 0.5 else np.s_[:]
        muscles.lateral_limit[thin] = rng.uniform(3, 8)
    return muscles


def _tail(share):
    """Level that a standard normal field exceeds on this share of the pixels."""
    return (np.sqrt(2) * erfinv(1 - 2 * np.clip(share, 1e-3, 0.999))).astype(np.float32)


def _taper(t, start, end, rise, fall):
    return np.sqrt(np.clip(np.minimum((t - start) / rise, (end - t) / fall), 0, 1))


def wall(canvas, frame):
    """The abdominal wall and its layers, one value a pixel.

    Thickness in mm; depth at which the first and the second of the three lateral layers end, in mm; where the lateral
    part lies, not the rectus.
    """
    muscles, win = frame.muscles, canvas.box
    x, depth, angle = canvas.x[win], canvas.ring.depth[win], canvas.ring.angle[win]
    thickness, *borders = np.zeros((3, *canvas.shape), np.float32)
    lateral, wall_mm = np.zeros(canvas.shape, bool), np.zeros(x.shape)
    s, here = muscles.scale, (depth > -10) & (depth < 50)
    for i, side in enumerate(BOTH):
        half = here & (x * side > 0)
        # Rectus: a flat lens between the linea alba and the semilunar line, in front only.
        place = half & (angle < np.pi / 2)
        middle = (muscles.linea_alba / 2 + muscles.rectus_reach[i]) / 2
        lens = 1 - (np.abs(np.abs(x[place]) - middle) / max(4.0, middle - muscles.linea_alba / 2)) ** 4
        wall_mm[place] = s * muscles.rectus[i] * muscles.present[i, 1] * np.sqrt(np.clip(lens, 0, None))
        # The lateral layers: from the semilunar line (0) to where the last ends behind (1).
        front = np.arcsin(min(0.95, muscles.rectus_reach[i] / frame.half_width)) + muscles.semilunar[i]
        back_w = levels.back_width(muscles, i)
        end = np.pi - np.arcsin(np.clip(muscles.wall_end[i] * back_w / frame.half_width, 0.25, 0.97))
        end = min(end, levels.wall_end(frame, i))
        place = half & (angle > front) & (angle < front + 1.01 * max(0.3, end - front))
        t = (angle[place] - front) / max(0.3, end - front)
        belly = muscles.front_share + (1 - muscles.front_share) * np.sin(np.pi * np.clip(t, 0, 1)) ** muscles.bulge
        total = np.minimum(s * muscles.lateral[i] * muscles.present[i, 0] * belly, muscles.lateral_limit[i])
        ends = zip(muscles.layers[i], (0.04, 0.02, 0.0), muscles.layer_end[i], strict=True)
        stack = [share * total * _taper(t, start, stop, 0.07, 0.2) for share, start, stop in ends]
        side_mm = stack[0] + stack[1] + stack[2]
        lateral[win][place] = side_mm > wall_mm[place]
        wall_mm[place] = np.maximum(wall_mm[place], side_mm)
        borders[0][win][place], borders[1][win][place] = stack[0], stack[0] + stack[1]
        levels.thicken_wall(frame, side, half, angle, wall_mm, lateral[win])
    thickness[win] = wall_mm
    return thickness, borders, lateral


def deep_muscles(canvas, frame):
    """Quadratus lumborum, psoas, erector spinae and multifidus: a list of (part, window, level)."""
    parts, muscles = [], frame.muscles
    vy, bw = frame.spine_y, frame.body_w
    for i, side in enumerate(BOTH):
        s, here = muscles.scale, muscles.present[i]
        r = s**0.5 * muscles.psoas[i] * here[2] ** 0.5
        psoas_x = bw + muscles.psoas_out * r
        q = s**0.5 * muscles.quadratus[i] * here[3] ** 0.5
        parts.append(("quadratus lumborum", *canvas.ellipse(
            side * (psoas_x + 0.75 * q + 16), vy + muscles.quadratus_drop + muscles.psoas_shift[i] * 0.4, q, q * 0.48,
            2.2, side * 0.15)))  # fmt: skip
        parts.append(("psoas", *canvas.ellipse(side * psoas_x, vy + muscles.psoas_shift[i], r * 0.9,
                                               r * muscles.psoas_ratio[i], 2.2, side * 0.25)))  # fmt: skip
        w, h = s**0.35 * muscles.erector_w[i], s**0.65 * muscles.erector_h[i] * here[4] ** 0.5
        y = vy + muscles.erector_drop - 6 + h * 0.35
        parts.append(("erector spinae", *canvas.ellipse(side * (w + 3), y, w, h, muscles.erector_power, side * 0.22)))
        m = s**0.5 * muscles.multifidus[i] * here[4] ** 0.5
        parts.append(("multifidus", *canvas.ellipse(side * (m + 2), y + h * 0.1, m, h * 1.02, 2.3, -side * 0.08)))
    return parts


def contour(canvas, frame):
    """What a perfect reader would outline, bones not yet taken out, and the borders of the lateral layers as in `wall`.

    The outline is the index into `PARTS` of the muscle at each pixel, 0 where there is none.
    """
    ring, latissimus, win = canvas.ring, frame.muscles.latissimus, canvas.box
    ring.thickness, borders, lateral = wall(canvas, frame)
    named = np.zeros(canvas.shape, np.uint8)
    inside = (ring.depth[win] > 0) & (ring.depth[win] < ring.thickness[win])
    named[win][inside] = PARTS.index("rectus abdominis")
    named[win][inside & lateral[win]] = PARTS.index("lateral wall")
    for i, side in enumerate(BOTH):
        if latissimus[i]:
            half = frame.muscles.latissimus_half
            win, sheet = ring.patch(side, 2.2, half, -1 - latissimus[i], latissimus[i], 2.5, False)
            named[win][sheet < 1] = PARTS.index("lateral wall")
    for part, win, level in deep_muscles(canvas, frame):
        named[win][level < 1] = PARTS.index(part)
    return named, borders


def paint(canvas, draw, frame, named, borders):
    """Fill the contour: fibres, fat within the muscle, fat planes between layers and groups, clefts in the back."""
    u, rng, muscles = draw.uniform, draw.rng, frame.muscles
    win = box.around(named > 0)
    named, borders, mask = named[win], [border[win] for border in borders], named[win] > 0
    x, y = canvas.x[win], canvas.y[win]
    np.copyto(canvas.parts[win], named, where=mask)
    fibres = canvas.noise(u("texture", (1.5, 3), (1.2, 6)))[win] * u("texture", (3, 8), (1, 16))
    mottled = canvas.noise(u("texture", (10, 20), (8, 40)))[win] * u("texture", (1, 4), (0, 12))
    canvas.paint(win, mask, frame.muscle_hu + fibres + mottled)

    fat = frame.fat_hu + rng.uniform(0, 35)
    # The lower the density, the more fat: 3 to 15 per cent of the muscle. Some of it lies in drops, the tail of a
    # smooth field, and some in streaks between the bundles, where a smooth field crosses zero.
    share = np.clip(0.13 - 0.0022 * frame.muscle_hu, 0.01, 0.15) if not draw.wild("texture") else rng.uniform(0, 0.16)
    uneven = rng.uniform(0.3, 1.0) if not draw.wild("texture") else rng.uniform(0, 1.5)
    gain = np.array([FATTINESS.get(name, 1.0) ** uneven for name in PARTS])
    drops, between = np.clip(share * gain, 0.002, 0.35) * np.array(((0.4,), (0.6,)))
    width = u("texture", (0.12, 0.22), (0.08, 0.4))
    streaks = canvas.noise(u("texture", (1.8, 3), (1.2, 5)))[win]
    bundles = canvas.noise(u("texture", (4, 8), (3, 12)))[win]
    patches = canvas.noise(u("texture", (8, 16), (6, 25)))[win]
    lines = np.abs(bundles) < np.float32(width)
    canvas.paint(win, mask & (streaks > _tail(drops)[named]), fat)
    canvas.paint(win, mask & lines & (patches > _tail(between / erf(width / np.sqrt(2)))[named]), fat)

    # Fat planes between the layers of the wall, patchy and of varying width; one with no fat has hardly any.
    patchy = canvas.noise(25)[win]
    lateral = named == PARTS.index("lateral wall")
    bare = "no fat" in draw.drawn
    for border in borders:
        if draw.chance("texture", 0.9, 0.75) and not (bare and rng.random() < 0.8):
            half = u("texture", (0.15, 0.7), (0.1, 1.5)) * (1 + 0.5 * patchy)
            plane = lateral & (border > 0.5) & (np.abs(canvas.ring.depth[win] - border - 0.4 * streaks) < half)
            canvas.paint(win, plane & (patchy > u("texture", (-2.5, -0.5), (-2, 1.2))), fat)
    # A line of fat where two muscles touch.
    if draw.chance("texture", 0.85, 0.7) and not bare:
        touch = np.zeros(mask.shape, bool)
        touch[1:] |= (named[1:] != named[:-1]) & mask[1:] & mask[:-1]
        touch[:, 1:] |= (named[:, 1:] != named[:, :-1]) & mask[:, 1:] & mask[:, :-1]
        hu = frame.fat_hu + u("texture", (10, 90), (0, 120))
        canvas.paint(win, touch & (patchy > u("texture", (-1.5, 0.5), (-2, 1.5))), hu)
    # Clefts within the back muscles.
    for i, side in enumerate(BOTH):
        for _ in range(0 if bare else rng.integers(0, 4)):
            x0 = side * (muscles.multifidus[i] * rng.uniform(1.3, 3.2))
            tilt = side * rng.uniform(-0.1, 0.5)
            cleft = np.abs(x - x0 - tilt * (y - frame.spine_y - 40) - 2 * patchy)
            behind = mask & (y > frame.spine_y + 22) & (x * side > 2)
            length = np.abs(y - frame.spine_y - rng.uniform(30, 65)) < rng.uniform(5, 22)
            canvas.paint(win, behind & length & (cleft < u("texture", (0.2, 1.0), (0.1, 2.4))), fat)
    # An atrophied muscle is not only smaller: fat takes its place within the old outline.
    if "atrophy" in draw.drawn:
        worst = BOTH[int(np.argmin(muscles.present.min(1)))]
        spots = canvas.noise(rng.uniform(2, 5))[win] > rng.uniform(0.2, 1.0)
        behind = (y > frame.spine_y - 5) & (x * worst > 0)
        canvas.paint(win, mask & spots & behind, fat)
