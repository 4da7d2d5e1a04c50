"""Chapter on the U-net: the network, and what of its input a pixel sees."""

import itertools

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from .style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, canvas, theme


@theme()
def network(blocks, size):
    """The paper's figure 1, from `book.blocks(model)`: one U-net, drawn from its own layers; `size` in pixels."""
    fig, axis = canvas(3.9)
    axis.set_axis_off()
    deepest, last = max(level for level, _, _ in blocks), len(blocks) - 1
    axis.set(xlim=(-1.55, last + 2.35), ylim=(-deepest - 0.65, 0.5))
    halves = []  # half the width and height of each block; block i lies at (i, -its level)
    for x, (level, filters, _) in enumerate(blocks):
        half = np.array([0.42 + 0.1 * np.log2(filters / blocks[0][1] + 1), 0.74 * 0.86**level]) / 2
        colour = BLUE if x < deepest else PURPLE if x == deepest else GREEN
        axis.add_patch(Rectangle((x, -level) - half, *(2 * half), facecolor=colour, linewidth=0))
        axis.text(x, -level, f"{filters}", color="white", ha="center", va="center", fontsize=11, fontweight="bold")
        halves.append(half)

    def arrow(start, end, colour, turn="arc3", **kwargs):
        look = {"arrowstyle": "-|>", "color": colour, "connectionstyle": turn, "shrinkA": 0, "shrinkB": 0}
        axis.annotate("", end, start, arrowprops=look | kwargs)

    for x, ((here, _, _), (there, _, _)) in enumerate(itertools.pairwise(blocks)):
        (across, high), (next_across, next_high) = halves[x : x + 2]
        if there > here:
            arrow((x, -here - high), (x + 1 - next_across, -there), RED, "angle,angleA=90,angleB=0,rad=4")
        else:
            arrow((x + across, -here), (x + 1, -there - next_high), ORANGE, "angle,angleA=0,angleB=90,rad=4")
    for level in range(deepest):
        across = halves[level][0]
        arrow((level + across, -level), (last - level - across, -level), GREY, linestyle="--", linewidth=1)
    for level in range(deepest + 1):
        y, va = (0.06 - level, "bottom") if level < deepest else (-0.06 - level - halves[level][1], "top")
        axis.text(deepest, y, f"{size // 2**level} x {size // 2**level}", ha="center", va=va, color=GREY)
    across = halves[0][0]
    ends = (-0.65, -across, -1.05, "CT\nslice"), (last + across, last + 0.65, last + 1.5, "muscle\nprobability")
    for start, end, x, label in ends:
        arrow((start, 0), (end, 0), "black")
        axis.text(x, 0, label, ha="center", va="center")
    kinds = {"encoder": BLUE, "bottleneck": PURPLE, "decoder": GREEN}
    arrows = {"max pooling": (RED, "-"), "up-sampling": (ORANGE, "-"), "copy": (GREY, "--")}
    handles = [Patch(color=colour, label=name) for name, colour in kinds.items()]
    handles += [Line2D([], [], color=colour, linestyle=line, label=name) for name, (colour, line) in arrows.items()]
    fig.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=10)
    return fig


@theme()
def receptive_field(energy, boxes, spacing_mm):
    """Energy of the middle output pixel's gradient by input pixel, and squares (label, pixels, colour) about it."""
    fig, axis = canvas(4.9)
    half = energy.shape[0] * spacing_mm / 20
    decades = np.log10(np.maximum(energy / energy.max(), 1e-8))
    picture = axis.imshow(decades, cmap="Greys", vmin=-8, vmax=0, extent=(-half, half, -half, half))
    for label, side_px, colour in boxes:
        side = side_px * spacing_mm / 10
        square = Rectangle((-side / 2, -side / 2), side, side, fill=False, edgecolor=colour, linewidth=2, label=label)
        axis.add_patch(square)
    axis.set(xlabel="cm", ylabel="cm")
    axis.grid(False)
    fig.legend(loc="outside upper center", ncols=1)
    fig.colorbar(picture, ax=axis, shrink=0.8, label="gradient energy, log10 of the largest")
    return fig
