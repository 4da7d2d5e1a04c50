"""Where a person stands, drawn by age as SVG: the rows of the published table as steps, and the person on them."""

import math
from html import escape
from itertools import pairwise

from ..evidence.reference_values import NAMES, REFERENCES
from . import standing

BLUE, RED, DARK, LIGHT = "#0072B2", "#D55E00", "#444", "#E3E3E3"  # the first two as in sarco/book/figures/style.py
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 236, 42, 346, 28, 196
BESIDE = 9  # of the dot, where its bar stands
TICKS = 6  # at most


def meaning(measured):
    """What the colours are: a sentence."""
    blue = measured["standing"]["published"].replace("and SD", "with 1 and 2 SD")
    return (
        f"Blue: {blue} of each age group. Orange dot: this person, as found. Beside it, where known: the value of the "
        "corrected area (tick) and its 95 % interval (bar)."
    )


def svg(measured, one):
    """One of the numbers of `standing.block`, in the numbers of a slice, as a picture: str."""
    person, known, key = measured["person"], measured["standing"], one["of"]
    reference = REFERENCES[person["reference"]]
    table = [row if isinstance(row, tuple) else (row, 0) for row in reference.values[person["sex"]][key]]
    steps = [(*ages, *row) for ages, row in zip(pairwise(reference.ages), table, strict=True) if row[0] is not None]
    bar = one["corrected_interval_95"] or ()
    x = _scale((reference.ages[0], reference.ages[-1]), (LEFT, RIGHT))
    low, high = _padded([mean + by * sd for _, _, mean, sd in steps for by in (-2, 2)] + [one["value"], *bar])
    y = _scale((low, high), (BOTTOM, TOP))
    at, unit = x(person["age"]), standing.UNITS[key]
    title = f"{NAMES[key].capitalize()} ({unit}) by age, {known['reference']}"
    parts = [_line(f"M{LEFT} {y(tick)}H{RIGHT}", LIGHT) for tick in _ticks(low, high)]
    parts += [_text(LEFT - 6, y(tick) + 4, f"{tick:g}", "end") for tick in _ticks(low, high)]
    parts += [_text(x(age), BOTTOM + 16, age, "middle") for age in reference.ages]
    for by in (2, 1):
        boxes = ((x(start), x(end), y(mean - by * sd), y(mean + by * sd)) for start, end, mean, sd in steps if sd)
        parts += [f'<path d="M{a} {c}H{b}V{d}H{a}Z" fill="{BLUE}" fill-opacity="0.16"/>' for a, b, c, d in boxes]
    ends = (f"{x(start)} {y(mean)}H{x(end)}" for start, end, mean, _ in steps)
    parts += [_line("M" + "L".join(ends), BLUE, 2), _line(f"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}", DARK)]
    if bar:
        beside = round(at + BESIDE, 1)
        parts.append(_line(f"M{beside} {y(bar[0])}V{y(bar[1])}M{beside - 4} {y(one['corrected'])}h8", RED, 3))
    parts.append(f'<circle cx="{at}" cy="{y(one["value"])}" r="5" fill="{RED}" stroke="#fff" stroke-width="1.5"/>')
    parts += [_text(0, 13, title), _text(RIGHT, BOTTOM + 34, "age (years)", "end")]
    rows = standing.rows(measured | {"standing": known | {"numbers": [one]}})
    told = ". ".join(
        [f"The person, at {person['age']:g} years: {one['value']:.1f} {unit}", *(": ".join(row) for row in rows)]
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{key}-title {key}-told" font-size="12" '
        f'fill="{DARK}"><title id="{key}-title">{escape(title)}</title><desc id="{key}-told">{escape(told)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _scale(values, places):
    """From values to places in the picture."""
    (first, last), (start, end) = values, places
    return lambda value: round(start + (end - start) * (value - first) / (last - first), 1)


def _padded(values):
    """The ends of some values, with a margin."""
    margin = 0.06 * (max(values) - min(values)) or 1
    return min(values) - margin, max(values) + margin


def _ticks(low, high):
    """Round values between two ends."""
    power = 10 ** math.floor(math.log10(high - low))
    step = next(step for step in (power / 10, power / 5, power / 2, power, 2 * power) if (high - low) / step < TICKS)
    return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _line(path, colour, width=1):
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x, y, text, anchor="start"):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(str(text))}</text>'
