"""Real slices and masks into the layout of a cohort."""

import hashlib
import re
import shutil
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..base import tables
from ..base.errors import SarcoError
from ..base.files import BAD_NAME, atomic, below, plain_name, shown, write_csv
from ..ct import deidentify, dicom, masks
from ..method.area import area_cm2
from ..paper import MUSCLE_HU, QUALITY_LABELS
from . import layout
from .layout import Problem

# Of a mask's name, after that of its slice; 3D Slicer writes 7-label.
ENDINGS = tuple(f"{sign}{word}" for sign in "_-" for word in ("mask", "seg", "label", "labels", "segmentation"))
NUMBERS = ("release", "age", "height_m", "weight_kg", "reader")
GIVEN = ("split", "quality", "sex", "phase", "notes", *NUMBERS)  # columns that a user's table may fill


@dataclass
class Imported:
    """What an import did.

    Attributes
    ----------
    root : Path
        Folder of the cohort.
    written, kept : list of str
        Cases that were written now, and those that were there already and have not changed.
    problems : list of Problem
        One for each file or case that could not be taken.
    warnings : list of Problem
        What about the slices written now may mislead, where they were checked.
    """

    root: Path
    written: list = field(default_factory=list)
    kept: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    warnings: list = field(default_factory=list)


@contextmanager
def _writing(where):
    """Say in a sentence that a disk is full, or a folder may not be written to."""
    try:
        yield
    except OSError as error:
        raise SarcoError(f"{where}: cannot be written to ({error.strerror}); choose another place.") from error


class Store:
    """A cohort that is being written: each case whole or not at all, the table when the block ends, however it ends.

    Parameters
    ----------
    out : str or Path
        Folder of the cohort.
    recipe : str
        What the cohort is made of. A folder that holds one of another recipe is refused.

    Raises
    ------
    SarcoError
        `out` holds another cohort, or anything else.
    """

    def __init__(self, out, recipe):
        self.root, self.recipe = Path(out), recipe
        self.written, self.kept = [], []
        self._rows, self._prints = {}, {}

    def __enter__(self):
        import pandas as pd

        stamp, table = self.root / "recipe.txt", self.root / "cohort.csv"
        with _writing(self.root):
            if self.root.exists() and not self.root.is_dir():
                raise SarcoError(f"{self.root}: this is a file; name a folder.")
            other = stamp.exists() and stamp.read_text(encoding="utf-8") != self.recipe
            if other or (not stamp.exists() and self.root.is_dir() and any(self.root.iterdir())):
                raise SarcoError(f"{self.root}: already holds another cohort or other files; choose an empty folder.")
            self.root.mkdir(parents=True, exist_ok=True)
            stamp.write_text(self.recipe, encoding="utf-8")
        prints = self.root / "sources.csv"
        if table.exists() and prints.exists():
            self._rows = layout.read_table(table).to_dict("index")
            known = pd.read_csv(prints, dtype=str, keep_default_na=False)
            self._prints = dict(zip(known["case"], known["fingerprint"], strict=True))
        return self

    def keep(self, case, fingerprint, **given):
        """Whether the case is there, from these very files; what the user's table says of it is written anew."""
        files = (self.root / "images" / f"{case}.dcm", self.root / "masks" / f"{case}.png")
        there = self._prints.get(case) == fingerprint and case in self._rows and all(f.exists() for f in files)
        if there:
            self._rows[case].update(given)
            self.kept.append(case)
        return there

    def add(self, case, fingerprint, slice_, mask, write_image, **row):
        """Write a case: `write_image(path)` writes its slice, `mask` (bool) belongs to `slice_`."""
        try:
            with atomic(self.root / "images" / f"{case}.dcm") as beside:
                write_image(beside)
                layout.write_mask(self.root / "masks" / f"{case}.png", mask)
        except OSError as error:
            if error.errno not in BAD_NAME:
                raise
            raise SarcoError(f"{slice_.path}: its name does not do for a case in {self.root} ({error.strerror}); "
                             "rename it, or number the cases with --key.") from None  # fmt: skip
        self._rows[case] = {
            "pixel_spacing_mm": slice_.spacing_mm[0],
            "area_cm2": round(area_cm2(mask, slice_.spacing_mm), 3),
            "mean_hu": round(float(slice_.image_hu[mask].mean()), 2),
            "notes": "",
            **row,
        }
        self._prints[case] = fingerprint
        self.written.append(case)

    def drop(self, case):
        """Take a case out that was written from files that are no longer fit."""
        if self._rows.pop(case, None) is not None:
            for kind, suffix in (("images", "dcm"), ("masks", "png")):
                (self.root / kind / f"{case}.{suffix}").unlink(missing_ok=True)
        self._prints.pop(case, None)

    def __exit__(self, kind, error, trace):
        import pandas as pd

        with _writing(self.root):
            table = pd.DataFrame.from_dict(self._rows, orient="index", columns=layout.COLUMNS[1:])
            layout.write_table(table.convert_dtypes().rename_axis("case").sort_index(), self.root / "cohort.csv")
            prints = pd.Series(self._prints, name="fingerprint", dtype=str).rename_axis("case").sort_index()
            write_csv(prints, self.root / "sources.csv", index=True)
            if isinstance(error, OSError):  # what cannot be read was told where it was read
                raise error
        return False


