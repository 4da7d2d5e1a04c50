"""A slice read in the browser: of the same files the same pixels, spacing and warnings as the command, or its sentence.

One process of Node reads all files that the tests below ask for.
"""

import json
import re
import subprocess

import bad_inputs
import enhanced
import jpeg_ls
import numpy as np
import pydicom
import pytest
from bad_inputs import FIT, SLICES, TURNS, body_hu, changed, encapsulated
from openjpeg.utils import encode_array
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from sarco.base.errors import SarcoError
from sarco.ct import write
from sarco.ct.geometry import upright
from sarco.slice_tool import checks
from sarco.slice_tool.reading import read_slice

pytestmark = pytest.mark.long

SHAPE = bad_inputs.SHAPE
NOISE_HU = np.round(np.random.default_rng(0).normal(0, 10, SHAPE))
# What Node is not given: what is no file, what the command reads and the page does not, and what only takes long.
LEFT_OUT = ("missing", "an empty folder", "a link to itself", "2048 x 2048")
SAID_BY_A_LIBRARY = re.compile(r"(?<=decoded |OM file )\((?!(the|a) picture).*\)(?=; export it again)")
CUTS, FLIPS = 25, 40
SECONDS = 5  # for one file, as the command has


def lossless(stored, selection, precision=16, shift=0, restart_rows=0):
    """A JPEG of process 14 of values without sign, by the formulas of ITU-T T.81, annex H."""
    values = stored.astype(np.int64) >> shift
    first = np.zeros(values.shape, bool)
    first[:: restart_rows or len(values)] = True
    left, above, corner = (np.roll(values, move, (0, 1)) for move in ((0, 1), (1, 0), (1, 1)))
    guess = (left, above, corner, left + above - corner, left + ((above - corner) >> 1),
             above + ((left - corner) >> 1), (left + above) >> 1)[selection - 1]  # fmt: skip
    guess = np.where(first, left, guess)
    guess[:, 0] = np.where(first[:, 0], 1 << (precision - shift - 1), above[:, 0])
    differences = (values - guess + 32767) % 65536 - 32767
    # 17 codes of 5 bits, one for each length of a difference.
    table = b"\xff\xc4" + (3 + 16 + 17).to_bytes(2, "big") + bytes([0, 0, 0, 0, 0, 17]) + bytes(11) + bytes(range(17))
    rows, columns = (side.to_bytes(2, "big") for side in values.shape)
    frame = b"\xff\xc3\x00\x0b" + bytes([precision]) + rows + columns + b"\x01\x01\x11\x00"
    every = b"\xff\xdd\x00\x04" + (restart_rows * values.shape[1]).to_bytes(2, "big")
    scan = b"\xff\xda\x00\x08\x01\x01\x00" + bytes([selection, 0, shift])
    parts = np.split(differences, np.flatnonzero(first[1:, 0]) + 1)
    ends = [bytes([0xFF, 0xD0 + number % 8]) for number in range(len(parts) - 1)] + [b"\xff\xd9"]
    return b"\xff\xd8" + table + frame + every + scan + b"".join(
        _entropy_coded(part) + end for part, end in zip(parts, ends, strict=True)
    )  # fmt: skip


def _entropy_coded(differences):
    bits = []
    for difference in differences.ravel().tolist():
        size = abs(difference).bit_length()
        more = difference if difference > 0 else difference + (1 << size) - 1
        bits.append(f"{size:05b}" + (f"{more:0{size}b}" if 0 < size < 16 else ""))
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


def jpeg(selection, signed=False, bits=16, **how):
    def spoil(path):
        stored = (body_hu() + NOISE_HU + (0 if signed else 1024)).clip(0 if not signed else -2048).astype(np.int64)
        stream = lossless(stored % (1 << bits), selection, precision=bits, **how)
        intercept = 0 if signed else -1024
        encapsulated(JPEGLossless, stream, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=int(signed),
                     RescaleIntercept=intercept)(path)  # fmt: skip

    return spoil


def jpeg2000(bits, of_stream, of_header, intercept=0, syntax=JPEG2000Lossless, **how):
    """A picture whose stream and whose header each say whether it is signed."""

    def spoil(path):
        stored = (body_hu() + NOISE_HU - intercept).clip(-1024 if of_stream and not intercept else 0)
        stream = encode_array(stored.astype(np.int16 if of_stream else np.uint16), bits_stored=bits,
                              photometric_interpretation=2, use_mct=False, **how)  # fmt: skip
        encapsulated(syntax, stream, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=int(of_header),
                     RescaleIntercept=intercept)(path)  # fmt: skip

    return spoil


