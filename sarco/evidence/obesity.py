"""Fat and muscle together: who is called sarcopenic and obese at once, and how errors of the areas move that.

Two published rules, of many: one looks at the weight, the other at visceral fat. The people are phantoms, whose fat is
drawn by this companion, so how many there are says nothing of patients; how many change sides does.
"""

from dataclasses import dataclass

from ..ct.tissues import SUBCUTANEOUS, VISCERAL
from .bootstrap import estimate
from .correction import WHOLE

LEAST_CM2 = 10.0  # of fat: to divide by less says nothing


@dataclass(frozen=True)
class Definition:
    """One published rule: little muscle for the height, and much of something else.

    `much` names a column of `people`, or of its areas, and `at_least` is its limit, the same for both sexes.
    """

    title: str
    source: str
    smi: dict  # limit of the SMI by sex, cm2/m2
    includes: bool  # whether an SMI at the limit is low
    much: str
    at_least: float


DEFINITIONS = {
    "prado-2008": Definition(
        "Prado 2008",
        "Prado et al., Lancet Oncol 2008;9:629-635, doi 10.1016/S1470-2045(08)70153-0: obese patients with cancer",
        smi={"F": 38.5, "M": 52.4}, includes=True, much="bmi", at_least=30.0,
    ),
    "kobayashi-2019": Definition(
        "Kobayashi 2019",
        "Kobayashi et al., Ann Surg 2019;269:924-931, as Itoh et al. tell it, doi 10.21037/hbsn.2019.09.14: patients "
        "with cancer of the liver, visceral fat measured at the umbilicus",
        smi={"F": 30.88, "M": 40.31}, includes=False, much=VISCERAL, at_least=100.0,
    ),
}  # fmt: skip


def people(tissues, cases):
    """The people of the test set with their muscle and fat.

    Parameters
    ----------
    tissues : DataFrame
        tissues.csv.
    cases : DataFrame
        As `statistics.people` gives the test slices.

    Returns
    -------
    DataFrame
        `cases` with columns true and found muscle, subcutaneous and visceral fat, cm2, by their name and " true" or
        " found"; the muscle is that of all members, as found. Without people who have no such fat.
    """
    wide = tissues[(tissues["side"] == WHOLE) & tissues["tissue"].isin((SUBCUTANEOUS, VISCERAL))].pivot(
        index="case", columns="tissue", values=["true_area_cm2", "members_area_cm2"]
    )
    wide.columns = [f"{tissue} {'true' if what.startswith('true') else 'found'}" for what, tissue in wide.columns]
    table = cases.merge(wide, left_on="case", right_index=True, validate="one_to_one")
    return table.assign(**{"muscle true": table["true_area_cm2"], "muscle found": table["area_cm2"]})


def called(table, definition, which):
    """Whom of `people` a definition calls sarcopenic and obese: bool; by areas that are "true" or "found"."""
    smi = table[f"muscle {which}"] / table["height_m"] ** 2
    limit = table["sex"].map(definition.smi)
    much = table[definition.much if definition.much in table else f"{definition.much} {which}"]
    return (smi <= limit if definition.includes else smi < limit) & (much >= definition.at_least)


def changes(table):
    """Of `people`, how many are called so by their true areas and by those found, and who changes sides.

    Returns
    -------
    DataFrame
        One row a definition; columns title, n, true, found, changed (counts) and share with its ends low and high, of
        those who change.
    """
    import pandas as pd

    lines = []
    for definition in DEFINITIONS.values():
        true, found = (called(table, definition, which).to_numpy() for which in ("true", "found"))
        share, low, high = estimate((true != found).astype(float), lambda values: values.mean(axis=-1))
        lines.append((definition.title, len(table), true.sum(), found.sum(), (true != found).sum(), share, low, high))
    return pd.DataFrame(lines, columns=["title", "n", "true", "found", "changed", "share", "low", "high"])


def ratio_error(table, fat=VISCERAL):
    """Relative error of muscle over fat as found, of `people` who have `LEAST_CM2` of it or more: a Series."""
    some = table[table[f"{fat} true"] >= LEAST_CM2]
    true, found = (some[f"muscle {which}"] / some[f"{fat} {which}"] for which in ("true", "found"))
    return found / true - 1
