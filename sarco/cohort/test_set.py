"""Test cases that nobody could see before the weights that they test: their seed comes from the weights' checksum.

The manifest of a run lists the SHA-256 of each member, so its own SHA-256 is settled by all of them.
"""

import numpy as np

from ..base.errors import SarcoError
from ..base.files import atomic, checksum
from ..phantom.population import GROUPS
from . import layout
from .make import phantom_of, released_of, write_cases

DRAWN_AGAIN = 5  # test cases that a proof draws, unless it is asked for more


def draw(root, manifest, workers=0, progress=True):
    """Draw the test cases of a reference cohort that was made without them (`make.make` with `test=False`).

    `manifest` is the file that lists the trained weights; its SHA-256 is kept, and gives the seed. Returns the cohort.
    A SarcoError says that the cohort is none of that kind, or that it has the test cases of other weights.
    """
    recipe, sha256 = layout.recipe_of(root), _sha256(manifest)
    first, *later = layout.tables(root)
    cases, rows = int(recipe.get("cases", 0)), len(layout.Cohort.open(root).table)
    # A part of a cohort has its test cases among the others, and one of a single case has none.
    if recipe.get("test") != "later" or not (later or rows == released_of(cases) < cases):
        raise SarcoError(f"{first}: not a cohort that waits for its test cases; make one with "
                         "'sarco cohort make --no-test'.")  # fmt: skip
    if later and recipe.get("manifest") != sha256:
        raise SarcoError(f"{later[0]}: has the test cases of other weights than {manifest} lists; make the cohort "
                         "again.")  # fmt: skip
    stamp, first_line = first.with_name(layout.RECIPE), first.with_name(layout.RECIPE).read_text().partition("\n")[0]
    with atomic(stamp) as beside:
        beside.write_text(f"{first_line}\nmanifest={sha256}\n")
    matrix, seed = int(recipe["matrix"]), layout.seed_of_test(sha256)
    jobs = [(first.parent, i, recipe["setting"], seed, matrix, GROUPS, False) for i in range(released_of(cases), cases)]
    table = write_cases(jobs, workers, "test cases", progress).assign(split="test")
    layout.write_table(table, first.with_name(layout.TEST_CSV))
    return layout.Cohort.open(root)


def prove(root, manifest, at_most=DRAWN_AGAIN):
    """Draw some test cases of a cohort again, with the seed of a manifest, and compare slice and masks, pixel by pixel.

    Returns the cases that came out the same, and what was found to be wrong: a list of sentences.
    """
    cohort, recipe, sha256 = layout.Cohort.open(root), layout.recipe_of(root), _sha256(manifest)
    stated, cases = recipe.get("manifest"), cohort.cases("test")
    if recipe.get("test") == "later" and not cases:
        return [], [f"{root}: has no test cases yet; 'sarco cohort test' draws them."]
    if stated is None:
        return [], [f"{root}: its test cases were drawn with the others, for no weights; leave out the manifest."]
    if stated != sha256:
        return [], [f"{root}: its test cases were drawn for weights whose manifest has the SHA-256 {stated}, and "
                    f"{manifest} has {sha256}; give the manifest of those."]  # fmt: skip
    same, wrong = [], []
    for case in cases[:at_most]:
        found = _unlike(cohort, case)
        wrong += found
        same += [] if found else [case]
    return same, wrong


def _unlike(cohort, case):
    """What of a case is not as it is drawn now: sentences."""
    try:
        drawn = phantom_of(cohort, case)  # which compares the slices
    except SarcoError as error:
        return [str(error)]
    masks = ("masks", cohort.read_mask(case), drawn.mask), ("true", cohort.read_true_mask(case), drawn.true_mask)
    return [f"{cohort.path(kind, case)}: not the mask that is drawn now; make the test cases again."
            for kind, mask, again in masks if not np.array_equal(mask, again)]  # fmt: skip


def _sha256(manifest):
    try:
        return checksum(manifest)
    except OSError as error:
        raise SarcoError(f"{manifest}: cannot be read ({error.strerror}); give the manifest.json of weights.") from None
