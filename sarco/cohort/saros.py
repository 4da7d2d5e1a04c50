"""SAROS into the layout of a cohort: one annotated slice near the middle of L3 of each case.

SAROS (doi 10.25737/SZ96-ZG60, masks under CC BY 4.0) is the public set that comes nearest to the paper's private one:
whole CT examinations in which every fifth plane of 5 mm was annotated. Its layout::

    FOLDER/Segmentation-Info*.csv       id, split, tcia_collection, tcia_series_instance_uid, ...
    FOLDER/[SAROS-*/]case_000/          image.nii.gz, body-regions.nii.gz, body-parts.nii.gz

L3 is not labelled, so its level comes from a table (`table_levels`) or from TotalSegmentator (`vertebra_level`).
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from ..base import tables
from ..base.errors import Refused, SarcoError, about, refuse
from ..ct.composition import FAT_HU
from ..ct.geometry import Slice
from ..ct.write import HU_LIMITS, Scan, write_slice
from ..paper import MUSCLE_HU
from .layout import Problem
from .store import Store, fit

SOURCE = "SAROS, identity removed by its publishers"
NOTICE = "SAROS, doi 10.25737/SZ96-ZG60, masks CC BY 4.0"
FILES = ("image", "body-regions", "body-parts")
SUBCUTANEOUS, MUSCLE, IGNORE = 1, 2, 255  # regions
TORSO = 1  # a part; 5 and 6 are arms, whose muscle the paper does not count
COLUMNS = ("id", "split", "tcia_collection", "tcia_series_instance_uid")  # that its table must have
SPLITS = {"fold-1": "train", "fold-2": "train", "fold-3": "train", "fold-4": "train", "fold-5": "validation",
          "test": "test"}  # fmt: skip
# Annotated planes lie 25 mm apart, so one lies within 12.5 mm of any level that they enclose.
MAX_DISTANCE_MM = 12.5
PLANE_MM = 5
LOWEST_HU = -1100  # air is -1000; noise and reconstruction reach a little lower within a body
WARNED = ("case_609", "case_623", "case_816")  # "abnormal CT values", by the publishers' own word
L3_LABEL = 29  # vertebrae_L3 among TotalSegmentator's classes "total" since version 2


def import_saros(folder, out, levels=None, vertebrae=None, max_distance_mm=MAX_DISTANCE_MM, progress=False):
    """Write a cohort from SAROS.

    Of each case, the annotated slice nearest to the middle of L3 is taken; muscle is region 2 within the torso, cut to
    [-29, 150] HU. Folds 1 to 4 train, fold 5 validates, the test set tests.

    Parameters
    ----------
    folder, out : str or Path
        What `sarco cohort fetch saros` or the publishers' script leaves, and the folder of the cohort. Running the
        import again goes on where it stopped.
    levels, vertebrae : str or Path, optional
        CSV of the L3 levels, see `table_levels`, or folder of TotalSegmentator's label maps, see `vertebra_level`.
    max_distance_mm : float
        A case whose nearest annotated slice lies farther from the middle of L3 is refused.

    Returns
    -------
    Store
    """
    if (levels is None) == (vertebrae is None):
        raise SarcoError("L3 is not labelled in SAROS: give either --levels TABLE or --vertebrae FOLDER.")
    info, folders = read_info(folder), case_folders(folder)
    known = table_levels(levels) if levels else {}
    if vertebrae and not Path(vertebrae).is_dir():
        raise SarcoError(f"{vertebrae}: no such folder.")
    unknown = [Problem(c, f"{levels}: {c} is no case of SAROS; correct the column id.") for c in known if c not in info]
    cases = [case for case in info if case in folders]
    if not cases:
        raise SarcoError(f"{folder}: no folder of a case (case_000) in it; see 'sarco cohort fetch saros --help'.")

    def level(case):
        """What the fingerprint says of the level of L3, and a function of the image that gives its height in mm."""
        if vertebrae:
            path = vertebra_file(case, vertebrae, folders[case])
            return f"{path}:{path.stat().st_size}", lambda image: vertebra_level(path)
        if case not in known:
            raise SarcoError(f"{levels}: no level of L3 for {case}; add a row.")
        kind, value = known[case]
        return f"{kind}={value:g}", partial(level_z_mm, kind, value)

    def take(case):
        if case in WARNED:
            raise SarcoError(f"{folders[case]}: the publishers warn of abnormal HU in this case; it stays out.")
        paths, split = [find_volume(folders[case], name) for name in FILES], SPLITS[info[case]["split"]]
        stated, height = level(case)
        fingerprint = ":".join([stated, *(str(path.stat().st_size) for path in paths)])
        if not store.keep(case, fingerprint, split=split):
            slice_, mask, distance_mm = annotated_slice(paths, height, max_distance_mm)
            notes = f"{info[case].get('tcia_collection', '')}, {distance_mm:.1f} mm from the middle of L3".lstrip(", ")
            scan = Scan(case, slice_thickness_mm=PLANE_MM, source=SOURCE)
            write = partial(write_slice, image_hu=slice_.image_hu, spacing_mm=slice_.spacing_mm, scan=scan)
            store.add(case, fingerprint, slice_, mask, write, split=split, slice_thickness_mm=PLANE_MM, notes=notes)

    store = Store(out, f"import saros max_distance_mm={max_distance_mm:g}; {NOTICE}\n", unknown)
    return store.fill(take, cases, "case", progress)


def annotated_slice(paths, height, max_distance_mm):
    """The annotated slice nearest to L3, its muscle, and its distance from the middle of L3 in mm."""
    image, regions, parts = map(Volume, paths)
    for other in (regions, parts):
        same_grid(image, other)
    k, distance_mm = annotated_plane(regions, parts, height(image), max_distance_mm)
    image_hu, region = image.plane(k).astype(np.float32), regions.plane(k)
    check_hu(image_hu, region, image.path)
    slice_ = Slice(np.rint(np.clip(image_hu, *HU_LIMITS)), image.spacing_mm, image.path)
    return slice_, fit((region == MUSCLE) & (parts.plane(k) == TORSO), slice_, regions.path), distance_mm


# --- what the folder holds -------------------------------------------------------------------------------------------


def read_info(folder):
    """Rows of the segmentation table by case, in its order."""
    paths = sorted(Path(folder).glob("*egmentation*nfo*.csv"))
    if len(paths) != 1:
        raise SarcoError(f"{folder}: {len(paths)} tables called Segmentation-Info*.csv, where one is wanted; put it "
                         "there from the page of SAROS (doi 10.25737/SZ96-ZG60).")  # fmt: skip
    rows = tables.read(paths[0])
    missing = [c for c in COLUMNS if not rows or c not in rows[0]]
    with about(paths[0]):
        refuse(missing, f"no column {', '.join(missing)}; download it again.")
        for split in sorted({row["split"] for row in rows}):
            refuse(split not in SPLITS, f"unknown split {split!r}; it should be one of {', '.join(SPLITS)}.")
    return {case_name(row["id"], paths[0]): row for row in rows}


def case_name(text, path):
    """ "7", "007" and "case_007" are one case."""
    match = re.fullmatch(r"(?:case_)?(\d+)", str(text).strip())
    with about(path):
        refuse(not match, f"{text!r} is no id of a case; write it as case_000.")
    return f"case_{int(match[1]):03d}"


def case_folders(folder):
    """Folder of each case that is there, by case."""
    paths = [path for pattern in ("case_*", "*/case_*") for path in sorted(Path(folder).glob(pattern))]
    return {path.name: path for path in reversed(paths) if path.is_dir()}


def volume_path(place):
    """The NIfTI file of this name, packed or not; None where there is none."""
    return next(filter(Path.is_file, (place.with_name(place.name + end) for end in (".nii.gz", ".nii"))), None)


def find_volume(folder, name):
    """Path of one of a case's volumes."""
    path = volume_path(folder / name)
    wanted = "'sarco cohort fetch saros' brings the open images" if name == "image" else "download the masks again"
    with about(folder):
        refuse(path is None, f"no {name}.nii.gz in it; {wanted}.")
    return path


