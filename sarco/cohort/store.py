"""A cohort that is being imported, and what its masks must be fit for."""

from contextlib import contextmanager
from pathlib import Path

from ..base.errors import SarcoError, about, refuse
from ..base.files import BAD_NAME, atomic, write_csv
from ..ct import masks
from ..method import postprocess
from ..method.surface import area_cm2
from ..paper import MUSCLE_HU
from . import layout
from .layout import Problem


@contextmanager
def writing(where):
    """Say in a sentence that a disk is full, or a folder may not be written to."""
    try:
        yield
    except OSError as error:
        raise SarcoError(f"{where}: cannot be written to ({error.strerror}); choose another place.") from error


class Store:
    """A cohort that is being written: each case whole or not at all, and the table in the end, however it ends.

    `out` is its folder, and `recipe` says what it is made of: a folder that holds one of another recipe is refused.
    """

    def __init__(self, out, recipe, problems=()):
        self.root, self.recipe = Path(out), recipe
        self.written, self.kept = [], []  # cases written now; those that were there already and have not changed
        self.problems = list(problems)  # a `Problem` for each file or case that could not be taken
        self.warnings = []  # what about the slices written now may mislead, where they were checked
        self._rows, self._prints = {}, {}

    def fill(self, take, cases, unit, progress):
        """Call `take` with each case, for it to call `keep` and `add`; one that is unfit does not stop the others."""
        from tqdm import tqdm

        with writing(self.root):
            self._open()
            try:
                for case in tqdm(cases, "importing", unit=unit, disable=not progress):
                    try:
                        take(case)
                    except SarcoError as error:
                        self.problems.append(Problem(case, str(error)))
                        self._drop(case)
            finally:
                self._write_tables()
        return self

    def _open(self):
        import pandas as pd

        stamp, prints = self.root / "recipe.txt", self.root / "sources.csv"
        if self.root.exists() and not self.root.is_dir():
            raise SarcoError(f"{self.root}: this is a file; name a folder.")
        other = stamp.exists() and stamp.read_text(encoding="utf-8") != self.recipe
        if other or (not stamp.exists() and self.root.is_dir() and any(self.root.iterdir())):
            raise SarcoError(f"{self.root}: already holds another cohort or other files; choose an empty folder.")
        self.root.mkdir(parents=True, exist_ok=True)
        stamp.write_text(self.recipe, encoding="utf-8")
        if (self.root / "cohort.csv").exists() and prints.exists():
            self._rows = layout.Cohort.open(self.root).table.to_dict("index")
            known = pd.read_csv(prints, dtype=str, keep_default_na=False)
            self._prints = dict(zip(known["case"], known["fingerprint"], strict=True))

    def _write_tables(self):
        import pandas as pd

        table = pd.DataFrame.from_dict(self._rows, orient="index", columns=layout.COLUMNS[1:])
        layout.write_table(table.convert_dtypes().rename_axis("case").sort_index(), self.root / "cohort.csv")
        prints = pd.Series(self._prints, name="fingerprint", dtype=str).rename_axis("case").sort_index()
        write_csv(prints, self.root / "sources.csv", index=True)

    def _files(self, case):
        return self.root / "images" / f"{case}.dcm", self.root / "masks" / f"{case}.png"

    def keep(self, case, fingerprint, **given):
        """Whether the case is there, from these very files; what the user's table says of it is written anew."""
        same = self._prints.get(case) == fingerprint and case in self._rows
        if same and all(file.exists() for file in self._files(case)):
            self._rows[case].update(given)
            self.kept.append(case)
            return True
        return False

    def add(self, case, fingerprint, slice_, mask, write_image, **row):
        """Write a case: `write_image(path)` writes its slice, `mask` (bool) belongs to `slice_`."""
        image_path, mask_path = self._files(case)
        try:
            with atomic(image_path) as beside:
                write_image(beside)
                layout.write_mask(mask_path, mask)
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

    def _drop(self, case):
        """Take a case out that was written from files that are no longer fit."""
        if self._rows.pop(case, None) is not None:
            for file in self._files(case):
                file.unlink(missing_ok=True)
        self._prints.pop(case, None)


def fit(mask, slice_, path, cut=True):
    """A mask that can be ground truth of its slice, cut to the HU window if asked for."""
    share = layout.outside_window_share(slice_.image_hu, mask)
    with about(path):
        refuse(not mask.any(), "the mask is empty; draw it, or take the slice out.")
        refuse(share > masks.MISPLACED_SHARE, f"{share:.0%} of the mask lies outside {list(MUSCLE_HU)} HU; it belongs "
               "to another slice, or is not muscle.")  # fmt: skip
    return postprocess.window(mask, slice_.image_hu) if cut else mask
