"""What is worth its while in the phantoms and in the recipe: change one thing, train, and look at what changes.

Each variant is a few networks, one a seed. Networks of one seed begin with the same weights and see their phantoms in
the same order, so that they are compared in pairs. What differs is which groups of `phantom.population.GROUPS` were
drawn wider than nature when the phantoms were made (`profiles.PHANTOMS`), or a key of the recipe (`profiles.RECIPES`).
All are scored with the paper's post-processing against true masks: of difficult phantoms, and of the validation slices
of the reference population.
"""

from dataclasses import replace

import numpy as np

from ..base.errors import SarcoError
from ..base.files import write_csv
from ..base.tables import read_results
from ..cohort.layout import Cohort
from ..engines.weights import unpack
from ..method.ensemble import Ensemble
from ..runs import profiles
from ..runs.arrays import load_arrays
from ..runs.evaluation import FINAL
from ..runs.training import member_of, train_member
from .bootstrap import bootstrap
from .other_populations import evaluate

BASE = "all"  # the variant that the others are compared with
POPULATIONS = ("difficult", "reference")
COLUMNS = ("variant", "seed", "population", "case", "kind", "dsc", "area_cm2", "reference_area_cm2")
ROUNDS = 5  # an interrupted training loses at most one of these


def run_variant(profile, variant, seed=1, progress=True):
    """Train and score a network of one of a profile's variants, from its last checkpoint if it was interrupted.

    `seed` is 1 to `profile.ablation_seeds`. The phantoms must have been made. Returns the path of its table, with the
    columns `COLUMNS`.
    """
    import pandas as pd

    _check(profile, variant, seed)
    out, recipe = profile.ablation_dir / variant, _recipe(profiles.varied(profile, variant))
    learn = Cohort.open(profile.ablation_dir / profiles.phantoms_of(profile, variant) / "cohort")
    judges = dict(zip(POPULATIONS, map(Cohort.open, (profile.difficult_dir, profile.cohort_dir)), strict=True))
    cases = {"difficult": judges["difficult"].cases(), "reference": judges["reference"].cases("validation")}
    training = load_arrays(learn, learn.cases("train"), recipe.spacing_mm, progress)
    validation = load_arrays(judges["reference"], cases["reference"], recipe.spacing_mm, progress)
    weights = train_member(training, validation, member_of(profile, seed), recipe, out, progress)
    ensemble = Ensemble({"spacing_mm": recipe.spacing_mm}, [unpack(weights)])
    tables = [evaluate(ensemble, judges[name], cases[name], progress).assign(population=name) for name in POPULATIONS]
    table = pd.concat(tables).rename(columns={"true_area_cm2": "reference_area_cm2"})
    table = table[table["step"] == FINAL].assign(variant=variant, seed=seed)
    return write_csv(table[list(COLUMNS)], table_path(profile, variant, seed))


