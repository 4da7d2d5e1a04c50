"""The bias correction put to the test: on made-up cases whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from results import N, made

from sarco.evidence import bias, statistics, steps
from sarco.evidence.bootstrap import DRAWS, SEED
from sarco.method import metrics


def test_few_cases_teach_less():
    errors = np.random.default_rng(1).normal(1.0, 4.0, 600)
    table = bias.few_cases(errors).set_index("cases")
    width = table.high - table.low
    assert width.is_monotonic_decreasing and width[40] == pytest.approx(2 * 1.96 * 4 / np.sqrt(40), rel=0.15)
    # A bias of a quarter of the scatter: five cases do harm often, many seldom.
    assert table.worse[5] > 0.3 > table.worse[160] and table.rmse_cm2[5] > table.rmse_cm2[160]
    assert list(bias.few_cases(errors[:50]).cases) == [5, 10, 20]


def test_left_out_is_worse_than_the_papers_way_and_no_worse_than_chance():
    cases, _ = made()
    table = bias.corrections(cases).set_index(["correction", "judged"])
    for name in bias.CORRECTIONS:
        same, left_out = (table.rmse_cm2[name, how] for how in bias.JUDGED[:2])
        assert same == left_out if name == "none" else same < left_out
    ours = "minus the mean error (the paper's)"
    assert table.rmse_cm2[ours, "test"] == pytest.approx(
        steps.summarise(cases[cases.subset != "student"], "test").rmse_cm2["bias correction"]
    )
    assert table.rmse_cm2["none", "test"] > table.rmse_cm2[ours, "test"]
    # Each left out, computed the long way; and the same intervals as everywhere.
    validation = statistics.rows(cases, "validation")
    x, y = validation.area_cm2.to_numpy(), validation.reference_area_cm2.to_numpy()
    good = (validation.quality != "D").to_numpy()
    lines = [np.polyfit(x[kept], y[kept], 1) for kept in (good & (np.arange(N) != i) for i in range(N))]
    left_out = [np.polyval(line, area) for line, area in zip(lines, x, strict=True)]
    assert table.rmse_cm2["along a line", bias.JUDGED[1]] == pytest.approx(metrics.rmse(left_out, y))
    stage = statistics.stages(cases, "test", ["rmse_cm2"]).set_index("stage").loc["bias correction"]
    assert list(table.loc[(ours, "test"), ["low", "high"]]) == pytest.approx([stage.low, stage.high])


def test_a_case_that_was_drawn_twice_is_left_out_twice():
    cases, _ = made(n=16)
    validation = statistics.rows(cases, "validation")
    errors = (validation.area_cm2 - validation.reference_area_cm2).to_numpy()
    good = (validation.quality != "D").to_numpy()
    rmse = []
    for drawn in np.random.default_rng(SEED).integers(0, 16, (DRAWS, 16)):
        learned = [errors[drawn[(drawn != i) & good[drawn]]].mean() for i in drawn]
        rmse.append(metrics.root_mean_square(errors[drawn] - learned))
    found = bias.corrections(cases).set_index(["correction", "judged"])
    ours = found.loc["minus the mean error (the paper's)", bias.JUDGED[1]]
    assert [ours.low, ours.high] == pytest.approx(np.percentile(rmse, [2.5, 97.5]))


def test_one_case_is_no_line():
    cases, _ = made(n=4)
    two = cases[(cases.split == "test") | cases.case.isin(["validation0", "validation1", "validation3"])]  # A, B and D
    table = bias.corrections(two).set_index(["correction", "judged"])
    assert np.isnan(table.rmse_cm2["along a line", bias.JUDGED[1]])
    assert np.isfinite(table.rmse_cm2["minus the mean error (the paper's)", bias.JUDGED[1]])


def test_a_correction_from_elsewhere_can_do_harm():
    cases, cohort = made(by_phase={"plain": 8.0, "portal": 0.0}, reader=0.5)
    table = bias.transfer(statistics.people(cases, cohort, "test"), statistics.SUBGROUPS["phase"])
    table = table.set_index(["learned_on", "applied_to"])
    assert table.mean_error_cm2["plain", "portal"] == pytest.approx(8, abs=1)
    assert table.low["plain", "portal"] > 0  # subtracted where there is nothing to subtract
    assert table.high["plain", "plain"] < 0
    # Within a group: each case by the mean of the others.
    people = statistics.people(cases, cohort, "test").query("phase == 'plain'")
    errors = (people.area_cm2 - people.reference_area_cm2).to_numpy()
    others = np.array([np.delete(errors, i).mean() for i in range(len(errors))])
    assert table.after_cm2["plain", "plain"] == pytest.approx(np.sqrt(((errors - others) ** 2).mean()))


def test_the_correction_helps_others_only_where_they_have_its_error():
    cases, _ = made(offset=4.0, reader=0.5)
    rng = np.random.default_rng(2)
    rows = [
        {"population": population, "kind": kind, "step": step, "true_area_cm2": 100.0,
         "area_cm2": 100 + wrong + rng.normal(0, 1) + (step == "threshold")}
        for population, kind, wrong in (("difficult", "rib", 12.0), ("difficult", "lean", 0.0), ("randomised", "", 4.0))
        for _ in range(12)
        for step in ("threshold", "window")
    ]  # fmt: skip
    others = pd.DataFrame(rows)
    table = bias.to_others(cases, others)
    assert list(dict.fromkeys(zip(table.group, table.applied_to, strict=True))) == [
        ("reference", "test"), ("difficult", "all"), ("difficult", "rib"), ("difficult", "lean"), ("randomised", "all")
    ]  # fmt: skip
    found = table[table.learned_on == bias.LEARNED_ON].set_index(["group", "applied_to"])
    taught = cases[(cases.split == "validation") & (cases.subset == "1-2") & (cases.step == "window")]
    taught = taught[taught.quality != "D"]
    assert (found.n_learned == len(taught)).all() and (found.n_applied == [N, 24, 12, 12, 12]).all()
    assert np.allclose(found.mean_error_cm2, (taught.area_cm2 - taught.reference_area_cm2).mean())
    assert (found.high[[("reference", "test"), ("difficult", "rib"), ("randomised", "all")]] < 0).all()
    assert found.low["difficult", "lean"] > 0
    # After its own correction a kind has only its scatter left.
    own = table[table.learned_on == table.applied_to].set_index(["group", "applied_to"]).after_cm2
    assert own["difficult", "rib"] < 2 < 6 < found.after_cm2["difficult", "rib"]
    # One case of a kind teaches nothing.
    few = bias.to_others(cases, others[(others.kind != "rib") | (others.index < 2)])
    assert "rib" not in set(few.applied_to)


def test_regression_to_the_mean_is_told_from_a_slope():
    cases, cohort = made(n=400, reader=12.0)
    table = bias.slopes(statistics.people(cases, cohort, "test")).set_index("against")
    assert table.high["the reader's area"] < 0  # although every case has the same expected error
    assert table.low["the true area"] < 0 < table.high["the true area"]
