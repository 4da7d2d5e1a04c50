"""The table of claims: whole, judged by rule, and clear about what is missing; on a made-up run of known size."""

import itertools
import json
import math
import re
import shutil
import types

import nbformat
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.evidence import assumptions, claims, member_orders, other_populations, steps
from sarco.evidence.claims import integrity, judging, measured, text, verdicts
from sarco.evidence.claims.rules import NOT_TRAINED_ON, RULES
from sarco.evidence.printed import PRINTED, RESULTS
from sarco.evidence.run import Run
from sarco.method import postprocess
from sarco.method.slice import measure_slice
from sarco.runs import evaluation, profiles
from sarco.runs.evaluation import STUDENT

MEMBERS, EPOCHS = 2, 3
SPLITS = ["train"] * 3 + ["validation"] * 5 + ["excluded"] + ["test"] * 6


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    """Folder of a profile and its made-up results."""
    folder = tmp_path_factory.mktemp("run")
    results = folder / "run/results"
    results.mkdir(parents=True)
    text = (root / "workflow/profiles/smoke.yaml").read_text(encoding="utf-8")
    for key, value in {"run_dir": folder / "run", "reference_cases": len(SPLITS), "members": MEMBERS, "epochs": EPOCHS,
                       "evaluation_cases": 5}.items():  # fmt: skip
        text = re.sub(rf"^{key}: .*$", f"{key}: {value}", text, flags=re.MULTILINE)
    (folder / "smoke.yaml").write_text(text, encoding="utf-8")
    profile = profiles.load(folder / "smoke.yaml")

    cohort = pd.DataFrame({"case": [f"{i:04d}" for i in range(1, len(SPLITS) + 1)], "split": SPLITS})
    cohort["quality"] = [*"ABCABCDABABDCDA"]
    cohort["release"] = [None if split == "test" else 1 + i % 2 for i, split in enumerate(SPLITS)]
    cohort.to_csv(results / "cohort.csv", index=False)
    rng = np.random.default_rng(7)
    evaluated = cohort[cohort.split.isin(["validation", "test"])].groupby("split", sort=False).head(5)
    rows = [
        {"case": row.case, "split": row.split, "quality": row.quality, "members": len(members), "subset": subset,
         "step": step, "dsc": rng.uniform(0.9, 0.98), "reference_area_cm2": 120.0,
         "area_cm2": 120 + rng.normal(4, 1) + 0.1 * len(members)}
        for row in evaluated.itertuples()
        for subset, members in (evaluation.subsets(MEMBERS) | {STUDENT: [0]}).items()
        for step in postprocess.STEPS
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(results / "cases.csv", index=False)
    others = itertools.product(other_populations.POPULATIONS, ("0001", "0002"), other_populations.STEPS)
    others = pd.DataFrame(others, columns=["population", "case", "step"])
    others.assign(dsc=0.9, area_cm2=120.0, true_area_cm2=110.0).to_csv(results / "elsewhere.csv", index=False)
    history = [(m, e, e * 40) for m in range(1, MEMBERS + 1) for e in range(1, EPOCHS + 1)]
    pd.DataFrame(history, columns=["member", "epoch", "iteration"]).to_csv(results / "training.csv", index=False)
    made_with = {field: getattr(profile, field) for field in profile.__dataclass_fields__}
    info = {"profile": made_with, "evaluation": {"cases": 10, "resumed": 4, "seconds": 12.0}}
    (results / "run.json").write_text(json.dumps(info), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def profile(made):
    return profiles.load(made / "smoke.yaml")


@pytest.fixture(scope="module")
def table(profile):
    return {claim.name: claim for claim in claims.table(profile)}


@pytest.fixture
def broken(made, tmp_path):
    """A copy of the run that a test may break."""
    shutil.copytree(made, tmp_path / "copy")
    path = tmp_path / "copy/smoke.yaml"
    path.write_text(path.read_text().replace(str(made), str(tmp_path / "copy")))
    return tmp_path / "copy"


def ask(folder, *options):
    return CliRunner().invoke(app, ["claims", "--profile", str(folder / "smoke.yaml"), *options])


def test_every_number_of_the_paper_has_its_row(table):
    names = list(PRINTED)
    for name, printed in RESULTS.items():
        names += [] if printed.sd is None else [f"{name}_sd", f"{name}_lowest", f"{name}_highest"]
        # Where no MSE says what is printed, it may be a mean absolute error.
        if "rmse" in name and printed.split == "validation":
            names.append(f"{name}_if_mae")
    assert sorted(table) == sorted(names)
    for name, printed in PRINTED.items():
        assert table[name].paper == printed.value
    sd = table["test_mse_sd"]
    assert (sd.paper, sd.unit, sd.section) == (RESULTS["test_mse"].sd, "cm4", "Results")
    # What has no test says why; what has one was given a value.
    for claim in table.values():
        assert claim.verdict in verdicts.VERDICTS and claim.kind in text.KINDS
        assert claim.note if claim.verdict == verdicts.NOT_TESTABLE else claim.run is not None
        if claim.verdict in (verdicts.NOT_JUDGED, verdicts.DEPENDS):
            assert claim.note


def test_what_has_no_rule_is_background_and_says_why():
    assert set(RULES) == set(PRINTED) and set(NOT_TRAINED_ON) <= set(PRINTED)
    for name, printed in PRINTED.items():
        background = getattr(RULES[name], "agrees", "another rule") is None
        assert background == (printed.kind == "context"), name
        assert printed.note or not background, name


def test_what_is_said_of_the_network_is_so():
    import keras

    from sarco.method.train import compiled_unet, dice_loss

    model = compiled_unet(filters=2, steps=10)
    said = {name: RULES[name].of(None) for name in ("ACTIVATION", "OPTIMISER", "LOSS", "FILTER_GROWTH", "DEPTH")}
    assert said["OPTIMISER"] == type(model.optimizer).__name__
    assert said["LOSS"] == "DSC" and model.loss is dice_loss
    blocks = [layer for layer in model.layers if isinstance(layer, keras.layers.ReLU)]
    assert said["ACTIVATION"] == "ReLU" and len(blocks) == RULES["CONVOLUTIONS"].of(None) * (2 * said["DEPTH"] + 1)
    widths = [layer.output.shape[-1] for layer in blocks[:: RULES["CONVOLUTIONS"].of(None)]][: said["DEPTH"] + 1]
    assert {wide / narrow for narrow, wide in itertools.pairwise(widths)} == {said["FILTER_GROWTH"]}
    # Of three members that are sure of 0, 0 and 1 everywhere, the output is the mean.
    members = np.zeros((3, 512, 512), np.float32)
    members[2] = 1
    three = types.SimpleNamespace(size=3, network_spacing_mm=1.0, predict_members=lambda *_: members)
    seen = measure_slice(np.zeros((64, 64)), (1.0, 1.0), three).probability
    assert RULES["COMBINED_BY"].of(None) == "mean" and seen == pytest.approx(1 / 3, abs=1e-4)


def test_slices_that_trained_nothing_are_not_included(table, profile):
    assert (table["INCLUDED"].run, table["INCLUDED"].verdict) == (5, verdicts.NOT_REPRODUCED)
    assert "trained nothing" in table["RELEASED"].note and table["robust_to_labels"].verdict == verdicts.NOT_TESTABLE
    as_in_the_paper = Run(profile)
    as_in_the_paper.made_with["training_setting"] = "reference"
    assert RULES["INCLUDED"].of(as_in_the_paper) == 8


def test_masks_are_not_resampled_as_the_paper_says(table):
    assert table["SPLINE_ORDER"].verdict == verdicts.REPRODUCED and table["SPLINE_ORDER"].by_construction
    assert (table["MASK_SPLINE_ORDER"].run, table["MASK_SPLINE_ORDER"].verdict) == (1, verdicts.NOT_REPRODUCED)


def test_validation_is_stratified_or_not(profile):
    run = Run(profile)
    cohort = run.results("cohort")
    quality = cohort["split"].map({"train": "A", "validation": "D"})
    one_label = cohort["quality"].where(quality.isna(), "A")
    for labels, wanted in ((one_label, "quality label"), (quality, "nothing")):
        run.tables["cohort"] = cohort.assign(quality=labels)
        assert RULES["STRATIFIED_ON"].of(run) == wanted


def test_values_are_those_of_the_summary(table, profile):
    cases = Run(profile).results("cases")
    validation, test = (steps.summarise(cases, split) for split in ("validation", "test"))
    for name, wanted in {
        "baseline_rmse": validation.rmse_cm2["baseline"],
        "baseline_rmse_sd": validation.absolute_error_sd_cm2["baseline"],
        "baseline_dsc_lowest": validation.dsc_min["baseline"],
        "corrected_rmse": validation.rmse_cm2["bias correction"],
        "corrected_rmse_highest": validation.absolute_error_max_cm2["bias correction"],
        "validation_dsc_sd": validation.dsc_sd["post-processing"],
        "ensemble_rmse_change": 100 * (validation.rmse_cm2["ensemble"] / validation.rmse_cm2["baseline"] - 1),
        "test_mse": test.mse["bias correction"],
        "test_mse_sd": test.mse_sd["bias correction"],
        "overestimation": validation.mean_error_cm2["post-processing"],
        "baseline_rmse_if_mae": validation.mae_cm2["baseline"],
        "correction_lowers_rmse": validation.rmse_cm2["bias correction"] - validation.rmse_cm2["post-processing"],
    }.items():
        assert table[name].run == pytest.approx(wanted), name
        if table[name].low is not None:
            assert table[name].low <= wanted <= table[name].high, name
    assert table["TEST"].run == 5 and table["EXCLUDED"].run == 1 and table["ITERATIONS"].run == 40
    assert table["INFERENCE_LIMIT_HOURS"].run == pytest.approx(12 / 6 * 500 / 3600)
    # The middle of the window is no end of it: the code was asked, not the paper.
    assert table["NORMALISED"].run == (0.0, 1.0) and table["STORED_BITS"].run == 16


def plateau(low, high, members):
    run = types.SimpleNamespace(
        made_with={"members": members}, has=lambda name: low is not None, results=lambda name: None
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(member_orders, "plateau", lambda *_: (low, low, high))
        patch.setattr(steps, "by_members", lambda *_: {"dsc_mean": pd.Series([0.9] * members)})
        return RULES["PLATEAU_MEMBERS"].claim(PRINTED["PLATEAU_MEMBERS"], run, "").verdict


@pytest.mark.parametrize(
    ("printed", "run", "same"),
    [
        (200, 200, True),
        ((0.9, 1.1), (0.9, 1.1), True),
        (200, 20, False),
        (("A", "B"), ("A", "B", "C"), False),
        (0.1 + 0.2, 0.3, True),  # as they are stored
        (2, "2", False),
    ],
)
def test_settings_are_the_same_or_not(printed, run, same):
    assert verdicts.same(printed, run) == same


@pytest.mark.parametrize(
    ("verdict", "found"),
    [
        ("reproduced", verdicts.of_result(0.97, -0.01, 0.02, 2.3)),
        ("not reproduced", verdicts.of_result(0.97, 0.01, 0.02, 2.3)),  # better is not the same
        ("not judged", verdicts.of_result(0.97, -0.02, 0.03, 2.3)),  # too wide to tell
        ("not reproduced", verdicts.of_result(0.97, 0.01, 0.09, 2.3)),  # wide, and clear
        ("cannot be tested on phantoms", verdicts.of_result(0.97, None, None, 2.3)),
        ("reproduced", verdicts.of_change(-17.7, -19.0, -13.0, -2.0, 3.0, 17.7)),
        ("same direction", verdicts.of_change(-17.7, -11.0, -5.0, 5.0, 12.0, 17.7)),
        ("same direction", verdicts.of_change(-17.7, -31.0, -5.0, -9.0, 9.0, 17.7)),  # its size cannot be told
        ("not reproduced", verdicts.of_change(-4.7, -9.0, 1.0, -0.5, 0.5, 17.7)),  # may be none
        ("not reproduced", verdicts.of_change(-4.7, 1.0, 9.0, 5.0, 9.0, 17.7)),
        ("same direction", verdicts.of_direction(-1, -2.0, -0.1)),
        ("not reproduced", verdicts.of_direction(1, -2.0, -0.1)),
        ("cannot be tested on phantoms", verdicts.of_direction(1, None, None)),
        ("reproduced", plateau(8, 12, 15)),
        ("not reproduced", plateau(3, 6, 15)),
        ("not judged", plateau(None, None, 15)),
        ("cannot be tested on phantoms", plateau(1, 2, 10)),  # no more members than the paper's
    ],
)
def test_rules(verdict, found):
    assert found == verdict


def test_a_difference_holds_both_samples_and_the_rounding():
    # Two means of equal spread and number: the difference is off by the root of 2 of one, and of the rounding.
    low, high = measured.difference(3.7, "cm2", 0.5, 4.0, 4.0 - 1.96 * 0.5, 4.0 + 1.96 * 0.5)
    half = 1.96 * math.sqrt(0.5**2 + 0.5**2 + (0.05**2) / 3)
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half))
    assert measured.difference(3.7, "cm2", None, 4.0, 3.0, 5.0) == (None, None)


def test_the_interval_of_a_difference_is_right_in_19_of_20():
    # The paper's SD and mean from one sample, ours from another of the same errors: they differ by chance alone.
    rng = np.random.default_rng(3)
    held = []
    for _ in range(1000):
        theirs, ours = rng.normal(rng.uniform(0.96, 0.98), 0.02, (2, 40))
        low, high = ours.mean() + np.array([-1.96, 1.96]) * ours.std(ddof=1) / math.sqrt(40)
        off = measured.difference(
            round(theirs.mean(), 2), "", theirs.std(ddof=1) / math.sqrt(40), ours.mean(), low, high
        )
        held.append(off[0] <= 0 <= off[1])
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)  # 1000 draws have an SD of 0.007