class Volume:
    """A NIfTI volume whose planes are read one at a time, with axes to the right, front and top of the patient.

    `affine` is from voxel indices in that order of axes to mm, `stored` what nibabel found, `spacing_mm` between rows,
    then between columns, of the slice that `plane` returns.
    """

    def __init__(self, path):
        import nibabel as nib

        self.path = path
        with about(path):
            try:
                self.stored = nib.load(path)
                shape = self.stored.shape
            except (OSError, ValueError, EOFError, nib.filebasedimages.ImageFileError) as error:
                raise Refused(f"not a readable NIfTI file ({error}); download it again.") from None
            refuse(len(shape) != 3, f"it has shape {shape}, where a volume is wanted; download it again.")
            self.axes = nib.orientations.io_orientation(self.stored.affine)
            singular = np.isnan(self.axes).any()
            refuse(singular, "its affine is singular, so nothing says how it lies; download it again.")
        self.shape = tuple(shape[axis] for axis in np.argsort(self.axes[:, 0]))
        self.affine = self.stored.affine @ nib.orientations.inv_ornt_aff(self.axes, shape)
        # NIfTI stores single precision: what lies behind the sixth digit is rounding.
        x_mm, y_mm, _ = (round(float(v), 6) for v in np.linalg.norm(self.affine[:3, :3], axis=0))
        self.spacing_mm = (y_mm, x_mm)

    @property
    def z_mm(self):
        """Height of each plane's middle, in mm, rising."""
        centre = [(self.shape[0] - 1) / 2, (self.shape[1] - 1) / 2]
        return np.array([(self.affine @ [*centre, k, 1])[2] for k in range(self.shape[2])])

    def voxels(self, part=()):
        """All values, or those of a part as stored, with the axes in order."""
        import nibabel as nib

        try:
            values = np.asanyarray(self.stored.dataobj[part])
        except (OSError, ValueError, EOFError) as error:
            raise SarcoError(f"{self.path}: broken or cut short ({error}); download it again.") from None
        return nib.orientations.apply_orientation(values, self.axes)

    def plane(self, k):
        """Plane `k` from below, as DICOM shows it: rows from front to back, columns to the patient's left."""
        along, part = int(np.flatnonzero(self.axes[:, 0] == 2)[0]), [slice(None)] * 3
        at = k if self.axes[along, 1] > 0 else self.shape[2] - 1 - k
        part[along] = slice(at, at + 1)
        return self.voxels(tuple(part))[::-1, ::-1, 0].T


