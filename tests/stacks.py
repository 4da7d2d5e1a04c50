"""Phantom people as whole volumes, in DICOM and in NIfTI, for the tests of what finds L3 in one."""

import nibabel as nib
import numpy as np
import pydicom
from enhanced import group
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage

from sarco.ct.write import Scan, write_slice
from sarco.phantom.phantom import phantom

VERTEBRA_MM = 35.0


def slices(seed, first=-1.2, last=1.2, step_mm=5.0, matrix=128):
    """Levels from the lowest slice to the highest, and a phantom at each."""
    levels = np.arange(last, first - 1e-9, -step_mm / VERTEBRA_MM)
    return [(level, phantom(seed, "difficult", matrix, level=float(level))) for level in levels]


def dicom(folder, stack, step_mm=5.0, names=None, series="1", number=1):
    """A series from the feet to the head: paths in that order; `names` are those of its files."""
    paths = []
    for i, (_, p) in enumerate(stack):
        path = folder / (names[i] if names else f"{i:03d}.dcm")
        write_slice(path, p.image_hu, p.spacing_mm, Scan(f"{series}-{i}"))
        header = pydicom.dcmread(path)
        header.ImagePositionPatient = [-200, -200, step_mm * i]
        header.SeriesInstanceUID, header.SeriesNumber, header.InstanceNumber = f"1.2.3.{series}", number, len(stack) - i
        header.FrameOfReferenceUID = "1.2.4"
        header.save_as(path)
        paths.append(path)
    return paths


def nifti(path, stack, step_mm=5.0, down=False):
    """A volume whose axes run to the left, to the back and to the head, or down to the feet."""
    volume = np.stack([p.image_hu.T for _, p in (stack[::-1] if down else stack)], axis=2)
    row_mm, column_mm = stack[0][1].spacing_mm
    affine = np.diag([-column_mm, -row_mm, step_mm, 1.0])
    if down:
        affine[2] = [0, 0, -step_mm, step_mm * (len(stack) - 1)]
    image = nib.Nifti1Image(volume, affine)
    nib.save(image, path)
    return path


def enhanced(path, phases, step_mm=5.0):
    """An enhanced CT of some stacks of one person, each a phase, whose frames follow one another from the head."""
    write_slice(path, phases[0][0][1].image_hu, phases[0][0][1].spacing_mm, Scan("e"))
    data = pydicom.dcmread(path)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    shared = Dataset()
    shared.PixelMeasuresSequence = group(PixelSpacing=data.PixelSpacing, SliceThickness=5)
    shared.PlaneOrientationSequence = group(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.PixelValueTransformationSequence = group(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")
    frames, stored = [], []
    for i in reversed(range(len(phases[0]))):
        for number, stack in enumerate(phases, 1):
            frame = Dataset()
            frame.PlanePositionSequence = group(ImagePositionPatient=[-200, -200, step_mm * i])
            frame.FrameContentSequence = group(TemporalPositionIndex=number)
            frames.append(frame)
            stored.append(stack[i][1].image_hu + 1024)
    data.SharedFunctionalGroupsSequence, data.PerFrameFunctionalGroupsSequence = [shared], frames
    data.NumberOfFrames = len(frames)
    for name in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept",
                 "RescaleType", "SliceThickness"):  # fmt: skip
        if name in data:
            del data[name]
    data.PixelData = np.stack(stored).astype("<u2").tobytes()
    data.save_as(path)
    return path
