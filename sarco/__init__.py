"""Executable companion of Blanc-Durand et al., muscle segmentation on one CT slice at L3.

``import sarco`` is light: TensorFlow, Keras and pandas load when a function that needs them runs.
"""

__version__ = "0.1.0"
__all__ = ["SarcoError", "__version__", "measure", "segment"]

from .errors import SarcoError


def __getattr__(name):
    if name in ("measure", "segment"):
        from . import report

        return getattr(report, name)
    raise AttributeError(f"module 'sarco' has no attribute {name!r}")
