"""Textures of the randomised setting, and the kinds of slice that look like muscle and are none."""

import numpy as np
import pytest

from sarco.method import postprocess
from sarco.phantom import texture
from sarco.phantom.anatomy import spine
from sarco.phantom.canvas import MUSCLES, PARTS, Canvas
from sarco.phantom.phantom import IS_MUSCLE, phantom
from sarco.phantom.scanner import WINDOWS_HU

SEED = (16, 7)


def mosaic(psoas_hu=50.0):
    """A psoas with a drop of fat, held by fat, between a kidney and a tube; around them air."""
    canvas = Canvas(np.random.default_rng(0), (96, 96), (0.8, 0.8))
    canvas.fill(canvas.ellipse(0, 0, 30, 30), -100, "visceral fat")
    canvas.fill(canvas.ellipse(-10, 0, 9, 12), psoas_hu + 5 * canvas.noise(2, canvas.window(-10, 0, 17.04)), "psoas")
    canvas.fill(canvas.ellipse(-10, 0, 2, 2), -90)
    canvas.fill(canvas.ellipse(8, 0, 9, 12), 150, "kidney")
    canvas.fill(canvas.ellipse(0, 22, 3, 3), 400, "foreign body")
    return canvas


def filtered(canvas):
    texture.random_filter(canvas, np.random.default_rng(1))
    return canvas


def test_the_random_filter_changes_each_part_and_keeps_its_mean_and_name():
    before, after = mosaic(), filtered(mosaic())
    assert np.array_equal(before.parts, after.parts)
    for name in ("psoas", "kidney", "visceral fat"):
        part = before.part(name)
        assert np.abs(after.hu - before.hu)[part].mean() > 0.5, name
        # Some thousand float32 of up to 150 HU, each off by up to 1e-5, and their mean as well.
        assert abs(after.hu[part].mean() - before.hu[part].mean()) < 1e-3, name
    for name in ("air", "foreign body"):
        assert np.array_equal(after.hu[before.part(name)], before.hu[before.part(name)]), name


def test_the_random_filter_lets_no_part_into_another():
    denser, after = filtered(mosaic(psoas_hu=500)), filtered(mosaic())
    other = ~after.part("psoas")
    assert np.array_equal(denser.hu[other], after.hu[other])


def test_sub_tissues_are_two_to_four_to_a_part_and_vary_it():
    found = set()
    for seed in range(20):
        canvas = mosaic()
        kidney, tube = canvas.part("kidney"), canvas.part("foreign body")
        texture.sub_tissues(canvas, np.random.default_rng(seed))
        assert np.array_equal(canvas.parts, mosaic().parts) and (canvas.hu[tube] == 400).all()
        found.add(len(np.unique(canvas.hu[kidney])))  # it was even
    # A level may pass the part by; there are never more than four.
    assert found <= {1, 2, 3, 4} and {2, 3} <= found


def test_textures_come_with_the_group_alone(monkeypatch):
    monkeypatch.setattr(texture, "vary", lambda canvas, draw: 1 / 0)
    phantom(SEED, "randomised", 96, groups=("geometry", "hu", "surroundings"))
    phantom(SEED, "difficult", 96)
    with pytest.raises(ZeroDivisionError):
        phantom(SEED, "randomised", 96, groups=("texture",))


# --- what looks like muscle -------------------------------------------------------------------------------------------


def test_eight_bits_end_at_a_window_and_the_truth_is_that_of_what_is_stored():
    for seed in range(3):
        p = phantom((*SEED, seed), "difficult", 256, features=["8 bit"])
        assert "8 bit" in p.notes
        assert (p.image_hu.min(), p.image_hu.max()) in WINDOWS_HU and len(np.unique(p.image_hu)) <= 256
        assert np.array_equal(p.true_mask, postprocess.window(p.contour, p.image_hu))


def muscle_like(p):
    """Pixels of the body as dense as muscle that are no muscle, behind the middle of the spinal canal."""
    rows = np.arange(p.parts.shape[0])[:, None] > np.argwhere(p.parts == PARTS.index("spinal canal")).mean(0)[0]
    outside = np.isin(p.parts, [PARTS.index(n) for n in ("air", "table", "limb", "skin", "bone", *MUSCLES)])
    return ~outside & rows & postprocess.window(np.ones_like(p.contour), p.image_hu)


def test_oedema_of_the_back_is_as_dense_as_muscle_and_none():
    dry, wet = (
        [phantom((*SEED, s), "difficult", 256, features=which) for s in range(6)] for which in ((), ("back oedema",))
    )
    areas = [[np.count_nonzero(muscle_like(p)) for p in those] for those in (dry, wet)]
    assert np.mean(areas[1]) > 1.7 * np.mean(areas[0])
    for p, other in zip(dry, wet, strict=True):  # the muscles are those of the same person; bones may lie otherwise
        assert np.count_nonzero(p.contour) == pytest.approx(np.count_nonzero(other.contour), rel=0.04)


def painted_over(paint, seed=0):
    """Names and HU before and after `paint(canvas, draw, frame)` on a finished phantom."""
    seen = []

    def part(canvas, draw, frame):
        for step in (lambda *_: None, paint):
            step(canvas, draw, frame)
            seen.append((canvas.parts.copy(), canvas.hu.copy()))

    phantom((*SEED, seed), "difficult", 256, extra=[part])
    return seen


@pytest.mark.parametrize(
    "paint",
    [
        lambda canvas, draw, frame: spine.dense_ligament(canvas, draw, frame, frame.spine_y + frame.body_h + 10),
        lambda canvas, draw, frame: spine.rim(
            canvas, draw, frame, lambda mm: canvas.ellipse(35, frame.spine_y + 20, 12 + mm, 3 + mm)
        ),
    ],
    ids=["dense ligament", "process rim"],
)
def test_ligament_is_as_dense_as_muscle_and_takes_its_name_away(paint):
    taken = 0
    for seed in range(4):
        (parts, hu), (later, later_hu) = painted_over(paint, seed)
        changed = later_hu != hu
        assert changed.any() and (later[changed] == PARTS.index("ligament")).all()
        assert not (IS_MUSCLE[later] & ~IS_MUSCLE[parts]).any()
        assert -29 < later_hu[changed].mean() < 150
        taken += np.count_nonzero(IS_MUSCLE[parts] & ~IS_MUSCLE[later])
    assert taken


def test_a_slice_with_a_dense_ligament_seldom_shows_a_whole_process():
    def bone_behind(features):
        """Of the slices: how many have bone far behind the canal, on the midline."""
        found = 0
        for seed in range(12):
            p = phantom((*SEED, seed), "difficult", 128, features=features)
            row, column = np.argwhere(p.parts == PARTS.index("spinal canal")).mean(0).astype(int)
            px = p.spacing_mm[0]
            rows, columns = slice(row + int(17 / px), row + int(24 / px)), slice(column - 2, column + 3)
            found += (p.parts[rows, columns] == PARTS.index("bone")).any(1).all()
        return found

    assert bone_behind(["dense ligament"]) < bone_behind(()) - 2
