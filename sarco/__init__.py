"""Executable companion of Blanc-Durand et al., muscle segmentation on one CT slice at L3.

``import sarco`` is light: TensorFlow, Keras and pandas load when a function that needs them runs.
"""

__all__ = ["SarcoError", "__version__", "measure", "segment"]

from .base import __version__
from .base.errors import SarcoError


def __getattr__(name):
    if name in ("measure", "segment"):
        from .slice_tool import segmentation

        return getattr(segmentation, name)
    raise AttributeError(f"module 'sarco' has no attribute {name!r}")
