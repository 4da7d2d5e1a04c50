"""The sheet a phantom is drawn on: millimetre coordinates bent like a real body, HU, and the muscle contour."""

import zlib
from bisect import bisect_left
from functools import lru_cache
from itertools import pairwise

import numpy as np

AIR_HU = -1000.0
TWIST_MM = 80.0  # how far the rotation of the spine reaches

L3_MUSCLES = ("rectus abdominis", "lateral wall", "psoas", "quadratus lumborum", "erector spinae", "multifidus")
MUSCLES = (*L3_MUSCLES, "iliacus", "gluteus medius")  # all skeletal muscle that is counted, at any level
# What a pixel of a phantom can be; `Canvas.parts` and `Phantom.parts` hold the index.
PARTS = (
    "air", "table", "limb", "skin", "subcutaneous fat", "fascia", *L3_MUSCLES, "bone", "disc", "spinal canal",
    "ligament", "visceral fat", "bowel", "bowel content", "kidney", "liver", "spleen", "gallbladder", "pancreas",
    "vessel", "fluid", "foreign body", "iliacus", "gluteus medius", "crus", "cartilage",
)  # fmt: skip
_INDEX = {name: i for i, name in enumerate(PARTS)}


@lru_cache(maxsize=256)
def _spline_basis(length, knots):
    """Cubic B-spline basis, one row a pixel: noise on few knots becomes a smooth field by two small products."""
    position = (np.arange(length) * ((knots - 3) / max(length, 1))).astype(np.float32)
    first = position.astype(int)
    t = position - first
    square, cube = t**2, t**3
    basis, place = np.zeros((length, knots), np.float32), np.arange(length) * knots + first
    for k, weight in enumerate(((1 - t) ** 3, 3 * cube - 6 * square + 4, -3 * cube + 3 * square + 3 * t + 1, cube)):
        basis.reshape(-1)[place + k] = weight / 6
    return basis


def smooth_noise(rng, shape, scale_px):
    """Random field, float32, of mean 0 and SD about 1 whose blobs are about `scale_px` pixels wide.

    They are the distance between the knots of a cubic B-spline.
    """
    bases = [_spline_basis(n, max(4, round(n / max(scale_px, 1.0)) + 3)) for n in shape]
    knots = rng.standard_normal((bases[0].shape[1], bases[1].shape[1]), dtype=np.float32)
    # Averaging neighbours lowers the variance of each axis to 151/315 on the mean: undo it.
    field = bases[0] @ knots @ bases[1].T
    field *= np.float32(315 / 151)
    return field


