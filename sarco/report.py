"""One slice in, its muscle area out: what `sarco segment` computes and writes."""

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import environment, paths, postprocess, surface
from .cohort.dicom import read_slice
from .errors import SarcoError
from .evaluation import read_cases, weights_sha256
from .files import atomic
from .paper import WINDOW_HU

NOT_A_MEDICAL_DEVICE = (
    "For research and teaching: this is not a medical device, and its networks learned from synthetic slices only."
)
CONTOUR_COLOUR = "#ffb000"  # seen on grey by any kind of colour vision


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Muscle found in one slice.

    Attributes
    ----------
    path : Path
        The slice.
    mask : ndarray of bool, shape (H, W)
        On the slice's own grid.
    probability : ndarray of float32, shape (H, W)
        Mean of the members, before post-processing.
    image_hu : ndarray of float32, shape (H, W)
    spacing_mm : tuple of float
        Distance between rows, then between columns.
    area_cm2 : float
    area_corrected_cm2 : float or None
        Minus the mean error on validation slices; None where that is not known for these members.
    mean_hu : float or None
        Mean attenuation of the mask; None where the mask is empty.
    correction : sarco.surface.Correction or None
    members : int
        Networks averaged.
    versions : dict
    warnings : tuple of str
        Sentences that a reader of the numbers must see.
    """

    path: Path
    mask: np.ndarray = field(repr=False)
    probability: np.ndarray = field(repr=False)
    image_hu: np.ndarray = field(repr=False)
    spacing_mm: tuple[float, float]
    area_cm2: float
    area_corrected_cm2: float | None
    mean_hu: float | None
    correction: surface.Correction | None
    members: int
    versions: dict
    warnings: tuple[str, ...] = ()


def segment(path, weights=None, results=None):
    """Find the muscle in one axial CT slice at L3.

    Parameters
    ----------
    path : str or Path
        A DICOM file.
    weights : str or Path, optional
        Folder of the members; those shipped in data/weights unless named.
    results : str or Path, optional
        Folder of these members' results, from which the bias correction is learned; the folder `results`
        beside `weights` unless named.

    Returns
    -------
    Segmentation

    Raises
    ------
    SarcoError
        The file is not a readable CT slice, or the weights are missing or broken.
    """
    image = read_slice(path)  # before the slow part: a wrong file is told at once
    from .ensemble import Ensemble

    weights = paths.weights_dir() if weights is None else Path(weights)
    results = weights.parent / "results" if results is None else Path(results)
    ensemble = Ensemble.load(weights)
    probability = ensemble.predict(image.image_hu, image.spacing_mm)
    mask = postprocess.postprocess(probability, image.image_hu)
    area_cm2 = surface.area_cm2(mask, image.spacing_mm)
    correction, warnings = _correction(results, ensemble.manifest)
    corrected_cm2 = None if correction is None else correction.apply(area_cm2)
    mean_hu = float(image.image_hu[mask].mean(dtype=float)) if mask.any() else None
    if mean_hu is None:
        warnings.append(f"{path}: no muscle was found; check that the file is an axial slice at L3.")
    if corrected_cm2 is not None and corrected_cm2 < 0:
        corrected_cm2 = None
        warnings.append(f"{path}: the area is smaller than its correction, so no corrected area is given.")
    return Segmentation(
        path=Path(path),
        mask=mask,
        probability=probability,
        image_hu=image.image_hu,
        spacing_mm=image.spacing_mm,
        area_cm2=area_cm2,
        area_corrected_cm2=corrected_cm2,
        mean_hu=mean_hu,
        correction=correction,
        members=ensemble.size,
        versions=environment.versions() | {"weights": _weights(ensemble.manifest)},
        warnings=tuple(warnings),
    )


def _weights(manifest):
    return {
        "profile": manifest.get("profile"),
        "commit": manifest.get("commit"),
        "sha256": weights_sha256(manifest),
    }


def _correction(results, manifest):
    """The correction that belongs to these members, or None, and the sentence that says why."""
    cases, info = results / "cases.csv", results / "run.json"
    try:
        evaluated = json.loads(info.read_text(encoding="utf-8")).get("weights")
        if evaluated != weights_sha256(manifest):
            return None, [f"{info}: belongs to other weights, so no corrected area; run 'sarco evaluate'."]
        return surface.correction_from_results(read_cases(cases)), []
    except FileNotFoundError as error:
        return None, [f"{error.filename}: not found, so no corrected area; run 'sarco evaluate'."]
    except SarcoError as error:
        return None, [f"No corrected area: {error}"]
    except (ValueError, KeyError) as error:
        return None, [f"{results}: results that cannot be read ({error}), so no corrected area."]


def write(segmentation, out_dir):
    """Write the mask, a picture and the numbers of a segmentation; all three files, or none.

    Parameters
    ----------
    segmentation : Segmentation
    out_dir : str or Path
        Made if it is missing.

    Returns
    -------
    list of Path
        NAME_mask.png (the slice's grid, 255 = muscle), NAME_overlay.png and NAME.json.

    Raises
    ------
    SarcoError
        The folder cannot be written to, or a file would replace the slice.
    """
    name, out_dir = _name(segmentation.path), Path(out_dir)
    mask, overlay, numbers = (out_dir / f"{name}{end}" for end in ("_mask.png", "_overlay.png", ".json"))
    if segmentation.path.resolve() in (file.resolve() for file in (mask, overlay, numbers)):
        raise SarcoError(f"{segmentation.path}: would be replaced by a result; choose another folder.")
    try:
        with ExitStack() as files:
            # Files get their names in reverse order, so the numbers come last.
            beside = [files.enter_context(atomic(file)) for file in (numbers, overlay, mask)]
            beside[0].write_text(json.dumps(_numbers(segmentation), indent=2) + "\n", encoding="utf-8")
            _write_overlay(segmentation, beside[1])
            _write_mask(segmentation.mask, beside[2])
    except OSError as error:
        raise SarcoError(f"{out_dir}: cannot be written to ({error.strerror}); choose another folder.") from error
    return [mask, overlay, numbers]


def _name(path):
    # Many scanners name a file by its identifier, "1.2.840...": the last number of that is no suffix.
    return path.name if path.suffix[1:].isdigit() else path.stem


def _numbers(segmentation):
    correction = segmentation.correction
    return {
        "file": segmentation.path.name,
        "area_cm2": round(segmentation.area_cm2, 3),
        "area_corrected_cm2": _rounded(segmentation.area_corrected_cm2, 3),
        "mean_hu": _rounded(segmentation.mean_hu, 2),
        "pixel_spacing_mm": list(segmentation.spacing_mm),
        "matrix": list(segmentation.mask.shape),
        "correction": correction and {
            "mean_error_cm2": round(correction.mean_error_cm2, 3),
            "interval_95_cm2": [round(correction.low_cm2, 3), round(correction.high_cm2, 3)],
            "sd_cm2": round(correction.sd_cm2, 3),
            "slices": correction.n,
        },
        "members": segmentation.members,
        "versions": segmentation.versions,
        "warnings": list(segmentation.warnings),
        "not_a_medical_device": NOT_A_MEDICAL_DEVICE,
    }  # fmt: skip


def _rounded(value, decimals):
    return None if value is None else round(value, decimals)


def _write_mask(mask, path):
    from PIL import Image

    Image.fromarray(mask.astype(np.uint8) * 255).save(path)


def _write_overlay(segmentation, path):
    """The slice in grey with the outline of the mask, in true proportions."""
    from matplotlib.figure import Figure

    (rows, columns), (row_mm, column_mm) = segmentation.mask.shape, segmentation.spacing_mm
    width_mm, height_mm = columns * column_mm, rows * row_mm
    width_in = 8.0
    height_in = width_in * height_mm / width_mm
    figure = Figure(figsize=(width_in, height_in + 0.4), dpi=125, facecolor="black")
    axis = figure.add_axes((0, 0.4 / (height_in + 0.4), 1, height_in / (height_in + 0.4)))
    axis.set_axis_off()
    extent = (0, width_mm, height_mm, 0)
    low, high = WINDOW_HU
    axis.imshow(segmentation.image_hu, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="bilinear")
    if segmentation.mask.any():
        x = (np.arange(columns) + 0.5) * column_mm
        y = (np.arange(rows) + 0.5) * row_mm
        axis.contour(x, y, segmentation.mask, levels=[0.5], colors=CONTOUR_COLOUR, linewidths=0.9)
    axis.plot([0.04 * width_mm, 0.04 * width_mm + 50], [0.97 * height_mm] * 2, color="white", linewidth=2)
    axis.text(0.04 * width_mm, 0.96 * height_mm, "5 cm", color="white", fontsize=10, va="bottom")
    axis.set(xlim=(0, width_mm), ylim=(height_mm, 0))
    figure.text(0.02, 0.2 / (height_in + 0.4), _caption(segmentation), color="white", fontsize=10, va="center")
    figure.savefig(path, metadata={"Software": None})


def _caption(segmentation):
    parts = [f"Muscle {segmentation.area_cm2:.1f} cm²"]
    if segmentation.area_corrected_cm2 is not None:
        parts.append(f"corrected {segmentation.area_corrected_cm2:.1f} cm²")
    if segmentation.mean_hu is not None:
        parts.append(f"mean {segmentation.mean_hu:.1f} HU")
    return ",  ".join(parts) + "    (not a medical device)"
