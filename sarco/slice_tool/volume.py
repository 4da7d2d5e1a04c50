"""A series or a volume in: which of its slices lies nearest to the middle of L3, for `sarco segment --slice auto`.

The student looks at slices all along the spine, each is given a level (`sarco.ct.level`), and one line through these
says where mid-L3 lies. That is a proposal, by a network that saw synthetic slices only: there is a sheet of pictures to
look at, and what is not sure is not measured.
"""

import gzip
import io
import shutil
import tempfile
import zlib
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..base.errors import SarcoError, quietly, short
from ..base.files import atomic, below, shown
from ..base.threads import each
from ..ct import dicom, level, masks, tissues
from ..ct.geometry import Slice, is_axial
from ..ct.header import numbers
from . import output, picture
from .numbers import counted
from .reading import read_slice

AUTO = "auto"
COARSE_MM, FINE_MM = 10.0, 2.5  # how far apart slices are looked at: all along, and within a vertebra of mid-L3
COVER = 0.75  # vertebrae to either side of mid-L3 that a volume must show
LEAST = 5  # slices that show a vertebra
SAME_MM = 0.01
SHEET, SHEET_MM = 5, 9.0  # slices on the sheet, and how far apart at least: a quarter of a vertebra
SERIES = ("SOPClassUID", "Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription",
          "ImagePositionPatient", "ImageOrientationPatient")  # fmt: skip


@dataclass(frozen=True)
class Place:
    """One slice of a volume: its file, its number there, from 1 at the feet, and how far up it lies, in mm."""

    path: Path
    number: int | None
    up_mm: float


@dataclass(frozen=True)
class Proposal:
    """The slice that seems nearest to mid-L3.

    Attributes
    ----------
    places : list of Place
        All slices, from the feet.
    at : int
        Which of them is proposed, from 0.
    line : sarco.ct.level.Line
    half_mm : float
        Half of the 95 % interval of where mid-L3 lies, as phantoms showed it.
    images : dict of int to sarco.ct.geometry.Slice
        Upright, those of the sheet, by their place.
    why_not : str
        What makes it unfit to be measured unseen; empty where nothing does.
    sheet_name : str
        File of the sheet, where one was written.
    """

    places: list[Place]
    at: int
    line: level.Line
    half_mm: float
    images: dict[int, Slice] = field(repr=False)
    why_not: str = ""
    sheet_name: str = ""

    @property
    def place(self):
        """The slice proposed."""
        return self.places[self.at]

    @property
    def told(self):
        """What a reader of the numbers must know: a sentence."""
        where = f" in {self.sheet_name}" if self.sheet_name else ""
        return (
            f"This slice, {self.at + 1} of {len(self.places)} from the feet, is the nearest to the middle of L3, give "
            f"or take {self.half_mm:.0f} mm ({counted(self.half_slices, 'slice')}), as a network proposes that saw "
            f"synthetic slices only: look at it and at those around it{where} before you trust the numbers."
        )

    @property
    def half_slices(self):
        """How many slices lie within `half_mm` of the proposed one, on the side that has more."""
        up_mm = np.array([place.up_mm for place in self.places]) - self.place.up_mm
        return int(max(((way * up_mm > 0) & (way * up_mm <= self.half_mm)).sum() for way in (1, -1)))

    def sheet(self):
        """The slices around the proposed one as a PNG, bytes, the highest first, each with its place and number."""
        tiles = []
        for at, image in sorted(self.images.items(), reverse=True):
            place, up_mm = self.places[at], self.places[at].up_mm - self.place.up_mm
            told = [f"{abs(up_mm):.0f} mm {'above' if up_mm > 0 else 'below'}" if at != self.at else "proposed",
                    f"{at + 1} of {len(self.places)} from the feet"]  # fmt: skip
            tiles.append((image, told if place.number else [*told, shown(place.path.name)], at == self.at))
        return picture.sheet_png(tiles)


