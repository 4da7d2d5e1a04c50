"""Profiles: how large a run is, as one YAML file each in workflow/profiles/."""

import types
import typing
from dataclasses import dataclass, fields
from pathlib import Path

from ..base import paths
from ..base.errors import SarcoError

COMMITTED_RUN_DIR = "data"
# The keys that settle how a member learns, beside its seed and its slices.
RECIPE = (
    "filters",
    "epochs",
    "iterations",
    "batch_size",
    "learning_rate",
    "decay_power",
    "patch_px",
    "precision",
    "spacing_mm",
    "goes_on_from",
)
# One network each: every group of the domain randomisation, all but one, none.
ABLATION = (
    "all",
    "without-geometry",
    "without-hu",
    "without-texture",
    "without-surroundings",
    "without-scanner",
    "none",
)


def left_out(variant):
    """Groups of the domain randomisation that a variant of `ABLATION` does without."""
    groups = [name.removeprefix("without-") for name in ABLATION[1:-1]]
    return {"all": [], "none": groups}.get(variant, [variant.removeprefix("without-")])


@dataclass(frozen=True)
class Profile:
    """What one run is made of. Each field is a key of the YAML file of that profile.

    The cohort on which results are computed is always in the reference setting; `training_setting` says
    whether the members learn from that cohort ("reference", as in the paper) or from one in the randomised
    setting, of `training_cases` cases.
    """

    name: str
    description: str
    run_dir: str
    """Folder of the run, from the root of the repository; "data" means: committed, never made again."""
    reference_cases: int
    training_setting: str
    training_cases: int
    seed: int
    spacing_mm: float
    """Side of a pixel that the network sees, mm."""
    patch_px: tuple[int, int]
    """Rows and columns that the network is trained on."""
    filters: int
    members: int
    goes_on_from: str | None
    """Profile whose trained members this run goes on from, on other phantoms (`cohort_seed`); null: from nothing."""
    epochs: int
    """In all, with those of the profile that it goes on from."""
    iterations: int
    """Batches in one epoch."""
    batch_size: int
    learning_rate: float
    """At the first step of this run; it decays to 0. A short run needs a larger one than the paper's 0.001."""
    decay_power: float
    """Order of that polynomial decay: the paper's is 5, a short run learns more with 1."""
    precision: str
    """Keras' policy: "float32", or "mixed_float16" for a GPU."""
    evaluation_cases: int | None
    """Most test cases that are evaluated; None means all."""
    live_cases: int
    """Cases that a chapter computes again by itself."""
    student_cases: int
    """Phantoms that the student learns from, which the members have not seen; 0 means no student."""
    student_epochs: int
    ablation_variants: tuple[str, ...]
    """Which of `ABLATION` are trained and compared; [] means no ablation, and the chapter shows the committed one."""
    ablation_cases: int
    """Training phantoms of each variant."""
    ablation_steps: int
    """Batches that each variant learns from."""
    difficult_cases: int
    """Difficult phantoms that the variants are scored on."""
    workers: int
    """Processes that make a cohort; 0 means one for each core."""

    @property
    def committed(self):
        """Whether cohort, weights and results are files of the repository, not made by the workflow."""
        return self.run_dir == COMMITTED_RUN_DIR

    @property
    def run_path(self):
        """Folder of the run: `data/` (or SARCO_DATA) for a committed one."""
        return paths.data_dir() if self.committed else paths.root() / self.run_dir

    @property
    def cohort_dir(self):
        """Cohort that results are computed on."""
        return paths.sample_dir() if self.committed else self.run_path / "reference"

    @property
    def training_dir(self):
        """Cohort that the members learn from."""
        return self.run_path / ("randomised" if self.training_setting == "randomised" else "reference")

    @property
    def student_dir(self):
        """Cohort that the student learns from."""
        return self.run_path / "student"

    @property
    def ablation_dir(self):
        """Cohort, weights and scores of each variant of the ablation, in a folder of its name."""
        return self.run_path / "ablation"

    @property
    def difficult_dir(self):
        """Cohort of difficult cases, for the ablation and for `sarco elsewhere`."""
        return self.run_path / "difficult"

    @property
    def unseen_dir(self):
        """Cohort in the randomised setting that no network learns from, of as many cases as the difficult one."""
        return self.run_path / "unseen"

    @property
    def weights_dir(self):
        """Members and their manifest."""
        return self.run_path / "weights"

    @property
    def results_dir(self):
        """Tables of the run, and run.json."""
        return self.run_path / "results"


