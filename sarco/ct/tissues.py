"""Every tissue of a slice: what a student learns beside the muscle of the paper, and the map of it.

The muscle of the paper stays what it is. The map parts it into its groups, and gives what lies outside it to the other
tissues; what is fat must have the HU of fat. Fat within a muscle, which the window of the paper cuts away, is
intermuscular fat, as is what lies between muscles.

All of this is ours: the paper knows muscle alone.
"""

import numpy as np

from ..base import disc
from ..base.errors import SarcoError
from ..method import postprocess
from ..method.preprocess import to_native, to_network
from ..method.surface import area_cm2
from .composition import FAT_HU

# In the order of the network's outputs, each with the parts of the phantom that it is made of.
BACKGROUND, OTHER = "background", "other"
MUSCLES = {
    "rectus abdominis": ("rectus abdominis",), "lateral wall": ("lateral wall",), "psoas": ("psoas",),
    "quadratus lumborum": ("quadratus lumborum",), "erector spinae": ("erector spinae", "multifidus"),
    "iliacus": ("iliacus",), "gluteus medius": ("gluteus medius",),
}  # fmt: skip
SUBCUTANEOUS, VISCERAL, INTERMUSCULAR = FATS = "subcutaneous fat", "visceral fat", "intermuscular fat"
BONE, CANAL = "bone", "spinal canal"
MIDLINE = (CANAL, BONE, "rectus abdominis")
TISSUES = {
    BACKGROUND: ("air", "table", "limb"), OTHER: ("ligament", "vessel", "fluid", "foreign body", "crus"),
    **MUSCLES, SUBCUTANEOUS: ("skin", "subcutaneous fat", "fascia"), VISCERAL: ("visceral fat",), INTERMUSCULAR: (),
    BONE: ("bone", "disc", "cartilage"), CANAL: ("spinal canal",), "kidney": ("kidney",),
    "organ": ("liver", "spleen", "gallbladder", "pancreas"), "bowel": ("bowel", "bowel content"),
}  # fmt: skip
BELOW_L3 = "iliacus", "gluteus medius"  # which the shipped student never finds: their pixels go to other muscles
MEASURED = (*(name for name in MUSCLES if name not in BELOW_L3), *FATS)  # what is told of a slice, in this order
RIGHT, LEFT = SIDES = "right", "left"  # of the patient
# Okabe and Ito's colours, which any kind of colour vision can tell apart, and white.
COLOURS = dict(zip(MEASURED, ("#e69f00", "#56b4e9", "#d55e00", "#f0e442", "#0072b2", "#cc79a7", "#009e73", "#ffffff"),
                   strict=True))  # fmt: skip
SKIN_MM = 1.5  # from air: no fat, but skin and its blur, which no grid of 2 mm can tell from fat
SIDED = ("psoas", "erector spinae", "rectus abdominis")
SIDES_RATIO = 0.1  # of these muscles, at least: less is no atrophy but a midline that lies beside them
CANAL_CM2 = 0.5  # a quarter of the smallest in phantoms
NEAR_MM = 35.0  # from the spinal canal: the vertebra, and neither a rib nor the crest


def outputs(image_hu, spacing_mm, student):
    """What a student sees of a slice, on the network's grid: float32 (1 + tissues, n, n), muscle first.

    SarcoError: the networks know muscle alone.
    """
    if not student.tissues:
        raise SarcoError("these networks know muscle alone; train the student again, or choose weights whose "
                         "student.json has the key tissues.")  # fmt: skip
    return student.predict_outputs(to_network(image_hu, spacing_mm, student.network_spacing_mm))[0]


def label_map(image_hu, spacing_mm, student, muscle=None, seen=None):
    """The tissue of each pixel of a slice.

    Parameters
    ----------
    image_hu : ndarray, (rows, columns)
    spacing_mm : tuple of float
        Distance between rows, then between columns.
    student : sarco.method.ensemble.Ensemble
        A student that learned every tissue.
    muscle : ndarray of bool, (rows, columns), optional
        The final mask of the muscle; the student's own unless given.
    seen : ndarray, optional
        The student's `outputs`, where they are known.

    Returns
    -------
    ndarray of uint8, (rows, columns)
        Index into the student's `tissues`.

    Raises
    ------
    SarcoError
        The networks know muscle alone.
    """
    seen = outputs(image_hu, spacing_mm, student) if seen is None else seen.copy()
    # Where air is not computed all is 0, at whose edge the spline would ring.
    seen[1 + student.tissues.index(BACKGROUND)] += 1 - seen[1:].sum(axis=0)
    seen = to_native(seen, spacing_mm, np.shape(image_hu), student.network_spacing_mm)
    found, shares = seen[0], seen[1:]
    if muscle is None:
        muscle = postprocess.postprocess(found, image_hu)
    groups = np.array([student.tissues.index(name) for name in MUSCLES if name in student.tissues])
    regions = shares.argmax(axis=0)
    regions[muscle] = groups[shares[groups][:, muscle].argmax(axis=0)]
    return by_hu(regions, muscle, image_hu, spacing_mm, student.tissues)


