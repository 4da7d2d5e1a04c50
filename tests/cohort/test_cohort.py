"""The cohort: same seed, same bytes; the paper's split; and a check that finds what is planted."""

import shutil

import numpy as np
import pandas as pd
import pytest

from sarco.base.errors import SarcoError
from sarco.cohort import layout, make
from sarco.phantom.canvas import L3_MUSCLES, MUSCLES, PARTS
from sarco.phantom.phantom import RARE, phantom
from sarco.phantom.population import DIFFICULT, FEATURES, GROUPS


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make.make(tmp_path_factory.mktemp("cohort") / "c", 24, seed=5, workers=1, matrix=128, progress=False)


@pytest.fixture
def copy(cohort, tmp_path):
    shutil.copytree(cohort.root, tmp_path / "c")
    return layout.Cohort.open(tmp_path / "c")


@pytest.mark.long
def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(cohort, tmp_path):
    again = make.make(tmp_path / "again", 24, seed=5, workers=2, matrix=128, progress=False)
    files = sorted(p.relative_to(cohort.root) for p in cohort.root.rglob("*.*"))
    assert len(files) == 4 * 24 + 2
    assert all((cohort.root / f).read_bytes() == (again.root / f).read_bytes() for f in files)
    other = make.make(tmp_path / "other", 1, seed=6, workers=1, matrix=128, progress=False)
    assert other.path("images", "0001").read_bytes() != cohort.path("images", "0001").read_bytes()


def test_a_cohort_is_not_written_over_another(copy):
    with pytest.raises(SarcoError, match="already holds another cohort"):
        make.make(copy.root, 24, seed=6, workers=1, matrix=128, progress=False)


def test_the_split_is_the_papers_and_stratified():
    rng = np.random.default_rng(0)
    names = [f"{i:04d}" for i in range(1525)]
    table = pd.DataFrame({"quality": rng.choice(list("ABCD"), 1525, p=(0.5, 0.3, 0.15, 0.05))}, index=names)
    split = layout.assign_splits(table, names[1025:], names[:3], seed=1)
    assert split.value_counts().to_dict() == {"train": 982, "test": 500, "validation": 40, "excluded": 3}
    pool = table.loc[names[3:1025], "quality"].value_counts() * 40 / 1022
    drawn = table.loc[split == "validation", "quality"].value_counts()
    assert (drawn - pool).abs().max() < 1  # each label within one case of its exact share


def test_unregistered_masks_are_excluded_by_measurement(cohort):
    excluded = cohort.cases("excluded")
    assert len(excluded) == 1  # a tenth of the 16 that are not for testing, at most three
    shares = {c: layout.outside_window_share(cohort.read_slice(c).image_hu, cohort.read_mask(c))
              for c in cohort.cases()}  # fmt: skip
    assert max(v for c, v in shares.items() if c not in excluded) == 0  # cut to the window, so nothing is outside
    assert shares[excluded[0]] > 3 * layout.REGISTERED_SHARE
    assert layout.check(cohort.root).unregistered == excluded


def test_a_made_cohort_passes_its_check(cohort):
    assert layout.check(cohort.root).problems == []


def _shift(cohort, case):
    s = cohort.read_slice(case)
    mask = np.roll(cohort.read_mask(case), round(10 / s.spacing_mm[0]), 0)
    layout.write_mask(cohort.path("masks", case), mask)


def _swap(cohort, case):
    other = next(c for c in cohort.cases("train") if c != case)
    a, b = cohort.read_mask(case), cohort.read_mask(other)
    layout.write_mask(cohort.path("masks", case), b)
    layout.write_mask(cohort.path("masks", other), a)


def _duplicate(cohort, case):
    other = next(c for c in cohort.cases("train") if c != case)
    for kind in ("images", "masks"):
        shutil.copyfile(cohort.path(kind, other), cohort.path(kind, case))


def _edit(column, value):
    def edit(cohort, case):
        cohort.table.loc[case, column] = value
        layout.write_table(cohort.table, cohort.root / "cohort.csv")

    return edit


