"""From area to a label: how many people are called low in muscle, by which limit, and how errors of the area move that.

The limits and the rule are those of `cutoffs`; which of them is right is not known.
"""

import numpy as np

from ..method import metrics
from . import statistics
from .cutoffs import CUTOFFS, Person, classify

AREAS = {"reader": "reference_area_cm2", "network": "corrected_cm2", "truth": "true_area_cm2"}


def limits_cm2(table):
    """Area below which each person is low in muscle, by each cut-off: its limit of the index times the height squared.

    Parameters
    ----------
    table : DataFrame
        From `statistics.people`.

    Returns
    -------
    DataFrame
        One row a person, in the order of `table`, one column for each of `CUTOFFS`.
    """
    import pandas as pd

    rows = []
    for person in table.itertuples():
        known = {"height_m": person.height_m, "weight_kg": person.weight_kg, "sex": person.sex}
        rows.append(
            {
                name: classify(Person(**known, cutoff=name), 0.0).smi_limit_cm2_m2 * person.height_m**2
                for name in CUTOFFS
            }
        )
    return pd.DataFrame(rows, index=table.index, columns=list(CUTOFFS))


def low(table, who):
    """Who is low in muscle by each cut-off, with the areas of the reader, the network or the truth.

    Parameters
    ----------
    table : DataFrame
        From `statistics.people`.
    who : {"reader", "network", "truth"}

    Returns
    -------
    DataFrame of bool
        One row a person, one column for each of `CUTOFFS`.
    """
    import pandas as pd

    areas = table[AREAS[who]].to_numpy(float)
    found = {}
    for name in CUTOFFS:
        found[name] = [
            classify(
                Person(person.height_m, person.weight_kg, person.sex, name), max(area, 0.0) / person.height_m**2
            ).low_muscle
            for person, area in zip(table.itertuples(), areas, strict=True)
        ]
    return pd.DataFrame(found, index=table.index)


def changes(table, cases, readers_sd_cm2=statistics.READERS_SD_CM2):
    """How many people change class with whose area is taken, by each cut-off.

    Parameters
    ----------
    table : DataFrame
        From `statistics.people`; the true area may be missing.
    cases : DataFrame
        cases.csv, for the cases that the correction was learned on: for the intervals they are drawn again, too.
    readers_sd_cm2 : float
        SD of the difference of two human readers.

    Returns
    -------
    DataFrame
        One row for each of `CUTOFFS` and of what changes: columns cutoff, what, share, low, high, n. What: "network for
        reader", "network for truth", "reader for truth" are counted. The others are expected: the chance that a normal
        difference crosses the limit, averaged over the readers' areas. That of "one reader for another" has the SD
        `readers_sd_cm2`, that of "a reader as far off as the network" the network's RMSE against the readers.
    """
    import pandas as pd
    from scipy import stats

    known = {who: table[column].to_numpy(float) for who, column in AREAS.items() if table[column].notna().all()}
    taught = statistics.taught(cases)
    taught = taught[np.isfinite(taught)]
    network = statistics.Corrected(known["network"] + taught.mean(), taught)  # areas in place of errors

    def areas(who, *picks):
        return network.draw(*picks)[0] if who == "network" else known[who][picks[0]]

    def off_cm2(*picks):
        return metrics.root_mean_square(areas("network", *picks) - areas("reader", *picks))[..., None]

    limits = limits_cm2(table)
    found = []
    for name, cutoff in CUTOFFS.items():
        limit = limits[name].to_numpy()

        def below(who, *picks, limit=limit, includes=cutoff.includes):
            return areas(who, *picks) <= limit[picks[0]] if includes else areas(who, *picks) < limit[picks[0]]

        def counted(one, other, below=below):
            return lambda *picks: (below(one, *picks) != below(other, *picks)).mean(axis=-1)

        def expected(size_cm2, limit=limit):
            distance = np.abs(known["reader"] - limit)
            return lambda *picks: stats.norm.sf(distance[picks[0]] / size_cm2(*picks)).mean(axis=-1)

        pairs = (("network", "reader"), ("network", "truth"), ("reader", "truth"))
        shares = {f"{one} for {other}": counted(one, other) for one, other in pairs if {one, other} <= set(known)}
        shares["a reader as far off as the network"] = expected(off_cm2)
        shares["one reader for another"] = expected(lambda *picks: readers_sd_cm2)
        sizes = network.sizes
        for what, share in shares.items():
            value = float(share(*map(np.arange, sizes)))
            found.append((name, what, value, *statistics.interval(share, *sizes), len(table)))
    return pd.DataFrame(found, columns=["cutoff", "what", "share", "low", "high", "n"])


def between_cutoffs(table, who="reader"):
    """How many people one cut-off calls low and the other does not, for each pair.

    Parameters
    ----------
    table : DataFrame
        From `statistics.people`.
    who : {"reader", "network", "truth"}

    Returns
    -------
    DataFrame of int
        Rows and columns `CUTOFFS`; on the diagonal how many that cut-off calls low.
    """
    import pandas as pd

    called = low(table, who)
    return pd.DataFrame(
        {
            one: {
                other: int(called[one].sum() if one == other else (called[one] != called[other]).sum())
                for other in CUTOFFS
            }
            for one in CUTOFFS
        }
    )
