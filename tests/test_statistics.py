"""Intervals, subgroups, the bias correction put to the test, and labels: on made-up cases whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from sarco import bias, evaluation, metrics, sarcopenia, statistics, surface
from sarco.cutoffs import CUTOFFS
from sarco.errors import SarcoError

N = 60


def made(seed=0, n=N, offset=4.0, scatter=2.0, reader=3.0, phases=("plain", "portal"), by_phase=None):
    """cases.csv and cohort.csv of a run with two members and a student; the network's error is known."""
    rng = np.random.default_rng(seed)
    cohort, rows = [], []
    for split in ("validation", "test"):
        for i in range(n):
            case, phase = f"{split}{i}", phases[i % len(phases)]
            true = rng.uniform(90, 180)
            drawn = true + rng.normal(0, reader)
            wrong = (by_phase or {}).get(phase, offset) + rng.normal(0, scatter)
            cohort.append({"case": case, "sex": "FM"[i % 2], "age": 40 + i % 40, "phase": phase, "height_m": 1.7,
                           "weight_kg": 60.0 + i % 40, "slice_thickness_mm": 3.0, "maker": "GE MEDICAL"})  # fmt: skip
            for subset, members in (("1", 1), ("2", 1), ("1-2", 2), ("student", 1)):
                for step in statistics.STAGES["ensemble"][0], "dilation", "window":
                    more = {"1": 1.0, "2": -1.0, "1-2": 0.0, "student": 50.0}[subset]
                    rows.append({
                        "case": case, "split": split, "quality": "ABCD"[i % 4], "pixel_spacing_mm": 0.6 + 0.006 * i,
                        "members": members, "subset": subset, "step": step, "dsc": 0.95 + 0.01 * (members == 2),
                        "true_dsc": 0.97, "reader_dsc": 0.98, "area_cm2": true + wrong + more,
                        "reference_area_cm2": drawn, "true_area_cm2": true, "mean_hu": 40.0,
                    })  # fmt: skip
    return pd.DataFrame(rows), pd.DataFrame(cohort)


@pytest.fixture(scope="module")
def run():
    return made()


def test_measures_are_those_of_metrics():
    rng = np.random.default_rng(3)
    one, other = rng.uniform(50, 150, (2, 40))
    error = metrics.errors(one, other)
    wanted = {
        "rmse_cm2": metrics.rmse(one, other),
        "mae_cm2": metrics.mean_absolute_error(one, other),
        "mean_error_cm2": metrics.mean_error(one, other),
        "loa_low_cm2": metrics.limits_of_agreement(one, other)[0],
        "loa_high_cm2": metrics.limits_of_agreement(one, other)[1],
    }
    for name, value in wanted.items():
        assert statistics.MEASURES[name].reduce(error) == pytest.approx(value)
        # Many samples at once give what each gives alone.
        both = statistics.MEASURES[name].reduce(np.stack([error, 2 * error]))
        assert both == pytest.approx([value, 2 * value])


def test_an_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(120):
        sample = rng.normal(5, 2, 50)
        value, low, high = statistics.estimate(sample, lambda v: v.mean(axis=-1))
        assert low < value < high
        hits += low <= 5 <= high
    assert 105 <= hits <= 119  # 95 of 100, with room for chance and for small samples


def test_headlines_know_reader_and_truth(run):
    cases, _ = run
    table = statistics.headline(cases, "test").set_index(["who", "measure"])
    assert len(table) == len(statistics.WHO) * len(statistics.MEASURES) and (table.n == N).all()
    assert table.value["network against reader", "dsc"] == pytest.approx(0.96)
    assert table.value["reader against truth", "dsc"] == pytest.approx(0.98)
    rmse = table.value.xs("rmse_cm2", level="measure")
    assert rmse["reader against truth"] == pytest.approx(3, abs=0.7)
    assert rmse["network against truth"] == pytest.approx(2, abs=0.7)
    # Independent errors add up: against the reader the network cannot be better than the reader is.
    assert rmse["network against reader"] > rmse["reader against truth"]
    assert (table.low <= table.value).all() and (table.value <= table.high).all()
    # What has no truth is left out, and is not a number.
    real = cases.assign(true_area_cm2=np.nan, true_dsc=np.nan, reader_dsc=np.nan)
    assert set(statistics.headline(real, "test").who) == {"network against reader"}


def test_stages_are_those_of_the_summary_and_leave_the_student_out(run):
    cases, _ = run
    members = cases[cases.subset != surface.STUDENT]
    summary = evaluation.summarise(members, "test")
    table = statistics.stages(cases, "test").set_index(["measure", "stage"])
    for stage in statistics.STAGES:
        assert table.value["rmse_cm2", stage] == pytest.approx(summary.rmse_cm2[stage])
        assert table.value["dsc", stage] == pytest.approx(summary.dsc_mean[stage])
    # Every case gains the same, so the paired interval has no width although the cases differ.
    gain = table.loc["dsc", "ensemble"]
    assert (gain.change, gain.change_low, gain.change_high) == pytest.approx((0.01, 0.01, 0.01))
    assert np.isnan(table.change["dsc", "baseline"])
    with pytest.raises(SarcoError, match="no train slice"):
        statistics.rows(cases, "train")