def judged(table, **changed):
    return claims.judge(table.assign(**changed))


def test_another_reader_is_judged_anew(profile):
    cases = Run(profile).results("cases")
    before = claims.judge(cases)
    after = judged(cases, reference_area_cm2=cases["reference_area_cm2"] + 10, dsc=cases["dsc"] - 0.1)
    # A reader who draws 10 cm2 more: the correction learns it, the mean error and the DSC do not.
    assert after["test_rmse"].run == pytest.approx(before["test_rmse"].run)
    assert after["overestimation"].run == pytest.approx(before["overestimation"].run - 10)
    assert after["overestimation"].verdict == verdicts.NOT_REPRODUCED != before["overestimation"].verdict
    assert after["test_dsc"].run == pytest.approx(before["test_dsc"].run - 0.1)
    # A slice given twice, under another name, counts twice.
    twice = cases[(cases["case"] == "0005") & (cases["split"] == "validation")].assign(case="0005b")
    more = claims.judge(pd.concat([cases, twice], ignore_index=True))
    assert more["overestimation"].run != before["overestimation"].run


def test_one_member_cannot_tell_what_an_ensemble_changes(profile):
    cases = Run(profile).results("cases")
    found = claims.judge(cases[cases["subset"] == "1"])
    # The ensemble needs members; what comes after it is asked of the one.
    for of in ("dsc", "rmse"):
        assert found[f"ensemble_{of}_change"].verdict == verdicts.NOT_TESTABLE
        assert found[f"postprocessing_{of}_change"].verdict != verdicts.NOT_TESTABLE
    assert {name for name, rule in RULES.items() if getattr(rule, "before", "")} == {
        f"{stage}_{of}_change" for stage in ("ensemble", "postprocessing") for of in ("dsc", "rmse")
    }


