"""Two slices of one person, on two dates: what changed, how sure that is, and whether repeats differ by as much.

Areas are compared as found: what a mean error has in common on both days cancels.
"""

import datetime
import json
import math
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from html import escape
from pathlib import Path

import numpy as np

from ..base.errors import SarcoError, short
from ..base.files import atomic, content_sha256, shown
from ..ct import tissues as names
from ..ct.geometry import affine_of
from ..ct.header import number as number_in
from ..ct.header import value
from ..engines import choose as engines
from ..evidence import published_changes as published
from ..evidence.repeatability import MEANING, MUSCLE, SHARE, Repeat
from . import numbers, output, page, picture, segmentation
from .reading import read_slice
from .segmentation import AnyPath, Segmentation

MORE, WITHIN = "more than repeats differ by", "within what repeats differ by"
SAME, NOT_KNOWN = "the same slice", "not known"
UNITS = {"area_cm2": "cm²", "mean_hu": "HU"}
# From where on two slices are told to differ: half a vertebra, and what shows in the edges of a muscle.
LEVEL_APART, THICKNESS_RATIO, PIXEL_RATIO, KV_APART = 0.5, 1.5, 1.2, 0.5
NO_AGENT = ("none", "no", "non", "without", "-")  # first words of a contrast agent that was not given
DATES = ("AcquisitionDateTime", "AcquisitionDate", "SeriesDate", "StudyDate")  # the first that both have
HEADINGS = ("first", "second", "change", "95 % interval", "repeats", "change is")
OTHER_AREAS = "no interval of a change, for repeats were learned on no such area"
NO_REPEATS = "repeats.csv: not there or of other networks, so no interval of a change; run 'sarco repeats'."


