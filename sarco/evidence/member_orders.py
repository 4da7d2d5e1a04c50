"""How many members are enough: DSC and RMSE against their number, over many orders of the same members.

The paper's figures 2B and 2C show one order of its networks. Another order gives another curve with the same end, so
what a further member adds is only known as a band over orders.
"""

import itertools
import math

import numpy as np

from ..base.files import write_csv
from ..base.threads import each
from ..method import metrics
from ..method.slice import Measured, common_box, measure_subsets
from ..method.surface import area_cm2
from ..runs.evaluation import FINAL
from .measuring import opened

ORDERS, SEED = 50, 0
STEPS = ("threshold", FINAL)  # before post-processing, as in the paper's figure 2, and at the end
COLUMNS = ("order", "members", "step", "slices", "dsc", "rmse_cm2")
DECIMALS = {"dsc": 5, "rmse_cm2": 4}
BAND = (0.05, 0.95)  # of the orders
# A gain that is smaller than this is none: DSC, and RMSE in cm2.
PLATEAU = {"dsc": 0.001, "rmse_cm2": 0.1}


def draw(size, count=ORDERS, seed=SEED):
    """Different orders of `size` members, as tuples: `count` of them, or all there are where these are fewer."""
    rng = np.random.default_rng(seed)
    orders = {}
    while len(orders) < min(count, math.factorial(size)):
        orders[tuple(rng.permutation(size).tolist())] = None
    return list(orders)


def measure(cohort, ensemble, cases, orders, progress=True):
    """Average the first 1, 2, ... members of each order of `draw`, and compare with the reader's masks.

    Every member sees a slice once and is brought to the slice's own grid once: the cubic spline is linear, so that
    the mean may be taken there as well.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: for each order (from 1), number of members and step the mean DSC and the RMSE of the area,
        before the bias correction.
    """
    import pandas as pd
    from tqdm import tqdm

    # Orders share many of their beginnings, and all share the end.
    subsets = sorted({tuple(sorted(order[:k])) for order in orders for k in range(1, len(order) + 1)})
    with each(lambda case: _measure_case(cohort, ensemble, case, subsets), cases) as measured:
        measured = list(tqdm(measured, "orders", len(cases), unit="case", disable=not progress))
    dsc, found_cm2, reference_cm2 = (np.stack(values, axis=-1) for values in zip(*measured, strict=True))
    rows = []
    for (number, order), k in itertools.product(enumerate(orders, 1), range(1, ensemble.size + 1)):
        place = subsets.index(tuple(sorted(order[:k])))
        for s, step in enumerate(STEPS):
            rmse_cm2 = metrics.rmse(found_cm2[s, place], reference_cm2)
            rows.append((number, k, step, len(cases), dsc[s, place].mean(), rmse_cm2))
    return pd.DataFrame(rows, columns=list(COLUMNS)).round(DECIMALS)


def _measure_case(cohort, ensemble, case, subsets):
    """DSC and area, (steps, subsets) each, and the area of the reader's mask."""
    ct, reader = cohort.read_slice(case), cohort.read_mask(case)
    alone = measure_subsets(ct.image_hu, ct.spacing_mm, ensemble, {k: [k] for k in range(ensemble.size)}).values()
    box = common_box(alone, reader)  # a mean is over the threshold only where a member is
    native, image_hu, reader = np.stack([one.probability[box] for one in alone]), ct.image_hu[box], reader[box]

    def score(members):
        masks = Measured(native[list(members)].mean(axis=0), image_hu, ct.spacing_mm).masks
        return [(metrics.dice(masks[step], reader), area_cm2(masks[step], ct.spacing_mm)) for step in STEPS]

    scores = np.array([score(members) for members in subsets])
    return *scores.transpose(2, 1, 0), area_cm2(reader, ct.spacing_mm)


def write_orders(profile, count=ORDERS, progress=True):
    """Write results/orders.csv of a profile: `count` orders on the validation slices, as in the paper.

    Returns its path. A SarcoError says that the results are committed ones, or what is missing or broken.
    """
    profile, cohort, ensemble = opened(profile, "measure the orders of")
    table = measure(cohort, ensemble, cohort.cases("validation"), draw(ensemble.size, count), progress)
    return write_csv(table, profile.results_dir / "orders.csv")


# What the table says -------------------------------------------------------------------------------------------------


def band(table, step):
    """Mean over the orders of orders.csv and the band that holds nine of ten, against the number of members.

    `step` is one of `STEPS`. Columns members, dsc, dsc_low, dsc_high, rmse_cm2, rmse_cm2_low, rmse_cm2_high.
    """
    groups = table[table["step"] == step].groupby("members")
    means = groups[list(PLATEAU)].mean()
    ends = {
        f"{name}_{end}": groups[name].quantile(q)
        for name in PLATEAU
        for end, q in zip(("low", "high"), BAND, strict=True)
    }
    return means.assign(**ends).reset_index()


def plateau(table, step, measure):
    """Smallest number of members from which on all the others together gain no more than `PLATEAU`.

    `step` is one of `STEPS`, `measure` a key of `PLATEAU`. It is that of the mean over the orders of orders.csv, and
    low and high of single orders: nine of ten have theirs between these.
    """
    rows = table[table["step"] == step]
    curves = rows.pivot(index="order", columns="members", values=measure)
    single = np.array([plateau_of(curve, measure) for curve in curves.to_numpy()])
    low, high = (int(np.quantile(single, q, method=m)) for q, m in zip(BAND, ("lower", "higher"), strict=True))
    return plateau_of(curves.mean().to_numpy(), measure), low, high


def plateau_of(curve, measure):
    """The plateau of one curve: `curve` holds the measure for one, two, ... members."""
    gain = curve[-1] - curve if measure == "dsc" else curve - curve[-1]
    short = np.flatnonzero(gain > PLATEAU[measure])
    return int(short[-1]) + 2 if len(short) else 1
