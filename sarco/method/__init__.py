"""The paper's method, to be read from top to bottom in one sitting.

`preprocess`, `unet`, `augment`, `train`, `ensemble`, `postprocess`, `surface` and `metrics` each open with the sentence
of the paper that they carry out, and then say what of it is read and what is ours. `augment` and `train` teach a
network, with `batch_normalization`, which is Keras' own and faster; `slice` takes one slice through trained ones, from
HU to cm2; `metrics` compares with a reader.

Resuming, tables and pictures have rooms of their own. Files and engines have too, and come in at two places:
`ensemble.Ensemble.load` reads trained weights from a folder, and an `Ensemble` lets an engine compute its members.
"""
