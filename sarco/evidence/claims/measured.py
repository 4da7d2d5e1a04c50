"""What is measured on cases, beside what the paper prints: results with their SDs, changes and directions."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ... import paper
from ...method import metrics
from .. import audit, headline
from ..bootstrap import Corrected, bootstrap, estimate, mean
from ..printed import RESULTS
from . import verdicts

AS_MAE = "_if_mae"  # end of the name of a second reading
# A difference whose interval reaches further than this each way, in percent of the printed value, is not called none:
# it could not tell the paper's result from its own result before post-processing.
WIDEST_PERCENT = {
    "dsc": abs(RESULTS["postprocessing_dsc_change"].value),
    "other": abs(RESULTS["postprocessing_rmse_change"].value),
}
SLICES = {"validation": paper.VALIDATION, "test": paper.TEST}
# What the cases have whose mean is told, and whose SD and range the paper's can describe.
OF_A_CASE = {"dsc": np.asarray, "rmse": np.abs, "mae": np.abs, "mse": np.square}


@dataclass(frozen=True)
class Judged:
    """What some cases make of a claim: value and 95 % interval; that of the difference, run minus paper; the verdict.

    The interval comes from drawing the cases again, and those of the correction with them.
    """

    value: float | None
    low: float | None
    high: float | None
    off_low: float | None
    off_high: float | None
    verdict: str


@dataclass(frozen=True)
class Measured:
    """The rule of a printed result: what is measured, after which of `statistics.STAGES`, and where it is judged else.

    With `before` it is the rule of a change, from that stage on.
    """

    measure: str
    stage: str
    before: str = ""
    counted: str = ""

    @property
    def stages(self):
        """Stages that it reads."""
        return (self.before, self.stage) if self.before else (self.stage,)

    def readings(self, printed):
        """What the number may be, by the end of its name: where no MSE says otherwise, a mean absolute error too."""
        may_be_mae = self.measure == "rmse" and printed.split == "validation"
        return {"": self.measure} | ({AS_MAE: "mae"} if may_be_mae else {})

    def judge(self, printed, cases, at_stage):
        """Each reading, and the SD, by the end of its name."""
        of = "dsc" if self.measure == "dsc" else "error_cm2"
        *before, values = (at_stage(printed.split, stage)[of] for stage in self.stages)
        for end, measure in self.readings(printed).items():
            if not before:
                yield end, _level(printed, measure, values)
            elif self.before == "baseline" and len(before[0]) == 1:  # one member is its own ensemble
                yield end, Judged(*[None] * 5, verdicts.NOT_TESTABLE)
            else:
                yield end, _change(printed, measure, *before, values)
            if not end and printed.sd is not None:
                yield "_sd", _spread(printed, measure, values)


@dataclass(frozen=True)
class Direction:
    """The rule of a direction without a number.

    `of` takes the final rows of the cases, and a function from a stage to what is measured there; it gives a value and
    its interval. `note` takes the run. What is told by the slices of a label, however many there are (`by_label`), is
    not judged with other shares of the label: counting slices again would only feign more.
    """

    of: Callable
    note: Callable = lambda run: ""
    by_construction: bool = False
    by_label: bool = False

    def judge(self, printed, cases, at_stage):
        """Its one reading."""
        value, low, high = self.of(headline.rows(cases, printed.split), partial(at_stage, printed.split))
        off = (None, None) if low is None else (low - printed.than, high - printed.than)
        yield "", Judged(value, low, high, *off, verdicts.of_direction(printed.sign, *off))


def estimated(values, reduce):
    """A statistic and its interval; None of a single case, which has no SD and no interval."""
    return estimate(values, reduce) if _cases(values) > 1 else (None, None, None)


def _cases(values):
    return len(values.errors_cm2) if isinstance(values, Corrected) else np.shape(values)[-1]


def _centre(measure):
    return metrics.root_mean_square if measure == "rmse" else lambda values: mean(OF_A_CASE[measure](values))


def _level(printed, measure, values):
    found = estimated(values, _centre(measure))
    off = difference(printed.value, printed.unit, audit.standard_error(printed.key, measure), *found)
    widest = WIDEST_PERCENT["dsc" if measure == "dsc" else "other"]
    return Judged(*found, *off, verdicts.of_result(printed.value, *off, widest))


def _spread(printed, measure, values):
    value, low, high = estimated(values, lambda values: OF_A_CASE[measure](values).std(axis=-1, ddof=1))
    error = _borrowed(printed.split, values, low, high)
    # The paper's SD is as uncertain as this run's, in proportion.
    off = difference(printed.sd, printed.unit, error and error * printed.sd / value, value, low, high)
    return Judged(value, low, high, *off, verdicts.of_result(printed.sd, *off, WIDEST_PERCENT["other"]))


def _change(printed, measure, before, after):
    def percent(*samples):
        first, second = (_centre(measure)(one).mean(axis=0) for one in samples)
        return 100 * (second / first - 1)

    value, low, high = bootstrap(percent, [before, after]) if _cases(before) > 1 else (None, None, None)
    error = _borrowed(printed.split, before, low, high)
    off = difference(printed.value, printed.unit, error, value, low, high)
    verdict = verdicts.of_change(printed.value, low, high, *off, WIDEST_PERCENT["other"])
    return Judged(value, low, high, *off, verdict)


def _borrowed(split, values, low, high):
    """Standard error of what the paper prints without one: this run's, on as many slices as the paper had."""
    return None if low is None else (high - low) / (2 * 1.96) * math.sqrt(_cases(values) / SLICES[split])


def difference(printed, unit, standard_error, value, low, high):
    """95 % interval of run minus paper.

    Three errors are independent of each other, and their distances are added as squares: the run's, which may reach
    further on one side (MOVER: doi 10.1002/sim.3095), the paper's, and that of its rounding.
    """
    if low is None or standard_error is None:
        return None, None
    rounding = 0.5 * 10 ** -decimals(printed, unit) / math.sqrt(3)
    theirs = 1.96 * math.hypot(standard_error, rounding)
    off = value - printed
    return off - math.hypot(value - low, theirs), off + math.hypot(high - value, theirs)


def decimals(printed, unit):
    """Decimals that the paper prints of a result."""
    return 1 if unit else 3 if round(printed, 2) != printed else 2
