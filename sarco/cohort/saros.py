"""SAROS into the layout of a cohort: one annotated slice near the middle of L3 of each case.

SAROS (doi 10.25737/SZ96-ZG60, masks under CC BY 4.0) is the public set that comes nearest to the paper's private one:
whole CT examinations in which every fifth plane of 5 mm was annotated. Its layout::

    FOLDER/Segmentation-Info*.csv       id, split, tcia_collection, tcia_series_instance_uid, ...
    FOLDER/[SAROS-*/]case_000/          image.nii.gz, body-regions.nii.gz, body-parts.nii.gz

L3 is not labelled, so its level comes from a table (`table_levels`) or from TotalSegmentator (`vertebra_level`).
"""

import re
from pathlib import Path

import numpy as np

from ..base import tables
from ..base.errors import SarcoError
from ..ct import dicom
from ..paper import MUSCLE_HU
from . import importing
from .layout import Problem

SOURCE = "SAROS, identity removed by its publishers"
NOTICE = "SAROS, doi 10.25737/SZ96-ZG60, masks CC BY 4.0"
FILES = ("image", "body-regions", "body-parts")
SUBCUTANEOUS, MUSCLE, IGNORE = 1, 2, 255  # regions
TORSO = 1  # a part; 5 and 6 are arms, whose muscle the paper does not count
SPLITS = {"fold-1": "train", "fold-2": "train", "fold-3": "train", "fold-4": "train", "fold-5": "validation",
          "test": "test"}  # fmt: skip
# Annotated planes lie 25 mm apart, so one lies within 12.5 mm of any level that they enclose.
MAX_DISTANCE_MM = 12.5
PLANE_MM = 5
FAT_HU = (-190, -30)
LOWEST_HU = -1100  # air is -1000; noise and reconstruction reach a little lower within a body
WARNED = ("case_609", "case_623", "case_816")  # "abnormal CT values", by the publishers' own word
L3_LABEL = 29  # vertebrae_L3 among TotalSegmentator's classes "total" since version 2


def import_saros(folder, out, levels=None, vertebrae=None, max_distance_mm=MAX_DISTANCE_MM, progress=False):
    """Write a cohort from SAROS.

    Of each case, the annotated slice nearest to the middle of L3 is taken; muscle is region 2 within the torso, cut to
    [-29, 150] HU. Folds 1 to 4 train, fold 5 validates, the test set tests.

    Parameters
    ----------
    folder : str or Path
        As `sarco cohort fetch saros` or the publishers' script leaves it.
    out : str or Path
        Folder of the cohort. Running the import again goes on where it stopped.
    levels : str or Path, optional
        CSV of the L3 levels, see `table_levels`.
    vertebrae : str or Path, optional
        Folder of TotalSegmentator's label maps, see `vertebra_level`. One of the two must be given.
    max_distance_mm : float
        A case whose nearest annotated slice lies farther from the middle of L3 is refused.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    importing.Imported

    Raises
    ------
    SarcoError
        The folder, the table or `out` cannot be used.
    """
    from tqdm import tqdm

    if (levels is None) == (vertebrae is None):
        raise SarcoError("L3 is not labelled in SAROS: give either --levels TABLE or --vertebrae FOLDER.")
    info, folders = read_info(folder), case_folders(folder)
    known = table_levels(levels) if levels else {}
    if vertebrae and not Path(vertebrae).is_dir():
        raise SarcoError(f"{vertebrae}: no such folder.")
    problems = [
        Problem(c, f"{levels}: {c} is no case of SAROS; correct the column id.") for c in known if c not in info
    ]
    cases = [case for case in info if case in folders]
    if not cases:
        raise SarcoError(f"{folder}: no folder of a case (case_000) in it; see 'sarco cohort fetch saros --help'.")

    def one(case):
        if case in WARNED:
            raise SarcoError(f"{folders[case]}: the publishers warn of abnormal HU in this case; it stays out.")
        paths = {name: find_volume(folders[case], name) for name in FILES}
        if vertebrae:
            level_path = vertebra_file(case, vertebrae, folders[case])
            level = None
            print_ = f"{level_path}:{level_path.stat().st_size}"
        elif case in known:
            level = known[case]
            print_ = f"{level[0]}={level[1]:g}"
        else:
            raise SarcoError(f"{levels}: no level of L3 for {case}; add a row.")
        fingerprint = ":".join([print_, *(str(path.stat().st_size) for path in paths.values())])
        if store.keep(case, fingerprint, split=SPLITS[info[case]["split"]]):
            return
        image, regions, parts = (Volume(path) for path in paths.values())
        for other in (regions, parts):
            same_grid(image, other)
        z_mm = vertebra_level(level_path) if vertebrae else level_z_mm(level, image)
        k, distance_mm = annotated_plane(regions, parts, z_mm, max_distance_mm)
        slice_ = dicom.Slice(image.plane(k).astype(np.float32), image.spacing_mm, image.path)
        region, part = regions.plane(k), parts.plane(k)
        check_hu(slice_.image_hu, region, image.path)
        slice_ = dicom.Slice(np.rint(np.clip(slice_.image_hu, *dicom.HU_LIMITS)), slice_.spacing_mm, image.path)
        mask = importing.fit((region == MUSCLE) & (part == TORSO), slice_, regions.path)

        def write(to):
            dicom.write_slice(
                to, slice_.image_hu, slice_.spacing_mm, case=case, slice_thickness_mm=PLANE_MM, source=SOURCE
            )

        notes = f"{info[case].get('tcia_collection', '')}, {distance_mm:.1f} mm from the middle of L3".lstrip(", ")
        store.add(case, fingerprint, slice_, mask, write, split=SPLITS[info[case]["split"]],
                  slice_thickness_mm=PLANE_MM, notes=notes)  # fmt: skip

    recipe = f"import saros max_distance_mm={max_distance_mm:g}; {NOTICE}\n"
    with importing.Store(out, recipe) as store:
        for case in tqdm(cases, "importing", unit="case", disable=not progress):
            try:
                one(case)
            except SarcoError as error:
                problems.append(Problem(case, str(error)))
                store.drop(case)
    return importing.Imported(Path(out), store.written, store.kept, problems)


