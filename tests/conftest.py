"""What several test files share."""

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))
# Quiet, and on a fixed number of threads, before anything loads TensorFlow.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the products are small: more threads only wait for each other


def pytest_collection_modifyitems(items):
    """The longest files first, so that two processes end together: the whole way, then the chapters."""
    items.sort(key=lambda item: (item.path.name != "test_workflow.py", item.path.suffix != ".ipynb"))


@pytest.fixture(scope="session")
def root():
    """Folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def chapters():
    """Committed notebooks, in the order of the book."""
    return sorted((ROOT / "chapters").glob("[0-9][0-9]-*.ipynb"))


TINY = dict(description="tiny", reference_cases=8, training_setting="randomised", training_cases=4, seed=1,
            spacing_mm=8.0, patch_px="[48, 64]", filters=2, members=2, goes_on_from="null", epochs=3, iterations=4,
            batch_size=2, learning_rate=0.002, decay_power=1.0, loss="dice", reflection="false", ema_momentum=0.0,
            own_phantoms="false", precision="float32", evaluation_cases="null", live_cases=1, student_cases=6,
            student_epochs=2, ablation_variants="[]", ablation_seeds=1, ablation_cases=2, ablation_steps=1,
            difficult_cases=2, workers=1)  # fmt: skip


@pytest.fixture(scope="session")
def tiny():
    """Write the file of a profile that takes seconds, for a run in `folder`, and return its path."""

    def write(folder):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "tiny.yaml"
        keys = {"name": "tiny", "run_dir": folder / "run", **TINY}
        path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
        return path

    return write


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; without one the test is skipped, on CI it fails."""
    import pdf

    found = next(filter(None, map(shutil.which, pdf.BROWSERS)), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on this machine; .ci/run installs one")
        pytest.skip("no Chromium on this machine: the pages of the book were not opened")
    from playwright.sync_api import sync_playwright

    options = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ]
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=found, args=options)
        yield window
        window.close()


@pytest.fixture(scope="session")
def node():
    """Path of Node."""
    from page import packages

    return packages.tool("node")


@pytest.fixture(scope="session")
def modules():
    """Folder of the packages of npm; where they cannot be fetched the test is skipped, on CI it fails."""
    from page import packages

    from sarco.base.errors import SarcoError

    try:
        return packages.node_modules()
    except SarcoError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
