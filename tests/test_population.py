"""The reference population against the literature it is drawn after, in 400 measured slices."""

import numpy as np
import pytest

from sarco.cohort import make
from sarco.cohort.population import PHASE_HU, literature

CASES = 400
# Drawing, blurring and reading a slice may move its area by this much in the mean: the grid is coarser than on disk.
SYSTEMATIC = {"area": 0.03, "hu": 1.5}


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    """Area, density and muscle index of each case as measured, and what the table says of such a person."""
    root = tmp_path_factory.mktemp("population") / "c"
    table = make.make(root, CASES, seed=77, matrix=384, progress=False).table
    table = table[table["split"] != "excluded"]
    expected = np.array([literature(s, a) for s, a in zip(table["sex"], table["age"], strict=True)])
    table["area_expected"], table["area_sd"], table["hu_expected"], table["hu_sd"] = expected.T
    table["hu"] = table["mean_hu"] - table["phase"].map(PHASE_HU)
    return table


@pytest.mark.parametrize("what", ["area", "hu"])
def test_mean_and_spread_are_those_of_the_literature(population, what):
    measured = population["area_cm2" if what == "area" else "hu"]
    z = (measured - population[f"{what}_expected"]) / population[f"{what}_sd"]
    slack = SYSTEMATIC[what] * (population["area_expected"].mean() if what == "area" else 1)
    slack = slack / population[f"{what}_sd"].mean()
    assert abs(z.mean()) < 3 / np.sqrt(len(z)) + slack
    assert abs(z.std() - 1) < 3 / np.sqrt(2 * len(z)) + 0.05


def test_the_muscle_index_is_that_of_the_literature(population):
    for sex, height in (("F", 1.62), ("M", 1.76)):
        group = population[population["sex"] == sex]
        index = group["area_cm2"] / group["height_m"] ** 2
        expected = group["area_expected"] / height**2
        assert abs(index.mean() - expected.mean()) < 3 * index.std() / np.sqrt(len(index)) + 0.03 * expected.mean()
        # Height varies by some 4 per cent and is nearly independent of muscle: its square adds to the spread.
        spread = np.hypot((group["area_sd"] / height**2).mean(), 2 * 0.04 * expected.mean())
        assert index.std() == pytest.approx(np.hypot(spread, expected.std()), rel=3 / np.sqrt(2 * len(index)) + 0.05)


@pytest.mark.parametrize("what", ["area", "hu"])
def test_age_takes_as_much_as_in_the_literature(population, what):
    for sex in "FM":
        group = population[population["sex"] == sex]
        measured = group["area_cm2" if what == "area" else "hu"]
        # Of the spread in a population, what the age bands explain is the spread of their means.
        explained = np.corrcoef(group["age"], group[f"{what}_expected"])[0, 1] * group[f"{what}_expected"].std()
        expected = explained / np.hypot(group[f"{what}_expected"].std(), group[f"{what}_sd"].mean())
        found = np.corrcoef(group["age"], measured)[0, 1]
        assert expected < -0.2
        assert abs(found - expected) < 3 * (1 - expected**2) / np.sqrt(len(group))


def test_fat_follows_the_body_mass_index(population):
    bmi = population["weight_kg"] / population["height_m"] ** 2
    assert 24 < bmi.median() < 29 and bmi.min() > 14 and bmi.max() < 56
    # Heavier people have more, and less dense, muscle for their sex and age.
    z = (population["area_cm2"] - population["area_expected"]) / population["area_sd"]
    assert np.corrcoef(bmi, z)[0, 1] > 0.2
    assert np.corrcoef(bmi, population["hu"] - population["hu_expected"])[0, 1] < -0.2
