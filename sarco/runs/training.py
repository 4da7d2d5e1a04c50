"""Train one member, or all of them: one member is one seed (the paper, Network training)."""

import hashlib
import itertools
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from .. import paper
from ..base import environment, sources
from ..base.errors import SarcoError
from ..base.files import alone, atomic
from ..cohort.layout import Cohort
from ..engines.engine import whole_float32
from ..method import metrics, preprocess
from ..method.ensemble import checksum, pack, unpack
from ..method.preprocess import body_box, mask_to_network, to_network
from ..method.unet import DEPTH, unet
from .profiles import RECIPE, cohort_seed, start_weights

HISTORY = ("member", "epoch", "iteration", "learning_rate", "loss", "validation_dsc", "validation_dsc_min",
           "validation_dsc_max", "seconds")  # fmt: skip
SETTLING_BATCHES = 40
# Of the augmentation, ours: the paper names rotation and scaling only, and no order of interpolation.
SHIFT_SHARE, AUGMENTATION_ORDER = 0.06, 1


# --- data ------------------------------------------------------------------------------------------------------------


def load_arrays(cohort, cases, spacing_mm, progress=True):
    """Pre-process cases into two arrays, kept on disk beside the cohort so that every member reads the same.

    Parameters
    ----------
    cohort : Cohort
    cases : list of str
    spacing_mm : float
        Of the network's grid.
    progress : bool

    Returns
    -------
    images, masks : numpy.memmap of float16, (cases, n, n)
        Images in [0, 1]; masks as the share of a pixel that is muscle.
    """
    # The name says what the arrays are made from: with other slices or other pre-processing they are other arrays.
    code = sources.digest("sarco.method.preprocess", "sarco.cohort.layout")
    made_from = hashlib.sha256(repr((spacing_mm, preprocess.WINDOW_HU, preprocess.ORDER, code)).encode())
    try:
        for case, kind in itertools.product(cases, ("images", "masks")):
            made_from.update(f"{case} {checksum(cohort.path(kind, case))}".encode())
    except OSError as error:
        raise SarcoError(f"{error.filename}: cannot be read ({error.strerror}); make the cohort again.") from error
    path = cohort.root / "cache" / f"{made_from.hexdigest()[:12]}.npy"
    if not path.exists():
        # Members that start together need them once.
        with alone(path.with_suffix(".lock")):
            if not path.exists():
                _write_arrays(path, cohort, cases, spacing_mm, progress)
    arrays = np.load(path, mmap_mode="r")
    return arrays[0], arrays[1]


def _write_arrays(path, cohort, cases, spacing_mm, progress):
    from concurrent.futures import ThreadPoolExecutor

    from tqdm import tqdm

    def one(case):
        s = cohort.read_slice(case)
        return (to_network(s.image_hu, s.spacing_mm, spacing_mm),
                mask_to_network(cohort.read_mask(case), s.spacing_mm, spacing_mm))  # fmt: skip

    n = one(cases[0])[0].shape
    with atomic(path) as beside:
        out = np.lib.format.open_memmap(beside, "w+", np.float16, (2, len(cases), *n))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            bar = tqdm(pool.map(one, cases), "pre-processing", len(cases), unit="slice", disable=not progress)
            for i, pair in enumerate(bar):
                out[:, i] = pair
        out.flush()


def body_centre(image):
    """Row and column of the middle of the body, in pixels."""
    return np.array([(side.start + side.stop - 1) / 2 for side in body_box(image)])


def draw_place(centre, patch_px, rng):
    """Turn, scale and place of a patch about the body (the paper: rotation and scaling).

    Parameters
    ----------
    centre : ndarray, (2,)
        See `body_centre`.
    patch_px : tuple of int
        Rows, columns of the patch.
    rng : numpy.random.Generator

    Returns
    -------
    matrix : ndarray, (2, 2)
    offset : ndarray, (2,)
        The patch's pixel p lies at ``matrix @ p + offset`` of the slice.
    """
    angle = np.deg2rad(rng.uniform(*paper.ROTATION_DEG))
    scale = rng.uniform(*paper.SCALE)
    # A body smaller or larger than the patch is seen from a place that varies: no pixel is always the spine.
    centre = centre + rng.uniform(-SHIFT_SHARE, SHIFT_SHARE, 2) * patch_px
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    return matrix, centre - matrix @ ((np.array(patch_px) - 1) / 2)


