"""Every page against axe-core: WCAG 2.1 A and AA and its best practice, in light and dark, on a desk and on a phone."""

import pytest

pytestmark = pytest.mark.long

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

# Everything that unfolds is unfolded, and what fades in has arrived.
SHOW = """(theme) => {
  document.documentElement.dataset.theme = document.documentElement.dataset.mode = theme;
  document.querySelectorAll("details").forEach((one) => (one.open = true));
  document.getAnimations().forEach((one) => one.finish());
}"""
SETTLE_MS = 400  # the theme waits so long after a change of size before it looks what can be scrolled now

# One line for each place that breaks a rule.
CHECK = """async (rules) => {
  const found = await axe.run(document, {resultTypes: ["violations"], ...rules});
  return found.violations.flatMap((rule) => rule.nodes.map((node) => {
    const why = [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; ");
    return `${rule.id}: ${node.target.join(" ")}: ${why}`;
  }));
}"""

COLOURS = ("color-contrast", "link-in-text-block")
ALL, IN_THE_DARK = {}, {"runOnly": COLOURS}
# A phone has another layout and the same colours; what only it shows is asked everything, with what opens on it.
ON_A_PHONE = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
WAYS = (("light", DESK, ALL), ("dark", DESK, IN_THE_DARK), ("dark", PHONE, ON_A_PHONE))


@pytest.fixture(scope="module")
def axe(modules):
    """The script of axe-core, which belongs to the packages of the page that computes."""
    return (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def window(browser):
    """One page of the browser, which the pages of the book come into one after another."""
    context = browser.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()


def _problems(window, axe, address, ways=WAYS, button=None):
    """What axe finds on a page in each of the ways, after a click on `button`."""
    window.set_viewport_size(ways[0][1])
    window.goto(address)
    window.evaluate("() => window.MathJax?.startup?.promise.then(() => {})")
    window.evaluate(axe)
    if button:
        window.locator(button).first.click()
    for theme, size, rules in ways:
        window.set_viewport_size(size)
        window.evaluate(SHOW, theme)
        window.wait_for_timeout(SETTLE_MS)
        for told in window.evaluate(CHECK, rules):
            yield f"{address.rpartition('/')[2]}: {theme}, {size['width']} px: {told}"


def test_axe_finds_nothing(window, axe, site, pages):
    names = (path.relative_to(pages).as_posix() for path in pages.rglob("*.html"))
    # The first only sends its reader on; the search shows what it has found.
    names = sorted(name for name in names if not name.startswith("_static/") and name != "index.html")
    names.append("search.html?q=muscle")
    found = [told for name in names for told in _problems(window, axe, f"{site}/{name}")]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("size", "button"),
    [
        (DESK, ".search-button-field"),
        (DESK, ".dropdown-download-buttons > button"),
        (PHONE, ".primary-toggle"),
        (PHONE, ".secondary-toggle"),
    ],
    ids=["search", "download", "contents", "page"],
)
def test_axe_finds_nothing_in_what_opens(window, axe, site, size, button):
    ways = ("light", size, ALL), ("dark", size, IN_THE_DARK)
    found = list(_problems(window, axe, f"{site}/chapters/02-unet.html", ways, button))
    assert not found, "\n".join(found)