def near_lossless(path):
    stream = jpeg_ls.encode_array(pydicom.dcmread(path).pixel_array, lossy_error=3)
    encapsulated(JPEGLSNearLossless, bytes(stream))(path)


def one_frame(shared, syntax=ExplicitVRLittleEndian):
    def spoil(path):
        header = pydicom.dcmread(enhanced.enhanced(path, shared=shared))
        header.PerFrameFunctionalGroupsSequence = header.PerFrameFunctionalGroupsSequence[:1]
        header.NumberOfFrames, header.PixelData = 1, header.PixelData[: 2 * SHAPE[0] * SHAPE[1]]
        header.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(path, header, enforce_file_format=True)

    return spoil


def in_fragments(path):
    header = pydicom.dcmread(bad_inputs.compress(path, JPEGLosslessSV1))
    stream = next(pydicom.encaps.generate_frames(header.PixelData, number_of_frames=1))
    header.PixelData = pydicom.encaps.encapsulate([stream], fragments_per_frame=5, has_bot=False)
    header.save_as(path)


def with_element(*element):
    def spoil(path):
        header = pydicom.dcmread(path)
        header.add_new(*element)
        header.save_as(path)

    return spoil


def both(*spoils):
    return lambda path: [spoil(path) for spoil in spoils]


FORMS = {form for forms in write.STORED_AS.values() for form in forms}
STORED = {
    f"{form} in {pydicom.uid.UID(syntax).name}": (form, syntax) for form in FORMS for syntax in write.SYNTAX_SHARE
}
OTHERWISE = {
    f"{syntax} by GDCM": lambda path, syntax=syntax: bad_inputs.compress(path, syntax)
    for syntax in (JPEGLossless, JPEGLosslessSV1, JPEGLSLossless)
} | {
    "in fragments": in_fragments,
    **{f"lossless, predictor {number}": jpeg(number) for number in range(1, 8)},
    **{f"lossless with restarts, predictor {number}": jpeg(number, restart_rows=9) for number in range(1, 8)},
    "lossless, signed": jpeg(4, signed=True),
    "lossless, 12 bits, signed": jpeg(7, signed=True, bits=12),
    "lossless, its lowest bits left out": jpeg(7, bits=12, shift=2),
    **{f"JPEG 2000, {bits} bits, signed {by_stream}, {by_header}": jpeg2000(bits, by_stream, by_header)
       for bits in (12, 16) for by_stream in (True, False) for by_header in (True, False)},
    "JPEG 2000, signed, in an unsigned header": jpeg2000(13, True, False, intercept=-1024),
    "JPEG 2000, lossy": jpeg2000(16, True, True, syntax=JPEG2000, compression_ratios=[8]),
    "JPEG-LS, near lossless": near_lossless,
    "one frame of enhanced CT": one_frame(shared=True),
    "one frame that says all itself, implicit": one_frame(shared=False, syntax=ImplicitVRLittleEndian),
    "no frame is described": both(one_frame(True), bad_inputs.without("PerFrameFunctionalGroupsSequence")),
    "three frames": enhanced.enhanced,
    "a scout as a frame": both(one_frame(True), changed(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])),
    "letters that steer": changed(RescaleType="a\x1b[31mb"),
    "a number of 64 bits": with_element(0x00091002, "UV", 1),
    "a sequence that is none": both(
        with_element(0x00081140, "LO", "no sequence "),
        bad_inputs.replaced(b"LO\x0c\0no sequence ", b"SQ\0\0\x08\0\0\0sequence"),
    ),
    "slope with a fraction": changed(RescaleSlope="0.9765", RescaleIntercept="-1000.3"),
}  # fmt: skip


def made(folder):
    """Paths of all files, by name."""
    image_hu, paths = body_hu() + NOISE_HU, {}

    def new(name, spoil=lambda path: None, **how):
        path = folder / f"{len(paths)} {name.replace('/', ' ')}"
        bad_inputs.write(path, **how)
        spoil(path)
        paths[name] = path

    for name, (spoil, _) in (SLICES | FIT).items():
        if name not in LEFT_OUT and not name.startswith("NIfTI"):
            new(name, spoil)
    for turn in TURNS:
        new(turn, bad_inputs.turned(turn, (2.0, 1.6)), image_hu=body_hu(spacing_mm=(2.0, 1.6)), spacing_mm=(2.0, 1.6))
    for name, (form, syntax) in STORED.items():
        new(name, image_hu=image_hu, encoding=write.Encoding(*form, syntax))
    for name, spoil in OTHERWISE.items():
        new(name, spoil, image_hu=image_hu)
    return paths


