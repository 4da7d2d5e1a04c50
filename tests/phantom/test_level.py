"""What a slice off mid-L3 shows, and people whose wall is thin or who have no fat."""

from itertools import pairwise

import numpy as np
import pytest

from sarco.phantom.anatomy import frame as frames
from sarco.phantom.anatomy import level as levels
from sarco.phantom.anatomy import muscle
from sarco.phantom.canvas import MUSCLES, PARTS, Canvas
from sarco.phantom.phantom import fit_area, phantom
from sarco.phantom.population import FEATURES, Draw, Subject, draw_level

PIXEL_MM, PEOPLE = 2.0, 6


def cm2(p, *names):
    """Area of these parts of a phantom."""
    mask = np.isin(p.parts, [PARTS.index(name) for name in names])
    return np.count_nonzero(mask) * p.spacing_mm[0] * p.spacing_mm[1] / 100


def muscles_at(level, seed):
    """Area, cm2, of each muscle of one person at a level: the same draws but for what the level adds."""
    draw = Draw(np.random.default_rng(seed))
    subject = Subject("M", 60, 1.75, 80.0, 0.0, 150.0, 35.0, "portal", level)
    frame = frames.draw_frame(draw, subject)
    frame.muscles = muscle.draw_muscles(draw, level)
    fit_area(frame, subject.area_cm2)
    canvas = Canvas(np.random.default_rng(0), (220, 220), (PIXEL_MM, PIXEL_MM))
    canvas.ring = frames.ring(canvas, frame)
    named, _ = muscle.contour(canvas, frame)
    for _, win, e in levels.rib_shapes(canvas, frame):
        named[win][e < 1] = 0
    for rx, ry, y in ((frame.body_w, frame.body_h, 0), (18, 15, frame.body_h + 10)):
        win, e = canvas.ellipse(0, frame.spine_y + y, rx, ry)
        named[win][e < 1] = 0
    levels.crest_muscles(canvas, frame, named)
    counts = np.bincount(named.ravel(), minlength=len(PARTS)) * PIXEL_MM**2 / 100
    return dict(zip(PARTS, counts, strict=True))


def mean_areas(level):
    of_people = [muscles_at(level, seed) for seed in range(PEOPLE)]
    return {name: np.mean([areas[name] for areas in of_people]) for name in PARTS}


def test_muscles_change_from_l2_to_l4_as_anatomy_has_it():
    above, middle, below = (mean_areas(level) for level in (-1.0, 0.0, 1.0))
    assert 0.4 < above["psoas"] / middle["psoas"] < 0.7 and 1.15 < below["psoas"] / middle["psoas"] < 1.6
    assert above["multifidus"] < middle["multifidus"] < below["multifidus"]
    assert above["erector spinae"] > middle["erector spinae"] > below["erector spinae"]
    assert above["quadratus lumborum"] < middle["quadratus lumborum"] > 2 * below["quadratus lumborum"]
    assert above["iliacus"] == middle["gluteus medius"] == 0 < min(below["iliacus"], below["gluteus medius"])


def test_the_person_s_muscle_moves_little_and_smoothly_with_the_level():
    psoas = [muscles_at(level, 3)["psoas"] for level in np.linspace(-1, 1, 9)]
    assert all(0 < after - before < 8 for before, after in pairwise(psoas))
    at_l3 = [n for n in PARTS if n not in ("air", "iliacus", "gluteus medius")]
    above, middle, below = (sum(muscles_at(level, 3)[n] for n in at_l3) for level in (-1.0, 0.0, 1.0))
    assert (above / middle, below / middle) == pytest.approx(levels.AREA, abs=0.03)


@pytest.fixture(scope="module")
def drawn():
    """Phantoms of the difficult setting by feature; "" has none on purpose."""
    kinds = ("", "upper level", "lower level", "thin wall", "no fat")
    return {kind: [phantom((8, i), "difficult", 256, features=(kind,) if kind else ()) for i in range(PEOPLE)]
            for kind in kinds}  # fmt: skip


def test_above_l3_ribs_lie_in_muscle_and_crura_beside_the_vertebra(drawn):
    wall, bone = (PARTS.index(n) for n in ("lateral wall", "bone"))
    for p in drawn["upper level"]:
        parts = p.parts
        middle = np.nonzero(parts == PARTS.index("spinal canal"))[1].mean()
        far = np.abs(np.arange(parts.shape[1]) - middle) * p.spacing_mm[1] > 80
        ribs = (parts == bone) & far
        rim = np.zeros_like(ribs)
        for axis in (0, 1):
            for step in (-2, 2):
                rim |= np.roll(ribs, step, axis)
        rim &= ~ribs
        assert ribs.sum() * p.spacing_mm[0] ** 2 > 50
        assert (parts[rim] == wall).mean() > 0.5  # the rest is latissimus beside fat, or the erector
    crura = [cm2(p, "crus") for p in drawn["upper level"]]
    assert np.median(crura) > 0.3 and not any(cm2(p, "crus", "cartilage") for p in drawn[""])


