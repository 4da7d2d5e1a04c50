"""One slice in, its muscle out: what `sarco segment` and `sarco measure` compute and write."""

import hashlib
import io
import json
import operator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ..base import environment, paths
from ..base.errors import SarcoError
from ..base.files import atomic, content_sha256, shown
from ..base.sources import digest
from ..ct import composition, dicom, masks, nifti, seg
from ..engines import engine as engines
from ..evidence import cutoffs, disagreement
from ..evidence.cutoffs import Person
from ..method import metrics, postprocess, surface
from ..paper import WINDOW_HU
from ..runs.evaluation import members_spread, read_cases, team, weights_sha256
from . import checks, page

NOT_A_MEDICAL_DEVICE = (
    "For research and teaching: this is not a medical device, and its networks learned from synthetic slices only."
)
CONTOUR_COLOUR = "#ffb000"  # seen on grey by any kind of colour vision
FAT_COLOUR = "#35a7ff"
PICTURE_PX, CAPTION_PX = 1000, 50  # longest side of the slice in the picture, height of the line below
ENDS = ("_mask.png", "_overlay.png", "_seg.dcm", ".html", ".json")  # of the files written; the numbers come last
MISREGISTERED_SHARE = 0.05  # of a mask outside the HU window, from which it is said


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Muscle in one slice, found by the networks or given as a mask.

    Attributes
    ----------
    path : Path
        The slice.
    mask : ndarray of bool, shape (H, W)
        On the slice's own grid.
    probability : ndarray of float32, shape (H, W), or None
        Mean of the members, before post-processing; None for a given mask.
    image_hu : ndarray of float32, shape (H, W)
    spacing_mm : tuple of float
        Distance between rows, then between columns.
    area_cm2 : float
    area_corrected_cm2 : float or None
        Minus the mean error on validation slices; None where that is not known for these members, and for a given
        mask, which has no error of the networks.
    interval_cm2 : tuple of float, or None
        95 % prediction interval of the corrected area: `sarco.method.surface.INTERVAL_MEANING`.
    mean_hu, sd_hu : float or None
        Attenuation of the mask; None where the mask is empty.
    low_attenuation_cm2 : float
        Of the mask, -29 to 29 HU.
    intermuscular_fat_cm2 : float
        -190 to -30 HU within the contour, see `sarco.ct.composition.contour`.
    smi_cm2_m2 : float or None
        The area as found over the height squared; None without a height.
    smi_corrected_cm2_m2 : float or None
        The same of the corrected area.
    smi_interval_cm2_m2 : tuple of float, or None
        Of the corrected index, as `interval_cm2`.
    person : sarco.evidence.cutoffs.Person
    class_ : sarco.evidence.cutoffs.Class or None
        Of the index as found, by the cut-off that was named: `sarco.method.surface.WARRANT`.
    correction : sarco.method.surface.Correction or None
    members : int
        Networks averaged; 0 for a given mask.
    members_sd_cm2 : float or None
        SD of the areas that the members find alone; None for fewer than two.
    members_dsc : float or None
        Mean DSC of the pairs of members' masks; None for fewer than two.
    disagreement_share : float or None
        Of the pixels that any member calls muscle, the share that not all do; None for fewer than two.
    disagreement_limit : sarco.evidence.disagreement.Limit or None
        From where on one of these is a warning; None where the members' results do not tell.
    versions : dict
    warnings : tuple of str
        Sentences that a reader of the numbers must see.
    header : pydicom.Dataset
        Of the slice.
    mask_path : Path or None
        Where a given mask was read.
    frame : int or None
        Of an enhanced CT, which frame of the file it is, from 1.
    """

    path: Path
    mask: np.ndarray = field(repr=False)
    probability: np.ndarray | None = field(repr=False)
    image_hu: np.ndarray = field(repr=False)
    spacing_mm: tuple[float, float]
    area_cm2: float
    area_corrected_cm2: float | None
    interval_cm2: tuple[float, float] | None
    mean_hu: float | None
    sd_hu: float | None
    low_attenuation_cm2: float
    intermuscular_fat_cm2: float
    smi_cm2_m2: float | None
    smi_corrected_cm2_m2: float | None
    smi_interval_cm2_m2: tuple[float, float] | None
    person: Person
    class_: cutoffs.Class | None
    correction: surface.Correction | None
    members: int
    members_sd_cm2: float | None
    members_dsc: float | None
    disagreement_share: float | None
    disagreement_limit: disagreement.Limit | None
    versions: dict = field(repr=False)
    warnings: tuple[str, ...] = ()
    header: object = field(repr=False, default=None)
    mask_path: Path | None = None
    frame: int | None = None


class Segmenter:
    """Members and their correction, loaded once for many slices.

    Parameters
    ----------
    weights : str or Path, optional
        Folder of the members; those shipped in data/weights unless named.
    results : str or Path, optional
        Folder of these members' results, from which the bias correction and the limit of a warning are learned;
        the folder `results` beside `weights` unless named.
    quick : bool
        Use the student alone: one network that was taught by the members.
    engine : str
        What computes the networks, see `sarco.engines.engine.choose`.

    Raises
    ------
    SarcoError
        There is no manifest of weights, or no student.
    """

    def __init__(self, weights=None, results=None, quick=False, engine=engines.AUTO):
        from ..method.ensemble import read_manifest

        self.weights = paths.weights_dir() if weights is None else Path(weights)
        self.results = self.weights.parent / "results" if results is None else Path(results)
        self.quick, self.engine = quick, engine
        self._engine_here = engines.choose(engine)  # a wrong name is told at once
        self.manifest = read_manifest(self.weights, student=quick)
        self.correction, self.limit, self._warnings = _learned(self.results, self.manifest, quick)

    @cached_property
    def ensemble(self):
        """The networks, loaded when they are first needed; SarcoError if one is missing or was changed."""
        from ..method.ensemble import Ensemble

        return Ensemble.load(self.weights, student=self.quick, engine=self.engine)

    @cached_property
    def fingerprint(self):
        """What a result depends on beside its slice: members, correction, code; hexadecimal."""
        made_from = [
            weights_sha256(self.manifest), repr(self.correction), repr(self.limit), self._warnings,
            environment.versions(), self.engine, self._engine_here, digest(__name__),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()

    def segment(self, image, person=None):
        """Find the muscle in a slice that was read.

        Parameters
        ----------
        image : sarco.ct.dicom.Slice
        person : sarco.evidence.cutoffs.Person, optional

        Returns
        -------
        Segmentation
        """
        from ..method.slice import measure_subsets

        stored, image = image, image.upright()  # found as the networks know it, given as the file has it
        size = self.ensemble.size
        alone = {str(k): [k] for k in range(size)} if size > 1 else {}
        measured = measure_subsets(image.image_hu, image.spacing_mm, self.ensemble, {"all": range(size)} | alone)
        mask, probability = measured["all"].mask, measured["all"].probability
        doubts, said = dict.fromkeys(disagreement.DOUBTS), list(self._warnings)
        if alone:
            doubts = members_spread(np.stack([measured[name].mask for name in alone]), image.spacing_mm)
        limit = self.limit
        if limit is not None and limit.over(doubts[limit.doubt]):
            doubt = disagreement.DOUBTS[limit.doubt]
            said.append(
                f"The networks disagree: the {doubt.name} is {doubt.text(doubts[limit.doubt])}, past the limit of "
                f"{doubt.text(limit.value)}. Of the phantoms past it {limit.caught} in {limit.marked} were more than "
                f"{disagreement.LARGE_ERROR_CM2:g} cm² wrong: look at the picture before you trust the area."
            )
        made_with = {"engine": _made_with(self.ensemble.engine), "weights": _weights(self.manifest)}
        versions = environment.versions() | made_with
        mask, probability = dicom.as_stored(mask, stored.header), dicom.as_stored(probability, stored.header)
        return _result(
            stored, mask, person or Person(), self.correction, said,
            probability=probability, members=self.ensemble.size, doubts=doubts, limit=limit, versions=versions,
        )  # fmt: skip


def read_slice(path, number=None, phase=None):
    """Read a slice from a DICOM or a NIfTI file, whatever its name: `dicom.read_slice`, `nifti.read_slice`.

    Parameters
    ----------
    path : str or Path
    number : int, optional
        Slice of a NIfTI volume or of an enhanced (multi-frame) CT, from 1 at the feet.
    phase : int, optional
        Phase or stack of an enhanced CT that has several, from 1 in the order of time.

    Returns
    -------
    sarco.ct.dicom.Slice
    """
    number, phase = _whole("slice", number), _whole("phase", phase)
    if masks.kind_of(path) == "nifti":
        if phase not in (None, 1):
            raise SarcoError(f"{path}: no phase {phase}; it has 1.")
        return nifti.read_slice(Path(path), number)
    return dicom.read_slice(path, number, phase)


def _whole(what, value):
    """A whole number, also from text, as papermill gives it."""
    if value is None:
        return None
    try:
        found = operator.index(int(value) if isinstance(value, str) else value)
    except (TypeError, ValueError):
        found = 0
    if found < 1:
        raise SarcoError(f"{what} {value!r}, where a whole number from 1 is wanted.")
    return found


def segment(
    path,
    weights=None,
    results=None,
    *,
    quick=False,
    engine=engines.AUTO,
    number=None,
    phase=None,
    height_m=None,
    weight_kg=None,
    sex=None,
    cutoff=None,
):
    """Find the muscle in one axial CT slice at L3. For many slices, make one `Segmenter`.

    Parameters
    ----------
    path : str or Path
        A DICOM file, or a NIfTI volume.
    weights, results, quick, engine
        See `Segmenter`.
    number, phase : int, optional
        See `read_slice`.
    height_m, weight_kg : float, optional
        Of the person; with a height there is a skeletal muscle index.
    sex : {"F", "M"}, optional
    cutoff : str, optional
        A key of `sarco.evidence.cutoffs.CUTOFFS`, for a class by it; needs height and sex.

    Returns
    -------
    Segmentation

    Raises
    ------
    SarcoError
        The file is not a readable CT slice, the weights are missing or broken, or a cut-off lacks what it needs.
    """
    person = Person(height_m, weight_kg, sex, cutoff)
    image = read_slice(path, number, phase)  # before the slow part: a wrong file is told at once
    return Segmenter(weights, results, quick, engine).segment(image, person)


def measure(
    path,
    mask,
    *,
    number=None,
    phase=None,
    labels=(),
    nifti="affine",
    height_m=None,
    weight_kg=None,
    sex=None,
    cutoff=None,
):
    """Measure a mask on its slice: one corrected by hand, or drawn by other software.

    Parameters
    ----------
    path : str or Path
        A DICOM file, or a NIfTI volume.
    mask : str or Path, or array of bool, shape (H, W)
        PNG, NIfTI, NumPy or DICOM SEG, on the slice's grid. What lies outside [-29, 150] HU is no muscle and is cut.
    number, phase
        See `read_slice`.
    labels, nifti
        See `sarco.ct.masks.read`.
    height_m, weight_kg, sex, cutoff
        See `segment`.

    Returns
    -------
    Segmentation
        Without a bias correction, which belongs to the networks.

    Raises
    ------
    SarcoError
        Slice or mask cannot be read, or do not belong together.
    """
    person = Person(height_m, weight_kg, sex, cutoff)
    image = read_slice(path, number, phase)
    mask_path = None
    if not isinstance(mask, np.ndarray):
        mask_path = Path(mask)
        mask = read_mask(mask_path, image, labels, nifti)
    if mask.dtype != bool or mask.shape != image.image_hu.shape:
        raise SarcoError(f"{path}: a mask is bool of shape {image.image_hu.shape}, not {mask.dtype} of {mask.shape}.")
    kept = postprocess.window(mask, image.image_hu)
    said, lost = [], np.count_nonzero(mask) - np.count_nonzero(kept)
    if lost > masks.MISPLACED_SHARE * np.count_nonzero(mask):
        share = lost / np.count_nonzero(mask)
        raise SarcoError(f"{mask_path or path}: {share:.0%} of the mask lies outside [-29, 150] HU; it belongs to "
                         "another slice, is turned or inverted, or is not muscle.")  # fmt: skip
    if lost > MISREGISTERED_SHARE * np.count_nonzero(mask):
        lost_cm2 = lost * image.spacing_mm[0] * image.spacing_mm[1] / 100
        said.append(f"{lost_cm2:.1f} cm² of the mask lies outside [-29, 150] HU and was cut; check that it belongs to "
                    "this slice.")  # fmt: skip
    return _result(image, kept, person, None, said, versions=environment.versions(), mask_path=mask_path)


def read_mask(path, image, labels=(), nifti="affine"):
    """A mask file of any kind that `sarco.ct.masks` reads, bool on the grid of the slice."""
    kind = masks.kind_of(path)
    if not Path(path).exists():
        raise SarcoError(f"{path}: no such file.")
    if kind not in ("png", "npy", "npz", "nifti", "seg"):
        raise SarcoError(f"{path}: not a mask; give a PNG, a NIfTI or NumPy file, or a DICOM SEG.")
    if kind == "seg" and "SOPInstanceUID" not in image.header:
        raise SarcoError(
            f"{path}: a DICOM SEG belongs to a DICOM slice, and {image.path} is none; give the mask as NIfTI."
        )
    return masks.read(Path(path), kind, image, labels, nifti)


def _result(image, mask, person, correction, said, *, versions, probability=None, members=0, doubts=None, limit=None,
            mask_path=None):  # fmt: skip
    found = composition.composition(mask, image.image_hu, image.spacing_mm)
    said = list(said)
    if found.mean_hu is None:
        where = "; check that the file is an axial slice at L3" if members else " in the mask; check what it holds"
        said.append(f"No muscle was found{where}.")
    corrected = interval = None
    if correction is not None:
        corrected, interval = correction.apply(found.area_cm2), correction.interval(found.area_cm2)
        if corrected < 0:
            corrected = interval = None
            said.append("The area is smaller than its correction, so no corrected area is given.")
        elif not correction.smallest_cm2 <= corrected <= correction.largest_cm2:
            said.append(
                f"The area lies outside {correction.smallest_cm2:.0f} to {correction.largest_cm2:.0f} cm², where the "
                "networks' error is known: the slice may not be at L3, and the interval does not hold."
            )
    said += checks.check(image.upright(), dicom.upright(mask, image.header))
    smi = smi_corrected = smi_interval = class_ = None
    if person.height_m is not None:
        smi = found.area_cm2 / person.height_m**2
        smi_corrected = None if corrected is None else corrected / person.height_m**2
        smi_interval = interval and tuple(end / person.height_m**2 for end in interval)
    if person.cutoff is not None:
        class_ = cutoffs.classify(person, smi, found.mean_hu)
        if smi_interval:
            low, high = min(smi, *smi_interval), max(smi, *smi_interval)
            if low <= class_.smi_limit_cm2_m2 <= high:
                said.append(
                    f"The limit of {class_.cutoff.title}, {class_.smi_limit_cm2_m2:g} cm²/m², lies within what the "
                    f"muscle index may be, {low:.1f} to {high:.1f} cm²/m², so the class is uncertain."
                )
    return Segmentation(
        path=Path(image.path), mask=mask, probability=probability, image_hu=image.image_hu,
        spacing_mm=image.spacing_mm, area_cm2=found.area_cm2, area_corrected_cm2=corrected, interval_cm2=interval,
        mean_hu=found.mean_hu, sd_hu=found.sd_hu, low_attenuation_cm2=found.low_attenuation_cm2,
        intermuscular_fat_cm2=found.intermuscular_fat_cm2, smi_cm2_m2=smi, smi_corrected_cm2_m2=smi_corrected,
        smi_interval_cm2_m2=smi_interval, person=person, class_=class_, correction=correction, members=members,
        **(doubts or dict.fromkeys(disagreement.DOUBTS)), disagreement_limit=limit, versions=versions,
        warnings=tuple(said), header=image.header, mask_path=mask_path, frame=image.frame,
    )  # fmt: skip


def _made_with(engine):
    return "{name} {version} in {precision}".format(**engine.made_with)


def _weights(manifest):
    return {
        "profile": manifest.get("profile"),
        "commit": manifest.get("commit"),
        "sha256": weights_sha256(manifest),
    }


def _learned(results, manifest, student):
    """What the members' results teach: the correction, the limit of their disagreement, and why one is None."""
    cases, info = results / "cases.csv", results / "run.json"
    try:
        evaluated = json.loads(info.read_text(encoding="utf-8")).get("student" if student else "weights")
        if evaluated != weights_sha256(manifest):
            return None, None, [f"{info}: belongs to other weights, so no corrected area; run 'sarco evaluate'."]
        correction = surface.correction_from_results(read_cases(cases), student)
    except FileNotFoundError as error:
        return None, None, [f"{error.filename}: not found, so no corrected area; run 'sarco evaluate'."]
    except SarcoError as error:
        return None, None, [f"No corrected area: {error}"]
    except (ValueError, KeyError) as error:
        return None, None, [f"{results}: results that cannot be read ({error}), so no corrected area."]
    if len(manifest["members"]) < 2:
        return correction, None, []
    return correction, *_limit(results / "elsewhere.csv", correction, manifest)


