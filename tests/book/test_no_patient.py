"""The committed chapter on real CT was run without the images, which do not belong into the book."""

import nbformat
import pytest


@pytest.fixture(scope="module")
def chapter_10(root):
    return nbformat.read(root / "chapters/10-real-ct.ipynb", as_version=4)


def test_no_image_of_a_patient_is_in_the_book(chapter_10):
    code = [cell for cell in chapter_10.cells if cell.cell_type == "code"]
    assert not [cell for cell in code if "injected-parameters" in cell.metadata.get("tags", [])]
    [parameters] = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert 'images = ""' in parameters.source
    printed = "".join(output.get("text", "") for cell in code for output in cell.outputs)
    assert "images: not here" in printed