@pytest.mark.parametrize(
    ("run", "others", "wanted", "note"),
    [
        ("reproduced", {}, "reproduced", ""),
        ("reproduced", None, "depends on an assumption", verdicts.NOT_ASKED),
        ("not reproduced", None, "not reproduced", ""),
        ("reproduced", {"x": [("0", "reproduced"), ("1", "reproduced")]}, "reproduced", ""),
        ("reproduced", {"x": [("0", "reproduced"), ("1", "reproduced"), ("2", "not reproduced")]},
         "depends on an assumption", "comes out for x from 0 to 1"),
        ("not reproduced", {"x": [("0", "not reproduced"), ("1", "reproduced")], "y": [("2", "not reproduced")]},
         "depends on an assumption", "comes out for x 1"),
        ("reproduced", {"x": [("0", "not judged"), ("1", "reproduced")]}, "depends on an assumption",
         "comes out for x 1"),
        ("reproduced", {"x": [("0", "same direction")]}, "same direction", "its size depends on an assumption"),
        # Never called more than it is.
        ("not reproduced", {"x": [("0", "not judged"), ("1", "not reproduced")]}, "not reproduced",
         "differs for x 1; else too wide to tell"),
        ("not judged", {"x": [("0", "not judged"), ("1", "not reproduced")]}, "not judged",
         "differs for x 1; else too wide to tell"),
        ("same direction", {"x": [("0", "cannot be tested on phantoms")]}, "same direction", ""),
    ],
)  # fmt: skip
def test_what_an_assumption_can_turn_is_not_called_reproduced(run, others, wanted, note):
    assert verdicts.settle(run, others) == (wanted, note)


