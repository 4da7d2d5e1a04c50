"""Every tissue: what the HU decide, and a map whose muscle is that of the paper."""

import numpy as np
import pytest

from sarco.base.errors import SarcoError
from sarco.ct import tissues
from sarco.ct.tissues import TISSUES
from sarco.method.ensemble import Ensemble

NAMES = tuple(TISSUES)


def labels(*names):
    return np.array([[NAMES.index(name) for name in names]], np.uint8)


def test_fat_has_the_hu_of_fat_and_fat_in_a_muscle_lies_between_muscles():
    regions = labels("psoas", "psoas", "psoas", *["visceral fat"] * 4, "kidney")
    image_hu = np.array([[40, -80, 300, -190, -30, -29, -191, -80]])
    muscle = np.array([[True, *[False] * 7]])
    found = labels("psoas", "intermuscular fat", "other", "visceral fat", "visceral fat", "other", "other", "kidney")
    assert np.array_equal(tissues.by_hu(regions, muscle, image_hu, (1.0, 1.0)), found)
    regions, image_hu = labels(*["subcutaneous fat"] * 4), np.array([[-1000, -100, -100, -100]])
    found = labels("other", "other", "subcutaneous fat", "subcutaneous fat")  # the first millimetre is skin
    assert np.array_equal(tissues.by_hu(regions, np.zeros((1, 4), bool), image_hu, (1.0, 1.0)), found)


class Student(Ensemble):
    """Finds psoas on the left of the image and visceral fat on the right, and muscle nowhere by itself."""

    blind = False

    def predict_outputs(self, image):
        out = np.zeros((1, 1 + len(self.tissues), *image.shape), np.float32)
        half = image.shape[1] // 2
        out[0, 1 + self.tissues.index("psoas"), :, :half] = 0.6
        out[0, 1 + self.tissues.index("visceral fat"), :, half:] = 0.6
        out[0, 1 + self.tissues.index("quadratus lumborum"), :, half:] = 0.4
        if self.blind:
            out[:, :, : half - 2] = 0
        return out


def test_the_map_parts_the_muscle_and_leaves_it_whole():
    student = Student({"spacing_mm": 8.0, "tissues": NAMES[::-1]}, [[]])  # in an order of its own
    image_hu = np.full((64, 64), -100.0)
    muscle = np.zeros((64, 64), bool)
    muscle[20:30, 10:50] = True
    image_hu[muscle] = 50
    names = np.array(student.tissues)[tissues.label_map(image_hu, (4.0, 4.0), student, muscle)]
    assert np.array_equal(np.isin(names, list(tissues.MUSCLES)), muscle)
    assert set(names[20:30, 10:30].flat) == {"psoas"} and set(names[20:30, 34:50].flat) == {"quadratus lumborum"}
    assert set(names[40:, :30].flat) == {"intermuscular fat"} and set(names[40:, 34:].flat) == {"visceral fat"}
    alone = np.array(student.tissues)[tissues.label_map(image_hu, (4.0, 4.0), student)]
    assert not np.isin(alone, list(tissues.MUSCLES)).any()  # with its own mask, which is empty
    student.blind = True  # as where there is nothing but air
    names = np.array(student.tissues)[tissues.label_map(np.full((64, 64), 0.0), (4.0, 4.0), student)]
    assert set(names[:26].flat) == {"background"} and "background" not in names[30:]


def test_no_sides_where_a_muscle_lies_on_one_alone():
    labels = np.full((120, 160), NAMES.index("visceral fat"), np.uint8)
    places = {"rectus abdominis": (slice(5, 9), (40, 110)), "bone": (slice(50, 70), (70, 70)),
              "spinal canal": (slice(72, 82), (74, 74)), "psoas": (slice(50, 65), (45, 100)),
              "erector spinae": (slice(84, 110), (45, 90))}  # fmt: skip
    for name, (rows, columns) in places.items():
        for column in columns:
            labels[rows, column : column + (12 if name == "spinal canal" else 20)] = NAMES.index(name)
    half = tissues.left_half(labels, (1.0, 1.0))
    assert half[:, :70].all() and not half[:, 90:].any()
    for name, (rows, (left, _)) in places.items():
        other = labels.copy()
        if name == "bone":
            continue
        if name == "spinal canal":
            other[rows.start + 5 :][other[rows.start + 5 :] == NAMES.index(name)] = 0
            other[rows, 74:80] = 0  # thirty pixels are left
        else:
            other[rows, left : left + 20] = 0
        assert tissues.left_half(other, (1.0, 1.0)) is None, name


def test_networks_of_muscle_alone_are_told_from_a_student():
    with pytest.raises(SarcoError, match="know muscle alone"):
        tissues.label_map(np.zeros((8, 8)), (1.0, 1.0), Ensemble({"spacing_mm": 2.0}, [[]]))
