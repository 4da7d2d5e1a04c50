"""Chapter on data: the cohort, what a slice is made of, and what readers draw."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from scipy import ndimage

from ...paper import WINDOW_HU
from .pictures import WHOLE, body_box, ct, legend_below, outline, paint, sheet, size_mm, views
from .style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, WIDTH, canvas, intervals, legend_above, sns, theme


@theme()
def cohort_flow(released, excluded, train, validation, test):
    """From the slices released to the three sets: how many there are of each."""
    fig, axis = canvas(3.0)
    axis.set_axis_off()
    axis.set(xlim=(0, 10), ylim=(0, 6.2))
    for x, y, width, colour, text in (
        (2.6, 5.4, 3.1, BLUE, f"{released:,} slices\nwith a mask"),
        (7.6, 3.9, 3.6, RED, f"{excluded:,} excluded:\nmask not registered"),
        (2.6, 2.9, 3.1, BLUE, f"{released - excluded:,} slices kept"),
        (1.6, 0.7, 2.4, GREEN, f"{train:,}\ntraining"),
        (4.3, 0.7, 2.4, ORANGE, f"{validation:,}\nvalidation"),
        (8.2, 0.7, 2.8, PURPLE, f"{test:,}\ntest"),
    ):
        corner = (x - width / 2, y - 0.62)
        axis.add_patch(Rectangle(corner, width, 1.24, facecolor=(colour, 0.18), edgecolor=(colour, 0.4), linewidth=1.4))
        axis.text(x, y, text, ha="center", va="center")
    for x, y, to_x, to_y in ((2.6, 4.78, 2.6, 3.52), (2.6, 4, 5.8, 4), (2.3, 2.28, 1.7, 1.32), (2.9, 2.28, 4.1, 1.32)):
        axis.annotate("", (to_x, to_y), (x, y), arrowprops={"arrowstyle": "-|>", "color": "black"})
    return fig


@theme()
def by_age(cohort, literature, groups):
    """Muscle area (cm²) and HU by age group (name, from, up to) and sex, beside mean and SD of the literature.

    Of `cohort` the columns sex, age, area_cm2 and hu; `literature`, by sex, has area, its SD, HU, its SD by group.
    """
    import pandas as pd

    names, lows, highs = zip(*groups, strict=True)
    cohort = cohort.assign(
        group=pd.cut(cohort.age, [*lows, highs[-1]], right=False, labels=names),
        who=cohort.sex.map({"F": "women, this run", "M": "men, this run"}),
    )
    fig, axes = canvas(5.6, 2, grid="y", sharex=True)
    panels = ("area_cm2", "muscle area (cm²)", 0), ("hu", "mean attenuation (HU)", 2)
    for axis, (column, label, first) in zip(axes, panels, strict=True):
        sns.boxplot(cohort, x="group", y=column, hue="who", hue_order=["women, this run", "men, this run"], ax=axis,
                    palette=[ORANGE, BLUE], width=0.8, gap=0.5, saturation=1, boxprops={"alpha": 0.7},
                    linecolor="black", fliersize=2, legend=axis is axes[0])  # fmt: skip
        for sex, shift, marker, who in (("F", -0.37, "o", "women"), ("M", 0.37, "s", "men")):
            mean, sd = np.transpose(literature[sex])[first : first + 2]
            axis.errorbar(np.arange(len(groups)) + shift, mean, sd, fmt=marker, color="black", markersize=4,
                          capsize=2.5, linewidth=1.1, label=f"{who}, literature")  # fmt: skip
        axis.set(xlabel="age (years)", ylabel=label)
    legend_above(axes[0], 2)
    return fig


@theme()
def contact_sheet(slices, columns=3, boxes=None, field_mm=None):
    """Small pictures (label, HU, spacing in mm, mask), each with the outline of its mask.

    Of each a box is seen (the body unless given), as large as can be, or `field_mm` about its middle, all in one scale.
    """
    boxes = boxes or [body_box(image_hu) for _, image_hu, _, _ in slices]
    sides_mm = [size_mm(row[1], row[2], box) for row, box in zip(slices, boxes, strict=True)]
    # One shape for all places; what lies beyond a box is as black as air.
    shape = np.divide(*field_mm) if field_mm else np.median([high / wide for high, wide in sides_mm])
    fig, axes = sheet([row[0] for row in slices], columns, WIDTH / columns * shape)
    for axis, box, (high, wide), (_, image_hu, spacing_mm, mask) in zip(axes, boxes, sides_mm, slices, strict=False):
        ct(axis, image_hu[box], spacing_mm, WHOLE, bar_cm=0)
        outline(axis, mask[box], ORANGE, 0.7)
        wide = field_mm[1] if field_mm else max(wide, high / shape)
        size = np.array([wide * shape, wide]) / spacing_mm
        top, left = (image_hu[box].shape - size) / 2 - 0.5
        axis.add_patch(Rectangle((left, top), size[1], size[0], color="black", zorder=-1))
        axis.set(xlim=(left, left + size[1]), ylim=(top + size[0], top))
    return fig


@theme()
def slice_with_masks(image_hu, spacing_mm, reader, true=None):
    """A slice, plain on top, and below with the reader's mask painted and the true contour, if known, drawn."""
    fig, (_, below) = views(image_hu, spacing_mm, 2, room=0.5)
    paint(below, reader, RED, 0.55)
    if true is not None:
        outline(below, true, SKY)
    legend_below(fig, {"the reader's mask": RED} | ({} if true is None else {"true contour": SKY}))
    return fig