def test_assumptions_are_asked(profile, monkeypatch):
    run = Run(profile)
    run.tables["readers"] = pd.DataFrame()
    cases = run.results("cases")
    smaller = cases.assign(area_cm2=cases["area_cm2"] - 8)
    tried = [("the readers' SD", "cm2", cm2, smaller if cm2 > 1 else cases) for cm2 in (0.0, 0.81, 1.6, 3.2)]
    monkeypatch.setattr(assumptions, "alternatives", lambda run: tried)
    monkeypatch.setattr(judging, "check", lambda run: None)
    assumed = claims.under_assumptions(run)
    table = claims.table(run, assumed)
    assert table == claims.table(run)  # judged once is enough
    claim = next(claim for claim in table if claim.name == "overestimation")
    assert claim.verdict == verdicts.DEPENDS
    assert claim.note.startswith("comes out for the readers' SD (cm²) from 0 to 0.81")


def test_claims_are_counted_by_kind(table):
    found, told = table.values(), claims.told_counts(table.values())
    assert {name for name, words in told.items() if words != "none"} == {claim.verdict for claim in found}
    by_kind = text.counts_by_kind(found)
    assert sum(n["count"] for kinds in by_kind.values() for n in kinds.values()) == len(table)
    fixed = sum(claim.by_construction for claim in found if claim.kind == "setting")
    assert f" settings ({fixed} of them by construction)" in told["reproduced"]
    # An end of a range is chance, and the test MSE is the RMSE once more: neither is judged.
    assert by_kind["not judged"]["extreme"]["count"] == sum(claim.kind == "extreme" for claim in found)
    assert table["test_mse"].verdict == verdicts.NOT_JUDGED and "RMSE" in table["test_mse"].note


