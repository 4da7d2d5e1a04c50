"""The phantoms of a cohort beside the studies that they were drawn after, by sex and age."""

import math

from ..phantom.population import MEN_AREA_RATIO, MEN_HU_OFFSET, PHASE_HU, WOMEN, mean_height_m

# Name of each age group of the study, and its ages: from, up to but without.
BANDS = (("<45", 0, 45), ("45-54", 45, 55), ("55-64", 55, 65), ("65-74", 65, 75), ("75+", 75, 200))
# Mean and SD of the area (cm2) and of the attenuation (HU) in each age group.
PUBLISHED = {
    "F": [row[1:5] for row in WOMEN],
    "M": [
        (area * MEN_AREA_RATIO, sd * MEN_AREA_RATIO, hu + MEN_HU_OFFSET, hu_sd) for _, area, sd, hu, hu_sd, *_ in WOMEN
    ],
}


def plain(cohort):
    """Cases of cohort.csv that are not excluded, with hu: their attenuation less what contrast adds to muscle."""
    kept = cohort[cohort["split"] != "excluded"]
    return kept.assign(hu=kept["mean_hu"] - kept["phase"].map(PHASE_HU))


def by_age(kept):
    """Muscle, its index and the height of each sex and age group, beside the studies.

    Returns
    -------
    DataFrame
        One row a sex and age group: sex, age, n; mean and _sd of area_cm2, hu, smi (cm2/m2) and height_m; study_ before
        what the study has, NaN for men's index, which is not at hand; survey_m, the survey's height at these ages.
    """
    import pandas as pd

    names = [f"study_{name}{end}" for name in ("area_cm2", "hu", "smi") for end in ("", "_sd")]
    rows = []
    for sex in "FM":
        for (age, low, high), published, (*_, smi, smi_sd) in zip(BANDS, PUBLISHED[sex], WOMEN, strict=True):
            here = kept[(kept["sex"] == sex) & (kept["age"] >= low) & (kept["age"] < high)]
            measured = here[["area_cm2", "hu", "height_m"]].assign(smi=here["area_cm2"] / here["height_m"] ** 2)
            index = (smi, smi_sd) if sex == "F" else (math.nan, math.nan)
            survey_m = here["age"].map(lambda years, sex=sex: mean_height_m(sex, years)).mean()
            row = {"sex": sex, "age": age, "n": len(here), "survey_m": survey_m, **measured.mean()}
            rows.append(
                row | dict(measured.std().add_suffix("_sd")) | dict(zip(names, (*published, *index), strict=True))
            )
    return pd.DataFrame(rows)