def corners(shape):
    """Indices of the corner voxels of a grid, (4, 8): a column is a corner, and the last row 1."""
    return np.array([[i * (n - 1) for i, n in zip(bits, shape, strict=True)] + [1] for bits in np.ndindex(2, 2, 2)]).T


def same_grid(image, other):
    """Refuse two volumes of a case that do not lie on one grid."""
    with about(other.path):
        refuse(image.shape != other.shape, f"{other.shape} voxels, the image has {image.shape}; fetch the image "
               f"again, at {PLANE_MM} mm.")  # fmt: skip
        apart_mm = np.abs((image.affine - other.affine) @ corners(image.shape))[:3].max()
        refuse(not apart_mm < 0.1, f"it lies up to {apart_mm:.1f} mm beside its image, by their affines; fetch the "
               "image again.")  # fmt: skip


# --- where L3 is, and the plane nearest to it ------------------------------------------------------------------------


def table_levels(path):
    """Levels of L3 from a table: ("z_mm" or "slice", value) by case.

    The table has the columns id and z_mm (height in the patient, mm, as NIfTI and DICOM count it) or slice (index along
    the third axis of image.nii.gz as it is stored, from 0).
    """
    rows, levels = tables.read(path), {}
    columns = list(rows[0]) if rows else []
    kinds = [c for c in ("z_mm", "slice") if c in columns]
    with about(path):
        refuse("id" not in columns or len(kinds) != 1, f"it has the columns {', '.join(columns) or 'none or no row'}; "
               "it needs id and one of z_mm, slice.")  # fmt: skip
        for row in rows:
            case, value = case_name(row["id"], path), row[kinds[0]]
            try:
                number = tables.number(value)
            except ValueError:
                raise Refused(f"{kinds[0]} of {case} is {value!r}; write a number.") from None
            refuse(re.fullmatch(r"-?\d{1,3},\d{3}", value), f"{kinds[0]} of {case} is {value!r}, thousands or a "
                   "fraction; write it with a point, or without a comma.")  # fmt: skip
            refuse(case in levels, f"{case} stands there twice; keep one row.")
            levels[case] = (kinds[0], number)
    return levels


def level_z_mm(kind, value, image):
    """Height in mm of a level from `table_levels`."""
    if kind == "z_mm":
        return value
    rows, columns, count = image.stored.shape
    with about(image.path):
        refuse(image.axes[2, 0] != 2, "its third axis does not run along the body, so a slice has no height; give z_mm "
               "in the table.")  # fmt: skip
        refuse(not 0 <= value <= count - 1, f"it has {count} slices along its third axis, and the table says L3 is at "
               f"{value:g}; count from 0.")  # fmt: skip
    return float((image.stored.affine @ [(rows - 1) / 2, (columns - 1) / 2, value, 1])[2])