@pytest.mark.long
def test_no_change_is_reproduced_by_its_size_alone():
    # The rule that this replaces took 1 point for the same: +0.5 % for +1.1 %.
    found = {claim.name: claim for claim in claims.table("published")}
    changes = [claim for claim in found.values() if claim.kind == "change"]
    assert len(changes) == 4
    for claim in changes:
        assert claim.verdict != verdicts.REPRODUCED or claim.difference_low <= 0 <= claim.difference_high


def test_json_is_for_scripts(made, profile, table):
    done = ask(made, "--json")
    assert done.exit_code == 0, done.output

    def refuse(word):
        raise AssertionError(f"{word} in the JSON")

    told = json.loads(done.stdout, parse_constant=refuse)
    assert [row["name"] for row in told["claims"]] == [claim.name for claim in claims.table(profile)]
    assert sum(told["verdicts"].values()) == len(told["claims"]) == len(table)
    rows = {row["name"]: row for row in told["claims"]}
    assert rows["lee_2017_dsc"]["run"] is None and rows["MUSCLE_HU"]["paper"] == [-29, 150]
    assert rows["test_dsc"]["difference"] == pytest.approx(rows["test_dsc"]["run"] - 0.97)
    assert rows["test_dsc"]["shown_in"] == "chapters/07-results.html#tab-headline"