def choose(paths, out, segmenter, phase=None):
    """Propose a slice (`propose`) and write OUT/NAME_level.png, the sheet around it; the `Proposal` if it is sure.

    SarcoError where it is not: it names the sheet, and what to do. Or where `paths` are several.
    """
    path = paths[0]
    if len(paths) > 1:
        raise SarcoError(f"{path}: and {len(paths) - 1} more, where --slice auto wants one series or volume; name one.")
    if Path(out).resolve() == path.resolve():
        raise SarcoError(f"{out}: results would lie among the slices; choose another folder for them.")
    found = propose(path, segmenter, phase, leave=[out])
    sheet = Path(out) / f"{output.file_name(found.place.path)}_level.png"
    if sheet.exists() and not output.ours(sheet):
        raise SarcoError(f"{sheet}: not as this command wrote it, and it would be replaced; choose another folder.")
    try:
        with atomic(sheet) as beside:
            beside.write_bytes(found.sheet())
    except OSError as error:
        raise SarcoError(f"{out}: cannot be written to ({error.strerror}); choose another folder.") from error
    if found.why_not:
        how = "the number to --slice" if found.place.number else "the file of its slice"
        raise SarcoError(f"{path}: {found.why_not}; look at {sheet} and, if one of it is at L3, give {how}.")
    return replace(found, sheet_name=sheet.name)


def sure(path, segmenter, phase=None):
    """The `Proposal` of a slice, without a sheet; SarcoError where it is not sure."""
    found = propose(path, segmenter, phase)
    if found.why_not:
        raise SarcoError(f"{path}: {found.why_not}; 'sarco segment --slice auto' draws slices to choose from.")
    return found


