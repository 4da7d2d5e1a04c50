"""Where the person on a slice stands: in JSON, in words, and as columns of a table."""

from ..evidence.correction import INTERVAL_FROM
from ..evidence.reference_values import AREA, HU, KEYS, NAMES, REFERENCES, SMI

UNITS = {AREA: "cm²", SMI: "cm²/m²", HU: "HU"}
COLUMN = {AREA: "area", SMI: "smi", HU: "hu"}
OF_CORRECTED = ("z_corrected", "z_corrected_low", "z_corrected_high")
COLUMNS = ("reference", *(f"{COLUMN[key]}_{what}" for key in KEYS
                          for what in ("z", "percentile", "published", "below", *OF_CORRECTED)))  # fmt: skip
NORMAL = "A percentile takes their values for normally distributed. "
OF_OTHERS = (
    "They were measured by other software and on other scanners, and contrast agent alone raises the mean attenuation "
    "by some 7 HU (van Vugt 2018). Area and index are those as found: a correction that was learned on phantoms has no "
    "warrant on a patient."
)


def block(segmentation):
    """The standing of a `Segmentation` as JSON has it; None where there is none."""
    found, person = segmentation.standing, segmentation.person
    if not found:
        return None
    reference = REFERENCES[person.reference]
    return {
        "reference": reference.title, "source": reference.source, "group": reference.group(person),
        "published": reference.limit or "mean and SD", "numbers": [_number(one) for one in found],
        "meaning": ("" if reference.limit else NORMAL) + OF_OTHERS,
    }  # fmt: skip


def _number(one):
    def rounded(value):
        return value and ([round(end, 3) for end in value] if isinstance(value, tuple) else round(value, 3) + 0.0)

    known = {"of": one.key, "value": rounded(one.value), "published": one.published,
             "corrected": rounded(one.corrected), "corrected_interval_95": rounded(one.interval)}  # fmt: skip
    if one.sd is None:
        return known | {"below": one.value < one.published}
    return known | {
        "sd": one.sd, "z": rounded(one.z), "percentile": round(one.percentile, 2),
        "z_corrected": rounded(one.z_corrected), "z_corrected_interval_95": rounded(one.z_interval),
    }  # fmt: skip


def rows(measured):
    """What there is to say of it: name, value with unit, meaning of each."""
    known, lines = measured["standing"], []
    for one in known["numbers"] if known else ():
        unit, of, published = UNITS[one["of"]], known["group"], one["published"]
        ends = one["corrected_interval_95"]
        if "z" in one:
            told = f"z {one['z']:+z.2f}, percentile {_percentile(one['percentile'])}"
            meaning = f"{of}: mean {published:g}, SD {one['sd']:g} {unit}"
            corrected = ends and "z {:+z.2f} ({:+z.2f} to {:+z.2f})".format(
                one["z_corrected"], *one["z_corrected_interval_95"]
            )
        else:
            told = f"{off(one['value'] - published)} {published:g} {unit}"
            meaning = f"{known['published']} of {of}: {published:g} {unit}"
            corrected = ends and f"{off(one['corrected'] - published)} ({off(*(end - published for end in ends))})"
        lines.append((f"{NAMES[one['of']].capitalize()}, by {known['reference']}", told, meaning))
        if corrected:
            note = f"of the corrected {NAMES[one['of']]}, interval {INTERVAL_FROM}"
            lines.append(("Corrected, with its 95 % interval", corrected, note))
    return lines


def off(*ends, ways=("below", "above")):
    """How far off each number says, and which way, once where it is the same: "0.2 below to 0.6 above"."""
    told = [(f"{abs(end):.1f}", ways[end >= 0]) for end in ends]
    if len({way for _, way in told}) == 1:
        return f"{' to '.join(far for far, _ in told)} {told[0][1]}"
    return " to ".join(f"{far} {way}" for far, way in told)


def _percentile(value):
    return "under 1" if value < 1 else "over 99" if value > 99 else f"{value:.0f}"


def note(measured):
    """With whom the person is compared, and what that rests on."""
    known = measured["standing"]
    return known and f"Compared with {known['group']}, by {known['source']}. {known['meaning']}"


def cells(measured):
    """The same by `COLUMNS`, those that there are."""
    known = measured.get("standing") or {"numbers": ()}
    found = {"reference": known["reference"]} if known["numbers"] else {}
    for one in known["numbers"]:
        ends = one.get("z_corrected_interval_95") or (None, None)
        for what, value in (one | dict(zip(OF_CORRECTED[1:], ends, strict=True))).items():
            if value is not None and (name := f"{COLUMN[one['of']]}_{what}") in COLUMNS:
                found[name] = value
    return found