def test_the_table_for_people_has_no_nan(made, table):
    done = ask(made)
    assert done.exit_code == 0 and "nan" not in done.stdout.lower()
    assert "RMSE after the bias correction" in done.stdout and "13.6 cm⁴" in done.stdout
    assert re.search(r"^reproduced: \d+ settings \(\d+ of them by construction\)", done.stdout, flags=re.MULTILINE)
    frame = claims.frame(table.values())
    assert len(frame) == len(table) and not frame.isna().any(axis=None)
    sd = frame[frame.claim == "… SD of the squared error"].iloc[0]
    assert (sd["the paper"], sd["in the paper"], sd["in the book"]) == (
        "23.6",
        "Results, ¶3, s2",
        "chapters/07-results.html#tab-headline",
    )


def _drop(path, keep):
    table = pd.read_csv(path, dtype=str)
    table[~keep(table)].to_csv(path, index=False)


@pytest.mark.parametrize(
    ("file", "which", "words"),
    [
        ("cases.csv", {"case": "0010", "subset": "1-2", "step": "window"},
         "case 0010, members 1-2, step window, which feeds the claim 'DSC, test' (Results, paragraph 2, "),
        ("cases.csv", {"case": "0004", "subset": "2", "step": "threshold"},
         "case 0004, members 2, step threshold, which feeds the claim 'DSC, baseline, validation' ("),
        ("cases.csv", {"case": "0004", "subset": "1-2", "step": "dilation"},
         "case 0004, members 1-2, step dilation, which feeds no claim of the paper"),
        ("cases.csv", {"case": "0004", "subset": "student", "step": "window"},
         "case 0004, members student, step window, which feeds no claim of the paper"),
        ("training.csv", {"member": "2", "epoch": "3"}, "member 2, epoch 3, which feeds the claim 'epochs'"),
        ("cohort.csv", {"case": "0002"},
         "case 0002, which feeds the claim 'slices released for training and validation'"),
        ("cohort.csv", {"case": "0011"}, "case 0011, which feeds the claim 'slices for testing'"),
        ("elsewhere.csv", {"population": "randomised", "case": "0002", "step": "window"},
         "randomised case 0002, step window, which feeds no claim of the paper, but the book's own "
         "chapters/06-bias.html#fig-elsewhere"),
    ],
)  # fmt: skip
def test_a_missing_row_is_told_with_its_claim(broken, file, which, words):
    path = broken / "run/results" / file
    _drop(path, lambda table: np.logical_and.reduce([table[key] == value for key, value in which.items()]))
    done = ask(broken)
    assert done.exit_code == 2 and done.stdout == ""
    assert f"{path}: lacks the row of {words}" in done.stderr and done.stderr.count("\n") == 1
    assert "'make results PROFILE=smoke'" in done.stderr


def without(run, name, table):
    """The same run, with another table."""
    other = Run(run.profile)
    other.tables = {**run.tables, name: table}
    return other


