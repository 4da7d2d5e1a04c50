"""Many slices: a broken one is named and does not stop the others, and a finished one is not computed again."""

import gc
import hashlib
import json
import os
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from ..base import tables
from ..base.errors import SarcoError
from ..base.files import BAD_NAME, atomic, below, content_sha256, plain_name, shown, sweep
from ..ct import masks
from ..evidence.cutoffs import Person
from . import segmentation

COLUMNS = (
    "file", "area_cm2", "area_corrected_cm2", "area_corrected_low_cm2", "area_corrected_high_cm2", "mean_hu", "sd_hu",
    "low_attenuation_cm2", "intermuscular_fat_cm2", "smi_cm2_m2", "smi_corrected_cm2_m2", "smi_corrected_low_cm2_m2",
    "smi_corrected_high_cm2_m2",
    "cutoff", "low_muscle", "low_attenuation", "members", "members_sd_cm2", "members_dsc", "disagreement_share",
    "row_spacing_mm", "column_spacing_mm", "sop_instance_uid", "warnings", "problem",
    "note",
)  # fmt: skip
PATIENT = ("patient_name", "patient_id", "patient_birth_date", "patient_study_date")
TABLE = "table"
# A drawn picture refers to itself, and Python looks for such garbage too rarely beside TensorFlow's many objects:
# without this, memory would swing by 5 MiB a slice.
COLLECT_EVERY = 5


@dataclass
class Batch:
    """What a run over many slices did.

    Attributes
    ----------
    numbers : dict of str to dict
        For each slice that was done, by `Job.file`, what stands in its NAME.json. Its `file` is `Job.file`, and a
        slice that was met before in this run has a warning more.
    problems : dict of str to str
        For each that was not, the sentence that says why.
    kept : int
        Slices that an earlier run had finished.
    files : list of Path
        All files of the slices, and the tables.
    """

    numbers: dict = field(default_factory=dict)
    problems: dict = field(default_factory=dict)
    kept: int = 0
    files: list = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """One slice: where it lies, what the table calls it, and the path of its files without their ends."""

    path: Path
    file: str
    target: Path


def jobs(paths, out, people=None):
    """The slices to do, in a fixed order.

    A folder stands for every file in it and below, whatever its name; hidden files, DICOMDIR, the table of people and
    what lies in `out` are left out. A slice is called by its path below the folder that holds all that was named, and
    its results lie in `out` in the same way.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    out : Path
        Folder of the results.
    people : Path, optional
        Table of the people on the slices.

    Returns
    -------
    list of Job

    Raises
    ------
    SarcoError
        A folder holds no file, or a result would lie among the slices.
    """
    found, tops, leave = {}, [], [out, people] if people else [out]
    for path in paths:
        top = Path(os.path.realpath(path)) if ".." in path.parts else Path.cwd() / path  # ".." may lead behind a link
        if not os.path.isdir(path):  # noqa: PTH112 - a name that is too long is no folder, and no error
            top = Path(os.path.realpath(path.parent)) if ".." in path.parts else top.parent
            found.setdefault(_known_by(path), (path, top / path.name))
            tops.append(top)
            continue
        if out.resolve() == path.resolve():
            raise SarcoError(f"{out}: results would lie among the slices; choose another folder for them.")
        inside = [file for file in below(path, leave) if masks.kind_of(file) != "dicomdir"]
        if not inside:
            raise SarcoError(f"{path}: the folder holds no file; name a folder of slices.")
        for file in inside:
            found.setdefault(_known_by(file), (file, top / file.relative_to(path)))
        tops.append(top)
    paths, places = zip(*found.values(), strict=True)
    files = _names(places, tops)
    listed = [Job(*job) for job in zip(paths, files, _targets(files), strict=True)]
    # By number, as a disk may not tell A.DCM from a.dcm.
    given = {known for path in (*paths, people) if path and (known := _number(path))}
    written = [out / f"{job.target}{end}" for job in listed for end in segmentation.ENDS]
    for path in [*written, out / f"{TABLE}.csv", out / f"{TABLE}.xlsx"]:
        if _number(path) in given:
            raise SarcoError(f"{path}: is given, and would be replaced by a result; choose another folder for results.")
    return listed


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
        return [path.with_name(segmentation.file_name(path)), path, path.with_name(f"{path.name}-{digest}")]

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


