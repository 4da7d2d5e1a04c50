"""The command `sarco`. Heavy modules load inside the commands, so that help and bad input answer at once."""

import codecs
import errno
import functools
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..base import __version__
from ..base.errors import SarcoError

THREADS = "TF_NUM_INTRAOP_THREADS"
THREADS_NAMED = THREADS in os.environ
# TensorFlow reads these when it loads. The order of its sums, and so the last digit of a result, depends on
# the number of threads.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault(THREADS, "2")
# NumPy's products are small here: more threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

PROBLEMS_FOUND, BAD_INPUT, INTERRUPTED = 1, 2, 130


OTHER_SIGNS = {"²": "2", "°": " deg", "±": "+-", "…": "..."}


def _in_other_signs(error):
    """For what an encoding lacks: cm2 for cm²; of a name, each such letter is spelled out."""
    signs = error.object[error.start : error.end]
    other = (OTHER_SIGNS.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in signs)
    return "".join(other), error.end


# A pipe on Windows, or PYTHONIOENCODING, may ask for an encoding that lacks a sign; all was done by then.
codecs.register_error("in other signs", _in_other_signs)
for _stream in (sys.stdout, sys.stderr):
    if hasattr(_stream, "reconfigure"):
        _stream.reconfigure(errors="in other signs")

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Muscle area of one CT slice at L3: the paper's method, its cohort and its evaluation.",
    epilog="Example:  `sarco segment slice.dcm --out results`\n\n"
    "Exit codes: 0 done, 1 done but for what is named, 2 not done (one sentence says why), 130 interrupted.",
)
cohort = typer.Typer(no_args_is_help=True, help="Make, check and cut cohorts.")
app.add_typer(cohort, name="cohort")
importing = typer.Typer(no_args_is_help=True, help="Turn real slices with masks into a cohort.")
cohort.add_typer(importing, name="import")
fetching = typer.Typer(no_args_is_help=True, help="Bring open images of real patients.")
cohort.add_typer(fetching, name="fetch")


class Setting(StrEnum):
    """Settings of the phantom."""

    reference = "reference"
    randomised = "randomised"
    difficult = "difficult"


Profile = Annotated[str, typer.Option("--profile", "-p", help="Name in workflow/profiles/, or path of a YAML file.")]


def told(command):
    """Print the sentence of a SarcoError in place of a traceback."""

    @functools.wraps(command)
    def wrapper(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except SarcoError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(BAD_INPUT) from None
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EIO) or error.filename is not None:
                raise
            print(f"What was to be printed cannot be written ({error.strerror}).", file=sys.stderr)
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None

    return wrapper


def _prepare_inference():
    # oneDNN sums in another order and says so at every start. It speeds up training more than inference, so
    # it stays on there and goes off here, as in the notebooks of the book: the numbers are then comparable.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


def _version(wanted: bool):
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
):
    pass


class Sex(StrEnum):
    """Sexes that the cut-offs know."""

    F = "F"
    M = "M"


class NiftiRule(StrEnum):
    """How the axes of a NIfTI mask become rows and columns."""

    affine = "affine"
    stored = "stored"


def _cutoffs():
    from ..evidence.cutoffs import CUTOFFS

    return list(CUTOFFS)


EXIT_CODES = "Exit codes: 0 all was done, 1 some slices could not be, 2 none could be, 130 interrupted."
Number = Annotated[
    int | None, typer.Option("--slice", min=1, help="Slice of a NIfTI volume or enhanced CT, from 1 at the feet.")
]
Phase = Annotated[
    int | None,
    typer.Option("--phase", min=1, help="Phase or stack of an enhanced CT that has several, from 1 in time."),
]
Height = Annotated[float | None, typer.Option(help="In m, for the skeletal muscle index.")]
Weight = Annotated[float | None, typer.Option(help="In kg, where the cut-off depends on the BMI.")]
SexOption = Annotated[Sex | None, typer.Option(help="For the cut-off.")]
CutOff = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=_cutoffs,
        help="Say whether the muscle is low by prado-2008, martin-2013, derstine-2018 or van-der-werf-2018; no one "
        "of them is agreed on.",
    ),
]
WithPatient = Annotated[
    bool,
    typer.Option(
        "--with-patient",
        help="Copy name, identifiers and dates of patient and study into numbers, page, table and DICOM SEG, as an "
        "archive needs to file the SEG. Without it they are in none; files are named as the slice is.",
    ),
]
EngineOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What computes the networks: openvino (fast on a CPU), keras, float32 (the fastest that rounds nothing "
        "to bfloat16) or auto (Keras on a GPU, else OpenVINO where it is installed).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for scripts, nothing else.")]


