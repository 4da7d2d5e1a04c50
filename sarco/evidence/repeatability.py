"""How sure a change between two slices of one person is, and what repeats differ by, as repeats.csv tells."""

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
    "The interval is how far the networks and the scanner may be off about a change in these two slices. What repeats "
    "differ by has in it that a person who did not change lies otherwise on another day. Both were learned on phantom "
    "people at one level, kV and contrast; what repeats of real people differ by was not measured here."
)


@dataclass(frozen=True)
class Repeat:
    """How far one number can be off about a change between two days, and differs where the person did not change.

    Attributes
    ----------
    half : float
        Half the 95 % interval of a change. The truth of an area is that of the phantom on both days; of attenuation it
        is the tissue's, which is the same on both, however the scanner is calibrated.
    band : float
        What the numbers that are found on two days differ by at most, in 95 of 100 people.
    people : int
        Both were learned on.
    smallest_cm2, largest_cm2 : float
        Areas that were found of these people: of others neither is known.
    covered, held : float or None
        Of other people, the share whose true change lay within `half` of the one found, and the share that differed by
        no more than `band`; None where there were none.
    scan_covered : float or None
        The share as `covered`, between two scans of one moment.
    """

    half: float
    band: float
    people: int
    smallest_cm2: float
    largest_cm2: float
    covered: float | None = None
    held: float | None = None
    scan_covered: float | None = None

    def knows(self, *areas_cm2):
        """Whether it was learned on such areas; on none that was not found."""
        return all(cm2 is not None and self.smallest_cm2 <= cm2 <= self.largest_cm2 for cm2 in areas_cm2)


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
        Columns person, split, tissue and side; `WHAT`, each as found the second time minus the first; for each, with
        "_error" behind its name, what that is off from the true change: of an area on another day the change of the
        true one, else none; and smallest_cm2 and largest_cm2, the smaller and the larger of the two areas.
    """
    import pandas as pd

    keys, (area, hu) = ["person", "split", "tissue", "side"], WHAT
    columns = [f"{whose}_{area}", f"{whose}_{hu}", f"true_{area}"]
    by_key = table.set_index(keys)
    first, second = (by_key.loc[by_key["repeat"] == which, columns] for which in ("first", again))
    apart = (second - first).set_axis([area, hu, "true"], axis=1).round(3)  # as the table, so that what is equal is so
    error = apart[area] - (apart.pop("true") if again == "day" else 0)
    both = pd.concat([first[columns[0]], second[columns[0]]], axis=1)
    return apart.assign(
        **{f"{area}_error": error.round(3), f"{hu}_error": apart[hu]},
        smallest_cm2=both.min(axis=1, skipna=False), largest_cm2=both.max(axis=1, skipna=False),
    ).reset_index()  # fmt: skip


def bound(values, share=SHARE):
    """What one more value of the same kind lies within, in `share` of cases, whatever its distribution; NaN for few.

    The sizes are sorted, and of n the one at place ``share * (n + 1)``, rounded up, is taken: one more is as likely to
    have any place among them as any other.
    """
    sizes = sorted(abs(value) for value in values)
    place = math.ceil(share * (len(sizes) + 1))
    return float(sizes[place - 1]) if place <= len(sizes) else math.nan


def repeats_of(table, student=False):
    """How sure a change of each number is, learned on one half of the people and judged on the other.

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
        `correction.FEWEST` people teach. Left and right are learned together, as nothing sets them apart. Who has a
        part that was not found once neither teaches nor judges.
    """
    found = {}
    days, scans = (differences(table, STUDENT if student else "members", again) for again in ("day", "scan"))
    days, scans = (apart[apart["smallest_cm2"] > 0] for apart in (days, scans))
    for (name, sided), part in days.groupby([days["tissue"], days["side"] != WHOLE], sort=False):
        other = scans[(scans["tissue"] == name) & ((scans["side"] != WHOLE) == sided)]
        learned = {what: _learn(part, other, what) for what in WHAT}
        if all(learned.values()):
            found |= {called(name, side): learned for side in (SIDES if sided else ("",))}
    return found


def _learn(days, scans, what):
    taught, judged = (days[days["split"] == split] for split in (LEARN, JUDGE))
    people = taught["person"].nunique()
    if people < FEWEST:
        return None
    error = f"{what}_error"
    half, band = (bound(taught[column]) for column in (error, what))
    ends = float(taught["smallest_cm2"].min()), float(taught["largest_cm2"].max())
    held = _within(judged[error], half), _within(judged[what], band)
    return Repeat(half, band, people, *ends, *held, _within(scans.loc[scans["split"] == JUDGE, error], half))


def _within(values, most):
    """The share that is no larger; None of none."""
    return float((values.abs() <= most).mean()) if len(values) else None