PERSON, UID = ("height_m", "weight_kg", "sex"), "sop_instance_uid"  # columns of a table of people


def people(table, listed, given):
    """Who is on each slice, from a table.

    Parameters
    ----------
    table : Path
        CSV with the column file (or case), the slice as `Job.file` names it, with or without its suffix, or with
        sop_instance_uid, or both; and any of `PERSON`. An empty cell means what `given` says.
    listed : list of Job
    given : dict
        height_m, weight_kg, sex and cutoff where the table says nothing.

    Returns
    -------
    dict of str to sarco.evidence.cutoffs.Person
        By `Job.file`, all slices.

    Raises
    ------
    SarcoError
        Not such a table, a row of no slice or of several, a value that no adult has, or a slice without what the
        cut-off needs.
    """
    rows = tables.read(table)
    columns = set(rows[0]) if rows else set()
    keys = [name for name in ("file", "case", UID) if name in columns]
    if not keys or not set(PERSON) & columns:
        raise SarcoError(f"{table}: it needs the column file or sop_instance_uid, one of {', '.join(PERSON)}, and a "
                         "row.")  # fmt: skip
    for meant in {"height_m", "weight_kg"} - columns:
        what, unit = meant.split("_")
        if other := next((name for name in sorted(columns) if name.startswith(what)), None):
            raise SarcoError(f"{table}: the column {other} is not read; call it {meant}, and give values in {unit}.")
    whole, short, uids = defaultdict(list), defaultdict(list), defaultdict(list)
    for job in listed:
        whole[_written(job.file)].append(job)
        short[_written(Path(job.file).with_name(segmentation.file_name(Path(job.file))).as_posix())].append(job)
        if UID in keys:
            uids[masks.sop_instance_uid(job.path)].append(job)
    known = short | whole  # a whole name goes before another one without its suffix
    found = {}
    for row in rows:
        said = {key: row[key] for key in keys if row[key]}
        fitting = [(uids if key == UID else known).get(_written(text), []) for key, text in said.items()]
        fits = [job for job in fitting[0] if all(job in other for other in fitting)] if fitting else []
        if len(fits) != 1:
            what = f"is {len(fits)} slices ({_some(fits)})" if fits else f"is no slice; there are {_some(listed)}"
            raise SarcoError(f"{table}: {' with '.join(map(repr, said.values())) or 'a row without a name'} {what}; "
                             "write the path as table.csv has it, or the column sop_instance_uid.")  # fmt: skip
        (file,) = (job.file for job in fits)
        if file in found:
            raise SarcoError(f"{table}: {file!r} stands there twice; keep one row.")
        if row.get("height_m") in ("1", "2"):  # of 1,70 in two cells, the second is another column's
            raise SarcoError(f"{table}: {file}: height {row['height_m']} has no decimals; write it as 1.70, or "
                             "semicolons between cells.")  # fmt: skip
        found[file] = {name: row[name] for name in PERSON if row.get(name)}
    try:
        file = None
        return {(file := job.file): Person(**(given | found.get(job.file, {}))) for job in listed}
    except SarcoError as error:
        raise SarcoError(f"{table}: {file}: {error}") from None


def _written(name):
    """A name as it is compared: with the slashes of any system, and letters with accents in one form."""
    return unicodedata.normalize("NFC", name.replace("\\", "/")).removeprefix("./")


def _some(listed):
    names = ", ".join(job.file for job in listed[:3])
    return f"{names} and {len(listed) - 3} more" if len(listed) > 3 else names


