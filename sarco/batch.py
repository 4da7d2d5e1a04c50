"""Many slices: a broken one is named and does not stop the others, and a finished one is not computed again."""

import gc
import hashlib
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from . import report
from .cohort import masks
from .cutoffs import Person
from .errors import SarcoError
from .files import atomic, sweep

IGNORED = ("thumbs.db", "desktop.ini")
COLUMNS = (
    "file", "area_cm2", "area_corrected_cm2", "area_low_cm2", "area_high_cm2", "mean_hu", "sd_hu",
    "low_attenuation_cm2", "intermuscular_fat_cm2", "smi_cm2_m2", "smi_low_cm2_m2", "smi_high_cm2_m2",
    "cutoff", "low_muscle", "low_attenuation", "members", "members_sd_cm2", "disagreement_share",
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
        For each slice that was done, by its name, what stands in its NAME.json.
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


def jobs(paths, out):
    """The slices to do, in a fixed order.

    A folder stands for every file in it and below, whatever its name; hidden files, DICOMDIR and what lies in `out`
    are left out. Their results lie in `out` as the slices lie in their folder.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    out : Path
        Folder of the results.

    Returns
    -------
    list of Job

    Raises
    ------
    SarcoError
        A folder holds no file, or a result would lie among the slices.
    """
    found = {}
    for path in paths:
        if not path.is_dir():
            found.setdefault(path, path.name)
            continue
        if out.resolve() == path.resolve():
            raise SarcoError(f"{out}: results would lie among the slices; choose another folder for them.")
        inside = [file for file in sorted(path.rglob("*")) if _wanted(file, path, out)]
        if not inside:
            raise SarcoError(f"{path}: the folder holds no file; name a folder of slices.")
        for file in inside:
            found.setdefault(file, str(file.relative_to(path)))
    listed, taken = [], Counter()
    for path, file in found.items():
        target = Path(file).parent / report.file_name(path)
        taken[target] += 1
        if taken[target] > 1:  # two slices of one name
            target = target.with_name(f"{target.name}-{taken[target]}")
        listed.append(Job(path, file, target))
    slices = {os.path.realpath(path) for path in found}
    for job in listed:
        for end in report.ENDS:
            if os.path.realpath(out / f"{job.target}{end}") in slices:
                raise SarcoError(f"{out / job.target}{end}: a slice would be replaced by a result; choose another "
                                 "folder for them.")  # fmt: skip
    return listed


def _wanted(file, folder, out):
    parts = file.relative_to(folder).parts
    if any(part.startswith(".") for part in parts) or file.name.lower() in IGNORED or not file.is_file():
        return False
    own = out.resolve().is_relative_to(folder.resolve()) and file.resolve().is_relative_to(out.resolve())
    return not own and masks.kind_of(file) != "dicomdir"


PERSON = ("height_m", "weight_kg", "sex")  # columns of a table of people


def people(table, listed, given):
    """Who is on each slice, from a table.

    Parameters
    ----------
    table : Path
        CSV with the column file (or case): the slice as `Job.file` names it, with or without its suffix; and any of
        `PERSON`. An empty cell means what `given` says.
    listed : list of Job
    given : dict
        height_m, weight_kg, sex and cutoff where the table says nothing.

    Returns
    -------
    dict of str to sarco.cutoffs.Person
        By `Job.file`, all slices.

    Raises
    ------
    SarcoError
        Not such a table, a row of no slice or of two, a value that no adult has, or a slice without what the cut-off
        needs.
    """
    import pandas as pd

    try:
        rows = pd.read_csv(table, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise SarcoError(f"{table}: not a readable table ({error}); write it as CSV in UTF-8.") from None
    key = next((name for name in ("file", "case") if name in rows), None)
    if key is None or not set(PERSON) & set(rows):
        raise SarcoError(f"{table}: it needs the column file and one of {', '.join(PERSON)}.")
    names = {job.file: job.file for job in listed}
    for job in listed:  # without the suffix, where that says which
        short = Path(job.file).with_name(report.file_name(Path(job.file))).as_posix()
        names[short] = None if names.get(short, job.file) != job.file else job.file
    found = {}
    for row in rows.to_dict("records"):
        file = names.get(row[key].strip())
        if file is None or file in found:
            what = "stands there twice" if file else "is no slice, or more than one"
            raise SarcoError(f"{table}: {row[key]!r} {what}; correct the column {key}.")
        said = {name: row[name].strip() for name in PERSON if row.get(name, "").strip()}
        for name in {"height_m", "weight_kg"} & said.keys():
            try:
                said[name] = float(said[name])
            except ValueError:
                raise SarcoError(f"{table}: {name} of {file} is {said[name]!r}, where a number is wanted.") from None
        found[file] = said
    try:
        file = None
        return {(file := job.file): Person(**(given | found.get(job.file, {}))) for job in listed}
    except SarcoError as error:
        raise SarcoError(f"{table}: {file}: {error}") from None


def run(
    listed,
    out,
    segmenter,
    person=None,
    *,
    number=None,
    with_patient=False,
    table=False,
    progress=False,
):
    """Segment slices, write the files of each, and a table of all.

    Parameters
    ----------
    listed : list of Job
    out : Path
    segmenter : sarco.report.Segmenter
    person : sarco.cutoffs.Person, or dict of str to sarco.cutoffs.Person, optional
        On all slices, or by `Job.file` (`people`).
    number : int, optional
        Slice of NIfTI volumes and enhanced CT, from 1 at the feet.
    with_patient : bool
        See `sarco.report.write`.
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
    sweep({out / f"{job.target}{end}" for job in listed for end in report.ENDS}
          | {out / f"{TABLE}.csv", out / f"{TABLE}.xlsx"})  # fmt: skip
    with tqdm(listed, "segment", unit="slice", disable=None if progress else True) as bar:
        for position, job in enumerate(bar, 1):
            if position % COLLECT_EVERY == 0:
                gc.collect()
            who = person.get(job.file) if isinstance(person, dict) else person
            made_from = _fingerprint(job, segmenter, (who, number, with_patient))
            numbers_path = out / f"{job.target}.json"
            said = _finished(numbers_path, made_from) if table else None
            if said is not None:
                done.kept += 1
            else:
                try:
                    image = report.read_slice(job.path, number)
                except SarcoError as error:
                    done.problems[job.file] = str(error)
                    bar.write(str(error), file=sys.stderr)
                    continue
                found = segmenter.segment(image, who)
                report.write(
                    found, numbers_path.parent, numbers_path.name[: -len(".json")],
                    with_patient=with_patient, made_from=made_from,
                )  # fmt: skip
                said = json.loads(numbers_path.read_text(encoding="utf-8"))
            done.numbers[job.file] = said
            done.files += _files(numbers_path)
    if table:
        done.files += _write_tables([job.file for job in listed], done, out, with_patient)
    return done


def _files(numbers_path):
    name = numbers_path.name[: -len(".json")]
    return [file for end in report.ENDS if (file := numbers_path.with_name(f"{name}{end}")).exists()]


def _fingerprint(job, segmenter, options):
    """Hexadecimal digest of all that the files of a slice are made from; None where it cannot be read."""
    try:
        with job.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except OSError:  # `report.read_slice` says what is wrong with it
        return None
    digest.update(f"{job.path.name} {options} {segmenter.fingerprint}".encode())
    return digest.hexdigest()


def _finished(path, made_from):
    """Numbers that an earlier run wrote of the same slice in the same way, or None."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        same = said["made_from"] == made_from
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # The numbers are written last, so the others were there; whoever took one away wants it again.
    wanted = {path.with_name(path.name[: -len(".json")] + end) for end in report.ENDS if end != "_seg.dcm"}
    return said if same and all(file.exists() for file in wanted) else None


def row(file, said):
    """One line of the table, from the numbers of a slice."""
    low, high = said["area_interval_95_cm2"] or (None, None)
    smi_low, smi_high = said["smi_interval_95_cm2_m2"] or (None, None)
    class_ = said["class"] or {}
    patient = {f"patient_{key}": value for key, value in said.get("patient", {}).items()}
    return {key: said[key] for key in COLUMNS if key in said} | patient | {
        "file": file, "area_low_cm2": low, "area_high_cm2": high, "smi_low_cm2_m2": smi_low,
        "smi_high_cm2_m2": smi_high, "cutoff": class_.get("cutoff"), "low_muscle": class_.get("low_muscle"),
        "low_attenuation": class_.get("low_attenuation"), "row_spacing_mm": said["pixel_spacing_mm"][0],
        "column_spacing_mm": said["pixel_spacing_mm"][1], "warnings": " ".join(said["warnings"]),
        "note": said["not_a_medical_device"],
    }  # fmt: skip


def _write_tables(files, done, out, with_patient):
    import importlib.util

    import pandas as pd

    lines = [
        row(file, done.numbers[file]) if file in done.numbers else {"file": file, "problem": done.problems[file]}
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
            with atomic(written[1]) as beside:
                table.to_excel(beside, index=False)
    except OSError as error:
        raise SarcoError(f"{out}: cannot be written to ({error.strerror}); choose another folder.") from error
    return written
