"""The layout on disk that every cohort shares, its split, and its check.

::

    ROOT/cohort.csv            one row a case
    ROOT/test.csv              phantoms only: rows of test cases that were drawn later, once the weights were there
    ROOT/images/<case>.dcm     one DICOM CT slice
    ROOT/masks/<case>.png      ground truth of a reader, 255 = muscle, on the slice's grid, cut to [-29, 150] HU
    ROOT/true/<case>.png       phantoms only: the true muscle, cut likewise
    ROOT/tissues/<case>.png    phantoms only: the region of each pixel, a place in `sarco.ct.tissues.TISSUES`
    ROOT/recipe.txt            phantoms only: what draws them again

Columns of cohort.csv: `COLUMNS`. Only those in `NEEDED` must be filled.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import SarcoError, about
from ..base.files import atomic, content_sha256, write_csv
from ..ct import dicom, masks
from ..ct.geometry import check_shape, upright
from ..method.surface import area_cm2
from ..paper import MUSCLE_HU, VALIDATION

COLUMNS = (
    "case",  # name of the files
    "release",  # 1 or 2; empty for the test set, which had a date of its own
    "split",  # train, validation, test or excluded
    "quality",  # A to D
    "pixel_spacing_mm",  # between rows
    "area_cm2",  # of masks/
    "true_area_cm2",  # of true/
    "sex", "age", "height_m", "phase", "weight_kg",
    "mean_hu",  # of the pixels in masks/
    "reader",  # 1 to 11; 0 for none in particular
    "slice_thickness_mm",  # never part of an area
    "maker",  # of the scanner
    "notes",  # what is rare about the slice
)  # fmt: skip
NEEDED = ("case", "split", "pixel_spacing_mm", "area_cm2")
SPLITS = ("train", "validation", "test", "excluded")
TEST_CSV, RECIPE = "test.csv", "recipe.txt"
KINDS = ("images", "masks", "true")  # folders
# A reader's mask is cut to the HU window, so none of a registered mask lies outside it. A mask that was resampled on
# its way may lose its edge; one that is not registered has a fifth or more of its pixels on fat, bone or gas.
REGISTERED_SHARE = 0.05


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a cohort: the case (empty for the table as a whole) and one sentence."""

    case: str
    message: str


@dataclass(frozen=True)
class Findings:
    """What a check of a cohort found."""

    problems: list  # of `Problem`, empty for a sound cohort
    # Cases by measurement alone: more than `REGISTERED_SHARE` of the mask lies outside the HU window. The column split
    # plays no role; a problem is only the one that is not excluded.
    unregistered: list


class Cohort:
    """A cohort on disk: its folder `root`, and as `table` the rows of all its cases, a DataFrame indexed by case."""

    def __init__(self, root, table):
        self.root, self.table = Path(root), table

    @classmethod
    def open(cls, root):
        """Read the table of the cohort at `root`, which must be there; the slices are read when asked for."""
        import pandas as pd

        return cls(root, pd.concat(map(_read_table, tables(root))))

    def cases(self, split=None):
        """Names of the cases, all or those of one split, in the order of the table."""
        table = self.table if split is None else self.table[self.table["split"] == split]
        return list(table.index)

    def path(self, kind, case):
        """Path of a case's file; `kind` is images, masks, true or tissues."""
        return self.root / kind / f"{case}.{'dcm' if kind == 'images' else 'png'}"

    def read_slice(self, case):
        """The CT slice, as `sarco.ct.dicom.read_slice` returns it, upright."""
        return dicom.read_slice(self.path("images", case)).upright()

    def read_mask(self, case):
        """Ground truth of the reader, bool (rows, columns), upright as the slice is."""
        return self._upright(read_mask(self.path("masks", case)), case)

    def read_true_mask(self, case):
        """True muscle of a phantom, bool (rows, columns), upright too; None where the cohort has none."""
        path = self.path("true", case)
        return self._upright(read_mask(path), case) if path.exists() else None

    def read_tissues(self, case):
        """Regions of a phantom, uint8 (rows, columns), as `sarco.phantom.tissues.regions` finds them, upright too."""
        path = self.path("tissues", case)
        try:
            return self._upright(masks.read_png(path), case)
        except FileNotFoundError:
            raise SarcoError(f"{path}: not there; make the cohort of phantoms again, which writes it.") from None

    def _upright(self, mask, case):
        return upright(mask, dicom.read_only(self.path("images", case), "ImageOrientationPatient"))


