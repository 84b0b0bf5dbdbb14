"""From random numbers to samples: noise, conditions, generator inputs, sampling, interpolation and reconstruction.

What belongs here: code that needs a generator and its inputs, but no run folder.
What does not: the run folder (`runs`), scores (`evaluation`), training.
"""
