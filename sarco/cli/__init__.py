"""The command `sarco`.

It reads arguments, calls the other rooms, prints, and turns their errors into one sentence; nothing is computed here.
`app` has what all commands share; `slices`, `follow_up`, `runs`, `evidence` and `cohorts` have a group of them each,
and help lists these as they are imported here.
"""

from . import slices, follow_up, runs, evidence, cohorts  # noqa: F401, I001
from .app import app as app
