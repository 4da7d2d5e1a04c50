"""Chapter on the ensemble: how many members are enough, and what their disagreement says."""

import matplotlib
import numpy as np

from .pictures import legend_below, outline, overlay, paint, views
from .style import BLUE, GREEN, GREY, ORANGE, RED, SKY, band_line, canvas, letter, sns, theme


@theme()
def by_members(band, orders, plateaus, papers_plateau):
    """The paper's figures 2B and 2C, over many orders: DSC and RMSE (cm²) against the members in the mean.

    Of `orders` the first is drawn alone; dots mark the `plateaus` (members), a line the paper's, if in reach.
    """
    fig, axes = canvas(5.2, 2, sharex=True)
    one = orders[orders["order"] == orders["order"].min()]
    panels = ("dsc", "DSC", BLUE, "B"), ("rmse_cm2", "RMSE (cm²)", RED, "C")
    for axis, (column, label, colour, panel) in zip(axes, panels, strict=True):
        axis.plot(one.members, one[column], color=GREY, linewidth=1, linestyle="--", label="one order")
        band_line(axis, band, "members", column, color=colour, label="mean over the orders",
                  err_kws={"label": "nine of ten orders"})  # fmt: skip
        reached = band[band.members == plateaus[column]]
        axis.plot(reached.members, reached[column], "o", color=colour, label="plateau")
        if papers_plateau <= band.members.max():
            axis.axvline(papers_plateau, color="black", linewidth=1, linestyle=":", label="the paper's plateau")
        axis.set(xlabel="members in the mean", ylabel=label)
        axis.margins(y=0.08)
        letter(axis, panel)
    axes[0].legend(loc="lower right")
    axis.xaxis.get_major_locator().set_params(integer=True)
    return fig


@theme()
def disagreement(image_hu, spacing_mm, spread, reader, predicted):
    """SD of the members' probabilities over a slice, and below where their ensemble is wrong."""
    fig, (above, below) = views(image_hu, spacing_mm, 2, room=0.9)
    picture = overlay(above, spread, "inferno", 0.5)
    outline(above, reader, SKY, 0.6)
    fig.colorbar(picture, ax=above, location="bottom", shrink=0.7, pad=0.02, label="SD of the members' probabilities")
    paint(below, predicted & ~reader, SKY)
    paint(below, reader & ~predicted, ORANGE)
    legend_below(fig, {"found, not in the reader's mask": SKY, "missed": ORANGE})
    return fig


@theme()
def uncertainty(table, curve):
    """Error (cm²) against disagreement, case by case and the medians of groups; RMSE if the doubtful are left out."""
    import pandas as pd

    fig, (above, below) = canvas(6.2, 2)
    table = table.assign(error_cm2=table.error_cm2.abs())
    groups = pd.qcut(table.sd_cm2.rank(method="first"), min(5, len(table)), labels=False)
    medians = table.groupby(groups)[["sd_cm2", "error_cm2"]].median()
    shown = {"x": "sd_cm2", "y": "error_cm2", "ax": above}
    sns.scatterplot(table, **shown, color=BLUE, s=16, alpha=0.55, label="one case")
    sns.lineplot(medians, **shown, color=RED, marker="D", label=f"median of {len(medians)} groups of cases")
    above.set(xlabel="SD of the members' areas (cm²)", ylabel="size of the error (cm²)", ylim=(0, None))
    if (table.sd_cm2 > 0).all() and np.ptp(table.sd_cm2):
        above.set_xscale("log")
        above.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        above.xaxis.set_major_formatter("{x:g}")
        above.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    above.legend(loc="upper left")
    below.axhline(curve.rmse_cm2.iloc[-1], color=GREY, linestyle="--", linewidth=1, label="kept by chance")
    some = curve[curve.share >= min(0.1, curve.share.max())]  # of fewer cases an RMSE says little
    below.plot(100 * some.share, some.rmse_cm2, color=BLUE, label="kept where the members agree most")
    below.plot(100 * some.share, some.best_cm2, color=GREEN, linestyle=":", label="kept if the error were known")
    below.set(xlabel="cases kept (%)", ylabel="RMSE of those kept (cm²)", xlim=(None, 100), ylim=(0, None))
    below.legend(loc="lower right")
    letter(above, "A")
    letter(below, "B")
    return fig
