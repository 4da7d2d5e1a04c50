"""At which level a slice lies: phantom people at nine levels each, what a student sees, and how far off a guess is.

`sarco.ct.level` tells a level by features; how they are weighted is learned here, on some people, and judged on others.
In phantoms what changes with the level changes by design (`sarco.phantom.anatomy.level`): nothing here is a measurement
of patients.
"""

import math
from dataclasses import replace

import numpy as np

from ..base.files import write_csv
from ..ct import level, tissues
from ..ct.level import FEATURES, Model, scaled
from .measuring import student_of, table_of

LEVELS = tuple(round(0.3 * step, 1) for step in range(-4, 5))  # vertebrae below the middle of L3
FOLDS = 5  # of people: each is judged by what the others teach
RIDGE = 30.0  # the error of people judged is the same, to a hundredth, from 10 to 100
MUSCLE = "muscle"
AREAS = {name: f"true_{name.replace(' ', '_')}_cm2" for name in (MUSCLE, *tissues.MEASURED)}
TOLD = {feature: "_".join(feature).replace(" ", "_") for feature in FEATURES}
MATRICES = 512, 512, 320, 256  # of which people take turns: most slices have 512 rows, and some are exported smaller
COLUMNS = ("person", "level", "matrix", *AREAS.values(), *TOLD.values(),
           "team")  # `sarco.engines.weights.team` of the student  # fmt: skip
DECIMALS = dict.fromkeys(AREAS.values(), 2) | dict.fromkeys(TOLD.values(), 3)
LEAST = 2 * len(LEVELS)  # slices, fewer of which teach nothing
REACH = 2.0  # vertebrae to either side of mid-L3 that a volume shows
BETWEEN_MM = 2.5, 5.0, 7.5  # slices of a volume lie apart
HEIGHTS_MM = 30.0, 40.0  # of L3 with its disc, ours
STACKED = 1  # the stream of what a volume differs in
LEAST_VOLUMES = 10  # fewer of which teach nothing
VOLUME_COLUMNS = ("person", "matrix", "between_mm", "vertebra_mm", "off_mm", "off", "found_vertebra_mm",
                  "why_not", "team")  # fmt: skip
VOLUME_DECIMALS = dict.fromkeys(("vertebra_mm", "off_mm"), 1) | {"off": 3}


def evaluate(student, seed, people, progress=True):
    """Draw each of so many people at each of `LEVELS`: a DataFrame with the columns `COLUMNS`.

    One row a person and level; features are empty where a student finds no spinal canal or no vertebra.
    """
    from ..engines.weights import team
    from ..method.surface import area_cm2
    from ..phantom.phantom import phantom
    from ..phantom.tissues import true_labels

    def rows(person):
        for at in LEVELS:
            p = phantom((seed, person), "difficult", matrix := MATRICES[person % len(MATRICES)], level=at)
            told = level.seen(tissues.outputs(p.image_hu, p.spacing_mm, student), student)
            true = true_labels(p)
            areas = [area_cm2(p.true_mask, p.spacing_mm)]
            areas += [area_cm2(true == list(tissues.TISSUES).index(name), p.spacing_mm) for name in tissues.MEASURED]
            told = [np.nan] * len(FEATURES) if told is None else told
            yield dict(zip(COLUMNS, (person, at, matrix, *areas, *told, team(student.manifest)), strict=True))

    return table_of(rows, range(people), columns=COLUMNS, decimals=DECIMALS, what="people", progress=progress)


