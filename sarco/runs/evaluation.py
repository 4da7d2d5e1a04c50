"""From members and a cohort to the paper's results, as one long table; `sarco.evidence` tells what it means."""

import hashlib
import io
import json
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..base import environment, sources
from ..base.errors import SarcoError
from ..base.files import atomic, write_csv
from ..base.tables import read_results
from ..base.threads import each
from ..cohort.layout import Cohort, joined
from ..ct import witness
from ..ct.composition import LOW_ATTENUATION_HU
from ..engines.choose import FLOAT32
from ..engines.weights import weights_sha256
from ..method import metrics, postprocess
from ..method.ensemble import Ensemble
from ..method.slice import common_box, measure_subsets
from ..method.surface import area_cm2
from . import opening

COLUMNS = (
    "case", "split", "quality", "pixel_spacing_mm",
    "members",  # how many are averaged
    "subset",  # which: "3" is the third alone, "1-3" the first three
    "step",  # of post-processing
    "dsc", "area_cm2", "reference_area_cm2",  # against the reader's mask
    "true_dsc", "true_area_cm2",  # against the phantom's true mask
    "reader_dsc",  # of the reader's mask against the true one
    "mean_hu", "low_attenuation_cm2",  # of the final mask
    "true_mean_hu", "true_low_attenuation_cm2",  # of the phantom's true mask, beside those of the final mask
    # How far the members' own final masks agree, beside the final mask of all: SD of their areas, mean DSC of their
    # pairs, and the share of pixels in any of them that are not in all.
    "members_sd_cm2", "members_dsc", "disagreement_share",
    "members_apart_cm2",  # and the mean area between one of them and what most of them see
    "other_tissue_cm2",  # of the final mask, what the student of every tissue calls another (`ct.witness`)
)  # fmt: skip
DECIMALS = (
    dict.fromkeys(("dsc", "true_dsc", "reader_dsc", "members_dsc", "disagreement_share"), 5)
    | dict.fromkeys(("area_cm2", "reference_area_cm2", "true_area_cm2", "members_sd_cm2"), 3)
    | dict.fromkeys(("low_attenuation_cm2", "true_low_attenuation_cm2", "members_apart_cm2", "other_tissue_cm2"), 3)
    | dict.fromkeys(("mean_hu", "true_mean_hu"), 2)
)
FINAL = postprocess.STEPS[-1]
STUDENT = "student"  # its rows have this for a subset


def subsets(size):
    """The means that are evaluated, name to members from 0: the first 1, 2, ... members, and every member alone.

    "1" is both the first prefix and the first member.
    """
    prefixes = {"1" if k == 1 else f"1-{k}": list(range(k)) for k in range(1, size + 1)}
    return prefixes | {str(k + 1): [k] for k in range(1, size)}


# 7 parameters: all but three are for a run that goes on, and the chapters call it with those three.
def evaluate(cohort, ensemble, cases, *, student=None, progress=True, partial_csv=None, finished=None):
    """Segment each case with every subset of members, and compare each step with the reader's mask.

    Several cases are under way at once, so that all cores work while one of them is read or post-processed.

    Parameters
    ----------
    cohort : sarco.cohort.layout.Cohort
    ensemble : sarco.method.ensemble.Ensemble
    cases : list of str
    student : sarco.method.ensemble.Ensemble, optional
        One network that was taught by the members; its rows have the subset "student".
    progress : bool
        Show a bar with the time left on stderr.
    partial_csv : str or Path, optional
        Finished cases are appended here; those that it already holds are not computed again. It must belong
        to the same cohort and members.
    finished : dict of str to DataFrame, optional
        Rows of cases that were computed elsewhere.

    Returns
    -------
    DataFrame
        Columns `sarco.runs.evaluation.COLUMNS`; one row for each case, subset and step.

    Raises
    ------
    SarcoError
        A case cannot be read, or its mask has another shape than its slice.
    """
    import pandas as pd
    from tqdm import tqdm

    done = {**(finished or {}), **_finished(partial_csv, cases, rows=_rows_a_case(ensemble, student))}
    left = [case for case in cases if case not in done]
    with each(lambda case: _evaluate_case(cohort, ensemble, student, case), left) as blocks:
        bar = tqdm(blocks, "evaluate", len(left), unit="case", disable=not progress)
        for case, block in zip(left, bar, strict=True):
            done[case] = block
            if partial_csv is not None:
                _append(block, partial_csv)
    if not cases:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat([done[case] for case in cases], ignore_index=True)