def import_slices(
    images,
    mask_files,
    out,
    *,
    labels=(),
    table=None,
    split="test",
    cut=True,
    nifti="affine",
    key=None,
    keep_header=False,
    check=None,
    progress=False,
):
    """Write a cohort from DICOM slices and their masks.

    A mask belongs to the slice of the same name and subfolder (`a/7.dcm` and `a/7.png`, `a/7_mask.nii.gz`), a DICOM
    SEG to the slices that its frames reference.

    Parameters
    ----------
    images, mask_files : str or Path
        Folders; they may be one.
    out : str or Path
        Folder of the cohort. Running the import again goes on where it stopped.
    labels : sequence of str
        Which labels of a label map, or segments of a SEG, are muscle.
    table : str or Path, optional
        CSV with a column `case` (the slice's name) and any of `GIVEN`; it goes before what the DICOM files say.
    split : str
        Of cases for which the table gives none.
    cut : bool
        Cut the masks to [-29, 150] HU, as the paper's ground truth is.
    nifti : {"affine", "stored"}
        See `masks.from_nifti`.
    key : str or Path, optional
        Number the cases, and write here which is which.
    keep_header : bool
        Copy each DICOM file byte for byte, with all that it says of the patient. Otherwise the pixel data and what
        describes them go over, and no name, date or identifier (`deidentify`).
    check : callable, optional
        Gives sentences about a slice and its mask that lie upright, as `slice_tool.checks.check`: `Imported.warnings`.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    Imported

    Raises
    ------
    SarcoError
        A folder, the table or `out` cannot be used, or there is no slice at all.
    """
    from tqdm import tqdm

    images, mask_files, out = Path(images), Path(mask_files), Path(out)
    for folder in (images, mask_files):
        if not folder.is_dir():
            raise SarcoError(f"{folder}: no such folder.")
    own = {Path(f).resolve() for f in (table, key) if f}
    slices, problems = _slices(images, mask_files, out, own)
    if not slices:
        raise SarcoError(f"{images}: no DICOM slice in it; name the folder of the slices.")
    partners, unmatched = _partners(slices, images, mask_files, out, own)
    given, default = _given(table, split, slices)
    names = _numbered(slices, key, out) if key else _safe_names(slices, images)
    options = f"labels={','.join(labels)} cut={cut} nifti={nifti} header={'kept' if keep_header else 'removed'}"
    source = hashlib.sha256(f"{images.resolve()}|{mask_files.resolve()}|{bool(key)}".encode()).hexdigest()[:12]
    seen, warnings = {}, []

    def one(name, path, case):
        row = given.get(name, default)
        if row is None:
            raise SarcoError(f"{table}: no row for {name}; add one.")
        mask_path, kind = _only(partners[name], name, path, mask_files, labels, nifti)
        digest = _digest(path)
        twin = seen.setdefault(digest, case)
        if twin != case:
            raise SarcoError(f"{path}: the same slice as case {twin}; keep one of them.")
        fingerprint = f"{digest[:32]}-{_digest(mask_path)[:32]}"
        if store.keep(case, fingerprint, **row):
            return
        slice_ = dicom.read_slice(path)
        part = not keep_header and deidentify.name_shows(slice_.header, case)
        if part:
            raise SarcoError(f"{path}: the file's name holds the patient's ({part}); rename it, or number the cases "
                             "with --key.")  # fmt: skip
        mask = fit(masks.read(mask_path, kind, slice_, labels, nifti), slice_, mask_path, cut)
        for sentence in check(slice_.upright(), dicom.upright(mask, slice_.header)) if check else ():
            warnings.append(Problem(case, f"{path}: {sentence}"))

        def write(to):
            if keep_header:
                shutil.copyfile(path, to)
            else:
                deidentify.copy(path, to, case)

        row = {**deidentify.person(slice_.header), **scanner_of(slice_.header), **row}
        store.add(case, fingerprint, slice_, mask, write, **row)

    with Store(out, f"import slices source={source} {options}\n") as store:
        for name, path in tqdm(slices.items(), "importing", unit="slice", disable=not progress):
            try:
                one(name, path, names[name])
            except SarcoError as error:
                problems.append(Problem(names[name], str(error)))
                store.drop(names[name])
    return Imported(out, store.written, store.kept, problems + unmatched, warnings)


