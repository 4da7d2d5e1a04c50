"""Published muscle of people by sex and age, each table under its name: where one person stands among them.

What is computed from a table is computed from the row of a person's age alone; nothing is drawn between two rows. Those
people were measured by other software and on other scanners; what each table rests on stands in `Reference.source`.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass

from ..phantom.population import WOMEN

GROUPS = {"F": "women", "M": "men"}
AREA, SMI, HU = KEYS = "area_cm2", "smi_cm2_m2", "mean_hu"  # what is compared, as attributes of a `Segmentation`
NAMES = dict(zip(KEYS, ("muscle area", "muscle index", "mean attenuation"), strict=True))


@dataclass(frozen=True)
class Reference:
    """The table of one publication.

    `values` has a number for each row, by sex and by one of `KEYS`: the mean and the SD, or, where `limit` says what it
    is, one low value; None where the source was not read. `ages` are the first years of the rows, and the year after
    the last.
    """

    title: str
    source: str
    ages: tuple
    values: dict
    limit: str = ""

    def row(self, age):
        """The place of an age, in years that are completed, in the table; None outside it."""
        place = bisect_right(self.ages, math.floor(age)) - 1
        return place if 0 <= place < len(self.ages) - 1 else None

    def group(self, person):
        """Who the person is compared with, as "women of 65 to 74 years"."""
        row = self.row(person.age)
        return f"{GROUPS[person.sex]} of {self.ages[row]} to {self.ages[row + 1] - 1} years"


REFERENCES = {
    "framingham": Reference(
        "Framingham",
        "Tonnesen et al., Invest Radiol 2024;59:259-270, doi 10.1097/RLI.0000000000001012, table 2 (L3): 1859 women of "
        "the Framingham Heart Study, community-based and without cancer, CT of 2002 to 2011 (areas a little skewed: "
        "medians 0.9 to 2.4 cm² below the means)",
        # The first participants were 33, the last 92.
        ages=(33, *(row[0] for row in WOMEN[1:]), 93),
        values={
            "F": {
                AREA: tuple(row[1:3] for row in WOMEN),
                SMI: tuple(row[5:7] for row in WOMEN),
                HU: tuple(row[3:5] for row in WOMEN),
            },
        },
    ),
    "van-der-werf-2018": Reference(
        "van der Werf 2018",
        "van der Werf et al., Eur J Clin Nutr 2018;72:288-296, doi 10.1038/s41430-017-0034-5, table 3: Dutch kidney "
        "donors of 20 to 82 years, predicted 5th percentile, whatever the BMI",
        ages=(20, 30, 40, 50, 60, 70, 80),
        values={
            "F": {
                AREA: (111.2, 104.9, 98.3, 91.5, 84.5, 77.3),
                SMI: (36.7, 35.3, 33.9, 32.3, 30.7, 28.9),
                HU: (34.6, 31.1, 27.5, 23.9, 20.2, None),
            },
            "M": {
                AREA: (153.0, 146.1, 139.0, 131.8, 124.5, 116.9),
                SMI: (44.9, 43.4, 41.8, 40.2, 38.6, 36.9),
                HU: (35.5, 33.5, 31.4, 29.4, 27.3, None),
            },
        },
        limit="5th percentile",
    ),
    "derstine-2018": Reference(
        "Derstine 2018",
        "Derstine et al., Sci Rep 2018;8:11369, doi 10.1038/s41598-018-29825-5: US kidney donors of 18 to 40 years, "
        "plain CT, mean minus 2 SD",
        ages=(18, 41),
        values={
            "F": {AREA: (92.2,), SMI: (34.4,), HU: (34.3,)},
            "M": {AREA: (144.3,), SMI: (45.4,), HU: (38.5,)},
        },
        limit="mean minus 2 SD",
    ),
}


@dataclass(frozen=True)
class Standing:
    """Where one number of a person stands."""

    key: str  # one of `KEYS`
    value: float  # as found
    published: float  # the mean of the table, or the low value that it has
    sd: float | None = None  # None where the table has a low value alone, from which there is no z-score
    corrected: float | None = None  # the value of the corrected area; None where there is none
    interval: tuple[float, float] | None = None  # what that may be; None where it is not known

    def _z(self, value):
        return (value - self.published) / self.sd

    @property
    def z(self) -> float | None:
        """How many SD the value lies above the mean."""
        return None if self.sd is None else self._z(self.value)

    @property
    def z_corrected(self) -> float | None:
        """The same of `corrected`."""
        return None if self.sd is None or self.corrected is None else self._z(self.corrected)

    @property
    def z_interval(self) -> tuple[float, float] | None:
        """The z-scores of `interval`."""
        if self.sd is None or self.interval is None:
            return None
        low, high = self.interval
        return self._z(low), self._z(high)

    @property
    def percentile(self) -> float | None:
        """How many of 100 people of the table lie below, if their values are normally distributed."""
        return None if self.z is None else 50 * math.erfc(-self.z / math.sqrt(2))


def standing(person, area_cm2, smi_cm2_m2=None, mean_hu=None, corrected_cm2=None, interval_cm2=None):
    """Where a person stands by the reference that they name.

    Parameters
    ----------
    person : sarco.evidence.cutoffs.Person
    area_cm2 : float
        As found, as are the index and the attenuation.
    smi_cm2_m2, mean_hu : float, optional
    corrected_cm2 : float, optional
        The corrected area; with the person's height the index, too.
    interval_cm2 : tuple of float, optional
        What that may be.

    Returns
    -------
    tuple of Standing
        In the order of `KEYS`, of what is known of the person and in the table; `unanswered` says what is not. Nothing
        without a reference, or where no muscle was found.
    """
    if person.reference is None or not area_cm2 or _nowhere(person):
        return ()
    corrected = {}
    if corrected_cm2 is not None and interval_cm2:
        for key, square_m2 in ((AREA, 1.0), (SMI, person.height_m and person.height_m**2)):
            if square_m2:
                corrected[key] = corrected_cm2 / square_m2, tuple(end / square_m2 for end in interval_cm2)
    found = []
    for key, value in zip(KEYS, (area_cm2, smi_cm2_m2, mean_hu), strict=True):
        published = _published(person, key)
        if value is not None and published is not None:
            mean, sd = published if isinstance(published, tuple) else (published, None)
            found.append(Standing(key, value, mean, sd, *corrected.get(key, ())))
    return tuple(found)


def unanswered(person):
    """What the reference that a person names cannot say: sentences."""
    if person.reference is None:
        return []
    if nowhere := _nowhere(person):
        return [nowhere]
    reference = REFERENCES[person.reference]
    return [
        f"{reference.title}: its {NAMES[key]} of {reference.group(person)} could not be read, so none is compared."
        for key in KEYS
        if _published(person, key) is None
    ]


def _published(person, key):
    reference = REFERENCES[person.reference]
    return reference.values[person.sex][key][reference.row(person.age)]


def _nowhere(person):
    """Why a person is nowhere in the table that they name; empty where they are in it."""
    reference = REFERENCES[person.reference]
    if person.sex not in reference.values:
        return f"{reference.title}: its table of {GROUPS[person.sex]} could not be read, so nothing is compared."
    if reference.row(person.age) is None:
        first, after = reference.ages[0], reference.ages[-1]
        return f"{reference.title}: people of {first} to {after - 1} years, so none to compare at {person.age:g}."
    return ""
