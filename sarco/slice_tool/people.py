"""The person on a slice: from a table that people write, and what is to be said of it."""

import re
import unicodedata
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from ..base import tables
from ..base.errors import SarcoError
from ..ct import masks
from ..evidence.cutoffs import Person
from ..evidence.reference_values import unanswered
from . import output

PERSON, UID = ("height_m", "weight_kg", "sex", "age"), "sop_instance_uid"  # columns of the table
UNITS = {"height_m": "m", "weight_kg": "kg", "age": "years"}
YEARS = {"Y": 1, "M": 12, "W": 52, "D": 365}  # units of an age in DICOM, by how many are a year


def assign(jobs, given, table=None):
    """The slices, each with its person: as given (the parts of a `Person`), or as a table says.

    The table is CSV with the column file (or case), the slice as `Job.file` names it, with or without its suffix, or
    with sop_instance_uid, or both; and any of `PERSON`. Where it says nothing, `given` holds.
    """
    if table is None:
        person = Person(**given)
        return [replace(job, person=person) for job in jobs]
    rows = tables.read(table)
    keys = _keys(table, set(rows[0]) if rows else set())
    names, of_people = _names(jobs, keys), {}
    for row in rows:
        file = _slice_of(table, row, keys, names, jobs)
        if file in of_people:
            raise SarcoError(f"{table}: {file!r} stands there twice; keep one row.")
        if row.get("height_m") in ("1", "2"):  # of 1,70 in two cells, the second is another column's
            raise SarcoError(f"{table}: {file}: height {row['height_m']} has no decimals; write it as 1.70, or "
                             "semicolons between cells.")  # fmt: skip
        of_people[file] = {name: row[name] for name in PERSON if row.get(name)}
    try:
        file = None
        return [replace(job, person=Person(**(given | of_people.get(file := job.file, {})))) for job in jobs]
    except SarcoError as error:
        raise SarcoError(f"{table}: {file}: {error}") from None


def _keys(table, columns):
    """The columns that name a slice."""
    keys = [name for name in ("file", "case", UID) if name in columns]
    if not keys or not set(PERSON) & columns:
        raise SarcoError(f"{table}: it needs the column file or sop_instance_uid, one of {', '.join(PERSON)}, and a "
                         "row.")  # fmt: skip
    for meant in sorted(UNITS.keys() - columns):
        # Neither "agent" nor "weighting" is meant.
        written = re.compile(rf"{meant.partition('_')[0]}(cm|m|kg|lbs?|years?)?(?![a-z])")
        if other := next(filter(written.match, sorted(columns)), None):
            raise SarcoError(f"{table}: the column {other} is not read; call it {meant}, and give values in "
                             f"{UNITS[meant]}.")  # fmt: skip
    return keys


def _names(jobs, keys):
    """Slices by each name that a column may give them."""
    whole, short, uids = defaultdict(list), defaultdict(list), defaultdict(list)
    for job in jobs:
        path = Path(job.file)
        whole[_written(job.file)].append(job)
        short[_written(path.with_name(output.file_name(path)).as_posix())].append(job)
        if UID in keys:
            uids[masks.sop_instance_uid(job.path)].append(job)
    files = short | whole  # a whole name goes before another one without its suffix
    return {"file": files, "case": files, UID: uids}


def _slice_of(table, row, keys, names, jobs):
    """`Job.file` of the one slice that a row means, by all its names."""
    named = {key: row[key] for key in keys if row[key]}
    fitting = [names[key].get(_written(text), []) for key, text in named.items()]
    fits = [job for job in fitting[0] if all(job in other for other in fitting)] if fitting else []
    if len(fits) != 1:
        what = f"is {len(fits)} slices ({_some(fits)})" if fits else f"is no slice; there are {_some(jobs)}"
        raise SarcoError(f"{table}: {' with '.join(map(repr, named.values())) or 'a row without a name'} {what}; "
                         "write the path as table.csv has it, or the column sop_instance_uid.")  # fmt: skip
    return fits[0].file


def _written(name):
    """A name as it is compared: with the slashes of any system, and letters with accents in one form."""
    return unicodedata.normalize("NFC", name.replace("\\", "/")).removeprefix("./")


def _some(jobs):
    names = ", ".join(job.file for job in jobs[:3])
    return f"{names} and {len(jobs) - 3} more" if len(jobs) > 3 else names


def about(segmentation):
    """What to know of the person on a `sarco.slice_tool.segmentation.Segmentation`: sentences."""
    yield from _about_class(segmentation)
    yield from unanswered(segmentation.person)
    yield from _about_header(segmentation.person, segmentation.header or {})


def _about_class(segmentation):
    """That the class is uncertain."""
    class_, interval = segmentation.class_, segmentation.smi_interval_cm2_m2
    if class_ is None or interval is None:
        return
    low, high = min(segmentation.smi_cm2_m2, *interval), max(segmentation.smi_cm2_m2, *interval)
    if low <= class_.smi_limit_cm2_m2 <= high:
        yield (f"The limit of {class_.cutoff.title}, {class_.smi_limit_cm2_m2:g} cm²/m², lies within what the "
               f"muscle index may be, {low:.1f} to {high:.1f} cm²/m², so the class is uncertain.")  # fmt: skip


def _about_header(person, header):
    """That the slice contradicts what was given; it is never taken from there, nor told."""
    sex, age = str(header.get("PatientSex")), re.fullmatch(r"(\d{1,3})([YMWD])", str(header.get("PatientAge")))
    other = ["sex"] if person.sex and sex in ("F", "M") and sex != person.sex else []
    # Both may be in completed years, and a birthday may lie between.
    if person.age is not None and age and abs(int(age[1]) / YEARS[age[2]] - person.age) >= 2:
        other.append("age")
    if other:
        yield (f"The slice's header has another {' and another '.join(other)} than was given: check that slice and "
               "person belong together.")  # fmt: skip
