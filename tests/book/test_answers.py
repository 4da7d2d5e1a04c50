"""Figures that answer: their JavaScript computes what sarco computes, and a hand on a slider sees it."""

import base64
import json
import subprocess
from functools import partial

import answers
import numpy as np
import pandas as pd
import pytest

from sarco.book.chapter import SAME_CM2, open_run
from sarco.evidence import assumptions, bias, class_changes, cutoffs, member_orders, statistics, steps
from sarco.evidence.claims.rules import RULES
from sarco.evidence.printed import PRINTED
from sarco.method import metrics, postprocess
from sarco.method.surface import area_cm2

pytestmark = pytest.mark.long

# The same sums in another order: they agree to the last digits of a double.
SAME = {"rel": 1e-9, "abs": 1e-9}
MEMBERS = [{"order": 1 + 5 * i, "size": 15 - i, "step": ("threshold", "window")[i % 2]} for i in range(10)]
SLICES = [
    {"level": level, "pixels": pixels, "low": low, "high": high}
    for level, pixels, low, high in (
        (0.5, 1, -29, 150), (0.5, 0, -29, 150), (0.5, 2, -29, 150), (0.5, 1, -104, 151), (0.05, 0, -29, 150),
        (0.95, 2, -29, 150), (0.2, 0, -104, 150), (0.7, 1, 20, 151), (0.35, 2, -50, 60), (0.65, 1, 0, 100),
    )
]  # fmt: skip
SIZES = [2, 3, 5, 10, 20, 27, 40, 80, 159, 160]
ASSUMED = [
    {"scale": scale, "label": label, "ascites": ascites}
    for scale, label, ascites in (
        (8, 1, 1), (8, 0, 1), (8, 2, 1), (8, 1, 0), (8, 1, 3), (0, 1, 1), (5, 1, 1), (4, 2, 2), (7, 4, 0), (8, 0, 4),
    )
]  # fmt: skip
LIMITS = [
    {"women": 38.5, "men": 52.4, "heavy": 52.4, "includes": True},
    {"women": 41.0, "men": 43.0, "heavy": 53.0, "includes": False},
    {"women": 25.0, "men": 52.4, "heavy": 52.4, "includes": True},
    *({"women": 26 + 3 * i, "men": 30 + 3 * i, "heavy": 33 + 3 * i, "includes": False} for i in range(7)),
]


@pytest.fixture(scope="module")
def run():
    return open_run()


@pytest.fixture(scope="module")
def asked(root, node, pages):
    """What the page computes for all these settings, and the data of the book that it computes from: by figure."""
    settings = dict(zip(answers.FIGURES, (MEMBERS, SLICES, SIZES, ASSUMED, LIMITS), strict=True))
    files = {name: pages / f"_static/answers-{name}.js" for name in settings}
    assert sum(file.stat().st_size for file in files.values()) < 1.5e6
    command = [node, root / "tests/book/answers.mjs", *files.values()]
    done = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=True)
    data = {name: json.loads(file.read_text().partition(" = ")[2].rstrip(";\n")) for name, file in files.items()}
    return json.loads(done.stdout), data


def test_members(run, asked):
    table = run.results("orders")
    for how, found in zip(MEMBERS, asked[0]["fig-members"], strict=True):
        rows = table[(table.order == how["order"]) & (table.step == how["step"])].set_index("members")
        band = member_orders.band(table, how["step"]).set_index("members")
        for name in member_orders.PLATEAU:
            assert found[name]["value"] == rows[name][how["size"]]
            assert found[name]["mean"] == pytest.approx(band[name][how["size"]], **SAME)
            assert found[name]["plateau"] == member_orders.plateau_of(rows[name].to_numpy(), name)


def _slice(data):
    """Probability, HU, reader's mask and true one, as arrays."""
    shape = data["rows"], data["columns"]
    names = "probability", "hu", "reader", "truth"
    byte = {name: np.frombuffer(base64.b64decode(data[name]), np.uint8) for name in names}
    masks = [np.unpackbits(byte[name])[: shape[0] * shape[1]].reshape(shape) > 0 for name in ("reader", "truth")]
    hu = byte["hu"].reshape(shape).astype(int) + data["hu_low"]
    return byte["probability"].reshape(shape) / 255, hu, *masks


