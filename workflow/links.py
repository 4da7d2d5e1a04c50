"""Try each outside address of a finished book and of pages of Markdown, and say which lead nowhere.

python workflow/links.py _build/html README.md: exits with 1 if an address is gone. One that answers with another
refusal is only told: many a site turns scripts away.
"""

import argparse
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import requests
from markdown_it import MarkdownIt
from requests.adapters import HTTPAdapter
from said import said
from urllib3.util import Retry

from sarco.base.errors import SarcoError

# The register itself says whether it has a DOI; where a publisher keeps the article is the publisher's business.
DOI = re.compile(r"https?://(dx\.)?doi\.org/")
GONE = (404, 410)
TRIES = Retry(total=3, backoff_factor=10, status_forcelist=(*GONE, 429, *range(500, 505)), raise_on_status=False,
              respect_retry_after_header=False)  # fmt: skip
TIMEOUT_S = 30


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
    with requests.Session() as session:
        session.headers["User-Agent"] = "Mozilla/5.0 (compatible; link check)"
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=TRIES))
        try:
            answer = session.get(address, timeout=TIMEOUT_S, stream=True, allow_redirects=not DOI.match(address))
        except requests.RequestException as error:  # a name that leads nowhere is gone, a slow server may not be
            gone = isinstance(error, requests.ConnectionError) and not isinstance(error, requests.Timeout)
            return "gone" if gone else "unclear", type(error).__name__
    code = answer.status_code
    return ("found" if code < 400 else "gone" if code in GONE else "unclear"), str(code)


@said
def main(arguments=None):
    parser = argparse.ArgumentParser(description="Try the outside addresses of a book.")
    parser.add_argument("places", type=Path, nargs="+")
    pages = addresses(parser.parse_args(arguments).places)
    with ThreadPoolExecutor(4) as pool:
        states = dict(zip(pages, pool.map(state, pages), strict=True))
    for address, (verdict, told) in sorted(states.items()):
        if verdict != "found":
            print(f"- {verdict} ({told}): {address} in {', '.join(pages[address])}")
    verdicts = [verdict for verdict, _ in states.values()]
    print(*(f"{verdicts.count(kind)} {kind}" for kind in ("found", "unclear", "gone")), sep=", ")
    return 1 if "gone" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
