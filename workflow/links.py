"""Try each outside address of a finished book and of pages of Markdown, and say which lead nowhere.

python workflow/links.py _build/html README.md: exits with 1 if an address is gone. One that answers with another
refusal is only told: many a site turns scripts away.
"""

import argparse
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import requests
from markdown_it import MarkdownIt

from sarco.base.errors import SarcoError

# The register itself says whether it has a DOI, and where a publisher keeps the article is the publisher's business.
DOI = re.compile(r"https?://(dx\.)?doi\.org/")
GONE = (404, 410)
WAITS_S = (0, 10, 60)
SIDE_BY_SIDE = 4
TIMEOUT_S = 30
HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; link check)"}


class _Addresses(HTMLParser):
    """The outside addresses that a page links."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attrs):
        href = dict(attrs).get("href") or ""
        if tag == "a" and href.startswith(("http://", "https://")):
            self.found.add(href.partition("#")[0])


def addresses(places):
    """The outside addresses in folders of HTML and in files of Markdown, each with the pages that link it."""
    pages = {}
    for place in map(Path, places):
        if not place.exists():
            raise SarcoError(f"{place}: not there; name the folder of a finished book ('make book'), or a page.")
        for page in sorted(place.rglob("*.html")) if place.is_dir() else [place]:
            text = page.read_text(encoding="utf-8")
            reader = _Addresses()
            reader.feed(text if page.suffix == ".html" else MarkdownIt().render(text))
            for address in reader.found:
                pages.setdefault(address, []).append(page.name)
    return pages


def state(address):
    """`found`, `unclear` or `gone`, and what was answered at the last try."""
    for wait in WAITS_S:
        time.sleep(wait)
        try:
            with requests.get(
                address, headers=HEADERS, timeout=TIMEOUT_S, stream=True, allow_redirects=not DOI.match(address)
            ) as answer:
                told = str(answer.status_code)
        except requests.RequestException as error:
            verdict, told = "gone", type(error).__name__
            continue
        if answer.status_code < 400:
            return "found", told
        verdict = "gone" if answer.status_code in GONE else "unclear"
    return verdict, told


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Try the outside addresses of a book.")
    parser.add_argument("places", type=Path, nargs="+")
    try:
        pages = addresses(parser.parse_args(arguments).places)
    except SarcoError as error:
        print(error, file=sys.stderr)
        return 2
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        states = dict(zip(pages, pool.map(state, pages), strict=True))
    verdicts = [verdict for verdict, _ in states.values()]
    for address, (verdict, told) in sorted(states.items()):
        if verdict != "found":
            print(f"- {verdict} ({told}): {address} in {', '.join(pages[address])}")
    print(
        f"{len(pages)} addresses: "
        + ", ".join(f"{verdicts.count(kind)} {kind}" for kind in ("found", "unclear", "gone"))
    )
    return 1 if "gone" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