def run(
    listed,
    out,
    segmenter,
    person=None,
    *,
    number=None,
    phase=None,
    with_patient=False,
    table=False,
    progress=False,
):
    """Segment slices, write the files of each, and a table of all.

    Parameters
    ----------
    listed : list of Job
    out : Path
    segmenter : sarco.slice_tool.segmentation.Segmenter
    person : sarco.evidence.cutoffs.Person, or dict of str to sarco.evidence.cutoffs.Person, optional
        On all slices, or by `Job.file` (`people`).
    number : int, optional
        Slice of NIfTI volumes and enhanced CT, from 1 at the feet.
    phase : int, optional
        Phase or stack of enhanced CT, from 1 in the order of time.
    with_patient : bool
        See `sarco.slice_tool.segmentation.write`.
    table : bool
        Write OUT/table.csv, and table.xlsx where openpyxl is installed. Slices that an earlier run finished with the
        same members, code and options are then kept.
    progress : bool
        Show a bar with the time left on stderr, if that is a terminal.

    Returns
    -------
    Batch

    Raises
    ------
    SarcoError
        What would befall every slice: the weights are broken, or `out` cannot be written to.
    """
    from tqdm import tqdm

    done = Batch()
    if not isinstance(person, dict):
        person = {job.file: person for job in listed}
    digests = {job.file: content_sha256(job.path) for job in listed}

    def made_from(job):
        options = f"{job.path.name} {(person[job.file], number, phase, with_patient)} {segmenter.fingerprint}"
        return _made_from(digests[job.file], options)

    def finished(job):
        return _finished(out / f"{job.target}.json", made_from(job)) if table and digests[job.file] else None

    for job in listed:
        if digests[job.file] and finished(job) is None:
            refuse_other(out, job.target, job.path, made_from(job))
    if table:
        _refuse_other_table(out, {job.file for job in listed})
    sweep({out / f"{job.target}{end}" for job in listed for end in segmentation.ENDS}
          | {out / f"{TABLE}.csv", out / f"{TABLE}.xlsx"})  # fmt: skip
    met = {}
    with tqdm(listed, "segment", unit="slice", disable=None if progress else True) as bar:
        for position, job in enumerate(bar, 1):
            if position % COLLECT_EVERY == 0:
                gc.collect()
            said = finished(job)
            done.kept += said is not None
            try:
                if said is None:
                    said = _one(job, out, segmenter, person[job.file], (number, phase), with_patient, made_from(job))
            except Unfit as error:
                done.problems[job.file] = str(error)
                bar.write(str(error), file=sys.stderr)
                continue
            warnings = said["warnings"] + _met_before(job, said, digests[job.file], met)
            done.numbers[job.file] = said | {"file": job.file, "warnings": warnings}
            done.files += _files(out / f"{job.target}.json")
    if table:
        done.files += _write_tables([job.file for job in listed], done, out, with_patient)
    return done


class Unfit(SarcoError):
    """One slice cannot be done; the others can."""


def _one(job, out, segmenter, who, which, with_patient, made_from):
    """Write the files of a slice; its numbers."""
    try:
        image = segmentation.read_slice(job.path, *which)
    except SarcoError as error:
        raise Unfit(error) from None
    found = segmenter.segment(image, who)
    path = out / f"{job.target}.json"
    refuse_other(out, job.target, job.path, made_from)  # another run may have written meanwhile
    try:
        segmentation.write(
            found, path.parent, path.name[: -len(".json")], with_patient=with_patient, made_from=made_from
        )
    except SarcoError as error:
        if getattr(error.__cause__, "errno", None) not in BAD_NAME:
            raise
        why = error.__cause__.strerror
        raise Unfit(f"{job.path}: its results cannot be written to {out} ({why}); rename the file.") from None
    return json.loads(path.read_text(encoding="utf-8"))


def _met_before(job, said, digest, met):
    """A warning if the slice, or one that says to be the same, came before in this run."""
    uid = said["sop_instance_uid"]
    twin = met.setdefault(digest, job.file)
    other = met.setdefault(uid, job.file) if uid else job.file
    if twin != job.file:
        return [f"The same file as {twin}, so one slice counts twice."]
    if other != job.file:
        return [f"Its SOP instance UID is that of {other}, with other content: one of the two is not what it says."]
    return []


def _files(numbers_path):
    name = numbers_path.name[: -len(".json")]
    return [file for end in segmentation.ENDS if (file := numbers_path.with_name(f"{name}{end}")).exists()]


def _made_from(digest, options):
    """Of which slice files are, and of all else that they are made from."""
    return f"{digest}-{hashlib.sha256(options.encode('utf-8', 'backslashreplace')).hexdigest()}"


