"""The tissues of a phantom, as the book names, numbers and colours them, and pictures of them."""

import matplotlib
import numpy as np
from scipy import ndimage

from ...phantom.canvas import PARTS
from .pictures import body_box, ct, legend_below, picture_height
from .style import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, YELLOW, canvas, sns, theme

# Colour of each tissue, from outside in, and the parts of a phantom that it joins. A number in the picture says the
# same as the colour.
TISSUES = {
    "skin": ("#8C6D4F", ("skin",)),
    "fat under the skin": (YELLOW, ("subcutaneous fat", "fascia")),
    "rectus abdominis": (ORANGE, ("rectus abdominis",)),
    "lateral wall": (RED, ("lateral wall",)),
    "psoas": ("#8B1A1A", ("psoas",)),
    "quadratus lumborum": ("#E8A0BF", ("quadratus lumborum",)),
    "erector spinae": (PURPLE, ("erector spinae",)),
    "multifidus": ("#4B2A7B", ("multifidus",)),
    "iliacus": ("#00A6A6", ("iliacus",)),
    "gluteus medius": ("#B5A300", ("gluteus medius",)),
    "bone and disc": ("#F2F2F2", ("bone", "disc", "cartilage")),
    "canal and ligament": ("#9A9A9A", ("spinal canal", "ligament", "crus")),
    "fat of the cavity": ("#FFF7C2", ("visceral fat",)),
    "bowel": (SKY, ("bowel", "bowel content")),
    "organ": (GREEN, ("kidney", "liver", "spleen", "gallbladder", "pancreas")),
    "vessel": (BLUE, ("vessel",)),
    "fluid": ("#7FE0D0", ("fluid",)),
    "foreign body": ("#000000", ("foreign body",)),
    "arm or hand": ("#5A5A5A", ("limb",)),
    "table": ("#333333", ("table",)),
}


def patient(parts):
    """Mask, bool (H, W), of everything in `Phantom.parts` that is neither air nor table."""
    return ~np.isin(parts, [PARTS.index("air"), PARTS.index("table")])


def tissue_masks(parts):
    """Masks, bool (H, W), of the tissues that a phantom has, by name; `parts` as `Phantom.parts` holds it."""
    masks = {name: np.isin(parts, [PARTS.index(p) for p in joined]) for name, (_, joined) in TISSUES.items()}
    return {name: mask for name, mask in masks.items() if mask.any()}


@theme()
def anatomy(image_hu, spacing_mm, parts):
    """One slice, and below its tissues, each with the colour and the number of the legend."""
    masks = tissue_masks(parts)
    colours = {name: TISSUES[name][0] for name in masks}
    numbers = np.select(list(masks.values()), range(1, len(masks) + 1))
    width = 4.2  # narrower than the others: the legend is to be read on a telephone
    height = 2 * picture_height(image_hu, spacing_mm, width=width) + 0.21 * -(-len(masks) // 2) + 0.2
    fig, (above, below) = canvas(height, 2, width=width)
    ct(above, image_hu, spacing_mm)
    ct(below, image_hu, spacing_mm, bar_cm=0)
    palette = matplotlib.colors.ListedColormap(["black", *colours.values()])
    below.imshow(numbers, palette, interpolation="nearest", aspect=below.get_aspect(), vmin=0, vmax=len(masks))
    rows, columns = body_box(image_hu)
    edge = 12  # pixels; nearer to the edge of the picture there is no place to write
    inner = np.zeros(numbers.shape, bool)
    inner[rows, columns][edge:-edge, edge:-edge] = True
    for number, colour in enumerate(colours.values(), 1):
        depth = ndimage.distance_transform_edt(numbers == number) * inner
        if depth.any():  # on the widest place
            row, column = np.unravel_index(np.argmax(depth), depth.shape)
            light = np.dot(matplotlib.colors.to_rgb(colour), (0.3, 0.59, 0.11))
            below.text(column, row, str(number), color="black" if light > 0.5 else "white", ha="center", va="center",
                       fontsize=8, fontweight="bold")  # fmt: skip
    names = {f"{number} {name}": colour for number, (name, colour) in enumerate(colours.items(), 1)}
    legend_below(fig, names, 2, fontsize=10, handlelength=1.2)
    return fig


@theme()
def attenuation(images_hu, parts, groups, window_hu):
    """Attenuation (HU) in phantoms, a row for each group of tissues; the muscle window is shaded."""
    fig, axes = canvas(0.62 * len(groups) + 0.7, len(groups), sharex=True)
    pooled = [(np.asarray(image), tissue_masks(p)) for image, p in zip(images_hu, parts, strict=True)]
    for axis, (name, tissues) in zip(axes, groups.items(), strict=True):
        values = np.concatenate([image[masks[t]] for image, masks in pooled for t in tissues if t in masks] or [[]])
        axis.axvspan(*window_hu, color=YELLOW, alpha=0.25, linewidth=0)
        sns.histplot(x=values, binwidth=5, binrange=(-200, 400), color=RED if name == "muscle" else BLUE, alpha=0.8,
                     linewidth=0, ax=axis)  # fmt: skip
        axis.set(yticks=[], ylabel="", xlim=(-200, 400), xlabel="attenuation (HU)")
        axis.spines["left"].set_visible(False)
        axis.text(0.995, 0.9, name, transform=axis.transAxes, ha="right", va="top", fontsize=10)
    return fig