def test_subgroups_part_everybody_once(run):
    cases, cohort = run
    people = statistics.people(cases, cohort, "test")
    table = statistics.subgroups(people)
    assert (table.groupby("group").n.sum() == N).all() and set(table.group) == set(statistics.SUBGROUPS)
    assert list(table.level[table.group == "phase"]) == ["plain", "portal"]
    assert list(table.level[table.group == "sex"]) == ["women", "men"]
    women = people[people.sex == "F"]
    row = table[table.level == "women"].iloc[0]
    assert row.rmse_cm2 == pytest.approx(np.sqrt((women.error_cm2**2).mean()))
    assert row.rmse_cm2_low < row.rmse_cm2 < row.rmse_cm2_high
    # Where it is not known, a person is in no group, and in none that is called nan.
    people.loc[0, "phase"] = None
    phases = statistics.subgroups(people).query("group == 'phase'")
    assert phases.n.sum() == N - 1 and list(phases.level) == ["plain", "portal"]


def test_few_cases_teach_less():
    errors = np.random.default_rng(1).normal(1.0, 4.0, 600)
    table = bias.few_cases(errors).set_index("cases")
    width = table.high - table.low
    assert width.is_monotonic_decreasing and width[40] == pytest.approx(2 * 1.96 * 4 / np.sqrt(40), rel=0.15)
    # A bias of a quarter of the scatter: five cases do harm often, many seldom.
    assert table.worse[5] > 0.3 > table.worse[160] and table.rmse_cm2[5] > table.rmse_cm2[160]
    assert list(bias.few_cases(errors[:50]).cases) == [5, 10, 20]


def test_left_out_is_worse_than_the_papers_way_and_no_worse_than_chance(run):
    cases, _ = run
    table = bias.corrections(cases).set_index(["correction", "judged"])
    for name in bias.CORRECTIONS:
        same, left_out = (table.rmse_cm2[name, how] for how in bias.JUDGED[:2])
        assert same == left_out if name == "none" else same < left_out
    ours = "minus the mean error (the paper's)"
    assert table.rmse_cm2[ours, "test"] == pytest.approx(
        evaluation.summarise(cases[cases.subset != "student"], "test").rmse_cm2["bias correction"]
    )
    assert table.rmse_cm2["none", "test"] > table.rmse_cm2[ours, "test"]


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


def test_labels_change_only_near_the_limit():
    people = pd.DataFrame({
        "sex": ["F", "F", "M", "M"], "height_m": [1.6, 1.6, 1.8, 1.8], "weight_kg": [50.0, 90.0, 70.0, 95.0],
        "reference_area_cm2": [98.0, 99.0, 150.0, 150.0],
        "corrected_cm2": [99.0, 98.0, 150.0, 150.0],
        "true_area_cm2": [98.0, 98.0, 150.0, 150.0],
    })  # fmt: skip
    limits = sarcopenia.limits_cm2(people)
    assert list(limits["prado-2008"]) == pytest.approx([38.5 * 2.56] * 2 + [52.4 * 3.24] * 2)
    assert list(limits["martin-2013"]) == pytest.approx([41 * 2.56] * 2 + [43 * 3.24, 53 * 3.24])
    called = sarcopenia.low(people, "reader")
    assert list(called["prado-2008"]) == [True, False, True, True]
    assert list(called["martin-2013"]) == [True, True, False, True]
    table = sarcopenia.changes(people).set_index(["cutoff", "what"])
    assert table.share["prado-2008", "network for reader"] == 0.5
    assert table.share["martin-2013", "network for reader"] == 0
    # A difference of no size changes nobody; one without end changes half of them.
    for sd_cm2, share in ((1e-6, 0.0), (1e6, 0.5)):
        expected = sarcopenia.changes(people, sd_cm2).set_index(["cutoff", "what"])
        assert expected.share["prado-2008", "one reader for another"] == pytest.approx(share, abs=1e-3)
    # As large an error as the network's: the same as if two readers differed by its RMSE.
    rmse_cm2 = metrics.rmse(people.corrected_cm2, people.reference_area_cm2)
    both = sarcopenia.changes(people, rmse_cm2).set_index(["what", "cutoff"]).share
    assert (both["a reader as far off as the network"] == both["one reader for another"]).all()
    pairs = sarcopenia.between_cutoffs(people)
    assert pairs.loc["prado-2008", "prado-2008"] == 3 and pairs.loc["prado-2008", "martin-2013"] == 2
    assert (pairs == pairs.T).all(axis=None) and list(pairs) == list(CUTOFFS)
    # A patient has no truth.
    real = people.assign(true_area_cm2=np.nan)
    assert set(sarcopenia.changes(real).what) == {
        "network for reader", "a reader as far off as the network", "one reader for another"
    }  # fmt: skip