def broken(folder, paths):
    """A file cut at many places and one with bytes changed, for each way in which its pixels are stored."""
    rng = np.random.default_rng(1)
    for name in ("supine", f"{JPEGLosslessSV1} by GDCM", f"{JPEGLSLossless} by GDCM", "lossless, signed",
                 "JPEG 2000, 16 bits, signed True, True", "one frame of enhanced CT"):  # fmt: skip
        content = paths[name].read_bytes()
        for number in range(CUTS):
            path = folder / f"cut {number} {name}"
            path.write_bytes(content[: len(content) * number // CUTS])
            yield path
        for number in range(FLIPS):
            changed, path = bytearray(content), folder / f"changed {number} {name}"
            for at in rng.integers(132, min(len(content), (2000, 10**9)[number % 2]), 4):
                changed[at] = rng.integers(256)
            path.write_bytes(changed)
            yield path


@pytest.fixture(scope="module")
def found(root, node, modules, scripts, tmp_path_factory):
    """What Node finds in each file, by its path, with its pixels."""
    folder = tmp_path_factory.mktemp("files")
    paths = made(folder)
    # Not committed, so not everywhere.
    shared = [path for name in ("bad_files", "real_ct") for path in (root.parent / "shared" / name).glob("*")]
    paths |= {
        path.name: path for path in shared if path.suffix in (".dcm", "") and path.name != "enhanced_two_phases.dcm"
    }
    every = [*paths.values(), *broken(folder, paths)]
    (folder / "files.json").write_text(json.dumps([str(path) for path in every]))
    command = [node, root / "tests" / "page" / "read.mjs", scripts, modules, folder]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    read = json.loads((folder / "found.json").read_text())
    for number, one in enumerate(read):
        if "refused" not in one:
            one["imageHu"] = np.fromfile(folder / f"{number}.hu", np.float32).reshape(one["rows"], one["columns"])
    return paths, dict(zip(every, read, strict=True))


def command(path):
    """The same by the command."""
    try:
        image = read_slice(path)
    except SarcoError as error:
        return {"refused": SAID_BY_A_LIBRARY.sub("", str(error))}
    masks = {"warnings": image.image_hu > 1e9, "measured": (image.image_hu >= -29) & (image.image_hu <= 150)}
    said = {name: checks.check(image.upright(), upright(mask, image.header)) for name, mask in masks.items()}
    return {"imageHu": image.image_hu, "spacingMm": list(image.spacing_mm), **said}


def test_every_file_is_read_or_refused_as_by_the_command(found):
    paths, read = found
    refused, told, wrong = 0, set(), {}
    for name, path in paths.items():
        here, there = read[path], command(path)
        if "refused" in there or "refused" in here:
            said = SAID_BY_A_LIBRARY.sub("", here.get("refused", ""))
            if said != there.get("refused"):
                wrong[name] = said, there.get("refused")
            refused += 1
            continue
        if not np.array_equal(here["imageHu"], there.pop("imageHu")):
            wrong[name] = "pixels"
        elif other := {key: (here[key], there[key]) for key in there if here[key] != there[key]}:
            wrong[name] = other
        told |= {sentence[:30] for sentence in there["measured"]}
    assert not wrong
    assert refused > 70 and len(paths) - refused > 90 and len(told) >= 15, (refused, len(paths), told)


def test_a_broken_file_gets_a_sentence_and_no_file_takes_long(found):
    paths, read = found
    for path, one in read.items():
        assert one["seconds"] < SECONDS, path
        if "refused" in one:
            assert one["expected"], (path, one["stack"])
            assert (
                one["refused"].startswith(f"{path}: ") and one["refused"].endswith(".") and "\n" not in one["refused"]
            )
            assert "undefined" not in one["refused"] and "null" not in one["refused"], one["refused"]
        else:
            assert np.isfinite(one["imageHu"]).all() and all(0.1 <= side <= 5 for side in one["spacingMm"])
    of_cuts = [one for path, one in read.items() if path.name.startswith("cut ") and path not in paths.values()]
    assert len(of_cuts) == 6 * CUTS and all("refused" in one for one in of_cuts)


def test_no_sentence_is_typed_twice(root):
    """A sentence that the page uses and no source has stops the build."""
    scripts = "".join(path.read_text() for path in (root / "workflow" / "page").glob("*.js"))
    assert len(set(re.findall(r"\bsay\.(\w+)", scripts))) > 40
    for words in ("export the", "export it", "not a DICOM file", "The slice may", "areas may be"):
        assert words not in scripts
