"""CT slices and masks on disk: DICOM in and out, NIfTI, masks, SEG, de-identification, and the HU within a mask.

Here a file becomes an array with its geometry, or is refused in one sentence. No network, and no cohort.
"""
