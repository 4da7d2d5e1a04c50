"""Chapter on a slice of one's own, and the picture of the book's first page."""

import numpy as np

from .pictures import outline, overlay, paint, views
from .style import BLUE, RED, SKY, canvas, theme


@theme()
def overview(image_hu, spacing_mm, probability, mask):
    """From slice to area: the slice, the probability of muscle, and the final mask."""
    fig, (_, middle, right) = views(image_hu, spacing_mm, 1, 3, width=8.4)
    overlay(middle, probability)
    paint(right, mask, RED, 0.75)
    return fig


@theme()
def own_slice(image_hu, spacing_mm, mask, fat, spread):
    """A slice with the muscle found and the fat within it, and beside it the SD of the members' probabilities."""
    fig, (left, right) = views(image_hu, spacing_mm, 1, 2)
    paint(left, fat, SKY)
    outline(left, mask, RED)
    overlay(right, spread, vmax=0.5)
    return fig


@theme()
def changes(labels, means_cm2, spreads_cm2, own):
    """Mean (None: unknown) and SD of the difference (cm²) of two measurements of a muscle; this run's are red."""
    places = np.arange(len(labels))
    means, spreads = np.array(means_cm2, float), np.array(spreads_cm2, float)
    colours = np.where(own, RED, BLUE)
    fig, axis = canvas(0.36 * len(labels) + 0.7, grid="x")
    axis.axvline(0, color="black", linewidth=0.8)
    middle = np.nan_to_num(means)  # about 0, without a dot, where the mean is not known
    axis.hlines(places, middle - spreads, middle + spreads, color=colours, linewidth=4)
    axis.scatter(means, places, s=50, color=colours, zorder=3)
    axis.set(xlabel="difference of the area (cm²): mean, and one SD to each side", ylim=(len(labels) - 0.5, -0.5))
    axis.set_yticks(places, labels)
    axis.tick_params(axis="y", length=0)
    return fig
