"""A corpus of bad inputs: each is made from a good slice or mask, with the sentence and the exit code it must get.

`tests/slice_tool/test_bad_inputs.py` sends them through the commands, and `tests/fuzz.py` takes them as seeds.
"""

import gzip
import io
import struct
import zipfile
import zlib

import nibabel as nib
import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
)

from sarco.ct import dicom, seg
from sarco.ct.write import Encoding, Scan, write_slice

SPACING_MM = (2.0, 2.0)
SHAPE = (128, 160)
PLAIN = Encoding()
BOMB = 3 << 30  # bytes that a small file claims, or grows to


def disc(radius_mm, shape=SHAPE, spacing_mm=SPACING_MM, centre_mm=(0, 0)):
    rows, columns = np.indices(shape)
    y, x = (rows - shape[0] / 2) * spacing_mm[0], (columns - shape[1] / 2) * spacing_mm[1]
    return np.hypot(y - centre_mm[0], x - centre_mm[1]) < radius_mm


MUSCLE = disc(50)
# The ways in which an axial slice can lie on its grid: ImageOrientationPatient, and how the grid is made from an
# upright one, whose rows run to the back and whose columns to the left.
TURNS = {
    "supine": ([1, 0, 0, 0, 1, 0], lambda plane: plane),
    "rows reversed": ([1, 0, 0, 0, -1, 0], lambda plane: plane[::-1]),
    "columns reversed, seen from the head": ([-1, 0, 0, 0, 1, 0], lambda plane: plane[:, ::-1]),
    "prone": ([-1, 0, 0, 0, -1, 0], lambda plane: plane[::-1, ::-1]),
    "transposed": ([0, 1, 0, 1, 0, 0], lambda plane: plane.T),
    "on the left side": ([0, -1, 0, 1, 0, 0], lambda plane: plane.T[:, ::-1]),
    "on the right side": ([0, 1, 0, -1, 0, 0], lambda plane: plane.T[::-1]),
    "on a side, seen from the head": ([0, -1, 0, -1, 0, 0], lambda plane: plane.T[::-1, ::-1]),
}
SPACING = b"\x30\x00DS\x08\x002.0\\2.0 "  # PixelSpacing and Rows, as they stand in a file
ROWS = b"\x28\x00\x10\x00US\x02\x00\x80\x00"
NO_FRAMES = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"


def body_hu(shape=SHAPE, spacing_mm=SPACING_MM):
    """A disc of muscle in fat in air."""
    muscle, body = disc(50, shape, spacing_mm), disc(110, shape, spacing_mm)
    return np.where(muscle, 50, np.where(body, -100, -1000)).astype(np.float32)


def write(path, image_hu=None, spacing_mm=SPACING_MM, encoding=PLAIN):
    write_slice(path, body_hu() if image_hu is None else image_hu, spacing_mm, Scan("1"), encoding)
    return path


# --- ways to spoil a good DICOM slice ---------------------------------------------------------------


def change(path, **values):
    header = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(header, name, value)
    header.save_as(path)


def changed(**values):
    return lambda path: change(path, **values)


def turned(turn, spacing_mm=SPACING_MM):
    """The same slice of the same patient, on another grid."""
    orientation, to_grid = TURNS[turn]

    def spoil(path):
        header = pydicom.dcmread(path)
        stored = np.ascontiguousarray(to_grid(header.pixel_array))
        half_mm = [(size - 1) / 2 * side for size, side in zip(header.pixel_array.shape, spacing_mm, strict=True)]
        along = np.reshape(orientation, (2, 3)).sum(0)
        header.ImageOrientationPatient = orientation
        header.ImagePositionPatient = [-along[0] * half_mm[1], -along[1] * half_mm[0], 0]
        header.PixelSpacing = list(spacing_mm if orientation[0] else spacing_mm[::-1])
        header.Rows, header.Columns = stored.shape
        header.PixelData = stored.tobytes()
        header.save_as(path)

    return spoil


def without(*names):
    def spoil(path):
        header = pydicom.dcmread(path)
        for name in names:
            del header[name]
        header.save_as(path)

    return spoil


def content(value):
    return lambda path: path.write_bytes(value)


def cut(length):
    return lambda path: path.write_bytes(path.read_bytes()[:length])


def replaced(old, new):
    """Other bytes in place of those that stand in the file once."""

    def spoil(path):
        there = path.read_bytes()
        assert there.count(old) == 1, (old, there.count(old))
        path.write_bytes(there.replace(old, new))

    return spoil


def image(image_hu, spacing_mm=SPACING_MM):
    return lambda path: write(path, image_hu, spacing_mm)


