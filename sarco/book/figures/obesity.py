"""Fat and muscle together: every person by muscle index and visceral fat, and where limits lie."""

from ...ct.tissues import VISCERAL
from .style import BLUE, RED, canvas, legend_above, theme


@theme()
def fat_and_muscle(people, smi_limits, fat_limit_cm2, changed):
    """Visceral fat against the muscle index as found, women and men apart; who changes class is ringed.

    `smi_limits` are those of the index by sex, cm²/m², and `changed` is bool, a value a person.
    """
    fig, axes = canvas(4.6, 1, 2, sharey=True)
    for axis, sex, label in zip(axes, "FM", ("women", "men"), strict=True):
        some, ring = people[people.sex == sex], changed[people.sex == sex]
        smi, fat = some["muscle found"] / some.height_m**2, some[f"{VISCERAL} found"]
        axis.plot(smi, fat, ".", color=BLUE, markersize=4, label="a person")
        axis.plot(smi[ring], fat[ring], "o", color=RED, fillstyle="none", markersize=9, label="changes class")
        axis.axvline(smi_limits[sex], color="black", linestyle="--", linewidth=1.2, label="limits")
        axis.axhline(fat_limit_cm2, color="black", linestyle="--", linewidth=1.2)
        axis.set(title=label, xlabel="muscle index (cm²/m²)")
    axes[0].set(ylabel="visceral fat (cm²)", ylim=(0, None))  # of both, once all are drawn
    legend_above(axes[0], 3)
    return fig
