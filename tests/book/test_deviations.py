"""The list of deviations is made from the run: it has what differs, and loses what does not."""

from dataclasses import replace

import pytest

from sarco import paper
from sarco.book import deviations
from sarco.method import preprocess
from sarco.runs import profiles

SPACINGS_MM = (0.6, 0.7, 0.8, 0.9)


def manifest_of(profile, **more):
    keys = ("spacing_mm", "filters", "epochs", "iterations", "batch_size", "learning_rate", "decay_power", "precision")
    return {key: getattr(profile, key) for key in keys} | {"members": [{}] * profile.members} | more


def told(profile, **more):
    found = deviations.rows(profile, manifest_of(profile, **more), SPACINGS_MM, 982)
    assert all(theirs != ours for _, theirs, ours in found)
    return {what: ours for what, _, ours in found}


@pytest.mark.parametrize("name", profiles.names())
def test_every_key_that_differs_from_the_paper_has_its_row(name):
    profile = profiles.load(name)
    found = told(profile)
    for what, ours, theirs in (
        ("pixel (mm)", profile.spacing_mm, paper.SPACING_MM),
        ("patch (px)", profile.patch_px, (paper.MATRIX, paper.MATRIX)),
        ("first filters", profile.filters, paper.FILTERS),
        ("members", profile.members, paper.MEMBERS),
        ("steps of training", profile.epochs * profile.iterations, paper.EPOCHS * paper.ITERATIONS),
        ("slices a batch", profile.batch_size, paper.BATCH_SIZE),
        ("first learning rate", profile.learning_rate, paper.LEARNING_RATE),
        ("order of its fall", profile.decay_power, paper.DECAY_POWER),
    ):
        assert (what in found) == (ours != theirs), (what, ours)
    assert found["their masks"] == ("the true ones" if profile.training_setting == "randomised" else "the readers'")


def test_what_a_recipe_adds_to_the_papers_has_its_row():
    plain = profiles.load("laptop")
    for key, value, row, words in (
        ("reflection", True, "augmentation, reflection", "half of the patches"),
        ("ema_momentum", 0.99, "weights at the end", "a moving average"),
        ("own_phantoms", True, "slices of a member", "a share of its own"),
        ("loss", "walls", "loss", "DSC with more weight at thin walls"),
    ):
        assert row not in told(plain) and told(replace(plain, **{key: value}))[row] == words


def test_even_the_profile_paper_is_not_to_the_letter():
    found = told(profiles.load("paper"))
    assert {"slices", "order of that of masks", "augmentation, shift", "statistics of batch normalisation"} <= set(
        found
    )
    assert found["blur before the pixels are made larger"] == "in 25% of the slices"


def test_a_constant_brought_to_the_papers_loses_its_row(monkeypatch):
    assert "order of that of masks" in told(profiles.load("published"))
    monkeypatch.setattr(preprocess, "MASK_ORDER", paper.SPLINE_ORDER)
    assert "order of that of masks" not in told(profiles.load("published"))


def test_what_the_runs_of_a_chain_differ_in_is_told_in_turn():
    third = profiles.load("third")
    assert [part.training_cases for part, _ in profiles.parts(third)] == [3000, 3600, 12000]
    same = deviations.learned_from(third, {"training_seeds": [2019, 2019, 20195]})
    assert same == "3,000, then 3,600 (the first 3,000 of the same seeds), then 12,000"
    assert deviations.learned_from(third, {}) == same + " (the first 3,600 of the same seeds)"
    assert told(third)["loss"] == "DSC, then DSC with more weight at thin walls"