@pytest.mark.long
def test_no_row_can_go_unnoticed(profile):
    run = Run(profile)
    integrity.check(run)
    for name in ("cases", "cohort", "training"):
        table = run.results(name)
        for row in table.index:
            with pytest.raises(SarcoError, match=rf"{name}\.csv: lacks"):
                integrity.check(without(run, name, table.drop(index=row)))


@pytest.mark.long
def test_no_row_of_the_readers_can_go_unnoticed(profile):
    run = Run(profile)
    table = pd.DataFrame(
        (case.case, scale, subset, step, 0.9, case.reference_area_cm2)
        for case in run.results("cases").drop_duplicates("case").itertuples()
        for scale in assumptions.SCALES
        for subset, step in assumptions.judged(MEMBERS, case.split)
    ).set_axis(["case", "scale", "subset", "step", "dsc", "reference_area_cm2"], axis=1)
    integrity.check(without(run, "readers", table))
    for row in table.index[::5]:
        with pytest.raises(SarcoError, match=r"readers\.csv: lacks the row of case .*, which feeds the claim "):
            integrity.check(without(run, "readers", table.drop(index=row)))
    other = pd.concat([table, table[table["scale"] == 1].tail(1).assign(case="9999")])
    with pytest.raises(SarcoError, match=r"case 9999 has .* and no area in cases\.csv, so they are of two runs"):
        integrity.check(without(run, "readers", other))
    table["reference_area_cm2"] += 1
    with pytest.raises(SarcoError, match=r"readers\.csv: case \d+ has .* so they are of two runs"):
        integrity.check(without(run, "readers", table))


@pytest.mark.long
def test_no_row_of_the_other_committed_tables_can_go_unnoticed():
    run = Run("published")
    integrity.check(run)
    for name in set(integrity.TABLES) - {"cases", "training"}:
        table = run.results(name)
        for row in np.random.default_rng(0).choice(table.index, min(20, len(table)), replace=False):
            with pytest.raises(SarcoError, match=rf"{name}\.csv: lacks the row of .*, which feeds "):
                integrity.check_rows(without(run, name, table.drop(index=row)), name)


def test_every_network_and_population_of_a_variant_is_missed():
    run = Run("published")
    table = run.results("ablation")
    whole = pd.concat([table.assign(seed=seed) for seed in (1, 2)], ignore_index=True)
    run = without(run, "ablation", whole)
    integrity.check_rows(run, "ablation")
    for row in whole.groupby(["population", "seed"]).head(1).index:
        run.tables["ablation"] = whole.drop(index=row)
        with pytest.raises(SarcoError, match=r"ablation\.csv: lacks the row of variant all, case "):
            integrity.check_rows(run, "ablation")


@pytest.mark.parametrize("key", [*integrity.KEYS, "difficult_cases"])
def test_a_setting_that_is_not_told_is_missed(broken, key):
    path = broken / "run/results/run.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    del info["profile"][key]
    path.write_text(json.dumps(info), encoding="utf-8")
    assert f"{path}: lacks the key '{key}' of its profile, which feeds" in ask(broken).stderr


def test_an_empty_value_and_a_missing_file_are_told(broken):
    path = broken / "run/results/cases.csv"
    table = pd.read_csv(path, dtype={"case": str})
    table.loc[(table.case == "0005") & (table.subset == "1-2") & (table.step == "window"), "area_cm2"] = np.nan
    table.to_csv(path, index=False)
    assert "lacks a value in the row of case 0005, members 1-2, step window" in ask(broken).stderr
    path.unlink()
    assert f"{path}: no such file, and the claims need it" in ask(broken).stderr