def augment(image, mask, patch_px, rng):
    """Rotate and scale a slice and its mask together, and cut the patch about the body.

    Parameters
    ----------
    image, mask : ndarray, (n, n)
    patch_px : tuple of int
        Rows, columns of the patch.
    rng : numpy.random.Generator

    Returns
    -------
    image, mask : ndarray of float32, `patch_px`
    """
    matrix, offset = draw_place(body_centre(image), patch_px, rng)
    return tuple(
        ndimage.affine_transform(np.asarray(a, np.float32), matrix, offset, tuple(patch_px), order=AUGMENTATION_ORDER)
        for a in (image, mask)
    )


def draw_slices(cases, step, seed, batch_size):
    """Which slices a step sees: each pass goes over all in an order of its own, without repetition."""
    drawn = np.arange(step * batch_size, (step + 1) * batch_size)
    passes, places = np.divmod(drawn, cases)
    order = {p: np.random.default_rng((seed, 1 << 20, p)).permutation(cases) for p in set(passes.tolist())}
    return [order[p][k] for p, k in zip(passes, places, strict=True)]


def batch(images, masks, step, *, seed, batch_size, patch_px):
    """The batch of one step: it depends on the seed and the step alone, so that a resumed run sees the same.

    Returns
    -------
    x, y : ndarray of float32, (batch_size, rows, columns, 1)
    """
    rng = np.random.default_rng((seed, step))
    drawn = draw_slices(len(images), step, seed, batch_size)
    pairs = [augment(images[i], masks[i], patch_px, rng) for i in drawn]
    x, y = (np.stack(a)[..., None] for a in zip(*pairs, strict=True))
    return x, y


class OnDevice:
    """Slices that are kept on an accelerator and augmented there, so that a step waits for no copy and no processor.

    Parameters
    ----------
    images, masks : ndarray, (cases, n, n)
    """

    def __init__(self, images, masks):
        from keras import ops

        self.centres = [body_centre(image) for image in images]
        self.pairs = ops.convert_to_tensor(np.stack([images, masks], -1))

    def batch(self, step, *, seed, batch_size, patch_px):
        """As the function `batch`, with the same draws, but for the rounding of the interpolation.

        Returns
        -------
        x, y : tensor of float32, (batch_size, rows, columns, 1)
        """
        from keras import ops

        rng = np.random.default_rng((seed, step))
        drawn = draw_slices(len(self.centres), step, seed, batch_size)
        rows = []
        for i in drawn:
            matrix, offset = draw_place(self.centres[i], patch_px, rng)
            # Keras names the column first: x' = a0 x + a1 y + a2, y' = b0 x + b1 y + b2.
            rows.append([matrix[1, 1], matrix[1, 0], offset[1], matrix[0, 1], matrix[0, 0], offset[0], 0, 0])
        pairs = ops.cast(ops.take(self.pairs, np.array(drawn), axis=0), "float32")
        moved = ops.image.affine_transform(pairs, np.array(rows, np.float32), "bilinear", "constant", 0.0,
                                           data_format="channels_last")  # fmt: skip
        patch = moved[:, : patch_px[0], : patch_px[1]]
        return patch[..., :1], patch[..., 1:]


# --- method ----------------------------------------------------------------------------------------------------------


def dice_loss(true, predicted):
    """1 - DSC of soft masks, averaged over the batch (the paper's loss).

    Parameters
    ----------
    true, predicted : tensor, (batch, rows, columns, 1)
    """
    from keras import ops

    true, predicted = (ops.cast(t, "float32") for t in (true, predicted))
    axes = (1, 2, 3)
    overlap = ops.sum(true * predicted, axes)
    # One pixel in numerator and denominator keeps the loss defined for an empty mask.
    return 1 - ops.mean((2 * overlap + 1) / (ops.sum(true, axes) + ops.sum(predicted, axes) + 1))


def schedule(steps, learning_rate=paper.LEARNING_RATE, power=paper.DECAY_POWER):
    """Learning rate over `steps` iterations: polynomial of order `power` (the paper: 5) from `learning_rate` to 0."""
    import keras

    return keras.optimizers.schedules.PolynomialDecay(learning_rate, steps, 0.0, power)


def compiled_unet(filters, steps, learning_rate=paper.LEARNING_RATE, power=paper.DECAY_POWER, precision="float32"):
    """The network with the paper's loss, optimiser and schedule."""
    import keras

    whole_float32()
    model = unet(filters, precision=precision)
    model.compile(keras.optimizers.Adam(schedule(steps, learning_rate, power)), dice_loss, jit_compile=False)
    return model


