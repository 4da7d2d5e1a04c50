"""Mend in the finished pages what a screen reader would stumble over, and what Sphinx and its themes write so.

axe-core (tests/book/test_access.py) says whether a page is well; a later theme may need other mends.
"""

import re

LOOK_AGAIN = 'addEventListener("toggle", () => dispatchEvent(new Event("resize")), true);'
MENDS = tuple(
    (re.compile(pattern), mended)
    for pattern, mended in (
        # Named by its label, it would not have the name that it shows.
        (r'(<summary) aria-label="Toggle hidden content"', r"\1"),
        (r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1"),
        (r'(has-children"><a [^>]*>)([^<]*)(</a><details[^>]*><summary)(?=>)', r'\1\2\3 aria-label="Pages of \2"'),
        (r'(<i class="theme-switch [^>]*?) title="[^"]*"', r"\1"),
        # The name of the book and the search stand in no landmark.
        (r'<div id="pst-primary-sidebar"', r'<div id="pst-primary-sidebar" role="complementary" aria-label="Book"'),
        # The empty corner of a table is the header of nothing.
        (r'<th class="head([^"]*)">\s*(?:<p>\s*</p>)?\s*</th>', r'<td class="head\1"></td>'),
        # The theme makes a stop of the keyboard of what scrolls, and has to look again when something unfolds.
        (r"</body>", f"<script>{LOOK_AGAIN}</script></body>"),
    )
)


def mend(pages):
    """Mend all pages of a built book.

    Parameters
    ----------
    pages : Path
        Folder of the built pages.
    """
    for path in pages.rglob("*.html"):
        if path.relative_to(pages).parts[0] != "_static":
            text = path.read_text(encoding="utf-8")
            for pattern, mended in MENDS:
                text = pattern.sub(mended, text)
            path.write_text(text, encoding="utf-8")
