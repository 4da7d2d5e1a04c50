"""What the student of every tissue calls the muscle that the members found."""

import json

import numpy as np
import pytest

from sarco.base import paths
from sarco.ct import witness
from sarco.method.ensemble import Ensemble

NAMES = ("psoas", "kidney", "quadratus lumborum")
SPACING_MM = 1.0


class Student(Ensemble):
    """Two muscles to the left, of which neither is the likelier one, and a kidney to the right."""

    def predict_outputs(self, image):
        rows, columns = image.shape
        out = np.zeros((1, 1 + len(NAMES), rows, columns), np.float32)
        out[0, 1::2, :, : columns // 2], out[0, 2, :, columns // 2 :] = 0.4, 1
        return out


@pytest.fixture
def muscle():
    student = Student({"spacing_mm": SPACING_MM, "tissues": NAMES}, [[]])
    return witness.muscle(np.zeros((40, 40)), (SPACING_MM, SPACING_MM), student)


def test_a_kidney_that_all_members_count_is_seen(muscle):
    mask = np.zeros((40, 40), bool)
    assert witness.other_tissue_cm2(mask, muscle, (SPACING_MM, SPACING_MM)) == 0
    mask[5:30, 2:18] = True  # all of it muscle, of one group or the other
    assert witness.other_tissue_cm2(mask, muscle, (SPACING_MM, SPACING_MM)) == 0
    mask[10:20, 22:34] = True
    # A square is opened by a disc but for its corners.
    assert witness.other_tissue_cm2(mask, muscle, (SPACING_MM, SPACING_MM)) == pytest.approx(1.2, abs=0.1)
    mask[35, 20:] = True  # a rim says nothing
    assert witness.other_tissue_cm2(mask, muscle, (SPACING_MM, SPACING_MM)) == pytest.approx(1.2, abs=0.1)


def test_only_a_student_of_every_tissue_is_a_witness(tmp_path):
    assert witness.load(tmp_path) is None
    shipped = paths.data_dir() / "weights"
    student = json.loads((shipped / "student.json").read_text())
    assert (witness.load(shipped) is None) == ("tissues" not in student)
