"""What every reader of this room shares: the sentence about a file that is refused, and the numbers of a header."""

from contextlib import contextmanager

from pydicom.multival import MultiValue

from ..base.errors import SarcoError


class Refused(Exception):
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
    """Refuse whatever fails in the block, with what the library says at the sentence's {}.

    Each library fails in its own way on each broken part of a file.
    """
    try:
        yield
    except (Refused, SarcoError):
        raise
    except Exception as error:
        raise Refused(sentence.format(first_line(error))) from error


def first_line(error):
    """What a library says of a file, in one line."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return short(line.split(" - ")[0].rstrip(".:"), 160)


def short(text, most=64):
    """What a file says of itself, which may be anything, cut."""
    return text if len(text := str(text)) <= most else f"{text[:most]}..."


def value(header, name):
    """A DICOM attribute by its keyword; None where it is absent or unreadable."""
    try:
        return header.get(name)
    except Exception:  # pydicom parses on access, and a malformed value can raise anything
        return None


def numbers(header, name):
    """Values of a DICOM attribute as floats, or None when it is absent, empty or unreadable."""
    found = value(header, name)
    try:
        return [float(item) for item in (found if isinstance(found, list | tuple | MultiValue) else [found])] or None
    except Exception:  # None, "" and words; pydicom's own types can raise anything too
        return None


def number(header, name):
    """The one value of a DICOM attribute as float, or None."""
    values = numbers(header, name)
    return values[0] if values and len(values) == 1 else None