def read_info(folder):
    """Rows of the segmentation table by case, in its order.

    Raises
    ------
    SarcoError
    """
    found = sorted(Path(folder).glob("*egmentation*nfo*.csv"))
    if len(found) != 1:
        raise SarcoError(f"{folder}: {len(found)} tables called Segmentation-Info*.csv, where one is wanted; put it "
                         "there from the page of SAROS (doi 10.25737/SZ96-ZG60).")  # fmt: skip
    rows = tables.read(found[0])
    columns = rows[0] if rows else {}
    missing = [c for c in ("id", "split", "tcia_collection", "tcia_series_instance_uid") if c not in columns]
    if missing:
        raise SarcoError(f"{found[0]}: no column {', '.join(missing)}; download it again.")
    unknown = sorted({row["split"] for row in rows} - set(SPLITS))
    if unknown:
        raise SarcoError(f"{found[0]}: unknown split {unknown[0]!r}; it should be one of {', '.join(SPLITS)}.")
    return {case_name(row["id"], found[0]): row for row in rows}


def case_name(text, path):
    """ "7", "007" and "case_007" are one case."""
    match = re.fullmatch(r"(?:case_)?(\d+)", str(text).strip())
    if not match:
        raise SarcoError(f"{path}: {text!r} is no id of a case; write it as case_000.")
    return f"case_{int(match[1]):03d}"


def case_folders(folder):
    """Folder of each case that is there, by case."""
    folder = Path(folder)
    found = [path for pattern in ("case_*", "*/case_*") for path in sorted(folder.glob(pattern)) if path.is_dir()]
    return {path.name: path for path in reversed(found)}


def find_volume(folder, name):
    """Path of one of a case's volumes.

    Raises
    ------
    SarcoError
        It is not there.
    """
    for suffix in (".nii.gz", ".nii"):
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    wanted = "'sarco cohort fetch saros' brings the open images" if name == "image" else "download the masks again"
    raise SarcoError(f"{folder}: no {name}.nii.gz in it; {wanted}.")


