"""What poor labels cost: networks that learn from better and worse masks of the same slices, judged against the truth.

The paper: "We showed that our algorithm was robust to poor label quality." Its networks were judged on masks of the
same readers, and all learned from one mixture of labels. A phantom has a true mask, and its reader can be made to err:
so here the images stay the same, and only the masks that are learned from change (`ARMS`). One seed has the same first
weights, order of slices and augmentation in each arm, so that networks are compared in pairs.

The networks learn from the reference population, as the paper's, by the recipe of a profile. Their cohort is one of
their own, with test cases of its own: the test set of a run stays unseen.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..base import sources
from ..base.errors import SarcoError
from ..base.files import atomic, checksum, write_csv
from ..base.tables import read_results
from ..cohort.layout import Cohort, read_mask, write_mask
from ..cohort.make import phantom_of
from ..engines.choose import FLOAT32
from ..engines.weights import unpack
from ..method import metrics
from ..method.ensemble import Ensemble
from ..method.preprocess import mask_to_network
from ..method.surface import area_cm2
from ..phantom.phantom import reading
from ..phantom.readers import QUALITY_SHARE, draw_quality, review
from ..runs.arrays import load_arrays
from ..runs.evaluation import DECIMALS, FINAL, read_case, score, writable
from ..runs.profiles import RECIPE
from ..runs.training import member_of, train_member
from .bootstrap import estimate, mean
from .measuring import table_of

TRUE, NO_D, AS_DRAWN = "true masks", "no D", "as drawn"
# What is learned from: the true masks; those of the readers; and those, with the share of masks that have label D.
ARMS = {TRUE: None, NO_D: 0.0, AS_DRAWN: None, "25 % D": 0.25, "50 % D": 0.5}
SEEDS = 3  # networks of each arm
TEST_CASES = 200
STEPS = ("threshold", FINAL)  # before post-processing, and at the end
COLUMNS = (
    "arm", "network",  # 1 to `SEEDS`: the same number begins and goes on in the same way
    "slices", "steps", "spacing_mm",  # that it learned from, and in; the side of its pixels
    "d_share", "mask_dsc", "mask_error_cm2",  # of the masks of these slices, measured against the truth
    "case", "quality", "noisy",  # the test slice: its reader's label, and whether the image is non-diagnostic
    "step", "dsc", "area_cm2", "reference_area_cm2", "true_dsc", "true_area_cm2",
)  # fmt: skip
OF_MASKS = ("d_share", "mask_dsc", "mask_error_cm2")
NOISY = "noisy"  # in the notes of a cohort: an image of non-diagnostic quality, which has label D whatever its mask


@dataclass(frozen=True, eq=False)
class _Job:
    """What a profile's networks learn from, and where they go."""

    profile: object  # a `sarco.runs.profiles.Profile`
    cohort: Cohort

    @cached_property
    def folder(self):
        """All that is kept, in a folder whose name says of what: nothing goes on with other slices or code."""
        made_from = (checksum(self.cohort.root / "cohort.csv"), *(getattr(self.profile, key) for key in RECIPE),
                     self.profile.seed, self.profile.evaluation_cases, sources.digest(__name__))  # fmt: skip
        return self.cohort.root.parent / hashlib.sha256(repr(made_from).encode()).hexdigest()[:12]

    @cached_property
    def cases(self):
        return self.cohort.cases("train")

    @cached_property
    def poor(self):
        """Of the training cases those whose mask has label D as drawn, and the others in an order of their own."""
        table = self.cohort.table.loc[self.cases]
        poor = (table["quality"] == "D") & ~is_noisy(table["notes"])
        rest = np.random.default_rng((self.profile.seed, 7)).permutation(table.index[~poor])
        return list(table.index[poor]), list(rest)

    def other(self, arm):
        """Cases whose reader draws again, so that the arm has its share of label D."""
        poor, rest = self.poor
        more = 0 if ARMS[arm] is None else round(ARMS[arm] * len(self.cases)) - len(poor)
        return rest[:more] if more > 0 else poor[len(poor) + more :]

    def again(self, case):
        """Path of what the reader of a case draws the second time."""
        return self.folder / "masks" / f"{case}.png"


def is_noisy(notes):
    """Which cases have a non-diagnostic image, by their notes."""
    return notes.fillna("").str.split(", ").map(lambda notes: NOISY in notes)


def draw_again(phantom, seed):
    """The mask that the reader of a phantom draws with another error: a large one, or none that is large if it had one.

    The contour about it stays the same: `seed` is only of which error stands in for a large one.
    """
    large = review(phantom.mask, phantom.true_mask, phantom.spacing_mm) == "D"
    share = {label: part for label, part in QUALITY_SHARE.items() if label != "D"}
    error = draw_quality(np.random.default_rng(seed), share) if large else "D"
    return reading(replace(phantom, error=error))


