"""Chapter on post-processing: its steps, its settings, and what each step adds."""

import numpy as np

from .pictures import ct, legend_below, overlay, paint, picture_height, views
from .style import BLUE, GREEN, GREY, ORANGE, RED, SKY, band_line, canvas, legend_above, letter, sns, theme


@theme()
def steps(image_hu, spacing_mm, probability, masks):
    """Post-processing, mask after mask (by the step's name): added pixels are blue, removed ones orange."""
    fig, (first, *others) = views(image_hu, spacing_mm, 2, 2, room=0.8)
    overlay(first, probability)
    first.set_title("mean probability", pad=3)
    before = next(iter(masks.values()))  # to which the first step adds nothing
    for axis, (name, mask) in zip(others, masks.items(), strict=False):
        paint(axis, mask & before, GREEN, 0.45)
        paint(axis, mask & ~before, SKY)
        paint(axis, before & ~mask, ORANGE)
        axis.set_title(f"after {name}", pad=3)
        before = mask
    legend_below(fig, {"kept": GREEN, "added by the step": SKY, "removed by it": ORANGE})
    return fig


@theme()
def dilation_by_pixel(gain, labels):
    """Area (cm²) that a dilation adds to each mask against the size of its pixels (mm), with lines through all."""
    fig, axis = canvas(3.4)
    for (column, label), colour, marker in zip(labels.items(), (BLUE, ORANGE), "os", strict=False):
        sns.regplot(gain, x="pixel_spacing_mm", y=column, ci=None, color=colour, marker=marker, label=label, ax=axis,
                    scatter_kws={"s": 20, "alpha": 0.55}, line_kws={"linewidth": 2.2})  # fmt: skip
    axis.set(xlabel="side of a pixel (mm)", ylabel="area added (cm²)", ylim=(0, None))
    legend_above(axis, len(labels))
    return fig


@theme()
def sweep(summary, curves, xlabel, papers, ticks=None):
    """DSC and mean error (cm²) against a setting of the post-processing: labelled `curves`, and the paper's value."""
    fig, axes = canvas(4.4, 2, sharex=True)
    for axis, column, ylabel in zip(axes, ("dsc", "mean_error_cm2"), ("DSC", "mean error (cm²)"), strict=True):
        for (name, label), colour, marker in zip(curves.items(), (BLUE, RED), "os", strict=False):
            part = summary[summary["sweep"] == name]
            band_line(axis, part, "value", column, color=colour, marker=marker, label=label)
        axis.axvline(papers, color=GREY, linestyle=":", linewidth=1.5, label="the paper's")
        axis.set(xlabel=xlabel, ylabel=ylabel)
    axes[1].axhline(0, color="black", linewidth=0.8)
    if ticks:
        axes[1].set_xticks(list(ticks), list(ticks.values()))
    legend_above(axes[0], len(curves) + 1)
    return fig


@theme()
def waterfall(labels, values, ylabel, better="higher", decimals=3, changes=None):
    """The paper's figure 3: what each step adds to a measure, or takes from it; bad steps are orange.

    The baseline is first; `changes` has the interval of each change, a whisker about where the step ends (NaN: none).
    """
    before, after = np.array(values[:-1], float), np.array(values[1:], float)
    first, last, spread = values[0], values[-1], max(np.ptp(values), 10.0**-decimals)
    floor = max(min(values) - 0.6 * spread, 0)
    good = after >= before if better == "higher" else after <= before
    low, high = before + np.transpose(changes) if changes is not None else np.full((2, len(after)), np.nan)
    places = np.arange(len(values) + 1)
    fig, axis = canvas(3.3, grid="y")
    axis.bar(places, [first - floor, *(after - before), last - floor], 0.6, [floor, *before, floor], linewidth=0,
             color=[GREY, *np.where(good, GREEN, ORANGE), BLUE])  # fmt: skip
    axis.hlines(values, places[:-1] + 0.3, places[:-1] + 1.3, color="black", linewidth=0.8)
    whiskers = after - low, high - after
    axis.errorbar(places[1:-1], after, whiskers, fmt="none", color="black", linewidth=1.2, capsize=4)
    tops = [first, *np.fmax(np.maximum(before, after), high), last]
    texts = [f"{first:.{decimals}f}", *(f"{step:+.{decimals}f}" for step in after - before), f"{last:.{decimals}f}"]
    for place, top, text in zip(places, tops, texts, strict=True):
        axis.text(place, top + 0.04 * spread, text, ha="center", va="bottom", fontsize=9)
    axis.set_xticks(places, [*labels, "result"], fontsize=9)
    axis.set(ylabel=ylabel, ylim=(floor, max(values) + 0.22 * spread))
    return fig


@theme()
def examples(rows):
    """The paper's figure 4, of (label, HU, spacing in mm, reference, predicted): ground truth left, errors right."""
    heights = [picture_height(image_hu, spacing_mm, 2) + 0.25 for _, image_hu, spacing_mm, _, _ in rows]
    fig, axes = canvas(sum(heights) + 0.3, len(rows), 2, height_ratios=heights, squeeze=False)
    for (left, right), (label, image_hu, spacing_mm, reference, predicted) in zip(axes, rows, strict=True):
        ct(left, image_hu, spacing_mm)
        paint(left, reference, RED, 0.6)
        letter(left, label)
        ct(right, image_hu, spacing_mm, bar_cm=0)
        paint(right, reference & predicted, GREEN, 0.5)
        paint(right, predicted & ~reference, SKY)
        paint(right, reference & ~predicted, RED)
    legend_below(fig, {"true positive": GREEN, "false positive": SKY, "false negative": RED})
    return fig
