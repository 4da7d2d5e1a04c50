"""What a slice, its muscle and its tissues look like, in true proportions, and the mask alone; PNG, as bytes.

Drawn by Pillow. Matplotlib takes half a second to load, and a tenth for each picture.
"""

import importlib.util
import io
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from ..ct import composition
from ..ct.geometry import Slice, upright
from ..ct.tissues import COLOURS
from ..paper import WINDOW_HU
from .numbers import NOT_A_MEDICAL_DEVICE
from .tissue import segments

CONTOUR_COLOUR = "#ffb000"  # seen on grey by any kind of colour vision
FAT_COLOUR = "#35a7ff"
PICTURE_PX, CAPTION_PX = 1000, 50  # longest side of the slice in the picture, height of the line below
TEXT_PX, LINE_PX, BAR_PX = 18, 1.6, 4
LEGEND_PX, LINE_HEIGHT_PX, TILE_PX = 290, 32, 400
FINE = 4  # lines are drawn so many times as large and made smaller, so that they are smooth


def mask_png(mask):
    """The mask on the slice's grid, 255 where it is muscle."""
    from PIL import Image

    return _png(Image.fromarray(mask.astype(np.uint8) * 255), pnginfo=_comment())


def _comment():
    """What says that a PNG is one of this command's."""
    from PIL import PngImagePlugin

    comment = PngImagePlugin.PngInfo()
    comment.add_text("Comment", NOT_A_MEDICAL_DEVICE)
    return comment


def sheet_png(tiles):
    """Several slices side by side: of each a `Slice`, upright, the lines below it, and whether it has a frame."""
    from PIL import Image, ImageDraw

    lines = max(len(told) for _, told, _ in tiles)
    sheet = Image.new("RGB", (TILE_PX * len(tiles), TILE_PX + (lines + 1) * LINE_HEIGHT_PX))
    draw = ImageDraw.Draw(sheet)
    for left, (image, told, framed) in zip(range(0, sheet.width, TILE_PX), tiles, strict=True):
        sides_mm = np.multiply(image.image_hu.shape, image.spacing_mm)
        height, width = (max(1, round(side * TILE_PX / max(sides_mm))) for side in sides_mm)
        tile = Image.fromarray(_grey(image.image_hu).astype(np.uint8)).resize(
            (width, height), Image.Resampling.BILINEAR
        )
        sheet.paste(tile, (left + (TILE_PX - width) // 2, (TILE_PX - height) // 2))
        for row, text in enumerate(told):
            while draw.textlength(text, _font()) > TILE_PX - 24:  # a file's name may be long: its end tells it apart
                text = f"…{text.removeprefix('…')[1:]}"
            draw.text((left + 12, TILE_PX + (row + 0.5) * LINE_HEIGHT_PX), text, "white", _font(), anchor="lm")
        if framed:
            draw.rectangle((left, 0, left + TILE_PX - 1, sheet.height - LINE_HEIGHT_PX), None, CONTOUR_COLOUR, 4)
    draw.text((12, sheet.height - LINE_HEIGHT_PX / 2), NOT_A_MEDICAL_DEVICE, "white", _font(), anchor="lm")
    return _png(sheet, pnginfo=_comment())


def _png(picture, **options):
    file = io.BytesIO()
    picture.save(file, "png", **options)
    return file.getvalue()


def overlay_png(segmentation):
    """The slice of a `Segmentation` in grey, upright, with the outline of the mask and the fat within it."""
    from PIL import Image, ImageDraw

    image = Slice(segmentation.image_hu, segmentation.spacing_mm, header=segmentation.header).upright()
    mask = upright(segmentation.mask, segmentation.header)
    segmentation = replace(segmentation, image_hu=image.image_hu, spacing_mm=image.spacing_mm, mask=mask,
                           header=image.header)  # fmt: skip
    height_mm, width_mm = np.multiply(mask.shape, image.spacing_mm)
    scale = PICTURE_PX / max(width_mm, height_mm)
    width, height = max(1, round(width_mm * scale)), max(1, round(height_mm * scale))
    left = (PICTURE_PX - width) // 2
    picture = Image.new("RGB", (PICTURE_PX, height + CAPTION_PX))
    picture.paste(_coloured(segmentation).resize((width, height), Image.Resampling.BILINEAR), (left, 0))
    picture.paste(CONTOUR_COLOUR, mask=_outline(segmentation, picture.size, scale, left))
    draw = ImageDraw.Draw(picture)
    x, y = left + 0.04 * width, 0.97 * height
    draw.rectangle((x, y - BAR_PX / 2, x + 50 * scale, y + BAR_PX / 2 - 1), "white")
    draw.text((x, 0.96 * height), "5 cm", "white", _font(), anchor="ld")
    draw.text((0.02 * PICTURE_PX, height + CAPTION_PX / 2), _caption(segmentation), "white", _font(), anchor="lm")
    return _png(picture, compress_level=3)  # half the time of the usual 6, for a hundredth more bytes


def tissues_png(segmentation):
    """The slice upright with each tissue of a `Segmentation` in its colour, and numbers that the legend names."""
    from PIL import Image, ImageColor, ImageDraw

    image = Slice(segmentation.image_hu, segmentation.spacing_mm, header=segmentation.header).upright()
    parts = {part: upright(mask, segmentation.header) for part, mask in segments(segmentation.tissues).items()}
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in parts), 1)}
    coloured = np.repeat(_grey(image.image_hu)[..., None], 3, axis=2)
    for (name, _), mask in parts.items():
        coloured[mask] = 0.4 * coloured[mask] + 0.6 * np.array(ImageColor.getrgb(COLOURS[name]))
    sides_mm = np.multiply(image.image_hu.shape, image.spacing_mm)
    scale = PICTURE_PX / max(sides_mm)
    height, width = (max(1, round(side * scale)) for side in sides_mm)
    lines = len(numbers) + 2
    picture = Image.new("RGB", (width + LEGEND_PX, max(height, LINE_HEIGHT_PX * (lines + 1))))
    picture.paste(Image.fromarray(coloured.astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR))
    draw = ImageDraw.Draw(picture)
    for (name, _), mask in parts.items():
        place = (_deepest(mask, image.spacing_mm) * image.spacing_mm * scale)[::-1]
        draw.text(tuple(place), str(numbers[name]), "white", _font(), anchor="mm", stroke_width=2, stroke_fill="black")
    for name, number in numbers.items():
        y = LINE_HEIGHT_PX * (number + 0.5)
        draw.rectangle((width + 20, y - 10, width + 40, y + 10), COLOURS[name])
        draw.text((width + 52, y), f"{number}  {name}", "white", _font(), anchor="lm")
    draw.text((width + 20, LINE_HEIGHT_PX * lines), "(not a medical device)", "white", _font(), anchor="lm")
    return _png(picture, compress_level=3)