def no_class(path):
    header = pydicom.dcmread(path)
    del header.SOPClassUID, header.file_meta.MediaStorageSOPClassUID
    header.save_as(path)


def compressed_somehow(path):
    header = pydicom.dcmread(path)
    header.compress(RLELossless)
    del header.file_meta.TransferSyntaxUID
    pydicom.dcmwrite(path, header, implicit_vr=False, little_endian=True)


def around(value, **values):
    """Another value outside the circle of reconstruction, where a slice is air."""

    def spoil(path):
        header = pydicom.dcmread(path)
        y, x = (np.linspace(-1, 1, size) for size in SHAPE)
        stored = header.pixel_array.copy()
        stored[y[:, None] ** 2 + x**2 > 1] = value
        header.PixelData = stored.tobytes()
        for name, said in values.items():
            header.add_new(name, "US", said)
        header.save_as(path)

    return spoil


def rounded(path):
    noise = np.random.default_rng(0).normal(0, 30, SHAPE)
    write(path, np.round((body_hu() + noise) / 16) * 16)


def turned_unsaid(path):
    image_hu = body_hu()
    image_hu[disc(18, centre_mm=(-70, 0))] = 400  # a spine where the belly is
    write(path, image_hu)


def no_syntax(path):
    header = pydicom.dcmread(path)
    del header.file_meta.TransferSyntaxUID
    pydicom.dcmwrite(path, header, implicit_vr=False, little_endian=True)


def other_object(sop_class, modality, **values):
    def spoil(path):
        header = pydicom.dcmread(path)
        header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = sop_class
        header.Modality = modality
        for name, value in values.items():
            setattr(header, name, value)
        header.save_as(path)

    return spoil


def eight_bits(path):
    """What "save the window as a picture" gives: 0 to 255 in place of Hounsfield units."""
    header = pydicom.dcmread(path)
    shown = np.clip((body_hu() + 160) / 400, 0, 1) * 255
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    header.RescaleIntercept, header.RescaleSlope = 0, 1
    header.PixelData = shown.astype(np.uint8).tobytes()
    header["PixelData"].VR = "OB"
    header.save_as(path)


def rgb(path):
    header = pydicom.dcmread(path)
    header.SamplesPerPixel, header.PhotometricInterpretation, header.PlanarConfiguration = 3, "RGB", 0
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    header.PixelData = bytes(3 * SHAPE[0] * SHAPE[1])
    header["PixelData"].VR = "OB"
    header.save_as(path)


def encapsulated(syntax, *streams, **values):
    def spoil(path):
        header = pydicom.dcmread(path)
        header.file_meta.TransferSyntaxUID = syntax
        header.PixelData = encapsulate(streams) if streams else NO_FRAMES
        header["PixelData"].VR, header["PixelData"].is_undefined_length = "OB", True
        for name, value in values.items():
            setattr(header, name, value)
        header.save_as(path)

    return spoil


def _jpeg2000():
    file = io.BytesIO()
    Image.fromarray(np.zeros(SHAPE, np.uint16)).save(file, "jpeg2000", no_jp2=True, irreversible=False)
    return file.getvalue()


def huge_jpeg2000(path):
    """A stream that says 30000 x 30000 in a header that says 128 x 160."""
    stream = bytearray(_jpeg2000())
    at = stream.index(b"\xff\x51") + 6
    stream[at : at + 8] = struct.pack(">II", 30000, 30000)  # its size
    stream[at + 16 : at + 24] = struct.pack(">II", 30000, 30000)  # and that of a tile
    encapsulated(JPEG2000Lossless, bytes(stream))(path)


def wrong_fragment(path):
    """The item that holds a compressed picture says a length beyond the end of the file."""
    encapsulated(JPEG2000Lossless, _jpeg2000())(path)
    there = path.read_bytes()
    at = there.index(b"\xff\x4f\xff\x51") - 4  # the length of the item, before the picture starts
    path.write_bytes(there[:at] + struct.pack("<I", 0x7FFFFFFE) + there[at + 4 :])


def pixels_claim(path):
    """The pixel data say 4 GB in a file of 41 kB."""
    there = path.read_bytes()
    at = there.index(b"\xe0\x7f\x10\x00OW\0\0") + 8
    path.write_bytes(there[:at] + struct.pack("<I", 0xFFFFFFFE) + there[at + 4 : at + 1000])


