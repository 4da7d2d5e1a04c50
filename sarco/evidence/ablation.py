"""Which group of the domain randomisation matters: train without one, and look at slices that are difficult.

Each variant is one network. All start from the same weights, see as many phantoms in the same order and take as many
steps; what differs is which groups of `cohort.population.GROUPS` were drawn wider than nature when the phantoms were
made. They are scored on one fixed cohort of difficult reference phantoms, with the paper's post-processing.
"""

from dataclasses import replace

import numpy as np

from ..base.errors import SarcoError
from ..base.files import write_csv
from ..cohort.layout import Cohort
from ..method.ensemble import Ensemble, unpack
from ..method.unet import unet
from ..runs.evaluation import FINAL
from ..runs.training import load_arrays, member_seed, train_member
from .other_populations import evaluate

COLUMNS = ("variant", "case", "kind", "dsc", "area_cm2", "reference_area_cm2")
ROUNDS = 5  # an interrupted training loses at most one of these


def run_variant(profile, variant, progress=True):
    """Train and score one variant, from its last checkpoint if it was interrupted.

    Parameters
    ----------
    profile : sarco.runs.profiles.Profile
    variant : str
        One of `profile.ablation_variants`; its phantoms must have been made.
    progress : bool

    Returns
    -------
    Path
        Of its table, with the columns `COLUMNS`.

    Raises
    ------
    SarcoError
        The profile has no such variant, or a cohort is missing.
    """
    if variant not in profile.ablation_variants:
        known = ", ".join(profile.ablation_variants) or "none"
        raise SarcoError(f"profile {profile.name}: there is no variant {variant!r} of the ablation; it has {known}.")
    out = profile.ablation_dir / variant
    learn, judge = Cohort.open(out / "cohort"), Cohort.open(profile.cohort_dir)
    training = load_arrays(learn, learn.cases("train"), profile.spacing_mm, progress)
    validation = load_arrays(judge, judge.cases("validation"), profile.spacing_mm, progress)
    # The same seed for all: the same first weights, order and augmentation.
    weights = train_member(training, validation, member=1, seed=member_seed(profile, 1), out=out,
                           profile=recipe(profile), progress=progress)  # fmt: skip
    network = unet(profile.filters)
    network.set_weights(unpack(weights))
    ensemble = Ensemble({"spacing_mm": profile.spacing_mm}, [network])
    table = evaluate(ensemble, Cohort.open(profile.difficult_dir), progress)
    table = table[table["step"] == FINAL].rename(columns={"true_area_cm2": "reference_area_cm2"})
    return write_csv(table.assign(variant=variant)[list(COLUMNS)], out / "cases.csv")


def recipe(profile):
    """The profile with the steps of the ablation, from nothing, in `ROUNDS` epochs (rounded down to whole ones)."""
    epochs = min(ROUNDS, profile.ablation_steps)
    return replace(profile, epochs=epochs, iterations=profile.ablation_steps // epochs, goes_on_from=None)


def combine(profile):
    """Write results/ablation.csv: one row for each variant and case, in the order of the variants.

    Parameters
    ----------
    profile : sarco.runs.profiles.Profile

    Returns
    -------
    Path

    Raises
    ------
    SarcoError
        The profile has no ablation, or a variant was not run, or was run on other cases than the first.
    """
    import pandas as pd

    if not profile.ablation_variants:
        raise SarcoError(f"profile {profile.name}: has no ablation; name variants under 'ablation_variants'.")
    tables = []
    for variant in profile.ablation_variants:
        path = profile.ablation_dir / variant / "cases.csv"
        if not path.is_file():
            raise SarcoError(f"{path}: not there; run 'sarco ablate --profile {profile.name} --variant {variant}'.")
        tables.append(pd.read_csv(path, dtype={"case": str}))
        if not tables[-1][["case", "reference_area_cm2"]].equals(tables[0][["case", "reference_area_cm2"]]):
            raise SarcoError(f"{path}: other cases than those of {profile.ablation_variants[0]}; run it again.")
    return write_csv(pd.concat(tables), profile.results_dir / "ablation.csv")


def label(variant):
    """A variant as text: "without HU"."""
    return variant.replace("-hu", "-HU").replace("-", " ")


def summarise(table, draws=2000, seed=0):
    """DSC of each variant, with a 95 % bootstrap interval over the cases, and its difference to "all".

    Parameters
    ----------
    table : DataFrame
        results/ablation.csv. Every variant has the same cases, so cases are drawn once for all of them.
    draws, seed : int

    Returns
    -------
    DataFrame
        One row a variant, in the order of the table; columns n, dsc_mean, low, high, dsc_min, worst_kind, error_cm2
        (mean of predicted minus reference area), loss (mean DSC of "all" minus that of the variant, paired), loss_low,
        loss_high.

    Raises
    ------
    SarcoError
        The table lacks the variant "all", or a case of one variant.
    """
    import pandas as pd

    wide = table.pivot(index="case", columns="variant", values="dsc")[list(dict.fromkeys(table["variant"]))]
    if "all" not in wide or wide.isna().any().any():
        raise SarcoError("ablation.csv: needs the variant 'all', and every case in every variant; make it again.")
    dsc = wide.to_numpy()
    drawn = np.random.default_rng(seed).integers(0, len(dsc), (draws, len(dsc)))
    means = dsc[drawn].mean(axis=1)
    loss = dsc[:, [wide.columns.get_loc("all")]] - dsc
    losses = loss[drawn].mean(axis=1)
    (low, high), (loss_low, loss_high) = (np.percentile(x, [2.5, 97.5], axis=0) for x in (means, losses))
    worst = table.loc[table.groupby("variant")["dsc"].idxmin()].set_index("variant")
    error = (table["area_cm2"] - table["reference_area_cm2"]).groupby(table["variant"]).mean()
    return pd.DataFrame(
        {
            "n": len(dsc), "dsc_mean": dsc.mean(0), "low": low, "high": high, "dsc_min": dsc.min(0),
            "worst_kind": worst["kind"][wide.columns], "error_cm2": error[wide.columns],
            "loss": loss.mean(0), "loss_low": loss_low, "loss_high": loss_high,
        },
        index=wide.columns,
    )  # fmt: skip