def _deepest(mask, spacing_mm):
    """Row and column of the pixel of a mask that lies farthest from its edge."""
    from scipy import ndimage

    depth_mm = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1]
    return np.array(np.unravel_index(depth_mm.argmax(), mask.shape))


def _grey(image_hu):
    low, high = WINDOW_HU
    return np.clip((image_hu - low) * (255 / (high - low)), 0, 255)


def _coloured(segmentation):
    """The slice in grey and the fat within its muscle in colour, pixel by pixel: a PIL image."""
    from PIL import Image, ImageColor

    coloured = np.repeat(_grey(segmentation.image_hu)[..., None], 3, axis=2)
    if segmentation.mask.any():
        fat = composition.intermuscular_fat(segmentation.mask, segmentation.image_hu, segmentation.spacing_mm)
        coloured[fat] = 0.2 * coloured[fat] + 0.8 * np.array(ImageColor.getrgb(FAT_COLOUR))
    return Image.fromarray(coloured.astype(np.uint8))


def _outline(segmentation, size, scale, left):
    """How much of each pixel of a picture of `size` the outline of the muscle covers: a PIL image in grey."""
    from contourpy import contour_generator  # what matplotlib's contours are made by
    from PIL import Image, ImageDraw

    fine = Image.new("L", (size[0] * FINE, size[1] * FINE))
    draw = ImageDraw.Draw(fine)
    padded = np.pad(segmentation.mask, 1).astype(np.float32)  # muscle at the edge of the slice is outlined there too
    for line in contour_generator(z=padded).lines(0.5):
        points = (line - 0.5) * segmentation.spacing_mm[::-1] * scale + (left, 0)
        draw.line((points * FINE).ravel().tolist(), 255, round(LINE_PX * FINE), "curve")
    return fine.reduce(FINE)


@cache
def _font():
    """DejaVu Sans, which comes with matplotlib: Pillow's own letters lack the ² of cm²."""
    from PIL import ImageFont

    (folder,) = importlib.util.find_spec("matplotlib").submodule_search_locations
    return ImageFont.truetype(Path(folder, "mpl-data/fonts/ttf/DejaVuSans.ttf"), TEXT_PX)


def _caption(segmentation):
    parts = [f"Muscle {segmentation.area_cm2:.1f} cm²"]
    if segmentation.area_corrected_cm2 is not None:
        parts.append(f"bias corrected {segmentation.area_corrected_cm2:.1f} cm²")
    if segmentation.mean_hu is not None:
        parts.append(f"mean {segmentation.mean_hu:.1f} HU")
    return ",  ".join(parts) + "    (not a medical device)"
