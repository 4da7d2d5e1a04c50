"""The synthetic patient: a person drawn from a population, her anatomy, the scanner, and readers who outline.

All in arrays and in mm; nothing is read from disk or written to it.
"""
