"""What the results would be if what nobody published were otherwise.

Three things of the reference population are ours, and no source settles them: how far readers are from the truth
(`sarco.phantom.readers` says what is known), how many masks have label D, and how many people have ascites, which the
networks find hardest. Here each is changed alone, and the networks' masks stay what they are: the readers are made to
err less, or cases are left out or counted twice.
"""

import numpy as np

from ..base.files import write_csv
from ..cohort.make import phantom_of
from ..method import metrics
from ..method.slice import measure_subsets
from ..method.surface import area_cm2
from ..phantom.phantom import reading
from ..runs.evaluation import FINAL, judged_cases
from .measuring import alone_and_all, opened, table_of
from .steps import rows

# Of all that sets a reader apart from the truth: from readers who draw the truth to those of the cohort.
SCALES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
COLUMNS = ("case", "split", "scale", "subset", "step", "dsc", "reference_area_cm2", "reader_dsc")
KEY = ["case", "subset", "step"]
DECIMALS = {"dsc": 5, "reference_area_cm2": 3, "reader_dsc": 5}
SHARE_OF_LABEL, SHARE_OF_ASCITES = "the share of label D", "the share of ascites"
SHARES = (0, 1, 2)  # times the cohort's


def write_readers(profile, progress=True):
    """Write results/readers.csv of a profile: the same masks against readers that are nearer to the truth.

    Returns its path. A SarcoError says that the results are committed ones, what is missing, or that the cohort is not
    one of phantoms.
    """
    profile, cohort, ensemble = opened(profile, "evaluate")
    cases = judged_cases(cohort, profile)
    table = table_of(lambda case: _read(cohort, ensemble, case), cases, columns=COLUMNS, decimals=DECIMALS,
                     what="readings", progress=progress)  # fmt: skip
    return write_csv(table, profile.results_dir / "readers.csv")


def judged(size, split):
    """The means over members, and after which steps, whose masks the paper sets against its readers.

    On validation these are every member alone and all together, and all after post-processing; on test the last only:
    dict of (subset, step) to list of members.
    """
    named = alone_and_all(size)
    whole = next(name for name, members in named.items() if len(members) == size)
    before = {(name, "threshold"): members for name, members in named.items()} if split == "validation" else {}
    return before | {(whole, FINAL): named[whole]}


def _read(cohort, ensemble, case):
    """Rows of one case, for each of `SCALES`."""
    split, image, phantom = cohort.table.loc[case, "split"], cohort.read_slice(case), phantom_of(cohort, case)
    measured = measure_subsets(image.image_hu, image.spacing_mm, ensemble, judged(ensemble.size, split))
    masks = {(subset, step): one.masks[step] for (subset, step), one in measured.items()}
    for scale in SCALES:
        reader = reading(phantom, scale)
        of_reader = area_cm2(reader, image.spacing_mm), metrics.dice(reader, phantom.true_mask)
        for (subset, step), mask in masks.items():
            yield case, split, scale, subset, step, metrics.dice(mask, reader), *of_reader


def with_readers(cases, readers):
    """The rows of cases.csv that `judged` names, as they would be for readers of each scale of readers.csv.

    Yields the SD of the readers' areas against the true ones on the test slices, cm2, and the table.
    """
    changed = ["dsc", "reference_area_cm2", "reader_dsc"]
    for _, block in readers.groupby("scale"):
        table = cases.drop(columns=changed).merge(block[KEY + changed], on=KEY, validate="one_to_one")
        test = rows(table, "test")
        yield float((test["reference_area_cm2"] - test["true_area_cm2"]).std(ddof=1)), table[list(cases.columns)]


def with_share(cases, chosen, factor):
    """The table of results, with the rows of some cases left out (0) or counted again under another name (2)."""
    import pandas as pd

    here = cases["case"].isin(chosen)
    return pd.concat([cases[~here], *(cases[here].assign(case=cases["case"] + "+" * i) for i in range(factor))])


def alternatives(run):
    """The results of a `sarco.evidence.run.Run` under other assumptions, one changed at a time.

    Yields what is assumed, its unit, its value, and what cases.csv would be.
    """
    cohort, readers = run.results("cohort"), run.results("readers")
    cases = run.results("cases").merge(readers[KEY].drop_duplicates())  # the others are not judged
    for sd_cm2, table in with_readers(cases, readers):
        yield "the readers' SD", "cm2", sd_cm2, table
    notes = cohort["notes"].fillna("").str.split(", ")
    groups = {
        SHARE_OF_LABEL: cohort.loc[cohort["quality"] == "D", "case"],
        SHARE_OF_ASCITES: cohort.loc[[("ascites" in of_case) for of_case in notes], "case"],
    }
    test = cases.loc[cases["split"] == "test", "case"].unique()
    for name, chosen in groups.items():
        share = np.isin(test, chosen).mean()
        for factor in SHARES:
            value = 100 * factor * share / (1 + (factor - 1) * share)
            yield name, "%", float(value), with_share(cases, chosen, factor)