def _rows_a_case(ensemble, student=None):
    return (len(subsets(ensemble.size)) + (student is not None)) * len(postprocess.STEPS)


def read_case(cohort, case):
    """Slice, reader's mask, true one (or None), and what a row of any table says of the case, whatever is measured."""
    image = cohort.read_slice(case)
    reader, true = cohort.read_mask(case), cohort.read_true_mask(case)
    for mask in (reader, true):
        if mask is not None and mask.shape != image.image_hu.shape:
            raise SarcoError(
                f"case {case}: the mask is {mask.shape} and the slice {image.image_hu.shape}; "
                "run 'sarco cohort check' on the cohort."
            )
    facts = {
        "case": case,
        "split": cohort.table.loc[case, "split"],
        "quality": cohort.table.loc[case, "quality"],
        "pixel_spacing_mm": image.spacing_mm[0],
        "reference_area_cm2": area_cm2(reader, image.spacing_mm),
        "true_area_cm2": np.nan if true is None else area_cm2(true, image.spacing_mm),
        "reader_dsc": np.nan if true is None else metrics.dice(reader, true),
    }
    return image, reader, true, facts


def _evaluate_case(cohort, ensemble, student, case):
    import pandas as pd

    image, reader, true, facts = read_case(cohort, case)
    rows = []
    second = student if student and student.tissues else None
    for members, chosen, beside in ((ensemble, subsets(ensemble.size), second), (student, {STUDENT: [0]}, None)):
        if members is not None:
            rows += [facts | row for row in score(members, chosen, image, reader, true, beside)]
    # Rounded at once, so that a resumed run and a fresh one give the same table.
    return pd.DataFrame(rows, columns=list(COLUMNS)).round(DECIMALS)


def score(ensemble, chosen, image, reader, true, student=None):
    """Rows of one slice, dicts by columns of `COLUMNS`: each of the means that are `chosen`, after each step.

    `chosen` is as `subsets` returns it. Where it holds every member alone and all together, the final row of all says
    how far the members agree, and what a student of every tissue makes of their mask. The slice is compared with two
    masks, of which the true one may be None.
    """
    spacing_mm = image.spacing_mm
    measured = measure_subsets(image.image_hu, spacing_mm, ensemble, chosen)
    box = common_box(measured.values(), reader, true)  # looked at only where a mask can be
    muscle = None if student is None else witness.muscle(image.image_hu, spacing_mm, student)[box]
    measured = {subset: found.within(box) for subset, found in measured.items()}
    image_hu, reader, true = image.image_hu[box], reader[box], None if true is None else true[box]
    of_true = {f"true_{key}": value for key, value in density(true, image_hu, spacing_mm).items()}
    alone = [found.mask for subset, found in measured.items() if len(chosen[subset]) == 1]
    spread = members_spread(np.stack(alone), spacing_mm) if len(alone) == ensemble.size > 1 else {}
    rows = []
    for subset, found in measured.items():
        for step, mask in found.masks.items():
            row = {
                "members": len(chosen[subset]), "subset": subset, "step": step,
                "dsc": metrics.dice(mask, reader), "area_cm2": area_cm2(mask, spacing_mm),
                "true_dsc": np.nan if true is None else metrics.dice(mask, true),
            }  # fmt: skip
            if step == FINAL:
                row |= density(mask, image_hu, spacing_mm) | of_true
                if len(chosen[subset]) == ensemble.size:
                    row |= spread
                    if muscle is not None:
                        row["other_tissue_cm2"] = witness.other_tissue_cm2(mask, muscle, spacing_mm)
            rows.append(row)
    return rows


