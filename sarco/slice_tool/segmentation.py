"""One slice in, its muscle out: what `sarco segment` and `sarco measure` compute."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base import environment, paths
from ..base.errors import SarcoError
from ..base.files import content_sha256
from ..base.sources import package_digest
from ..base.threads import made_once
from ..ct import composition, level, masks, seg, tissues
from ..ct.geometry import Slice, as_stored, upright
from ..ct.level import Level
from ..engines import choose as engines
from ..engines import int8
from ..engines.weights import read_manifest, team, weights_sha256
from ..evidence import cutoffs, disagreement, learned, reference_values
from ..evidence.correction import Correction
from ..evidence.cutoffs import Person
from ..method import postprocess
from ..runs.evaluation import members_spread
from . import checks, people, tissue
from .reading import read_mask, read_slice

if TYPE_CHECKING:
    from .volume import Proposal

AnyPath = str | os.PathLike[str]
NO_LEVEL = (
    "No spinal canal or no vertebra was found, so nothing tells at which level the slice lies: check that it is at L3."
)
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
    image_hu : ndarray of float32, shape (H, W)
    spacing_mm : tuple of float
        Distance between rows, then between columns.
    area_cm2 : float
    mean_hu : float or None
        Attenuation of the mask; None where the mask is empty.
    sd_hu : float or None
        SD of the same.
    low_attenuation_cm2 : float
        Of the mask, -29 to 29 HU.
    intermuscular_fat_cm2 : float
        -190 to -30 HU within the contour, see `sarco.ct.composition.contour`.
    person : sarco.evidence.cutoffs.Person
    versions : dict
    header : pydicom.Dataset
        Of the slice.
    frame : int or None
        Of an enhanced CT, which frame of the file it is, from 1.
    mask_path : Path or None
        Where a given mask was read.
    warnings : tuple of str
        Sentences that a reader of the numbers must see.
    members : int
        Networks averaged; 0 for a given mask, of which all that follows is None.
    probability : ndarray of float32, shape (H, W), or None
        Mean of the members, before post-processing.
    correction : sarco.evidence.correction.Correction or None
        None also where these members' error on validation slices is not known.
    members_sd_cm2 : float or None
        SD of the areas that the members find alone; None, as the next two, for fewer than two members.
    members_dsc : float or None
        Mean DSC of the pairs of their masks.
    disagreement_share : float or None
        Of the pixels that any of them calls muscle, the share that not all do.
    members_apart_cm2 : float or None
        Mean area between one of their masks and that of the majority.
    other_tissue_cm2 : float or None
        Of the mask, what a student of every tissue calls something else, see `sarco.ct.witness`; None without one.
    disagreement_limit : sarco.evidence.disagreement.Limit or None
        From where on one of these is a warning; None where the members' results do not tell.
    level : sarco.ct.level.Level or None
        Where a student of every tissue takes the slice to lie; None without one, where it sees no vertebra, or where
        the field of view cuts the body.
    proposal : dict or None
        Which slice of how many it is, where it was chosen out of a volume, see `sarco.slice_tool.volume.Proposal`.
    tissues : tuple of sarco.slice_tool.tissue.Tissue
        Muscles apart and fats, where they were asked for, or given.
    """

    path: Path
    mask: np.ndarray = field(repr=False)
    image_hu: np.ndarray = field(repr=False)
    spacing_mm: tuple[float, float]
    area_cm2: float
    mean_hu: float | None
    sd_hu: float | None
    low_attenuation_cm2: float
    intermuscular_fat_cm2: float
    person: Person
    versions: dict = field(repr=False)
    header: object = field(repr=False)
    frame: int | None = None
    mask_path: Path | None = None
    warnings: tuple[str, ...] = ()
    members: int = 0
    probability: np.ndarray | None = field(repr=False, default=None)
    correction: Correction | None = None
    members_sd_cm2: float | None = None
    members_dsc: float | None = None
    disagreement_share: float | None = None
    members_apart_cm2: float | None = None
    other_tissue_cm2: float | None = None
    disagreement_limit: disagreement.Limit | None = None
    level: Level | None = None
    proposal: dict | None = None
    tissues: tuple[tissue.Tissue, ...] = ()

    @property
    def area_corrected_cm2(self) -> float | None:
        """The area minus the mean error on validation slices; None without a correction, or if it would be negative."""
        if self.correction is None:
            return None
        corrected_cm2 = self.correction.apply(self.area_cm2)
        return None if corrected_cm2 < 0 else corrected_cm2

    @property
    def interval_cm2(self) -> tuple[float, float] | None:
        """95 % prediction interval of the corrected area, as `sarco.evidence.correction.INTERVAL_MEANING` says."""
        if self.correction is None or self.area_corrected_cm2 is None:
            return None
        return self.correction.interval(self.area_cm2)

    def tissue(self, name: str, side: str = "") -> tissue.Tissue | None:
        """One of `tissues`, as "psoas" and "left"; None where it was not asked for, or has no sides."""
        return next((one for one in self.tissues if (one.name, one.side) == (name, side)), None)

    def _index(self, area_cm2):
        height_m = self.person.height_m
        return None if area_cm2 is None or height_m is None else area_cm2 / height_m**2

    @property
    def smi_cm2_m2(self) -> float | None:
        """Skeletal muscle index, the area as found over the height squared; None without a height."""
        return self._index(self.area_cm2)

    @property
    def smi_corrected_cm2_m2(self) -> float | None:
        """The index of the corrected area."""
        return self._index(self.area_corrected_cm2)

    @property
    def smi_interval_cm2_m2(self) -> tuple[float, float] | None:
        """Of the corrected index, as `interval_cm2`."""
        if self.person.height_m is None or self.interval_cm2 is None:
            return None
        low_cm2, high_cm2 = self.interval_cm2
        return self._index(low_cm2), self._index(high_cm2)

    @property
    def class_(self) -> cutoffs.Class | None:
        """`sarco.evidence.cutoffs.Class` of the index as found, by the cut-off that was named; None without one."""
        return None if self.person.cutoff is None else cutoffs.classify(self.person, self.smi_cm2_m2, self.mean_hu)

    @property
    def standing(self) -> tuple[reference_values.Standing, ...]:
        """Where the person stands by the reference that was named, as found; nothing where it cannot say."""
        found = self.area_cm2, self.smi_cm2_m2, self.mean_hu
        return reference_values.standing(self.person, *found, self.area_corrected_cm2, self.interval_cm2)


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
        What computes the networks, see `sarco.engines.choose.choose`.
    once : bool
        For one slice, with less memory.
    tissues : bool
        Part the muscle, and measure fat.

    Raises
    ------
    SarcoError
        There is no manifest of weights, or no student; or none that knows the tissues that are asked for.
    """

    def __init__(self, weights: AnyPath | None = None, results: AnyPath | None = None, quick: bool = False,
                 engine: str = engines.AUTO, once: bool = False, tissues: bool = False) -> None:  # fmt: skip
        self.weights = paths.weights_dir() if weights is None else Path(weights)
        self.results = self.weights.parent / "results" if results is None else Path(results)
        self.quick, self.engine, self.once = quick, engine, once
        self._engine_here = engines.choose(engine)  # a wrong name is told at once
        self.manifest = read_manifest(self.weights, student=quick)
        if results is None or self.results.is_dir():
            known = learned.of(self.weights, self.results, self.manifest, quick)
        else:  # named, and not there: what was kept may be of others
            known = learned.learn(self.results, self.manifest, quick)
        self.correction, self.limit, self._warnings = known.correction, known.limit, known.warnings
        self.repeats = known.repeats  # what a change is set against
        self.tissues, self._of_tissues, self._of_level = tissues, known.tissues, known.level
        if tissues and self.student is None:
            raise SarcoError(f"{self.weights}: has no student of every tissue, so no tissues; leave out --tissues, or "
                             "choose other weights.")  # fmt: skip
        if tissues and not (known.tissues and known.student == team(self.student.manifest)):
            self._of_tissues, self._warnings = {}, (*self._warnings, f"{self.results}/{tissue.NO_INTERVAL}")

    @made_once
    def ensemble(self):
        """The networks, loaded when they are first needed; SarcoError if one is missing or was changed."""
        from ..method.ensemble import Ensemble

        return Ensemble.load(self.weights, student=self.quick, engine=self.engine, once=self.once)

    @made_once
    def witness(self):
        """A student of every tissue, to look at what the members found; None where there is none."""
        from ..ct import witness

        return None if self.quick else witness.load(self.weights, engine=self.engine, once=self.once)

    @property
    def student(self):
        """Who knows the tissues; None where nobody does."""
        return self.witness if not self.quick else self.ensemble if self.ensemble.tissues else None

    @cached_property
    def level_model(self):
        """How the level of a slice follows from what the student sees; None where it was learned of no such student."""
        model, student = self._of_level, self.student
        return model if model and student and model.team == team(student.manifest) else None

    @cached_property
    def fingerprint(self):
        """Digest, hexadecimal, of what a result depends on beside its slice (members, correction, code)."""
        made_from = [
            weights_sha256(self.manifest), self.witness and weights_sha256(self.witness.manifest),
            repr(self.correction), repr(self.limit), self._warnings, self.tissues and repr(self._of_tissues),
            repr(self.level_model),
            environment.versions(), self.engine, self._engine_here, package_digest(), self._scales(),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()

    def _scales(self):
        if self.engine != engines.INT8:
            return None
        return [content_sha256(int8.path_of(self.weights / member["file"])) for member in self.manifest["members"]]

    def segment(self, image: Slice, person: Person | None = None, proposal: "Proposal | None" = None) -> Segmentation:
        """Find the muscle in a slice that was read.

        Parameters
        ----------
        image : sarco.ct.geometry.Slice
            As `sarco.slice_tool.reading.read_slice` returns it.
        person : sarco.evidence.cutoffs.Person, optional
        proposal : sarco.slice_tool.volume.Proposal, optional
            By which the slice was chosen out of a volume: a warning, the first, tells of it.

        Returns
        -------
        Segmentation
        """
        from ..ct import witness
        from ..method.slice import measure_subsets

        stored, image = image, image.upright()  # found as the networks know it, given as the file has it
        hu, mm, student, size = image.image_hu, image.spacing_mm, self.student, self.ensemble.size
        seen = None if student is None else tissues.outputs(hu, mm, student)  # once, for all that is asked of it
        alone = {str(k): [k] for k in range(size)} if size > 1 else {}
        own = seen[:1] if self.quick and seen is not None else None
        measured = measure_subsets(hu, mm, self.ensemble, {"all": range(size)} | alone, own)
        spread = members_spread(np.stack([measured[name].mask for name in alone]), mm) if alone else {}
        if alone and self.witness:
            muscle = witness.muscle(hu, mm, student, seen)
            spread["other_tissue_cm2"] = witness.other_tissue_cm2(measured["all"].mask, muscle, mm)
        parted = ()
        if self.tissues:
            parted = tissue.part(image, stored, measured["all"].mask, student, self._of_tissues, seen)
        manifest, engine = self.manifest, "{name} {version} in {precision}".format(**self.ensemble.engine.made_with)
        weights = {key: manifest.get(key) for key in ("profile", "commit")} | {"sha256": weights_sha256(manifest)}
        return _gather(
            stored, as_stored(measured["all"].mask, stored.header), person or Person(),
            [*([proposal.told] if proposal else ()), *self._warnings, *checks.of_members(spread, self.limit)],
            versions=environment.versions() | {"engine": engine, "weights": weights}, members=size,
            probability=as_stored(measured["all"].probability, stored.header),
            correction=self.correction, disagreement_limit=self.limit, **spread,
            tissues=parted, level=self.level_model and self.level_model(level.seen(seen, student)),
            proposal=proposal and proposal.block, tells_level=self.level_model is not None,
        )  # fmt: skip


def _gather(image, mask, person, warnings, tells_level=False, **known):
    """The result for a mask on its slice, with all that there is to warn of."""
    segmentation = Segmentation(
        path=Path(image.path), mask=mask, image_hu=image.image_hu, spacing_mm=image.spacing_mm, header=image.header,
        frame=image.frame, person=person, **known,
        **asdict(composition.composition(mask, image.image_hu, image.spacing_mm)),
    )  # fmt: skip
    seen = checks.check(image.upright(), upright(mask, image.header))
    cut = any(one.startswith(checks.CUT) for one in seen)
    about_level = _about_level(segmentation.level, seen) if tells_level and not cut else []
    seen += [*tissue.warnings(segmentation.tissues, mask, image.spacing_mm), *about_level]
    about = *warnings, *_about_area(segmentation), *seen, *people.about(segmentation)
    return replace(segmentation, level=None if cut else segmentation.level, warnings=about)


def _about_area(segmentation):
    correction, corrected = segmentation.correction, segmentation.area_corrected_cm2
    if segmentation.mean_hu is None:
        check = "check that the file is an axial slice at L3" if segmentation.members else "check what it holds"
        yield f"No muscle was found{'' if segmentation.members else ' in the mask'}; {check}."
    if correction is not None and corrected is None:
        yield "The area is smaller than its correction, so no corrected area is given."
    elif correction is not None and not correction.smallest_cm2 <= corrected <= correction.largest_cm2:
        yield (f"The area lies outside {correction.smallest_cm2:.0f} to {correction.largest_cm2:.0f} cm², where the "
               "networks' error is known: the slice may not be at L3, and the interval does not hold.")  # fmt: skip


def _about_level(found, seen):
    """What there is to warn of in a level, where `seen` was said of the slice already."""
    if found is None:
        known = any(words in one for one in seen for words in (checks.NO_TRUNK, checks.NO_VERTEBRA))
        return [] if known else [NO_LEVEL]
    if not found.off_l3:
        return []
    sure = f"learned on synthetic slices up to {level.LEARNED_TO:g} vertebrae either way"
    if found.interval:
        low, high = sorted(abs(end) for end in found.interval)
        sure = f"with a 95 % interval from {low:.1f} to {high:.1f}, {sure}"
    return [f"The slice seems to lie {found} ({sure}): check it, for areas, tissues above all, their intervals and "
            "cut-offs are those of L3."]  # fmt: skip


# These two have a parameter for each option of their commands.


def segment(path: AnyPath, weights: AnyPath | None = None, results: AnyPath | None = None, *, quick: bool = False,
            engine: str = engines.AUTO, tissues: bool = False, number: int | str | None = None,
            phase: int | None = None, height_m: float | None = None, weight_kg: float | None = None,
            sex: str | None = None, cutoff: str | None = None, age: float | None = None,
            reference: str | None = None) -> Segmentation:  # fmt: skip
    """Find the muscle in one axial CT slice at L3. For many slices, make one `Segmenter`.

    Parameters
    ----------
    path : str or Path
        A DICOM file, or a NIfTI volume.
    weights, results, quick, engine, tissues
        See `Segmenter`.
    number : int or "auto", optional
        Slice of a NIfTI volume or of an enhanced (multi-frame) CT, from 1 at the feet. "auto" takes the one nearest to
        L3, where that is sure, and the path may then be the folder of a DICOM series, see `sarco.slice_tool.volume`.
    phase : int, optional
        Phase or stack of an enhanced CT that has several, from 1 in the order of time.
    height_m, weight_kg : float, optional
        Of the person; with a height there is a skeletal muscle index.
    sex : {"F", "M"}, optional
    cutoff : str, optional
        A key of `sarco.evidence.cutoffs.CUTOFFS`, for a class by it; needs height and sex.
    age : float, optional
        Years.
    reference : str, optional
        A key of `sarco.evidence.reference_values.REFERENCES`, for a standing by it; needs age and sex.

    Returns
    -------
    Segmentation

    Raises
    ------
    SarcoError
        The file is not a readable CT slice, the weights are missing or broken, or a name lacks what it needs.
    """
    person = Person(height_m, weight_kg, sex, cutoff, age, reference)
    if number == "auto":
        from . import volume

        segmenter = Segmenter(weights, results, quick, engine, tissues=tissues)
        found = volume.sure(path, segmenter, phase)
        return segmenter.segment(read_slice(found.place.path, found.place.number, phase), person, found)
    image = read_slice(path, number, phase)  # before the slow part: a wrong file is told at once
    return Segmenter(weights, results, quick, engine, once=True, tissues=tissues).segment(image, person)


def measure(path: AnyPath, mask: AnyPath | np.ndarray, *, number: int | None = None, phase: int | None = None,
            labels: Iterable[str] = (), nifti: str = "affine", height_m: float | None = None,
            weight_kg: float | None = None, sex: str | None = None,
            cutoff: str | None = None, age: float | None = None,
            reference: str | None = None) -> Segmentation:  # fmt: skip
    """Measure a mask on its slice: one corrected by hand, or drawn by other software.

    Parameters
    ----------
    path : str or Path
        A DICOM file, or a NIfTI volume.
    mask : str or Path, or array of bool, shape (H, W)
        PNG, NIfTI, NumPy or DICOM SEG, on the slice's grid. What lies outside [-29, 150] HU is no muscle and is cut.
    labels, nifti
        See `sarco.ct.masks.read`.
    number, phase, height_m, weight_kg, sex, cutoff, age, reference
        See `segment`.

    Returns
    -------
    Segmentation
        Without a bias correction, which belongs to the networks; with the tissues of a SEG of them.

    Raises
    ------
    SarcoError
        Slice or mask cannot be read, or do not belong together.
    """
    person = Person(height_m, weight_kg, sex, cutoff, age, reference)
    image = read_slice(path, number, phase)
    mask_path = None if isinstance(mask, np.ndarray) else Path(mask)
    given = mask if isinstance(mask, np.ndarray) else read_mask(Path(mask), image, labels, nifti)
    if given.dtype != bool or given.shape != image.image_hu.shape:
        raise SarcoError(f"{path}: a mask is bool of shape {image.image_hu.shape}, not {given.dtype} of {given.shape}.")
    kept = postprocess.window(given, image.image_hu)
    whole_px, warnings = np.count_nonzero(given), []
    lost_px = whole_px - np.count_nonzero(kept)
    if lost_px > masks.MISPLACED_SHARE * whole_px:
        raise SarcoError(f"{mask_path or path}: {lost_px / whole_px:.0%} of the mask lies outside [-29, 150] HU; it "
                         "belongs to another slice, is turned or inverted, or is not muscle.")  # fmt: skip
    if lost_px > MISREGISTERED_SHARE * whole_px:
        lost_cm2 = lost_px * image.spacing_mm[0] * image.spacing_mm[1] / 100
        warnings.append(f"{lost_cm2:.1f} cm² of the mask lies outside [-29, 150] HU and was cut; check that it belongs "
                        "to this slice.")  # fmt: skip
    of_parts = mask_path is not None and not labels and masks.kind_of(mask_path) == "seg"
    found, told = tissue.given(seg.read_parts(mask_path, image) if of_parts else {}, image)
    warnings += told
    return _gather(image, kept, person, warnings, versions=environment.versions(), mask_path=mask_path, tissues=found)