def fit(mask, slice_, path, cut=True):
    """A mask that can be ground truth of its slice, cut to the HU window if asked for.

    Raises
    ------
    SarcoError
        It is empty, or more than `masks.MISPLACED_SHARE` of it is no soft tissue.
    """
    if not mask.any():
        raise SarcoError(f"{path}: the mask is empty; draw it, or take the slice out.")
    share = layout.outside_window_share(slice_.image_hu, mask)
    if share > masks.MISPLACED_SHARE:
        raise SarcoError(f"{path}: {share:.0%} of the mask lies outside {list(MUSCLE_HU)} HU; it belongs to another "
                         "slice, or is not muscle.")  # fmt: skip
    if cut:
        mask = mask & (slice_.image_hu >= MUSCLE_HU[0]) & (slice_.image_hu <= MUSCLE_HU[1])
    return mask


def scanner_of(header):
    """Columns of the cohort that say how a slice was made."""
    try:
        thickness_mm = float(header.get("SliceThickness"))
    except (TypeError, ValueError):
        thickness_mm = None
    return {"slice_thickness_mm": thickness_mm or None, "maker": str(header.get("Manufacturer") or "") or None}


def _digest(path):
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise SarcoError(f"{path}: cannot be read ({error.strerror}); copy it again.") from None


def _walk(folder, out, own):
    """Files of a folder with what they are: hidden ones, those of the cohort and DICOMDIR are left out."""
    for path in below(folder, [out, *own]):
        kind = masks.kind_of(path)
        if kind != "dicomdir":
            yield path, kind


def _name(path, folder):
    relative = path.relative_to(folder)
    return shown((relative.parent / masks.stem(relative.name)).as_posix())


def _slices(images, mask_files, out, own):
    """DICOM files by name, and one problem for each other file that is no mask."""
    slices, problems, doubled = {}, [], {}
    inside = mask_files.resolve()
    for path, kind in _walk(images, out, own):
        name = _name(path, images)
        if kind == "dicom":
            if slices.setdefault(name, path) != path:
                doubled[name] = path
        elif not (kind and inside in path.resolve().parents):
            what = "a segmentation" if kind == "seg" else "not a DICOM file"
            problems.append(Problem(name, f"{path}: {what}; take it out of the folder of slices."))
    for name, other in doubled.items():
        problems.append(Problem(name, f"{slices.pop(name)}: {other} is called so too, but for its end; rename one."))
    return slices, problems


def _partners(slices, images, mask_files, out, own):
    """Masks of each slice, as (path, kind), and one problem for each mask that belongs to none, or to who knows."""
    partners, problems, segs = {name: [] for name in slices}, [], []
    inside = images.resolve()
    for path, kind in _walk(mask_files, out, own):
        if _is_result(path, mask_files):
            continue
        name = _name(path, mask_files)
        if kind == "seg":
            segs.append(path)
        elif kind == "dicom" or kind is None:
            if inside not in path.resolve().parents:
                problems.append(Problem(name, f"{path}: not a mask (PNG, NIfTI, NumPy or DICOM SEG); take it out."))
        else:
            slice_name = _without_ending(name, slices)
            if slice_name in slices:
                partners[slice_name].append((path, kind))
            else:
                problems.append(Problem(name, f"{path}: no slice of this name in {images}; rename one of them."))
    by_uid = defaultdict(list)
    for name, path in slices.items() if segs else ():
        by_uid[masks.sop_instance_uid(path)].append(name)
    for path in segs:
        try:
            references = masks.seg_references(path)
            names = [name for uid in references for name in by_uid.get(uid, ())]
            for shared in (by_uid[uid] for uid in sorted(references) if len(by_uid.get(uid, ())) > 1):
                raise SarcoError(f"{path}: {' and '.join(str(slices[name]) for name in shared)} have one "
                                 "SOPInstanceUID, and nothing says on which it was drawn; give masks with the slices' "
                                 "names, or import them one by one.")  # fmt: skip
            if not references:  # its place is compared with that of the slice of its name, when it is read
                names = {_without_ending(_name(path, mask_files), slices)} & slices.keys()
            if not names:
                raise SarcoError(f"{path}: no slice in {images} is one of those that it references, or has "
                                 "its name; add it.")  # fmt: skip
            for name in names:
                partners[name].append((path, "seg"))
        except SarcoError as error:
            problems.append(Problem(_name(path, mask_files), str(error)))
    return partners, problems


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