class Volume:
    """A NIfTI volume whose planes are read one at a time, with axes to the right, front and top of the patient.

    Attributes
    ----------
    path : Path
    affine : ndarray, shape (4, 4)
        From voxel indices, in that order of axes, to mm.
    shape : tuple of int
    spacing_mm : tuple of float
        Within a plane: between rows, then between columns, of the slice that `plane` returns.
    """

    def __init__(self, path):
        import nibabel as nib

        self.path = path
        try:
            self._stored = nib.load(path)
            if len(self._stored.shape) != 3:
                raise SarcoError(f"{path}: it has shape {self._stored.shape}, where a volume is wanted; download it "
                                 "again.")  # fmt: skip
        except (OSError, ValueError, EOFError, nib.filebasedimages.ImageFileError) as error:
            raise SarcoError(f"{path}: not a readable NIfTI file ({error}); download it again.") from None
        self._axes = nib.orientations.io_orientation(self._stored.affine)
        if np.isnan(self._axes).any():
            raise SarcoError(f"{path}: its affine is singular, so nothing says how it lies; download it again.")
        self.shape = tuple(self._stored.shape[int(np.flatnonzero(self._axes[:, 0] == a)[0])] for a in range(3))
        self.affine = self._stored.affine @ nib.orientations.inv_ornt_aff(self._axes, self._stored.shape)
        # NIfTI stores single precision: what lies behind the sixth digit is rounding.
        x_mm, y_mm, _ = (round(float(v), 6) for v in np.linalg.norm(self.affine[:3, :3], axis=0))
        self.spacing_mm = (y_mm, x_mm)

    @property
    def z_mm(self):
        """Height of each plane's middle, in mm, rising."""
        centre = [(self.shape[0] - 1) / 2, (self.shape[1] - 1) / 2]
        return np.array([(self.affine @ [*centre, k, 1])[2] for k in range(self.shape[2])])

    def voxels(self):
        """All values, with the axes in order."""
        import nibabel as nib

        return nib.orientations.apply_orientation(self._values(slice(None), None), self._axes)

    def plane(self, k):
        """Plane `k` from below, as DICOM shows it: rows from front to back, columns to the patient's left."""
        import nibabel as nib

        axis = int(np.flatnonzero(self._axes[:, 0] == 2)[0])
        at = k if self._axes[axis, 1] > 0 else self.shape[2] - 1 - k
        thin = nib.orientations.apply_orientation(self._values(slice(at, at + 1), axis), self._axes)
        return thin[::-1, ::-1, 0].T

    def _values(self, part, axis):
        index = tuple(part if a == axis else slice(None) for a in range(3))
        try:
            return np.asanyarray(self._stored.dataobj[index])
        except (OSError, ValueError, EOFError) as error:
            raise SarcoError(f"{self.path}: broken or cut short ({error}); download it again.") from None


def same_grid(image, other):
    """Refuse two volumes of a case that do not lie on one grid."""
    if image.shape != other.shape:
        raise SarcoError(f"{other.path}: {other.shape} voxels, the image has {image.shape}; fetch the image again, at "
                         f"{PLANE_MM} mm.")  # fmt: skip
    corners = np.array(
        [[i * (n - 1) for i, n in zip(bits, image.shape, strict=True)] + [1] for bits in np.ndindex(2, 2, 2)]
    )
    apart_mm = np.abs((image.affine - other.affine) @ corners.T)[:3].max()
    if not apart_mm < 0.1:
        raise SarcoError(f"{other.path}: it lies up to {apart_mm:.1f} mm beside its image, by their affines; fetch the "
                         "image again.")  # fmt: skip


def table_levels(path):
    """Levels of L3 from a table.

    Parameters
    ----------
    path : str or Path
        CSV with the columns id and z_mm (height in the patient, mm, as NIfTI and DICOM count it) or slice (index along
        the third axis of image.nii.gz as it is stored, from 0).

    Returns
    -------
    dict
        ("z_mm" or "slice", value) by case.

    Raises
    ------
    SarcoError
    """
    rows = tables.read(path)
    columns = list(rows[0]) if rows else []
    kinds = [c for c in ("z_mm", "slice") if c in columns]
    if "id" not in columns or len(kinds) != 1:
        raise SarcoError(f"{path}: it has the columns {', '.join(columns) or 'none or no row'}; it needs id and one "
                         "of z_mm, slice.")  # fmt: skip
    found = {}
    for row in rows:
        case, value = case_name(row["id"], path), row[kinds[0]]
        try:
            number = tables.number(value)
        except ValueError:
            raise SarcoError(f"{path}: {kinds[0]} of {case} is {value!r}; write a number.") from None
        if re.fullmatch(r"-?\d{1,3},\d{3}", value):
            raise SarcoError(f"{path}: {kinds[0]} of {case} is {value!r}, thousands or a fraction; write it with a "
                             "point, or without a comma.")  # fmt: skip
        if case in found:
            raise SarcoError(f"{path}: {case} stands there twice; keep one row.")
        found[case] = (kinds[0], number)
    return found


def level_z_mm(level, image):
    """Height in mm of a level from `table_levels`."""
    kind, value = level
    if kind == "z_mm":
        return value
    stored = image._stored
    if image._axes[2, 0] != 2:
        raise SarcoError(f"{image.path}: its third axis does not run along the body, so a slice has no height; give "
                         "z_mm in the table.")  # fmt: skip
    if not 0 <= value <= stored.shape[2] - 1:
        raise SarcoError(f"{image.path}: it has {stored.shape[2]} slices along its third axis, and the table says L3 "
                         f"is at {value:g}; count from 0.")  # fmt: skip
    return float((stored.affine @ [(stored.shape[0] - 1) / 2, (stored.shape[1] - 1) / 2, value, 1])[2])


