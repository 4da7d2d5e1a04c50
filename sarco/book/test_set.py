"""What the book says of the test set, by rule: each text twice, for test cases that were seen before and for others.

A chapter keeps the texts that it needs (`words`); workflow/prose.py fills those of pages that are no notebooks, from
the committed run. On a page, a text is called "test-" and its name here.
"""

from ..runs import opening

RE_USED = {
    "is": "re-used",
    "they": "they were looked at while networks and readers changed",
    "its": "its results were seen while networks and readers changed",
    "sets": "both sets are re-used",
    "limit": "so that its numbers may be a little better than those of a fresh one",
    "but": "but they are not unseen: the test set is re-used",
    "once": "These were looked at several times while networks and readers changed. Until others are drawn they are "
    "*re-used*: what is measured on them may be a little too good.",
    "intro": "re-used. Its results were seen several times while networks and readers changed, so they may be a "
    "little too good, until others are drawn",
    "story": "But they are not fresh: results on them were made and looked at several times while networks and "
    "simulated readers changed, and [chapter 4](04-ensemble.ipynb), [chapter 5](05-postprocessing.ipynb) and "
    "[chapter 6](06-bias.ipynb) print some of them before this one. A choice that is made with such numbers in view "
    "fits this set a little better than another, by how much nobody can tell from the set itself. A fresh set, drawn "
    "and evaluated once, is for the next training.",
}
DRAWN = "drawn after the weights, from their checksum"
FRESH = {
    "is": DRAWN,
    "they": "they were evaluated {times}",
    "its": "it was evaluated {times}",
    "sets": f"the validation set is re-used, the test set {DRAWN}",
    "limit": "but by a generator that was built with the results of earlier test sets in view",
    "but": f"and nobody could see them before the networks were trained: the test set is {DRAWN}",
    "once": f"These were {DRAWN}, and evaluated {{times}}.",
    "intro": f"{DRAWN}, and evaluated {{times}}. That nobody trained several times and chose, only the history of the "
    "repository can tell",
    "story": "And nobody could look at them while anything was still to choose: their seed is the beginning of the "
    "SHA-256 of `manifest.json`, which lists the checksums of the members, so that these slices did not exist before "
    "the weights did. They were evaluated {times}, by commit `{commit}`. `sarco cohort check {cohort} --manifest "
    "{manifest}` draws some of them again and compares them pixel by pixel. Whenever this page is made, the seed is "
    "derived again, and the table must be the one that the evaluation wrote. What all this does not prove: that no "
    "other networks, and no record of an earlier look, were dropped. That is bound by the history of the repository "
    "alone; so is that the student, which is not in that list, was trained before. And who wrote the generator had "
    "seen the results of "
    "earlier test sets, which were drawn from the same population.",
}


def texts(run):
    """All texts on the test set of a run, by name."""
    drawn, profile = opening.of(run), run.profile
    if drawn is None:
        return RE_USED
    number = len(drawn.opened)
    more = f"{number} times with another table each, first on {drawn.day}"
    told = {
        "times": f"once, on {drawn.day}" if number == 1 else more,
        "commit": (drawn.opened[0]["commit"] or "unknown")[:12],
        "cohort": "data/sample" if profile.committed else f"{profile.run_dir}/reference",
        "manifest": f"{profile.run_dir}/weights/manifest.json",
    }
    return {name: text.format(**told) for name, text in FRESH.items()}


def words(run, *names):
    """Some of the `texts`, or all, as `book.keep` takes them."""
    known = texts(run)
    return {f"test-{name}": known[name] for name in names or known}