def names():
    """Names of the profiles that come with the repository."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def load(name_or_path):
    """Read a profile and check every key of it.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a file in workflow/profiles/, as "smoke", or the path of a YAML file.

    Returns
    -------
    Profile

    Raises
    ------
    SarcoError
        No such profile, a key that is missing or unknown, or a value of the wrong type or range.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = _folder() / f"{name_or_path}.yaml"
        if not path.is_file():
            raise SarcoError(
                f"{name_or_path}: no profile of that name; choose one of {', '.join(names())}, "
                "or give the path of a YAML file."
            )
    return _checked(path, _read(path))


def start_weights(profile, member):
    """Weights that a member goes on from, with its history beside them as .csv; None if it begins from nothing.

    Parameters
    ----------
    profile : Profile
    member : int

    Returns
    -------
    Path or None
    """
    if not profile.goes_on_from:
        return None
    return load(profile.goes_on_from).weights_dir / f"member-{member:02d}.npz"


def parts(profile):
    """The runs that a profile's members go through, one after the other, and how many batches each takes.

    Parameters
    ----------
    profile : Profile

    Returns
    -------
    list of (Profile, int)
    """
    before = parts(load(profile.goes_on_from)) if profile.goes_on_from else []
    return [*before, (profile, profile.epochs * profile.iterations - sum(batches for _, batches in before))]


def cohort_seed(profile, cohort):
    """Seed of a cohort.

    A profile that goes on from another draws other phantoms to learn from, or its members would see the same again.
    Those that it is judged on stay the same, and so do those of the ablation, whose networks begin from nothing.

    Parameters
    ----------
    profile : Profile
    cohort : {"reference", "training", "student", "unseen", "difficult", "ablation"}
        What it is for.

    Returns
    -------
    int
    """
    before = 2 * (len(parts(profile)) - 1)
    last = {"training": before + 1 if before else "", "student": before + 2 if before else 1, "unseen": 2}
    if profile.training_setting == "reference":  # then that is what the members learn from
        del last["training"]
    return int(f"{profile.seed}{last.get(cohort, '')}")


def _folder():
    return paths.root() / "workflow" / "profiles"


def _read(path):
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SarcoError(f"{path}: cannot be read ({error}); check the path of the profile.") from error
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise SarcoError(f"{path}: line {line} is not YAML; write one 'key: value' a line.") from error
    if not isinstance(values, dict):
        raise SarcoError(f"{path}: holds no keys; write one 'key: value' a line, as in {_folder()}/smoke.yaml.")
    return values


def _checked(path, values):
    known = {field.name: typing.get_type_hints(Profile)[field.name] for field in fields(Profile)}
    for key in values:
        if key not in known:
            raise SarcoError(f"{path}: the key {key!r} is unknown; remove it, or use one of {', '.join(known)}.")
    for key in known:
        if key not in values:
            raise SarcoError(f"{path}: the key {key!r} is missing; add it, as in {_folder() / 'smoke.yaml'}.")
    profile = Profile(**{key: _typed(path, key, kind, values[key]) for key, kind in known.items()})
    _check_ranges(path, profile)
    return profile


