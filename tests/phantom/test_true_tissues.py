"""The true tissues of a phantom: each part is of one, and fat is told by where it lies."""

import numpy as np
import pytest
from scipy import ndimage

from sarco.ct.tissues import FAT_HU, FATS, MUSCLES, TISSUES, left_half
from sarco.method import metrics
from sarco.phantom.canvas import MUSCLES as COUNTED
from sarco.phantom.canvas import PARTS
from sarco.phantom.phantom import IS_MUSCLE, phantom
from sarco.phantom.tissues import NAMES, regions, true_labels


def test_each_part_is_of_one_tissue():
    given = [part for parts in TISSUES.values() for part in parts]
    assert sorted(given) == sorted(PARTS)
    assert {part for name in MUSCLES for part in TISSUES[name]} == set(COUNTED)


def window(p):
    return (p.image_hu >= FAT_HU[0]) & (p.image_hu <= FAT_HU[1])


def painted(names):
    parts = np.zeros((60, 60), np.uint8)
    for name, place in names:
        parts[place] = PARTS.index(name)
    return parts


def test_fat_lies_beneath_the_skin_or_between_muscles():
    parts = painted([
        ("subcutaneous fat", np.s_[5:55, 5:55]), ("visceral fat", np.s_[20:40, 20:40]),
        ("psoas", np.s_[22:38, 22:28]), ("erector spinae", np.s_[22:38, 31:37]),
    ])  # fmt: skip
    parts[20:40, 15:20] = PARTS.index("lateral wall")
    parts[20:40, 40:45] = PARTS.index("lateral wall")
    parts[20:23, 45:55] = parts[37:40, 45:55] = PARTS.index("lateral wall")  # a notch of 14 rows
    found = np.array(NAMES)[regions(parts, (1.0, 1.0))]
    assert found[30, 29] == "intermuscular fat"  # three pixels wide
    assert found[21, 29] == "visceral fat" and found[10, 10] == "subcutaneous fat"
    assert found[30, 48] == "intermuscular fat"  # beneath the fascia from edge to edge of the notch
    assert found[30, 25] == "psoas" and found[0, 0] == "background"


@pytest.mark.parametrize("setting", ["reference", "difficult"])
def test_the_muscle_of_the_labels_is_the_true_one(setting):
    p = phantom((3, 1), setting, 256)
    found, region = (np.array(NAMES)[labels] for labels in (true_labels(p), regions(p.parts, p.spacing_mm)))
    assert np.array_equal(np.isin(found, list(MUSCLES)), p.true_mask)
    assert np.array_equal(np.isin(region, list(MUSCLES)), IS_MUSCLE[p.parts])
    skin = p.parts == PARTS.index("skin")
    painted, seen = (region == "subcutaneous fat") & ~skin & window(p), found == "subcutaneous fat"
    assert metrics.dice(seen, painted) > 0.97  # the skin is told by its thickness alone
    fat = p.image_hu[np.isin(found, FATS)]
    assert fat.size and FAT_HU[0] <= fat.min() and fat.max() <= FAT_HU[1]


@pytest.mark.parametrize("feature", ["scoliosis", "atrophy"])
@pytest.mark.parametrize("turn", [0, 12])
def test_left_is_left_in_a_tilted_body_and_a_bent_spine(feature, turn):
    kept = []
    p = phantom((4, 7), "difficult", 256, features=(feature,), extra=(lambda canvas, *_: kept.append(canvas.x.copy()),))
    turned = [ndimage.rotate(each, turn, reshape=False, order=0) for each in (regions(p.parts, p.spacing_mm), kept[0])]
    muscle = np.isin(turned[0], [NAMES.index(name) for name in MUSCLES])
    left = left_half(turned[0], p.spacing_mm)
    assert np.mean(left[muscle] != (turned[1][muscle] < 0)) < 0.01
    assert left_half(np.zeros((9, 9), np.uint8), p.spacing_mm) is None
