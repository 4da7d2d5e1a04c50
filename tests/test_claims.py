"""The table of claims: whole, judged by rule, and clear about what is missing; on a made-up run of known size."""

import itertools
import json
import re
import shutil

import nbformat
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sarco import claims, cli, elsewhere, evaluation, paper, postprocess, profiles, surface
from sarco.errors import SarcoError

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
        for subset, members in (evaluation.subsets(MEMBERS) | {surface.STUDENT: [0]}).items()
        for step in postprocess.STEPS
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(results / "cases.csv", index=False)
    others = itertools.product(elsewhere.POPULATIONS, ("0001", "0002"), elsewhere.STEPS)
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
    return CliRunner().invoke(cli.app, ["claims", "--profile", str(folder / "smoke.yaml"), *options])


def test_every_number_of_the_paper_has_its_row(table):
    names = [*paper.STATED, *paper.FINDINGS]
    for name, printed in paper.RESULTS.items():
        names += [name] if printed.sd is None else [name, f"{name}_sd", f"{name}_lowest", f"{name}_highest"]
    assert sorted(table) == sorted(names)
    for name in paper.STATED:
        assert table[name].paper == getattr(paper, name)
    sd = table["test_mse_sd"]
    assert (sd.paper, sd.unit, sd.section) == (paper.RESULTS["test_mse"].sd, "cm4", "Results")
    # What has no test says why; what has one was given a value.
    for claim in table.values():
        assert claim.verdict in claims.VERDICTS
        assert claim.note if claim.verdict == claims.NOT_TESTABLE else claim.run is not None


def test_nothing_that_can_be_measured_is_called_untestable():
    testable = set(claims.RUN_SETTINGS) | set(claims.MEASURED)
    assert not testable & set(claims.UNTESTABLE)
    assert testable | set(claims.UNTESTABLE) == set(paper.STATED) | set(paper.RESULTS)
    assert set(claims.DIRECTIONS) == set(paper.FINDINGS)


def test_values_are_those_of_the_summary(table, profile):
    cases = claims.Results.load(profile).cases
    validation, test = (evaluation.summarise(cases, split) for split in ("validation", "test"))
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
    }.items():
        assert table[name].run == pytest.approx(wanted), name
        if table[name].low is not None:
            assert table[name].low <= wanted <= table[name].high, name
    assert table["TEST"].run == 5 and table["EXCLUDED"].run == 1 and table["ITERATIONS"].run == 40
    assert table["INFERENCE_LIMIT_HOURS"].run == pytest.approx(12 / 6 * 500 / 3600)
    # The middle of the window is no end of it: the code was asked, not the paper.
    assert table["NORMALISED"].run == (0.0, 1.0) and table["STORED_BITS"].run == 16


def test_the_interval_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(10, 2, 400)
    low, high = claims.interval(lambda pick: values[pick].mean(axis=-1), 400)
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert (low, high) == claims.interval(lambda pick: values[pick].mean(axis=-1), 400)
    assert claims.interval(lambda pick: np.full(len(pick), np.nan), 3) == (None, None)


@pytest.mark.parametrize(
    ("verdict", "found"),
    [
        ("reproduced", claims.verdict_of_result(0.97, 0.95, 0.93, 0.98, "")),  # in the interval
        ("reproduced", claims.verdict_of_result(0.97, 0.96, 0.959, 0.961, "")),  # within the margin
        ("not reproduced", claims.verdict_of_result(0.97, 0.95, 0.949, 0.951, "")),
        ("not reproduced", claims.verdict_of_result(0.97, 0.99, 0.989, 0.991, "")),  # better is not the same
        ("reproduced", claims.verdict_of_result(13.0, 13.5, None, None, "cm2")),
        ("not reproduced", claims.verdict_of_result(13.0, 13.6, None, None, "cm2")),
        ("reproduced", claims.verdict_of_result(169.5, 182.0, None, None, "cm4")),  # roots 13.0 and 13.5
        ("not reproduced", claims.verdict_of_result(169.5, 184.0, None, None, "cm4")),
        ("cannot be tested on phantoms", claims.verdict_of_result(0.97, None, None, None, "")),
        ("reproduced", claims.verdict_of_change(-17.7, -12.0, -19.0, -5.0, "%")),
        ("same direction", claims.verdict_of_change(-17.7, -8.0, -11.0, -5.0, "%")),
        ("not reproduced", claims.verdict_of_change(-4.7, -4.0, -9.0, 1.0, "%")),  # may be none
        ("not reproduced", claims.verdict_of_change(-4.7, 4.0, 1.0, 9.0, "%")),
        ("same direction", claims.verdict_of_direction(-1, -2.0, -0.1)),
        ("not reproduced", claims.verdict_of_direction(1, -2.0, -0.1)),
        ("cannot be tested on phantoms", claims.verdict_of_direction(1, None, None)),
        ("reproduced", claims.verdict_of_setting(200, 200)),
        ("reproduced", claims.verdict_of_setting((0.9, 1.1), (0.9, 1.1))),
        ("not reproduced", claims.verdict_of_setting(200, 20)),
        ("not reproduced", claims.verdict_of_setting(("A", "B"), ("A", "B", "C"))),
        ("cannot be tested on phantoms", claims.verdict_of_setting(200, None)),
    ],
)
def test_rules(verdict, found):
    assert found == verdict


