"""Print the built book as one PDF: its pages in their order, put into one document that Chromium prints.

python workflow/pdf.py PAGES BOOK.pdf: PAGES is the folder of the built pages, _build/html.
"""

import argparse
import html
import mimetypes
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import yaml
from bs4 import BeautifulSoup
from PIL.PdfParser import PdfParser
from said import said

from sarco.base.errors import SarcoError
from sarco.base.files import atomic

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SITE = "http://book.invalid/"  # a name that leads nowhere: every request is answered from the folder
AS_IN_CSS = {"prefer_css_page_size": True, "print_background": True}
WIDTH_PX = 658  # 174 mm, what the margins of companion.css leave of a sheet

# The titles that run along the top, one for each chapter; what else print needs is in companion.css.
RUNNING = """@page {name} {{ @top-left {{ content: "{title}"; }} }}
#{name} {{ page: {name}; }}
"""

DOCUMENT = """<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light">
<head><title>{title}</title>{head}<style>{running}</style></head>
<body><main class="printed">
<section class="title-page"><p class="title">{title}</p><p>{author}</p></section>
<nav class="pages" aria-label="Contents"><p class="heading">Contents</p><ul>{contents}</ul></nav>
{chapters}</main></body></html>"""

# Formulas are set, pictures are there, and a table that is too wide is made smaller until it fits.
PREPARE = """async () => {
  await MathJax.startup.promise;
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode()));
  for (const table of document.querySelectorAll("table")) {
    const room = table.parentElement.clientWidth;
    if (table.offsetWidth > room) table.style.zoom = room / table.offsetWidth;
    // Half a page is kept together; what is longer begins where it is.
    if (table.offsetHeight < 500) table.style.breakInside = "avoid";
  }
}"""

# Write the numbers of the pages into the contents, which leave room for them.
NUMBER = """(numbers) => {
  for (const line of document.querySelectorAll(".pages li"))
    line.lastChild.textContent = numbers[line.firstChild.hash.slice(1)];
}"""


def document(pages, root=ROOT):
    """The book as one page of HTML, which stands in the folder of its first page.

    Parameters
    ----------
    pages : Path
        Folder of the built pages.
    root : Path
        Where `_toc.yml` and `_config.yml` are.

    Returns
    -------
    (str, str)
        Where the page stands, relative to `pages`, and its text.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *_files(toc["chapters"])]
    places = {f"{name}.html": f"chapter-{Path(name).name}" for name in names}
    head, chapters, titles = "", [], {}
    for name, place in places.items():
        path = pages / name
        if not path.is_file():
            raise SarcoError(f"{path}: the built book has no such page; run make book.")
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        head = head or _head(soup)
        article = soup.select_one("article.bd-article")
        _for_print(article, name, places)
        article.name, article["id"] = "section", place
        titles[place] = article.h1.get_text()
        chapters.append(str(article))
    lines = {place: html.escape(title) for place, title in titles.items()}
    text = DOCUMENT.format(
        head=head,
        running="".join(RUNNING.format(name=place, title=title.replace('"', "'")) for place, title in titles.items()),
        title=html.escape(config["title"]),
        author=html.escape(config["author"]),
        contents="".join(f'<li><a href="#{place}">{line}</a><span></span></li>' for place, line in lines.items()),
        chapters="".join(chapters),
    )
    return str(Path(names[0]).with_name("printed.html")), text


def _files(pages):
    for page in pages:
        yield page["file"]
        yield from _files(page.get("sections", ()))


def _head(soup):
    """What a page needs to look as it does: styles, and MathJax of the scripts."""
    for script in soup.head.select("script"):
        if "mathjax" not in str(script).lower():
            script.decompose()
    for other in soup.head.select("title, noscript, link:not([rel=stylesheet])"):
        other.decompose()
    return soup.head.decode_contents()


def _for_print(article, name, places):
    """Change a page so that it can stand in one document with the others."""
    for unwanted in article.select("script, .headerlink, .pst-js-only"):
        unwanted.decompose()
    for instead in article.select("noscript"):
        instead.unwrap()
    for folded in article.select("details"):
        folded["open"] = ""
    for one in article.select("[id]"):
        one["id"] = f"{places[name]}--{one['id']}"
    for link in article.select("a[href]"):
        target = urlsplit(urljoin(SITE + name, link["href"]))
        page = unquote(target.path).lstrip("/")
        if f"{target.scheme}://{target.netloc}/" != SITE:
            continue
        if page in places:
            link["href"] = f"#{places[page]}" + (f"--{unquote(target.fragment)}" if target.fragment else "")
        else:  # a file of the built book, which is not beside the PDF
            link.unwrap()


def write(pages, target, root=ROOT):
    """Print the book whose pages are in a folder into the file `target`."""
    from playwright.sync_api import sync_playwright

    place, text = document(pages, root)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        print_to(opened(browser, pages, place, text), target)
        browser.close()


def print_to(page, target):
    """Print an opened document, first for the numbers of its pages."""
    page.evaluate(NUMBER, starts(page.pdf(**AS_IN_CSS)))
    with atomic(target) as beside:
        page.pdf(path=beside, outline=True, tagged=True, **AS_IN_CSS)


def starts(printed):
    """Number of the page on which each place of a printed PDF lies that a link leads to."""
    parser = PdfParser(buf=printed)
    numbers = {page: number for number, page in enumerate(parser.pages, 1)}
    places = parser.read_indirect(parser.root[b"Dests"])
    return {name.name.decode(): numbers[place[0]] for name, place in places.items()}


def opened(browser, pages, place, text):
    """The document in a browser, as it will be printed."""

    def answer(route):
        path = pages / unquote(urlsplit(route.request.url).path).lstrip("/")
        if not route.request.url.startswith(SITE) or not path.is_file():
            route.abort()
        else:
            route.fulfill(path=path, content_type=mimetypes.guess_type(path.name)[0])

    page = browser.new_page(viewport={"width": WIDTH_PX, "height": 1000})
    page.emulate_media(media="print", color_scheme="light")
    page.route("**/*", answer)
    page.route(SITE + place, lambda route: route.fulfill(body=text, content_type="text/html; charset=utf-8"))
    page.goto(SITE + place)
    page.evaluate(PREPARE)
    return page


def chromium():
    """Path of a Chromium on this machine.

    Raises
    ------
    SarcoError
        There is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SarcoError(f"{BROWSERS[0]}: not found, and it prints the book; install Chromium or Chrome.")
    return found


@said
def main(arguments=None):
    parser = argparse.ArgumentParser(description="Print the built book as one PDF.")
    parser.add_argument("pages", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args(arguments)
    write(options.pages, options.target)


if __name__ == "__main__":
    sys.exit(main())
