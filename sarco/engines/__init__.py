"""What computes the networks, and the files that their weights lie in.

From arrays to arrays: Keras is always there, OpenVINO is fast on a CPU, and `choose` picks one. `weights` reads and
writes the arrays that they compute with. No slice, picture or table comes in here.
"""
