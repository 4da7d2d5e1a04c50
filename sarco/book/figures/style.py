"""What the figures share: colours, the theme, and intervals as the book prints them."""

from contextlib import contextmanager

import matplotlib
from matplotlib.figure import Figure

# Okabe and Ito's colours, which any colour vision can tell apart; purple is Tol's, darker than theirs on white.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW, GREY = "#56B4E9", "#AA4499", "#F0E442", "#6B6B6B"
WIDTH = 5.6  # inches; narrow, so that the text stays readable on a telephone
DPI = 150
SETTINGS = {
    "savefig.dpi": DPI,
    "savefig.facecolor": "white",  # opaque: dark mode changes nothing
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "lines.linewidth": 1.8,
    "lines.markersize": 6.5,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "image.cmap": "gray",
}


class _Later:
    """Seaborn, which takes seconds to load, from when it is first used."""

    def __getattr__(self, name):
        import seaborn

        return getattr(seaborn, name)


sns = _Later()


@contextmanager
def theme():
    """The book's look, whatever the caller's settings are: while a figure is drawn (as a decorator), or saved."""
    with matplotlib.rc_context():
        palette = [BLUE, ORANGE, GREEN, RED, PURPLE, SKY]
        sns.set_theme("paper", "ticks", palette, font="DejaVu Sans", font_scale=1.05, rc=SETTINGS)
        yield


def canvas(height, rows=1, columns=1, width=WIDTH, grid="both", **kwargs):
    """A figure, sides in inches, and its axes with a grid along "x", "y" or both."""
    fig = Figure(figsize=(width, height), layout="constrained")
    with matplotlib.rc_context({"axes.grid.axis": grid}):
        return fig, fig.subplots(rows, columns, **kwargs)


def letter(axis, text):
    """Panel letter, as in the paper's figures."""
    axis.set_title(text, loc="left", fontweight="bold")


def legend_above(axis, columns):
    """The legend of an axis, above the whole figure in place of within the axis."""
    handles, labels = axis.get_legend_handles_labels()
    if axis.get_legend():
        axis.get_legend().remove()
    axis.figure.legend(handles, labels, loc="outside upper center", ncols=columns)


# Seaborn would estimate, and draw an interval of its own; here it draws the numbers that the book prints. It is given
# three rows for each of a table: the value, and the low and the high end of its interval.
_AS_PRINTED = {"estimator": lambda three: three.iloc[0], "errorbar": lambda three: (three.iloc[1], three.iloc[2])}


def _three(table, value):
    import pandas as pd

    ends = ("low", "high") if "low" in table else (f"{value}_low", f"{value}_high")
    return pd.concat([table.assign(**{value: table[column]}) for column in (value, *ends)], ignore_index=True)


def band_line(axis, table, x, y, **kwargs):
    """A line through the values of column `y`, in the band of their intervals: columns low and high, or of its name."""
    # Sorted here: seaborn would sort the three of each place, too.
    three = _three(table.sort_values(x), y)
    sns.lineplot(three, x=x, y=y, sort=False, ax=axis, legend=False, **_AS_PRINTED, **kwargs)


def intervals(axis, table, x, y, **kwargs):
    """A point for each row at the value of column `x`, on a bar: columns low and high, or of its name."""
    look = {"linestyle": "none", "markersize": 5, "err_kws": {"linewidth": 2}} | kwargs
    sns.pointplot(_three(table, x), x=x, y=y, orient="y", ax=axis, **_AS_PRINTED, **look)
    axis.set_ylabel("")
    axis.grid(axis="y", visible=False)
