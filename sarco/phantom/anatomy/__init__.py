"""The parts of an axial slice at or near mid-L3, each a small function ``part(canvas, draw, frame)`` that paints one.

`frame` holds the proportions that all parts share; then, from outside in: `outside` (table, cloth, arms), `skin` (body,
subcutaneous fat, fasciae), `organs`, `muscle`, `spine`, `level` (what only slices above or below mid-L3 show), and
`rare` (what few people have). Later parts lie over earlier ones, and what is still named muscle at the end is the true
contour. `phantom.paint` has their order.

Lengths are millimetres on the canvas, the ring of abdominal muscle is centred on the origin, and `side` is -1 (left of
the image) or +1. Each draw names its reference range first and its randomised range second. The ranges come from the
sources of `population` and from plain anatomy; the randomised ones are wider than nature on purpose, so that real CT is
one more variation to a network. One draw more changes all that is drawn after it: a cohort made before is another one.
"""