def vertebra_file(case, vertebrae, folder):
    """Where TotalSegmentator's answer for a case lies.

    Looked for are, for case_000, `vertebrae/case_000/vertebrae_L3.nii.gz`, `vertebrae/case_000.nii.gz` and
    `vertebrae/case_000/total.nii.gz` (or `segmentations.nii.gz`), and the same names in the case's own folder.

    Raises
    ------
    SarcoError
    """
    vertebrae = Path(vertebrae)
    names = ("vertebrae_L3", "total", "segmentations", "segmentation")
    places = [vertebrae / case / name for name in names] + [vertebrae / case] + [folder / name for name in names]
    for place in places:
        for suffix in (".nii.gz", ".nii"):
            path = place.with_name(place.name + suffix)
            if path.is_file():
                return path
    raise SarcoError(f"{vertebrae}: no {case}/vertebrae_L3.nii.gz and no {case}.nii.gz; segment the vertebrae of this "
                     "case with TotalSegmentator.")  # fmt: skip


def vertebra_level(path):
    """Height of the middle of L3, in mm.

    Parameters
    ----------
    path : Path
        TotalSegmentator's mask of L3 alone, or its label map: the label is looked up in the names that it writes into
        the header, and is 29 where there are none (classes "total" since version 2).

    Returns
    -------
    float
        Median height of the voxels of L3, so that a few strays do not move it.

    Raises
    ------
    SarcoError
    """
    volume = Volume(path)
    values = volume.voxels()
    alone = "vertebrae_L3" in path.name
    labels = [1] if alone else l3_labels(volume._stored.header) or [L3_LABEL]
    is_l3 = values > 0 if alone else np.isin(values, labels)
    counts = is_l3.sum((0, 1))
    if not counts.any():
        raise SarcoError(f"{path}: no voxel of L3 in it (label {labels[0]}); give the level in a table.")
    i, j, k = np.nonzero(is_l3)
    return float(np.median(np.stack([i, j, k], 1) @ volume.affine[2, :3] + volume.affine[2, 3]))


def l3_labels(header):
    """Labels called vertebrae_L3 in the table of labels that a NIfTI header carries, if it does."""
    text = b" ".join(bytes(e.get_content()) if not isinstance(e.get_content(), str) else e.get_content().encode()
                     for e in header.extensions).decode("utf-8", "replace")  # fmt: skip
    return [int(key) for key, label in re.findall(r'<Label\b[^>]*\bKey="(\d+)"[^>]*>(.*?)</Label>', text, re.DOTALL)
            if re.search(r"\bvertebrae_L3\b", label)]  # fmt: skip


def annotated_plane(regions, parts, z_mm, max_distance_mm):
    """The annotated plane nearest to a height.

    A plane is annotated where no voxel is 255, in both masks.

    Returns
    -------
    int
        Index from below.
    float
        Distance from `z_mm`, in mm.

    Raises
    ------
    SarcoError
        None is annotated, or the nearest lies farther than `max_distance_mm`.
    """
    annotated = ~((regions.voxels() == IGNORE).any((0, 1)) | (parts.voxels() == IGNORE).any((0, 1)))
    if not annotated.any():
        raise SarcoError(f"{regions.path}: no slice is annotated (255 everywhere); download the masks again.")
    heights = regions.z_mm
    distance = np.where(annotated, np.abs(heights - z_mm), np.inf)
    k = int(distance.argmin())
    if distance[k] > max_distance_mm + 1e-3:
        raise SarcoError(f"{regions.path}: the annotated slice nearest to L3 lies {distance[k]:.1f} mm from its middle "
                         f"({z_mm:.1f} mm), farther than {max_distance_mm:g} mm; the case stays out.")  # fmt: skip
    return k, float(distance[k])


def check_hu(image_hu, region, path):
    """Refuse a slice whose values are not Hounsfield units, measured on the tissue that the masks name.

    Raises
    ------
    SarcoError
        Within the body a value lies far below that of air, or the median of what is labelled muscle or subcutaneous
        tissue lies outside the window of muscle or fat.
    """
    body = image_hu[region > 0]
    if body.size and body.min() < LOWEST_HU:
        raise SarcoError(f"{path}: {body.min():.0f} HU within the body, which is less than air has; the values are "
                         "abnormal, the case stays out.")  # fmt: skip
    for label, name, (low, high) in ((MUSCLE, "muscle", MUSCLE_HU), (SUBCUTANEOUS, "subcutaneous tissue", FAT_HU)):
        values = image_hu[region == label]
        if values.size and not low <= np.median(values) <= high:
            raise SarcoError(f"{path}: what is labelled {name} has a median of {np.median(values):.0f} HU, outside "
                             f"{[low, high]}; the values are abnormal, the case stays out.")  # fmt: skip
