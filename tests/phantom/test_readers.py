"""The readers: the review measures what was planted, habits show, and two readers agree as two people do."""

import numpy as np
import pytest

from sarco.method.surface import area_cm2
from sarco.paper import MUSCLE_HU
from sarco.phantom import readers
from sarco.phantom.canvas import PARTS
from sarco.phantom.phantom import phantom

pytestmark = pytest.mark.long

PUBLISHED = {"low": -9.9, "high": 7.6, "cases": 116}  # doi 10.1186/s12891-022-05032-2
STEADY = readers.Habits(0.0, 0.0, 8.0, 0.0, (1.0, 0, 0, 0, 0, 0))


@pytest.fixture(scope="module")
def phantoms():
    return [phantom((22, i), "difficult", matrix=256) for i in range(60)]


def blob(mm, size_cm2):
    """A round true mask of 60 cm2, and a square patch of the given area that leans on it."""
    y, x = (np.indices((256, 256)) - 127.5) * mm
    true = np.hypot(x, y) < np.sqrt(6000 / np.pi)
    side = np.sqrt(100 * abs(size_cm2))
    return true, (np.abs(x) < side / 2) & (y > 43.5 - side * (size_cm2 < 0)) & (y < 43.5 + side * (size_cm2 > 0))


@pytest.mark.parametrize("mm", [0.6, 0.98])
@pytest.mark.parametrize(
    "size_cm2, label",
    [(0, "A"), (0.35, "B"), (-0.35, "B"), (0.9, "C"), (-0.9, "C"), (4, "C"), (7, "D"), (-7, "D")],
)
def test_the_label_follows_from_the_measured_wrong_area(mm, size_cm2, label):
    true, patch = blob(mm, size_cm2)
    mask = true | patch if size_cm2 > 0 else true & ~patch
    assert readers.review(mask, true, (mm, mm)) == label
    added, missed = readers.wrong(mask, true)
    found = added if size_cm2 > 0 else missed
    assert (found == (mask ^ true)).mean() > 0.9995  # the whole patch, but for the slivers that lie along the edge
    assert not (missed if size_cm2 > 0 else added).any()


def test_an_edge_off_by_one_pixel_is_a_matter_of_taste_and_by_three_is_not():
    true, _ = blob(0.7, 0)
    assert readers.review(np.roll(true, 1, 0), true, (0.7, 0.7)) == "A"
    assert readers.review(np.roll(true, 3, 0), true, (0.7, 0.7)) == "C"


def test_holes_that_noise_makes_do_not_hide_what_is_missed():
    true, patch = blob(0.7, -2)
    speckled = true & (np.random.default_rng(0).random(true.shape) > 0.1)
    assert readers.review(speckled & ~patch, speckled, (0.7, 0.7)) == "C"


def test_eleven_readers_have_habits_of_their_own():
    every = [readers.habits(i) for i in range(1, readers.READERS + 1)]
    assert len(set(every)) == 11 and every[4] == readers.habits(5)
    assert all(sum(h.errors) == pytest.approx(1) for h in every)
    for reader in (0, 12):
        with pytest.raises(ValueError, match="does not exist"):
            readers.habits(reader)


def test_labels_are_drawn_in_the_shares_that_are_given():
    rng = np.random.default_rng(0)
    drawn = [readers.draw_quality(rng) for _ in range(2000)]
    for label, share in readers.QUALITY_SHARE.items():
        assert drawn.count(label) / 2000 == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 2000))
    assert {readers.draw_quality(rng, {"B": 3, "C": 1}) for _ in range(50)} == {"B", "C"}


def test_a_steady_reader_without_leaning_draws_the_truth(monkeypatch):
    monkeypatch.setattr(readers, "habits", lambda reader: STEADY)
    monkeypatch.setattr(readers, "VIEW_MM", 0.0)
    p = phantom((22, 0), "difficult")
    drawn = readers.draw_contour(np.random.default_rng(0), p.contour, 1, p.spacing_mm)
    true, found = area_cm2(p.contour, p.spacing_mm), area_cm2(drawn, p.spacing_mm)
    assert found == pytest.approx(true, rel=0.02)
    assert 2 * (drawn & p.contour).sum() / (drawn.sum() + p.contour.sum()) > 0.98
    # And one who leans outward by a millimetre adds about the length of the outline times that.
    monkeypatch.setattr(readers, "habits", lambda reader: readers.Habits(1.0, 0.0, 8.0, 0.0, STEADY.errors))
    wide = readers.draw_contour(np.random.default_rng(0), p.contour, 1, p.spacing_mm)
    edge_cm = (p.contour & ~readers.ndimage.binary_erosion(p.contour)).sum() * p.spacing_mm[0] / 10
    assert 0.5 < (area_cm2(wide, p.spacing_mm) - found) / (0.1 * edge_cm) < 1.5


