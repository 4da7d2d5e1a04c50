"""What changes a measured muscle area beside the network, as others published it: to set a network's error against."""

from dataclasses import dataclass

from .statistics import ONE_READER_TWICE_CM2, READERS_SD_CM2


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


@dataclass(frozen=True)
class Repeated:
    """What was published of one person measured twice: the sentence, and whose."""

    sentence: str
    source: str  # a doi, or an address
    key: str  # in chapters/references.bib


def _changed(change):
    return f"{change.mean_cm2:.1f} ± {change.sd_cm2:.1f} cm²"


# Of one radiologist: the abstract, 29 people.
VARIABILITY_CM2 = 2.92
REPEATED = (
    Repeated(
        f"two measurements of one scan by one radiologist differ by {ONE_READER_TWICE_CM2} cm² on average, with a "
        f"variability of {VARIABILITY_CM2} cm², much of it by taking another slice (Perthen et al. 2018)",
        "doi 10.1016/j.ejrad.2018.10.031", "perthen2018",
    ),
    Repeated(
        f"contrast agent changes the area by {_changed(CHANGES[1])} at the same kV and by {_changed(CHANGES[2])} with "
        "another kV (van der Werf et al. 2018)",
        "https://pubmed.ncbi.nlm.nih.gov/28419687/", "vanderwerf2018contrast",
    ),
)  # fmt: skip