def _recipe(profile):
    """The profile with the steps of the ablation, from nothing, in `ROUNDS` epochs (rounded down to whole ones)."""
    epochs = min(ROUNDS, profile.ablation_steps)
    return replace(profile, epochs=epochs, iterations=profile.ablation_steps // epochs, goes_on_from=None)


def table_path(profile, variant, seed):
    """Where `run_variant` writes."""
    return profile.ablation_dir / variant / f"cases-{seed:02d}.csv"


def _check(profile, variant, seed):
    if variant not in profile.ablation_variants:
        known = ", ".join(profile.ablation_variants) or "none"
        raise SarcoError(f"profile {profile.name}: there is no variant {variant!r} of the ablation; it has {known}.")
    if not 1 <= seed <= profile.ablation_seeds:
        raise SarcoError(f"profile {profile.name}: there is no seed {seed}; choose 1 to {profile.ablation_seeds}.")


def combine(profile):
    """Write results/ablation.csv, a row for each variant, seed and case, in this order; returns its path."""
    import pandas as pd

    if not profile.ablation_variants:
        raise SarcoError(f"profile {profile.name}: has no ablation; name variants under 'ablation_variants'.")
    tables, same = [], ["population", "case", "reference_area_cm2"]
    for variant in profile.ablation_variants:
        for seed in range(1, profile.ablation_seeds + 1):
            path = table_path(profile, variant, seed)
            if not path.is_file():
                told = f"sarco ablate --profile {profile.name} --variant {variant} --seed {seed}"
                raise SarcoError(f"{path}: not there; run '{told}'.")
            tables.append(read_results(path))
            if not tables[-1][same].equals(tables[0][same]):
                raise SarcoError(f"{path}: other cases than those of {profile.ablation_variants[0]}; run it again.")
    return write_csv(pd.concat(tables), profile.results_dir / "ablation.csv")


def label(variant):
    """A variant as text: "without HU"."""
    return variant.replace("-hu", "-HU").replace("-", " ")


def summarise(table, of=profiles.PHANTOMS, population="difficult"):
    """DSC and RMSE of variants of ablation.csv, and what they change from those of `BASE`, with 95 % intervals.

    Cases and seeds are drawn again, the same of both sides. With one seed, an interval holds the choice of cases alone.

    Parameters
    ----------
    table : DataFrame
        Without the columns seed and population it is one of a single seed and of difficult phantoms.
    of : collection of str
        Which variants; those that the table lacks are left out.
    population : str
        One of `POPULATIONS`.

    Returns
    -------
    DataFrame
        One row a variant, in the order of the table; columns n (cases), seeds, dsc_mean, low, high, dsc_min,
        worst_kind, error_cm2 (mean of predicted minus reference area), rmse_cm2 (of one network), loss (mean DSC of
        `BASE` minus that of the variant, paired), loss_low, loss_high, more_cm2 (RMSE of the variant minus that of
        `BASE`), more_low, more_high.
    """
    import pandas as pd

    table = _chosen(table, {BASE, *of}, population)
    worst = table.loc[table.groupby("variant")["dsc"].idxmin()].set_index("variant")["kind"]
    dsc, error_cm2 = (_by_variant(table, column) for column in ("dsc", "error_cm2"))
    lines = {}
    for name in dsc:
        (base_dsc, d), (base_cm2, e) = (_paired(of_variant, name) for of_variant in (dsc, error_cm2))
        value, low, high = _estimate(_mean, d)
        loss, more = _estimate(_mean, base_dsc, d), _estimate(_rmse, e, base_cm2)
        lines[name] = {
            "n": d.shape[1], "seeds": len(d), "dsc_mean": value, "low": low, "high": high, "dsc_min": d.min(),
            "worst_kind": worst[name], "error_cm2": e.mean(), "rmse_cm2": float(_rmse(e)),
            **dict(zip(("loss", "loss_low", "loss_high"), loss, strict=True)),
            **dict(zip(("more_cm2", "more_low", "more_high"), more, strict=True)),
        }  # fmt: skip
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("variant")


def by_kind(table, of=profiles.RECIPES):
    """RMSE of one network against the truth, cm2, for each kind of difficult phantom (rows) and variant (columns)."""
    table = _chosen(table, {BASE, *of}, "difficult")
    squares = table.assign(square=table["error_cm2"] ** 2).groupby(["kind", "variant", "seed"], sort=False)["square"]
    return np.sqrt(squares.mean()).groupby(["kind", "variant"], sort=False).mean().unstack()


def _chosen(table, variants, population):
    """The rows of some variants and a population, with seed and error."""
    table = table if "seed" in table else table.assign(seed=1, population="difficult")
    table = table[table["variant"].isin(variants) & (table["population"] == population)]
    return table.assign(error_cm2=table["area_cm2"] - table["reference_area_cm2"])


def _by_variant(table, column):
    """A column as a table of seeds and cases for each variant, in order."""
    wide = table.pivot(index=["variant", "seed"], columns="case", values=column)
    names = list(dict.fromkeys(table["variant"]))
    if BASE not in names or wide.isna().any(axis=None):
        raise SarcoError("ablation.csv: needs the variant 'all', and every case in every variant; make it again.")
    return {name: wide.loc[name] for name in names}


def _paired(of_variant, name):
    """Arrays (seeds, cases) of `BASE` and of a variant, of the seeds that both have."""
    base, own = of_variant[BASE], of_variant[name]
    seeds = base.index.intersection(own.index)
    return base.loc[seeds].to_numpy(), own.loc[seeds].to_numpy()


def _estimate(reduce, values, less=None):
    """A statistic of values (seeds, cases), minus that of others, over draws of both: value, low, high."""

    def statistic(cases, seeds):
        at = seeds[..., :, None], cases[..., None, :]
        return reduce(values[at]) - (0 if less is None else reduce(less[at]))

    seeds, cases = map(np.arange, values.shape)
    return bootstrap(statistic, [cases], [seeds])


def _mean(values):
    return values.mean(axis=(-2, -1))


def _rmse(errors):
    """Mean of those of the networks."""
    return np.sqrt(np.square(errors).mean(axis=-1)).mean(axis=-1)