def validation_dsc(model, images, masks, batch_size=8):
    """DSC of each validation slice on the network's grid, before any post-processing.

    Returns
    -------
    ndarray of float64, (slices,)
    """
    scores = []
    for i in range(0, len(images), batch_size):
        x = np.asarray(images[i : i + batch_size], np.float32)[..., None]
        short = batch_size - len(x)  # one shape for all batches: the step is compiled once
        p = np.asarray(model.predict_on_batch(np.pad(x, ((0, short), (0, 0), (0, 0), (0, 0)))))[: len(x), ..., 0] > 0.5
        t = np.asarray(masks[i : i + batch_size]) > 0.5
        scores += map(metrics.dice, p, t)
    return np.array(scores)


def settle(model, batches):
    """Estimate the statistics of batch normalisation afresh, with the weights as they are now.

    Their moving averages trail behind the weights, which a short run feels: they still hold what the first epochs
    produced. The mean over some batches has no such memory.

    Parameters
    ----------
    model : keras.Model
    batches : iterable of ndarray of float32, (batch, rows, columns, 1)
    """
    import keras

    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    usual = [layer.momentum for layer in norms]
    for k, x in enumerate(batches):
        for layer in norms:
            layer.momentum = k / (k + 1)  # a running mean: each batch counts the same
        model(x, training=True)
    for layer, momentum in zip(norms, usual, strict=True):
        layer.momentum = momentum


def train_member(training, validation, *, member, seed, out, profile, progress=True, name=None, start=None,
                 begun=()):  # fmt: skip
    """Train one member, from its last finished epoch if it was interrupted.

    Parameters
    ----------
    training, validation : tuple of ndarray
        Images and masks as `load_arrays` returns them.
    member : int
        1, 2, ...
    seed : int
        Of the initial weights, the order of the slices and the augmentation.
    out : Path
        Receives member-XX.npz (float16 weights), member-XX.csv (history), and a checkpoint while it runs.
    profile : Profile
        filters, epochs, iterations, batch_size, learning_rate, decay_power, patch_px, precision.
    progress : bool
        Show a bar with the time left.
    name : str, optional
        Of the files, in place of member-XX.
    start : Path, optional
        Weights to begin with, in place of random ones.
    begun : sequence of tuple, optional
        Rows of the history that led to `start`: the epochs go on from there.

    Returns
    -------
    Path
        Of the weights.

    Raises
    ------
    SarcoError
        The loss is not finite any more: the member diverged. Or `start` holds the weights of another network.
    """
    import keras
    import pandas as pd
    from tqdm import tqdm

    out = Path(out)
    name = name or f"member-{member:02d}"
    weights, checkpoint, table = (out / f"{name}{end}" for end in (".npz", ".checkpoint.npz", ".csv"))
    recipe = _recipe(profile, seed, start, *training, *validation)
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    model = compiled_unet(profile.filters, (profile.epochs - len(begun)) * profile.iterations, profile.learning_rate,
                          profile.decay_power, profile.precision)  # fmt: skip
    model.optimizer.build(model.trainable_variables)

    how = {"seed": seed, "batch_size": profile.batch_size, "patch_px": profile.patch_px}
    fits = max(profile.patch_px) <= training[0].shape[1]
    on_device = OnDevice(*training).batch if fits and environment.hardware()["accelerators"] else None

    def draw(step):
        return on_device(step, **how) if on_device else batch(*training, step, **how)

    rows = list(begun)
    if checkpoint.exists():
        rows = _restore(model, checkpoint, recipe)
    elif start:
        _begin_with(model, start)
    bar = tqdm(total=profile.epochs * profile.iterations, initial=len(rows) * profile.iterations, desc=name,
               unit="step", disable=not progress)  # fmt: skip
    with bar:
        for epoch in range(len(rows) + 1, profile.epochs + 1):
            start, losses = time.perf_counter(), []
            steps = range((epoch - 1) * profile.iterations, epoch * profile.iterations)
            for step in steps:
                losses.append(float(np.asarray(model.train_on_batch(*draw(step)))))
                bar.update()
            if not np.isfinite(losses).all():
                raise SarcoError(
                    f"{out / name}: the loss is not finite in epoch {epoch}, the member diverged; "
                    "train it with another seed or a lower learning rate."
                )
            if epoch == profile.epochs:
                settle(model, (draw(step)[0] for step in steps[-SETTLING_BATCHES:]))
            scores = validation_dsc(model, *validation)
            rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
            rows.append((member, epoch, epoch * profile.iterations, round(rate, 9), round(float(np.mean(losses)), 5),
                         *(round(float(f(scores)), 5) for f in (np.mean, np.min, np.max)),
                         round(time.perf_counter() - start, 2)))  # fmt: skip
            bar.set_postfix(loss=rows[-1][4], dsc=rows[-1][5])
            _save(model, checkpoint, recipe, rows)
    with atomic(table) as beside:
        pd.DataFrame(rows, columns=HISTORY).to_csv(beside, index=False, lineterminator="\n")
    with atomic(weights) as beside:
        pack(model, beside)
    checkpoint.unlink(missing_ok=True)
    return weights


