"""The figures of the book, one small function each: data in, a matplotlib ``Figure`` out.

No function reads a file or keeps state. Colours are those of Okabe and Ito (readable with any colour vision), CT grey
levels are drawn as they are, and the background is an opaque white, so that dark mode changes nothing.
"""

import functools
import itertools
import textwrap

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from ..paper import WINDOW_HU

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW, GREY = "#56B4E9", "#AA4499", "#F0E442", "#6B6B6B"
CT_WINDOW_HU = (-160, 240)  # the usual soft tissue window
WIDTH = 5.6  # inches; narrow, so that the text stays readable on a telephone
STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "image.cmap": "gray",
}


def styled(draw):
    """Draw with the book's style, whatever the caller's matplotlib settings are."""

    @functools.wraps(draw)
    def wrapper(*args, **kwargs):
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapper


def _figure(height, rows=1, columns=1, width=WIDTH, **kwargs):
    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False, **kwargs)
    return fig, axes


def _letter(axis, letter):
    """Panel letter, as in the paper's figures."""
    axis.set_title(letter, loc="left", fontweight="bold")


# CT pictures ---------------------------------------------------------------------------------------------------------


def body_box(image_hu, margin=8):
    """Rows and columns that hold the body.

    Parameters
    ----------
    image_hu : (H, W) array
    margin : int
        Pixels kept around the body.

    Returns
    -------
    tuple of slice
        To be used as an index. The whole picture when nothing in it is denser than air.
    """
    from scipy import ndimage

    parts, count = ndimage.label(ndimage.binary_opening(np.asarray(image_hu) > -300, iterations=2))
    if count == 0:
        return slice(None), slice(None)
    sizes = np.bincount(parts.ravel())[1:]
    rows, columns = ndimage.find_objects(parts)[int(np.argmax(sizes))]
    return (
        slice(max(rows.start - margin, 0), rows.stop + margin),
        slice(max(columns.start - margin, 0), columns.stop + margin),
    )


def box_of(mask, margin=6):
    """Rows and columns that hold every pixel of a mask, to be used as an index.

    Parameters
    ----------
    mask : (H, W) bool array
    margin : int
        Pixels kept around it.
    """
    return tuple(
        slice(max(int(found[0]) - margin, 0), int(found[-1]) + margin + 1)
        for found in (np.flatnonzero(np.asarray(mask).any(axis=axis)) for axis in (1, 0))
    )


def _picture_height(image_hu, spacing_mm, columns=1, width=WIDTH):
    """Height (inches) of a body that fills one of `columns` of a figure."""
    body = np.asarray(image_hu)[body_box(image_hu)]
    return width / columns * (body.shape[0] * spacing_mm[0]) / (body.shape[1] * spacing_mm[1])


def _ct(axis, image_hu, spacing_mm, box=None, bar_cm=5, window_hu=CT_WINDOW_HU):
    """One CT slice in true proportion, with a scale bar."""
    box = body_box(image_hu) if box is None else box
    shown = np.asarray(image_hu)[box]
    axis.imshow(shown, vmin=window_hu[0], vmax=window_hu[1], aspect=spacing_mm[0] / spacing_mm[1])
    axis.set_axis_off()
    if bar_cm:
        length = 10 * bar_cm / spacing_mm[1]
        row, column = shown.shape[0] * 0.965, shown.shape[1] * 0.03
        axis.plot([column, column + length], [row, row], color="white", linewidth=2.5, solid_capstyle="butt")
        axis.text(column + length * 1.1, row, f"{bar_cm} cm", color="white", fontsize=8, va="center")
        axis.set(xlim=(-0.5, shown.shape[1] - 0.5), ylim=(shown.shape[0] - 0.5, -0.5))
    return box


def _paint(axis, mask, box, colour, alpha=1.0):
    """Lay one colour over the pixels of a mask."""
    mask = np.asarray(mask, bool)[box]
    layer = np.zeros((*mask.shape, 4))
    layer[mask] = matplotlib.colors.to_rgba(colour, alpha)
    axis.imshow(layer, interpolation="nearest", aspect=axis.get_aspect())


def _outline(axis, mask, box, colour, width=0.9):
    mask = np.asarray(mask, float)[box]
    if mask.any() and not mask.all():
        axis.contour(mask, [0.5], colors=[colour], linewidths=width)


def _probability(axis, probability, box):
    shown = np.ma.masked_less(np.asarray(probability)[box], 0.02)
    return axis.imshow(shown, cmap="viridis", vmin=0, vmax=1, aspect=axis.get_aspect())


def _strip_of_colours(fig, pairs):
    """One legend of coloured patches under the picture."""
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour, _ in pairs]
    fig.legend(handles, [label for _, label in pairs], loc="outside lower center", ncols=len(pairs), fontsize=9)


@styled
def slice_with_masks(image_hu, spacing_mm, reader, true=None):
    """A slice, plain on top, and below with the reader's mask painted and the true contour drawn.

    Parameters
    ----------
    image_hu : (H, W) array
    spacing_mm : tuple of float
        Millimetres between rows and between columns.
    reader, true : (H, W) bool array
        `true` may be None: a real patient has none.
    """
    fig, axes = _figure(2 * _picture_height(image_hu, spacing_mm) + 0.5, rows=2)
    for axis in axes.flat:
        box = _ct(axis, image_hu, spacing_mm)
    _paint(axis, reader, box, RED, 0.55)
    pairs = [(RED, "the reader's mask")]
    if true is not None:
        _outline(axis, true, box, SKY)
        pairs.append((SKY, "true contour"))
    _strip_of_colours(fig, pairs)
    return fig


@styled
def overview(image_hu, spacing_mm, probability, mask):
    """From slice to area: the slice, the probability of muscle, and the final mask.

    Parameters
    ----------
    image_hu, probability : (H, W) array
    mask : (H, W) bool array
    """
    fig, axes = _figure(_picture_height(image_hu, spacing_mm, 3, 8.4), columns=3, width=8.4)
    box = _ct(axes[0, 0], image_hu, spacing_mm)
    _ct(axes[0, 1], image_hu, spacing_mm, box, bar_cm=0)
    _probability(axes[0, 1], probability, box)
    _ct(axes[0, 2], image_hu, spacing_mm, box, bar_cm=0)
    _paint(axes[0, 2], mask, box, RED, 0.75)
    return fig


