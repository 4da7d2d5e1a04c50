"""The book: built from the committed chapters and opened, page by page, in a browser."""

import functools
import html
import re
import shutil

import address
import answers
import nbformat
import prose
import pytest
import render
from page import build

from sarco.base.errors import SarcoError

pytestmark = pytest.mark.long

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
COLAB_LINK = re.compile(r'href="https://colab\.research\.google\.com/github/([^"]*)"')


def _names(pages):
    """Every page of the book, the search page too."""
    found = (path.relative_to(pages) for path in pages.rglob("*.html"))
    return sorted(path.as_posix() for path in found if path.parts[0] != "_static")


def test_each_chapter_has_a_page(pages, chapters):
    built = {path.stem for path in pages.glob("chapters/*.html")}
    assert built >= {path.stem for path in chapters} | {"intro", "references"}


CAPTION = re.compile(r'<span class="caption-number">(.*?) </span><span class="caption-text">(.*?)</span><a class', re.S)
NUMBERED = re.compile(r'<a class="reference internal" href="([^"]*)#([^"]*)"><span class="std std-numref">(.*?)</span>')


def _words(text):
    """The words and numbers of a text in HTML or Markdown, whose signs Sphinx sets otherwise."""
    return re.findall(r"[-+]?\w+", re.sub(r"(?s)<!--.*?-->|<[^>]*>|\]\([^)]*\)", "", html.unescape(text)))


def test_sphinx_numbers_and_says_what_the_chapters_do(pages, chapters):
    known = prose.targets()
    for path in chapters:
        cells = nbformat.read(path, as_version=4).cells
        captions = [cell.source for cell in cells if cell.cell_type == "markdown" and prose.CAPTION.match(cell.source)]
        shown = (pages / f"chapters/{path.stem}.html").read_text(encoding="utf-8")
        found = [_words(f"{number}. {text}") for number, text in CAPTION.findall(shown)]
        assert sorted(found) == sorted(map(_words, captions)), path.name
        for page, name, told in NUMBERED.findall(shown):
            file = page.removesuffix(".html") + ".ipynb" if page else path.name
            assert known[name] == (file, told), f"{path.name}: {name}"


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [("light", DESK), ("dark", DESK), ("light", PHONE)],
    ids=["light", "dark", "phone"],
)
def test_every_page_opens_clean(browser, site, pages, scheme, viewport):
    context = browser.new_context(color_scheme=scheme, viewport=viewport)
    problems = []
    for name in _names(pages):
        page = context.new_page()
        told = functools.partial(_tell, problems, name)
        page.on("console", lambda message, told=told: message.type == "error" and told("console", message.text))
        page.on("pageerror", lambda error, told=told: told("error", error))
        # A page that sends its reader on, as index.html does, drops what it was still loading. That is no failure.
        page.on(
            "requestfailed",
            lambda request, told=told: (
                request.failure != "net::ERR_ABORTED" and told("failed request", f"{request.url}: {request.failure}")
            ),
        )
        page.on(
            "response",
            lambda response, told=told: response.status >= 400 and told(str(response.status), response.url),
        )
        page.on(
            "request",
            lambda request, told=told: (
                not request.url.startswith((site, "data:", "blob:")) and told("outside request", request.url)
            ),
        )
        page.goto(f"{site}/{name}", wait_until="networkidle")
        for problem in page.evaluate(LOOK, scheme):
            told("page", problem)
        page.close()
    context.close()
    assert not problems, "\n".join(problems)


def _tell(problems, page, kind, text):
    problems.append(f"{page}: {kind}: {text}")


# What a reader would see: the theme asked for, no sideways scrolling, formulas and pictures drawn.
LOOK = """async (scheme) => {
  const problems = [];
  const undrawn = () => [...document.querySelectorAll(".math")].filter((one) => !one.querySelector("mjx-container"));
  // MathJax begins after the page has loaded, on a busy machine some seconds later.
  for (let tries = 0; tries < 100 && undrawn().length; tries += 1) await new Promise((next) => setTimeout(next, 100));
  const page = document.documentElement;
  if (page.dataset.theme !== scheme) problems.push(`the theme is ${page.dataset.theme}, not ${scheme}`);
  if (page.scrollWidth > page.clientWidth)
    problems.push(`is ${page.scrollWidth} px wide on a screen of ${page.clientWidth} px`);
  for (const formula of undrawn()) problems.push(`formula not drawn: ${formula.textContent}`);
  for (const error of document.querySelectorAll("mjx-merror"))
    problems.push(`formula in error: ${error.textContent}`);
  for (const image of document.querySelectorAll(".bd-article img")) {
    image.loading = "eager";
    await image.decode().catch(() => {});
    if (!image.naturalWidth) problems.push(`picture not shown: ${image.src}`);
    if (!image.alt || image.alt.startsWith("../")) problems.push(`picture without alt text: ${image.src}`);
  }
  return problems;
}"""


