"""What all commands share: the command line itself, its options, and how it tells what was done or went wrong.

Heavy modules load within the commands, so that help and bad input answer at once.
"""

import codecs
import errno
import functools
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

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


def _version(wanted: bool):
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
):
    pass


def command(group, name, example, codes=""):
    """Make a function a command: with an example in its help, and the sentence of a SarcoError for a traceback.

    The function has a parameter for each option, however many.
    """

    def register(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except SarcoError as error:
                sentence, code = error, BAD_INPUT
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EIO) or error.filename is not None:
                    raise
                sentence, code = f"What was to be printed cannot be written ({error.strerror}).", BAD_INPUT
            except KeyboardInterrupt:
                sentence, code = "Interrupted.", INTERRUPTED
            print(sentence, file=sys.stderr)
            raise typer.Exit(code)

        exit_codes = f"\n\nExit codes: {codes}." if codes else ""
        return group.command(name, epilog=f"Example:  `{example}`{exit_codes}")(wrapper)

    return register


# --- options of several commands ----------------------------------------------------------------------

NiftiRule = StrEnum("NiftiRule", ["affine", "stored"])
Profile = Annotated[str, Option("--profile", "-p", help="Name in workflow/profiles/, or path of a YAML file.")]
EngineOption = Annotated[
    str,
    Option(
        metavar="NAME",
        help="What computes the networks: openvino (fast on a CPU), keras, float32 (the fastest that rounds nothing "
        "to bfloat16), int8 (OpenVINO in 8 bits) or auto (Keras on a GPU, else OpenVINO where it is installed).",
    ),
]
Labels = Annotated[
    list[str] | None, Option("--label", help="A label, or a segment of a SEG, that is muscle; may be repeated.")
]
Nifti = Annotated[NiftiRule, Option(help="Map NIfTI axes by the affine, or as stored (columns, then rows).")]
Matrix = Annotated[int, Option(min=64, max=1024, help="Rows and columns of a slice.")]
Weights = Annotated[Path | None, Option(help="Folder of the members; those shipped with sarco unless named.")]
Quick = Annotated[bool, Option("--quick", help="Use the student alone: one network, taught by all members.")]
Tissues = Annotated[
    bool, Option("--tissues", help="Beside the muscle: muscles apart, right and left, and three kinds of fat.")
]
Json = Annotated[bool, Option("--json", help="Print one JSON document for scripts, nothing else.")]


def prepare_inference():
    """Before TensorFlow loads: oneDNN sums in another order and says so at every start.

    It speeds up training more than inference, so it is on there and goes off here, as in the notebooks of the
    book: the numbers are then comparable.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


def print_json(document):
    """One document, in ASCII, which every pipe takes."""
    import json

    print(json.dumps(document, indent=2))


def print_written(path, json_):
    """Say what a command that writes one thing has written."""
    print_json({"written": str(path)}) if json_ else print(path)
