"""What changes a measured muscle area beside the network, as others published it: to set a network's error against."""

from dataclasses import dataclass

from .statistics import READERS_SD_CM2


@dataclass(frozen=True)
class Change:
    """One published comparison of two measurements of the same muscle: mean and SD of their differences."""

    what: str  # differed between the two
    mean_cm2: float | None  # None where only their spread was published
    sd_cm2: float
    people: int
    key: str  # in chapters/references.bib


# Of the reader: from the limits of agreement that `statistics` holds. Of contrast and kV: the abstract of the paper,
# where the area with contrast is compared with that without, by tube voltage; 41 people in all.
CHANGES = (
    Change("another reader", None, READERS_SD_CM2, 116, "ko2022"),
    Change("contrast agent, at the same kV", 2.3, 1.7, 41, "vanderwerf2018contrast"),
    Change("contrast agent and another kV", 7.0, 7.5, 41, "vanderwerf2018contrast"),
)
# Mean attenuation of muscle in the same 50 people, HU: doi 10.1016/j.clnu.2017.07.007.
MEAN_HU = {"plain": 30.9, "arterial": 38.0, "portal": 38.7}
