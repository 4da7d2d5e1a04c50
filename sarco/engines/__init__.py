"""What computes the networks, from arrays to arrays: Keras, which is always there, and OpenVINO, fast on a CPU.

`choose` picks one, `weights` reads and writes the arrays that it computes with. No slice, file of an image or table
comes in here.
"""
