"""What is measured on cases, beside what the paper prints: results with their SDs, changes and directions."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ... import paper
from ...method import metrics
from .. import audit
from ..bootstrap import Corrected, bootstrap, estimate, mean
from ..printed import RESULTS, address
from . import verdicts
from .claim import claim_of

AS_MAE = "_if_mae"  # end of the name of a second reading
CHANCE = "an extreme of a sample is chance"
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
class Measured:
    """The rule of a printed result: what is measured, and after which of `statistics.STAGES`.

    With `before` it is the rule of a change, from that stage on. `counted` says where it is judged, if not on its own.
    """

    measure: str
    stage: str
    before: str = ""
    counted: str = ""

    @property
    def stages(self):
        """Stages that it reads."""
        return (self.before, self.stage) if self.before else (self.stage,)

    def claims(self, printed, final, at_stage):
        """The result; where no MSE says otherwise, what it is if read as a mean absolute error; and its SD."""
        of = "dsc" if self.measure == "dsc" else "error_cm2"
        *before, values = (at_stage(printed.split, stage)[of] for stage in self.stages)
        yield self._claim(printed, self.measure, before, values)
        if self.measure == "rmse" and printed.split == "validation":
            claim = self._claim(printed, "mae", before, values)
            yield replace(claim, name=printed.key + AS_MAE, kind="reading", shown_in=address(printed.book[-1]),
                          claim=printed.label(", as a mean absolute error"))  # fmt: skip
        if printed.sd is not None:
            claim = _spread(printed, self.measure, values)
            yield replace(claim, name=f"{printed.key}_sd", kind="spread", claim=printed.label(f", SD{self.beside}"))

    def extremes(self, printed, summary):
        """The ends of its range, from a row of `steps.summarise`."""
        column = "dsc_{}" if self.measure == "dsc" else "absolute_error_{}_cm2"
        for end, short, theirs in (("lowest", "min", printed.low), ("highest", "max", printed.high)):
            value = float(OF_A_CASE[self.measure](summary[column.format(short)]))
            claim = claim_of(printed, (value, None, None), verdicts.NOT_JUDGED, CHANCE, value=theirs)
            yield replace(claim, name=f"{printed.key}_{end}", kind="extreme",
                          claim=printed.label(f", {end}{self.beside}"))  # fmt: skip

    @property
    def beside(self):
        """Of what SD and range are."""
        return {"dsc": "", "mse": " of the squared error"}.get(self.measure, " of the absolute error")

    def _claim(self, printed, measure, before, values):
        if not before:
            return _level(printed, measure, values)
        if self.before == "baseline" and len(before[0]) == 1:  # one member is its own ensemble
            return claim_of(printed, (None, None, None), verdicts.NOT_TESTABLE)
        return _change(printed, measure, *before, values)


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

    def claims(self, printed, final, at_stage):
        """Its one claim."""
        value, low, high = self.of(final(printed.split), partial(at_stage, printed.split))
        off = (None, None) if low is None else (low - printed.than, high - printed.than)
        yield claim_of(printed, (value, low, high), verdicts.of_direction(printed.sign, *off))


def estimated(values, reduce):
    """A statistic and its interval; None of a single case, which has no SD and no interval."""
    return estimate(values, reduce) if _cases(values) > 1 else (None, None, None)


def _cases(values):
    return len(values.errors_cm2) if isinstance(values, Corrected) else np.shape(values)[-1]


def _centre(measure):
    return metrics.root_mean_square if measure == "rmse" else lambda values: mean(OF_A_CASE[measure](values))


def _level(printed, measure, values):
    value, low, high = estimated(values, _centre(measure))
    has_error = printed.sd is not None or measure == "rmse"
    error = audit.standard_error(printed.key, measure) if has_error else _borrowed(printed.split, values, low, high)
    off = difference(printed.value, printed.unit, error, value, low, high)
    widest = WIDEST_PERCENT["dsc" if measure == "dsc" else "other"]
    return claim_of(printed, (value, low, high), verdicts.of_result(printed.value, *off, widest), off=off)


def _spread(printed, measure, values):
    value, low, high = estimated(values, lambda values: OF_A_CASE[measure](values).std(axis=-1, ddof=1))
    error = _borrowed(printed.split, values, low, high)
    # The paper's SD is as uncertain as this run's, in proportion.
    off = difference(printed.sd, printed.unit, error and error * printed.sd / value, value, low, high)
    verdict = verdicts.of_result(printed.sd, *off, WIDEST_PERCENT["other"])
    return claim_of(printed, (value, low, high), verdict, off=off, value=printed.sd)


def _change(printed, measure, before, after):
    def percent(*samples):
        first, second = (_centre(measure)(one).mean(axis=0) for one in samples)
        return 100 * (second / first - 1)

    value, low, high = bootstrap(percent, [before, after]) if _cases(before) > 1 else (None, None, None)
    error = _borrowed(printed.split, before, low, high)
    off = difference(printed.value, printed.unit, error, value, low, high)
    verdict = verdicts.of_change(printed.value, low, high, *off, WIDEST_PERCENT["other"])
    return claim_of(printed, (value, low, high), verdict, off=off)


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