def behind(p, changed):
    wall = np.nonzero(p.parts == PARTS.index("lateral wall"))[0]
    return np.nonzero(changed)[0].mean() > np.percentile(wall, 70)


def between_recti(p, changed):
    rows, columns = np.nonzero(p.parts == PARTS.index("rectus abdominis"))
    row, column = np.mean(np.nonzero(changed), axis=1)
    return rows.min() <= row <= rows.max() and columns.min() < column < columns.max()


def anywhere(p, changed):
    return True


WHERE = {  # kind: the parts that are wrong, whether they are added, and where they lie
    "bowel": (("bowel", "bowel content", "kidney", "liver", "spleen", "pancreas", "vessel", "fluid"), True, anywhere),
    "wall end": (("lateral wall",), False, behind),
    "quadratus": (("quadratus lumborum",), False, anywhere),
    "midline": (
        ("fascia", "visceral fat", "subcutaneous fat", "bowel", "bowel content", "ligament", "vessel"),
        True,
        between_recti,
    ),
}


@pytest.mark.parametrize("kind", WHERE)
def test_errors_lie_where_the_habit_says(kind, phantoms, monkeypatch):
    alone = tuple(float(k == kind) for k in readers.ERRORS)
    monkeypatch.setattr(readers, "habits", lambda reader: readers.Habits(0, 0, 8, 0, alone))
    parts, adds, lies = WHERE[kind]
    hits = 0
    for i, p in enumerate(phantoms[:12]):
        rng = np.random.default_rng(i)
        # Between the recti there is room for a small error only.
        label = "B" if kind == "midline" else "C"
        result = readers.err(rng, p.contour, p, 1, label)
        changed = result ^ p.contour
        low, high = readers.WRONG_CM2[label]
        assert low - 0.02 <= area_cm2(changed, p.spacing_mm) <= high + 0.02
        hit = np.isin(p.parts[changed], [PARTS.index(n) for n in parts]).mean() > 0.95
        hits += hit and lies(p, changed) and (result & changed).any() == adds
    # The rest are errors of another kind, in bodies without such a place: few recti leave room between them.
    assert hits >= (2 if kind == "midline" else 8)


def test_readings_mostly_get_the_label_that_was_meant(phantoms):
    for label in "BCD":
        got = [
            readers.review(readers.read(np.random.default_rng(i), p, 1 + i % 11, label), p.true_mask, p.spacing_mm)
            for i, p in enumerate(phantoms[:30])
        ]
        assert got.count(label) >= 18, (label, got)


def test_two_readers_agree_as_two_people_do():
    # Of the reference population and on its pixels: the published study measured healthy people.
    phantoms = [phantom((22, i), "reference") for i in range(30)]
    table = readers.study(phantoms, range(1, 8))
    areas = table.pivot(index="case", columns="reader", values="area_cm2")
    published_sd = (PUBLISHED["high"] - PUBLISHED["low"]) / 2 / 1.96
    published_mean = (PUBLISHED["high"] + PUBLISHED["low"]) / 2
    pairs = np.array([areas[i] - areas[i + 1] for i in range(1, 7)])
    sds = pairs.std(axis=1, ddof=1)
    # The standard error of an SD is SD / sqrt(2 (n - 1)): three of them, from both studies.
    error = published_sd * np.sqrt(1 / (2 * (len(phantoms) - 1)) + 1 / (2 * (PUBLISHED["cases"] - 1)))
    assert (abs(sds - published_sd) < 3 * error).all()
    # Six pairs together leave the error of the published one.
    error = published_sd * np.sqrt((1 / (2 * (len(phantoms) - 1))) / 6 + 1 / (2 * (PUBLISHED["cases"] - 1)))
    assert abs(np.sqrt(np.mean(sds**2)) - published_sd) < 2 * error
    # The standard error of a mean is SD / sqrt(n): three of them, from both studies.
    error = published_sd * np.sqrt(1 / len(phantoms) + 1 / PUBLISHED["cases"])
    assert (abs(pairs.mean(axis=1)) < abs(published_mean) + 3 * error).all()
    again = readers.study(phantoms[:3], (1, 2))
    assert again.area_cm2.tolist() == table[(table.case < 3) & (table.reader < 3)].area_cm2.tolist()


def test_a_mask_holds_nothing_outside_the_window(phantoms):
    for i, p in enumerate(phantoms[:5]):
        values = p.image_hu[readers.read(np.random.default_rng(i), p, 3, "D")]
        assert values.min() >= MUSCLE_HU[0] and values.max() <= MUSCLE_HU[1]
