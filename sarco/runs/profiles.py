"""Profiles: how large a run is, as one YAML file each in workflow/profiles/."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from ..base import paths
from ..base.errors import SarcoError
from ..method.unet import DEPTH

COMMITTED_RUN_DIR = "data"
# The keys that settle how a member learns, beside its seed and its slices.
RECIPE = ("filters", "epochs", "iterations", "batch_size", "learning_rate", "decay_power", "loss",
          "reflection", "ema_momentum", "patch_px", "precision", "spacing_mm", "goes_on_from")  # fmt: skip
# Variants of the phantoms that are learned from: every group of the domain randomisation, all but one, none.
PHANTOMS = ("all", "without-geometry", "without-hu", "without-texture", "without-surroundings", "without-scanner",
            "none")  # fmt: skip
# Variants of how a network learns, with the phantoms of "all": keys of a profile, from their values there.
RECIPES = {
    "dice-loss": lambda p: {"loss": "dice"},
    "2-x-steps": lambda p: {"ablation_steps": 2 * p.ablation_steps},
    "3-x-phantoms": lambda p: {"ablation_cases": 3 * p.ablation_cases},
    "finer-pixels": lambda p: {"spacing_mm": 0.75 * p.spacing_mm, "patch_px": _sides(p.patch_px, 1 / 0.75)},
    "reflection": lambda p: {"reflection": True},
    "averaging": lambda p: {"ema_momentum": 0.98},
}
ABLATION = (*PHANTOMS, *RECIPES)


def left_out(variant):
    """Groups of the domain randomisation that a variant of `ABLATION` does without."""
    groups = [name.removeprefix("without-") for name in PHANTOMS[1:-1]]
    return {"none": groups, **{f"without-{group}": [group] for group in groups}}.get(variant, [])


def varied(profile, variant):
    """The profile as a variant of `ABLATION` has it."""
    return replace(profile, **RECIPES[variant](profile)) if variant in RECIPES else profile


def phantoms_of(profile, variant):
    """The variant of `ABLATION` whose phantoms this one learns from: of a recipe, the first that has as many."""
    cases = varied(profile, variant).ablation_cases
    as_many = (one for one in ("all", *RECIPES) if varied(profile, one).ablation_cases == cases)
    return variant if variant in PHANTOMS else next(as_many)


def _sides(patch_px, scale):
    """Sides of a patch of about `scale` times as many pixels, as the network can halve them."""
    return tuple(2**DEPTH * math.ceil(side * scale / 2**DEPTH - 1e-9) for side in patch_px)


# The lowest sensible value of each; the rest of the run would fail on less, later and less clearly.
OneOrMore = Annotated[int, Field(ge=1)]
TwoOrMore = Annotated[int, Field(ge=2)]
NoneOrMore = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(gt=0, multiple_of=2**DEPTH)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
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
    reference_cases: Annotated[int, Field(ge=8)]
    training_setting: Literal["reference", "randomised"]
    training_cases: TwoOrMore
    seed: NoneOrMore
    spacing_mm: Annotated[float, Field(gt=0, le=8, description="a side in mm, over 0 and up to 8")]
    """Side of a pixel that the network sees, mm."""
    patch_px: Annotated[tuple[Side, Side], Field(strict=False)]
    """Rows and columns that the network is trained on."""
    filters: OneOrMore
    members: OneOrMore
    goes_on_from: str | None
    """Profile whose trained members this run goes on from, on other phantoms (`cohort_seed`); null: from nothing."""
    epochs: OneOrMore
    """In all, with those of the profile that it goes on from."""
    iterations: OneOrMore
    """Batches in one epoch."""
    batch_size: OneOrMore
    learning_rate: Annotated[float, Field(gt=0, le=0.1, description="a number over 0 and up to 0.1")]
    """At the first step of this run; it decays to 0. A short run needs a larger one than the paper's 0.001."""
    decay_power: Annotated[float, Field(gt=0, le=10, description="a number over 0 and up to 10")]
    """Order of that polynomial decay: the paper's is 5, a short run learns more with 1."""
    loss: Literal["dice", "walls"]
    """The paper's DSC, or one in which thin walls weigh more (`sarco.method.train.wall_loss`)."""
    reflection: bool
    """Whether half of the patches are mirrored, which the paper does not mention."""
    ema_momentum: Annotated[float, Field(ge=0, lt=1, description="a number from 0 to under 1")]
    """A member ends with the moving average of its weights, of this momentum a step; 0: with its last ones."""
    own_phantoms: bool
    """Whether each member learns from its own share of the training cases, or all from all of them."""
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]
    """Keras' policy; "auto" takes what the processor or the GPU multiplies in (`sarco.runs.precision`)."""
    evaluation_cases: OneOrMore | None
    """Most test cases that are evaluated; None means all."""
    live_cases: OneOrMore
    """Cases that a chapter computes again by itself."""
    student_cases: NoneOrMore
    """Phantoms that the student learns from, which the members have not seen; 0 means no student."""
    student_epochs: OneOrMore
    ablation_variants: Annotated[tuple[str, ...], Field(strict=False)]
    """Which of `ABLATION` are trained and compared; [] means no ablation, and the chapter shows the committed one."""
    ablation_seeds: OneOrMore
    """Networks of each variant, which differ by their seeds."""
    ablation_cases: TwoOrMore
    """Training phantoms of a variant that has no other number of them."""
    ablation_steps: OneOrMore
    """Batches that a variant learns from which has no other number of them."""
    difficult_cases: TwoOrMore
    """Difficult phantoms that the variants are scored on."""
    workers: NoneOrMore
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
    """Path of the weights that a member goes on from, its history beside them as .csv; None: it begins from nothing."""
    if not profile.goes_on_from:
        return None
    return load(profile.goes_on_from).weights_dir / f"member-{member:02d}.npz"