def _recipe(profile, seed, start, *arrays):
    """What must be the same for a checkpoint to be continued."""
    return json.dumps({"seed": seed, **{k: getattr(profile, k) for k in RECIPE}, "slices": [*map(_content, arrays)],
                       "start": start and checksum(start), "code": sources.digest(__name__)})  # fmt: skip


def _content(array):
    """Digest of an array."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def _begin_with(model, start):
    try:
        model.set_weights(unpack(start))
    except ValueError as error:
        raise SarcoError(f"{start}: the weights of another network; train it with the same filters.") from error


def _save(model, path, recipe, rows):
    with atomic(path) as beside:
        np.savez(beside, recipe=recipe, rows=np.array(rows, float),
                 **{f"w{i}": w for i, w in enumerate(model.get_weights())},
                 **{f"o{i}": v.numpy() for i, v in enumerate(model.optimizer.variables)})  # fmt: skip


def _restore(model, path, recipe):
    with np.load(path) as kept:
        if str(kept["recipe"]) != recipe:
            raise SarcoError(f"{path}: begun with other settings, slices or code; remove it to start again, or restore "
                             "them.")  # fmt: skip
        model.set_weights([kept[f"w{i}"] for i in range(len(model.get_weights()))])
        for i, variable in enumerate(model.optimizer.variables):
            variable.assign(kept[f"o{i}"])
        return _rows(kept["rows"])


def _rows(table):
    return [(int(r[0]), int(r[1]), int(r[2]), *map(float, r[3:])) for r in table]


# --- profiles --------------------------------------------------------------------------------------------------------


def member_seed(profile, member):
    """Seed of a member: its own, whatever the number of members."""
    return profile.seed * 1000 + member


def train_from_profile(profile, member, out=None, progress=True):
    """Train member `member` of a profile on its cohorts.

    Parameters
    ----------
    profile : Profile
    member : int
        1 to `profile.members`.
    out : Path, optional
        Default: the profile's weights folder.

    Returns
    -------
    Path
        Of the weights.
    """
    if not 1 <= member <= profile.members:
        raise SarcoError(f"profile {profile.name}: there is no member {member}; choose 1 to {profile.members}.")
    learn, judge = Cohort.open(profile.training_dir), Cohort.open(profile.cohort_dir)
    training = load_arrays(learn, learn.cases("train"), profile.spacing_mm, progress)
    validation = load_arrays(judge, judge.cases("validation"), profile.spacing_mm, progress)
    start = start_weights(profile, member)
    begun = _history(start) if start else ()
    return train_member(training, validation, member=member, seed=member_seed(profile, member),
                        out=out or profile.weights_dir, profile=profile, progress=progress,
                        start=start, begun=begun)  # fmt: skip


def _history(weights):
    """Rows of the history beside a member's weights."""
    import pandas as pd

    for path in (weights, weights.with_suffix(".csv")):
        if not path.exists():
            raise SarcoError(f"{path}: not there; train the profile that this one goes on from first.")
    return _rows(pd.read_csv(weights.with_suffix(".csv")).to_numpy())


def soft_targets(images, ensemble, path, progress=True):
    """Mean probability of the members on each slice: what a student learns from (distillation, arXiv 1503.02531).

    Parameters
    ----------
    images : ndarray, (cases, n, n)
        On the members' grid, as `load_arrays` returns them.
    ensemble : Ensemble
    path : Path
        The targets are kept there, and found there by a later call with the same members, slices and engine; an
        interrupted call goes on.
    progress : bool

    Returns
    -------
    numpy.memmap of float16, (cases, n, n)
    """
    from tqdm import tqdm

    members = [m["sha256"] for m in ensemble.manifest["members"]]
    made_from = (members, _content(images), ensemble.engine.made_with, sources.digest("sarco.method.ensemble"))
    key = hashlib.sha256(repr(made_from).encode()).hexdigest()[:12]
    path = Path(path).with_name(f"{Path(path).stem}-{key}.npy")
    begun = path.with_suffix(".partial.npy")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # A slice that is done holds no -1 any more: the file itself tells where to go on.
        new = not begun.exists()
        out = np.lib.format.open_memmap(begun, "w+" if new else "r+", np.float16, images.shape if new else None)
        if new:
            out[:] = -1
        for i in tqdm(range(len(images)), "teaching", unit="slice", disable=not progress):
            if out[i, 0, 0] < 0:
                mean = ensemble.predict_grid(np.asarray(images[i])).mean(0)
                out[i, 1:], out[i, 0] = mean[1:], mean[0]  # the row that is looked at comes last
        out.flush()
        begun.rename(path)
    return np.load(path, mmap_mode="r")


