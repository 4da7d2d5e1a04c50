"""The synthetic patient: a person, her anatomy, the scanner, and readers who outline.

`phantom` is the entrance: it draws a person (`population`), paints her parts (`anatomy`) on a sheet (`canvas`), scans
them (`scanner`) and lets a reader outline the muscle (`readers`). What comes in works on arrays and in mm; nothing is
read from disk or written to it.
"""
