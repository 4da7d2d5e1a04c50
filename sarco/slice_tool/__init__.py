"""What `sarco segment` and `sarco measure` do around the method, for one slice of a user or many.

A file comes in (`reading`), the networks or a mask give its muscle (`segmentation`), what may mislead is said
(`checks`), and numbers, picture, page and DICOM SEG go out (`output`), of one slice or of a folder (`batch`).
"""
