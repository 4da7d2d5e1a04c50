"""`sarco segment` without networks, for tests that start a process: what is muscle by its HU is muscle."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np


class EverythingIsMuscle:
    """An ensemble without a network, which takes long to load; the real ones are in test_segment.py."""

    size, network_spacing_mm = 1, 4.0
    engine = SimpleNamespace(made_with={"name": "stand-in", "version": "1", "precision": "float32"})

    def predict_members(self, image_hu, spacing_mm):
        from sarco.method.preprocess import to_network

        return np.ones_like(to_network(image_hu, spacing_mm, self.network_spacing_mm), np.float32)[None]


def segmenter(folder):
    """A Segmenter of it; its manifest is written into `folder`."""
    from sarco.slice_tool import segmentation

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text('{"members": [{"file": "member-01.npz", "sha256": "0"}]}')
    made = segmentation.Segmenter(folder)
    made.ensemble = EverythingIsMuscle()
    return made


if __name__ == "__main__":
    from sarco.cli.app import app
    from sarco.slice_tool import picture, segmentation

    # The first argument is the folder of the manifest.
    made = segmenter(Path(sys.argv.pop(1)))
    segmentation.Segmenter = lambda *_, **__: made
    picture.overlay_png = lambda found: b"a picture, which takes long to draw"
    app()
