"""The person on each of many slices, from a table that people write."""

import unicodedata
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from ..base import tables
from ..base.errors import SarcoError
from ..ct import masks
from ..evidence.cutoffs import Person
from . import output

PERSON, UID = ("height_m", "weight_kg", "sex"), "sop_instance_uid"  # columns of the table


def assign(jobs, given, table=None):
    """The slices, each with its person: as given (height_m, weight_kg, sex, cutoff), or as a table says.

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
    for meant in sorted({"height_m", "weight_kg"} - columns):
        what, unit = meant.split("_")
        if other := next((name for name in sorted(columns) if name.startswith(what)), None):
            raise SarcoError(f"{table}: the column {other} is not read; call it {meant}, and give values in {unit}.")
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
