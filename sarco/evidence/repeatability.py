"""How far repeats of one measurement differ, as repeats.csv tells, and so how large a change must be to be more."""

import math
from dataclasses import dataclass

from ..ct.tissues import SIDES, called
from ..runs.evaluation import STUDENT
from .correction import FEWEST, WHOLE

LEARN, JUDGE = "learn", "judge"  # halves of the people
MUSCLE = "muscle"  # as a whole
WHAT = ("area_cm2", "mean_hu")
SHARE = 0.95
MEANING = (
    "The interval of a change, and what repeats differ by, are of phantom people who were lain down anew on another "
    "day and did not change, at one level, kV and contrast: of other {percent:.0f} in 100 such people the change lay "
    "within it. Repeats of real people can differ by more."
)


@dataclass(frozen=True)
class Repeat:
    """How far two measurements of one number differ, on two days between which the person did not change.

    Attributes
    ----------
    half : float
        Half the 95 % interval of a change, which is also what repeats differ by at most in 95 of 100 people.
    sd : float
        Root of the mean square of the differences, which have no mean: neither day is the first by nature.
    people : int
        They were learned on.
    held : float or None
        Of other people, the share whose difference lay within `half`; None where there were none.
    """

    half: float
    sd: float
    people: int
    held: float | None = None


def differences(table, whose="members", again="day"):
    """What differs between the first measurement of each person and another one, by part: DataFrame.

    Parameters
    ----------
    table : DataFrame
        repeats.csv, see `sarco.evidence.repeats`.
    whose : {"members", "student", "true"}
        Who found the muscle.
    again : {"day", "scan"}

    Returns
    -------
    DataFrame
        Columns person, split, tissue, side and `WHAT`, each as found the second time minus the first.
    """
    keys = ["person", "split", "tissue", "side"]
    columns = {f"{whose}_{what}": what for what in WHAT}
    by_key = table.set_index(keys).rename(columns=columns)
    first, second = (by_key.loc[by_key["repeat"] == which, list(WHAT)] for which in ("first", again))
    return (second - first).reset_index()


def bound(values, share=SHARE):
    """What one more value of the same kind lies within, in `share` of cases, whatever its distribution; NaN for few.

    The sizes are sorted, and of n the one at place ``share * (n + 1)``, rounded up, is taken: one more is as likely to
    have any place among them as any other.
    """
    sizes = sorted(abs(value) for value in values)
    place = math.ceil(share * (len(sizes) + 1))
    return sizes[place - 1] if place <= len(sizes) else math.nan


def repeats_of(table, student=False):
    """What repeats of each number differ by, learned on one half of the people and judged on the other.

    Parameters
    ----------
    table : DataFrame
        repeats.csv.
    student : bool
        Of the muscle that the student finds, in place of the members'.

    Returns
    -------
    dict of str to dict of str to Repeat
        By part (`MUSCLE`, or `sarco.ct.tissues.called`) and number (`WHAT`); nothing of a part that fewer than
        `correction.FEWEST` people teach. Left and right are learned together, as nothing sets them apart.
    """
    found, apart = {}, differences(table, STUDENT if student else "members")
    for (name, sided), part in apart.groupby([apart["tissue"], apart["side"] != WHOLE], sort=False):
        learned = {what: _learn(part[["person", "split", what]].dropna(), what) for what in WHAT}
        if all(learned.values()):
            found |= {called(name, side): learned for side in (SIDES if sided else ("",))}
    return found


def _learn(part, what):
    taught, judged = (part[part["split"] == split] for split in (LEARN, JUDGE))
    people = taught["person"].nunique()
    if people < FEWEST:
        return None
    half = float(bound(taught[what]))
    held = float((judged[what].abs() <= half).mean()) if len(judged) else None
    return Repeat(half, float((taught[what] ** 2).mean() ** 0.5), people, held)
