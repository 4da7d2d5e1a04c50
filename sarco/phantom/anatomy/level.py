"""What belongs to the level of the slice: ribs, cartilage and crura above L3, the iliac crest and its muscles below.

A level counts vertebrae below the middle of L3, as `population.Subject.level` does. Sizes are smooth in it, and what
mid-L3 does not show comes the more likely, and the larger, the further away a slice lies; all of these numbers are
ours, after plain anatomy. Counted as skeletal muscle are, as users of such tools count all of it in a slice, the
intercostals and latissimus (both as wall), iliacus and gluteus medius; the crura of the diaphragm are not, as dense as
they are.
"""

from types import SimpleNamespace

import numpy as np

from ...base import box
from ..canvas import PARTS
from .frame import BOTH

# What muscles measure in the middle of L2 and of L4, as multiples of what they measure in the middle of L3.
SIZES = {
    "psoas": (0.68, 1.14), "psoas_ratio": (1.05, 0.88), "psoas_out": (0.75, 1.12), "quadratus": (0.75, 0.95),
    "erector_w": (1.04, 0.90), "erector_h": (0.95, 0.93), "multifidus": (0.75, 1.22), "rectus": (0.82, 1.10),
    "rectus_reach": (1.10, 0.92), "linea_alba": (1.40, 0.60), "lateral": (0.70, 1.02), "wall_end": (0.85, 1.0),
}  # fmt: skip
AREA = (0.93, 1.0)  # the same of the area of muscle, iliacus and gluteus medius apart
QUADRATUS_ENDS = 1.15  # level at which it has ended on the crest
# Ribs 12, 11 and 10, and the cartilage of the costal margin: place along the wall at mid-L2 (0 in front, pi behind),
# and vertebrae above mid-L3 at which the first slices cut them. The higher the slice, the further behind.
RIBS = ((2.45, 0.15), (1.95, 0.05), (1.45, 0.55))
MARGIN = (0.85, 0.45)


def between(level, upper, lower):
    """1 at mid-L3, `upper` at mid-L2, `lower` at mid-L4, and smooth between and beyond."""
    return upper ** max(-level, 0.0) * lower ** max(level, 0.0)


def fit_muscles(draw, muscles, level):
    """Give muscles drawn for mid-L3 the sizes of this level, and draw the bones that lie among them."""
    for name, sizes in SIZES.items():
        setattr(muscles, name, getattr(muscles, name) * between(level, *sizes))
    muscles.psoas_shift = muscles.psoas_shift - 3 * level  # behind above, in front below
    muscles.ribs, muscles.crest = [], [None, None]
    if level < 0:
        muscles.quadratus_drop += 5 * level  # between kidney and erector
        muscles.latissimus_half += -0.15 * level
        muscles.latissimus = np.maximum(muscles.latissimus, -level * draw.uniform("geometry", (3, 7), (2, 9), 2))
        muscles.ribs = draw_ribs(draw, -level)
    elif level > 0:
        muscles.latissimus = muscles.latissimus * (level < 0.3)
        muscles.psoas = np.minimum(muscles.psoas, 32)  # those drawn far too large already grow no further
        muscles.quadratus = muscles.quadratus * np.sqrt(np.clip((QUADRATUS_ENDS - level) / 0.5, 0.01, 1))
        muscles.crest = draw_crest(draw, level)


def draw_ribs(draw, above):
    """Ribs and cartilages in a slice this many vertebrae above mid-L3."""
    u, rng, ribs = draw.uniform, draw.rng, []
    shift = rng.normal(0, 0.12, 2)  # a person's ribs lie further behind, or reach further down
    for place, first in (*RIBS, MARGIN):
        bony = place != MARGIN[0]
        for side in BOTH:
            within = above - first + shift[1] + rng.normal(0, 0.06)
            angle = place - 0.55 * (1 - above) + shift[0] + rng.normal(0, 0.05)
            half_mm = rng.uniform(6, 9) + min(max(within, 0), 0.6) * rng.uniform(8, 26)
            start, size = u("geometry", (2, 6), (1, 9)), u("geometry", (6, 9), (5, 12))
            if within > 0 and (bony or rng.random() < 0.5):
                ribs.append(SimpleNamespace(side=side, angle=angle, half_mm=half_mm, start=start, size=size, bony=bony,
                                            around=rng.uniform(1.5, 4)))  # fmt: skip
    return ribs


