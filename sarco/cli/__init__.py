"""The command `sarco`. It reads arguments, calls the other rooms, and turns their errors into one sentence."""

from .app import app

__all__ = ["app"]
