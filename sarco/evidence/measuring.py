"""What the experiments of this room share: opening a run that may be measured, and one table of many cases."""

from ..base.errors import SarcoError
from ..base.threads import each
from ..cohort.layout import Cohort
from ..ct import witness
from ..engines.choose import FLOAT32
from ..method.ensemble import Ensemble
from ..runs.evaluation import subsets, writable


def opened(profile, what):
    """Profile, cohort and ensemble of a run, in float32; `what` is to be done, and not with committed results."""
    profile = writable(profile, what)
    return profile, Cohort.open(profile.cohort_dir), Ensemble.load(profile.weights_dir, engine=FLOAT32)


def student_of(profile, **how):
    """The student of a run, who knows every tissue, loaded as `witness.load` says; SarcoError where there is none."""
    student = witness.load(profile.weights_dir, **how)
    if student is None:
        raise SarcoError(
            f"{profile.weights_dir}: has no student of every tissue; train one with 'sarco train --student'."
        )
    return student


def alone_and_all(size):
    """Of the means of `runs.evaluation.subsets`, every member alone and all together."""
    return {name: members for name, members in subsets(size).items() if len(members) in (1, size)}


def table_of(rows, cases, *, columns, decimals, what, progress):
    """The rows that `rows` gives of each case, a few cases at once, as one rounded DataFrame in the order of cases."""
    import pandas as pd
    from tqdm import tqdm

    with each(lambda case: list(rows(case)), cases) as blocks:
        lines = [row for block in tqdm(blocks, what, len(cases), unit="case", disable=not progress) for row in block]
    return pd.DataFrame(lines, columns=list(columns)).round(decimals)
