"""The page that computes, from a folder on a disk and from a server: what a reader does, and that nothing leaves."""

import base64
import csv
import io
import re
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pydicom
import pytest
import render
from page import build, packages
from PIL import Image, ImageColor
from scipy import ndimage

from sarco.base.errors import SarcoError
from sarco.ct import tissues
from sarco.method.metrics import dice
from sarco.slice_tool import numbers, output
from sarco.slice_tool.reading import read_slice
from sarco.slice_tool.segmentation import Segmenter

pytestmark = pytest.mark.long

SAMPLE = render.ROOT / "data/sample/images"
SITE = "http://book.test"  # no such place: the browser gets the files from here
AREA_CM2 = 0.2  # the order of sums of float32 turns a pixel at the level, 0.004 cm2; twenty times that
DSC = 0.999
PICTURE = "document.getElementById('ys-canvas').toDataURL()"
SECONDS = 3.0  # what a reader waits gladly, for the best of three, as tests share their cores; one second was measured
WAIT_MS = 120_000
DONE = "#ys-numbers td >> nth=0"


@pytest.fixture(scope="module")
def pages(modules, tmp_path_factory):
    """Folder of a book of the page and a first page, quicker to render than all chapters."""
    folder = tmp_path_factory.mktemp("page")
    render.stage([render.ROOT / "chapters/08-own-slice.ipynb"], folder)
    page = folder / "chapters/your-slice.md"
    page.write_text(re.sub(r"\(\d\d-[\w-]+\.ipynb\)", "(intro.md)", page.read_text(encoding="utf-8")), encoding="utf-8")
    page.with_name("intro.md").write_text("# Intro\n")
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/intro\nchapters:\n  - file: chapters/your-slice\n"
    )
    return render.render(folder)


@pytest.fixture(scope="module")
def segmenter():
    """That of `sarco segment --quick --tissues`."""
    return Segmenter(quick=True, engine="float32", tissues=True)


@pytest.fixture(scope="module")
def command(segmenter, tmp_path_factory):
    """What the command writes of a slice: its numbers, and its mask."""
    folder = tmp_path_factory.mktemp("command")

    def of(path):
        mask, *_ = output.write(segmenter.segment(read_slice(path)), folder)
        return output.read_numbers(folder / f"{path.stem}.json"), np.array(Image.open(mask))

    return of


@pytest.fixture
def opened(browser, pages):
    """Open the page, from the folder or a server; a test fails for each error in it and each request elsewhere."""
    contexts, problems = [], []

    def open_(base=None, **options):
        base = pages.as_uri() if base is None else base
        context = browser.new_context(reduced_motion="reduce", accept_downloads=True, **options)
        contexts.append(context)

        def plain(request):
            """The match of a request that is for a file of the book and carries nothing, or None."""
            found = re.fullmatch(rf"{re.escape(base)}/([\w./-]+)(\?(v|digest)=\w+)?", request.url)
            return found if found and request.method == "GET" and (pages / found[1]).is_file() else None

        def answer(route):
            if found := plain(route.request):
                return route.fulfill(path=pages / found[1])
            problems.append(f"request: {route.request.method} {route.request.url}")
            return route.abort()

        # What a rule of the page refuses is asked for, but does not come so far as to be answered.
        context.route(re.compile("^https?:"), answer)
        context.on("request", lambda one: one.url.startswith("file:") and not plain(one) and problems.append(one.url))
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: message.type == "error" and problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.goto(f"{base}/{build.PAGE}")
        page.locator("#ys-name:not(:empty)").wait_for()
        return page, problems

    yield open_
    for context in contexts:
        context.close()
    assert not problems, "\n".join(problems)


TEXTS = """(rows) => [...document.querySelectorAll(rows)].map(
  (row) => [...row.cells].map((cell) => [...cell.childNodes].map((node) => node.textContent).join(" "))
)"""


def _segment(page):
    page.click("#ys-segment")
    page.locator(DONE).wait_for()


def _saved(page, button):
    """Name and content of what a button of the page saves."""
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def _drop(page, name, content):
    """Drop a file on the page."""
    make = """([name, text]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name));
      return transfer;
    }"""
    transfer = page.evaluate_handle(make, [name, base64.b64encode(content).decode()])
    page.dispatch_event("#your-slice", "drop", {"dataTransfer": transfer})
    page.locator(f"#ys-name:text('{name}'), #ys-problem:not([hidden])").first.wait_for()


