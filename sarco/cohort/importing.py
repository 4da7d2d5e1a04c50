"""Real slices and masks into the layout of a cohort."""

import hashlib
import re
import shutil
from collections import defaultdict
from functools import partial
from pathlib import Path

from ..base import tables
from ..base.errors import Refused, SarcoError, about, refuse
from ..base.files import below, checksum, plain_name, shown, write_csv
from ..ct import deidentify, dicom, masks, seg
from ..ct.geometry import upright
from ..ct.header import number, value
from ..paper import QUALITY_LABELS
from . import layout
from .layout import Problem
from .store import Store, fit, writing

# Of a mask's name, after that of its slice; 3D Slicer writes 7-label.
ENDINGS = tuple(f"{sign}{word}" for sign in "_-" for word in ("mask", "seg", "label", "labels", "segmentation"))
NUMBERS = ("release", "age", "height_m", "weight_kg", "reader")
GIVEN = ("split", "quality", "sex", "phase", "notes", *NUMBERS)  # columns that a user's table may fill


# As many parameters, and lines to say what they are, as `sarco cohort import slices` has options.
def import_slices(images, mask_files, out, *, labels=(), table=None, split="test", cut=True, nifti="affine", key=None,
                  keep_header=False, check=None, progress=False):  # fmt: skip
    """Write a cohort from DICOM slices and their masks.

    A mask belongs to the slice of the same name and subfolder (`a/7.dcm` and `a/7.png`, `a/7_mask.nii.gz`), a DICOM
    SEG to the slices that its frames reference.

    Parameters
    ----------
    images, mask_files, out : str or Path
        Folders; those read may be one. Running the import again goes on where it stopped.
    labels : sequence of str
        Which labels of a label map, or segments of a SEG, are muscle.
    table : str or Path, optional
        CSV with a column `case` (the slice's name) and any of `GIVEN`; it goes before what the DICOM files say.
    split : str
        Of cases for which the table gives none.
    cut : bool
        Cut the masks to [-29, 150] HU, as the paper's ground truth is.
    nifti : {"affine", "stored"}
        See `sarco.ct.nifti.read_mask`.
    key : str or Path, optional
        Number the cases, and write here which is which.
    keep_header : bool
        Copy each DICOM file byte for byte, with all that it says of the patient. Otherwise the pixel data and what
        describes them go over, and no name, date or identifier (`deidentify`).
    check : callable, optional
        Gives sentences about a slice and its mask that lie upright, as `slice_tool.checks.check`: `Store.warnings`.

    Returns
    -------
    Store
        Filled. What cannot be used at all is refused, what single files lack stands in its `problems`.
    """
    images, mask_files, out = Path(images), Path(mask_files), Path(out)
    for folder in (images, mask_files):
        if not folder.is_dir():
            raise SarcoError(f"{folder}: no such folder.")
    leave = [out, *(Path(file) for file in (table, key) if file)]
    slices, problems = _slices(images, mask_files, leave)
    if not slices:
        raise SarcoError(f"{images}: no DICOM slice in it; name the folder of the slices.")
    partners, unmatched = _partners(slices, images, mask_files, leave)
    rows = _given(table, split, slices)
    names = _numbered(slices, key, out) if key else _safe_names(slices, images)
    first = {}  # case of each slice, by its content

    def take(case):
        name = names[case]
        path, row = slices[name], rows[name]
        with about(table):
            refuse(row is None, f"no row for {name}; add one.")
        mask_path, kind = _only(partners[name], name, path, mask_files, labels, nifti)
        digest = _digest(path)
        with about(path):
            twin = first.setdefault(digest, case)
            refuse(twin != case, f"the same slice as case {twin}; keep one of them.")
        fingerprint = f"{digest[:32]}-{_digest(mask_path)[:32]}"
        if store.keep(case, fingerprint, **row):
            return
        slice_ = dicom.read_slice(path)
        with about(path):
            part = not keep_header and deidentify.name_shows(slice_.header, case)
            refuse(part, f"the file's name holds the patient's ({part}); rename it, or number the cases with --key.")
        mask = fit(masks.read(mask_path, kind, slice_, labels, nifti), slice_, mask_path, cut)
        sentences = check(slice_.upright(), upright(mask, slice_.header)) if check else ()
        store.warnings += [Problem(case, f"{path}: {sentence}") for sentence in sentences]
        write = partial(shutil.copyfile, path) if keep_header else partial(deidentify.copy, path, case=case)
        scan = {"slice_thickness_mm": number(slice_.header, "SliceThickness") or None,
                "maker": str(value(slice_.header, "Manufacturer") or "") or None}  # fmt: skip
        store.add(case, fingerprint, slice_, mask, write, **{**deidentify.person(slice_.header), **scan, **row})

    source = hashlib.sha256(f"{images.resolve()}|{mask_files.resolve()}|{bool(key)}".encode()).hexdigest()[:12]
    options = f"labels={','.join(labels)} cut={cut} nifti={nifti} header={'kept' if keep_header else 'removed'}"
    store = Store(out, f"import slices source={source} {options}\n", problems)
    store.fill(take, names, "slice", progress)
    store.problems += unmatched
    return store


