"""What a profile says, and carrying it out: training its members, evaluating a cohort.

The method knows one slice and one step; what is kept between two calls (caches, checkpoints, blocks of cases, tables)
is kept here. What a table means is told by `evidence`.
"""