def deflated(inflated):
    """The part of a file after its meta information, squeezed."""

    def spoil(path):
        header = pydicom.dcmread(path)
        header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        header.save_as(path)
        there = path.read_bytes()
        start = 132 + 12 + struct.unpack("<I", there[140:144])[0]
        path.write_bytes(there[:start] + inflated(there[start:]))

    return spoil


def squeeze_bomb(_):
    packer = zlib.compressobj(9, wbits=-15)
    packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)  # means the same wherever it stands
    return block * (BOMB >> 24) + packer.flush()


def seg_as_slice(path):
    path.write_bytes(seg.encode(MUSCLE, dicom.read_slice(path).header))


def png_as_slice(path):
    Image.fromarray(np.zeros(SHAPE, np.uint8)).save(path, "png")


def empty_folder(path):
    path.unlink()
    path.mkdir()


def loop(path):
    path.unlink()
    path.symlink_to(path.name)


def never_rescaled(path, noise_hu=0.0):
    """Stored values passed on as HU, with padding of -2000 in the corners as GE writes it."""
    header = pydicom.dcmread(path)
    stored = header.pixel_array.astype(np.int16)
    stored[stored < 100] += np.random.default_rng(0).normal(0, noise_hu, (stored < 100).sum()).astype(np.int16)
    stored[~disc(120)] = -2000
    header.PixelRepresentation, header.BitsStored, header.HighBit, header.RescaleIntercept = 1, 16, 15, 0
    header.PixelData = stored.tobytes()
    header.save_as(path)


def compress(path, syntax):
    """As hospitals' archives do, by a lossless JPEG that pydicom cannot write."""
    import gdcm

    reader, writer, change = gdcm.ImageReader(), gdcm.ImageWriter(), gdcm.ImageChangeTransferSyntax()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return path


