"""The paper's method, to be read from top to bottom in one sitting.

`preprocess`, `unet`, `augment`, `train`, `ensemble`, `postprocess`, `surface` and `metrics` each open with the sentence
of the paper that they carry out; `slice` takes one slice through all of them, from HU to cm2. What the paper does not
say does not come in: files, engines, resuming, tables and pictures have rooms of their own.
"""
