"""Slices as arrays that a network learns from: kept on disk beside their cohort, and on an accelerator."""

import hashlib
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..base import sources
from ..base.errors import SarcoError
from ..base.files import alone, atomic, checksum
from ..engines.weights import weights_sha256
from ..method import preprocess
from ..method.augment import body_centre, draw_affine
from ..method.ensemble import average
from ..method.preprocess import labels_to_network, mask_to_network, to_network
from ..method.train import draw_slices


def array_sha256(array):
    """Digest of an array."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def load_arrays(cohort, cases, spacing_mm, progress=True):
    """Pre-process cases into two arrays, kept on disk beside the cohort so that every member reads the same.

    Images in [0, 1] and masks as the share of a pixel that is muscle, on a grid of `spacing_mm`: numpy.memmap of
    float16, (cases, n, n).
    """

    def one(case):
        s = cohort.read_slice(case)
        return np.stack([to_network(s.image_hu, s.spacing_mm, spacing_mm),
                         mask_to_network(cohort.read_mask(case), s.spacing_mm, spacing_mm)])  # fmt: skip

    arrays = _kept(one, cohort, cases, ("images", "masks"), spacing_mm, progress)
    return arrays[0], arrays[1]


def load_tissues(cohort, cases, spacing_mm, progress=True):
    """The true tissue in the middle of each pixel of the grid of `load_arrays`, kept likewise.

    Index into `ct.tissues.TISSUES`: numpy.memmap of uint8, (cases, n, n).
    """

    def one(case):
        return labels_to_network(cohort.read_tissues(case), cohort.read_slice(case).spacing_mm, spacing_mm)[None]

    return _kept(one, cohort, cases, ("images", "tissues"), spacing_mm, progress)[0]


def _kept(one, cohort, cases, kinds, spacing_mm, progress):
    """What `one` makes of each case, from its files of some `kinds`: (arrays of a case, cases, n, n)."""
    # The name says what the arrays are made from: with other slices or other pre-processing they are other arrays.
    code = sources.digest("sarco.method.preprocess", "sarco.cohort.layout")
    made_from = hashlib.sha256(repr((spacing_mm, preprocess.WINDOW_HU, preprocess.ORDER, code)).encode())
    try:
        for case, kind in itertools.product(cases, kinds):
            made_from.update(f"{case} {checksum(cohort.path(kind, case))}".encode())
    except OSError as error:
        raise SarcoError(f"{error.filename}: cannot be read ({error.strerror}); make the cohort again.") from error
    path = cohort.root / "cache" / f"{made_from.hexdigest()[:12]}.npy"
    if not path.exists():
        # Members that start together need them once.
        with alone(path.with_suffix(".lock")):
            if not path.exists():
                _write_arrays(path, one, cases, progress)
    return np.load(path, mmap_mode="r")


def _write_arrays(path, one, cases, progress):
    from tqdm import tqdm

    first = one(cases[0])
    with atomic(path) as beside:
        out = np.lib.format.open_memmap(beside, "w+", first.dtype, (len(first), len(cases), *first.shape[1:]))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            bar = tqdm(pool.map(one, cases), "pre-processing", len(cases), unit="slice", disable=not progress)
            for i, arrays in enumerate(bar):
                out[:, i] = arrays
        out.flush()


def soft_targets(images, ensemble, path, progress=True):
    """Mean probability of the members on each slice: what a student learns from (distillation, arXiv 1503.02531).

    Of images as `load_arrays` returns them, numpy.memmap of float16 of the same shape. The targets are kept at `path`,
    and found there by a later call with the same members, slices and engine; an interrupted call goes on.
    """
    from tqdm import tqdm

    members = weights_sha256(ensemble.manifest)
    code = sources.digest("sarco.method.ensemble")
    made_from = (members, array_sha256(images), ensemble.engine.made_with, code)
    key = hashlib.sha256(repr(made_from).encode()).hexdigest()[:12]
    path = Path(path).with_name(f"{Path(path).stem}-{key}.npy")
    begun = path.with_suffix(".partial.npy")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # A slice that is done holds no -1 any more: the file itself tells where to go on.
        new = not begun.exists()
        out = np.lib.format.open_memmap(begun, "w+" if new else "r+", np.float16, images.shape if new else None)
        if new:
            out[:] = -1
        for i in tqdm(range(len(images)), "teaching", unit="slice", disable=not progress):
            if out[i, 0, 0] < 0:
                mean = average(ensemble.predict_grid(np.asarray(images[i])))
                out[i, 1:], out[i, 0] = mean[1:], mean[0]  # the row that is looked at comes last
        out.flush()
        begun.rename(path)
    return np.load(path, mmap_mode="r")


class OnDevice:
    """Slices and masks (cases, n, n) kept on an accelerator and augmented there: a step waits for no copy.

    With labels as well, a batch has them after its masks, each from the nearest pixel.
    """

    def __init__(self, images, masks, labels=None):
        from keras import ops

        self.centres = [body_centre(image) for image in images]
        self.pairs = ops.convert_to_tensor(np.stack([images, masks], -1))
        self.labels = None if labels is None else ops.convert_to_tensor(np.asarray(labels)[..., None])

    def batch(self, step, *, seed, batch_size, patch_px, reflection=False):
        """As `sarco.method.train.batch`, with the same draws, but for the rounding of the interpolation."""
        from keras import ops

        rng = np.random.default_rng((seed, step))
        drawn, rows = draw_slices(len(self.centres), step, seed, batch_size), []
        for i in drawn:
            matrix, offset = draw_affine(self.centres[i], patch_px, rng, reflection)
            # Keras names the column first: x' = a0 x + a1 y + a2, y' = b0 x + b1 y + b2.
            rows.append([matrix[1, 1], matrix[1, 0], offset[1], matrix[0, 1], matrix[0, 0], offset[0], 0, 0])

        def moved(arrays, interpolation):
            some = ops.cast(ops.take(arrays, np.array(drawn), axis=0), "float32")
            some = ops.image.affine_transform(some, np.array(rows, np.float32), interpolation, "constant", 0.0,
                                              data_format="channels_last")  # fmt: skip
            return some[:, : patch_px[0], : patch_px[1]]

        patch = moved(self.pairs, "bilinear")
        if self.labels is not None:
            patch = ops.concatenate([patch, moved(self.labels, "nearest")], -1)
        return patch[..., :1], patch[..., 1:]
