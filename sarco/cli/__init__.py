"""The command `sarco`. It reads arguments, calls the other rooms, and turns their errors into one sentence.

`app` has what all commands share; there is a file for each group of them. Help lists them as they are imported here.
"""

from . import slices, runs, evidence, cohorts  # noqa: F401, I001
from .app import app as app
