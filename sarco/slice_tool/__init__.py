"""What `sarco segment` and `sarco measure` do around the method.

A file comes in (`reading`), or the slice of a series that lies at L3 (`volume`), with the person on it (`people`); the
networks or a mask give its muscle (`segmentation`), and what may mislead is said (`checks`), where the person stands
(`standing`, `curve`) and how far the sides of a muscle differ (`asymmetry`). Out go `numbers`, `picture`, `page` and
DICOM SEG, which `output` writes, of one slice or of a folder (`batch`); `comparison` sets a mask that was corrected
beside the one before, and `follow_up` two slices of one person (`sarco compare`). What a user of one slice needs comes
in; what takes a cohort does not.
"""