def members_spread(masks, spacing_mm):
    """How far the final masks (members, rows, columns) that two members or more draw alone differ.

    Four columns of `COLUMNS`: the SD of their areas, the mean DSC of all pairs, of the pixels in any mask the share
    that is not in all (0 where all are empty), and the mean area between a mask and that of the majority.
    """
    flat = masks[:, masks.any(axis=0)].astype(np.float32)
    # Counts of pixels stay exact in float32 up to 16 million.
    shared = flat @ flat.T
    sizes = np.diag(shared)
    total = sizes[:, None] + sizes
    dsc = np.divide(2 * shared, total, out=np.ones_like(shared), where=total > 0)
    some, every, votes = flat.shape[1], np.count_nonzero(masks.all(axis=0)), flat.mean(axis=0)
    return {
        "members_sd_cm2": float(np.std([area_cm2(mask, spacing_mm) for mask in masks], ddof=1)),
        "members_dsc": float(dsc[np.triu_indices(len(masks), 1)].mean(dtype=float)),
        "disagreement_share": 1 - every / some if some else 0.0,
        "members_apart_cm2": float(np.minimum(votes, 1 - votes).sum(dtype=float) * spacing_mm[0] * spacing_mm[1] / 100),
    }


def density(mask, image_hu, spacing_mm):
    """Mean HU of a mask, NaN where it is empty, and area of its low-attenuation part; both NaN where there is none."""
    if mask is None:
        return {"mean_hu": np.nan, "low_attenuation_cm2": np.nan}
    low, high = LOW_ATTENUATION_HU
    return {
        "mean_hu": image_hu[mask].mean(dtype=float) if mask.any() else np.nan,
        "low_attenuation_cm2": area_cm2(mask & (image_hu >= low) & (image_hu <= high), spacing_mm),
    }


def _append(block, path):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as out:
        block.to_csv(out, index=False, header=out.tell() == 0, lineterminator="\n")


def _finished(path, cases, rows):
    """Whole cases of an interrupted run; what a kill tore off is removed from the file."""
    if path is None or not Path(path).exists():
        return {}
    text = Path(path).read_text(encoding="utf-8")
    whole_lines = text[: text.rfind("\n") + 1] or ",".join(COLUMNS)
    table = read_results(io.StringIO(whole_lines))
    blocks = {case: block for case, block in table.groupby("case") if len(block) == rows}
    write_csv(table[table["case"].isin(list(blocks))], path)
    return {case: blocks[case] for case in cases if case in blocks}


# --- runs ------------------------------------------------------------------------------------------------------------


def writable(profile, what):
    """The profile, itself or by its name; a SarcoError that advises to do `what` with another if it is committed."""
    from . import profiles  # which loads pydantic, and the slice tool needs neither

    if not isinstance(profile, profiles.Profile):
        profile = profiles.load(profile)
    if profile.committed:
        raise SarcoError(
            f"{profile.results_dir}: the results of {profile.name} are committed, and its cohort is only a "
            f"sample; {what} another profile."
        )
    return profile


def judged_cases(cohort, profile, test_cases=None):
    """Cases that results are of: all of validation, and of the test set as many as the profile says, or fewer."""
    return cohort.cases("validation") + cohort.cases("test")[: profile.evaluation_cases][:test_cases]


@dataclass(frozen=True, eq=False)
class _Run:
    """What a profile's evaluation is of."""

    profile: object  # a `sarco.runs.profiles.Profile`
    cohort: Cohort
    ensemble: Ensemble
    student: Ensemble | None

    @classmethod
    def open(cls, profile, engine):
        cohort = Cohort.open(profile.cohort_dir)
        ensemble = Ensemble.load(profile.weights_dir, engine=engine)
        opening.check(cohort, profile.weights_dir / "manifest.json")
        taught = Ensemble.load(profile.weights_dir, student=True, engine=engine) if profile.student_cases else None
        return cls(profile, cohort, ensemble, taught)

    @cached_property
    def cases(self):
        return judged_cases(self.cohort, self.profile)

    @property
    def blocks(self):
        """Folder of the blocks: beside the results, so that these hold nothing but tables."""
        return self.profile.run_path / "blocks"

    @cached_property
    def weights(self):
        """Checksums of the members, and of the student."""
        return [[] if one is None else weights_sha256(one.manifest) for one in (self.ensemble, self.student)]

    @cached_property
    def cohort_csv(self):
        return joined(self.profile.cohort_dir)

    @cached_property
    def key(self):
        """What the rows belong to, so that other members, another cohort or other code never go on with them."""
        members = self.ensemble
        made_with = [*self.weights, members.network_spacing_mm, members.engine.made_with, sources.digest(__name__)]
        return hashlib.sha256(self.cohort_csv + json.dumps(made_with).encode()).hexdigest()[:12]

    def evaluate(self, cases, partial, progress, finished=None):
        """Table of some cases, the seconds that it took, and how many cases were in the partial table already."""
        kept = _finished(partial, cases, _rows_a_case(self.ensemble, self.student)).keys() - (finished or {}).keys()
        start = time.perf_counter()
        table = evaluate(self.cohort, self.ensemble, cases, student=self.student, progress=progress,
                         partial_csv=partial, finished=finished)  # fmt: skip
        return table, time.perf_counter() - start, len(kept)


