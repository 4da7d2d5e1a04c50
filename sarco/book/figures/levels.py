"""The level of a slice: how well it is told, and what changes with it."""

import numpy as np

from .style import BLUE, GREY, band_line, canvas, legend_above, letter, theme

BESIDE = 0.09  # vertebrae to either side of its level, over which people are spread, so that points can be told apart


@theme()
def told_and_changing(found, half, changes):
    """Estimated against true level of each slice, and how sizes change with the level.

    `found` are rows of `sarco.evidence.levels.judged`, `half` is half of the interval in vertebrae, and `changes` the
    table of `by_level`.
    """
    fig, (told, changing) = canvas(7.4, 2, 1, sharex=True)
    people = found["person"].rank(method="dense") / found["person"].nunique() - 0.5
    told.plot(found["level"] + 2 * BESIDE * people, found["estimated"], ".", color=BLUE, markersize=2.5, alpha=0.6)
    ends = np.array([found["level"].min(), found["level"].max()])
    told.plot(ends, ends, color=GREY, linewidth=1.2)
    told.fill_between(ends, ends - half, ends + half, color=GREY, alpha=0.15, linewidth=0)
    told.set(ylabel="estimated level\n(vertebrae below mid-L3)")
    letter(told, "a")
    for (what, part), style in zip(
        changes.groupby("what", sort=False), ("-", "--", ":", "-.", (0, (5, 1))), strict=True
    ):
        band_line(changing, part, "level", "ratio", label=what, linestyle=style)
    changing.axhline(1, color="black", linewidth=0.8)
    changing.set(xlabel="true level (vertebrae below mid-L3)", ylabel="multiple of\nthe same at mid-L3")
    letter(changing, "b")
    legend_above(changing, 3)
    return fig
