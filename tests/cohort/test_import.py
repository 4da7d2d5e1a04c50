"""The door for real data: what others save becomes a cohort, and what is unfit gets one sentence."""

import gzip
import shutil
import sys
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, JPEG2000Lossless, generate_uid
from typer.testing import CliRunner

from sarco.cli.app import app
from sarco.cohort import layout
from sarco.ct.write import Scan, write_slice

N = 96
SPACING_MM = (0.8, 0.7)  # between rows, between columns: never equal, so that an exchange shows
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])  # from the axes of DICOM to those of NIfTI


def run(*arguments):
    return CliRunner().invoke(app, ["cohort", *map(str, arguments)])


def plane(shift=0):
    """A slice in HU and its mask, lopsided in every direction."""
    y, x = np.mgrid[:N, :N]
    image = np.full((N, N), -1000.0)
    image[(x - 48) ** 2 + (y - 48) ** 2 < 42**2] = -100
    mask = (x > 20) & (x < 60 + shift) & (y > 15) & (y < 45) & ~((x < 35) & (y < 25))
    image[mask] = 50
    image[20:22, 50:58] = -90  # fat within the muscle, which the ground truth does not count
    return image, mask


def ground_truth(shift=0):
    image, mask = plane(shift)
    return mask & (image >= -29)


def write_ct(path, shift=0, z_mm=-300.0, orientation=(1, 0, 0, 0, 1, 0), **tags):
    """A CT slice of a named patient."""
    image, _ = plane(shift)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_slice(path.with_suffix(".tmp"), image, SPACING_MM, Scan(path.stem, manufacturer="GE"))
    header = pydicom.dcmread(path.with_suffix(".tmp"))
    path.with_suffix(".tmp").unlink()
    header.PatientName, header.PatientID, header.PatientBirthDate = "DUPONT^Jean", "HOSP-4711", "19301224"
    header.StudyDate, header.PatientSex, header.PatientSize = "20250601", "M", 1.8
    header.InstitutionName, header.PatientIdentityRemoved = "Hospital of Z", "NO"
    header.add_new((0x0009, 0x0010), "LO", "PRIVATE DUPONT")
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    header.ImagePositionPatient, header.ImageOrientationPatient = [-170.5, 40.25, z_mm], list(orientation)
    header.SliceThickness = 5
    for name, value in tags.items():
        setattr(header, name, value)
    header.save_as(path)
    return header


def place(header):
    """From (column, row, 0, 1) to the axes of NIfTI, written out by hand."""
    along, down = (
        np.array(header.ImageOrientationPatient[:3], float),
        np.array(header.ImageOrientationPatient[3:], float),
    )
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along * SPACING_MM[1], down * SPACING_MM[0]
    affine[:3, 2], affine[:3, 3] = np.cross(along, down) * 5, np.array(header.ImagePositionPatient, float)
    return FLIP @ affine


def write_nifti(path, mask, header, axes="LPS", volume=False):
    """A NIfTI mask whose stored axes point where `axes` says; the affine says so too."""
    values = mask.T[..., None].astype(np.uint8)
    affine = place(header)
    if volume:  # three planes, the slice's in the middle
        values = np.concatenate([np.zeros_like(values), values, np.ones_like(values)], 2)
        affine = affine.copy()
        affine[:3, 3] -= affine[:3, 2]
    image = nib.Nifti1Image(values, affine)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(axes))
    )
    nib.save(image.as_reoriented(turn), path)


def write_seg(path, headers, segments):
    """A SEG of `segments`: by name, one mask a slice."""
    code = codes.SCT.Muscle
    descriptions = [
        hd.seg.SegmentDescription(i, name, codes.SCT.AnatomicalStructure, code, "MANUAL")
        for i, name in enumerate(segments, 1)
    ]
    pixels = np.stack([np.asarray(m, np.uint8) for m in segments.values()], -1)
    seg = hd.seg.Segmentation(headers, pixels, "BINARY", descriptions, generate_uid(), 1, generate_uid(), 1, "M", "N",
                              "1", "2")  # fmt: skip
    seg.save_as(path)


@pytest.fixture
def folders(tmp_path):
    for name in ("dicom", "masks"):
        (tmp_path / name).mkdir()
    return tmp_path / "dicom", tmp_path / "masks", tmp_path / "out"


def write_png(path, mask, value=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(mask, value, 0).astype(np.uint8)).save(path)


