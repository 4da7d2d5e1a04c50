"""The numbers of one slice as a page to read or print, which needs nothing beside itself: what fills `page.html`."""

import base64
from html import escape
from pathlib import Path
from string import Template

from ..evidence.correction import WARRANT
from . import asymmetry, curve, numbers, standing


def render(measured, picture, of_tissues=None):
    """One HTML page from the numbers of a slice (`numbers.numbers_of`), with its pictures (PNG, bytes) inside: str.

    Nothing in it is loaded from elsewhere, and every text that came with the slice is escaped.
    """
    parts = [
        f"<h1>Muscle in {escape(measured['file'])}</h1>",
        f'<p class="small">{escape(origin(measured))}</p>',
        f'<p class="device">{escape(measured["not_a_medical_device"])}</p>',
        _patient(measured.get("patient")),
        warnings(measured["warnings"]),
        '<div class="two"><figure>',
        image(picture, "The slice; the muscle is outlined."),
        "<figcaption>Orange: outline of the muscle. Blue: fat within it.</figcaption></figure>",
        f"<div>{_table(numbers.rows(measured))}</div></div>",
        _standing(measured),
        _tissues(numbers.tissue_rows(measured), of_tissues),
        _asymmetry(measured),
        _correction(measured["correction"]),
        _cutoff(measured["class"]),
        made_with(measured),
    ]
    return filled(measured["file"], parts)


def filled(file, parts):
    """A page about a file, or some, of the parts (HTML) that are not empty: str."""
    template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    return template.substitute(file=escape(file), body="\n".join(part for part in parts if part))


def image(picture, alt):
    """A picture (PNG, bytes) within the page: HTML."""
    return f'<img alt="{alt}" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'


def _standing(measured):
    if not measured["standing"]:
        return ""
    curves = "".join(f"<figure>{curve.svg(measured, one)}</figure>" for one in measured["standing"]["numbers"])
    return (
        f"<h2>Among people of the same sex and age</h2>{_table(standing.rows(measured))}"
        f'<div class="curves">{curves}</div><p class="small">{escape(curve.meaning(measured))} '
        f"{escape(standing.note(measured))}</p>"
    )


def _tissues(lines, picture):
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Tissue", "whole", "right", "left"))
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
        for name, *cells in lines
    )
    return (
        f"<h2>Every tissue</h2><figure>{image(picture, 'The slice; each tissue has a colour and a number.')}</figure>"
        f"<table><tr>{head}</tr>{body}</table>"
        f'<p class="small">{escape(numbers.OF_TISSUES)} The paper measures the muscle as a whole alone.</p>'
    )


def _asymmetry(measured):
    if not measured["asymmetry"]:
        return ""
    meaning = escape(asymmetry.meaning(measured))
    return f'<h2>Right and left</h2>{_table(asymmetry.rows(measured))}<p class="small">{meaning}</p>'


def origin(measured):
    """Who found the muscle, and on which pixels: a text."""
    (rows, columns), (row_mm, column_mm) = measured["matrix"], measured["pixel_spacing_mm"]
    if measured["members"] > 1:
        by = f"Mean of {measured['members']} networks"
    else:
        by = "One network" if measured["members"] else f"Mask given: {measured['mask_file'] or ''}"
    return f"{by}. {rows} x {columns} pixels of {row_mm:.4g} x {column_mm:.4g} mm."


def _patient(patient):
    if not patient:
        return ""
    lines = ((key.replace("_", " ").capitalize(), text or "not said", "") for key, text in patient.items())
    return f"<h2>Patient</h2>{_table(lines)}"


def warnings(sentences):
    """What must be read before the numbers: HTML, empty for none."""
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<div class="warnings" role="note"><h2>Before you trust the numbers</h2><ul>{items}</ul></div>'


def _table(lines):
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}{f"<small>{escape(note)}</small>" if note else ""}</th>'
        f'<td class="value">{escape(text)}</td></tr>'
        for name, text, note in lines
    )
    return f"<table>{cells}</table>"


def _correction(correction):
    if not correction:
        return ""
    low, high = correction["interval_95_cm2"]
    coverage = correction["interval_coverage"]
    held = "" if coverage is None else f"On the test slices, of the same kind, it held {100 * coverage:.0f} %. "
    return (
        f"<h2>Correction and interval</h2><p>On {correction['slices']} validation slices the networks' area was "
        f"{correction['mean_error_cm2']:+.1f} cm² off on average (95 % interval {low:+.1f} to {high:+.1f}), with an SD "
        f"of {correction['sd_cm2']:.1f} cm². {escape(correction['interval_meaning'])} {held}{escape(WARRANT)}"
        "</p>"
    )


def _cutoff(class_):
    return class_ and f"<h2>Cut-off</h2><p>{escape(class_['source'])}. There is no consensus on cut-offs.</p>"


def made_with(measured):
    """The software and the networks that made the numbers of a slice: HTML."""
    versions = dict(measured["versions"])
    weights, members = versions.pop("weights", None), measured["members"]
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    head = f'<h2>Made with</h2><p class="small">{escape(told)}</p>'
    if not weights:
        return head
    digests = "".join(f"<br><code>{escape(str(digest))}</code>" for digest in weights["sha256"])
    return (
        f'{head}<p class="small">Weights: profile {escape(str(weights["profile"]))}, sha256 of '
        f"{numbers.counted(members, 'network')}:{digests}</p>"
    )
