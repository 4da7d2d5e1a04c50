"""Executable companion of Blanc-Durand et al., muscle segmentation on one CT slice at L3.

``import sarco`` is light: TensorFlow, Keras and pandas load when a function that needs them runs.
"""

__all__ = ["SarcoError", "__version__", "compare", "measure", "segment"]

from typing import TYPE_CHECKING

from .base import __version__
from .base.errors import SarcoError

if TYPE_CHECKING:
    from .slice_tool.follow_up import compare
    from .slice_tool.segmentation import measure, segment


def __getattr__(name: str) -> object:
    if name == "compare":
        from .slice_tool.follow_up import compare

        return compare
    if name in ("measure", "segment"):
        from .slice_tool import segmentation

        return getattr(segmentation, name)
    raise AttributeError(f"module 'sarco' has no attribute {name!r}")