def _digest(path):
    try:
        return checksum(path)
    except OSError as error:
        raise SarcoError(f"{path}: cannot be read ({error.strerror}); copy it again.") from None


# --- which mask is whose ---------------------------------------------------------------------------------------------


def _files(folder, leave):
    """Files of a folder by the name of the slice that they may be, and what they are; DICOMDIR is left out."""
    for path in below(folder, leave):
        kind = masks.kind_of(path)
        if kind != "dicomdir":
            relative = path.relative_to(folder)
            yield shown((relative.parent / masks.stem(relative.name)).as_posix()), path, kind


def _slices(images, mask_files, leave):
    """DICOM files by name, and one problem for each other file that is no mask."""
    slices, problems, doubled = {}, [], {}
    inside = mask_files.resolve()
    for name, path, kind in _files(images, leave):
        if kind == "dicom":
            if slices.setdefault(name, path) != path:
                doubled[name] = path
        elif not (kind and inside in path.resolve().parents):
            what = "a segmentation" if kind == "seg" else "not a DICOM file"
            problems.append(Problem(name, f"{path}: {what}; take it out of the folder of slices."))
    for name, other in doubled.items():
        problems.append(Problem(name, f"{slices.pop(name)}: {other} is called so too, but for its end; rename one."))
    return slices, problems


def _partners(slices, images, mask_files, leave):
    """Masks of each slice, as (path, kind), and one problem for each mask that belongs to none, or to who knows."""
    partners, problems, segs = {name: [] for name in slices}, [], []
    inside = images.resolve()
    for name, path, kind in _files(mask_files, leave):
        if _is_result(path, mask_files):
            continue
        name_of_slice = _without_ending(name, slices)
        if kind == "seg":
            segs.append((name, path))
        elif kind in ("dicom", None):
            if inside not in path.resolve().parents:
                problems.append(Problem(name, f"{path}: not a mask (PNG, NIfTI, NumPy or DICOM SEG); take it out."))
        elif name_of_slice in slices:
            partners[name_of_slice].append((path, kind))
        else:
            problems.append(Problem(name, f"{path}: no slice of this name in {images}; rename one of them."))
    by_uid = defaultdict(list)
    for name, path in slices.items() if segs else ():
        by_uid[masks.sop_instance_uid(path)].append(name)
    for name, path in segs:
        try:
            for name_of_slice in _drawn_on(name, path, slices, by_uid, images):
                partners[name_of_slice].append((path, "seg"))
        except SarcoError as error:
            problems.append(Problem(name, str(error)))
    return partners, problems


def _drawn_on(name, path, slices, by_uid, images):
    """Names of the slices that a SEG says it was drawn on, or that has its name where it says none."""
    references = seg.references(path)
    for names in (by_uid[uid] for uid in sorted(references)):
        if len(names) > 1:
            raise SarcoError(f"{path}: {' and '.join(str(slices[name]) for name in names)} have one SOPInstanceUID, "
                             "and nothing says on which it was drawn; give masks with the slices' names, or import "
                             "them one by one.")  # fmt: skip
    names = [name for uid in references for name in by_uid[uid]]
    if not references:  # its place is compared with that of the slice of its name, when it is read
        names = {_without_ending(name, slices)} & slices.keys()
    if not names:
        raise SarcoError(f"{path}: no slice in {images} is one of those that it references, or has its name; add it.")
    return names


def _without_ending(name, slices):
    """Name of the slice that a mask of this name may belong to."""
    return name if name in slices else next((name.removesuffix(e) for e in ENDINGS if name.endswith(e)), name)


