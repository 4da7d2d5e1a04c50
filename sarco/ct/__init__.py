"""CT slices and masks on disk: DICOM in and out, NIfTI, masks, SEG, de-identification, and the HU within a mask.

Here a file becomes an array with its geometry (`geometry.Slice`), or is refused in one sentence: `dicom.read_slice`,
with frames, pixels and header; `nifti.read_slice`; `masks.read`, with seg. No network, and no cohort.
"""
