"""Reading: the cards of links, what folds, and the data that are offered are those of the book and of the run."""

import csv
import io
import itertools
import re

import nbformat
import numpy as np
import pandas as pd
import prose
import pytest
import reading
from bs4 import BeautifulSoup
from matplotlib.figure import Figure

from sarco.book import chapter, figures
from sarco.book.figures.drawn import drawn
from sarco.evidence import statistics, sweeps
from sarco.evidence.correction import correction_from_results

PHONE = {"width": 390, "height": 844}
SIX_DIGITS = 1e-5  # as many are written


def _table(text):
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


def _drawn(figure):
    """What is offered of a figure, once it is saved as `show` does it."""
    chapter.png(figure)
    return _table(drawn(figure))


def test_the_numbers_of_a_figure_are_those_that_it_was_given():
    predicted, reference = np.random.default_rng(0).normal(130, 30, (2, 9))
    points = _drawn(figures.scatter(predicted, reference)).query("series == 'predicted'")
    np.testing.assert_allclose(points[["x", "y"]].astype(float).T, [predicted, reference], rtol=SIX_DIGITS)
    assert set(points["x is"]) == {"predicted area (cm²)"}

    bars = _drawn(figures.waterfall(["one", "two"], [0.93, 0.95], "DSC", changes=[(0.01, 0.03)]))
    ends = bars[bars.mark.str.startswith("bar") & (bars["x"] == "two")][["y", "y to"]].to_numpy().tolist()
    assert ends[0] == ["0.93", "0.95"] and ["0.94", "0.96"] in ends  # the step, and the whisker of its change

    table = pd.DataFrame({"sweep": "one", "value": [0.5, 0.3], "dsc": [2.0, 1.0], "low": [1.5, 0.9], "high": [2.5, 1.2],
                          "mean_error_cm2": 1.0})  # fmt: skip
    swept = _drawn(figures.sweep(table, {"one": "dilated"}, "threshold", papers=0.4))
    band = swept[swept.mark.str.startswith("band") & (swept["y is"] == "DSC")]
    assert band[["x", "y", "y to"]].to_numpy().tolist() == [["0.3", "0.9", "1.2"], ["0.5", "1.5", "2.5"]]
    across = swept[swept.series == "the paper's"]
    assert set(across.x) == {"0.4"} and set(across.y) == {""}


def test_a_picture_has_no_data_and_what_is_unknown_no_number(monkeypatch):
    sent = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata: sent.append((data, metadata)))
    figure = Figure(figsize=(4, 2))
    picture, plot = figure.subplots(1, 2)
    picture.imshow(np.eye(3))
    picture.plot([0, 2], [0, 2])
    chapter.show(figure)
    plot.plot([1, 2], [np.nan, 4])
    chapter.show(figure)
    # Beside the picture nothing is sent, and nbval compares no metadata.
    assert [list(data) for data, _ in sent] == [["image/png"]] * 2
    first, second = (metadata["image/png"] for _, metadata in sent)
    assert list(first) == ["width"] and _table(second[chapter.DRAWN])[["x", "y"]].to_numpy().tolist() == [
        ["1", ""], ["2", "4"]
    ]  # fmt: skip


def test_a_table_as_csv():
    lines = "| who | cm² | n |", "|:--|--:|--:|", "| [a \\| b](x.md#y) | 3.7 (-3.3 to 4.2) | 1,025 |", "| c | - | 5 |"
    assert reading.csv_of("\n".join(lines)).splitlines() == [
        'who,cm²,"cm², low","cm², high",n', "a | b,3.7,-3.3,4.2,1025", "c,-,,,5"
    ]  # fmt: skip


# In the book ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_page(browser, site):
    """Open a page of the book by its name; at the end nothing was asked for outside, and nothing went wrong."""
    contexts, problems = [], []

    def opened(name, at=site, **options):
        contexts.append(browser.new_context(reduced_motion="reduce", **options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: request.url.startswith((at, "data:")) or problems.append(request.url))
        page.on("pageerror", lambda error: problems.append(error))
        page.goto(f"{at}/chapters/{name}.html")
        page.wait_for_function("window.readingCards")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not problems


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "begins"),
    [("fig-violins", "Fig. 7.3 The paper"), ("tab-headline", "Table 7.2 The test set"),
     ("fig-window", "Fig. 5.4 Other lower ends"), ("ko2022", "Ko et al. 2022. Yousun Ko"),
     ("term-correction", "Correction. One number")],
)  # fmt: skip
def test_a_link_shows_what_it_leads_to(open_page, pages, name, begins):
    page = open_page("07-results", at=pages.as_uri())
    link, card = page.locator(f'.bd-article a[href$="#{name}"]:not(.headerlink)').first, page.locator(".reading-card")
    page.evaluate("() => window.MathJax?.startup?.promise.then(() => {})")  # until then lines move away from the mouse
    link.hover()
    card.wait_for()
    told = card.locator("p").inner_text()
    assert told.startswith(begins)
    assert link.evaluate("link => document.getElementById(link.getAttribute('aria-describedby')).innerText") == told
    if name.startswith("fig"):
        page.wait_for_function("document.querySelector('.reading-card img').naturalWidth > 100")
    card.hover()  # it stays while it is read, and hides no link
    page.wait_for_timeout(400)
    box, of_link = card.bounding_box(), link.bounding_box()
    assert box["y"] >= of_link["y"] + of_link["height"] - 1 or box["y"] + box["height"] <= of_link["y"] + 1
    page.keyboard.press("Escape")
    assert card.is_hidden() and not link.get_attribute("aria-describedby")
    page.mouse.move(0, 0)
    link.focus()  # after a key, so that it is the keyboard's
    assert card.is_visible() and card.locator("p").inner_text() == told
    link.blur()
    assert card.is_hidden()


