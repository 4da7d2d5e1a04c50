"""Chapter on results: by quality and group of people, the worst cases, and what hangs on the readers."""

import textwrap

import numpy as np
from scipy import ndimage

from .pictures import WHOLE, box_of, ct, legend_below, outline, paint, sheet, size_mm
from .style import BLUE, GREY, ORANGE, PURPLE, RED, SKY, WIDTH, band_line, canvas, intervals, sns, theme


@theme()
def violins(cases):
    """The paper's figure 5: distribution of the DSC of cases by quality label of the reader's mask."""
    fig, axis = canvas(3.3, grid="y")
    counts = cases.quality.value_counts().sort_index()
    sns.violinplot(cases, x="quality", y="dsc", order=counts.index, color=SKY, saturation=1, linecolor="#333333",
                   linewidth=1, cut=0, density_norm="width", inner_kws={"box_width": 6}, ax=axis)  # fmt: skip
    axis.set_xticks(range(len(counts)), [f"{quality}\nn = {n}" for quality, n in counts.items()])
    axis.set(xlabel="quality label of the reader's mask", ylabel="DSC")
    return fig


@theme()
def subgroups(table, overall):
    """DSC and mean error (cm²) in groups of people, each with its interval, and lines for those `overall`."""
    # Groups are a row apart, under a heading.
    table = table.assign(place=np.arange(len(table)) + 1 + 1.4 * table.groupby("group", sort=False).ngroup())
    headings = (table.place - 1)[~table.group.duplicated()]
    fig, axes = canvas(0.21 * table.place.max() + 1, columns=2, sharey=True)
    for axis, column, label in zip(axes, ("dsc", "mean_error_cm2"), ("DSC", "mean error (cm²)"), strict=True):
        axis.axvline(overall[column], color=GREY, linestyle=":", linewidth=1.2)
        if column != "dsc":
            axis.axvline(0, color="black", linewidth=0.8)
        intervals(axis, table, column, "place", color=BLUE, native_scale=True)
        axis.set(xlabel=label, ylim=(table.place.max() + 0.8, -0.8))
        axis.tick_params(axis="y", length=0)
        axis.locator_params(axis="x", nbins=4)
    names = [*table.group.unique(), *(f"{row.level}  ({row.n})" for row in table.itertuples())]
    axes[0].set_yticks([*headings, *table.place], names, fontsize=9)
    for text in axes[0].get_yticklabels()[: len(headings)]:
        text.set_fontweight("bold")
    return fig


@theme()
def worst(rows):
    """Pixels where network or reader, or both, are wrong, of (label, HU, spacing in mm, true, reader, network)."""
    boxes = [box_of(true | reader | network, margin=12) for *_, true, reader, network in rows]
    shapes = [np.divide(*size_mm(row[1], row[2], box)) for box, row in zip(boxes, rows, strict=True)]
    fig, axes = sheet([row[0] for row in rows], 2, WIDTH / 2 * np.median(shapes), legend=0.5)
    for axis, box, (_, image_hu, spacing_mm, true, reader, network) in zip(axes, boxes, rows, strict=False):
        image_hu, true, reader, network = (whole[box] for whole in (image_hu, true, reader, network))
        ct(axis, image_hu, spacing_mm, WHOLE)
        by_network, by_reader = network ^ true, reader ^ true
        # Over the contour, which would hide a narrow rim.
        paint(axis, by_network & ~by_reader, ORANGE, zorder=5)
        paint(axis, by_reader & ~by_network, SKY, zorder=5)
        paint(axis, by_network & by_reader, PURPLE, zorder=5)
        # Without the gaps that the HU window leaves, which would be more line than picture.
        outline(axis, ndimage.binary_fill_holes(ndimage.binary_closing(true, iterations=2)), "white", 0.7)
    legend_below(fig, {"network wrong": ORANGE, "reader wrong": SKY, "both wrong": PURPLE})
    return fig


@theme()
def assumed_readers(table, panels, evidence):
    """Results (`panels`: title, paper's value) against the SD (cm²) of the readers that are assumed, with intervals.

    A dot is filled where the verdict is the paper's side; lines with letters mark the SDs of `evidence`.
    """
    columns = 3
    rows = -(-len(panels) // columns)
    fig, axes = canvas(1.8 * rows + 0.3, rows, columns, sharex=True, squeeze=False)
    for axis, (name, (title, papers)) in zip(axes.flat, panels.items(), strict=False):
        curve = table[table["name"] == name]
        band_line(axis, curve, "at", "value", color=BLUE)
        sns.scatterplot(curve, x="at", y="value", hue="came_out", palette={True: BLUE, False: "white"}, s=28, ax=axis,
                        edgecolor=BLUE, linewidth=1, zorder=3, legend=False)  # fmt: skip
        axis.axhline(papers, color=RED, linestyle="--", linewidth=1.4)
        for sign, sd_cm2 in evidence.items():
            axis.axvline(sd_cm2, color=GREY, linestyle=":", linewidth=1.2)
            axis.text(sd_cm2, 1, sign, transform=axis.get_xaxis_transform(), ha="center", va="bottom", fontsize=8,
                      color=GREY)  # fmt: skip
        axis.set(xlabel="", ylabel="")
        axis.set_title(textwrap.fill(title, 24), fontsize=8, pad=12)
        axis.tick_params(labelsize=8)
        axis.locator_params(axis="y", nbins=4)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for column in range(columns):  # where the last row is not full, the row above carries the numbers of the axis
        last = axes[(len(panels) - 1 - column) // columns, column]
        last.tick_params(labelbottom=True)
        last.set_xlabel("SD of the readers (cm²)", fontsize=8)
    return fig
