"""When test cases that were drawn for some weights were looked at: what run.json keeps of it.

A test set is opened once. Nothing can hinder a second look; but one with another outcome leaves a trace.
"""

import hashlib
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from ..base import environment
from ..base.errors import SarcoError
from ..base.files import atomic, checksum
from ..cohort import layout


def check(cohort_dir, manifest):
    """Refuse a cohort whose test cases wait for weights, or were drawn for others than `manifest` lists."""
    recipe = layout.recipe_of(cohort_dir)
    if recipe.get("test") == "later" and recipe.get("manifest") != checksum(manifest):
        which = "of other weights" if "manifest" in recipe else "not drawn yet"
        raise SarcoError(f"{cohort_dir}: its test cases are {which}; run 'sarco cohort test {cohort_dir} {manifest}'.")


def record(cohort_dir, results, cases_csv):
    """What run.json says of test cases that were drawn for the weights; None where they came with the cohort.

    Parameters
    ----------
    cohort_dir : Path
    results : Path
        Folder where cases.csv and run.json of an earlier evaluation may lie. A cases.csv that the same test cases gave,
        and that is another than the new one, is kept beside it, and told on stderr.
    cases_csv : bytes
        The new cases.csv.

    Returns
    -------
    dict or None
        "manifest" (SHA-256), "seed", and "opened": of each table that these cases gave, the first first, when (UTC), by
        which commit, and its SHA-256.
    """
    manifest = layout.recipe_of(cohort_dir).get("manifest")
    if manifest is None:
        return None
    digest, opened = hashlib.sha256(cases_csv).hexdigest(), _opened(results / "run.json", manifest)
    if opened:
        _keep_other(results / "cases.csv", digest)
    if digest not in {one["cases_csv"] for one in opened}:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        opened = [*opened, {"utc": now, "commit": environment.commit(), "cases_csv": digest}]
    return {"manifest": manifest, "seed": layout.seed_of_test(manifest), "opened": opened}


def _opened(path, manifest):
    """What an earlier run.json says of the test cases for the same weights."""
    try:
        before = json.loads(path.read_text(encoding="utf-8")).get("test_set") or {}
    except (OSError, ValueError):
        return []
    return before["opened"] if before.get("manifest") == manifest else []


def _keep_other(path, digest):
    before = checksum(path) if path.is_file() else digest
    if before != digest:
        kept = path.with_name(f"{path.stem}-{before[:8]}.csv")
        with atomic(kept) as beside:
            shutil.copyfile(path, beside)
        print(f"{path}: the same test cases gave another table before, which is kept as {Path(kept).name}; say which "
              "one you report, and why.", file=sys.stderr)  # fmt: skip