def _draw_masks(job, progress):
    """Write each mask that some arm needs and that is not there yet."""
    from tqdm import tqdm

    needed = sorted({case for arm in ARMS for case in job.other(arm)})
    for case in tqdm(needed, "reading again", unit="case", disable=not progress):
        if not job.again(case).exists():
            write_mask(job.again(case), draw_again(phantom_of(job.cohort, case), (job.profile.seed, 7, int(case))))


def _learned_from(job, arm):
    """Masks of an arm as the network learns them, (cases, n, n), and what they are by `OF_MASKS`; kept on disk."""
    path = job.folder / f"{slug(arm)}.npz"
    if not path.exists():
        other, masks, found = set(job.other(arm)), [], []
        for case in job.cases:
            spacing_mm = (job.cohort.table.loc[case, "pixel_spacing_mm"],) * 2
            true_mask = read_mask(job.cohort.path("true", case))
            kept = job.again(case) if case in other else job.cohort.path("masks", case)
            mask = true_mask if arm == TRUE else read_mask(kept)
            masks.append(mask_to_network(mask, spacing_mm, job.profile.spacing_mm).astype(np.float16))
            error_cm2 = area_cm2(mask, spacing_mm) - area_cm2(true_mask, spacing_mm)
            large = review(mask, true_mask, spacing_mm) == "D"
            found.append((large, metrics.dice(mask, true_mask), error_cm2))
        with atomic(path) as beside:
            np.savez(beside, masks=masks, of_masks=np.mean(found, axis=0))
    with np.load(path) as kept:
        return kept["masks"], dict(zip(OF_MASKS, kept["of_masks"].tolist(), strict=True))


def slug(arm):
    """An arm as part of a file's name."""
    return arm.replace(" %", "").replace(" ", "-").lower()


def _run_network(job, arm, number, progress):
    """Train and score one network, from its last checkpoint if it was interrupted; path of its rows."""
    name = f"{slug(arm)}-{number}"
    path = job.folder / f"{name}.csv"
    if path.exists():
        return path
    (images, _), validation = (
        load_arrays(job.cohort, job.cohort.cases(split), job.profile.spacing_mm, progress)
        for split in ("train", "validation")
    )
    masks, of_masks = _learned_from(job, arm)
    member = replace(member_of(job.profile, number), name=name)
    recipe = replace(job.profile, goes_on_from=None)
    weights = train_member((images, masks), validation, member, recipe, job.folder / "weights", progress)
    ensemble = Ensemble({"spacing_mm": job.profile.spacing_mm}, [unpack(weights)], engine=FLOAT32)
    facts = {"arm": arm, "network": number, "slices": len(job.cases), "steps": recipe.epochs * recipe.iterations,
             "spacing_mm": recipe.spacing_mm, **of_masks}  # fmt: skip

    def rows(case):
        image, reader, true, of_case = read_case(job.cohort, case)
        noisy = int(is_noisy(job.cohort.table.loc[[case], "notes"]).iloc[0])
        for row in score(ensemble, {"1": [0]}, image, reader, true):
            if row["step"] in STEPS:
                yield facts | of_case | row | {"noisy": noisy}

    cases = job.cohort.cases("test")[: job.profile.evaluation_cases][:TEST_CASES]
    decimals = DECIMALS | dict(zip(OF_MASKS, (5, 5, 3), strict=True))
    return write_csv(table_of(rows, cases, columns=COLUMNS, decimals=decimals, what=name, progress=progress), path)


def write_labels(profile, progress=True):
    """Train and score `SEEDS` networks of each arm, and write results/labels.csv of a profile; returns its path.

    They learn from the cohort labels/cohort of the run, in the reference setting. Interrupted, it goes on where it
    stopped. A SarcoError says that the results are committed ones, or what is wrong with the cohort.
    """
    import pandas as pd

    profile = writable(profile, "train")
    job = _Job(profile, Cohort.open(profile.run_path / "labels" / "cohort"))
    _draw_masks(job, progress)
    # All arms of one seed before the next, so that what is there can be compared whenever it is stopped.
    paths = {(arm, number): _run_network(job, arm, number, progress) for number in range(1, SEEDS + 1) for arm in ARMS}
    tables = [read_results(paths[arm, number]) for arm in ARMS for number in range(1, SEEDS + 1)]
    return write_csv(pd.concat(tables), profile.results_dir / "labels.csv")


# What the table says --------------------------------------------------------------------------------------------------

MEASURES = {  # of `measured`: which of its columns, the statistic, and the sign of what is better (0: neither is)
    "dsc": ("dsc", mean, 1),
    "mean_error_cm2": ("error_cm2", mean, 0),  # the correction takes it out
    "error_sd_cm2": ("error_cm2", lambda errors: errors.std(axis=-1, ddof=1), -1),
    "rmse_cm2": ("error_cm2", lambda errors: np.sqrt(np.square(errors).mean(axis=-1)), -1),
}
WORSE, BETTER, NEITHER = "worse", "better", "no difference seen"
ENDS = ("", "_low", "_high")


def measured(table, who="truth"):
    """Rows of labels.csv with DSC and area error against "truth" or "reader": columns dsc and error_cm2."""
    dsc, area = {"truth": ("true_dsc", "true_area_cm2"), "reader": ("dsc", "reference_area_cm2")}[who]
    return table.assign(dsc=table[dsc], error_cm2=table["area_cm2"] - table[area])


