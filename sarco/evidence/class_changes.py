"""From area to a label: how many people are called low in muscle, by which limit, and how errors of the area move that.

The limits and the rule are those of `cutoffs`; which of them is right is not known.
"""

from functools import partial

import numpy as np

from ..method import metrics
from . import statistics
from .bootstrap import bootstrap, centred, mean
from .cutoffs import CUTOFFS, Person, classify

AREAS = {"reader": "reference_area_cm2", "network": "corrected_cm2", "truth": "true_area_cm2"}


def _classes(table, cutoff, areas_cm2):
    """The `Class` of each person of a table by one cut-off, with the area of each."""
    for person, area_cm2 in zip(table.itertuples(), areas_cm2, strict=True):
        known = Person(person.height_m, person.weight_kg, person.sex, cutoff)
        yield classify(known, max(area_cm2, 0.0) / person.height_m**2)


def limits_cm2(table):
    """Limit of the index times the height squared, for each of `statistics.people`: a column a cut-off."""
    import pandas as pd

    nothing = np.zeros(len(table))
    limits = {name: [c.smi_limit_cm2_m2 for c in _classes(table, name, nothing)] for name in CUTOFFS}
    return pd.DataFrame(limits, index=table.index).mul(table["height_m"] ** 2, axis=0)


def low(table, who):
    """Who of `statistics.people` is low in muscle, with the areas of one of `AREAS`: bool, a column a cut-off."""
    import pandas as pd

    areas_cm2 = table[AREAS[who]]
    called = {name: [c.low_muscle for c in _classes(table, name, areas_cm2)] for name in CUTOFFS}
    return pd.DataFrame(called, index=table.index)


def changes(table, cases, readers_sd_cm2=statistics.READERS_SD_CM2):
    """How many of `statistics.people` change class with whose area is taken, by each cut-off.

    The cases of cases.csv that the correction was learned on are drawn again, too.

    Returns
    -------
    DataFrame
        One row for each of `CUTOFFS` and of what changes: columns cutoff, what, share, low, high, n. What: "network for
        reader", "network for truth", "reader for truth" are counted. The others are expected: the chance that a normal
        difference crosses the limit, averaged over the readers' areas. That of "one reader for another" has the SD of
        the difference of two human readers, that of "a reader as far off as the network" the network's RMSE against
        the readers.
    """
    import pandas as pd

    limits = limits_cm2(table)
    reader, network, truth = (table[column].to_numpy(float) for column in AREAS.values())
    taught = statistics.taught(cases)
    taught = taught[np.isfinite(taught)]
    network = network + taught.mean()  # before the correction
    lines = []
    for name, cutoff in CUTOFFS.items():
        limit, below = limits[name], np.less_equal if cutoff.includes else np.less
        shares = {
            "network for reader": (partial(_network_for, below), [limit, network, reader], [taught]),
            "network for truth": (partial(_network_for, below), [limit, network, truth], [taught]),
            "reader for truth": (partial(_other_class, below), [limit, reader, truth]),
            "a reader as far off as the network": (_crossed_by_network, [limit, reader, network], [taught]),
            "one reader for another": (partial(_crossed, size_cm2=readers_sd_cm2), [limit, reader]),
        }
        for what, (share, *groups) in shares.items():
            if "truth" not in what or np.isfinite(truth).all():
                lines.append((name, what, *bootstrap(share, *groups), len(table)))
    return pd.DataFrame(lines, columns=["cutoff", "what", "share", "low", "high", "n"])


def _other_class(below, limit, one, other):
    """Share of people who are below their limit by one area and not by the other."""
    return mean(below(one, limit) != below(other, limit))


def _network_for(below, limit, network, other, taught):
    return _other_class(below, limit, centred(network, taught), other)


def _crossed(limit, area, size_cm2):
    """Mean chance that a normal difference of this SD crosses the limit from the area."""
    from scipy import stats

    return mean(stats.norm.sf(np.abs(area - limit) / size_cm2))


def _crossed_by_network(limit, reader, network, taught):
    off_cm2 = metrics.root_mean_square(centred(network, taught) - reader)
    return _crossed(limit, reader, off_cm2[..., None])


def between_cutoffs(table, who="reader"):
    """How many of `statistics.people` one cut-off calls low and another does not; on the diagonal, how many it does."""
    called = low(table, who).astype(int)
    both = called.T @ called
    counts = np.diag(both)
    apart = counts[:, None] + counts - 2 * both
    return apart + np.diag(counts)
