"""Write a cohort of phantoms, in parallel."""

import multiprocessing
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import psutil

from ..base.errors import SarcoError
from ..base.files import atomic
from ..ct.write import Scan, draw_encoding, write_slice
from ..method.surface import area_cm2
from ..paper import EXCLUDED, RELEASED, TEST
from ..phantom.phantom import SETTINGS, phantom
from ..phantom.population import DIFFICULT, GROUPS, draw_groups
from ..phantom.readers import review
from ..phantom.tissues import regions
from . import layout


# Nine parameters: the options of `sarco cohort make`.
def make(root, cases, setting="reference", seed=0, workers=0, matrix=512, without=(), test=True, progress=True):
    """Write `cases` phantoms in the shared layout.

    The reference setting keeps the paper's proportions: of 1,525 cases, 500 are for testing, 3 have a mask that is not
    registered to the slice (found by measuring, not by name), 40 validate and 982 train. In the randomised setting
    every case is for training, and each group is drawn wide in a share of the cases (`population.WIDE_SHARE`). In the
    difficult setting, subjects of the reference population are drawn with one thing that networks find hard, each kind
    in turn; every case is for testing, and its mask is true.

    Parameters
    ----------
    root : str or Path
        Written into; a cohort already there must be one of the same call, and is written again.
    setting : {"reference", "randomised", "difficult"}
    seed : int
        The same seed gives the same bytes, whatever the number of workers.
    workers : int
        Processes; 0 means one a core.
    matrix : int
        Rows and columns of each slice.
    without : collection of str
        Randomised setting: groups (`population.GROUPS`) that keep the range of the reference population in all cases.
    test : bool
        Reference setting: draw the test cases now. If not, `test_set.draw` does it, once there are weights to test.

    Returns
    -------
    Cohort
    """
    import pandas as pd

    root = Path(root)
    if cases < 1 or setting not in SETTINGS or not 64 <= matrix <= 1024:
        raise SarcoError(f"{root}: cannot make {cases} cases, {setting}, {matrix} pixels wide; give at least 1 case, "
                         f"one of {', '.join(SETTINGS)}, and 64 to 1024 pixels.")  # fmt: skip
    if set(without) - set(GROUPS) or (without and setting != "randomised"):
        raise SarcoError(f"{root}: cannot leave out {', '.join(sorted(without))} in the setting {setting}; the setting "
                         f"randomised has the groups {', '.join(GROUPS)}.")  # fmt: skip
    if not (test or setting == "reference"):
        raise SarcoError(f"{root}: cannot leave out the test cases in the setting {setting}; leave out --no-test.")
    recipe = f"setting={setting} cases={cases} seed={seed} matrix={matrix}"
    recipe += f" without={','.join(sorted(without))}" if without else ""
    _claim(root, recipe + ("\n" if test else " test=later\n"))

    released = {"reference": released_of(cases), "randomised": cases, "difficult": 0}[setting]
    misplaced = ()
    if setting == "reference":
        misplaced = np.random.default_rng((seed, 3)).permutation(released)[: min(EXCLUDED, released // 10)]
    groups = tuple(g for g in GROUPS if g not in without)
    drawn = range(cases if test else released)
    jobs = [(root, i, setting, seed, matrix, groups, i in misplaced) for i in drawn]
    table = write_cases(jobs, workers, f"{setting} cohort", progress)
    unregistered = table.index[table.pop("outside_share") > layout.REGISTERED_SHARE]
    table["release"] = pd.array([1 + (2 * i >= released) if i < released else None for i in drawn], "Int64")
    if setting == "reference":
        table["split"] = layout.assign_splits(table, table.index[released:], unregistered, seed)
    else:
        table["split"] = "train" if setting == "randomised" else "test"
    layout.write_table(table, root / "cohort.csv")
    return layout.Cohort.open(root)


def released_of(cases):
    """Of the cases of a reference cohort, how many are not for testing, in the paper's proportion."""
    return cases - round(cases * TEST / (TEST + RELEASED))


def _claim(root, recipe):
    """Mark a folder as that of one recipe, and refuse one that holds a cohort of another.

    Test cases that were drawn later go: what they were drawn for stands in a second line of the mark.
    """
    stamp = root / layout.RECIPE
    begun = stamp.read_text().partition("\n")[0] + "\n" if stamp.exists() else None
    if begun not in (None, recipe) or ((root / "cohort.csv").exists() and not begun):
        raise SarcoError(f"{root}: already holds another cohort; choose an empty folder.")
    root.mkdir(parents=True, exist_ok=True)
    (root / layout.TEST_CSV).unlink(missing_ok=True)
    stamp.write_text(recipe)


def write_cases(jobs, workers, what, progress):
    """Draw and write cases, in several processes; their rows of cohort.csv, as a DataFrame by case."""
    import pandas as pd
    from tqdm import tqdm

    with _processes(workers or os.cpu_count() or 1, len(jobs)) as pool:
        rows = (pool.map if pool else map)(_write_case, jobs)  # starts the processes; the bar then starts a thread
        rows = list(tqdm(rows, what, len(jobs), unit="case", disable=not progress))
    return pd.DataFrame(rows).set_index("case")


def _processes(workers, cases):
    """A pool of processes to write cases with, as a context; None where this one does it alone."""
    if workers == 1 or cases < 8:
        return nullcontext()
    # One thread a process: the products are small, and the processes already fill the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # A process that has one thread itself can be copied as it stands: the copies have nothing to load.
    copied = sys.platform == "linux" and psutil.Process().num_threads() == 1
    return ProcessPoolExecutor(workers, multiprocessing.get_context("fork" if copied else "spawn"))


def phantom_of(cohort, case):
    """The phantom that a case of a cohort is, drawn again: with all that its files do not hold.

    Refused is a cohort that was not made here with all groups, or by other code: the slice drawn is then another one.
    """
    recipe, stamp = layout.recipe_of(cohort.root), cohort.root / layout.RECIPE
    if not recipe:
        raise SarcoError(f"{stamp}: {'of no phantoms' if stamp.exists() else 'not there'}, so the slices are no "
                         "phantoms that could be drawn again; give a cohort of 'sarco cohort make'.")  # fmt: skip
    later = "manifest" in recipe and cohort.table.loc[case, "split"] == "test"
    seed = layout.seed_of_test(recipe["manifest"]) if later else int(recipe["seed"])
    p = draw_case(recipe["setting"], seed, int(case) - 1, int(recipe["matrix"]))
    if not np.array_equal(p.image_hu, cohort.read_slice(case).image_hu):
        raise SarcoError(f"{cohort.path('images', case)}: not the slice that is drawn now, so other code made it; make "
                         "the cohort again.")  # fmt: skip
    return p


def draw_case(setting, seed, index, matrix=512, groups=GROUPS):
    """The phantom of a case, by its place in the cohort from 0; the other parameters are those of `make`."""
    kind = (DIFFICULT[index % len(DIFFICULT)],) if setting == "difficult" else ()
    wide = draw_groups(np.random.default_rng((seed, 5, index)), groups)
    return phantom((seed, SETTINGS.index(setting), index), setting, matrix, wide, kind)


def _write_case(job):
    """Draw and write one case; its row of cohort.csv, and the share of its mask outside the HU window."""
    root, index, setting, seed, matrix, groups, misplaced = job
    case, p = f"{index + 1:04d}", draw_case(setting, seed, index, matrix, groups)
    mask, quality = p.mask, p.quality
    if misplaced:
        rng = np.random.default_rng((seed, 3, index))
        shift = rng.uniform(15, 35, 2) / p.spacing_mm * rng.choice((-1, 1), 2)
        mask = np.roll(mask, np.rint(shift).astype(int), (0, 1))
        quality = review(mask, p.true_mask, p.spacing_mm)
    scan = Scan(case, p.subject.sex, p.subject.age, p.protocol.slice_thickness_mm, p.protocol.kvp, p.protocol.maker,
                p.protocol.model, p.protocol.kernel, p.subject.phase)  # fmt: skip
    encoding = draw_encoding(np.random.default_rng((seed, 4, index)), p.protocol.maker)
    write_slice(root / "images" / f"{case}.dcm", p.image_hu, p.spacing_mm, scan, encoding)
    read, true = (root / folder / f"{case}.png" for folder in ("masks", "true"))
    layout.write_mask(true, p.true_mask)
    layout.write_png(root / "tissues" / f"{case}.png", regions(p.parts, p.spacing_mm))
    if mask is p.true_mask:  # packed once, for that is slow
        with atomic(read) as beside:
            shutil.copyfile(true, beside)
    else:
        layout.write_mask(read, mask)
    return {
        **{name: getattr(p.subject, name) for name in ("sex", "age", "height_m", "phase", "weight_kg")},
        "case": case, "quality": quality, "pixel_spacing_mm": p.spacing_mm[0],
        "area_cm2": round(area_cm2(mask, p.spacing_mm), 3),
        "true_area_cm2": round(area_cm2(p.true_mask, p.spacing_mm), 3),
        "mean_hu": round(float(p.image_hu[mask].mean()), 2) if mask.any() else float("nan"), "reader": p.reader,
        "slice_thickness_mm": p.protocol.slice_thickness_mm, "maker": p.protocol.maker,
        "notes": DIFFICULT[index % len(DIFFICULT)] if setting == "difficult" else ", ".join(p.notes),
        "outside_share": layout.outside_window_share(p.image_hu, mask),
    }  # fmt: skip
