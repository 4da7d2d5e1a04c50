"""Which organ may lie on which muscle, and what is between the two: nothing, a thin fascia, or fat."""

import numpy as np
from scipy.ndimage import distance_transform_edt

from ..canvas import MUSCLES, PARTS

# Where an organ meets a muscle: how often it lies on it flush, over a thin fascia, or with fat between. The shares are
# ours; real slices show each, and none of them rarely.
TIGHT, CLOSE, BARE, EVEN = (0.8, 0.2, 0.0), (0.7, 0.2, 0.1), (0.6, 0.25, 0.15), (0.4, 0.3, 0.3)
TOUCH = {
    "kidney": {"psoas": BARE, "quadratus lumborum": TIGHT, "lateral wall": EVEN},
    "liver": {"lateral wall": TIGHT, "rectus abdominis": TIGHT, "quadratus lumborum": EVEN},
    "spleen": {"lateral wall": TIGHT, "quadratus lumborum": EVEN},
    "colon": {"lateral wall": CLOSE, "rectus abdominis": CLOSE, "quadratus lumborum": BARE},
    "small bowel": {"lateral wall": BARE, "rectus abdominis": CLOSE, "psoas": BARE},
    "duodenum": {"psoas": BARE},
    "vessel": {"psoas": EVEN},
}
GAP_MM = ((0.0, 0.0), (0.3, 1.0), (1.5, 6.0))  # flush, fascia, fat
# How far a soft organ swells towards the muscle that it lies on: a share of its radius, at most so many mm, and
# the distance from which it does.
SWELL, SWELL_MM, FROM_MM = 0.25, 4.0, 4.0


def reach(canvas, muscle, win):
    """Distance in mm from a muscle, over the window; None where the window holds nothing of it."""
    there = canvas.muscle[win] == PARTS.index(muscle)
    return (distance_transform_edt(~there) - 0.5).astype(np.float32) * np.float32(canvas.px) if there.any() else None


# Six parameters: of them two are the organ, its name and its shape.
def lie(canvas, draw, frame, organ, shape, size):
    """Let a soft organ lie on the muscles that it meets.

    It swells towards a muscle that it touches, and follows its surface; a fascia between them is painted.

    Parameters
    ----------
    organ : str
        Of `TOUCH`.
    shape : tuple
        Window and level, as of `Canvas.ellipse`.
    size : float
        Its radius in mm: the level falls by 1 over this.

    Returns
    -------
    tuple
        Window and level; the level is 1 or more outside the cavity too.
    """
    rng, (win, level), swell = draw.rng, shape, min(SWELL, SWELL_MM / size)
    for muscle, shares in TOUCH[organ].items():
        if "no fat" in draw.drawn:  # what little there is lies elsewhere
            shares = (shares[0] + shares[2], shares[1], 0.0)
        low, high = GAP_MM[rng.choice(3, p=shares)]
        gap = rng.uniform(low, high)
        away = reach(canvas, muscle, win)
        if away is None:
            continue
        swollen = level - np.float32(swell) * np.exp(-np.maximum(away - gap, 0) / np.float32(FROM_MM))
        if 0 < gap < 1.5:  # thinner than a pixel: it is as dark as its share of one
            thin = min(1.0, gap / canvas.px)
            line = (swollen < 1) & (away < max(gap, canvas.px)) & canvas.cavity[win]
            canvas.paint(win, line, thin * (frame.fat_hu + 40) + (1 - thin) * frame.muscle_hu, "fascia")
            gap = max(gap, canvas.px)
        # Its layers lie as deep below the muscle as they lie below its free surface.
        level = np.maximum(swollen, 1 - (away - gap) / np.float32(size))
    return win, np.where(canvas.cavity[win], level, np.maximum(level, 1))


def bed(canvas, frame, side):
    """Where a kidney lies on one side (-1 left of the image, 1 right of it), in mm as measured on the muscles.

    The side of the psoas, the front of the quadratus lumborum and its far end: distance from the midline, y, distance.
    """
    edges = []
    for muscle in ("psoas", "quadratus lumborum"):
        win = canvas.box
        there = (canvas.muscle[win] == PARTS.index(muscle)) & (canvas.x[win] * side > 0)
        x, y = side * canvas.x[win][there], canvas.y[win][there]
        # A muscle that is not in the slice leaves the place where it would be.
        edges.append((x.max(), y.min()) if there.any() else (frame.body_w + 28 * len(edges) + 28, frame.spine_y + 9))
    (psoas_x, _), (far_x, front_y) = edges
    return float(psoas_x), float(front_y), float(max(far_x, psoas_x + 10))


def off_muscle(canvas):
    """Distance in mm from the nearest muscle, one value a pixel of `canvas.box`."""
    there = np.isin(canvas.muscle[canvas.box], [PARTS.index(name) for name in MUSCLES])
    return (distance_transform_edt(~there) - 0.5).astype(np.float32) * np.float32(canvas.px)