def test_every_format_gives_the_same_mask(folders):
    images, masks, out = folders
    headers = {}
    kinds = ["png", "npy", "npz", "nii", "seg", "named"]
    for i, kind in enumerate(kinds):
        headers[kind] = write_ct(images / "sub" / f"{kind}.dcm", shift=i)
    truth = [plane(i)[1] for i in range(len(kinds))]
    (masks / "sub").mkdir()
    write_png(masks / "sub" / "png_mask.png", truth[0])
    np.save(masks / "sub" / "npy.npy", truth[1])
    np.savez_compressed(masks / "sub" / "npz.npz", truth[2])
    write_nifti(masks / "sub" / "nii.nii.gz", truth[3], headers["nii"])
    write_seg(masks / "a.dcm", [headers["seg"]], {"muscle": [truth[4]]})
    write_png(masks / "sub" / "named.dat.png", truth[5])
    (masks / "sub" / "named.dat.png").rename(masks / "sub" / "named")  # judged by its content

    done = run("import", "slices", images, masks, out)
    assert done.exit_code == 0, done.output
    assert "cases written 6, problems 0" in done.output
    assert layout.check(out).problems == []
    cohort = layout.Cohort.open(out)
    for i, kind in enumerate(kinds):
        case = f"sub_{kind}"
        assert (cohort.read_mask(case) == ground_truth(i)).all(), kind
        row = cohort.table.loc[case]
        # 5 mm slices and pixels of 0.8 x 0.7 mm: the thickness is no part of an area.
        assert row.area_cm2 == pytest.approx(ground_truth(i).sum() * 0.56 / 100, abs=1e-3)
        assert (row.split, row.sex, row.age, row.height_m, row.maker) == ("test", "M", 90, 1.8, "GE")  # 94 years
        assert (row.mean_hu, row.slice_thickness_mm) == (50, 5)


@pytest.mark.parametrize("axes", ["LPS", "RAS", "LAS", "RPS", "RAI", "ALS", "PSR", "SLP"])
@pytest.mark.parametrize("volume", [False, True], ids=["plane", "volume"])
def test_nifti_axes_are_followed_however_they_are_stored(folders, axes, volume):
    images, masks, out = folders
    header = write_ct(images / "1.dcm")
    write_nifti(masks / "1.nii", plane()[1], header, axes, volume)
    done = run("import", "slices", images, masks, out)
    assert done.exit_code == 0, done.output
    assert (layout.Cohort.open(out).read_mask("1") == ground_truth()).all()


def test_nifti_follows_a_patient_who_lies_otherwise(folders):
    images, masks, out = folders
    header = write_ct(images / "1.dcm", orientation=(-1, 0, 0, 0, -1, 0))  # prone
    write_nifti(masks / "1.nii", plane()[1], header, "RAS")
    assert run("import", "slices", images, masks, out).exit_code == 0
    assert (layout.read_mask(out / "masks/1.png") == ground_truth()).all()  # on the grid of the file
    assert (layout.Cohort.open(out).read_mask("1") == np.rot90(ground_truth(), 2)).all()  # upright, as the slice


def test_nifti_that_lies_elsewhere_is_refused_unless_taken_as_stored(folders):
    images, masks, out = folders
    write_ct(images / "1.dcm")
    nib.save(nib.Nifti1Image(plane()[1].T.astype(np.uint8), np.eye(4)), masks / "1.nii")
    done = run("import", "slices", images, masks, out)
    assert done.exit_code == 1 and "lies elsewhere" in done.output and "--nifti stored" in done.output
    assert not list(out.rglob("*.dcm"))
    done = run("import", "slices", images, masks, out / "stored", "--nifti", "stored")
    assert done.exit_code == 0, done.output
    assert (layout.Cohort.open(out / "stored").read_mask("1") == ground_truth()).all()


def test_nifti_of_a_slice_without_position_follows_the_directions(folders):
    images, masks, out = folders
    header = write_ct(images / "1.dcm")
    write_nifti(masks / "1.nii", plane()[1], header, "RAS")
    stripped = pydicom.dcmread(images / "1.dcm")
    del stripped.ImagePositionPatient, stripped.ImageOrientationPatient
    stripped.save_as(images / "1.dcm")
    assert run("import", "slices", images, masks, out).exit_code == 0
    assert (layout.Cohort.open(out).read_mask("1") == ground_truth()).all()


def test_labels_are_named_where_there_are_several(folders):
    images, masks, out = folders
    write_ct(images / "1.dcm")
    other = write_ct(images / "2.dcm", 3)
    mask, organ = plane()[1], np.zeros((N, N), bool)
    organ[60:80, 30:50] = True
    np.save(masks / "1.npy", mask * 2 + organ * 7)
    write_seg(masks / "2.dcm", [other], {"Psoas left": [plane(3)[1]], "Liver": [organ]})
    done = run("import", "slices", images, masks, out)
    assert done.exit_code == 1
    assert "labels 2, 7" in done.output and "1 (Psoas left), 2 (Liver)" in done.output
    done = run("import", "slices", images, masks, out / "x", "--label", "2", "--label", "psoas")
    assert "its labels have no names" in done.output  # of the NumPy file; SEG has names
    assert layout.Cohort.open(out / "x").cases() == ["2"]
    assert (layout.Cohort.open(out / "x").read_mask("2") == ground_truth(3)).all()
    run("import", "slices", images, masks, out / "y", "--label", "2")
    assert (layout.Cohort.open(out / "y").read_mask("1") == ground_truth()).all()


