"""The table of rules: how each claim of `data/paper.csv` is looked up or measured; what has no rule is background."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ... import paper
from ...method import metrics, postprocess, preprocess, surface, unet
from ...phantom import readers
from .. import member_orders, statistics, steps
from ..bootstrap import bootstrap, estimate, mean
from ..correction import Correction
from ..network_arithmetic import encoder_receptive_field, weight_count
from ..printed import PRINTED
from . import verdicts
from .claim import claim_of
from .measured import Direction, Measured, estimated

PIXEL_CM = 0.1  # two fields of view of one network may differ by a pixel of 1 mm in how their rim is counted


@dataclass(frozen=True)
class Setting:
    """The rule of a number that is set: what it is in a `Run`, and when that agrees with the paper's.

    Background has no such rule (None): it is not tested, but the run may have something in its place. What is `fixed`
    no run can change: it is equal, because the code is written after the paper; or not, because it is not.
    """

    of: Callable
    agrees: Callable | None = verdicts.same
    fixed: bool = False

    def claim(self, printed, run, note):
        """Equal or not, if there is a value."""
        value = self.of(run)
        if value is None or self.agrees is None:
            return claim_of(printed, (value, None, None), verdicts.NOT_TESTABLE, note)
        agrees = self.agrees(printed.value, value)
        verdict = verdicts.REPRODUCED if agrees else verdicts.NOT_REPRODUCED
        return replace(claim_of(printed, (value, None, None), verdict, note), by_construction=self.fixed and agrees)


Background, Fixed = partial(Setting, agrees=None), partial(Setting, fixed=True)


class Plateau:
    """The rule of the number of members from which on more hardly help."""

    def claim(self, printed, run, note):
        """Members from which on the DSC gains nothing, on average over the orders measured, and of nine in ten."""
        if run.has("orders"):
            estimate = member_orders.plateau(run.results("orders"), "threshold", "dsc")
        else:
            dsc = steps.by_members(run.results("cases"), "validation")["dsc_mean"]
            estimate = member_orders.plateau_of(dsc.to_numpy(), "dsc"), None, None
        _, low, high = estimate
        if run.made_with["members"] <= printed.value:  # then no plateau is seen beyond it
            return claim_of(printed, estimate, verdicts.NOT_TESTABLE)
        if low is None:
            return claim_of(printed, estimate, verdicts.NOT_JUDGED, "of one order of the members alone")
        verdict = verdicts.REPRODUCED if low <= printed.value <= high else verdicts.NOT_REPRODUCED
        note = f"a gain of less than {member_orders.PLATEAU['dsc']:g} counts as none, which is ours"
        return claim_of(printed, estimate, verdict, note)


def _default(function, name):
    return inspect.signature(function).parameters[name].default


def _made_with(key):
    return Setting(lambda run: run.made_with[key])


def _slices(*splits):
    return Setting(lambda run: int(run.results("cohort")["split"].isin(splits).sum()))


def trained_on_readers(run):
    """Whether the members learned from the cohort and its readers' masks, and not from other phantoms' true ones."""
    return run.made_with["training_setting"] == "reference"


def _included(run):
    """Slices of validation, and those for training if anything was learned from them."""
    splits = ["validation", *(["train"] if trained_on_readers(run) else [])]
    return int(run.results("cohort")["split"].isin(splits).sum())


def _stratified_on(run):
    """The quality label, if validation has its share of each, to a slice."""
    pool = run.results("cohort")
    pool = pool[pool["split"].isin(["train", "validation"])]
    chosen = pool.loc[pool["split"] == "validation", "quality"].value_counts()
    share = pool["quality"].value_counts(normalize=True) * chosen.sum()
    stratified = (share.sub(chosen, fill_value=0).abs() < 1).all()
    return PRINTED["STRATIFIED_ON"].value if stratified else "nothing"


def _tensor():
    # The ends of the window, as the code brings them to the network, on pixels large enough to need few.
    side_mm = paper.FIELD_MM / 4
    return np.stack([preprocess.to_network(np.full((4, 4), hu), (side_mm, side_mm), side_mm)
                     for hu in preprocess.WINDOW_HU])  # fmt: skip


def _connectivity():
    """Of the dilation: 1 where a pixel grows by its four neighbours, 2 where by all eight."""
    dot = np.pad([[True]], 1)
    return {5: 1, 9: 2}[np.count_nonzero(postprocess.dilate(dot))]


def _iterations(run):
    history = run.results("training")
    of_epoch = history["iteration"] / history["epoch"]
    return int(of_epoch.iloc[0]) if (of_epoch == of_epoch.iloc[0]).all() else None


def _inference_hours(run):
    """Hours for a test set of the paper's size, from the time of the whole evaluation, which does more."""
    evaluated = run.info.get("evaluation", {})
    fresh = evaluated.get("cases", 0) - evaluated.get("resumed", 0)
    return evaluated["seconds"] / fresh * paper.TEST / 3600 if fresh > 0 else None


