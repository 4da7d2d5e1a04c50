"""The student of a profile: one network that learns what the members find together, and every tissue beside it.

Its muscle is that of the members, mask by mask, whose mean it is taught. Its tissues are those of the phantoms, which
it is told, for no member knows them.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy import ndimage

from ..base.errors import SarcoError
from ..cohort.layout import Cohort
from ..ct.tissues import TISSUES
from ..engines.weights import unpack, weights_sha256
from ..method.augment import AUGMENTATION_ORDER, body_centre, draw_affine
from ..method.train import compiled_unet, dice_loss, draw_slices
from .arrays import load_arrays, load_tissues, soft_targets
from .profiles import cohort_seed
from .training import Member, drawer, member_seed, repeatable, train_member, write_entries

TISSUE_WEIGHT = 0.5  # of the loss of the tissues, that of muscle counting 1
RARE_SHARE = 1e-4  # of the batch's pixels: keeps the loss of a tissue defined that is not there


def train_student(profile, progress=True):
    """Train the student of a profile, on phantoms of its own that no member has seen.

    It begins as a copy of the first member, which is nearer to the members' mean than random weights are. The profile
    has `student_cases` over 0, and its members are trained. Returns the path of the weights.
    """
    from ..method.ensemble import Ensemble

    if not profile.student_cases:
        raise SarcoError(f"profile {profile.name}: it has no student; set student_cases to the number of its phantoms.")
    learn, judge = Cohort.open(profile.student_dir), Cohort.open(profile.cohort_dir)
    cases = learn.cases("train")
    images, _ = load_arrays(learn, cases, profile.spacing_mm, progress)
    tissues = load_tissues(learn, cases, profile.spacing_mm, progress)
    validation = load_arrays(judge, judge.cases("validation"), profile.spacing_mm, progress)
    ensemble = Ensemble.load(profile.weights_dir)
    targets = soft_targets(images, ensemble, profile.student_dir / "cache" / "targets.npy", progress)
    seeds = [cohort_seed(profile, "student")]  # of the whole chain, which the student is no part of
    profile = replace(profile, epochs=profile.student_epochs, goes_on_from=None, loss="dice")
    start = profile.weights_dir / ensemble.manifest["members"][0]["file"]
    student = Member(0, member_seed(profile, 0), "student", start)
    training, how = (images, targets, tissues), (untaught, partial(drawer, of_arrays=batch))
    weights = train_member(training, validation, student, profile, profile.weights_dir, progress, how)
    write_entries(
        profile, "student.json", [student],
        training_cases=profile.student_cases, training_seeds=seeds, taught_by=weights_sha256(ensemble.manifest),
        tissues=list(TISSUES),
    )  # fmt: skip
    return weights


def untaught(profile, member, taken):
    """The compiled network of the student: a copy of the member that it begins with, and outputs for the tissues."""
    repeatable(member.seed)
    steps = profile.epochs * profile.iterations
    model = compiled_unet(profile.filters, steps, profile.learning_rate, profile.decay_power, taken,
                          loss=loss, ema_momentum=profile.ema_momentum, tissues=len(TISSUES))  # fmt: skip
    model.optimizer.build(model.trainable_variables)
    *body, kernel, bias = unpack(member.start)
    last = [np.concatenate([of_muscle, new[..., 1:]], -1)
            for of_muscle, new in zip((kernel, bias), model.get_weights()[-2:], strict=True)]  # fmt: skip
    model.set_weights([*body, *last])
    return model


def batch(images, targets, tissues, step, *, seed, batch_size, patch_px, reflection=False):
    """The batch of one step, as `method.train.batch`; after the members' mean, y holds the tissue of each pixel."""
    rng = np.random.default_rng((seed, step))
    patches = []
    for i in draw_slices(len(images), step, seed, batch_size):
        matrix, offset = draw_affine(body_centre(images[i]), patch_px, rng, reflection)
        patches.append([
            ndimage.affine_transform(np.asarray(array[i], np.float32), matrix, offset, tuple(patch_px), order=order)
            for array, order in ((images, AUGMENTATION_ORDER), (targets, AUGMENTATION_ORDER), (tissues, 0))
        ])  # fmt: skip
    patches = np.stack(patches).transpose(0, 2, 3, 1)
    return patches[..., :1], patches[..., 1:]


def loss(true, predicted):
    """Of the muscle as of a member, with the members' mean for the truth; of the tissues 1 - DSC and cross-entropy.

    `true` holds that mean and the tissue of each pixel, (batch, rows, columns, 2).
    """
    from keras import ops

    shares = predicted[..., 1:]
    labels = ops.one_hot(ops.cast(true[..., 1], "int32"), shares.shape[-1])
    entropy = -ops.mean(ops.log(ops.sum(labels * shares, -1) + 1e-6))
    # Over the whole batch: a tissue may be missing in a slice.
    overlap, both = (ops.mean(each, (0, 1, 2)) for each in (labels * shares, labels + shares))
    dsc = ops.mean((2 * overlap + RARE_SHARE) / (both + RARE_SHARE))
    return dice_loss(true[..., :1], predicted[..., :1]) + TISSUE_WEIGHT * (1 - dsc + entropy)
