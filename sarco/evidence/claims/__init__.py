"""Every number and direction that the paper prints, beside what a run gives, and a verdict by rule.

The paper's side is `data/paper.csv`; the run's side comes from its stored results and, for what the code alone settles,
from the code. `rules` says how each claim is looked up or measured, `measured` measures, and `verdicts` are the rules
that a verdict follows: none is written by hand. `integrity` refuses results that are not whole, `judging` makes the
table, and `text` tells it to people, scripts and the book.
"""

from ..bootstrap import DRAWS
from .judging import judge, table, under_assumptions
from .measured import WIDEST_PERCENT
from .text import cells, counts_frame, figures_frame, frame, in_group, to_json, told_counts, verdict_told
from .verdicts import CAME_OUT, DEPENDS

__all__ = [
    "CAME_OUT", "DEPENDS", "DRAWS", "WIDEST_PERCENT", "cells", "counts_frame", "figures_frame", "frame", "in_group",
    "judge", "table", "to_json", "told_counts", "under_assumptions", "verdict_told",
]  # fmt: skip
