"""What every room stands on and nothing of the paper: errors, files, paths, the machine, tables that people write."""

__version__ = "0.1.0"
