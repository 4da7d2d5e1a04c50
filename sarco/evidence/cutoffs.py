"""Published limits below which muscle is called low, each under its name: there is no consensus, so none is a default.

A skeletal muscle index (SMI) is the area at L3 over the height squared, cm2/m2. The limits were found in other
people, on other scanners, with other software; what each rests on stands in `Cutoff.source`.
"""

from dataclasses import dataclass

from ..base import tables
from ..base.errors import SarcoError
from .reference_values import HU, REFERENCES, SMI

HEIGHT_LIMITS_M = (1.0, 2.3)
WEIGHT_LIMITS_KG = (25, 350)
AGE_LIMITS = (18, 110)
OVERWEIGHT = 25.0  # BMI, kg/m2, from which Martin 2013 takes other limits

DERSTINE = REFERENCES["derstine-2018"]


@dataclass(frozen=True)
class Cutoff:
    """Limits of one publication."""

    title: str
    source: str
    smi: dict  # limit of the SMI by sex, "F" or "M", or by sex and whether the BMI is 25 or more
    hu: dict | None = None  # limit of the mean attenuation, likewise; None where the source has none
    includes: bool = False  # whether a value at the limit is low ("at most" the limit) or not ("under" it)

    @property
    def needs_weight(self):
        """Whether the limits depend on the BMI."""
        return any(isinstance(key, tuple) for key in self.smi)


CUTOFFS = {
    "prado-2008": Cutoff(
        "Prado 2008",
        "Prado et al., Lancet Oncol 2008;9:629-635, doi 10.1016/S1470-2045(08)70153-0: obese patients with cancer, "
        "limits that part survival best",
        smi={"F": 38.5, "M": 52.4},
        includes=True,
    ),
    "martin-2013": Cutoff(
        "Martin 2013",
        "Martin et al., J Clin Oncol 2013;31:1539-1547, doi 10.1200/JCO.2012.45.2722: patients with cancer, limits "
        "that part survival best",
        smi={("F", False): 41.0, ("F", True): 41.0, ("M", False): 43.0, ("M", True): 53.0},
        hu={("F", False): 41.0, ("F", True): 33.0, ("M", False): 41.0, ("M", True): 33.0},
    ),
    "derstine-2018": Cutoff(
        DERSTINE.title,
        DERSTINE.source,
        smi={sex: values[SMI][0] for sex, values in DERSTINE.values.items()},
        hu={sex: values[HU][0] for sex, values in DERSTINE.values.items()},
    ),
    "van-der-werf-2018": Cutoff(
        "van der Werf 2018",
        "van der Werf et al., Eur J Clin Nutr 2018;72:288-296, doi 10.1038/s41430-017-0034-5: Dutch kidney donors of "
        "20 to 82 years, 5th percentile",
        smi={"F": 32.0, "M": 41.6},
        hu={"F": 22.0, "M": 29.3},
    ),
}


@dataclass(frozen=True)
class Person:
    """What is known of the person beside the slice; each only if it was given, heights such as "1,70" read as numbers.

    Raises
    ------
    SarcoError
        A value that no adult has, an unknown cut-off or reference, or one without what it needs.
    """

    height_m: float | None = None
    weight_kg: float | None = None
    sex: str | None = None  # "F" or "M"
    cutoff: str | None = None  # a key of `CUTOFFS`
    age: float | None = None  # years, whole or decimal
    reference: str | None = None  # a key of `sarco.evidence.reference_values.REFERENCES`

    def __post_init__(self):
        object.__setattr__(self, "height_m", _number("height", self.height_m, HEIGHT_LIMITS_M, "m"))
        object.__setattr__(self, "weight_kg", _number("weight", self.weight_kg, WEIGHT_LIMITS_KG, "kg"))
        object.__setattr__(self, "age", _number("age", self.age, AGE_LIMITS, "years"))
        if self.sex is not None:
            object.__setattr__(self, "sex", _sex(self.sex))
        self._check("cut-off", self.cutoff, CUTOFFS, "height_m", "sex", "weight_kg")
        self._check("reference", self.reference, REFERENCES, "age", "sex")

    def _check(self, what, name, known, *needed):
        """Let a name be known, and come with what is needed for it."""
        if name is None:
            return
        if name not in known:
            raise SarcoError(f"{what} {name!r}: unknown; name one of {', '.join(known)}.")
        needed = [one for one in needed if one != "weight_kg" or known[name].needs_weight]
        missing = [one.partition("_")[0] for one in needed if getattr(self, one) is None]
        if missing:
            raise SarcoError(f"{what} {name}: needs the {' and the '.join(missing)} of the person.")

    @property
    def bmi(self):
        """Body mass index, kg/m2; None where height or weight was not given."""
        return None if self.height_m is None or self.weight_kg is None else self.weight_kg / self.height_m**2


def _sex(value):
    """F or M, also from small letters, as people write tables."""
    found = str(value).strip().upper()
    if found not in ("F", "M"):
        raise SarcoError(f"sex {value!r}: write F or M.")
    return found


def _number(name, value, limits, unit):
    """A number that an adult has, also from text, as papermill and tables give it."""
    if value is None:
        return None
    try:
        number = tables.number(value)
    except ValueError:
        raise SarcoError(f"{name} {value!r}, where a number in {unit} is wanted.") from None
    low, high = limits
    if not low <= number <= high:
        raise SarcoError(f"{name} {number:g}: outside {low} to {high} {unit}; give it in {unit}.")
    return number


@dataclass(frozen=True)
class Class:
    """Where a person stands against a cut-off."""

    cutoff: Cutoff
    smi_limit_cm2_m2: float
    low_muscle: bool
    hu_limit: float | None
    low_attenuation: bool | None  # None where the source has no limit, or no muscle was found


def classify(person, smi_cm2_m2, mean_hu=None):
    """The `Class` of a `Person` by the cut-off that they name; `mean_hu` is the mean attenuation of the muscle."""
    cutoff = CUTOFFS[person.cutoff]
    key = (person.sex, person.bmi >= OVERWEIGHT) if cutoff.needs_weight else person.sex
    limit, hu_limit = cutoff.smi[key], cutoff.hu and cutoff.hu[key]
    low = smi_cm2_m2 <= limit if cutoff.includes else smi_cm2_m2 < limit
    return Class(cutoff, limit, low, hu_limit, None if hu_limit is None or mean_hu is None else mean_hu < hu_limit)
