"""The sheet a phantom is drawn on: millimetre coordinates bent like a real body, HU, and the muscle contour."""

from functools import lru_cache

import numpy as np

AIR_HU = -1000.0


@lru_cache(maxsize=256)
def _spline_basis(length, knots):
    """Cubic B-spline basis, one row a pixel: noise on few knots becomes a smooth field by two small products."""
    position = np.linspace(0, knots - 3, length, endpoint=False, dtype=np.float32)
    first = position.astype(int)
    t = position - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], 1) / 6
    basis = np.zeros((length, knots), np.float32)
    basis[np.arange(length)[:, None], first[:, None] + np.arange(4)] = weights
    return basis


def smooth_noise(rng, shape, scale_px):
    """Random field of mean 0 and SD about 1 whose blobs are about `scale_px` pixels wide.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    scale_px : float
        Distance between the knots of a cubic B-spline; 1 or more.

    Returns
    -------
    ndarray of float32, of shape `shape`
    """
    bases = [_spline_basis(n, max(4, round(n / max(scale_px, 1.0)) + 3)) for n in shape]
    knots = rng.standard_normal((bases[0].shape[1], bases[1].shape[1]), dtype=np.float32)
    # Averaging neighbours lowers the variance of each axis to 151/315 on the mean: undo it.
    return bases[0] @ knots @ bases[1].T * np.float32(315 / 151)


class Canvas:
    """Pixel grid of one slice, in the patient's millimetres.

    x grows to the right of the image (the patient's left), y to the back. The origin is the centre of the ring of
    abdominal muscle. Parts are painted one over the other; `muscle` is the contour that a perfect reader would draw.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        Rows, columns.
    spacing_mm : tuple of float
        Row and column spacing.
    centre_mm : tuple of float
        Where the origin lies, (x, y) from the centre of the image.
    scale, angle : float
        Size (1 = as drawn) and rotation (radians) of the whole body.
    warp_mm : float
        Amplitude of the smooth bending; its wavelength is some 60 mm.
    """

    def __init__(self, rng, shape, spacing_mm, *, centre_mm=(0.0, 0.0), scale=1.0, angle=0.0, warp_mm=0.0):
        self.rng, self.shape, self.spacing_mm = rng, shape, spacing_mm
        rows = ((np.arange(shape[0]) - (shape[0] - 1) / 2) * spacing_mm[0] - centre_mm[1]) / scale
        columns = ((np.arange(shape[1]) - (shape[1] - 1) / 2) * spacing_mm[1] - centre_mm[0]) / scale
        self._rows, self._columns = rows.astype(np.float32), columns.astype(np.float32)
        gy, gx = self._rows[:, None], self._columns[None, :]
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        wavelength_px = 60.0 / spacing_mm[0]
        bend = np.float32(warp_mm)
        wx, wy = (bend * smooth_noise(rng, shape, wavelength_px) for _ in range(2))
        self.x = c * gx - s * gy + wx
        self.y = s * gx + c * gy + wy
        # A part's window is found in unbent coordinates: this is how far the bending may push it out.
        self._slack = float(3.5 * warp_mm)
        self._rotation = (float(c), float(s))
        self.px = float(np.mean(spacing_mm)) / scale
        self.hu = np.full(shape, AIR_HU, np.float32)
        self.muscle = np.zeros(shape, bool)

    def noise(self, scale_mm, window=np.s_[:, :]):
        """Smooth random field over `window`, with blobs of about `scale_mm`."""
        return smooth_noise(self.rng, self.hu[window].shape, scale_mm / self.px)

    def window(self, cx, cy, reach):
        """Slices of the grid that hold every pixel within `reach` mm of the point (`cx`, `cy`)."""
        c, s = self._rotation
        gx, gy = c * cx + s * cy, -s * cx + c * cy
        reach = reach + self._slack
        r = np.searchsorted(self._rows, (gy - reach, gy + reach))
        k = np.searchsorted(self._columns, (gx - reach, gx + reach))
        return np.s_[r[0] : r[1], k[0] : k[1]]

    def ellipse(self, cx, cy, rx, ry, power=2.0, angle=0.0):
        """Window and level of a superellipse: the level is below 1 inside and 1 on the edge."""
        win = self.window(cx, cy, max(rx, ry) * 1.42)
        x, y = self.x[win] - np.float32(cx), self.y[win] - np.float32(cy)
        if angle:
            c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
            x, y = c * x + s * y, c * y - s * x
        return win, superellipse(x, y, rx, ry, power)

    def paint(self, win, where, hu):
        """Give the pixels `where` (a mask over the window `win`) the value or field `hu`."""
        np.copyto(self.hu[win], np.asarray(hu, np.float32), where=where)


def superellipse(x, y, rx, ry, power):
    """``(|x/rx|^p + |y/ry|^p)^(1/p)``, float32."""
    x, y = np.abs(x) / np.float32(rx), np.abs(y) / np.float32(ry)
    if power == 2.0:
        return np.sqrt(x * x + y * y)
    return (x ** np.float32(power) + y ** np.float32(power)) ** np.float32(1 / power)
