"""Intervals, subgroups, the bias correction put to the test, and labels: on made-up cases whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from sarco.base.errors import SarcoError
from sarco.evidence import bias, class_changes, statistics
from sarco.evidence.cutoffs import CUTOFFS
from sarco.method import metrics, surface
from sarco.runs import evaluation

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
                           "weight_kg": 60.0 + i % 40, "slice_thickness_mm": 3.0, "maker": "GE MEDICAL",
                           "notes": (None, "ascites", "arms, ascites")[i % 3]})  # fmt: skip
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


def test_an_interval_after_the_correction_knows_that_few_cases_taught_it():
    rng = np.random.default_rng(0)
    mean = statistics.MEASURES["mean_error_cm2"].reduce
    held, too_narrow = 0, 0
    for _ in range(60):
        errors, taught = rng.normal(3, 4, 200), rng.normal(3, 4, 38)
        _, low, high = statistics.estimate(statistics.Corrected(errors, taught), mean)
        held += low <= 0 <= high
        _, low, high = statistics.estimate(errors - taught.mean(), mean)
        too_narrow += low <= 0 <= high
    # What is subtracted is right in the mean, so 0 should be held in 95 of 100; a mean of 38 has an SD of 0.65 alone.
    assert held >= 52 and too_narrow < 48


def test_on_its_own_cases_the_correction_is_learned_anew_in_each_draw(run):
    cases, _ = run
    own = statistics.measured(cases, statistics.rows(cases, "validation"))["error_cm2"]
    assert own.same and np.isnan(own.taught_cm2).sum() == N // 4  # a D does not teach
    assert np.nanmean(own.taught_cm2) == pytest.approx(surface.correction_from_results(cases).mean_error_cm2)
    everybody = statistics.Corrected(own.errors_cm2, own.errors_cm2, same=True)
    assert statistics.estimate(everybody, statistics.MEASURES["mean_error_cm2"].reduce) == pytest.approx((0, 0, 0))
    # Another split, or some of the cases, is corrected by the others' mean, and both are drawn.
    other = statistics.measured(cases, statistics.rows(cases, "test"))["error_cm2"]
    assert not other.same and len(other.taught_cm2) == N - N // 4
    # A draw without any teacher has no value, and then there is no interval.
    few = statistics.Corrected(np.array([1.0, 2.0]), np.array([1.0, np.nan]), same=True)
    assert statistics.estimate(few, lambda e: e.mean(axis=-1)) == (0.5, None, None)


def test_coverage_counts_the_readers_within_the_prediction_interval(run):
    cases, _ = run
    correction, test = surface.correction_from_results(cases), statistics.rows(cases, "test")
    ends = [correction.interval(area) for area in test.area_cm2]
    inside = [low <= area <= high for (low, high), area in zip(ends, test.reference_area_cm2, strict=True)]
    told = statistics.headline(cases, "test").set_index(["who", "measure"]).loc[("network against reader", "coverage")]
    assert told.value == pytest.approx(100 * np.mean(inside)) and told.low < told.value < told.high


def test_headlines_know_reader_and_truth(run):
    cases, _ = run
    table = statistics.headline(cases, "test").set_index(["who", "measure"])
    assert len(table) == len(statistics.WHO) * len(statistics.MEASURES) - 1  # a reader has no prediction interval
    assert (table.n == N).all()
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


def swept(without_cm2, with_cm2, n=40):
    """sweeps.csv with the mean errors without and with a dilation, and a scatter of 2 cm2."""
    scatter = np.random.default_rng(0).normal(0, 2, n)
    rows = [
        {"case": f"{i:04d}", "split": "test", "sweep": "dilation_px", "value": float(pixels), "dsc": 0.9,
         "area_cm2": 100 + mean + scatter[i], "reference_area_cm2": 100.0}
        for pixels, mean in enumerate((without_cm2, with_cm2))
        for i in range(n)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("without_cm2", "with_cm2", "verdict"),
    [
        (-2, 3, "as in the paper"),
        (0, 5, "as in the paper"),
        (3, 8, "opposite"),  # too large by itself
        (-8, -3, "opposite"),  # too small even then
        (-4, 0, "unclear"),
    ],
)
def test_a_dilation_overestimates_only_where_the_mask_was_not_too_large_before(run, without_cm2, with_cm2, verdict):
    cases, _ = run
    table = statistics.effects(cases, swept(without_cm2, with_cm2), "test")
    row = table.loc["dilation overestimates"]
    assert row.verdict == verdict
    assert (row.effect, row.low, row.high) == pytest.approx([with_cm2 - without_cm2] * 3)  # paired by case


def test_findings_say_which_way_they_came_out(run):
    cases, _ = run
    table = statistics.effects(cases, swept(-2, 3), "test")
    assert list(table.index) == list(statistics.EFFECTS)
    assert table.verdict["bias correction lowers RMSE"] == table.verdict["more members raise DSC"] == "as in the paper"
    assert table.verdict["post-processing raises DSC"] == "unclear"  # the same DSC at every step
    # Test masks that are too small: the learned correction now makes it worse, and that is said.
    worse = cases.copy()
    worse.loc[(worse.split == "test") & (worse.step == "window"), "area_cm2"] -= 8
    again = statistics.effects(worse, swept(-2, 3), "test")
    assert again.verdict["bias correction lowers RMSE"] == "opposite"
    with pytest.raises(SarcoError, match="no validation slice dilated by 0 pixels"):
        statistics.effects(cases, swept(-2, 3), "validation")


def test_subgroups_part_everybody_once(run):
    cases, cohort = run
    people = statistics.people(cases, cohort, "test")
    table = statistics.subgroups(people, cases)
    assert (table.groupby("group").n.sum() == N).all() and set(table.group) == set(statistics.SUBGROUPS)
    assert list(table.level[table.group == "phase"]) == ["plain", "portal"]
    assert list(table.level[table.group == "sex"]) == ["women", "men"]
    women = people[people.sex == "F"]
    row = table[table.level == "women"].iloc[0]
    assert row.rmse_cm2 == pytest.approx(np.sqrt((women.error_cm2**2).mean()))
    assert row.rmse_cm2_low < row.rmse_cm2 < row.rmse_cm2_high
    # Where it is not known, a person is in no group, and in none that is called nan.
    people.loc[0, "phase"] = None
    phases = statistics.subgroups(people, cases).query("group == 'phase'")
    assert phases.n.sum() == N - 1 and list(phases.level) == ["plain", "portal"]


def test_a_case_is_in_the_group_of_each_rare_thing_that_it_has(run):
    cases, cohort = run
    people = statistics.people(cases, cohort, "test")
    table = statistics.subgroups(people, cases, ("rmse_cm2", "coverage"), statistics.RARE, statistics.TRUTH)
    assert list(zip(table.level, table.n, strict=True)) == [("none", 20), ("arms", 20), ("ascites", 40)]
    some = people[people.notes.str.contains("ascites", na=False)]
    error = some.corrected_cm2 - some.true_area_cm2
    assert table.rmse_cm2[2] == pytest.approx(np.sqrt((error**2).mean()))
    # Notes of another kind are nothing rare.
    own = people.assign(notes="Collection 3, 1.2 mm from the middle of L3")
    assert statistics.subgroups(own, cases, by=statistics.RARE).empty


def test_the_worst_are_told_whose_error_it_is(run):
    cases, cohort = run
    people = statistics.people(cases, cohort, "test").iloc[:5]
    people = people.assign(true_area_cm2=[100.0, 100, 100, np.nan, 100], corrected_cm2=[107.0, 102, 106, 100, 100],
                           area_cm2=[110.0, 105, 110, 103, 100], reference_area_cm2=[97.0, 93, 107, 93, 100],
                           true_dsc=0.9, reader_dsc=0.95)  # fmt: skip
    people["error_cm2"] = people.corrected_cm2 - people.reference_area_cm2
    worst = statistics.worst(people, 5)
    assert list(worst.error_cm2) == [10, 9, 7, -1, 0] and list(worst.network_cm2[:2]) == [7, 2]
    # 7 and 3 of 10 are both more than a quarter; 2 of 9 is not; two who err alike have both erred.
    assert list(worst.whose[:4]) == ["both", "reader", "not known", "both"]
    # Wrong pixels do not cancel: a DSC of 0.9 on areas of 110 and 100.
    assert worst.network_wrong_cm2.iloc[0] == pytest.approx(21) and np.isnan(worst.network_wrong_cm2.iloc[2])


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
    # Each left out, computed the long way; and the same intervals as everywhere.
    validation = statistics.rows(cases, "validation")
    x, y = validation.area_cm2.to_numpy(), validation.reference_area_cm2.to_numpy()
    good = (validation.quality != "D").to_numpy()
    lines = [np.polyfit(x[kept], y[kept], 1) for kept in (good & (np.arange(N) != i) for i in range(N))]
    left_out = [np.polyval(line, area) for line, area in zip(lines, x, strict=True)]
    assert table.rmse_cm2["along a line", bias.JUDGED[1]] == pytest.approx(metrics.rmse(left_out, y))
    stage = statistics.stages(cases, "test", ["rmse_cm2"]).set_index("stage").loc["bias correction"]
    assert list(table.loc[(ours, "test"), ["low", "high"]]) == pytest.approx([stage.low, stage.high])


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


def test_labels_change_only_near_the_limit(run):
    cases, _ = run
    people = pd.DataFrame({
        "sex": ["F", "F", "M", "M"], "height_m": [1.6, 1.6, 1.8, 1.8], "weight_kg": [50.0, 90.0, 70.0, 95.0],
        "reference_area_cm2": [98.0, 99.0, 150.0, 150.0],
        "corrected_cm2": [99.0, 98.0, 150.0, 150.0],
        "true_area_cm2": [98.0, 98.0, 150.0, 150.0],
    })  # fmt: skip
    limits = class_changes.limits_cm2(people)
    assert list(limits["prado-2008"]) == pytest.approx([38.5 * 2.56] * 2 + [52.4 * 3.24] * 2)
    assert list(limits["martin-2013"]) == pytest.approx([41 * 2.56] * 2 + [43 * 3.24, 53 * 3.24])
    called = class_changes.low(people, "reader")
    assert list(called["prado-2008"]) == [True, False, True, True]
    assert list(called["martin-2013"]) == [True, True, False, True]
    table = class_changes.changes(people, cases).set_index(["cutoff", "what"])
    assert table.share["prado-2008", "network for reader"] == 0.5
    assert table.share["martin-2013", "network for reader"] == 0
    # A difference of no size changes nobody; one without end changes half of them.
    for sd_cm2, share in ((1e-6, 0.0), (1e6, 0.5)):
        expected = class_changes.changes(people, cases, sd_cm2).set_index(["cutoff", "what"])
        assert expected.share["prado-2008", "one reader for another"] == pytest.approx(share, abs=1e-3)
    # As large an error as the network's: the same as if two readers differed by its RMSE.
    rmse_cm2 = metrics.rmse(people.corrected_cm2, people.reference_area_cm2)
    both = class_changes.changes(people, cases, rmse_cm2).set_index(["what", "cutoff"]).share
    assert (both["a reader as far off as the network"] == both["one reader for another"]).all()
    pairs = class_changes.between_cutoffs(people)
    assert pairs.loc["prado-2008", "prado-2008"] == 3 and pairs.loc["prado-2008", "martin-2013"] == 2
    assert (pairs == pairs.T).all(axis=None) and list(pairs) == list(CUTOFFS)
    # A patient has no truth.
    real = people.assign(true_area_cm2=np.nan)
    assert set(class_changes.changes(real, cases).what) == {
        "network for reader", "a reader as far off as the network", "one reader for another"
    }  # fmt: skip
