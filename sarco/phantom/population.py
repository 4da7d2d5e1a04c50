"""Who is scanned: sex, age, height, and the muscle that such a person has in the literature.

Also `Draw`, through which every random quantity of the phantom is drawn: one line in the anatomy gives its range in
the reference population and its much wider range under domain randomisation.
"""

from dataclasses import dataclass

import numpy as np

GROUPS = ("geometry", "hu", "texture", "surroundings", "scanner")
# How often a randomised case has each group drawn wide; else it keeps the reference range. Networks that see both do
# better on CT than those that only ever see the one or the other, and wide geometry costs most. Surroundings are wide
# more often, because with them come the rare things that networks find hard.
WIDE_SHARE = {"geometry": 0.15, "hu": 0.3, "texture": 0.3, "surroundings": 0.5, "scanner": 0.3}

# Rare things: how often they are drawn in the reference population and under domain randomisation. The shares of the
# reference are ours; `Draw` can be told to draw any of them on purpose.
FEATURES = {
    "lean": (0.04, 0.15), "obese": (0.06, 0.08), "arms": (0.08, 0.25), "hand": (0.02, 0.12), "forearm": (0.03, 0.15),
    "stoma": (0.015, 0.06), "drain": (0.02, 0.10), "hernia": (0.02, 0.08), "ascites": (0.04, 0.30),
    "oedema": (0.10, 0.30), "scoliosis": (0.03, 0.20), "atrophy": (0.02, 0.15), "implant": (0.015, 0.05),
    "calcification": (0.25, 0.25), "rib": (0.06, 0.30), "iliac crest": (0.04, 0.20), "wall bowel": (0.20, 0.55),
    "blanket": (0.25, 0.30),
    "upper level": (0, 0.20), "lower level": (0, 0.20), "kidney on muscle": (0, 0.30), "renal cyst": (0, 0.12),
    "thin kidney": (0, 0.10), "liver on wall": (0, 0.20), "no fat": (0, 0.12), "thin wall": (0, 0.15),
    "back oedema": (0, 0.20), "dense ligament": (0, 0.20), "process rim": (0, 0.25), "8 bit": (0, 0.20),
}  # fmt: skip
# The kinds of slice that networks find hard, as users of such tools report them.
DIFFICULT = tuple(name for name in FEATURES if name not in ("calcification", "blanket"))

# Framingham, women, PMC10920396, table 2: first age of the band, muscle area (mean, SD, cm2), muscle attenuation (mean,
# SD, HU), and SMI (mean, SD, cm2/m2). No one is drawn after the SMI: it is what area and height are checked against.
WOMEN = ((20, 120.9, 18.4, 42.6, 5.5, 48.2, 7.1), (45, 119.5, 18.5, 38.1, 7.2, 48.0, 7.2),
         (55, 110.6, 16.3, 33.4, 6.8, 45.8, 6.8), (65, 104.5, 15.8, 29.3, 6.6, 44.3, 6.5),
         (75, 99.5, 16.0, 25.2, 6.8, 43.5, 6.7))  # fmt: skip
MEN_AREA_RATIO = 1.45  # same source: men's area over women's
MEN_HU_OFFSET = 3.5  # same source: men 2 to 5 HU denser
# Heights as measured, NHANES 2021-2023, doi 10.15620/cdc/174595, table 7: first age of the band, mean of women and of
# men, m. They fall with age because people shrink, and because those born earlier were shorter.
HEIGHT_M = ((20, 1.635, 1.763), (30, 1.625, 1.761), (40, 1.617, 1.764), (50, 1.612, 1.743), (60, 1.605, 1.747),
            (70, 1.583, 1.724), (80, 1.568, 1.705))  # fmt: skip
HEIGHT_SD_M = {"F": 0.066, "M": 0.076}  # same table: 5th to 95th percentile over 3.29, mean of the bands
PHASE_HU = {"plain": 0.0, "arterial": 7.1, "portal": 7.8}  # van Vugt: difference of the means to plain


def draw_groups(rng, groups=GROUPS):
    """Which of `groups` are wide in one randomised case, each by its share in `WIDE_SHARE`."""
    return tuple(g for g in GROUPS if (rng.random() < WIDE_SHARE[g]) & (g in groups))


class Draw:
    """Random draws, from the reference range or from the randomised one, group by group.

    `groups` of `GROUPS` are randomised, the others keep the reference range; `wanted` of `FEATURES` are drawn on
    purpose, the others come by chance. `drawn` lists the features that were drawn, in order.
    """

    def __init__(self, rng, groups=(), wanted=()):
        self.rng, self.groups, self.wanted, self.drawn = rng, frozenset(groups), frozenset(wanted), []
        for given, known, what in ((self.groups, GROUPS, "groups"), (self.wanted, FEATURES, "features")):
            unknown = given - set(known)
            if unknown:
                raise ValueError(f"unknown {what} {sorted(unknown)}; known are {', '.join(known)}")

    def wild(self, group):
        """Whether `group` is randomised."""
        return group in self.groups

    def uniform(self, group, reference, randomised, size=None):
        """Uniform draw in the wide range, or a draw that favours the middle of the reference range."""
        if group in self.groups:
            return self.rng.uniform(*randomised, size)
        low, high = reference
        return self.rng.triangular(low, (low + high) / 2, high, size)

    def chance(self, group, reference, randomised):
        """True with one of two probabilities."""
        return self.rng.random() < (randomised if group in self.groups else reference)

    def feature(self, name, group="surroundings", against=()):
        """Whether a rare thing is drawn: on purpose, or by chance where none of `against` is drawn or wanted."""
        reference, randomised = FEATURES[name]
        # Nothing is drawn for what the reference population never has: its people stay as they are.
        comes = (group in self.groups or reference > 0) and self.chance(group, reference, randomised)
        here = name in self.wanted or (comes and not self.wanted.union(self.drawn).intersection(against))
        if here:
            self.drawn.append(name)
        return here