def tables(root):
    """Paths of the tables of a cohort: cohort.csv, and test.csv where test cases were drawn later."""
    path, later = Path(root) / "cohort.csv", Path(root) / TEST_CSV
    if not path.is_file():
        raise SarcoError(f"{path}: not found; a cohort has a cohort.csv ('sarco cohort make' writes one).")
    return [path, later] if later.is_file() else [path]


def _read_table(path):
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype={"case": str, "notes": str, "release": "Int64", "reader": "Int64"},
                            keep_default_na=False,
                            na_values={c: [""] for c in COLUMNS if c not in ("case", "notes")})  # fmt: skip
    except ValueError as error:
        raise SarcoError(f"{path}: not a readable table ({error}); write it as CSV in UTF-8.") from None
    missing = [c for c in NEEDED if c not in table]
    if missing:
        raise SarcoError(f"{path}: no column {', '.join(missing)}; the layout needs {', '.join(COLUMNS)}.")
    return table.set_index("case")


def joined(root):
    """The tables of a cohort as one file, in bytes."""
    first, *later = (path.read_bytes() for path in tables(root))
    return first + b"".join(rows.partition(b"\n")[2] for rows in later)


def recipe_of(root):
    """How a cohort of phantoms was made: texts by name, as "setting" and "seed"; empty for one of other slices.

    With "manifest", its test cases were drawn later than the others, for the weights whose manifest has this SHA-256.
    """
    path = Path(root) / RECIPE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return dict(part.split("=") for part in text.split()) if text.startswith("setting=") else {}


def seed_of_test(manifest_sha256):
    """Seed of the test cases for some weights: the first six bytes of the SHA-256 of their manifest, in hexadecimal."""
    return int(manifest_sha256[:12], 16)


def write_table(table, path):
    """Write a table indexed by case as cohort.csv, whole or not at all."""
    write_csv(table.reindex(columns=COLUMNS[1:]), path, index=True)


def read_mask(path):
    """Read a mask as bool (rows, columns); what is not 0 is muscle."""
    try:
        return masks.read_png(path) > 0
    except FileNotFoundError:
        raise SarcoError(f"{path}: the mask is missing; put it there or take the case out of cohort.csv.") from None


def write_mask(path, mask):
    """Write a mask as PNG, 255 = muscle."""
    write_png(path, np.where(mask, 255, 0).astype(np.uint8))


def write_png(path, values):
    """Write a picture of uint8, (rows, columns), without loss."""
    from PIL import Image

    with atomic(path) as beside:
        Image.fromarray(values).save(beside, compress_level=6)


def outside_window_share(image_hu, mask):
    """Share of the mask outside [-29, 150] HU: near 0 where mask and slice belong together, nan for an empty mask."""
    if not mask.any():
        return float("nan")
    values = image_hu[mask]
    return float(np.mean((values < MUSCLE_HU[0]) | (values > MUSCLE_HU[1])))


def _check_case(cohort, case):
    """What is wrong with the slice and the mask of a case, and whether they belong together as far as is known."""
    row, image, mask_path = cohort.table.loc[case], cohort.path("images", case), cohort.path("masks", case)
    try:
        slice_, mask = cohort.read_slice(case), cohort.read_mask(case)
        with about(mask_path):
            check_shape(mask.shape, slice_.image_hu.shape)
    except SarcoError as error:
        return [str(error)], True
    sentences, spacing_mm = [], slice_.spacing_mm
    if not abs(spacing_mm[0] - row["pixel_spacing_mm"]) < 1e-3:
        sentences.append(f"{image}: pixel spacing {spacing_mm[0]:g} mm, cohort.csv says {row['pixel_spacing_mm']:g}; "
                         "correct the table.")  # fmt: skip
    area = area_cm2(mask, spacing_mm)
    if not abs(area - row["area_cm2"]) < 0.02:
        sentences.append(f"{mask_path}: {area:.2f} cm2, cohort.csv says {row['area_cm2']:.2f}; correct the table or "
                         "the mask.")  # fmt: skip
    share = outside_window_share(slice_.image_hu, mask)
    if np.isnan(share):
        sentences.append(f"{mask_path}: the mask is empty; draw it or take the case out.")
    elif share > REGISTERED_SHARE and row["split"] != "excluded":
        sentences.append(f"{mask_path}: {share:.0%} of the mask lies outside {list(MUSCLE_HU)} HU, so it is not "
                         "registered to its slice; exclude the case.")  # fmt: skip
    return sentences, not share > REGISTERED_SHARE


