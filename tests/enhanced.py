"""An enhanced (multi-frame) CT of three frames, for the tests of what reads it."""

import numpy as np
import pydicom
from bad_inputs import body_hu, write
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage

FRAMES = 3


def group(**values):
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return [item]


def frame_hu(number):
    """The slice `number` from the feet: a patch tells which."""
    image_hu = body_hu()
    image_hu[60:64, 70 : 70 + 4 * number] = 90
    return image_hu


def enhanced(path, *, shared=True, syntax=None):
    """Three frames stored from head to feet, with rescale and place where enhanced CT has them."""
    write(path)
    data = pydicom.dcmread(path)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    data.NumberOfFrames = FRAMES
    values = Dataset()
    values.PixelMeasuresSequence = group(PixelSpacing=[2, 2], SliceThickness=5)
    values.PlaneOrientationSequence = group(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    values.PixelValueTransformationSequence = group(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")
    frames = []
    for number in range(FRAMES, 0, -1):
        frame = Dataset()
        frame.PlanePositionSequence = group(ImagePositionPatient=[-160, -128, 5.0 * number])
        if not shared:
            frame.update(values)
        frames.append(frame)
    data.SharedFunctionalGroupsSequence = [values] if shared else [Dataset()]
    data.PerFrameFunctionalGroupsSequence = frames
    for name in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept",
                 "RescaleType", "SliceThickness"):  # fmt: skip
        del data[name]
    stored = np.stack([frame_hu(number) + 1024 for number in range(FRAMES, 0, -1)])
    data.PixelData = stored.astype("<u2").tobytes()
    if syntax:
        data.compress(syntax)
    data.save_as(path)
    return path