def summarise(table, step=FINAL, who="truth"):
    """What each arm of labels.csv reaches, and its change from `TRUE`, both with 95 % intervals.

    An interval is from drawing the cases again, the same ones in both arms; a statistic is averaged over the networks,
    each of which is set against the one of the same number. As no interval knows of other networks, the least and the
    most change of one stand beside it, and each must agree with the interval for a verdict.

    Returns
    -------
    DataFrame
        One row an arm, in the order of the table. Columns networks, n, d_share, mask_dsc, mask_error_cm2, and for each
        of `MEASURES`, as dsc: dsc, dsc_low, dsc_high, dsc_change, dsc_change_low, dsc_change_high, dsc_least, dsc_most,
        and, but for the mean error, dsc_verdict.
    """
    import pandas as pd

    arms, rows = _by_arm(measured(table[table["step"] == step], who)), {}
    for arm, columns in arms.items():
        of_masks = table.loc[table["arm"] == arm, list(OF_MASKS)].iloc[0]
        row = {"networks": len(columns["dsc"]), "n": columns["dsc"].shape[1], **of_masks}
        for name, (column, statistic, better) in MEASURES.items():
            own, before = columns[column], arms[TRUE][column]
            change, of_each = estimate(own, statistic, before), statistic(own) - statistic(before)
            for at, found in ((name, estimate(own, statistic)), (f"{name}_change", change)):
                row |= {at + end: value for end, value in zip(ENDS, found, strict=True)}
            row |= {f"{name}_least": of_each.min(), f"{name}_most": of_each.max()}
            if better:
                row[f"{name}_verdict"] = _verdict(better, change, of_each)
        rows[arm] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")


def of_networks(table, step=FINAL):
    """What `MEASURES`, against the truth, change from `TRUE` in each network alone: one row a network of each arm.

    Columns arm, d_share, and for each of them, as dsc: dsc_change.
    """
    import pandas as pd

    arms = _by_arm(measured(table[table["step"] == step]))
    share = table.groupby("arm")["d_share"].first()
    changes = [
        {"arm": arm, "d_share": share[arm]}
        | {f"{name}_change": statistic(columns[column]) - statistic(arms[TRUE][column])
           for name, (column, statistic, _) in MEASURES.items()}
        for arm, columns in arms.items()
    ]  # fmt: skip
    return pd.concat(map(pd.DataFrame, changes), ignore_index=True)


def _by_arm(table):
    """Of each arm the columns that are measured, (networks, cases); a SarcoError if arms differ in either."""
    arms = {}
    for arm, rows in table.groupby("arm", sort=False):
        wide = rows.pivot(index="network", columns="case", values=["dsc", "error_cm2"])
        arms[arm] = {column: wide[column] for column in ("dsc", "error_cm2")}
    first = next(iter(arms.values()), {}).get("dsc")
    for columns in arms.values():
        dsc = columns["dsc"]
        if TRUE not in arms or dsc.isna().any().any() or not (dsc.index.equals(first.index) and
                                                              dsc.columns.equals(first.columns)):  # fmt: skip
            raise SarcoError(f"labels.csv: needs the arm {TRUE!r}, and every case of every network in each arm; make "
                             "it again.")  # fmt: skip
    return {arm: {name: wide.to_numpy() for name, wide in columns.items()} for arm, columns in arms.items()}


def _verdict(better, change, of_each):
    """Whether an arm does worse or better: its whole interval says so, and so does each network alone."""
    signed = better * np.array([*change, *of_each], float)
    return WORSE if (signed < 0).all() else BETTER if (signed > 0).all() else NEITHER


def per_ten_points(table, step=FINAL):
    """What ten points more of label D among the readers' masks change, by least squares over the arms.

    Dict of DSC and mean error against the truth ("dsc", "mean_error_cm2") to value, low and high.
    """
    table = table[(table["step"] == step) & (table["arm"] != TRUE)]
    share = table.groupby("arm", sort=False)["d_share"].first()
    weights = (share - share.mean()) / np.square(share - share.mean()).sum() / 10
    # A slope of means is the mean of the slopes of the cases.
    found = measured(table)
    for column in ("dsc", "error_cm2"):
        found[column] *= found["arm"].map(weights)
    slopes = found.groupby(["network", "case"])[["dsc", "error_cm2"]].sum().unstack()
    return {name: estimate(slopes[MEASURES[name][0]].to_numpy(), mean) for name in ("dsc", "mean_error_cm2")}


def by_test_label(table):
    """Rows of labels.csv by label of the test slice, D by what is poor about it: dict of words to rows."""
    poor = table["quality"] == "D"
    parts = {label: table[table["quality"] == label] for label in "ABC"}
    parts |= {"D, by its mask": table[poor & (table["noisy"] == 0)], "D, by its image": table[table["noisy"] == 1]}
    return {name: rows for name, rows in parts.items() if len(rows)}