def _as_the_command(page, measured, wanted):
    """Compare the numbers and the mask that the page saves with those of the command."""
    name, content = _saved(page, "#ys-mask")
    assert name == f"{Path(measured['file']).stem}_mask.png"
    picture = Image.open(io.BytesIO(content))
    assert (picture.mode, picture.info["Comment"]) == ("L", numbers.NOT_A_MEDICAL_DEVICE)
    mask = np.array(picture)
    assert set(np.unique(mask)) == {0, 255} and mask.shape == wanted.shape
    assert dice(mask > 0, wanted > 0) >= DSC
    name, content = _saved(page, "#ys-csv")
    (line,) = csv.DictReader(io.StringIO(content.decode()))
    known = {key: value for key, value in numbers.line(measured).items() if "asymmetry" not in key}
    assert tuple(line) == (*numbers.COLUMNS, *(key for key in numbers.TISSUE_COLUMNS if key in known))
    for key, value in known.items():
        if isinstance(value, float):  # HU, too: of some hundred cm2, so few move no mean so far
            assert float(line[key]) == pytest.approx(value, abs=AREA_CM2), key
        else:
            assert line[key] == ("" if value is None else str(value)), key
    shown = float(page.locator(DONE).inner_text().removesuffix(" cm²"))
    assert shown == pytest.approx(float(line["area_cm2"]), abs=0.05001)  # of one decimal
    assert page.locator("#ys-warnings li").all_inner_texts() == measured["warnings"]
    _alike(
        page.evaluate(TEXTS, "#ys-numbers tr"),
        [[f"{name} {more}", text] for name, text, more in numbers.rows(measured)],
    )
    # In a cell of the page an interval comes after the unit.
    interval = re.compile(r"( \([^)]*\))? cm²,")
    rows = [[interval.sub(r" cm²\1", cell) for cell in cells] for cells in numbers.tissue_rows(measured)]
    _alike(page.evaluate(TEXTS, "#ys-parts tbody tr"), rows)


def _alike(lines, wanted):
    """Compare cells of text whose numbers may differ in their last digit: the command's were rounded before."""
    number = re.compile(r"-?\d+(\.\d)?")
    for cells, others in zip(lines, wanted, strict=True):
        for cell, other in zip(cells, others, strict=True):
            assert number.sub("#", cell) == number.sub("#", other)
            for one, two in zip(number.finditer(cell), number.finditer(other), strict=True):
                assert float(one[0]) == pytest.approx(float(two[0]), abs=0.101 if one[1] else 1), cell


def test_from_a_folder_the_sample_is_segmented(opened, command):
    page, _ = opened()
    assert page.inner_text("#ys-name") == "1026.dcm, a synthetic phantom."
    _segment(page)
    _as_the_command(page, *command(SAMPLE / "1026.dcm"))
    seconds = []
    for _ in range(3):
        seconds.append(float(re.search(r"Segmented in ([\d.]+) s", page.inner_text("#ys-made"))[1]))
        page.click("#ys-segment")
        page.locator("#ys-segment[aria-disabled=false]").wait_for()
    assert min(seconds) <= SECONDS
    told = page.get_attribute("#ys-canvas", "aria-label")
    assert f"Muscle {page.locator(DONE).inner_text()}" in told
    assert page.inner_text("#ys-status") in f"{told} No warnings."


@pytest.mark.parametrize("case", ["0519", "1027"], ids=["plain", "jpeg2000"])
def test_a_slice_that_is_dropped_is_segmented(opened, command, case):
    page, _ = opened()
    _drop(page, f"{case}.dcm", (SAMPLE / f"{case}.dcm").read_bytes())
    page.locator(DONE).wait_for()
    _as_the_command(page, *command(SAMPLE / f"{case}.dcm"))


def test_a_bad_file_gets_the_sentence_of_the_command(opened, tmp_path):
    page, _ = opened()
    header = pydicom.dcmread(SAMPLE / "1026.dcm")
    del header.PixelSpacing
    header.save_as(tmp_path / "size.dcm")
    (tmp_path / "notes.txt").write_text("Muscle")
    for name in ("size.dcm", "notes.txt"):
        with pytest.raises(SarcoError) as error:
            read_slice(tmp_path / name)
        page.set_input_files("#ys-file", tmp_path / name)
        page.locator("#ys-problem:not([hidden])", has_text=name).wait_for()
        wanted = str(error.value).replace(str(tmp_path / name), name)
        assert page.inner_text("#ys-problem") == f"{wanted} Still shown: 1026.dcm."
    _segment(page)
    assert page.is_hidden("#ys-problem")


TRY = """() => {
  const refused = [];
  document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
  const elsewhere = "https://example.org/";
  const source = `fetch("${elsewhere}").catch(() => postMessage("refused"))`;
  const worker = new Worker(URL.createObjectURL(new Blob([source])));
  document.body.append(Object.assign(new Image(), {src: elsewhere}));
  navigator.sendBeacon(elsewhere, "slice");
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, {action: elsewhere, method: "post"}).submit();
  try { new WebSocket("wss://example.org/"); } catch {}
  return Promise.all([
    fetch(elsewhere).then(() => "sent", () => "refused"),
    new Promise((resolve) => (worker.onmessage = ({data}) => resolve(data))),
  ]).then((told) => [told, refused]);
}"""


