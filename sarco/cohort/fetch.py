"""The images of SAROS, whose archive holds masks alone: from the Imaging Data Commons, on the grid of the masks."""

import gzip
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom

from ..base.errors import SarcoError, about, refuse
from ..base.files import atomic
from . import saros
from .layout import Problem

# Their images are handed out by The Cancer Imaging Archive on signature, and not through the Imaging Data Commons.
RESTRICTED = ("Head-Neck Cetuximab", "ACRIN-HNSCC-FDG-PET/CT", "QIN-HEADNECK", "TCGA-HNSC", "HNSCC",
              "Anti-PD-1_MELANOMA")  # fmt: skip


@dataclass
class Plan:
    """What is there, what would be downloaded, and what cannot be had."""

    there: list = field(default_factory=list)  # cases whose image is there
    wanted: list = field(default_factory=list)  # (case, SeriesInstanceUID, megabytes, licence)
    restricted: list = field(default_factory=list)  # (case, collection)
    unknown: list = field(default_factory=list)  # cases whose series the Imaging Data Commons does not list
    unmasked: list = field(default_factory=list)  # cases without masks, and so without a grid for the image

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

    Used are its `index`, a table that comes with the package, and `download_dicom_series`.
    """
    try:
        from idc_index import IDCClient
    except ImportError:
        raise SarcoError("idc-index is not installed, and it brings the images; say 'pip install idc-index' in the "
                         "environment of sarco.") from None  # fmt: skip
    return IDCClient()


def plan(folder, cases=()):
    """Look up what `fetch` would do, for all cases or for these.

    `folder` holds the segmentation table, and the masks as the archive of SAROS unpacks.
    """
    info, folders = saros.read_info(folder), saros.case_folders(folder)
    chosen = [saros.case_name(case, "--case") for case in cases] or list(info)
    result, closed, open_cases = Plan(), {_plain(name) for name in RESTRICTED}, {}
    for case in chosen:
        if case not in info:
            raise SarcoError(f"{folder}: {case} is not in its table; correct --case.")
    for case in chosen:
        collection, own = info[case]["tcia_collection"], folders.get(case)
        if own and saros.volume_path(own / "image"):
            result.there.append(case)
        elif _plain(collection) in closed:
            result.restricted.append((case, collection))
        elif not own or not saros.volume_path(own / "body-regions"):
            result.unmasked.append(case)
        else:
            open_cases[case] = info[case]["tcia_series_instance_uid"]
    if open_cases:
        index = client().index
        rows = index[index["SeriesInstanceUID"].isin(open_cases.values())].set_index("SeriesInstanceUID")
        for case, uid in open_cases.items():
            if uid in rows.index:
                row = rows.loc[uid]
                result.wanted.append((case, uid, float(row["series_size_MB"]), str(row["license_short_name"])))
            else:
                result.unknown.append(case)
    return result


def _plain(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def fetch(folder, wanted, progress=False):
    """Download the series of `Plan.wanted` and write each as image.nii.gz beside its masks.

    One that fails does not stop the others: returned are the cases written, and a list of `Problem`.
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
                paths = sorted(path for path in Path(beside).rglob("*") if path.is_file())
                if not paths:  # idc-index logs failures, and returns
                    raise SarcoError(f"{case}: the download brought nothing; run the command again.")
                convert(paths, folders[case])
            written.append(case)
        except SarcoError as error:
            problems.append(Problem(case, str(error)))
    return written, problems


def convert(paths, case_folder):
    """Write image.nii.gz from the DICOM files of one series, on the grid of the case's masks.

    The masks fix the grid: the planes of the series must coincide with theirs within the plane, and between planes
    values are interpolated linearly, as the publishers' script does; beyond the first and last plane, up to 5 mm, the
    value of that plane is taken.
    """
    import nibabel as nib

    grid = saros.Volume(saros.find_volume(case_folder, "body-regions"))
    stored = nib.as_closest_canonical(nib.Nifti1Image(*read_series(paths, case_folder)))
    volume, affine = np.asanyarray(stored.dataobj), stored.affine
    z_mm, at_mm = affine[2, 3] + affine[2, 2] * np.arange(volume.shape[2]), grid.z_mm
    corners = saros.corners((*grid.shape[:2], 1))
    apart_mm = np.abs((affine @ corners - grid.affine @ corners)[:2]).max()
    with about(case_folder):
        refuse(volume.shape[:2] != grid.shape[:2],
               f"the series has {volume.shape[:2]} pixels, the masks {grid.shape[:2]}.")  # fmt: skip
        refuse(not apart_mm < 0.1, f"the series lies up to {apart_mm:.1f} mm beside the masks; it is another one.")
        refuse(at_mm[0] < z_mm[0] - saros.PLANE_MM or at_mm[-1] > z_mm[-1] + saros.PLANE_MM,
               f"the masks reach from {at_mm[0]:.0f} to {at_mm[-1]:.0f} mm, the series from {z_mm[0]:.0f} to "
               f"{z_mm[-1]:.0f} mm only.")  # fmt: skip
    image = np.empty(grid.shape, np.int16)
    for k, place in enumerate(np.interp(at_mm, z_mm, np.arange(len(z_mm)))):
        low, high = int(place), min(int(place) + 1, len(z_mm) - 1)
        share = place - low
        image[:, :, k] = np.rint((1 - share) * volume[:, :, low] + share * volume[:, :, high])
    with atomic(case_folder / "image.nii.gz") as beside:
        beside.write_bytes(gzip.compress(nib.Nifti1Image(image, grid.affine).to_bytes(), 4))


def read_series(paths, case):
    """All slices of a CT series as one volume: int16 of (columns, rows, slices) in HU, and the affine of NIfTI."""
    from pydicom.pixels import apply_rescale

    slices = []
    for path in paths:
        try:
            header = pydicom.dcmread(path)
            values = apply_rescale(header.pixel_array, header)
            along, down = (np.array(header.ImageOrientationPatient[i : i + 3], float) for i in (0, 3))
            slices.append((np.array(header.ImagePositionPatient, float), along, down, header.PixelSpacing,
                           np.clip(np.rint(values), -32768, 32767).astype(np.int16)))  # fmt: skip
        except Exception as error:  # a broken file can fail anywhere in the parser or decoder
            raise SarcoError(f"{case}: a file of the series cannot be read ({error}); fetch it again.") from None
    sizes = {s[4].shape for s in slices}
    with about(case):
        refuse(len(slices) < 2 or len(sizes) != 1, f"the download holds {len(slices)} slices of {len(sizes)} sizes, "
               "where one series is wanted; fetch it again.")  # fmt: skip
    _, along, down, spacing_mm, _ = slices[0]
    normal = np.cross(along, down)
    slices.sort(key=lambda s: s[0] @ normal)
    positions = np.array([s[0] for s in slices])
    steps = np.diff(positions, axis=0)
    step = steps.mean(0)
    with about(case):
        refuse(abs(normal[2]) < 0.9999 or np.linalg.norm(step) < 0.01 or np.abs(steps - step).max() > 0.1,
               "the slices of the series are tilted, doubled or unevenly spaced; the case stays out.")  # fmt: skip
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along * float(spacing_mm[1]), down * float(spacing_mm[0])
    affine[:3, 2], affine[:3, 3] = step, positions[0]
    return np.stack([s[4].T for s in slices], 2), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