@pytest.mark.parametrize("compressed", [False, True])
def test_a_copy_keeps_the_pixels_and_loses_the_person(folders, compressed):
    images, masks, out = folders
    header = write_ct(images / "1.dcm")
    if compressed:
        header = pydicom.dcmread(images / "1.dcm")
        header.compress(JPEG2000Lossless, generate_instance_uid=False)
        header.save_as(images / "1.dcm")
    write_png(masks / "1.png", plane()[1])
    assert run("import", "slices", images, masks, out).exit_code == 0
    raw = (out / "images" / "1.dcm").read_bytes()
    for word in (b"DUPONT", b"Jean", b"HOSP", b"1930", b"20250601", b"Hospital", header.SOPInstanceUID.encode(),
                 header.StudyInstanceUID.encode()):  # fmt: skip
        assert word not in raw, word
    before, after = pydicom.dcmread(images / "1.dcm"), pydicom.dcmread(out / "images" / "1.dcm")
    assert after.PixelData == before.PixelData
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.SOPClassUID == CTImageStorage and after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RescaleSlope"):
        assert after[name].value == before[name].value
    assert (after.PatientName, after.PatientAge, after.PatientIdentityRemoved) == ("CASE^1", "090Y", "YES")
    text = "".join(p.read_text() for p in out.glob("*.*"))
    assert "DUPONT" not in text and str(images) not in text


def test_the_header_is_kept_when_asked_for(folders):
    images, masks, out = folders
    write_ct(images / "1.dcm")
    write_png(masks / "1.png", plane()[1])
    assert run("import", "slices", images, masks, out, "--keep-header").exit_code == 0
    assert (out / "images" / "1.dcm").read_bytes() == (images / "1.dcm").read_bytes()


def test_a_file_named_after_the_patient_is_numbered_or_refused(folders, tmp_path):
    images, masks, out = folders
    write_ct(images / "dupont_jean.dcm")
    write_png(masks / "dupont_jean.png", plane()[1])
    done = run("import", "slices", images, masks, out)
    assert done.exit_code == 1 and "holds the patient's" in done.output and "--key" in done.output
    done = run("import", "slices", images, masks, tmp_path / "named", "--key", tmp_path / "key.csv")
    assert done.exit_code == 0, done.output
    assert layout.Cohort.open(tmp_path / "named").cases() == ["0001"]
    assert pd.read_csv(tmp_path / "key.csv", dtype=str).to_dict("records") == [{"case": "0001", "file": "dupont_jean"}]
    write_ct(images / "a.dcm", 2)
    write_png(masks / "a.png", plane(2)[1])
    done = run("import", "slices", images, masks, tmp_path / "named", "--key", tmp_path / "key.csv")
    assert "cases written 1, kept 1" in done.output  # a number, once given, stays
    done = run("import", "slices", images, masks, tmp_path / "named", "--key", tmp_path / "named" / "key.csv")
    assert done.exit_code == 2 and "may not lie in the cohort" in done.output
    for text, words in (("case,file\n1,a\n1,b\n", "two files have one case"), ("case,file\nx,a\n", "not a key")):
        (tmp_path / "key.csv").write_text(text)
        done = run("import", "slices", images, masks, tmp_path / "named", "--key", tmp_path / "key.csv")
        assert done.exit_code == 2 and words in done.output, done.output


