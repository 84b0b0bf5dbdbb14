"""Trained generators in the formats of other libraries: one file a format.

What belongs here: a function that writes a generator so that another program can run it without gansmith.
What does not: gansmith's own checkpoints (`runs`), or pictures and arrays of samples (`sampling`).
"""
