"""From area to a label: how many people are called low in muscle, by which limit, and how errors of the area move that.

The limits and the rule are those of `cutoffs`; which of them is right is not known.
"""

import numpy as np

from . import metrics, statistics
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


def changes(table, readers_sd_cm2=statistics.READERS_SD_CM2):
    """How many people change class with whose area is taken, by each cut-off.

    Parameters
    ----------
    table : DataFrame
        From `statistics.people`; the true area may be missing.
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

    known = [who for who, column in AREAS.items() if table[column].notna().all()]
    called = {who: low(table, who) for who in known}
    limits = limits_cm2(table)
    sizes_cm2 = {
        "a reader as far off as the network": metrics.rmse(table[AREAS["network"]], table[AREAS["reader"]]),
        "one reader for another": readers_sd_cm2,
    }
    pairs = [
        pair for pair in (("network", "reader"), ("network", "truth"), ("reader", "truth")) if set(pair) <= set(known)
    ]
    found = []
    for name in CUTOFFS:
        shares = {f"{one} for {other}": called[one][name] != called[other][name] for one, other in pairs}
        distance = (table[AREAS["reader"]] - limits[name]).abs()
        shares |= {what: stats.norm.sf(distance / size_cm2) for what, size_cm2 in sizes_cm2.items()}
        for what, values in shares.items():
            values = np.asarray(values, float)
            found.append((name, what, *statistics.estimate(values, lambda v: v.mean(axis=-1)), len(values)))
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
