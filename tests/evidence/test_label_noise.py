"""Label noise: only masks differ between arms, and what the table says of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from typer.testing import CliRunner

from sarco.base.errors import SarcoError
from sarco.base.tables import read_results
from sarco.cli.app import app
from sarco.cohort import make
from sarco.evidence import label_noise
from sarco.evidence.label_noise import AS_DRAWN, BETTER, NEITHER, NO_D, TRUE, WORSE
from sarco.phantom.phantom import phantom, reading
from sarco.phantom.readers import review
from sarco.runs import profiles
from sarco.runs.arrays import array_sha256

SHARES = {TRUE: 0.0, NO_D: 0.0, AS_DRAWN: 0.1, "50 % D": 0.5}


def made(dsc=None, error_cm2=None, spread=None, networks=3, cases=40):
    """A labels.csv in which each case and network has an error of its own; an arm adds to it, or spreads it."""
    dsc, error_cm2, spread = dsc or {}, error_cm2 or {}, spread or {}
    rng = np.random.default_rng(0)
    of_case, of_network = rng.normal(0, 0.02, cases), rng.normal(0, 0.001, networks)
    rows = []
    for (arm, share), own_of in zip(SHARES.items(), rng.normal(0, 1e-4, (len(SHARES), networks, cases)), strict=True):
        for number, case, step in np.ndindex(networks, cases, 2):
            own = of_case[case] + of_network[number] + own_of[number, case]
            error = 50 * own * spread.get(arm, 1) + error_cm2.get(arm, 0)
            rows.append({
                "arm": arm, "network": number + 1, "slices": 90, "steps": 8, "spacing_mm": 2.0,
                "d_share": share, "mask_dsc": 0.98, "mask_error_cm2": 1.0,
                "case": f"{case:04d}", "quality": "ABCDD"[case % 5], "noisy": int(case % 5 == 4),
                "step": label_noise.STEPS[step], "dsc": 0.9, "area_cm2": 100 + error, "reference_area_cm2": 103,
                "true_dsc": 0.95 + own + dsc.get(arm, 0) - 0.1 * (step == 0), "true_area_cm2": 100.0,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=list(label_noise.COLUMNS))


def test_the_summary_can_say_worse_better_and_no_difference():
    """Cases differ a hundred times more than arms do: what is paired sees it."""
    table = made(dsc={AS_DRAWN: -0.002, "50 % D": 0.002}, error_cm2={AS_DRAWN: 3.0}, spread={"50 % D": 1.3})
    found = label_noise.summarise(table)
    assert list(found.index) == list(SHARES) and (found.networks == 3).all() and (found.n == 40).all()
    assert found.dsc_verdict.to_dict() == {TRUE: NEITHER, NO_D: NEITHER, AS_DRAWN: WORSE, "50 % D": BETTER}
    assert found.error_sd_cm2_verdict.to_dict() == {TRUE: NEITHER, NO_D: NEITHER, AS_DRAWN: NEITHER, "50 % D": WORSE}
    drawn = found.loc[AS_DRAWN]
    assert drawn.dsc_change == pytest.approx(-0.002, abs=1e-4) and -0.003 < drawn.dsc_change_low < -0.0019
    # A mean error is no verdict: the correction takes it out. It is a part of the RMSE, and none of the SD.
    assert drawn.mean_error_cm2_change == pytest.approx(3, abs=0.01) and "mean_error_cm2_verdict" not in found
    assert drawn.error_sd_cm2_change == pytest.approx(0, abs=0.01) and drawn.rmse_cm2_verdict == WORSE
    before = label_noise.summarise(table, "threshold")
    assert before.dsc.to_numpy() == pytest.approx(found.dsc - 0.1)
    against_readers = label_noise.summarise(table, who="reader")
    assert against_readers.dsc.to_numpy() == pytest.approx(0.9)
    assert (found.mean_error_cm2 - against_readers.mean_error_cm2).to_numpy() == pytest.approx(3)


def test_one_network_that_disagrees_is_no_verdict():
    table = made(dsc={AS_DRAWN: -0.002})
    one = (table.arm == AS_DRAWN) & (table.network == 2)
    table.loc[one, "true_dsc"] += 0.003
    drawn = label_noise.summarise(table).loc[AS_DRAWN]
    assert drawn.dsc_change_high < 0 < drawn.dsc_most and drawn.dsc_verdict == NEITHER
    each = label_noise.of_networks(table)
    assert list(each.arm) == [arm for arm in SHARES for _ in range(3)]
    assert list(each.dsc_change[each.arm == AS_DRAWN] > 0) == [False, True, False]


def test_the_dose_is_a_slope_over_the_readers_arms():
    table = made(dsc={arm: -0.02 * share for arm, share in SHARES.items()} | {TRUE: 0.5})
    value, low, high = label_noise.per_ten_points(table)["dsc"]
    assert value == pytest.approx(-0.002, abs=5e-5) and low <= value <= high < 0
    value, low, high = label_noise.per_ten_points(made())["mean_error_cm2"]
    assert low < 0 < high


def test_parts_of_the_test_set_have_the_two_kinds_of_label_d_apart():
    parts = label_noise.by_test_label(made())
    assert [(name, rows.case.nunique()) for name, rows in parts.items()] == [
        (name, 8) for name in ("A", "B", "C", "D, by its mask", "D, by its image")
    ]


def test_a_table_that_is_not_whole_is_refused():
    table = made()
    for broken in (table[1:], table[table.arm != TRUE], table[(table.network < 3) | (table.arm != AS_DRAWN)]):
        with pytest.raises(SarcoError, match=r"labels\.csv: needs the arm 'true masks', and every case"):
            label_noise.summarise(broken, "threshold")


def test_a_reader_draws_the_same_lines_with_another_error():
    p = phantom((1, 0, 3), matrix=256)
    large = replace(p, mask=label_noise.draw_again(p, 0))
    masks = p.mask, large.mask, label_noise.draw_again(large, 0)
    labels = [review(mask, p.true_mask, p.spacing_mm) for mask in masks]
    assert labels[0] != "D" == labels[1] != labels[2]
    # What differs is a patch; an edge drawn anew would differ all along.
    patch = large.mask ^ reading(replace(p, error="A"))
    assert ndimage.label(patch, np.ones((3, 3)))[1] < 10 < np.sqrt(patch.sum())


@pytest.fixture
def run(tiny, tmp_path, monkeypatch):
    """A profile with its cohort; one network an arm, which stays as it begins unless a test trains it."""
    monkeypatch.setattr(label_noise, "SEEDS", 1)
    path = tiny(tmp_path)
    profile = profiles.load(path)
    return path, profile, make.make(profile.run_path / "labels/cohort", 16, matrix=128, workers=1, progress=False)


def test_arms_differ_by_their_masks_alone(run, monkeypatch):
    _, profile, cohort = run
    learned = {}

    def train(training, validation, member, recipe, *_):
        learned[member.name] = np.array(training[1]), array_sha256(training[0]), member.seed, recipe
        raise StopIteration

    monkeypatch.setattr(label_noise, "train_member", train)
    job = label_noise._Job(profile, cohort)
    label_noise._draw_masks(job, progress=False)
    for arm in label_noise.ARMS:
        with pytest.raises(StopIteration):
            label_noise._run_network(job, arm, 1, progress=False)
    masks = dict(zip(label_noise.ARMS, (masks for masks, *_ in learned.values()), strict=True))
    assert len({repr(same) for _, *same in learned.values()}) == 1
    for arm in label_noise.ARMS:
        changed = [not np.array_equal(*pair) for pair in zip(masks[arm], masks[AS_DRAWN], strict=True)]
        assert all(changed) if arm == TRUE else np.array_equal(changed, np.isin(job.cases, job.other(arm))), arm
    assert len(job.other("50 % D")) > len(job.other("25 % D")) > 0
    assert set(job.other("25 % D")) < set(job.other("50 % D"))


@pytest.mark.long
def test_from_the_command_to_the_table(run, monkeypatch):
    """The same seed and the same masks give the same network, to the last digit of what it finds."""
    path, profile, _ = run
    monkeypatch.setattr(label_noise, "ARMS", {AS_DRAWN: None, "once more": None})
    done = CliRunner().invoke(app, ["labels", "--profile", str(path)])
    assert done.exit_code == 0, done.output
    table = read_results(profile.results_dir / "labels.csv")
    assert tuple(table.columns) == label_noise.COLUMNS
    drawn, again = (rows.drop(columns="arm").reset_index(drop=True) for _, rows in table.groupby("arm", sort=False))
    assert again.equals(drawn) and drawn.true_dsc.nunique() > 2 and drawn.mask_dsc.between(0.9, 0.9999).all()
    # Nothing is trained twice.
    monkeypatch.setattr(label_noise, "train_member", None)
    (profile.results_dir / "labels.csv").unlink()
    assert CliRunner().invoke(app, ["labels", "--profile", str(path)]).exit_code == 0
