"""Commands for cohorts: `sarco cohort make`, `test`, `bench`, `check`, `subset`, `import` and `fetch`.

The options of a command are the parameters of its function, however many.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from .app import PROBLEMS_FOUND, Json, Labels, Matrix, Nifti, NiftiRule, app, command, print_json

cohort = typer.Typer(no_args_is_help=True, help="Make, check and cut cohorts.")
app.add_typer(cohort, name="cohort")
importing = typer.Typer(no_args_is_help=True, help="Turn real slices with masks into a cohort.")
cohort.add_typer(importing, name="import")
fetching = typer.Typer(no_args_is_help=True, help="Bring open images of real patients.")
cohort.add_typer(fetching, name="fetch")

Setting = StrEnum("Setting", ["reference", "randomised", "difficult"])
Split = StrEnum("Split", ["train", "validation", "test", "excluded"])
Workers = Annotated[int, Option(min=0, help="Processes; 0 is one for each core.")]
CohortRoot = Annotated[Path, Argument(help="Folder that holds cohort.csv.")]


@command(cohort, "make", "sarco cohort make build/demo --cases 20 --seed 1")
def make(
    out: Annotated[Path, Argument(help="Folder to write.")],
    cases: Annotated[int, Option(min=1, help="The paper's full cohort is 1525.")],
    setting: Annotated[
        Setting, Option(help="A plausible population, one drawn far wider than nature, or one case of each hard kind.")
    ] = Setting.reference,
    without: Annotated[
        list[str] | None, Option(metavar="GROUP", help="Randomised setting: leave a group as it is in the population.")
    ] = None,
    seed: Annotated[int, Option(min=0, help="The same seed gives the same bytes.")] = 0,
    workers: Workers = 0,
    matrix: Matrix = 512,
    test: Annotated[
        bool, Option("--test/--no-test", help="Reference setting: with test cases, or wait for 'sarco cohort test'.")
    ] = True,
    json_: Json = False,
):
    """Write a cohort of phantoms."""
    from ..cohort import make

    made = make.make(out, cases=cases, setting=setting.value, seed=seed, workers=workers, matrix=matrix,
                     without=without or (), test=test)  # fmt: skip
    if json_:
        print_json({"written": str(out), "cases": len(made.cases())})


@command(cohort, "test", "sarco cohort test build/laptop/reference build/laptop/weights/manifest.json")
def test(
    root: CohortRoot,
    manifest: Annotated[Path, Argument(help="File that lists the trained weights.")],
    workers: Workers = 0,
    json_: Json = False,
):
    """Draw the test cases that 'sarco cohort make --no-test' left out.

    Their seed is the checksum of the manifest, so that nobody could see them before the weights were there.
    """
    from ..cohort import test_set

    drawn = test_set.draw(root, manifest, workers)
    if json_:
        print_json({"written": str(root), "cases": len(drawn.cases("test"))})


@command(cohort, "bench", "sarco cohort bench")
def bench(
    cases: Annotated[int, Option(min=8, help="Slices to make, twice.")] = 100,
    matrix: Matrix = 512,
    json_: Json = False,
):
    """Say how fast this machine makes phantoms, on one core and on all."""
    from dataclasses import asdict

    from ..evidence import phantom_speed
    from ..slice_tool.numbers import counted

    speeds = phantom_speed.bench(cases, matrix)
    if json_:
        print_json({"speeds": [asdict(speed) | {"slices_per_second": speed.slices_per_second} for speed in speeds]})
        return
    for speed in speeds:
        minutes = f"{speed.paper_minutes:.1f} min for the paper's number"
        line = f"{counted(speed.workers, 'core')}: {speed.slices_per_second:.1f} slices a second, {minutes}"
        if speed.cpu_seconds is not None:
            line += f"; {speed.cpu_seconds / speed.cases:.2f} s of processor a slice, at most {speed.peak_mib:.0f} MiB"
        print(line)


@command(cohort, "check", "sarco cohort check data/sample")
def check(
    root: CohortRoot,
    manifest: Annotated[
        Path | None, Option(help="Draw some test cases again, with the seed of the weights that this file lists.")
    ] = None,
    json_: Json = False,
):
    """Say what is wrong with a cohort: one line a problem, exit code 1 if there is any."""
    from ..cohort import layout, test_set

    report = layout.check(root, progress=True)
    again, wrong = test_set.prove(root, manifest) if manifest else ([], [])
    report.problems.extend(layout.Problem("", sentence) for sentence in wrong)
    lines = [f"{problem.case}: {problem.message}" if problem.case else problem.message for problem in report.problems]
    if not lines and report.unregistered:
        lines = [f"{root}: not registered by measurement, and excluded: {', '.join(report.unregistered)}."]
    if json_:
        print_json({"root": str(root), "unregistered": report.unregistered, "drawn_again": again,
                    "problems": _problems(report.problems)})  # fmt: skip
    else:
        if again:
            lines.append(f"{root}: drawn again from the checksum of {manifest}: {', '.join(again)}.")
        print(*lines, *(() if report.problems else [f"{root}: no problem found."]), sep="\n")
    if report.problems:
        raise typer.Exit(PROBLEMS_FOUND)


@command(importing, "slices", "sarco cohort import slices dicom masks build/mine")
def import_slices(
    images: Annotated[Path, Argument(help="Folder of DICOM slices.")],
    masks: Annotated[Path, Argument(help="Folder of masks: PNG, NumPy, NIfTI named as the slices, or DICOM SEG.")],
    out: Annotated[Path, Argument(help="Folder to write. Run again, the import goes on.")],
    label: Labels = None,
    table: Annotated[
        Path | None, Option(help="CSV with the column case and any of split, quality, sex, age, height_m, ...")
    ] = None,
    split: Annotated[Split, Option(help="Split of the cases, unless the table says.")] = Split.test,
    cut: Annotated[bool, Option(help="Cut the masks to [-29, 150] HU, as the paper's are.")] = True,
    nifti: Nifti = NiftiRule.affine,
    key: Annotated[Path | None, Option(help="Number the cases, and write which is which to this CSV.")] = None,
    keep_header: Annotated[
        bool, Option("--keep-header", help="Copy the DICOM files byte for byte, the patient's name included.")
    ] = False,
    json_: Json = False,
):
    """Turn DICOM slices and their masks into a cohort.

    The copies keep pixel data and geometry, and say no name, date or identifier. Exit code 1 if a file was unfit.
    """
    from ..cohort import importing
    from ..slice_tool import checks

    done = importing.import_slices(
        images, masks, out, labels=tuple(label or ()), table=table, split=split.value, cut=cut, nifti=nifti.value,
        key=key, keep_header=keep_header, check=checks.check, progress=True,
    )  # fmt: skip
    _print_import(done, json_)


@command(importing, "saros", "sarco cohort import saros saros build/saros --levels l3.csv")
def import_saros(
    folder: Annotated[Path, Argument(help="Folder with the table and the case_000, case_001, ...")],
    out: Annotated[Path, Argument(help="Folder to write. Run again, the import goes on.")],
    levels: Annotated[Path | None, Option(help="CSV of the levels of L3: id, and z_mm or slice.")] = None,
    vertebrae: Annotated[Path | None, Option(help="Folder of TotalSegmentator's vertebrae.")] = None,
    max_distance: Annotated[
        float, Option(min=0, help="Largest distance of the annotated slice from the middle of L3, in mm.")
    ] = 12.5,
    json_: Json = False,
):
    """Turn SAROS into a cohort: the annotated slice nearest to the middle of L3 of each case.

    Muscle is what is labelled so within the torso, cut to [-29, 150] HU. Folds 1 to 4 train, fold 5 validates, the
    test set tests. Exit code 1 if a case was unfit.
    """
    from ..cohort import saros

    _print_import(saros.import_saros(folder, out, levels, vertebrae, max_distance, progress=True), json_)


def _problems(problems):
    return [{"case": problem.case, "message": problem.message} for problem in problems]


def _print_import(done, json_):
    if json_:
        print_json({"root": str(done.root), "written": done.written, "kept": done.kept,
                    "problems": _problems(done.problems), "warnings": _problems(done.warnings)})  # fmt: skip
    else:
        for warning in done.warnings:
            print(warning.message, file=sys.stderr)
        for problem in done.problems:
            print(problem.message)
        kept = f", kept {len(done.kept)}" if done.kept else ""
        print(f"{done.root}: cases written {len(done.written)}{kept}, problems {len(done.problems)}.")
    if done.problems:
        raise typer.Exit(PROBLEMS_FOUND)


@command(fetching, "saros", "sarco cohort fetch saros saros --yes")
def fetch_saros(
    folder: Annotated[Path, Argument(help="Folder with the table of SAROS and its unpacked masks.")],
    case: Annotated[list[str] | None, Option(help="Only this case; may be repeated.")] = None,
    yes: Annotated[bool, Option("--yes", help="Download; otherwise only say what would be.")] = False,
    json_: Json = False,
):
    """Bring the open images of SAROS from the Imaging Data Commons.

    Says first how much there is to download and under which licence. Table and masks come from their own page,
    doi 10.25737/SZ96-ZG60. What is there already is not downloaded again.
    """
    from dataclasses import asdict

    from ..cohort import fetch

    plan = fetch.plan(folder, tuple(case or ()))
    download, written, problems = bool(plan.wanted) and yes, [], []
    if not json_:
        for line in plan.lines():
            print(line)
        if plan.wanted and not yes:
            print("Say --yes to download.")
    if download:
        written, problems = fetch.fetch(folder, plan.wanted, progress=True)
    if json_:
        print_json({"root": str(folder), **asdict(plan), "written": written, "problems": _problems(problems)})
    elif download:
        for problem in problems:
            print(problem.message)
        print(f"{folder}: images written {len(written)}, problems {len(problems)}.")
    if problems:
        raise typer.Exit(PROBLEMS_FOUND)


@command(cohort, "subset", "sarco cohort subset build/laptop/reference small 0001 0002")
def subset(
    root: CohortRoot,
    out: Annotated[Path, Argument(help="Folder to write.")],
    cases: Annotated[list[str], Argument(metavar="CASE...", help="Cases to keep.")],
    json_: Json = False,
):
    """Copy some cases of a cohort into a new one."""
    from ..cohort import layout

    layout.subset(root, out, cases)
    if json_:
        print_json({"written": str(out), "cases": len(cases)})
