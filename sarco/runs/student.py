"""The student of a profile: one network that learns what the members find together."""

from dataclasses import replace

from ..base.errors import SarcoError
from ..cohort.layout import Cohort
from ..engines.weights import weights_sha256
from .arrays import load_arrays, soft_targets
from .profiles import cohort_seed
from .training import Member, member_seed, train_member, write_entries


def train_student(profile, progress=True):
    """Train the student of a profile: one network that learns the mean of the members, on phantoms of its own.

    It begins as a copy of the first member, which is nearer to that mean than random weights are. The profile has
    `student_cases` over 0, and its members are trained. Returns the path of the weights.
    """
    from ..method.ensemble import Ensemble

    if not profile.student_cases:
        raise SarcoError(f"profile {profile.name}: it has no student; set student_cases to the number of its phantoms.")
    learn, judge = Cohort.open(profile.student_dir), Cohort.open(profile.cohort_dir)
    images, _ = load_arrays(learn, learn.cases("train"), profile.spacing_mm, progress)
    validation = load_arrays(judge, judge.cases("validation"), profile.spacing_mm, progress)
    ensemble = Ensemble.load(profile.weights_dir)
    targets = soft_targets(images, ensemble, profile.student_dir / "cache" / "targets.npy", progress)
    training_seed = cohort_seed(profile, "student")  # of the whole chain, which the student is no part of
    profile = replace(profile, epochs=profile.student_epochs, goes_on_from=None)
    start = profile.weights_dir / ensemble.manifest["members"][0]["file"]
    student = Member(0, member_seed(profile, 0), "student", start)
    weights = train_member((images, targets), validation, student, profile, profile.weights_dir, progress)
    write_entries(
        profile, "student.json", [student],
        training_cases=profile.student_cases, training_seed=training_seed, taught_by=weights_sha256(ensemble.manifest),
    )  # fmt: skip
    return weights