def _bad(folders):
    """A folder with one good case, and one of each kind that is not."""
    images, masks, _ = folders
    truth = plane()[1]
    write_ct(images / "good.dcm")
    write_png(masks / "good.png", truth)
    for i, name in enumerate(("shape", "empty", "fat", "noct", "burned", "two", "rgb", "nomask", "fraction", "cut"), 1):
        tags = {"noct": {"Modality": "MR"}, "burned": {"BurnedInAnnotation": "YES"}}.get(name, {})
        write_ct(images / f"{name}.dcm", i, **tags)
        if name != "nomask":
            write_png(masks / f"{name}.png", truth)
    write_png(masks / "shape.png", truth[:-1])
    write_png(masks / "empty.png", truth & False)
    write_png(masks / "fat.png", plane()[0] == -100)
    np.save(masks / "two.npy", np.roll(truth, 1, 0))  # the same mask twice would be one
    Image.fromarray(np.full((N, N, 3), (200, 0, 0), np.uint8)).save(masks / "rgb.png")
    (masks / "fraction.png").unlink()
    np.save(masks / "fraction.npy", truth * 0.7)
    (images / "cut.dcm").write_bytes((images / "cut.dcm").read_bytes()[:900])
    shutil.copyfile(images / "good.dcm", images / "twin.dcm")
    write_png(masks / "twin.png", truth)
    write_png(masks / "alone.png", truth)
    (images / "notes.txt").write_text("hello")
    (masks / "notes.txt").write_text("hello")
    (masks / "broken.nii.gz").write_bytes(gzip.compress(b"\0" * 344 + b"n+1\0"))
    return {
        "shape.png": "write the mask on the slice's grid", "empty.png": "the mask is empty",
        "fat.png": "not muscle", "noct.dcm": "not a CT slice", "burned.dcm": "burned into the picture",
        "two.dcm": "2 masks for it", "rgb.png": "save it in grey", "nomask.dcm": "no mask for it",
        "fraction.npy": "fractions such as 0.7", "cut.dcm": "export it again", "twin.dcm": "same slice as case good",
        "alone.png": "no slice of this name", "dicom/notes.txt": "not a DICOM file", "masks/notes.txt": "not a mask",
        "broken.nii.gz": "no slice of this name",
    }  # fmt: skip


def test_bad_files_get_one_sentence_each_and_the_rest_is_done(folders):
    images, masks, out = folders
    expected = _bad(folders)
    done = run("import", "slices", images, masks, out)
    lines = done.output.strip().splitlines()
    assert done.exit_code == 1 and f"cases written 1, problems {len(expected)}" in done.stdout.splitlines()[-1]
    assert "good.dcm: PixelSpacing (0.8 x 0.7 mm) makes a field of" in done.stderr  # written, and doubtful
    for file, words in expected.items():
        assert [line for line in lines if f"{file}: " in line and words in line], (file, done.output)
    assert layout.Cohort.open(out).cases() == ["good"] and layout.check(out).problems == []


def test_an_import_goes_on_and_follows_changes(folders):
    images, masks, out = folders
    for i in range(3):
        write_ct(images / f"{i}.dcm", i)
        write_png(masks / f"{i}.png", plane(i)[1])
    write_png(masks / "2.png", plane()[1] & False)
    assert run("import", "slices", images, masks, out).exit_code == 1
    before = (out / "images" / "0.dcm").stat().st_mtime_ns
    write_png(masks / "2.png", plane(2)[1])  # mended
    write_png(masks / "1.png", plane()[1] & False)  # spoilt
    done = run("import", "slices", images, masks, out)
    assert "cases written 1, kept 1, problems 1" in done.output
    assert layout.Cohort.open(out).cases() == ["0", "2"] and layout.check(out).problems == []
    assert (out / "images" / "0.dcm").stat().st_mtime_ns == before
    # Another source, other options or anything else in the folder: nothing is overwritten.
    for arguments in ((images, masks, out, "--no-cut"), (masks, masks, out), (images, masks, images)):
        table = (out / "cohort.csv").read_bytes()
        done = run("import", "slices", *arguments)
        assert done.exit_code == 2 and done.output.count("\n") == 1
        assert (out / "cohort.csv").read_bytes() == table


def test_a_table_gives_the_splits(folders, tmp_path):
    images, masks, out = folders
    for i in range(2):
        write_ct(images / f"{i}.dcm", i)
        write_png(masks / f"{i}.png", plane(i)[1])
    table = tmp_path / "table.csv"
    table.write_text("\ufeffcase,split,quality,age,reader,other\n0,train,A,41,3,x\n1.dcm,validation,,,,y\n")
    done = run("import", "slices", images, masks, out, "--table", table, "--no-cut")
    assert done.exit_code == 0, done.output
    rows = layout.Cohort.open(out).table
    assert list(rows.split) == ["train", "validation"] and list(rows.age) == [41, 90]
    table.write_text("case;split;age\n0;train;41,5\n1;validation;\n")
    run("import", "slices", images, masks, out, "--table", table, "--no-cut")
    assert list(layout.Cohort.open(out).table.age) == [41.5, 90]
    assert rows.quality["0"] == "A" and rows.reader["0"] == 3 and rows.area_cm2["0"] > ground_truth().sum() * 0.0056
    for text, words in (
        ("case,split\n0,train\n", "no row for 1"), ("case,split\n0,train\n1,holdout\n", "'holdout'"),
        ("case,split\n0,train\n7,test\n", "no slice is called '7'"), ("name,split\n", "needs the column case"),
        ("case;age\n0;41,5,5\n", "where a number is wanted"),
        ("case,age\n0,old\n", "where a number is wanted"),
    ):  # fmt: skip
        table.write_text(text)
        done = run("import", "slices", images, masks, out / "t", "--table", table, "--no-cut")
        assert done.exit_code in (1, 2) and words in done.output, done.output
        shutil.rmtree(out / "t", ignore_errors=True)


