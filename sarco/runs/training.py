"""Train one member of a profile, or all of them: one member is one seed. Their student is in `student`.

`sarco.method.train` is how a network learns. Here is what a run adds: going on after an interruption, the history, and
the manifest.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base import environment, sources
from ..base.errors import SarcoError
from ..base.files import atomic, checksum, write_csv
from ..cohort.layout import Cohort
from ..engines.weights import pack, read_manifest, unpack
from ..method.train import LOSSES, batch, compiled_unet, epochs, take_average, validation_dsc
from ..method.unet import DEPTH
from . import precision
from .arrays import OnDevice, array_sha256, load_arrays
from .profiles import RECIPE, cohort_seed, load, start_weights, training_seeds

HISTORY = ("member", "epoch", "iteration", "learning_rate", "loss", "validation_dsc", "validation_dsc_min",
           "validation_dsc_max", "seconds")  # fmt: skip
ENDS = (".npz", ".csv", ".recipe.json")  # of the files of a member, whose names begin with its own
SETTLING_BATCHES = 40


@dataclass(frozen=True)
class Member:
    """Which network is trained.

    `seed` settles the initial weights, the order of the slices and the augmentation. With `start`, it begins with these
    weights in place of random ones, and `begun` holds the rows of the history that led to them: the epochs go on from
    there.
    """

    number: int
    seed: int
    name: str
    start: Path | None = None
    begun: tuple = ()


def member_seed(profile, member):
    """Seed of a member: its own, whatever the number of members."""
    return profile.seed * 1000 + member


def member_of(profile, number, start=None, begun=()):
    """A member of a profile by its number, 1, 2, ..."""
    return Member(number, member_seed(profile, number), f"member-{number:02d}", start, tuple(begun))


def train_member(training, validation, member, profile, out, progress=True, how=None):
    """Train one member, from its last finished epoch if it was interrupted, and return the path of its weights.

    `training` and `validation` are images and masks as `load_arrays` returns them; of the profile the keys in `RECIPE`
    count. The folder `out` receives NAME.npz (weights), NAME.csv (history), NAME.recipe.json (what settled them, with
    the precision that was taken), and a checkpoint while it runs. A SarcoError says that the member diverged, or that
    `start` holds the weights of another network. With `how`, a pair of functions as `untrained` and `drawer`, another
    kind of network learns in the same way.
    """
    from tqdm import tqdm

    begin, draw_from = how or (untrained, drawer)
    weights = Path(out) / f"{member.name}.npz"
    checkpoint = weights.with_suffix(".checkpoint.npz")
    taken = precision.taken(profile.precision)
    if progress and profile.precision == precision.AUTO:
        tqdm.write(f"{member.name}: precision auto is {taken} on {precision.processor()}", file=sys.stderr)
    recipe = _recipe(profile, member, taken, sources.digest(begin.__module__), *training, *validation)
    model, draw = begin(profile, member, taken), draw_from(training, profile, member)
    rows = list(member.begun)
    if checkpoint.exists():
        rows = _restore(model, checkpoint, recipe)
    with tqdm(total=profile.epochs * profile.iterations, initial=len(rows) * profile.iterations, desc=member.name,
              unit="step", disable=not progress) as bar:  # fmt: skip
        for epoch, steps in epochs(model, draw, len(rows) + 1, profile.epochs, profile.iterations):
            start, losses = time.perf_counter(), []
            for loss in steps:
                losses.append(loss)
                bar.update()
            if not np.isfinite(losses).all():
                raise SarcoError(
                    f"{weights.with_suffix('')}: the loss is not finite in epoch {epoch}, the member diverged; "
                    "train it with another seed or a lower learning rate."
                )
            done = epoch * profile.iterations
            if epoch == profile.epochs:
                take_average(model)
                last = range(done - min(SETTLING_BATCHES, profile.iterations), done)
                settle(model, (draw(step)[0] for step in last))
            measured = _measured(model, losses, validation)
            rows.append((member.number, epoch, done, *measured, round(time.perf_counter() - start, 2)))
            bar.set_postfix(loss=rows[-1][4], dsc=rows[-1][5])
            _save(model, checkpoint, recipe, rows)
    _write_history(rows, weights)
    with atomic(_recipe_path(weights)) as beside:
        beside.write_text(recipe + "\n")
    with atomic(weights) as beside:
        pack(model, beside)
    checkpoint.unlink(missing_ok=True)
    return weights


def untrained(profile, member, taken):
    """The compiled network of a member, with the weights that it begins with."""
    repeatable(member.seed)
    steps = (profile.epochs - len(member.begun)) * profile.iterations
    model = compiled_unet(profile.filters, steps, profile.learning_rate, profile.decay_power, taken,
                          loss=LOSSES[profile.loss](profile.spacing_mm), ema_momentum=profile.ema_momentum)  # fmt: skip
    model.optimizer.build(model.trainable_variables)
    if member.start:
        _begin_with(model, member.start)
    return model


def repeatable(seed):
    """Let Keras draw and compute the same from now on, whenever it begins with this seed."""
    import keras

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def drawer(training, profile, member, of_arrays=None):
    """Function from a step to its batch, on the accelerator where there is one and the patch lies within a slice.

    Elsewhere `of_arrays` draws it, `method.train.batch` unless given.
    """
    how = {"seed": member.seed, **{key: getattr(profile, key) for key in ("batch_size", "patch_px", "reflection")}}
    fits = max(profile.patch_px) <= training[0].shape[1]
    if fits and environment.hardware()["accelerators"]:
        on_device = OnDevice(*training)
        return lambda step: on_device.batch(step, **how)
    return lambda step: (of_arrays or batch)(*training, step, **how)


def _measured(model, losses, validation):
    """Of an epoch: learning rate, mean loss, and mean, smallest and largest DSC of the validation slices."""
    import keras

    scores = validation_dsc(model, *validation)
    rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    return (round(rate, 9), round(float(np.mean(losses)), 5),
            *(round(float(f(scores)), 5) for f in (np.mean, np.min, np.max)))  # fmt: skip


def settle(model, batches):
    """Estimate the statistics of batch normalisation afresh, with the weights as they are now, from some batches.

    Their moving averages trail behind the weights, which a short run feels: they still hold what the first epochs
    produced. The mean over some batches has no such memory.
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


