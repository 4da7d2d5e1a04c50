"""How other code calls the package. Nothing runs this file: mypy reads it, and holds the types of what is public."""

from typing import assert_type

import numpy as np

import sarco
from sarco.slice_tool.follow_up import Change, FollowUp
from sarco.slice_tool.segmentation import Segmentation

found = sarco.segment("SLICE.dcm", height_m=1.70, sex="F", cutoff="prado-2008")
assert_type(found, Segmentation)
assert_type(found.mask, np.ndarray)
assert_type(found.area_cm2, float)
assert_type(found.area_corrected_cm2, float | None)
assert_type(found.interval_cm2, tuple[float, float] | None)
assert_type(found.warnings, tuple[str, ...])
assert_type(sarco.measure("SLICE.dcm", found.mask), Segmentation)

done = sarco.compare("FIRST.dcm", "SECOND.dcm", quick=True, tissues=True)
assert_type(done, FollowUp)
assert_type(done.changes, tuple[Change, ...])
assert_type(done.changes[0].change, float | None)
assert_type(done.changes[0].interval, tuple[float, float] | None)
assert_type(done.days, int | None)
