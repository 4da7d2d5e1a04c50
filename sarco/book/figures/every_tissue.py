"""Every tissue that the student tells apart: its map of a slice beside the truth, and how well each is found."""

from ...ct.tissues import COLOURS
from .pictures import ct, legend_below, paint, picture_height, sheet
from .style import BLUE, canvas, intervals, theme


@theme()
def tissue_maps(image_hu, spacing_mm, maps):
    """One slice under the tissues of several maps, side by side.

    `maps` are masks, bool (H, W), by tissue (of `sarco.ct.tissues.MEASURED`), by what the map is called.
    """
    shown = [name for name in COLOURS if any(masks[name].any() for masks in maps.values())]
    fig, axes = sheet(list(maps), 2, picture_height(image_hu, spacing_mm, 2), legend=1.0)
    for axis, masks in zip(axes, maps.values(), strict=False):
        ct(axis, image_hu, spacing_mm)
        for name in shown:
            paint(axis, masks[name], COLOURS[name], 0.6)
    legend_below(fig, {name: COLOURS[name] for name in shown}, 3, fontsize=9)
    return fig


@theme()
def tissue_scores(table):
    """DSC of each tissue, with its interval."""
    fig, axis = canvas(0.32 * len(table) + 0.8)
    intervals(axis, table, "dsc", "tissue", color=BLUE)
    axis.set_xlabel("DSC on the test slices")
    return fig