def cut_jpeg(path):
    """The end of a picture is missing, in a file that is whole: decoders make it up."""
    header = pydicom.dcmread(compress(path, JPEGLosslessSV1))
    stream = next(generate_frames(header.PixelData, number_of_frames=1))
    header.PixelData = encapsulate([stream[: len(stream) // 2]])
    header.save_as(path)


# --- NIfTI ------------------------------------------------------------------------------------------


def volume(values=None, affine=None, dtype=np.int16):
    if values is None:
        values = np.repeat(body_hu().T[..., None], 3, 2).astype(dtype)
    if affine is None:
        affine = np.diag([-2.0, -2.0, 5.0, 1.0])
    return nib.Nifti1Image(values, affine)


def nifti(made, suffix=".nii"):
    """Save a volume under the slice's own name: a file is judged by its content."""

    def spoil(path):
        beside = path.with_name(f"volume{suffix}")
        nib.save(made(), beside)
        beside.replace(path)

    return spoil


def nifti_bytes(change, gz=False):
    """A volume whose bytes are changed: header first (348), then the values from 352."""

    def spoil(path):
        nifti(volume)(path)
        there = bytearray(path.read_bytes())
        there = bytes(change(there) or there)
        path.write_bytes(gzip.compress(there) if gz else there)

    return spoil


def poke(at, form, *values):
    return lambda there: struct.pack_into(form, there, at, *values)


def nifti_bomb(path):
    """30000 x 30000 x 4 values claimed, 40 MB of zeros squeezed into some kB."""
    nifti(volume)(path)
    header = bytearray(path.read_bytes()[:352])
    struct.pack_into("<4h", header, 40, 3, 30000, 30000, 4)
    path.write_bytes(gzip.compress(bytes(header) + bytes(40 << 20), 1))


def with_nan():
    values = np.repeat(body_hu().T[..., None], 1, 2).astype(np.float32)
    values[3, 4, 0] = np.nan
    return volume(values)


def not_placed():
    made = volume(np.asarray(body_hu().T[..., None], np.int16))
    made.set_sform(None, 0)
    made.set_qform(None, 0)
    return made


def one_plane(sform, qform):
    """A volume of one slice whose two affines differ."""
    made = volume(body_hu().T[..., None].astype(np.int16))
    made.set_qform(np.diag(qform), 1)
    made.set_sform(np.diag(sform), 4)
    return made


def coloured():
    values = np.zeros((*SHAPE[::-1], 1), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    return volume(values)


# The slices: how each is made from a good one, words of the sentence that it must get ("|": one of them).
SLICES = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "an empty folder": (empty_folder, "holds no file"),
    "a link to itself": (loop, "no such file|cannot be read"),
    "zero bytes": (content(b""), "is empty"),
    "text named .dcm": (content(b"area: 120\n"), "not a DICOM file"),
    "random bytes": (content(np.random.default_rng(0).bytes(5000)), "not a DICOM file"),
    "only zeros": (content(bytes(5000)), "not a DICOM file"),
    "a PDF": (content(b"%PDF-1.7\n" + b"x" * 400), "not a DICOM file"),
    "a PNG": (png_as_slice, "not a DICOM file"),
    "a zip archive": (content(b"PK\x03\x04" + bytes(200)), "not a DICOM file"),
    "broken gzip": (content(b"\x1f\x8b\x08\x00" + b"\xff" * 300), "not a DICOM file"),
    "text in gzip": (content(gzip.compress(b"area: 120\n" * 99)), "not a DICOM file"),
    "preamble only": (cut(128), "not a DICOM file"),
    "preamble and prefix only": (cut(132), "cut short|broken"),
    "cut in the meta information": (cut(200), "cut short|broken"),
    "cut in the header": (cut(700), "cut short|broken"),
    "cut in the pixels": (cut(-1000), "pixel data"),
    "a projection": (changed(ImageType=["DERIVED", "PRIMARY", "AXIAL", "MIP"]), "a projection through many slices"),
    "magnetic resonance": (other_object("1.2.840.10008.5.1.4.1.1.4", "MR"), "not a CT slice (it is MR Image Storage"),
    "secondary capture": (other_object("1.2.840.10008.5.1.4.1.1.7", "CT"), "it is Secondary Capture"),
    "CT that says MR": (changed(Modality="MR"), "modality MR"),
    "positron emission": (other_object("1.2.840.10008.5.1.4.1.1.128", "PT"), "not a CT slice"),
    "a segmentation": (seg_as_slice, "not a CT slice (it is Segmentation Storage"),
    "three colours": (rgb, "not a grey-level image"),
    "8 bits, windowed": (eight_bits, "not the Hounsfield units of a body"),
    "scout view": (changed(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "scout view"),
    "coronal": (changed(ImageOrientationPatient=[1, 0, 0, 0, 0, -1]), "not an axial slice"),
    "a classic slice of four frames": (changed(NumberOfFrames=4), "4 frames"),
    "no SOP class": (no_class, "no SOP class"),
    "no modality": (without("Modality"), "no modality"),
    "compressed, and it does not say how": (compressed_somehow, "does not say how its pixels are stored"),
    "no rows": (without("Rows"), "Rows is None"),
    "no columns": (without("Columns"), "Columns is None"),
    "no samples per pixel": (without("SamplesPerPixel"), "the image is not described"),
    "no bits allocated": (without("BitsAllocated"), "cannot be decoded"),
    "no bits stored": (without("BitsStored"), "cannot be decoded"),
    "no pixel representation": (without("PixelRepresentation"), "cannot be decoded"),
    "no photometric interpretation": (without("PhotometricInterpretation"), "cannot be decoded"),
    "no spacing": (without("PixelSpacing"), "no readable PixelSpacing"),
    "no slope": (without("RescaleSlope"), "no usable RescaleSlope"),
    "no intercept": (without("RescaleIntercept"), "no usable RescaleSlope and RescaleIntercept"),
    "no pixels": (without("PixelData"), "no pixel data"),
    "zero spacing": (changed(PixelSpacing=[0, 0.7]), "PixelSpacing is [0.0, 0.7]"),
    "negative spacing": (changed(PixelSpacing=[-0.7, 0.7]), "PixelSpacing is [-0.7, 0.7]"),
    "spacing of 70 mm": (changed(PixelSpacing=[70, 70]), "from 0.1 to 5.0 mm are wanted"),
    "spacing of 7 micrometres": (changed(PixelSpacing=[0.007, 0.007]), "from 0.1 to 5.0 mm are wanted"),
    "one spacing": (changed(PixelSpacing=0.7), "two values"),
    "spacing that is no number": (replaced(SPACING, b"\x30\x00DS\x08\x00nan\\2.0 "), "PixelSpacing"),
    "spacing in words": (replaced(SPACING, b"\x30\x00DS\x08\x00wide\\low"), "PixelSpacing"),
    "no row": (changed(Rows=0), "Rows is 0"),
    "a negative size": (replaced(ROWS, b"\x28\x00\x10\x00SS\x02\x00\xff\xff"), "Rows is -1"),
    "65535 rows and columns": (changed(Rows=65535, Columns=65535), "outside 64 to 4096"),
    "4096 x 4096 that are not there": (changed(Rows=4096, Columns=4096), "cannot be decoded"),
    "63 x 63": (image(body_hu((63, 63), (4, 4)), (4, 4)), "outside 64 to 4096"),
    "12 bits allocated": (changed(BitsAllocated=12), "cannot be decoded"),
    "a slope of zero": (changed(RescaleSlope=0), "no usable RescaleSlope"),
    "an intercept of infinity": (replaced(b"DS\x08\x00-1024.0 ", b"DS\x08\x00inf     "), "no usable RescaleSlope"),
    "values never rescaled": (changed(RescaleIntercept=0), "not the Hounsfield units of a body"),
    "values never rescaled, with padding": (never_rescaled, "not the Hounsfield units of a body"),
    "values never rescaled, noisy air": (lambda path: never_rescaled(path, 20), "not the Hounsfield units of a body"),
    "rescaled twice": (changed(RescaleIntercept=-2048), "not the Hounsfield units of a body"),
    "bits that end below the lowest": (changed(HighBit=10), "do not say where in 16 bits"),
    "bits that end above the highest": (changed(HighBit=16), "do not say where in 16 bits"),
    "JPEG lossless, cut": (cut_jpeg, "the picture is cut short"),
    "text that begins as a data set": (content(b"\x08\0\x05\0CS\x0a\0ISO_IR 100" + b"area: 120\n" * 99),
                                       "not a DICOM file|broken|cut short"),
    "effective atomic numbers": (changed(RescaleType="Z_EFF"), "pixels are in Z_EFF"),
    "body absent": (image(np.full(SHAPE, -1000.0)), "not the Hounsfield units of a body"),
    "water everywhere": (image(np.zeros(SHAPE)), "not the Hounsfield units of a body"),
    "a film": (encapsulated("1.2.840.10008.1.2.4.102", b"not a film"), "MPEG-4"),
    "a private transfer syntax": (encapsulated("1.2.3.4.5", b"who knows"), "no installed decoder reads"),
    "JPEG 2000 that is none": (encapsulated(JPEG2000Lossless, b"not a picture"), "cannot be decoded"),
    "JPEG 2000, cut": (encapsulated(JPEG2000Lossless, _jpeg2000()[:120]), "cannot be decoded|Hounsfield"),
    "JPEG 2000 with a wrong length": (wrong_fragment, "cannot be decoded|cut short|broken|Hounsfield"),
    "JPEG 2000 of 30000 x 30000": (huge_jpeg2000, "cannot be decoded"),
    "JPEG 2000 of another size": (encapsulated(JPEG2000Lossless, _jpeg2000(), Rows=96), "cannot be decoded"),
    "RLE that is none": (encapsulated(RLELossless, b"\x02" + bytes(63) + b"ab"), "cannot be decoded"),
    "no frame at all": (encapsulated(RLELossless), "cannot be decoded"),
    "4 GB claimed in 1 kB": (pixels_claim, "no pixel data|cannot be decoded|cut short|broken"),
    "deflated, broken": (deflated(lambda _: b"\x07" + b"\xff" * 99), "broken DICOM file"),
    "deflated, 3 GB in 3 MB": (deflated(squeeze_bomb), "unpacks to more than"),
    "NIfTI, cut in the header": (nifti_bytes(lambda there: there[:340]), "not a DICOM file"),
    "NIfTI without values": (nifti_bytes(lambda there: there[:352]), "say with --slice"),
    "NIfTI, three slices": (nifti(volume), "3 slices; say with --slice"),
    "NIfTI, cut in the values": (
        nifti_bytes(lambda there: (struct.pack_into("<h", there, 46, 1), there[:2000])[1]),
        "the pixels cannot be read"),
    "NIfTI with NaN": (nifti(with_nan), "not finite"),
    "NIfTI without a place": (nifti(not_placed), "how it lies in the patient"),
    "NIfTI with an affine of NaN": (
        nifti_bytes(poke(280, "<12f", *[float("nan")] * 12)), "how it lies in the patient|not a readable NIfTI"),
    "NIfTI with an affine of zeros": (nifti_bytes(poke(280, "<12f", *[0.0] * 12)), "how it lies|not a readable NIfTI"),
    "NIfTI of two dimensions": (nifti(lambda: volume(body_hu().T.astype(np.int16))), "where a volume is wanted"),
    "NIfTI with negative sizes": (nifti_bytes(poke(40, "<4h", 3, -160, 128, 1)), "cannot be read"),
    "NIfTI without a slice": (nifti_bytes(poke(40, "<4h", 3, 160, 128, 0)), "0 slices|not a readable NIfTI"),
    "NIfTI of pixels of 90 mm": (
        nifti(lambda: volume(body_hu().T[..., None].astype(np.int16), np.diag([90.0, 90, 5, 1]))),
        "pixels of 90 x 90 mm"),
    "NIfTI with a larger sform": (
        nifti(lambda: one_plane((-2.2, -2.2, 5, 1), (-2, -2, 5, 1))), "2.2 x 2.2 mm by its sform and of 2 x 2 mm"),
    "NIfTI with a larger qform": (
        nifti(lambda: one_plane((-2, -2, 5, 1), (-2, -2.2, 5, 1))), "2 x 2 mm by its sform and of 2 x 2.2 mm"),
    "NIfTI that lies in two ways": (
        nifti(lambda: one_plane((-2, -2, 5, 1), (2, -2, 5, 1))), "L P S by its sform and to R P S by its qform"),
    "NIfTI in colour": (nifti(coloured), "not a grey-level image"),
    "NIfTI, 7 GB claimed in 1 MB": (nifti_bomb, "say with --slice"),
    "NIfTI in broken gzip": (nifti_bytes(lambda there: None, gz=True), "say with --slice"),
    "NIfTI of an unknown type": (nifti_bytes(poke(70, "<h", 999)), "not a readable NIfTI file"),
}  # fmt: skip
# The same files with `--slice 1`, which gets further.
CHOSEN = {
    "NIfTI, 7 GB claimed in 1 MB": "cannot be read|outside 64 to 4096",
    "NIfTI without values": "the pixels cannot be read",
}


def nifti_endless(path):
    """A volume in gzip whose stream was cut: found only when its pixels are read."""
    nifti_bytes(lambda there: None, gz=True)(path)
    path.write_bytes(path.read_bytes()[:-60])


CUT_LATE = (nifti_endless, "cannot be read|--slice")


# --- masks ------------------------------------------------------------------------------------------


def png(values):
    return lambda path, _: Image.fromarray(values).save(path, "png")


def npy(values):
    def make(path, _):
        with path.open("wb") as file:
            np.save(file, values, allow_pickle=True)

    return make


def raw(value):
    return lambda path, _: path.write_bytes(value)


def png_bomb(path, _):
    """60000 x 60000 claimed by a few bytes."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    )


def wide_png(path, _):
    """Label 1 in 16 bits, with a second channel: Pillow would read 0."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = np.dstack([MUSCLE, np.full(SHAPE, 65535)]).astype(">u2")
    size = struct.pack(">IIBBBBB", *SHAPE[::-1], 16, 4, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size)
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))) + chunk(b"IEND", b"")
    )  # fmt: skip


