"""At which level a slice lies: phantom people at nine levels each, what a student sees, and how far off a guess is.

`sarco.ct.level` tells a level by features; how they are weighted is learned here, on some people, and judged on others.
In phantoms what changes with the level changes by design (`sarco.phantom.anatomy.level`): nothing here is a measurement
of patients.
"""

import numpy as np

from ..base.files import write_csv
from ..ct import level, tissues, witness
from ..ct.level import FEATURES, Model, scaled

LEVELS = tuple(round(0.3 * step, 1) for step in range(-4, 5))  # vertebrae below the middle of L3
FOLDS = 5  # of people: each is judged by what the others teach
RIDGE = 30.0  # the error of people judged is the same, to a hundredth, from 10 to 100
MUSCLE = "muscle"
AREAS = {name: f"true_{name.replace(' ', '_')}_cm2" for name in (MUSCLE, *tissues.MEASURED)}
TOLD = {feature: "_".join(feature).replace(" ", "_") for feature in FEATURES}
COLUMNS = ("person", "level", *AREAS.values(), *TOLD.values(),
           "team")  # `sarco.engines.weights.team` of the student  # fmt: skip
DECIMALS = dict.fromkeys(AREAS.values(), 2) | dict.fromkeys(TOLD.values(), 3)
VERTEBRA_MM = 35.0  # with its disc, about: how far apart slices are taken to lie
LEAST = 2 * len(LEVELS)  # slices, fewer of which teach nothing


def evaluate(student, seed, people, progress=True):
    """Draw each of so many people at each of `LEVELS`: a DataFrame with the columns `COLUMNS`.

    One row a person and level; features are empty where a student finds no spinal canal or no vertebra.
    """
    from ..engines.weights import team
    from ..method.surface import area_cm2
    from ..phantom.phantom import phantom
    from ..phantom.tissues import true_labels
    from .measuring import table_of

    def rows(person):
        for at in LEVELS:
            p = phantom((seed, person), "difficult", level=at)
            told = level.seen(tissues.outputs(p.image_hu, p.spacing_mm, student), student)
            true = true_labels(p)
            areas = [area_cm2(p.true_mask, p.spacing_mm)]
            areas += [area_cm2(true == list(tissues.TISSUES).index(name), p.spacing_mm) for name in tissues.MEASURED]
            told = [np.nan] * len(FEATURES) if told is None else told
            yield dict(zip(COLUMNS, (person, at, *areas, *told, team(student.manifest)), strict=True))

    return table_of(rows, range(people), columns=COLUMNS, decimals=DECIMALS, what="people", progress=progress)


