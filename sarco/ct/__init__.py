"""CT slices and their masks on disk, read and written, and what lies in them.

A file becomes an array with its geometry (`geometry.Slice`), or is refused in one sentence: `dicom.read_slice`, with
`frames`, `pixels` and `header`; `nifti.read_slice`; `masks.read`, with `seg`. `write` and `deidentify` make DICOM
files. `composition` measures HU and fat within a mask; with the student of every tissue, `tissues` names each pixel,
`witness` what of a mask is no muscle, and `level` where along the spine a slice lies. No cohort comes in.
"""
