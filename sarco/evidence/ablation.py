"""Which group of the domain randomisation matters: train without one, and look at slices that are difficult.

Each variant is one network. All start from the same weights, see as many phantoms in the same order and take as many
steps; what differs is which groups of `phantom.population.GROUPS` were drawn wider than nature when the phantoms were
made. They are scored on one fixed cohort of difficult reference phantoms, with the paper's post-processing.
"""

from dataclasses import replace

from ..base.errors import SarcoError
from ..base.files import write_csv
from ..base.tables import read_results
from ..cohort.layout import Cohort
from ..engines.weights import unpack
from ..method.ensemble import Ensemble
from ..runs.arrays import load_arrays
from ..runs.evaluation import FINAL
from ..runs.training import member_of, train_member
from .bootstrap import estimate, mean
from .other_populations import evaluate

COLUMNS = ("variant", "case", "kind", "dsc", "area_cm2", "reference_area_cm2")
ROUNDS = 5  # an interrupted training loses at most one of these


def run_variant(profile, variant, progress=True):
    """Train and score one of a profile's variants, from its last checkpoint if it was interrupted.

    Its phantoms must have been made. Returns the path of its table, with the columns `COLUMNS`.
    """
    if variant not in profile.ablation_variants:
        known = ", ".join(profile.ablation_variants) or "none"
        raise SarcoError(f"profile {profile.name}: there is no variant {variant!r} of the ablation; it has {known}.")
    out = profile.ablation_dir / variant
    learn, judge = Cohort.open(out / "cohort"), Cohort.open(profile.cohort_dir)
    training = load_arrays(learn, learn.cases("train"), profile.spacing_mm, progress)
    validation = load_arrays(judge, judge.cases("validation"), profile.spacing_mm, progress)
    # The same seed for all: the same first weights, order and augmentation.
    weights = train_member(training, validation, member_of(profile, 1), recipe(profile), out, progress)
    ensemble = Ensemble({"spacing_mm": profile.spacing_mm}, [unpack(weights)])
    table = evaluate(ensemble, Cohort.open(profile.difficult_dir), progress)
    table = table[table["step"] == FINAL].rename(columns={"true_area_cm2": "reference_area_cm2"})
    return write_csv(table.assign(variant=variant)[list(COLUMNS)], out / "cases.csv")


def recipe(profile):
    """The profile with the steps of the ablation, from nothing, in `ROUNDS` epochs (rounded down to whole ones)."""
    epochs = min(ROUNDS, profile.ablation_steps)
    return replace(profile, epochs=epochs, iterations=profile.ablation_steps // epochs, goes_on_from=None)


def combine(profile):
    """Write results/ablation.csv, a row for each variant and case, in the order of the variants; returns its path."""
    import pandas as pd

    if not profile.ablation_variants:
        raise SarcoError(f"profile {profile.name}: has no ablation; name variants under 'ablation_variants'.")
    tables = []
    for variant in profile.ablation_variants:
        path = profile.ablation_dir / variant / "cases.csv"
        if not path.is_file():
            raise SarcoError(f"{path}: not there; run 'sarco ablate --profile {profile.name} --variant {variant}'.")
        tables.append(read_results(path))
        if not tables[-1][["case", "reference_area_cm2"]].equals(tables[0][["case", "reference_area_cm2"]]):
            raise SarcoError(f"{path}: other cases than those of {profile.ablation_variants[0]}; run it again.")
    return write_csv(pd.concat(tables), profile.results_dir / "ablation.csv")


def label(variant):
    """A variant as text: "without HU"."""
    return variant.replace("-hu", "-HU").replace("-", " ")


def summarise(table):
    """DSC of each variant of ablation.csv, and how much less it is than that of "all", with 95 % intervals.

    Returns
    -------
    DataFrame
        One row a variant, in the order of the table; columns n, dsc_mean, low, high, dsc_min, worst_kind, error_cm2
        (mean of predicted minus reference area), loss (mean DSC of "all" minus that of the variant, paired), loss_low,
        loss_high.
    """
    import pandas as pd

    wide = table.pivot(index="case", columns="variant", values="dsc")[list(dict.fromkeys(table["variant"]))]
    if "all" not in wide or wide.isna().any().any():
        raise SarcoError("ablation.csv: needs the variant 'all', and every case in every variant; make it again.")
    worst = table.loc[table.groupby("variant")["dsc"].idxmin()].set_index("variant")
    error_cm2 = (table["area_cm2"] - table["reference_area_cm2"]).groupby(table["variant"]).mean()
    columns = ["n", "dsc_mean", "low", "high", "dsc_min", "worst_kind", "error_cm2", "loss", "loss_low", "loss_high"]
    lines = {
        name: (len(dsc), *estimate(dsc, mean), dsc.min(), worst["kind"][name], error_cm2[name],
               *estimate(wide["all"] - dsc, mean))
        for name, dsc in wide.items()
    }  # fmt: skip
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("variant")
