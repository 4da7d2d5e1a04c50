"""Many slices: a broken one is named and does not stop the others, and a finished one is not computed again."""

import hashlib
import os
import re
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..base import tables
from ..base.errors import SarcoError
from ..base.files import BAD_NAME, atomic, below, content_sha256, plain_name, shown, sweep, write_csv
from ..base.threads import each
from ..ct import masks, seg
from ..evidence.cutoffs import Person
from . import numbers, output, segmentation

TABLE = "table"


@dataclass(frozen=True)
class Job:
    """One slice: where it lies, what the table calls it, the path of its files without their ends, who is on it."""

    path: Path
    file: str
    target: Path
    person: Person | None = None


@dataclass
class Batch:
    """What a run over many slices did.

    `numbers` has what stands in the NAME.json of each slice that was done, by `Job.file`; its `file` is `Job.file`, and
    a slice that was met before in this run has a warning more. `problems` has the sentence of each that was not, `kept`
    counts those that an earlier run had finished, and `files` are those of the slices and the tables.
    """

    numbers: dict = field(default_factory=dict)
    problems: dict = field(default_factory=dict)
    kept: int = 0
    files: list = field(default_factory=list)


# --- which slices there are ---------------------------------------------------------------------------


def jobs(paths, out, people=None):
    """The slices to do, in a fixed order: list of `Job`.

    A folder in `paths` stands for every file in it and below, whatever its name; hidden files, DICOMDIR, the table of
    people and what lies in `out` are left out. A slice is called by its path below the folder that holds all that was
    named, and its results lie in `out` in the same way. SarcoError if a folder holds no file, or a result would lie
    among the slices.
    """
    slices, tops, leave = {}, [], [out, people] if people else [out]
    for path in paths:
        is_folder = os.path.isdir(path)  # noqa: PTH112 - a name that is too long is no folder, and no error
        folder = path if is_folder else path.parent
        # ".." may lead behind a link
        top = Path(os.path.realpath(folder)) if ".." in path.parts else Path.cwd() / folder
        if is_folder and out.resolve() == path.resolve():
            raise SarcoError(f"{out}: results would lie among the slices; choose another folder for them.")
        inside = [file for file in below(path, leave) if masks.kind_of(file) != "dicomdir"] if is_folder else [path]
        if not inside:
            raise SarcoError(f"{path}: the folder holds no file; name a folder of slices.")
        for file in inside:
            slices.setdefault(_known_by(file), (file, top / file.relative_to(folder)))
        tops.append(top)
    paths, places = zip(*slices.values(), strict=True)
    files = _names(places, tops)
    targets = [out / target for target in _targets(files)]
    # By number, as a disk may not tell A.DCM from a.dcm.
    given = {known for path in (*paths, people) if path and (known := _number(path))}
    for path in [file for target in targets for file in output.files_of(target).values()] + _tables(out):
        if _number(path) in given:
            raise SarcoError(f"{path}: is given, and would be replaced by a result; choose another folder for results.")
    return [Job(*job) for job in zip(paths, files, targets, strict=True)]


def _number(path):
    try:
        known = path.stat()
    except OSError:
        return None
    return known.st_dev, known.st_ino


def _known_by(path):
    """The same for each way to name a file, and another for each file; a link is a file."""
    path = path.parent.resolve() / path.name
    try:
        known = path.lstat()
    except OSError:
        return path
    return plain_name(path), known.st_dev, known.st_ino


def _names(paths, tops):
    """What the table calls each slice."""
    try:
        top = Path(os.path.commonpath(tops))
        names = [shown(path.relative_to(top).as_posix()) for path in paths]
    except ValueError:  # on several drives of Windows
        names = [shown("/".join((re.sub(r"\W", "", path.drive), *path.parts[1:]))) for path in paths]
    for name, count in Counter(names).items():
        if count > 1:
            raise SarcoError(f"{name}: {count} slices have this name, as text; rename one.")
    return names


def _targets(files):
    """Where the results of each slice lie, in the same way whatever the order: the shortest name that it alone has."""

    def choices(file):
        path = Path(file)
        digest = hashlib.sha256(file.encode()).hexdigest()[:8]
        return [path.with_name(output.file_name(path)), path, path.with_name(f"{path.name}-{digest}")]

    names = {file: choices(file) for file in files}
    while True:
        sharing = defaultdict(list)
        for file in files:
            sharing[plain_name(names[file][0])].append(file)
        clashing = [file for group in sharing.values() if len(group) > 1 for file in group if len(names[file]) > 1]
        if not clashing:
            return [names[file][0] for file in files]
        for file in clashing:
            del names[file][0]


# --- several at once, in their order --------------------------------------------------------------------------------