def _typed(path, key, kind, value):
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind == tuple[int, int]:
        if isinstance(value, list) and len(value) == 2 and all(_is(item, int) for item in value):
            return tuple(value)
        raise SarcoError(f"{path}: {key} is {value!r}; write two whole numbers, as [192, 224].")
    if kind == tuple[str, ...]:
        if isinstance(value, list) and all(_is(item, str) for item in value):
            return tuple(value)
        raise SarcoError(f"{path}: {key} is {value!r}; write a list of words, as [all, none], or [].")
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if any(_is(value, one) for one in kinds):
        return value
    wanted = " or ".join(_WORDS[one] for one in kinds)
    raise SarcoError(f"{path}: {key} is {value!r}; write {wanted}.")


_WORDS = {int: "a whole number", float: "a number", str: "a word", types.NoneType: "null"}


def _is(value, kind):
    # A YAML `true` is an int to Python.
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


# The lowest sensible value; the rest of the run would fail on less, later and less clearly.
_LOWEST = {
    "reference_cases": 8,
    "training_cases": 2,
    "seed": 0,
    "filters": 1,
    "members": 1,
    "epochs": 1,
    "iterations": 1,
    "batch_size": 1,
    "evaluation_cases": 1,
    "live_cases": 1,
    "student_cases": 0,
    "student_epochs": 1,
    "ablation_cases": 2,
    "ablation_steps": 1,
    "difficult_cases": 2,
    "workers": 0,
}
_CHOICES = {
    "training_setting": ("reference", "randomised"),
    "precision": ("float32", "mixed_float16", "mixed_bfloat16"),
}
_POOLINGS = 4


def _check_ranges(path, profile):
    for key, lowest in _LOWEST.items():
        value = getattr(profile, key)
        if value is not None and value < lowest:
            raise SarcoError(f"{path}: {key} is {value}; write {lowest} or more.")
    if not 0 < profile.learning_rate <= 0.1:
        raise SarcoError(f"{path}: learning_rate is {profile.learning_rate}; write a number over 0 and up to 0.1.")
    if not 0 < profile.decay_power <= 10:
        raise SarcoError(f"{path}: decay_power is {profile.decay_power}; write a number over 0 and up to 10.")
    if not 0 < profile.spacing_mm <= 8:
        raise SarcoError(f"{path}: spacing_mm is {profile.spacing_mm}; write a side in mm, over 0 and up to 8.")
    step = 2**_POOLINGS
    if any(side <= 0 or side % step for side in profile.patch_px):
        raise SarcoError(
            f"{path}: patch_px is {list(profile.patch_px)}; write two multiples of {step}, "
            f"because the network halves a side {_POOLINGS} times."
        )
    for key, choices in _CHOICES.items():
        if getattr(profile, key) not in choices:
            raise SarcoError(f"{path}: {key} is {getattr(profile, key)!r}; write {' or '.join(choices)}.")
    variants = profile.ablation_variants
    if variants and ("all" not in variants or len(set(variants)) < len(variants) or set(variants) - set(ABLATION)):
        raise SarcoError(
            f"{path}: ablation_variants is {list(variants)}; write 'all' and others of {', '.join(ABLATION)}."
        )
    if profile.goes_on_from is not None:
        _check_start(path, profile)
    if profile.name != path.stem:
        raise SarcoError(f"{path}: name is {profile.name!r}; write {path.stem!r}, as the file is called.")


def _check_start(path, profile):
    if profile.goes_on_from not in set(names()) - {profile.name}:
        raise SarcoError(
            f"{path}: goes_on_from is {profile.goes_on_from!r}; write null, or another of {', '.join(names())}."
        )
    before = _read(_folder() / f"{profile.goes_on_from}.yaml")
    for key in ("seed", "filters", "iterations"):  # seeds of cohorts differ within a chain by their ends alone
        if getattr(profile, key) != before.get(key):
            raise SarcoError(
                f"{path}: {key} is {getattr(profile, key)}; write {before.get(key)}, as {profile.goes_on_from} has it."
            )
    if profile.epochs <= before["epochs"]:
        raise SarcoError(
            f"{path}: epochs is {profile.epochs}; write more than the {before['epochs']} of {profile.goes_on_from}."
        )
