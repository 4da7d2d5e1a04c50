"""What the scanner makes of sharp anatomy: slice thickness, blur, noise, streaks, metal, the edge of the field of view.

Nothing is reconstructed in full. Streaks and the level of the noise come from line integrals on a coarse grid, where a
projection is one sparse product; blur and the texture of the noise come from one Fourier transform at full size.
Every range is drawn as in the anatomy: the reference one first, then the randomised one, which is wider than nature.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import fft, sparse

from ..base import box
from .canvas import smooth_noise

AIR_HU = -1024
WATER_PER_MM = 0.019  # attenuation of water at the 70 keV or so of a 120 kVp beam
COARSE, ANGLES = 96, 90  # grid and directions of the line integrals
SECTORS = 4  # directions in which the noise has a level of its own
# Kernels from soft to sharp: the frequency (per mm) where their transfer falls to a half, and their overshoot. Soft
# tissue kernels keep a half to 0.3 to 0.45 per mm; the makers print curves, not numbers, so these are ours.
SOFT, MEDIUM, SHARP = (0.31, 0.0), (0.37, 0.05), (0.46, 0.25)
MAKERS = (  # maker; models; kernels; slice thicknesses (mm) and how often each
    ("GE MEDICAL SYSTEMS", ("LightSpeed VCT", "LightSpeed16", "Discovery CT750 HD"),
     {"SOFT": SOFT, "STANDARD": MEDIUM, "DETAIL": SHARP}, {1.25: 0.15, 2.5: 0.25, 3.75: 0.1, 5.0: 0.5}),
    ("SIEMENS", ("SOMATOM Definition AS", "SOMATOM Definition Flash", "Sensation 64"),
     {"B20f": SOFT, "B30f": MEDIUM, "B40f": SHARP}, {1.0: 0.1, 2.0: 0.1, 3.0: 0.3, 5.0: 0.5}),
    ("Philips", ("Brilliance 64", "Ingenuity CT", "iCT 256"),
     {"A": SOFT, "B": MEDIUM, "C": SHARP}, {1.0: 0.1, 2.0: 0.2, 3.0: 0.3, 5.0: 0.4}),
    ("TOSHIBA", ("Aquilion", "Aquilion ONE", "Aquilion PRIME"),
     {"FC08": SOFT, "FC12": MEDIUM, "FC03": SHARP}, {1.0: 0.15, 2.0: 0.2, 3.0: 0.25, 5.0: 0.4}),
)  # fmt: skip
# Windows through which a slice may have been stored, lowest and highest HU, and how often each; ours.
WINDOWS_HU = {(-160, 240): 0.5, (-150, 250): 0.2, (-125, 225): 0.15, (-200, 300): 0.15}
KERNEL_SHARE = (0.25, 0.65, 0.10)  # soft, medium, sharp: abdomens are rarely read on a sharp kernel


@dataclass(frozen=True)
class Protocol:
    """How one slice is scanned."""

    maker: str
    model: str
    kernel: str
    kvp: int
    pixel_mm: float
    shift_mm: tuple  # the centre of the body from the centre of the field, (x, y)
    slice_thickness_mm: float
    half_transfer_per_mm: float  # of the kernel: frequency at which it keeps a half of the contrast,
    overshoot: float  # and how much it lifts the edges
    noise_hu: float  # standard deviation, over the body
    blotch_mm: float  # extra blur of the noise alone, as iterative reconstruction leaves it; 0 without


def draw_protocol(draw, body_width_mm, matrix):
    """Choose scanner, field of view, slice, kernel and dose for a body, on `matrix` rows and columns."""
    rng, u = draw.rng, draw.uniform
    margin = u("scanner", (1.04, 1.30), (0.94, 1.6))
    low, high = (0.5, 1.15) if draw.wild("scanner") else (0.6, 0.98)
    field = float(np.clip(body_width_mm * margin, low * 512, high * 512))
    shift = _draw_shift(rng, field, body_width_mm)
    maker, models, kernels, slices = MAKERS[rng.integers(len(MAKERS))]
    kernel = str(rng.choice(list(kernels), p=KERNEL_SHARE))
    thickness = float(rng.choice(list(slices), p=list(slices.values())))
    half, overshoot = kernels[kernel]
    half *= u("scanner", (0.93, 1.07), (0.6, 1.6))
    overshoot += u("scanner", (0, 0), (0, 1.2)) if draw.chance("scanner", 0, 0.4) else 0.0
    # Fat has a noise of 30, 18 and 11.5 HU with filtered back-projection, hybrid and model-based iteration on thin
    # slices (PMC6220000). Dose follows the body and the slice, but never in full.
    way = rng.choice(3, p=(0.5, 0.4, 0.1))
    at_5_mm = u("scanner", ((10, 16), (8, 12), (5, 8))[way], (0.15, 1.0))
    if draw.wild("scanner"):
        at_5_mm = 40 * at_5_mm**2  # from nearly none to hardly readable
    noise = at_5_mm * (5 / thickness) ** 0.4 * (body_width_mm / 350) * (half / MEDIUM[0]) ** 0.7
    noise = min(noise, 45.0)
    blotch = (0.0, 0.35, 0.6)[way] * u("scanner", (0.8, 1.2), (0.0, 2.5))
    return Protocol(
        maker, str(rng.choice(models)), kernel, int(rng.choice((80, 100, 120, 140), p=(0.02, 0.2, 0.7, 0.08))),
        round(field / matrix, 6), shift, thickness, half, overshoot, float(noise), blotch,
    )  # fmt: skip


def _draw_shift(rng, field_mm, body_width_mm):
    slack = max(4.0, (field_mm - body_width_mm) / 2)
    return tuple(rng.uniform(-1, 1, 2) * (min(slack, 25.0), 25.0))


def moved(protocol, rng, body_width_mm, matrix):
    """The same protocol, for someone who lies elsewhere in the same field."""
    return replace(protocol, shift_mm=_draw_shift(rng, protocol.pixel_mm * matrix, body_width_mm))


def acquire(canvas, draw, protocol, body):
    """Everything between sharp anatomy and stored pixels: HU, float32.

    `body`, bool (rows, columns), is where the slice smears what is oblique to it, and where the noise is measured.
    """
    u, px = draw.uniform, protocol.pixel_mm
    hu = canvas.hu
    if canvas.metal is not None and canvas.metal.any():
        hu = np.where(canvas.metal, np.float32(u("scanner", (8000, 14000), (3000, 18000))), hu)
    streaks, levels = _rays(draw, hu, px)
    # Display never shows more than this; what is above has already cast its streaks.
    hu = through_plane(draw, np.minimum(hu, 3600), protocol, body)
    hu = blur(hu, protocol)
    gain, offset = u("scanner", (0.996, 1.004), (0.95, 1.05)), u("scanner", (-3, 3), (-12, 12))
    hu = (hu + 1000) * np.float32(gain) + np.float32(offset - 1000)
    hu += streaks
    hu += noise(draw.rng, protocol, levels, body)
    return edge_of_field(draw, hu, body, px)


def eight_bit(rng, hu):
    """What is left of a slice that was stored as a picture: its HU end at a display window, and have 256 levels."""
    windows = list(WINDOWS_HU)
    low, high = windows[rng.choice(len(windows), p=list(WINDOWS_HU.values()))]
    step = (high - low) / 255
    return low + step * np.rint((np.clip(hu, low, high) - low) / step)


# --- through the slice and in it -------------------------------------------------------------------------------------


def through_plane(draw, hu, protocol, body):
    """Average of what the slice cuts at several heights: edges that are oblique to it smear.

    The anatomy at height z is the painted one, displaced by z times a smooth field of slopes, which is steeper in
    the middle of the body (kidney, bowel and vertebra) than in its wall. A patient who breathes moves the front.
    """
    if not body.any():
        return hu
    px, thickness, win = protocol.pixel_mm, protocol.slice_thickness_mm, box.around(body, 4)
    piece = np.ascontiguousarray(hu[win])
    h, w = piece.shape
    y, x = np.linspace(-1, 1, h, dtype=np.float32)[:, None], np.linspace(-1, 1, w, dtype=np.float32)
    deep = np.clip(2.2 - 2.4 * np.hypot(x, y), 0.3, 1)
    slope = draw.uniform("scanner", (0.3, 0.7), (0, 1.1)) / px
    field = [smooth_noise(draw.rng, (h, w), draw.rng.uniform(18, 45) / px) * deep * np.float32(slope) for _ in "yx"]
    breath = 0.0
    if draw.chance("scanner", 0.02, 0.08):
        breath = draw.uniform("scanner", (1, 3), (1, 7)) / px
    n = 5 if thickness > 2.5 or breath else 3
    r, k = np.arange(h, dtype=np.float32)[:, None], np.arange(w, dtype=np.float32)
    out = np.zeros_like(piece)
    for i, z in enumerate(np.linspace(-thickness / 2, thickness / 2, n)):
        ghost = np.float32(breath * (i % 2 - 0.5)) * np.clip(0.3 - y, 0, 1) if breath else 0
        ry = np.clip(np.rint(r + np.float32(z) * field[0] + ghost), 0, h - 1).astype(np.int32)
        kx = np.clip(np.rint(k + np.float32(z) * field[1]), 0, w - 1).astype(np.int32)
        out += piece.ravel().take(ry * w + kx)
    smeared = hu.copy()
    smeared[win] = out / np.float32(n)
    return smeared


@lru_cache(maxsize=4)
def _frequencies(shape):
    """Distance from zero frequency (cycles per pixel) and direction, on the half plane of a real transform."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    return np.hypot(fy, fx).astype(np.float32), np.arctan2(fy, fx).astype(np.float32)


