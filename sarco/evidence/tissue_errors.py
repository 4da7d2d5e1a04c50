"""Every tissue that the student tells apart, against the truth of the phantoms: how well, and how far off its area is.

A label map parts the muscle that was found into its groups, so there are two: of the mask of all members, and of the
student's own (`sarco segment --quick`). The truth is the phantom's: readers draw muscle alone.
"""

import numpy as np

from ..base.files import write_csv
from ..ct import tissues
from ..engines.weights import team
from ..method import metrics
from ..method.slice import measure_subsets
from ..method.surface import area_cm2
from ..runs.evaluation import STUDENT, judged_cases
from .bootstrap import estimate
from .correction import WHOLE
from .measuring import opened, student_of, table_of

BY = ("members", STUDENT)  # whose muscle is parted; `evidence.correction` reads them by these names
TOLD = (*tissues.MEASURED, tissues.BONE, tissues.CANAL, "kidney", "organ", "bowel")
PARTS = [(name, side) for name in TOLD for side in (WHOLE, *(tissues.SIDES if name in tissues.MUSCLES else ()))]
COLUMNS = ("case", "split", "tissue", "side", "true_area_cm2",
           *(f"{by}_{what}" for by in BY for what in ("dsc", "area_cm2")),
           "team")  # whose rows these are: `sarco.engines.weights.team` of the members, and of the student  # fmt: skip
DECIMALS = {name: 5 if name.endswith("dsc") else 3 for name in COLUMNS[4:-1]}


def evaluate(ensemble, student, cohort, cases, progress=True):
    """Part slices of phantoms into tissues and compare with the truth: a DataFrame with the columns `COLUMNS`.

    One row for each case and each of `PARTS`. There is no DSC where a tissue neither
    is nor was found, and no area of a side where no midline was.
    """
    names, teams = student.tissues, f"{team(ensemble.manifest)} {team(student.manifest)}"

    def rows(case):
        image, true = cohort.read_slice(case), cohort.read_true_mask(case)
        hu, mm = image.image_hu, image.spacing_mm
        muscle = measure_subsets(hu, mm, ensemble, {"all": range(ensemble.size)})["all"].mask
        maps = [tissues.by_hu(cohort.read_tissues(case), true, hu, mm)]
        maps += [tissues.label_map(hu, mm, student, of) for of in (muscle, None)]
        named = (tuple(tissues.TISSUES), names, names)
        found = [tissues.parts(labels, mm, of, TOLD) for labels, of in zip(maps, named, strict=True)]
        for name, side in PARTS:
            true, *others = (one.get((name, "" if side == WHOLE else side)) for one in found)
            areas = [np.nan if mask is None else area_cm2(mask, mm) for mask in (true, *others)]
            known = [true is not None and mask is not None and (true | mask).any() for mask in others]
            scores = [metrics.dice(true, mask) if one else np.nan for mask, one in zip(others, known, strict=True)]
            told = (case, cohort.table.loc[case, "split"], name, side, areas.pop(0))
            pairs = zip(scores, areas, strict=True)
            yield dict(zip(COLUMNS, (*told, *(value for pair in pairs for value in pair), teams), strict=True))

    return table_of(rows, cases, columns=COLUMNS, decimals=DECIMALS, what="part", progress=progress)


def write_tissues(profile, progress=True):
    """Write results/tissues.csv of a profile, of its validation and test slices, and return its path.

    A SarcoError says that the results are committed ones, what is missing, or that no student knows the tissues.
    """
    profile, cohort, ensemble = opened(profile, "part into tissues")
    student = student_of(profile)
    cases = judged_cases(cohort, profile)
    return write_csv(evaluate(ensemble, student, cohort, cases, progress), profile.results_dir / "tissues.csv")


def summarise(table, corrections, by="members"):
    """How well each tissue and side is found on the test slices, with 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        tissues.csv.
    corrections : dict of str to sarco.evidence.correction.Correction
        As `correction.of_tissues` learns them.
    by : str
        One of `BY`.

    Returns
    -------
    DataFrame
        One row a tissue and side; columns tissue, side, n (slices), true_area_cm2 (mean), dsc, dsc_low, dsc_high,
        error_cm2 (mean of found minus true) and rmse_cm2 with their ends, half_cm2 (half of the prediction interval)
        and held (the share of slices whose true area lies in it); NaN where too few slices teach one.
    """
    import pandas as pd

    test = table[table["split"] == "test"]
    lines = []
    for (name, side), part in test.groupby(["tissue", "side"], sort=False):
        part = part.dropna(subset=[f"{by}_dsc"])
        if part.empty:
            continue
        errors_cm2 = (part[f"{by}_area_cm2"] - part["true_area_cm2"]).to_numpy()
        line = {"tissue": name, "side": side, "n": len(part), "true_area_cm2": part["true_area_cm2"].mean()}
        for what, values, reduce in (("dsc", part[f"{by}_dsc"].to_numpy(), _mean), ("error_cm2", errors_cm2, _mean),
                                     ("rmse_cm2", errors_cm2, _rms)):  # fmt: skip
            line |= zip((what, f"{what}_low", f"{what}_high"), estimate(values, reduce), strict=True)
        known = corrections.get(tissues.called(name, "" if side == WHOLE else side))
        line |= {"half_cm2": known.half_cm2 if known else np.nan, "held": known.coverage if known else np.nan}
        lines.append(line)
    order = {name: place for place, name in enumerate(TOLD)}
    return pd.DataFrame(lines).sort_values(
        "tissue", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )


def _mean(values):
    return values.mean(axis=-1)


def _rms(errors):
    return np.sqrt(np.square(errors).mean(axis=-1))
