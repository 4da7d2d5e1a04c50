"""Disagreement against error, and the limit of a warning, on tables where the answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sarco.base.errors import SarcoError
from sarco.evidence import disagreement
from sarco.evidence.correction import Correction


def table(errors, singles, split="test"):
    """Final areas of an ensemble of two and of its members alone; the true area is 100 cm2."""
    rows = []
    for i, (error, alone) in enumerate(zip(errors, singles, strict=True)):
        for subset, members, area in (("1-2", 2, 100 + error), ("1", 1, alone[0]), ("2", 1, alone[1])):
            rows.append((f"{split}{i}", split, "A", members, subset, "window", 0.95, area, 100.0, 99.0))
        rows.append((f"{split}{i}", split, "A", 1, "student", "window", 0.95, 1000.0, 100.0, 99.0))
    names = ["case", "split", "quality", "members", "subset", "step", "dsc", "area_cm2", "reference_area_cm2",
             "true_area_cm2"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


@pytest.fixture
def cases():
    validation = table([2, 2, 2], [(100, 100)] * 3, "validation")
    return pd.concat([validation, table([2, 3, 0], [(100, 102), (90, 110), (101, 101)])])


def test_disagreement_and_corrected_error_of_each_case(cases):
    found = disagreement.by_case(cases, "test")
    assert list(found.index) == ["test0", "test1", "test2"]
    # The student's area of 1000 cm2 is no member's.
    assert found.sd_cm2.tolist() == pytest.approx([np.sqrt(2), 10 * np.sqrt(2), 0])
    assert found.error_cm2.tolist() == pytest.approx([0, 1, -2])  # 2 cm2 is the mean error in validation
    assert found.true_error_cm2.tolist() == pytest.approx([1, 2, -1])


def test_one_member_cannot_disagree(cases):
    with pytest.raises(SarcoError, match="two members or more"):
        disagreement.by_case(cases[cases.members == 1], "test")


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    x = rng.gamma(2, 1, 200)
    y = np.round(x + rng.normal(0, 1, 200), 1)  # with ties
    rho, low, high = disagreement.rank_correlation(x, y)
    assert rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert low < rho < high < low + 0.3
    assert disagreement.rank_correlation(x, np.exp(x)) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert disagreement.rank_correlation(x, rng.normal(size=200))[1] < 0


def test_risk_falls_only_where_disagreement_tells():
    error = np.array([1.0, -2.0, 3.0, -4.0])
    told = disagreement.risk_coverage(np.abs(error), error)
    assert told.rmse_cm2.tolist() == told.best_cm2.tolist() == pytest.approx(np.sqrt([1, 2.5, 14 / 3, 7.5]))
    wrong = disagreement.risk_coverage(-np.abs(error), error)
    assert wrong.rmse_cm2.tolist() == pytest.approx(np.sqrt([16, 12.5, 29 / 3, 7.5]))
    assert wrong.share.tolist() == [0.25, 0.5, 0.75, 1]


CORRECTION = Correction.learn([103, 103], [100, 100])  # a mean error of 3 cm2


def elsewhere(errors, sd, dsc):
    """Slices of 100 cm2: the error that the correction leaves, and the members' disagreement; share is no help."""
    final = pd.DataFrame({"step": "window", "area_cm2": 103.0 + np.array(errors), "true_area_cm2": 100.0,
                          "members_sd_cm2": sd, "members_dsc": dsc, "disagreement_share": 0.1})  # fmt: skip
    return pd.concat([final, final.assign(step="threshold", area_cm2=0.0)])


def test_errors_are_those_against_the_truth_that_the_correction_leaves():
    table = elsewhere([0, 6, -6, 4], [1.0, 2.0, 3.0, np.nan], 0.9)
    found = disagreement.with_errors(table, CORRECTION)
    assert found.error_cm2.tolist() == pytest.approx([0, 6, -6])  # of the last the disagreement is not known
    assert found.large.tolist() == [False, True, True]
    # A table that was made before there were such columns tells nothing, and no limit.
    old = disagreement.with_errors(table.drop(columns=disagreement.known(table)), CORRECTION)
    assert old.empty and disagreement.learn(old) is None