def draw_crest(draw, level):
    """The iliac crest of either side, or None where the slice lies above it; the lower the slice, the more of it."""
    u, rng = draw.uniform, draw.rng
    top, place, crests = rng.uniform(0.2, 0.7), rng.normal(2.18, 0.07), []
    for side in BOTH:
        cut = level - top + rng.normal(0, 0.04)
        crests.append(SimpleNamespace(
            side=side, angle=place, half_mm=8 + cut * u("geometry", (50, 65), (35, 75)),
            bone=u("geometry", (4, 8), (3, 11)), tilt=u("geometry", (0, 0.15), (-0.1, 0.3)),
            iliacus=cut * u("geometry", (18, 28), (8, 36)), gluteus=cut * u("geometry", (24, 36), (8, 48)),
        ) if cut > 0 else None)  # fmt: skip
    return crests


def back_width(muscles, i):
    """From the midline to the side of the erector on side `i`, in mm."""
    return 2 * muscles.scale**0.35 * muscles.erector_w[i] + 3


def wall_end(frame, i):
    """Where the crest cuts the lateral wall short on side `i`, along the wall; pi where there is none."""
    crest = frame.muscles.crest[i]
    return np.pi if crest is None else _angle(frame, crest) - crest.half_mm / _along_mm(frame) + 0.15


def _along_mm(frame):
    """Millimetres along the wall to one unit of its angle, about."""
    return (frame.half_width + frame.half_depth) / 2


def _angle(frame, bone):
    """Where the middle of a rib or crest lies along the wall: none lies within the erector."""
    beside = np.pi - np.arcsin(min(0.95, back_width(frame.muscles, BOTH.index(bone.side)) / frame.half_width))
    return min(bone.angle, beside - (bone.half_mm + 3) / _along_mm(frame))


def thicken_wall(frame, side, half, angle, wall_mm, lateral):
    """Let the wall of one side, the mask `half`, hold its ribs with the muscle around them.

    Changes its thickness `wall_mm`, and `lateral`, where it is not the rectus.
    """
    for rib in frame.muscles.ribs:
        if rib.side == side:
            away = (angle - _angle(frame, rib)) * _along_mm(frame) / (2 * rib.half_mm)
            hold = (rib.start + rib.size + rib.around) * np.sqrt(np.clip(1 - away**2, 0, None)) * half
            lateral |= hold > wall_mm
            np.maximum(wall_mm, hold, out=wall_mm)


def rib_shapes(canvas, frame):
    """Each rib or cartilage with its window and level on the canvas."""
    for rib in frame.muscles.ribs:
        half = rib.half_mm / _along_mm(frame)
        yield rib, *canvas.ring.patch(rib.side, _angle(frame, rib), half, rib.start, rib.size, 2.4, False)