def write_levels(profile, progress=True):
    """Write results/levels.csv of a profile, of half as many people as there are difficult cases; returns its path.

    A SarcoError says that the results are committed ones, or that no student knows the tissues.
    """
    from ..engines.choose import FLOAT32
    from ..runs.evaluation import writable
    from ..runs.profiles import cohort_seed

    profile = writable(profile, "draw the levels of")
    student = student_of(profile, engine=FLOAT32)
    people, seed = max(2, profile.difficult_cases // 2), cohort_seed(profile, "levels")
    table = evaluate(student, seed, people, progress)
    others = range(people, people + math.ceil(people / 3))
    volumes = evaluate_volumes(student, learn(table), seed, others, progress)
    write_csv(volumes, profile.results_dir / "volumes.csv")
    return write_csv(table, profile.results_dir / "levels.csv")


def evaluate_volumes(student, model, seed, people, progress=True):
    """Find mid-L3 in a volume of each of some people: a DataFrame with the columns `VOLUME_COLUMNS`.

    Volumes reach `REACH` vertebrae to either side. How far apart slices lie, how high a vertebra is and where slices
    lie to it differ; a slice is drawn when it is looked at. No row where there is no model, or no vertebra is found.
    """
    from ..engines.weights import team
    from ..phantom.phantom import phantom

    def rows(person):
        rng = np.random.default_rng((seed, person, STACKED))
        between_mm, vertebra_mm = rng.choice(BETWEEN_MM), rng.uniform(*HEIGHTS_MM)
        up_mm = np.arange(-REACH * vertebra_mm + rng.uniform(0, between_mm), REACH * vertebra_mm, between_mm)
        matrix = MATRICES[person % len(MATRICES)]

        def look(chosen):
            for at in chosen:
                p = phantom((seed, person), "difficult", matrix, level=-up_mm[at] / vertebra_mm)
                yield at, model(level.seen(tissues.outputs(p.image_hu, p.spacing_mm, student), student))

        line, _ = level.find(up_mm, look) if model else (None, {})
        if line:
            found_mm = up_mm[np.abs(up_mm - line.at_mm).argmin()]
            why_not = line.why_not(found_mm, np.inf) or None
            told = person, matrix, between_mm, vertebra_mm, found_mm, line.off, line.vertebra_mm, why_not
            yield dict(zip(VOLUME_COLUMNS, (*told, team(student.manifest)), strict=True))

    return table_of(rows, people, columns=VOLUME_COLUMNS, decimals=VOLUME_DECIMALS, what="volumes", progress=progress)


def learn(table, volumes=None):
    """The `sarco.ct.level.Model` that levels.csv teaches, its interval judged on people apart; None of too few.

    Where volumes.csv is given, it tells how far off a proposal is.
    """
    known = _known(table)
    if len(known) < LEAST or (known["person"] % FOLDS).nunique() < 2:
        return None
    (team,) = known["team"].unique()
    model = Model(*_fit(known), round(float(judged(table)["error"].abs().quantile(0.95)), 3), team)
    taught = () if volumes is None else volumes[volumes["team"] == team]
    return model if len(taught) < LEAST_VOLUMES else replace(model, **_limits(taught))


def _limits(taught):
    """What volumes teach of one more: `half_mm` and `most_off` of `Model`, by Student's t, for they are few."""
    from scipy.stats import t

    off, n = np.log(taught["off"].to_numpy()), len(taught)  # of which one volume in a hundred has more
    most_off = np.exp(off.mean() + t.ppf(0.99, n - 1) * off.std(ddof=1) * np.sqrt(1 + 1 / n))
    off_mm = taught.loc[_sure(taught, most_off), "off_mm"].to_numpy()
    half_mm = t.ppf(0.975, len(off_mm)) * np.sqrt((off_mm**2).mean())
    return {"half_mm": round(float(half_mm), 1), "most_off": round(float(most_off), 3)}


def _sure(volumes, most_off):
    return volumes["why_not"].isna() & (volumes["off"] <= most_off)


def judged(table):
    """The rows that have features, with `estimated` and `error` (estimated minus true) by what other people teach."""
    known = _known(table)
    fold = known["person"] % FOLDS
    estimated = np.full(len(known), np.nan)
    for one in fold.unique():
        apart = (fold == one).to_numpy()
        model = Model(*_fit(known[~apart]), 0.0, "")
        estimated[apart] = [model(told).vertebrae for told in known.loc[apart, list(TOLD.values())].to_numpy()]
    return known.assign(estimated=estimated, error=estimated - known["level"])


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
    mid-L3 that get one) and `found` (the same of those 0.9 or more off).
    """
    off, away = _warned(found), found["level"].abs()
    error = found["error"].abs()
    return {
        "slices": len(found), "people": found["person"].nunique(), "rmse": float(np.sqrt((error**2).mean())),
        "half": float(error.quantile(0.95)), "within_half": float((error <= level.HALF_VERTEBRA).mean()),
        "false_alarms": float(off[away < 0.4].mean()), "found": float(off[away > 0.8].mean()),
    }  # fmt: skip


def _warned(found):
    return found["estimated"].abs() > level.HALF_VERTEBRA


def warned(found):
    """By true level, from the rows of `judged`: a DataFrame with the columns level, `warned` and `held`.

    These are shares: of slices that are warned of, and of true levels that lie in the interval, of those slices that
    are given one (nearer than `sarco.ct.level.TELLS_TO`).
    """
    held = (found["error"].abs() <= found["error"].abs().quantile(0.95)).where(
        found["estimated"].abs() <= level.TELLS_TO
    )
    shares = found.assign(warned=_warned(found), held=held).groupby("level")[["warned", "held"]]
    return shares.mean().reset_index()


def volumes_told(table):
    """How well mid-L3 is found in volumes, from volumes.csv, each judged by the others: a dict of numbers to print.

    How many `volumes` there are, how many are `sure`, and of these `off_mm` (95 % are proposed nearer to mid-L3) and
    `held` (share within `half_mm`); `refused` is the share that is not sure. `half_mm` and `most_off` are what all of
    them teach (`sarco.ct.level.Model`). NaN where they are too few.
    """
    if len(table) < LEAST_VOLUMES:
        return {"volumes": len(table), "sure": 0} | dict.fromkeys(
            ("half_mm", "most_off", "off_mm", "held", "refused"), np.nan
        )
    others = [_limits(table.drop(index=one)) for one in table.index]
    sure = _sure(table, np.array([limits["most_off"] for limits in others])).to_numpy()
    off_mm = table["off_mm"].abs().to_numpy()
    within = off_mm <= [limits["half_mm"] for limits in others]
    return _limits(table) | {
        "volumes": len(table), "sure": int(sure.sum()), "off_mm": float(np.quantile(off_mm[sure], 0.95)),
        "held": float(within[sure].mean()), "refused": float((~sure).mean()),
    }  # fmt: skip
