"""A mask measured again, beside what there was before: the mask or the numbers of a first run."""

import json
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import SarcoError
from ..base.files import content_sha256
from ..method import metrics
from ..method.surface import area_cm2
from . import numbers
from .segmentation import Segmentation, measure


@dataclass(frozen=True, eq=False)
class Again:
    """A mask measured; `changes` (of `compare`) and `mask_change` (added_cm2, removed_cm2, dsc) from a before."""

    now: Segmentation
    changes: dict | None = None
    mask_change: dict | None = None


def measure_again(path, mask, before=None, **options):
    """Measure a mask (`sarco.measure`, with its options) and compare it with the mask, or the JSON, of a first run.

    Of a JSON, the person holds unless given. SarcoError also if `before` is neither, or belongs to
    another slice.
    """
    if before is None:
        return Again(measure(path, mask, **options))
    first = _read_json(before)
    if first is None:
        now, then = (measure(path, each, **options) for each in (mask, before))
        added, removed = (area_cm2(m, now.spacing_mm) for m in (now.mask & ~then.mask, then.mask & ~now.mask))
        change = {"added_cm2": round(added, 3), "removed_cm2": round(removed, 3),
                  "dsc": round(metrics.dice(now.mask, then.mask), 5)}  # fmt: skip
        return Again(now, compare(numbers.numbers_of(then), numbers.numbers_of(now)), change)
    given = {key: value for key, value in options.items() if value is not None}
    try:
        person = {key: first["person"][key] for key in ("height_m", "weight_kg", "sex", "cutoff")}
        person |= {key: first["person"].get(key) for key in ("age", "reference")}  # which older ones have not
    except (KeyError, TypeError):
        raise SarcoError(f"{before}: not the numbers that 'sarco segment' writes; name its NAME.json.") from None
    now = measure(path, mask, **(options | person | given))
    known = str(first.get("made_from") or "").partition("-")[0]
    if known and known != content_sha256(path):  # NIfTI has no identifier, and DICOM one that others may bear
        raise SarcoError(f"{before}: it belongs to another slice than {path}, by its content; name its own.")
    return Again(now, compare(first, numbers.numbers_of(now)))


def _read_json(path):
    """The JSON of a first run; None where the file is no JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SarcoError(f"{path}: cannot be read ({error.strerror}).") from None
    except ValueError:  # no UTF-8, or no JSON
        return None


def compare(before, now):
    """What changed from one set of numbers to another: before, now and change (or None) by key of `NUMBERS`."""
    try:
        other = any(before[key] != now[key] for key in ("sop_instance_uid", "instance_number"))
        other |= before.get("frame_number") != now["frame_number"]
        pairs = {key: (before[key], now[key]) for key in numbers.NUMBERS}
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