COMMITTED = [
    # file, which row, what is said of it
    ("cases.csv", {"split": "test", "members": "all", "step": "window"}, r"feeds the claim 'DSC, test' \(Results, "),
    ("cohort.csv", {"split": "train"}, "feeds the claim 'slices released for training and validation'"),
    ("training.csv", {"epoch": "2"}, "feeds the claim 'epochs' "),
    ("orders.csv", {"members": "2"}, "feeds the claim 'networks from which on .* and figures 2B and 2C;"),
    ("sweeps.csv", {"sweep": "dilation_mm"}, "feeds the claim 'connectivity of the dilation' "),
    ("sweeps.csv", {"sweep": "low_hu"}, "feeds the claim 'attenuation kept as muscle' "),
    ("readers.csv", {"scale": "0.5", "split": "test"}, r"feeds the claim 'DSC, test' "),
    ("bench.csv", {"what": "ours"}, r"feeds no claim .* chapters/03-training\.html#tab-bench;"),
    ("elsewhere.csv", {"population": "randomised"}, r"feeds no claim .* chapters/06-bias\.html#fig-elsewhere;"),
    ("labels.csv", {"arm": "50 % D", "network": "2"}, r"feeds no claim .* chapters/03-training\.html#fig-noise;"),
    ("ablation.csv", {"variant": "none"}, r"feeds no claim .* chapters/01-data\.html#fig-ablation;"),
]


@pytest.fixture
def committed(root, tmp_path, monkeypatch):
    """A copy of the committed results that a test may break; the profile `published` reads it."""
    shutil.copytree(root / "data/results", tmp_path / "data/results")
    (tmp_path / "data/weights").mkdir()  # run.json says which manifest its test cases are of
    shutil.copy(root / "data/weights/manifest.json", tmp_path / "data/weights")
    monkeypatch.setenv("SARCO_DATA", str(tmp_path / "data"))
    return tmp_path / "data/results"


def published():
    return CliRunner().invoke(app, ["claims", "--profile", "published"])


@pytest.mark.parametrize(("file", "which", "words"), COMMITTED)
@pytest.mark.long
def test_no_row_of_a_committed_table_can_be_taken_out(committed, file, which, words):
    path = committed / file
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    names = lines[0].strip().split(",")
    rows = [dict(zip(names, line.rstrip("\n").split(","), strict=False)) for line in lines[1:]]
    members = str(max(int(row["members"]) for row in rows)) if file == "cases.csv" else None
    which = {key: members if value == "all" else value for key, value in which.items()}
    fitting = [i for i, row in enumerate(rows, 1) if all(row[key] == value for key, value in which.items())]
    del lines[fitting[len(fitting) // 2]]
    path.write_text("".join(lines), encoding="utf-8")
    done = published()
    assert done.exit_code == 2 and done.stdout == ""
    assert re.search(f"{re.escape(str(path))}: lacks the row of .*, which {words}", done.stderr), done.stderr
    assert "restore it with git" in done.stderr and done.stderr.count("\n") == 1
    path.unlink()
    assert f"{path}: no such file, and the claims need it" in published().stderr


def test_tables_of_two_runs_are_told_apart(committed):
    path = committed / "sweeps.csv"
    table = pd.read_csv(path, dtype={"case": str})
    table.loc[table.case == table.case.iloc[-1], "area_cm2"] += 5
    table.to_csv(path, index=False)
    assert f"sweeps.csv: case {table.case.iloc[-1]} has" in published().stderr


def test_each_place_is_in_the_book(chapters, table):
    there = {}
    for path in chapters:
        cells = nbformat.read(path, as_version=4).cells
        shown = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        there[path.stem] = set(re.findall(r'^<a id="((?:fig|tab)-[a-z0-9-]+)">', shown, re.MULTILINE))
    places = {claim.name: [claim.shown_in] for claim in table.values()}
    told = json.loads(claims.to_json(tuple(table.values()), profiles.load("published")))
    places |= {f"figure {name}": figure["shown_in"] for name, figure in told["figures"].items()}
    # Every figure that the paper has, and every panel.
    assert list(told["figures"]) == ["1", "2A", "2B", "2C", "3A", "3B", "4", "5", "6A", "6B"]
    for name, shown in places.items():
        for one in shown:
            page, _, anchor = one.removeprefix("chapters/").partition(".html#")
            assert anchor in there.get(page, ()), f"{name}: {one}"