def test_below_l3_the_crest_bears_iliacus_and_gluteus(drawn):
    found = [min(cm2(p, "iliacus"), cm2(p, "gluteus medius")) for p in drawn["lower level"]]
    assert np.count_nonzero(found) >= PEOPLE / 2 and max(found) > 2
    assert not any(cm2(p, "iliacus", "gluteus medius") for p in drawn[""] + drawn["upper level"])
    for p in drawn["lower level"]:
        counted = p.contour[np.isin(p.parts, [PARTS.index("iliacus"), PARTS.index("gluteus medius")])]
        assert counted.all() and not (p.contour & (p.parts == PARTS.index("bone"))).any()


def test_a_level_comes_by_chance_where_surroundings_are_wide_alone():
    def share(groups, low, high):
        rng = np.random.default_rng(5)
        return np.mean([low < draw_level(Draw(rng, groups)) < high for _ in range(2000)])

    assert share((), -2, -1e-9) == share((), 1e-9, 2) == 0
    assert share(("surroundings",), -2, -0.39) == pytest.approx(FEATURES["upper level"][1], abs=0.03)
    assert share(("surroundings",), 0.39, 2) == pytest.approx(FEATURES["lower level"][1], abs=0.05)
    wanted = [draw_level(Draw(np.random.default_rng(i), ("surroundings",), ("lower level",))) for i in range(40)]
    assert min(wanted) >= 0.4


def test_a_thin_wall_is_thin_on_the_same_person():
    thinner = 0
    for seed in range(PEOPLE):
        draw = Draw(np.random.default_rng(seed))
        subject = Subject("F", 60, 1.65, 95.0, 2.0, 120.0, 30.0, "portal")
        frame = frames.draw_frame(draw, subject)
        draw.drawn.append("thin wall")
        frame.muscles = muscle.draw_muscles(draw, 0.0)
        fit_area(frame, subject.area_cm2)
        canvas = Canvas(np.random.default_rng(0), (220, 220), (PIXEL_MM, PIXEL_MM))
        canvas.ring = frames.ring(canvas, frame)
        limited = [muscle.wall(canvas, frame)[0][half].max() for half in _lateral_halves(canvas)]
        limit = frame.muscles.lateral_limit.copy()
        frame.muscles.lateral_limit[:] = np.inf
        usual = [muscle.wall(canvas, frame)[0][half].max() for half in _lateral_halves(canvas)]
        for side in range(2):
            if np.isfinite(limit[side]):
                assert 3 <= limit[side] <= 8 and limited[side] <= limit[side] + 1e-3 < usual[side]
                thinner += 1
            else:
                assert limited[side] == usual[side]
    assert thinner > PEOPLE


def _lateral_halves(canvas):
    """Masks of the flanks, left and right of the image: no rectus reaches there."""
    flank = np.abs(canvas.ring.angle - np.pi / 2) < 0.4
    return flank & (canvas.x < 0), flank & (canvas.x > 0)


def test_no_fat_leaves_hardly_any(drawn):
    fat = {kind: np.array([cm2(p, "subcutaneous fat", "visceral fat") / cm2(p, *set(PARTS) - {"air", "table", "limb"})
                           for p in drawn[kind]]) for kind in ("", "no fat")}  # fmt: skip
    assert fat["no fat"].max() < 0.2 < np.median(fat[""]) and np.median(fat["no fat"]) < 0.12
    assert all(p.subject.adiposity <= -2.2 for p in drawn["no fat"])


def test_one_person_at_many_levels_days_and_scans_is_one_person():
    at = {level: phantom(7, "difficult", 256, level=level) for level in (-0.8, 0.0, 0.8)}
    assert {p.spacing_mm for p in at.values()} == {at[0.0].spacing_mm}
    assert {p.protocol for p in at.values()} == {at[0.0].protocol}
    assert [p.subject.level for p in at.values()] == list(at)
    assert cm2(at[0.8], "iliacus") > 0 == cm2(at[0.0], "iliacus")
    days = {"day": 1}, {"day": 2}, {"day": 1, "scan": 1}
    first, later, again = (phantom(7, "difficult", 256, **which) for which in days)
    assert (later.subject, later.spacing_mm) == (first.subject, first.spacing_mm)
    assert cm2(later, *MUSCLES) == pytest.approx(cm2(first, *MUSCLES), rel=0.03)  # bent otherwise, and moved
    assert cm2(later, "bowel") != pytest.approx(cm2(first, "bowel"), rel=0.03)
    assert later.protocol.shift_mm != first.protocol.shift_mm
    assert (again.parts == first.parts).all()
    assert (again.image_hu != first.image_hu).any()
