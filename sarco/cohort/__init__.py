"""The cohort: its layout on disk, DICOM in and out, and the phantom that fills it."""
