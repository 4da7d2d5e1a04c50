"""The rules that a verdict follows: from numbers alone, whatever they are of."""

import math

REPRODUCED = "reproduced"
SAME_DIRECTION = "same direction"
DEPENDS = "depends on an assumption"
NOT_REPRODUCED = "not reproduced"
NOT_JUDGED = "not judged"
NOT_TESTABLE = "cannot be tested on phantoms"
CAME_OUT = (REPRODUCED, SAME_DIRECTION)
VERDICTS = (REPRODUCED, SAME_DIRECTION, DEPENDS, NOT_REPRODUCED, NOT_JUDGED, NOT_TESTABLE)

NOT_ASKED = "it came out, and was not tried with other readers: 'sarco readings' makes readers.csv"


def same(one, other):
    """Equal or not; numbers up to their storage."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=1e-9)


def of_result(printed, off_low, off_high, widest_percent):
    """By the interval of the difference, run minus paper: reproduced, if it holds 0 and is not too wide to tell."""
    if off_low is None:
        return NOT_TESTABLE
    if not off_low <= 0 <= off_high:
        return NOT_REPRODUCED
    wide = off_high - off_low > 2 * widest_percent / 100 * abs(printed)
    return NOT_JUDGED if wide else REPRODUCED


def of_direction(sign, low, high):
    """Same direction, if the whole interval lies on the paper's side of 0."""
    if low is None:
        return NOT_TESTABLE
    return SAME_DIRECTION if min(sign * low, sign * high) > 0 else NOT_REPRODUCED


def of_change(printed, low, high, off_low, off_high, widest_percent):
    """As a direction; and reproduced, if the size agrees too as that of a result."""
    direction = of_direction(math.copysign(1, printed), low, high)
    size = of_result(printed, off_low, off_high, widest_percent)
    return REPRODUCED if (direction, size) == (SAME_DIRECTION, REPRODUCED) else direction


def settle(verdict, others):
    """The verdict that holds whatever is assumed, and what it depends on if there is none.

    By assumption, `others` has each value that was tried, and the verdict under it; it is None where none was tried:
    then nothing comes out for certain. Where no assumption makes it come out as in the paper, the verdict is the run's
    own, and the note says which make it differ.
    """
    if others is None:
        return (DEPENDS, NOT_ASKED) if verdict in CAME_OUT else (verdict, "")
    reached = {verdict, *(one for tried in others.values() for _, one in tried)} - {NOT_TESTABLE}
    if verdict == NOT_TESTABLE or len(reached) == 1:
        return verdict, ""
    if reached == set(CAME_OUT):
        return SAME_DIRECTION, "its size depends on an assumption"
    comes_out = bool(reached & set(CAME_OUT))
    looked_for = CAME_OUT if comes_out else (NOT_REPRODUCED,)
    notes = []
    for assumption, tried in others.items():
        values = [value for value, one in tried if one in looked_for]
        if values and len(values) < sum(one != NOT_TESTABLE for _, one in tried):
            notes.append(f"{assumption} {_series(values, [value for value, _ in tried])}")
    notes = "; for ".join(notes) or "some assumptions, and not for others"
    if comes_out:
        return DEPENDS, f"comes out for {notes}"
    return verdict, f"differs for {notes}; else too wide to tell"


def _series(some, values):
    """Those of some values that come one after the other as a range, and others one by one."""
    first, last = values.index(some[0]), values.index(some[-1])
    if len(some) > 1 and values[first : last + 1] == some:
        return f"from {some[0]} to {some[-1]}"
    return ", ".join(some)
