"""Values of a DICOM header, which pydicom parses on access: a malformed one can raise anything, and is None here."""

from pydicom.multival import MultiValue


def value(header, name):
    """An attribute by its keyword; None where it is absent or unreadable."""
    try:
        return header.get(name)
    except Exception:
        return None


def numbers(header, name):
    """Values of an attribute as floats, or None when it is absent, empty or unreadable."""
    found = value(header, name)
    try:
        return [float(item) for item in (found if isinstance(found, list | tuple | MultiValue) else [found])] or None
    except Exception:
        return None


def number(header, name):
    """The one value of an attribute as float, or None."""
    values = numbers(header, name)
    return values[0] if values and len(values) == 1 else None
