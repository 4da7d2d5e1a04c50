"""What the tables of a run show: intervals, findings, claims of the paper, and the experiments beside it.

A module takes tables, which `run` reads, or makes one, as `measuring` says; every interval is drawn by `bootstrap`.
What is said of one patient's slice is in `slice_tool`.
"""