@dataclass(frozen=True)
class Subject:
    """A person of the reference population.

    `area_cm2` and `muscle_hu` are what the muscle is drawn to reach, before noise and the reader. `adiposity` is
    standard normal; body mass index and the fat compartments follow it.
    """

    sex: str
    age: int
    height_m: float
    weight_kg: float
    adiposity: float
    area_cm2: float
    muscle_hu: float
    phase: str
    level: float = 0.0  # of the slice, in vertebrae below the middle of L3: -0.5 is the disc L2/3, 1 the middle of L4


def _of_age(table, age):
    """The row of a table of age bands in which this age lies, without its first age."""
    return next((row for row in reversed(table) if age >= row[0]), table[0])[1:]


def literature(sex, age):
    """Area (cm2) and HU of muscle in the Framingham table, each mean and SD, for this sex and age, without contrast."""
    area, area_sd, hu, hu_sd, *_ = _of_age(WOMEN, age)
    if sex == "M":
        return area * MEN_AREA_RATIO, area_sd * MEN_AREA_RATIO, hu + MEN_HU_OFFSET, hu_sd
    return area, area_sd, hu, hu_sd


def mean_height_m(sex, age):
    """Mean height of people of this sex and age in the NHANES table."""
    return _of_age(HEIGHT_M, age)[sex == "M"]


def draw_level(draw):
    """Draw the level of the slice, as `Subject.level` has it; in the reference population all are at mid-L3."""
    if draw.feature("upper level", against=("lower level",)):
        return float(draw.rng.uniform(-1.0, -0.4))
    if draw.feature("lower level", against=("upper level",)):
        return float(draw.rng.uniform(0.4, 1.1))
    return float(draw.rng.uniform(-0.25, 0.25)) if draw.wild("geometry") else 0.0


def draw_subject(draw):
    """Draw one person; area and density follow sex and age as in the Framingham table, height as in NHANES.

    Height is drawn apart from muscle: within one sex and age the tall have no more of it than the short.
    """
    rng = draw.rng
    sex = "F" if rng.random() < 0.48 else "M"
    age = int(np.clip(rng.normal(62, 14), 20, 92))
    area, area_sd, hu, hu_sd = literature(sex, age)
    level = draw_level(draw)
    adiposity = rng.standard_normal()
    bare = draw.feature("no fat", against=("obese", "thin wall"))
    thin_wall = draw.feature("thin wall", against=("no fat",))
    if draw.feature("lean"):
        adiposity = rng.uniform(-2.6, -1.8)
    elif draw.feature("obese", against=("no fat",)):
        adiposity = rng.uniform(1.6, 2.8)
    elif thin_wall and rng.random() < 2 / 3:  # stretched over a large belly, for the most part
        adiposity = rng.uniform(1.2, 2.8)
    if bare:
        adiposity = rng.uniform(-3.0, -2.2)
    # Heavier people carry more muscle, of lower density: part of the spread is shared with body size.
    z_area = 0.35 * adiposity + np.sqrt(1 - 0.35**2) * rng.standard_normal()
    z_hu = -0.40 * adiposity + np.sqrt(1 - 0.40**2) * rng.standard_normal()
    if "lean" in draw.wanted:  # the hard ones are lean and muscular: nothing but muscle touches the bowel
        z_area, z_hu = rng.uniform(0.3, 1.8), rng.uniform(0, 1.5)
    if bare:  # the trained and the wasted
        z_area = rng.uniform(-2.2, 1.8)
    if thin_wall:  # what the wall lacks is not found elsewhere
        z_area -= 1.0
    area, hu = area + area_sd * np.clip(z_area, -2.6, 2.8), hu + hu_sd * np.clip(z_hu, -2.6, 2.6)
    # A kidney is as dense as the muscle, and hard, where there is no contrast.
    shares = (0.80, 0.04, 0.16) if "kidney on muscle" in draw.wanted else (0.25, 0.15, 0.60)
    phase = str(rng.choice(("plain", "arterial", "portal"), p=shares))
    height = rng.normal(mean_height_m(sex, age), HEIGHT_SD_M[sex])
    # Usual values: a median body mass index of 26, from about 18 (lean) to 42 (obese).
    bmi = np.clip(26 * np.exp(0.17 * adiposity + 0.03 * z_area), 15, 55)
    return Subject(sex, age, round(float(height), 2), round(float(bmi * height**2), 1), float(adiposity), float(area),
                   float(hu + PHASE_HU[phase]), phase, level)  # fmt: skip