def run(profile, progress=True, block=None, engine=FLOAT32):
    """Evaluate a profile's members and student on its cohort; write cases.csv, cohort.csv and run.json to its results.

    Interrupted, it goes on where it stopped. Blocks of cases may be evaluated by other processes, on other machines
    too, as long as they share the folder of the run; what they did is then not done again, and the tables are the
    same to the byte.

    With `block`, "3/8", only the third of eight blocks of cases, to a file that a later call without it reads; blocks
    of another `engine` (`sarco.engines.choose.choose`) are not joined. Returns the folder of the results, or the file
    of the block. A SarcoError says that the profile's results are committed ones, that its cohort or members are
    missing or broken, or that there is no such block.
    """
    job = _Run.open(writable(profile, "evaluate"), engine)
    return _write_results(job, progress) if block is None else _write_block(job, block, progress)


def _write_block(job, block, progress):
    """Evaluate a block of cases into a file whose first line says what they belong to."""
    number, _, size = str(block).partition("/")
    if not (number.isdecimal() and size.isdecimal() and 1 <= int(number) <= int(size)):
        raise SarcoError(f"block {block}: there is no such block; write which of how many, as 3/8.")
    start, stop = ((int(number) - last) * len(job.cases) // int(size) for last in (1, 0))
    path = job.blocks / f"{int(number)}-of-{int(size)}.csv"
    partial = path.with_name(f".{path.stem}-{job.key}.csv")
    table, seconds, resumed = job.evaluate(job.cases[start:stop], partial, progress)
    with atomic(path) as beside, beside.open("w", encoding="utf-8") as out:
        out.write(f"{job.key} {seconds:.1f} {resumed}\n")
        table.to_csv(out, index=False, lineterminator="\n")
    partial.unlink(missing_ok=True)
    return path


def _read_blocks(folder, key):
    """Rows by case of the finished blocks of this run, the seconds that they took, and cases that these leave out."""
    rows, seconds, resumed = {}, 0.0, 0
    for path in sorted(folder.glob("[0-9]*-of-*.csv")):
        with path.open(encoding="utf-8") as file:
            owner, *numbers = file.readline().split()
            if owner == key:
                rows |= dict(iter(read_results(file).groupby("case")))
                seconds += float(numbers[0])
                resumed += int(numbers[1])
    return rows, seconds, resumed


def _write_results(job, progress):
    """Evaluate the cases that no block holds, and write the tables of them all."""
    profile = job.profile
    partial = profile.results_dir / f".cases-{job.key}.csv"
    elsewhere, seconds_of_blocks, resumed_by_blocks = _read_blocks(job.blocks, job.key)
    table, seconds, resumed = job.evaluate(job.cases, partial, progress, elsewhere)
    weights, student = job.weights
    cases_csv = table.to_csv(index=False, lineterminator="\n").encode()
    info = {
        "profile": asdict(profile),
        "seed": profile.seed,
        "weights": weights,
        "student": student,
        "test_set": opening.record(profile.cohort_dir, profile.results_dir, cases_csv),
        "engine": job.ensemble.engine.made_with,
        "commit": environment.commit(),
        "versions": environment.versions(),
        "hardware": environment.hardware(),
        "evaluation": {
            "cases": len(job.cases),
            "from_blocks": len(elsewhere.keys() & job.cases),
            "resumed": resumed_by_blocks + resumed,  # the seconds do not count these
            "seconds": round(seconds_of_blocks + seconds, 1),
        },
    }
    for name, content in (("cohort.csv", job.cohort_csv), ("cases.csv", cases_csv)):
        with atomic(profile.results_dir / name) as beside:
            beside.write_bytes(content)
    with atomic(profile.results_dir / "run.json") as beside:
        beside.write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    partial.unlink(missing_ok=True)
    return profile.results_dir
