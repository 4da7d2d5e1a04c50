"""What the tables of a run show: intervals, claims of the paper, and the experiments beside it.

Each module takes tables, or makes one of a run. What is said of one patient's slice is in `slice_tool`.
"""
