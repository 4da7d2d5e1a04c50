"""The phantoms beside the studies: who is counted, in which group, and against which number."""

import pandas as pd
import pytest

from sarco.evidence import population_study
from sarco.phantom.population import PHASE_HU, WOMEN


def _cohort(**columns):
    usual = {
        "split": "train",
        "sex": "F",
        "age": 44,
        "phase": "plain",
        "mean_hu": 40.0,
        "area_cm2": 100.0,
        "height_m": 2.0,
    }
    return pd.DataFrame({name: columns.get(name, [value] * 3) for name, value in usual.items()})


def test_contrast_is_taken_off_and_the_excluded_are_left_out():
    kept = population_study.plain(_cohort(split=["train", "excluded", "test"], phase=["plain", "plain", "portal"]))
    assert kept.hu.tolist() == [40.0, 40.0 - PHASE_HU["portal"]]


def test_each_person_is_in_the_group_of_her_age():
    table = population_study.by_age(population_study.plain(_cohort(age=[44, 45, 90], area_cm2=[100.0, 110.0, 80.0])))
    women = table[table.sex == "F"].set_index("age")
    assert women.n.to_dict() == {"<45": 1, "45-54": 1, "55-64": 0, "65-74": 0, "75+": 1}
    assert women.smi["75+"] == pytest.approx(20) and women.study_smi["75+"] == WOMEN[-1][5]
    assert table[table.sex == "M"].n.sum() == 0 and table[table.sex == "M"].study_smi.isna().all()


def test_the_groups_are_those_of_the_study():
    assert [first for _, first, _ in population_study.BANDS[1:]] == [row[0] for row in WOMEN[1:]]
