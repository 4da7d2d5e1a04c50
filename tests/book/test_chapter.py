"""What the chapters share: runs, numbers, tables and figures as a notebook receives them."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import prose
import pytest
from matplotlib.figure import Figure

from sarco.base.errors import SarcoError
from sarco.book import chapter
from sarco.method.surface import area_cm2
from sarco.phantom.phantom import phantom


@pytest.fixture
def shown(monkeypatch):
    """What was sent to the notebook: (data, metadata) pairs."""
    sent = []

    def display(data, raw=False, metadata=None):
        assert raw
        sent.append((data, metadata or {}))

    monkeypatch.setattr("IPython.display.display", display)
    return sent


def _run(tmp_path, monkeypatch):
    monkeypatch.setenv("SARCO_DATA", str(tmp_path))
    (tmp_path / "results").mkdir()
    return chapter.open_run("published")


def test_a_missing_file_is_named_with_its_remedy(tmp_path, monkeypatch):
    run = _run(tmp_path, monkeypatch)
    for read in (lambda: run.results("cases"), lambda: run.cohort, lambda: run.ensemble, lambda: run.info):
        with pytest.raises(SarcoError, match=r"no such file; 'make book PROFILE=published' makes it"):
            read()


def test_unknown_profile():
    with pytest.raises(SarcoError, match="nonsense"):
        chapter.open_run("nonsense")


def test_case_names_keep_their_zeros(tmp_path, monkeypatch):
    run = _run(tmp_path, monkeypatch)
    (tmp_path / "results/cases.csv").write_text("case,subset,dsc\n0007,1,0.9\n0007,1-2,0.95\n")
    cases = run.results("cases")
    assert list(cases.case) == ["0007", "0007"] and list(cases.subset) == ["1", "1-2"]


@pytest.mark.parametrize(("split", "later"), [("train", 5), ("test", None), ("test", 5)])
def test_a_phantom_whose_files_are_not_here_is_drawn_again(tmp_path, monkeypatch, split, later):
    """A test case that was drawn for the weights, with their seed."""
    run = _run(tmp_path, monkeypatch)
    run.__dict__["cohort"] = SimpleNamespace(cases=list)
    monkeypatch.setattr("sarco.runs.opening.of", lambda run: later and SimpleNamespace(seed=later))
    drawn = phantom((later if later and split == "test" else run.profile.seed, 0, 6))
    stored = pd.DataFrame(
        {"case": ["0007"], "split": [split], "area_cm2": area_cm2(drawn.mask, drawn.spacing_mm),
         "true_area_cm2": area_cm2(drawn.true_mask, drawn.spacing_mm)}
    )  # fmt: skip
    stored.round(3).to_csv(tmp_path / "results/cohort.csv", index=False)
    image, reader, true = run.read_case("0007")
    assert (image.image_hu == drawn.image_hu).all() and image.spacing_mm == drawn.spacing_mm
    assert (reader == drawn.mask).all() and (true == drawn.true_mask).all()
    # A table that another generator made is not shown with this one's pictures.
    stored.assign(area_cm2=stored.area_cm2 + 1).to_csv(tmp_path / "results/cohort.csv", index=False)
    run.tables.clear()
    with pytest.raises(SarcoError, match="another generator"):
        run.read_case("0007")


def test_the_run_does_not_depend_on_the_folder(tmp_path):
    code = "from sarco import book; print(book.open_run('smoke').profile.results_dir)"
    out = {
        subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True).stdout
        for folder in (tmp_path, Path.cwd())
    }
    assert len(out) == 1


def test_numbers():
    assert chapter.number(0.9, ".3f") == "0.900" and chapter.number(1025, ",") == "1,025"
    assert chapter.number(-0.0004, ".2f") == "0.00" and chapter.number(-0.0004, "+.1f") == "0.0"
    assert chapter.number(-0.04, "+.2f") == "-0.04" and chapter.number("text") == "text"
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not a number that can be printed"):
            chapter.number(bad, ".1f")


def test_a_number_with_its_interval():
    assert chapter.number((3.7, 3.3, 4.2), ".1f") == "3.7 (3.3 to 4.2)"
    assert chapter.number((3.7, None, None), ".1f") == chapter.number((3.7, float("nan"), 4.2), ".1f") == "3.7"
    assert [chapter.side(ends, "below", "holds", "above", of=95) for ends in ((90, 94), (94, 96), (96, 97))] == [
        "below", "holds", "above"
    ]  # fmt: skip
    assert chapter.side((None, None), "below", "holds", "above") == "holds"


def test_columns_of_a_table_are_told_by_name_and_format():
    frame = pd.DataFrame({"who": ["a"], "n": [5], "dsc": [0.9], "dsc_low": [0.8], "dsc_high": [np.nan], "by": [-0.01]})
    assert chapter.column(frame, "who") == ["a"] and chapter.column(frame, "n") == ["5"]
    assert chapter.column(frame, "dsc:.2f") == ["0.90"]
    assert chapter.column(frame.assign(dsc_high=0.95), "dsc:.2f") == ["0.90 (0.80 to 0.95)"]
    assert chapter.column(frame, "by dsc_low dsc:+.1f") == ["0.0 (+0.8 to +0.9)"]
    with pytest.raises(ValueError, match="not a number"):
        chapter.column(frame, "dsc_high:.2f")


def test_a_long_table_is_made_wide_in_its_own_order():
    long = pd.DataFrame(
        [("b", "dsc", 1, 0, 2), ("b", "me", 3, 2, 4), ("a", "dsc", 5, 4, 6), ("a", "me", 7, 6, 8)],
        columns=["who", "measure", "value", "low", "high"],
    )
    wide = chapter.wide(long, "who", "measure")
    assert list(wide.who) == ["b", "a"]
    assert chapter.column(wide, "me") == ["3 (2 to 4)", "7 (6 to 8)"]


def test_what_is_kept_is_read_for_the_text_and_not_shown(shown):
    chapter.keep({"n": 5, "me:+.1f": (1.0, 0.5, 1.5)})
    chapter.keep({"dsc:.3f": 0.9})
    outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata) for data, metadata in shown]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)])
    assert prose.kept(notebook) == {"n": "5", "me": "+1.0 (+0.5 to +1.5)", "dsc": "0.900"}
    assert {kind for data, _ in shown for kind in data} == {chapter.NUMBERS}  # no viewer knows it


def test_agreement():
    live = pd.DataFrame({"case": "1", "subset": "1", "step": ["a", "b"], "dsc": [0.9, 0.8], "area_cm2": [10.0, 20.0]})
    stored = live.assign(dsc=[0.9, 0.81], area_cm2=[10.5, 20.0])
    found = chapter.agreement(live, stored)
    assert found == pytest.approx({"dsc": 0.01, "area_cm2": 0.5})
    # Nothing compared must not pass for agreement.
    with pytest.raises(SarcoError, match="no stored row"):
        chapter.agreement(live, stored.assign(case="2"))
    with pytest.raises(SarcoError, match="no stored row"):
        chapter.agreement(live.iloc[:0], stored)


def test_table_for_book_and_notebook(shown):
    chapter.paper_table([("DSC", 0.97, 0.9599, ".3f"), ("readers", 11, "[a study](references.md#x)")])
    [(data, _)] = shown
    assert "| [a study](references.md#x) |" in data["text/markdown"]
    assert list(data) == ["text/markdown"]  # with this alone JupyterLab sets the columns as the book does
    # Trailing zeros stay: tabulate must not take the text for numbers.
    assert "0.970" in data["text/markdown"] and "0.960" in data["text/markdown"]


def test_a_place_in_the_book_is_a_link_everywhere():
    assert chapter.place("chapters/05-postprocessing.html#tab-a") == "[chapter 5](05-postprocessing.ipynb#tab-a)"
    assert chapter.place("chapters/90-audit.html#fig-b") == "[the audit](90-audit.ipynb#fig-b)"


def test_show_sends_one_png_of_a_sensible_width(shown):
    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([0, 1])
    chapter.show(figure)
    [(data, metadata)] = shown
    assert list(data) == ["image/png"]  # no text such as <Figure size ...>
    assert 300 < metadata["image/png"]["width"] < 480


@pytest.mark.long
def test_blocks_are_read_from_the_network():
    from sarco.method.unet import unet

    found = chapter.blocks(unet(filters=4, depth=2, convolutions=2))
    assert found == [(0, 4, 2), (1, 8, 2), (2, 16, 2), (1, 8, 2), (0, 4, 2)]


def test_the_module_is_light():
    heavy = ("tensorflow", "keras", "pandas", "matplotlib")
    code = f"import sys, sarco.book.chapter; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sample_needs_slice_and_results(tmp_path, monkeypatch):
    run = _run(tmp_path, monkeypatch)
    (tmp_path / "sample").mkdir()
    table = "case,split,pixel_spacing_mm,area_cm2\n0002,test,1,1\n0001,test,1,1\n0003,validation,1,1\n"
    (tmp_path / "sample/cohort.csv").write_text(table)
    (tmp_path / "results/cases.csv").write_text("case,subset\n0001,1\n0003,1\n0009,1\n")
    assert run.sample() == ["0001", "0003"] and run.sample("test") == ["0001"]
    shutil.rmtree(tmp_path / "sample")
