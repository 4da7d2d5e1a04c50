"""How far the right and the left of a muscle differ, with the interval that the errors of such areas leave."""

import math

COMPARED = ("psoas", "lateral wall")
PARTS = ("asymmetry_percent", "asymmetry_low", "asymmetry_high")
COLUMNS = tuple(f"{name.replace(' ', '_')}_{part}" for name in COMPARED for part in PARTS)
MOST = 200.0  # %, where one side is not there
MEANING = (
    "Right minus left over the mean of both: the areas as found, and in brackets the 95 % interval of the corrected "
    "ones, from the errors of such areas on synthetic slices at mid-L3, taken for independent on both sides, which is "
    "an assumption. No published spread of this difference in healthy people at L3 was found that could be checked, so "
    "what is usual is not said."
)
WIDE = 20.0  # points either way, from which it is said


def block(found):
    """Of the muscles `COMPARED` among a slice's `sarco.slice_tool.tissue.Tissue`, as JSON has it: a list, or None.

    A percentage of the areas as found, with its 95 % interval or None; nothing of a muscle that is not told by side, or
    is on neither.
    """
    by_part, told = {(one.name, one.side): one for one in found}, []
    for name in COMPARED:
        right, left = by_part.get((name, "right")), by_part.get((name, "left"))
        if right and left and right.area_cm2 + left.area_cm2:
            percent = round(_percent(right.area_cm2, left.area_cm2), 2)
            told.append({"tissue": name, "percent": percent, "interval_95_percent": _interval(right, left)})
    return told or None


def _percent(right_cm2, left_cm2):
    return MOST * (right_cm2 - left_cm2) / (right_cm2 + left_cm2)


def _interval(right, left):
    """About the asymmetry of the corrected areas; None where the error of either is not known."""
    if right.interval_cm2 is None or left.interval_cm2 is None:
        return None
    right_cm2, left_cm2 = (one.correction.apply(one.area_cm2) for one in (right, left))
    middle, sum_cm2 = _percent(right_cm2, left_cm2), right_cm2 + left_cm2
    # To first order, a square centimetre more on one side moves the percentage by this much of the other side's area.
    by_side = right.correction.half_cm2 * left_cm2, left.correction.half_cm2 * right_cm2
    half = 2 * MOST * math.hypot(*by_side) / sum_cm2**2
    return [round(max(-MOST, middle - half), 2), round(min(MOST, middle + half), 2)]


def rows(measured):
    """What there is to say of it: name, value with its interval, meaning (none), of each."""
    lines = []
    for one in measured["asymmetry"] or ():
        low_high = one["interval_95_percent"]
        interval = f" ({low_high[0]:+.1f} to {low_high[1]:+.1f})" if low_high else ""
        lines.append((f"{one['tissue'].capitalize()}, right minus left", f"{one['percent']:+.1f}{interval} %", ""))
    return lines


def meaning(measured):
    """What the numbers are, and which of them tell little: a text."""
    wide = [(one["tissue"], (low_high[1] - low_high[0]) / 2) for one in measured["asymmetry"] or ()
            if (low_high := one["interval_95_percent"])]  # fmt: skip
    told = [f"± {half:.0f} points for the {name}" for name, half in wide if half >= WIDE]
    return f"{MEANING} It is wide here: about {' and '.join(told)}." if told else MEANING


def cells(measured):
    """The same by `COLUMNS`, those that there are."""
    found = {}
    for one in measured.get("asymmetry") or ():
        values = one["percent"], *(one["interval_95_percent"] or (None, None))
        found |= {f"{one['tissue'].replace(' ', '_')}_{part}": at for part, at in zip(PARTS, values, strict=True)}
    return found
