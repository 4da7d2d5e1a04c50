"""Throw mutated files at the readers: DICOM, enhanced CT and NIfTI as slices, PNG, NumPy, NIfTI and SEG as masks.

    pip install atheris && python tests/fuzz.py FOLDER 10000

Every file must be read, or refused by a SarcoError of one line, within 5 s and 1 GiB, and leave all files of a result
or none. atheris guides the mutations by the lines of pydicom, nibabel and sarco that they reach; what breaks a rule is
left in FOLDER. `tests/ct/test_fuzz.py` does a short run without it, and tries again all that was ever found.
"""

import shutil
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np

SECONDS, MIB = 5, 1024
ALL_OF = 8  # one readable slice of so many goes all the way to its results
SIDE, SPACING_MM = 64, (4.0, 4.0)
LARGEST = 40_000  # bytes of a seed


def seeds(folder):
    """Small good files of every kind, and the corpus of bad ones: list of bytes."""
    import bad_inputs
    import nibabel as nib
    import test_enhanced
    from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

    from sarco.ct import dicom
    from sarco.ct.write import Encoding

    image_hu = bad_inputs.body_hu((SIDE, SIDE), SPACING_MM)
    muscle = bad_inputs.disc(50, (SIDE, SIDE), SPACING_MM)
    path, found = folder / "slice.dcm", []
    for syntax in (RLELossless, JPEGLSLossless, JPEG2000Lossless, Encoding().syntax):
        bad_inputs.write(path, image_hu, SPACING_MM, encoding=Encoding(syntax=syntax))
        found.append(path.read_bytes())
    other = folder / "other"
    bad_inputs.write(other, image_hu, SPACING_MM)
    bad_inputs.deflated(lambda there: (lambda p: p.compress(there) + p.flush())(zlib.compressobj(wbits=-15)))(other)
    found.append(other.read_bytes())
    header = dicom.read_slice(path).header
    found.append(bad_inputs.seg.encode(muscle, header))
    for values, affine in (
        (image_hu, np.diag([-4.0, -4, 5, 1])),
        (muscle, dicom.read_slice(path).affine),
    ):
        image = nib.Nifti1Image(values.T[..., None].astype(np.int16), affine)
        found += [image.to_bytes(), bad_inputs.gzip.compress(image.to_bytes())]
    for save in (bad_inputs.png(muscle), bad_inputs.npy(muscle), bad_inputs.npz(mask=muscle)):
        save(other, path)
        found.append(other.read_bytes())
    found.append(test_enhanced.enhanced(folder / "enhanced", syntax=JPEG2000Lossless).read_bytes())
    for spoil, _ in bad_inputs.SLICES.values():
        bad_inputs.write(other)
        spoil(other)
        if other.is_file() and other.stat().st_size < LARGEST:
            found.append(other.read_bytes())
        shutil.rmtree(other) if other.is_dir() else other.unlink(missing_ok=True)
    return [data for data in found if data]


def mutate(data, rng):
    """A file with some bytes changed, taken out, doubled or cut."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(0, len(data) + 1) if rng.random() < 0.3 else rng.integers(0, min(len(data), 1500) + 1))
        size = int(rng.integers(1, 1 + int(rng.choice([1, 2, 4, 8, 100]))))
        way = rng.integers(0, 6)
        if way == 0:
            data[at : at + size] = rng.bytes(size)
        elif way == 1:
            data[at : at + size] = int(rng.choice([0, 1, 2**31 - 1, 2**32 - 1, 65535])).to_bytes(4, "little")
        elif way == 2:
            del data[at : at + size]
        elif way == 3:
            data[at:at] = data[at : at + size]
        elif way == 4 and at < len(data):
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif rng.random() < 0.2:
            del data[at:]
    return bytes(data)


class Target:
    """Reads files as the commands do, and raises where a rule is broken."""

    def __init__(self, folder):
        import bad_inputs

        from sarco.ct import dicom
        from sarco.slice_tool import output, picture, segmentation

        self.tool, self.output, self.folder = segmentation, output, folder
        self.slice = dicom.read_slice(
            bad_inputs.write(folder / "good.dcm", bad_inputs.body_hu((SIDE, SIDE), SPACING_MM), SPACING_MM)
        )
        picture.overlay_png = lambda found: b""  # slow, and of no file

    def __call__(self, data):
        path = self.folder / "file"
        path.write_bytes(data)
        number = 1 + zlib.crc32(data) % 3
        for read in (self._slice, self._mask):
            try:
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    read(path, data, number if number < 3 else None)
                if said:
                    raise AssertionError(f"a warning that nobody can act on: {said[0].message}")
            except self.tool.SarcoError as error:
                if "\n" in str(error) or not str(error).endswith("."):
                    raise AssertionError(f"not one sentence: {error!r}") from error

    def _slice(self, path, data, number):
        found = self.tool.read_slice(path, number)
        if not np.isfinite(found.image_hu).all() or not all(0.1 <= side <= 5 for side in found.spacing_mm):
            raise AssertionError("a slice of no meaning was let through")
        if zlib.adler32(data) % ALL_OF:
            return
        out = self.folder / "out"
        mask = (found.image_hu > -29) & (found.image_hu < 150)
        try:
            self.output.write(self.tool.measure(path, mask, number=number), out)
        finally:
            left = {file.name for file in out.iterdir()} if out.exists() else set()
            shutil.rmtree(out, ignore_errors=True)
        whole = {f"file{end}" for end in self.output.ENDS}
        if left not in (set(), whole, whole - {"file_seg.dcm"}):
            raise AssertionError(f"half of a result was left: {left}")

    def _mask(self, path, data, number):
        mask = self.tool.read_mask(path, self.slice)
        if mask.dtype != bool or mask.shape != self.slice.image_hu.shape:
            raise AssertionError("a mask of another grid was let through")


def main(folder, runs):
    import atheris

    with atheris.instrument_imports(include=["pydicom", "nibabel", "sarco.ct"]):
        import nibabel
        import pydicom

        import sarco.ct.masks
        import sarco.ct.nifti  # noqa: F401
    folder.mkdir(parents=True, exist_ok=True)
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        for number, data in enumerate(seeds(Path(work))):
            (corpus / f"seed-{number:03d}").write_bytes(data)
        target = Target(Path(work))

        def one(data):
            """What breaks a rule is kept, and the run goes on."""
            (folder / "last").write_bytes(data)  # of a crash or a hang this is what remains
            try:
                target(data)
            except Exception as error:
                name = f"found-{type(error).__name__}-{zlib.crc32(data):08x}"
                (folder / name).write_bytes(data)
                print(f"{name}: {str(error)[:160]}", file=sys.stderr)

        atheris.Setup(
            [sys.argv[0], f"-runs={runs}", f"-timeout={SECONDS}", f"-rss_limit_mb={MIB}", f"-max_len={LARGEST}",
             f"-artifact_prefix={folder}/found-", "-print_final_stats=1", "-len_control=0", str(corpus)],
            one, enable_python_coverage=True,
        )  # fmt: skip
        print(f"pydicom {pydicom.__version__}, nibabel {nibabel.__version__}")
        atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]))
