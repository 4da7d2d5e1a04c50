"""Where a run departs from the paper, made from its profile, its manifest and the constants of the code.

What is the same on both sides is not told, so the list cannot be stale: a run at the paper's setting loses its row.
"""

import itertools

from .. import paper
from ..method import augment, preprocess
from ..runs import profiles, training

UNSAID = "not printed"
LOSSES = {"dice": "DSC", "walls": "DSC with more weight at thin walls"}


def phases(profile, manifest):
    """The runs that the members went through, each a profile, and the seed of the phantoms that they learned from."""
    runs = [part for part, _ in profiles.parts(profile)]
    return list(zip(runs, profiles.training_seeds(profile, manifest), strict=True))


def learned_from(profile, manifest):
    """How many phantoms the members learned from, as "3,000, then 3,600 (the first 3,000 of the same seeds)".

    The same seed draws the same people in the same order, so the fewer are the first of the more. It draws the same
    slices, too, if the generator did not change in between.
    """
    words, before = [], {}
    for part, seed in phases(profile, manifest):
        cases, kind = part.training_cases, (part.training_setting, seed)
        again = min(cases, before.get(kind, 0))
        words.append(f"{cases:,}" + (f" (the first {again:,} of the same seeds)" if again else ""))
        before[kind] = max(cases, before.get(kind, 0))
    return ", then ".join(words)


def in_turn(profile, word):
    """What `word` says of each phase, told once where it stays the same."""
    words = [word(part) for part, _ in profiles.parts(profile)]
    return ", then ".join(one for one, _ in itertools.groupby(words))


def rows(profile, manifest, spacings_mm, training_slices):
    """Settings in which a run (profile, members' manifest, cohort) is not the paper: name, the paper's, its own."""
    learned, randomised = learned_from(profile, manifest), profile.training_setting == "randomised"
    blurred = sum(manifest["spacing_mm"] / one > preprocess.STRONG_REDUCTION for one in spacings_mm) / len(spacings_mm)
    steps = manifest["epochs"] * manifest["iterations"]
    compared = [
        ("slices", "patients", "phantoms"),
        ("masks of validation and test", f"{paper.READERS} radiologists", f"{paper.READERS} simulated readers"),
        ("slices to learn from", f"{paper.TRAINING:,}", learned),
        ("their masks", "the radiologists'", "the true ones" if randomised else "the readers'"),
        ("the cohort's own training slices", "learned from",
         f"{training_slices:,}, not learned from" if randomised else "learned from"),
        ("pixel (mm)", f"{paper.SPACING_MM:g}", f"{manifest['spacing_mm']:g}"),
        ("order of the interpolation of slices", f'"linear interpolation of order {paper.SPLINE_ORDER}"',
         f"{preprocess.ORDER}, a cubic spline"),
        ("order of that of masks", str(paper.SPLINE_ORDER), str(preprocess.MASK_ORDER)),
        ("blur before the pixels are made larger", UNSAID, f"in {blurred:.0%} of the slices" if blurred else UNSAID),
        ("patch (px)", f"{paper.MATRIX} x {paper.MATRIX}", "{} x {}".format(*profile.patch_px)),
        ("first filters", str(paper.FILTERS), str(manifest["filters"])),
        ("members", str(paper.MEMBERS), str(len(manifest["members"]))),
        ("steps of training", f"{paper.EPOCHS * paper.ITERATIONS:,}", f"{steps:,}"),
        ("slices a batch", str(paper.BATCH_SIZE), str(manifest["batch_size"])),
        ("first learning rate", f"{paper.LEARNING_RATE:g}", in_turn(profile, lambda part: f"{part.learning_rate:g}")),
        ("order of its fall", f"{paper.DECAY_POWER:g}", f"{manifest['decay_power']:g}"),
        ("arithmetic of the training", UNSAID, manifest["precision"].replace("mixed_", "mixed, ")),
        ("augmentation, shift", UNSAID, f"up to ±{augment.SHIFT_SHARE:.0%} of the patch"),
        ("loss", "DSC", in_turn(profile, lambda part: LOSSES[part.loss])),
        ("augmentation, reflection", UNSAID,
         in_turn(profile, lambda part: "half of the patches" if part.reflection else UNSAID)),
        ("augmentation, interpolation", UNSAID, f"order {augment.AUGMENTATION_ORDER}"),
        ("slices of a member", "those of all",
         in_turn(profile, lambda part: "a share of its own" if part.own_phantoms else "those of all")),
        ("weights at the end", UNSAID, "a moving average" if profile.ema_momentum else UNSAID),
        ("statistics of batch normalisation", UNSAID,
         f"estimated anew at the end, on {training.SETTLING_BATCHES} batches"),
    ]  # fmt: skip
    return [row for row in compared if row[1] != row[2]]


def table(run):
    """The same of an open `book.chapter.Run`, as a DataFrame of texts."""
    from .chapter import paper_and_run

    cohort = run.results("cohort")
    training_slices = int((cohort["split"] == "train").sum())
    return paper_and_run(rows(run.profile, run.ensemble.manifest, cohort["pixel_spacing_mm"], training_slices))
