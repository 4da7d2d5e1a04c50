"""One person measured again: what repeats of one measurement differ by, and so what a change has to be more than.

Each phantom person is drawn three times: on one day, on another (lain down anew, with other bowel), and in another scan
of the first moment. Muscles, organs and fat are drawn as large, so that what differs in what was found is no change of
the person. On one half of the people it is learned how far two days differ; the other half judges that.
"""

import numpy as np

from ..base.files import write_csv
from ..ct import tissues
from ..engines.choose import FLOAT32
from ..engines.weights import team
from ..method.ensemble import Ensemble
from ..method.slice import measure_slice
from ..method.surface import area_cm2
from ..phantom.phantom import SETTINGS, phantom
from ..phantom.tissues import true_labels
from ..runs.evaluation import STUDENT, writable
from .correction import WHOLE
from .measuring import student_of, table_of
from .repeatability import JUDGE, LEARN, MUSCLE, WHAT, differences, repeats_of

AGAIN = {"first": {"day": 1}, "day": {"day": 2}, "scan": {"day": 1, "scan": 1}}  # how a phantom is drawn
OF_REPEAT = {"day": {"covered": "covered", "held": "held"}, "scan": {"covered": "scan_covered", "held": ""}}
SETTING = "difficult"  # people of the reference population with true masks; here without anything on purpose
PARTS = [(MUSCLE, WHOLE)] + [
    (name, side) for name in tissues.MEASURED for side in (WHOLE, *(tissues.SIDES if name in tissues.MUSCLES else ()))
]
BY = ("true", "members", STUDENT)
COLUMNS = ("person", "split", "repeat", "tissue", "side", *(f"{by}_{what}" for by in BY for what in WHAT),
           "team")  # as in tissues.csv  # fmt: skip
DECIMALS = {f"{by}_{what}": decimals for by in BY for what, decimals in zip(WHAT, (3, 2), strict=True)}


def evaluate(ensemble, student, people, seed, matrix=512, progress=True):
    """Draw so many people three times each, and measure: a DataFrame with the columns `COLUMNS`.

    One row for each person, repeat and part of `PARTS`; no value where a muscle has no sides, no HU where it is not.
    """
    names, teams = student.tissues, f"{team(ensemble.manifest)} {team(student.manifest)}"

    def rows(person):
        for repeat, how in AGAIN.items():
            p = phantom((seed, SETTINGS.index(SETTING), person), SETTING, matrix, **how)
            hu, mm = p.image_hu.astype(np.float32), p.spacing_mm
            muscle = measure_slice(hu, mm, ensemble).mask
            found = [_parts(true_labels(p), mm)]
            found += [_parts(tissues.label_map(hu, mm, student, of), mm, names) for of in (muscle, None)]
            half = LEARN if person < people // 2 else JUDGE
            for name, side in PARTS:
                values = (value for masks in found for value in _measure(masks.get((name, side)), hu, mm))
                yield dict(zip(COLUMNS, (person + 1, half, repeat, name, side, *values, teams), strict=True))

    return table_of(rows, range(people), columns=COLUMNS, decimals=DECIMALS, what="repeat", progress=progress)


def _parts(labels, spacing_mm, names=tuple(tissues.TISSUES)):
    """Masks of `PARTS`; the muscle as a whole is all muscles that the labels part."""
    muscle = np.isin(labels, [names.index(name) for name in tissues.MUSCLES if name in names])
    found = {(name, side or WHOLE): mask for (name, side), mask in tissues.parts(labels, spacing_mm, names).items()}
    return {(MUSCLE, WHOLE): muscle} | found


def _measure(mask, image_hu, spacing_mm):
    if mask is None:
        return np.nan, np.nan
    return area_cm2(mask, spacing_mm), float(image_hu[mask].mean()) if mask.any() else np.nan


def write_repeats(profile, progress=True):
    """Write results/repeats.csv of a profile, of as many people as it has difficult cases, and return its path.

    A SarcoError says that the results are committed ones, what is missing, or that no student knows the tissues.
    """
    from ..runs.profiles import cohort_seed

    profile = writable(profile, "repeat measurements with")
    ensemble, student = Ensemble.load(profile.weights_dir, engine=FLOAT32), student_of(profile, engine=FLOAT32)
    table = evaluate(ensemble, student, profile.difficult_cases, cohort_seed(profile, "repeats"), progress=progress)
    return write_csv(table, profile.results_dir / "repeats.csv")


def summarise(table, whose="members"):
    """What makes two measurements of one person differ, and how often that was held, between days and between scans.

    Parameters
    ----------
    table : DataFrame
        repeats.csv.
    whose : {"members", "student"}
        Who found the muscle.

    Returns
    -------
    DataFrame
        One row a part of `PARTS`, number of `WHAT` and repeat, with the columns tissue, side, what, again and people.
        Over all of these: sd of the differences found, true_sd of those of the true masks in the same images, error_sd
        of the former minus the latter, one_sd of the error of a single measurement about its mean, and shared, the
        correlation of the two errors, which cancels in a change. half, band, covered (for scans its scan_covered) and
        held (of days alone) are those of `repeatability.Repeat`. NaN where nothing was learned.
    """
    import pandas as pd

    known, lines, keys = repeats_of(table, whose == STUDENT), [], ["person", "tissue", "side"]
    by_repeat = {which: part.set_index(keys) for which, part in table.groupby("repeat")}
    for again in list(AGAIN)[1:]:
        found, true = (differences(table, one, again).set_index(keys) for one in (whose, "true"))
        columns = {"half": "half", "band": "band"} | OF_REPEAT[again]
        for what in WHAT:
            one, other = (by_repeat[which][f"{whose}_{what}"] - by_repeat[which][f"true_{what}"]
                          for which in ("first", again))  # fmt: skip
            values = pd.DataFrame({
                "sd": found[what], "true_sd": true[what], "error_sd": other - one, "one": one, "other": other,
            }).dropna()  # fmt: skip
            for (name, side), part in values.groupby(["tissue", "side"], sort=False):
                repeat = known.get(tissues.called(name, "" if side == WHOLE else side), {}).get(what)
                lines.append({
                    "tissue": name, "side": side, "what": what, "again": again, "people": len(part),
                    **{key: float(np.sqrt(np.square(part[key]).mean())) for key in ("sd", "true_sd", "error_sd")},
                    "one_sd": float(np.sqrt((part["one"].var() + part["other"].var()) / 2)),
                    "shared": float(part["one"].corr(part["other"], min_periods=3)),
                    **{key: getattr(repeat, name, None) for key, name in columns.items()},
                })  # fmt: skip
    numbers = ["half", "band", "covered", "held"]
    return pd.DataFrame(lines).astype(dict.fromkeys(numbers, float))
