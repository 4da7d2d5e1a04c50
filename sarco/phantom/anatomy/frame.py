"""The proportions of one body, drawn once and shared by its parts, and the ring on which the abdominal wall lies."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ...base import box
from ..canvas import superellipse

BOTH = (-1, 1)
EVERYWHERE = np.s_[:, :]
UPPER, LOWER = -0.3, 0.4  # levels above and below which the slice holds other organs than at mid-L3
PHASE_CONTRAST = {"plain": 0.0, "arterial": 1.0, "portal": 0.75}


@dataclass
class Frame:
    """The proportions that the parts share."""

    half_width: float  # of the muscle ring
    half_depth: float
    power: float  # squareness of the ring
    power_back: float  # the same behind, where the wall runs in to the back muscles
    front: float  # subcutaneous fat
    flank: float
    back: float
    visceral: float  # share of the cavity that is fat
    spine_y: float  # centre of the vertebral body
    body_w: float  # vertebral body, half axes
    body_h: float
    twist: tuple  # of the spine: rotation, shift to the side
    fat_hu: float
    muscle_hu: float
    bone_hu: float
    contrast: float  # 0 plain to 1 full enhancement
    level: float = 0.0  # of the slice, as `population.Subject.level` has it
    muscles: SimpleNamespace | None = None  # their sizes, `muscle.draw_muscles`

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
    u, rng = draw.uniform, draw.rng
    man = subject.sex == "M"
    obesity = subject.adiposity
    if draw.wild("geometry"):
        fats = rng.gamma(1.5, 9.0, 3) + np.array([2, 2, 4])
        if "lean" in draw.drawn:
            fats = rng.uniform(1.5, 6, 3)
        elif "obese" in draw.drawn:
            fats = rng.uniform(20, 62, 3)
        half_width, half_depth = u("geometry", (), (112, 158)), u("geometry", (), (74, 122))
        visceral = rng.uniform(0.05, 0.9) if "lean" not in draw.drawn else rng.uniform(0.02, 0.25)
    else:
        fat = np.exp(0.45 * obesity) * (0.75 if man else 1.15)
        fats = fat * rng.uniform((12, 10, 14), (22, 20, 28))
        half_width = (147 if man else 137) + 7 * obesity + 0.12 * (subject.area_cm2 - 130) + rng.normal(0, 4)
        half_depth = (97 if man else 87) + 9 * obesity + 0.07 * (subject.area_cm2 - 130) + rng.normal(0, 4)
        half_width, half_depth = np.clip(half_width, 112, 180), np.clip(half_depth, 72, 136)
        visceral = np.clip(0.38 + 0.17 * obesity + 0.12 * man + rng.normal(0, 0.08), 0.08, 0.88)
    behind = 0.0  # the less muscle behind, the nearer to the skin lies a spine that has no fat there
    if "no fat" in draw.drawn:
        behind = float(np.interp(subject.area_cm2, (90, 170), (16, 6)))
        fats, visceral = rng.uniform(1, 4, 3), rng.uniform(0.02, 0.1)
    fats = fats * np.exp(np.array((0, 0.12, 0.25)) * subject.level)  # thicker behind and at the hips, further down
    turn, aside = rng.normal(0, 1, 2) * ((0.06, 3.0) if draw.wild("geometry") else (0.03, 1.5))
    if draw.feature("scoliosis", "geometry"):
        turn, aside = rng.choice(BOTH, 2) * rng.uniform((0.15, 4), (0.42, 16))
    muscle_hu = u("hu", (0, 0), (17, 70)) if draw.wild("hu") else subject.muscle_hu + 6.5
    contrast = rng.random() if draw.wild("hu") else PHASE_CONTRAST[subject.phase]
    return Frame(
        half_width, half_depth, u("geometry", (2.1, 2.5), (1.95, 2.75)),
        u("geometry", (1.75, 2.25), (1.6, 2.75)), *fats, visceral,
        # The back muscles end where the ring does: the spine's place follows from the depth of the body.
        spine_y=max(half_depth - u("geometry", (70, 80), (54, 92)) + behind, -0.3 * half_depth),
        body_w=u("geometry", (22, 26), (19, 29)) * (1.0 if man else 0.92) * (1 + 0.04 * subject.level),
        body_h=u("geometry", (16, 19), (13, 21)) * (1.0 if man else 0.92), twist=(turn, aside),
        fat_hu=u("hu", (-112, -98), (-122, -82)), muscle_hu=muscle_hu,
        bone_hu=u("hu", (350, 600), (220, 800)), contrast=contrast, level=subject.level,
    )  # fmt: skip


@dataclass
class Ring:
    """Coordinates along the abdominal wall, one value a pixel of the canvas; known in the window `win` alone."""

    win: tuple
    x: np.ndarray  # of the canvas
    depth: np.ndarray  # below the outer edge of the ring of muscle, mm
    angle: np.ndarray  # from the front (0) over either flank to the back (pi)
    thickness: np.ndarray | None = None  # of the wall here, mm; set by `muscle.contour`

    # Eight parameters: they tell the place and the shape of a patch.
    def patch(self, side, angle, half_angle, start, size, power=3.0, from_wall=True, reach=1.0):
        """Window and level of a rounded patch that follows the wall: below 1 inside.

        It spans `angle` +- `half_angle` on one side (0: both), and from `start` to `start + size` mm below the inner
        edge of the wall, or below the outer edge of the ring. The window holds every level below `reach`.
        """
        depth, signed = self.depth[self.win], self.angle[self.win]
        outer = self.thickness[self.win] if from_wall else 0.0
        across = (depth - outer - np.float32(start)) / np.float32(size / 2) - 1
        if side:
            signed = np.where(self.x[self.win] * side > 0, signed, -signed)
        along = signed - np.float32(angle)
        # The level of a superellipse is nowhere below that of its axes; what is rounded off is far under a hundredth.
        near = (np.abs(across) < 1.01 * reach) & (np.abs(along) < 1.01 * reach * half_angle)
        part = box.around(near)
        return box.within(self.win, part), superellipse(along[part], across[part], half_angle, 1.0, power)


def ring(canvas, frame):
    """Coordinates along the wall of this body."""
    win = canvas.box
    x, y = canvas.x[win], canvas.y[win]
    level = np.empty_like(x)
    for half, power in ((y < 0, frame.power), (y >= 0, frame.power_back)):
        level[half] = superellipse(x[half], y[half], frame.half_width, frame.half_depth, power)
    depth, angle = np.full(canvas.shape, -np.inf, np.float32), np.zeros(canvas.shape, np.float32)
    depth[win] = np.sqrt(x * x + y * y) * (1 / np.maximum(level, np.float32(1e-3)) - 1)
    angle[win] = np.arctan2(np.abs(x) / np.float32(frame.half_width), -y / np.float32(frame.half_depth))
    return Ring(win, canvas.x, depth, angle)
