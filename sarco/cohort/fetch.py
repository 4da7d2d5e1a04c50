"""The images of SAROS, whose archive holds masks alone: from the Imaging Data Commons, on the grid of the masks."""

import gzip
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom

from ..base.errors import SarcoError
from ..base.files import atomic
from . import saros
from .layout import Problem

# Their images are handed out by The Cancer Imaging Archive on signature, and not through the Imaging Data Commons.
RESTRICTED = ("Head-Neck Cetuximab", "ACRIN-HNSCC-FDG-PET/CT", "QIN-HEADNECK", "TCGA-HNSC", "HNSCC",
              "Anti-PD-1_MELANOMA")  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is there, what would be downloaded, and what cannot be had.

    Attributes
    ----------
    there : list of str
        Cases whose image is there.
    wanted : list of (case, SeriesInstanceUID, megabytes, licence)
    restricted : list of (case, collection)
    unknown : list of str
        Cases whose series the Imaging Data Commons does not list.
    unmasked : list of str
        Cases without masks, and so without a grid for the image.
    """

    there: list
    wanted: list
    restricted: list
    unknown: list
    unmasked: list

    def lines(self):
        """The plan in words."""
        yield f"Images that are there, and are not downloaded again: {len(self.there)}."
        for licence in sorted({licence for *_, licence in self.wanted}):
            sizes = [mb for _, _, mb, one in self.wanted if one == licence]
            yield f"Images to download under {licence}: {len(sizes)}, {sum(sizes) / 1000:.1f} GB as DICOM."
        if not self.wanted:
            yield "Nothing to download."
        else:
            largest = max(mb for _, _, mb, _ in self.wanted)
            yield (f"Each becomes an image.nii.gz beside its masks, and its DICOM files ({largest / 1000:.2f} GB at "
                   "most) are deleted. The licences ask to cite the source collections.")  # fmt: skip
        for names, words in (
            ([f"{case} ({collection})" for case, collection in self.restricted],
             "Skipped as of restricted collections, for which The Cancer Imaging Archive gives access"),
            (self.unknown, "Skipped because the Imaging Data Commons does not list their series"),
            (self.unmasked, "Skipped because their masks are not there (doi 10.25737/SZ96-ZG60)"),
        ):  # fmt: skip
            if names:
                yield f"{words}: {len(names)}, {', '.join(names)}."


def client():
    """The client of the Imaging Data Commons; the one place where this package meets the network.

    Returns
    -------
    idc_index.IDCClient
        Used are `index`, a table that comes with the package, and `download_dicom_series`.
    """
    try:
        from idc_index import IDCClient
    except ImportError:
        raise SarcoError("idc-index is not installed, and it brings the images; say 'pip install idc-index' in the "
                         "environment of sarco.") from None  # fmt: skip
    return IDCClient()


def plan(folder, cases=()):
    """Look up what `fetch` would do.

    Parameters
    ----------
    folder : str or Path
        Holds the segmentation table, and the masks as the archive of SAROS unpacks.
    cases : sequence of str
        Only these; all unless named.

    Returns
    -------
    Plan

    Raises
    ------
    SarcoError
    """
    info, folders = saros.read_info(folder), saros.case_folders(folder)
    chosen = [saros.case_name(case, "--case") for case in cases] or list(info)
    for case in chosen:
        if case not in info:
            raise SarcoError(f"{folder}: {case} is not in its table; correct --case.")
    found = Plan([], [], [], [], [])
    closed = {_plain(name) for name in RESTRICTED}
    open_cases = {}
    for case in chosen:
        collection = info[case]["tcia_collection"]
        if _has(folders, case, "image"):
            found.there.append(case)
        elif _plain(collection) in closed:
            found.restricted.append((case, collection))
        elif not _has(folders, case, "body-regions"):
            found.unmasked.append(case)
        else:
            open_cases[case] = info[case]["tcia_series_instance_uid"]
    if open_cases:
        index = client().index
        rows = index[index["SeriesInstanceUID"].isin(open_cases.values())].set_index("SeriesInstanceUID")
        for case, uid in open_cases.items():
            if uid in rows.index:
                row = rows.loc[uid]
                found.wanted.append((case, uid, float(row["series_size_MB"]), str(row["license_short_name"])))
            else:
                found.unknown.append(case)
    return found


def _has(folders, case, name):
    return case in folders and any((folders[case] / f"{name}{suffix}").is_file() for suffix in (".nii.gz", ".nii"))


def _plain(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def fetch(folder, wanted, progress=False):
    """Download series and write each as image.nii.gz beside its masks; one that fails does not stop the others.

    Parameters
    ----------
    folder : str or Path
    wanted : list
        As `Plan.wanted`.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    written : list of str
    problems : list of Problem
    """
    from tqdm import tqdm

    folders, source = saros.case_folders(folder), client()
    written, problems = [], []
    for case, uid, _, _ in tqdm(wanted, "fetching", unit="case", disable=not progress):
        try:
            with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as beside:
                try:
                    source.download_dicom_series(seriesInstanceUID=uid, downloadDir=beside, quiet=True,
                                                 show_progress_bar=False, dirTemplate=None)  # fmt: skip
                except Exception as error:  # the network fails in many ways; the next case may still come
                    raise SarcoError(f"{case}: the download failed ({error}); run the command again.") from error
                if not any(path.is_file() for path in Path(beside).rglob("*")):  # idc-index logs failures, and returns
                    raise SarcoError(f"{case}: the download brought nothing; run the command again.")
                convert(beside, folders[case])
            written.append(case)
        except SarcoError as error:
            problems.append(Problem(case, str(error)))
    return written, problems


def convert(dicom_folder, case_folder):
    """Write image.nii.gz from the DICOM files of one series, on the grid of the case's masks.

    The masks fix the grid: the planes of the series must coincide with theirs within the plane, and between planes
    values are interpolated linearly, as the publishers' script does; beyond the first and last plane, up to 5 mm, the
    value of that plane is taken.

    Raises
    ------
    SarcoError
        The files are not one axial series of even distance, or do not cover the masks.
    """
    import nibabel as nib

    grid = saros.Volume(saros.find_volume(case_folder, "body-regions"))
    volume, affine = read_series(dicom_folder, case_folder)
    stored = nib.as_closest_canonical(nib.Nifti1Image(volume, affine))
    volume, affine = np.asanyarray(stored.dataobj), stored.affine
    if volume.shape[:2] != grid.shape[:2]:
        raise SarcoError(f"{case_folder}: the series has {volume.shape[:2]} pixels, the masks {grid.shape[:2]}.")
    corners = np.array([[i, j, 0, 1] for i in (0, grid.shape[0] - 1) for j in (0, grid.shape[1] - 1)]).T
    apart_mm = np.abs((affine @ corners - grid.affine @ corners)[:2]).max()
    if not apart_mm < 0.1:
        raise SarcoError(f"{case_folder}: the series lies up to {apart_mm:.1f} mm beside the masks; it is another one.")
    z_mm, at_mm = affine[2, 3] + affine[2, 2] * np.arange(volume.shape[2]), grid.z_mm
    if at_mm[0] < z_mm[0] - saros.PLANE_MM or at_mm[-1] > z_mm[-1] + saros.PLANE_MM:
        raise SarcoError(f"{case_folder}: the masks reach from {at_mm[0]:.0f} to {at_mm[-1]:.0f} mm, the series from "
                         f"{z_mm[0]:.0f} to {z_mm[-1]:.0f} mm only.")  # fmt: skip
    place = np.clip(np.interp(at_mm, z_mm, np.arange(len(z_mm))), 0, len(z_mm) - 1)
    below = np.minimum(place.astype(int), max(0, len(z_mm) - 2))
    image = np.empty(grid.shape, np.int16)
    for k, (low, share) in enumerate(zip(below, place - below, strict=True)):
        high = min(low + 1, len(z_mm) - 1)
        image[:, :, k] = np.rint((1 - share) * volume[:, :, low] + share * volume[:, :, high])
    with atomic(case_folder / "image.nii.gz") as beside:
        beside.write_bytes(gzip.compress(nib.Nifti1Image(image, grid.affine).to_bytes(), 4))


def read_series(dicom_folder, case):
    """All slices of a CT series as one volume.

    Returns
    -------
    ndarray of int16, shape (columns, rows, slices)
        In HU.
    ndarray, shape (4, 4)
        Affine in the axes of NIfTI.

    Raises
    ------
    SarcoError
    """
    from pydicom.pixels import apply_rescale

    slices = []
    for path in sorted(Path(dicom_folder).rglob("*")):
        if path.is_file():
            try:
                header = pydicom.dcmread(path)
                values = apply_rescale(header.pixel_array, header)
                along, down = (np.array(header.ImageOrientationPatient[i : i + 3], float) for i in (0, 3))
                slices.append((np.array(header.ImagePositionPatient, float), along, down, header.PixelSpacing,
                               np.clip(np.rint(values), -32768, 32767).astype(np.int16)))  # fmt: skip
            except Exception as error:  # a broken file can fail anywhere in the parser or decoder
                raise SarcoError(f"{case}: a file of the series cannot be read ({error}); fetch it again.") from None
    sizes = {s[4].shape for s in slices}
    if len(slices) < 2 or len(sizes) != 1:
        raise SarcoError(f"{case}: the download holds {len(slices)} slices of {len(sizes)} sizes, where one series is "
                         "wanted; fetch it again.")  # fmt: skip
    _, along, down, spacing, _ = slices[0]
    normal = np.cross(along, down)
    slices.sort(key=lambda s: s[0] @ normal)
    positions = np.array([s[0] for s in slices])
    steps = np.diff(positions, axis=0)
    step = steps.mean(0)
    if abs(normal[2]) < 0.9999 or np.linalg.norm(step) < 0.01 or np.abs(steps - step).max() > 0.1:
        raise SarcoError(
            f"{case}: the slices of the series are tilted, doubled or unevenly spaced; the case stays out."
        )
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along * float(spacing[1]), down * float(spacing[0])
    affine[:3, 2], affine[:3, 3] = step, positions[0]
    return np.stack([s[4].T for s in slices], 2), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