def segment_all(jobs, out, segmenter, which=(None, None), with_patient=False, many=False, proposal=None):
    """Segment slices with a `Segmenter`, write the files of each (`output.write`), and say what was done: `Batch`.

    `which` are number and phase of `read_slice`, and `proposal` is that by which one slice was chosen out of a volume.
    Of many there is a table, OUT/table.csv, and table.xlsx where openpyxl is installed; slices that an earlier run
    finished with the same members, code and options are kept, and a terminal sees the time left. SarcoError for what
    would befall every slice: the weights are broken, or `out` cannot be written to.
    """
    from tqdm import tqdm

    done, met = Batch(), {}
    digests = {job.file: content_sha256(job.path) for job in jobs}

    def made_from(job):
        """Of which slice files are, and of all else that they are made from."""
        options = f"{job.path.name} {(job.person, *which, with_patient)} {segmenter.fingerprint}"
        return f"{digests[job.file]}-{hashlib.sha256(options.encode('utf-8', 'backslashreplace')).hexdigest()}"

    def finished(job):
        return output.finished(job.target, made_from(job)) if many and digests[job.file] else None

    for job in jobs:
        if digests[job.file] and finished(job) is None:
            output.refuse_other(job.target, job.path, digests[job.file])
    if many:
        _refuse_other_table(out, {job.file for job in jobs})
    sweep({*_tables(out), *(file for job in jobs for file in output.files_of(job.target).values())})

    def do(job):
        """The numbers of a slice, or why there are none, and whether an earlier run made them."""
        measured = finished(job)
        if measured is not None:
            return measured, True
        try:
            image = _read(job, which)
            beside.submit(seg.highdicom)  # it loads while the networks compute
            segmented = segmenter.segment(image, job.person, proposal)
            output.refuse_other(job.target, job.path, digests[job.file])  # another run may have written
            return _write(job, out, segmented, with_patient, made_from(job)), False
        except Unfit as error:
            return error, False

    # While the networks compute one slice, another is read, and the results of a third are written.
    with (
        ThreadPoolExecutor(1) as beside,
        each(do, jobs) as results,
        tqdm(results, "segment", len(jobs), unit="slice", disable=not many or None) as bar,
    ):
        for job, (measured, kept) in zip(jobs, bar, strict=True):
            done.kept += kept
            if isinstance(measured, Unfit):
                done.problems[job.file] = str(measured)
                bar.write(str(measured), file=sys.stderr)
                continue
            warnings = measured["warnings"] + _met_before(job, measured, digests[job.file], met)
            done.numbers[job.file] = measured | {"file": job.file, "warnings": warnings}
            done.files += [file for file in output.files_of(job.target).values() if file.exists()]
    if many:
        done.files += _write_tables([job.file for job in jobs], done, out, with_patient)
    return done


class Unfit(SarcoError):
    """One slice cannot be done; the others can."""


def _read(job, which):
    try:
        return segmentation.read_slice(job.path, *which)
    except SarcoError as error:
        raise Unfit(error) from None


def _write(job, out, segmented, with_patient, made_from):
    """Write the files of a slice; its numbers."""
    try:
        output.write(segmented, job.target.parent, job.target.name, with_patient=with_patient, made_from=made_from)
    except SarcoError as error:
        if getattr(error.__cause__, "errno", None) not in BAD_NAME:
            raise
        why = error.__cause__.strerror
        raise Unfit(f"{job.path}: its results cannot be written to {out} ({why}); rename the file.") from None
    return output.read_numbers(output.files_of(job.target)[".json"])


def _met_before(job, measured, digest, met):
    """A warning if the slice, or one that says to be the same, came before in this run."""
    uid = measured["sop_instance_uid"]
    twin = met.setdefault(digest, job.file)
    other = met.setdefault(uid, job.file) if uid else job.file
    if twin != job.file:
        return [f"The same file as {twin}, so one slice counts twice."]
    if other != job.file:
        return [f"Its SOP instance UID is that of {other}, with other content: one of the two is not what it says."]
    return []


# --- the table ----------------------------------------------------------------------------------------


def _tables(out):
    return [out / f"{TABLE}.csv", out / f"{TABLE}.xlsx"]


def _refuse_other_table(out, files):
    """Let no table be written over that of other slices, or over one of someone else."""
    path, sheet = _tables(out)
    there = path if path.exists() else sheet
    if not there.exists():
        return
    try:
        rows = tables.read(path)
    except SarcoError:
        rows = []
    if not rows or not {"file", "area_cm2"} <= rows[0].keys():
        raise SarcoError(f"{there}: not a table that 'sarco segment' wrote, and it would be replaced; choose another "
                         "folder for the results, or take it away.")  # fmt: skip
    other = next((row["file"] for row in rows if row["area_cm2"] and row["file"] not in files), None)
    if other:
        raise SarcoError(f"{path}: it lists {other}, which is not among these slices, and would be replaced; choose "
                         "another folder for the results, or take it away.")  # fmt: skip


def _write_tables(files, done, out, with_patient):
    import importlib.util

    import pandas as pd

    lines = [
        numbers.line(done.numbers[file]) if file in done.numbers else {"file": file, "problem": done.problems[file]}
        for file in files
    ]
    more = [name for name in numbers.WHERE_ASKED if any(name in one for one in lines)]
    columns = [*numbers.COLUMNS, *more, *(numbers.PATIENT_COLUMNS if with_patient else ())]
    table = pd.DataFrame(lines, columns=columns).astype({"members": "Int64"})
    path, sheet = _tables(out)
    try:
        write_csv(table, path)
        if not importlib.util.find_spec("openpyxl"):
            return [path]
        with atomic(sheet) as beside, pd.ExcelWriter(beside) as writer:
            table.to_excel(writer, index=False)
            for cell in (cell for line in writer.book.active for cell in line if cell.data_type == "f"):
                cell.data_type = "s"  # a file's name that begins with = is no formula
    except OSError as error:
        raise SarcoError(f"{out}: cannot be written to ({error.strerror}); choose another folder.") from error
    return [path, sheet]