def _read_numbers(path):
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _finished(path, made_from):
    """Numbers that an earlier run wrote of the same slice in the same way, or None."""
    said = _read_numbers(path)
    # The numbers are written last, so the others were there; whoever took one away wants it again.
    wanted = {path.with_name(path.name[: -len(".json")] + end) for end in segmentation.ENDS if end != "_seg.dcm"}
    return said if said.get("made_from") == made_from and all(file.exists() for file in wanted) else None


def refuse_other(out, name, slice_path, made_from):
    """Let no result of a slice be written over that of another slice, or over a file of someone else.

    Parameters
    ----------
    out : Path
        Folder of the results.
    name : str or Path
        Of the files without their ends.
    slice_path : Path
    made_from : str
        As the numbers will say it: it begins with the digest of the slice.

    Raises
    ------
    SarcoError
        There are numbers of another slice, or a mask that is not as it was written, or other files alone.
    """
    # The mask is looked for last, as another run that writes the same now writes it first.
    there = [path for end in reversed(segmentation.ENDS) if os.path.lexists(path := out / f"{name}{end}")]
    numbers, mask = out / f"{name}.json", out / f"{name}_mask.png"
    known = str(_read_numbers(numbers).get("made_from")).partition("-")[0]
    if numbers in there and known != made_from.partition("-")[0]:
        other = numbers
    elif mask in there and not _ours(mask):
        other = mask
    else:  # of files without numbers, which a kill may leave, the mask is always one
        other = there[0] if there and not {numbers, mask} & {*there} else None
    if other:
        raise SarcoError(f"{other}: of another slice than {slice_path}, or not as this command wrote it, and it would "
                         "be replaced; choose another folder for the results, or take it away.")  # fmt: skip


def _ours(mask):
    from PIL import Image

    try:
        with Image.open(mask) as image:
            return image.info.get("Comment") == segmentation.NOT_A_MEDICAL_DEVICE
    except (OSError, SyntaxError, ValueError):
        return False


def _refuse_other_table(out, files):
    """Let no table be written over that of other slices, or over one of someone else."""
    path = out / f"{TABLE}.csv"
    there = path if path.exists() else out / f"{TABLE}.xlsx"
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


def row(said):
    """One line of the table, from the numbers of a slice."""
    low, high = said["area_corrected_interval_95_cm2"] or (None, None)
    smi_low, smi_high = said["smi_corrected_interval_95_cm2_m2"] or (None, None)
    class_ = said["class"] or {}
    patient = {f"patient_{key}": value for key, value in said.get("patient", {}).items()}
    return {key: said[key] for key in COLUMNS if key in said} | patient | {
        "area_corrected_low_cm2": low, "area_corrected_high_cm2": high, "smi_corrected_low_cm2_m2": smi_low,
        "smi_corrected_high_cm2_m2": smi_high, "cutoff": class_.get("cutoff"), "low_muscle": class_.get("low_muscle"),
        "low_attenuation": class_.get("low_attenuation"), "row_spacing_mm": said["pixel_spacing_mm"][0],
        "column_spacing_mm": said["pixel_spacing_mm"][1], "warnings": " ".join(said["warnings"]),
        "note": said["not_a_medical_device"],
    }  # fmt: skip


def _write_tables(files, done, out, with_patient):
    import importlib.util

    import pandas as pd

    lines = [
        row(done.numbers[file]) if file in done.numbers else {"file": file, "problem": done.problems[file]}
        for file in files
    ]
    columns = [*COLUMNS, *PATIENT] if with_patient else COLUMNS
    table = pd.DataFrame(lines, columns=list(columns)).astype({"members": "Int64"})
    written = [out / f"{TABLE}.csv"]
    try:
        with atomic(written[0]) as beside:
            table.to_csv(beside, index=False, lineterminator="\n")
        if importlib.util.find_spec("openpyxl"):
            written.append(out / f"{TABLE}.xlsx")
            with atomic(written[1]) as beside, pd.ExcelWriter(beside) as writer:
                table.to_excel(writer, index=False)
                for cell in (cell for line in writer.book.active for cell in line if cell.data_type == "f"):
                    cell.data_type = "s"  # a file's name that begins with = is no formula
    except OSError as error:
        raise SarcoError(f"{out}: cannot be written to ({error.strerror}); choose another folder.") from error
    return written
