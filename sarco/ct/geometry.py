"""How a slice lies in the patient: its upright form, the place of its pixels in mm, and its pixels on another grid.

highdicom's `Volume` refuses axes that are not at right angles to the fourth digit, as those of a tilted gantry, and its
`match_geometry` has one tolerance for angles, sizes and places; files round each in its own way.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from ..base.errors import refuse
from .header import numbers

GRID_TOLERANCE = 0.25  # voxels by which a mask's grid may miss that of its slice


@dataclass(frozen=True, eq=False)
class Slice:
    """One CT slice with its geometry, on the grid of its file."""

    image_hu: np.ndarray  # float32, (rows, columns)
    spacing_mm: tuple[float, float]  # between rows, then between columns, as the DICOM attribute PixelSpacing
    path: Path | None = None
    header: Dataset | None = None  # the other attributes; of enhanced CT, what the frame says stands there too
    frame: int | None = None  # of enhanced CT, from 1 in the order of the file

    @property
    def affine(self):
        """From (column, row, 0, 1) to mm in the axes of NIfTI, see `affine_of`."""
        return affine_of(self.header, self.spacing_mm)

    def upright(self):
        """The same slice with rows running to the patient's back and columns to the left, as the networks know it."""
        transposed, flipped = _turn(self.header)
        if not transposed and not flipped:
            return self
        sizes, spacing_mm = self.image_hu.shape, self.spacing_mm
        orientation, corner = (numbers(self.header, f"Image{what}Patient") for what in ("Orientation", "Position"))
        along = [np.array(orientation[3:]), np.array(orientation[:3])]  # rows follow each other along the first
        if transposed:
            sizes, spacing_mm, along = sizes[::-1], spacing_mm[::-1], along[::-1]
        for axis in flipped:
            if corner:
                corner = [float(mm) for mm in corner + along[axis] * spacing_mm[axis] * (sizes[axis] - 1)]
            along[axis] = -along[axis]
        header = Dataset()
        header.update(self.header)
        # New elements: a changed one would change in the first header too.
        header.add_new("ImageOrientationPatient", "DS", [float(part) for part in (*along[1], *along[0])])
        if corner:
            header.add_new("ImagePositionPatient", "DS", corner)
        return replace(self, image_hu=upright(self.image_hu, self.header), spacing_mm=spacing_mm, header=header)


def _turn(header):
    """How a slice lies on its file's grid: whether rows and columns change places, then which axes are flipped.

    To the nearest of the eight ways, by ImageOrientationPatient alone, which says it for a prone patient and for one
    who lies feet first too. A slice that does not say it is taken to lie as usual.
    """
    orientation = header and numbers(header, "ImageOrientationPatient")
    if not orientation or len(orientation) != 6:
        return False, ()
    row, column = orientation[:2], orientation[3:5]
    transposed = abs(row[0]) + abs(column[1]) < abs(row[1]) + abs(column[0])
    if transposed:
        row, column = column, row
    return transposed, tuple(axis for axis, along in ((0, column[1]), (1, row[0])) if along < 0)


def upright(values, header):
    """Turn an array on the grid of a slice's file as `Slice.upright` turns the slice; leading axes stay."""
    transposed, flipped = _turn(header)
    values = np.swapaxes(values, -2, -1) if transposed else values
    return np.ascontiguousarray(np.flip(values, [axis - 2 for axis in flipped]))


def as_stored(values, header):
    """Turn an array back to the grid of the slice's file: the inverse of `upright`."""
    transposed, flipped = _turn(header)
    values = np.flip(values, [axis - 2 for axis in flipped])
    return np.ascontiguousarray(np.swapaxes(values, -2, -1) if transposed else values)


def is_axial(orientation):
    """Whether six numbers of ImageOrientationPatient say so."""
    if orientation is None or len(orientation) != 6:
        return False
    along_z = orientation[0] * orientation[4] - orientation[1] * orientation[3]
    return abs(along_z) > 0.8  # a gantry is tilted by 30 degrees at most


def affine_of(header, spacing_mm):
    """Where the pixels of a slice lie: from (column, row, 0, 1) to mm in NIfTI's axes (right, anterior, superior).

    Shape (4, 4), the third column being the slice's normal; None where the header does not say.
    """
    position, orientation = (numbers(header, f"Image{what}Patient") for what in ("Position", "Orientation"))
    if not position or not orientation or (len(position), len(orientation)) != (3, 6):
        return None
    affine = np.eye(4)
    affine[:3, 0] = np.multiply(orientation[:3], spacing_mm[1])
    affine[:3, 1] = np.multiply(orientation[3:], spacing_mm[0])
    affine[:3, 2] = np.cross(orientation[:3], orientation[3:])
    affine[:3, 3] = position
    return np.diag([-1, -1, 1, 1]) @ affine  # DICOM's axes point left, posterior and superior


def voxels(to_voxel, shape):
    """Index along each axis of another grid at the pixels of a slice, int (3, rows, columns).

    `to_voxel` (4, 4) leads from (column, row, 0, 1) there; ValueError where the two grids do not coincide.
    """
    step, origin = np.rint(to_voxel[:3, :2]), np.rint(to_voxel[:3, 3:])
    if sorted(np.abs(step).sum(1)) != [0, 1, 1] or list(np.abs(step).sum(0)) != [1, 1]:
        raise ValueError("the axes do not coincide")
    rows, columns = shape
    corners = np.array([[0, columns - 1, 0, columns - 1], [0, 0, rows - 1, rows - 1]])
    if not (np.abs((to_voxel[:3, :2] - step) @ corners + to_voxel[:3, 3:] - origin) <= GRID_TOLERANCE).all():
        raise ValueError("the pixels do not coincide")
    row, column = np.ogrid[:rows, :columns]
    step, origin = step.astype(int), origin.astype(int)
    return np.stack([step[axis, 0] * column + step[axis, 1] * row + origin[axis] for axis in range(3)])


def check_shape(shape, wanted):
    """Refuse a mask that has other rows and columns than its slice."""
    refuse(tuple(shape) != wanted,
           f"{tuple(shape)} pixels, the slice has {wanted}; write the mask on the slice's grid.")  # fmt: skip