def propose(path, segmenter, phase=None, leave=()):
    """Find the slice nearest to the middle of L3: `Proposal`.

    Parameters
    ----------
    path : str or Path
        A folder that holds the DICOM slices of one series, a NIfTI volume or an enhanced CT.
    segmenter : sarco.slice_tool.segmentation.Segmenter
        Its student looks.
    phase : int, optional
        Of an enhanced CT.
    leave : sequence of Path
        Folders in it that do not count.

    Raises
    ------
    SarcoError
        It is no such thing, or holds several series, too few slices or none with a vertebra; or the weights have no
        student that tells levels.
    """
    from tqdm import tqdm

    path, model, student, levels = Path(path), segmenter.level_model, segmenter.student, {}
    if model is None:
        raise SarcoError(f"{segmenter.weights}: has no student that tells levels; choose the slice yourself.")
    places = _series(path, leave) if path.is_dir() else _of_file(path, phase)
    up_mm = np.array([place.up_mm for place in places])
    middle = places[len(places) // 2]
    read_slice(middle.path, middle.number, phase)  # what is wrong with all of them is said
    with _quick_to_read(path) as file:

        def read(at):
            place = places[at]
            return read_slice(file if place.number else place.path, place.number, phase).upright()

        def look(at):
            try:
                image = read(at)
            except SarcoError:  # above or below the body, or broken
                return at, None
            return at, model(level.seen(tissues.outputs(image.image_hu, image.spacing_mm, student), student))

        def line(chosen):
            new = [at for at in chosen if at not in levels]
            with each(look, new) as results:
                levels.update(tqdm(results, "levels", len(new), unit="slice", leave=False, disable=None))
            known = [at for at, found in sorted(levels.items()) if found]
            if len(known) < LEAST:
                raise SarcoError(f"{path}: the student finds a vertebra in {len(known)} of the {len(levels)} slices "
                                 "looked at; choose the slice yourself, or give another series.")  # fmt: skip
            return level.fit_line(up_mm[known], [levels[at].vertebrae for at in known])

        first = _apart(up_mm, range(len(places)), COARSE_MM)
        best = line(first if len(first) > 2 * LEAST else range(len(places)))
        near = np.flatnonzero(np.abs(up_mm - best.at_mm) < best.vertebra_mm)
        best = line(_apart(up_mm, near, FINE_MM))
        at = int(np.abs(up_mm - best.at_mm).argmin())
        images = {at: read(at)}
        for one in _around(up_mm, at):
            with suppress(SarcoError):  # one that cannot be read is not on the sheet
                images[one] = read(one)
    return Proposal(places, at, best, model.line_half * best.vertebra_mm, images, _why_not(best, up_mm[at], model))


def _why_not(line, up_mm, model):
    """What makes a proposal unfit to be measured unseen; empty where nothing does."""
    if min(line.above, line.below) < COVER:
        way = "above" if line.above < line.below else "below"
        return f"it may not hold L3, for what looks like its middle has too few slices {way} it"
    if line.off > model.line_off:
        return (f"the levels of its slices contradict each other ({line.off:.2f} vertebrae off a line, where phantoms "
                f"have {model.line_off:.2f} at most)")  # fmt: skip
    if abs(up_mm - line.at_mm) > level.HALF_VERTEBRA * line.vertebra_mm:
        return f"no slice lies within {abs(up_mm - line.at_mm):.0f} mm of what looks like the middle of L3"
    return ""


def _apart(up_mm, chosen, least_mm):
    """Of some slices from the feet, those that lie at least so far from each other."""
    kept = []
    for at in chosen:
        if not kept or up_mm[at] - up_mm[kept[-1]] > least_mm - SAME_MM:
            kept.append(int(at))
    return kept


def _around(up_mm, at):
    """The slices of the sheet: the one at `at`, and as many above and below it that are not too near each other."""
    half = SHEET // 2
    above = _apart(up_mm, range(at, len(up_mm)), SHEET_MM)[: half + 1]
    below_ = _apart(-up_mm, range(at, -1, -1), SHEET_MM)[: half + 1]
    return sorted({*above, *below_})


# --- which slices there are -------------------------------------------------------------------------------------------


def _series(folder, leave):
    """The slices of the one series in a folder, from the feet; scout views and all that is no slice are left out."""
    series = defaultdict(list)
    for path in below(folder, leave):
        try:
            with quietly():
                header = dicom.parse(path, stop_before_pixels=True, specific_tags=list(SERIES))
        except Exception:  # no DICOM, or broken, which fails anywhere
            continue
        orientation, position = (numbers(header, f"Image{what}Patient") for what in ("Orientation", "Position"))
        scout = "LOCALIZER" in (header.get("ImageType") or ())
        if header.get("Modality") == "CT" and not scout and is_axial(orientation) and position and len(position) == 3:
            normal = np.cross(orientation[:3], orientation[3:])
            up_mm = float(normal @ position) * np.sign(normal[2])
            series[str(header.get("SeriesInstanceUID"))].append((Place(path, None, up_mm), header))
    if not series:
        raise SarcoError(f"{folder}: holds no axial CT slices in DICOM that say where they lie; name the folder of one "
                         "series, or one file that holds a volume.")  # fmt: skip
    if len(series) > 1:
        said = ", ".join(
            f"{short(slices[0][1].get('SeriesNumber'))} {short(slices[0][1].get('SeriesDescription') or 'unnamed')} of "
            f"{counted(len(slices), 'slice')}" for slices in series.values()
        )  # fmt: skip
        raise SarcoError(f"{folder}: {len(series)} series ({said}); put one into a folder of its own, and name that.")
    (slices,) = series.values()
    places = sorted((place for place, _ in slices), key=lambda place: place.up_mm)
    if np.diff([place.up_mm for place in places]).min(initial=np.inf) < SAME_MM:
        raise SarcoError(f"{folder}: several slices lie at one place, as phases do; put those of one into a folder.")
    return places


def _of_file(path, phase):
    """The slices of a NIfTI volume or an enhanced CT, from the feet."""
    if masks.kind_of(path) == "nifti":
        from ..ct import nifti  # which loads nibabel

        up_mm = nifti.places_mm(path)
    else:
        up_mm = dicom.places_mm(path, phase)
    return [Place(path, number, up) for number, up in enumerate(up_mm, 1)]


@contextmanager
def _quick_to_read(path):
    """The file itself; of one that is packed, a copy that is not, for each slice would unpack it anew."""
    with path.open("rb") if path.is_file() else io.BytesIO() as file:
        if file.read(2) != b"\x1f\x8b":
            yield path
            return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "volume.nii"
        try:
            with gzip.open(path) as packed, copy.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        except (OSError, EOFError, zlib.error) as error:
            raise SarcoError(f"{path}: cannot be unpacked ({error}); write it again.") from error
        yield copy
