"""Reading: cards of links, folds, and the data that is offered are those of the book."""

import csv
import io

import numpy as np
import pandas as pd
import reading
from matplotlib.figure import Figure

from sarco.book import chapter, figures
from sarco.book.figures.drawn import COLUMNS, drawn

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


def _rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def _drawn(figure):
    """The rows of a figure that has been saved, as `show` does first."""
    chapter.png(figure)
    return pd.DataFrame(_rows(drawn(figure)))


def test_the_numbers_of_a_figure_are_those_that_it_was_given():
    rng = np.random.default_rng(0)
    predicted, reference = rng.normal(130, 30, (2, 9))
    [cloud] = [of for mark, of in _drawn(figures.scatter(predicted, reference)).groupby("mark") if "cloud" in mark]
    # Six digits are written.
    np.testing.assert_allclose(cloud[["x", "y"]].astype(float), np.transpose([predicted, reference]), rtol=1e-5)
    assert set(cloud["x is"]) == {"predicted area (cm²)"} and set(cloud["series"]) == {"predicted"}

    bars = _drawn(figures.waterfall(["one", "two"], [0.93, 0.95], "DSC", changes=[(0.01, 0.03)]))
    steps = bars[bars.mark.str.startswith("bar") & (bars["y to"] != "")].set_index("x")
    assert steps["y to"]["two"].iloc[0] == "0.95" and steps["y"]["two"].iloc[0] == "0.93"
    assert ["0.94", "0.96"] in steps.loc["two", ["y", "y to"]].to_numpy().tolist()  # the whisker of the change

    summary = pd.DataFrame({"sweep": "one", "value": [0.5, 0.3], "dsc": [2.0, 1.0], "dsc_low": [1.5, 0.9],
                            "dsc_high": [2.5, 1.2], "mean_error_cm2": 0.1, "mean_error_cm2_low": 0,
                            "mean_error_cm2_high": 0.2})  # fmt: skip
    swept = _drawn(figures.sweep(summary, {"one": "dilated"}, "threshold", papers=0.4))
    band = swept[swept.mark.str.startswith("band") & (swept["y is"] == "DSC")]
    assert band[["x", "y", "y to"]].to_numpy().tolist() == [["0.3", "0.9", "1.2"], ["0.5", "1.5", "2.5"]]
    papers = swept[swept.series == "the paper's"]
    assert set(papers.x) == {"0.4"} and set(papers.y) == {""}  # it runs across the whole panel


def test_a_picture_has_no_data_and_what_is_unknown_no_number():
    fig = Figure()
    picture, plot = fig.subplots(1, 2)
    picture.imshow(np.eye(3))
    picture.plot([0, 2], [0, 2])
    assert drawn(fig) == ""
    plot.plot([1, 2], [np.nan, 4])
    assert [(row["x"], row["y"]) for row in _rows(drawn(fig))] == [("1", ""), ("2", "4")]
    assert list(_rows(drawn(fig))[0]) == list(COLUMNS)


def test_show_sends_the_numbers_where_no_viewer_looks(monkeypatch):
    sent = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata: sent.append((data, metadata)))
    fig = Figure(figsize=(4, 2))
    fig.subplots().plot([1, 2], [3, 4])
    chapter.show(fig)
    [(data, metadata)] = sent
    # nbval compares what lies in the data, and not this.
    assert list(data) == ["image/png"] and set(metadata["image/png"]) == {"width", chapter.DRAWN}
    assert metadata["image/png"][chapter.DRAWN] == drawn(fig)


def test_a_table_as_csv():
    lines = (
        "| who | area (cm²) | n |",
        "|:--|--:|--:|",
        "| [a \\| b](x.md#y) | 3.7 (-3.3 to 4.2) | 1,025 |",
        "| c | - | 5 |",
    )
    assert _rows(reading.csv_of("\n".join(lines))) == [
        {"who": "a | b", "area (cm²)": "3.7", "area (cm²), low": "-3.3", "area (cm²), high": "4.2", "n": "1025"},
        {"who": "c", "area (cm²)": "-", "area (cm²), low": "", "area (cm²), high": "", "n": "5"},
    ]