@lru_cache(maxsize=4)
def _sectors(shape):
    """Windows that share the frequencies of a transform among `SECTORS` directions."""
    return _shared(_frequencies(shape)[1])


def _shared(direction):
    """Weights that share directions among `SECTORS`; their squares sum to one."""
    centres = (np.arange(SECTORS) * np.pi / SECTORS).reshape(-1, *[1] * direction.ndim)
    away = (direction - centres + np.pi / 2) % np.pi - np.pi / 2
    return np.cos(np.clip(np.abs(away) * SECTORS / 2, 0, np.pi / 2)).astype(np.float32)


def transfer(frequency_per_mm, protocol):
    """What the kernel keeps of a contrast that varies with this frequency: a bell, lifted where it overshoots."""
    f = (frequency_per_mm / np.float32(protocol.half_transfer_per_mm)) ** 2
    return np.exp(np.float32(-np.log(2)) * f) * (1 + np.float32(2 * protocol.overshoot) * f)


def blur(hu, protocol):
    """Blur the slice in its plane as the kernel does."""
    frequency, _ = _frequencies(hu.shape)
    spectrum = fft.rfft2(hu, workers=1)
    spectrum *= transfer(frequency / np.float32(protocol.pixel_mm), protocol)
    return fft.irfft2(spectrum, hu.shape, workers=1, overwrite_x=True)


