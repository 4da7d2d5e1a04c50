"""The one error that a user is meant to read."""


class SarcoError(Exception):
    """Bad input: one sentence that names the file, what was found and what to do."""
