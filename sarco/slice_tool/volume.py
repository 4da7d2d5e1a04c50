"""A series or a volume in: which of its slices lies nearest to the middle of L3, for `sarco segment --slice auto`.

The student looks at slices all along the spine, each is given a level (`sarco.ct.level`), and one line through these
says where mid-L3 lies. That is a proposal, by a network that saw synthetic slices only: there is a sheet of pictures to
look at, and what is not sure is not measured.
"""

from collections import Counter, defaultdict
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from ..base.errors import SarcoError, quietly, short
from ..base.files import atomic, below, content_sha256, shown
from ..base.threads import each
from ..ct import dicom, frames, level, masks, tissues
from ..ct.geometry import Slice, is_axial
from ..ct.header import numbers, value
from . import output, picture
from .numbers import counted
from .reading import of_nifti, whole

SHEET, SHEET_MM = 5, 9.0  # slices on the sheet, and how far apart at least: a quarter of a vertebra
# What differs between two patients, acquisitions or reconstructions.
APART = ("FrameOfReferenceUID", "AcquisitionNumber", "ContrastBolusAgent", "ConvolutionKernel")
SERIES = ("SOPClassUID", "Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription",
          "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", *APART)  # fmt: skip


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
        How near mid-L3 is in 95 of 100 volumes, as phantoms showed it.
    images : dict of int to sarco.ct.geometry.Slice
        Upright, those of the sheet, by their place.
    why_not : str
        What makes it unfit to be measured unseen; empty where nothing does.
    unread : str
        How many slices could not be read, and why the first; empty where all could.
    sheet_name : str
        File of the sheet, where one was written.
    """

    places: list[Place]
    at: int
    line: level.Line
    half_mm: float
    images: dict[int, Slice] = field(repr=False)
    why_not: str = ""
    unread: str = ""
    sheet_name: str = ""

    @property
    def place(self):
        """The slice proposed."""
        return self.places[self.at]

    @property
    def told(self):
        """What a reader of the numbers must know: sentences."""
        where = f" in {self.sheet_name}" if self.sheet_name else ""
        unread = f" {self.unread}." if self.unread else ""
        return (
            f"This slice, {self._number(self.at)}, is the nearest to the middle of L3, give or take {self.half_mm:.0f} "
            "mm, as a network proposes that saw synthetic slices only: look at it and at those around it"
            f"{where} before you trust the numbers.{unread}"
        )

    @property
    def block(self):
        """As JSON has it."""
        return {"slice": self.place.number, "of": len(self.places), "half_mm": self.half_mm,
                "sheet": self.sheet_name or None}  # fmt: skip

    def _number(self, at):
        """A slice by the number to give to --slice, or by its file where that is none."""
        place, count = self.places[at], len(self.places)
        return f"{place.number} of {count} from the feet" if place.number else f"one of {count} in its series"

    def sheet(self):
        """The slices around the proposed one as a PNG, bytes, the highest first, each with its place and number."""
        tiles = []
        for at, image in sorted(self.images.items(), reverse=True):
            place, up_mm = self.places[at], self.places[at].up_mm - self.place.up_mm
            told = [f"{abs(up_mm):.0f} mm {'above' if up_mm > 0 else 'below'}" if at != self.at else "proposed",
                    self._number(at) if place.number else shown(place.path.name)]  # fmt: skip
            tiles.append((image, told, at == self.at))
        return picture.sheet_png(tiles)


def choose(paths, out, segmenter, phase=None):
    """Propose a slice (`propose`) and write OUT/NAME_level.png, the sheet around it; the `Proposal` if it is sure.

    SarcoError where it is not: it names the sheet, and what to do. Or where `paths` are several, or results of another
    slice lie where those of this one would.
    """
    path = paths[0]
    if len(paths) > 1:
        raise SarcoError(f"{path}: and {len(paths) - 1} more, where --slice auto wants one series or volume; name one.")
    if Path(out).resolve() == path.resolve():
        raise SarcoError(f"{out}: results would lie among the slices; choose another folder for them.")
    found = propose(path, segmenter, phase, leave=[out])
    target = Path(out) / output.file_name(found.place.path)
    output.refuse_other(target, found.place.path, content_sha256(found.place.path))
    sheet = Path(f"{target}_level.png")
    if sheet.exists() and not output.ours(sheet):
        raise SarcoError(f"{sheet}: not as this command wrote it, and it would be replaced; choose another folder.")
    try:
        with atomic(sheet) as beside:
            beside.write_bytes(found.sheet())
    except OSError as error:
        raise SarcoError(f"{out}: cannot be written to ({error.strerror}); choose another folder.") from error
    if found.why_not:
        how = "the number to --slice" if found.place.number else "the file of its slice"
        raise SarcoError(
            f"{path}: {_said(found.why_not, found.unread)}; look at {sheet} and, if one of it is at L3, give {how}."
        )
    return replace(found, sheet_name=sheet.name)


def sure(path, segmenter, phase=None):
    """The `Proposal` of a slice, without a sheet; SarcoError where it is not sure."""
    found = propose(path, segmenter, phase)
    if found.why_not:
        raise SarcoError(
            f"{path}: {_said(found.why_not, found.unread)}; 'sarco segment --slice auto' draws slices to choose from."
        )
    return found


def _said(*whys):
    return "; ".join(filter(None, whys))


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

    path, model, student, failed = Path(path), segmenter.level_model, segmenter.student, {}
    if model is None or model.half_mm is None:
        raise SarcoError(f"{segmenter.weights}: has no student that finds L3; choose the slice yourself.")
    with _opened(path, whole("phase", phase), leave) as (places, read):
        up_mm = np.array([place.up_mm for place in places])
        if len(places) < level.LEAST:
            raise SarcoError(f"{path}: holds {counted(len(places), 'slice')}; {level.LEAST} are wanted to find L3, so "
                             "choose the slice yourself, or give the whole series.")  # fmt: skip
        _try_some(read, len(places))

        def look(at):
            try:
                image = read(at).upright()
            except SarcoError as error:  # above or below the body, or broken
                failed[at] = error
                return at, None
            return at, model(level.seen(tissues.outputs(image.image_hu, image.spacing_mm, student), student))

        def look_at(chosen):
            with each(look, chosen) as results:
                yield from tqdm(results, "levels", len(chosen), unit="slice", leave=False, disable=None)

        line, levels = level.find(up_mm, look_at)
        unread = f"{len(failed)} of the {len(levels)} slices looked at could not be read (first: {failed[min(failed)]}"\
            .rstrip(".") + ")" if failed else ""  # fmt: skip
        if line is None:
            seen = sum(found is not None for found in levels.values())
            why = f"the student finds a vertebra in {seen} of the {len(levels)} slices looked at"
            raise SarcoError(f"{path}: {_said(why, unread)}; choose the slice yourself, or give another series.")
        at = int(np.abs(up_mm - line.at_mm).argmin())
        images = {at: read(at).upright()}
        for one in _around(up_mm, at):
            with suppress(SarcoError):  # one that cannot be read is not on the sheet
                images[one] = read(one).upright()
    return Proposal(places, at, line, model.half_mm, images, line.why_not(up_mm[at], model.most_off), unread)


def _try_some(read, count):
    """Read three slices from the middle on, until one can be: what is wrong with all of them is said."""
    first = None
    for at in (count // 2, count // 4, 3 * count // 4):
        try:
            read(at)
            return
        except SarcoError as error:
            first = first or error
    raise first


def _around(up_mm, at):
    """The slices of the sheet: the one at `at`, and as many above and below it that are not too near each other."""
    half = SHEET // 2
    above = level.apart(up_mm, range(at, len(up_mm)), SHEET_MM)[: half + 1]
    below_ = level.apart(-up_mm, range(at, -1, -1), SHEET_MM)[: half + 1]
    return sorted({*above, *below_})


# --- which slices there are -------------------------------------------------------------------------------------------


@contextmanager
def _opened(path, phase, leave):
    """The slices from the feet, a list of `Place`, and a function that reads one by its number in it, from 0."""
    if path.is_dir():
        places = _series(path, leave)
        yield places, lambda at: dicom.read_slice(places[at].path, None, phase)
        return
    nifti = masks.kind_of(path) == "nifti"
    with of_nifti(path, phase).volume(path) if nifti else nullcontext(dicom.volume(path, phase)) as (up_mm, read):
        yield [Place(path, number, up) for number, up in enumerate(up_mm, 1)], lambda at: read(at + 1)


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
            f"{counted(len(slices), 'slice')} in {shown(slices[0][0].path.parent)}" for slices in series.values()
        )  # fmt: skip
        raise SarcoError(f"{folder}: {len(series)} series ({said}); put one into a folder of its own, and name that.")
    (slices,) = series.values()
    slices.sort(key=lambda one: one[0].up_mm)
    _refuse_mixed(folder, slices)
    return [place for place, _ in slices]


def _refuse_mixed(folder, slices):
    """Refuse a series that holds two: `slices` are places and headers, from the feet."""
    advice = "put those of one into a folder of their own, and name that"
    places, headers = zip(*slices, strict=True)
    gaps_mm = np.diff([place.up_mm for place in places])
    if gaps_mm.min(initial=np.inf) < level.SAME_MM:
        at = gaps_mm.argmin()
        twins = [shown(place.path.relative_to(folder)) for place in places[at : at + 2]]
        raise SarcoError(f"{folder}: {' and '.join(twins)} lie at one place, as two phases or copies do; {advice}.")
    if frames.by_turns(gaps_mm):
        raise SarcoError(f"{folder}: its slices lie {gaps_mm.min():g} and {gaps_mm.max():g} mm apart by turns, as two "
                         f"acquisitions in one; {advice}.")  # fmt: skip
    for name in APART:
        # Of one acquisition after another each has a place of its own: it comes up once.
        runs = [said for said, _ in groupby(str(value(header, name)) for header in headers)]
        if len(runs) > len({*runs}):
            raise SarcoError(f"{folder}: slices of several {name} ({', '.join(sorted(map(short, {*runs})))}) lie among "
                             f"each other; {advice}.")  # fmt: skip
    given = [number for header in headers if (number := value(header, "InstanceNumber")) is not None]
    again = next((number for number, count in Counter(given).items() if count > 1), None)
    if again is not None:
        raise SarcoError(f"{folder}: several slices have the InstanceNumber {again}, as those of two acquisitions do; "
                         f"{advice}.")  # fmt: skip
