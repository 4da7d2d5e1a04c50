"""Chapter on real CT: the open slices, with their images or without, and the slices of the audit."""

import numpy as np
from matplotlib.lines import Line2D

from ...base import box as boxes
from .pictures import ct, legend_below, outline, paint, sheet, size_mm
from .style import BLUE, GREY, ORANGE, RED, WIDTH, canvas, legend_above, theme

BOTH = "#C9CDD2"  # light: what both masks hold is not the point
COLOURS = {"both": BOTH, "networks alone": RED, "reference alone": BLUE}
MARGIN_PX = 12


@theme()
def real_slices(shown):
    """Where the networks' mask and the reference agree, of a few slices.

    `shown` holds for each slice: name, spacing_mm, reference, found (bool masks) and image_hu, or None where the image
    is not here. With images each slice is a row, with both outlines on it beside the map; without, the maps alone.
    """
    with_images = all(image_hu is not None for *_, image_hu in shown)
    panels = [panel for one in shown for panel in ([one, (*one[:4], None)] if with_images else [one])]
    names = [name if number % 2 == 0 or not with_images else "" for number, (name, *_) in enumerate(panels)]
    height = max(WIDTH / 2 * np.divide(*size_mm(one[2], one[1], _box(one))) for one in shown)
    fig, axes = sheet(names, 2, height, legend=0.4)
    for axis, (_, spacing_mm, reference, found, image_hu) in zip(axes, panels, strict=False):
        if image_hu is not None:
            ct(axis, image_hu, spacing_mm)
            outline(axis, reference, BLUE)
            outline(axis, found, RED)
            continue
        axis.set_aspect(spacing_mm[0] / spacing_mm[1])
        masks = found & reference, found & ~reference, reference & ~found
        for mask, colour in zip(masks, COLOURS.values(), strict=True):
            paint(axis, mask, colour)
        rows, columns = _box((None, spacing_mm, reference, found))
        axis.set(xlim=(columns.start, columns.stop), ylim=(rows.stop, rows.start))
    legend_below(fig, COLOURS)
    return fig


def _box(one):
    _, _, reference, found, *_ = one
    return boxes.around(reference | found, MARGIN_PX)


@theme()
def audited_slices(table, large_cm2):
    """Error of the area of each slice of `sarco.evidence.real_ct.audited`, as found and after the correction.

    Slices whose mask was drawn by hand come first; of the others the error as found stands alone. Filled marks are
    those that count against `large_cm2`, orange where the program warned.
    """
    table = table.sort_values(["drawn", "left_cm2"], ascending=[False, True], ignore_index=True)
    fig, axis = canvas(0.25 * len(table) + 1.1, grid="x")
    axis.axvspan(-large_cm2, large_cm2, color="#F1F3F5", zorder=0)
    axis.axvline(0, color="black", linewidth=0.8)
    places, colours = np.arange(len(table)), np.where(table["warned"], ORANGE, BLUE)
    drawn = table["drawn"].to_numpy()
    axis.hlines(places[drawn], table["error_cm2"][drawn], table["left_cm2"][drawn], color=GREY, linewidth=1)
    axis.scatter(table["error_cm2"][drawn], places[drawn], s=26, facecolor="white", edgecolor=GREY, zorder=3)
    for of, marker in ((drawn, "o"), (~drawn, "D")):
        axis.scatter(table["left_cm2"][of], places[of], s=34, color=colours[of], marker=marker, zorder=4)
    if drawn.any() and not drawn.all():
        axis.axhline(drawn.sum() - 0.5, color=GREY, linewidth=0.8, linestyle=":")
    axis.set(xlabel="error of the area (cm²)", ylim=(len(table) - 0.4, -0.6))
    axis.set_yticks(places, table["slice"])
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
    look = {"linestyle": "none", "markersize": 6}
    for label, marker, colour, face in (
        ("by hand, as found", "o", GREY, "white"), ("by hand, corrected", "o", BLUE, BLUE),
        ("cut out, as found", "D", BLUE, BLUE), ("with a warning", "s", ORANGE, ORANGE),
    ):  # fmt: skip
        axis.add_artist(Line2D([], [], marker=marker, color=colour, markerfacecolor=face, label=label, **look))
    legend_above(axis, 2)
    return fig