def test_one_seg_serves_many_slices_of_one_folder(tmp_path):
    study = {
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
    }
    headers = [write_ct(tmp_path / "in" / f"{i}.dcm", i, z_mm=5.0 * i, **study) for i in range(3)]
    left, right = plane(1)[1].copy(), plane(1)[1].copy()
    left[:, :40], right[:, 40:] = False, False
    none = left & False
    # Segments are not drawn on every slice, and empty frames are not stored.
    write_seg(
        tmp_path / "in" / "s.dcm", headers, {"L1 left": [none, left, none], "L1 right": [none, right, plane(2)[1]]}
    )
    done = run(
        "import", "slices", tmp_path / "in", tmp_path / "in", tmp_path / "out", "--label", "left", "--label", "2"
    )
    assert done.exit_code == 1 and "0.dcm: no mask for it" in done.output, done.output
    cohort = layout.Cohort.open(tmp_path / "out")
    assert cohort.cases() == ["1", "2"]
    assert (cohort.read_mask("1") == ground_truth(1)).all() and (cohort.read_mask("2") == ground_truth(2)).all()
    run("import", "slices", tmp_path / "in", tmp_path / "in", tmp_path / "one", "--label", "1")  # not the 1 of L1 alone
    assert layout.Cohort.open(tmp_path / "one").read_mask("1").sum() == (ground_truth(1) & left).sum()


def test_a_seg_of_one_of_two_slices_with_one_uid_is_refused(folders):
    images, masks, out = folders
    headers = [write_ct(images / f"{i}.dcm", i) for i in range(3)]
    twin = pydicom.dcmread(images / "1.dcm")
    twin.SOPInstanceUID = twin.file_meta.MediaStorageSOPInstanceUID = headers[0].SOPInstanceUID
    twin.save_as(images / "1.dcm")
    write_seg(masks / "0.dcm", [headers[0]], {"muscle": [plane(0)[1]]})
    write_seg(masks / "2.dcm", [headers[2]], {"muscle": [plane(2)[1]]})
    done = run("import", "slices", images, masks, out)
    assert done.exit_code == 1 and f"{images / '0.dcm'} and {images / '1.dcm'} have one SOPInstanceUID" in done.output
    assert layout.Cohort.open(out).cases() == ["2"]
    for i in range(2):  # a name says which
        write_png(masks / f"{i}-label.png", plane(i)[1])
    run("import", "slices", images, masks, out)
    cohort = layout.Cohort.open(out)
    assert [(cohort.read_mask(str(i)) == ground_truth(i)).all() for i in range(3)] == [True] * 3
    uids = {pydicom.dcmread(path).SOPInstanceUID for path in (out / "images").iterdir()}
    assert len(uids) == 3


def test_names_that_are_long_or_nearly_the_same(folders):
    images, masks, out = folders
    names = ("a", "A", "b" * 100, "b" * 99 + "c", "x" * 240)
    for i, name in enumerate(names):
        write_ct(images / "new.dcm", i)
        (images / "new.dcm").rename(images / f"{name}.dcm")
        np.save(masks / f"{name}-label.npy", plane(i)[1])
    done = run("import", "slices", images, masks, out)
    assert done.exit_code == 2 and "A and a would both become case a" in done.output, done.output
    (images / "A.dcm").unlink()
    (masks / "A-label.npy").unlink()
    done = run("import", "slices", images, masks, out)
    assert "cases written 3, problems 1" in done.output, (done.output, done.exception)
    assert f"{'x' * 240}.dcm: its name does not do" in done.output
    known = {str(pydicom.dcmread(path).PatientID) for path in (out / "images").iterdir()}
    assert len(known) == 3 and max(map(len, known)) <= 64


def test_a_full_disk_ends_an_import_with_a_sentence(folders, monkeypatch):
    images, masks, out = folders
    write_ct(images / "1.dcm")
    write_png(masks / "1.png", plane()[1])

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layout, "write_mask", full)
    done = run("import", "slices", images, masks, out)
    assert done.exit_code == 2 and "No space left" in done.output.splitlines()[-1], (done.output, done.exception)
    assert not list(out.rglob("*.dcm"))


def test_seg_on_another_grid_is_refused(folders):
    images, masks, out = folders
    header = write_ct(images / "1.dcm")
    write_seg(masks / "1.dcm", [header], {"muscle": [plane()[1]]})
    moved = pydicom.dcmread(masks / "1.dcm")
    moved.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient = [-160, 40.25, -300]
    moved.save_as(masks / "1.dcm")
    done = run("import", "slices", images, masks, out)
    assert done.exit_code == 1 and "another grid" in done.output


