"""The one error that a user is meant to read, and the ways to raise it."""

import threading
import warnings
from contextlib import contextmanager

_silence = threading.RLock()


class SarcoError(Exception):
    """Bad input: one sentence that names the file, what was found and what to do.

    What a broken file says may hold anything, so line ends and what steers a terminal are shown as "?".
    """

    def __init__(self, sentence):
        super().__init__("".join(sign if sign.isprintable() else "?" for sign in str(sentence)))


class Refused(SarcoError):
    """What is wrong with the file at hand, and what to do: a sentence that `about` begins with the file's path."""


def refuse(wrong, sentence):
    """Raise `Refused` if something is wrong."""
    if wrong:
        raise Refused(sentence)


@contextmanager
def about(path):
    """Make a `Refused` of the block the `SarcoError` of this file."""
    try:
        yield
    except Refused as error:
        raise SarcoError(f"{path}: {error}") from error


@contextmanager
def refusing(sentence):
    """Refuse whatever fails in the block, each library in its own way, with what it says at the sentence's {}."""
    try:
        yield
    except SarcoError:
        raise
    except Exception as error:
        raise Refused(sentence.format(first_line(error))) from error


@contextmanager
def quietly():
    """Without what libraries warn of, in one thread after another: the filter of warnings is the whole process's."""
    with _silence, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def first_line(error):
    """What a library says of a file, in one line."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return short(line.split(" - ")[0].rstrip(".:"), 160)


def short(text, most=64):
    """What a file says of itself, which may be anything, cut."""
    return text if len(text := str(text)) <= most else f"{text[:most]}..."
