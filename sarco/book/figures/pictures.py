"""CT slices and masks, in true proportion; grey levels are drawn as they are."""

import itertools

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import Patch
from skimage import measure, morphology

from ...base import box as boxes
from .style import WIDTH, canvas

CT_WINDOW_HU = (-160, 240)  # the usual soft tissue window
WHOLE = (slice(None), slice(None))


def body_box(image_hu, margin=8):
    """Rows and columns, as slices, that hold the body and `margin` pixels; all where nothing is denser than air."""
    dense = morphology.opening(np.asarray(image_hu) > -300, morphology.diamond(2))
    parts = measure.label(dense, connectivity=1)
    largest = np.bincount(parts[dense], minlength=1).argmax()
    return boxes.around(dense & (parts == largest), margin)


def box_of(mask, margin=6):
    """Rows and columns, as slices, that hold every pixel of a mask and `margin` pixels about it."""
    return boxes.around(mask, margin)


def size_mm(image_hu, spacing_mm, box):
    """Height and width (mm) of a box within an image."""
    return np.multiply(image_hu[box].shape, spacing_mm)


def picture_height(image_hu, spacing_mm, columns=1, width=WIDTH):
    """Height (inches) of a body that fills one of `columns` of a figure."""
    return width / columns * np.divide(*size_mm(image_hu, spacing_mm, body_box(image_hu)))


def sheet(labels, columns, height, legend=0):
    """A figure for so many labelled pictures of a height (inches), with room for a legend, and their axes."""
    rows = -(-len(labels) // columns)
    fig, axes = canvas((height + 0.25) * rows + legend, rows, columns, squeeze=False)
    for axis, label in itertools.zip_longest(axes.flat, labels, fillvalue=""):
        axis.set_axis_off()
        axis.set_title(label, loc="left", fontsize=11, pad=3)
    return fig, axes.flat


def views(image_hu, spacing_mm, rows, columns=1, room=0, width=WIDTH):
    """A figure with the same slice several times, and room (inches) for more than them, and its axes."""
    height = rows * picture_height(image_hu, spacing_mm, columns, width) + room
    fig, axes = canvas(height, rows, columns, width)
    for axis in axes.flat:
        ct(axis, image_hu, spacing_mm)
    return fig, axes.flat


def ct(axis, image_hu, spacing_mm, box=None, bar_cm=5, window_hu=CT_WINDOW_HU):
    """One CT slice, of which `box` is seen (the body unless given), with a scale bar."""
    box = body_box(image_hu) if box is None else box
    (top, bottom, _), (left, right, _) = (side.indices(n) for side, n in zip(box, image_hu.shape, strict=True))
    axis.imshow(image_hu, vmin=window_hu[0], vmax=window_hu[1], aspect=spacing_mm[0] / spacing_mm[1])
    axis.set_axis_off()
    if bar_cm:
        row, start = top + 0.965 * (bottom - top), left + 0.03 * (right - left)
        length = 10 * bar_cm / spacing_mm[1]
        axis.plot([start, start + length], [row, row], color="white", linewidth=2.5, solid_capstyle="butt")
        axis.text(start + length * 1.1, row, f"{bar_cm} cm", color="white", fontsize=8, va="center")
    axis.set(xlim=(left - 0.5, right - 0.5), ylim=(bottom - 0.5, top - 0.5))


def paint(axis, mask, colour, alpha=1.0, **kwargs):
    """Lay one colour over the pixels of a mask."""
    layer = np.asarray(mask, bool)[..., None] * np.array(matplotlib.colors.to_rgba(colour, alpha))
    axis.imshow(layer, interpolation="nearest", aspect=axis.get_aspect(), **kwargs)


def outline(axis, mask, colour, width=0.9):
    """Draw the contour of a mask."""
    lines = [line[:, ::-1] for line in measure.find_contours(np.asarray(mask, float), 0.5)]
    axis.add_collection(LineCollection(lines, colors=colour, linewidths=width), autolim=False)


def overlay(axis, values, cmap="viridis", vmax=1):
    """Lay a probability, or the spread of several, over a slice, where there is any."""
    shown = np.ma.masked_less(np.asarray(values), 0.02)
    return axis.imshow(shown, cmap=cmap, vmin=0, vmax=vmax, aspect=axis.get_aspect())


def legend_below(fig, colours, columns=None, handles=(), **kwargs):
    """One legend of coloured patches under the pictures, from names to colours, after `handles` with their labels."""
    handles = [*handles, *(Patch(fc=colour, ec="black", lw=0.5, label=name) for name, colour in colours.items())]
    fig.legend(handles=handles, loc="outside lower center", ncols=columns or len(handles), **kwargs)