def vertebra_file(case, vertebrae, folder):
    """Where TotalSegmentator's answer for a case lies.

    Looked for are, for case_000, `vertebrae/case_000/vertebrae_L3.nii.gz`, `vertebrae/case_000.nii.gz` and
    `vertebrae/case_000/total.nii.gz` (or `segmentations.nii.gz`), and the same names in the case's own folder.
    """
    names, own = ("vertebrae_L3", "total", "segmentations", "segmentation"), Path(vertebrae) / case
    path = next(filter(None, map(volume_path, [*(own / n for n in names), own, *(folder / n for n in names)])), None)
    with about(vertebrae):
        refuse(path is None, f"no {case}/vertebrae_L3.nii.gz and no {case}.nii.gz; segment the vertebrae of this case "
               "with TotalSegmentator.")  # fmt: skip
    return path


def vertebra_level(path):
    """Height of the middle of L3, in mm: the median of its voxels, so that a few strays do not move it.

    The file is TotalSegmentator's mask of L3 alone, or its label map: the label is looked up in the names that it
    writes into the header, and is `L3_LABEL` where there are none.
    """
    volume = Volume(path)
    values = volume.voxels()
    alone = "vertebrae_L3" in path.name
    labels = [1] if alone else l3_labels(volume.stored.header) or [L3_LABEL]
    places = np.argwhere(values > 0 if alone else np.isin(values, labels))
    with about(path):
        refuse(not len(places), f"no voxel of L3 in it (label {labels[0]}); give the level in a table.")
    return float(np.median(places @ volume.affine[2, :3] + volume.affine[2, 3]))


def l3_labels(header):
    """Labels called vertebrae_L3 in the table of labels that a NIfTI header carries, if it does."""
    contents = (extension.get_content() for extension in header.extensions)
    text = b" ".join(c.encode() if isinstance(c, str) else bytes(c) for c in contents).decode("utf-8", "replace")
    labels = re.findall(r'<Label\b[^>]*\bKey="(\d+)"[^>]*>(.*?)</Label>', text, re.DOTALL)
    return [int(key) for key, label in labels if re.search(r"\bvertebrae_L3\b", label)]


def annotated_plane(regions, parts, z_mm, max_distance_mm):
    """Index from below of the annotated plane nearest to a height, and its distance in mm.

    A plane is annotated where no voxel is 255, in both masks.
    """
    annotated = ~((regions.voxels() == IGNORE).any((0, 1)) | (parts.voxels() == IGNORE).any((0, 1)))
    distance_mm = np.where(annotated, np.abs(regions.z_mm - z_mm), np.inf)
    k = int(distance_mm.argmin())
    with about(regions.path):
        refuse(not annotated.any(), "no slice is annotated (255 everywhere); download the masks again.")
        refuse(distance_mm[k] > max_distance_mm + 1e-3, f"the annotated slice nearest to L3 lies {distance_mm[k]:.1f} "
               f"mm from its middle ({z_mm:.1f} mm), farther than {max_distance_mm:g} mm; the case stays "
               "out.")  # fmt: skip
    return k, float(distance_mm[k])


def check_hu(image_hu, region, path):
    """Refuse a slice whose values are not Hounsfield units, measured on the tissue that the masks name.

    Within the body no value may lie far below that of air, and the median of what is labelled muscle or subcutaneous
    tissue must lie in the window of muscle or fat.
    """
    lowest = image_hu[region > 0].min(initial=0)
    with about(path):
        refuse(lowest < LOWEST_HU, f"{lowest:.0f} HU within the body, which is less than air has; the values are "
               "abnormal, the case stays out.")  # fmt: skip
        for label, name, (low, high) in ((MUSCLE, "muscle", MUSCLE_HU), (SUBCUTANEOUS, "subcutaneous tissue", FAT_HU)):
            values = image_hu[region == label]
            median = np.median(values) if values.size else low
            refuse(not low <= median <= high, f"what is labelled {name} has a median of {median:.0f} HU, outside "
                   f"{[low, high]}; the values are abnormal, the case stays out.")  # fmt: skip
