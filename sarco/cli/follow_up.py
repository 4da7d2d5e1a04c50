"""The command for two slices of one person: `sarco compare`."""

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from .app import EngineOption, Json, Quick, Tissues, Weights, app, command, prepare_inference, print_json

Slice = Annotated[int | None, Option(min=1, help="Slice of a NIfTI volume or enhanced CT, from 1 at the feet.")]
Phase = Annotated[int | None, Option(min=1, help="Phase or stack of an enhanced CT that has several, from 1 in time.")]


@command(app, "compare", "sarco compare january.dcm june.dcm --tissues --out results",
         codes="0 compared, 2 a slice is unfit, 130 interrupted")  # fmt: skip
def compare(
    first: Annotated[Path, Argument(help="The earlier slice, an axial CT slice at L3 as DICOM or in a NIfTI volume.")],
    second: Annotated[Path, Argument(help="The later slice of the same person.")],
    out: Annotated[Path | None, Option(help="Folder for compare.json and compare.html, a page with both.")] = None,
    weights: Weights = None,
    quick: Quick = False,
    tissues: Tissues = False,
    engine: EngineOption = "auto",
    slice_first: Slice = None,
    slice_second: Slice = None,
    phase_first: Phase = None,
    phase_second: Phase = None,
    json_: Json = False,
):
    """Say what changed between two CT slices of one person, and whether by more than repeats differ by.

    Both are measured by the same networks, and areas are compared as found. Beside each change stand its 95 % interval
    and what repeats of an unchanged person differ by. What makes the two hard to compare is told: another level,
    contrast, kV, kernel, thickness or scanner.
    """
    prepare_inference()
    from ..slice_tool import follow_up

    done = follow_up.compare(
        first, second, weights, quick=quick, engine=engine, tissues=tissues,
        slices=(slice_first, slice_second), phases=(phase_first, phase_second),
    )  # fmt: skip
    files = follow_up.write(done, out) if out is not None else []
    if json_:
        print_json(follow_up.numbers_of(done))
        return
    for warning in done.warnings:
        print(warning, file=sys.stderr)
    _print(done, files, follow_up)


def _print(done, files, follow_up):
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from ..slice_tool.numbers import NOT_A_MEDICAL_DEVICE

    table = Table("", box=SIMPLE, padding=0, pad_edge=False)
    for name in follow_up.HEADINGS:
        table.add_column(name, justify="right", no_wrap=True)
    for cells in follow_up.rows(done):
        table.add_row(*cells)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for sentence in (*follow_up.summary(done), NOT_A_MEDICAL_DEVICE, *map(str, files)):
        console.print(sentence, markup=False)
