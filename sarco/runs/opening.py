"""When test cases that were drawn for some weights were looked at: what run.json keeps of it, and whether it holds.

A second look cannot be hindered; but one with another outcome leaves a trace, for as long as run.json is kept.
"""

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..base import environment
from ..base.errors import SarcoError
from ..base.files import atomic, checksum, content_sha256
from ..cohort import layout


def check(cohort, manifest):
    """Refuse a cohort whose test cases wait for weights, or were drawn for others than `manifest` lists."""
    root, recipe, there = cohort.root, layout.recipe_of(cohort.root), cohort.cases("test")
    if recipe.get("test") == "later" and not (there and recipe.get("manifest") == checksum(manifest)):
        which = "of other weights" if there else "not drawn yet"  # or not all of them
        raise SarcoError(f"{root}: its test cases are {which}; run 'sarco cohort test {root} {manifest}'.")


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
        "manifest" (SHA-256), "seed", and "opened": of each table that these cases gave where another came before, the
        first first, when (UTC), by which commit, and its SHA-256.
    """
    manifest = layout.recipe_of(cohort_dir).get("manifest")
    if manifest is None:
        return None
    digest, opened = hashlib.sha256(cases_csv).hexdigest(), _opened(results / "run.json", manifest)
    if opened:
        _keep_other(results / "cases.csv", digest)
    if not opened or digest != opened[-1]["cases_csv"]:
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


@dataclass(frozen=True)
class Drawn:
    """Test cases that were drawn for some weights: their seed, and what `record` keeps of each table."""

    seed: int
    opened: tuple

    @property
    def day(self):
        """When they were looked at first, UTC, as "2026-11-26"."""
        return self.opened[0]["utc"][:10]


def of(run):
    """What is known of the test cases of a `sarco.evidence.run.Run`: `Drawn`, or None where they are older than that.

    What run.json says is proved again: the manifest is the one that lies there, the seed follows from it, and the table
    is the one that was made; a SarcoError says what is not. That the slices are of this seed proves
    `sarco.cohort.test_set.prove`.
    """
    told, info = run.info.get("test_set"), run.profile.results_dir / "run.json"
    if not told:
        return None
    manifest, cases = run.profile.weights_dir / "manifest.json", run.profile.results_dir / "cases.csv"
    stated = ("manifest", told["manifest"], content_sha256(manifest), manifest), (
        "cases.csv", told["opened"][-1]["cases_csv"], content_sha256(cases), cases)  # fmt: skip
    for what, then, now, path in stated:
        if then != now:
            found = f"has {now[:12]}..." if now else "is not there"
            raise SarcoError(f"{info}: its test cases are of a {what} with the SHA-256 {then[:12]}..., and {path} "
                             f"{found}; {run.remedy}.")  # fmt: skip
    if told["seed"] != layout.seed_of_test(told["manifest"]):
        raise SarcoError(f"{info}: its test cases have the seed {told['seed']}, and the manifest gives "
                         f"{layout.seed_of_test(told['manifest'])}; {run.remedy}.")  # fmt: skip
    return Drawn(told["seed"], tuple(told["opened"]))