@app.command(
    epilog="Example:  `sarco segment slice.dcm --out results`  or  `sarco segment folder --out results`\n\n"
    + EXIT_CODES
)
@told
def segment(
    slices: Annotated[
        list[Path],
        typer.Argument(metavar="SLICE...", help="Axial CT slices at L3 as DICOM, or in NIfTI volumes, or folders."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    weights: Annotated[
        Path | None, typer.Option(help="Folder of the members; those shipped with sarco unless named.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Use the student alone: one network, taught by all members.")
    ] = False,
    engine: EngineOption = "auto",
    number: Number = None,
    phase: Phase = None,
    height: Height = None,
    weight: Weight = None,
    sex: SexOption = None,
    cutoff: CutOff = None,
    people: Annotated[
        Path | None,
        typer.Option(
            help="CSV of the persons on many slices: file, as table.csv has it, or sop_instance_uid; and any of "
            "height_m, weight_kg, sex."
        ),
    ] = None,
    with_patient: WithPatient = False,
    json_: Json = False,
):
    """Measure the muscle in one CT slice, in many, or in a folder of them.

    Writes for each the mask (SLICE_mask.png, and SLICE_seg.dcm as DICOM SEG), a picture (SLICE_overlay.png), a page
    to read or print (SLICE.html) and the numbers (SLICE.json); for several also table.csv, and table.xlsx where
    openpyxl is installed. A file is judged by its content, not its name; one that is no CT slice is named and the
    others are done. The same command goes on where it was interrupted.
    """
    _prepare_inference()
    from ..evidence.cutoffs import Person
    from ..slice_tool import batch, segmentation
    from ..slice_tool.page import counted

    listed = batch.jobs(slices, out, people)
    given = {"height_m": height, "weight_kg": weight, "sex": sex and sex.value, "cutoff": cutoff}
    person = Person(**given) if people is None else batch.people(people, listed, given)
    many = len(listed) > 1 or os.path.isdir(slices[0])  # noqa: PTH112 - a name may be too long for a path
    segmenter = segmentation.Segmenter(weights, quick=quick, engine=engine)
    done = batch.run(
        listed, out, segmenter, person, number=number, phase=phase, with_patient=with_patient,
        table=many, progress=many,
    )  # fmt: skip
    if json_:
        _print_json({"slices": list(done.numbers.values()), "problems": done.problems})
    elif many:
        kept = f", {done.kept} of them by an earlier run" if done.kept else ""
        print(f"{counted(len(done.numbers), 'slice')} done{kept}; {len(done.problems)} could not be.")
        warned = sum(bool(numbers["warnings"]) for numbers in done.numbers.values())
        if warned:
            print(f"{warned} {'has' if warned == 1 else 'have'} warnings: see the column in the table.")
        print(segmentation.NOT_A_MEDICAL_DEVICE)
        print(next(file for file in done.files if file.name == "table.csv"))
    else:
        for numbers in done.numbers.values():
            _print_numbers(numbers, done.files)
    if done.problems:
        raise typer.Exit(PROBLEMS_FOUND if done.numbers else BAD_INPUT)


@app.command(
    epilog="Example:  `sarco measure slice.dcm corrected.png --before results/slice.json`\n\n"
    "Exit codes: 0 measured, 2 slice or mask is unfit, 130 interrupted."
)
@told
def measure(
    slice_: Annotated[Path, typer.Argument(metavar="SLICE", help="The slice, DICOM or NIfTI.")],
    mask: Annotated[Path, typer.Argument(help="Mask on its grid: DICOM SEG, NIfTI, PNG or NumPy.")],
    before: Annotated[
        Path | None, typer.Option(help="Say what changed: the mask before, or the JSON of the first run.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files that 'sarco segment' writes too.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="A label, or a segment of a SEG, that is muscle; may be repeated.")
    ] = None,
    nifti: Annotated[
        NiftiRule, typer.Option(help="Map NIfTI axes by the affine, or as stored (columns, then rows).")
    ] = NiftiRule.affine,
    number: Number = None,
    phase: Phase = None,
    height: Height = None,
    weight: Weight = None,
    sex: SexOption = None,
    cutoff: CutOff = None,
    with_patient: WithPatient = False,
    json_: Json = False,
):
    """Measure a mask that was corrected by hand, and say what changed.

    Everything is computed anew from the mask, cut to [-29, 150] HU. There is no bias correction: it belongs to the
    networks. Height, weight, sex and cut-off are those of the first run's JSON, if one is named, unless given here.
    Files are called SLICE_measured.
    """
    from ..base.files import content_sha256
    from ..slice_tool import batch, segmentation

    done = segmentation.measure_again(
        slice_, mask, before, number=number, phase=phase, labels=tuple(label or ()), nifti=nifti.value, height_m=height,
        weight_kg=weight, sex=sex and sex.value, cutoff=cutoff,
    )  # fmt: skip
    files = []
    if out is not None:
        name, made_from = f"{segmentation.file_name(slice_)}_measured", f"{content_sha256(slice_)}-measured"
        batch.refuse_other(out, name, slice_, made_from)
        files = segmentation.write(done.now, out, name, with_patient=with_patient, made_from=made_from)
    numbers = segmentation.numbers(done.now, with_patient=with_patient)
    if json_:
        _print_json(numbers | {"changes": done.changes, "mask_change": done.mask_change})
        return
    _print_numbers(numbers, files)
    if done.changes:
        _print_changes(done)


def _print_json(document):
    import json

    print(json.dumps(document, indent=2))  # in ASCII, which every pipe takes


def _print_numbers(numbers, files):
    from rich.console import Console
    from rich.table import Table

    from ..slice_tool import page

    for warning in numbers["warnings"]:
        print(f"{numbers['file']}: {warning}", file=sys.stderr)
    table = Table(show_header=False, title=numbers["file"], title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    for name, text, _ in page.rows(numbers):
        table.add_row(name, text)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print(numbers["not_a_medical_device"])
    for file in files:
        console.print(str(file), markup=False)


def _print_changes(done):
    from rich.console import Console
    from rich.table import Table

    from ..slice_tool import page

    table = Table("What changed", title_justify="left")
    for name in ("before", "now", "change"):
        table.add_column(name, justify="right")
    for key, changed in done.changes.items():
        if changed["before"] is None and changed["now"] is None:
            continue
        change = "" if changed["change"] is None else f"{changed['change']:+.1f}"
        table.add_row(page.NUMBERS[key][0], *(page.value(key, changed[when]) for when in ("before", "now")), change)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    if done.mask_change:
        console.print(
            "Mask: {added_cm2:.1f} cm² added, {removed_cm2:.1f} cm² taken out, DSC {dsc:.3f}.".format(
                **done.mask_change
            )
        )


@cohort.command("make", epilog="Example:  `sarco cohort make build/demo --cases 20 --seed 1`")
@told
def make_cohort(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    cases: Annotated[int, typer.Option(min=1, help="The paper's full cohort is 1525.")],
    setting: Annotated[
        Setting,
        typer.Option(help="A plausible population, one drawn far wider than nature, or one case of each hard kind."),
    ] = Setting.reference,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="Randomised setting: leave a group as it is in the population."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 is one for each core.")] = 0,
    matrix: Annotated[int, typer.Option(min=64, max=1024, help="Rows and columns of a slice.")] = 512,
    json_: Json = False,
):
    """Write a cohort of phantoms."""
    from ..cohort import make

    make.make(out, cases=cases, setting=setting.value, seed=seed, workers=workers, matrix=matrix,
              without=without or ())  # fmt: skip
    if json_:
        _print_json({"written": str(out), "cases": cases})


@cohort.command("bench", epilog="Example:  `sarco cohort bench`")
@told
def bench_cohort(
    cases: Annotated[int, typer.Option(min=8, help="Slices to make, twice.")] = 100,
    matrix: Annotated[int, typer.Option(min=64, max=1024, help="Rows and columns of a slice.")] = 512,
    json_: Json = False,
):
    """Say how fast this machine makes phantoms, on one core and on all."""
    from dataclasses import asdict

    from ..evidence import phantom_speed
    from ..slice_tool.page import counted

    speeds = phantom_speed.bench(cases, matrix)
    if json_:
        _print_json({"speeds": [asdict(speed) | {"slices_per_second": speed.slices_per_second} for speed in speeds]})
        return
    for speed in speeds:
        minutes = f"{speed.paper_minutes:.1f} min for the paper's number"
        line = f"{counted(speed.workers, 'core')}: {speed.slices_per_second:.1f} slices a second, {minutes}"
        if speed.cpu_seconds is not None:
            line += f"; {speed.cpu_seconds / speed.cases:.2f} s of processor a slice, at most {speed.peak_mib:.0f} MiB"
        print(line)


@cohort.command("check", epilog="Example:  `sarco cohort check data/sample`")
@told
def check_cohort(
    root: Annotated[Path, typer.Argument(help="Folder that holds cohort.csv.")],
    json_: Json = False,
):
    """Say what is wrong with a cohort: one line a problem, exit code 1 if there is any."""
    from ..cohort import layout

    found = layout.check(root, progress=True)
    if json_:
        _print_json({"root": str(root), "unregistered": found.unregistered, "problems": _problems(found.problems)})
    else:
        for problem in found.problems:
            print(f"{problem.case}: {problem.message}" if problem.case else problem.message)
    if found.problems:
        raise typer.Exit(PROBLEMS_FOUND)
    if json_:
        return
    if found.unregistered:
        print(f"{root}: not registered by measurement, and excluded: {', '.join(found.unregistered)}.")
    print(f"{root}: no problem found.")


class Split(StrEnum):
    """Splits of a cohort."""

    train = "train"
    validation = "validation"
    test = "test"
    excluded = "excluded"


@importing.command("slices", epilog="Example:  `sarco cohort import slices dicom masks build/mine`")
@told
def import_slices(
    images: Annotated[Path, typer.Argument(help="Folder of DICOM slices.")],
    masks: Annotated[
        Path, typer.Argument(help="Folder of masks: PNG, NumPy, NIfTI named as the slices, or DICOM SEG.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder to write. Run again, the import goes on.")],
    label: Annotated[
        list[str] | None, typer.Option(help="A label, or a segment of a SEG, that is muscle; may be repeated.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="CSV with the column case and any of split, quality, sex, age, height_m, ...")
    ] = None,
    split: Annotated[Split, typer.Option(help="Split of the cases, unless the table says.")] = Split.test,
    cut: Annotated[bool, typer.Option(help="Cut the masks to [-29, 150] HU, as the paper's are.")] = True,
    nifti: Annotated[
        NiftiRule, typer.Option(help="Map NIfTI axes by the affine, or as stored (columns, then rows).")
    ] = NiftiRule.affine,
    key: Annotated[Path | None, typer.Option(help="Number the cases, and write which is which to this CSV.")] = None,
    keep_header: Annotated[
        bool, typer.Option("--keep-header", help="Copy the DICOM files byte for byte, the patient's name included.")
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


@importing.command("saros", epilog="Example:  `sarco cohort import saros saros build/saros --levels l3.csv`")
@told
def import_saros(
    folder: Annotated[Path, typer.Argument(help="Folder with the table and the case_000, case_001, ...")],
    out: Annotated[Path, typer.Argument(help="Folder to write. Run again, the import goes on.")],
    levels: Annotated[Path | None, typer.Option(help="CSV of the levels of L3: id, and z_mm or slice.")] = None,
    vertebrae: Annotated[Path | None, typer.Option(help="Folder of TotalSegmentator's vertebrae.")] = None,
    max_distance: Annotated[
        float, typer.Option(min=0, help="Largest distance of the annotated slice from the middle of L3, in mm.")
    ] = 12.5,
    json_: Json = False,
):
    """Turn SAROS into a cohort: the annotated slice nearest to the middle of L3 of each case.

    Muscle is what is labelled so within the torso, cut to [-29, 150] HU. Folds 1 to 4 train, fold 5 validates, the
    test set tests. Exit code 1 if a case was unfit.
    """
    from ..cohort import saros

    _print_import(saros.import_saros(folder, out, levels, vertebrae, max_distance, progress=True), json_)


def _problems(found):
    return [{"case": problem.case, "message": problem.message} for problem in found]


def _print_import(done, json_):
    if json_:
        _print_json({"root": str(done.root), "written": done.written, "kept": done.kept,
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


@fetching.command("saros", epilog="Example:  `sarco cohort fetch saros saros --yes`")
@told
def fetch_saros(
    folder: Annotated[Path, typer.Argument(help="Folder with the table of SAROS and its unpacked masks.")],
    case: Annotated[list[str] | None, typer.Option(help="Only this case; may be repeated.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Download; otherwise only say what would be.")] = False,
    json_: Json = False,
):
    """Bring the open images of SAROS from the Imaging Data Commons.

    Says first how much there is to download and under which licence. Table and masks come from their own page,
    doi 10.25737/SZ96-ZG60. What is there already is not downloaded again.
    """
    from ..cohort import fetch

    plan = fetch.plan(folder, tuple(case or ()))
    if not json_:
        for line in plan.lines():
            print(line)
        if plan.wanted and not yes:
            print("Say --yes to download.")
    written, problems = [], []
    if plan.wanted and yes:
        written, problems = fetch.fetch(folder, plan.wanted, progress=True)
    if json_:
        from dataclasses import asdict

        _print_json({"root": str(folder), **asdict(plan), "written": written, "problems": _problems(problems)})
    elif plan.wanted and yes:
        for problem in problems:
            print(problem.message)
        print(f"{folder}: images written {len(written)}, problems {len(problems)}.")
    if problems:
        raise typer.Exit(PROBLEMS_FOUND)


@cohort.command("subset", epilog="Example:  `sarco cohort subset build/laptop/reference small 0001 0002`")
@told
def subset_cohort(
    root: Annotated[Path, typer.Argument(help="Folder that holds cohort.csv.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    cases: Annotated[list[str], typer.Argument(metavar="CASE...", help="Cases to keep.")],
    json_: Json = False,
):
    """Copy some cases of a cohort into a new one."""
    from ..cohort import layout

    layout.subset(root, out, cases)
    if json_:
        _print_json({"written": str(out), "cases": len(cases)})


def _print_written(path, json_):
    """Say what a command that writes one thing has written."""
    if json_:
        _print_json({"written": str(path)})
    else:
        print(path)


@app.command(epilog="Example:  `sarco train --profile smoke --member 1`")
@told
def train(
    profile: Profile,
    member: Annotated[int | None, typer.Option(min=1, help="Which member, from 1.")] = None,
    student: Annotated[bool, typer.Option("--student", help="The student, once all members are trained.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write; the profile's weights unless named.")] = None,
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
    from ..runs import profiles, training

    with gpu.one():
        chosen = profiles.load(profile)
        written = training.train_student(chosen) if student else training.train_from_profile(chosen, member, out)
        _print_written(written, json_)


@app.command(epilog="Example:  `sarco manifest --profile smoke`")
@told
def manifest(profile: Profile, json_: Json = False):
    """List the trained members, with their checksums, in manifest.json."""
    from ..runs import profiles, training

    _print_written(training.write_manifest(profiles.load(profile)), json_)


@app.command(epilog="Example:  `sarco evaluate --profile smoke`")
@told
def evaluate(
    profile: Profile,
    block: Annotated[
        str | None, typer.Option(metavar="3/8", help="Only this block of the cases; a call without it joins them.")
    ] = None,
    engine: EngineOption = "float32",
    json_: Json = False,
):
    """Evaluate the members on validation and test slices, or go on where it was interrupted."""
    _prepare_inference()
    from ..runs import evaluation

    _print_written(evaluation.run(profile, block=block, engine=engine), json_)


@app.command(epilog="Example:  `sarco sweeps --profile smoke`")
@told
def sweeps(profile: Profile, json_: Json = False):
    """Vary each setting of the post-processing, one at a time, on validation slices and some of the test set."""
    _prepare_inference()
    from ..evidence import settings

    _print_written(settings.run(profile), json_)


@app.command(epilog="Example:  `sarco orders --profile smoke`")
@told
def orders(profile: Profile, json_: Json = False):
    """Say what each further member adds, over random orders of the members, on the validation slices."""
    _prepare_inference()
    from ..evidence import member_orders

    _print_written(member_orders.run(profile), json_)


@app.command(epilog="Example:  `sarco elsewhere --profile smoke`")
@told
def elsewhere(profile: Profile, json_: Json = False):
    """Evaluate the members on difficult phantoms and on randomised ones that no network has learned from."""
    _prepare_inference()
    from ..evidence import other_populations

    _print_written(other_populations.run(profile), json_)


@app.command(epilog="Example:  `sarco readings --profile smoke`")
@told
def readings(profile: Profile, json_: Json = False):
    """Set the members' masks against readers who draw the same, and err less or more."""
    _prepare_inference()
    from ..evidence import assumptions

    _print_written(assumptions.run(profile), json_)


@app.command(epilog="Example:  `sarco bench --slices 500 --out data/results`")
@told
def bench(
    profile: Profile = "published",
    out: Annotated[
        Path | None, typer.Option(help="Folder for bench.csv and bench.json; build/bench unless named.")
    ] = None,
    slices: Annotated[int, typer.Option(min=1, help="Of the whole job; the paper's are 500.")] = 20,
    members: Annotated[int, typer.Option(min=1, help="Of the whole job; the paper's are 15.")] = 15,
    torch_python: Annotated[
        Path | None, typer.Option(help="A Python that has PyTorch, where this one has not.")
    ] = None,
    json_: Json = False,
):
    """Say how fast this machine segments and trains: plain Keras, the engines alone, and ours."""
    _prepare_inference()
    from ..base import paths
    from ..evidence import speed
    from ..runs import profiles

    folder = out or paths.root() / "build" / "bench"
    say = functools.partial(print, file=sys.stderr if json_ else sys.stdout, flush=True)
    speed.run(profiles.load(profile), folder, slices=slices, members=members, torch_python=torch_python, say=say)
    print((folder / "bench.json").read_text(encoding="utf-8") if json_ else folder / "bench.csv")


@app.command(epilog="Example:  `sarco claims --profile published --json`")
@told
def claims(
    profile: Profile = "published",
    json_: Json = False,
):
    """Set every number that the paper prints beside that of a run, with a verdict by rule."""
    from ..evidence import claims
    from ..runs import profiles

    chosen = profiles.load(profile)
    found = claims.table(chosen)
    if json_:
        print(claims.to_json(found, chosen))
    else:
        _print_claims(found, claims)


def _print_claims(found, claims):
    from rich.console import Console
    from rich.table import Table

    table = Table("claim", "the paper", "this run", "difference", "verdict", "in the book")
    section = None
    for claim in found:
        if claim.section != section:
            table.add_section()
            table.add_row(f"[bold]{claim.section}[/bold]")
            section = claim.section
        verdict = claims.verdict_told(claim, notes=False)
        table.add_row(claim.claim, *claims.cells(claim), verdict, claim.shown_in.rpartition("/")[2])
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 190)
    console.print(table)
    for verdict, count in claims.told_counts(found).items():
        console.print(f"{verdict}: {count}")
    for claim in found:
        if claim.verdict == claims.DEPENDS:
            console.print(f"{claim.claim} {claim.note}")


@app.command(epilog="Example:  `sarco ablate --profile smoke --variant without-texture`")
@told
def ablate(
    profile: Profile,
    variant: Annotated[str | None, typer.Option(help="Train and score this one; else compare those that are.")] = None,
    json_: Json = False,
):
    """Ask what each group of the domain randomisation is worth: train without it, or go on where it was interrupted."""
    from ..base import gpu
    from ..evidence import ablation
    from ..runs import profiles

    chosen = profiles.load(profile)
    if variant is None:
        _print_written(ablation.combine(chosen), json_)
        return
    with gpu.one():
        _print_written(ablation.run_variant(chosen, variant), json_)
