"""Chapter on training: learning rate, augmentation and history."""

import numpy as np

from .pictures import outline, sheet
from .style import BLUE, GREY, ORANGE, WIDTH, canvas, legend_above, sns, theme


@theme()
def schedule(iteration, learning_rate, others):
    """Learning rate against iteration, with `others`, pairs of label and learning rate, for comparison."""
    fig, axis = canvas(2.7)
    for (label, values), style in zip(others, ("--", ":", "-."), strict=False):
        axis.plot(iteration, values, color=GREY, linestyle=style, linewidth=1.2, label=label)
    axis.plot(iteration, learning_rate, color=BLUE, label="order 5 (the paper's)")
    axis.set(xlabel="iteration", ylabel="learning rate", xlim=(0, None), ylim=(0, None))
    axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    axis.legend()
    return fig


@theme()
def augmentation(pictures):
    """Slices as the network sees them, (label, image, mask), each with the outline of the mask that was moved along."""
    fig, axes = sheet([row[0] for row in pictures], 3, WIDTH / 3)
    for axis, (_, image, mask) in zip(axes, pictures, strict=False):
        axis.imshow(np.asarray(image, float), vmin=0, vmax=1)
        outline(axis, mask, ORANGE, 0.8)
    return fig


@theme()
def training_history(history, goal):
    """The paper's figure 2A: validation DSC by epoch, mean over the members, with the band from worst to best."""
    fig, axis = canvas(2.9)
    shown = {"data": history, "x": "epoch", "y": "validation_dsc", "ax": axis}
    sns.lineplot(**shown, units="member", estimator=None, color=GREY, linewidth=0.5, alpha=0.6)
    axis.lines[0].set_label("one member")
    # The interval from percentile 0 to 100: from the worst to the best.
    sns.lineplot(**shown, errorbar=("pi", 100), err_kws={"label": "worst to best member"}, label="mean of the members",
                 color=BLUE, marker="o" if history.epoch.nunique() < 30 else None)  # fmt: skip
    axis.axhline(goal, color="black", linestyle="--", linewidth=1, label=f"{goal:g}")
    axis.set(xlabel="epoch", ylabel="DSC, validation")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(loc="lower right")
    return fig


@theme()
def label_noise(arms, networks):
    """What DSC and area error (cm²) change by learning from readers' masks, by the share of label D among these.

    Both are dicts of a step in words to its table, of changes from true masks: of arms, with their intervals, and of
    each network alone (dots).
    """
    columns = {"dsc": "DSC", "mean_error_cm2": "mean error (cm²)", "error_sd_cm2": "SD of the error (cm²)"}
    fig, axes = canvas(2.9, columns=len(columns), sharex=True, grid="y")
    look = {"markersize": 4, "elinewidth": 1.5, "linewidth": 1.2}
    for color, marker, (step, table) in zip((ORANGE, BLUE), "so", arms.items(), strict=True):
        alone = networks[step]
        for axis, (column, label) in zip(axes, columns.items(), strict=True):
            change = table[f"{column}_change"]
            ends = np.abs(table[[f"{column}_change_low", f"{column}_change_high"]].to_numpy().T - change.to_numpy())
            axis.errorbar(100 * table.d_share, change, ends, color=color, marker=marker, label=step, **look)
            axis.scatter(100 * alone.d_share, alone[f"{column}_change"], s=6, color=color, alpha=0.5, linewidth=0)
            axis.set_title(label, fontsize=9)
            axis.tick_params(labelsize=8)
    for axis in axes:
        axis.axhline(0, color="black", linewidth=0.8)
    axes[0].set_ylabel("change from true masks")
    axes[1].set_xlabel("masks with label D that were learned from (%)")
    legend_above(axes[0], 2)
    return fig