# --- going on --------------------------------------------------------------------------------------------------------


def _recipe(profile, member, taken, code, *arrays):
    """What must be the same for a checkpoint to be continued."""
    return json.dumps({"seed": member.seed, **{k: getattr(profile, k) for k in RECIPE}, "precision": taken,
                       "slices": [*map(array_sha256, arrays)], "start": member.start and checksum(member.start),
                       "code": code})  # fmt: skip


def _recipe_path(weights):
    return weights.with_suffix(".recipe.json")


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
        begun, now = json.loads(str(kept["recipe"])), json.loads(recipe)
        if begun | {"precision": now["precision"]} == now != begun:
            raise SarcoError(f"{path}: begun in {begun['precision']}, and this {precision.processor()} trains in "
                             f"{now['precision']}; go on where it began, or remove it to start again.")  # fmt: skip
        if begun != now:
            raise SarcoError(f"{path}: begun with other settings, slices or code; remove it to start again, or restore "
                             "them.")  # fmt: skip
        model.set_weights([kept[f"w{i}"] for i in range(len(model.get_weights()))])
        for i, variable in enumerate(model.optimizer.variables):
            variable.assign(kept[f"o{i}"])
        return _rows(kept["rows"])


def _rows(table):
    return [(int(r[0]), int(r[1]), int(r[2]), *map(float, r[3:])) for r in table]


def _write_history(rows, weights):
    import pandas as pd

    write_csv(pd.DataFrame(rows, columns=HISTORY), weights.with_suffix(".csv"))


def _history(weights):
    """Rows of the history beside a member's weights."""
    import pandas as pd

    for path in (weights, weights.with_suffix(".csv")):
        if not path.exists():
            raise SarcoError(f"{path}: not there; train the profile that this one goes on from first.")
    return _rows(pd.read_csv(weights.with_suffix(".csv")).to_numpy())


# --- profiles --------------------------------------------------------------------------------------------------------