@pytest.mark.parametrize("base", [None, SITE], ids=["folder", "server"])
def test_nothing_can_leave(opened, base):
    page, problems = opened(base)
    _segment(page)
    assert not problems
    told, refused = page.evaluate(TRY)
    assert told == ["refused", "refused"]
    assert sorted(refused) == ["connect-src", "connect-src", "connect-src", "form-action", "img-src"]
    assert not [problem for problem in problems if not problem.startswith("console")]
    problems.clear()  # the browser logs what it refused


def test_what_was_not_loaded_is_loaded_again(opened):
    page, problems = opened(SITE)
    page.context.route("**/network-2*", lambda route: route.abort())
    page.click("#ys-segment")
    page.locator("#ys-problem", has_text="was not loaded").wait_for()
    problems.clear()
    page.context.unroute("**/network-2*")
    _segment(page)


def test_by_the_keyboard_alone(opened):
    page, _ = opened()
    page.focus("#ys-file")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(DONE).wait_for()
    assert page.evaluate("document.activeElement.id") == "ys-segment"
    seen = set()
    # Window, then outline, probability and tissues.
    for keys in ((), ("Tab", "Tab", "ArrowDown"), *[("Tab", "Space")] * 3):
        for key in keys:
            page.keyboard.press(key)
        seen.add(page.evaluate(PICTURE))
    assert len(seen) == 5
    page.keyboard.press("Tab")
    with page.expect_download():
        page.keyboard.press("Enter")


def test_the_tissues_are_told_by_names_and_numbers(opened):
    page, _ = opened()
    label = "document.getElementById('ys-canvas').ariaLabel"
    page.check("#ys-tissues")
    assert page.is_hidden("#ys-legend") and page.is_hidden("#ys-parts") and "issues" not in page.evaluate(label)
    _segment(page)
    names = [name.lower() for name in page.locator("#ys-parts tbody th").all_inner_texts()]
    assert names == list(tissues.MEASURED)
    legend = page.locator("#ys-legend li").all_inner_texts()
    assert legend == [f"{number} {name}" for number, name in enumerate(names, 1)]
    assert f"Tissues are shown in colour: {', '.join(names)}." in page.evaluate(label)
    page.uncheck("#ys-tissues")
    assert page.is_hidden("#ys-legend") and page.is_visible("#ys-parts") and "issues" not in page.evaluate(label)


def test_each_tissue_is_filled_with_its_colour(opened, segmenter):
    page, _ = opened()
    _segment(page)
    page.uncheck("#ys-outline")
    page.check("#ys-tissues")
    picture = Image.open(io.BytesIO(base64.b64decode(page.evaluate(PICTURE).partition(",")[2])))
    found = segmenter.segment(read_slice(SAMPLE / "1026.dcm"))
    # The body with its rim, as the page cuts it out.
    body = found.image_hu >= -300
    rim = round(0.03 * max(body.shape))
    spans = (np.flatnonzero(body.any(axis=1 - axis))[[0, -1]] + (-rim, rim + 1) for axis in (0, 1))
    (top, bottom), (left, right) = (np.clip(span, 0, n) for span, n in zip(spans, body.shape, strict=True))
    small = np.array(picture.convert("RGB").resize((right - left, bottom - top), Image.Resampling.BOX), float)
    for one in found.tissues:
        inner = ndimage.binary_erosion(one.mask)[top:bottom, left:right]
        grey = small[inner] - 0.6 * np.array(ImageColor.getrgb(tissues.COLOURS[one.name]))
        filled = (np.ptp(grey, axis=1) < 6) & (grey.min(axis=1) > -3) & (grey.max(axis=1) < 0.4 * 255 + 3)
        assert filled.mean() > 0.7, one  # the rest lies under a number


def test_axe_finds_nothing_on_a_phone(opened, modules):
    page, _ = opened(viewport={"width": 390, "height": 844})
    _drop(page, "1027.dcm", (SAMPLE / "1027.dcm").read_bytes())
    page.locator(DONE).wait_for()
    page.check("#ys-tissues")
    _drop(page, "notes.txt", b"Muscle")
    page.evaluate((modules / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    look = "axe.run(document, {preload: false}).then((found) => found.violations.map((one) => one.help))"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.locator(f"html[data-theme={scheme}]").wait_for()
        assert page.evaluate(look) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_without_npm_the_page_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(packages, "node_modules", Mock(side_effect=SarcoError("npm: not found.")))
    page = tmp_path / build.PAGE
    page.parent.mkdir()
    page.write_text(f"<html><head></head><body>{build.PLACE}</body></html>")
    monkeypatch.setenv("CI", "1")
    with pytest.raises(SarcoError, match="npm"):
        build.finish(tmp_path)
    monkeypatch.delenv("CI")
    build.finish(tmp_path)
    assert build.WITHOUT in page.read_text() and "npm: not found." in capsys.readouterr().err