def _corrections(run):
    """How many different numbers are subtracted from areas."""
    areas_cm2 = np.array([50.0, 150.0, 250.0])
    return len(set((areas_cm2 - Correction.learn([5.0, 6.0], [1.0, 3.0]).apply(areas_cm2)).tolist()))


def _error_cm2(final):
    return metrics.errors(final["area_cm2"], final["reference_area_cm2"])


def _correction(final, at_stage):
    before, after = (at_stage(stage)["error_cm2"] for stage in ("post-processing", "bias correction"))
    return estimate(after, metrics.root_mean_square, before)


def _nearer_than_reader(final, at_stage):
    if not {"true_dsc", "reader_dsc"} <= set(final):
        return None, None, None
    poor = final[(final["quality"] == paper.QUALITY_LABELS[-1]) & final["true_dsc"].notna()]
    return estimated((poor["true_dsc"] - poor["reader_dsc"]).to_numpy(), mean)


def _poor_labels(statistic):
    """Label D against the others."""

    def compare(final, at_stage):
        poor = final["quality"] == paper.QUALITY_LABELS[-1]
        groups = [final.loc[which, "dsc"].to_numpy() for which in (poor, ~poor)]
        if min(map(len, groups)) < 2:
            return None, None, None
        return bootstrap(lambda poor, others: statistic(poor) - statistic(others), *([group] for group in groups))

    return compare


def _without_dilation(run):
    if not run.has("sweeps"):
        return ""
    error_cm2 = statistics.dilated(run.results("sweeps"), "validation", 0)["error_cm2"]
    return f"{mean(error_cm2):+.1f} cm² without the dilation"


def _correction_on_test(run):
    change, low, high = _correction(None, partial(statistics.at_stage, run.results("cases"), "test"))
    where = "" if low is None else f" ({low:+.1f} to {high:+.1f})"
    return f"on the slices that it was learned on it can hardly do else; on the test set {change:+.1f}{where} cm²"