@theme()
def quality_labels(rows, field_mm=100):
    """The reader's contour and the true one, about the pixels that the review counts: wrongly added, or missed.

    `rows` are (label, image_hu, spacing_mm, reader, true, added, missed); of all but `field_mm` is cut away.
    """
    fig, axes = sheet([row[0] for row in rows], 2, WIDTH / 2, legend=0.5)
    for axis, (_, image_hu, spacing_mm, reader, true, added, missed) in zip(axes, rows, strict=False):
        wrong = added | missed
        crowd = ndimage.gaussian_filter(np.asarray(wrong if wrong.any() else true, np.float32), 6)
        middle = np.unravel_index(np.argmax(crowd), crowd.shape)
        sides = zip(middle, np.divide(field_mm / 2, spacing_mm), strict=True)
        box = tuple(slice(max(int(centre - half), 0), int(centre + half) + 1) for centre, half in sides)
        ct(axis, image_hu, spacing_mm, box, bar_cm=2)
        paint(axis, added, ORANGE, 0.85)
        paint(axis, missed, BLUE, 0.85)
        outline(axis, true, "white", 1.4)
        outline(axis, reader, PURPLE, 1.1)
    contours = {"true contour (white)": "#BBBBBB", "reader's contour": PURPLE}
    lines = [Line2D([], [], color=colour, linewidth=2, label=name) for name, colour in contours.items()]
    legend_below(fig, {"wrong: added": ORANGE, "wrong: missed": BLUE}, 2, lines)
    return fig


@theme()
def ablation(summary):
    """DSC of each variant of the domain randomisation: mean with its interval, and the worst case."""
    from ...evidence.ablation import label

    table = summary.assign(variant=[label(name) for name in summary.index])
    fig, axis = canvas(0.42 * len(table) + 1.3)
    axis.axvline(summary.dsc_mean["all"], color=GREY, linewidth=1, linestyle=":")
    intervals(axis, table, "dsc_mean", "variant", color=BLUE, markersize=7, label="mean, with 95 % interval")
    sns.scatterplot(table, x="dsc_min", y="variant", color=RED, marker="v", s=60, label="worst case", ax=axis)
    axis.set(xlabel="DSC on the difficult slices", ylabel="")
    legend_above(axis, 2)
    return fig


@theme()
def preprocessing(image_hu, spacing_mm, tensor, network_spacing_mm):
    """The slice as stored, and as the network sees it, both in the network's window: only the grid differs."""
    sides = (image_hu.shape, f"{spacing_mm[0]:.2f}"), (tensor.shape, f"{network_spacing_mm:g}")
    fig, (left, right) = sheet([f"{rows} x {columns} pixels of {mm} mm" for (rows, columns), mm in sides], 2, WIDTH / 2)
    ct(left, image_hu, spacing_mm, WHOLE, window_hu=WINDOW_HU)
    ct(right, tensor, (network_spacing_mm,) * 2, WHOLE, window_hu=(0, 1))
    return fig
