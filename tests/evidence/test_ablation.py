"""The ablation: from the command to its table, and what is read from that table."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.cohort import make
from sarco.cohort.layout import Cohort
from sarco.evidence import ablation
from sarco.phantom import population
from sarco.runs import profiles

pytestmark = pytest.mark.long


def run(*arguments):
    return CliRunner().invoke(app, ["ablate", *map(str, arguments)])


@pytest.fixture(scope="module")
def tiny(root, tmp_path_factory):
    """A profile of two variants, with its cohorts made."""
    folder = tmp_path_factory.mktemp("ablation")
    text = (root / "workflow/profiles/smoke.yaml").read_text(encoding="utf-8")
    for old, new in (("name: smoke", "name: tiny"), ("run_dir: build/smoke", f"run_dir: {folder / 'run'}"),
                     ("filters: 8", "filters: 2")):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    path = folder / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    profile = profiles.load(path)
    make.make(profile.cohort_dir, 10, matrix=128, workers=1, progress=False)
    make.make(profile.difficult_dir, 2, "difficult", matrix=128, workers=1, progress=False)
    for variant in profile.ablation_variants:
        make.make(profile.ablation_dir / variant / "cohort", 4, "randomised", matrix=128, workers=1, progress=False,
                  without=profiles.left_out(variant))  # fmt: skip
    return path, profile


def test_from_the_command_to_the_table(tiny):
    path, profile = tiny
    early = run("--profile", path)
    assert early.exit_code == 2 and "--variant all" in early.stderr and "Traceback" not in early.stderr
    done = run("--profile", path, "--variant", "all")
    assert done.exit_code == 0, done.output
    # As if the other had been trained too, to the same network.
    one, other = (ablation.table_path(profile, variant, 1) for variant in ("all", "none"))
    other.parent.mkdir(exist_ok=True)
    other.write_text(one.read_text().replace("all,", "none,"))
    assert run("--profile", path).exit_code == 0
    table = pd.read_csv(profile.results_dir / "ablation.csv", dtype={"case": str})
    assert tuple(table.columns) == ablation.COLUMNS
    validation = Cohort.open(profile.cohort_dir).cases("validation")
    cases = [("difficult", "0001"), ("difficult", "0002"), *(("reference", case) for case in validation)]
    assert list(zip(table.variant, table.population, table.case, strict=True)) == [
        (variant, *case) for variant in ("all", "none") for case in cases
    ]
    hard = table[table.population == "difficult"]
    assert list(hard.kind) == 2 * list(population.DIFFICULT[:2]) and table.dsc.between(0, 1).all()
    assert (table.reference_area_cm2 > 20).all() and (table.seed == 1).all()
    # Scored on other slices: not to be compared.
    other.write_text(one.read_text().replace("all,1,difficult,0002", "none,1,difficult,0003"))
    mixed = run("--profile", path)
    assert mixed.exit_code == 2 and "other cases than those of all" in mixed.stderr


def test_a_variant_that_is_not_in_the_profile(tiny):
    path, _ = tiny
    done = run("--profile", path, "--variant", "without-colour")
    assert done.exit_code == 2 and "no variant 'without-colour' of the ablation; it has all, none" in done.stderr
    done = run("--profile", path, "--variant", "none", "--seed", "2")
    assert done.exit_code == 2 and "there is no seed 2; choose 1 to 1" in done.stderr


def test_the_variants_are_the_groups_of_the_phantom():
    left = [tuple(profiles.left_out(variant)) for variant in profiles.PHANTOMS]
    assert left == [(), *((group,) for group in population.GROUPS), population.GROUPS]


@pytest.mark.parametrize("variant", profiles.RECIPES)
def test_a_variant_of_the_recipe_changes_it_and_has_phantoms(tiny, variant):
    profile = profiles.load("third")
    changed = profiles.varied(profile, variant)
    assert changed != profile and profiles.left_out(variant) == []
    learnt = profiles.phantoms_of(profile, variant)
    assert profiles.varied(profile, learnt).ablation_cases == changed.ablation_cases
    assert (learnt == "all") == (changed.ablation_cases == profile.ablation_cases)
    # What the network sees of a body stays: more pixels, or as many.
    sides = zip(changed.patch_px, profile.patch_px, strict=True)
    assert all(side * changed.spacing_mm == pytest.approx(was * profile.spacing_mm, rel=0.05) for side, was in sides)


@pytest.mark.parametrize("variants", ["[none]", "[all, all]", "[all, without-colour]", "all"])
def test_variants_of_a_profile_are_checked(root, tmp_path, variants):
    text = (root / "workflow/profiles/smoke.yaml").read_text(encoding="utf-8")
    path = tmp_path / "smoke.yaml"
    path.write_text(text.replace("ablation_variants: [all, none]", f"ablation_variants: {variants}"))
    with pytest.raises(SarcoError, match=r"smoke\.yaml: ablation_variants is"):
        profiles.load(path)


def test_summary_is_paired_over_cases():
    """Cases differ far more than variants do: a paired loss sees a small one."""
    dsc = [0.5, 0.6, 0.7, 0.8, 0.9]
    rows = [
        (variant, f"{i}", kind, d - loss, 100 + d, 100)
        for variant, loss in (("all", 0), ("none", 0.02))
        for i, (d, kind) in enumerate(zip(dsc, ["hand", "rib", "rib", "lean", "lean"], strict=True))
    ]
    columns = ["variant", "case", "kind", "dsc", "area_cm2", "reference_area_cm2"]
    table = pd.DataFrame(rows, columns=columns)
    summary = ablation.summarise(table)
    assert list(summary.index) == ["all", "none"] and (summary.n == 5).all()
    assert summary.dsc_mean["all"] == pytest.approx(0.7) and summary.dsc_min["none"] == pytest.approx(0.48)
    assert list(summary.worst_kind) == ["hand", "hand"] and summary.error_cm2["all"] == pytest.approx(0.7)
    assert summary.low["all"] < 0.65 and summary.high["all"] > 0.75
    none = summary.loc["none"]
    assert none.loss == pytest.approx(0.02) == none.loss_low and none.loss_high == pytest.approx(0.02)
    with pytest.raises(SarcoError, match="every case in every variant"):
        ablation.summarise(table[1:])
    # Two seeds of which one gained: the interval holds the choice of seeds, too, and other populations do not count.
    lucky = table.assign(dsc=table.dsc.where(table.variant == "all", table.dsc + 0.04))
    two = pd.concat([table.assign(seed=1), lucky.assign(seed=2)]).assign(population="difficult")
    both = ablation.summarise(pd.concat([two, two.assign(population="reference", dsc=0.5)])).loc["none"]
    assert (both.n, both.seeds) == (5, 2) and both.loss == pytest.approx(0)
    assert both.loss_low == pytest.approx(-0.02) and both.loss_high == pytest.approx(0.02)


def test_area_errors_by_variant_and_kind():
    errors_cm2 = {"all": (3, -4), "reflection": (1, 1), "none": (9, 9)}
    rows = [(variant, seed, "difficult", case, kind, 0.9, 100 + error, 100)
            for variant, errors in errors_cm2.items() for seed in (1, 2)
            for case, kind, error in zip("ab", ("hand", "rib"), errors, strict=True)]  # fmt: skip
    table = pd.DataFrame(rows, columns=list(ablation.COLUMNS))
    of_recipes = ablation.summarise(table, profiles.RECIPES)
    assert list(of_recipes.index) == ["all", "reflection"]
    assert list(of_recipes.rmse_cm2) == pytest.approx([np.sqrt(12.5), 1])
    change = of_recipes.loc["reflection"]
    assert change.more_cm2 == pytest.approx(1 - np.sqrt(12.5))
    assert (change.more_low, change.more_high) == pytest.approx((-3, -2))
    kinds = ablation.by_kind(table)
    assert kinds.loc["hand"].to_dict() == {"all": 3, "reflection": 1} and kinds["all"]["rib"] == 4
