"""Members in many orders: drawn once each, measured as `evaluate` measures them, and read for their plateau."""

import itertools

import numpy as np
import pandas as pd
import pytest
from toys import ToyCohort, ToyEnsemble
from typer.testing import CliRunner
from untrained import write_members

from sarco.base import tables
from sarco.cli.app import app
from sarco.cohort import make
from sarco.evidence import member_orders, steps
from sarco.runs import evaluation, profiles


def test_orders_differ_and_are_all_there_are_for_few_members():
    assert sorted(member_orders.draw(3)) == sorted(itertools.permutations(range(3))) and member_orders.draw(1) == [(0,)]
    many = member_orders.draw(15)
    assert len(set(many)) == 50 and all(sorted(order) == list(range(15)) for order in many)
    assert many == member_orders.draw(15) != member_orders.draw(15, seed=1)


def test_the_same_numbers_as_the_evaluation():
    cohort, ensemble = ToyCohort(["validation"] * 4, list("ABCD")), ToyEnsemble([3, -2, 1])
    table = member_orders.measure(cohort, ensemble, cohort.names, [(0, 1, 2), (2, 0, 1)], progress=False)
    assert tuple(table.columns) == member_orders.COLUMNS and len(table) == 2 * 3 * 2 and ensemble.calls == 4
    cases = evaluation.evaluate(cohort, ensemble, cohort.names, progress=False)
    found = table.set_index(["order", "members", "step"])
    wanted = {(1, 1): "1", (1, 2): "1-2", (1, 3): "1-3", (2, 1): "3", (2, 3): "1-3"}
    for (order, members), subset in wanted.items():
        for step in member_orders.STEPS:
            rows = cases[(cases.subset == subset) & (cases.step == step)]
            one = found.loc[(order, members, step)]
            assert one.slices == 4 and one.dsc == pytest.approx(rows.dsc.mean(), abs=2e-5)
            assert one.rmse_cm2 == pytest.approx(
                evaluation.metrics.rmse(rows.area_cm2, rows.reference_area_cm2), abs=1e-3
            )
    # Members 3 and 1 are not 1 and 2.
    assert found.dsc[(2, 2, "window")] != found.dsc[(1, 2, "window")]


def test_nothing_found_is_an_area_of_zero():
    cohort = ToyCohort(["validation"], "A")
    table = member_orders.measure(cohort, ToyEnsemble([40]), cohort.names, [(0,)], progress=False)
    assert (table.dsc == 0).all() and table.rmse_cm2[0] == pytest.approx(10.05, abs=0.1)


def made_up(curves, measure="dsc"):
    rows = [(i, k, "window", 40, v, v) for i, curve in enumerate(curves, 1) for k, v in enumerate(curve, 1)]
    return pd.DataFrame(rows, columns=list(member_orders.COLUMNS))


def test_plateau_is_where_no_later_gain_counts():
    early, late = [0.96, 0.97, 0.97, 0.97], [0.94, 0.96, 0.965, 0.97]
    table = made_up([early, late])
    assert member_orders.plateau(table, "window", "dsc") == (4, 2, 4)
    # A curve that reaches the end and leaves it again is not there yet; one that passes over it is.
    assert member_orders.plateau(made_up([[0.97, 0.96, 0.97]]), "window", "dsc")[0] == 3
    assert member_orders.plateau(made_up([[0.975, 0.98, 0.97]]), "window", "dsc")[0] == 1
    # An error falls: for it, over the end is short of it.
    assert member_orders.plateau(made_up([[4.0, 3.05, 3.0]]), "window", "rmse_cm2") == (2, 2, 2)


def test_band_holds_nine_of_ten_orders():
    band = member_orders.band(made_up([[v, 1.0] for v in np.linspace(0, 1, 101)]), "window")
    assert list(band.members) == [1, 2]
    assert list(band.dsc) == pytest.approx([0.5, 1]) and list(band.dsc_low) == pytest.approx([0.05, 1])
    assert list(band.rmse_cm2_high) == pytest.approx([0.95, 1])


@pytest.mark.long
def test_from_the_command_to_the_table(tiny, tmp_path):
    path = tiny(tmp_path)
    profile = profiles.load(path)
    cohort = make.make(profile.cohort_dir, 8, matrix=128, workers=1, progress=False)
    write_members(profile, 2)
    done = CliRunner().invoke(app, ["orders", "--profile", str(path)])
    assert done.exit_code == 0, done.output
    table = pd.read_csv(profile.results_dir / "orders.csv")
    assert list(table.order) == [1] * 4 + [2] * 4 and (table.slices == len(cohort.cases("validation"))).all()
    assert table.dsc.between(0, 1).all() and np.isfinite(table.rmse_cm2).all()


def test_committed_table_belongs_to_the_committed_cases():
    """Both were computed from the same members and slices, so that all members together give the same."""
    folder = profiles.load("published").results_dir
    table, cases = pd.read_csv(folder / "orders.csv"), tables.read_results(folder / "cases.csv")
    for step in member_orders.STEPS:
        curve = member_orders.band(table, step)
        known = steps.by_members(cases, "validation", step)
        assert curve.members.max() == known.members.max()
        assert curve.dsc.iloc[-1] == pytest.approx(known.dsc_mean.iloc[-1], abs=2e-4)
        assert curve.rmse_cm2.iloc[-1] == pytest.approx(known.rmse_cm2.iloc[-1], abs=0.02)
