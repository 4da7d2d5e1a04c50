"""Who is called sarcopenic and obese, by true areas and by those found."""

import pandas as pd
import pytest

from sarco.ct.tissues import SUBCUTANEOUS, VISCERAL
from sarco.evidence import obesity

# Case, sex, BMI, and true and found: muscle of someone 1 m tall, which is the index too, and visceral fat.
PEOPLE = [
    ("at Prado's limit", "F", 30.0, 38.5, 38.6, 50.0, 50.0),
    ("of too low a weight", "M", 29.9, 40.0, 40.0, 99.9, 100.0),
    ("at Kobayashi's limit", "M", 20.0, 40.31, 40.30, 100.0, 100.0),
    ("without fat", "F", 31.0, 60.0, 60.0, 0.0, 0.0),
]


@pytest.fixture
def people():
    tissues, cases = [], []
    for case, sex, bmi, true, found, fat, fat_found in PEOPLE:
        cases.append({"case": case, "sex": sex, "bmi": bmi, "height_m": 1.0, "true_area_cm2": true, "area_cm2": found})
        for name in (VISCERAL, SUBCUTANEOUS):
            tissues.append({"case": case, "tissue": name, "side": "whole", "true_area_cm2": fat,
                            "members_area_cm2": fat_found})  # fmt: skip
    return obesity.people(pd.DataFrame(tissues), pd.DataFrame(cases)).set_index("case")


def test_a_rule_goes_by_its_own_limits_and_by_whether_a_value_at_one_counts(people):
    named = {
        (rule, which): list(people.index[obesity.called(people, obesity.DEFINITIONS[rule], which)])
        for rule in obesity.DEFINITIONS
        for which in ("true", "found")
    }
    assert named == {
        ("prado-2008", "true"): ["at Prado's limit"],
        ("prado-2008", "found"): [],
        ("kobayashi-2019", "true"): [],
        ("kobayashi-2019", "found"): ["of too low a weight", "at Kobayashi's limit"],
    }


def test_who_changes_class_is_counted_not_how_many_are_called(people):
    counts = obesity.changes(people).set_index("title")
    assert list(counts.loc["Prado 2008", ["true", "found", "changed"]]) == [1, 0, 1]
    assert list(counts.loc["Kobayashi 2019", ["true", "found", "changed", "share"]]) == [0, 2, 2, 0.5]


def test_a_ratio_is_not_asked_of_those_without_fat(people):
    errors = obesity.ratio_error(people)
    assert "without fat" not in errors
    assert errors["at Prado's limit"] == pytest.approx(38.6 / 38.5 - 1)
