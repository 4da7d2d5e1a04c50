"""The numbers of a slice under one list of names: in JSON, in words, and as a line of a table."""

from dataclasses import asdict, dataclass

from ..base.files import shown
from ..ct import tissues
from ..ct.level import LEARNED_TO, Level
from ..evidence import disagreement
from ..evidence.correction import INTERVAL_FROM, INTERVAL_MEANING
from . import asymmetry, standing

NOT_A_MEDICAL_DEVICE = (
    "For research and teaching: this is not a medical device, and its networks learned from synthetic slices only."
)


@dataclass(frozen=True)
class Number:
    """What one number is called, and the attribute of a `Segmentation` that holds its interval."""

    name: str
    meaning: str
    unit: str = ""
    decimals: int = 3  # in JSON
    interval: str | None = None

    def text(self, value):
        """With its unit, or "none"."""
        return "none" if value is None else f"{value:.1f} {self.unit}"


# By the attribute of a `Segmentation`, which is the key in JSON and the column of a table.
NUMBERS = {
    "area_cm2": Number("Muscle area, as found", "pixels of muscle from -29 to 150 HU", "cm²"),
    "area_corrected_cm2": Number("Muscle area, bias corrected", "minus the mean error on validation slices", "cm²",
                                 interval="interval_cm2"),
    "mean_hu": Number("Mean attenuation", "of the pixels of muscle", "HU", decimals=2),
    "sd_hu": Number("SD of the attenuation", "between the pixels of muscle", "HU", decimals=2),
    "low_attenuation_cm2": Number("Low-attenuation muscle", "muscle from -29 to 29 HU", "cm²"),
    "intermuscular_fat_cm2": Number("Fat within the muscle",
                                    "-190 to -30 HU within the muscle, gaps of up to 6 mm included", "cm²"),
    "smi_cm2_m2": Number("Skeletal muscle index, as found", "area as found over height squared", "cm²/m²"),
    "smi_corrected_cm2_m2": Number("Skeletal muscle index, bias corrected", "corrected area over height squared",
                                   "cm²/m²", interval="smi_interval_cm2_m2"),
}  # fmt: skip
OF_MEMBERS = {
    "members_sd_cm2": Number("SD between networks", "of the areas that they find alone"),
    "members_dsc": Number("Mean DSC between networks", "of their masks, pair by pair", decimals=4),
    "disagreement_share": Number("Disagreement", "of the pixels that any network calls muscle, not all do", decimals=4),
}
# Of interest where a warning goes by them.
OF_A_WARNING = {
    "members_apart_cm2": Number("Area between networks", "mean between a mask of one and that of their majority"),
    "other_tissue_cm2": Number("Something else", "of the muscle, what the student of every tissue calls another"),
}
FAR_OFF = f"no interval so far off: learned on synthetic slices up to {LEARNED_TO:g} vertebrae either way"
CLASS = ("cutoff", "low_muscle", "low_attenuation")


_DOUBTS = OF_MEMBERS | OF_A_WARNING


def key_of(name, side=""):
    """A tissue and its side as in the name of a column, as "psoas_left"."""
    return "_".join(f"{name} {side}".split())


def _part(key, part):
    """Key of the interval of a corrected number, or column of one of its ends."""
    return key.replace("_corrected_", f"_corrected_{part}_")


_WITH_ENDS = [
    name
    for key, number in NUMBERS.items()
    for name in (key, *((_part(key, "low"), _part(key, "high")) if number.interval else ()))
]
COLUMNS = (
    "file", *_WITH_ENDS, *CLASS, "members", *OF_MEMBERS, "row_spacing_mm", "column_spacing_mm", "sop_instance_uid",
    "level_vertebrae", "level_low", "level_high", "warnings", "problem", "note",
)  # fmt: skip
# Of each tissue and side, where they were asked for.
OF_TISSUE = ("area_cm2", "low_cm2", "high_cm2", "mean_hu")
TISSUE_COLUMNS = tuple(
    f"{key_of(name, side)}_{what}"
    for name in tissues.MEASURED
    for side in (("", *tissues.SIDES) if name in tissues.MUSCLES else ("",))
    for what in OF_TISSUE
)
WHERE_ASKED = (*TISSUE_COLUMNS, *asymmetry.COLUMNS, *standing.COLUMNS)  # columns that a table may do without
PATIENT = {"name": "PatientName", "id": "PatientID", "birth_date": "PatientBirthDate", "study_date": "StudyDate"}
PATIENT_COLUMNS = tuple(f"patient_{key}" for key in PATIENT)


