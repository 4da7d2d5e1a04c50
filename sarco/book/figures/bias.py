"""Chapter on the bias correction: areas against areas, and on whom a correction may be learned."""

import numpy as np

from .style import BLUE, GREEN, GREY, ORANGE, RED, SKY, band_line, canvas, legend_above, sns, theme


@theme()
def scatter(predicted_cm2, reference_cm2, corrected_cm2=None):
    """The paper's figure 6, the reader's area against the predicted one: panel A, or without `corrected_cm2` B."""
    clouds = [(predicted_cm2, "before the correction", BLUE, "o", 36), (corrected_cm2, "after it", GREEN, "*", 100)]
    if corrected_cm2 is None:
        clouds = [(predicted_cm2, "predicted", BLUE, "o", 36)]
    everything = np.concatenate([reference_cm2, *(cloud[0] for cloud in clouds)])
    pad = 0.04 * np.ptp(everything)
    ends = everything.min() - pad, everything.max() + pad
    fig, axis = canvas(4.6)
    axis.plot(ends, ends, color="black", linestyle="--", linewidth=1, label="identity")
    axis.set(xlim=ends, ylim=ends, aspect="equal")
    for x, label, colour, marker, size in clouds:
        sns.scatterplot(x=x, y=reference_cm2, color=colour, marker=marker, s=size, alpha=0.75, label=label, ax=axis)
    sns.regplot(x=x, y=reference_cm2, scatter=False, ci=None, truncate=False, color=ORANGE, label="regression",
                line_kws={"linewidth": 1.2}, ax=axis)  # fmt: skip
    axis.set(xlabel="predicted area (cm²)", ylabel="reader's area (cm²)")
    axis.legend(loc="upper left")
    return fig


def _differences(axis, first_cm2, second_cm2, limits_cm2, labels):
    """Differences of two areas against their means, and lines for their mean and limits, as `labels` names them."""
    first, second = np.asarray(first_cm2, float), np.asarray(second_cm2, float)
    sns.scatterplot(x=(first + second) / 2, y=first - second, color=BLUE, s=30, alpha=0.7, ax=axis)
    axis.axhline((first - second).mean(), color=RED, linewidth=1.3, label=labels[0])
    for limit, label in zip(limits_cm2, (labels[1], None), strict=True):
        axis.axhline(limit, color=RED, linestyle="--", linewidth=1.3, label=label)
    axis.margins(y=0.12)


@theme()
def bland_altman(predicted_cm2, reference_cm2, low_cm2, high_cm2):
    """Difference against mean of the two areas, with the mean difference and the limits of agreement."""
    fig, axis = canvas(3.2)
    axis.axhline(0, color="black", linewidth=0.8)
    _differences(axis, predicted_cm2, reference_cm2, (low_cm2, high_cm2), ("mean error", "limits of agreement"))
    axis.set(xlabel="mean of the two areas (cm²)", ylabel="predicted minus\nreader's area (cm²)")
    legend_above(axis, 2)
    return fig


@theme()
def reader_study(first_cm2, second_cm2, limits_cm2, published_cm2):
    """Difference of two readers' areas against their mean, with the limits of agreement and published ones."""
    fig, axis = canvas(3.4)
    axis.axhspan(*published_cm2, color=SKY, alpha=0.3, linewidth=0, label="limits of human readers, published")
    _differences(axis, first_cm2, second_cm2, limits_cm2, ("mean difference", "limits of simulated readers"))
    axis.set(xlabel="mean of the two readers' areas (cm²)", ylabel="one reader minus\nthe other (cm²)")
    legend_above(axis, 1)
    return fig


@theme()
def few_cases(table, published):
    """The mean error (cm²) that so many cases teach, 95 of 100 draws, and how often it harms; `published` is a line."""
    table = table.assign(learned=(table.low + table.high) / 2, harm=100 * table.worse)
    fig, (above, below) = canvas(4.2, 2, sharex=True)
    band_line(above, table, "cases", "learned", color=BLUE, marker="o")
    sns.lineplot(table, x="cases", y="harm", color=RED, marker="o", clip_on=False, ax=below)
    above.set(ylabel="mean error\nlearned (cm²)")
    below.set(xlabel="cases that it is learned on", ylabel="draws that\ndo harm (%)", xscale="log")
    below.set_ylim(0, max(5, 1.05 * table.harm.max()))
    for axis in (above, below):
        axis.axvline(published, color=GREY, linestyle=":", linewidth=1.5)
    below.set_xticks(table.cases, table.cases)
    below.minorticks_off()
    return fig


@theme()
def transfer(table):
    """RMSE (cm²) of each group of people uncorrected, by its own correction, and by that of each other group."""
    import pandas as pd

    own = table.learned_on == table.applied_to
    table = table.assign(people=table.group + ": " + table.applied_to, rmse_cm2=table.after_cm2)
    before = table.assign(rmse_cm2=table.before_cm2).drop_duplicates("people")
    kinds = {"not corrected": before, "by its own": table[own], "by another's": table[~own]}
    marks = pd.concat(kinds, names=["kind"]).reset_index("kind")
    span = marks.groupby("people", sort=False).rmse_cm2.agg(["min", "max"])
    fig, axis = canvas(0.36 * len(span) + 1.1, grid="x")
    axis.hlines(span.index, span["min"], span["max"], color="#BBBBBB", linewidth=1.2, zorder=0)
    # By name, because a group of one kind of people has no other's.
    sizes, palette, markers = (
        dict(zip(kinds, each, strict=True)) for each in ([50, 70, 35], ["white", BLUE, ORANGE], "osD")
    )
    sns.scatterplot(marks, x="rmse_cm2", y="people", hue="kind", style="kind", size="kind", sizes=sizes, ax=axis,
                    palette=palette, markers=markers, edgecolor="black", linewidth=0.8)  # fmt: skip
    axis.set(xlabel="RMSE (cm²)", ylabel="", ylim=(len(span) - 0.5, -0.5))
    legend_above(axis, 3)
    return fig