def _limit(path, correction, manifest):
    """Limit of the members' disagreement, and why there is none."""
    import pandas as pd

    why = "tells no limit"
    try:
        table = pd.read_csv(path, dtype={"team": str})  # digits alone, or with an e, would become a number
        if set(table["team"]) != {team(manifest)}:
            raise ValueError("it belongs to other weights")
        limit = disagreement.learn(disagreement.told(table, correction))
        if limit is not None:
            return limit, []
    except FileNotFoundError:
        why = "not found"
    except (ValueError, KeyError) as error:
        why = f"of no use ({error})"
    return None, [f"{path}: {why}, so no warning where the networks disagree; run 'sarco elsewhere'."]


# --- What is written ----------------------------------------------------------------------------------


def write(found, out_dir, name=None, *, with_patient=False, made_from=None):
    """Write what was found: all files, or none.

    Parameters
    ----------
    found : Segmentation
    out_dir : str or Path
        Made if it is missing.
    name : str, optional
        Of the files; that of the slice unless given.
    with_patient : bool
        Name, identifiers and study date of the patient go into SEG, page and numbers; otherwise into none.
    made_from : str, optional
        Fingerprint to keep in the numbers, by which a later run knows that it need not compute them again.

    Returns
    -------
    list of Path
        NAME_mask.png (the slice's grid, 255 = muscle), NAME_overlay.png, NAME_seg.dcm, NAME.html and NAME.json. No
        SEG where the slice's header does not allow one; the warnings then say so.

    Raises
    ------
    SarcoError
        The folder cannot be written to, or a file would replace the slice or the given mask.
    """
    out_dir, name = Path(out_dir), name or file_name(found.path)
    given = {path.resolve() for path in (found.path, found.mask_path) if path is not None}
    for end in ENDS:
        if (out_dir / f"{name}{end}").resolve() in given:
            raise SarcoError(f"{out_dir / name}{end}: would be replaced by a result; choose another folder.")
    said = numbers(found, with_patient=with_patient)
    if made_from is not None:
        said["made_from"] = made_from
    picture, contents = overlay_png(found), {}
    contents["_mask.png"], contents["_overlay.png"] = _mask_png(found.mask), picture
    try:
        contents["_seg.dcm"] = seg.encode(
            found.mask, found.header, frame=found.frame, by_hand=not found.members, with_patient=with_patient
        )
    except SarcoError as error:
        said["warnings"].append(f"There is {error}")
    contents[".html"] = page.render(said, picture).encode()
    contents[".json"] = (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()
    files = {out_dir / f"{name}{end}": contents[end] for end in ENDS if end in contents}
    try:
        with ExitStack() as stack:
            # Files get their names in reverse order, so the numbers come last.
            for file, content in reversed(files.items()):
                stack.enter_context(atomic(file)).write_bytes(content)
            (out_dir / f"{name}.json").unlink(missing_ok=True)  # a kill leaves no numbers of an earlier mask
        if "_seg.dcm" not in contents:
            (out_dir / f"{name}_seg.dcm").unlink(missing_ok=True)  # of an earlier run
    except OSError as error:
        raise SarcoError(f"{out_dir}: cannot be written to ({error.strerror}); choose another folder.") from error
    return list(files)


def file_name(path):
    """What the files of a slice are called."""
    if path.name.lower().endswith(".nii.gz"):
        return path.name[: -len(".nii.gz")]
    # Many scanners name a file by its identifier, "1.2.840...": the last number of that is no suffix.
    return path.name if path.suffix[1:].isdigit() else path.stem


def numbers(found, *, with_patient=False):
    """The numbers of a segmentation as they stand in NAME.json: a dict that JSON can hold."""
    correction, class_, person, limit = found.correction, found.class_, found.person, found.disagreement_limit
    header = found.header or {}
    said = {
        "file": shown(found.path.name),
        "mask_file": found.mask_path and shown(found.mask_path.name),
        "sop_instance_uid": _text(header, "SOPInstanceUID"),
        "instance_number": _text(header, "InstanceNumber"),
        "frame_number": found.frame,
        "area_cm2": round(found.area_cm2, 3),
        "area_corrected_cm2": _rounded(found.area_corrected_cm2, 3),
        "area_corrected_interval_95_cm2": _rounded(found.interval_cm2, 3),
        "mean_hu": _rounded(found.mean_hu, 2),
        "sd_hu": _rounded(found.sd_hu, 2),
        "low_attenuation_cm2": round(found.low_attenuation_cm2, 3),
        "intermuscular_fat_cm2": round(found.intermuscular_fat_cm2, 3),
        "smi_cm2_m2": _rounded(found.smi_cm2_m2, 3),
        "smi_corrected_cm2_m2": _rounded(found.smi_corrected_cm2_m2, 3),
        "smi_corrected_interval_95_cm2_m2": _rounded(found.smi_interval_cm2_m2, 3),
        "person": {
            "height_m": person.height_m, "weight_kg": person.weight_kg, "sex": person.sex, "cutoff": person.cutoff,
        },
        "class": class_ and {
            "cutoff": class_.cutoff.title,
            "source": class_.cutoff.source,
            "smi_limit_cm2_m2": class_.smi_limit_cm2_m2,
            "low_muscle": class_.low_muscle,
            "hu_limit": class_.hu_limit,
            "low_attenuation": class_.low_attenuation,
        },
        "members": found.members,
        "members_sd_cm2": _rounded(found.members_sd_cm2, 3),
        "members_dsc": _rounded(found.members_dsc, 4),
        "disagreement_share": _rounded(found.disagreement_share, 4),
        "disagreement_limit": limit and {"of": limit.doubt, "limit": round(limit.value, 5)},
        "pixel_spacing_mm": list(found.spacing_mm),
        "matrix": list(found.mask.shape),
        "correction": correction and {
            "mean_error_cm2": round(correction.mean_error_cm2, 3),
            "interval_95_cm2": [round(correction.low_cm2, 3), round(correction.high_cm2, 3)],
            "sd_cm2": round(correction.sd_cm2, 3),
            "slices": correction.n,
            "interval_meaning": surface.INTERVAL_MEANING,
            "interval_coverage": _rounded(correction.coverage, 4),
        },
        "versions": found.versions,
        "warnings": list(found.warnings),
        "not_a_medical_device": NOT_A_MEDICAL_DEVICE,
    }  # fmt: skip
    if with_patient:
        said["patient"] = {
            "name": _text(header, "PatientName"),
            "id": _text(header, "PatientID"),
            "birth_date": _text(header, "PatientBirthDate"),
            "study_date": _text(header, "StudyDate"),
        }
    return said


def compare(before, now):
    """What changed from one set of `numbers` to another.

    Returns
    -------
    dict of str to dict
        For each key of `page.NUMBERS`, its value before and now and the change; None where one is not known.

    Raises
    ------
    SarcoError
        They belong to different slices, or the first are no numbers of a slice.
    """
    try:
        other = any(before[key] != now[key] for key in ("sop_instance_uid", "instance_number"))
        other |= before.get("frame_number") != now["frame_number"]
        pairs = {key: (before[key], now[key]) for key in page.NUMBERS}
    except (KeyError, TypeError) as error:
        raise SarcoError(
            f"The numbers to compare with are none that this 'sarco segment' writes ({error} missing); run it again."
        ) from None
    if other:
        raise SarcoError(f"{now['file']}: the numbers to compare with belong to another slice ({before['file']}).")
    return {
        key: {"before": a, "now": b, "change": None if a is None or b is None else round(b - a, 3)}
        for key, (a, b) in pairs.items()
    }


@dataclass(frozen=True, eq=False)
class Again:
    """A mask measured, beside what there was before.

    Attributes
    ----------
    now : Segmentation
    changes : dict or None
        Of `compare`.
    mask_change : dict or None
        Keys added_cm2, removed_cm2, dsc; only where the mask before is known.
    """

    now: Segmentation
    changes: dict | None = None
    mask_change: dict | None = None


def measure_again(path, mask, before=None, *, number=None, phase=None, labels=(), nifti="affine", **person):
    """Measure a mask and compare it with the mask, or with the JSON, of a first run.

    Parameters
    ----------
    path, mask, number, phase, labels, nifti
        See `measure`.
    before : str or Path, optional
        A mask, or NAME.json of `sarco segment`, whose height, weight, sex and cut-off then hold unless given.
    **person
        height_m, weight_kg, sex, cutoff.

    Returns
    -------
    Again

    Raises
    ------
    SarcoError
        As `measure`, or `before` is neither or belongs to another slice.
    """
    reading = {"number": number, "phase": phase, "labels": labels, "nifti": nifti}
    if before is None:
        return Again(measure(path, mask, **reading, **person))
    first = _read_numbers(before)
    if first is None:
        now = measure(path, mask, **reading, **person)
        then = measure(path, before, **reading, **person)
        added, removed = (surface.area_cm2(m, now.spacing_mm) for m in (now.mask & ~then.mask, then.mask & ~now.mask))
        change = {"added_cm2": round(added, 3), "removed_cm2": round(removed, 3),
                  "dsc": round(metrics.dice(now.mask, then.mask), 5)}  # fmt: skip
        return Again(now, compare(numbers(then), numbers(now)), change)
    given = {key: value for key, value in person.items() if value is not None}
    try:
        person = {key: first["person"][key] for key in ("height_m", "weight_kg", "sex", "cutoff")} | given
    except (KeyError, TypeError):
        raise SarcoError(f"{before}: not the numbers that 'sarco segment' writes; name its NAME.json.") from None
    now = measure(path, mask, **reading, **person)
    known = str(first.get("made_from") or "").partition("-")[0]
    if known and known != content_sha256(path):  # NIfTI has no identifier, and DICOM one that others may bear
        raise SarcoError(f"{before}: it belongs to another slice than {path}, by its content; name its own.")
    return Again(now, compare(first, numbers(now)))


def _read_numbers(path):
    """The JSON of a first run; None where the file is no JSON."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SarcoError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _text(header, name):
    value = header.get(name)
    return None if value in (None, "") else str(value)


def _rounded(value, decimals):
    if isinstance(value, tuple):
        return [round(item, decimals) for item in value]
    return None if value is None else round(value, decimals)


def _mask_png(mask):
    from PIL import Image, PngImagePlugin

    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", NOT_A_MEDICAL_DEVICE)
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(file, "png", pnginfo=said)
    return file.getvalue()


def overlay_png(found):
    """The slice in grey with the outline of the mask and the fat within it, in true proportions; a PNG, bytes."""
    from PIL import Image

    found = _upright(found)
    (rows, columns), (row_mm, column_mm) = found.mask.shape, found.spacing_mm
    scale = PICTURE_PX / max(columns * column_mm, rows * row_mm)
    width, height = max(1, round(columns * column_mm * scale)), max(1, round(rows * row_mm * scale))
    left = (PICTURE_PX - width) // 2
    picture = Image.new("RGB", (PICTURE_PX, height + CAPTION_PX))
    # Not by matplotlib's imshow, which takes 100 MiB and most of the time for it.
    picture.paste(_coloured(found).resize((width, height), Image.Resampling.BILINEAR), (left, 0))
    drawn = Image.fromarray(_drawn(found, picture.size, left, width, height))
    picture.paste(drawn, mask=drawn)
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def _upright(found):
    """What was found, turned as a slice is shown: the back below, the patient's left at the right."""
    image = dicom.Slice(found.image_hu, found.spacing_mm, header=found.header).upright()
    mask = dicom.upright(found.mask, found.header)
    return replace(found, image_hu=image.image_hu, spacing_mm=image.spacing_mm, mask=mask, header=image.header)


def _coloured(found):
    """The slice in grey and the fat within its muscle in colour, pixel by pixel: a PIL image."""
    from matplotlib.colors import to_rgb
    from PIL import Image

    low, high = WINDOW_HU
    grey = np.clip((found.image_hu - low) * (255 / (high - low)), 0, 255)
    coloured = np.repeat(grey[..., None], 3, axis=2)
    if found.mask.any():
        fat = composition.intermuscular_fat(found.mask, found.image_hu, found.spacing_mm)
        coloured[fat] = 0.2 * coloured[fat] + 0.8 * 255 * np.array(to_rgb(FAT_COLOUR))
    return Image.fromarray(coloured.astype(np.uint8))


def _drawn(found, size, left, width, height):
    """Outline, scale and caption, for a picture of `size` with the slice at the top: RGBA, elsewhere transparent."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (rows, columns), (row_mm, column_mm) = found.mask.shape, found.spacing_mm
    width_mm, height_mm = columns * column_mm, rows * row_mm
    figure = Figure(figsize=np.divide(size, 128), dpi=128, facecolor="none")  # 128: whole pixels in exact inches
    across, down = size
    axis = figure.add_axes((left / across, CAPTION_PX / down, width / across, height / down))
    axis.set_axis_off()
    if found.mask.any():
        x = (np.arange(columns) + 0.5) * column_mm
        y = (np.arange(rows) + 0.5) * row_mm
        axis.contour(x, y, found.mask, levels=[0.5], colors=CONTOUR_COLOUR, linewidths=0.9)
    axis.plot([0.04 * width_mm, 0.04 * width_mm + 50], [0.97 * height_mm] * 2, color="white", linewidth=2)
    axis.text(0.04 * width_mm, 0.96 * height_mm, "5 cm", color="white", fontsize=10, va="bottom")
    axis.set(xlim=(0, width_mm), ylim=(height_mm, 0))
    figure.text(0.02, CAPTION_PX / 2 / down, _caption(found), color="white", fontsize=10, va="center")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _caption(found):
    parts = [f"Muscle {found.area_cm2:.1f} cm²"]
    if found.area_corrected_cm2 is not None:
        parts.append(f"bias corrected {found.area_corrected_cm2:.1f} cm²")
    if found.mean_hu is not None:
        parts.append(f"mean {found.mean_hu:.1f} HU")
    return ",  ".join(parts) + "    (not a medical device)"