def test_postprocessing(run, asked):
    data = asked[1]["fig-steps"]
    probability, hu, reader, truth = _slice(data)
    for how, found in zip(SLICES, asked[0]["fig-steps"], strict=True):
        mask = postprocess.threshold(probability, how["level"])
        for _ in range(how["pixels"]):
            mask = postprocess.dilate(mask)
        mask = postprocess.window(mask, hu, how["low"], how["high"])
        assert found["area_cm2"] == pytest.approx(area_cm2(mask, data["spacing_mm"]), **SAME)
        assert found["dsc"] == pytest.approx(metrics.dice(mask, reader), **SAME)
        assert found["true_dsc"] == pytest.approx(metrics.dice(mask, truth), **SAME)
    # With the paper's settings it is the stored area, as near as another engine comes, and as much for 8 bits.
    stored = steps.rows(run.results("cases"), "validation").set_index("case").loc[data["case"]]
    assert asked[0]["fig-steps"][0]["area_cm2"] == pytest.approx(stored.area_cm2, abs=2 * SAME_CM2)
    assert asked[0]["fig-steps"][0]["reader_cm2"] == pytest.approx(stored.reference_area_cm2, abs=1e-3)  # its decimals


def test_few_cases(asked):
    errors = np.array(asked[1]["fig-few"]["errors_cm2"])
    table = bias.few_cases(errors, SIZES)
    for row, found in zip(table.itertuples(), asked[0]["fig-few"], strict=True):
        for name in ("low", "high", "rmse_cm2", "worse"):
            assert found[name] == pytest.approx(getattr(row, name), **SAME), row.cases


def _counted(table, groups, how):
    """A table with the slices of both groups left out or counted again; what is counted again has a longer name."""
    for name, chosen in groups.items():
        again = table["case"][table["case"].str.rstrip("+").isin(chosen)]
        table = assumptions.with_share(table, again, how[name]).reset_index(drop=True)
    return table


def _assumed(run, groups, how):
    """The run's tables for readers of a scale; DSC that were not compared with such readers are NaN."""
    cases, readers, swept = (run.results(name) for name in ("cases", "readers", "sweeps"))
    of_scale = readers[readers["scale"] == assumptions.SCALES[how["scale"]]]
    area = of_scale.groupby("case")["reference_area_cm2"].first()
    if how["scale"] < len(assumptions.SCALES) - 1:
        dsc = of_scale.set_index(assumptions.KEY)["dsc"]
        cases = cases.assign(dsc=dsc.reindex(pd.MultiIndex.from_frame(cases[assumptions.KEY])).to_numpy())
    swept = swept[swept["sweep"] == "dilation_px"]
    tables = (table.assign(reference_area_cm2=table["case"].map(area)) for table in (cases, swept))
    return [_counted(table, groups, how) for table in tables]


def _ends(found):
    return [found[end] for end in ("value", "low", "high")]


@pytest.mark.parametrize("at", range(len(ASSUMED)))
def test_assumptions(run, asked, at):
    how, found, cohort = ASSUMED[at], asked[0]["fig-assumed-readers"][at], run.results("cohort")
    wet = cohort["notes"].fillna("").str.contains(r"\bascites\b")
    groups = {"label": cohort["case"][cohort["quality"] == "D"], "ascites": cohort["case"][wet]}
    cases, swept = _assumed(run, groups, how)
    for name in ("rmse", "dsc"):
        key, of = f"test_{name}", (partial(one, cases) for one in (steps.rows, statistics.at_stage))
        claim = next(RULES[key].claims(PRINTED[key], *of))
        assert _ends(found[name]) == pytest.approx([claim.run, claim.low, claim.high], **SAME)
        assert found[name]["verdict"].partition(":")[0] == claim.verdict
    effects = {split: statistics.effects(cases, swept, split) for split in ("test", "validation")}
    for row in found["findings"]:
        theirs = effects[row.get("on", "test")].loc[row["name"]]
        assert (row["n"], row["verdict"]) == (theirs.n, theirs.verdict), row["name"]
        for key, before in (("before", "before_"), ("after", "after_"), ("effect", "")):
            wanted = list(theirs[[key, f"{before}low", f"{before}high"]])
            assert _ends(row[key]) == pytest.approx(wanted, **SAME), row["name"]
    both = {"test"} if how["scale"] == 8 else {"test", "validation"}
    assert {row.get("on", "test") for row in found["findings"]} == both