def npy_claim(path, _):
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 60000), }"
    head += b" " * (117 - len(head)) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(500))


def npz_bomb(path, _):
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 60000), }"
    head += b" " * (117 - len(head)) + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("mask.npy", "w") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        for _ in range(8):
            file.write(bytes(1 << 20))


def npz(**arrays):
    return lambda path, _: path.write_bytes(_npz(arrays))


def _npz(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def mask_nifti(change=lambda values: values, move_mm=0.0, pixels=None):
    def make(path, slice_path):
        affine = dicom.read_slice(slice_path).affine
        affine[0, 3] += move_mm
        values = change(MUSCLE.T[..., None].astype(np.float32)) if pixels is None else pixels
        beside = path.with_name("mask.nii")
        nib.save(nib.Nifti1Image(values, affine), beside)
        beside.replace(path)

    return make


def mask_nifti_claim(path, slice_path):
    """30000 x 30000 x 4 values claimed, by a mask."""
    mask_nifti()(path, slice_path)
    there = bytearray(path.read_bytes())
    struct.pack_into("<4h", there, 40, 3, 30000, 30000, 4)
    path.write_bytes(there)


def mask_nifti_gz_claim(path, slice_path):
    mask_nifti_claim(path, slice_path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def mask_seg(change=None, other=False):
    def make(path, slice_path):
        header = dicom.read_slice(slice_path).header
        if other:
            header.SOPInstanceUID = "1.2.3.4"
        path.write_bytes(seg.encode(MUSCLE, header))
        if change:
            change(path)

    return make


def unreferenced(change=lambda seg, place: None):
    """A SEG that names no slice; `change` gets it and its frame's position."""

    def spoil(path):
        made = pydicom.dcmread(path)
        (frame,) = made.PerFrameFunctionalGroupsSequence
        del frame.DerivationImageSequence, made.ReferencedSeriesSequence
        change(made, frame.PlanePositionSequence[0].ImagePositionPatient)
        made.save_as(path)

    return spoil


def palette(path, numbers, *colours, **more):
    made = Image.fromarray(numbers.astype(np.uint8), "P")
    made.putpalette([level for colour in colours for level in colour])
    made.save(path, "png", **more)


def nan_mask(values):
    values[3, 4] = np.nan
    return values


MASKS = {
    "missing": (lambda path, _: None, "no such file"),
    "text named .png": (raw(b"muscle"), "not a mask"),
    "zero bytes": (raw(b""), "not a mask"),
    "the slice itself": (lambda path, slice_path: path.write_bytes(slice_path.read_bytes()), "not a mask"),
    "a PNG of another size": (png(np.zeros((64, 64), np.uint8)), "the slice has (128, 160)"),
    "a PNG in colour": (png(np.full((*SHAPE, 3), (200, 0, 0), np.uint8)), "save it in grey"),
    "muscle that is transparent": (png(np.dstack([0 * MUSCLE, ~MUSCLE * 255]).astype(np.uint8)), "transparency alone"),
    "black muscle on nothing": (png(np.dstack([0 * MUSCLE, MUSCLE * 255]).astype(np.uint8)), "transparency alone"),
    "a PNG of 16 bits and transparency": (wide_png, "16 bits in several channels"),
    "an inverted PNG": (png((~MUSCLE * 255).astype(np.uint8)), "is turned or inverted"),
    "a palette whose first colour is red": (
        lambda path, _: palette(path, MUSCLE, (200, 0, 0), (0, 0, 200)), "save it in grey"),
    "a PNG of two labels": (png(MUSCLE.astype(np.uint8) + disc(20)), "holds the labels 1, 2"),
    "a PNG, cut": (
        lambda path, _: (png(np.random.default_rng(0).integers(0, 2, SHAPE, np.uint8))(path, _), cut(900)(path)),
        "not a readable PNG"),
    "a PNG with a broken checksum": (
        lambda path, _: (png(MUSCLE.astype(np.uint8))(path, _), replaced(b"IHDR\0", b"IHDR\1")(path)),
        "not a readable PNG|the slice has"),
    "a PNG of 60000 x 60000": (png_bomb, "not a readable PNG"),
    "NumPy of objects": (npy(np.array([{"a": 1}], object)), "not a readable NumPy file"),
    "NumPy, 4 GB claimed": (npy_claim, "not a readable NumPy file|the slice has"),
    "NumPy of words": (npy(np.full(SHAPE, "x")), "no labels"),
    "NumPy of fractions": (npy(np.full(SHAPE, 0.3)), "fractions such as 0.3"),
    "two arrays, none called mask": (npz(a=MUSCLE, b=MUSCLE), "call one 'mask'"),
    "an archive of 4 GB": (npz_bomb, "not a readable NumPy file|the slice has"),
    "NIfTI with NaN": (mask_nifti(nan_mask), "no labels"),
    "NIfTI elsewhere": (mask_nifti(move_mm=31.0), "lies elsewhere"),
    "NIfTI that does not cover the slice": (mask_nifti(lambda values: values[:80]), "do not cover"),
    "NIfTI of 7 GB claimed": (mask_nifti_claim, "not a readable NIfTI|do not cover|too large"),
    "NIfTI of 7 GB claimed, in gzip": (mask_nifti_gz_claim, "not a readable NIfTI|do not cover|too large"),
    "a SEG of another slice": (mask_seg(other=True), "drawn on other slices"),
    "a SEG, cut": (mask_seg(cut(-900)), "not a readable SEG|cannot be read"),
    "a SEG without frames": (
        mask_seg(without("PerFrameFunctionalGroupsSequence")), "not a readable SEG|cannot be read"),
    "a SEG of 65535 rows": (mask_seg(changed(Rows=65535)), "not a readable SEG|cannot be read"),
    "a SEG without references, elsewhere": (mask_seg(unreferenced(lambda seg, place: place.__setitem__(2, 5))),
                                            "drawn on other slices"),
    "a SEG without references, half a pixel off": (mask_seg(unreferenced(lambda seg, place: place.__setitem__(0, 9))),
                                                   "drawn on other slices"),
    "a SEG without references, in another space": (
        mask_seg(unreferenced(lambda seg, place: setattr(seg, "FrameOfReferenceUID", "1.2.3"))),
        "drawn on other slices"),
}  # fmt: skip

# --- unusual, and fit -------------------------------------------------------------------------------


def big_endian(path):
    header = pydicom.dcmread(path)
    header.PixelData = header.pixel_array.astype(">u2").tobytes()
    header["PixelData"].VR = "OW"
    header.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    pydicom.dcmwrite(path, header, enforce_file_format=True)


def implicit(path):
    header = pydicom.dcmread(path)
    header.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    pydicom.dcmwrite(path, header, enforce_file_format=True)


def alone(syntax):
    """A data set without preamble and meta information."""

    def make(path):
        header = pydicom.dcmread(path)
        header.file_meta.TransferSyntaxUID = syntax
        beside = io.BytesIO()
        implicit = syntax == ImplicitVRLittleEndian
        pydicom.dcmwrite(beside, pydicom.Dataset(header), implicit_vr=implicit, little_endian=True)
        path.write_bytes(beside.getvalue())

    return make


def bits_at_the_top(path):
    """12 bits in the upper 12 of 16, as HighBit says; what is below is noise."""
    header = pydicom.dcmread(path)
    header.PixelData = (header.pixel_array * 16 + 9).astype("<u2").tobytes()
    header.HighBit = 15
    header.save_as(path)


def two_bodies(path):
    image_hu = np.full(SHAPE, -1000.0)
    for x in (-75, 75):
        image_hu[disc(65, centre_mm=(0, x))] = -100
        image_hu[disc(40, centre_mm=(0, x))] = 50
    write(path, image_hu)


def small_body(path):
    write(path, np.where(disc(20), 40.0, np.where(disc(22), -100.0, -1000.0)))


# How it is made, and words of the warning that it must get (none: no warning but that of the level).
FIT = {
    "big-endian": (big_endian, None),
    "implicit value types": (implicit, None),
    "deflated": (deflated(lambda there: there), None),
    "no photometric surprise": (changed(WindowCenter="", WindowWidth=""), None),
    "64 x 64": (image(body_hu((64, 64), (4, 4)), (4, 4)), None),
    "2048 x 2048": (image(body_hu((2048, 2048), (0.15, 0.15)), (0.15, 0.15)), None),
    "a second body": (two_bodies, "More than one body"),
    "a body of 13 cm²": (small_body, "no trunk was found"),
    "fat only": (image(np.where(disc(110), -100.0, np.where(disc(112), 40, -1000))), "may not be at L3"),
    "a data set alone, implicit": (alone(ImplicitVRLittleEndian), None),
    "a data set alone, explicit": (alone(ExplicitVRLittleEndian), None),
    "no transfer syntax": (no_syntax, None),
    "units in more words": (changed(RescaleType="Hounsfield units (HU)"), None),
    "units in words": (changed(RescaleType="Hounsfield Unit"), None),
    "units as UCUM has them": (changed(RescaleType="[hnsf'U]"), None),
    "bits at the top": (bits_at_the_top, None),
    "another field than its reconstruction": (
        changed(ReconstructionDiameter=200),
        "makes a field of 320 mm, and ReconstructionDiameter says 200 mm",
    ),
    "a larger field than the scanner has": (
        lambda path: (without("ReconstructionDiameter")(path), changed(DataCollectionDiameter=250)(path)),
        "makes a field of 320 mm, and the scanner's field (DataCollectionDiameter) has 250 mm",
    ),
    "pixels of 1 mm for which nothing speaks": (
        lambda path: (without("ReconstructionDiameter")(path), changed(PixelSpacing=[1, 1])(path)),
        "Pixels of 1 x 1 mm are what tools write",
    ),
    "pixels narrower than high": (changed(PixelSpacing=[2, 1]), "areas are 0.50 times the true ones"),
    "turned, and it does not say so": (turned_unsaid, "lies in the half where the belly should be"),
    "on its side, and it does not say so": (
        image(np.where(disc(60), 50, np.where(disc(100) & ~disc(120, centre_mm=(0, 175)), -100, -1000))),
        "higher than wide",
    ),
    "turned by 45 degrees": (
        changed(ImageOrientationPatient=[0.7071, 0.7071, 0, -0.7071, 0.7071, 0]),
        "turned by 45° in its plane",
    ),
    "50 HU too much": (image(body_hu() + 50), "Measured here: air -950 HU"),
    "a slope that is too large": (changed(RescaleSlope=1.3, RescaleIntercept=-1331), "Measured here: air -1300 HU"),
    "rounded to 16 HU": (rounded, "rounded to steps of 16 HU"),
    "an orientation that is not said": (without("ImageOrientationPatient"), "does not say how the slice lies"),
    "a private element without a name": (lambda path: _private(path), None),
    "a wrong year": (replaced(b"20190101", b"20xx0101"), None),
}


def _private(path):
    header = pydicom.dcmread(path)
    header.add_new((0x0009, 0x1001), "UN", b"\xff" * 99)
    header.save_as(path)
