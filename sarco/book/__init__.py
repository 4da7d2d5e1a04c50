"""What the chapters call: a run, its numbers and tables, the figures.

`chapter` opens the run that a chapter shows and sets its numbers and tables, `deviations` tells where that run departs
from the paper, `test_set` what is said of its test cases, `figures` draws. What comes in shows; results are computed in
the rooms below.
"""

# All of it, since a chapter writes book.table and the like.
from .chapter import *  # noqa: F403
