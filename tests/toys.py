"""A cohort of discs and members that draw them too small, whose areas and DSC are known; squares to learn from."""

import numpy as np
import pandas as pd

from sarco.ct.geometry import Slice
from sarco.method.preprocess import mask_to_network

SPACING_MM = (0.8, 1.0)
SIDE = 96


def disc(radius):
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.hypot(rows, columns) < radius


class ToyCohort:
    """Discs of 50 HU in fat; the reader's mask is the disc."""

    def __init__(self, splits, qualities):
        self.names = [f"{number:04d}" for number in range(len(splits))]
        self.table = pd.DataFrame({"split": splits, "quality": qualities}, index=self.names)

    def cases(self, split=None):
        return [name for name in self.names if split in (None, self.table.split[name])]

    def read_mask(self, case):
        return disc(20 + int(case))

    def read_true_mask(self, case):
        return disc(20 + int(case)) if case != "0000" else None

    def read_slice(self, case):
        return Slice(np.where(self.read_mask(case), 50, -100).astype(np.float32), SPACING_MM)


class ToyEnsemble:
    """Members that draw the disc too small, each by its own amount of pixels."""

    network_spacing_mm = 2.0
    tissues = ()  # it knows muscle alone

    def __init__(self, shrink):
        self.shrink = shrink
        self.size = len(shrink)
        self.calls = 0

    def predict_members(self, image_hu, spacing_mm):
        self.calls += 1
        radius = np.sqrt((image_hu > 0).sum() / np.pi)
        return np.stack([
            mask_to_network(disc(radius - less), spacing_mm, network_spacing_mm=2.0).astype(np.float32)
            for less in self.shrink
        ])  # fmt: skip


def squares():
    """Images and masks that a small network learns from: five brighter squares in noise, float16 (5, 64, 64)."""
    rng = np.random.default_rng(0)
    masks = np.zeros((5, 64, 64), np.float16)
    masks[:, 20:44, 16:48] = 1
    images = (0.2 + 0.4 * masks + 0.05 * rng.standard_normal(masks.shape)).clip(0, 1).astype(np.float16)
    return images, masks