def _only(found, name, path, mask_files, labels, nifti):
    if not found:
        raise SarcoError(f"{path}: no mask for it in {mask_files}; name one {name}.png, .nii.gz or .npy, or give a "
                         "DICOM SEG that references it.")  # fmt: skip
    if len(found) > 1:
        # One mask saved in two ways, as 'sarco segment' does, is one mask.
        slice_ = dicom.read_slice(path)
        first, *others = (masks.read(mask, kind, slice_, labels, nifti) for mask, kind in found)
        if all((other == first).all() for other in others):
            return found[0]
        raise SarcoError(f"{path}: {len(found)} masks for it ({', '.join(str(p) for p, _ in found)}); keep one.")
    return found[0]


def _safe_names(slices, images):
    """Case by name: what would not do as a file's name is replaced."""
    names = {name: re.sub(r"[^\w.-]", "_", name).lstrip(".") or "_" for name in slices}
    taken = {}
    for name, case in names.items():
        twin = taken.setdefault(plain_name(case), name)
        if twin != name:
            raise SarcoError(f"{images}: {twin} and {name} would both become case {case}; rename one, or number the "
                             "cases with --key.")  # fmt: skip
    return names


def _numbered(slices, key, out):
    """Case by name: numbers, kept in a file beside, which is read if it is there and extended."""
    import pandas as pd

    key = Path(key)
    if out.resolve() in key.resolve().parents:
        raise SarcoError(f"{key}: the key tells who is who, so it may not lie in the cohort; name another folder.")
    known = {}
    if key.exists():
        try:
            known = {row["file"]: row["case"] for row in tables.read(key)}
            number = max((int(case) for case in known.values()), default=0)
        except (ValueError, KeyError) as error:
            raise SarcoError(f"{key}: not a key that this command wrote ({error}); name another file.") from None
    else:
        number = 0
    for name in slices:
        if name not in known:
            number += 1
            known[name] = f"{number:04d}"
    with _writing(key):
        write_csv(pd.DataFrame({"case": list(known.values()), "file": list(known)}), key)
    return {name: known[name] for name in slices}


def _given(table, split, slices):
    """Columns that the user's table gives, by slice, and the row of those that it does not name (None: it must)."""
    default = {"split": split}
    if not table:
        return {}, default
    found = tables.read(table)
    columns = set(found[0]) if found else set()
    if "case" not in columns or not set(GIVEN) & columns:
        raise SarcoError(f"{table}: it needs the column case, one of {', '.join(GIVEN)}, and a row.")
    rows = {}
    for row in found:
        name = masks.stem(row["case"])
        if name in rows:
            raise SarcoError(f"{table}: {name} stands there twice; keep one row.")
        if name not in slices:
            raise SarcoError(f"{table}: no slice is called {name!r}; correct the column case.")
        row = {column: row[column] for column in GIVEN if row.get(column)}
        for column in set(NUMBERS) & row.keys():
            try:
                row[column] = tables.number(row[column])
            except ValueError:
                raise SarcoError(f"{table}: {column} of {name} is {row[column]!r}, where a number is wanted.") from None
        for column, allowed in (("split", layout.SPLITS), ("quality", QUALITY_LABELS)):
            if column in row and row[column] not in allowed:
                raise SarcoError(f"{table}: {column} of {name} is {row[column]!r}; use one of {', '.join(allowed)}.")
        if "split" in columns and "split" not in row:
            raise SarcoError(f"{table}: no split for {name}; fill it in.")
        rows[name] = {**default, **row}
    return rows, None if "split" in columns else default