def _is_result(path, folder):
    """Whether a file is what 'sarco segment' writes beside its masks: picture, page, numbers, table."""
    for end in ("_overlay.png", ".html", ".json"):
        if path.name.endswith(end):
            name = path.name.removesuffix(end)
            return all(path.with_name(f"{name}{other}").exists() for other in ("_mask.png", "_overlay.png", ".json"))
    return path.parent == folder and path.name in ("table.csv", "table.xlsx") and any(folder.rglob("*_mask.png"))


def _only(candidates, name, path, mask_files, labels, nifti):
    """The one mask of a slice, of those that have its name or reference it."""
    if not candidates:
        raise SarcoError(f"{path}: no mask for it in {mask_files}; name one {name}.png, .nii.gz or .npy, or give a "
                         "DICOM SEG that references it.")  # fmt: skip
    if len(candidates) > 1:
        # One mask saved in two ways, as 'sarco segment' does, is one mask.
        slice_ = dicom.read_slice(path)
        first, *others = (masks.read(mask, kind, slice_, labels, nifti) for mask, kind in candidates)
        if any((other != first).any() for other in others):
            raise SarcoError(f"{path}: {len(candidates)} masks for it ({', '.join(str(p) for p, _ in candidates)}); "
                             "keep one.")  # fmt: skip
    return candidates[0]


# --- what a case is called, and what the user says of it --------------------------------------------------------------


def _safe_names(slices, images):
    """Name of the slice by case: what would not do as a file's name is replaced."""
    names, taken = {}, {}
    for name in slices:
        case = re.sub(r"[^\w.-]", "_", name).lstrip(".") or "_"
        twin = taken.setdefault(plain_name(case), name)
        with about(images):
            refuse(twin != name, f"{twin} and {name} would both become case {case}; rename one, or number the cases "
                   "with --key.")  # fmt: skip
        names[case] = name
    return names


def _numbered(slices, key, out):
    """Name of the slice by case: numbers, kept in a file beside, which is read if it is there and extended."""
    import pandas as pd

    key = Path(key)
    if out.resolve() in key.resolve().parents:
        raise SarcoError(f"{key}: the key tells who is who, so it may not lie in the cohort; name another folder.")
    known, last = {}, 0
    if key.exists():
        try:
            known = {row["file"]: row["case"] for row in tables.read(key)}
            last = max((int(case) for case in known.values()), default=0)
            if len(set(known.values())) < len(known):
                raise ValueError("two files have one case")
        except (ValueError, KeyError) as error:
            raise SarcoError(f"{key}: not a key that this command wrote ({error}); name another file.") from None
    new = [name for name in slices if name not in known]
    known |= {name: f"{number:04d}" for number, name in enumerate(new, last + 1)}
    with writing(key):
        write_csv(pd.DataFrame({"case": list(known.values()), "file": list(known)}), key)
    return {known[name]: name for name in slices}


def _given(table, split, slices):
    """Columns that the user's table gives, by slice; None for one that it does not name, but must."""
    default = {"split": split}
    if not table:
        return dict.fromkeys(slices, default)
    lines, rows = tables.read(table), {}
    columns = set(lines[0]) if lines else set()
    with about(table):
        refuse("case" not in columns or not set(GIVEN) & columns, f"it needs the column case, one of "
               f"{', '.join(GIVEN)}, and a row.")  # fmt: skip
        for line in lines:
            name = masks.stem(line["case"])
            refuse(name in rows, f"{name} stands there twice; keep one row.")
            refuse(name not in slices, f"no slice is called {name!r}; correct the column case.")
            rows[name] = {**default, **_row(line, name)}
            refuse("split" in columns and not line["split"], f"no split for {name}; fill it in.")
    return {name: rows.get(name, None if "split" in columns else default) for name in slices}


def _row(line, name):
    """What a line of the user's table says, checked."""
    row = {column: line[column] for column in GIVEN if line.get(column)}
    for column in set(NUMBERS) & row.keys():
        try:
            row[column] = tables.number(row[column])
        except ValueError:
            raise Refused(f"{column} of {name} is {row[column]!r}, where a number is wanted.") from None
    for column, allowed in (("split", layout.SPLITS), ("quality", QUALITY_LABELS)):
        here = row.get(column)
        refuse(here and here not in allowed, f"{column} of {name} is {here!r}; use one of {', '.join(allowed)}.")
    return row
