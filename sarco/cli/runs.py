"""Commands that make a run: `sarco train`, `manifest` and `evaluate`."""

import os
from pathlib import Path
from typing import Annotated

from typer import Option

from ..base.errors import SarcoError
from .app import THREADS, THREADS_NAMED, EngineOption, Json, Profile, app, command, prepare_inference, print_written


@command(app, "train", "sarco train --profile smoke --member 1")
def train(
    profile: Profile,
    member: Annotated[int | None, Option(min=1, help="Which member, from 1.")] = None,
    student: Annotated[bool, Option("--student", help="The student, once all members are trained.")] = False,
    out: Annotated[Path | None, Option(help="Folder to write; the profile's weights unless named.")] = None,
    json_: Json = False,
):
    """Train one member or the student, or go on where it was interrupted.

    On a CPU a member has one thread, so that members side by side use all cores: start one for each core.
    """
    if student == (member is not None):
        raise SarcoError("sarco train: name one member with --member, or the student with --student.")
    if member is not None and not THREADS_NAMED:
        os.environ[THREADS] = "1"
    from ..base import gpu
    from ..runs import precision, profiles, training
    from ..runs.student import train_student

    precision.use_onednn()
    with gpu.one():
        chosen = profiles.load(profile)
        written = train_student(chosen) if student else training.train_from_profile(chosen, member, out)
        print_written(written, json_)


@command(app, "manifest", "sarco manifest --profile smoke")
def manifest(profile: Profile, json_: Json = False):
    """List the trained members, with their checksums, in manifest.json."""
    from ..runs import profiles, training

    print_written(training.write_manifest(profiles.load(profile)), json_)


@command(app, "evaluate", "sarco evaluate --profile smoke")
def evaluate(
    profile: Profile,
    block: Annotated[
        str | None, Option(metavar="3/8", help="Only this block of the cases; a call without it joins them.")
    ] = None,
    engine: EngineOption = "float32",
    json_: Json = False,
):
    """Evaluate the members on validation and test slices, or go on where it was interrupted."""
    prepare_inference()
    from ..evidence import learned
    from ..runs import evaluation, profiles

    chosen = profiles.load(profile)
    written = evaluation.run(chosen, block=block, engine=engine)
    if block is None:
        learned.keep(chosen.weights_dir, chosen.results_dir)
    print_written(written, json_)