def write_levels(profile, progress=True):
    """Write results/levels.csv of a profile, of half as many people as there are difficult cases; returns its path.

    A SarcoError says that the results are committed ones, or that no student knows the tissues.
    """
    from ..base.errors import SarcoError
    from ..engines.choose import FLOAT32
    from ..runs.evaluation import writable
    from ..runs.profiles import cohort_seed

    profile = writable(profile, "draw the levels of")
    student = witness.load(profile.weights_dir, engine=FLOAT32)
    if student is None:
        raise SarcoError(
            f"{profile.weights_dir}: has no student of every tissue; train one with 'sarco train --student'."
        )
    people = max(2, profile.difficult_cases // 2)
    table = evaluate(student, cohort_seed(profile, "levels"), people, progress)
    return write_csv(table, profile.results_dir / "levels.csv")


def learn(table):
    """The `sarco.ct.level.Model` that levels.csv teaches, its interval judged on people apart; None of too few."""
    known = _known(table)
    if len(known) < LEAST or (known["person"] % FOLDS).nunique() < 2:
        return None
    found = judged(table)
    by_person = lines(found)
    half, line_half = (float(np.quantile(errors.abs(), 0.95)) for errors in (found["error"], by_person["error"]))
    off = float(by_person["off"].quantile(0.99))
    (team,) = known["team"].unique()
    return Model(*_fit(known), round(half, 3), round(line_half, 3), round(off, 3), team)


def judged(table):
    """The rows that have features, with `estimated` and `error` (estimated minus true) by what other people teach."""
    known = _known(table)
    fold = known["person"] % FOLDS
    estimated = np.full(len(known), np.nan)
    for one in fold.unique():
        apart = (fold == one).to_numpy()
        model = Model(*_fit(known[~apart]), 0.0, 0.0, 0.0, "")
        estimated[apart] = [model(told).vertebrae for told in known.loc[apart, list(TOLD.values())].to_numpy()]
    return known.assign(estimated=estimated, error=estimated - known["level"])


def lines(found):
    """Where the slices of each person, as `judged`, place mid-L3: `error` in vertebrae, and `off` as `level.Line`."""
    import pandas as pd

    def of(slices):
        line = level.fit_line(-VERTEBRA_MM * slices["level"], slices["estimated"])
        return pd.Series({"error": -line.at_mm / VERTEBRA_MM, "off": line.off})

    return found.groupby("person")[["level", "estimated"]].apply(of)


def _known(table):
    return table.dropna(subset=TOLD[FEATURES[0]])


def _fit(known):
    """Means, scales and weights of the features, and the constant, by ridge regression."""
    told, levels = known[list(TOLD.values())].to_numpy(float), known["level"].to_numpy(float)
    there = np.isfinite(told)
    n = np.maximum(there.sum(axis=0), 1)
    means = np.where(there, told, 0).sum(axis=0) / n
    scales = np.sqrt((np.where(there, told - means, 0) ** 2).sum(axis=0) / n)
    scales = np.where(scales > 0, scales, 1.0)
    x = scaled(told, means, scales)
    centre, constant = x.mean(axis=0), levels.mean()
    x = x - centre
    weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(len(centre)), x.T @ (levels - constant))
    # Rounded, so that what is kept beside the weights computes what the table teaches.
    means, scales, weights = (tuple(values.round(5).tolist()) for values in (means, scales, weights))
    return means, scales, weights, round(float(constant - centre @ weights), 5)


def by_level(table):
    """How true sizes change with the level in phantoms, as multiples of what the same person has in the middle of L3.

    Parameters
    ----------
    table : DataFrame
        levels.csv.

    Returns
    -------
    DataFrame
        Columns level, what (muscle, two fats, the psoas' share of the muscle, muscle over both fats), ratio (mean over
        people) and its ends low and high.
    """
    import pandas as pd

    from .bootstrap import estimate, mean

    sizes = table.set_index(["person", "level"])[list(AREAS.values())].set_axis(list(AREAS), axis=1)
    told = sizes[[MUSCLE, tissues.VISCERAL, tissues.SUBCUTANEOUS]].assign(**{
        "psoas share": sizes["psoas"] / sizes[MUSCLE],
        "muscle to fat": sizes[MUSCLE] / (sizes[tissues.VISCERAL] + sizes[tissues.SUBCUTANEOUS]),
    })  # fmt: skip
    ratios = told.div(told.xs(0.0, level="level"), level="person")
    lines = []
    for what, values in ratios.items():
        for at, part in values.groupby("level"):
            ratio, low, high = estimate(part.to_numpy(), mean)
            lines.append({"level": at, "what": what, "ratio": ratio, "low": low, "high": high})
    return pd.DataFrame(lines)


def summarise(found):
    """How well levels are told, from the rows of `judged`: a dict of numbers to print.

    `slices`, `people`; of single slices `rmse`, `half` (95 % of errors are smaller, vertebrae) and `within_half` (share
    that is off by half a vertebra at most); of the warning `false_alarms` (share of slices within 0.3 vertebrae of
    mid-L3 that get one) and `found` (the same of those 0.9 or more off); of volumes `line_half` in vertebrae.
    """
    off, away = found["estimated"].abs() > level.HALF_VERTEBRA, found["level"].abs()
    error = found["error"].abs()
    return {
        "slices": len(found), "people": found["person"].nunique(), "rmse": float(np.sqrt((error**2).mean())),
        "half": float(error.quantile(0.95)), "within_half": float((error <= level.HALF_VERTEBRA).mean()),
        "false_alarms": float(off[away < 0.4].mean()), "found": float(off[away > 0.8].mean()),
        "line_half": float(lines(found)["error"].abs().quantile(0.95)),
    }  # fmt: skip
