"""What a slice and its muscle look like: an overlay in true proportions, and the mask alone; PNG, as bytes."""

import io
from dataclasses import replace

import numpy as np

from ..ct import composition
from ..ct.geometry import Slice, upright
from ..paper import WINDOW_HU
from .numbers import NOT_A_MEDICAL_DEVICE

CONTOUR_COLOUR = "#ffb000"  # seen on grey by any kind of colour vision
FAT_COLOUR = "#35a7ff"
PICTURE_PX, CAPTION_PX = 1000, 50  # longest side of the slice in the picture, height of the line below


def mask_png(mask):
    """The mask on the slice's grid, 255 where it is muscle."""
    from PIL import Image, PngImagePlugin

    comment = PngImagePlugin.PngInfo()
    comment.add_text("Comment", NOT_A_MEDICAL_DEVICE)
    return _png(Image.fromarray(mask.astype(np.uint8) * 255), pnginfo=comment)


def _png(picture, **options):
    file = io.BytesIO()
    picture.save(file, "png", **options)
    return file.getvalue()


def overlay_png(segmentation):
    """The slice of a `Segmentation` in grey, upright, with the outline of the mask and the fat within it."""
    from PIL import Image

    image = Slice(segmentation.image_hu, segmentation.spacing_mm, header=segmentation.header).upright()
    mask = upright(segmentation.mask, segmentation.header)
    segmentation = replace(segmentation, image_hu=image.image_hu, spacing_mm=image.spacing_mm, mask=mask,
                           header=image.header)  # fmt: skip
    height_mm, width_mm = np.multiply(mask.shape, image.spacing_mm)
    scale = PICTURE_PX / max(width_mm, height_mm)
    width, height = max(1, round(width_mm * scale)), max(1, round(height_mm * scale))
    left = (PICTURE_PX - width) // 2
    picture = Image.new("RGB", (PICTURE_PX, height + CAPTION_PX))
    # Not by matplotlib's imshow, which takes 100 MiB and most of the time for it.
    picture.paste(_coloured(segmentation).resize((width, height), Image.Resampling.BILINEAR), (left, 0))
    drawn = Image.fromarray(_drawn(segmentation, picture.size, (left, width, height)))
    picture.paste(drawn, mask=drawn)
    return _png(picture)


def _coloured(segmentation):
    """The slice in grey and the fat within its muscle in colour, pixel by pixel: a PIL image."""
    from matplotlib.colors import to_rgb
    from PIL import Image

    low, high = WINDOW_HU
    grey = np.clip((segmentation.image_hu - low) * (255 / (high - low)), 0, 255)
    coloured = np.repeat(grey[..., None], 3, axis=2)
    if segmentation.mask.any():
        fat = composition.intermuscular_fat(segmentation.mask, segmentation.image_hu, segmentation.spacing_mm)
        coloured[fat] = 0.2 * coloured[fat] + 0.8 * 255 * np.array(to_rgb(FAT_COLOUR))
    return Image.fromarray(coloured.astype(np.uint8))


def _drawn(segmentation, size, place):
    """Outline, scale and caption, for a picture of `size` with the slice at the top: RGBA, elsewhere transparent."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (rows, columns), (row_mm, column_mm) = segmentation.mask.shape, segmentation.spacing_mm
    left, width, height = place
    width_mm, height_mm = columns * column_mm, rows * row_mm
    figure = Figure(figsize=np.divide(size, 128), dpi=128, facecolor="none")  # 128: whole pixels in exact inches
    across, down = size
    axis = figure.add_axes((left / across, CAPTION_PX / down, width / across, height / down))
    axis.set_axis_off()
    if segmentation.mask.any():
        x = (np.arange(columns) + 0.5) * column_mm
        y = (np.arange(rows) + 0.5) * row_mm
        axis.contour(x, y, segmentation.mask, levels=[0.5], colors=CONTOUR_COLOUR, linewidths=0.9)
    axis.plot([0.04 * width_mm, 0.04 * width_mm + 50], [0.97 * height_mm] * 2, color="white", linewidth=2)
    axis.text(0.04 * width_mm, 0.96 * height_mm, "5 cm", color="white", fontsize=10, va="bottom")
    axis.set(xlim=(0, width_mm), ylim=(height_mm, 0))
    figure.text(0.02, CAPTION_PX / 2 / down, _caption(segmentation), color="white", fontsize=10, va="center")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _caption(segmentation):
    parts = [f"Muscle {segmentation.area_cm2:.1f} cm²"]
    if segmentation.area_corrected_cm2 is not None:
        parts.append(f"bias corrected {segmentation.area_corrected_cm2:.1f} cm²")
    if segmentation.mean_hu is not None:
        parts.append(f"mean {segmentation.mean_hu:.1f} HU")
    return ",  ".join(parts) + "    (not a medical device)"
