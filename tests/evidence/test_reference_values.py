"""Where a person stands: the row of the table that counts, and what a table cannot say."""

import math

import numpy as np
import pytest
from scipy import stats

from sarco.base.errors import SarcoError
from sarco.evidence.cutoffs import CUTOFFS, Person
from sarco.evidence.reference_values import AREA, HU, REFERENCES, SMI, standing, unanswered


def of(reference, sex, age, height_m=None):
    return Person(height_m, sex=sex, age=age, reference=reference)


def test_a_z_score_is_that_of_the_age_group():
    for age, mean, sd in ((33, 120.9, 18.4), (44.99, 120.9, 18.4), (45, 119.5, 18.5), ("74,9", 104.5, 15.8),
                          (75, 99.5, 16.0), (92.9, 99.5, 16.0)):  # fmt: skip
        (area,) = standing(of("framingham", "F", age), 100.0, corrected_cm2=98.0, interval_cm2=(90.0, 105.0))
        assert area.z == pytest.approx((100 - mean) / sd) and area.key == AREA
        assert area.z_corrected == pytest.approx((98 - mean) / sd)
        assert area.z_interval == pytest.approx(((90 - mean) / sd, (105 - mean) / sd))
        assert area.percentile == pytest.approx(100 * stats.norm.cdf(area.z))
    # The SMI has the interval of the area by the height, the attenuation none.
    area, smi, hu = standing(of("framingham", "F", 60, 1.6), 100.0, 100 / 1.6**2, 33.4, 98.0, (90.0, 105.0))
    assert smi.z == pytest.approx((100 / 1.6**2 - 45.8) / 6.8)
    assert smi.corrected == pytest.approx(98 / 1.6**2)
    assert smi.interval == pytest.approx((90 / 1.6**2, 105 / 1.6**2))
    assert (hu.z, hu.z_interval, hu.percentile) == (0, None, 50)


def test_one_low_value_gives_no_z_score():
    for reference, age, value in (("van-der-werf-2018", 79, 116.9), ("derstine-2018", 40.9, 144.3)):
        (area,) = standing(of(reference, "M", age), 130.0)
        assert (area.published, area.z, area.z_interval, area.percentile) == (value, None, None, None)


@pytest.mark.parametrize(
    ("reference", "sex", "age", "told"),
    [
        ("framingham", "M", 60, "its table of men could not be read"),
        ("framingham", "F", 32.9, "people of 33 to 92 years, so none to compare at 32.9"),
        ("framingham", "F", 93, "33 to 92"),
        ("derstine-2018", "F", 41, "18 to 40 years"),
        ("van-der-werf-2018", "M", 19, "20 to 79 years"),
        ("van-der-werf-2018", "F", 80, "20 to 79 years"),
    ],
)
def test_who_is_in_no_table_is_told_and_gets_no_number(reference, sex, age, told):
    person = of(reference, sex, age)
    assert standing(person, 100.0, 40.0, 30.0) == ()
    (sentence,) = unanswered(person)
    assert told in sentence and sentence.endswith(".")


def test_what_was_not_read_is_not_compared():
    person = of("van-der-werf-2018", "F", 70)
    assert [one.key for one in standing(person, 100.0, 40.0, 30.0)] == [AREA, SMI]
    assert "mean attenuation of women of 70 to 79 years could not be read" in unanswered(person)[0]
    assert standing(person, 0.0, 0.0) == standing(Person(sex="F", age=70), 100.0) == ()
    assert unanswered(Person(sex="F", age=70)) == unanswered(of("framingham", "F", 70)) == []


def test_tables_are_whole_and_agree():
    for reference in REFERENCES.values():
        for values in reference.values.values():
            assert values.keys() == {AREA, SMI, HU}
            assert {len(rows) for rows in values.values()} == {len(reference.ages) - 1}
            low = [row[0] if isinstance(row, tuple) else row for rows in values.values() for row in rows]
            assert all(value is None or 15 < value < 160 for value in low)
    # Muscle and its density fall with age in each, and men's 5th percentile lies above women's.
    women, men = (REFERENCES["van-der-werf-2018"].values[sex] for sex in "FM")
    known = [np.array(rows, float) for values in (women, men) for rows in values.values()]
    assert all((np.diff(rows[~np.isnan(rows)]) < 0).all() for rows in known)
    assert all(a is None or a < b for key in (AREA, SMI) for a, b in zip(women[key], men[key], strict=True))
    framingham = REFERENCES["framingham"].values["F"]
    # Another study, other people: the 5th percentile lies 1 to 2 SD below the mean, as 1.64 does.
    for age in (50, 60, 70):
        mean, sd = framingham[SMI][REFERENCES["framingham"].row(age)]
        assert 1 < (mean - women[SMI][REFERENCES["van-der-werf-2018"].row(age)]) / sd < 2.5
    assert CUTOFFS["derstine-2018"].smi == {"F": 34.4, "M": 45.4} and CUTOFFS["derstine-2018"].hu["M"] == 38.5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"age": 17.9}, "age 17.9: outside 18 to 110 years"),
        ({"age": "old"}, "'old', where a number in years"),
        ({"age": math.nan}, "where a number"),
        ({"sex": "woman"}, "sex 'woman': write F or M"),
        ({"sex": None}, "framingham: needs the sex of the person"),
        ({"sex": None, "age": None}, "needs the age and the sex"),
        ({"reference": "mine"}, "reference 'mine': unknown; name one of framingham, van-der-werf-2018, derstine-2018"),
    ],
)
def test_a_person_of_whom_nothing_can_be_said_is_refused(given, told):
    with pytest.raises(SarcoError, match=told):
        Person(**{"sex": "F", "age": 60, "reference": "framingham"} | given)
