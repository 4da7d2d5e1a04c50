"""Measure what the engine int8 needs beside the weights, on phantoms, and write it beside them:

    python workflow/int8.py [FOLDER]

Seconds to a minute a network; what is there for these weights is kept.
"""

import sys
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from sarco.base import paths
from sarco.base.errors import SarcoError
from sarco.cohort.make import draw_case
from sarco.engines import int8
from sarco.engines.weights import read_manifest, unpack
from sarco.method.ensemble import MARGIN_PX
from sarco.method.preprocess import body_box, to_network

SETTINGS, CASES, SEED = ("randomised", "reference"), 60, 8  # of each setting; no cohort has this seed


def main(folder):
    manifests = [read_manifest(folder)]
    with suppress(SarcoError):  # there need not be a student
        manifests.append(read_manifest(folder, student=True))
    images = list(tqdm(_images(manifests[0]["spacing_mm"]), "phantoms", len(SETTINGS) * CASES))
    for entry in tqdm([entry for manifest in manifests for entry in manifest["members"]], "networks"):
        path = folder / entry["file"]
        try:
            int8.read(path)
        except SarcoError:
            int8.write(int8.calibrate(unpack(path), images), path)


def _images(spacing_mm):
    """Phantoms as the networks see them."""
    for case in range(CASES):
        for setting in SETTINGS:
            phantom = draw_case(setting, SEED, case)
            image = to_network(phantom.image_hu, phantom.spacing_mm, spacing_mm)
            yield image[body_box(image, MARGIN_PX)]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else paths.weights_dir())
