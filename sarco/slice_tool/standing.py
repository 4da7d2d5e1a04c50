"""Where the person on a slice stands: in JSON, in words, and as columns of a table."""

from ..evidence.reference_values import AREA, HU, KEYS, NAMES, REFERENCES, SMI

UNITS = {AREA: "cm²", SMI: "cm²/m²", HU: "HU"}
COLUMN = {AREA: "area", SMI: "smi", HU: "hu"}
COLUMNS = ("reference", *(f"{COLUMN[key]}_{what}" for key in KEYS
                          for what in ("z", "z_low", "z_high", "percentile", "published", "below")))  # fmt: skip
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
    low_high = one.interval and [round(end, 3) for end in one.interval]
    known = {"of": one.key, "value": round(one.value, 3), "published": one.published, "interval_95": low_high}
    if one.sd is None:
        return known | {"below": one.value < one.published}
    ends = one.z_interval and [round(z, 3) for z in one.z_interval]
    return known | {"sd": one.sd, "z": round(one.z, 3), "z_interval_95": ends, "percentile": round(one.percentile, 2)}


def rows(measured):
    """What there is to say of it: name, value with unit, meaning of each."""
    known, lines = measured["standing"], []
    for one in known["numbers"] if known else ():
        unit, of, published = UNITS[one["of"]], known["group"], one["published"]
        if "z" in one:
            told = f"z {one['z']:+.2f}, percentile {_percentile(one['percentile'])}"
            meaning, ends = f"{of}: mean {published:g}, SD {one['sd']:g} {unit}", one["z_interval_95"]
            interval = ends and f"z {ends[0]:+.2f} to {ends[1]:+.2f}"
        else:
            side = "below" if one["below"] else "above"
            told = f"{abs(one['value'] - published):.1f} {side} {published:g} {unit}"
            meaning, ends = f"{known['published']} of {of}: {published:g} {unit}", one["interval_95"]
            interval = ends and f"{ends[0] - published:+.1f} to {ends[1] - published:+.1f} {unit}"
        lines.append((f"{NAMES[one['of']].capitalize()}, by {known['reference']}", told, meaning))
        if interval:
            lines.append(("Its 95 % interval", interval, "from the networks' errors on synthetic phantoms"))
    return lines


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
        low, high = one.get("z_interval_95") or (None, None)
        for what, value in (one | {"z_low": low, "z_high": high}).items():
            if value is not None and (name := f"{COLUMN[one['of']]}_{what}") in COLUMNS:
                found[name] = value
    return found