def parts(profile):
    """The runs that a profile's members go through, one after the other: list of profile and number of batches."""
    before = parts(load(profile.goes_on_from)) if profile.goes_on_from else []
    return [*before, (profile, profile.epochs * profile.iterations - sum(batches for _, batches in before))]


def cohort_seed(profile, cohort):
    """Seed of a cohort.

    A profile that goes on from another draws other phantoms to learn from, or its members would see the same again.
    Those that it is judged on stay the same, and so do those of the ablation, whose networks begin from nothing.
    `cohort` is one of "reference", "training", "student", "unseen", "difficult" and "ablation", or one of "repeats" and
    "levels", whose people are in none of these.
    """
    before = 2 * (len(parts(profile)) - 1)
    last = {"training": before + 1 if before else "", "student": before + 2 if before else 1, "unseen": 2,
            "repeats": "0", "levels": "00"}  # fmt: skip
    if profile.training_setting == "reference":  # then that is what the members learn from
        del last["training"]
    return int(f"{profile.seed}{last.get(cohort, '')}")


def training_seeds(profile, manifest):
    """Seed of the phantoms of each run of `parts`, as the manifest of the members tells."""
    # Before manifests had this key, all runs of a chain had the seed of the profile.
    return manifest.get("training_seeds", [profile.seed] * len(parts(profile)))


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


FIELDS = vars(Profile)["__pydantic_fields__"]
RANK = {"unexpected_keyword_argument": 0, "missing": 1}  # of what is wrong, the first is told
WORDS = {"int_type": "a whole number", "float_type": "a number", "string_type": "a word"}
LISTS = {"patch_px": "two whole numbers, as [192, 224]", "ablation_variants": "a list of words, as [all, none], or []"}


def _checked(path, values):
    try:
        profile = Profile(**values)
    except ValidationError as error:
        raise SarcoError(f"{path}: {_sentence(error, values)}") from None
    _check_variants(path, profile.ablation_variants)
    if profile.goes_on_from is not None:
        _check_start(path, profile)
    if profile.name != path.stem:
        raise SarcoError(f"{path}: name is {profile.name!r}; write {path.stem!r}, as the file is called.")
    return profile


def _sentence(error, values):
    """What is wrong with a profile, and what to write."""
    wrong = min(error.errors(), key=lambda one: RANK.get(one["type"], 2 if one["type"].endswith("type") else 3))
    (key, *inside), kind, limits = wrong["loc"], wrong["type"], wrong.get("ctx", {})
    if kind == "unexpected_keyword_argument":
        return f"the key {key!r} is unknown; remove it, or use one of {', '.join(FIELDS)}."
    if kind == "missing" and not inside:
        return f"the key {key!r} is missing; add it, as in {_folder() / 'smoke.yaml'}."
    if key in LISTS and kind not in ("multiple_of", "greater_than"):
        wanted = LISTS[key]
    elif key in LISTS:
        wanted = f"two multiples of {2**DEPTH}, because the network halves a side {DEPTH} times"
    elif kind in WORDS:
        wanted = WORDS[kind] + (" or null" if type(None) in get_args(FIELDS[key].annotation) else "")
    elif kind == "greater_than_equal":
        wanted = f"{limits['ge']} or more"
    else:
        wanted = FIELDS[key].description or " or ".join(get_args(FIELDS[key].annotation))
    return f"{key} is {values[key]!r}; write {wanted}."


def _check_variants(path, variants):
    if variants and ("all" not in variants or len(set(variants)) < len(variants) or set(variants) - set(ABLATION)):
        raise SarcoError(
            f"{path}: ablation_variants is {list(variants)}; write 'all' and others of {', '.join(ABLATION)}."
        )


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