def test_shares_and_scales_are_those_of_the_chapter(run, asked):
    data = asked[1]["fig-assumed-readers"]
    tried = list(assumptions.alternatives(run))
    assert data["sd_cm2"] == pytest.approx([value for name, _, value, _ in tried if name == "the readers' SD"], **SAME)
    part = {flag: np.mean(data["test"][flag]) for flag in ("label", "ascites")}
    twice = [value for name, _, value, _ in tried if name.startswith("the share")][2::3]
    assert [100 * 2 * p / (1 + p) for p in part.values()] == pytest.approx(twice, **SAME)


def test_class_changes(run, asked, monkeypatch):
    cases = run.results("cases")
    people = statistics.people(cases, run.results("cohort"), "test")
    for how, found in zip(LIMITS, asked[0]["fig-changes"], strict=True):
        women, men, heavy = how["women"], how["men"], how["heavy"]
        smi = {("F", False): women, ("F", True): women, ("M", False): men, ("M", True): heavy}
        monkeypatch.setattr(class_changes, "CUTOFFS", {"own": cutoffs.Cutoff("own", "", smi, includes=how["includes"])})
        monkeypatch.setitem(cutoffs.CUTOFFS, "own", class_changes.CUTOFFS["own"])
        shares = class_changes.changes(people, cases).set_index("what")["share"].to_dict()
        shares["low"] = class_changes.low(people, "reader")["own"].mean()
        # In percent, and the page's normal distribution is a formula that is right to 1e-7.
        assert found == pytest.approx({what: 100 * share for what, share in shares.items()}, abs=1e-5)


# Of each page a slider, the key that moves it, the place of the setting that it comes to, and what then is told of it.
MOVED = {
    "04-ensemble": ("fig-members", "size", "End", 0, lambda found: [
        f"DSC {found['dsc']['value']:.4f}, RMSE {found['rmse_cm2']['value']:.2f} cm²",
        f"plateau begins at {found['dsc']['plateau']} (DSC)"]),
    "05-postprocessing": ("fig-steps", "pixels", "ArrowLeft", 1, lambda found: [
        f"Area {found['area_cm2']:.1f} cm². DSC {found['dsc']:.3f} against the reader",
        f"DSC {found['true_dsc']:.3f} against the true mask"]),
    "06-bias": ("fig-few", "size", "End", -1, lambda found: [
        f"Mean error found: {found['first']['learned']:+.2f} cm²", f"{found['first']['after']:.2f} cm² after",
        f"find {found['low']:+.1f} to {found['high']:+.1f} cm²"]),
    "07-results": ("fig-assumed-readers", "label", "Home", 1, lambda found: [
        "Test RMSE {value:.1f} ({low:.1f} to {high:.1f}) cm²: {verdict}".format(**found["rmse"]),
        "Mean DSC {value:.3f} ({low:.3f} to {high:.3f}): {verdict}".format(**found["dsc"])]),
    "09-sarcopenia": ("fig-changes", "women", "Home", 2, lambda found: [
        f"reader's area: {found['low']:.1f} %", f"{found['network for reader']:.1f} % change class"]),
}  # fmt: skip


@pytest.mark.parametrize("chapter", MOVED)
def test_a_slider_moved_by_keyboard_answers(browser, pages, asked, chapter):
    name, slider, key, at, wanted = MOVED[chapter]
    page, problems = browser.new_page(), []
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    here = pages.as_uri()
    page.on("request", lambda one: one.url.startswith((here, "data:", "blob:")) or problems.append(one.url))
    page.goto(f"{here}/chapters/{chapter}.html")  # from a folder, as a reader may
    panel = page.locator(f".answers[data-figure={name}]")
    told, before = panel.get_by_role("status"), panel.get_by_role("status").inner_text()
    page.locator(f"#{name}-{slider}").focus()
    page.keyboard.press(key)
    page.wait_for_function("([panel, before]) => panel.querySelector('[role=status]').innerText !== before",
                           arg=[panel.element_handle(), before])  # fmt: skip
    for words in wanted(asked[0][name][at]):
        assert words in told.inner_text()
    panel.get_by_role("button", name="Reset").click()
    page.wait_for_function("([panel, before]) => panel.querySelector('[role=status]').innerText === before",
                           arg=[panel.element_handle(), before])  # fmt: skip
    page.emulate_media(media="print")
    assert not panel.is_visible()
    assert not problems
    page.close()


def test_without_javascript_the_figure_stands_alone(browser, pages):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for chapter, (name, *_) in MOVED.items():
        page.goto(f"{pages.as_uri()}/chapters/{chapter}.html")
        box = page.locator(f".answers[data-figure={name}]").bounding_box()
        assert page.locator(f"#{name} img").is_visible()
        assert not box["height"]
    context.close()