# --- SAROS ----------------------------------------------------------------------------------------

VOXEL_MM = (0.7, 0.8, 5.0)  # to the right, to the front, up
PLANES, ANNOTATED = 12, (1, 6, 11)  # 25 mm apart
HEADER = "\ufeffid,tcia_collection,tcia_case_id,anatomic_region,orientation_code,tcia_series_instance_uid,split\n"


def body(k):
    """Plane k of a tiny body as DICOM shows it: HU, regions and parts."""
    image, muscle = plane(k)
    regions = np.where(image == -100, 1, 0)
    regions[muscle] = 2
    parts = (image > -500).astype(int)
    arm = np.zeros_like(muscle)
    arm[10:40, 2:8] = True
    image[arm], regions[arm], parts[arm] = 50, 2, 6
    return image, regions, parts


def torso_muscle(k):
    image, regions, parts = body(k)
    return (regions == 2) & (parts == 1) & (image >= -29)


def saros_affine():
    affine = np.diag([*VOXEL_MM, 1.0])
    affine[:3, 3] = -33, -38, -500
    return affine


def write_volumes(folder, axes="LPS", offset_hu=0, planes=PLANES, mask_shift_mm=0.0):
    """One case: `axes` is how its voxels are stored, the affine says so."""
    folder.mkdir(parents=True)
    stacks = np.array([body(k) for k in range(planes)]).transpose(1, 0, 2, 3)  # kind, k, row, column
    for name, values in zip(("image", "body-regions", "body-parts"), stacks, strict=True):
        volume = values.transpose(2, 1, 0)[::-1, ::-1].copy()  # to the right, to the front, up
        affine = saros_affine()
        if name == "image":
            volume[volume > -1000] += offset_hu
        else:
            volume[:, :, [k for k in range(planes) if k not in ANNOTATED]] = 255
            affine[0, 3] += mask_shift_mm
        image = nib.Nifti1Image(volume.astype(np.int16 if name == "image" else np.uint8), affine)
        turn = nib.orientations.ornt_transform(
            nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(tuple(axes))
        )
        nib.save(image.as_reoriented(turn), folder / f"{name}.nii.gz")


def z_of(k):
    return -500 + 5 * k


