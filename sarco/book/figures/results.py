"""Chapter on results: by quality and group of people, the worst cases, and what hangs on the readers."""

import textwrap

import numpy as np
from scipy import ndimage

from .pictures import box_of, ct, legend_below, outline, paint, sheet, size_mm
from .style import BLUE, GREY, ORANGE, PURPLE, RED, SKY, WIDTH, band_line, canvas, intervals, sns, theme


@theme()
def violins(cases):
    """The paper's figure 5: distribution of DSC by quality label of the reader's mask.

    `cases` has the columns quality and dsc, one row a case.
    """
    fig, axis = canvas(3.3)
    counts = cases.quality.value_counts().sort_index()
    sns.violinplot(cases, x="quality", y="dsc", order=counts.index, color=SKY, saturation=1, linecolor="#333333",
                   linewidth=1, cut=0, density_norm="width", inner_kws={"box_width": 6}, ax=axis)  # fmt: skip
    axis.set_xticks(range(len(counts)), [f"{quality}\nn = {n}" for quality, n in counts.items()])
    axis.set(xlabel="quality label of the reader's mask", ylabel="DSC")
    axis.grid(axis="x", visible=False)
    return fig


@theme()
def subgroups(table, overall):
    """DSC and mean error of the area in groups of people, each with its interval.

    `table` as `sarco.evidence.statistics.subgroups` gives it; `overall` has the dsc and mean_error_cm2 of everybody,
    drawn as a line.
    """
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
    """Where network and reader are wrong: their wrong pixels, each in a colour, about the true contour.

    `rows` are (label, image_hu, spacing_mm, true, reader, network); masks are (H, W) bool.
    """
    boxes = [box_of(true | reader | network, margin=12) for *_, true, reader, network in rows]
    shapes = [np.divide(*size_mm(row[1], row[2], box)) for box, row in zip(boxes, rows, strict=True)]
    fig, axes = sheet([row[0] for row in rows], 2, WIDTH / 2 * np.median(shapes), legend=0.5)
    for axis, box, (_, image_hu, spacing_mm, true, reader, network) in zip(axes, boxes, rows, strict=False):
        ct(axis, image_hu, spacing_mm, box)
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
    """Results against the SD of the readers that are assumed, each with its 95 % interval and the paper's value.

    `table` has a row for each name and SD (column at, cm2): value, low, high, and came_out, whether the verdict is the
    paper's side. `panels` has the title of each result and what the paper prints; `evidence` SDs (cm2) by the letter
    that is drawn on their line.
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
            top = axis.get_xaxis_transform()
            axis.text(sd_cm2, 1, sign, transform=top, ha="center", va="bottom", fontsize=8, color=GREY)
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
