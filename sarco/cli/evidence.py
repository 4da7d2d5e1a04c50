"""Commands that ask what a run shows."""

import functools
import sys
from itertools import groupby
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from .app import Json, Profile, app, command, prepare_inference, print_written


@command(app, "sweeps", "sarco sweeps --profile smoke")
def sweeps(profile: Profile, json_: Json = False):
    """Vary each setting of the post-processing, one at a time, on validation slices and some of the test set."""
    prepare_inference()
    from ..evidence import sweeps

    print_written(sweeps.write_sweeps(profile), json_)


@command(app, "orders", "sarco orders --profile smoke")
def orders(profile: Profile, json_: Json = False):
    """Say what each further member adds, over random orders of the members, on the validation slices."""
    prepare_inference()
    from ..evidence import member_orders

    print_written(member_orders.write_orders(profile), json_)


@command(app, "elsewhere", "sarco elsewhere --profile smoke")
def elsewhere(profile: Profile, json_: Json = False):
    """Evaluate the members on difficult phantoms and on randomised ones that no network has learned from."""
    prepare_inference()
    from ..evidence import other_populations

    _write_and_learn(other_populations.write_elsewhere, profile, json_)


@command(app, "tissues", "sarco tissues --profile smoke")
def tissues(profile: Profile, json_: Json = False):
    """Part the validation and test slices into every tissue that the student knows, and compare with the truth."""
    prepare_inference()
    from ..evidence import tissue_errors

    _write_and_learn(tissue_errors.write_tissues, profile, json_)


@command(app, "repeats", "sarco repeats --profile smoke")
def repeats(profile: Profile, json_: Json = False):
    """Measure phantom people again, on another day and in another scan, and say what repeats differ by."""
    prepare_inference()
    from ..evidence import repeats

    _write_and_learn(repeats.write_repeats, profile, json_)


@command(app, "levels", "sarco levels --profile smoke")
def levels(profile: Profile, json_: Json = False):
    """Draw phantom people from L2 to L4, and ask how well the student tells at which level a slice lies."""
    prepare_inference()
    from ..evidence import levels

    _write_and_learn(levels.write_levels, profile, json_)


def _write_and_learn(write, profile, json_):
    """Write a table of a profile, and beside its weights what the table teaches of one more slice."""
    from ..evidence import learned
    from ..runs import profiles

    chosen = profiles.load(profile)
    written = write(chosen)
    learned.keep(chosen.weights_dir, chosen.results_dir)
    print_written(written, json_)


@command(app, "readings", "sarco readings --profile smoke")
def readings(profile: Profile, json_: Json = False):
    """Set the members' masks against readers who draw the same, and err less or more."""
    prepare_inference()
    from ..evidence import assumptions

    print_written(assumptions.write_readers(profile), json_)


@command(app, "labels", "sarco labels --profile smoke")
def labels(profile: Profile, json_: Json = False):
    """Ask what poor labels cost: train on true masks and on readers', or go on where it was interrupted."""
    from ..base import gpu
    from ..evidence import label_noise
    from ..runs import precision, profiles

    precision.use_onednn()
    with gpu.one():
        print_written(label_noise.write_labels(profiles.load(profile)), json_)


@command(app, "bench", "sarco bench --slices 500 --out data/results")
def bench(
    profile: Profile = "published",
    out: Annotated[Path | None, Option(help="Folder for bench.csv and bench.json; build/bench unless named.")] = None,
    slices: Annotated[int, Option(min=1, help="Of the whole job; the paper's are 500.")] = 20,
    members: Annotated[int, Option(min=1, help="Of the whole job; the paper's are 15.")] = 15,
    torch_python: Annotated[Path | None, Option(help="A Python that has PyTorch, where this one has not.")] = None,
    json_: Json = False,
):
    """Say how fast this machine segments and trains: plain Keras, the engines alone, and ours."""
    prepare_inference()
    from ..base import paths
    from ..evidence import speed
    from ..runs import profiles

    folder = out or paths.root() / "build" / "bench"
    say = functools.partial(print, file=sys.stderr if json_ else sys.stdout, flush=True)
    chosen = profiles.load(profile)
    speed.write_bench(chosen, folder, slices=slices, members=members, torch_python=torch_python, say=say)
    print((folder / "bench.json").read_text(encoding="utf-8") if json_ else folder / "bench.csv")


@command(app, "claims", "sarco claims --profile published --json")
def claims(profile: Profile = "published", json_: Json = False):
    """Set every number that the paper prints beside that of a run, with a verdict by rule."""
    from ..evidence import claims
    from ..runs import profiles

    chosen = profiles.load(profile)
    table = claims.table(chosen)
    if json_:
        print(claims.to_json(table, chosen))
    else:
        _print_claims(table, claims)


def _print_claims(claimed, claims):
    from rich.console import Console
    from rich.table import Table

    table = Table("claim", "the paper", "this run", "difference", "verdict", "in the book")
    for section, group in groupby(claimed, lambda claim: claim.section):
        table.add_section()
        table.add_row(f"[bold]{section}[/bold]")
        for claim in group:
            verdict = claims.verdict_told(claim, notes=False)
            table.add_row(claim.claim, *claims.cells(claim), verdict, claim.shown_in.rpartition("/")[2])
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 190)
    console.print(table)
    for verdict, count in claims.told_counts(claimed).items():
        console.print(f"{verdict}: {count}")
    for claim in claimed:
        if claim.verdict == claims.DEPENDS:
            console.print(f"{claim.claim} {claim.note}")


@command(app, "ablate", "sarco ablate --profile smoke --variant without-texture")
def ablate(
    profile: Profile,
    variant: Annotated[str | None, Option(help="Train and score this one; else compare those that are.")] = None,
    seed: Annotated[int, Option(min=1, help="Which network of the variant, from 1.")] = 1,
    json_: Json = False,
):
    """Ask what a part of the phantoms or of the recipe is worth: train without or with it, or go on with that."""
    from ..base import gpu
    from ..evidence import ablation
    from ..runs import precision, profiles

    chosen = profiles.load(profile)
    if variant is None:
        print_written(ablation.combine(chosen), json_)
        return
    precision.use_onednn()
    with gpu.one():
        print_written(ablation.run_variant(chosen, variant, seed), json_)


@command(app, "real", "sarco real build/real")
def real(
    folder: Annotated[
        Path,
        Argument(envvar="SARCO_REAL", help="Holds the two open real slices, by whatever names: data/real/README.md."),
    ],
    json_: Json = False,
):
    """Set the committed networks' muscle in two real slices against masks drawn by hand; write data/real/results.csv.

    The images are not part of this repository. The slices are found in the folder by SOP instance UID, or by their
    pixels; table and masks are written anew, and no picture.
    """
    prepare_inference()
    from ..slice_tool import real_slices

    print_written(real_slices.write(folder), json_)
