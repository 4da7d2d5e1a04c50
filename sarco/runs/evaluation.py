"""From members and a cohort to the paper's results, as one long table and short ones made from it."""

import hashlib
import io
import json
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..base import sources
from ..base.errors import SarcoError
from ..base.files import atomic, write_csv
from ..ct.composition import LOW_ATTENUATION_HU
from ..engines.engine import FLOAT32, cores
from ..method import metrics, postprocess, surface
from ..method.slice import common_box, measure_subsets

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
)  # fmt: skip
DECIMALS = {
    "dsc": 5,
    "true_dsc": 5,
    "reader_dsc": 5,
    "area_cm2": 3,
    "reference_area_cm2": 3,
    "true_area_cm2": 3,
    "mean_hu": 2,
    "low_attenuation_cm2": 3,
    "true_mean_hu": 2,
    "true_low_attenuation_cm2": 3,
    "members_sd_cm2": 3,
    "members_dsc": 5,
    "disagreement_share": 5,
}
FINAL = postprocess.STEPS[-1]


def subsets(size):
    """The means that are evaluated: the first 1, 2, ... members, and every member alone.

    Parameters
    ----------
    size : int

    Returns
    -------
    dict of str to list of int
        Name to positions from 0. "1" is both the first prefix and the first member.
    """
    prefixes = {"1" if k == 1 else f"1-{k}": list(range(k)) for k in range(1, size + 1)}
    return prefixes | {str(k + 1): [k] for k in range(1, size)}


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
        Columns `COLUMNS`; one row for each case, subset and step.

    Raises
    ------
    SarcoError
        A case cannot be read, or its mask has another shape than its slice.
    """
    import pandas as pd
    from tqdm import tqdm

    done = {**(finished or {}), **_finished(partial_csv, cases, rows=_rows_a_case(ensemble, student))}
    left = [case for case in cases if case not in done]
    with each(lambda case: _evaluate_case(cohort, ensemble, student, case), left) as found:
        for case, block in zip(
            left, tqdm(found, "evaluate", len(left), unit="case", disable=not progress), strict=True
        ):
            done[case] = block
            if partial_csv is not None:
                _append(block, partial_csv)
    if not cases:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat([done[case] for case in cases], ignore_index=True)


@contextmanager
def each(function, items):
    """Results of a function in the order of its items, computed by a few threads, which run only a little ahead."""
    # NumPy, SciPy and the engines leave the interpreter free while they work, so threads are enough.
    threads = cores() + 1
    pool, waiting = ThreadPoolExecutor(threads), deque()

    def results():
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield results()
    finally:
        pool.shutdown(cancel_futures=True)


def _rows_a_case(ensemble, student=None):
    return (len(subsets(ensemble.size)) + (student is not None)) * len(postprocess.STEPS)


def _evaluate_case(cohort, ensemble, student, case):
    import pandas as pd

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
        "reference_area_cm2": surface.area_cm2(reader, image.spacing_mm),
        "true_area_cm2": np.nan if true is None else surface.area_cm2(true, image.spacing_mm),
        "reader_dsc": np.nan if true is None else metrics.dice(reader, true),
    }
    rows = []
    for team, chosen in ((ensemble, subsets(ensemble.size)), (student, {surface.STUDENT: [0]})):
        if team is not None:
            rows += [facts | row for row in score(team, chosen, image, reader, true)]
    # Rounded at once, so that a resumed run and a fresh one give the same table.
    return pd.DataFrame(rows, columns=list(COLUMNS)).round(DECIMALS)


def score(ensemble, chosen, image, reader, true):
    """Rows of one slice: each of the means that are `chosen`, after each step.

    Parameters
    ----------
    ensemble : sarco.method.ensemble.Ensemble
    chosen : dict of str to list of int
        As `subsets` returns it. Where it holds every member alone and all together, the final row of all says how far
        the members agree.
    image : sarco.ct.dicom.Slice
    reader, true : ndarray of bool, (rows, columns)
        Masks to compare with; the true one may be None.

    Returns
    -------
    list of dict
        Keys are columns of `COLUMNS`.
    """
    measured = measure_subsets(image.image_hu, image.spacing_mm, ensemble, chosen)
    box = common_box(measured.values(), reader, true)  # looked at only where a mask can be
    image_hu, reader, true = image.image_hu[box], reader[box], None if true is None else true[box]
    of_true = {f"true_{key}": value for key, value in density(true, image_hu, image.spacing_mm).items()}
    rows, alone = [], {}
    for subset, found in measured.items():
        members = len(chosen[subset])
        for step, mask in found.within(box).masks.items():
            row = {
                "members": members, "subset": subset, "step": step,
                "dsc": metrics.dice(mask, reader),
                "area_cm2": surface.area_cm2(mask, image.spacing_mm),
                "true_dsc": np.nan if true is None else metrics.dice(mask, true),
            }  # fmt: skip
            if step == FINAL:
                row |= density(mask, image_hu, image.spacing_mm) | of_true
                if members == 1:
                    alone[subset] = mask
            rows.append(row)
    if len(alone) == ensemble.size > 1:
        agreed = members_spread(np.stack(list(alone.values())), image.spacing_mm)
        for row in rows:
            if row["members"] == ensemble.size and row["step"] == FINAL:
                row |= agreed
    return rows


def members_spread(masks, spacing_mm):
    """How far the final masks that members draw alone differ.

    Parameters
    ----------
    masks : ndarray of bool, (members, rows, columns)
        Of two members or more.
    spacing_mm : tuple of float

    Returns
    -------
    dict of str to float
        The columns members_sd_cm2, members_dsc and disagreement_share of `COLUMNS`.
    """
    areas = [surface.area_cm2(mask, spacing_mm) for mask in masks]
    mean_dsc, share = metrics.agreement(masks[:, masks.any(axis=0)])
    return {"members_sd_cm2": float(np.std(areas, ddof=1)), "members_dsc": mean_dsc, "disagreement_share": share}


def density(mask, image_hu, spacing_mm):
    """Mean HU of a mask, NaN where it is empty, and area of its low-attenuation part; both NaN where there is none."""
    if mask is None:
        return {"mean_hu": np.nan, "low_attenuation_cm2": np.nan}
    low, high = LOW_ATTENUATION_HU
    return {
        "mean_hu": image_hu[mask].mean(dtype=float) if mask.any() else np.nan,
        "low_attenuation_cm2": surface.area_cm2(mask & (image_hu >= low) & (image_hu <= high), spacing_mm),
    }


def read_cases(path):
    """Read a table that `evaluate` made, from a path or an open file."""
    import pandas as pd

    return pd.read_csv(path, dtype={"case": str, "subset": str})


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
    table = read_cases(io.StringIO(whole_lines))
    blocks = {case: block for case, block in table.groupby("case") if len(block) == rows}
    write_csv(table[table["case"].isin(list(blocks))], path)
    return {case: blocks[case] for case in cases if case in blocks}


def writable(profile, what):
    """The profile, unless its results are committed ones.

    Parameters
    ----------
    profile : sarco.runs.profiles.Profile or str
    what : str
        What is to be done with another profile, as "evaluate".

    Returns
    -------
    sarco.runs.profiles.Profile

    Raises
    ------
    SarcoError
        They are.
    """
    from . import profiles

    if not isinstance(profile, profiles.Profile):
        profile = profiles.load(profile)
    if profile.committed:
        raise SarcoError(
            f"{profile.results_dir}: the results of {profile.name} are committed, and its cohort is only a "
            f"sample; {what} another profile."
        )
    return profile


def run(profile, progress=True, block=None, engine=FLOAT32):
    """Evaluate a profile's members and student on its cohort; write cases.csv, cohort.csv and run.json to its results.

    Interrupted, it goes on where it stopped. Blocks of cases may be evaluated by other processes, on other machines
    too, as long as they share the folder of the run; what they did is then not done again, and the tables are the
    same to the byte.

    Parameters
    ----------
    profile : sarco.runs.profiles.Profile or str
    progress : bool
    block : str, optional
        "3/8": only the third of eight blocks of cases, to a file that a later call without `block` reads.
    engine : str
        What computes the members, see `sarco.engines.engine.choose`; blocks of another engine are not joined.

    Returns
    -------
    Path
        The results folder, or the file of the block.

    Raises
    ------
    SarcoError
        The profile's results are committed ones, its cohort or members are missing or broken, or there is no
        such block.
    """
    from ..base import environment
    from ..cohort.layout import Cohort
    from ..method.ensemble import Ensemble

    profile = writable(profile, "evaluate")
    cohort = Cohort.open(profile.cohort_dir)
    cases = cohort.cases("validation") + cohort.cases("test")[: profile.evaluation_cases]
    if block is not None:
        number, size = _which(block)
        cases = cases[(number - 1) * len(cases) // size : number * len(cases) // size]
    ensemble = Ensemble.load(profile.weights_dir, engine=engine)
    student = Ensemble.load(profile.weights_dir, student=True, engine=engine) if profile.student_cases else None
    weights = weights_sha256(ensemble.manifest)
    taught = [] if student is None else weights_sha256(student.manifest)
    table = (profile.cohort_dir / "cohort.csv").read_bytes()
    # The name says what the rows belong to, so other members, another cohort or other code never go on with them.
    made_with = [weights, taught, ensemble.network_spacing_mm, ensemble.engine.made_with, sources.digest(__name__)]
    key = hashlib.sha256(table + json.dumps(made_with).encode()).hexdigest()[:12]
    # Beside the results, so that these hold nothing but tables.
    folder = profile.run_path / "blocks"
    if block is not None:
        return _run_block(cohort, ensemble, student, cases, folder / f"{number}-of-{size}.csv", key, progress)

    partial = profile.results_dir / f".cases-{key}.csv"
    start = time.perf_counter()
    elsewhere, seconds, resumed = _read_blocks(folder, key)
    resumed += len(_finished(partial, cases, _rows_a_case(ensemble, student)).keys() - elsewhere)
    results = evaluate(cohort, ensemble, cases, student=student, progress=progress, partial_csv=partial,
                       finished=elsewhere)  # fmt: skip
    seconds += time.perf_counter() - start
    info = {
        "profile": asdict(profile),
        "seed": profile.seed,
        "weights": weights,
        "student": taught,
        "engine": ensemble.engine.made_with,
        "commit": environment.commit(),
        "versions": environment.versions(),
        "hardware": environment.hardware(),
        "evaluation": {
            "cases": len(cases),
            "from_blocks": len(elsewhere.keys() & cases),
            "resumed": resumed,  # the seconds do not count these
            "seconds": round(seconds, 1),
        },
    }
    with atomic(profile.results_dir / "cohort.csv") as beside:
        beside.write_bytes(table)
    write_csv(results, profile.results_dir / "cases.csv")
    with atomic(profile.results_dir / "run.json") as beside:
        beside.write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    partial.unlink(missing_ok=True)
    return profile.results_dir


def _which(block):
    """Number and size of a block that is written as "3/8"."""
    number, _, size = str(block).partition("/")
    if not (number.isdecimal() and size.isdecimal() and 1 <= int(number) <= int(size)):
        raise SarcoError(f"block {block}: there is no such block; write which of how many, as 3/8.")
    return int(number), int(size)


def _run_block(cohort, ensemble, student, cases, path, key, progress):
    """Evaluate some cases into a file whose first line says what they belong to."""
    partial = path.with_name(f".{path.stem}-{key}.csv")
    resumed = len(_finished(partial, cases, _rows_a_case(ensemble, student)))
    start = time.perf_counter()
    results = evaluate(cohort, ensemble, cases, student=student, progress=progress, partial_csv=partial)
    seconds = time.perf_counter() - start
    with atomic(path) as beside, beside.open("w", encoding="utf-8") as out:
        out.write(f"{key} {seconds:.1f} {resumed}\n")
        results.to_csv(out, index=False, lineterminator="\n")
    partial.unlink(missing_ok=True)
    return path


def _read_blocks(folder, key):
    """Rows by case of the finished blocks of this run, the seconds that they took, and cases that these leave out."""
    found, seconds, resumed = {}, 0.0, 0
    for path in sorted(folder.glob("[0-9]*-of-*.csv")):
        with path.open(encoding="utf-8") as file:
            owner, *told = file.readline().split()
            if owner == key:
                found |= dict(iter(read_cases(file).groupby("case")))
                seconds += float(told[0])
                resumed += int(told[1])
    return found, seconds, resumed


def weights_sha256(manifest):
    """Checksums of the members of a manifest, in order."""
    return [member["sha256"] for member in manifest["members"]]


def team(manifest):
    """Twelve hexadecimal digits that tell the members of a manifest from others, for a column of a table."""
    return hashlib.sha256("".join(weights_sha256(manifest)).encode()).hexdigest()[:12]


# Short tables


def rows(cases, split, step=FINAL, which="all"):
    """Rows of the whole ensemble ("all"), of its members each alone ("one") or of the student, by member and case.

    Parameters
    ----------
    cases : DataFrame
        Result of `evaluate` (cases.csv).
    split : {"validation", "test"}
    step : {"threshold", "dilation", "window"}
    which : {"all", "one", "student"}

    Raises
    ------
    SarcoError
        There is no such row.
    """
    found = cases[(cases["split"] == split) & (cases["step"] == step)]
    if which == "student":
        found = found[found["subset"] == surface.STUDENT]
    else:
        size = cases["members"].max() if which == "all" else 1
        found = found[(found["members"] == size) & (found["subset"] != surface.STUDENT)]
    if found.empty:
        raise SarcoError(f"cases.csv: no {split} slice; run 'sarco evaluate' on a cohort that has some.")
    return found.sort_values(["subset", "case"], ignore_index=True)


def _statistics(dsc, predicted_cm2, true_cm2):
    absolute = np.abs(metrics.errors(predicted_cm2, true_cm2))
    low, high = metrics.limits_of_agreement(predicted_cm2, true_cm2)
    return {
        "n": len(dsc),
        "dsc_mean": dsc.mean(),
        "dsc_sd": dsc.std(ddof=1),
        "dsc_min": dsc.min(),
        "dsc_max": dsc.max(),
        "rmse_cm2": metrics.rmse(predicted_cm2, true_cm2),
        "mae_cm2": absolute.mean(),
        "absolute_error_sd_cm2": absolute.std(ddof=1),
        "absolute_error_min_cm2": absolute.min(),
        "absolute_error_max_cm2": absolute.max(),
        "mean_error_cm2": metrics.mean_error(predicted_cm2, true_cm2),
        "loa_low_cm2": low,
        "loa_high_cm2": high,
        "mse": metrics.mean_squared_error(predicted_cm2, true_cm2),
        "mse_sd": np.square(absolute).std(ddof=1),
    }


def _summary(rows, correction=None):
    """Statistics of each subset in `rows`, averaged over the subsets."""
    import pandas as pd

    found = []
    for _, block in rows.groupby("subset"):
        area = block["area_cm2"].to_numpy()
        predicted = area if correction is None else correction.apply(area)
        found.append(_statistics(block["dsc"].to_numpy(), predicted, block["reference_area_cm2"].to_numpy()))
    return pd.DataFrame(found).mean()


def summarise(cases, split):
    """The paper's steps, from one network alone to the corrected ensemble.

    Parameters
    ----------
    cases : DataFrame
        Result of `evaluate`.
    split : {"validation", "test"}

    Returns
    -------
    DataFrame
        Rows baseline (one member, mean of the statistics over members), ensemble, post-processing and bias
        correction (the mean error learned on validation slices A to C is subtracted; masks do not change).
        Columns n, dsc_*, and in cm2 rmse, mae (with SD, smallest and largest absolute error), mean_error,
        limits of agreement; mse in cm4.

    Raises
    ------
    SarcoError
        The table lacks the slices that are needed.
    """
    import pandas as pd

    final = rows(cases, split, FINAL)
    table = pd.DataFrame(
        {
            "baseline": _summary(rows(cases, split, "threshold", "one")),
            "ensemble": _summary(rows(cases, split, "threshold")),
            "post-processing": _summary(final),
            "bias correction": _summary(final, surface.correction_from_results(cases)),
        }
    ).T
    return table.astype({"n": int}).rename_axis("step")


def by_members(cases, split, step="threshold"):
    """DSC and RMSE against the number of members averaged.

    Parameters
    ----------
    cases : DataFrame
    split : {"validation", "test"}
    step : {"threshold", "dilation", "window"}
        The paper's figure 2 comes before post-processing.

    Returns
    -------
    DataFrame
        Columns members, dsc_mean, dsc_min, rmse_cm2 and more, as in `summarise`. The row of 1 is the mean
        over all members; that of k, the first k together.
    """
    import pandas as pd

    rows = cases[(cases["split"] == split) & (cases["step"] == step) & (cases["subset"] != surface.STUDENT)]
    table = pd.DataFrame({size: _summary(block) for size, block in rows.groupby("members")}).T
    return table.astype({"n": int}).rename_axis("members").reset_index()
