"""The files of one slice: all of them or none, and never over those of another slice or of someone else."""

import json
import os
from contextlib import ExitStack
from pathlib import Path

from ..base.errors import SarcoError
from ..base.files import atomic
from ..ct import seg
from . import numbers, page, picture, tissue

OPTIONAL = ("_tissues.png", "_seg.dcm")  # where tissues were asked for, and where the header allows a SEG
ENDS = ("_mask.png", "_overlay.png", *OPTIONAL, ".html", ".json")  # of the files written; the numbers come last


def file_name(path):
    """What the files of a slice are called."""
    if path.name.lower().endswith(".nii.gz"):
        return path.name[: -len(".nii.gz")]
    # Many scanners name a file by its identifier, "1.2.840...": the last number of that is no suffix.
    return path.name if path.suffix[1:].isdigit() else path.stem


def files_of(target):
    """The files of a slice, from their path without their ends: dict by end, the numbers last."""
    return {end: Path(f"{target}{end}") for end in ENDS}


def write(segmentation, out_dir, name=None, *, with_patient=False, made_from=None):
    """Write the files of a `Segmentation`, all or none: list of Path.

    They are NAME_mask.png (the slice's grid, 255 = muscle), NAME_overlay.png, NAME_seg.dcm, NAME.html, NAME.json and,
    with tissues, NAME_tissues.png; no SEG where the slice's header does not allow one, and the warnings then say so.
    NAME is that of the slice unless given. `with_patient` puts name, identifiers and study date into SEG, page and
    numbers; `made_from` is a fingerprint to keep in the numbers, by which a later run knows that it need not compute
    them again. SarcoError if the folder cannot be written to, or a file would replace the slice or the given mask.
    """
    out_dir = Path(out_dir)
    files = files_of(out_dir / (name or file_name(segmentation.path)))
    given = {path.resolve() for path in (segmentation.path, segmentation.mask_path) if path is not None}
    for file in files.values():
        if file.resolve() in given:
            raise SarcoError(f"{file}: would be replaced by a result; choose another folder.")
    measured = numbers.numbers_of(segmentation, with_patient)
    if made_from is not None:
        measured["made_from"] = made_from
    overlay = picture.overlay_png(segmentation)
    contents = {"_mask.png": picture.mask_png(segmentation.mask), "_overlay.png": overlay}
    if segmentation.tissues:
        contents["_tissues.png"] = picture.tissues_png(segmentation)
    try:
        contents["_seg.dcm"] = seg.encode(
            segmentation.mask, segmentation.header, frame=segmentation.frame, by_hand=not segmentation.members,
            parts=tissue.segments(segmentation.tissues), with_patient=with_patient,
        )  # fmt: skip
    except SarcoError as error:
        measured["warnings"].append(f"There is {error}")
    contents[".html"] = page.render(measured, overlay, contents.get("_tissues.png")).encode()
    contents[".json"] = (json.dumps(measured, indent=2, ensure_ascii=False) + "\n").encode()
    try:
        with ExitStack() as stack:
            # Files get their names in reverse order, so the numbers come last.
            for end, content in reversed(contents.items()):
                stack.enter_context(atomic(files[end])).write_bytes(content)
            files[".json"].unlink(missing_ok=True)  # a kill leaves no numbers of an earlier mask
        for end in set(OPTIONAL) - set(contents):
            files[end].unlink(missing_ok=True)  # of an earlier run
    except OSError as error:
        raise SarcoError(f"{out_dir}: cannot be written to ({error.strerror}); choose another folder.") from error
    return [files[end] for end in contents]


def read_numbers(path):
    """What NAME.json says; an empty dict where there is no such file."""
    try:
        measured = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return measured if isinstance(measured, dict) else {}


def finished(target, made_from):
    """Numbers that an earlier run wrote of the same slice in the same way, or None."""
    files = files_of(target)
    measured = read_numbers(files[".json"])
    # The numbers are written last, so the others were there; whoever took one away wants it again.
    wanted = {*files} - {*OPTIONAL} | ({"_tissues.png"} if measured.get("tissues") else set())
    whole = all(files[end].exists() for end in wanted)
    return measured if whole and measured.get("made_from") == made_from else None


def refuse_other(target, slice_path, digest):
    """Let no result of a slice be written over that of another slice, or over a file of someone else: SarcoError.

    `digest` is that of the slice, with which the `made_from` of its numbers begins.
    """
    files = files_of(target)
    # The mask is looked for last, as another run that writes the same now writes it first.
    there = [file for file in reversed(files.values()) if os.path.lexists(file)]
    measured, mask = files[".json"], files["_mask.png"]
    if measured in there and str(read_numbers(measured).get("made_from")).partition("-")[0] != str(digest):
        other = measured
    elif mask in there and not ours(mask):
        other = mask
    else:  # of files without numbers, which a kill may leave, the mask is always one
        other = there[0] if there and not {measured, mask} & {*there} else None
    if other:
        raise SarcoError(f"{other}: of another slice than {slice_path}, or not as this command wrote it, and it would "
                         "be replaced; choose another folder for the results, or take it away.")  # fmt: skip


def ours(picture):
    """Whether a PNG says that this command wrote it."""
    from PIL import Image

    try:
        with Image.open(picture) as image:
            return image.info.get("Comment") == numbers.NOT_A_MEDICAL_DEVICE
    except (OSError, SyntaxError, ValueError):
        return False