def numbers_of(segmentation, with_patient=False):
    """The numbers of a `Segmentation` as they stand in NAME.json: a dict that JSON can hold."""
    header, class_, correction = segmentation.header or {}, segmentation.class_, segmentation.correction
    limit = segmentation.disagreement_limit
    measured = {
        "file": shown(segmentation.path.name),
        "mask_file": segmentation.mask_path and shown(segmentation.mask_path.name),
        "sop_instance_uid": _text(header, "SOPInstanceUID"),
        "instance_number": _text(header, "InstanceNumber"),
        "frame_number": segmentation.frame,
    }
    for key, number in NUMBERS.items():
        measured[key] = _rounded(getattr(segmentation, key), number.decimals)
        if number.interval:
            measured[_part(key, "interval_95")] = _rounded(getattr(segmentation, number.interval), number.decimals)
    measured |= {
        "person": asdict(segmentation.person),
        "class": class_ and {
            "cutoff": class_.cutoff.title, "source": class_.cutoff.source,
            **{key: value for key, value in vars(class_).items() if key != "cutoff"},
        },
        "standing": standing.block(segmentation),
        "members": segmentation.members,
        **{key: _rounded(getattr(segmentation, key), number.decimals) for key, number in _DOUBTS.items()},
        "disagreement_limit": limit and _limits(limit),
        "level": segmentation.level and {
            "vertebrae_below_l3": round(segmentation.level.vertebrae, 3),
            "interval_95": _rounded(segmentation.level.interval, 3),
        },
        "proposal": segmentation.proposal,
        "tissues": [_tissue(one) for one in segmentation.tissues] or None,
        "asymmetry": asymmetry.block(segmentation.tissues),
        "pixel_spacing_mm": list(segmentation.spacing_mm),
        "matrix": list(segmentation.mask.shape),
        "correction": correction and {
            "mean_error_cm2": round(correction.mean_error_cm2, 3),
            "interval_95_cm2": [round(correction.low_cm2, 3), round(correction.high_cm2, 3)],
            "sd_cm2": round(correction.sd_cm2, 3),
            "slices": correction.n,
            "interval_meaning": INTERVAL_MEANING,
            "interval_coverage": _rounded(correction.coverage, 4),
        },
        "versions": segmentation.versions,
        "warnings": list(segmentation.warnings),
        "not_a_medical_device": NOT_A_MEDICAL_DEVICE,
    }  # fmt: skip
    if with_patient:
        measured["patient"] = {key: _text(header, name) for key, name in PATIENT.items()}
    return measured


def _tissue(one):
    """One `sarco.slice_tool.tissue.Tissue` as JSON has it."""
    return {
        "tissue": one.name, "side": one.side or None, "area_cm2": round(one.area_cm2, 3),
        "interval_95_cm2": _rounded(one.interval_cm2, 3),
        "interval_coverage": _rounded(one.correction and one.correction.coverage, 4),
        "mean_hu": _rounded(one.mean_hu, 2),
    }  # fmt: skip


def _limits(limit):
    """A limit of doubt as JSON has it, with the second that a warning goes by where there is one."""
    first, *more = ({"of": key, "limit": round(value, 5)} for key, value in limit.values.items())
    return first | ({"or": more[0]} if more else {})


def _text(header, name):
    value = header.get(name)
    return None if value in (None, "") else str(value)


def _rounded(value, decimals):
    if isinstance(value, tuple):
        return [round(item, decimals) for item in value]
    return None if value is None else round(value, decimals)