class Canvas:
    """Pixel grid of one slice, in the patient's millimetres.

    x grows to the right of the image (the patient's left), y to the back. The origin is the centre of the ring of
    abdominal muscle, and lies `centre_mm` (x, y) from the centre of the image. `scale` (1 = as drawn) and `angle`
    (radians) are of the whole body, `warp_mm` is the amplitude of its smooth bending, whose wavelength is some 60 mm.
    `twist` is y of a centre on the midline, rotation (radians) and sideways shift (mm) there; both fade away over
    80 mm. So the spine turns, and what hangs on it.

    Parts are painted one over the other: `hu` holds their attenuation, `parts` their names as an index into `PARTS`.
    `box` is the window that holds the body and a centimetre around it, `ring` holds the coordinates along the abdominal
    wall (`anatomy.frame.Ring`), `cavity` where organs may lie, `muscle` the index into `PARTS` of the muscle that will
    be painted at each pixel, and `metal` where there is some, once they are known.
    """

    # Eight parameters: they are all that tells the grid and the pose of a body.
    def __init__(self, rng, shape, spacing_mm, *, centre_mm=(0.0, 0.0), scale=1.0, angle=0.0, warp_mm=0.0,
                 twist=(0.0, 0.0, 0.0)):  # fmt: skip
        self.rng, self.shape, self.spacing_mm = rng, shape, spacing_mm
        rows = ((np.arange(shape[0]) - (shape[0] - 1) / 2) * spacing_mm[0] - centre_mm[1]) / scale
        columns = ((np.arange(shape[1]) - (shape[1] - 1) / 2) * spacing_mm[1] - centre_mm[0]) / scale
        rows, columns = rows.astype(np.float32), columns.astype(np.float32)
        gy, gx = rows[:, None], columns[None, :]
        self._rows, self._columns = rows.tolist(), columns.tolist()
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        wavelength_px = 60.0 / spacing_mm[0]
        bend = np.float32(warp_mm)
        wx, wy = (bend * smooth_noise(rng, shape, wavelength_px) for _ in range(2))
        self.x = c * gx - s * gy + wx
        self.y = s * gx + c * gy + wy
        twist_y, turn, aside = map(np.float32, twist)
        if turn or aside:
            fade = np.exp(-(self.x**2 + (self.y - twist_y) ** 2) / np.float32(TWIST_MM**2))
            dy, bend_by = self.y - twist_y, turn * fade
            self.x, self.y = self.x - bend_by * dy - aside * fade, self.y + bend_by * self.x
        # A part's window is found in unbent coordinates: this is how far the bending may push it out.
        self._slack = float(3.5 * warp_mm + 0.43 * TWIST_MM * abs(turn) + abs(aside))
        self._rotation = (float(c), float(s))
        self.px = float(np.mean(spacing_mm)) / scale
        self.hu = np.full(shape, AIR_HU, np.float32)
        self.parts = np.zeros(shape, np.uint8)
        self.box = np.s_[: shape[0], : shape[1]]
        self.ring = self.cavity = self.muscle = self.metal = self.days = None

    def begin(self, draw, part, anew=False):
        """Begin a part of the body: from a stream of its own where `days`, a seed and a day, are those of one person.

        So it is the same on all days, or, if it is drawn `anew`, another on each.
        """
        if self.days is not None:
            seed, day = self.days
            draw.rng = self.rng = np.random.default_rng((*seed, zlib.crc32(part.encode()), day * anew))

    def noise(self, scale_mm, window=np.s_[:, :]):
        """Smooth random field over `window`, with blobs of about `scale_mm`."""
        return smooth_noise(self.rng, self.hu[window].shape, scale_mm / self.px)

    def window(self, cx, cy, reach):
        """Slices of the grid that hold every pixel within `reach` mm of the point (`cx`, `cy`)."""
        c, s = self._rotation
        gx, gy = c * cx + s * cy, -s * cx + c * cy
        reach = reach + self._slack
        rows, columns = ((bisect_left(places, middle - reach), bisect_left(places, middle + reach))
                         for places, middle in ((self._rows, gy), (self._columns, gx)))  # fmt: skip
        return slice(*rows), slice(*columns)

    def ellipse(self, cx, cy, rx, ry, power=2.0, angle=0.0):
        """Window and level of a superellipse: the level is below 1 inside and 1 on the edge."""
        win = self.window(cx, cy, max(rx, ry) * 1.42)
        x, y = self.x[win] - np.float32(cx), self.y[win] - np.float32(cy)
        if angle:
            c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
            x, y = c * x + s * y, c * y - s * x
        return win, superellipse(x, y, rx, ry, power)

    def worm(self, points, radius):
        """Window and level of a bent tube along `points`, a list of (x, y): below 1 inside, 1 on the edge."""
        points = np.asarray(points, np.float32)
        middle = points.mean(0)
        reach = float(np.max(np.hypot(*(points - middle).T))) + radius * 1.05
        win = self.window(*middle, reach)
        x, y = self.x[win], self.y[win]
        nearest = np.full(x.shape, np.inf, np.float32)
        for (x0, y0), (x1, y1) in pairwise(points):
            dx, dy, from_x, from_y = x1 - x0, y1 - y0, x - x0, y - y0
            t = np.clip((from_x * dx + from_y * dy) / max(dx * dx + dy * dy, np.float32(1e-6)), 0, 1)
            np.minimum(nearest, (from_x - t * dx) ** 2 + (from_y - t * dy) ** 2, out=nearest)
        return win, np.sqrt(nearest) / np.float32(radius)

    def paint(self, win, where, hu, part=None):
        """Give the pixels `where` (a mask over the window `win`) the value or field `hu`, and the name `part`."""
        np.copyto(self.hu[win], np.asarray(hu, np.float32), where=where)
        if part is not None:
            np.copyto(self.parts[win], np.uint8(_INDEX[part]), where=where)

    def fill(self, shape, hu, part=None, where=None):
        """Paint the inside of `shape`, a window and level as of `ellipse` or `worm`; only in the mask `where`."""
        win, level = shape
        self.paint(win, level < 1 if where is None else (level < 1) & where[win], hu, part)

    def part(self, name, win=np.s_[:, :]):
        """Mask, over the window `win`, of the pixels that are `name` so far."""
        return self.parts[win] == _INDEX[name]


def within_superellipse(x, y, rx, ry, power):
    """Where the level of a superellipse is below 1; powers are slow, so it is computed near the rim alone."""
    # It lies between the level of the ellipse and `stretch` times that.
    level, stretch = superellipse(x, y, rx, ry, 2.0), 2 ** (1 / power - 1 / 2)
    inside = level * max(1.0, stretch) < 0.999
    rim = ~inside & (level * min(1.0, stretch) < 1.001)
    inside[rim] = superellipse(x[rim], y[rim], rx, ry, power) < 1
    return inside


def superellipse(x, y, rx, ry, power):
    """``(|x/rx|^p + |y/ry|^p)^(1/p)``, float32."""
    x, y = np.abs(x) / np.float32(rx), np.abs(y) / np.float32(ry)
    if power == 2.0:
        return np.sqrt(x * x + y * y)
    return (x ** np.float32(power) + y ** np.float32(power)) ** np.float32(1 / power)