@pytest.mark.long
def test_a_finger_opens_the_link_alone_and_a_card_fits_a_phone(open_page):
    page = open_page("05-postprocessing", viewport=PHONE, has_touch=True)
    link, card = page.locator('.bd-article a[href="#tab-steps"]:not(.headerlink)').first, page.locator(".reading-card")
    link.tap()
    page.wait_for_timeout(400)
    assert page.url.endswith("#tab-steps") and card.is_hidden()
    link.hover()
    card.wait_for()
    box = card.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]


@pytest.mark.long
def test_a_long_table_folds_and_is_found(open_page):
    page = open_page("07-results")
    fold = page.locator(".reading-fold:has(#tab-claims-results)")
    button, last = page.locator(".reading-fold:has(#tab-claims-results) + button"), fold.locator("tbody tr").last

    def shown():
        return last.bounding_box()["y"] < fold.bounding_box()["y"] + fold.bounding_box()["height"]

    assert button.inner_text() == f"Show {fold.locator('tbody tr').count() - 10} more rows" and not shown()
    button.focus()
    for expanded in ("true", "false"):
        page.keyboard.press("Enter")
        assert button.get_attribute("aria-expanded") == expanded and shown() == (expanded == "true")
    page.emulate_media(media="print")
    assert shown()
    page.emulate_media(media="screen")
    last.evaluate("row => row.scrollIntoView()")  # as a search in the page does
    page.wait_for_function("button => button.ariaExpanded == 'true'", arg=button.element_handle())
    assert shown() and last.evaluate("row => Math.abs(row.getBoundingClientRect().top) < innerHeight")
    assert page.get_by_text("lines of code and Table 7.4").first.is_visible()
    page.goto(page.url + "?highlight=interquartile")  # as the search of the book does
    found = page.locator(".highlighted")
    found.wait_for()
    assert found.evaluate("one => one.closest('.reading-fold').nextElementSibling.ariaExpanded") == "true"


@pytest.mark.long
def test_the_book_offers_its_notebooks_and_the_numbers_of_its_tables(pages, chapters):
    for path in chapters:
        page = BeautifulSoup((pages / f"chapters/{path.stem}.html").read_text(encoding="utf-8"), "html.parser")
        files = {
            link["href"].rpartition("/")[2]: pages / "chapters" / link["href"] for link in page.select("a.download")
        }
        assert files[path.name].read_bytes() == path.read_bytes()
        for table in page.select("table[id^=tab-]"):
            rows = list(csv.reader(files[f"{table['id']}.csv"].read_text(encoding="utf-8").splitlines()))[1:]
            shown = [" ".join(cell.get_text() for cell in row("td")) for row in table.select("tbody tr")]
            assert [_numbers(" ".join(row)) for row in rows] == [_numbers(row) for row in shown], table["id"]


def _numbers(text):
    return [number.replace(",", "") for number in re.findall(reading.NUMBER, text)]


def test_the_data_of_figures_are_those_of_the_run(chapters):
    run = chapter.open_run()
    cases, history = run.results("cases"), run.results("training")
    final, gain = statistics.rows(cases, "test"), sweeps.dilation_gain(run.results("sweeps"))
    corrected = correction_from_results(cases).apply(final.area_cm2.to_numpy())
    data = {name: text for path in chapters for name, text in _figures(path)}
    expected = {
        "fig-scatter-test": ("cloud", corrected, final.reference_area_cm2),
        "fig-history": ("line", history.epoch, history.validation_dsc),
        "fig-pixel": ("cloud", gain.pixel_spacing_mm, gain.pixel_cm2),
    }
    for name, (kind, x, y) in expected.items():
        found = _table(data[name])
        found = found[found.mark.str.match(kind)].head(len(x))[["x", "y"]].astype(float)
        np.testing.assert_allclose(found.T, [x, y], rtol=SIX_DIGITS, err_msg=name)


def _figures(path):
    """Name and data of each figure of a chapter that has data."""
    for shown, below in itertools.pairwise(nbformat.read(path, as_version=4).cells):
        caption = below.cell_type == "markdown" and prose.CAPTION.match(below.source)
        if caption and (data := reading.data_of(shown, caption["name"])) and caption["name"].startswith("fig-"):
            yield caption["name"], data