def rows(measured):
    """What there is to say about a slice, from its numbers (`numbers_of`): name, value with unit, meaning of each."""
    lines = []
    for key, number in NUMBERS.items():
        value, interval = measured[key], number.interval and measured[_part(key, "interval_95")]
        # Without a height there is no index to miss, and without networks nothing to correct.
        if value is not None or not (key.startswith("smi") or (number.interval and not measured["members"])):
            lines.append((number.name, "not known" if value is None else number.text(value), number.meaning))
        if interval:
            ends = f"{interval[0]:.1f} to {number.text(interval[1])}"
            lines.append(("Its 95 % interval", ends, INTERVAL_FROM))
    if measured["members_sd_cm2"] is not None:
        limit = measured["disagreement_limit"] or {}
        limits = {one["of"]: one["limit"] for one in (limit, limit.get("or")) if one}
        for key in (key for key in _DOUBTS if key in OF_MEMBERS or (key in limits and measured[key] is not None)):
            doubt, number = disagreement.DOUBTS[key], _DOUBTS[key]
            warned = f"; a warning past {doubt.text(limits[key])}" if key in limits else ""
            lines.append((number.name, doubt.text(measured[key]), number.meaning + warned))
    if measured["level"]:
        at, interval = measured["level"]["vertebrae_below_l3"], measured["level"]["interval_95"]
        ends = FAR_OFF
        if interval:
            ends = f"from synthetic slices, with a 95 % interval of {standing.off(*interval, ways=('above', 'below'))}"
        lines.append(("Level, estimated", str(Level(at, 0.0)), ends))
    words, class_ = {True: "low", False: "not low"}, measured["class"]
    if class_:
        limit = f"limit of the muscle index: {class_['smi_limit_cm2_m2']:g} cm²/m²"
        lines.append((f"Muscle, by {class_['cutoff']}", words[class_["low_muscle"]], limit))
        if class_["low_attenuation"] is not None:
            limit = f"limit of the mean: {class_['hu_limit']:g} HU"
            lines.append((f"Attenuation, by {class_['cutoff']}", words[class_["low_attenuation"]], limit))
    return lines


OF_TISSUES = (
    "Areas as found; in brackets the 95 % interval of the true area, learned on synthetic slices at mid-L3: it does "
    "not hold at another level, and there is none where no slice had such an area. Right and left are the patient's."
)


def tissue_rows(measured):
    """The same of every tissue: its name, then whole, right and left as texts; none where none was asked for."""
    lines = {}
    for one in measured["tissues"] or ():
        cells = lines.setdefault(one["tissue"], {})
        low_high = one["interval_95_cm2"]
        interval = f" ({low_high[0]:.1f} to {low_high[1]:.1f})" if low_high else ""
        hu = "" if one["mean_hu"] is None else f", {one['mean_hu']:.0f} HU"
        cells[one["side"]] = f"{one['area_cm2']:.1f}{interval} cm²{hu}" if one["area_cm2"] else "not found"
    return [
        (name.capitalize(), *(cells.get(side, "") for side in (None, *tissues.SIDES))) for name, cells in lines.items()
    ]


def line(measured):
    """The numbers of a slice as a line of a table, by `COLUMNS` and, where it has them, the columns of more."""
    cells = {key: measured[key] for key in COLUMNS if key in measured}
    for one in measured.get("tissues") or ():
        values = one["area_cm2"], *(one["interval_95_cm2"] or (None, None)), one["mean_hu"]
        key = key_of(one["tissue"], one["side"] or "")
        cells |= {f"{key}_{what}": value for what, value in zip(OF_TISSUE, values, strict=True)}
    for key, number in NUMBERS.items():
        if number.interval:
            ends = measured[_part(key, "interval_95")] or (None, None)
            cells |= zip((_part(key, "low"), _part(key, "high")), ends, strict=True)
    if measured["level"]:
        at = measured["level"]["vertebrae_below_l3"], *(measured["level"]["interval_95"] or (None, None))
        cells |= zip(("level_vertebrae", "level_low", "level_high"), at, strict=True)
    row_mm, column_mm = measured["pixel_spacing_mm"]
    patient = {f"patient_{key}": value for key, value in measured.get("patient", {}).items()}
    cells |= patient | asymmetry.cells(measured) | standing.cells(measured)
    return cells | {key: (measured["class"] or {}).get(key) for key in CLASS} | {
        "row_spacing_mm": row_mm, "column_spacing_mm": column_mm, "warnings": " ".join(measured["warnings"]),
        "note": measured["not_a_medical_device"],
    }  # fmt: skip


def counted(number, noun):
    """1 slice, 2 slices."""
    return f"{number} {noun}{'s' * (number != 1)}"