def train_from_profile(profile, member, out=None, progress=True):
    """Train member `member` (1 to `profile.members`) of a profile on its cohorts, and return the path of its weights.

    They go to `out`, or to the profile's weights folder.
    """
    if not 1 <= member <= profile.members:
        raise SarcoError(f"profile {profile.name}: there is no member {member}; choose 1 to {profile.members}.")
    learn, judge = Cohort.open(profile.training_dir), Cohort.open(profile.cohort_dir)
    training = load_arrays(learn, shown(profile, member, learn.cases("train")), profile.spacing_mm, progress)
    validation = load_arrays(judge, judge.cases("validation"), profile.spacing_mm, progress)
    start = start_weights(profile, member)
    one = member_of(profile, member, start, _history(start) if start else ())
    return train_member(training, validation, one, profile, out or profile.weights_dir, progress)


def shown(profile, member, cases):
    """Those of the training cases that a member learns from: all, or its own share of them, which no other sees."""
    own = cases[member - 1 :: profile.members] if profile.own_phantoms else cases
    if not own:
        raise SarcoError(f"profile {profile.name}: no phantom is left for member {member}; make training_cases as many "
                         "as the members, or more.")  # fmt: skip
    return own


def write_manifest(profile):
    """Write weights/manifest.json over the trained members, and results/training.csv from their histories.

    Returns the path of the manifest; SarcoError if a member is missing.
    """
    import pandas as pd

    members = [member_of(profile, number) for number in range(1, profile.members + 1)]
    for member in members:
        for end in ENDS:
            path = profile.weights_dir / (member.name + end)
            if not path.exists():
                raise SarcoError(
                    f"{path}: not there; run 'sarco train --profile {profile.name} --member {member.number}'."
                )
    history = pd.concat([pd.read_csv(profile.weights_dir / f"{member.name}.csv") for member in members])
    write_csv(history, profile.results_dir / "training.csv")
    return write_entries(
        profile, "manifest.json", members,
        training_cases=profile.training_cases, training_seeds=_training_seeds(profile),
    )  # fmt: skip


def _training_seeds(profile):
    """Seed of the phantoms of each run that the members went through; of those before, as their manifest tells."""
    begun = profile.goes_on_from and load(profile.goes_on_from)
    before = training_seeds(begun, read_manifest(begun.weights_dir)) if begun else []
    return [*before, cohort_seed(profile, "training")]


def write_entries(profile, name, members, *, training_cases, **more):
    """Write what some networks are and how they were trained, with their checksums."""
    import keras
    import pandas as pd

    def entry(member):
        weights = profile.weights_dir / f"{member.name}.npz"
        history = pd.read_csv(weights.with_suffix(".csv"))
        return {"file": weights.name, "sha256": checksum(weights), "seed": member.seed,
                "validation_dsc": float(history["validation_dsc"].iloc[-1]),
                "seconds": round(float(history["seconds"].sum()), 1),
                "precision": json.loads(_recipe_path(weights).read_text())["precision"]}  # fmt: skip

    entries = [entry(member) for member in members]
    manifest = {
        "profile": profile.name, "setting": profile.training_setting, "training_cases": training_cases,
        "goes_on_from": profile.goes_on_from,
        "spacing_mm": profile.spacing_mm, "filters": profile.filters, "depth": DEPTH,
        "epochs": profile.epochs, "iterations": profile.iterations, "batch_size": profile.batch_size,
        "learning_rate": profile.learning_rate, "decay_power": profile.decay_power,
        "loss": profile.loss, "reflection": profile.reflection, "ema_momentum": profile.ema_momentum,
        "own_phantoms": profile.own_phantoms,
        "precision": _precision_of_all(profile, entries), "backend": keras.backend.backend(),
        "commit": environment.commit(), "versions": environment.versions(), "hardware": environment.hardware(),
        "licence": "CC BY 4.0",
        "members": entries, **more,
    }  # fmt: skip
    path = profile.weights_dir / name
    with atomic(path) as beside:
        beside.write_text(json.dumps(manifest, indent=1) + "\n")
    return path


def _precision_of_all(profile, entries):
    """The precision that all of them learned in; a SarcoError says which of them did not."""
    first = entries[0]
    for other in entries:
        if other["precision"] != first["precision"]:
            raise SarcoError(
                f"{profile.weights_dir / other['file']}: learned in {other['precision']}, and {first['file']} in "
                f"{first['precision']}; train all on processors of one kind, or write the precision into the profile."
            )
    return first["precision"]
