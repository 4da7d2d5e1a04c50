"""What the chapters call: the run they show, its numbers and tables, the figures."""

from .chapter import *  # noqa: F403