def train_student(profile, progress=True):
    """Train the student of a profile: one network that learns the mean of the members, on phantoms of its own.

    It begins as a copy of the first member, which is nearer to that mean than random weights are.

    Parameters
    ----------
    profile : Profile
        With `student_cases` over 0, and its members trained.

    Returns
    -------
    Path
        Of the weights.
    """
    from ..method.ensemble import Ensemble

    if not profile.student_cases:
        raise SarcoError(f"profile {profile.name}: it has no student; set student_cases to the number of its phantoms.")
    learn, judge = Cohort.open(profile.student_dir), Cohort.open(profile.cohort_dir)
    images, _ = load_arrays(learn, learn.cases("train"), profile.spacing_mm, progress)
    validation = load_arrays(judge, judge.cases("validation"), profile.spacing_mm, progress)
    ensemble = Ensemble.load(profile.weights_dir)
    targets = soft_targets(images, ensemble, profile.student_dir / "cache" / "targets.npy", progress)
    training_seed = cohort_seed(profile, "student")  # of the whole chain, which the student is no part of
    profile = replace(profile, epochs=profile.student_epochs, goes_on_from=None)
    seed = member_seed(profile, 0)
    weights = train_member((images, targets), validation, member=0, seed=seed, out=profile.weights_dir,
                           profile=profile, progress=progress, name="student",
                           start=profile.weights_dir / ensemble.manifest["members"][0]["file"])  # fmt: skip
    _write_manifest(profile, profile.weights_dir / "student.json", ["student"], [seed], profile.student_cases,
                    training_seed=training_seed,
                    taught_by=[m["sha256"] for m in ensemble.manifest["members"]])  # fmt: skip
    return weights


def write_manifest(profile):
    """Write weights/manifest.json over the trained members, and results/training.csv from their histories.

    Returns
    -------
    Path
        Of the manifest.

    Raises
    ------
    SarcoError
        A member is missing.
    """
    import pandas as pd

    names = [f"member-{m:02d}" for m in range(1, profile.members + 1)]
    for name in names:
        for end in (".npz", ".csv"):
            if not (profile.weights_dir / (name + end)).exists():
                raise SarcoError(f"{profile.weights_dir / (name + end)}: not there; run 'sarco train --profile "
                                 f"{profile.name} --member {int(name[-2:])}'.")  # fmt: skip
    history = pd.concat([pd.read_csv(profile.weights_dir / f"{name}.csv") for name in names])
    with atomic(profile.results_dir / "training.csv") as beside:
        history.to_csv(beside, index=False, lineterminator="\n")
    seeds = [member_seed(profile, m) for m in range(1, profile.members + 1)]
    return _write_manifest(profile, profile.weights_dir / "manifest.json", names, seeds, profile.training_cases,
                           training_seed=cohort_seed(profile, "training"))  # fmt: skip


def _write_manifest(profile, path, names, seeds, training_cases, **more):
    """What some networks are and how they were trained, with their checksums."""
    import keras
    import pandas as pd

    def entry(name, seed):
        weights, history = profile.weights_dir / f"{name}.npz", pd.read_csv(profile.weights_dir / f"{name}.csv")
        return {"file": weights.name, "sha256": checksum(weights), "seed": seed,
                "validation_dsc": float(history["validation_dsc"].iloc[-1]),
                "seconds": round(float(history["seconds"].sum()), 1)}  # fmt: skip

    manifest = {
        "profile": profile.name, "setting": profile.training_setting, "training_cases": training_cases,
        "goes_on_from": profile.goes_on_from,
        "spacing_mm": profile.spacing_mm, "filters": profile.filters, "depth": DEPTH,
        "epochs": profile.epochs, "iterations": profile.iterations, "batch_size": profile.batch_size,
        "learning_rate": profile.learning_rate, "decay_power": profile.decay_power,
        "precision": profile.precision, "backend": keras.backend.backend(),
        "commit": environment.commit(), "versions": environment.versions(), "hardware": environment.hardware(),
        "licence": "CC BY 4.0",
        "members": [entry(*pair) for pair in zip(names, seeds, strict=True)], **more,
    }  # fmt: skip
    with atomic(path) as beside:
        beside.write_text(json.dumps(manifest, indent=1) + "\n")
    return path
