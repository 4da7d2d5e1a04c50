"""Commands for one slice of a user, or many: `sarco segment` and `sarco measure`.

The options of a command are the parameters of its function, however many.
"""

import gc
import os
import sys
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from .app import (
    BAD_INPUT,
    PROBLEMS_FOUND,
    EngineOption,
    Json,
    Labels,
    Nifti,
    NiftiRule,
    Quick,
    Tissues,
    Weights,
    app,
    command,
    prepare_inference,
    print_json,
)  # fmt: skip

Sex = StrEnum("Sex", {"F": "F", "M": "M"})


def _cutoffs():
    from ..evidence.cutoffs import CUTOFFS

    return list(CUTOFFS)


def _references():
    from ..evidence.reference_values import REFERENCES

    return list(REFERENCES)


Number = Annotated[
    int | None, Option("--slice", min=1, help="Slice of a NIfTI volume or enhanced CT, from 1 at the feet.")
]


AUTO = "auto"


def _number_or_auto(text):
    if text != AUTO and not (text.isdecimal() and int(text)):
        raise typer.BadParameter(f"{text!r}, where auto or a whole number from 1 is wanted.")
    return text if text == AUTO else int(text)


NumberToFind = Annotated[
    str | None,
    Option(
        "--slice",
        parser=_number_or_auto,
        metavar="N|auto",
        help="Slice of a NIfTI volume or enhanced CT, from 1 at the feet. Or auto: of one, or of a folder that holds "
        "one DICOM series, the slice nearest to L3, as a network proposes it, with a picture of those around it.",
    ),
]
Phase = Annotated[
    int | None, Option("--phase", min=1, help="Phase or stack of an enhanced CT that has several, from 1 in time.")
]
# Numbers as texts, which `Person` reads as it reads those of a table: "1,70" is one, too.
Height = Annotated[str | None, Option(metavar="NUMBER", help="In m, for the skeletal muscle index.")]
Weight = Annotated[str | None, Option(metavar="NUMBER", help="In kg, where the cut-off depends on the BMI.")]
SexOption = Annotated[Sex | None, Option(case_sensitive=False, help="For the cut-off, and for the reference.")]
Age = Annotated[str | None, Option(metavar="NUMBER", help="In years, for the reference.")]
ReferenceOption = Annotated[
    str | None,
    Option(
        metavar="NAME",
        autocompletion=_references,
        help="Say where the person stands among people of the same sex and age by framingham (women alone), "
        "van-der-werf-2018 or derstine-2018 (18 to 40 years).",
    ),
]
CutOff = Annotated[
    str | None,
    Option(
        metavar="NAME",
        autocompletion=_cutoffs,
        help="Say whether the muscle is low by prado-2008, martin-2013, derstine-2018 or van-der-werf-2018; no one "
        "of them is agreed on.",
    ),
]
WithPatient = Annotated[
    bool,
    Option(
        "--with-patient",
        help="Copy name, identifiers and dates of patient and study into numbers, page, table and DICOM SEG, as an "
        "archive needs to file the SEG. Without it they are in none; files are named as the slice is.",
    ),
]