def check(root, progress=False):
    """Say what is wrong with a cohort.

    Found are missing, unreadable and superfluous files, duplicated cases and slices, a mask of another shape, a
    spacing or an area that the table states otherwise, an empty mask, and a mask that is not registered to its slice
    (measured, as the share of it outside the HU window).

    Returns
    -------
    Findings
    """
    from tqdm import tqdm

    cohort = Cohort.open(root)
    table = cohort.table
    problems = [Problem(c, f"{root}: case {c} stands twice in cohort.csv; keep one row.")
                for c in sorted(set(table.index[table.index.duplicated()]))]  # fmt: skip
    problems += [Problem(c, f"{root}: case {c} has split {s!r}; use one of {', '.join(SPLITS)}.")
                 for c, s in table["split"].items() if s not in SPLITS]  # fmt: skip
    cohort.table = table[~table.index.duplicated()]
    first, unregistered = {}, []
    for case in tqdm(cohort.table.index, "checking", unit="case", disable=not progress):
        sentences, registered = _check_case(cohort, case)
        problems += [Problem(case, sentence) for sentence in sentences]
        if not registered:
            unregistered.append(case)
        path = cohort.path("images", case)
        content = content_sha256(path)
        if content and first.setdefault(content, case) != case:
            problems.append(Problem(case, f"{path}: the same slice as case {first[content]}; keep one of them."))
    for kind in KINDS:
        for path in sorted((cohort.root / kind).glob("*.*")):
            if path.stem not in cohort.table.index and not path.name.startswith("."):
                problems.append(Problem(path.stem, f"{path}: not in cohort.csv; add a row or remove the file."))
    return Findings(problems, unregistered)


def assign_splits(table, test, unregistered, seed):
    """Give each case its split as the paper did: exclude, then validation stratified on quality, the rest to train.

    `table` has the column quality and is indexed by case, as the Series of splits is. Validation are the paper's 40
    cases, or a fifth of what there is in a small cohort.
    """
    split = table["quality"].map(lambda _: "train")
    split[list(test)] = "test"
    split[list(unregistered)] = "excluded"
    pool = table[split == "train"]
    wanted = min(VALIDATION, round(len(pool) / 5))
    rng = np.random.default_rng(seed)
    # Largest remainder: each label gets its share, rounded so that the total is met.
    counts = pool["quality"].value_counts().sort_index()
    exact = counts * wanted / max(1, len(pool))
    take = exact.astype(int)
    take[(exact - take).sort_values(ascending=False, kind="stable").index[: wanted - int(take.sum())]] += 1
    for label, n in take.items():
        split[rng.choice(pool.index[pool["quality"] == label], n, replace=False)] = "validation"
    return split


def subset(root, out, cases):
    """Copy some cases of a cohort into a new one, with their rows, and what draws a phantom again."""
    cohort = Cohort.open(root)
    for case in cases:
        if case not in cohort.table.index:
            raise SarcoError(f"{cohort.root}: no case {case} in its cohort.csv.")
        for source in (cohort.path(kind, case) for kind in KINDS):
            if source.exists():
                with atomic(Path(out) / source.relative_to(cohort.root)) as beside:
                    shutil.copyfile(source, beside)
    if recipe_of(root):
        with atomic(Path(out) / RECIPE) as beside:
            shutil.copyfile(cohort.root / RECIPE, beside)
    write_table(cohort.table.loc[list(cases)], Path(out) / "cohort.csv")
