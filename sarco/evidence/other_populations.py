"""The whole ensemble on people of another kind than those that it is corrected for.

The correction is learned on validation slices of the reference population (chapter 6). Here are two other populations:
difficult phantoms, each with one thing that networks find hard, and phantoms of the randomised setting that no network
has learned from. Their masks are the true ones: no reader errs.
"""

from ..base.files import write_csv
from ..cohort.layout import Cohort
from ..ct import witness
from ..engines.choose import FLOAT32
from ..engines.weights import team
from ..method.ensemble import Ensemble
from ..method.surface import area_cm2
from ..runs.evaluation import DECIMALS, FINAL, score, writable
from .measuring import alone_and_all, table_of

STEPS = ("threshold", FINAL)  # before post-processing, and at the end
COLUMNS = (
    "population", "case", "kind", "pixel_spacing_mm", "step", "dsc", "area_cm2", "true_area_cm2",
    # As in cases.csv.
    "mean_hu", "low_attenuation_cm2", "true_mean_hu", "true_low_attenuation_cm2",
    "members_sd_cm2", "members_dsc", "disagreement_share", "members_apart_cm2", "other_tissue_cm2",
    "team",  # whose rows these are: `sarco.engines.weights.team`
)  # fmt: skip
POPULATIONS = ("difficult", "randomised")  # settings of the phantom


def cohorts(profile):
    """Folder of each of `POPULATIONS`; each has `difficult_cases` cases."""
    return dict(zip(POPULATIONS, (profile.difficult_dir, profile.unseen_dir), strict=True))


def evaluate(ensemble, cohort, cases=None, progress=True, student=None):
    """Segment the cases of a cohort of phantoms, of the kinds in its notes, or some, and compare them with the truth.

    A DataFrame with the columns `COLUMNS` but the first and the last; one row for each case and step of `STEPS`. A
    student of every tissue says what the members' mask holds beside muscle.
    """
    chosen = alone_and_all(ensemble.size)

    def rows(case):
        image, mask = cohort.read_slice(case), cohort.read_true_mask(case)
        facts = {
            "case": case, "kind": cohort.table.loc[case, "notes"], "pixel_spacing_mm": image.spacing_mm[0],
            "true_area_cm2": area_cm2(mask, image.spacing_mm),
        }  # fmt: skip
        scored = score(ensemble, chosen, image, mask, mask, student)
        return [facts | row for row in scored if row["members"] == ensemble.size and row["step"] in STEPS]

    return table_of(
        rows, cases or cohort.cases(), columns=COLUMNS[1:-1], decimals=DECIMALS, what="score", progress=progress
    )


def write_elsewhere(profile, progress=True):
    """Write results/elsewhere.csv of a profile.

    Returns its path. A SarcoError says that the results are committed ones, or what is missing or broken.
    """
    import pandas as pd

    profile = writable(profile, "evaluate")
    opened = {population: Cohort.open(folder) for population, folder in cohorts(profile).items()}
    ensemble, student = (how(profile.weights_dir, engine=FLOAT32) for how in (Ensemble.load, witness.load))
    tables = [
        evaluate(ensemble, cohort, progress=progress, student=student).assign(population=name)
        for name, cohort in opened.items()
    ]
    whole = pd.concat(tables).assign(team=team(ensemble.manifest))
    return write_csv(whole[list(COLUMNS)], profile.results_dir / "elsewhere.csv")
