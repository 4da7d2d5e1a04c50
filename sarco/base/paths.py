"""Where the repository keeps its data: weights, results and sample slices."""

import os
from pathlib import Path

from .errors import SarcoError


def root():
    """Folder of the repository (this package is meant to be installed from a clone of it)."""
    return Path(__file__).resolve().parents[2]


def data_dir():
    """`data/` of the repository, or the folder that the variable SARCO_DATA names."""
    folder = Path(os.environ.get("SARCO_DATA", root() / "data"))
    if not folder.is_dir():
        raise SarcoError(f"{folder}: no data folder there; clone the repository and install it with "
                         "'pip install -e .', or set SARCO_DATA to its data folder.")  # fmt: skip
    return folder


def weights_dir():
    """Shipped members and their manifest."""
    return data_dir() / "weights"


def sample_dir():
    """A few cases of the reference cohort, in the layout that every cohort shares."""
    return data_dir() / "sample"