def test_the_limit_finds_most_at_a_tenth_of_false_alarms_whichever_way_doubt_is_told():
    errors = [9, -9, 9, *[0] * 15]
    sd = [5, 4, 1.0, 6, 3, *np.linspace(1.1, 2, 13)]  # one large error hides below all the others
    dsc = [0.8, 0.7, 0.9, 0.95, 0.85, *np.linspace(0.96, 0.99, 13)]  # finds all for one false alarm
    table = disagreement.with_errors(elsewhere(errors, sd, dsc), CORRECTION)
    # By SD: one of the others may be marked, and to catch the third all would be.
    limit = disagreement.learn(table, ["members_sd_cm2"])
    assert limit == disagreement.Limit("members_sd_cm2", 3.0, 18, 3, 3, 2)
    assert limit.over({"members_sd_cm2": 3.5}) and not limit.over({"members_sd_cm2": 3.0})
    limit = disagreement.learn(table)
    assert limit == disagreement.Limit("members_dsc", 0.95, 18, 3, 4, 3)
    assert limit.over({"members_dsc": 0.94}) and not limit.over({"members_dsc": 0.96})
    # Of 15 others two are more than a tenth: then rather none is marked.
    even = disagreement.with_errors(elsewhere([9, *[0] * 15], [1.0, 2, 3, *[0.5] * 13], 0.9), CORRECTION)
    assert disagreement.learn(even, ["members_sd_cm2"]) == disagreement.Limit("members_sd_cm2", 3.0, 16, 1, 0, 0)
    marked = limit.over(table)
    judged = disagreement.judge(marked, table.large)
    assert judged["sensitivity"] == (3, 3, pytest.approx(0.438, abs=1e-3), 1)  # Wilson's interval
    assert judged["false_alarms"][:2] == (1, 15)
    assert disagreement.judge(marked[~table.large], table.large[~table.large])["sensitivity"] == (0, 0, None, None)
    assert disagreement.learn(table[~table.large]) is None


def test_what_all_members_take_for_muscle_needs_another_witness():
    errors, sd = [9, 9, 9, *[0] * 12], [5.0, 4.0, 1.0, *np.linspace(1.1, 3, 12)]  # of the third all agree
    agreed = elsewhere(errors, sd, 0.9)
    table = disagreement.with_errors(agreed, CORRECTION)
    other = np.array([0, 0.5, 4, *[1] * 10, 0, 2])  # nor does the witness see what disagreement finds
    both = disagreement.with_errors(agreed.assign(other_tissue_cm2=np.tile(other, 2)), CORRECTION)
    assert disagreement.learn(both) == disagreement.Limit("members_sd_cm2", 3.0, 15, 3, 3, 3, "other_tissue_cm2", 2.0)
    limit = disagreement.learn(both)
    assert limit.past(both.iloc[2]) == {"members_sd_cm2": False, "other_tissue_cm2": True}
    assert limit.over(both).tolist() == [True] * 3 + [False] * 12
    assert limit.text()[1] == "3.00 cm² or 2.0 cm²"
    # Without one it is a limit of disagreement alone; two of those never join.
    alone = disagreement.Limit("members_sd_cm2", 3.0, 15, 3, 2, 2)
    assert disagreement.learn(table) == alone
    assert disagreement.learn(both.assign(members_dsc=-other).drop(columns="other_tissue_cm2")) == alone
    # Where it teaches nothing, or less than an error, it still warns of what would be a large error.
    silent = disagreement.learn(both.assign(other_tissue_cm2=1.0))
    assert silent == disagreement.Limit("members_sd_cm2", 3.0, 15, 3, 2, 2, "other_tissue_cm2", 5.0)
    assert silent.over({"members_sd_cm2": 1.0, "other_tissue_cm2": 5.1})
    # The best of two limits, tried one by one.
    rng = np.random.default_rng(0)
    many = pd.DataFrame(
        {"large": rng.random(40) < 0.3, "members_dsc": rng.random(40), "other_tissue_cm2": rng.random(40)}
    )
    many["members_dsc"] -= 0.3 * many.large
    caught = [
        (int((many.large & over).sum()), -int((~many.large & over).sum()))
        for a in [*many.members_dsc, -1]
        for b in [*many.other_tissue_cm2, 2]
        for over in [(many.members_dsc < a) | (many.other_tissue_cm2 > b)]
        if (~many.large & over).sum() <= disagreement.FALSE_ALARMS * (~many.large).sum()
    ]
    found = disagreement.learn(many)
    assert (found.caught, found.caught - found.marked) == max(caught) and found.marked == found.over(many).sum()
    assert found.caught == (found.over(many) & many.large).sum() > 1


def test_a_slice_does_not_set_the_limit_that_it_is_judged_by():
    table = disagreement.with_errors(elsewhere([9, 0, 0], [3.0, 2.0, 1.0], 0.9), CORRECTION)
    assert disagreement.learn(table).over(table).tolist() == [True, False, False]
    # Without the only large error there is no limit; without the second slice the limit is the third's.
    assert disagreement.left_out(table).tolist() == [False, True, False]


def test_auc_is_the_chance_of_the_right_order():
    large = np.array([True, True, False, False, False])
    assert disagreement.auc([3, 4, 0, 1, 2], large) == (1, 1, 1)
    assert disagreement.auc([1, 4, 0, 1, 2], large)[0] == pytest.approx((1.5 + 3) / 6)  # a tie is half
    assert disagreement.auc([1, 2], np.array([True, True])) == (None, None, None)
    rng = np.random.default_rng(0)
    value, low, high = disagreement.auc(rng.normal(size=400), rng.random(400) < 0.2)
    assert low < 0.5 < high and low < value < high