@dataclass(frozen=True)
class Change:
    """One number in both slices.

    Attributes
    ----------
    tissue, side : str
        "muscle" as a whole, or as of `sarco.slice_tool.tissue.Tissue`.
    what : str
        "area_cm2" or "mean_hu".
    first, second : float or None
        As found; None where it was not.
    repeat : sarco.evidence.repeatability.Repeat or None
        How sure a change is, and what repeats differ by; None where it is not known.
    same : bool
        It is one and the same slice.
    """

    tissue: str
    side: str
    what: str
    first: float | None
    second: float | None
    repeat: Repeat | None = None
    same: bool = False

    @property
    def change(self) -> float | None:
        """Second minus first."""
        return None if self.first is None or self.second is None else self.second - self.first

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the change in these two slices; None where it is not known, and for one and the same."""
        if self.change is None or self.repeat is None or self.same:
            return None
        return self.change - self.repeat.half, self.change + self.repeat.half

    @property
    def verdict(self) -> str:
        """In words: `MORE`, `WITHIN`, `SAME` or `NOT_KNOWN`."""
        if self.same:
            return SAME
        if self.change is None or self.repeat is None:
            return NOT_KNOWN
        return MORE if abs(self.change) > self.repeat.band else WITHIN


@dataclass(frozen=True, eq=False)
class FollowUp:
    """What changed between two slices: `changes`, the muscle as a whole first, and `warnings` about both of them.

    `days` lie between their dates, fewer than none where the second was acquired first, None where a date is missing;
    `same` says that they are one and the same slice.
    """

    first: Segmentation
    second: Segmentation
    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()
    days: int | None = None
    same: bool = False
    digest: str = field(
        default="", repr=False
    )  # of both files and which slice in each, "-", and how they were measured


def compare(first: AnyPath, second: AnyPath, weights: AnyPath | None = None, results: AnyPath | None = None, *,
            quick: bool = False, engine: str = engines.AUTO, tissues: bool = False,
            slices: tuple[int | None, int | None] = (None, None),
            phases: tuple[int | None, int | None] = (None, None)) -> FollowUp:  # fmt: skip
    """Find the muscle in two slices of one person by the same networks, and say what changed.

    Parameters
    ----------
    first, second : str or Path
        Axial CT slices at L3, DICOM or NIfTI, in the order of their dates.
    weights, results, quick, engine, tissues
        See `sarco.slice_tool.segmentation.Segmenter`.
    slices, phases : tuple of int or None
        Of the first and of the second, where they are volumes: as number and phase of `sarco.segment`.

    Returns
    -------
    FollowUp

    Raises
    ------
    SarcoError
        A file is not a readable CT slice, or the weights are missing or broken.
    """
    paths, ends = (Path(first), Path(second)), ("first", "second")
    images = [_read(*one) for one in zip(paths, slices, phases, ends, strict=True)]
    segmenter = segmentation.Segmenter(weights, results, quick, engine, tissues=tissues)
    one, other = images
    one, other = (image.upright() for image in images)  # a NIfTI volume has another grid
    same = np.allclose(one.spacing_mm, other.spacing_mm) and np.array_equal(one.image_hu, other.image_hu)
    found, again = (segmenter.segment(image) for image in images)
    known = segmenter.repeats
    changes = tuple(_changes(found, again, known, same))
    days = _days(found.header, again.header)
    told = [] if known else [f"{segmenter.results}/{NO_REPEATS}"]
    told += _own(found, again) + ([] if same else [*_unlike(changes, known), *_apart(found, again, days)])
    of_files = sha256(repr([*map(content_sha256, paths), slices, phases]).encode()).hexdigest()
    digest = f"{of_files}{'-quick' * quick}{'-tissues' * tissues}"
    return FollowUp(found, again, changes, tuple(told), days, same, digest)


def _read(path, number, phase, which):
    try:
        return read_slice(path, number, phase)
    except SarcoError as error:  # which names the options of the other commands
        told = str(error).replace("--slice", f"--slice-{which}").replace("--phase", f"--phase-{which}")
        raise SarcoError(told) from None


def _changes(first, second, known, same):
    parts = {(one.name, one.side): one for one in (*first.tissues, *second.tissues)}
    order = sorted(parts, key=lambda part: (names.MEASURED.index(part[0]), ("", *names.SIDES).index(part[1])))
    pairs = [(MUSCLE, "", first, second)]
    # Whose student parts these slices is known by the correction of its areas.
    pairs += [(*part, *(found.tissue(*part) for found in (first, second))) for part in order]
    for name, side, *both in pairs:
        repeats = known.get(names.called(name, side), {}) if name == MUSCLE or parts[name, side].correction else {}
        areas_cm2 = [getattr(one, "area_cm2", None) for one in both]
        for what in UNITS:
            repeat = repeats.get(what)
            values = (getattr(one, what, None) for one in both)
            yield Change(name, side, what, *values, repeat if repeat and repeat.knows(*areas_cm2) else None, same)


def _unlike(changes, known):
    """Which parts have no interval although such a part has: a sentence, or none."""
    of_areas = (one for one in changes if one.what == "area_cm2" and one.repeat is None)
    unlike = [name for one in of_areas if (name := names.called(one.tissue, one.side)) in known]
    return [f"{', '.join(unlike).capitalize()}: {OTHER_AREAS}."] if unlike else []


def _own(first, second):
    """What there is to say of each slice, with its name."""
    both = [one for one in first.warnings if one in second.warnings]
    told = [f"Both slices: {one}" for one in both]
    for which, found in (("First", first), ("Second", second)):
        told += [f"{which} slice ({shown(found.path.name)}): {one}" for one in found.warnings if one not in both]
    return told


# --- what the two do not share --------------------------------------------------------------------


def _text(header, name):
    """A value of a header as one line that can be printed; None where the header does not say."""
    found = value(header, name)
    words = "\\".join(map(str, found)) if isinstance(found, list | tuple) or hasattr(found, "append") else str(found)
    line = "".join(sign if sign.isprintable() else "?" for sign in " ".join(words.split()))
    return short(line) if found is not None and line else None


def _positive(header, name):
    found = number_in(header, name)
    return found if found is not None and math.isfinite(found) and found > 0 else None


def _maker(header):
    """The first word of the manufacturer, which its companies and years share."""
    said = _text(header, "Manufacturer")
    return said and said.split()[0].casefold()


def _date(header, name):
    try:
        return datetime.datetime.strptime((_text(header, name) or "")[:8], "%Y%m%d").date()
    except ValueError:
        return None


def _days(*headers):
    for name in DATES:
        first, second = (_date(header, name) for header in headers)
        if first and second:
            return (second - first).days
    return None


def _agent(header):
    """The contrast agent; None where the header does not say, or says that there was none."""
    said = _text(header, "ContrastBolusAgent")
    return None if said and said.split()[0].casefold() in NO_AGENT else said


def _series_apart_mm(*found):
    """How far apart two slices of one series, or file, lie; None where they are of two, or it does not say."""
    series = {_text(one.header, "SeriesInstanceUID") or one.path for one in found}
    places = [affine_of(one.header, one.spacing_mm) for one in found]
    if len(series) > 1 or any(place is None for place in places):
        return None
    return round(abs(float((places[1] - places[0])[:3, 3] @ places[0][:3, 2])), 1)


# What two slices may not share: its name, how one tells it, which two differ, and what is said of those.
SHARED = (
    ("kV", lambda found: _positive(found.header, "KVP"), lambda a, b: abs(a - b) > KV_APART,
     "The tubes had {:g} and {:g} kV, and attenuation and area change with that."),
    ("kernel", lambda found: _text(found.header, "ConvolutionKernel"), lambda a, b: a.casefold() != b.casefold(),
     "The kernels are {} and {}: noise and edges differ, and areas with them."),
    ("slice thickness", lambda found: _positive(found.header, "SliceThickness"),
     lambda a, b: max(a, b) > THICKNESS_RATIO * min(a, b),
     "The slices are {:g} and {:g} mm thick: the thicker mixes more fat into edges of muscle."),
    ("pixels", lambda found: math.sqrt(math.prod(found.spacing_mm)), lambda a, b: max(a, b) > PIXEL_RATIO * min(a, b),
     "The pixels have {:.2f} and {:.2f} mm: edges are coarser in one of the two slices."),
    ("manufacturer", lambda found: _maker(found.header), lambda a, b: a != b,
     "The scanners are of two manufacturers, whose Hounsfield units can differ by several."),
)  # fmt: skip


def _apart(first, second, days):
    """Sentences about what the two slices do not share, or what their headers do not say."""
    one, other = first.header, second.header
    unsaid = []
    differ = [name for name in ("PatientID", "PatientSex", "PatientBirthDate")
              if None not in (said := (_text(one, name), _text(other, name))) and said[0] != said[1]]  # fmt: skip
    if differ:
        yield f"{' and '.join(differ)} of the two differ: they may be of two people."
    if apart_mm := _series_apart_mm(first, second):
        yield f"They are two slices of one series, {apart_mm:g} mm apart: no change over time."
    elif days is None:
        unsaid.append("date")
    elif days < 0:
        yield (f"The second slice was acquired {numbers.counted(-days, 'day')} before the first: name the earlier one "
               "first, or read each change backwards.")  # fmt: skip
    elif days == 0:
        yield "Both slices have the same date, and what repeats differ by is of two days: on one it is less."
    agents = [_agent(header) is not None for header in (one, other)]
    if agents[0] != agents[1]:
        yield (f"Only the {'first' if agents[0] else 'second'} slice names a contrast agent, which raises the area and "
               "the attenuation of the same muscle.")  # fmt: skip
    else:
        unsaid.append("phase of the contrast" if all(agents) else "contrast agent")
    for what, read, unlike, sentence in SHARED:
        said = read(first), read(second)
        if None in said:
            unsaid.append(what)
        elif unlike(*said):
            yield sentence.format(*said)
    yield from _about_level(first.level, second.level)
    if unsaid:
        yield f"Not in both headers, so it could not be checked whether it differs: {', '.join(unsaid)}."


def _about_level(first, second):
    if first is None or second is None or (first.interval is None and second.interval is None):
        yield "Whether both slices lie at the same level could not be checked: compare the pictures."
        return
    apart = second.vertebrae - first.vertebrae
    if abs(apart) > LEVEL_APART:
        # Of a level without an interval it is known that it is far off, not how far.
        sure = None not in (first.interval, second.interval)
        by = f"{abs(apart):.1f} ± {math.hypot(first.half, second.half):.1f} vertebrae " if sure else ""
        yield (f"The second slice seems to lie {by}{'lower' if apart > 0 else 'higher'} than the first, and muscles "
               "differ from level to level: compare the pictures.")  # fmt: skip


# --- as it is told --------------------------------------------------------------------------------


def numbers_of(done):
    """The numbers of a `FollowUp` as they stand in compare.json: a dict that JSON can hold."""
    return {
        "first": numbers.numbers_of(done.first), "second": numbers.numbers_of(done.second),
        "same_slice": done.same, "days_between": done.days,
        "changes": [_as_json(one) for one in done.changes],
        "warnings": list(done.warnings), "repeats_meaning": MEANING,
        "published": [asdict(one) for one in published.REPEATED], "made_from": done.digest,
        "not_a_medical_device": numbers.NOT_A_MEDICAL_DEVICE,
    }  # fmt: skip


def _as_json(one):
    def rounded(number):
        return None if number is None else round(number, numbers.NUMBERS[one.what].decimals) + 0.0  # never -0.0

    return {
        "tissue": one.tissue, "side": one.side or None, "what": one.what,
        **{key: rounded(getattr(one, key)) for key in ("first", "second", "change")},
        "interval_95": one.interval and [rounded(end) for end in one.interval],
        "repeats_differ_by": one.repeat and rounded(one.repeat.band),
        **{f"{what}_held": one.repeat and share and round(share, 4)
           for what, share in (("interval", one.repeat and one.repeat.covered),
                               ("repeats", one.repeat and one.repeat.held))},
        "verdict": one.verdict,
    }  # fmt: skip


def rows(done):
    """Name with unit, first, second, change, 95 % interval, what repeats differ by, and verdict of each, as texts."""
    for one in done.changes:
        values = ("none" if number is None else f"{number:.1f}" for number in (one.first, one.second))
        change = "" if one.change is None else f"{one.change:+z.1f}"
        interval = band = ""
        if one.interval:
            interval, band = "{:+z.1f} to {:+z.1f}".format(*one.interval), f"± {one.repeat.band:.1f}"
        name = f"{names.called(one.tissue, one.side).capitalize()}, {UNITS[one.what]}"
        yield name, *values, change, interval, band, {MORE: "more", WITHIN: "within"}.get(one.verdict, one.verdict)


def summary(done):
    """What to say beside the numbers, one sentence a line."""
    if done.same:
        yield "It is the same slice: nothing changed."
    elif done.days:
        yield f"{numbers.counted(abs(done.days), 'day')} lie between the two."
    area, hu = done.changes[:2]
    if area.interval and hu.interval:
        yield f"The change of the muscle's area is {area.verdict}, that of its mean attenuation {hu.verdict}."
    told = [one for one in done.changes if one.interval]
    if told:
        yield MEANING
        held = [one.repeat.covered for one in told], [one.repeat.held for one in told]
        if not any(share is None for shares in held for share in shares):
            off, apart = (f"{100 * min(shares):.0f} to {100 * max(shares):.0f} %" for shares in held)
            yield (f"The interval of each number held in {off} of other phantom people, and {apart} of them differed "
                   "by no more than is said of repeats.")  # fmt: skip
    if len(told) > len(UNITS):
        yield (f"Of {len(told)} numbers about {(1 - SHARE) * len(told):.1g} differ by more by chance, where nothing "
               "changed. They move together, so often none does, and then several.")  # fmt: skip
    yield "Published, for people: " + "; ".join(one.sentence for one in published.REPEATED) + "."


def write(done, out_dir):
    """Write compare.json and compare.html of a `FollowUp` into a folder, both or none: list of Path.

    SarcoError if the folder cannot be written to, or holds those of other slices, or of someone else.
    """
    files = [Path(out_dir) / f"compare{end}" for end in (".html", ".json")]
    both = " and ".join(shown(one.path) for one in (done.first, done.second))
    output.refuse_other(Path(out_dir) / "compare", both, done.digest.partition("-")[0])
    told = json.dumps(numbers_of(done), indent=2, ensure_ascii=False) + "\n"
    try:
        with ExitStack() as stack:
            for file, content in zip(files, (render(done), told), strict=True):
                stack.enter_context(atomic(file)).write_text(content, encoding="utf-8")
    except OSError as error:
        raise SarcoError(f"{out_dir}: cannot be written to ({error.strerror}); choose another folder.") from error
    return files


def render(done):
    """One HTML page of a `FollowUp`, which needs nothing beside itself: str."""
    both = [(found, numbers.numbers_of(found)) for found in (done.first, done.second)]
    files = [measured["file"] for _, measured in both]
    pictures = "".join(
        f"<figure>{page.image(picture.overlay_png(found), f'{which} slice; the muscle is outlined.')}"
        f"<figcaption>{which}: {escape(measured['file'])}. {escape(page.origin(measured))}</figcaption></figure>"
        for which, (found, measured) in zip(("First", "Second"), both, strict=True)
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", *HEADINGS[:-1], "", HEADINGS[-1]))
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}'
        f"<td>{_bar(one)}</td><td>{verdict}</td></tr>"
        for one, (name, *cells, verdict) in zip(done.changes, rows(done), strict=True)
    )
    parts = [
        f"<h1>What changed from {escape(files[0])} to {escape(files[1])}</h1>",
        f'<p class="device">{escape(numbers.NOT_A_MEDICAL_DEVICE)}</p>',
        page.warnings(done.warnings), f'<div class="two">{pictures}</div>',
        '<div style="overflow-x: auto" role="region" tabindex="0" aria-label="What changed">'
        f'<table style="white-space: nowrap"><tr>{head}</tr>{lines}</table></div>',
        "<p>Bar: the change. Line: its 95 % interval. Grey: what repeats differ by. Each row has its own scale.</p>",
        *(f'<p class="small">{escape(sentence)}</p>' for sentence in summary(done)),
        page.made_with(both[0][1]),
    ]  # fmt: skip
    return page.filled(" and ".join(files), parts)


def _bar(one):
    """The change as a bar from zero with its interval, over the band of repeats: SVG; nothing where none is known."""
    if one.interval is None:
        return ""
    scale = 50 / max(one.repeat.band, *map(abs, one.interval))
    band, change, low, high = (scale * number for number in (one.repeat.band, one.change, *one.interval))
    return (
        f'<svg role="img" aria-label="change {one.change:+z.1f}, repeats differ by {one.repeat.band:.1f}" '
        'viewBox="-52 -8 104 16" style="width: 8rem; margin: 0">'
        f'<rect x="{-band:.1f}" y="-7" width="{2 * band:.1f}" height="14" fill="#ccc"/>'
        f'<rect x="{min(change, 0):.1f}" y="-4" width="{abs(change):.1f}" height="8" fill="#b45309"/>'
        f'<path d="M0-8V8M{low:.1f} 0H{high:.1f}" stroke="#1c1c1c"/></svg>'
    )