def by_hu(regions, muscle, image_hu, spacing_mm, tissues=tuple(TISSUES)):
    """What each pixel is, by the region that it lies in and its HU.

    Parameters
    ----------
    regions : ndarray of int, (rows, columns)
        Index into `tissues`; of a muscle up to its contour, the fat within it included, and of subcutaneous fat with
        the skin.
    muscle : ndarray of bool, (rows, columns)
        The muscle that counts, which lies in the regions of muscles.
    image_hu : ndarray, (rows, columns)
    spacing_mm : tuple of float
    tissues : sequence of str

    Returns
    -------
    ndarray of uint8, (rows, columns)
    """
    fat = (image_hu >= FAT_HU[0]) & (image_hu <= FAT_HU[1])
    group, fatty = (np.isin(tissues, list(names))[regions] for names in (MUSCLES, FATS))
    labels = np.asarray(regions, np.uint8).copy()
    labels[group & ~muscle & fat] = tissues.index(INTERMUSCULAR)
    skin = (regions == tissues.index(SUBCUTANEOUS)) & disc.dilate(image_hu < FAT_HU[0], SKIN_MM, spacing_mm)
    labels[(group & ~muscle & ~fat) | (fatty & ~fat) | skin] = tissues.index(OTHER)
    return labels


def parts(labels, spacing_mm, tissues=tuple(TISSUES), of=MEASURED):
    """The pixels of each tissue, and of each muscle those on either side, too.

    Parameters
    ----------
    labels : ndarray of uint8, (rows, columns)
        As of `label_map`, of an upright slice.
    spacing_mm : tuple of float
    tissues : sequence of str
        What the labels are.
    of : sequence of str
        Which tissues.

    Returns
    -------
    dict of (str, str) to ndarray of bool, (rows, columns)
        By name and side, which is one of `SIDES` or empty for the whole. Where the midline is not found (`left_half`)
        no muscle has sides.
    """
    half = left_half(labels, spacing_mm, tissues)
    found = {}
    for name in of:
        whole = found[name, ""] = labels == tissues.index(name)
        if name in MUSCLES and half is not None:
            found[name, RIGHT], found[name, LEFT] = whole & half, whole & ~half
    return found


def called(name, side=""):
    """A tissue and its side in words, as "psoas, left"."""
    return f"{name}, {side}" if side else name


def left_half(labels, spacing_mm, tissues=tuple(TISSUES)):
    """Which pixels lie on the left of the midline as the image shows it: the patient's right, in an upright slice.

    No network that learned with mirror images can tell. From behind, the midline goes through the spinal canal to the
    vertebral body, and there turns to the middle of the recti: it follows a tilted body and a bent spine.

    Parameters
    ----------
    labels : ndarray of uint8, (rows, columns)
        As of `label_map`.
    spacing_mm : tuple of float
    tissues : sequence of str
        What the labels are.

    Returns
    -------
    ndarray of bool, (rows, columns), or None
        None where canal, bone or rectus is missing, or a muscle of `SIDED` lies on one side alone.
    """
    canal, bone, recti = (np.argwhere(labels == tissues.index(name)) * np.array(spacing_mm) for name in MIDLINE)
    if area_cm2(labels == tissues.index(CANAL), spacing_mm) < CANAL_CM2 or not (len(bone) and len(recti)):
        return None
    canal = _near(canal, np.median(canal, axis=0)).mean(axis=0)
    vertebra = _near(bone, canal)
    vertebra = vertebra[(vertebra - canal) @ (recti.mean(axis=0) - canal) > 0]
    if not len(vertebra):
        return None
    body = vertebra.mean(axis=0)
    # Halfway between their outer edges: an atrophied rectus is thinner, and reaches as far.
    aside = _left_of(recti.mean(axis=0) - body, recti - body)
    low, high = np.quantile(aside, (0.02, 0.98))
    middle = (recti[aside <= low].mean(axis=0) + recti[aside >= high].mean(axis=0)) / 2
    behind, before = ((to - origin) / np.hypot(*(to - origin)) for origin, to in ((canal, body), (body, middle)))
    places = np.moveaxis(np.indices(labels.shape), 0, -1) * np.array(spacing_mm) - body
    straight = _left_of(behind, places) > 0  # which does not follow the recti: one alone would draw the midline to it
    for name in SIDED:
        small, large = sorted(np.count_nonzero((labels == tissues.index(name)) & on) for on in (straight, ~straight))
        if small < SIDES_RATIO * large:
            return None
    return np.where(places @ (behind + before) > 0, _left_of(before, places) > 0, straight)


def _near(places, middle):
    return places[np.hypot(*(places - middle).T) < NEAR_MM]


def _left_of(ahead, places):
    """How far places lie on the left of a line that goes `ahead` through the origin, as a multiple of its length."""
    return ahead[..., 0] * places[..., 1] - ahead[..., 1] * places[..., 0]
