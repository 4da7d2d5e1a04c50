"""What the scanner makes of the anatomy: blur, noise, streaks, metal, the edge of the field of view."""

import numpy as np
from scipy import ndimage

MAKERS = (  # maker, model, kernel
    ("GE MEDICAL SYSTEMS", "LightSpeed VCT", "STANDARD"),
    ("SIEMENS", "SOMATOM Definition AS", "B30f"),
    ("Philips", "Brilliance 64", "B"),
    ("TOSHIBA", "Aquilion", "FC08"),
)


def field_of_view(draw, body_width_mm, matrix):
    """Pixel size (mm) that a technician would choose for a body of this width, and the body's offset in the field."""
    margin = draw.uniform("scanner", (1.04, 1.30), (0.94, 1.6))
    field = np.clip(body_width_mm * margin, 0.6 * 512, 0.98 * 512)
    if draw.wild("scanner"):
        field = np.clip(body_width_mm * margin, 0.5 * 512, 1.15 * 512)
    pixel = round(float(field) / matrix, 6)
    slack = max(4.0, (field - body_width_mm) / 2)
    shift = draw.rng.uniform(-1, 1, 2) * (min(slack, 25.0), 25.0)
    return pixel, tuple(shift)


def acquire(canvas, draw, body, bone):
    """Blur, noise and artefacts, in place of a reconstruction.

    Parameters
    ----------
    canvas : Canvas
        Painted with sharp edges.
    draw : Draw
    body, bone : ndarray of bool
        Where the attenuation is, for the level of noise and for streaks.

    Returns
    -------
    ndarray of float32, HU
    """
    u, rng = draw.uniform, draw.rng
    # In-plane resolution of a soft kernel, widened by a thick slice through oblique edges.
    sigma = u("scanner", (0.45, 0.75), (0.3, 1.2)) / canvas.px
    hu = ndimage.gaussian_filter(canvas.hu, sigma, truncate=3.0)
    grain = rng.standard_normal(canvas.shape, dtype=np.float32)
    width = u("scanner", (0.4, 0.9), (0.0, 1.3)) / canvas.px
    if width > 0.3:
        grain = ndimage.gaussian_filter(grain, width, truncate=2.5)
        grain /= grain.std()
    level = u("scanner", (7, 16), (2, 28))
    # Rays through the middle of the body are the most attenuated: the noise is strongest there.
    rows, columns = np.nonzero(body.any(1))[0], np.nonzero(body.any(0))[0]
    if len(rows) and len(columns):
        y = (np.arange(canvas.shape[0]) - rows.mean()) / max(1, len(rows) / 2)
        x = (np.arange(canvas.shape[1]) - columns.mean()) / max(1, len(columns) / 2)
        profile = 1.15 - 0.4 * np.clip(y[:, None] ** 2 + x[None, :] ** 2, 0, 1.3)
        hu += grain * (level * profile).astype(np.float32)
        if draw.chance("scanner", 0.25, 0.5) and bone.any():
            # Photon starvation: streaks along the rays that cross the dense bones.
            strength = u("scanner", (3, 9), (2, 30))
            reach = np.exp(-((y - np.nonzero(bone.any(1))[0].mean() / max(1, len(rows) / 2)
                              + rows.mean() / max(1, len(rows) / 2)) ** 2) / 0.15)  # fmt: skip
            lines = ndimage.gaussian_filter1d(rng.standard_normal(canvas.shape, dtype=np.float32), 14, axis=1)
            hu += body * lines / lines.std() * (strength * reach)[:, None].astype(np.float32)
    return hu


def metal_streaks(hu, metal, rng):
    """Dark and bright rays that leave a piece of metal."""
    y, x = np.nonzero(metal)
    if not len(y):
        return hu
    angle = np.arctan2(np.arange(hu.shape[0])[:, None] - y.mean(), np.arange(hu.shape[1])[None, :] - x.mean())
    rays = np.interp(angle, np.linspace(-np.pi, np.pi, 91), rng.standard_normal(91))
    far = np.hypot(np.arange(hu.shape[0])[:, None] - y.mean(), np.arange(hu.shape[1])[None, :] - x.mean())
    return (hu + rays * rng.uniform(30, 160) * np.exp(-far / rng.uniform(25, 80)) * (hu > -500)).astype(np.float32)


def crop_to_circle(hu, rng):
    """Outside the circle of reconstruction some makers write a padding value far below air."""
    n = hu.shape[0]
    r2 = (np.arange(n)[:, None] - (n - 1) / 2) ** 2 + (np.arange(hu.shape[1])[None, :] - (hu.shape[1] - 1) / 2) ** 2
    hu[r2 > (n / 2) ** 2] = -1024
    return hu