def noise(rng, protocol, levels, body):
    """Noise of filtered back-projection: its spectrum is the ramp times the kernel, and each direction has its level.

    A view adds noise that varies along its detector only, so the noise of the views that look along the long axis of
    the body, which is the strongest, lies in streaks along that axis.
    """
    shape, px = body.shape, protocol.pixel_mm
    frequency, _ = _frequencies(shape)
    f = frequency / np.float32(px)
    amplitude = np.sqrt(f + np.float32(0.01)) * transfer(f, protocol)
    if protocol.blotch_mm:
        amplitude *= np.exp(-((np.float32(np.pi * protocol.blotch_mm) * f) ** 2))
    white = rng.standard_normal((*frequency.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    white *= amplitude
    total = np.zeros(shape, np.float32)
    for window, level in zip(_sectors(shape), levels, strict=True):
        views = fft.irfft2(white * window, shape, workers=1, overwrite_x=True)
        views *= _resized(np.sqrt(level), shape)
        total += views
    inside = total[body] if body.any() else total
    total *= np.float32(protocol.noise_hu / np.sqrt(np.mean(inside * inside)))
    return total


# --- along the rays --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _projector():
    """What spreads sums along parallel rays over a coarse image; turned round, it sums an image along the rays.

    A sparse matrix (pixels, rays), a ray being a direction and a place on the detector; how much each direction weighs
    in each sector; and for each sector the directions that do, with their matrix.
    """
    bins = int(COARSE * 1.5)
    y, x = (np.indices((COARSE, COARSE)) - (COARSE - 1) / 2).reshape(2, -1, 1)
    theta = np.arange(ANGLES) * np.pi / ANGLES
    place = x * np.cos(theta) + y * np.sin(theta) + (bins - 1) / 2
    first = np.floor(place).astype(np.int32)
    share = (place - first).astype(np.float32)

    def spread(directions):
        ray = np.arange(len(directions), dtype=np.int32) * np.int32(bins) + first[:, directions]
        values = np.stack([1 - share[:, directions], share[:, directions]], 2).ravel()
        pixels = np.arange(len(first) + 1, dtype=np.int32) * np.int32(2 * len(directions))
        size = (len(first), len(directions) * bins)
        return sparse.csr_array((values, np.stack([ray, ray + 1], 2).ravel(), pixels), size)

    weights = _shared(theta) ** 2
    # Half of the directions lie outside a sector; a cosine leaves them a weight that is nothing but rounding.
    inside = [np.flatnonzero(weight > 1e-9) for weight in weights]
    return spread(np.arange(ANGLES)), weights, [(seen, spread(seen)) for seen in inside]


def _line_integrals(spread, image):
    some = np.flatnonzero(image)
    return (spread[some].T @ image[some]).reshape(ANGLES, -1)


@lru_cache(maxsize=8)
def _resample(length, wanted):
    """Matrix (wanted, length) that resamples a row of pixels: it averages when shrinking, interpolates otherwise."""
    place = (np.arange(wanted) + 0.5) * length / wanted - 0.5
    away = np.abs(place[:, None] - np.arange(length)) / max(1.0, length / wanted)
    weights = np.clip(1 - away, 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _resized(image, shape):
    return _resample(image.shape[0], shape[0]) @ image @ _resample(image.shape[1], shape[1]).T


def _rays(draw, hu, pixel_mm):
    """Streaks (HU, full size) and the variance of the noise by direction (coarse, relative), from line integrals."""
    u = draw.uniform
    spread, weights, sectors = _projector()
    coarse_mm = np.float32(pixel_mm * hu.shape[0] / COARSE)
    soft = np.clip(hu / np.float32(1000) + 1, 0, 1.15)
    hard = np.maximum(hu - np.float32(150), 0) / np.float32(1000)
    sums = (_line_integrals(spread, _resized(image, (COARSE, COARSE)).ravel()) for image in (soft, hard))
    water, dense = (lines * (coarse_mm * np.float32(WATER_PER_MM)) for lines in sums)
    # One in a scan of fixed current; modulating the current with the view evens out the noise, though never in full.
    starving = np.clip(water + dense, 0, 14)
    variance = np.exp(np.float32(u("scanner", (0.5, 1.0), (0.1, 1.2))) * starving)
    seen = np.stack([matrix @ (variance[inside] * weight[inside, None]).ravel()
                     for weight, (inside, matrix) in zip(weights, sectors, strict=True)], 1)  # fmt: skip
    levels = seen.T.reshape(SECTORS, COARSE, COARSE) / np.float32(max(seen.mean(), 1e-6))

    # The beam hardens in bone and metal more than the scanner's correction for water expects: dark bands between.
    error = np.float32(-u("scanner", (0.01, 0.05), (0, 0.06))) * dense * (dense + 0.5 * water) / (1 + 0.2 * dense)
    mean = np.float32(water[water > 0.5].mean() if (water > 0.5).any() else 1)
    error += np.float32(u("scanner", (-0.004, 0.004), (-0.02, 0.02))) * water * (water / mean - 1)
    if draw.chance("scanner", 0.5, 0.6):
        # Rays that few photons pass are noisier than the rest: arms beside the body, hips, metal. Their noise makes
        # streaks that are coarser than the noise of the other rays.
        few = np.exp(np.minimum(starving - np.float32(u("scanner", (11.5, 13.5), (10, 13))), 0) * np.float32(0.9))
        error += few * draw.rng.standard_normal(few.shape, dtype=np.float32)
    bins = error.shape[1]
    ramp = np.abs(np.fft.rfftfreq(2 * bins)).astype(np.float32) / coarse_mm
    filtered = fft.irfft(fft.rfft(error, 2 * bins, axis=1) * ramp, 2 * bins, axis=1)[:, :bins]
    change = (spread @ filtered.ravel()).reshape(COARSE, COARSE) * np.float32(np.pi / ANGLES / WATER_PER_MM * 1000)
    return _resized(np.clip(change, -400, 400), hu.shape), levels


@lru_cache(maxsize=4)
def _inward(shape):
    """How many pixels inside the circle of reconstruction each pixel lies."""
    y, x = ((np.arange(size, dtype=np.float32) - (size - 1) / 2) for size in shape)
    return shape[0] / 2 - np.hypot(y[:, None], x[None, :])


def edge_of_field(draw, hu, body, pixel_mm):
    """A bright rim where the field of view cuts the body, and the value that some makers write outside the circle."""
    inward = _inward(hu.shape)
    if (body & (inward < 1)).any() and draw.chance("scanner", 0.5, 0.5):
        height, reach = draw.uniform("scanner", (10, 60), (0, 250)), draw.uniform("scanner", (4, 12), (3, 25))
        hu += body * np.float32(height) * np.exp(-np.maximum(inward, 0) * np.float32(pixel_mm / reach))
    if draw.chance("scanner", 0.5, 0.5):
        hu[inward < 0] = AIR_HU
    return hu