@contextmanager
def _uncollected():
    """No search for garbage: what loads is a million objects that stay, and to look through them takes a fifth more."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@command(app, "segment", "sarco segment slice.dcm --out results`  or  `sarco segment folder --out results",
         codes="0 all was done, 1 some slices could not be, 2 none could be, 130 interrupted")  # fmt: skip
@_uncollected()
def segment(
    slices: Annotated[
        list[Path],
        Argument(metavar="SLICE...", help="Axial CT slices at L3 as DICOM, or in NIfTI volumes, or folders."),
    ],
    out: Annotated[Path, Option(help="Folder for the results.")],
    weights: Weights = None,
    quick: Quick = False,
    tissues: Tissues = False,
    engine: EngineOption = "auto",
    number: NumberToFind = None,
    phase: Phase = None,
    height: Height = None,
    weight: Weight = None,
    sex: SexOption = None,
    cutoff: CutOff = None,
    age: Age = None,
    reference: ReferenceOption = None,
    people: Annotated[
        Path | None,
        Option(
            help="CSV of the persons on many slices: file, as table.csv has it, or sop_instance_uid; and any of "
            "height_m, weight_kg, sex, age."
        ),
    ] = None,
    with_patient: WithPatient = False,
    json_: Json = False,
):
    """Measure the muscle in one CT slice, in many, or in a folder of them.

    Writes for each the mask (SLICE_mask.png, and SLICE_seg.dcm as DICOM SEG), a picture (SLICE_overlay.png, and with
    --tissues SLICE_tissues.png), a page to read or print (SLICE.html) and the numbers (SLICE.json); for several also
    table.csv, and table.xlsx where openpyxl is installed. A file is judged by its content, not its name; one that is no
    CT slice is named and the others are done. The same command goes on where it was interrupted.
    """
    prepare_inference()
    from ..slice_tool import batch, segmentation
    from ..slice_tool.people import assign

    given = {"height_m": height, "weight_kg": weight, "sex": sex and sex.value, "cutoff": cutoff, "age": age,
             "reference": reference}  # fmt: skip
    many = len(slices) > 1 or os.path.isdir(slices[0])  # noqa: PTH112 - a name may be too long for a path
    segmenter = segmentation.Segmenter(weights, quick=quick, engine=engine, tissues=tissues,
                                       once=not many and number != AUTO)  # fmt: skip
    proposal, sheets = None, []
    if number == AUTO:
        from ..slice_tool import volume

        proposal, many = volume.choose(slices, out, segmenter, phase), False
        slices, number, sheets = [proposal.place.path], proposal.place.number, [out / proposal.sheet_name]
    jobs = assign(batch.jobs(slices, out, people), given, people)
    if many:
        gc.enable()
    done = batch.segment_all(jobs, out, segmenter, (number, phase), with_patient, many, proposal)
    done.files[:0] = sheets
    if json_:
        print_json({"slices": list(done.numbers.values()), "problems": done.problems})
    elif many:
        _print_batch(done)
    else:
        for measured in done.numbers.values():
            _print_numbers(measured, done.files)
    if done.problems:
        raise typer.Exit(PROBLEMS_FOUND if done.numbers else BAD_INPUT)


@command(app, "measure", "sarco measure slice.dcm corrected.png --before results/slice.json",
         codes="0 measured, 2 slice or mask is unfit, 130 interrupted")  # fmt: skip
def measure(
    slice_: Annotated[Path, Argument(metavar="SLICE", help="The slice, DICOM or NIfTI.")],
    mask: Annotated[Path, Argument(help="Mask on its grid: DICOM SEG, NIfTI, PNG or NumPy.")],
    before: Annotated[
        Path | None, Option(help="Say what changed: the mask before, or the JSON of the first run.")
    ] = None,
    out: Annotated[Path | None, Option(help="Folder for the files that 'sarco segment' writes too.")] = None,
    label: Labels = None,
    nifti: Nifti = NiftiRule.affine,
    number: Number = None,
    phase: Phase = None,
    height: Height = None,
    weight: Weight = None,
    sex: SexOption = None,
    cutoff: CutOff = None,
    age: Age = None,
    reference: ReferenceOption = None,
    with_patient: WithPatient = False,
    json_: Json = False,
):
    """Measure a mask that was corrected by hand, and say what changed.

    Everything is computed anew from the mask, cut to [-29, 150] HU. There is no bias correction: it belongs to the
    networks. What is known of the person is that of the first run's JSON, if one is named, unless given here.
    Files are called SLICE_measured.
    """
    from ..base.files import content_sha256
    from ..slice_tool import comparison, numbers, output

    done = comparison.measure_again(
        slice_, mask, before, number=number, phase=phase, labels=tuple(label or ()), nifti=nifti.value, height_m=height,
        weight_kg=weight, sex=sex and sex.value, cutoff=cutoff, age=age, reference=reference,
    )  # fmt: skip
    files = []
    if out is not None:
        name, digest = f"{output.file_name(slice_)}_measured", content_sha256(slice_)
        output.refuse_other(out / name, slice_, digest)
        files = output.write(done.now, out, name, with_patient=with_patient, made_from=f"{digest}-measured")
    measured = numbers.numbers_of(done.now, with_patient)
    if json_:
        print_json(measured | {"changes": done.changes, "mask_change": done.mask_change})
        return
    _print_numbers(measured, files)
    if done.changes:
        _print_changes(done)


def _print_batch(done):
    from ..slice_tool.numbers import NOT_A_MEDICAL_DEVICE, counted

    kept = f", {done.kept} of them by an earlier run" if done.kept else ""
    print(f"{counted(len(done.numbers), 'slice')} done{kept}; {len(done.problems)} could not be.")
    warned = sum(bool(measured["warnings"]) for measured in done.numbers.values())
    if warned:
        print(f"{warned} {'has' if warned == 1 else 'have'} warnings: see the column in the table.")
    print(NOT_A_MEDICAL_DEVICE)
    print(next(file for file in done.files if file.name == "table.csv"))


def _print_numbers(measured, files):
    from rich.console import Console
    from rich.table import Table

    from ..slice_tool import asymmetry, standing
    from ..slice_tool.numbers import OF_TISSUES, rows, tissue_rows

    for warning in measured["warnings"]:
        print(f"{measured['file']}: {warning}", file=sys.stderr)
    table = Table(show_header=False, title=measured["file"], title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    for name, text, _ in (*rows(measured), *standing.rows(measured)):
        table.add_row(name, text)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    if measured["standing"]:
        console.print(standing.note(measured), markup=False)
    if measured["tissues"]:
        apart = Table("Tissue", "whole", "right", "left")
        for cells in tissue_rows(measured):
            apart.add_row(*cells)
        console.print(apart)
        console.print(OF_TISSUES)
    if measured["asymmetry"]:
        for name, text, _ in asymmetry.rows(measured):
            console.print(f"{name}: {text}")
        console.print(asymmetry.meaning(measured))
    console.print(measured["not_a_medical_device"])
    for file in files:
        console.print(str(file), markup=False)


def _print_changes(done):
    from rich.console import Console
    from rich.table import Table

    from ..slice_tool.numbers import NUMBERS

    table = Table("What changed", title_justify="left")
    for name in ("before", "now", "change"):
        table.add_column(name, justify="right")
    for key, changed in done.changes.items():
        if changed["before"] is not None or changed["now"] is not None:
            number, change = NUMBERS[key], changed["change"]
            values = (number.text(changed[when]) for when in ("before", "now"))
            table.add_row(number.name, *values, "" if change is None else f"{change:+.1f}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    if done.mask_change:
        words = "Mask: {added_cm2:.1f} cm² added, {removed_cm2:.1f} cm² taken out, DSC {dsc:.3f}."
        console.print(words.format(**done.mask_change))