FAULTS = {
    "shifted by 10 mm": (_shift, "not registered"),
    "swapped masks": (_swap, "not registered"),
    "missing mask": (lambda c, k: c.path("masks", k).unlink(), "the mask is missing"),
    "missing image": (lambda c, k: c.path("images", k).unlink(), "no such file"),
    "wrong shape": (lambda c, k: layout.write_mask(c.path("masks", k), np.ones((9, 9), bool)), "slice's grid"),
    "wrong spacing": (_edit("pixel_spacing_mm", 1.5), "pixel spacing"),
    "wrong area": (_edit("area_cm2", 100.0), "cohort.csv says 100.00"),
    "unknown split": (_edit("split", "holdout"), "holdout"),
    "duplicated case": (_duplicate, "the same slice as case"),
    "empty mask": (lambda c, k: layout.write_mask(c.path("masks", k), np.zeros((128, 128), bool)), "empty"),
    "stray file": (lambda c, k: shutil.copyfile(c.path("masks", k), c.root / "masks" / "x.png"), "not in cohort.csv"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_check_finds(fault, copy):
    plant, words = FAULTS[fault]
    plant(copy, copy.cases("train")[1])
    messages = [p.message for p in layout.check(copy.root).problems]
    assert any(words in m for m in messages), messages


def test_a_subset_is_a_cohort_of_its_own(cohort, tmp_path):
    cases = cohort.cases("validation")[:2]
    layout.subset(cohort.root, tmp_path / "few", cases)
    assert layout.Cohort.open(tmp_path / "few").cases() == cases
    assert layout.check(tmp_path / "few").problems == []
    with pytest.raises(SarcoError, match="no case 9999"):
        layout.subset(cohort.root, tmp_path / "none", ["9999"])


def test_a_phantom_is_muscle_where_its_mask_is():
    p = phantom(3, "reference")
    values = p.image_hu[p.true_mask]
    assert values.min() >= -29 and values.max() <= 150
    area = p.true_mask.sum() * p.spacing_mm[0] * p.spacing_mm[1] / 100
    assert area == pytest.approx(p.subject.area_cm2, rel=0.12)  # drawn to reach it; fat and noise take their share
    assert values.mean() == pytest.approx(p.subject.muscle_hu, abs=8)


def test_a_difficult_cohort_draws_each_kind_in_turn(tmp_path):
    hard = make.make(tmp_path / "hard", len(DIFFICULT) + 1, "difficult", seed=1, matrix=128, workers=1, progress=False)
    assert list(hard.table["notes"]) == [*DIFFICULT, DIFFICULT[0]]
    assert set(hard.table["split"]) == {"test"}
    assert all((hard.read_mask(c) == hard.read_true_mask(c)).all() for c in hard.cases()[:3])
    assert layout.check(hard.root).problems == []


def test_a_group_left_out_is_another_cohort(tmp_path):
    make.make(tmp_path / "r", 1, "randomised", seed=1, matrix=128, without=("hu",), progress=False)
    with pytest.raises(SarcoError, match="already holds another cohort"):
        make.make(tmp_path / "r", 1, "randomised", seed=1, matrix=128, progress=False)
    with pytest.raises(SarcoError, match="cannot leave out hu in the setting reference"):
        make.make(tmp_path / "s", 1, "reference", without=("hu",), progress=False)


@pytest.mark.parametrize("feature", FEATURES)
def test_every_rare_thing_can_be_drawn_on_purpose(feature):
    seeds = ((4, i) for i in range(20))
    usual, seed = next((p, s) for s in seeds if feature not in (p := phantom(s, "difficult", matrix=128)).notes)
    with_it = phantom(seed, "difficult", matrix=128, features=(feature,))
    assert feature in with_it.notes
    assert (with_it.image_hu != usual.image_hu).any()


SHOWN_AS = {"rib": "bone", "iliac crest": "bone", "hernia": "visceral fat", "stoma": "foreign body",
            "drain": "foreign body", "implant": "foreign body", "arms": "limb", "forearm": "limb",
            "hand": "limb"}  # fmt: skip


@pytest.mark.parametrize("feature", RARE)
def test_a_rare_part_is_painted(feature):
    part, more = PARTS.index(SHOWN_AS[feature]), 0
    for seed in range(4):
        usual, with_it = (phantom((4, seed), "difficult", 128, features=kinds) for kinds in ((), (feature,)))
        more += (with_it.parts == part).sum() - (usual.parts == part).sum()
    assert more > 0


def test_parts_and_contour_agree_and_a_part_can_be_added():
    def stone(canvas, draw, frame):
        win, level = canvas.ellipse(60, frame.spine_y - 10, 4, 4)
        canvas.paint(win, level < 1, 900, "foreign body")

    plain, with_stone = (phantom(3, "difficult", 256, extra=extra) for extra in ((), (stone,)))
    named = np.isin(plain.parts, [PARTS.index(name) for name in MUSCLES])
    assert (named == plain.contour).all()
    assert {PARTS.index(n) for n in (*L3_MUSCLES, "bone", "skin", "visceral fat")} <= set(np.unique(plain.parts))
    new = with_stone.parts != plain.parts
    assert new.any() and (with_stone.parts[new] == PARTS.index("foreign body")).all()
    assert with_stone.image_hu[new].mean() > plain.image_hu[new].mean() + 200


def test_randomisation_switches_by_group():
    plain = phantom(3, "randomised", matrix=128, groups=())
    for group in GROUPS:
        assert (phantom(3, "randomised", matrix=128, groups=(group,)).image_hu != plain.image_hu).any(), group
    with pytest.raises(ValueError, match="unknown groups"):
        phantom(3, "randomised", groups=("colour",))
    with pytest.raises(ValueError, match="unknown features"):
        phantom(3, features=("tail",))
