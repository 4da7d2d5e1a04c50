"""CT slices and their masks on disk, read and written.

A file becomes an array with its geometry (`geometry.Slice`), or is refused in one sentence: `dicom.read_slice`, with
`frames`, `pixels` and `header`; `nifti.read_slice`; `masks.read`, with `seg`. `write` and `deidentify` make DICOM
files, and `composition` measures HU and fat within a mask. Neither network nor cohort comes in.
"""
