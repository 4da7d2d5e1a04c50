"""Every tissue of a slice: what a student learns beside the muscle of the paper, and the map of it.

The muscle of the paper stays what it is. The map parts it into its groups, and gives what lies outside it to the other
tissues; what is fat must have the HU of fat. Fat within a muscle, which the window of the paper cuts away, is
intermuscular fat, as is what lies between muscles.

All of this is ours: the paper knows muscle alone.
"""

import numpy as np

from ..base import spline
from ..base.errors import SarcoError
from . import postprocess
from .preprocess import to_network

# In the order of the network's outputs, each with the parts of the phantom that it is made of.
BACKGROUND, OTHER = "background", "other"
MUSCLES = {
    "rectus abdominis": ("rectus abdominis",), "lateral wall": ("lateral wall",), "psoas": ("psoas",),
    "quadratus lumborum": ("quadratus lumborum",), "erector spinae": ("erector spinae", "multifidus"),
    "iliacus": ("iliacus",), "gluteus medius": ("gluteus medius",),
}  # fmt: skip
SUBCUTANEOUS, VISCERAL, INTERMUSCULAR = FATS = "subcutaneous fat", "visceral fat", "intermuscular fat"
BONE, CANAL = "bone", "spinal canal"
TISSUES = {
    BACKGROUND: ("air", "table", "limb"), OTHER: ("skin", "ligament", "vessel", "fluid", "foreign body", "crus"),
    **MUSCLES, SUBCUTANEOUS: ("subcutaneous fat", "fascia"), VISCERAL: ("visceral fat",), INTERMUSCULAR: (),
    BONE: ("bone", "disc", "cartilage"), CANAL: ("spinal canal",), "kidney": ("kidney",),
    "organ": ("liver", "spleen", "gallbladder", "pancreas"), "bowel": ("bowel", "bowel content"),
}  # fmt: skip
FAT_HU = (-190, -30)  # as body composition is measured (Alberta protocol); both kept
ORDER = 1  # of the spline that brings a tissue to the slice's grid: a cubic one rings, and there are many


def label_map(image_hu, spacing_mm, student, muscle=None):
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

    Returns
    -------
    ndarray of uint8, (rows, columns)
        Index into the student's `tissues`.

    Raises
    ------
    SarcoError
        The networks know muscle alone.
    """
    if not student.tissues:
        raise SarcoError("these networks know muscle alone; train the student again, or choose weights whose "
                         "student.json has the key tissues.")  # fmt: skip
    grid_mm = student.network_spacing_mm
    found, *shares = student.predict_outputs(to_network(image_hu, spacing_mm, grid_mm))[0]
    shares = spline.resample_each(shares, (grid_mm, grid_mm), np.shape(image_hu), spacing_mm, ORDER)
    if muscle is None:
        native = spline.resample_each(found, (grid_mm, grid_mm), np.shape(image_hu), spacing_mm)
        muscle = postprocess.postprocess(native, image_hu)
    groups = np.array([student.tissues.index(name) for name in MUSCLES if name in student.tissues])
    regions = shares.argmax(axis=0)
    regions[muscle] = groups[shares[groups][:, muscle].argmax(axis=0)]
    return by_hu(regions, muscle, image_hu, student.tissues)


def by_hu(regions, muscle, image_hu, tissues=tuple(TISSUES)):
    """What each pixel is, by the region that it lies in and its HU.

    Parameters
    ----------
    regions : ndarray of int, (rows, columns)
        Index into `tissues`; of a muscle up to its contour, the fat within it included.
    muscle : ndarray of bool, (rows, columns)
        The muscle that counts, which lies in the regions of muscles.
    image_hu : ndarray, (rows, columns)
    tissues : sequence of str

    Returns
    -------
    ndarray of uint8, (rows, columns)
    """
    fat = (image_hu >= FAT_HU[0]) & (image_hu <= FAT_HU[1])
    group, fatty = (np.isin(tissues, list(names))[regions] for names in (MUSCLES, FATS))
    labels = np.asarray(regions, np.uint8).copy()
    labels[group & ~muscle & fat] = tissues.index(INTERMUSCULAR)
    labels[(group & ~muscle & ~fat) | (fatty & ~fat)] = tissues.index(OTHER)
    return labels
