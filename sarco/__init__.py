"""Executable companion of Blanc-Durand et al., muscle segmentation on one CT slice at L3.

``import sarco`` is light: TensorFlow, Keras and pandas load when a function that needs them runs.
"""

__version__ = "0.1.0"
__all__ = ["SarcoError", "__version__", "segment"]

from .errors import SarcoError


def __getattr__(name):
    if name == "segment":
        from .report import segment

        return segment
    raise AttributeError(f"module 'sarco' has no attribute {name!r}")
