"""What every room stands on: errors, files, tables, paths and the machine.

`errors` is what a user reads, `files` writes and lists, `tables` reads what people write, `paths` says where things
lie; `environment`, `gpu` and `sources` know machine, versions and code; `box` and `spline` cut and resample pictures.
What comes in imports no other room and says nothing of the paper.
"""

__version__ = "0.1.0"