IN_THE_NETWORK = {"ACTIVATION": "ReLU", "FILTER_GROWTH": 2, "OPTIMISER": "Adam", "LOSS": "DSC", "COMBINED_BY": "mean"}
RULES = dict.fromkeys(PRINTED, Background(lambda run: None)) | {
    # Background
    "READERS": Background(lambda run: readers.READERS),
    "SYSTEM": Background(lambda run: run.info.get("hardware", {}).get("system")),
    "GPU": Background(lambda run: ", ".join(run.info.get("hardware", {}).get("accelerators", [])) or "none"),
    # The run's data
    "RELEASED": _slices("train", "validation", "excluded"),
    "RELEASES": Setting(lambda run: int(run.results("cohort")["release"].nunique())),
    "TEST": Setting(lambda run: int(run.results("cases").query("split == 'test'")["case"].nunique())),
    "INFERENCE_LIMIT_HOURS": Setting(_inference_hours, lambda printed, run: run <= printed),
    "EXCLUDED": _slices("excluded"),
    "INCLUDED": Setting(_included),
    "VALIDATION": _slices("validation"),
    "STRATIFIED_ON": Setting(_stratified_on),
    "QUALITY_LABELS": Setting(lambda run: tuple(sorted(run.results("cohort")["quality"].dropna().unique()))),
    # Its networks
    "MATRIX": Setting(lambda run: preprocess.network_size(run.made_with["spacing_mm"])),
    "SPACING_MM": _made_with("spacing_mm"),
    "MEMBERS": _made_with("members"),
    "FILTERS": _made_with("filters"),
    "WEIGHTS": Setting(lambda run: weight_count(run.made_with["filters"])[0]),
    "RECEPTIVE_FIELD_CM": Setting(lambda run: encoder_receptive_field() * run.made_with["spacing_mm"] / 10,
                                  lambda printed, run: abs(printed - run) <= PIXEL_CM + 1e-9),
    "EPOCHS": Setting(lambda run: int(run.results("training")["epoch"].max())),
    "ITERATIONS": Setting(_iterations),
    "BATCH_SIZE": _made_with("batch_size"),
    "LEARNING_RATE": _made_with("learning_rate"),
    "DECAY_POWER": _made_with("decay_power"),
    # The code
    "MUSCLE_HU": Fixed(lambda run: tuple(_default(postprocess.window, end) for end in ("low", "high"))),
    "QUALITY_LIMIT_CM2": Fixed(lambda run: readers.SLIGHT_CM2),
    "SPLINE_ORDER": Fixed(lambda run: preprocess.ORDER),
    "MASK_SPLINE_ORDER": Fixed(lambda run: preprocess.MASK_ORDER),
    "WINDOW_HU": Fixed(lambda run: tuple(preprocess.WINDOW_HU)),
    "NORMALISED": Fixed(lambda run: (float(_tensor().min()), float(_tensor().max()))),
    "STORED_BITS": Fixed(lambda run: 8 * _tensor().itemsize),
    "DEPTH": Fixed(lambda run: unet.DEPTH),
    "CONVOLUTIONS": Fixed(lambda run: _default(unet.unet, "convolutions")),
    # One more convolution widens the field by its side less 1.
    "FILTER_SIZE": Fixed(lambda run: encoder_receptive_field(1, 2) - encoder_receptive_field(1, 1) + 1),
    # As a test finds them in the network, which takes Keras.
    **{name: Fixed(lambda run, value=value: value) for name, value in IN_THE_NETWORK.items()},
    "ROTATION_DEG": Fixed(lambda run: paper.ROTATION_DEG),
    "SCALE": Fixed(lambda run: paper.SCALE),
    "PERFECT_DSC": Fixed(lambda run: metrics.dice(np.ones((2, 2), bool), np.ones((2, 2), bool))),
    "THRESHOLD": Fixed(lambda run: _default(postprocess.threshold, "level")),
    "DILATION_CONNECTIVITY": Fixed(lambda run: _connectivity()),
    "CORRECTION_LABELS": Fixed(lambda run: surface.CORRECTION_LABELS),
    "CORRECTIONS": Fixed(_corrections),
    # Its results
    "PLATEAU_MEMBERS": Plateau(),
    "baseline_dsc": Measured("dsc", "baseline"),
    "baseline_rmse": Measured("rmse", "baseline"),
    "ensemble_dsc_change": Measured("dsc", "ensemble", before="baseline"),
    "ensemble_rmse_change": Measured("rmse", "ensemble", before="baseline"),
    "postprocessing_dsc_change": Measured("dsc", "post-processing", before="ensemble"),
    "postprocessing_rmse_change": Measured("rmse", "post-processing", before="ensemble"),
    "postprocessing_rmse": Measured("rmse", "post-processing"),
    "corrected_rmse": Measured("rmse", "bias correction"),
    "validation_dsc": Measured("dsc", "post-processing"),
    "test_dsc": Measured("dsc", "bias correction"),
    "test_mse": Measured("mse", "bias correction", counted="the square of the RMSE, which is judged"),
    "test_rmse": Measured("rmse", "bias correction"),
    # Directions
    "overestimation": Direction(lambda final, at_stage: estimated(_error_cm2(final), mean), _without_dilation),
    "mostly_overestimated": Direction(lambda final, _: estimated((_error_cm2(final) > 0).astype(float), mean)),
    "correction_lowers_rmse": Direction(_correction, _correction_on_test, by_construction=True),
    "matches_prior_work": Direction(lambda final, at_stage: estimated(final["dsc"].to_numpy(), mean)),
    "robust_to_labels": Direction(_nearer_than_reader, by_label=True),
    "poor_labels_lower": Direction(_poor_labels(mean), by_label=True),
    "poor_labels_scatter": Direction(_poor_labels(lambda dsc: dsc.std(axis=-1, ddof=1)), by_label=True),
}  # fmt: skip
# Where the members learned from other phantoms.
NOT_TRAINED_ON = {
    "RELEASED": "those for training were drawn, and trained nothing: the members learned from other phantoms",
    "INCLUDED": "those that anything was learned from: the slices for training were drawn, and trained nothing",
    "robust_to_labels": "the members learned from true masks, so that no poor label could mislead them",
}
