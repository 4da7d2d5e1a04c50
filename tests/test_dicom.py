"""CT slices in and out of DICOM."""

import time

import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRBigEndian, ImplicitVRLittleEndian

from sarco.cohort import dicom
from sarco.errors import SarcoError


@pytest.fixture
def image_hu():
    return np.round(np.random.default_rng(0).normal(0, 200, (96, 128))).astype(np.float32)


@pytest.fixture
def path(tmp_path, image_hu):
    path = tmp_path / "slice.dcm"
    dicom.write_slice(path, image_hu, (0.7, 0.85), case="0007", sex="F", age=49, phase="portal")
    return path


def change(path, **values):
    header = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(header, name, value)
    header.save_as(path)


@pytest.mark.parametrize("compress", [False, True])
def test_what_is_written_is_read(tmp_path, image_hu, compress):
    path = tmp_path / "no_suffix"
    dicom.write_slice(path, image_hu, (2 / 3, 0.85), case="1", compress=compress)
    read = dicom.read_slice(path)
    assert read.image_hu.dtype == np.float32
    assert np.array_equal(read.image_hu, image_hu)
    assert read.spacing_mm == pytest.approx((2 / 3, 0.85), abs=1e-12)
    assert read.path == path


def test_the_same_slice_gives_the_same_bytes(tmp_path, path, image_hu):
    again = tmp_path / "again.dcm"
    dicom.write_slice(again, image_hu, (0.7, 0.85), case="0007", sex="F", age=49, phase="portal")
    assert again.read_bytes() == path.read_bytes()
    other = tmp_path / "other.dcm"
    dicom.write_slice(other, image_hu, (0.7, 0.85), case="0008")
    assert pydicom.dcmread(other).SOPInstanceUID != pydicom.dcmread(path).SOPInstanceUID


def test_values_are_clipped_to_the_scanner_and_nan_is_refused(tmp_path, image_hu):
    image_hu[0, :2] = -3000, 9000
    dicom.write_slice(tmp_path / "a", image_hu, (1, 1), case="1")
    assert dicom.read_slice(tmp_path / "a").image_hu[0, :2].tolist() == [-1024, 3071]
    image_hu[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        dicom.write_slice(tmp_path / "b", image_hu, (1, 1), case="1")
    assert not (tmp_path / "b").exists()


def test_header_is_that_of_an_anonymous_ct(path):
    header = pydicom.dcmread(path)
    assert header.SOPClassUID == CTImageStorage
    assert (header.Modality, header.PatientSex, header.PatientAge) == ("CT", "F", "049Y")
    assert (header.PatientIdentityRemoved, header.PatientBirthDate, header.StudyDate) == ("YES", "", "")
    assert "synthetic" in header.SeriesDescription
    # Attributes of type 1 and 2 of the CT Image IOD (DICOM PS3.3, A.3) that have a place in every file.
    required = (
        "PatientName PatientID ReferringPhysicianName StudyInstanceUID StudyID StudyTime AccessionNumber "
        "SeriesInstanceUID SeriesNumber FrameOfReferenceUID PositionReferenceIndicator Manufacturer KVP "
        "ImageType AcquisitionNumber ImagePositionPatient ImageOrientationPatient SliceThickness HighBit "
        "RescaleSlope RescaleIntercept PixelSpacing PhotometricInterpretation BitsStored InstanceNumber"
    )
    for name in required.split():
        assert name in header, name


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_signed_values_scale_and_other_byte_orders(path, image_hu, syntax):
    header = pydicom.dcmread(path)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    header.PixelData = (image_hu * 2 - 100).astype(f"{order}i2").tobytes()
    header.PixelRepresentation, header.BitsStored, header.HighBit = 1, 16, 15
    header.RescaleSlope, header.RescaleIntercept = 0.5, 50
    header.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(path, header, enforce_file_format=True)
    assert np.array_equal(dicom.read_slice(path).image_hu, image_hu)


def test_padding_becomes_air(path, image_hu):
    header = pydicom.dcmread(path)
    stored = header.pixel_array.copy()
    stored[:5] = 4000
    header.PixelData = stored.tobytes()
    header["PixelData"].VR = "OW"
    header.add_new("PixelPaddingValue", "US", 4000)
    header.save_as(path)
    read = dicom.read_slice(path).image_hu
    assert (read[:5] == -1024).all()
    assert np.array_equal(read[5:], image_hu[5:])


@pytest.mark.parametrize(
    "values, words",
    [
        ({"PixelSpacing": [0.05, 0.7]}, "PixelSpacing"),
        ({"PixelSpacing": [0.7, 9]}, "PixelSpacing"),
        ({"RescaleSlope": 0}, "RescaleSlope"),
        ({"RescaleType": "Z_EFF"}, "Z_EFF"),
        ({"Rows": 8}, "Rows"),
        ({"Rows": 97}, "decoded"),
        ({"SamplesPerPixel": 3}, "grey"),
    ],
)
def test_a_slice_of_unclear_meaning_is_refused(path, values, words):
    change(path, **values)
    with pytest.raises(SarcoError, match=words) as refused:
        dicom.read_slice(path)
    assert "\n" not in str(refused.value)


def test_spacing_that_is_not_a_number_is_refused(path):
    content = path.read_bytes()
    assert content.count(rb"0.7\0.85") == 1
    path.write_bytes(content.replace(rb"0.7\0.85", rb"nan\0.85"))
    with pytest.raises(SarcoError, match="PixelSpacing"):
        dicom.read_slice(path)


def test_reading_a_full_slice_is_fast(tmp_path):
    dicom.write_slice(tmp_path / "a", np.random.default_rng(0).normal(0, 200, (512, 512)), (0.7, 0.7), case="1")
    dicom.read_slice(tmp_path / "a")
    start = time.process_time()
    for _ in range(5):
        dicom.read_slice(tmp_path / "a")
    # 4 ms on a slow core; the limit leaves room for a busy machine, and catches a decoder in plain Python.
    assert (time.process_time() - start) / 5 < 0.05