@styled
def contact_sheet(slices, columns=3, boxes=None, field_mm=None):
    """Small pictures side by side, each with the outline of its mask.

    Parameters
    ----------
    slices : list of (label, image_hu, spacing_mm, mask)
    boxes : list of tuple of slice, optional
        What is shown of each, as `box_of` finds it; the body unless given.
    field_mm : tuple of float, optional
        Height and width that each picture shows about the middle of its box, so that all have one scale. Unless given,
        each picture is as large as its place allows.
    """
    rows = -(-len(slices) // columns)
    boxes = boxes or [body_box(image_hu) for _, image_hu, _, _ in slices]
    boxes = [
        tuple(slice(*side.indices(length)) for side, length in zip(box, np.shape(image_hu), strict=True))
        for box, (_, image_hu, _, _) in zip(boxes, slices, strict=True)
    ]
    sides_mm = [
        tuple((side.stop - side.start) * mm for side, mm in zip(box, spacing_mm, strict=True))
        for box, (_, _, spacing_mm, _) in zip(boxes, slices, strict=True)
    ]
    # One shape for all places; what lies beyond a slice is as black as air.
    shape = field_mm[0] / field_mm[1] if field_mm else np.median([high / wide for high, wide in sides_mm])
    fig, axes = _figure((WIDTH / columns * shape + 0.25) * rows, rows, columns)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (label, image_hu, spacing_mm, mask), box, side in zip(axes.flat, slices, boxes, sides_mm, strict=False):
        _ct(axis, image_hu, spacing_mm, box, bar_cm=0)
        _outline(axis, mask, box, ORANGE, 0.7)
        wide = field_mm[1] if field_mm else max(side[1], side[0] / shape)
        size = np.array([wide * shape, wide]) / spacing_mm
        top, left = ([part.stop - part.start for part in box] - size) / 2 - 0.5
        axis.add_patch(Rectangle((left, top), size[1], size[0], color="black", zorder=-1))
        axis.set(xlim=(left, left + size[1]), ylim=(top + size[0], top))
        axis.set_title(label, fontsize=11, pad=2)
    return fig


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
    "bone and disc": ("#F2F2F2", ("bone", "disc")),
    "canal and ligament": ("#9A9A9A", ("spinal canal", "ligament")),
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
    """Mask of everything that is neither air nor table.

    Parameters
    ----------
    parts : (H, W) array of int
        As `Phantom.parts` holds it.
    """
    from ..phantom.canvas import PARTS

    return ~np.isin(parts, [PARTS.index("air"), PARTS.index("table")])


def tissue_masks(parts):
    """Mask of each tissue of `TISSUES` that a phantom has, by its name.

    Parameters
    ----------
    parts : (H, W) array of int
        Index into `sarco.phantom.canvas.PARTS`, as `Phantom.parts` holds it.
    """
    from ..phantom.canvas import PARTS

    found = {name: np.isin(parts, [PARTS.index(p) for p in joined]) for name, (_, joined) in TISSUES.items()}
    return {name: mask for name, mask in found.items() if mask.any()}


def _write_on(axis, mask, text, colour, **kwargs):
    """Write on the widest place of a mask, if there is one."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    edge = 12  # pixels; nearer to the edge of the picture there is no place to write
    depth[:edge] = depth[-edge:] = depth[:, :edge] = depth[:, -edge:] = 0
    if not depth.any():
        return
    row, column = np.unravel_index(np.argmax(depth), mask.shape)
    red, green, blue, _ = matplotlib.colors.to_rgba(colour)
    ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
    axis.text(column, row, text, color=ink, ha="center", va="center", **kwargs)


@styled
def anatomy(image_hu, spacing_mm, parts):
    """One slice on top, and below its parts, each with the colour and the number of the legend.

    Parameters
    ----------
    image_hu : (H, W) array
    spacing_mm : tuple of float
    parts : (H, W) array of int
        Index into `sarco.phantom.canvas.PARTS`.
    """
    masks = tissue_masks(parts)
    lines = -(-len(masks) // 2)
    width = 4.2  # narrower than the others: the legend is to be read on a telephone
    height = 2 * _picture_height(image_hu, spacing_mm, width=width) + 0.21 * lines + 0.2
    fig, axes = _figure(height, rows=2, width=width)
    box = _ct(axes[0, 0], image_hu, spacing_mm)
    below = axes[1, 0]
    below.set_axis_off()
    painted = np.zeros((*np.shape(image_hu), 4))
    painted[..., 3] = 1
    for name, mask in masks.items():
        painted[mask] = matplotlib.colors.to_rgba(TISSUES[name][0])
    below.imshow(painted[box], interpolation="nearest", aspect=spacing_mm[0] / spacing_mm[1])
    handles = []
    for number, (name, mask) in enumerate(masks.items(), 1):
        colour = TISSUES[name][0]
        _write_on(below, mask[box], str(number), colour, fontsize=8, fontweight="bold")
        handles.append(Rectangle((0, 0), 1, 1, facecolor=colour, edgecolor="black", linewidth=0.5))
    labels = [f"{number} {name}" for number, name in enumerate(masks, 1)]
    fig.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=10, handlelength=1.2)
    return fig


@styled
def attenuation(images_hu, parts, groups, window_hu=(-29, 150)):
    """Attenuation of each tissue, one row each; the muscle window is shaded.

    Parameters
    ----------
    images_hu, parts : list of (H, W) array
        Slices and their parts, pooled.
    groups : dict of str to tuple of str
        Name of a row to the names of `TISSUES` that it pools.
    """
    fig, axes = _figure(0.62 * len(groups) + 0.7, rows=len(groups), sharex=True)
    edges = np.arange(-200, 401, 5)
    pooled = [(np.asarray(image), tissue_masks(p)) for image, p in zip(images_hu, parts, strict=True)]
    for axis, (name, tissues) in zip(axes.flat, groups.items(), strict=True):
        values = np.concatenate([image[masks[t]] for image, masks in pooled for t in tissues if t in masks] or [[]])
        axis.axvspan(*window_hu, color=YELLOW, alpha=0.25, linewidth=0)
        colour = RED if name == "muscle" else BLUE
        axis.hist(values, edges, weights=np.full(len(values), 1 / max(len(values), 1)), color=colour, alpha=0.8)
        axis.set(yticks=[], xlim=(-200, 400))
        axis.grid(axis="y", visible=False)
        axis.spines["left"].set_visible(False)
        axis.text(0.995, 0.9, name, transform=axis.transAxes, ha="right", va="top", fontsize=10)
    axes[-1, 0].set(xlabel="attenuation (HU)")
    return fig


@styled
def quality_labels(rows, field_mm=100):
    """What readers get wrong: their contour against the true one, with the pixels that the review counts.

    Parameters
    ----------
    rows : list of (label, image_hu, spacing_mm, reader, true, added, missed)
        Masks are (H, W) bool; `added` and `missed` are the wrong pixels.
    field_mm : float
        Side of the square that is shown, about the wrong pixels or, where there are none, the middle of the mask.
    """
    columns = 2
    lines = -(-len(rows) // columns)
    fig, axes = _figure((WIDTH / columns + 0.25) * lines + 0.5, lines, columns)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (label, image_hu, spacing_mm, reader, true, added, missed) in zip(axes.flat, rows, strict=False):
        wrong = np.asarray(added) | np.asarray(missed)
        row, column = _densest(wrong if wrong.any() else np.asarray(true))
        half = [field_mm / mm / 2 for mm in spacing_mm]
        box = tuple(
            slice(max(int(centre - side), 0), int(centre + side) + 1)
            for centre, side in zip((row, column), half, strict=True)
        )
        _ct(axis, image_hu, spacing_mm, box, bar_cm=2)
        _paint(axis, added, box, ORANGE, 0.85)
        _paint(axis, missed, box, BLUE, 0.85)
        _outline(axis, true, box, "white", 1.4)
        _outline(axis, reader, box, PURPLE, 1.1)
        axis.set_title(label, loc="left", fontsize=10, pad=3)
    handles = [matplotlib.lines.Line2D([], [], color=c, linewidth=2) for c in ("#BBBBBB", PURPLE)]
    handles += [Rectangle((0, 0), 1, 1, color=c) for c in (ORANGE, BLUE)]
    names = ["true contour (white)", "reader's contour", "wrong: added", "wrong: missed"]
    fig.legend(handles, names, loc="outside lower center", ncols=2)
    return fig


@styled
def worst(rows, columns=2):
    """Where network and reader are wrong: their wrong pixels, each in a colour, about the true contour.

    Parameters
    ----------
    rows : list of (label, image_hu, spacing_mm, true, reader, network)
        Masks are (H, W) bool.
    """
    from scipy import ndimage

    boxes = [box_of(true | reader | network, margin=12) for *_, true, reader, network in rows]
    shapes = [
        (box[0].stop - box[0].start) * spacing_mm[0] / ((box[1].stop - box[1].start) * spacing_mm[1])
        for box, (_, _, spacing_mm, *_) in zip(boxes, rows, strict=True)
    ]
    lines = -(-len(rows) // columns)
    fig, axes = _figure((WIDTH / columns * np.median(shapes) + 0.25) * lines + 0.5, lines, columns)
    for axis in axes.flat:
        axis.set_axis_off()
    colours = (ORANGE, SKY, PURPLE)
    for axis, box, (label, image_hu, spacing_mm, true, reader, network) in zip(axes.flat, boxes, rows, strict=False):
        _ct(axis, image_hu, spacing_mm, box)
        wrong_network, wrong_reader = network ^ true, reader ^ true
        parts = (wrong_network & ~wrong_reader, wrong_reader & ~wrong_network, wrong_network & wrong_reader)
        for part, colour in zip(parts, colours, strict=True):
            _paint(axis, part, box, colour)
            axis.images[-1].set_zorder(5)  # over the contour, which would hide a narrow rim
        # Without the gaps that the HU window leaves, which would be more line than picture.
        _outline(axis, ndimage.binary_fill_holes(ndimage.binary_closing(true, iterations=2)), box, "white", 0.7)
        axis.set_title(label, loc="left", fontsize=9, pad=3)
    _strip_of_colours(fig, list(zip(colours, ("network wrong", "reader wrong", "both wrong"), strict=True)))
    return fig


def _densest(mask):
    """Row and column about which a mask has most of its pixels."""
    from scipy import ndimage

    crowd = ndimage.gaussian_filter(np.asarray(mask, np.float32), 6)
    return np.unravel_index(np.argmax(crowd), crowd.shape)


@styled
def preprocessing(image_hu, spacing_mm, tensor, network_spacing_mm):
    """The slice as stored, and as the network sees it."""
    fig, axes = _figure(3.2, columns=2)
    # Both in the network's window, so that only the grid differs.
    _ct(axes[0, 0], image_hu, spacing_mm, box=(slice(None), slice(None)), window_hu=WINDOW_HU)
    axes[0, 0].set_title(f"{image_hu.shape[0]} x {image_hu.shape[1]} pixels of {spacing_mm[0]:.2f} mm", fontsize=9)
    _ct(axes[0, 1], tensor, (network_spacing_mm,) * 2, box=(slice(None), slice(None)), window_hu=(0, 1))
    axes[0, 1].set_title(f"{tensor.shape[0]} x {tensor.shape[1]} pixels of {network_spacing_mm:g} mm", fontsize=9)
    return fig


@styled
def augmentation(pictures, columns=3):
    """Slices as the network sees them, with the outline of the mask that was moved along.

    Parameters
    ----------
    pictures : list of (label, image, mask)
        `image` in [0, 1].
    """
    rows = -(-len(pictures) // columns)
    fig, axes = _figure((WIDTH / columns + 0.2) * rows, rows, columns)
    for axis in axes.flat:
        axis.set_axis_off()
    everything = (slice(None), slice(None))
    for axis, (label, image, mask) in zip(axes.flat, pictures, strict=False):
        axis.imshow(np.asarray(image, float), vmin=0, vmax=1)
        _outline(axis, mask, everything, ORANGE, 0.8)
        axis.set_title(label, fontsize=9, pad=2)
    return fig


@styled
def disagreement(image_hu, spacing_mm, spread, reader, predicted):
    """Where the members disagree, and below where their ensemble is wrong.

    Parameters
    ----------
    spread : (H, W) array
        Standard deviation of the members' probabilities, 0 to 0.5.
    reader, predicted : (H, W) bool array
        Masks; the reader's is outlined above.
    """
    fig, axes = _figure(2 * _picture_height(image_hu, spacing_mm) + 0.9, rows=2)
    above, below = axes[:, 0]
    box = _ct(above, image_hu, spacing_mm)
    shown = np.ma.masked_less(np.asarray(spread)[box], 0.02)
    picture = above.imshow(shown, cmap="inferno", vmin=0, vmax=0.5, aspect=above.get_aspect())
    _outline(above, reader, box, SKY, 0.6)
    bar = fig.colorbar(picture, ax=above, location="bottom", shrink=0.7, pad=0.02)
    bar.set_label("SD of the members' probabilities")
    _ct(below, image_hu, spacing_mm, box, bar_cm=0)
    _paint(below, predicted & ~reader, box, SKY)
    _paint(below, reader & ~predicted, box, ORANGE)
    _strip_of_colours(fig, [(SKY, "found, not in the reader's mask"), (ORANGE, "missed")])
    return fig


@styled
def steps(image_hu, spacing_mm, probability, masks):
    """Post-processing, step after step: what each step adds in blue, what it takes away in orange.

    Parameters
    ----------
    probability : (H, W) array
    masks : dict of str to (H, W) bool array
        In the order of the steps.
    """
    fig, axes = _figure(2 * (_picture_height(image_hu, spacing_mm, 2) + 0.25) + 0.3, 2, 2)
    box = _ct(axes[0, 0], image_hu, spacing_mm)
    _probability(axes[0, 0], probability, box)
    axes[0, 0].set_title("mean probability", fontsize=9, pad=3)
    before = None
    for axis, (name, mask) in zip(axes.flat[1:], masks.items(), strict=False):
        _ct(axis, image_hu, spacing_mm, box)
        if before is None:
            _paint(axis, mask, box, GREEN, 0.55)
        else:
            _paint(axis, mask & before, box, GREEN, 0.45)
            _paint(axis, mask & ~before, box, SKY)
            _paint(axis, before & ~mask, box, ORANGE)
        axis.set_title(f"after {name}", fontsize=9, pad=3)
        before = mask
    _strip_of_colours(fig, [(GREEN, "kept"), (SKY, "added by the step"), (ORANGE, "removed by it")])
    return fig


@styled
def examples(rows):
    """The paper's figure 4: ground truth on the left; true and false positives, false negatives on the right.

    Parameters
    ----------
    rows : list of (label, image_hu, spacing_mm, reference, predicted)
        Masks are (H, W) bool.
    """
    heights = [_picture_height(image_hu, spacing_mm, 2) + 0.25 for _, image_hu, spacing_mm, _, _ in rows]
    fig, axes = _figure(sum(heights) + 0.3, len(rows), 2, height_ratios=heights)
    for (left, right), (label, image_hu, spacing_mm, reference, predicted) in zip(axes, rows, strict=True):
        box = _ct(left, image_hu, spacing_mm)
        _paint(left, reference, box, RED, 0.6)
        _letter(left, label)
        _ct(right, image_hu, spacing_mm, box, bar_cm=0)
        _paint(right, reference & predicted, box, GREEN, 0.5)
        _paint(right, predicted & ~reference, box, SKY)
        _paint(right, reference & ~predicted, box, RED)
    _strip_of_colours(fig, [(GREEN, "true positive"), (SKY, "false positive"), (RED, "false negative")])
    return fig


# The network ---------------------------------------------------------------------------------------------------------


@styled
def network(blocks, size=512):
    """The paper's figure 1: one U-net, drawn from its own layers.

    Parameters
    ----------
    blocks : list of (level, filters, convolutions)
        As `sarco.book.chapter.blocks(model)` reads them: level 0 has full resolution, each pooling adds 1.
    size : int
        Pixels along one side of the input.
    """
    fig, axes = _figure(3.9)
    axis = axes[0, 0]
    axis.set_axis_off()
    deepest = max(level for level, _, _ in blocks)
    centres = []
    for position, (level, filters, _) in enumerate(blocks):
        height, width = 0.74 * 0.86**level, 0.42 + 0.1 * np.log2(filters / blocks[0][1] + 1)
        x, y = float(position), -float(level)
        colour = BLUE if position < deepest else (PURPLE if position == deepest else GREEN)
        axis.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, facecolor=colour))
        axis.text(x, y, f"{filters}", color="white", ha="center", va="center", fontsize=11, fontweight="bold")
        centres.append((x, y, width, height))
    for (x0, y0, w0, h0), (x1, y1, w1, h1) in itertools.pairwise(centres):
        down = y1 < y0
        start, end = ((x0, y0 - h0 / 2), (x1 - w1 / 2, y1)) if down else ((x0 + w0 / 2, y0), (x1, y1 - h1 / 2))
        turn = "angle,angleA=90,angleB=0,rad=4" if down else "angle,angleA=0,angleB=90,rad=4"
        axis.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle="-|>",
                mutation_scale=9,
                color=RED if down else ORANGE,
                connectionstyle=turn,
                shrinkA=0,
                shrinkB=0,
            )
        )
    for level in range(deepest):
        (x0, y0, w0, _), (x1, _, w1, _) = centres[level], centres[-1 - level]
        axis.add_patch(
            FancyArrowPatch(
                (x0 + w0 / 2, y0),
                (x1 - w1 / 2, y0),
                arrowstyle="-|>",
                mutation_scale=9,
                color=GREY,
                linestyle="--",
                linewidth=1,
            )
        )
        side = size // 2**level
        axis.text((x0 + x1) / 2, y0 + 0.06, f"{side} x {side}", ha="center", va="bottom", fontsize=9.5, color=GREY)
    side = size // 2**deepest
    x, y, _, h = centres[deepest]
    axis.text(x, y - h / 2 - 0.06, f"{side} x {side}", ha="center", va="top", fontsize=9.5, color=GREY)
    for x, label in ((-1.05, "CT\nslice"), (len(blocks) + 0.5, "muscle\nprobability")):
        axis.text(x, 0, label, ha="center", va="center", fontsize=10)
    (first, _, first_width, _), (last, _, last_width, _) = centres[0], centres[-1]
    for start, end in ((-0.65, first - first_width / 2), (last + last_width / 2, len(blocks) - 0.35)):
        axis.add_patch(FancyArrowPatch((start, 0), (end, 0), arrowstyle="-|>", mutation_scale=9, color="black"))
    axis.set(xlim=(-1.55, len(blocks) + 1.35), ylim=(-deepest - 0.65, 0.5))
    handles = [Rectangle((0, 0), 1, 1, color=c) for c in (BLUE, PURPLE, GREEN)]
    lines = ((RED, "-"), (ORANGE, "-"), (GREY, "--"))
    handles += [matplotlib.lines.Line2D([], [], color=colour, linestyle=style) for colour, style in lines]
    labels = ["encoder", "bottleneck", "decoder", "max pooling", "up-sampling", "copy"]
    fig.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=10)
    return fig


@styled
def receptive_field(energy, boxes, spacing_mm=1.0):
    """Share of the gradient's energy that each input pixel gives to the output pixel in the middle.

    Parameters
    ----------
    energy : (n, n) array
        Non-negative; only its shape matters, not its scale.
    boxes : list of (label, side_px, colour)
        Squares drawn around the middle.
    """
    fig, axes = _figure(4.9)
    axis = axes[0, 0]
    half = energy.shape[0] * spacing_mm / 20
    decades = np.log10(np.maximum(energy / energy.max(), 1e-8))
    picture = axis.imshow(decades, cmap="Greys", vmin=-8, vmax=0, extent=(-half, half, -half, half))
    for label, side_px, colour in boxes:
        side = side_px * spacing_mm / 10
        axis.add_patch(
            Rectangle((-side / 2, -side / 2), side, side, fill=False, edgecolor=colour, linewidth=2, label=label)
        )
    axis.set(xlabel="cm", ylabel="cm")
    axis.grid(False)
    fig.legend(loc="outside upper center", ncols=1)
    bar = fig.colorbar(picture, ax=axis, shrink=0.8)
    bar.set_label("gradient energy, log10 of the largest")
    return fig


# Training and ensemble -----------------------------------------------------------------------------------------------


@styled
def schedule(iteration, learning_rate, others=()):
    """Learning rate against iteration, with other polynomial orders for comparison.

    Parameters
    ----------
    others : list of (label, learning_rate)
    """
    fig, axes = _figure(2.7)
    axis = axes[0, 0]
    for (label, values), style in zip(others, ("--", ":", "-."), strict=False):
        axis.plot(iteration, values, color=GREY, linestyle=style, linewidth=1.2, label=label)
    axis.plot(iteration, learning_rate, color=BLUE, label="order 5 (the paper's)")
    axis.set(xlabel="iteration", ylabel="learning rate", xlim=(0, None), ylim=(0, None))
    axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    axis.legend()
    return fig


@styled
def training_history(history, goal=0.95):
    """The paper's figure 2A: validation DSC by epoch, mean over the members, with the band from worst to best.

    Parameters
    ----------
    history : DataFrame
        Columns member, epoch, validation_dsc.
    """
    fig, axes = _figure(2.9)
    axis = axes[0, 0]
    by_epoch = history.groupby("epoch").validation_dsc.agg(["mean", "min", "max"])
    for _, one in history.groupby("member"):
        axis.plot(one.epoch, one.validation_dsc, color=GREY, linewidth=0.5, alpha=0.6)
    axis.plot([], [], color=GREY, linewidth=0.5, label="one member")
    axis.fill_between(
        by_epoch.index,
        by_epoch["min"],
        by_epoch["max"],
        color=SKY,
        alpha=0.35,
        linewidth=0,
        label="worst to best member",
    )
    axis.plot(
        by_epoch.index,
        by_epoch["mean"],
        color=BLUE,
        label="mean of the members",
        marker="o" if len(by_epoch) < 30 else None,
        markersize=4,
    )
    axis.axhline(goal, color="black", linestyle="--", linewidth=1, label=f"{goal:g}")
    axis.set(xlabel="epoch", ylabel="DSC, validation")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(loc="lower right")
    return fig


@styled
def by_members(band, orders, plateaus, papers_plateau):
    """The paper's figures 2B and 2C, over many orders: DSC and RMSE against the number of members in the mean.

    Parameters
    ----------
    band : DataFrame
        As `sarco.evidence.member_orders.band` returns it.
    orders : DataFrame
        Columns order, members, dsc, rmse_cm2, of one step; the first order is drawn alone.
    plateaus : dict of str to int
        Number of members from which on nothing is gained, by "dsc" and "rmse_cm2"; marked by a dot.
    papers_plateau : int
        Marked by a line, where there are so many members.
    """
    fig, axes = _figure(5.2, rows=2, sharex=True)
    one = orders[orders["order"] == orders["order"].min()]
    for axis, column, label, colour, letter in (
        (axes[0, 0], "dsc", "DSC", BLUE, "B"),
        (axes[1, 0], "rmse_cm2", "RMSE (cm²)", RED, "C"),
    ):
        low, high = band[f"{column}_low"], band[f"{column}_high"]
        axis.fill_between(band.members, low, high, color=colour, alpha=0.2, linewidth=0, label="nine of ten orders")
        axis.plot(one.members, one[column], color=GREY, linewidth=1, linestyle="--", label="one order")
        axis.plot(band.members, band[column], color=colour, label="mean over the orders")
        reached = band[band.members == plateaus[column]]
        axis.plot(reached.members, reached[column], "o", color=colour, markersize=7, label="plateau")
        if papers_plateau <= band.members.max():
            axis.axvline(papers_plateau, color="black", linewidth=1, linestyle=":", label="the paper's plateau")
        axis.set_ylabel(label)
        axis.margins(y=0.08)
        _letter(axis, letter)
    axes[0, 0].legend(loc="lower right")
    axis.set_xlabel("members in the mean")
    axis.xaxis.get_major_locator().set_params(integer=True)
    return fig


@styled
def uncertainty(table, curve, bins=5):
    """Whether disagreement tells the error: case by case, and in what is left when the doubtful are handed over.

    Parameters
    ----------
    table : DataFrame
        Columns sd_cm2, error_cm2, one row a case.
    curve : DataFrame
        Columns share, rmse_cm2, best_cm2, as `sarco.evidence.disagreement.risk_coverage` returns them.
    bins : int
        Groups of equally many cases, by disagreement, whose median error is drawn.
    """
    import pandas as pd

    fig, axes = _figure(6.2, rows=2)
    axis, error = axes[0, 0], table.error_cm2.abs()
    axis.plot(table.sd_cm2, error, "o", color=BLUE, markersize=3, alpha=0.45, linewidth=0, label="one case")
    groups = pd.qcut(table.sd_cm2.rank(method="first"), min(bins, len(table)), labels=False)
    axis.plot(table.sd_cm2.groupby(groups).median(), error.groupby(groups).median(), "D-", color=RED, markersize=6,
              label=f"median of {groups.max() + 1} groups of cases")  # fmt: skip
    axis.set(xlabel="SD of the members' areas (cm²)", ylabel="size of the error (cm²)", ylim=(0, None))
    if (table.sd_cm2 > 0).all() and np.ptp(table.sd_cm2):
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
        axis.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axis.legend(loc="upper left")
    below = axes[1, 0]
    kept = 100 * curve.share
    shown = curve.share >= min(0.1, curve.share.max())  # of fewer cases an RMSE says little
    below.axhline(curve.rmse_cm2.iloc[-1], color=GREY, linestyle="--", linewidth=1, label="kept by chance")
    below.plot(kept[shown], curve.rmse_cm2[shown], color=BLUE, label="kept where the members agree most")
    below.plot(kept[shown], curve.best_cm2[shown], color=GREEN, linestyle=":", label="kept if the error were known")
    below.set(xlabel="cases kept (%)", ylabel="RMSE of those kept (cm²)", xlim=(None, 100), ylim=(0, None))
    below.legend(loc="lower right")
    _letter(axis, "A")
    _letter(below, "B")
    return fig


# Results -------------------------------------------------------------------------------------------------------------


@styled
def waterfall(labels, values, ylabel, better="higher", decimals=3, changes=None):
    """The paper's figure 3: what each step adds to a measure, or takes from it.

    Parameters
    ----------
    labels : list of str
        One a step; the first is the baseline.
    values : list of float
        The measure after each step.
    better : {"higher", "lower"}
        Which direction is good; good steps are green, bad ones orange.
    changes : list of (float, float), optional
        Interval of each change, one fewer than `values`; drawn as a whisker about where the step ends.
    """
    values = np.asarray(values, float)
    spread = max(np.ptp(values), 10.0**-decimals)
    floor = max(values.min() - 0.6 * spread, 0)
    fig, axes = _figure(3.3)
    axis = axes[0, 0]
    axis.bar(0, values[0] - floor, bottom=floor, color=GREY, width=0.6)
    axis.text(0, values[0] + 0.04 * spread, f"{values[0]:.{decimals}f}", ha="center", va="bottom", fontsize=9)
    for i, (before, after) in enumerate(itertools.pairwise(values), start=1):
        good = (after >= before) if better == "higher" else (after <= before)
        axis.bar(i, after - before, bottom=before, color=GREEN if good else ORANGE, width=0.6)
        axis.plot([i - 0.7, i + 0.3], [before, before], color="black", linewidth=0.8)
        low, high = (after, after) if changes is None else (before + change for change in changes[i - 1])
        if not np.isfinite([low, high]).all():  # a change without an interval
            low, high = after, after
        elif changes is not None:
            axis.errorbar(i, after, [[after - low], [high - after]], color="black", linewidth=1.2, capsize=4)
        axis.text(
            i,
            max(before, after, high) + 0.04 * spread,
            f"{after - before:+.{decimals}f}",
            ha="center",
            va="bottom",
            fontsize=9,
        )
    end = len(values)
    axis.plot([end - 0.7, end + 0.3], [values[-1], values[-1]], color="black", linewidth=0.8)
    axis.bar(end, values[-1] - floor, bottom=floor, color=BLUE, width=0.6)
    axis.text(end, values[-1] + 0.04 * spread, f"{values[-1]:.{decimals}f}", ha="center", va="bottom", fontsize=9)
    axis.set_xticks(range(end + 1), [*labels, "result"], fontsize=9)
    axis.set(ylabel=ylabel, ylim=(floor, values.max() + 0.22 * spread))
    axis.grid(axis="x", visible=False)
    return fig


def _identity(axis, *values):
    low, high = min(np.min(v) for v in values), max(np.max(v) for v in values)
    pad = 0.04 * (high - low)
    ends = (low - pad, high + pad)
    axis.plot(ends, ends, color="black", linestyle="--", linewidth=1, label="identity")
    axis.set(xlim=ends, ylim=ends, aspect="equal")
    return np.array(ends)


def _regression(axis, x, y, ends, colour):
    slope, intercept = np.polyfit(x, y, 1)
    axis.plot(ends, slope * ends + intercept, color=colour, linewidth=1.2, label="regression")


@styled
def scatter(predicted_cm2, reference_cm2, corrected_cm2=None):
    """The paper's figure 6: reference area against predicted area, before and after the bias correction.

    Parameters
    ----------
    predicted_cm2, reference_cm2, corrected_cm2 : 1-D array
        With `corrected_cm2` both clouds are drawn (panel A); without it, `predicted_cm2` alone (panel B).
    """
    fig, axes = _figure(4.6)
    axis = axes[0, 0]
    predicted, reference = np.asarray(predicted_cm2, float), np.asarray(reference_cm2, float)
    final = predicted if corrected_cm2 is None else np.asarray(corrected_cm2, float)
    ends = _identity(axis, predicted, reference, final)
    axis.plot(
        predicted,
        reference,
        "o",
        markersize=4.5,
        color=BLUE,
        alpha=0.7,
        label="predicted" if corrected_cm2 is None else "before the correction",
    )
    if corrected_cm2 is not None:
        axis.plot(final, reference, "*", markersize=7, color=GREEN, alpha=0.8, label="after it")
    _regression(axis, final, reference, ends, ORANGE)
    axis.set(xlabel="predicted area (cm²)", ylabel="reader's area (cm²)")
    axis.legend(loc="upper left")
    return fig


@styled
def bland_altman(predicted_cm2, reference_cm2, low_cm2, high_cm2):
    """Difference against mean of the two areas, with the mean difference and the limits of agreement.

    Parameters
    ----------
    low_cm2, high_cm2 : float
        Limits of agreement, as `sarco.method.metrics.limits_of_agreement` gives them.
    """
    fig, axes = _figure(3.2)
    axis = axes[0, 0]
    predicted, reference = np.asarray(predicted_cm2, float), np.asarray(reference_cm2, float)
    difference = predicted - reference
    axis.plot((predicted + reference) / 2, difference, "o", markersize=4.5, color=BLUE, alpha=0.7)
    axis.axhline(0, color="black", linewidth=0.8)
    for value, style, label in (
        (difference.mean(), "-", "mean error"),
        (low_cm2, "--", "limits of agreement"),
        (high_cm2, "--", None),
    ):
        axis.axhline(value, color=RED, linestyle=style, linewidth=1.3, label=label)
    axis.set(xlabel="mean of the two areas (cm²)", ylabel="predicted minus\nreader's area (cm²)")
    axis.margins(y=0.12)
    fig.legend(loc="outside upper center", ncols=2)
    return fig


@styled
def violins(cases):
    """The paper's figure 5: distribution of DSC by quality label of the reader's mask.

    Parameters
    ----------
    cases : DataFrame
        Columns quality, dsc; one row a case.
    """
    fig, axes = _figure(3.3)
    axis = axes[0, 0]
    labels = [q for q in "ABCD" if (cases.quality == q).any()]
    for position, label in enumerate(labels):
        dsc = cases.dsc[cases.quality == label].to_numpy(float)
        if len(dsc) > 2 and np.ptp(dsc) > 0:  # a kernel density needs a few different values
            body = axis.violinplot(dsc, [position], widths=0.8, showextrema=False)["bodies"][0]
            body.set(facecolor=SKY, edgecolor=BLUE, alpha=0.6)
        low, median, high = np.percentile(dsc, [25, 50, 75])
        reach = 1.5 * (high - low)
        axis.vlines(position, dsc[dsc >= low - reach].min(), dsc[dsc <= high + reach].max(), color="black", linewidth=1)
        axis.vlines(position, low, high, color="black", linewidth=5)
        axis.plot(position, median, "o", color="white", markeredgecolor="black", markersize=5)
    counts = [int((cases.quality == label).sum()) for label in labels]
    axis.set_xticks(range(len(labels)), [f"{q}\nn = {n}" for q, n in zip(labels, counts, strict=True)])
    axis.set(xlabel="quality label of the reader's mask", ylabel="DSC")
    axis.grid(axis="x", visible=False)
    return fig


@styled
def sweep(summary, curves, xlabel, papers=None, ticks=None):
    """A setting of the post-processing against the DSC on top and the mean error of the area below.

    Parameters
    ----------
    summary : DataFrame
        As `sarco.evidence.settings.summarise` gives it.
    curves : dict of str to str
        Names of sweeps to labels.
    xlabel : str
    papers : float, optional
        The paper's value, marked by a line.
    ticks : dict of float to str, optional
        Text for some values.
    """
    fig, axes = _figure(4.4, rows=2, sharex=True)
    for (name, label), colour, marker in zip(curves.items(), (BLUE, RED), "os", strict=False):
        part = summary[summary["sweep"] == name].sort_values("value")
        for axis, column in zip(axes.flat, ("dsc", "mean_error_cm2"), strict=True):
            axis.fill_between(
                part["value"], part[f"{column}_low"], part[f"{column}_high"], color=colour, alpha=0.15, linewidth=0
            )
            axis.plot(part["value"], part[column], color=colour, marker=marker, markersize=5, label=label)
    for axis, text in zip(axes.flat, ("DSC", "mean error (cm²)"), strict=True):
        axis.set_ylabel(text)
        if papers is not None:
            axis.axvline(papers, color=GREY, linestyle=":", linewidth=1.5, label="the paper's")
    axes[1, 0].axhline(0, color="black", linewidth=0.8)
    axes[1, 0].set_xlabel(xlabel)
    if ticks:
        axes[1, 0].set_xticks(list(ticks), list(ticks.values()))
    if len(curves) > 1 or papers is not None:
        handles, labels = axes[0, 0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside upper center", ncols=len(handles))
    return fig


@styled
def dilation_by_pixel(gain, labels):
    """Area that a dilation adds to the mask of each case, against the size of its pixels, with lines through all.

    Parameters
    ----------
    gain : DataFrame
        As `sarco.evidence.settings.dilation_gain` gives it.
    labels : dict of str to str
        Columns of `gain`, and what to call them.
    """
    fig, axes = _figure(3.4)
    axis = axes[0, 0]
    x = gain["pixel_spacing_mm"].to_numpy()
    ends = np.array([x.min(), x.max()])
    for (column, label), colour, marker in zip(labels.items(), (BLUE, ORANGE), "os", strict=False):
        y = gain[column].to_numpy()
        axis.plot(x, y, marker, color=colour, markersize=4, alpha=0.55, label=label)
        axis.plot(ends, np.polyval(np.polyfit(x, y, 1), ends), color=colour, linewidth=2.2)
    axis.set(xlabel="side of a pixel (mm)", ylabel="area added (cm²)", ylim=(0, None))
    fig.legend(loc="outside upper center", ncols=len(labels))
    return fig


@styled
def subgroups(table, overall):
    """DSC and mean error of the area in groups of people, each with its interval.

    Parameters
    ----------
    table : DataFrame
        As `sarco.evidence.statistics.subgroups` gives it.
    overall : dict of str to float
        "dsc" and "mean_error_cm2" of everybody, drawn as a line.
    """
    # Groups are a row apart, under a heading.
    places, ticks, place = [], [], 0.0
    for group, block in table.groupby("group", sort=False):
        ticks.append((place, group, True))
        for row in block.itertuples():
            place += 1
            places.append(place)
            ticks.append((place, f"{row.level}  ({row.n})", False))
        place += 1.4
    fig, axes = _figure(0.21 * place + 0.7, columns=2, sharey=True)
    for axis, column, label in zip(axes.flat, ("dsc", "mean_error_cm2"), ("DSC", "mean error (cm²)"), strict=True):
        axis.axvline(overall[column], color=GREY, linestyle=":", linewidth=1.2)
        if column != "dsc":
            axis.axvline(0, color="black", linewidth=0.8)
        axis.hlines(places, table[f"{column}_low"], table[f"{column}_high"], color=BLUE, linewidth=2)
        axis.plot(table[column], places, "o", color=BLUE, markersize=5)
        axis.set_xlabel(label)
        axis.grid(axis="y", visible=False)
    axes[0, 0].set(ylim=(place - 0.6, -0.8))
    axes[0, 0].set_yticks([where for where, _, _ in ticks], [text for _, text, _ in ticks], fontsize=9)
    for text, (_, _, heading) in zip(axes[0, 0].get_yticklabels(), ticks, strict=True):
        text.set_fontweight("bold" if heading else "normal")
    for axis in axes.flat:
        axis.tick_params(axis="y", length=0)
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
    return fig


@styled
def few_cases(table, published=None):
    """The mean error that so many cases teach, 95 of 100 draws, and how often it does harm.

    Parameters
    ----------
    table : DataFrame
        As `sarco.evidence.bias.few_cases` gives it.
    published : int, optional
        The paper's number of cases, marked by a line.
    """
    fig, axes = _figure(4.2, rows=2, sharex=True)
    top, below = axes.flat
    top.fill_between(table.cases, table.low, table.high, color=SKY, alpha=0.4, linewidth=0)
    top.plot(table.cases, (table.low + table.high) / 2, color=BLUE, marker="o", markersize=5)
    top.set_ylabel("mean error\nlearned (cm²)")
    below.plot(table.cases, 100 * table.worse, color=RED, marker="o", markersize=5, clip_on=False)
    below.set(xlabel="cases that it is learned on", ylabel="draws that\ndo harm (%)", xscale="log")
    below.set_ylim(0, max(5, 105 * table.worse.max()))
    for axis in axes.flat:
        if published is not None:
            axis.axvline(published, color=GREY, linestyle=":", linewidth=1.5)
    below.set_xticks(table.cases, [str(n) for n in table.cases])
    below.minorticks_off()
    return fig


@styled
def transfer(table):
    """RMSE of each group of people before a correction, after that of its own, and after that of each other group.

    Parameters
    ----------
    table : DataFrame
        As `sarco.evidence.bias.transfer` gives it; several may be joined, with a column group.
    """
    pairs = list(table.groupby(["group", "applied_to"], sort=False))
    fig, axes = _figure(0.36 * len(pairs) + 1.1)
    axis = axes[0, 0]
    for place, (_, block) in enumerate(pairs):
        own = block[block.learned_on == block.applied_to].after_cm2.iloc[0]
        others = block[block.learned_on != block.applied_to].after_cm2
        before = block.before_cm2.iloc[0]
        axis.hlines(place, min(own, before, *others), max(own, before, *others), color="#BBBBBB", linewidth=1.2)
        axis.plot(before, place, "o", color="white", markeredgecolor="black", markersize=7)
        axis.plot(own, place, "s", color=BLUE, markersize=7)
        axis.plot(others, np.full(len(others), place), "D", color=ORANGE, markersize=6, markeredgecolor="black",
                  markeredgewidth=0.5)  # fmt: skip
    axis.set_yticks(range(len(pairs)), [f"{group}: {level}" for (group, level), _ in pairs], fontsize=9)
    axis.set(xlabel="RMSE (cm²)", ylim=(len(pairs) - 0.5, -0.5))
    axis.grid(axis="y", visible=False)
    line = matplotlib.lines.Line2D
    handles = [
        line([], [], color="white", marker="o", markeredgecolor="black", markersize=7),
        line([], [], color=BLUE, marker="s", linestyle="", markersize=7),
        line([], [], color=ORANGE, marker="D", linestyle="", markersize=6, markeredgecolor="black"),
    ]
    fig.legend(handles, ["not corrected", "by its own", "by another's"], loc="outside upper center", ncols=3)
    return fig


CUTOFF_COLOURS = (BLUE, RED, GREEN, PURPLE)


@styled
def muscle_index(table, cutoffs):
    """Share of women and of men whose skeletal muscle index lies under a value, with the published limits.

    Parameters
    ----------
    table : DataFrame
        Columns sex (F, M) and smi (cm2/m2).
    cutoffs : dict of str to dict
        Title of each cut-off, and its limits by sex, or by sex and whether the BMI is 25 or more.
    """
    fig, axes = _figure(5.4, rows=2, sharex=True)
    for axis, sex, label in zip(axes.flat, "FM", ("women", "men"), strict=True):
        smi = np.sort(table.smi[table.sex == sex].to_numpy(float))
        axis.step(smi, 100 * np.arange(1, len(smi) + 1) / max(len(smi), 1), color="black", linewidth=1.6, where="post")
        for (title, limits), colour, style in zip(
            cutoffs.items(), CUTOFF_COLOURS, ("-", "--", "-.", ":"), strict=False
        ):
            values = {value for key, value in limits.items() if key == sex or key[0] == sex}
            for i, value in enumerate(sorted(values)):
                axis.axvline(value, color=colour, linestyle=style, label=None if i else title)
        axis.set(ylabel=f"{label} under it (%)", ylim=(0, 100))
    axes[1, 0].set_xlabel("skeletal muscle index (cm²/m²)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)
    return fig


@styled
def class_changes(table, titles):
    """Share of people who change class with whose area is taken, by cut-off.

    Parameters
    ----------
    table : DataFrame
        As `sarco.evidence.class_changes.changes` gives it.
    titles : dict of str to str
        Of each cut-off.
    """
    kinds = list(dict.fromkeys(table["what"]))
    styles = dict(zip(kinds, zip((BLUE, GREEN, ORANGE, PURPLE), "osDv", strict=True), strict=False))
    styles["one reader for another"] = ("black", "^")
    fig, axes = _figure(0.28 * len(table) + 1.2)
    axis = axes[0, 0]
    middles = []
    for block, (name, part) in enumerate(table.groupby("cutoff", sort=False)):
        places = block * (len(kinds) + 1.2) + np.arange(len(part))
        middles.append((places.mean(), titles[name]))
        for place, row in zip(places, part.itertuples(), strict=True):
            colour, marker = styles[row.what]
            axis.hlines(place, 100 * row.low, 100 * row.high, color=colour, linewidth=2)
            axis.plot(100 * row.share, place, marker, color=colour, markersize=7, label=row.what if not block else None)
    axis.set_yticks([middle for middle, _ in middles], [title for _, title in middles])
    axis.set(xlabel="people who change class (%)", xlim=(0, None))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    fig.legend(loc="outside upper center", ncols=2)
    return fig


# The cohort ----------------------------------------------------------------------------------------------------------


@styled
def cohort_flow(released, excluded, train, validation, test):
    """From the slices released to the three sets, with the counts of this run.

    Parameters
    ----------
    released, excluded, train, validation, test : int
    """
    fig, axes = _figure(3.0)
    axis = axes[0, 0]
    axis.set_axis_off()
    axis.set(xlim=(0, 10), ylim=(0, 6.2))

    def box(x, y, text, colour, width=3.1):
        axis.add_patch(
            Rectangle(
                (x - width / 2, y - 0.62), width, 1.24, facecolor=colour, alpha=0.18, edgecolor=colour, linewidth=1.4
            )
        )
        axis.text(x, y, text, ha="center", va="center", fontsize=9.5)

    def arrow(start, end):
        axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color="black", linewidth=1.1))

    box(2.6, 5.4, f"{released:,} slices\nwith a mask", BLUE)
    box(7.6, 3.9, f"{excluded:,} excluded:\nmask not registered", RED, 3.6)
    box(2.6, 2.9, f"{released - excluded:,} slices kept", BLUE)
    box(1.6, 0.7, f"{train:,}\ntraining", GREEN, 2.4)
    box(4.3, 0.7, f"{validation:,}\nvalidation", ORANGE, 2.4)
    box(8.2, 0.7, f"{test:,}\ntest", PURPLE, 2.8)
    arrow((2.6, 4.78), (2.6, 3.52))
    arrow((2.6, 4.0), (5.8, 4.0))
    arrow((2.3, 2.28), (1.7, 1.32))
    arrow((2.9, 2.28), (4.1, 1.32))
    return fig


@styled
def by_age(cohort, literature, groups):
    """Muscle area and attenuation by age group and sex, each beside the mean and SD of the literature.

    Parameters
    ----------
    cohort : DataFrame
        Columns sex (F, M), age (years), area_cm2, hu.
    literature : dict of str to list of (float, float, float, float)
        For each sex, one entry a group: mean and SD of the area (cm2) and of the attenuation (HU).
    groups : list of (str, float, float)
        Name of each age group, and its ages: from, up to but without.
    """
    fig, axes = _figure(5.6, rows=2, sharex=True)
    panels = (("area_cm2", "muscle area (cm²)", 0), ("hu", "mean attenuation (HU)", 2))
    for axis, (column, label, first) in zip(axes.flat, panels, strict=True):
        for shift, sex, colour, marker in ((-0.2, "F", ORANGE, "o"), (0.2, "M", BLUE, "s")):
            for i, (_, low, high) in enumerate(groups):
                here = cohort[(cohort.sex == sex) & (cohort.age >= low) & (cohort.age < high)]
                values = here[column].dropna().to_numpy(float)
                if len(values):
                    drawn = axis.boxplot(
                        values,
                        positions=[i + shift],
                        widths=0.2,
                        patch_artist=True,
                        manage_ticks=False,
                        flierprops={"markersize": 2},
                        medianprops={"color": "black"},
                    )
                    drawn["boxes"][0].set(facecolor=colour, alpha=0.7)
                mean, sd = literature[sex][i][first : first + 2]
                axis.errorbar(
                    i + shift * 1.85, mean, sd, fmt=marker, color="black", markersize=4, capsize=2.5, linewidth=1.1
                )
        axis.set(ylabel=label)
        axis.grid(axis="x", visible=False)
    axes[1, 0].set_xticks(range(len(groups)), [name for name, _, _ in groups])
    axes[1, 0].set(xlabel="age (years)")
    handles = [Rectangle((0, 0), 1, 1, color=c, alpha=0.7) for c in (ORANGE, BLUE)]
    handles += [matplotlib.lines.Line2D([], [], color="black", marker=m, markersize=4) for m in "os"]
    names = ["women, this run", "men, this run", "women, literature", "men, literature"]
    fig.legend(handles, names, loc="outside upper center", ncols=2)
    return fig


@styled
def reader_study(first_cm2, second_cm2, limits_cm2, published_cm2):
    """Difference of two readers' areas against their mean, with the limits of agreement and published ones.

    Parameters
    ----------
    first_cm2, second_cm2 : 1-D array
        The two readers' areas of the same slices.
    limits_cm2, published_cm2 : tuple of float
        Low and high.
    """
    fig, axes = _figure(3.4)
    axis = axes[0, 0]
    first, second = np.asarray(first_cm2, float), np.asarray(second_cm2, float)
    axis.axhspan(*published_cm2, color=SKY, alpha=0.3, linewidth=0, label="limits of human readers, published")
    axis.plot((first + second) / 2, first - second, "o", markersize=4, color=BLUE, alpha=0.7)
    axis.axhline((first - second).mean(), color=RED, linewidth=1.3, label="mean difference")
    for value, label in zip(limits_cm2, ("limits of simulated readers", None), strict=True):
        axis.axhline(value, color=RED, linestyle="--", linewidth=1.3, label=label)
    axis.set(xlabel="mean of the two readers' areas (cm²)", ylabel="one reader minus\nthe other (cm²)")
    axis.margins(y=0.12)
    fig.legend(loc="outside upper center", ncols=1)
    return fig


@styled
def own_slice(image_hu, spacing_mm, mask, fat, spread):
    """A slice with the muscle found, and where the networks that found it disagree.

    Parameters
    ----------
    image_hu : (H, W) array
    mask, fat : (H, W) bool array
        The muscle, and the fat within its contour.
    spread : (H, W) array
        SD of the members' probabilities.
    """
    fig, axes = _figure(_picture_height(image_hu, spacing_mm, 2), columns=2)
    box = _ct(axes[0, 0], image_hu, spacing_mm)
    _paint(axes[0, 0], fat, box, SKY)
    _outline(axes[0, 0], mask, box, RED)
    _ct(axes[0, 1], image_hu, spacing_mm, box, bar_cm=0)
    _probability(axes[0, 1], np.clip(2 * spread, 0, 1), box)
    return fig


@styled
def changes(labels, means_cm2, spreads_cm2, own):
    """How far two measurements of one muscle lie apart, and how far the network lies from a reader.

    Parameters
    ----------
    labels : sequence of str
    means_cm2 : sequence of float or None
        Mean of the differences; None where it is not known.
    spreads_cm2 : sequence of float
        Their SD.
    own : sequence of bool
        Whether a line is of this run, and not published.
    """
    places = np.arange(len(labels))
    fig, axes = _figure(0.36 * len(labels) + 0.7)
    axis = axes[0, 0]
    axis.axvline(0, color="black", linewidth=0.8)
    for place, mean, spread, mine in zip(places, means_cm2, spreads_cm2, own, strict=True):
        colour = RED if mine else BLUE
        middle = 0 if mean is None else mean
        axis.hlines(place, middle - spread, middle + spread, color=colour, linewidth=4)
        if mean is not None:
            axis.plot(mean, place, "o", color=colour, markersize=7)
    axis.set(xlabel="difference of the area (cm²): mean, and one SD to each side", ylim=(len(labels) - 0.5, -0.5))
    axis.set_yticks(places, labels)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
    return fig


@styled
def assumed_readers(table, panels, evidence, columns=3):
    """Results against the SD of the readers that are assumed, each with its 95 % interval and the paper's value.

    Parameters
    ----------
    table : DataFrame
        Columns name, at (SD of the readers, cm2), value, low, high, and came_out: whether the verdict is the paper's
        side; one row a result and SD.
    panels : dict of str to (str, float)
        Of each result that is drawn, its title and what the paper prints.
    evidence : dict of str to float
        SDs of readers, cm2, by the letter that is drawn on their line.
    columns : int
    """
    rows = -(-len(panels) // columns)
    fig, axes = _figure(1.8 * rows + 0.3, rows, columns, sharex=True)
    for axis, (name, (title, printed)) in zip(axes.flat, panels.items(), strict=False):
        curve = table[table["name"] == name].sort_values("at")
        axis.fill_between(curve["at"], curve["low"], curve["high"], color=SKY, alpha=0.35, linewidth=0)
        axis.plot(curve["at"], curve["value"], color=BLUE)
        for came_out, fill in ((True, BLUE), (False, "white")):
            here = curve[curve["came_out"] == came_out]
            axis.plot(here["at"], here["value"], "o", color=BLUE, markerfacecolor=fill, markersize=5)
        axis.axhline(printed, color=RED, linestyle="--", linewidth=1.4)
        for letter, sd_cm2 in evidence.items():
            axis.axvline(sd_cm2, color=GREY, linestyle=":", linewidth=1.2)
            axis.text(sd_cm2, 1.0, letter, transform=axis.get_xaxis_transform(), ha="center", va="bottom", fontsize=8,
                      color=GREY)  # fmt: skip
        axis.set_title(textwrap.fill(title, 24), fontsize=8, pad=12)
        axis.tick_params(labelsize=8)
        axis.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    # Where the last row is not full, the row above carries the numbers of the axis.
    for column in range(columns):
        last = axes[(len(panels) - 1 - column) // columns, column]
        last.tick_params(labelbottom=True)
        last.set_xlabel("SD of the readers (cm²)", fontsize=8)
    return fig


@styled
def ablation(summary):
    """DSC of each variant of the domain randomisation: mean with its interval, and the worst case.

    Parameters
    ----------
    summary : DataFrame
        As `sarco.evidence.ablation.summarise` gives it: index variant; columns dsc_mean, low, high, dsc_min.
    """
    from ..evidence.ablation import label

    fig, axes = _figure(0.42 * len(summary) + 1.3)
    axis = axes[0, 0]
    places = np.arange(len(summary))[::-1]
    axis.axvline(summary.dsc_mean["all"], color=GREY, linewidth=1, linestyle=":")
    axis.hlines(places, summary.low, summary.high, color=BLUE, linewidth=3)
    axis.plot(summary.dsc_mean, places, "o", color=BLUE, markersize=8, label="mean, with 95 % interval")
    axis.plot(summary.dsc_min, places, "v", color=RED, markersize=7, label="worst case")
    axis.set_yticks(places, [label(name) for name in summary.index], fontsize=10)
    axis.set(xlabel="DSC on the difficult slices", ylim=(-0.6, len(summary) - 0.4))
    axis.grid(axis="y", visible=False)
    fig.legend(loc="outside upper center", ncols=2)
    return fig
