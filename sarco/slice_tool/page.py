"""The numbers of one slice for people: rows of a table, and a page that needs nothing beside itself."""

import base64
from html import escape

from ..evidence import disagreement
from ..method import surface

NUMBERS = {  # key in JSON: name, unit
    "area_cm2": ("Muscle area, as found", "cm²"),
    "area_corrected_cm2": ("Muscle area, bias corrected", "cm²"),
    "mean_hu": ("Mean attenuation", "HU"),
    "sd_hu": ("SD of the attenuation", "HU"),
    "low_attenuation_cm2": ("Low-attenuation muscle", "cm²"),
    "intermuscular_fat_cm2": ("Intermuscular fat", "cm²"),
    "smi_cm2_m2": ("Skeletal muscle index, as found", "cm²/m²"),
    "smi_corrected_cm2_m2": ("Skeletal muscle index, bias corrected", "cm²/m²"),
}
INTERVALS = {"area_corrected_cm2": "area_corrected_interval_95_cm2",
             "smi_corrected_cm2_m2": "smi_corrected_interval_95_cm2_m2"}  # fmt: skip
MEANING = {
    "area_cm2": "pixels of muscle from -29 to 150 HU",
    "area_corrected_cm2": "minus the mean error on validation slices",
    "mean_hu": "of the pixels of muscle",
    "sd_hu": "between the pixels of muscle",
    "low_attenuation_cm2": "muscle from -29 to 29 HU",
    "intermuscular_fat_cm2": "-190 to -30 HU within the muscle, gaps of up to 6 mm included",
    "smi_cm2_m2": "area as found over height squared",
    "smi_corrected_cm2_m2": "corrected area over height squared",
}
DISAGREEMENT = {  # name, what it means
    "members_sd_cm2": ("SD between networks", "of the areas that they find alone"),
    "members_dsc": ("Mean DSC between networks", "of their masks, pair by pair"),
    "disagreement_share": ("Disagreement", "of the pixels that any network calls muscle, not all do"),
}


def counted(number, noun):
    """1 slice, 2 slices."""
    return f"{number} {noun}{'s' * (number != 1)}"


def value(key, number):
    """A number with its unit, or "none"."""
    return "none" if number is None else f"{number:.1f} {NUMBERS[key][1]}"


def rows(numbers):
    """What there is to say about a slice.

    Parameters
    ----------
    numbers : dict
        As `sarco.slice_tool.segmentation.numbers` gives it.

    Returns
    -------
    list of (str, str, str)
        Name, value with unit, what it means.
    """
    by_networks = numbers["members"] > 0
    said = []
    for key, (name, _) in NUMBERS.items():
        if numbers[key] is None and (key.startswith("smi") or (key == "area_corrected_cm2" and not by_networks)):
            continue
        text = "not known" if numbers[key] is None else value(key, numbers[key])
        said.append((name, text, MEANING[key]))
        if key in INTERVALS and numbers[INTERVALS[key]]:
            low, high = numbers[INTERVALS[key]]
            said.append(("Its 95 % interval", f"{low:.1f} to {value(key, high)}",
                         "from the networks' errors on synthetic phantoms"))  # fmt: skip
    if numbers["members_sd_cm2"] is not None:
        limit = numbers["disagreement_limit"] or {"of": None}
        for key, (name, note) in DISAGREEMENT.items():
            doubt = disagreement.DOUBTS[key]
            warned = f"; a warning past {doubt.text(limit['limit'])}" if key == limit["of"] else ""
            said.append((name, doubt.text(numbers[key]), note + warned))
    said += _class_rows(numbers["class"])
    return said


def _class_rows(found):
    if not found:
        return []
    words = {True: "low", False: "not low"}
    said = [("Muscle, by " + found["cutoff"], words[found["low_muscle"]],
             f"limit of the muscle index: {found['smi_limit_cm2_m2']:g} cm²/m²")]  # fmt: skip
    if found["low_attenuation"] is not None:
        said.append(("Attenuation, by " + found["cutoff"], words[found["low_attenuation"]],
                     f"limit of the mean: {found['hu_limit']:g} HU"))  # fmt: skip
    return said


STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.45 system-ui, sans-serif; color: #1c1c1c; background: #fff; margin: 0 auto; padding: 1.5rem;
       max-width: 62rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.device { background: #1c1c1c; color: #fff; padding: .5rem .8rem; margin: .8rem 0; }
.warnings { border: 2px solid #b45309; background: #fff7e6; padding: .3rem .8rem; margin: .8rem 0; }
.warnings h2 { margin: .4rem 0 0; } .warnings ul { margin: .4rem 0; padding-left: 1.2rem; }
.two { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
.two > * { flex: 1 1 24rem; min-width: 0; } figure { margin: 0; } img { width: 100%; height: auto; display: block; }
figcaption, .small { font-size: .85rem; color: #444; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .5rem .35rem 0;
  border-bottom: 1px solid #ccc; vertical-align: top; font-weight: normal; }
td.value { white-space: nowrap; font-weight: 600; font-variant-numeric: tabular-nums; }
th small { color: #555; display: block; }
code { font-size: .8rem; }
@media print { body { padding: 0; font-size: 12px; } .two { flex-wrap: nowrap; } .two > * { flex-basis: 0; } }
"""


def render(numbers, picture):
    """One HTML page with the picture inside.

    Parameters
    ----------
    numbers : dict
        As `sarco.slice_tool.segmentation.numbers` gives it.
    picture : bytes
        PNG of the slice with the outline.

    Returns
    -------
    str
        Nothing in it is loaded from elsewhere, and every text that came with the slice is escaped.
    """
    correction, versions = numbers["correction"], dict(numbers["versions"])
    weights = versions.pop("weights", None)
    inline = base64.b64encode(picture).decode()
    parts = [
        f"<h1>Muscle in {escape(numbers['file'])}</h1>",
        f'<p class="small">{escape(_origin(numbers))}</p>',
        f'<p class="device">{escape(numbers["not_a_medical_device"])}</p>',
        _patient(numbers.get("patient")),
        _warnings(numbers["warnings"]),
        '<div class="two"><figure>',
        f'<img alt="The slice; the muscle is outlined." src="data:image/png;base64,{inline}">',
        "<figcaption>Orange: outline of the muscle. Blue: fat within it.</figcaption></figure>",
        "<div>" + _table((name, text, note) for name, text, note in rows(numbers)) + "</div></div>",
    ]
    if correction:
        low, high = correction["interval_95_cm2"]
        coverage = correction["interval_coverage"]
        held = "" if coverage is None else f"On the test slices, of the same kind, it held {100 * coverage:.0f} %. "
        parts.append(
            f"<h2>Correction and interval</h2><p>On {correction['slices']} validation slices the networks' area was "
            f"{correction['mean_error_cm2']:+.1f} cm² off on average (95 % interval {low:+.1f} to {high:+.1f}), with "
            f"an SD of {correction['sd_cm2']:.1f} cm². {escape(correction['interval_meaning'])} "
            f"{held}{escape(surface.WARRANT)}</p>"
        )
    if numbers["class"]:
        parts.append(f"<h2>Cut-off</h2><p>{escape(numbers['class']['source'])}. There is no consensus on cut-offs.</p>")
    parts.append("<h2>Made with</h2>")
    parts.append(f'<p class="small">{escape(", ".join(f"{name} {version}" for name, version in versions.items()))}</p>')
    if weights:
        listed = "".join(f"<br><code>{escape(str(digest))}</code>" for digest in weights["sha256"])
        parts.append(f'<p class="small">Weights: profile {escape(str(weights["profile"]))}, sha256 of '
                     f"{counted(numbers['members'], 'network')}:{listed}</p>")  # fmt: skip
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Muscle in {escape(numbers['file'])}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def _origin(numbers):
    (rows_, columns), (row_mm, column_mm) = numbers["matrix"], numbers["pixel_spacing_mm"]
    if numbers["members"] > 1:
        by = f"Mean of {numbers['members']} networks"
    else:
        by = "One network" if numbers["members"] else f"Mask given: {numbers['mask_file'] or ''}"
    return f"{by}. {rows_} x {columns} pixels of {row_mm:.4g} x {column_mm:.4g} mm."


def _patient(patient):
    if not patient:
        return ""
    said = ((key.replace("_", " ").capitalize(), text or "not said", "") for key, text in patient.items())
    return f"<h2>Patient</h2>{_table(said)}"


def _warnings(sentences):
    if not sentences:
        return ""
    listed = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<div class="warnings" role="note"><h2>Before you trust the numbers</h2><ul>{listed}</ul></div>'


def _table(said):
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}{f"<small>{escape(note)}</small>" if note else ""}</th>'
        f'<td class="value">{escape(text)}</td></tr>'
        for name, text, note in said
    )
    return f"<table>{lines}</table>"
