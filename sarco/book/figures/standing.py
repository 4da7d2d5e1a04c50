"""Where people stand by age against a published table."""

import numpy as np

from ...evidence.reference_values import AREA, SMI
from .style import BLUE, RED, canvas, legend_above, theme

PANELS = {AREA: ("reference_area_cm2", "muscle area (cm²)"), SMI: ("smi", "muscle index (cm²/m²)")}


@theme()
def standing_by_age(people, reference, sex):
    """Area and index of people of one sex by age, on the steps of a `sarco.evidence.reference_values.Reference`.

    Of `people` the columns age, reference_area_cm2 and smi; the reference has mean and SD.
    """
    fig, axes = canvas(5.8, 2, sharex=True)
    for axis, (key, (column, label)) in zip(axes, PANELS.items(), strict=True):
        mean, sd = np.transpose([*reference.values[sex][key], reference.values[sex][key][-1]])  # to where the last ends
        for by, colour in ((2, "#D6E6F2"), (1, "#A9CBE3")):
            axis.fill_between(reference.ages, mean - by * sd, mean + by * sd, step="post", color=colour, linewidth=0,
                              label=f"{by} SD to each side")  # fmt: skip
        axis.step(reference.ages, mean, where="post", color=BLUE, label=f"mean, {reference.title}")
        axis.scatter(people.age, people[column], s=9, color=RED, label="a phantom of this run", zorder=3)
        axis.set_ylabel(label)
    axes[-1].set_xlabel("age (years)")
    legend_above(axes[0], 2)
    return fig