@pytest.fixture
def saros(tmp_path):
    """Six cases in the publishers' layout: good ones stored in three ways, and two that are not."""
    folder = tmp_path / "saros"
    cases = folder / "SAROS-Collection-NIfTI-files-v2"
    splits = ("fold-1", "fold-5", "test", "test", "test", "fold-2")
    for i, axes in enumerate(("LPS", "RAI", "PSR")):
        write_volumes(cases / f"case_{i:03d}", axes)
    write_volumes(cases / "case_003", offset_hu=1024)
    write_volumes(cases / "case_004", mask_shift_mm=1.5)
    write_volumes(cases / "case_609")
    rows = [f"case_{i:03d},COLL,X,abdomen,RAS,1.2.{i},{s}\n" for i, s in zip((0, 1, 2, 3, 4, 609), splits, strict=True)]
    (folder / "Segmentation-Info_09-29-2023.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    return folder


def test_saros_becomes_a_cohort(saros, tmp_path):
    levels, out = tmp_path / "l3.csv", tmp_path / "out"
    ids = ("case_000", "1", "002", "case_003", "case_004", "case_609")
    levels.write_text("\ufeffid,z_mm\n" + "".join(f"{c},{z_of(6) + 9}\n" for c in ids), encoding="utf-8")
    done = run("import", "saros", saros, out, "--levels", levels)
    assert done.exit_code == 1
    lines = done.output.strip().splitlines()
    for case, words in (("case_003", "labelled muscle has a median of 1074 HU"), ("case_609", "abnormal HU"),
                        ("case_004", "1.5 mm beside its image")):  # fmt: skip
        assert [line for line in lines if case in line and words in line], done.output
    assert "cases written 3, problems 3" in lines[-1]
    cohort = layout.Cohort.open(out)
    assert layout.check(out).problems == []
    assert list(cohort.table.split) == ["train", "validation", "test"]
    for case in cohort.cases():
        slice_ = cohort.read_slice(case)
        assert (slice_.image_hu == body(6)[0]).all() and (cohort.read_mask(case) == torso_muscle(6)).all(), case
        assert slice_.spacing_mm == (0.8, 0.7) and slice_.header.SliceThickness == 5
        # 5 mm thick and 0.8 x 0.7 mm wide: an area is 0.56 mm2 a pixel
        assert cohort.table.area_cm2[case] == pytest.approx(torso_muscle(6).sum() * 0.0056, abs=1e-3)
        assert "PHANTOM" not in str(slice_.header) and "9.0 mm from the middle" in cohort.table.notes[case]


def test_saros_slice_index_counts_as_stored_and_a_far_level_is_refused(saros, tmp_path):
    levels = tmp_path / "l3.csv"
    levels.write_text("id,slice\n0,2\n1,9\n2,2\n")  # stored from the top in case 1
    done = run("import", "saros", saros, tmp_path / "out", "--levels", levels, "--max-distance", "5")
    assert "third axis does not run along the body" in done.output  # stored PSR
    cohort = layout.Cohort.open(tmp_path / "out")
    assert [cohort.table.notes[c] for c in ("case_000", "case_001")] == ["COLL, 5.0 mm from the middle of L3"] * 2
    assert (cohort.read_mask("case_000") == torso_muscle(1)).all()
    levels.write_text(f"id,z_mm\n0,{z_of(11) + 13}\n1,{z_of(11) + 12}\n")
    done = run("import", "saros", saros, tmp_path / "far", "--levels", levels)
    assert "lies 13.0 mm from its middle" in done.output and layout.Cohort.open(tmp_path / "far").cases() == [
        "case_001"
    ]


LABELS = b'<LabelTable><Label Key="%d" Red="1.0"><![CDATA[vertebrae_L3]]></Label><Label Key="29">x</Label></LabelTable>'


@pytest.mark.parametrize("form", ["mask", "map", "named map"])
def test_saros_level_from_totalsegmentator(saros, tmp_path, form):
    found = tmp_path / "vertebrae"
    values = np.zeros((20, 20, 40), np.uint8)  # a grid of its own, 1.5 mm
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    affine[:3, 3] = -10, -10, z_of(6) - 9
    label = {"mask": 1, "map": 29, "named map": 20}[form]
    values[5:15, 5:15, 0:9] = label  # its middle lies 3 mm below the plane 6
    values[0, 0, 39] = label  # a stray
    values[5:15, 5:15, 20:30] = label + 1  # another vertebra
    if form == "mask":
        values = (values == label).astype(np.uint8)
    image = nib.Nifti1Image(values, affine)
    if form == "named map":
        image.header.extensions.append(nib.nifti1.Nifti1Extension(0, LABELS % label))
    for i in range(2):
        path = found / f"case_{i:03d}.nii.gz" if form != "mask" else found / f"case_{i:03d}" / "vertebrae_L3.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(image, path)
    done = run("import", "saros", saros, tmp_path / "out", "--vertebrae", found)
    cohort = layout.Cohort.open(tmp_path / "out")
    assert cohort.cases() == ["case_000", "case_001"], done.output
    assert "no case_002/vertebrae_L3.nii.gz" in done.output
    assert cohort.table.notes["case_000"] == "COLL, 3.0 mm from the middle of L3"
    assert (cohort.read_mask("case_000") == torso_muscle(6)).all()


def test_saros_tells_what_is_missing(saros, tmp_path):
    levels = tmp_path / "l3.csv"
    levels.write_text("id,z_mm\n0,-470\n")
    for arguments, words in (
        ((saros, tmp_path / "o"), "either --levels"),
        ((tmp_path, tmp_path / "o", "--levels", levels), "Segmentation-Info"),
    ):
        done = run("import", "saros", *arguments)
        assert done.exit_code == 2 and words in done.output and done.output.count("\n") == 1
    (saros / "SAROS-Collection-NIfTI-files-v2" / "case_000" / "image.nii.gz").unlink()
    done = run("import", "saros", saros, tmp_path / "o", "--levels", levels)
    assert done.exit_code == 1 and "no image.nii.gz" in done.output and "sarco cohort fetch saros" in done.output
    assert "no level of L3 for case_001" in done.output


class StandIn:
    """In place of idc_index.IDCClient: a table of series, and DICOM files of 2 mm that it writes itself."""

    def __init__(self, **options):
        self.options, self.downloads = options, []
        self.index = pd.DataFrame({
            "SeriesInstanceUID": ["1.2.0", "1.2.1", "9.9"], "series_size_MB": [1500.0, 500.0, 7e6],
            "license_short_name": ["CC BY 4.0", "CC BY 3.0", "CC BY 4.0"],
        })  # fmt: skip

    def download_dicom_series(self, seriesInstanceUID, downloadDir, quiet, show_progress_bar, dirTemplate):
        self.downloads.append(seriesInstanceUID)
        if self.options.get("broken") == seriesInstanceUID:
            raise OSError("no route to host")
        if self.options.get("silent") == seriesInstanceUID:
            return
        prone = -1 if self.options.get("prone") else 1
        for i, z in enumerate(np.arange(-502, -440, 2.0)):
            path = Path(downloadDir) / f"{i * 7 % 31:02d}.dcm"
            write_ct(path, shift=0, z_mm=z)
            header = pydicom.dcmread(path)
            # The height itself is the value, so that linear interpolation has an answer known beforehand.
            values = np.full((N, N), round(2 * z) + 1024, np.uint16)
            values[10, 20] = 3000  # row 10, column 20
            x, y = -saros_affine()[:2, 3]  # of the first voxel of the masks, in DICOM's axes
            corner = [x - (N - 1) * VOXEL_MM[0], y - (N - 1) * VOXEL_MM[1]]
            header.PixelData = values.tobytes()
            header.RescaleIntercept, header.RescaleSlope = -1024, 1
            header.PixelSpacing = [VOXEL_MM[1], VOXEL_MM[0]]
            header.ImageOrientationPatient = [prone, 0, 0, 0, prone, 0]
            header.ImagePositionPatient = [*(corner if prone > 0 else (x, y)), z]
            if self.options.get("gap") and i == 15:
                path.unlink()
                continue
            header.save_as(path)


@pytest.fixture
def masks_alone(saros):
    for path in saros.rglob("image.nii.gz"):
        if path.parent.name in ("case_000", "case_001"):
            path.unlink()
    table = saros / "Segmentation-Info_09-29-2023.csv"
    table.write_text(table.read_text(encoding="utf-8") + "case_700,HNSCC,X,head,RAS,1.2.7,test\n", encoding="utf-8")
    return saros


@pytest.mark.parametrize("prone", [False, True])
def test_fetch_says_what_it_would_do_and_does_it_when_told(masks_alone, monkeypatch, prone):
    stand_in = StandIn(prone=prone)
    monkeypatch.setattr("sarco.cohort.fetch.client", lambda: stand_in)
    done = run("fetch", "saros", masks_alone)
    for words in ("not downloaded again: 4", "under CC BY 4.0: 1, 1.5 GB", "under CC BY 3.0: 1, 0.5 GB",
                  "restricted collections", "case_700 (HNSCC)", "--yes"):  # fmt: skip
        assert words in done.output, done.output
    assert done.exit_code == 0 and stand_in.downloads == []
    done = run("fetch", "saros", masks_alone, "--yes")
    assert done.exit_code == 0 and "images written 2" in done.output, done.output
    assert stand_in.downloads == ["1.2.0", "1.2.1"]
    cases = masks_alone / "SAROS-Collection-NIfTI-files-v2"
    for case in ("case_000", "case_001"):  # whose masks are stored in two ways
        image = nib.as_closest_canonical(nib.load(cases / case / "image.nii.gz"))
        assert np.allclose(image.affine, saros_affine(), atol=1e-4) and image.shape == (N, N, PLANES)
        values = image.get_fdata()
        assert np.allclose(values[0, 0], 2 * (-500 + 5.0 * np.arange(PLANES)))  # between planes of 2 mm, linearly
        column, row = (20, 10) if not prone else (N - 1 - 20, N - 1 - 10)
        assert list(np.argwhere(values[:, :, 6] > 1000)[0]) == [N - 1 - column, N - 1 - row]
    assert run("fetch", "saros", masks_alone, "--yes").output.startswith(
        "Images that are there, and are not downloaded again: 6"
    )
    assert len(stand_in.downloads) == 2 and not list(masks_alone.glob(".download*"))


def test_fetch_goes_on_after_a_failure(masks_alone, monkeypatch):
    stand_in = StandIn(broken="1.2.0", gap=True)
    monkeypatch.setattr("sarco.cohort.fetch.client", lambda: stand_in)
    done = run("fetch", "saros", masks_alone, "--yes")
    assert done.exit_code == 1 and "images written 0, problems 2" in done.output
    assert "case_000: the download failed (no route to host)" in done.output and "unevenly spaced" in done.output
    assert not list(masks_alone.rglob("case_00[01]/image*")) and not list(masks_alone.rglob(".*"))
    monkeypatch.setattr("sarco.cohort.fetch.client", lambda: StandIn(silent="1.2.0"))
    assert "brought nothing" in run("fetch", "saros", masks_alone, "--yes", "--case", "0").output
    done = run("fetch", "saros", masks_alone, "--case", "8")
    assert done.exit_code == 2 and "case_008 is not in its table" in done.output


def test_fetch_says_that_its_package_is_missing(masks_alone, monkeypatch):
    monkeypatch.setitem(sys.modules, "idc_index", None)
    done = run("fetch", "saros", masks_alone)
    assert done.exit_code == 2 and "idc-index is not installed" in done.output