def _titles_only(book):
    """Leave of each staged chapter its title: enough for what stands on every page, and quick to render."""
    for path in (book / "chapters").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        del notebook.cells[1:]
        notebook.cells[0].source = re.search("^# .*", notebook.cells[0].source, re.MULTILINE)[0]
        nbformat.write(notebook, path)
    (book / "chapters/glossary.md").write_text("# Glossary\n")  # it names figures


@pytest.fixture
def plain(monkeypatch):
    """Without what takes seconds to compute, and is not looked at."""
    monkeypatch.setattr(answers, "FIGURES", {})
    monkeypatch.setattr(build, "finish", lambda pages: None)


def test_a_warning_stops_the_book(root, chapters, tmp_path, plain):
    render.stage(chapters, tmp_path / "book")
    _titles_only(tmp_path / "book")
    intro = tmp_path / "book/chapters/intro.md"
    intro.write_text(intro.read_text(encoding="utf-8") + "\n{numref}`no-such-figure`\n", encoding="utf-8")
    with pytest.raises(SarcoError, match="no-such-figure"):
        render.render(tmp_path / "book")


def _copy(root, target):
    """A copy of what the book is made of, outside any git repository."""
    for name in ("pyproject.toml", "_config.yml", "_toc.yml"):
        shutil.copy2(root / name, target)
    for name in ("chapters", "workflow"):
        shutil.copytree(root / name, target / name)
    return target


def test_the_address_reaches_every_chapter(root, chapters, tmp_path, monkeypatch, plain):
    monkeypatch.delenv("SARCO_REPOSITORY", raising=False)
    copy = _copy(root, tmp_path)
    url = address.checked("https://github.com/someone/sarco.git/")
    assert url == "https://github.com/someone/sarco"
    written = {path.name for path in address.write(url, copy)}
    assert written == {"pyproject.toml", "_config.yml", *(path.name for path in chapters)}
    assert address.write(url, copy) == []
    assert address.known(copy) == url
    for path in chapters:
        assert f'REPOSITORY = \\"{url}\\"' in (copy / "chapters" / path.name).read_text(encoding="utf-8")

    render.stage((copy / "chapters").glob("*.ipynb"), tmp_path / "book", copy)
    _titles_only(tmp_path / "book")
    pages = render.render(tmp_path / "book")
    for path in chapters:
        links = COLAB_LINK.findall((pages / "chapters" / f"{path.stem}.html").read_text(encoding="utf-8"))
        assert set(links) == {f"someone/sarco/blob/main/chapters/{path.name}"}
    assert not COLAB_LINK.search((pages / "chapters/intro.html").read_text(encoding="utf-8"))


def test_no_address_no_button(pages, root, chapters):
    if address.known(root):
        pytest.skip("the repository has an address")
    built = list(pages.glob("chapters/*.html"))
    assert len(built) > len(chapters)  # the introduction too
    for path in built:
        assert "colab.research" not in path.read_text(encoding="utf-8")


def test_an_address_elsewhere_is_refused(root, tmp_path):
    with pytest.raises(SarcoError, match=r"github\.com/you/repository"):
        address.checked("https://example.org/sarco")


def test_a_chapter_without_install_cell_stops_the_address(root, chapters, tmp_path):
    copy = _copy(root, tmp_path)
    path = copy / "chapters" / chapters[-1].name
    path.write_text(path.read_text(encoding="utf-8").replace("REPOSITORY = ", "ADDRESS = "), encoding="utf-8")
    before = {file: file.read_bytes() for file in copy.rglob("*.*") if file.is_file()}
    with pytest.raises(SarcoError, match="REPOSITORY"):
        address.write("https://github.com/someone/sarco", copy)
    assert before == {file: file.read_bytes() for file in before}
