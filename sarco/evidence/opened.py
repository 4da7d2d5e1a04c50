"""Whether the test cases of a run were drawn for its weights, and how often they were looked at.

What run.json says of it is proved again: the manifest is the one that lies there, the seed follows from it, and the
table is the one that was made. That the slices are of this seed proves `sarco.cohort.test_set.prove`.
"""

from dataclasses import dataclass

from ..base.errors import SarcoError
from ..base.files import content_sha256
from ..cohort.layout import seed_of_test


@dataclass(frozen=True)
class Drawn:
    """Test cases that were drawn for some weights: their seed, and what `sarco.runs.opening` keeps of each table."""

    seed: int
    opened: tuple

    @property
    def day(self):
        """When they were looked at first, UTC, as "2026-11-26"."""
        return self.opened[0]["utc"][:10]


def of(run):
    """What is known of the test cases of a `sarco.evidence.run.Run`: `Drawn`, or None where they are older than that.

    A SarcoError says that run.json tells of another manifest, seed or table than there is.
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
    if told["seed"] != seed_of_test(told["manifest"]):
        raise SarcoError(f"{info}: its test cases have the seed {told['seed']}, and the manifest gives "
                         f"{seed_of_test(told['manifest'])}; {run.remedy}.")  # fmt: skip
    return Drawn(told["seed"], tuple(told["opened"]))