def test_a_plateau_needs_more_members_than_the_papers(table, profile):
    assert table["PLATEAU_MEMBERS"].verdict == claims.NOT_TESTABLE
    many = claims.Results.load(profile)
    many.made_with["members"] = 15
    assert claims._judge_plateau(10, 12, many) == claims.REPRODUCED
    assert claims._judge_plateau(10, 5, many) == claims.NOT_REPRODUCED


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
    assert "RMSE after the bias correction, validation" in done.stdout and "13.6 cm⁴" in done.stdout
    frame = claims.frame(table.values())
    assert len(frame) == len(table) and not frame.isna().any(axis=None)
    sd = frame[frame.claim == "… SD of the squared error"].iloc[0]
    assert (sd["the paper"], sd["in the paper"], sd["in the book"]) == ("23.6", "Results, ¶3, s2", "tab-headline")


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


def test_no_row_can_go_unnoticed(profile):
    whole = claims.Results.load(profile)
    whole.check()
    for name in ("cases", "cohort", "training"):
        table = getattr(whole, name)
        for row in table.index:
            with pytest.raises(SarcoError, match=rf"{name}\.csv: lacks"):
                claims.Results(**{**vars(whole), name: table.drop(index=row)}).check()


def test_no_row_of_the_other_committed_tables_can_go_unnoticed():
    whole = claims.Results.load("published")
    for name, table in whole.more.items():
        check = getattr(whole, f"_check_{name}")
        check(table)
        for row in np.random.default_rng(0).choice(table.index, min(20, len(table)), replace=False):
            with pytest.raises(SarcoError, match=rf"{name}\.csv: lacks the row of .*, which feeds "):
                check(table.drop(index=row))


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
    ("bench.csv", {"what": "ours"}, r"feeds no claim .* chapters/03-training\.html#tab-bench;"),
    ("elsewhere.csv", {"population": "randomised"}, r"feeds no claim .* chapters/06-bias\.html#fig-elsewhere;"),
    ("ablation.csv", {"variant": "none"}, r"feeds no claim .* chapters/01-data\.html#fig-ablation;"),
]


@pytest.fixture
def committed(root, tmp_path, monkeypatch):
    """A copy of the committed results that a test may break; the profile `published` reads it."""
    shutil.copytree(root / "data/results", tmp_path / "data/results")
    monkeypatch.setenv("SARCO_DATA", str(tmp_path / "data"))
    return tmp_path / "data/results"


def published():
    return CliRunner().invoke(cli.app, ["claims", "--profile", "published"])


@pytest.mark.parametrize(("file", "which", "words"), COMMITTED)
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
    assert f"at the paper's setting case {table.case.iloc[-1]} has" in published().stderr


def test_each_place_is_in_the_book(chapters, table):
    there = {}
    for path in chapters:
        cells = nbformat.read(path, as_version=4).cells
        shown = "".join(cell.source for cell in cells if cell.cell_type == "code")
        pictures = {cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in cells}
        there[path.stem] = pictures | set(re.findall(r'"(tab-[a-z0-9-]+)"', shown))
    places = {claim.name: [claim.shown_in] for claim in table.values()}
    told = json.loads(claims.to_json(tuple(table.values()), profiles.load("published")))
    places |= {f"figure {name}": figure["shown_in"] for name, figure in told["figures"].items()}
    # Every figure that the paper has, and every panel.
    assert list(told["figures"]) == ["1", "2A", "2B", "2C", "3A", "3B", "4", "5", "6A", "6B"]
    for name, shown in places.items():
        for one in shown:
            page, _, anchor = one.removeprefix("chapters/").partition(".html#")
            assert anchor in there.get(page, ()), f"{name}: {one}"
