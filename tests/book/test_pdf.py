"""The book as one PDF: every page is in it, nothing is cut, each link leads somewhere, and the fonts are inside."""

import pdf
import pytest
from bs4 import BeautifulSoup
from PIL.PdfParser import PdfParser

pytestmark = pytest.mark.long

# Half a pixel is rounding. A formula in a line holds a second one for the screen reader, which is out of sight.
CUT = """() => {
  const sheet = document.querySelector(".printed").getBoundingClientRect();
  return [...document.querySelectorAll(".printed *:not(mjx-container *)")].filter((one) => {
    const box = one.getBoundingClientRect();
    if (!box.width) return false;
    const out = box.right > sheet.right + 0.5 || box.left < sheet.left - 0.5;
    const wide = one.clientWidth && one.scrollWidth > one.clientWidth + 1;
    return out || (wide && !one.matches("span.math, mjx-container"));
  }).map((one) => `${one.closest("[id]").id}: ${one.tagName} ${one.className}: ${one.textContent.slice(0, 60)}`);
}"""
# 8 pt become 5: smaller than in a footnote, and nobody reads it.
TOO_SMALL = """() => [...document.querySelectorAll("table")].filter((one) => one.style.zoom && one.style.zoom < 0.6)
  .map((one) => one.id)"""
NUMBERS = """() => [...document.querySelectorAll(".pages li")].map((one) => +one.lastChild.textContent)"""


@pytest.fixture(scope="module")
def document(pages):
    """Where the document stands, and its text."""
    return pdf.document(pages)


@pytest.fixture(scope="module")
def opened(browser, pages, document):
    """The document in a browser, as it is printed."""
    page = pdf.opened(browser, pages, *document)
    yield page
    page.close()


@pytest.fixture(scope="module")
def printed(opened, tmp_path_factory):
    """The PDF, parsed."""
    target = tmp_path_factory.mktemp("pdf") / "book.pdf"
    pdf.print_to(opened, target)
    return PdfParser(buf=target.read_bytes())


def test_each_link_leads_to_one_place(document):
    soup = BeautifulSoup(document[1], "html.parser")
    places = [one["id"] for one in soup.select("[id]")]
    assert len(set(places)) == len(places)
    links = {link["href"] for link in soup.select("a[href]")}
    inside = {link.removeprefix("#") for link in links if link.startswith("#")}
    assert len(inside) > 100 and inside <= set(places)
    assert all(link.startswith("https://") for link in links if not link.startswith("#")), sorted(links)


def test_nothing_is_cut_or_too_small(opened):
    assert opened.evaluate("document.images.length") > 40
    assert opened.evaluate(CUT) == []
    assert opened.evaluate(TOO_SMALL) == []


def test_every_page_of_the_book_is_in_the_pdf(printed, opened, pages):
    starts = {place: number for place, number in _places(printed).items() if "--" not in place}
    assert set(starts) == {f"chapter-{path.stem}" for path in pages.glob("chapters/*.html")}
    # The contents were numbered by an earlier print of the same document.
    assert opened.evaluate(NUMBERS) == sorted(starts.values())
    assert len(set(starts.values())) == len(starts)


def _places(parser):
    numbers = {page: number for number, page in enumerate(parser.pages, 1)}
    return {name.name.decode(): numbers[to[0]] for name, to in parser.read_indirect(parser.root[b"Dests"]).items()}


def test_links_of_the_pdf_are_resolved_and_its_fonts_inside(printed):
    places, fonts, links = _places(printed), {}, 0
    for reference in printed.pages:
        page = printed.read_indirect(reference)
        fonts |= _read(printed, page[b"Resources"]).get(b"Font", {})
        for link in map(printed.read_indirect, page.get(b"Annots", ())):
            links += 1
            assert link[b"Dest"].name.decode() in places if b"Dest" in link else link[b"A"][b"URI"][:8] == b"https://"
    assert links > 500
    for font in map(printed.read_indirect, fonts.values()):
        if font[b"Subtype"].name != b"Type3":  # whose signs are drawings in the file
            [one] = _read(printed, font[b"DescendantFonts"])
            descriptor = _read(printed, _read(printed, one)[b"FontDescriptor"])
            assert {b"FontFile2", b"FontFile3"} & {key.name for key in descriptor}, font


def _read(parser, value):
    return parser.read_indirect(value) if hasattr(value, "object_id") else value


def test_a_book_that_is_not_built_is_not_printed(tmp_path, capsys):
    assert pdf.main([str(tmp_path), str(tmp_path / "book.pdf")]) == 2
    assert "intro.html: the built book has no such page; run make book" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