def crest_shapes(canvas, frame):
    """Each crest on the canvas: window, mm outside the surface of the bone, iliacus, gluteus medius, its inner edge.

    Iliacus and gluteus are masks; the edge is the depth at which iliacus ends, 0 beside the crest.
    """
    ring, s = canvas.ring, frame.muscles.scale
    for side, crest in zip(BOTH, frame.muscles.crest, strict=True):
        if crest is None:
            continue
        # Where there is little fat, the bone lies deeper, so that the gluteus keeps within the skin.
        deep = crest.bone / 2 + 1 + max(0.0, s**0.5 * crest.gluteus + 4 - min(frame.flank, frame.back))
        x, depth = ring.x[ring.win], ring.depth[ring.win]
        along = (ring.angle[ring.win] - np.float32(_angle(frame, crest))) * np.float32(_along_mm(frame) / crest.half_mm)
        part = box.around((x * side > 0) & (np.abs(along) < 1) & (depth > -50) & (depth < 70))
        along = along[part]
        middle = np.float32(deep) + np.float32(crest.tilt * crest.half_mm) * along
        across = depth[part] - middle
        lens = np.sqrt(np.clip(1 - along**2, 0, None)) * (x[part] * side > 0)
        bone = crest.bone / 2 * np.sqrt(lens)
        iliacus, gluteus = (bone + s**0.5 * size * lens for size in (crest.iliacus, crest.gluteus))
        yield (box.within(ring.win, part), np.abs(across) - bone, (across > 0) & (across < iliacus),
               (across < 0) & (across > -gluteus), (middle + iliacus) * (lens > 0))  # fmt: skip


def crest_muscles(canvas, frame, named):
    """Name iliacus and gluteus medius, and let the wall hold the crest, so that no organ lies outside it."""
    for win, _, iliacus, gluteus, edge in crest_shapes(canvas, frame):
        free = np.isin(named[win], (0, PARTS.index("lateral wall")))
        named[win][free & iliacus] = PARTS.index("iliacus")
        named[win][free & gluteus] = PARTS.index("gluteus medius")
        np.maximum(canvas.ring.thickness[win], edge, out=canvas.ring.thickness[win])


def crura(canvas, draw, frame):
    """The crura of the diaphragm on the front and the sides of the vertebra: the right one reaches further down."""
    u, rng = draw.uniform, draw.rng
    for side, reach in zip(BOTH, (0.15, 0.45), strict=True):
        within = -frame.level - reach + rng.normal(0, 0.1) if frame.level < 0 else 0
        if within <= 0:
            continue
        thick = u("geometry", (2.5, 4.5), (1.5, 6)) * (0.7 + 0.6 * min(within, 0.8))
        turns = np.linspace(rng.uniform(0.2, 0.6), rng.uniform(1.0, 1.4), 5)  # from the side to the front
        points = [(side * (frame.body_w + thick) * np.cos(t), frame.spine_y - (frame.body_h + thick) * np.sin(t))
                  for t in turns]  # fmt: skip
        win, e = canvas.worm(points, thick)
        free = canvas.cavity[win] & ~canvas.part("vessel", win)
        canvas.paint(win, free & (e < 1), frame.muscle_hu + rng.normal(2, 5) + 4 * canvas.noise(2, win), "crus")


def bones(canvas, draw, frame):
    """Paint ribs, cartilage and crest over the muscle around them."""
    rng = draw.rng
    for rib, win, e in rib_shapes(canvas, frame):
        if rib.bony:
            canvas.paint(win, e < 1, frame.bone_hu * rng.uniform(0.5, 1.0), "bone")
            canvas.paint(win, e < rng.uniform(0.45, 0.75), rng.uniform(60, 250))
            continue
        canvas.paint(win, e < 1, rng.uniform(60, 150) + 6 * canvas.noise(3, win), "cartilage")
        if rng.random() < 0.4:  # calcified, at the rim first
            lime = (e < 1) & (e > rng.uniform(0.5, 0.85)) & (canvas.noise(4, win) > rng.uniform(-1, 1))
            canvas.paint(win, lime, rng.uniform(200, 500))
    for win, rim, *_ in crest_shapes(canvas, frame):
        rim = np.where(canvas.part("erector spinae", win), np.inf, rim)
        canvas.paint(win, rim < 0, frame.bone_hu * rng.uniform(0.7, 1.1), "bone")
        canvas.paint(win, rim < -rng.uniform(0.9, 1.8), rng.uniform(80, 250) + 15 * canvas.noise(2.5, win))
