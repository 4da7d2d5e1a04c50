"""Chapter on sarcopenia: the muscle index and its limits, and who changes class."""

from .style import BLUE, GREEN, ORANGE, PURPLE, RED, canvas, intervals, legend_above, sns, theme


@theme()
def muscle_index(table, cutoffs):
    """Share of women and of men whose skeletal muscle index (cm²/m²) lies under a value, with the published limits."""
    fig, axes = canvas(5.4, 2, sharex=True)
    for axis, sex, label in zip(axes, "FM", ("women", "men"), strict=True):
        sns.ecdfplot(table[table.sex == sex], x="smi", stat="percent", color="black", linewidth=1.6, ax=axis)
        looks = zip((BLUE, RED, GREEN, PURPLE), ("-", "--", "-.", ":"), strict=True)
        for (title, limits), (colour, style) in zip(cutoffs.items(), looks, strict=False):
            for i, value in enumerate(sorted({value for key, value in limits.items() if key[0] == sex})):
                axis.axvline(value, color=colour, linestyle=style, label=None if i else title)
        axis.set(xlabel="skeletal muscle index (cm²/m²)", ylabel=f"{label} under it (%)", ylim=(0, 100))
    legend_above(axes[0], 2)
    return fig


@theme()
def class_changes(table, titles):
    """Share (%) of people who change class with whose area is taken, by cut-off."""
    percent = table.assign(**{column: 100 * table[column] for column in ("share", "low", "high")})
    kinds = table.what.nunique()
    fig, axis = canvas(0.28 * len(table) + 1.2)
    intervals(axis, percent.replace({"cutoff": titles}), "share", "cutoff", hue="what", dodge=0.65, markersize=7,
              palette=[BLUE, GREEN, ORANGE, PURPLE, "black"][:kinds], markers=list("osDv^")[:kinds])  # fmt: skip
    axis.set(xlabel="people who change class (%)", xlim=(0, None))
    legend_above(axis, 2)
    return fig
